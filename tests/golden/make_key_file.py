#!/usr/bin/env python3
"""Writes key_file.json: an encrypted root key, computed apart from the program.

Needs the package `cryptography` for AES-256-GCM. Format: events/seal/file_key_store.cc.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FILE = Path(__file__).with_name("key_file.json")

ROOT = bytes(range(100, 132))
DEPLOYMENT = bytes.fromhex("00112233445566778899aabbccddeeff")
PASSPHRASE = "correct horse, Batterie, 鉤"
SALT = bytes(range(200, 232))
NONCE = bytes(range(12))

header = b"VOUCHKEY" + (1).to_bytes(4, "big") + DEPLOYMENT + SALT + NONCE
key = hashlib.scrypt(PASSPHRASE.encode(), salt=SALT, n=2**15, r=8, p=1, maxmem=64 << 20, dklen=32)
golden = {
    "root": ROOT.hex(),
    "deployment": DEPLOYMENT.hex(),
    "passphrase": PASSPHRASE,
    "key_file": (header + AESGCM(key).encrypt(NONCE, ROOT, header)).hex(),
}
FILE.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
