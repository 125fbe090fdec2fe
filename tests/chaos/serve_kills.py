#!/usr/bin/env python3
"""Kills `vouch serve` again and again under load, and holds the books against what it answered.

    serve_kills.py --program vouch --library kill_within_commit.so [--kills 10] [--seed N]
    serve_kills.py ... --kafka tools/kafka [--broker-kills 2]

Clients send commands over HTTP without pause, from a seed; whatever got no answer is sent again,
the same, until it has one. Every second kill comes from inside the process, before, during or after
a chosen write, sync or transaction of a commit; the others at any moment. Afterwards:

  * every command has one outcome, and asked again for all of them, the server says the same words;
  * the balances and holds are those that the accepted commands lead to by arithmetic alone;
  * replay, with keys and views, finds nothing: no step lost, doubled or still on its way.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time

import load
import processes

CLIENTS = 4
ANSWER_S = 300  # for one request, lives and starts of the server and the broker included
LIFE_S = 180
SETTLE_S = 60


class Failed(Exception):
    pass


class Client:
    """One client's connection to whichever life of the server there is."""

    def __init__(self, server):
        self.server = server
        self.connection = None
        self.to = None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, method, target, body=None):
        """One try: the answer, or None when it may have been lost on the way."""
        address = self.server.address()
        if address is None:
            return None
        try:
            if self.connection is None or self.to != address:
                self.close()
                self.connection = http.client.HTTPConnection(*address, timeout=ANSWER_S)
                self.to = address
            headers = {"Content-Type": "application/x-ndjson"} if body else {}
            self.connection.request(method, target, body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return None
        if answer.status == 503:  # the ledger stops, or is full
            self.close()
            return None
        if answer.status != 200:
            raise Failed(f"{method} {target}: {answer.status} {content[:300]}")
        return content.decode()

    def insist(self, method, target, body=None):
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline and not self.server.is_given_up:
            answer = self.ask(method, target, body)
            if answer is not None:
                return answer
        raise Failed(f"no answer in {ANSWER_S} s: {self.server.last_words()}")


class Clients:
    """Send commands until told to stop, and keep every outcome."""

    def __init__(self, server, seed):
        self.server = server
        self.lists = [load.Client(seed, number) for number in range(CLIENTS)]
        self.sent = [[] for _ in self.lists]
        self.outcomes = {}  # id -> the line, as it came
        self.repeats = 0
        self.answers = 0
        self.changed = threading.Condition()
        self.stopping = False
        self.failure = None
        self.threads = []

    def start(self):
        for number in range(CLIENTS):
            self.threads.append(threading.Thread(target=self._run, args=(number,)))
            self.threads[-1].start()

    def join(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def stop(self):
        self.join()
        self.check()

    def check(self):
        if self.failure:
            raise self.failure

    def _run(self, number):
        try:
            client = Client(self.server)
            while not self.stopping and not self.failure:
                commands = self.lists[number].request()
                self.sent[number].append(commands)
                self.submit(client, commands)
            client.close()
        except Exception as failure:  # told by the thread that waits
            self.failure = self.failure or failure
            with self.changed:
                self.changed.notify_all()

    def submit(self, client, commands):
        lines = client.insist("POST", "/v1/commands", load.lines_of(commands)).splitlines()
        if len(lines) != len(commands):
            raise Failed(f"{len(commands)} commands, {len(lines)} outcomes")
        with self.changed:
            for command, line in zip(commands, lines):
                self._keep(command, line)
            self.answers += 1
            self.changed.notify_all()

    def _keep(self, command, line):
        outcome = json.loads(line)
        if outcome.get("id") != command["id"]:
            raise Failed(f"expected an outcome of {command['id']}, found {line}")
        if outcome["outcome"] in ("malformed", "too_large", "conflict", "in_transit"):
            raise Failed(f"no outcome: {command} {line}")
        first = self.outcomes.setdefault(command["id"], line)
        self.repeats += first is not line
        if first != line:
            raise Failed(f"two outcomes of {command}: {first} {line}")

    def wait_for_answers(self, count):
        """Until so many more requests are answered, or the server has ended by itself."""
        until = self.answers + count
        deadline = time.monotonic() + LIFE_S
        with self.changed:
            while self.answers < until and not self.failure and not self.server.has_ended():
                if time.monotonic() > deadline:
                    raise Failed(f"no {count} answers in {LIFE_S} s: {self.server.last_words()}")
                self.changed.wait(0.05)
        self.check()

    def wait_for_end(self):
        deadline = time.monotonic() + LIFE_S
        with self.changed:
            while not self.server.has_ended() and not self.failure:
                if time.monotonic() > deadline:
                    raise Failed(f"still alive after {LIFE_S} s: {self.server.last_words()}")
                self.changed.wait(0.05)
        self.check()

    def requests(self):
        return [commands for of_client in self.sent for commands in of_client]

    def ask_again(self):
        """Everything, once more; each client its own."""
        def again(number):
            try:
                client = Client(self.server)
                for commands in self.sent[number]:
                    self.submit(client, commands)
                client.close()
            except Exception as failure:
                self.failure = self.failure or failure

        threads = [threading.Thread(target=again, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.check()


class Campaign:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.random = random.Random(options.seed)
        self.broker = None
        self.broker_kills = 0
        self.planned_within = 0
        if options.kafka:
            self.broker = processes.Broker(options.kafka, str(folder / "broker"))
            self.broker.start()
        self.server = processes.Server(options.program, folder, options.library)
        self.clients = Clients(self.server, options.seed)

    def plan_within_commit(self):
        calls = ["begin", "send_offsets", "end", "end"] if self.broker else ["pwritev", "fdatasync"]
        return {"VOUCH_KILL_CALL": self.random.choice(calls),
                "VOUCH_KILL_AT": str(self.random.randint(1, 60)),
                "VOUCH_KILL_WHEN": self.random.choice(["before", "during", "after"]),
                "VOUCH_KILL_US": str(self.random.choice([50, 500, 3000]))}

    def run(self):
        where = processes.on_kafka(self.broker.address, "chaos") if self.broker else []
        self.server.create(self.options.shards, where)
        client = Client(self.server)
        self.clients.submit(client, load.opening())
        self.clients.sent[0].append(load.opening())
        client.close()
        self.clients.start()
        try:
            for number in range(self.options.kills):
                with_broker = self.broker is not None and self.broker_is_due(number)
                within = self.is_within_commit(number, with_broker)
                if number > 0:
                    self.server.start(kill=self.plan_within_commit() if within else None)
                self.end_life(within, with_broker)
            self.server.start()
            self.clients.wait_for_answers(2 * CLIENTS)
        except BaseException:
            self.server.is_given_up = True
            self.clients.join()
            raise
        self.clients.stop()

    def is_within_commit(self, number, with_broker):
        """Half of all; not while the broker is away, nor the first, whose server is there already."""
        is_away = with_broker and self.broker_kills % 2 == 1
        within = number > 0 and not is_away and 2 * self.planned_within <= number
        self.planned_within += within
        return within

    def broker_is_due(self, number):
        """Spread evenly over the kills of the server."""
        return self.broker_kills < self.options.broker_kills * (number + 1) // self.options.kills

    def end_life(self, within, with_broker):
        is_away = False
        if with_broker:
            self.clients.wait_for_answers(self.random.randint(0, 3))
            self.broker.kill()
            self.broker_kills += 1
            # Every second time the server has to outlive its broker; otherwise it dies meanwhile.
            is_away = self.broker_kills % 2 == 0
            if not is_away:
                self.broker.start()
                self.clients.wait_for_answers(CLIENTS)
        if within and not is_away:
            self.clients.wait_for_end()
        else:
            self.clients.wait_for_answers(0 if is_away else self.random.randint(0, 25))
            self.server.kill()
        status = self.server.wait()
        if status != -signal.SIGKILL:
            raise Failed(f"the server ended by itself ({status}): {self.server.last_words()}")
        if is_away:
            self.broker.start()

    def check(self):
        """Against the last life, which nobody kills."""
        clients = self.clients
        clients.ask_again()
        commands = [command for request in clients.requests() for command in request]
        outcomes = {id: json.loads(line) for id, line in clients.outcomes.items()}
        if len(commands) != len(outcomes):
            raise Failed(f"{len(commands)} commands, {len(outcomes)} outcomes")
        expected = load.Balances(commands, outcomes)
        self.wait_until_equal(expected)
        status = self.server.stop()
        if status != 0:
            raise Failed(f"stopping: {status}: {self.server.last_words()}")
        processes.clean_replay(self.options.program, self.server.books)
        within = self.server.kills_within_commit()
        if within < self.options.kills // 2:  # the others may all have come while nothing was written
            raise Failed(f"{within} of {self.options.kills} kills of the server within a commit, "
                         f"expected half")
        accepted = sum(outcome["accepted"] for outcome in outcomes.values())
        return (f"{self.options.kills} kills of the server, {within} of them within a commit, "
                f"{self.broker_kills} of the broker; {len(commands)} commands on "
                f"{self.options.shards} shards, {accepted} accepted, each with one outcome, "
                f"{clients.repeats} told again; balances as computed, replay clean; "
                f"seed {self.options.seed}")

    def wait_until_equal(self, expected):
        """What was held for a time may still have to expire."""
        deadline = time.monotonic() + SETTLE_S
        while differences := list(expected.differences(self.balances())):
            if time.monotonic() > deadline:
                raise Failed(f"balances (account, what, found, expected): {differences}")

    def balances(self):
        client = Client(self.server)
        rows = json.loads(client.insist("GET", "/v1/balances?page_size=1000&at_least=end"))
        client.close()
        return rows["accounts"]

    def close(self):
        if self.server.process and not self.server.has_ended():
            self.server.kill()
            self.server.wait()
        if self.broker:
            self.broker.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--library", required=True, help="kill_within_commit, as built")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kafka", help="tools/kafka: on a broker of its own")
    parser.add_argument("--broker-kills", type=int, default=2)
    parser.add_argument("--folder", help="where everything lies; kept. Otherwise a temporary one")
    options = parser.parse_args()
    options.program = str(pathlib.Path(options.program).resolve())
    options.library = str(pathlib.Path(options.library).resolve())

    with tempfile.TemporaryDirectory(prefix="vouch-chaos-") as temporary:
        folder = pathlib.Path(options.folder or temporary).resolve()
        folder.mkdir(exist_ok=True)
        os.environ["VOUCH_PASSPHRASE_FILE"] = str(folder / "passphrase")
        campaign = Campaign(options, folder)
        try:
            campaign.run()
            print(campaign.check())
        except (Failed, RuntimeError, ValueError) as failure:
            sys.exit(f"seed {options.seed}: {failure}")
        finally:
            campaign.close()


if __name__ == "__main__":
    main()
