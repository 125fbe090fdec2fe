#!/usr/bin/env python3
"""Runs payments_producer.py against `vouch serve --kafka`, three times on one deployment: well
routed, routed by librdkafka's own partitioner, with garbage among it. Then replay is clean, also of
the topic of commands. Before, what the producer makes of names is what schemas/ids.txt has.

    payments_test.py --program vouch --schemas schemas        with VOUCH_KAFKA=HOST:PORT
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chaos"))
import payments_producer
import processes

RUNS = [["--run", "routed"],
        ["--run", "misrouted", "--partitioner", "consistent_random"],
        ["--run", "littered", "--garbage"]]
RUN_S = 120


def check_vectors(file):
    """The producer's ids of names, and its partitions of accounts."""
    names = 0
    for line in file.read_text().splitlines():
        if line.startswith("#") or "\tname" not in line:
            continue
        kind, ledger, text, id, _, *of_account = line.split("\t")
        names += 1
        if kind == "command":
            found, expected = [payments_producer.command_id(text).hex()], [id]
        else:
            account = payments_producer.account_id(text, int(ledger))
            key = payments_producer.message_key(account)
            partitions = [(payments_producer.murmur2(key) & 0x7FFFFFFF) % shards for shards in (1, 4, 16)]
            found, expected = [account.hex(), key.hex(), *map(str, partitions)], [id, *of_account]
        if found != expected:
            sys.exit(f"ids.txt: {line!r}: the producer makes {found}")
    if names < 100:
        sys.exit(f"ids.txt: expected more than {names} names")


def check_inputs(program, books):
    """Each command on the topic, wherever it was sent, has its event."""
    done = subprocess.run([program, "replay", "--data", books, "--inputs"], text=True, timeout=RUN_S,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if done.returncode != 0 or "every command that was sent and read was held against the events" not in done.stdout:
        sys.exit(f"replay --inputs ({done.returncode}): {done.stdout[-4000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--schemas", required=True)
    parser.add_argument("--payments", default="1000")
    options = parser.parse_args()
    check_vectors(pathlib.Path(options.schemas) / "ids.txt")
    bootstrap, name = os.environ["VOUCH_KAFKA"], f"payments-{os.getpid()}"

    with tempfile.TemporaryDirectory(prefix="vouch-payments-") as folder:
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/passphrase"
        server = processes.Server(options.program, folder)
        try:
            server.create(4, processes.on_kafka(bootstrap, name))
            for run in RUNS:
                subprocess.run([sys.executable, HERE / "payments_producer.py", bootstrap, name,
                                options.schemas, "--payments", options.payments, *run],
                               check=True, timeout=RUN_S)
        finally:
            if not server.has_ended():
                status = server.stop()
            else:
                status = server.wait()
        if status != 0:
            sys.exit(f"the server ended with {status}: {server.last_words()}")
        print(processes.clean_replay(options.program, server.books))
        check_inputs(options.program, server.books)


if __name__ == "__main__":
    main()
