#!/usr/bin/env python3
"""Writes schemas/ids.txt: ids of accounts and commands written as text, and the accounts' partitions,
computed apart from the program.

With --check, compares with the file instead, and fails on a difference.
"""

import hashlib
import sys
import uuid
from pathlib import Path

FILE = Path(__file__).parents[2] / "schemas" / "ids.txt"

HEAD = """\
# How a text becomes an id, and an account's id a partition. Producers may test their own code with
# these; the rules are those of command.proto.
#
# Columns, separated by a tab:
#   kind     account or command
#   ledger   of an account; - for commands
#   text     as it is written, UTF-8
#   id       32 hex digits
#   what     spelled: the text is the id; name: the id is a hash of the text; look-alike: an id in the
#            other case, likewise a hash; a new command or account that JSON names so is refused
# and of an account:
#   key      the last 4 bytes of its id, 8 hex digits: the key on Kafka of what it decides
#   of 1, of 4, of 16   its partition, which is its shard, among so many
"""

NAMES = [
    "cash", "alice", "merchant:42:pending", "a", "A", " a", "x" * 255, "0", "支付宝:资金", "München", "🏦", "é", "e\u0301",
    # Nearly ids, but names: too short, upper-case hex, a digit too many, a wrong dash, letters that
    # Crockford leaves out, more than 128 bits.
    "0123456789abcdef0123456789abcde", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef0",
    "01234567-89ab-cdef-0123_456789abcdef", "01ARZ3NDEKTSV4RRFFQ69G5FAU", "01arz3ndektsv4rrffq69g5fav",
    "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "MERCHANT00000000000000000A",
    # One letter of an id in the other case, and nearly that.
    "0123456789abcdef0123456789abcdeF", "0123456789abcdef0123456789abcdeG", "01ARZ3NDEKTSV4RRFFQ69G5FAv",
    "01arz3ndektsv4rrffq69g5fau", "81arz3ndektsv4rrffq69g5fav",
    # With a place.
    "u-17~cash", "u-17~pending", "u-17~", "u-17~cash~old", "u-17", "~cash", "~", "商户~资金", "x" * 200 + "~" + "y" * 54,
]
SPELLED = [
    "0123456789abcdef0123456789abcdef", "00000000000000000000000000000001", "fffffffffffffffffffffffffffffffe",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV", "00000000000000000000000001", "7ZZZZZZZZZZZZZZZZZZZZZZZZY",
]


def spelled_id(text):
    if len(text) == 26:
        value = 0
        for letter in text:
            value = value * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(letter)
        return f"{value:032x}"
    return uuid.UUID(text).hex


def account_id(ledger, name):
    scope = ledger.to_bytes(4, "big")
    whole = hashlib.sha256(b"vouch/account/v1\0" + scope + name.encode()).hexdigest()[:32]
    if "~" not in name:
        return whole
    return whole[:24] + hashlib.sha256(b"vouch/place/v1\0" + scope + name.split("~")[0].encode()).hexdigest()[:8]


def murmur2(data):
    """Java's, of a whole number of 4-byte words."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    for at in range(0, len(data), 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def placed(ident):
    key = ident[24:]
    return key, *(str((murmur2(bytes.fromhex(key)) & 0x7FFFFFFF) % shards) for shards in (1, 4, 16))


def command_id(name):
    return hashlib.sha256(b"vouch/command/v1\0" + name.encode()).hexdigest()[:32]


def what_of(name):
    """Of a text that is a hash's: whether it spells an id in the other case."""
    is_hex = len(name) == 32 and all(letter in "0123456789abcdefABCDEF" for letter in name)
    is_ulid = len(name) == 26 and name[0] in "01234567" and all(
        letter in "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz" for letter in name)
    return "look-alike" if is_hex or is_ulid else "name"


def main():
    rows = []
    for name in NAMES:
        for ledger in (0, 1, 0x01020304, 0xFFFFFFFF):
            rows.append(("account", str(ledger), name, account_id(ledger, name), what_of(name), *placed(account_id(ledger, name))))
        rows.append(("command", "-", name, command_id(name), what_of(name)))
    for text in SPELLED:
        rows.append(("account", "7", text, spelled_id(text), "spelled", *placed(spelled_id(text))))
        rows.append(("command", "-", text, spelled_id(text), "spelled"))
    content = HEAD + "".join("\t".join(row) + "\n" for row in rows)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if FILE.read_text(encoding="utf-8") == content else f"{FILE.name} is not what this script writes")
    FILE.write_text(content, encoding="utf-8")


main()
