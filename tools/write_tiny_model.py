#!/usr/bin/python3
"""Writes a small language model with random weights as a GGUF file: something to run where no trained model is at hand.

    tools/write_tiny_model.py FILE.gguf [--architecture llama] [--format q8_0] [--layers 2] [--width 64] [--seed 0]
                              [--context 512] [--chat]

The file is a whole one: sizes, a byte-level vocabulary with merges, and every weight. Its text is noise. Tests import
`TinyModel`, change what they want broken, and write that. Layout: the GGUF v3 specification (github.com/ggml-org/ggml,
docs/gguf.md); block formats as in src/formats/.
"""
import argparse
import struct

import numpy as np

ALIGNMENT = 32
WORDS = ("the and to was of she he it in a her they his you with that for on said had happy little day one big very "
         "but not at is so what up down out home play time friend tree bird ing ed er").split()

# What --chat gives the model: "[role]", a line feed and "text</s>" for each message. Text parts of a list of parts are
# joined.
CHAT_TEMPLATE = ("{% for m in messages %}[{{ m.role }}]\n{% if m.content is string %}{{ m.content }}{% else %}"
                 "{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %}{{ eos_token }}\n{% endfor %}"
                 "{% if add_generation_prompt %}[assistant]\n{% endif %}")

# The type numbers of metadata values.
U32, F32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9


def metadata_value(value):
    """(type number, bytes) of a Python value; lists hold one kind."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return U32, struct.pack("<I", value)
    if isinstance(value, float):
        return F32, struct.pack("<f", value)
    if isinstance(value, str):
        return STRING, text(value)
    parts = [metadata_value(element) for element in value]
    kind = parts[0][0] if parts else STRING
    return ARRAY, struct.pack("<IQ", kind, len(parts)) + b"".join(part for _, part in parts)


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def blocks_of_32(values):
    return values.astype(np.float32).reshape(-1, 32)


def encode_f32(values):
    return values.astype("<f4").tobytes()


def encode_f16(values):
    return values.astype("<f2").tobytes()


def encode_bf16(values):
    """The upper half of a float32, rounded to nearest, ties to even."""
    bits = values.astype("<f4").view("<u4")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()


def encode_q8_0(values):
    """32 weights: a float16 scale, a signed byte each."""
    blocks = blocks_of_32(values)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127
    quants = np.rint(blocks / np.where(scale == 0, 1, scale)).astype(np.int8)
    return np.hstack([scale.astype("<f2").view(np.uint8), quants.view(np.uint8)]).tobytes()


def encode_q4_0(values):
    """32 weights: a float16 scale, then 4 bits each, offset by 8; byte j holds weights j (low) and j + 16 (high)."""
    blocks = blocks_of_32(values)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = largest / -8
    quants = np.clip(np.floor(blocks / np.where(scale == 0, 1, scale) + 8.5), 0, 15).astype(np.uint8)
    return np.hstack([scale.astype("<f2").view(np.uint8), quants[:, :16] | quants[:, 16:] << 4]).tobytes()


# Format: its type number in a GGUF file, its encoder.
FORMATS = {"f32": (0, encode_f32), "f16": (1, encode_f16), "bf16": (30, encode_bf16), "q8_0": (8, encode_q8_0),
           "q4_0": (2, encode_q4_0)}


def byte_alphabet():
    """The character that stands for each byte in a byte-level vocabulary: itself where it can be seen, else one from
    256 on (Radford et al. 2019)."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in visible]
    return {**{byte: chr(byte) for byte in visible}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}


def vocabulary():
    """(tokens, merges, index of the first control token): all bytes, some words letter by letter, <s> and </s>."""
    space = byte_alphabet()[0x20]
    tokens, merges = list(byte_alphabet().values()), []
    for word in WORDS:
        word = space + word
        for end in range(2, len(word) + 1):
            if word[:end] not in tokens:
                tokens.append(word[:end])
                merges.append(f"{word[:end - 1]} {word[end - 1]}")
    return tokens + ["<s>", "</s>"], merges, len(tokens)


