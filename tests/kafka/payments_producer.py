#!/usr/bin/env python3
"""A payment system of its own: knows vouch by its schemas alone.

Opens accounts, funds them and pays between them over Kafka, also what has to be refused, reads the
outcomes from the events with read_committed, and holds what it finds against its own arithmetic: one
outcome for each command and the right one, every balance, and books that balance on each shard. Ends
with a line of what it did.

    payments_producer.py HOST:PORT NAME SCHEMAS [--partitioner murmur2_random|consistent_random]
                         [--run WORD] [--accounts N] [--payments N] [--garbage]

With librdkafka's own partitioner (consistent_random) commands arrive on the wrong shard and are
forwarded. --garbage puts bytes that are no commands among them.
"""
import argparse
import collections
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import time

import confluent_kafka

PATIENCE_S = 60  # for any one wait on the broker or the ledger
FUNDS = 1_000_000  # of an account at first


def load_schemas(folder):
    out = tempfile.mkdtemp(prefix="vouch-schemas-")
    files = ["command.proto", "event.proto", "record.proto"]
    subprocess.run(["protoc", "-I", folder, "--python_out", out] + files, check=True)
    sys.path.insert(0, out)
    import command_pb2, event_pb2, record_pb2
    return command_pb2, event_pb2, record_pb2


def halves(digest):
    return struct.unpack(">QQ", digest[:16])


def account_id(name, ledger=0):
    whole = hashlib.sha256(b"vouch/account/v1\0" + struct.pack(">I", ledger) + name.encode()).digest()[:16]
    place, has_place, _ = name.partition("~")
    if not has_place:
        return whole
    return whole[:12] + hashlib.sha256(b"vouch/place/v1\0" + struct.pack(">I", ledger) + place.encode()).digest()[:4]


def message_key(account):
    """Of a command that this account, given by its id, decides."""
    return account[12:]


def command_id(name):
    return hashlib.sha256(b"vouch/command/v1\0" + name.encode()).digest()[:16]


