"""The life of books (created, commands taken, served, backed up, restored), with one call on their files gone wrong.

    place_faults.py PROGRAM FAULTY_CALLS [--lives N | --jobs N] [--steps ...] [--kinds ...] [--each N]

In each life the program meets one fault (faulty_calls.cc), at the first call of its kind that a step of it makes, the
second, and so on, or at N of all of them. It may have done all, or say which file failed; then the same is asked
again, without a fault, and must be done. Whatever was acknowledged stands, in the same books under the same keys,
replay finds nothing, and what was backed up can be restored. Only of what was written wrongly to the log may be said
instead that it is not what was written.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

STEPS = ["create", "again", "serve", "backup", "restore"]
KINDS = ["error", "no_space", "short_write", "wrong_write", "kill", "power_loss", "read_error", "short_read",
         "wrong_read"]
ENDS = ["survived", "told", "killed", "found", "wrong"]
KILLED = 137
CALLS_MAX = 2000
SECONDS_MAX = 60
# Of a kind in a step: more tell nothing new.
WRONG_MAX = 20
# Of a step's calls, those that some lives meet; about as many as the least of them makes.
SOME_CALLS = 23
LINES = [
    {"id": "o1", "open_account": {"account": "cash", "asset": "EUR/2", "class": "asset", "limit": "unlimited"}},
    {"id": "o2", "open_account": {"account": "alice", "asset": "EUR/2", "class": "liability"}},
    {"id": "t1", "transfer": {"debit": "cash", "credit": "alice", "amount": "10.00"}},
    {"id": "t2", "transfer": {"debit": "alice", "credit": "cash", "amount": "4.00"}},
]


class Wrong(Exception):
    pass


class Place:
    """A directory of a machine, and what was told there."""

    def __init__(self, directory, options):
        self.directory, self.options = directory, options
        self.root, self.met = directory / "machine", directory / "met"
        self.told = {}
        self.told_before = {}  # by step, where this machine is the beginning of others
        (directory / "first.ndjson").write_text("".join(json.dumps(line) + "\n" for line in LINES[:3]))
        (directory / "second.ndjson").write_text("".join(json.dumps(line) + "\n" for line in LINES))

    def arguments(self, step):
        books, copy = self.root / "books", self.root / "copy"
        secret = ["--backup-passphrase-file", self.root / "secret/copy"]
        return {
            "create": ["submit", self.directory / "first.ndjson", "--data", books, "--create"],
            "again": ["submit", self.directory / "second.ndjson", "--data", books],
            "serve": ["serve", "--data", books, "--listen", "127.0.0.1:0"],
            "backup": ["backup", books, "--to", copy, *secret],
            "restore": ["restore", copy, "--data", self.root / "back", *secret],
        }[step]

    def start(self, arguments, kind="", nth=0):
        environment = dict(os.environ, HOME=str(self.root / "home"))
        for name in ("XDG_CONFIG_HOME", "VOUCH_PASSPHRASE_FILE"):
            environment.pop(name, None)
        if kind:
            environment |= {"LD_PRELOAD": self.options.faulty_calls, "VOUCH_FAULT_UNDER": f"{self.root}/",
                            "VOUCH_FAULT_KIND": kind, "VOUCH_FAULT_AT": str(nth), "VOUCH_FAULT_MET": str(self.met)}
        return subprocess.Popen([self.options.program, *map(str, arguments)], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, arguments, kind="", nth=0):
        process = self.start(arguments, kind, nth)
        try:
            out, err = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def serve(self, kind, nth):
        """A server that is asked and told to stop."""
        process = self.start(self.arguments("serve"), kind, nth)
        try:
            if url := process.stdout.readline().strip():
                self.take(self.run(["submit", self.directory / "second.ndjson", "--http", url]))
                process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=SECONDS_MAX)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def do(self, step, kind="", nth=0):
        done = self.serve(kind, nth) if step == "serve" and kind else self.run(self.arguments(step), kind, nth)
        self.take(done)
        return done

    def take(self, done):
        """What was told must be told again: a line that was cut off is none."""
        for line in done.stdout.splitlines(keepends=True):
            if not line.startswith('{"id"') or not line.endswith("\n"):
                continue
            answer = json.loads(line)
            known = self.told.setdefault(answer["id"], answer)
            if any(known.get(key) != answer.get(key) for key in ("outcome", "event")):
                raise Wrong(f"told {known}, now {answer}")

    def identity(self):
        """Of the books that are there: which they are, and the root key's file."""
        files = [self.root / "books/deployment", self.root / "books/keys"]
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]

    def replays_clean(self, name):
        done = self.run(["replay", "--data", self.root / name])
        if done.returncode == 1 and str(self.root) in done.stdout + done.stderr:
            return False
        if done.returncode not in (0, 6) or not done.stdout.startswith(("clean", "no findings")):
            raise Wrong(f"replay of {name}: {done.returncode} {done.stdout[:300]} {done.stderr[:300]}")
        return True


def make_beginnings(options, directory):
    """Machines as they are before each step, and what was told until then."""
    place = Place(directory, options)
    place.root.mkdir()
    for step in STEPS:
        beginning = directory / step
        place.told_before[step] = dict(place.told)
        subprocess.run(["cp", "-a", place.root, beginning], check=True)
        # They come to lie elsewhere, and are the originals there.
        (beginning / "books/origin").unlink(missing_ok=True)
        done = place.do(step) if step != "serve" else place.do("again")
        if done.returncode != 0:
            sys.exit(f"{step} without a fault: {done.returncode} {done.stderr}")
    return place


