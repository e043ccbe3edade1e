"""Reads GGUF files whose tensors are float32 or float16, as the tests look into them."""
import struct

import numpy as np

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TYPES = {0: np.float32, 1: np.float16}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, code):
        value, = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def text(self):
        size = self.number("Q")
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            kind, count = self.number("I"), self.number("Q")
            return [self.value(kind) for _ in range(count)]
        return self.number(SCALARS[kind])


def read_gguf(path):
    """(metadata, tensors), these with the outermost dimension first."""
    reader = Reader(path.read_bytes())
    assert reader.data[:4] == b"GGUF"
    reader.at = 8
    tensor_count, entry_count = reader.number("Q"), reader.number("Q")
    metadata, places, tensors = {}, {}, {}
    for _ in range(entry_count):
        key = reader.text()
        metadata[key] = reader.value(reader.number("I"))
    for _ in range(tensor_count):
        name = reader.text()
        shape = [reader.number("Q") for _ in range(reader.number("I"))][::-1]
        places[name] = (shape, TYPES[reader.number("I")], reader.number("Q"))
    begin = reader.at + -reader.at % metadata.get("general.alignment", 32)
    for name, (shape, dtype, offset) in places.items():
        count = int(np.prod(shape))
        tensors[name] = np.frombuffer(reader.data, dtype, count, begin + offset).reshape(shape)
    return metadata, tensors
