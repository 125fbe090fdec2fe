"""What the campaign's clients ask for, and what the books must say afterwards.

Every command follows from a seed and a client's number alone, so that a client can send again what
had no outcome, with the same id and the same content.
"""
import collections
import itertools
import json
import random

ORDINARY = [f"a{i}" for i in range(20)]
CARDS = [f"c{i}" for i in range(4)]  # credits lower them, to -500.00 at most
OPEN_ENDED = ["o0", "o1"]
FREEZING = "ice"
NOBODY = [f"nobody{i}" for i in range(3)]  # never opened
FUNDED = ORDINARY + CARDS + OPEN_ENDED + [FREEZING]
LINES_MAX = 60
HOLD_EXPIRES_IN_S = 2


def text(cents):
    return f"{cents // 100}.{cents % 100:02}"


def cents(amount):
    sign = -1 if amount.startswith("-") else 1
    whole, _, places = amount.lstrip("-").partition(".")
    return sign * (int(whole) * 100 + int(places or 0))


def opening():
    """The first request: every account, with something on it."""
    def opened(account, account_class, limit):
        return {"id": f"open-{account}", "open_account": {
            "account": account, "asset": "EUR/2", "class": account_class, "limit": limit}}

    lines = [opened("world", "asset", "unlimited")]
    lines += [opened(account, "liability", "0.00") for account in ORDINARY + [FREEZING]]
    lines += [opened(account, "asset", "500.00") for account in CARDS]
    lines += [opened(account, "liability", "unlimited") for account in OPEN_ENDED]
    lines += [{"id": f"fund-{account}", "transfer": {"debit": "world", "credit": account,
                                                     "amount": "1000.00"}}
              for account in FUNDED if account not in CARDS]
    lines += [{"id": f"fund-{account}", "transfer": {"debit": account, "credit": "world",
                                                     "amount": "200.00"}} for account in CARDS]
    return lines


class Client:
    """The endless list of one client's commands."""

    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}:{number}")
        self.number = number
        self.count = itertools.count()
        self.payments = collections.deque(maxlen=200)  # (id, payer, payee)
        self.holds = collections.deque(maxlen=60)  # (id, payer, payee or None)

    def request(self):
        return [self.command() for _ in range(self.random.randint(1, LINES_MAX))]

    def command(self):
        make = self.random.choices(
            [self.transfer, self.balancing, self.hold, self.capture, self.release, self.refund,
             self.reverse, self.freeze], weights=[45, 8, 15, 14, 5, 7, 4, 2])[0]
        command = make()
        command["id"] = f"w{self.number}-{next(self.count)}"
        if "transfer" in command:
            body = command["transfer"]
            self.payments.append((command["id"], body["debit"], body["credit"]))
        if "place_hold" in command:
            body = command["place_hold"]
            self.holds.append((command["id"], body["debit"], body.get("credit")))
        return command

    def amount(self):
        return text(self.random.randint(1, 3000))

    def pair(self):
        """Mostly two accounts that can pay each other; now and then a payee that cannot be paid."""
        debit = self.random.choice(FUNDED)
        if self.random.random() < 0.05:
            return debit, self.random.choice(NOBODY)
        return debit, self.random.choice([other for other in FUNDED if other != debit])

    def transfer(self):
        debit, credit = self.pair()
        return {"transfer": {"debit": debit, "credit": credit, "amount": self.amount()}}

    def balancing(self):
        debit, credit = self.pair()
        if self.random.random() < 0.4:
            credit = self.random.choice([card for card in CARDS if card != debit])
        return {"transfer": {"debit": debit, "credit": credit, "amount": "700.00",
                             "balancing": self.random.choice(["debit", "credit", "both"])}}

    def hold(self):
        debit, credit = self.pair()
        body = {"debit": debit, "amount": self.amount()}
        if self.random.random() < 0.8:
            body["credit"] = credit
        if self.random.random() < 0.2:
            body["expires_in"] = f"{HOLD_EXPIRES_IN_S}s"
        return {"place_hold": body}

    def of_hold(self):
        """A hold to act on. Its payer is named half of the time; otherwise the server finds it."""
        hold, payer, payee = self.random.choice(self.holds)
        body = {"hold": hold}
        if self.random.random() < 0.5:
            body["account"] = payer
        return body, payer, payee

    def capture(self):
        if not self.holds:
            return self.transfer()
        body, payer, payee = self.of_hold()
        if self.random.random() < 0.6:
            body["amount"] = self.amount()
            body["keep_rest"] = self.random.random() < 0.5
        if payee is None:
            body["credit"] = self.random.choice([other for other in FUNDED if other != payer])
        return {"capture_hold": body}

    def release(self):
        return {"release_hold": self.of_hold()[0]} if self.holds else self.transfer()

    def of_payment(self):
        payment, _, payee = self.random.choice(self.payments)
        body = {"entry": payment}
        if self.random.random() < 0.5:
            body["account"] = payee
        return body

    def refund(self):
        if not self.payments:
            return self.transfer()
        body = self.of_payment()
        if self.random.random() < 0.7:
            body["amount"] = text(self.random.randint(1, 800))
        return {"refund": body}

    def reverse(self):
        return {"reverse": self.of_payment()} if self.payments else self.transfer()

    def freeze(self):
        name = self.random.choice(["freeze_account", "unfreeze_account"])
        return {name: {"account": FREEZING, "block": self.random.choice(["debits", "credits"])}}


