#!/usr/bin/env python3
"""Writes steps.json: a sending shard's key, a list of steps and two batches of them, computed apart
from the program.

With --check, compares with the file instead, and fails on a difference.
Formulas and field numbers: schemas/step.proto, schemas/event.proto.
"""

import hashlib
import hmac
import json
import sys
from pathlib import Path

FILE = Path(__file__).with_name("steps.json")

ROOT = bytes(range(32))
DEPLOYMENT = bytes.fromhex("00112233445566778899aabbccddeeff")
CHAIN = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")
FROM = 3
TO = 258
TIME = 1767225600000001


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value) if value else b""


def fixed64(field, value):
    return varint(field << 3 | 1) + value.to_bytes(8, "little") if value else b""


def ident(field, big_endian):
    """A 128-bit id of 16 bytes in two fixed64."""
    return (fixed64(field, int.from_bytes(big_endian[:8], "big"))
            + fixed64(field + 1, int.from_bytes(big_endian[8:], "big")))


def data(field, *parts):
    content = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(content)) + content


def name(letter):
    return letter.encode() * 16


def step(*parts):
    return data(1, number(1, 7), ident(2, name("c")), *parts)


STEPS = (
    step(data(4, ident(1, name("p")), ident(3, name("q")), data(5, b"EUR"), number(6, 2), number(7, 1250), number(10, 1)))
    + step(data(7, ident(1, name("h")), number(3, 400), number(5, 1)))
    + step(data(8, number(1, 58), data(4, ident(1, name("q")), data(3, number(2, 9)))))
)


def digest(sequence, previous, steps):
    return hashlib.sha256(b"vouch/step-digest/v1\0" + FROM.to_bytes(4, "big") + TO.to_bytes(4, "big")
                          + sequence.to_bytes(8, "big") + previous + steps).digest()


def batch(key, sequence, count, record, record_digest, previous, steps):
    content = (number(1, 1) + ident(2, DEPLOYMENT) + ident(4, CHAIN) + number(6, FROM) + number(7, TO)
               + number(8, sequence) + number(9, count) + number(10, record) + data(11, record_digest)
               + number(12, TIME) + data(13, previous) + data(14, steps))
    mac_input = b"vouch/steps/v1\0" + len(content).to_bytes(4, "big") + content
    tag = hmac.new(key, mac_input, hashlib.sha256).digest()
    return {
        "number": sequence,
        "count": count,
        "record": record,
        "record_digest": record_digest.hex(),
        "previous_digest": previous.hex(),
        "steps": steps.hex(),
        "content": content.hex(),
        "tag": tag.hex(),
        "bytes": (data(1, content) + data(2, tag)).hex(),
        "digest": digest(sequence, previous, steps).hex(),
    }


def main():
    genesis = bytes.fromhex(json.loads(FILE.with_name("seal.json").read_text())["genesis_tag"])
    key = hmac.new(ROOT, b"vouch/step-key/v2\0" + genesis + FROM.to_bytes(4, "big"), hashlib.sha256).digest()
    tag = hashlib.sha256(b"record").digest()
    # The first of the pair came with the sender's record 0; the second has one of its steps again.
    first = batch(key, 0, 3, 0, tag, bytes(32), STEPS)
    second = batch(key, 1, 1, 812, tag, bytes.fromhex(first["digest"]), STEPS[:varint_message_end(STEPS)])
    golden = {"root": ROOT.hex(), "from": FROM, "to": TO, "time_us": TIME, "step_key": key.hex(), "batches": [first, second]}
    content = json.dumps(golden, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        sys.exit(0 if FILE.read_text() == content else f"{FILE.name} is not what this script writes")
    FILE.write_text(content)


def varint_message_end(steps):
    """End of the first message of a list, which is shorter than 128 bytes."""
    return 2 + steps[1]


main()
