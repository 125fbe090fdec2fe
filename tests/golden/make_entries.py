#!/usr/bin/env python3
"""Writes command_bytes.json and event_bytes.json: one example of each command and each event as
bytes, encoded apart from the program. The same examples as values: tests/events/sample_entries.cc.

With --check, compares with the files instead, and fails on a difference.
Field numbers: schemas/command.proto, schemas/event.proto.
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def given(field, value):
    """A number whose presence counts."""
    return varint(field << 3) + varint(value)


def number(field, value):
    return given(field, value) if value else b""


def message(field, *parts):
    content = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(content)) + content


def text(field, value):
    return message(field, value.encode()) if value else b""


def ident(field, value):
    """A 128-bit id in two fixed64."""
    out = b""
    for position, half in ((field, value >> 64), (field + 1, value & (1 << 64) - 1)):
        if half:
            out += varint(position << 3 | 1) + half.to_bytes(8, "little")
    return out


def fixed(field, value):
    return varint(field << 3 | 1) + value.to_bytes(8, "little")


def amount(low, value, high=None):
    return number(low, value & (1 << 64) - 1) + number(high or low + 1, value >> 64)


ID = 0x1000000000000001_2000000000000002
ALICE = 0x3000000000000003_4000000000000004
SHOP = 0x5000000000000005_6000000000000006
FEES = 0x7000000000000007_8000000000000008
OTHER = 0x9000000000000009_A00000000000000A
BIG = (1 << 64) + 5
NOON = 1767268800000000  # 2026-01-01T12:00:00Z
DIGEST = hashlib.sha256(b"digest").digest()


def named(name, ledger):
    digest = hashlib.sha256(b"vouch/account/v1\0" + ledger.to_bytes(4, "big") + name.encode()).digest()
    return int.from_bytes(digest[:16], "big")


def command_id(name):
    return int.from_bytes(hashlib.sha256(b"vouch/command/v1\0" + name.encode()).digest()[:16], "big")


def command(field, *body):
    return ident(1, ID) + message(field, *body)


def posting(account, side, units):
    return message(1, ident(1, account), number(3, side), amount(4, units))


TRANSFER = message(4, ident(1, ALICE), ident(3, SHOP), amount(5, 1000))
FULL = (ident(1, ID) + number(3, 7) + TRANSFER + text(9, "order-7")
        + message(10, text(1, "ops-7"), text(2, "10.0.0.1"), text(3, "pos"))
        + text(11, "checkout") + text(12, "ticket-1") + given(13, 0) + number(14, NOON) + given(15, 2)
        + message(26, text(1, "k"), text(2, "v")) + message(26, text(1, "empty"))
        + text(28, "web")
        + message(30, fixed(1, 0x4BF92F3577B34DA6), fixed(2, 0xA3CE929D0E0E4736), fixed(3, 0x00F067AA0BA902B7),
                  number(4, 1))
        + number(34, 20454) + number(36, 5)
        + message(37, number(1, 1), text(2, "o-1")) + message(37, number(1, 6), text(2, "2026/001"))
        + text(38, "weekly settlement")
        + message(39, message(1, DIGEST), text(2, "application/pdf"), number(3, 12_345))
        + message(39, message(1, b"\xff" * 32)))

COMMANDS = {
    "transfer": ident(1, ID) + TRANSFER,
    "transfer_full": FULL,
    "transfer_as_text": ident(1, command_id("t1")) + TRANSFER + text(29, "t1"),
    "transfer_balancing": command(4, ident(1, ALICE), ident(3, SHOP), amount(5, BIG), number(7, 3)),
    "place_hold": command(5, ident(1, ALICE), ident(3, SHOP), amount(5, 400), number(7, 1), number(8, 60_000_000)),
    "capture_hold": command(6, ident(1, OTHER), ident(3, ALICE), given(5, 300), number(7, 1), ident(8, SHOP)),
    "capture_hold_big": command(6, ident(1, OTHER), given(5, 0), number(6, 1)),
    "release_hold": command(7, ident(1, OTHER), ident(3, ALICE)),
    "post_entry": command(8, posting(SHOP, 1, 500), posting(FEES, 2, 3), posting(ALICE, 2, 497)),
    "open_account": ident(1, ID) + number(3, 7) + message(
        16, ident(1, named("alice", 7)), text(3, "alice"), text(4, "EUR"), number(5, 2), number(6, 2),
        message(7, amount(2, BIG)), text(8, "2010.03"), text(9, "subject-1"), number(10, 255)),
    "open_account_unlimited": command(16, ident(1, ALICE), text(4, "JPY"), number(6, 1), message(7, number(1, 1))),
    "update_account": command(17, ident(1, ALICE), message(3), given(4, 0)),
    "freeze_account": command(18, ident(1, ALICE), number(3, 1)),
    "unfreeze_account": command(19, ident(1, ALICE), number(3, 3)),
    "close_account": command(20, ident(1, ALICE)),
    "extend_hold": command(21, ident(1, OTHER), ident(3, ALICE), number(5, 300_000_000)),
    "reverse": command(22, ident(1, OTHER), ident(3, SHOP)),
    "refund": command(23, ident(1, OTHER), ident(3, SHOP), given(5, 200), ident(7, FEES), given(9, 0), given(10, 1)),
    "group": command(24, message(1, ident(1, OTHER), TRANSFER),
                     message(1, ident(1, FEES), message(20, ident(1, ALICE)))),
    "set_clock": command(25, number(1, NOON)),
}

DEBITED = message(3, number(1, 1), number(2, 3), number(3, 1000), number(4, 5000), number(5, 400))
CREDITED = message(3, number(1, 0), number(2, 9), number(3, BIG & (1 << 64) - 1), number(4, 1000), number(6, 400),
                   number(7, 1), message(11, number(1, 1)), number(12, 2), number(13, 1))
HOLD = message(4, ident(1, OTHER), number(3, 1), number(4, 1), amount(5, 400), amount(7, 100), number(9, NOON))


def posted(change, side, units, account=0):
    """A change that says its own posting, and whose it is."""
    content = change[2:] + number(14, side) + amount(15, units) + ident(17, account)
    return message(3, content)


def of(account, change):
    return message(3, change[2:], ident(17, account))


def both(units, debit=0, credit=0):
    return posted(DEBITED, 1, units, debit) + posted(CREDITED, 2, units, credit)


def remote_hold(status):
    return message(4, HOLD[2:], number(10, status), ident(11, SHOP))


def answered(outcome, *parts, by, first_event=0, ledger=0):
    shard, record = by
    return number(2, outcome) + b"".join(parts) + message(
        12, number(1, shard), number(2, record), number(3, first_event), number(4, ledger), ident(5, ID))


def step(field, *body):
    return message(22, message(1, number(1, 7), ident(2, ID), message(field, *body)))


def parties(code, scale, units):
    return ident(1, ALICE) + ident(3, SHOP) + text(5, code) + number(6, scale) + amount(7, units)


CREDIT_BODY = message(4, parties("EUR", 2, BIG), number(9, 1), number(10, 1))
CREDIT = message(22, message(1, number(1, 7), ident(2, ID), CREDIT_BODY))
NAMED_CREDIT = message(22, message(1, number(1, 7), ident(2, ID), CREDIT_BODY, text(15, "order 1")))
TO_300 = message(21, number(1, 300))
TO_1 = message(21, number(1, 1))


def decided(name, outcome, *parts):
    return message(1, COMMANDS[name]) + number(2, outcome) + b"".join(parts)


EVENTS = {
    "transfer": decided("transfer", 6, DEBITED, CREDITED),
    "transfer_moved": decided("transfer_balancing", 6, DEBITED, CREDITED, number(9, 77)),
    "transfer_in_group": decided("transfer_full", 6, DEBITED, CREDITED, ident(7, OTHER)),
    "transfer_refused": decided(
        "transfer", 58,
        message(6, ident(1, ALICE), message(3, amount(2, 600)), message(4), message(5, amount(2, BIG)), given(7, 3))),
    "post_entry": decided("post_entry", 6, DEBITED, CREDITED, DEBITED),
    "place_hold": decided("place_hold", 7, DEBITED, CREDITED, HOLD),
    "capture_hold": decided(
        "capture_hold", 9, message(3, number(1, 1), number(2, 3), number(3, 300), number(14, 1), number(15, 300),
                                ident(17, ALICE)),
        message(3, number(2, 4), number(4, 300), number(14, 2), number(15, 5), number(16, 1), ident(17, SHOP)), HOLD),
    "capture_hold_refused": decided("capture_hold", 51, message(6, message(6, amount(2, 100)))),
    "open_account": decided("open_account", 1, message(3, number(2, 1), message(11, amount(2, BIG)))),
    "refund": decided("refund", 12, message(5, ident(1, OTHER), message(4, amount(2, 200)),
                                            message(4, number(1, 1), amount(2, BIG)))),
    "reverse": decided("reverse", 11, message(5, ident(1, OTHER), number(3, 1))),
    "group": decided("group", 60, message(11, number(1, 58)), message(11, number(1, 60), number(2, 1))),
    "conflict_seen": message(1, COMMANDS["transfer"]) + message(16, number(1, 17)),
    "unreadable": message(17, number(1, 42), number(2, 1), number(3, 70_000), message(4, DIGEST), number(5, 32),
                          text(6, "transfer.amount")),
    "unreadable_batch": message(17, number(3, 3), message(4, DIGEST), number(5, 32)),
    "unreadable_range": message(17, number(1, 42), number(5, 33), number(7, 44)),
    "unreadable_range_known": message(17, number(1, 42), number(3, 70_000), message(4, DIGEST), number(5, 33),
                                      number(7, 44)),
    "term_started": message(18, number(1, 1)),
    "term_started_named": message(18, number(1, 300), text(2, "node-7"), text(3, "0.1.0")),
    "epoch_sealed": message(19, number(1, 1), number(2, 100), number(3, 900), message(4, DIGEST)),
    "hold_expired": of(ALICE, DEBITED) + HOLD + message(20, number(1, 7)),
    "transfer_in_transit": message(1, COMMANDS["transfer_balancing"]) + both(77) + number(9, 77) + TO_300,
    "hold_in_transit": message(1, COMMANDS["place_hold"]) + DEBITED + CREDITED + remote_hold(0) + message(21),
    "refund_in_transit": message(1, COMMANDS["refund"]) + both(77, debit=SHOP)
                         + message(5, ident(1, OTHER), message(4, number(1, 1), amount(2, 200))) + TO_1,
    "release_in_transit": message(1, COMMANDS["release_hold"]) + remote_hold(2) + TO_1,
    "transfer_answered": answered(6, by=(0, 0)),
    "transfer_answered_partly": answered(6, both(23, credit=ALICE), number(9, 54), by=(300, 812), first_event=70_000, ledger=7),
    "transfer_answered_back": answered(44, both(23, credit=ALICE), message(6, ident(1, SHOP)), by=(1, 7), first_event=17),
    "hold_answered_back": answered(46, of(ALICE, DEBITED), CREDITED, remote_hold(4), by=(1, 7), first_event=17),
    "refund_answered_back": answered(44, both(77, credit=SHOP),
                                     message(5, ident(1, OTHER), message(4, number(1, 1), amount(2, 200))),
                                     by=(1, 7), first_event=17),
    "credit_followed": number(2, 6) + both(BIG, credit=SHOP) + amount(9, BIG) + CREDIT,
    "credit_followed_named": number(2, 6) + both(BIG, credit=SHOP) + amount(9, BIG) + NAMED_CREDIT,
    "credit_refused": number(2, 37) + message(6, ident(1, SHOP)) + CREDIT,
    "hold_followed": number(2, 7) + DEBITED + of(SHOP, CREDITED) + HOLD + step(5, parties("JPY", 0, 400)),
    "hold_followed_less": number(2, 7) + DEBITED + of(SHOP, CREDITED) + HOLD + number(9, 300)
                          + step(5, parties("JPY", 0, 400), number(9, 1)),
    "capture_followed": number(2, 9) + both(BIG, credit=SHOP) + HOLD
                        + step(6, ident(1, OTHER), ident(3, ALICE), amount(5, 300), amount(7, BIG)),
    "release_followed": number(2, 10) + DEBITED + of(SHOP, CREDITED) + step(7, ident(1, OTHER), amount(3, 400)),
    "expiry_refused": number(2, 48) + step(7, ident(1, OTHER), number(5, 1)),
    "transit_opened": message(3, number(1, 5), number(2, 1), message(11, number(1, 1)))
                      + message(23, number(1, 7), number(3, 3), text(4, "EUR"), number(5, 2)),
    "transit_opened_successor": message(3, number(1, 5), number(2, 1), message(11, number(1, 1)))
                                + message(23, number(1, 7), number(3, 3), text(4, "EUR"), number(5, 2), number(6, 2)),
    "steps_taken": message(24, number(1, 300), number(2, 9), number(3, 1), number(4, 2048), number(5, 70_000),
                           message(6, DIGEST), message(7, DIGEST)),
    "steps_taken_rebuilt": message(24, number(1, 300), number(2, 9), number(3, 1), number(4, 2048), number(5, 70_000),
                                   message(6, DIGEST), message(7, DIGEST), number(8, 3), number(9, 1)),
    "steps_sent": message(25, number(1, 1), number(3, 1), message(4, DIGEST)),
    "step_refused": message(26, number(1, 42), number(2, 70_000), message(3, DIGEST)),
    "command_forwarded": message(1, COMMANDS["transfer_full"]) + message(27, number(1, 300)),
    "forward_repeated": message(1, COMMANDS["group"]) + message(28, number(1, 17)),
    "mark": message(29),
    "input_moved": message(30, number(1, 1), number(3, 812), text(4, "trimmed before it was read"), text(5, "ops-7")),
    "input_moved_back": message(30, number(1, 2), number(2, 70_000), text(4, "topic recreated"), text(5, "ops-7")),
    "clock_accepted": message(31, number(1, NOON), number(2, 300), text(3, "ops-7")),
    "tail_lost": message(32, text(4, "ops-7")),
    "tail_lost_known": message(32, number(1, 812), given(2, 900), message(3, DIGEST), text(4, "ops-7")),
    "format_raised": message(33, number(1, 1), number(2, 2), text(3, "ops-7")),
}


def main():
    stale = []
    for name, examples in (("command_bytes.json", COMMANDS), ("event_bytes.json", EVENTS)):
        file = HERE / name
        content = json.dumps({key: value.hex() for key, value in examples.items()}, indent=1) + "\n"
        if "--check" not in sys.argv:
            file.write_text(content)
        elif file.read_text() != content:
            stale.append(name)
    if stale:
        sys.exit("not what make_entries.py computes: " + ", ".join(stale))


if __name__ == "__main__":
    main()
