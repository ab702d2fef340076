#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# events.py WRITER: reads the event files that WRITER (tests/write_events.c) makes in a folder, by a reader of its own,
# written from the formats as they are published (TFRecord, protobuf's wire format, event.proto, summary.proto), and holds
# them against what WRITER was told to write. In TAP. With TensorBoard installed, its own reader is asked as well.
import glob
import math
import os
import struct
import subprocess
import sys
import tempfile


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        (head,) = struct.unpack_from("<I", data, at + 8)
        assert head == masked(data[at : at + 8]), "the sum of a length"
        body = data[at + 12 : at + 12 + length]
        (tail,) = struct.unpack_from("<I", data, at + 12 + length)
        assert len(body) == length and tail == masked(body), "the sum of a record"
        yield body
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    at = 0
    found = []
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif kind == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        else:
            assert kind == 2, "a wire type"
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
            assert len(value) == length
        found.append((number, value))
    return found


def one(message, number, default=None):
    values = [v for n, v in message if n == number]
    assert len(values) <= 1
    return values[0] if values else default


# The figures and pictures of a folder, by name and step, as TensorBoard understands them.
def read(folder):
    scalars, images = {}, {}
    for path in sorted(glob.glob(folder + "/events.out.tfevents.*")):
        for i, record in enumerate(records(open(path, "rb").read())):
            event = fields(record)
            step = one(event, 2, 0)
            assert one(event, 1) > 1.6e9, "the time"
            assert (one(event, 3) == b"brain.Event:2") == (i == 0), "the version comes first"
            log = one(event, 7)
            if log is not None and one(fields(log), 1) == 1:
                for table in (scalars, images):
                    for name in table:
                        table[name] = {s: v for s, v in table[name].items() if s < step}
            for _, value in [f for f in fields(one(event, 5, b"")) if f[0] == 1]:
                value = fields(value)
                name = one(value, 1).decode()
                if one(value, 4) is not None:
                    image = fields(one(value, 4))
                    images.setdefault(name, {})[step] = [one(image, n) for n in (1, 2, 3, 4)]
                else:
                    scalars.setdefault(name, {})[step] = one(value, 2)
    return scalars, images


def near(got, want):
    return set(got) == set(want) and all(
        math.isclose(got[s], want[s], rel_tol=1e-6, abs_tol=1e-30) for s in want
    )


def tensorboard(folder):
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        return None
    reader = EventAccumulator(folder)
    reader.Reload()
    return {name: {e.step: e.value for e in reader.Scalars(name)} for name in reader.Tags()["scalars"]}


count = failed = 0


def case(ok, name, skip=""):
    global count, failed
    count += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {count} - {name}{skip}")


case(crc32c(b"123456789") == 0xE3069283 and crc32c(bytes(32)) == 0x8A9136AA, "CRC-32C of RFC 3720")
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], folder], check=True)
    scalars, images = read(folder)
    # write_events: steps 1..300 of two figures, then from step 200 again another way.
    want = {s: 1 / s if s <= 200 else -float(s) for s in range(1, 301)}
    case(near(scalars.get("loss/generator", {}), want), "a figure by step, a later file's instead of an earlier one's")
    case(near(scalars.get("grösse", {}), {s: s * 1e30 for s in range(1, 301)}), "another, beyond ASCII")
    case(set(scalars) == {"loss/generator", "grösse"}, "no other figures")
    png = open(os.path.join(folder, "sheet.png"), "rb").read()
    case(images == {"samples": {200: [3, 5, 3, png]}}, "a picture")
    theirs = tensorboard(folder)
    if theirs is None:
        case(True, "TensorBoard's reader", " # SKIP no TensorBoard here")
    else:
        case(near(theirs["loss/generator"], want) and set(theirs) == set(scalars), "TensorBoard's reader")
print(f"1..{count}")
sys.exit(failed > 0)
