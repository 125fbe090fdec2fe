#!/usr/bin/env python3
"""What a data directory on Kafka survives: its making is interrupted; its roles are in two processes.

    deployment_test.py --program vouch        with VOUCH_KAFKA=HOST:PORT
"""
import argparse
import json
import os
import pathlib
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


def apart(program, folder):
    """A process that only reads leaves the one that writes alone."""
    writer, reader = (processes.Server(program, folder) for _ in range(2))
    address = lambda server: f"http://{':'.join(map(str, server.address()))}"
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    program = parser.parse_args().program
    where = processes.on_kafka(os.environ["VOUCH_KAFKA"], f"deployment-{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="vouch-deployment-") as folder:
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/passphrase"
        interrupted(program, folder, where)
        apart(program, folder)
        print(processes.clean_replay(program, f"{folder}/books"))


if __name__ == "__main__":
    main()
