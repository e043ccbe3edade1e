#!/usr/bin/env python3
"""Compares `hearth embed` with llama.cpp: texts in a second, and how alike their vectors are.

    bench/embed_compare.py HEARTH FOLDER_OF_LIBLLAMA [--types f16,f32,q8_0] [--texts 640] [--turns 3] [--threads 2]

Both read the same file, made here: BERT of 33 million random weights (12 layers, width 384), and texts of 64 tokens.
They take turns; the fastest turn counts. Hearth's time is that of the whole program less what it takes with one text;
llama.cpp's is that of llama_encode() alone, the best of several sizes of a step, with flash attention and without.
The library: `npm i --ignore-scripts @node-llama-cpp/linux-x64@3.22.1`, in
node_modules/@node-llama-cpp/linux-x64/bins/linux-x64. Needs numpy.
"""
import argparse
import ctypes
import json
import pathlib
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

LAYERS, WIDTH, FF, HEADS, VOCABULARY, POSITIONS, TOKENS = 12, 384, 1536, 12, 30522, 512, 64
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FORMATS = {"f32": 0, "f16": 1, "q8_0": 8}  # GGUF's numbers


# The file


def words():
    """The vocabulary without the special tokens: letters, which begin and continue words, and made-up words."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    dice, made = random.Random(1), {}
    while len(made) < VOCABULARY - len(SPECIAL) - 2 * len(letters):
        made["".join(dice.choices(letters, k=dice.randint(2, 8)))] = None
    made = list(made)
    return ["\u2581" + letter for letter in letters] + list(letters) + ["\u2581" + word for word in made], made


def string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def entry(key, kind, value):
    bodies = {4: lambda: struct.pack("<I", value), 6: lambda: struct.pack("<f", value),
              7: lambda: struct.pack("<?", value), 8: lambda: string(value)}
    return string(key) + struct.pack("<I", kind) + bodies[kind]()


def encode(values, form):
    if form == "f32":
        return values.astype("<f4").tobytes()
    if form == "f16":
        return values.astype("<f2").tobytes()
    blocks = values.reshape(-1, 32)
    scale = (np.abs(blocks).max(1) / 127).astype("<f2")
    integers = np.rint(blocks / scale.astype(np.float32)[:, None]).clip(-127, 127).astype(np.int8)
    return np.concatenate([scale[:, None].view(np.uint8), integers.view(np.uint8)], 1).tobytes()


def tensors(form):
    """(name, shape, format, deviation, mean) of each."""
    yield "token_embd.weight", (VOCABULARY, WIDTH), form, 0.05, 0
    yield "position_embd.weight", (POSITIONS, WIDTH), "f32", 0.05, 0
    yield "token_types.weight", (2, WIDTH), "f32", 0.05, 0
    norms = ["token_embd_norm"]
    for layer in range(LAYERS):
        prefix = f"blk.{layer}."
        for name, rows, columns in (("attn_q", WIDTH, WIDTH), ("attn_k", WIDTH, WIDTH), ("attn_v", WIDTH, WIDTH),
                                    ("attn_output", WIDTH, WIDTH), ("ffn_up", FF, WIDTH), ("ffn_down", WIDTH, FF)):
            yield f"{prefix}{name}.weight", (rows, columns), form, 0.05, 0
            yield f"{prefix}{name}.bias", (rows,), "f32", 0.05, 0
        norms += [prefix + "attn_output_norm", prefix + "layer_output_norm"]
    for name in norms:
        yield f"{name}.weight", (WIDTH,), "f32", 0.05, 1
        yield f"{name}.bias", (WIDTH,), "f32", 0.05, 0


def write_model(path, form):
    tokens, _ = words()
    tokens = SPECIAL + tokens
    file_type = {"f32": 0, "f16": 1, "q8_0": 7}[form]
    meta = [entry("general.architecture", 8, "bert"), entry("general.file_type", 4, file_type)]
    for key, value in (("block_count", LAYERS), ("context_length", POSITIONS), ("embedding_length", WIDTH),
                       ("feed_forward_length", FF), ("attention.head_count", HEADS), ("pooling_type", 1)):
        meta.append(entry("bert." + key, 4, value))
    meta += [entry("bert.attention.layer_norm_epsilon", 6, 1e-12), entry("bert.attention.causal", 7, False),
             entry("tokenizer.ggml.model", 8, "bert"),
             entry("tokenizer.ggml.token_type_count", 4, 2)]
    for key, token in (("padding", 0), ("unknown", 1), ("cls", 2), ("bos", 2), ("seperator", 3), ("mask", 4)):
        meta.append(entry(f"tokenizer.ggml.{key}_token_id", 4, token))
    meta.append(string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(tokens)) +
                b"".join(map(string, tokens)))
    types = [3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL))
    meta.append(string("tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, len(types)) +
                np.asarray(types, "<i4").tobytes())
    dice, infos, data, at = np.random.default_rng(1), [], [], 0
    for name, shape, kind, deviation, mean in tensors(form):
        values = dice.standard_normal(shape, dtype=np.float32) * deviation + mean
        raw = encode(values.astype(np.float32), kind)
        infos.append(string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape[::-1]) +
                     struct.pack("<IQ", FORMATS[kind], at))
        raw += b"\0" * (-len(raw) % 32)
        at += len(raw)
        data.append(raw)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(meta)) + b"".join(meta) + b"".join(infos)
    pathlib.Path(path).write_bytes(head + b"\0" * (-len(head) % 32) + b"".join(data))


def write_texts(folder, count):
    """texts.txt, a text on each line, and ids.npy, the tokens of each."""
    tokens, made = words()
    place = {word: i + len(SPECIAL) for i, word in enumerate(tokens)}
    dice = random.Random(2)
    texts = [dice.choices(made, k=TOKENS - 2) for _ in range(count)]
    (folder / "texts.txt").write_text("".join(" ".join(text) + "\n" for text in texts))
    ids = [[2, *(place["\u2581" + word] for word in text), 3] for text in texts]
    np.save(folder / "ids.npy", np.asarray(ids, np.int32))


# llama.cpp, in a process of its own


class ContextParams(ctypes.Structure):
    """llama_context_params of llama.cpp v0.5.0, as far as is set here; the rest stays as the library made it."""
    _fields_ = [("n_ctx", ctypes.c_uint32), ("n_batch", ctypes.c_uint32), ("n_ubatch", ctypes.c_uint32),
                ("n_seq_max", ctypes.c_uint32), ("unset", ctypes.c_uint32 * 3), ("n_threads", ctypes.c_int32),
                ("n_threads_batch", ctypes.c_int32), ("types", ctypes.c_int32 * 2), ("pooling", ctypes.c_int32),
                ("attention", ctypes.c_int32), ("flash_attention", ctypes.c_int32), ("rest", ctypes.c_char * 72),
                ("embeddings", ctypes.c_bool), ("end", ctypes.c_char * 127)]


class ModelParams(ctypes.Structure):
    _fields_ = [("all", ctypes.c_char * 256)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.c_void_p), ("embd", ctypes.c_void_p),
                ("pos", ctypes.c_void_p), ("n_seq_id", ctypes.c_void_p), ("seq_id", ctypes.c_void_p),
                ("logits", ctypes.c_void_p)]


class Llama:
    def __init__(self, library, model):
        folder = pathlib.Path(library)
        ggml = ctypes.CDLL(str(next(folder.glob("libggml.*"))))
        ggml.ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
        self.lib = lib = ctypes.CDLL(str(next(folder.glob("libllama.v*"))))
        self.silent = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        lib.llama_log_set(self.silent, None)
        ggml.ggml_backend_load_all_from_path(str(folder).encode())
        lib.llama_model_default_params.restype = ModelParams
        lib.llama_context_default_params.restype = ContextParams
        lib.llama_model_load_from_file.restype = ctypes.c_void_p
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, ModelParams]
        lib.llama_init_from_model.restype = ctypes.c_void_p
        lib.llama_init_from_model.argtypes = [ctypes.c_void_p, ContextParams]
        lib.llama_encode.argtypes = [ctypes.c_void_p, Batch]
        lib.llama_free.argtypes = [ctypes.c_void_p]
        lib.llama_get_embeddings_seq.restype = ctypes.POINTER(ctypes.c_float)
        lib.llama_get_embeddings_seq.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        lib.llama_backend_init()
        self.model = lib.llama_model_load_from_file(model.encode(), lib.llama_model_default_params())
        assert self.model, model

    def encode(self, ids, step_texts, flash_attention, threads):
        """(seconds, vectors [texts, width]) of ids [texts, tokens]."""
        lib, params = self.lib, self.lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = step_texts * TOKENS
        params.n_seq_max, params.n_threads, params.n_threads_batch = step_texts, threads, threads
        params.embeddings, params.pooling, params.flash_attention = True, 1, flash_attention
        context = lib.llama_init_from_model(self.model, params)
        assert context
        count = step_texts * TOKENS
        position = np.tile(np.arange(TOKENS, dtype=np.int32), step_texts)
        one, logits = np.ones(count, np.int32), np.ones(count, np.int8)
        sequence = np.repeat(np.arange(step_texts, dtype=np.int32), TOKENS)
        pointers = sequence.ctypes.data + 4 * np.arange(count + 1, dtype=np.uint64)
        vectors, seconds = np.empty((len(ids), WIDTH), np.float32), 0.0
        for first in range(-step_texts, len(ids), step_texts):  # the first step of all is not counted
            step = np.ascontiguousarray(ids[max(first, 0):max(first, 0) + step_texts])
            batch = Batch(step.size, step.ctypes.data, None, position.ctypes.data, one.ctypes.data,
                          pointers.ctypes.data, logits.ctypes.data)
            begin = time.perf_counter()
            assert lib.llama_encode(context, batch) == 0
            seconds += time.perf_counter() - begin if first >= 0 else 0
            for i in range(len(step) if first >= 0 else 0):
                vectors[first + i] = np.ctypeslib.as_array(lib.llama_get_embeddings_seq(context, i), (WIDTH,))
        lib.llama_free(context)
        return seconds, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def run_llama(library, model, folder, ways, threads, count):
    """Prints for each way (texts of a step, flash attention): seconds of the clock, and of the processors."""
    llama, ids = Llama(library, model), np.load(f"{folder}/ids.npy")[:int(count)]
    for size, flash_attention in json.loads(ways):
        before = time.process_time()
        seconds, vectors = llama.encode(ids, size, flash_attention, int(threads))
        processors = (time.process_time() - before) * len(ids) / (len(ids) + size)  # one step is not counted
        print(seconds, processors, flush=True)
    np.save(f"{folder}/theirs.npy", vectors)


def run_hearth(hearth, model, texts, out, threads):
    """Seconds of the clock, and of the processors."""
    def processors():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    before, begin = processors(), time.perf_counter()
    subprocess.run([hearth, "embed", model, "-f", texts, "--out", out, "--threads", threads, "--device", "cpu"],
                   check=True, stderr=subprocess.DEVNULL)
    return np.array([time.perf_counter() - begin, processors() - before])


# The comparison


def compare(options, form, folder):
    model = str(folder / f"bert-{form}.gguf")
    write_model(model, form)
    (folder / "one.txt").write_text((folder / "texts.txt").read_text().split("\n")[0] + "\n")
    ways = [(size, flash) for size in (8, 32) for flash in (1, 0)]
    count = min(options.texts, options.llama_texts)
    ours, theirs, best_way = [], [], None
    for _ in range(options.turns):
        one, all_of_them = (run_hearth(options.hearth, model, folder / name, folder / "ours.npy", options.threads)
                            for name in ("one.txt", "texts.txt"))
        ours.append((all_of_them - one) / (options.texts - 1))
        tried = ways if best_way is None else [best_way]
        lines = subprocess.run([sys.executable, __file__, "--llama", options.library, model, folder, json.dumps(tried),
                                options.threads, str(count)], check=True, capture_output=True, text=True).stdout
        times = [np.array(line.split(), float) / count for line in lines.splitlines()]
        best_way = tried[min(range(len(tried)), key=lambda i: times[i][0])]
        theirs += times
    (ours_s, ours_processors), (theirs_s, theirs_processors) = np.min(ours, 0), np.min(theirs, 0)
    alike = (np.load(folder / "ours.npy")[:count] * np.load(folder / "theirs.npy")).sum(1).min()
    print(f"{form} | {1 / ours_s:.1f} | {1 / theirs_s:.1f} | {theirs_s / ours_s:.2f} | {1e3 * ours_processors:.1f} | "
          f"{1e3 * theirs_processors:.1f} | {theirs_processors / ours_processors:.2f} | {best_way} | {alike:.5f}",
          flush=True)


def main():
    if sys.argv[1] == "--llama":
        return run_llama(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hearth")
    parser.add_argument("library")
    parser.add_argument("--types", default="f32,f16,q8_0")
    parser.add_argument("--texts", type=int, default=640)
    parser.add_argument("--llama-texts", type=int, default=128, help="of them, what llama.cpp embeds in each way")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", default="2")
    options = parser.parse_args()
    print("type | Hearth, texts/s | llama.cpp, texts/s | ratio | Hearth, processor ms a text | llama.cpp | ratio | "
          "texts of a step and flash attention | least cosine")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_texts(folder, options.texts)
        for form in options.types.split(","):
            compare(options, form, folder)


if __name__ == "__main__":
    main()
