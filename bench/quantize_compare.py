#!/usr/bin/env python3
"""Compares `hearth quantize` with llama.cpp: size, KL divergence from the unquantized model, time and memory.

    bench/quantize_compare.py HEARTH FOLDER_OF_LIBLLAMA MODEL.gguf --text FILE [--types Q4_K_M,Q6_K] [--tokens 2048]

Both quantize the same file with two threads; Hearth computes the logits of all three in float32. Without --text, only
time and memory are measured. The library: `npm i --ignore-scripts node-llama-cpp@3.22.1`, in
node_modules/@node-llama-cpp/linux-x64/bins/linux-x64. Needs numpy.
"""
import argparse
import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

FILE_TYPES = {"Q8_0": 7, "Q6_K": 18, "Q5_K_M": 17, "Q5_K_S": 16, "Q4_K_M": 15, "Q4_K_S": 14, "Q3_K_L": 13, "Q3_K_M": 12,
              "Q3_K_S": 11, "Q2_K": 10, "Q4_0": 2, "Q4_1": 3, "Q5_0": 8, "Q5_1": 9, "IQ4_NL": 25, "IQ4_XS": 30}
CHUNK = 256


class QuantizeParams(ctypes.Structure):
    """The beginning of llama_model_quantize_params; the rest stays as the library made it."""
    _fields_ = [("nthread", ctypes.c_int32), ("ftype", ctypes.c_int32), ("output_tensor_type", ctypes.c_int32),
                ("token_embedding_type", ctypes.c_int32), ("allow_requantize", ctypes.c_bool),
                ("rest", ctypes.c_char * 239)]


def quantize_with_llama(library, model, out, file_type):
    """Runs in a process of its own, whose time and memory are measured."""
    llama = ctypes.CDLL(str(next(pathlib.Path(library).glob("libllama.*"))))
    llama.llama_model_quantize_default_params.restype = QuantizeParams
    llama.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(QuantizeParams)]
    params = llama.llama_model_quantize_default_params()
    params.nthread, params.ftype, params.allow_requantize = 2, file_type, True
    return llama.llama_model_quantize(model.encode(), out.encode(), ctypes.byref(params))


def measured(command, **options):
    """(seconds of the processors, megabytes) of a command."""
    script = ("import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
              "u = resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(u.ru_utime + u.ru_stime, u.ru_maxrss)")
    done = subprocess.run([sys.executable, "-c", script, *map(str, command)], check=True, capture_output=True,
                          **options)
    seconds, kilobytes = done.stdout.split()
    return float(seconds), int(kilobytes) / 1024


def log_probabilities(hearth, model, ids, scratch):
    parts = []
    for at in range(0, len(ids), CHUNK):
        tokens = ",".join(map(str, ids[at:at + CHUNK]))
        subprocess.run([hearth, "logits", model, "--tokens", tokens, "--out", scratch, "--compute", "f32", "--device",
                        "cpu"], check=True, capture_output=True)
        parts.append(np.load(scratch).astype(np.float64))
    logits = np.concatenate(parts)
    logits -= logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def divergence(base, values):
    """"mean ± standard error (same best token)"."""
    kl = (np.exp(base) * (base - values)).sum(-1)
    same = (base.argmax(-1) == values.argmax(-1)).mean()
    return f"{kl.mean():.5f} ± {kl.std() / len(kl) ** 0.5:.5f} ({100 * same:.1f} %)"


def main():
    if sys.argv[1] == "--llama":
        sys.exit(quantize_with_llama(*sys.argv[2:5], int(sys.argv[5])))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hearth")
    parser.add_argument("library")
    parser.add_argument("model")
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--types", default="Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q3_K_M,Q2_K,IQ4_XS")
    parser.add_argument("--tokens", type=int, default=2048)
    options = parser.parse_args()
    environment = {**os.environ, "LD_LIBRARY_PATH": options.library}
    with tempfile.TemporaryDirectory(dir=pathlib.Path(options.model).parent) as folder:
        ours, theirs, scratch = (str(pathlib.Path(folder) / name) for name in ("h.gguf", "l.gguf", "l.npy"))
        base, ids = None, []
        if options.text:
            text = subprocess.run([options.hearth, "tokenize", options.model], input=options.text.read_bytes(),
                                  check=True, capture_output=True).stdout
            ids = [int(word) for word in text.split()][:options.tokens]
            base = log_probabilities(options.hearth, options.model, ids, scratch)
        for name in options.types.split(","):
            row = [name]
            hearth = [options.hearth, "quantize", options.model, ours, "--type", name, "--threads", 2]
            llama = [sys.executable, __file__, "--llama", options.library, options.model, theirs, FILE_TYPES[name]]
            for out, command in ((ours, hearth), (theirs, llama)):
                seconds, megabytes = measured(command, env=environment)
                row += [f"{seconds:.1f} s, {megabytes:.0f} MB", f"{os.path.getsize(out) / 1e6:.1f} MB"]
                if base is not None:
                    row.append(divergence(base, log_probabilities(options.hearth, out, ids, scratch)))
            print(" | ".join(row), flush=True)


if __name__ == "__main__":
    main()
