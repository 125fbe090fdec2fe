#!/usr/bin/env python3
"""Forges, alters, repeats, drops and exchanges steps on a real topic under a running ledger, and
puts bytes of strangers among its commands and steps: never a posting, and never a stop.

    steps_on_topic.py --program vouch --schemas schemas --kafka tools/kafka

Needs no keys. Who can write to the topics: every message is refused by an event, and the shard
goes on. Who can write to the broker's disk as well: what is missing or altered is built again from
its sender's records; put right again, the topic shows what is taken already.
"""
import argparse
import collections
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

import confluent_kafka
import google.protobuf.message

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chaos"))
import broker_disk
import payments_producer
import processes

SHARDS = 4
PATIENCE_S = 60
# A server has asked for the ends of its inputs by then, and has no answer.
LOOKS_S = 3
# The minute after which a server that is to end does so whatever does not, with room for a busy machine.
GIVES_UP_S = 75
NAME = "attacked"
# Brokers are killed here: that connections break is no news.
QUIET = {"log_level": 2}


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def load_schemas(folder):
    """event_pb2, record_pb2, step_pb2, made by protoc."""
    out = tempfile.mkdtemp(prefix="schemas-", dir=tempfile.gettempdir())
    files = ["command.proto", "event.proto", "record.proto", "step.proto"]
    subprocess.run(["protoc", "-I", folder, "--python_out", out, *files], check=True)
    sys.path.insert(0, out)
    import event_pb2
    import record_pb2
    import step_pb2
    return event_pb2, record_pb2, step_pb2


def shard_of(account):
    key = payments_producer.message_key(payments_producer.account_id(account))
    return (payments_producer.murmur2(key) & 0x7FFFFFFF) % SHARDS


def accounts_of_shards():
    """A name on each shard."""
    names = {}
    for number in range(1000):
        names.setdefault(shard_of(f"n{number}"), f"n{number}")
    return [names[shard] for shard in range(SHARDS)]


