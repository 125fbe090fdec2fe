#!/usr/bin/env python3
"""What may become of the topic of commands: a stranger's transaction stays open on it, it is trimmed
before it was read, it is deleted and made again. Nothing is passed over without a word: the ledger
says where, stops, and goes on as an operator says; what he accepted is in the books.

    inputs_test.py --program vouch --schemas schemas        with VOUCH_KAFKA=HOST:PORT
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

import confluent_kafka
import confluent_kafka.admin

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chaos"))
import payments_producer
import processes

PATIENCE_S = 60
OPENING = """\
{"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}
"""


def check(condition, what):
    if not condition:
        raise RuntimeError(what)


class Books:
    """A ledger on one shard, and its topic of commands as an operator and a producer see it."""

    def __init__(self, options, folder):
        self.program = options.program
        self.bootstrap, self.name = os.environ["VOUCH_KAFKA"], f"inputs-{os.getpid()}"
        self.topic = f"{self.name}.commands"
        self.command_pb2, self.event_pb2, self.record_pb2 = payments_producer.load_schemas(
            options.schemas)
        self.producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap})
        self.admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.bootstrap})
        self.server = processes.Server(options.program, folder)
        self.server.create(1, processes.on_kafka(self.bootstrap, self.name))

    def run(self, *words, lines="", status=0):
        done = subprocess.run([self.program, *words], input=lines, text=True, timeout=PATIENCE_S * 2,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(status in (None, done.returncode), f"{words} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def url(self):
        return f"http://{':'.join(map(str, self.server.address()))}"

    def status(self, *words, status=0):
        return self.run("status", "--data", self.server.books, *words, status=status)

    def balance(self):
        return json.loads(self.run("balance", "alice", "--json", "--http", self.url()))["balance"]

    def await_balance(self, expected):
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.balance()) != expected:
            check(time.monotonic() < deadline, f"balance: expected {expected}, found {found}")

    def await_mark(self):
        """Until the last mark has read the whole topic; says up to where."""
        end = self.offsets()[1]
        deadline = time.monotonic() + PATIENCE_S
        while not (marks := self.events("mark")) or marks[-1][0].next_command != end:
            check(time.monotonic() < deadline, f"commands end at {end}, the last mark: {marks[-1:]}")
        return end

    def pay(self, *numbers, producer=None):
        """Payments of 1.00 by a producer on the topic, a message each; the same number is the same."""
        for number in numbers:
            command = self.command_pb2.Command()
            command.id_high, command.id_low = payments_producer.halves(
                payments_producer.command_id(f"p{number}"))
            body = command.transfer
            body.debit_high, body.debit_low = payments_producer.halves(
                payments_producer.account_id("cash"))
            body.credit_high, body.credit_low = payments_producer.halves(
                payments_producer.account_id("alice"))
            body.amount = 100
            batch = self.command_pb2.CommandBatch(commands=[command])
            (producer or self.producer).produce(self.topic, batch.SerializeToString(), partition=0)
        check((producer or self.producer).flush(PATIENCE_S) == 0, "not delivered")

    def offsets(self):
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap,
                                             "group.id": "nobody"})
        found = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(self.topic, 0),
                                               PATIENCE_S)
        consumer.close()
        return found

    def trim(self, before):
        asked = confluent_kafka.TopicPartition(self.topic, 0, before)
        for done in self.admin.delete_records([asked]).values():
            done.result(PATIENCE_S)

    def make_again(self):
        for done in self.admin.delete_topics([self.topic]).values():
            done.result(PATIENCE_S)
        config = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete",
                  "compression.type": "uncompressed", "max.message.bytes": "1114112"}
        deadline = time.monotonic() + PATIENCE_S
        while True:  # the broker may still have the old one
            made = self.admin.create_topics([confluent_kafka.admin.NewTopic(
                self.topic, 1, 1, config=config)])
            try:
                made[self.topic].result(PATIENCE_S)
                # One that knew the old topic may find its partition gone, and drop what it is given.
                self.producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap})
                return
            except confluent_kafka.KafkaException as fault:
                check(time.monotonic() < deadline, str(fault))

    def events(self, kind):
        """(header of its record, event)"""
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": "nobody",
            "isolation.level": "read_committed", "enable.partition.eof": True})
        consumer.assign([confluent_kafka.TopicPartition(f"{self.name}.events", 0, 0)])
        found = []
        while True:
            message = consumer.poll(PATIENCE_S)
            check(message is not None, "the events are not read")
            if message.error():
                break
            record = self.record_pb2.SealedRecord.FromString(message.value())
            header = self.record_pb2.RecordHeader.FromString(record.header)
            for event in self.event_pb2.EventBatch.FromString(record.body).events:
                if event.HasField(kind):
                    found.append((header, event))
        consumer.close()
        return found

    def start(self):
        self.server.errors.write_bytes(b"")
        self.server.start()
        self.server.wait_until_ready()

    def stop(self):
        status = self.server.stop()
        check(status == 0, f"the server ended with {status}: {self.server.last_words()}")

    def stops_at_start(self):
        self.server.errors.write_bytes(b"")
        self.server.start()
        status = self.server.wait(PATIENCE_S)
        check(status == 1, f"expected a stop, found {status}: {self.server.last_words()}")
        return self.server.last_words()

    def recover(self, *words, status=0):
        return self.run("recover", "--data", self.server.books, *words, status=status)

    def close(self):
        if not self.server.has_ended():
            self.server.kill()
            self.server.wait()


def stranger_of(books):
    """With a transaction that is open."""
    stranger = confluent_kafka.Producer({"bootstrap.servers": books.bootstrap,
                                         "transactional.id": f"{books.name}.stranger",
                                         "transaction.timeout.ms": 60_000})
    stranger.init_transactions(PATIENCE_S)
    stranger.begin_transaction()
    return stranger


def await_said(books, wanted):
    deadline = time.monotonic() + PATIENCE_S
    while wanted not in (said := books.server.last_words()):
        check(time.monotonic() < deadline, f"no alarm: {said}")
        time.sleep(0.05)
    return said


def await_no_alarm(books):
    deadline = time.monotonic() + PATIENCE_S
    while "alarms" in json.loads(books.status("--json", status=None)):
        check(time.monotonic() < deadline, "an alarm that does not end")


def open_among_steps(books):
    """Handlers have transactions there: to abort one of those would be wrong advice."""
    stranger = stranger_of(books)
    stranger.produce(f"{books.name}.steps", b"stray", partition=0)
    check(stranger.flush(PATIENCE_S) == 0, "not delivered")
    said = await_said(books, f"ALARM: topic {books.name}.steps partition 0: its stable end stands still")
    check("It may be a handler's own" in said and "abort --topic" not in said, said)
    stranger.abort_transaction(PATIENCE_S)
    await_no_alarm(books)
    return "an open transaction among steps is an alarm without advice to abort it"


def open_transaction(books):
    """Nobody reads behind it: an alarm says so, and what the operator can do."""
    stranger = stranger_of(books)
    stands = books.offsets()[1]
    books.pay(2, producer=stranger)
    books.pay(3)
    wanted = (f"ALARM: topic {books.topic} partition 0: its stable end stands still at offset "
              f"{stands} of {stands + 2}: a transaction stays open there, and nothing behind it is "
              f"read. What ends it: kafka-transactions.sh --bootstrap-server {books.bootstrap} "
              f"abort --topic {books.topic} --partition 0 --start-offset {stands}\n")
    await_said(books, wanted)
    check(books.balance() == "1.00", "read behind an open transaction")
    what = wanted.removeprefix("ALARM: ").rstrip()
    told = books.status(status=1)
    check(re.fullmatch(r"ready\nALARM: " + re.escape(what) + r" \(since \d{4}-\S+Z\)\n", told), told)
    alarms = json.loads(books.status("--json", status=1))["alarms"]
    check([each["what"] for each in alarms] == [what], f"alarms: {alarms}")
    check(alarms[0]["since"] in told, f"two times: {alarms}, {told}")
    stranger.abort_transaction(PATIENCE_S)
    books.await_balance("2.00")
    check(books.server.last_words().count(f"{books.topic} partition 0: its stable end") == 1,
          "an alarm that is told twice")
    await_no_alarm(books)
    check(books.status() == "ready\n", "a finding is left")
    return "an open transaction is an alarm, once, and stands in the status until it ends"


def only_repeats(books):
    """They leave no outcome behind, and yet count as read: what stood there may be trimmed."""
    books.await_mark()  # the one of the payments before
    books.pay(1, 3, 1)
    end = books.await_mark()
    books.server.kill()
    books.server.wait()
    books.trim(end)
    check(books.offsets() == (end, end), "the topic is not empty")
    books.start()
    check(books.balance() == "2.00", "repeats have moved money")
    return f"only repeats: trimmed up to offset {end}, and the start succeeds"


def trimmed(books):
    """Commands that were never read are gone."""
    books.stop()
    books.pay(4, 5, 6)
    first = books.offsets()[1] - 1
    books.trim(first)
    wanted = books.events("mark")[-1][0].next_command
    check(wanted < first, f"{wanted} is wanted, {first} is there")
    said = books.stops_at_start()
    there = f"{books.topic} partition 0: offset {wanted} is wanted, and the topic has {first} up to"
    move = f"0:commands:{wanted}:{first}"
    way_on = f"vouch recover --data DIR --accept-move {move} --by NAME"
    check(there in said and way_on in said, said)
    records = len(books.events("term_started"))
    looked = books.recover(status=1)
    check(there in looked and f"--accept-move {move} --by NAME" in looked, looked)
    for wrong in (f"0:commands:{wanted}:{first + 1}", f"0:commands:{wanted + 1}:{first}",
                  f"1:commands:{wanted}:{first}", f"0:steps:0:{first}"):
        books.recover("--accept-move", wrong, "--by", "ops-7", status=1)
    books.recover("--accept-move", move, status=2)
    books.recover("--accept-move", "0:commands:1", "--by", "ops-7", status=2)
    check(len(books.events("term_started")) == records, "something was written")
    books.recover("--accept-move", move, "--by", "ops-7")
    (header, event), = books.events("input_moved")
    moved = event.input_moved
    check((moved.input, getattr(moved, "from"), moved.to, moved.asked_by) == (1, wanted, first, "ops-7"),
          f"recorded: {moved}")
    check(moved.reason == "it was trimmed before that was read", moved.reason)
    acts = f"record {header.record}: commands are read on from offset {first}, not from {wanted}"
    check(acts in processes.replay(books.program, books.server.books)[1], "replay does not tell")
    check("go on where" in books.recover(), "nothing is left to do")
    books.start()
    books.await_balance("3.00")
    return "a trimmed topic: " + acts


def made_again(books, filled):
    """A topic of the same name: what stands there is read from its first message on."""
    books.stop()
    before = books.offsets()[1]
    books.make_again()
    # Sent again by a producer that heard nothing, and new ones.
    numbers = range(4, 4 + before + 2) if filled else range(5, 9)
    books.pay(*numbers)
    said = books.stops_at_start()
    found = re.search(r"--accept-move (0:commands:(\d+):0) --by NAME", said)
    check(found and int(found[2]) <= before, said)
    expected = "made again: its offsets mean other messages" if filled else "it ends before that"
    check(expected in said, said)
    books.recover("--accept-move", found[1], "--by", "ops-7")
    books.start()
    paid = {1, 3, 6, *range(5, 9), *numbers}
    books.await_balance(f"{len(paid)}.00")
    return f"a topic made again{' and filled' if filled else ''}: {found[1]}"


def no_value(books):
    """A message without a value is no command, and holds nothing up."""
    before = books.balance()
    books.producer.produce(books.topic, None, key=b"stray", partition=0)
    books.pay(1_001)
    books.await_balance(f"{float(before) + 1:.2f}")
    return "a message without a value: passed"


def foreign_events(books):
    """What is no record of the chain is passed over with an alarm, and is a finding."""
    places = []
    for value in (b"no record", None):
        books.producer.produce(f"{books.name}.events", value, partition=0,
                               on_delivery=lambda error, at: places.append(at.offset()))
    check(books.producer.flush(PATIENCE_S) == 0 and len(places) == 2, "not delivered")
    books.start()
    told = books.server.last_words()
    for at in places:
        check(f"ALARM: topic {books.name}.events partition 0 offset {at}: " in told, told)
    books.stop()
    status, report = processes.replay(books.program, books.server.books)
    check(status == 1 and report.count("foreign_message") == 2, f"replay ({status}): {report}")
    check(all(f"{books.name}.events partition 0 offset {at}" in report for at in places), report)
    return "strays among the events: two alarms, two findings"


def run(books):
    books.run("submit", "-", "--http", books.url(), lines=OPENING)
    books.pay(1)
    books.await_balance("1.00")
    print(open_among_steps(books))
    print(open_transaction(books))
    print(only_repeats(books))
    print(trimmed(books))
    print(made_again(books, filled=False))
    print(made_again(books, filled=True))
    # Whatever it is, an operator may have it read again.
    books.stop()
    first = books.offsets()[0]
    wanted = books.events("mark")[-1][0].next_command
    books.recover("--accept-move", f"0:commands:{wanted}:{wanted + 1}", "--by", "ops-7", status=1)
    books.recover("--accept-move", f"0:commands:{wanted}:{first}", "--by", "ops-7")
    books.start()
    expected = books.balance()
    books.pay(1_000)
    books.await_balance(f"{float(expected) + 1:.2f}")
    print(no_value(books))
    books.stop()
    # Whatever started a term says which directory's it was.
    books.run("submit", "-", "--data", books.server.books, lines=OPENING)
    # The views follow when they are asked; replay tells what they lack.
    books.run("trial-balance", "--data", books.server.books)
    instance = (pathlib.Path(books.server.books) / "instance").read_text()
    terms = [event.term_started for _, event in books.events("term_started")]
    check(all(term.writer == instance and term.program for term in terms),
          f"terms: {terms}, expected {instance}")
    status, report = processes.replay(books.program, books.server.books)
    check(status == 0 and "clean: no findings" in report, f"replay ({status}): {report}")
    print(report.splitlines()[0])
    print(foreign_events(books))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--schemas", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vouch-inputs-") as folder:
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/passphrase"
        tempfile.tempdir = folder
        books = Books(options, folder)
        try:
            run(books)
        except RuntimeError as failure:
            sys.exit(str(failure))
        finally:
            books.close()


if __name__ == "__main__":
    main()
