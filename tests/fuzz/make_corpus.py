#!/usr/bin/env python3
"""Writes the seed corpus of the fuzz targets: small files, whole and broken ones, made from scratch.

Files that a fuzzer found are added beside these by hand, named by their hash.
"""
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"
HUGE = 2**64 - 1

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
SCALARS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return u64(len(data)) + data


def value(kind, content):
    if kind == STRING:
        return string(content)
    if kind == ARRAY:
        element_kind, elements = content
        return u32(element_kind) + u64(len(elements)) + b"".join(value(element_kind, e) for e in elements)
    return struct.pack("<" + SCALARS[kind], content)


def entry(key, kind, content):
    return string(key) + u32(kind) + value(kind, content)


def tensor(name, dims, kind, offset):
    return string(name) + u32(len(dims)) + b"".join(map(u64, dims)) + u32(kind) + u64(offset)


def gguf(entries=(), tensors=(), data=b"", version=3, alignment=32):
    head = b"GGUF" + u32(version) + u64(len(tensors)) + u64(len(entries)) + b"".join(entries) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data if tensors else head


def gguf_files():
    every_type = [entry(f"scalar.{kind}", kind, 1) for kind in SCALARS]
    every_type += [entry(f"array.{kind}", ARRAY, (kind, [0, 1, 1])) for kind in SCALARS]
    every_type += [entry("text", STRING, "a\u00e9\n"), entry("texts", ARRAY, (STRING, ["", "b", b"\xff"]))]
    nested = [entry("nested", ARRAY, (ARRAY, [(STRING, ["a"]), (U8, []), (ARRAY, [(I32, [1, 2])])]))]
    vocabulary = [entry("general.architecture", STRING, "llama"),
                  entry("tokenizer.ggml.tokens", ARRAY, (STRING, [f"t{i}" for i in range(40)])),
                  entry("tokenizer.ggml.scores", ARRAY, (F32, [-float(i) for i in range(40)]))]
    f32 = tensor("output.weight", [2, 3], 0, 0)
    yield "empty", b""
    yield "magic", b"GGUF"
    yield "no_entries", gguf()
    yield "version_2", gguf(vocabulary, version=2)
    yield "version_1", gguf(vocabulary, version=1)
    yield "big_endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0)
    yield "every_type", gguf(every_type)
    yield "nested", gguf(nested)
    yield "deep", b"GGUF" + u32(3) + u64(0) + u64(1) + string("k") + u32(ARRAY) + (u32(ARRAY) + u64(1)) * 40
    yield "vocabulary", gguf(vocabulary)
    yield "tensor", gguf(vocabulary, [f32], bytes(24))
    yield "formats", gguf([], [tensor("q4_0", [32], 2, 0),
                               tensor("q8_0", [32, 1], 8, 32), tensor("q4_k", [256], 12, 96),
                               tensor("i32", [2], 26, 256), tensor("f16", [0, 3], 1, 288)], bytes(320))
    yield "alignment", gguf([entry("general.alignment", U32, 64)], [f32], bytes(24), alignment=64)
    yield "alignment_0", gguf([entry("general.alignment", U32, 0)], [f32], bytes(24))
    yield "split", gguf([entry("split.no", U16, 0), entry("split.count", U16, 2)], [f32], bytes(24))
    yield "duplicate_key", gguf([vocabulary[0]] * 2)
    yield "duplicate_tensor", gguf([], [f32, f32], bytes(24))
    yield "overlap", gguf([], [f32, tensor("b", [1], 0, 0)], bytes(24))
    yield "truncated", gguf([], [f32], bytes(20))
    yield "offset_huge", gguf([], [tensor("a", [8], 0, HUGE - 31)], bytes(32))
    yield "product_huge", gguf([], [tensor("a", [2**32, 2**32, 0, 1], 0, 0)], bytes(32))
    yield "type_unknown", gguf([], [tensor("a", [32], 4, 0)], bytes(32))
    yield "counts_huge", b"GGUF" + u32(3) + u64(HUGE) + u64(HUGE) + bytes(64)
    yield "array_huge", b"GGUF" + u32(3) + u64(0) + u64(1) + string("k") + u32(ARRAY) + u32(U64) + u64(2**61) + bytes(8)


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return u64(len(text)) + text + data


