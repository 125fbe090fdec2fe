#!/usr/bin/env python3
"""Asks `vouch serve` about the time 2 s ago, under load and through kills, and then all of it again.

    settled_answers.py --program vouch [--answers 1000] [--kills 2] [--seed N]

Of four shards one rests. At least 99 of 100 answers have to be settled, and each of these, asked
again in the last life, has to come out the same to the byte.
"""
import argparse
import collections
import datetime
import http.client
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

import processes

SHARDS = 4
WRITERS = 2
LINES = 20
AGE_S = 2
SETTLED_MIN_PERCENT = 99
START_S = 60


class Failed(Exception):
    pass


class Client:
    def __init__(self, server):
        self.connection = http.client.HTTPConnection(*server.address(START_S), timeout=60)

    def ask(self, method, target, body=None):
        headers = {"Content-Type": "application/x-ndjson"} if body else {}
        self.connection.request(method, target, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def post(self, commands):
        status, _, body = self.ask("POST", "/v1/commands",
                                   "".join(json.dumps(each) + "\n" for each in commands))
        if status != 200:
            raise Failed(f"commands: {status} {body}")
        return [json.loads(line) for line in body.splitlines()]


def open_accounts(server):
    """Accounts by shard; each on a shard of which there is none to spare is wealthy enough."""
    names = [f"a{i}" for i in range(40)]
    opened = Client(server).post(
        [{"id": f"open-{name}", "open_account": {"account": name, "asset": "EUR/2",
                                                 "class": "liability", "limit": "unlimited"}}
         for name in names])
    by_shard = collections.defaultdict(list)
    for name, outcome in zip(names, opened):
        by_shard[outcome["shard"]].append(name)
    if sorted(by_shard) != list(range(SHARDS)):
        raise Failed(f"accounts on {SHARDS} shards expected, found {dict(by_shard)}")
    return by_shard


class Load:
    """Transfers within and across all shards but the one that rests, for one life of the server."""

    def __init__(self, server, accounts, life, seed):
        self.stopping = False
        self.posted = 0
        self.threads = [threading.Thread(target=self._write, args=(server, accounts, f"{life}-{i}", seed))
                        for i in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def _write(self, server, accounts, name, seed):
        chosen = random.Random(f"{seed}:{name}")
        try:
            client = Client(server)
            for number in range(1_000_000):
                if self.stopping:
                    return
                pairs = [chosen.sample(accounts, 2) for _ in range(LINES)]
                client.post([{"id": f"t-{name}-{number}-{i}",
                            "transfer": {"debit": debit, "credit": credit, "amount": "1.00"}}
                           for i, (debit, credit) in enumerate(pairs)])
                self.posted += LINES
        except (OSError, http.client.HTTPException):
            pass  # the server was killed, as planned

    def join(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def some_time_ago():
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=AGE_S)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def wait_until_old(server, accounts):
    """Until each account was open so long ago."""
    client, deadline = Client(server), time.monotonic() + START_S
    for account in accounts:
        while client.ask("GET", f"/v1/accounts/{account}/balance?at={some_time_ago()}")[0] != 200:
            if time.monotonic() > deadline:
                raise Failed(f"{account} is still not open {AGE_S} s ago")


def target(chosen, accounts):
    account = chosen.choice(accounts)
    path = chosen.choices([f"/v1/accounts/{account}/balance?", "/v1/trial-balance?",
                           "/v1/balances?page_size=20&", f"/v1/accounts/{account}/statement?page_size=20&",
                           "/v1/statement?page_size=20&"], weights=[6, 1, 1, 1, 1])[0]
    return f"{path}at={some_time_ago()}"


def ask(server, accounts, chosen, count):
    """So many answers; those that are settled, and how many were not."""
    client, settled, unsettled = Client(server), [], 0
    for _ in range(count):
        asked = target(chosen, accounts)
        status, headers, body = client.ask("GET", asked)
        if status != 200:
            raise Failed(f"{asked}: {status} {body}")
        if headers["Vouch-Settled"] == "true":
            settled.append((asked, headers["Vouch-As-Of"], body))
        else:
            unsettled += 1
    return settled, unsettled


def run(options, folder):
    chosen = random.Random(options.seed)
    server = processes.Server(options.program, folder)
    server.create(SHARDS)
    try:
        by_shard = open_accounts(server)
        resting = chosen.randrange(SHARDS)
        all_accounts = [name for names in by_shard.values() for name in names]
        busy = [name for shard, names in by_shard.items() if shard != resting for name in names]
        wait_until_old(server, all_accounts)
        settled, unsettled, posted = [], 0, 0
        lives = options.kills + 1
        for life in range(lives):
            load = Load(server, busy, life, options.seed)
            found, others = ask(server, all_accounts, chosen, -(-options.answers // lives))
            settled += found
            unsettled += others
            if life < options.kills:
                server.kill()
                server.wait()
            load.join()
            posted += load.posted
            if life < options.kills:
                server.start()
                server.wait_until_ready()
        total = len(settled) + unsettled
        if 100 * len(settled) < SETTLED_MIN_PERCENT * total:
            raise Failed(f"{len(settled)} of {total} answers settled")
        client = Client(server)
        for asked, as_of, body in settled:
            status, headers, again = client.ask("GET", asked)
            if (status, headers["Vouch-As-Of"], again) != (200, as_of, body):
                raise Failed(f"{asked}: was {as_of} {body}, is {status} {headers} {again}")
        status = server.stop()
        if status != 0:
            raise Failed(f"stopping: {status}: {server.last_words()}")
        return (f"{len(settled)} of {total} answers about {AGE_S} s ago settled, while {posted} "
                f"transfers were posted on {SHARDS - 1} of {SHARDS} shards, {options.kills} kills; "
                f"each the same when asked again; seed {options.seed}")
    finally:
        if not server.has_ended():
            server.kill()
            server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory(prefix="vouch-settled-") as folder:
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/passphrase"
        try:
            print(run(options, pathlib.Path(folder)))
        except (Failed, RuntimeError) as failure:
            sys.exit(f"seed {options.seed}: {failure}")


if __name__ == "__main__":
    main()