def murmur2(data):
    """The hash of Java's default partitioner, whose vectors are published."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    for at in range(0, len(data) - len(data) % 4, 4):
        k = struct.unpack_from("<I", data, at)[0]
        k = (k * m) & mask
        k ^= k >> 24
        h = ((h * m) & mask) ^ ((k * m) & mask)
    rest = data[len(data) - len(data) % 4:]
    for shift, byte in enumerate(rest):
        h ^= byte << (8 * shift)
    if rest:
        h = (h * m) & mask
    h ^= h >> 13
    h = (h * m) & mask
    return h ^ (h >> 15)


class Bank:
    """What the payment system itself believes: names, commands sent, their outcomes, balances."""

    def __init__(self, schemas, run):
        self.command_pb2, self.event_pb2 = schemas[0], schemas[1]
        self.run = run
        self.sent = {}
        self.expected = {}
        self.balances = collections.Counter()

    def _command(self, word, outcome):
        command = self.command_pb2.Command()
        digest = command_id(f"{self.run}:{word}")
        command.id_high, command.id_low = halves(digest)
        self.sent[(command.id_high, command.id_low)] = word
        self.expected[(command.id_high, command.id_low)] = outcome
        return command

    def name(self, account):
        return f"{self.run}:{account}"

    def open(self, account, unlimited=False):
        command = self._command(f"open:{account}", self.event_pb2.OUTCOME_OPENED)
        body = command.open_account
        body.account_high, body.account_low = halves(account_id(self.name(account)))
        body.name = self.name(account)
        body.asset_code, body.asset_scale = "EUR", 2
        body.account_class = self.command_pb2.ACCOUNT_CLASS_LIABILITY
        body.limit.unlimited = unlimited
        return account, command

    def pay(self, word, debit, credit, amount):
        self.balances[debit] -= amount
        self.balances[credit] += amount
        return self._transfer(word, debit, credit, amount, self.event_pb2.OUTCOME_POSTED)

    def pay_refused(self, word, debit, credit, amount, refusal):
        return self._transfer(word, debit, credit, amount, refusal)

    def _transfer(self, word, debit, credit, amount, outcome):
        command = self._command(word, outcome)
        body = command.transfer
        body.debit_high, body.debit_low = halves(account_id(self.name(debit)))
        body.credit_high, body.credit_low = halves(account_id(self.name(credit)))
        body.amount = amount
        return debit, command

    def shard(self, account, shards):
        return (murmur2(message_key(account_id(self.name(account)))) & 0x7FFFFFFF) % shards

    def refused_payments(self, accounts, shards):
        """(debit, credit, amount, refusal): from each account to one of its own shard and to one of
        another, who nobody has opened; and to one who somebody has, more than all of them have."""
        nobodies = [f"nobody-{i}" for i in range(100)]
        for debit in accounts[:5]:
            for payees, amount, refusal in (
                    (nobodies, 1, self.event_pb2.OUTCOME_ACCOUNT_NOT_FOUND),
                    (accounts[5:], len(accounts) * FUNDS + 1,
                     self.event_pb2.OUTCOME_INSUFFICIENT_FUNDS)):
                own = self.shard(debit, shards)
                for credit in {self.shard(payee, shards) == own: payee for payee in payees}.values():
                    yield debit, credit, amount, refusal


class Sender:
    def __init__(self, options, bank):
        self.bank = bank
        self.topic = f"{options.name}.commands"
        self.failed = []
        self.misrouted = 0
        self.partitions = None
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": options.bootstrap,
            "enable.idempotence": True,
            "partitioner": options.partitioner,
        })

    def send(self, account, command):
        batch = self.bank.command_pb2.CommandBatch(commands=[command])
        key = message_key(account_id(self.bank.name(account)))
        right = self.bank.shard(account, self.partitions)

        def delivered(error, message):
            if error is not None:
                self.failed.append(error)
            elif message.partition() != right:
                self.misrouted += 1

        self.producer.produce(self.topic, batch.SerializeToString(), key=key, on_delivery=delivered)
        self.producer.poll(0)

    def send_garbage(self, value):
        self.producer.produce(self.topic, value, key=os.urandom(16))

    def flush(self):
        if self.producer.flush(PATIENCE_S) != 0 or self.failed:
            sys.exit(f"not delivered: {self.failed[:3]}")


class Outcomes:
    """Reads the events of every shard, as far as they are committed."""

    def __init__(self, options, schemas):
        self.event_pb2, self.record_pb2 = schemas[1], schemas[2]
        self.outcomes = {}
        self.doubled = []
        self.unreadable = 0
        self.forwarded = 0
        self.totals = {}  # (shard, account number) -> (debits, credits)
        self.numbers = {}  # account id -> (shard, account number)
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": options.bootstrap,
            "group.id": f"{options.name}.payments-producer",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
        })
        self.topic = f"{options.name}.events"
        found = self.consumer.list_topics(self.topic, timeout=PATIENCE_S).topics[self.topic]
        self.partitions = len(found.partitions)
        self.next = [0] * self.partitions
        self._assign()

    def _assign(self):
        self.consumer.assign([confluent_kafka.TopicPartition(self.topic, partition, offset)
                              for partition, offset in enumerate(self.next)])

    def wait_for(self, ids):
        deadline = time.monotonic() + PATIENCE_S
        missing = set(ids) - self.outcomes.keys()
        while missing:
            if time.monotonic() > deadline:
                sys.exit(f"no outcome within {PATIENCE_S} s for {len(missing)} commands")
            self._poll()
            missing -= self.outcomes.keys()

    def read_to_end(self):
        """A second outcome may be committed after the one that was waited for."""
        self._assign()  # so that each partition says once more where it ends
        waiting, deadline = set(range(self.partitions)), time.monotonic() + PATIENCE_S
        while waiting:
            if time.monotonic() > deadline:
                sys.exit(f"{self.topic} does not come to an end within {PATIENCE_S} s")
            waiting.discard(self._poll())

    def _poll(self):
        """Takes a message; or else the partition that came to its end, if one did."""
        message = self.consumer.poll(1.0)
        if message is None:
            return None
        if message.error():
            if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                return message.partition()
            sys.exit(f"events: {message.error()}")
        self.next[message.partition()] = message.offset() + 1
        self._take(message)
        return None

    def _take(self, message):
        record = self.record_pb2.SealedRecord.FromString(message.value())
        header = self.record_pb2.RecordHeader.FromString(record.header)
        if header.shard != message.partition():
            sys.exit(f"partition {message.partition()} holds a record of shard {header.shard}")
        batch = self.event_pb2.EventBatch.FromString(record.body)
        if len(batch.events) != header.event_count:
            sys.exit("a record has another number of events than its header says")
        for event in batch.events:
            self._take_event(header.shard, event)

    def _take_event(self, shard, event):
        self.unreadable += event.HasField("unreadable")
        self.forwarded += event.HasField("command_forwarded")
        for change in event.changes:
            debits = change.debits_posted + (change.debits_posted_high << 64)
            credits = change.credits_posted + (change.credits_posted_high << 64)
            self.totals[(shard, change.account)] = (debits, credits)
        if event.command.HasField("open_account") and event.changes:
            body = event.command.open_account
            self.numbers[(body.account_high, body.account_low)] = (shard, event.changes[0].account)
        # A payment that crossed shards has its outcome in an event that cites its command.
        asked = event.answered if event.HasField("answered") else event.command
        if event.outcome == 0 or event.HasField("step_followed"):
            return
        key = (asked.id_high, asked.id_low)
        if key in self.outcomes:
            self.doubled.append(key)
        self.outcomes[key] = event.outcome


def check(condition, what):
    if not condition:
        sys.exit(f"wrong: {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bootstrap")
    parser.add_argument("name")
    parser.add_argument("schemas")
    parser.add_argument("--partitioner", default="murmur2_random")
    parser.add_argument("--run", default="r1")
    parser.add_argument("--accounts", type=int, default=40)
    parser.add_argument("--payments", type=int, default=2000)
    parser.add_argument("--garbage", action="store_true")
    options = parser.parse_args()

    schemas = load_schemas(options.schemas)
    event_pb2 = schemas[1]
    bank = Bank(schemas, options.run)
    outcomes = Outcomes(options, schemas)
    sender = Sender(options, bank)
    sender.partitions = outcomes.partitions
    accounts = [f"customer-{i}" for i in range(options.accounts)]

    sender.send(*bank.open("funding", unlimited=True))
    for account in accounts:
        sender.send(*bank.open(account))
    sender.flush()
    outcomes.wait_for(bank.sent)
    for account in accounts:
        sender.send(*bank.pay(f"fund:{account}", "funding", account, FUNDS))
    sender.flush()
    outcomes.wait_for(bank.sent)
    refused = list(bank.refused_payments(accounts, outcomes.partitions))
    for i, (debit, credit, amount, refusal) in enumerate(refused):
        sender.send(*bank.pay_refused(f"refused:{i}", debit, credit, amount, refusal))
    for i in range(options.payments):
        debit, credit = accounts[i % len(accounts)], accounts[(i * 7 + 1) % len(accounts)]
        if debit == credit:
            continue
        sender.send(*bank.pay(f"pay:{i}", debit, credit, 1 + i % 97))
        if options.garbage and i % 100 == 0:
            sender.send_garbage(b"")
            sender.send_garbage(os.urandom(300))
            sender.send_garbage(event_pb2.Facts(account_high=7).SerializeToString())
    sender.flush()
    outcomes.wait_for(bank.sent)
    outcomes.read_to_end()

    wrong = [(word, outcomes.outcomes[key], bank.expected[key])
             for key, word in bank.sent.items() if outcomes.outcomes[key] != bank.expected[key]]
    check(not wrong, f"outcomes (command, found, expected): {wrong[:3]}")
    check(not outcomes.doubled, "a command has two outcomes")
    for account, expected in bank.balances.items():
        debits, credits = outcomes.totals[outcomes.numbers[halves(account_id(bank.name(account)))]]
        check(credits - debits == expected, f"balance of {account}: {credits - debits}, expected {expected}")
    for shard in range(outcomes.partitions):
        rows = [totals for (of, _), totals in outcomes.totals.items() if of == shard]
        check(sum(d for d, _ in rows) == sum(c for _, c in rows), f"shard {shard} does not balance")
    if options.partitioner == "murmur2_random":
        check(sender.misrouted == 0, f"{sender.misrouted} commands on another partition than computed")
    else:
        check(sender.misrouted > 0, "no command was misrouted")
        check(outcomes.forwarded >= sender.misrouted, "misrouted commands were not forwarded")
    if options.garbage:
        check(outcomes.unreadable > 0, "garbage left no trace")
    across = sum(bank.shard(debit, outcomes.partitions) != bank.shard(credit, outcomes.partitions)
                 for debit, credit, _, _ in refused)
    print(f"{len(bank.sent)} commands, {len(refused)} refused as expected ({across} across shards), "
          f"{len(accounts)} balances as computed, {outcomes.partitions} shards, "
          f"{sender.misrouted} misrouted, {outcomes.forwarded} forwarded, {outcomes.unreadable} unreadable")


if __name__ == "__main__":
    main()
