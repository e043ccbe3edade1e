"""Reading and writing safetensors files of float32 tensors, without the library.

Layout: an 8-byte length, a JSON header {name: {dtype, shape, data_offsets}}, then the values (github.com/huggingface/
safetensors).
"""
import json
import struct

import numpy as np


def write(path, tensors):
    """`tensors`: {name: float32 array}."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(np.ascontiguousarray(values, dtype="<f4").tobytes())


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack_from("<Q", data)[0]
    header, out = json.loads(data[8:8 + length]), {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            assert entry["dtype"] == "F32"
            out[name] = np.frombuffer(data[8 + length + first:8 + length + last], "<f4").reshape(entry["shape"])
    return out


def write_parts(prefix, tensors, count):
    """Splits the tensors over `count` files of about the same size: PREFIX-1.safetensors and so on."""
    total, parts, done = sum(values.nbytes for values in tensors.values()), [{} for _ in range(count)], 0
    for name, values in tensors.items():
        parts[min(count - 1, (done + values.nbytes // 2) * count // total)][name] = values
        done += values.nbytes
    for index, part in enumerate(parts):
        write(f"{prefix}-{index + 1}.safetensors", part)
