#!/usr/bin/env python3
"""Writes seal.json and seal_2.json: a deployment, keys and sealed records of formats 3 and 2, computed
apart from the program.

With --check, compares with the files instead, and fails on a difference.
Formulas: schemas/record.proto, events/seal/epoch_keys.cc.
"""

import hashlib
import hmac
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent

ROOT = bytes(range(32))
DEPLOYMENT = bytes.fromhex("00112233445566778899aabbccddeeff")
CHAIN = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")
SHARD = 3
EPOCH = 5
BODY = bytes(i * 7 % 256 for i in range(300))
LONG_BODY = bytes(i * 31 % 251 for i in range(10_000))


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value) if value else b""


def fixed64(field, big_endian):
    """A proto fixed64 (little-endian) of 8 bytes of an id (big-endian)."""
    return varint(field << 3 | 1) + big_endian[::-1]


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def mac(key, *pieces):
    return hmac.new(key, b"".join(pieces), hashlib.sha256).digest()


def record_digest(written, header, body):
    size = {2: 4096, 3: 2048}[written]
    blocks = b"".join(hashlib.sha256(body[at:at + size]).digest() for at in range(0, len(body), size))
    return hashlib.sha256(b"vouch/record/v%d\0" % written + len(header).to_bytes(4, "big") + header
                          + len(body).to_bytes(4, "big") + blocks).digest(), blocks


def record(written, key, header, body):
    digest, blocks = record_digest(written, header, body)
    table = text(4, blocks) if len(blocks) > 32 else b""
    return text(1, header) + text(3, mac(key, digest)) + table + text(5, body)


PREDECESSOR = (fixed64(1, CHAIN[8:]) + fixed64(2, DEPLOYMENT[8:])
               + text(3, number(2, 7) + text(3, hashlib.sha256(b"last of 0").digest()))
               + text(3, number(1, 1) + number(2, 9) + text(3, hashlib.sha256(b"last of 1").digest()))
               + text(4, hashlib.sha256(b"balances").digest()))
TOPICS = text(1, b"pay") + text(2, b"127.0.0.1:9092") + number(3, 3) + number(4, 2)


def sealed(written):
    stored = (number(1, written) + fixed64(2, DEPLOYMENT[:8]) + fixed64(3, DEPLOYMENT[8:]) + fixed64(4, CHAIN[:8])
              + fixed64(5, CHAIN[8:]) + number(6, 4) + number(7, 1) + text(8, b"place/murmur2") + number(9, 1767225600000000)
              + text(10, PREDECESSOR) + text(11, TOPICS))
    genesis = hashlib.sha256(b"vouch/genesis/v1\0" + stored).digest()

    shard = SHARD.to_bytes(4, "big")
    record_key = mac(ROOT, b"vouch/epoch-key/v2\0", genesis, shard, EPOCH.to_bytes(8, "big"))
    previous_digest = hashlib.sha256(b"previous").digest()
    header = (number(1, written) + fixed64(2, DEPLOYMENT[:8]) + fixed64(3, DEPLOYMENT[8:]) + fixed64(4, CHAIN[:8])
              + fixed64(5, CHAIN[8:]) + number(6, SHARD) + number(7, 812) + number(8, 70000) + number(9, 17)
              + number(10, 1767225600000001) + number(11, EPOCH) + number(12, 9) + number(13, 4242))
    stepped_header = header + number(15, 777) + text(16, previous_digest)
    header += text(16, previous_digest)
    digest, _ = record_digest(written, header, BODY)

    return {
        "root": ROOT.hex(),
        "deployment": stored.hex(),
        "genesis_tag": genesis.hex(),
        "shard": SHARD,
        "epoch": EPOCH,
        "record_key": record_key.hex(),
        "key_commitment": hashlib.sha256(b"vouch/key-commitment/v1\0" + record_key).hexdigest(),
        "archive_key": mac(ROOT, b"vouch/archive-key/v2\0", genesis).hex(),
        "snapshot_key": mac(ROOT, b"vouch/snapshot/v2\0", genesis, shard).hex(),
        "body": BODY.hex(),
        "header": header.hex(),
        "digest": digest.hex(),
        "tag": mac(record_key, digest).hex(),
        "record": record(written, record_key, header, BODY).hex(),
        "stepped_record": record(written, record_key, stepped_header, BODY).hex(),
        "long_body": LONG_BODY.hex(),
        "long_record": record(written, record_key, header, LONG_BODY).hex(),
    }


def main():
    for name, written in (("seal.json", 3), ("seal_2.json", 2)):
        content = json.dumps(sealed(written), indent=1) + "\n"
        if "--check" not in sys.argv[1:]:
            (HERE / name).write_text(content)
        elif (HERE / name).read_text() != content:
            sys.exit(f"{name} is not what this script writes")


main()
