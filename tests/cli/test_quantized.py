"""Quantized checkpoints of Hugging Face folders: a tiny model whose layers' matrices are random numbers as each method
writes them, against the same model with the matrices written out in float32. In float32 both are the same bits."""
import json
import shutil

import numpy as np

from cli_case import ROOT, CliCase, main
from safetensors_file import read_safetensors, write_safetensors

DENSE, EXPERTS = ROOT / "tests/data/hf/qwen3", ROOT / "tests/data/hf/qwen2_moe"
GROUP = 32
TOKENS = "5,17,3,3,250,99,0,42"
AWQ_PLACES = [0, 2, 4, 6, 1, 3, 5, 7]  # which output of eight a word's nibbles belong to, the lowest first


def e4m3(codes):
    """OCP's 8-bit numbers as float32."""
    exponent, mantissa = (codes >> 3 & 15).astype(int), (codes & 7).astype(np.float32)
    value = np.where(exponent == 0, np.ldexp(mantissa, -9), np.ldexp(1 + mantissa / 8, exponent - 7))
    return np.where(codes & 128, -value, value).astype(np.float32)


def bf16_bits(values):
    return ("BF16", (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16))


def of_bf16(values):
    return (values.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


def words(numbers, bits):
    """Neighbours along the last axis share a word, the first in the lowest bits."""
    lanes = numbers.reshape(*numbers.shape[:-1], -1, 32 // bits).astype(np.uint32)
    return np.bitwise_or.reduce(lanes << (np.arange(32 // bits, dtype=np.uint32) * bits), -1).view(np.int32)


class Method:
    """Draws a matrix [n, k], and returns the tensors that its module has and what they mean."""

    def __init__(self, settings, draw, format_name, **options):
        self.settings, self.draw, self.format_name, self.options = settings, draw, format_name, options

    def __call__(self, random, n, k):
        return self.draw(random, n, k, **self.options)


def fp8(random, n, k, block=None, scale_name="weight_scale_inv", by_row=False):
    codes = random.integers(0, 256, (n, k)).astype(np.uint8)
    codes[codes & 127 == 127] = 0
    if block:
        scales = random.uniform(1e-4, 1e-3, (-(-n // block[0]), -(-k // block[1]))).astype(np.float32)
        spread = np.repeat(np.repeat(scales, block[0], 0), block[1], 1)[:n, :k]
    else:
        scales = of_bf16(random.uniform(1e-4, 1e-3, (n, 1) if by_row else (1,)))
        spread = scales
    stored = scales if block else bf16_bits(scales)
    return {"weight": ("F8_E4M3", codes), scale_name: stored}, spread * e4m3(codes)


def int8_by_row(random, n, k):
    codes = random.integers(-128, 128, (n, k)).astype(np.int8)
    scales = random.uniform(1e-4, 1e-3, (n, 1)).astype(np.float32)
    return {"weight": codes, "weight_scale": scales}, scales * codes.astype(np.float32)


def integers(random, n, k, bits, zeros):
    """codes [n, k], zero points [n, groups], scales [n, groups] of 16 bits, the matrix."""
    codes = random.integers(0, 1 << bits, (n, k))
    points = random.integers(1, 16, (n, k // GROUP)) if zeros else np.full((n, k // GROUP), 1 << (bits - 1))
    scales = of_bf16(random.uniform(0.01, 0.02, (n, k // GROUP)) * 16 / (1 << bits))
    spread = [np.repeat(x, GROUP, 1) for x in (points, scales)]
    return codes, points, scales, (codes - spread[0]).astype(np.float32) * spread[1]


def awq(random, n, k):
    codes, points, scales, matrix = integers(random, n, k, 4, True)
    order = [8 * i + place for i in range(n // 8) for place in AWQ_PLACES]
    return {"qweight": words(codes.T[:, order], 4), "qzeros": words(points.T[:, order], 4),
            "scales": scales.T.astype(np.float16)}, matrix


def gptq(random, n, k, bits=4, offset=1, zeros=True, shuffled=False):
    codes, points, scales, matrix = integers(random, n, k, bits, zeros)
    order = np.arange(k, dtype=np.int32) // GROUP
    return {"qweight": words(codes, bits).T.copy(), "qzeros": words(points.T - offset, bits),
            "scales": scales.T.astype(np.float16), "g_idx": order[::-1].copy() if shuffled else order}, matrix


def packed(random, n, k, bits=4, zeros=False):
    codes, points, scales, matrix = integers(random, n, k, bits, zeros)
    tensors = {"weight_packed": words(codes, bits), "weight_scale": bf16_bits(scales),
               "weight_shape": np.array([n, k], np.int64)}
    if zeros:
        tensors["weight_zero_point"] = words(points.T, bits).T.copy()
    return tensors, matrix


def ternary(random, n, k, divides=False):
    trits = random.integers(-1, 2, (n, k))
    bytes_of = np.bitwise_or.reduce((trits + 1).reshape(4, n // 4, k) << (2 * np.arange(4))[:, None, None])
    scale = of_bf16(random.uniform(40, 60, 1) if divides else random.uniform(0.01, 0.02, 1))
    return ({"weight": ("U8", bytes_of.astype(np.uint8)), "weight_scale": bf16_bits(scale)},
            trits.astype(np.float32) * (1 / scale if divides else scale))


def compressed(layout):
    return {"quant_method": "compressed-tensors", "format": layout}


METHODS = {
    "fp8 in blocks": Method({"quant_method": "fp8", "weight_block_size": [96, 32]}, fp8, "fp8_e4m3", block=(96, 32)),
    "fp8 with one scale": Method({"quant_method": "fp8"}, fp8, "fp8_e4m3", scale_name="weight_scale"),
    "fp8 with a scale for each row": Method(compressed("float-quantized"), fp8, "fp8_e4m3", scale_name="weight_scale",
                                            by_row=True),
    "int8 with a scale for each row": Method(compressed("int-quantized"), int8_by_row, "int8"),
    "awq": Method({"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm"}, awq, "int4"),
    "gptq": Method({"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False}, gptq, "int4"),
    "gptq v2": Method({"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq_v2"}, gptq, "int4", offset=0),
    "gptq of 8 bits": Method({"quant_method": "gptq", "bits": 8}, gptq, "int8", bits=8, zeros=False),
    "packed int4": Method(compressed("pack-quantized"), packed, "int4"),
    "packed int4 with zero points": Method(compressed("pack-quantized"), packed, "int4", zeros=True),
    "bitnet": Method({"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"},
                     ternary, "int4"),
    "bitnet whose scale divides": Method({"quant_method": "bitnet"}, ternary, "int4", divides=True),
    "packed int8": Method(compressed("pack-quantized"), packed, "int8", bits=8),
}


class Quantized(CliCase):
    def folders(self, method, origin=DENSE, settings=None):
        """The model quantized, and the same in float32."""
        random = np.random.default_rng(11)
        quantized, plain = {}, {}
        for name, values in read_safetensors(origin / "model.safetensors").items():
            # Routers stay as they are in such checkpoints.
            if not name.endswith("_proj.weight") or values.ndim != 2:
                quantized[name] = plain[name] = values
                continue
            tensors, matrix = method(random, *values.shape)
            plain[name] = matrix.astype(np.float32)
            quantized.update({name.removesuffix("weight") + part: value for part, value in tensors.items()})
        config = json.loads((origin / "config.json").read_text())
        folders = []
        for kind, tensors in (("quantized", quantized), ("plain", plain)):
            folder = self.folder / kind
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            if kind == "quantized":
                config["quantization_config"] = settings or method.settings
            (folder / "config.json").write_text(json.dumps(config))
            config.pop("quantization_config", None)
            write_safetensors(folder / "model.safetensors", tensors)
            folders.append(folder)
        return folders

    def logits(self, folder, *arguments):
        out = self.folder / "logits.npy"
        self.hearth("logits", folder, "--tokens", TOKENS, "--out", out, *arguments)
        return np.load(out)

    def check(self, method, origin=DENSE):
        quantized, plain = self.folders(method, origin)
        expected = self.logits(plain, "--compute", "f32")
        np.testing.assert_array_equal(self.logits(quantized, "--compute", "f32"), expected)
        # With activations of 8 bits, or weights of bf16.
        error = np.linalg.norm(self.logits(quantized) - expected) / np.linalg.norm(expected)
        self.assertLess(error, 3e-2)
        self.assertGreater(error, 0)
        return quantized

    def test_every_method_is_the_matrix_it_stands_for(self):
        seen = set()
        for name, method in METHODS.items():
            with self.subTest(name):
                quantized = self.check(method)
                if method.format_name in seen:
                    continue
                seen.add(method.format_name)
                self.assertIn(method.format_name, self.json("inspect", quantized)["formats"])
                self.assertIn(method.format_name, self.hearth("plan", quantized).stdout.decode())

    def test_experts(self):
        for name in ("fp8 in blocks", "awq"):
            with self.subTest(name):
                self.check(METHODS[name], EXPERTS)

    def test_what_is_refused_by_name(self):
        shuffled = Method({"quant_method": "gptq", "bits": 4}, gptq, "int4", shuffled=True)
        self.refused("logits", self.folders(shuffled)[0], "--tokens", "1", "--out", self.path("no.npy"),
                     words=("q_proj.qweight", "gptq", "desc_act"))
        for settings, words_of_it in (({"quant_method": "bitsandbytes", "load_in_4bit": True}, ("bitsandbytes", "nf4")),
                                      ({"quant_method": "awq", "version": "gemv"}, ("AWQ", "gemv")),
                                      ({"quant_method": "gptq", "bits": 3}, ("GPTQ", "3 bits")),
                                      (compressed("nvfp4-pack-quantized"), ("nvfp4-pack-quantized",)),
                                      ({"quant_method": "bitnet", "quantization_mode": "online"}, ("BitNet", "online")),
                                      ({"quant_method": "bitnet", "use_rms_norm": True}, ("BitNet", "use_rms_norm")),
                                      ({"quant_method": "hqq"}, ("hqq",))):
            with self.subTest(settings=settings):
                folder = self.folders(METHODS["gptq"], settings=settings)[0]
                self.refused("logits", folder, "--tokens", "1", "--out", self.path("no.npy"), words=words_of_it)

    def test_broken_checkpoints(self):
        folder = self.folders(METHODS["gptq"])[0]
        path = folder / "model.safetensors"
        tensors = read_safetensors(path)
        module = next(name for name in tensors if name.endswith("q_proj.qweight")).removesuffix("qweight")
        for part, array, words_of_it in (("scales", tensors[module + "scales"][:, :-8], "scales"),
                                         ("qzeros", tensors[module + "qzeros"][:-1], "qzeros"),
                                         ("scales", None, "scales")):
            with self.subTest(part):
                changed = dict(tensors)
                if array is None:
                    del changed[module + part]
                else:
                    changed[module + part] = np.ascontiguousarray(array)
                write_safetensors(path, changed)
                self.refused("logits", folder, "--tokens", "1", "--out", self.path("no.npy"),
                             words=("q_proj.qweight", words_of_it))


if __name__ == "__main__":
    main()