class Balances:
    """What the accepted commands lead to, by arithmetic of its own; in any order of them."""

    def __init__(self, commands, outcomes):
        self.posted = collections.Counter()  # credits less debits
        self.held = collections.Counter()  # (account, side)
        self.entries = {}  # id -> (payer, payee, amount)
        self.refunds = collections.Counter()
        accepted = [(command, outcomes[command["id"]]) for command in commands
                    if outcomes[command["id"]]["accepted"]]
        self.holds = {command["id"]: self._hold(command, outcome)
                      for command, outcome in accepted if "place_hold" in command}
        for command, outcome in accepted:
            self._post(command, outcome)
        for command, outcome in accepted:
            self._give_back(command, outcome)
        for hold in self.holds.values():
            if hold["left"] < 0:
                raise ValueError(f"more captured than held: {hold}")
            if hold["expires"]:
                continue
            self.held[hold["payer"], "debits"] += hold["left"]
            if hold["payee"]:
                self.held[hold["payee"], "credits"] += hold["left"]

    @staticmethod
    def _amount(body, outcome):
        return cents(outcome.get("amount") or body["amount"])

    def _hold(self, command, outcome):
        body = command["place_hold"]
        return {"payer": body["debit"], "payee": body.get("credit"),
                "left": self._amount(body, outcome), "expires": "expires_in" in body}

    def _move(self, debit, credit, amount):
        self.posted[debit] -= amount
        self.posted[credit] += amount

    def _post(self, command, outcome):
        if "transfer" in command:
            body = command["transfer"]
            debit, credit, amount = body["debit"], body["credit"], self._amount(body, outcome)
        elif "capture_hold" in command:
            body = command["capture_hold"]
            hold, amount = self.holds[body["hold"]], self._amount(body, outcome)
            debit, credit = hold["payer"], hold["payee"] or body["credit"]
            hold["left"] -= amount
        else:
            return
        self._move(debit, credit, amount)
        self.entries[command["id"]] = debit, credit, amount

    def _give_back(self, command, outcome):
        if "release_hold" in command:
            self.holds[command["release_hold"]["hold"]]["left"] = 0
        elif "capture_hold" in command:
            body = command["capture_hold"]
            hold = self.holds[body["hold"]]
            if hold["left"] > 0 and not body.get("keep_rest", False):
                hold["left"] = 0
        elif "refund" in command or "reverse" in command:
            body = command.get("refund") or command["reverse"]
            debit, credit, amount = self.entries[body["entry"]]
            part = self._amount(body, outcome) if "refund" in command else amount
            self.refunds[body["entry"]] += part
            if self.refunds[body["entry"]] > amount:
                raise ValueError(f"more given back than paid: {body['entry']}")
            self._move(credit, debit, part)

    def differences(self, rows):
        """Of balances as the server tells them: account, what, found, expected."""
        found = {row["account"]: row for row in rows}
        for account in ["world"] + FUNDED:
            row = found[account]
            held = {side: cents(row[f"{side}_held"]) for side in ("debits", "credits")}
            posted = cents(row["credits_posted"]) - cents(row["debits_posted"])
            if posted != self.posted[account]:
                yield account, "posted", posted, self.posted[account]
            for side in held:
                if held[side] != self.held[account, side]:
                    yield account, f"{side} held", held[side], self.held[account, side]


def lines_of(commands):
    return "".join(json.dumps(command) + "\n" for command in commands)
