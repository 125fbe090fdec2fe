"""The life of books (create, serve commands, start again, back up, restore), with one call on files gone wrong.

    place_faults.py PROGRAM FAULTY_CALLS [--each N]

Each run of the program meets one fault (faulty_calls.cc), at the first such call and each N later. It may say which
file failed, or have done all; then the same is asked again, without a fault, and must be done. Whatever was
acknowledged stands, under the same deployment and keys, and replay finds nothing.
"""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

KINDS = ["error", "no_space", "short_write", "kill", "power_loss", "read_error", "short_read", "wrong_read"]
KILLED = 137
OPERATIONS_MAX = 2000
SECONDS_MAX = 60
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

    def __init__(self, root, program, faulty_calls):
        self.root, self.program, self.faulty_calls = root, program, faulty_calls
        self.told = {}
        (root / "first.ndjson").write_text("".join(json.dumps(line) + "\n" for line in LINES[:3]))
        (root / "second.ndjson").write_text("".join(json.dumps(line) + "\n" for line in LINES))

    def steps(self):
        root = self.root
        keys = ["--passphrase-file", root / "secret/copy"]
        return {
            "create": ["submit", root / "first.ndjson", "--data", root / "books", "--create"],
            "again": ["submit", root / "second.ndjson", "--data", root / "books"],
            "backup": ["backup", root / "books", "--to", root / "copy", "--backup-passphrase-file", root / "secret/copy"],
            "restore": ["restore", root / "copy", "--data", root / "back", *keys],
        }

    def run(self, arguments, kind="", nth=0):
        environment = dict(os.environ, HOME=str(self.root / "home"))
        for name in ("XDG_CONFIG_HOME", "VOUCH_PASSPHRASE_FILE"):
            environment.pop(name, None)
        if kind:
            environment |= {"LD_PRELOAD": self.faulty_calls, "VOUCH_FAULT_UNDER": str(self.root),
                            "VOUCH_FAULT_KIND": kind, "VOUCH_FAULT_AT": str(nth),
                            "VOUCH_FAULT_MET": str(self.root) + ".met"}
        return subprocess.run([self.program, *map(str, arguments)], env=environment, capture_output=True, text=True,
                              timeout=SECONDS_MAX)

    def take(self, done):
        """What was told must be told again: a line that was cut off is none."""
        for line in done.stdout.splitlines(keepends=True):
            if not line.startswith('{"id"') or not line.endswith("\n"):
                continue
            answer = json.loads(line)
            known = self.told.setdefault(answer["id"], answer)
            if (known["outcome"], known["event"]) != (answer["outcome"], answer["event"]):
                raise Wrong(f"told {known}, now {answer}")

    def identity(self):
        """Of the books that are there: which they are, and the root key's file."""
        files = [self.root / "books/deployment", self.root / "books/keys"]
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]

    def check_books(self, name, *options):
        done = self.run(["replay", "--data", self.root / name, *options])
        if done.returncode not in (0, 6) or not done.stdout.startswith(("clean", "no findings")):
            raise Wrong(f"replay of {name}: {done.returncode} {done.stdout[:300]} {done.stderr[:300]}")


def cure(place, step, said):
    """What the program's words tell to do, where a second try alone is not all."""
    for name in ("copy.unfinished", "back.unfinished"):
        if step in ("backup", "restore") and f"{name} is what a backup or restore left" in said:
            shutil.rmtree(place.root / name)
            return True
    return False


def one_life(place, step, kind, nth):
    """Which end it took: not met, survived, told, killed."""
    steps = place.steps()
    identity = None
    for name, arguments in steps.items():
        if name != step:
            done = place.run(arguments)
            if done.returncode != 0:
                raise Wrong(f"{name} without a fault: {done.returncode} {done.stderr}")
            place.take(done)
            identity = identity or place.identity()
            continue
        done = place.run(arguments, kind, nth)
        place.take(done)
        met = pathlib.Path(str(place.root) + ".met")
        if not met.exists():
            return "not met", ""
        call = met.read_text().strip()
        if done.returncode not in (0, 1, 3, 4, KILLED):
            raise Wrong(f"{call}: ended with {done.returncode}: {done.stderr}")
        if done.returncode not in (0, KILLED) and str(place.root) not in done.stderr:
            raise Wrong(f"{call}: names no file: {done.stderr}")
        is_done = done.returncode == 0
        if not (is_done and step in ("backup", "restore")):
            second = place.run(arguments)
            if second.returncode != 0 and cure(place, step, second.stderr):
                second = place.run(arguments)
            if second.returncode != 0:
                raise Wrong(f"{call}: {done.returncode} {done.stderr}; the second try: {second.returncode} "
                            f"{second.stderr}")
            place.take(second)
        if identity and identity != place.identity():
            raise Wrong(f"{call}: another deployment or other keys than before")
        place.check_books("books")
        if step == "backup":
            place.check_books("copy", "--passphrase-file", place.root / "secret/copy")
        if step == "restore":
            place.check_books("back", "--passphrase-file", place.root / "secret/copy")
        return ("survived" if is_done else "killed" if done.returncode == KILLED else "told"), call
    raise AssertionError(step)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("faulty_calls")
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--steps", default="create,again,backup,restore")
    parser.add_argument("--kinds", default=",".join(KINDS))
    options = parser.parse_args()
    wrong = []
    for step in options.steps.split(","):
        for kind in options.kinds.split(","):
            ends = collections.Counter()
            for nth in range(1, OPERATIONS_MAX + 1, options.each):
                with tempfile.TemporaryDirectory() as directory:
                    root = pathlib.Path(directory).resolve() / "machine"
                    root.mkdir()
                    place = Place(root, options.program, options.faulty_calls)
                    try:
                        end, _ = one_life(place, step, kind, nth)
                    except (Wrong, subprocess.TimeoutExpired) as reason:
                        end = "wrong"
                        wrong.append(f"{step}, {kind} at call {nth}: {reason}")
                        print(wrong[-1], flush=True)
                    if end == "not met":
                        break
                    ends[end] += 1
            total = sum(ends.values())
            print(f"{step}, {kind}: {total} met: " + ", ".join(f"{ends[end]} {end}" for end in
                  ("survived", "told", "killed", "wrong")), flush=True)
            if total == 0:
                wrong.append(f"{step}, {kind}: met none")
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