def member(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_files():
    f32 = member("F32", [2], 0, 8)
    yield "empty", b""
    yield "no_tensors", safetensors({})
    yield "metadata", safetensors({"__metadata__": {"format": "pt"}, "a": f32}, bytes(8))
    yield "dtypes", safetensors({"a": member("F16", [1, 2], 0, 4), "b": member("BF16", [], 4, 6),
                                 "c": member("BOOL", [2], 6, 8), "d": member("F4", [3], 8, 10),
                                 "e": member("F32", [0, 7], 10, 10), "f": member("F32", [1] * 5, 10, 14)}, bytes(14))
    yield "padded", safetensors(json.dumps({"a": f32}).encode() + b"   ", bytes(8))
    yield "escaped_name", safetensors(b'{"\\u0061\\n":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8))
    yield "overlap", safetensors({"a": f32, "b": member("F32", [1], 4, 8)}, bytes(8))
    yield "gap", safetensors({"a": member("F32", [1], 4, 8)}, bytes(8))
    yield "left_over", safetensors({"a": f32}, bytes(9))
    yield "truncated", safetensors({"a": f32}, bytes(7))
    yield "shape_huge", safetensors({"a": member("F32", [2**62, 4], 0, 8)}, bytes(8))
    yield "shape_zero_huge", safetensors({"a": member("F32", [0, HUGE], 0, 0)})
    yield "shape_negative", safetensors({"a": member("F32", [-1], 0, 8)}, bytes(8))
    yield "shape_nan", safetensors({"a": member("F32", [float("nan")], 0, 8)}, bytes(8))
    yield "backwards", safetensors({"a": member("F32", [2], 8, 0)}, bytes(8))
    yield "duplicate", safetensors(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{}}')
    yield "length_huge", u64(HUGE) + b"{}"
    yield "not_utf8", safetensors(b'{"\xff":1}')
    yield "deep", safetensors(b'{"a":' + b"[" * 100)


def json_files():
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "rms_norm_eps": 1e-6,
              "tie_word_embeddings": False, "rope_scaling": None, "rope_parameters": {"rope_theta": 10000.0}}
    index = {"metadata": {"total_size": 8},
             "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "x.safetensors"}}
    yield "empty", b""
    yield "object", b"{}"
    yield "array", b"[1, 2]"
    yield "config", json.dumps(config, indent=2).encode()
    limits = [float("inf"), -float("inf"), float("nan")]
    yield "literals", json.dumps({"limits": limits, "t": "NaN \" Infinity"}).encode()
    yield "literals_broken", b'{"a":NaN,"b":Infinity,"c":-NaN,"d":"Infinity'
    yield "numbers", (b'{"a":[0,-0,1e999,1E-999,18446744073709551615,-9223372036854775808,'
                      b'123456789012345678901234567890]}')
    yield "strings", b'{"\\u00e9\\ud83d\\ude00":"\\"\\\\\\/\\b\\f\\n\\r\\t","\xf0\x9f\x98\x80":"\xc3\xa9"}'
    yield "surrogate", b'{"a":"\\ud800"}'
    yield "not_utf8", b'{"a":"\xed\xa0\x80"}'
    yield "duplicates", b'{"a":1,"b":{"c":1,"\\u0063":2},"a":3}'
    yield "extra", b"{} {}"
    yield "deep", b'{"a":' * 100
    yield "index", json.dumps(index).encode()
    yield "index_escapes", b'{"weight_map":{"a":"../x.safetensors","b":"/etc/x","c":""}}'
    yield "index_kinds", b'{"weight_map":{"a":1,"b":["x"]}}'


for target, files in (("gguf", gguf_files()), ("safetensors", safetensors_files()), ("json_config", json_files())):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files:
        (folder / name).write_bytes(data)