class TinyModel:
    """`metadata` (key: value) and `tensors` (name: array [out, in]) of one model; change either before write()."""

    def __init__(self, architecture="llama", layers=2, width=64, heads=4, kv_heads=2, ff_width=128, context=512,
                 seed=0, chat=False):
        self.architecture, self.layers, self.width, self.ff_width = architecture, layers, width, ff_width
        self.heads, self.head_dim = heads, width // heads
        self.kv_heads = {"gpt2": heads, "starcoder": 1}.get(architecture, kv_heads)
        self.context = context
        self.is_gpt = architecture in ("gpt2", "starcoder")
        self.random = np.random.default_rng(seed)
        self.tokens, self.merges, self.first_control = vocabulary()
        self.metadata = {**self._sizes(), **self._tokenizer()}
        if chat:
            self.metadata["tokenizer.chat_template"] = CHAT_TEMPLATE
        self.tensors = self._tensors()

    def _sizes(self):
        epsilon = "attention.layer_norm_epsilon" if self.is_gpt else "attention.layer_norm_rms_epsilon"
        sizes = {"context_length": self.context, "embedding_length": self.width, "block_count": self.layers,
                 "feed_forward_length": self.ff_width, "attention.head_count": self.heads,
                 "attention.head_count_kv": self.kv_heads, epsilon: 1e-5}
        if self.architecture == "lfm2":
            sizes |= {"shortconv.l_cache": 3, "attention.head_count_kv":
                      [0 if self.is_conv(layer) else self.kv_heads for layer in range(self.layers)]}
        if not self.is_gpt:
            sizes |= {"rope.freq_base": 10000.0, "rope.dimension_count": self.head_dim}
        return {"general.architecture": self.architecture, "general.name": "tiny random model",
                **{f"{self.architecture}.{key}": value for key, value in sizes.items()}}

    def _tokenizer(self):
        normal, control = 1, 3
        return {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": self.tokens,
                "tokenizer.ggml.token_type": [normal] * self.first_control + [control] * 2,
                "tokenizer.ggml.merges": self.merges, "tokenizer.ggml.bos_token_id": self.first_control,
                "tokenizer.ggml.eos_token_id": self.first_control + 1, "tokenizer.ggml.add_bos_token": True}

    def _matrix(self, rows, columns):
        return self.random.normal(0, columns**-0.5, (rows, columns)).astype(np.float32)

    def _vector(self, mean, count):
        return self.random.normal(mean, 0.1, count).astype(np.float32)

    def _linear(self, name, rows, columns, bias):
        yield f"{name}.weight", self._matrix(rows, columns)
        if bias:
            yield f"{name}.bias", self._vector(0, rows)

    def _norm(self, name, count):
        yield f"{name}.weight", self._vector(1, count)
        if self.is_gpt:
            yield f"{name}.bias", self._vector(0, count)

    def is_conv(self, layer):
        """Whether the layer has a short convolution in place of attention."""
        return self.architecture == "lfm2" and layer % 2 == 0

    def _short_conv(self, prefix):
        yield from self._linear(f"{prefix}.shortconv.in_proj", 3 * self.width, self.width, False)
        yield f"{prefix}.shortconv.conv.weight", self._matrix(self.width, 3)
        yield from self._linear(f"{prefix}.shortconv.out_proj", self.width, self.width, False)

    def _attention(self, prefix):
        width, kv_width = self.width, self.kv_heads * self.head_dim
        if self.is_gpt:
            yield from self._linear(f"{prefix}.attn_qkv", width + 2 * kv_width, width, True)
        else:
            for part, rows in (("q", width), ("k", kv_width), ("v", kv_width)):
                yield from self._linear(f"{prefix}.attn_{part}", rows, width, self.architecture == "qwen2")
        if self.architecture in ("qwen3", "lfm2"):
            yield from self._norm(f"{prefix}.attn_q_norm", self.head_dim)
            yield from self._norm(f"{prefix}.attn_k_norm", self.head_dim)
        yield from self._linear(f"{prefix}.attn_output", width, width, self.is_gpt)

    def _layer(self, layer):
        prefix, width = f"blk.{layer}", self.width
        yield from self._norm(f"{prefix}.attn_norm", width)
        yield from self._short_conv(prefix) if self.is_conv(layer) else self._attention(prefix)
        yield from self._norm(f"{prefix}.ffn_norm", width)
        if not self.is_gpt:
            yield from self._linear(f"{prefix}.ffn_gate", self.ff_width, width, False)
        yield from self._linear(f"{prefix}.ffn_up", self.ff_width, width, self.is_gpt)
        yield from self._linear(f"{prefix}.ffn_down", width, self.ff_width, self.is_gpt)

    def _tensors(self):
        tensors = dict(self._linear("token_embd", len(self.tokens), self.width, False))
        if self.is_gpt:
            tensors |= self._linear("position_embd", self.context, self.width, False)
        for layer in range(self.layers):
            tensors |= self._layer(layer)
        tensors |= self._norm("token_embd_norm" if self.architecture == "lfm2" else "output_norm", self.width)
        tensors |= self._linear("output", len(self.tokens), self.width, False)
        # Bytes that are no printable character are unlikely, so that the noise can be read.
        unprintable = [byte for byte in range(256) if not 0x20 <= byte < 0x7F]
        rows = [self.tokens.index(character) for byte, character in byte_alphabet().items() if byte in unprintable]
        tensors["output.weight"][rows] *= 0.1
        return tensors

    def file(self, matrix_format):
        """The bytes of the GGUF file; matrices in `matrix_format`, everything else in float32."""
        entries = []
        for key, value in self.metadata.items():
            kind, data = metadata_value(value)
            entries.append(text(key) + struct.pack("<I", kind) + data)
        infos, contents, offset = [], [], 0
        for name, values in self.tensors.items():
            is_matrix = values.ndim > 1 and not name.endswith("conv.conv.weight")
            number, encode = FORMATS[matrix_format if is_matrix else "f32"]
            data = encode(values)
            dims = values.shape[::-1]  # the innermost first
            infos.append(text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, number, offset))
            contents.append(data + bytes(-len(data) % ALIGNMENT))
            offset += len(contents[-1])
        head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(entries)) + b"".join(entries + infos)
        return b"".join([head, bytes(-len(head) % ALIGNMENT), *contents])

    def write(self, path, matrix_format="f32"):
        with open(path, "wb") as file:
            file.write(self.file(matrix_format))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--architecture", choices=["llama", "qwen2", "qwen3", "gpt2", "starcoder", "lfm2"], default="llama")
    parser.add_argument("--format", choices=FORMATS, default="q8_0", help="of the matrices")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=64, help="a multiple of 32")
    parser.add_argument("--context", type=int, default=512, help="positions it is made for")
    parser.add_argument("--chat", action="store_true", help="with a chat template")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model = TinyModel(options.architecture, layers=options.layers, width=options.width, ff_width=2 * options.width,
                      context=options.context, seed=options.seed, chat=options.chat)
    model.write(options.file, options.format)


if __name__ == "__main__":
    main()