class Topic:
    """All that is committed on one of the ledger's topics, read on and on."""

    def __init__(self, bootstrap, word):
        self.topic = f"{NAME}.{word}"
        self.consumer = confluent_kafka.Consumer({
            **QUIET, "bootstrap.servers": bootstrap, "group.id": f"{NAME}.attacker", "check.crcs": True,
            "isolation.level": "read_committed", "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "error"})
        self.next = [0] * SHARDS
        self.messages = [[] for _ in range(SHARDS)]  # by partition: (offset, value)

    def read(self):
        """To the present end; `messages`."""
        self.consumer.assign([confluent_kafka.TopicPartition(self.topic, partition, offset)
                              for partition, offset in enumerate(self.next)])
        waiting, deadline = set(range(SHARDS)), time.monotonic() + PATIENCE_S
        while waiting:
            check(time.monotonic() < deadline, f"{self.topic} does not come to an end")
            message = self.consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    waiting.discard(message.partition())
                continue  # brokers come and go here
            self.next[message.partition()] = message.offset() + 1
            self.messages[message.partition()].append((message.offset(), message.value()))
        self.consumer.unassign()
        return self.messages


class Ledger:
    """The server, what was asked of it, and what its topics say."""

    def __init__(self, options, folder):
        self.event_pb2, self.record_pb2, self.step_pb2 = load_schemas(options.schemas)
        self.broker = processes.Broker(options.kafka, f"{folder}/broker")
        self.broker.start()
        self.program = options.program
        self.server = processes.Server(options.program, folder)
        self.server.create(SHARDS, processes.on_kafka(self.broker.address, NAME))
        self.events = Topic(self.broker.address, "events")
        self.steps = Topic(self.broker.address, "steps")
        self.names = accounts_of_shards()
        self.expected = collections.Counter()
        self.count = 0
        self.payments = []

    def request(self, method, target, body=None, **fields):
        """(status, content)"""
        connection = http.client.HTTPConnection(*self.server.address(), timeout=PATIENCE_S)
        connection.request(method, target, body, fields)
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        return answer.status, content

    def ask(self, method, target, body=None, **fields):
        status, content = self.request(method, target, body, **fields)
        check(status in (200, 202), f"{method} {target}: {status} {content}")
        return content

    def send(self, command):
        return self.request("POST", "/v1/commands", json.dumps(command),
                            **{"Content-Type": "application/json"})

    def submit(self, commands):
        body = "".join(json.dumps(command) + "\n" for command in commands)
        end = time.monotonic() + PATIENCE_S
        while True:
            status, lines = self.request("POST", "/v1/commands", body,
                                         **{"Content-Type": "application/x-ndjson"})
            # What a slow machine leaves open is sent again, as the answer says.
            if status != 503 or time.monotonic() > end:
                break
        check(status == 200, f"lines: {status} {lines}")
        for line in lines.splitlines():
            check(json.loads(line)["accepted"], f"refused: {line}")

    def open_accounts(self):
        self.submit([{"id": f"open-{name}", "open_account": {
            "account": name, "asset": "EUR/2", "class": "liability", "limit": "unlimited"}}
            for name in self.names])

    def payment(self, debit, credit):
        self.count += 1
        self.expected[self.names[debit]] -= self.count
        self.expected[self.names[credit]] += self.count
        made = {"id": f"p{self.count}", "transfer": {
            "debit": self.names[debit], "credit": self.names[credit],
            "amount": f"{self.count // 100}.{self.count % 100:02}"}}
        self.payments.append(made)
        return made

    def pay_everywhere(self):
        self.submit([self.payment(debit, credit) for debit in range(SHARDS)
                     for credit in range(SHARDS) if debit != credit])

    def pay_later(self, debit, credit):
        """Durable where it is debited; the credit may take its time."""
        self.ask("POST", "/v1/commands", json.dumps(self.payment(debit, credit)),
                 **{"Content-Type": "application/json", "Prefer": "respond-async"})

    def check_balances(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            rows = json.loads(self.ask("GET", "/v1/balances?at_least=end"))["accounts"]
            found = {row["account"]: int(row["balance"].replace(".", "")) for row in rows}
            if found == {name: self.expected[name] for name in self.names}:
                return
            check(time.monotonic() < deadline, f"balances {found}, expected {self.expected}")

    def happened(self):
        """(shard, record's header, event) of everything so far."""
        for shard, messages in enumerate(self.events.read()):
            for _, value in messages:
                record = self.record_pb2.SealedRecord.FromString(value)
                header = self.record_pb2.RecordHeader.FromString(record.header)
                for event in self.event_pb2.EventBatch.FromString(record.body).events:
                    yield shard, header, event

    def changes(self):
        return sum(len(event.changes) for _, _, event in self.happened())

    def batches(self, shard):
        """(offset, value, content) of all batches of steps for a shard, of those that are one."""
        for offset, value in self.steps.read()[shard]:
            try:
                batch = self.step_pb2.StepBatch.FromString(value)
                content = self.step_pb2.StepBatchContent.FromString(batch.content)
            except google.protobuf.message.DecodeError:
                continue
            if content.to == shard:
                yield offset, value, content

    def close(self):
        if not self.server.has_ended():
            self.server.kill()
            self.server.wait()
        self.broker.stop()


def flipped(value, bit):
    """The same bytes but for one bit."""
    out = bytearray(value)
    out[bit // 8 % len(out)] ^= 1 << bit % 8
    return bytes(out)


def hostile_steps(ledger, shard):
    """What whoever can write to the topic might put there. All of it has to be refused."""
    _, value, content = list(ledger.batches(shard))[-1]
    forged = ledger.step_pb2.StepBatch.FromString(value)
    content.number += 1
    forged.content, forged.tag = content.SerializeToString(), os.urandom(32)
    no_tag = ledger.step_pb2.StepBatch(content=forged.content)
    _, elsewhere, _ = list(ledger.batches((shard + 1) % SHARDS))[-1]
    yield "forged", forged.SerializeToString()
    yield "without a tag", no_tag.SerializeToString()
    yield "of another shard", elsewhere
    for bit in range(0, 8 * len(value), 8 * len(value) // 40):
        yield f"bit {bit} altered", flipped(value, bit)
    yield "nothing", b""  # of commands that is a batch, of none
    yield from garbage(ledger, shard)


def garbage(ledger, shard):
    yield "noise", os.urandom(300)
    yield "a long noise", os.urandom(300_000)
    yield "another program's Protobuf", ledger.event_pb2.Facts(account_high=7).SerializeToString()
    yield "a record of the ledger's own", ledger.events.read()[shard][0][1]


class Attacker:
    """A producer like any other."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.producer = confluent_kafka.Producer({**QUIET,
                                                  "bootstrap.servers": ledger.broker.address})
        self.put_there = collections.defaultdict(dict)  # (word, shard) -> offset -> (what, value)

    def put(self, word, shard, what, value):
        def delivered(error, message):
            check(error is None, f"not delivered: {error}")
            self.put_there[word, shard][message.offset()] = what, value

        self.producer.produce(f"{NAME}.{word}", value, partition=shard, on_delivery=delivered)
        check(self.producer.flush(PATIENCE_S) == 0, "not delivered")

    def check_noted(self, word, kind):
        """Each shard has an event of its own for each message, and for nothing else."""
        deadline = time.monotonic() + PATIENCE_S
        expected = {(shard, offset, len(value), hashlib.sha256(value).digest())
                    for (of, shard), messages in self.put_there.items() if of == word
                    for offset, (_, value) in messages.items()}
        while True:
            found = [(shard, note.offset, note.length, note.digest)
                     for shard, _, event in self.ledger.happened() if event.HasField(kind)
                     for note in [getattr(event, kind)]]
            check(len(found) == len(set(found)), f"{kind}: twice for one message")
            stray = sorted(each[:3] for each in set(found) - expected)
            check(not stray, f"{kind} (shard, offset, length): {stray[:5]} of {len(stray)}")
            if set(found) == expected:
                return len(found)
            missing = [self.put_there[word, shard][offset][0]
                       for shard, offset, _, _ in expected - set(found)]
            check(time.monotonic() < deadline, f"no {kind} for {missing[:5]} of {len(missing)}")


def attack_topics(ledger):
    """Strangers' bytes among commands and steps, while the ledger runs."""
    attacker, before = Attacker(ledger), ledger.changes()
    for shard in range(SHARDS):
        for what, value in hostile_steps(ledger, shard):
            attacker.put("steps", shard, what, value)
        for what, value in garbage(ledger, shard):
            attacker.put("commands", shard, what, value)
    refused = attacker.check_noted("steps", "step_refused")
    unreadable = attacker.check_noted("commands", "unreadable")
    check(ledger.changes() == before, "strangers' bytes have changed an account")
    # What is repeated as it was is nothing new: no event, and of course no second posting.
    repeated = 0
    for shard in range(SHARDS):
        for offset, value, _ in list(ledger.batches(shard)):
            if offset not in attacker.put_there["steps", shard]:
                attacker.producer.produce(f"{NAME}.steps", value, partition=shard)
                repeated += 1
    check(attacker.producer.flush(PATIENCE_S) == 0, "not delivered")
    ledger.pay_everywhere()
    ledger.check_balances()
    check(attacker.check_noted("steps", "step_refused") == refused, "a repeated step was refused")
    return f"{refused} hostile steps refused, {unreadable} unreadable commands, {repeated} repeated"


def put_in_flight(ledger, sender, receiver):
    """Three batches that the receiver has not seen: a transaction of a stranger, open at the end of
    the receiver's steps, keeps it from reading on. Then the ledger dies and the stranger goes."""
    stranger = confluent_kafka.Producer({**QUIET, "bootstrap.servers": ledger.broker.address,
                                         "transactional.id": f"{NAME}.stranger",
                                         "transaction.timeout.ms": 60_000})
    stranger.init_transactions(PATIENCE_S)
    stranger.begin_transaction()
    stranger.produce(f"{NAME}.steps", b"never committed", partition=receiver)
    check(stranger.flush(PATIENCE_S) == 0, "not delivered")
    taken = len(list(ledger.batches(receiver)))
    for _ in range(3):
        ledger.pay_later(sender, receiver)
    ledger.server.kill()
    ledger.server.wait()
    stranger.abort_transaction(PATIENCE_S)
    in_flight = []
    deadline = time.monotonic() + PATIENCE_S
    while len(in_flight) < 3:
        in_flight = list(ledger.batches(receiver))[taken:]
        check(time.monotonic() < deadline, "the steps are not there")
    check([content.number - in_flight[0][2].number for _, _, content in in_flight] == [0, 1, 2],
          "expected the numbers of three batches in order")
    return in_flight


def edit_disk(ledger, edits, word="steps"):
    """What lies on the broker's disk, while it is away: by partition, values by offset."""
    ledger.broker.kill()
    for partition, values in edits.items():
        broker_disk.replace_values(ledger.broker.folder, f"{NAME}.{word}", partition, values)
    ledger.broker.start()


def rebuilt(ledger, receiver):
    """Numbers of the batches that the receiver took as it built them again."""
    return [event.steps_taken.number for shard, _, event in ledger.happened()
            if shard == receiver and event.HasField("steps_taken") and event.steps_taken.rebuilt]


def followed(ledger, receiver):
    return sum(event.HasField("step_followed") for shard, _, event in ledger.happened()
               if shard == receiver)


def refused(ledger):
    """(shard, offset, length, digest) of the steps that were refused."""
    notes = ((shard, event.step_refused) for shard, _, event in ledger.happened()
             if event.HasField("step_refused"))
    return sorted((shard, note.offset, note.length, note.digest) for shard, note in notes)


def attack_disk(ledger, what, sender, receiver, originals):
    """`what` is done to three batches in flight, on the broker's disk, and what was done before is put
    right: `originals`, by receiver. What puts this right."""
    in_flight = put_in_flight(ledger, sender, receiver)
    earlier = [each for each in ledger.batches(receiver)
               if each[0] < in_flight[0][0] and getattr(each[2], "from") == sender]
    offsets = [offset for offset, _, _ in in_flight]
    values = [value for _, value, _ in in_flight]
    number = in_flight[0][2].number
    altered = flipped(values[0], 8 * (len(values[0]) // 2))
    edits = {
        "left out": {offsets[0]: earlier[-1][1]},
        "exchanged": {offsets[0]: values[1], offsets[1]: values[0]},
        "altered": {offsets[0]: altered},
    }[what]
    follows, refuses, before = followed(ledger, receiver), refused(ledger), rebuilt(ledger, receiver)
    if what == "altered":
        refuses = sorted([*refuses, (receiver, offsets[0], len(altered),
                                     hashlib.sha256(altered).digest())])
    edit_disk(ledger, {**originals, receiver: {**originals.get(receiver, {}), **edits}})
    ledger.server.errors.write_bytes(b"")
    ledger.server.start()
    ledger.server.wait_until_ready()
    ledger.check_balances()
    check(followed(ledger, receiver) == follows + 3, f"a step {what}, and not each followed once")
    again = rebuilt(ledger, receiver)[len(before):]
    check(number in again, f"a step {what}: built again {again}, expected {number} among them")
    found = refused(ledger)
    check(found == refuses, f"a step {what}: refused {[each[:3] for each in found]}, "
                            f"expected {[each[:3] for each in refuses]}")
    ledger.pay_everywhere()
    ledger.check_balances()
    return {receiver: {offset: values[offsets.index(offset)] for offset in edits}}


def put_right(ledger, originals):
    status = ledger.server.stop()
    check(status == 0, f"the server ended with {status}: {ledger.server.last_words()}")
    edit_disk(ledger, originals)
    ledger.server.start()
    ledger.server.wait_until_ready()
    ledger.check_balances()
    ledger.pay_everywhere()
    ledger.check_balances()


def clean_replay(ledger):
    status = ledger.server.stop()
    check(status == 0, f"the server ended with {status}: {ledger.server.last_words()}")
    return processes.clean_replay(ledger.program, ledger.server.books)


def altered_record(ledger, payment, keeps):
    """A record that is altered on the broker's disk is not acted on: what asks for it stops its shard
    alone, replay names it, and with its bytes put back everything is as it was."""
    high, _ = payments_producer.halves(payments_producer.command_id(payment["id"]))
    id_bytes = struct.pack("<Q", high)
    shard = shard_of(payment["transfer"]["debit"])
    other = payment["transfer"]["credit"]
    offset, value = next(each for each in ledger.events.read()[shard] if id_bytes in each[1])
    edit_disk(ledger, {shard: {offset: flipped(value, 8 * value.index(id_bytes))}}, "events")
    for part in pathlib.Path(ledger.server.books).iterdir():
        if part.is_dir() and part.name not in keeps:
            shutil.rmtree(part)
    ledger.server.start()
    ledger.server.wait_until_ready()
    status, answer = ledger.send(payment)
    check(status == 503 and f'"shard":{shard}' in answer.replace(" ", "") and "shard-stopped" in answer,
          f"a repeat of what stands in it: {status} {answer}")
    _, answer = ledger.request("GET", f"/v1/accounts/{other}/balance?at_least=end")
    check('"balance":' in answer, f"a question to another shard: {answer}")
    ledger.server.stop()
    status, report = processes.replay(ledger.program, ledger.server.books)
    unreadable = [line for line in report.splitlines() if "unreadable: " in line]
    check(status == 1 and len(unreadable) == 1 and f"shard {shard} record" in unreadable[0]
          and "view_history" not in report, f"replay ({status}): {report}")
    balance = json.loads(subprocess.run(
        [ledger.program, "balance", other, "--json", "--data", ledger.server.books], text=True,
        timeout=PATIENCE_S, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False).stdout)["balance"]
    check(int(balance.replace(".", "")) == ledger.expected[other], f"a question without a server: {balance}")
    edit_disk(ledger, {shard: {offset: value}}, "events")
    ledger.server.start()
    ledger.server.wait_until_ready()
    status, answer = ledger.send(payment)
    check(status == 200 and json.loads(answer)["accepted"], f"a repeat: {status} {answer}")
    ledger.check_balances()
    return f"a record altered, beside {keeps}: not acted on, and right again when its bytes are back"


def unanswered(ledger):
    """A command that may stay without an answer, and is refused where it gets one."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        ledger.send({"id": "nobody-answers", "transfer": {
            "debit": "nobody", "credit": "nobody-else", "amount": "0.01"}})


def ends_without_broker(ledger):
    """A server that is told to end soon does so, whether its broker is gone or only says nothing: with 4
    when a commit (a mark, too) was under way. Once with a payment that nobody answers."""
    for leave, come_back in ((ledger.broker.pause, ledger.broker.go_on),
                             (ledger.broker.kill, ledger.broker.start)):
        ledger.server.start()
        ledger.server.wait_until_ready()
        ledger.check_balances()
        leave()
        sender = threading.Thread(target=unanswered, args=(ledger,), daemon=True)
        if leave == ledger.broker.kill:
            sender.start()
        try:
            until = time.monotonic() + LOOKS_S
            while time.monotonic() < until:
                ledger.request("GET", "/readyz")
            ledger.server.process.terminate()
            status = ledger.server.wait(GIVES_UP_S)
            said = ledger.server.last_words()
            check(status == 0 or status == 4 and ("gave up waiting" in said or "ends without it" in said), f"ended with {status}: {said}")
        except subprocess.TimeoutExpired:
            raise Failed("the server does not end without its broker") from None
        finally:
            come_back()
    # The last life may have ended with 4; what follows is of one that has its broker.
    ledger.server.start()
    ledger.server.wait_until_ready()
    return "a server ends without its broker"


def run(ledger):
    ledger.open_accounts()
    ledger.pay_everywhere()
    ledger.check_balances()
    print(attack_topics(ledger))
    print(clean_replay(ledger))
    ledger.server.start()
    ledger.server.wait_until_ready()
    originals = {}
    for what, sender, receiver in (("left out", 0, 2), ("exchanged", 0, 2), ("altered", 3, 1)):
        originals = attack_disk(ledger, what, sender, receiver, originals)
        print(f"a step {what}: built again")
    put_right(ledger, originals)
    print(clean_replay(ledger))
    everything = ("keys", "shards", "views")
    for payment, keeps in ((ledger.payments[0], everything), (ledger.payments[-12], everything),
                           (ledger.payments[-12], ("keys",))):
        print(altered_record(ledger, payment, keeps))
        print(clean_replay(ledger))
    print(ends_without_broker(ledger))
    print(clean_replay(ledger))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--schemas", required=True)
    parser.add_argument("--kafka", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vouch-steps-") as folder:
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/passphrase"
        tempfile.tempdir = folder
        ledger = Ledger(options, folder)
        try:
            run(ledger)
        except (Failed, RuntimeError) as failure:
            sys.exit(str(failure))
        finally:
            ledger.close()


if __name__ == "__main__":
    main()
