"""Writes the model as GGUF version 3 with q8_0 matrices, and reads such a file's values back.

Layout: the GGUF specification (github.com/ggml-org/ggml, docs/gguf.md). A q8_0 block is 32 values: a half-float scale
and 32 signed bytes. GGUF's `llama` rotates neighbouring elements of a head where Hugging Face's rotates its two halves,
so the rows of the query and key matrices are reordered, as llama.cpp's converter does.
"""
import math
import struct

import numpy as np

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TYPE_F32, TYPE_Q8_0 = 0, 8
ALIGNMENT = 32

NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(name):
    """model.layers.3.mlp.up_proj.weight -> blk.3.ffn_up.weight"""
    parts = name.split(".")
    if parts[1] == "embed_tokens":
        return "token_embd.weight"
    if parts[1] == "norm":
        return "output_norm.weight"
    return f"blk.{parts[2]}.{NAMES['.'.join(parts[3:-1])]}.weight"


def interleaved(matrix, heads):
    """Rows of each head from halves to neighbours: (head, half, i) -> (head, i, half)."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def halved(matrix, heads):
    """The inverse of interleaved()."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def encode_q8_0(values):
    blocks = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(1) / np.float32(127)
    inverse = np.where(scale > 0, 1 / np.where(scale > 0, scale, 1), 0).astype(np.float32)
    scaled = blocks * inverse[:, None]
    whole = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)  # halves away from zero, as in C
    return np.concatenate([scale.astype("<f2").reshape(-1, 1).view(np.uint8), whole.view(np.uint8)], 1).tobytes()


def decode_q8_0(data, shape):
    blocks = np.frombuffer(data, np.uint8).reshape(-1, 34)
    scale = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    return (np.ascontiguousarray(blocks[:, 2:]).view(np.int8).astype(np.float32) * scale).reshape(shape)


def heads_of(name, sizes):
    """How many heads' rows have to be reordered; 0: none."""
    return sizes.heads if ".q_proj." in name else sizes.kv_heads if ".k_proj." in name else 0


def round_trip(tensors):
    """The values that the file will hold, under the Hugging Face names: what the scores are computed with."""
    return {name: values if values.ndim == 1 else decode_q8_0(encode_q8_0(values), values.shape)
            for name, values in tensors.items()}


def _text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _entry(key, kind, value):
    packed = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}
    return _text(key) + struct.pack("<I", kind) + (_text(value) if kind == STRING else struct.pack(packed[kind], value))


def _array(key, kind, values):
    head = _text(key) + struct.pack("<IIQ", ARRAY, kind, len(values))
    return head + (b"".join(map(_text, values)) if kind == STRING else np.asarray(values, "<i4").tobytes())


def metadata(sizes, model_name, encoder, special_kinds, template):
    bos, eos = encoder.special["<|endoftext|>"], encoder.special["<|im_end|>"]
    texts = encoder.token_texts()
    kinds = [1] * (len(texts) - len(special_kinds)) + special_kinds
    return [
        _entry("general.architecture", STRING, "llama"), _entry("general.type", STRING, "model"),
        _entry("general.name", STRING, model_name), _entry("general.license", STRING, "mit"),
        _entry("general.file_type", U32, 7), _entry("general.quantization_version", U32, 2),
        _entry("general.sampling.temp", F32, 0.8),
        _entry("llama.vocab_size", U32, sizes.vocabulary), _entry("llama.context_length", U32, sizes.context),
        _entry("llama.embedding_length", U32, sizes.width), _entry("llama.block_count", U32, sizes.layers),
        _entry("llama.feed_forward_length", U32, sizes.feed_forward),
        _entry("llama.attention.head_count", U32, sizes.heads),
        _entry("llama.attention.head_count_kv", U32, sizes.kv_heads),
        _entry("llama.attention.layer_norm_rms_epsilon", F32, sizes.norm_epsilon),
        _entry("llama.rope.dimension_count", U32, sizes.head_dim), _entry("llama.rope.freq_base", F32,
                                                                          sizes.rope_theta),
        _entry("tokenizer.ggml.model", STRING, "gpt2"), _entry("tokenizer.ggml.pre", STRING, "qwen2"),
        _array("tokenizer.ggml.tokens", STRING, texts), _array("tokenizer.ggml.token_type", I32, kinds),
        _array("tokenizer.ggml.merges", STRING, [" ".join(pair) for pair in encoder.merge_texts()]),
        _entry("tokenizer.ggml.bos_token_id", U32, bos), _entry("tokenizer.ggml.eos_token_id", U32, eos),
        _entry("tokenizer.ggml.padding_token_id", U32, bos), _entry("tokenizer.ggml.add_bos_token", BOOL, True),
        _entry("tokenizer.chat_template", STRING, template)]


def write(path, tensors, sizes, model_name, encoder, special_kinds, template):
    """`tensors`: {Hugging Face name: float32 array}; `special_kinds`: GGUF's token types of the last tokens."""
    entries = metadata(sizes, model_name, encoder, special_kinds, template)
    infos, blobs, at = [], [], 0
    for name, values in tensors.items():
        heads = heads_of(name, sizes)
        values = interleaved(values, heads) if heads else values
        kind = TYPE_F32 if values.ndim == 1 else TYPE_Q8_0
        blob = values.astype("<f4").tobytes() if kind == TYPE_F32 else encode_q8_0(values)
        shape = values.shape[::-1]
        infos.append(_text(gguf_name(name)) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, at))
        blob += bytes(-len(blob) % ALIGNMENT)
        blobs.append(blob)
        at += len(blob)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(entries)) + b"".join(entries) + b"".join(infos)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT) + b"".join(blobs))


def read(path, sizes, names):
    """{Hugging Face name: float32 array} of a file that write() made; `names`: the names in question."""
    with open(path, "rb") as file:
        data = file.read()
    _, version, tensor_count, entry_count = struct.unpack_from("<4sIQQ", data)
    assert version == 3
    at = 24

    def string(at):
        length = struct.unpack_from("<Q", data, at)[0]
        return data[at + 8:at + 8 + length].decode(), at + 8 + length
    for _ in range(entry_count):
        at = string(at)[1]
        kind = struct.unpack_from("<I", data, at)[0]
        at += 4
        if kind == STRING:
            at = string(at)[1]
        elif kind == ARRAY:
            inner, count = struct.unpack_from("<IQ", data, at)
            at += 12
            for _ in range(count):
                at = string(at)[1] if inner == STRING else at + 4
        else:
            at += 1 if kind == BOOL else 4
    found = {}
    for _ in range(tensor_count):
        name, at = string(at)
        dimensions = struct.unpack_from("<I", data, at)[0]
        *shape, kind, offset = struct.unpack_from(f"<{dimensions}QIQ", data, at + 4)
        at += 4 + 8 * dimensions + 12
        found[name] = (shape[::-1], kind, offset)
    base, out = at + -at % ALIGNMENT, {}
    for name in names:
        shape, kind, offset = found[gguf_name(name)]
        count = math.prod(shape)
        length = 4 * count if kind == TYPE_F32 else count // 32 * 34
        blob = data[base + offset:base + offset + length]
        values = np.frombuffer(blob, "<f4").reshape(shape) if kind == TYPE_F32 else decode_q8_0(blob, shape)
        heads = heads_of(name, sizes)
        out[name] = halved(values, heads) if heads else values
    return out
