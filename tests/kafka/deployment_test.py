#!/usr/bin/env python3
"""What a data directory on Kafka survives: its making is interrupted; its roles are in two processes;
one process comes before another has gone; brokers let transactions stay open for longer than it takes;
the records that it keeps are altered.

    deployment_test.py --program vouch        with VOUCH_KAFKA=HOST:PORT
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chaos"))
import processes

RUN_S = 60
OPENING = """\
{"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}
"""
PAYMENT = '{"id":"t%d","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}}\n'
ORDER = ('{"id":"%s","transfer":{"debit":"cash","credit":"alice","amount":"1.00"},'
         '"context":"%s"}\n')
PAGE = 4096  # where records begin in the file of those that a handler keeps


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, found {found!r}")


def run(program, *words, lines=""):
    return subprocess.run([program, *words], input=lines, text=True, timeout=RUN_S,
                          capture_output=True)


def submit(program, lines, *place):
    done = run(program, "submit", "-", "--fail-on-refusal", *place, lines=lines)
    expect(f"submit, which said {done.stderr}", done.returncode, 0)


def balance(program, *place):
    done = run(program, "balance", "alice", "--json", *place)
    return json.loads(done.stdout)["balance"] if done.returncode == 0 else done.stderr


def interrupted(program, folder, where):
    """The topics name a deployment whose directory does not yet: only its keys can go on with it."""
    server = processes.Server(program, folder)
    server.create(4, where)
    expect("the server's end", server.stop(), 0)
    books = pathlib.Path(server.books)
    submit(program, OPENING + PAYMENT % 1, "--data", books)
    # As it is between the making of the topics and the directory's last file.
    (books / "deployment").rename(books / "deployment.unfinished")
    refused = run(program, "balance", "alice", "--data", books)
    expect("exit before it is finished", refused.returncode, 3)
    expect("advice", "--create finishes it" in refused.stderr, True)
    submit(program, PAYMENT % 2, "--data", books, "--create")
    expect("balance", balance(program, "--data", books), "2.00")
    expect("what is left over", (books / "deployment.unfinished").exists(), False)


def address(server):
    return f"http://{':'.join(map(str, server.address()))}"


def apart(program, folder):
    """A process that only reads leaves the one that writes alone."""
    writer, reader = (processes.Server(program, folder) for _ in range(2))
    try:
        writer.start(["--roles", "handler,api"])
        writer.wait_until_ready()
        reader.start(["--roles", "projector,api"])
        reader.wait_until_ready()
        for i in range(3, 6):
            submit(program, PAYMENT % i, "--http", address(writer))
            # A broker shows a commit to others a moment after it has answered who made it.
            deadline = time.monotonic() + RUN_S
            while (found := balance(program, "--http", address(reader))) != f"{i}.00":
                expect("a balance that comes", time.monotonic() < deadline or found, True)
        expect("the writer's end", writer.stop(), 0)
        expect("the reader's end", reader.stop(), 0)
    finally:
        for server in (writer, reader):
            if server.process and not server.has_ended():
                server.kill()


def one_at_a_time(program, folder, where):
    """Over one directory a process waits for the other one, and does it no harm."""
    first, told, second = servers = [processes.Server(program, folder) for _ in range(3)]

    def await_lock(times):
        deadline = time.monotonic() + RUN_S
        while first.last_words().count("shards/lock is locked by another process") < times:
            expect("a wait that is told", time.monotonic() < deadline, True)
    try:
        first.start()
        first.wait_until_ready()
        # There is nothing that this one makes.
        told.start(["--create", "--shards", "4", *where])
        await_lock(1)
        expect("the end of one that is told to end while it waits", told.stop(), 0)
        second.start()
        await_lock(2)
        submit(program, PAYMENT % 6, "--http", address(first))
        expect("the first one's end", first.stop(), 0)
        second.wait_until_ready()
        submit(program, PAYMENT % 7, "--http", address(second))
        expect("the second one's end", second.stop(), 0)
    finally:
        for server in servers:
            if server.process and not server.has_ended():
                server.kill()


def as_documented(program, folder, where):
    """The commands of docs/kafka.md, in its order."""
    page = (HERE.parents[1] / "docs/kafka.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    name = where[where.index("--name") + 1] + "-documented"
    folder = pathlib.Path(folder) / "documented"
    folder.mkdir()
    os.environ["VOUCH_PASSPHRASE_FILE"] = str(folder / "passphrase")
    server = processes.Server(program, str(folder))
    place = {"--data books": f"--data {server.books}", "127.0.0.1:9092": os.environ["VOUCH_KAFKA"],
             "--name books": f"--name {name}"}
    done = 0
    for line in lines:
        for shown, here in place.items():
            line = line.replace(shown, here)
        words = line.split()
        if words[:2] == ["vouch", "serve"]:
            server.command = [program, *words[1:], "--listen", "127.0.0.1:0"]
            server.start()
            server.wait_until_ready()
            expect("the documented server's end", server.stop(), 0)
        elif words[:2] == ["vouch", "recover"]:
            # Nothing is wrong with these inputs: what is named there is refused, and nothing else.
            looked = run(program, *words[1:])
            expect(f"{line}, which said {looked.stderr}", looked.returncode,
                   1 if "--accept-move" in words else 0)
        else:
            expect("what starts a broker, as all tests do", words[:2], ["tools/kafka", "start"])
        done += 1
    expect("commands of the page", done, 4)


def kept_records(server):
    """The file in which a handler keeps recent records; it has no name."""
    folder = pathlib.Path(f"/proc/{server.process.pid}/fd")
    return next(file for file in folder.iterdir() if "/vouch-records-" in os.readlink(file))


def change(file, at, what):
    with file.open("r+b") as out:
        out.seek(at)
        out.write(what)


def alter(file, data):
    at = data.index(b"order-7")
    change(file, at, b"O")


def put_older(file, data):
    older, at = (data.index(text) // PAGE * PAGE for text in (b"order-6", b"order-7"))
    change(file, at, data[older:older + PAGE])


def cut(file, _):
    os.truncate(file, 0)


def kept(program, folder):
    """What somebody did to the records that a handler keeps is met when they are asked for again, and
    never answered with: it stops the shard. The next start keeps none. What was cut off is asked of
    the broker, unless a later record has made the file longer again."""
    server = processes.Server(program, folder)
    orders = "".join(ORDER % (id, id) for id in ("order-6", "order-7"))
    repeat = lambda: run(program, "submit", "-", "--one-at-a-time", "--http", address(server),
                         lines=orders)
    answers = None
    for harm in (alter, put_older, cut):
        server.start()
        try:
            server.wait_until_ready()
            first = repeat()
            answers = answers or first.stdout
            expect("outcomes, " + first.stderr, first.stdout, answers)
            file = kept_records(server)
            harm(file, file.read_bytes())
            again = repeat()
            told = [line for line in again.stdout.splitlines() if "shard-stopped" in line]
            right = [line for line in again.stdout.splitlines() if line not in told]
            expect("the number of lines", len(told) + len(right), 2)
            expect(f"outcomes after {harm.__name__}", right, answers.splitlines()[:len(right)])
            if harm is not cut:
                expect(f"lines that say the shard has stopped after {harm.__name__}", len(told), 1)
            expect(f"the end after {harm.__name__}", server.stop(), 1 if told else 0)
        finally:
            if not server.has_ended():
                server.kill()
    # Where a shard has stopped nobody has seen its end.
    server.start()
    try:
        server.wait_until_ready()
        expect("the end of what met nothing", server.stop(), 0)
    finally:
        if not server.has_ended():
            server.kill()


def longest_transaction(program, folder, where):
    """The broker's own is a minute, and so is what is taken by itself; what one start takes, the
    next one need not."""
    def start(*longest):
        server = processes.Server(program, folder)
        server.start([*where, *longest])
        try:
            server.wait_until_ready()
            return server.stop(), ""
        except RuntimeError as end:
            return server.wait(), str(end)
    for words, longest in (("59", 59_000), ("0", 0)):
        status, said = start("--longest-transaction", words)
        expect(f"the exit of a start that takes {words} s, which said {said}", status, 3)
        expect(said, f"transaction.max.timeout.ms expected at most {longest} (--longest-transaction "
                     "takes more), found 60000" in said, True)
    for longest in (["--longest-transaction", "60"], ["--longest-transaction", "4294967295"], []):
        expect(f"a start that takes {longest}", start(*longest), (0, ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    program = parser.parse_args().program
    where = processes.on_kafka(os.environ["VOUCH_KAFKA"], f"deployment-{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="vouch-deployment-") as folder:
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/passphrase"
        interrupted(program, folder, where)
        apart(program, folder)
        one_at_a_time(program, folder, where)
        longest_transaction(program, folder, where)
        kept(program, folder)
        print(processes.clean_replay(program, f"{folder}/books"))
        as_documented(program, folder, where)


if __name__ == "__main__":
    main()
