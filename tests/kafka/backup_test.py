#!/usr/bin/env python3
"""A backup of books on Kafka that is made while commands come, and the books that are made from it when
the topics are gone: they are read at once, written once somebody says so, and what was sent before is
a repeat there. Topics that are deleted under a server are told by it within seconds, and it ends in time.

    backup_test.py --program vouch        with VOUCH_KAFKA=HOST:PORT
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import confluent_kafka
import confluent_kafka.admin

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chaos"))
import processes

RUN_S = 120
TOLD_S, END_S = 5, 10
SHARDS, ACCOUNTS, CHUNK, CHUNKS_MAX = 4, 8, 200, 200
OPENING = "".join('{"id":"o%d","open_account":{"account":"a%d","asset":"EUR/2","class":"asset",'
                  '"limit":"unlimited"}}\n' % (i, i) for i in range(ACCOUNTS))


def payments(chunk):
    """Some of which cross."""
    return "".join('{"id":"t%d","transfer":{"debit":"a%d","credit":"a%d","amount":"1.00"}}\n'
                   % (i, i % ACCOUNTS, (i * 7 + 1 + i // ACCOUNTS) % ACCOUNTS)
                   for i in range(chunk * CHUNK, (chunk + 1) * CHUNK))


def check(condition, what):
    if not condition:
        sys.exit(what)


class Machine:
    """A home with a passphrase, and the books of it."""

    def __init__(self, program, folder):
        self.program, self.folder = program, pathlib.Path(folder)
        self.folder.mkdir()
        self.books = self.folder / "books"
        self.environment = {**os.environ, "VOUCH_PASSPHRASE_FILE": f"{folder}/passphrase"}

    def start(self, *words):
        return subprocess.Popen([self.program, *map(str, words)], text=True, env=self.environment,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def run(self, *words, lines="", status=0):
        """What was printed, and what was said."""
        process = self.start(*words)
        out, said = process.communicate(lines, RUN_S)
        check(process.returncode == status, f"{words} ended with {process.returncode}: {said}{out}")
        return subprocess.CompletedProcess(words, status, out, said)

    def balances(self, *place):
        return [json.loads(self.run("balance", f"a{i}", "--json", *place).stdout)["balance"]
                for i in range(ACCOUNTS)]


def outcomes(text):
    return {line["id"]: line for line in map(json.loads, text.splitlines())}


def backed_up_under_load(origin, server, words):
    """What was sent, the answers to it, how many were there before the backup began, and where the
    accounts ended."""
    place = ("--http", f"http://{':'.join(map(str, server.address()))}")
    chunks = [OPENING, payments(0), payments(1)]
    answers = [origin.run("submit", "-", *place, lines=lines).stdout for lines in chunks]
    before = "".join(answers).count("\n")
    backup = origin.start("backup", origin.books, *words)
    is_done = False
    while not is_done:
        check(len(chunks) < CHUNKS_MAX, "a backup that does not end")
        is_done = backup.poll() is not None
        chunks.append(payments(len(chunks) - 1))
        answers.append(origin.run("submit", "-", *place, lines=chunks[-1]).stdout)
    said = backup.communicate()[1]
    check(backup.returncode == 0 and "each read back and verified" in said, said)
    print(said.splitlines()[0])
    return "".join(chunks), outcomes("".join(answers)), before, origin.balances(*place)


def refused_where_records_are_missing(origin, name, words):
    """The group of handlers has consumed more than any record says, as when a topic has lost its end."""
    group = confluent_kafka.Consumer({"bootstrap.servers": os.environ["VOUCH_KAFKA"],
                                      "group.id": f"{name}.handlers"})
    place = confluent_kafka.TopicPartition(f"{name}.commands", 0)
    consumed = group.committed([place], RUN_S)[0].offset

    def commit(offset):
        place.offset = offset
        deadline = time.monotonic() + RUN_S
        while True:  # the handler's session ends some seconds behind it
            try:
                return group.commit(offsets=[place], asynchronous=False)
            except confluent_kafka.KafkaException as fault:
                check(time.monotonic() < deadline, str(fault))
                time.sleep(0.05)
    for offset, status in (consumed + 1, 1), (consumed, 0):
        commit(offset)
        said = origin.run("backup", origin.books, *words, status=status).stderr
        check(status == 0 or "shard 0: records are missing" in said, said)
        check(words[1].exists() == (status == 0), "a backup of books that are not whole")
    group.close()


def delete_topics(name, *kinds):
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": os.environ["VOUCH_KAFKA"]})
    for done in admin.delete_topics([f"{name}.{kind}" for kind in kinds]).values():
        done.result(RUN_S)


def deleted_under_a_server(server, name):
    server.start()
    server.wait_until_ready()
    delete_topics(name, "events")
    begin = time.monotonic()
    told = ""
    while f"topic {name}.events is gone" not in told:
        check(time.monotonic() < begin + TOLD_S, f"not told within {TOLD_S} s: {told}")
        try:
            with urllib.request.urlopen(f"http://{':'.join(map(str, server.address()))}/readyz") as ready:
                told = ready.read().decode()
        except urllib.error.HTTPError as refused:
            told = refused.read().decode()
        time.sleep(0.05)
    began_to_end = time.monotonic()
    status = server.stop()
    check(status in (0, 4), f"ended with {status}: {server.last_words()}")
    seconds = time.monotonic() - began_to_end
    check(seconds < END_S, f"it took {seconds} s to end")
    check("events is gone" in server.last_words(), server.last_words())
    print(f"a deleted topic: told after {began_to_end - begin:.1f} s, ended after {seconds:.1f} s")


def refused_where_altered(elsewhere, backup, words):
    segment = backup / "log" / "00000000.segment"
    whole = segment.read_bytes()
    at = len(whole.rstrip(b"\0")) // 2
    segment.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
    said = elsewhere.run("restore", *words, status=1).stderr
    check("00000000.segment is not what was backed up" in said, said)
    check(not elsewhere.books.exists(), "books of a damaged backup")
    segment.write_bytes(whole)


def restored(elsewhere, backup, words, sent, answers, before, balances):
    data = ("--data", elsewhere.books)
    elsewhere.run("restore", *words)
    in_place = ("--data", backup, "--passphrase-file", words[-1])
    check("clean: no findings" in elsewhere.run("replay", *in_place).stdout, "a backup with findings")
    trial = elsewhere.run("trial-balance", *data).stdout
    check(trial.rstrip().endswith("even"), trial)
    check("clean: no findings" in elsewhere.run("replay", "--views", *data).stdout, "findings")
    refused = elsewhere.run("submit", "-", *data, lines=sent, status=3).stderr
    check("these books were copied or moved here, from the topics of" in refused, refused)
    elsewhere.run("recover", *data, "--accept-copy", "--by", "op")
    again = outcomes(elsewhere.run("submit", "-", *data, lines=sent).stdout)
    check({id: line["outcome"] for id, line in again.items()} ==
          {id: line["outcome"] for id, line in answers.items()}, "other outcomes")
    same = sum(again[id] == line for id, line in answers.items())
    check(before <= same < len(answers),
          f"{same} first answers given again of {len(answers)}, {before} before the backup")
    check(elsewhere.balances(*data) == balances, "other balances than where the original ended")
    print(f"restored: {same} first answers of {len(answers)}; "
          f"{processes.clean_replay(elsewhere.program, str(elsewhere.books))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    program = parser.parse_args().program
    name = f"backup-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="vouch-backup-") as folder:
        origin, elsewhere = (Machine(program, f"{folder}/{each}") for each in ("origin", "elsewhere"))
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/origin/passphrase"
        backup, passphrase = pathlib.Path(folder) / "backup", f"{folder}/backup.passphrase"
        server = processes.Server(program, f"{folder}/origin")
        try:
            server.create(SHARDS, processes.on_kafka(os.environ["VOUCH_KAFKA"], name))
            told = backed_up_under_load(origin, server, ["--to", backup, "--backup-passphrase-file",
                                                         passphrase])
            check(server.stop() == 0, server.last_words())
            refused_where_records_are_missing(
                origin, name, ["--to", pathlib.Path(folder) / "second", "--backup-passphrase-file",
                               passphrase])
            deleted_under_a_server(server, name)
        finally:
            if server.process and not server.has_ended():
                server.kill()
        # A machine that has nothing else.
        delete_topics(name, "commands", "steps", "deployment")
        origin.books.rename(pathlib.Path(folder) / "gone")
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/elsewhere/passphrase"
        words = [backup, "--data", elsewhere.books, "--backup-passphrase-file", passphrase]
        refused_where_altered(elsewhere, backup, words)
        restored(elsewhere, backup, words, *told)


if __name__ == "__main__":
    main()