def cured(place, step, said):
    """What the program's words tell to do, where a second try alone is not all."""
    for name in ("copy.unfinished", "back.unfinished"):
        if step in ("backup", "restore") and f"{name} is what a backup or restore left" in said:
            shutil.rmtree(place.root / name)
            return True
    return False


def check_end(place, step, may_be_wrong):
    """False when the log says that it is not what was written, as it may."""
    clean = place.replays_clean("books")
    if clean and step == "backup":
        back = place.do("restore")
        clean = back.returncode == 0
        if not clean:
            raise Wrong(f"what was backed up is not restored: {back.stderr}")
    if clean and step == "restore":
        clean = place.replays_clean("back")
    if not clean and not may_be_wrong:
        raise Wrong("replay has findings")
    return clean


def live(place, step, kind, nth):
    """Which end it took; empty when there is no such call."""
    is_made = step != "create"
    identity = place.identity() if is_made else None
    done = place.do(step, kind, nth)
    if not place.met.exists():
        return ""
    call = place.met.read_text().strip()
    said = f"{call}: {done.returncode} {done.stderr}"
    may_be_wrong = kind == "wrong_write" and "/books/" in call
    if done.returncode not in (0, 1, 3, 4, KILLED):
        raise Wrong(said)
    if done.returncode not in (0, KILLED) and str(place.root) not in done.stderr:
        raise Wrong(f"names no file: {said}")
    if place.told and not identity:
        identity = place.identity()
    is_done = done.returncode == 0
    if not (is_done and step in ("backup", "restore")):
        then = "again" if step == "serve" else step
        second = place.do(then)
        if second.returncode != 0 and cured(place, step, second.stderr):
            second = place.do(then)
        if second.returncode == 1 and may_be_wrong and str(place.root) in second.stderr:
            return "found"
        if second.returncode != 0:
            raise Wrong(f"{said}; the second try: {second.returncode} {second.stderr}")
    if identity and identity != place.identity():
        raise Wrong(f"another deployment or other keys than before: {said}")
    try:
        if not check_end(place, step, may_be_wrong):
            return "found"
    except Wrong as wrong:
        raise Wrong(f"{wrong}; {said}") from wrong
    return "survived" if is_done else "killed" if done.returncode == KILLED else "told"


def try_life(options, step, kind, nth):
    with tempfile.TemporaryDirectory() as directory:
        place = Place(pathlib.Path(directory).resolve(), options)
        subprocess.run(["cp", "-a", options.began.directory / step, place.root], check=True)
        place.told = dict(options.began.told_before[step])
        try:
            return live(place, step, kind, nth), ""
        except (Wrong, subprocess.TimeoutExpired) as reason:
            return "wrong", f"{step}, {kind} at call {nth}: {reason}"


class Tally:
    def __init__(self):
        self.ends = collections.Counter()
        self.wrong = []

    def take(self, life):
        end, reason = life
        self.ends[end] += 1
        if end == "wrong":
            self.wrong.append(reason)
            print(reason, flush=True)

    def text(self):
        met = sum(self.ends[end] for end in ENDS)
        return f"{met} met: " + ", ".join(f"{self.ends[end]} {end}" for end in ENDS)


def every_life(options, pool, step, kind):
    """All calls of a kind, some at a time, until there are no more."""
    tally = Tally()
    for first in range(1, CALLS_MAX + 1, options.jobs * options.each):
        calls = range(first, first + options.jobs * options.each, options.each)
        for life in pool.map(lambda nth: try_life(options, step, kind, nth), calls):
            tally.take(life)
        if tally.ends[""] > 0 or len(tally.wrong) >= WRONG_MAX:
            break
    print(f"{step}, {kind}: {tally.text()}", flush=True)
    if not sum(tally.ends[end] for end in ENDS):
        tally.wrong.append(f"{step}, {kind}: met none")
    return tally


def some_lives(options):
    """Of all steps and kinds, in an order that soon had each."""
    tally = Tally()
    pairs = [(step, kind) for step in options.steps for kind in options.kinds]
    for life in range(options.lives):
        step, kind = pairs[life * 7 % len(pairs)]
        tally.take(try_life(options, step, kind, 1 + life * 37 % SOME_CALLS))
    print(f"some lives: {tally.text()}")
    if tally.ends[""] * 2 > options.lives:
        tally.wrong.append("most lives met nothing")
    return tally


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("faulty_calls")
    parser.add_argument("--lives", type=int, default=0)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--steps", type=lambda text: text.split(","), default=STEPS)
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=KINDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        options.began = make_beginnings(options, pathlib.Path(directory).resolve())
        if options.lives:
            tallies = [some_lives(options)]
        else:
            tallies = [every_life(options, pool, step, kind) for step in options.steps for kind in options.kinds]
    ends = sum((tally.ends for tally in tallies), collections.Counter())
    wrong = sum(len(tally.wrong) for tally in tallies)
    print(f"{sum(ends[end] for end in ENDS)} faults met, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
