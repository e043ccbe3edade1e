#!/usr/bin/env python3
"""Writes the seed corpus of the fuzz targets: small files, whole and broken ones, made from scratch.

Files that a fuzzer found are added beside these by hand, named by their hash.
"""
import json
import math
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


def regex_files():
    text = "Hello, world's  42 \t\nna\u00efve \u65e5\u672c"
    gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    for name, pattern in (("gpt2", gpt2), ("groups", "(?i:(a)|(?<name>b))+?\\k<name>?"),
                          ("classes", "[a-z&&[^e]]|[^\\W\\d_]"), ("anchors", "^|$|\\b|\\A\\z"),
                          ("counts", "a{2,3}|b{,2}|\\p{N}{1,3}"), ("lookaround", "(?<=o)l|(?<!l)o(?!r)"),
                          ("escapes", "\\x{4e00}|\\u65e5|\\h+|\\R|\\X"), ("broken", "(a[b"), ("empty", "")):
        yield name, f"{pattern}\n{text}".encode()
    yield "not_utf8", b"a|\xff\nabc"


def tokenizer_files():
    def tokenizer(model, **parts):
        return json.dumps({"version": "1.0", "model": model, **parts}).encode()

    letters = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>", *"helowrdH,42", "\u0120", "he", "ll"])}
    bpe = {"type": "BPE", "vocab": letters, "merges": ["h e", "l l"], "unk_token": "<unk>", "byte_fallback": False}
    special = [{"id": 1, "content": "<s>", "special": True, "lstrip": True, "rstrip": False, "normalized": False,
                "single_word": False}]
    pair = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                     {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    steps = {"type": "Sequence", "normalizers": [
        {"type": "NFC"}, {"type": "Lowercase"}, {"type": "Prepend", "prepend": "_"},
        {"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}]}
    split = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "\\s+|\\p{N}"}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}
    yield "bpe", tokenizer(bpe, added_tokens=special, pre_tokenizer=split, decoder={"type": "ByteLevel"},
                           post_processor=pair)
    yield "steps", tokenizer(bpe, normalizer=steps, decoder={"type": "Fuse"})
    scores = [[token, -float(i)] for token, i in letters.items()]
    yield "unigram", tokenizer({"type": "Unigram", "unk_id": 0, "vocab": scores},
                               pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"})
    yield "wordpiece", tokenizer({"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "##",
                                  "max_input_chars_per_word": 100, "vocab": letters},
                                 normalizer={"type": "BertNormalizer"}, pre_tokenizer={"type": "BertPreTokenizer"})
    yield "wordlevel", tokenizer({"type": "WordLevel", "unk_token": "<unk>", "vocab": letters})
    for kind, pre in (("gpt2", "gpt-2"), ("llama", "default"), ("bert", "default")):
        tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(4)), *"helo wrdH,42", "\u0120", "he",
                  "\u2581h"]
        yield f"gguf_{kind}", gguf([
            entry("tokenizer.ggml.model", STRING, kind), entry("tokenizer.ggml.pre", STRING, pre),
            entry("tokenizer.ggml.tokens", ARRAY, (STRING, tokens)),
            entry("tokenizer.ggml.scores", ARRAY, (F32, [-float(i) for i in range(len(tokens))])),
            entry("tokenizer.ggml.token_type", ARRAY, (I32, [2, 3, 3, 6, 6, 6, 6] + [1] * (len(tokens) - 7))),
            entry("tokenizer.ggml.merges", ARRAY, (STRING, ["h e", "l l"])),
            entry("tokenizer.ggml.bos_token_id", U32, 1), entry("tokenizer.ggml.add_bos_token", BOOL, True)])
    yield "empty", b""


def template_files():
    yield "loop", (b"{{ bos_token }}{% for m in messages %}{{ loop.index }}[{{ m.role | upper }}] "
                   b"{{ m['content'] | trim }}"
                   b"{{ '\\n' if not loop.last else eos_token }}{% else %}none{% endfor %}")
    yield "tools", (b"{%- macro call(c) -%}{{ c.name }}({{ c.arguments | tojson(indent=2) }}){%- endmacro -%}"
                    b"{%- for m in messages if m.tool_calls is defined -%}{%- for t in m.tool_calls -%}"
                    b"{{ call(t.function) }}"
                    b"{%- endfor -%}{%- endfor -%}{{ tools | map(attribute='function.name') | join(', ') }}")
    yield "state", (b"{% set ns = namespace(n=0, s='') %}{% for i in range(5) %}{% set ns.n = ns.n + i * 2 // 3 %}"
                    b"{% set ns.s = ns.s ~ '%02d|' % ns.n %}{% endfor %}{{ ns.s[1:-1:2] }}{{ strftime_now('%Y') }}")
    yield "methods", (b"{{ 'a,b'.split(',')[-1] ~ 'x y'.replace(' ', '_').title() }}"
                      b"{{ {'a': 1, 'b': [2]}.items() | list }}"
                      b"{{ '{} {:>4}'.format(1, 'z') }}{{ messages[0].content.startswith('Be') and 3 ** 2 in [9] }}")
    yield "errors", (b"{% if messages[0].role == 'system' %}"
                     b"{{ raise_exception('no system ' ~ messages | length) }}{% endif %}")
    yield "broken", b"{% for x in %}{{ a | nothing(  }}"
    yield "deep", b"{{ " + b"(" * 200 + b"1" + b")" * 200 + b" }}"
    yield "empty", b""


def answers_files():
    for name, marks, text in (
            ("hermes", "<tool_call>", 'So.\n<tool_call>{"name": "f", "arguments": {"a": "x\\"", "n": 1}}</tool_call>'),
            ("thoughts", "<tool_call> <think>", '<think>\nHm.</think>\n\nYes.<tool_call>{"name": "f"}</tool_call>'),
            ("bare", "ipython", '{"name": "f", "parameters": {\'a\': None}}; [f(a="b", n=2)]'),
            ("python", "<|tool_list_start|>", "<|tool_call_start|>[f(a='\\x41\\u00e9', n=[1, (2,)])]<|tool_call_end|>"),
            ("tags", "<arg_key>", "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value></tool_call>"),
            ("lines", "<function= <parameter=",
             "<tool_call>\n<function=f>\n<parameter=n>\n1\n</parameter>\n</function>\n</tool_call>"),
            ("dsml", "\uff5cDSML\uff5c", '<\uff5cDSML\uff5cfunction_calls><\uff5cDSML\uff5cinvoke name="f">'
             '<\uff5cDSML\uff5cparameter name="n" string="false">1</\uff5cDSML\uff5cparameter>'),
            ("named", "[TOOL_CALLS] [ARGS]", '[TOOL_CALLS]f[CALL_ID]abc[ARGS]{"a": {}}[TOOL_CALLS]f[ARGS]{'),
            ("marked", "<|tool_call>", '<|tool_call>call:f{a:<|"|>x<|"|>,n:2}<tool_call|>'),
            ("messages", "<|channel|>", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
             '<|channel|>commentary to=functions.f<|message|>{"n": 1}<|call|>'),
            ("code", "", "```\n<tool_call>{}</tool_call>\n```\n"), ("empty", "", "")):
        yield name, f"{marks}\n{text}".encode()


def hub_files():
    git, sha = "b" * 40, "a" * 64
    large = {"type": "file", "path": "m-Q4_K_M.gguf", "oid": git, "size": 500, "lfs": {"oid": sha, "size": 500}}
    yield "listing", json.dumps([{"type": "directory", "path": "d", "oid": git, "size": 0}, large,
                                 {"type": "file", "path": "1_Pooling/config.json", "oid": git, "size": 3}]).encode()
    yield "split", json.dumps([{**large, "path": f"Q8_0/m-Q8_0-0000{i}-of-00002.gguf"} for i in (1, 2)]).encode()
    yield "outside", json.dumps([{**large, "path": "a/../../b"}]).encode()
    yield "wrong_hash", json.dumps([{**large, "lfs": {"oid": "../x", "size": 1}}]).encode()
    yield "link", b'<https://hub.example/api/models/a/b/tree/main?cursor=1>; rel="next"'
    yield "name", b"hf.co/Org/Model-GGUF:Q4_K_M"
    yield "date", b"Sun, 06 Nov 1994 08:49:37 GMT"
    yield "location", b"//cdn.example:8443/x?y#z"


def http_files():
    yield "get", b"GET /v1/models?name=a%20b&x=%zz HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\r\n"
    yield "post", (b"POST /v1/completions HTTP/1.1\r\nHost: h\r\n"
                   b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}GET")
    yield "chunked", (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                      b"Expect: 100-continue\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n")
    yield "old", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    yield "too_large", b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"
    yield "two_lengths", b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    yield "folded", b"GET / HTTP/1.1\r\nA: b\r\n  c\r\n\r\n"
    yield "bare_line_feeds", b"GET / HTTP/1.1\nHost: h\n\n"
    yield "address", b"http://[::1]:8080/base/"
    yield "empty", b""


def model_tensors(shapes):
    """(tensor entries, data): float32 zeros of these shapes, in order."""
    entries, size = [], 0
    for name, dims in shapes:
        entries.append(tensor(name, dims, 0, size))
        size += -(-4 * math.prod(dims) // 32) * 32
    return entries, bytes(size)


def binding_files():
    width, ff, heads, vocabulary = 16, 8, 2, 4
    sizes = {"embedding_length": width, "block_count": 1, "feed_forward_length": ff, "context_length": 32,
             "attention.head_count": heads, "attention.head_count_kv": heads, "vocab_size": vocabulary}
    for name in ("llama", "qwen2", "qwen3"):
        keys = [entry("general.architecture", STRING, name)]
        keys += [entry(f"{name}.{key}", U32, number) for key, number in sizes.items()]
        keys += [entry(f"{name}.attention.layer_norm_rms_epsilon", F32, 1e-5),
                 entry(f"{name}.rope.freq_base", F32, 1e4)]
        shapes = [("token_embd.weight", [width, vocabulary]), ("output_norm.weight", [width])]
        shapes += [(f"blk.0.{part}.weight", [width]) for part in ("attn_norm", "ffn_norm")]
        shapes += [(f"blk.0.attn_{part}.weight", [width, width]) for part in ("q", "k", "v", "output")]
        shapes += [(f"blk.0.ffn_{part}.weight", [width, ff]) for part in ("gate", "up")]
        shapes += [("blk.0.ffn_down.weight", [ff, width])]
        if name == "qwen2":
            shapes += [(f"blk.0.attn_{part}.bias", [width]) for part in "qkv"]
        if name == "qwen3":
            shapes += [(f"blk.0.attn_{part}_norm.weight", [width // heads]) for part in "qk"]
        yield name, gguf(keys, *model_tensors(shapes))
        yield f"{name}_without_tensors", gguf(keys)
    yield "empty", b""


for target, files in (("gguf", gguf_files()), ("safetensors", safetensors_files()), ("json_config", json_files()),
                      ("regex", regex_files()), ("tokenizer", tokenizer_files()), ("template", template_files()),
                      ("answers", answers_files()), ("http", http_files()), ("hub", hub_files()),
                      ("binding", binding_files())):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files:
        (folder / name).write_bytes(data)
