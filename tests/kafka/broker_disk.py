"""A partition as it lies on a broker's disk, in the hands of somebody who can write there.

Record batches of format 2, uncompressed (kafka.apache.org/documentation/#recordbatch). What is
rewritten has correct lengths and checksums, so that neither broker nor client can tell.
"""
import pathlib
import struct

HEADER = struct.Struct(">qiibIhiqqqhii")
COVERED_FROM = 21  # the checksum covers everything from the attributes on


def _crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


CRC_TABLE = list(_crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def read_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def rewrite_record(body, values, offset):
    """`body` of a record at `offset`: with the value that `values` has for it, else as it is."""
    at = 1
    _, at = read_varint(body, at)  # timestamp
    delta, at = read_varint(body, at)
    key_length, at = read_varint(body, at)
    at += max(key_length, 0)
    before = body[:at]
    length, at = read_varint(body, at)
    if offset + delta not in values:
        return body
    new = values[offset + delta]
    return before + varint(len(new)) + new + body[at + max(length, 0):]


def rewrite_batch(batch, values):
    fields = list(HEADER.unpack_from(batch))
    if fields[5] & 0x20:  # a control batch: the end of a transaction
        return batch
    if fields[3] != 2 or fields[5] & 0x07:
        raise ValueError("expected uncompressed batches of format 2")
    at, records = HEADER.size, b""
    while at < len(batch):
        length, at = read_varint(batch, at)
        body = rewrite_record(batch[at:at + length], values, fields[0])
        records += varint(len(body)) + body
        at += length
    if HEADER.size + len(records) == len(batch) and batch.endswith(records):
        return batch
    fields[1] = HEADER.size + len(records) - 12
    covered = HEADER.pack(*fields)[COVERED_FROM:] + records
    fields[4] = crc32c(covered)
    return HEADER.pack(*fields)[:COVERED_FROM] + covered


def replace_values(broker_folder, topic, partition, values):
    """Gives messages, by offset, other values. The broker must not run, and must not have been
    stopped in order: it then reads its segments again when it starts."""
    folder = pathlib.Path(broker_folder) / "data" / f"{topic}-{partition}"
    (segment,) = folder.glob("*.log")
    data, at, out = segment.read_bytes(), 0, b""
    while at + 12 <= len(data):
        size = 12 + struct.unpack_from(">i", data, at + 8)[0]
        if size <= 12 or at + size > len(data):
            break
        out += rewrite_batch(data[at:at + size], values)
        at += size
    if out == data[:at]:
        raise ValueError(f"nothing to replace in {segment}")
    segment.write_bytes(out)
    # What says where things lie in the segment is made anew.
    for ending in ("index", "timeindex", "txnindex", "snapshot"):
        for file in folder.glob(f"*.{ending}"):
            file.unlink()
