"""`hearth quantize`: files in other formats that run, say what they are, and are made in little memory."""
import struct
import subprocess

import numpy as np

from cli_case import CliCase, TinyModel, main

TOKENS = list(range(40, 60))
# The largest relative error of logits that each type may have on a random model, measured and rounded up.
ERRORS = {"F32": 0, "F16": 2e-3, "BF16": 0.012, "Q8_0": 0.04, "Q6_K": 0.1, "Q5_K_M": 0.2, "Q4_K_M": 0.36, "Q4_0": 0.46,
          "IQ4_XS": 0.42, "Q3_K_M": 0.58, "Q2_K": 0.95, "MXFP4": 0.63}


class Quantize(CliCase):
    def wide_model(self):
        """Rows of 256, which all formats take."""
        path = self.folder / "wide.gguf"
        if not path.exists():
            TinyModel("llama", layers=2, width=256, ff_width=512).write(path)
        return path

    def formats(self, path):
        return {name: total["tensors"] for name, total in self.json("inspect", path)["formats"].items()}

    def test_types(self):
        model = self.wide_model()
        expected, _ = self.logits(model, TOKENS, "--compute", "f32", "--device", "cpu")
        for name, error_max in ERRORS.items():
            with self.subTest(name):
                out = self.path(f"{name}.gguf")
                done = self.hearth("quantize", model, out, "--type", name)
                self.assertIn(f"{out}: ", done.stdout.decode())
                self.assertIn("bits a weight", done.stdout.decode())
                self.assertEqual(done.stderr, b"")
                values, _ = self.logits(out, TOKENS, "--compute", "f32", "--device", "cpu")
                self.assert_close(values, expected, error_max)
                if error_max:
                    error = np.linalg.norm(values - expected) / np.linalg.norm(expected)
                    self.assertGreater(error, error_max / 3, "the bound is too loose to catch much")

    def test_metadata_and_floats_are_kept(self):
        out = self.path("kept.gguf")
        self.hearth("quantize", self.wide_model(), out, "--type", "q4_k_m")
        before, after = self.json("inspect", self.wide_model()), self.json("inspect", out)
        self.assertEqual(before["metadata"], {key: value for key, value in after["metadata"].items()
                                              if key not in ("general.file_type", "general.quantization_version")})
        self.assertEqual(after["metadata"]["general.file_type"], "15")
        self.assertEqual(after["metadata"]["general.quantization_version"], "2")
        # Five norms; the output and, of the last layer, values and what leads out of it have more bits.
        self.assertEqual(self.formats(out), {"f32": 5, "q4_k": 13, "q6_k": 3})
        self.assertEqual(self.hearth("tokenize", out, "-p", "the happy dog").stdout,
                         self.hearth("tokenize", self.wide_model(), "-p", "the happy dog").stdout)

    def test_the_same_bytes_with_any_threads(self):
        contents = set()
        for threads in (1, 3):
            out = self.path("threads.gguf")
            self.hearth("quantize", self.wide_model(), out, "--type", "Q4_K_M", "--threads", threads)
            contents.add(out.read_bytes())
        self.assertEqual(len(contents), 1)

    def test_tensor_types(self):
        out = self.path("types.gguf")
        self.hearth("quantize", self.wide_model(), out, "--type", "Q4_0", "--tensor-type", r"blk\.1\.ffn=q5_k",
                    "--tensor-type", "ffn=q8_0")
        self.assertEqual(self.formats(out), {"f32": 5, "q4_0": 9, "q5_k": 3, "q8_0": 3, "q6_k": 1})

    def test_rows_that_do_not_fit(self):
        out = self.path("narrow.gguf")
        done = self.hearth("quantize", self.model(), out, "--type", "Q4_K_M")  # rows of 64
        self.assertRegex(done.stderr.decode(), r"note: .* rows of 64 .* q4_k takes at once: q5_0 instead")
        self.assertIn("q5_0", self.formats(out))
        self.hearth("run", out, "-p", "a", "-n", 2, "--raw")

    def test_dry_run(self):
        out = self.path("dry.gguf")
        lines = self.hearth("quantize", self.wide_model(), out, "--type", "Q6_K", "--dry-run").stdout.decode()
        self.assertRegex(lines, r"blk\.0\.attn_q\.weight +\[256, 256\] +f32 -> q6_k +53760\n")
        self.assertFalse(out.exists())

    def test_refused(self):
        out = self.path("refused.gguf")
        self.refused("quantize", self.wide_model(), out, "--type", "IQ2_M", words=["IQ2_M", "Q4_K_M"])
        self.refused("quantize", self.wide_model(), out, "--type", "Q9", words=["'Q9'", "Q4_K_M"])
        self.refused("quantize", self.wide_model(), self.wide_model(), "--type", "Q8_0", words=["is to be read"])
        self.refused("quantize", self.wide_model(), self.folder, "--type", "Q8_0", words=["folder"])
        self.refused("quantize", self.wide_model(), self.folder / "none" / "out.gguf", "--type", "Q8_0",
                     words=["out.gguf", "No such file"])
        self.refused("quantize", self.wide_model(), out, "--type", "Q8_0", "--tensor-type", "ffn=q9",
                     words=["ffn=q9", "q4_k"])
        self.assertEqual(list(self.folder.glob("refused*")), [])

    def importance(self, name, matrices):
        """A file with sums of squares for each matrix, counted 10 times."""
        model = TinyModel()
        model.metadata = {"general.type": "imatrix", "imatrix.chunk_count": 10}
        model.tensors = {}
        for matrix, sums in matrices.items():
            model.tensors[f"{matrix}.in_sum2"] = np.asarray(sums, np.float32).reshape(1, -1)
            model.tensors[f"{matrix}.counts"] = np.full((1, 1), 10, np.float32)
        return self.path(name, model.file("f32"))

    def test_importance(self):
        """Where only every fourth column counts, and the file says so, the logits are closer."""
        weights = TinyModel("llama", layers=2, width=256, ff_width=512)
        sums = np.where(np.arange(256) % 4 == 0, 1000.0, 0.001)
        names = [name for name, values in weights.tensors.items()
                 if values.ndim == 2 and values.shape[1] == 256 and name.startswith("blk.")]
        matrix = self.importance("sums.gguf", {name: sums for name in names})
        # A norm that lets through every fourth column, as the matrix says of all that read it.
        for layer in range(2):
            for norm in ("attn_norm", "ffn_norm"):
                weights.tensors[f"blk.{layer}.{norm}.weight"] *= (np.arange(256) % 4 == 0).astype(np.float32)
        model, plain, weighted = self.path("fourth.gguf"), self.path("plain.gguf"), self.path("weighted.gguf")
        weights.write(model)
        arguments = ("--type", "Q2_K", "--tensor-type", "attn_output|ffn_down|token_embd|^output=f32")
        self.hearth("quantize", model, plain, *arguments)
        self.hearth("quantize", model, weighted, *arguments, "--imatrix", matrix)
        expected, close, closer = (self.logits(path, TOKENS, "--compute", "f32", "--device", "cpu")[0]
                                   for path in (model, plain, weighted))
        self.assertLess(np.linalg.norm(closer - expected), 0.75 * np.linalg.norm(close - expected))
        self.assertEqual(self.json("inspect", weighted)["metadata"]["quantize.imatrix.file"], "sums.gguf")

    def test_importance_that_does_not_fit_is_refused(self):
        out, name = self.path("refused.gguf"), "blk.0.attn_q.weight"
        for file, words in ((self.importance("width.gguf", {name: np.ones(64)}), [name, "64", "256"]),
                            (self.importance("other.gguf", {"blk.7.attn_q.weight": np.ones(256)}), ["another model"]),
                            (self.importance("negative.gguf", {name: -np.ones(256)}), [name, "squares"]),
                            (self.wide_model(), ["no importance matrix"])):
            self.refused("quantize", self.wide_model(), out, "--type", "Q4_0", "--imatrix", file, words=[file, *words])

    def test_split_and_join(self):
        whole, joined, prefix = self.path("whole.gguf"), self.path("joined.gguf"), self.folder / "cut"
        self.hearth("quantize", self.wide_model(), whole, "--type", "Q4_K_M")
        tensors = [name["name"] for name in self.json("inspect", whole, "--tensors")["tensors"]]
        for limits in (("--max-tensors", 9), ("--max-size", "200KB")):
            with self.subTest(limits):
                planned = self.hearth("split", whole, prefix, *limits, "--dry-run").stdout.decode()
                self.assertIn("cut-00001-of-", planned)
                self.assertEqual(list(self.folder.glob("cut*")), [])
                lines = self.hearth("split", whole, prefix, *limits).stdout.decode().splitlines()
                parts = sorted(self.folder.glob("cut-*.gguf"))
                self.assertEqual([line.split(":")[0] for line in lines], [str(part) for part in parts])
                self.assertGreaterEqual(len(parts), 3)
                inspected = self.json("inspect", parts[0], "--tensors")
                self.assertEqual([tensor["name"] for tensor in inspected["tensors"]], tensors)
                self.assertEqual(self.logits(parts[0], TOKENS)[1], self.logits(whole, TOKENS)[1])
                self.hearth("join", parts[0], joined)
                self.assertEqual(joined.read_bytes(), whole.read_bytes())
                for part in parts:
                    part.unlink()
        self.refused("split", whole, prefix, words=["--max-size"])
        for size in ("0", "-1GB", "2XB", "GB", "99999999999TB"):
            self.refused("split", whole, prefix, f"--max-size={size}", words=["--max-size", size])

    def test_memory_is_far_below_the_size(self):
        """A file of 512 MB, all but its head a hole, in 200 MB."""
        model = TinyModel("llama", layers=1, width=256, ff_width=512)
        model.tensors = {name: values for name, values in model.tensors.items() if name != "output.weight"}
        rows, width = 1 << 18, 512
        model.tensors["output.weight"] = np.zeros((1, width), np.float32)
        data = model.file("f32")
        name = struct.pack("<Q", len(b"output.weight")) + b"output.weight"
        at = data.index(name) + len(name) + 4 + 8  # its rank and the first dimension stand before
        data = data[:at] + rows.to_bytes(8, "little") + data[at + 8:]
        path = self.path("large.gguf", data)
        with open(path, "r+b") as file:
            file.truncate(len(data) + (rows - 1) * width * 4)
        out = self.path("large-out.gguf")
        script = ("import resource, subprocess, sys\n"
                  "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        done = subprocess.run(["/usr/bin/python3", "-c", script, self.program, "quantize", path, out, "--type", "Q8_0"],
                              capture_output=True, check=True, timeout=300)
        self.assertLess(int(done.stdout) * 1024, 200e6)
        self.assertGreater(out.stat().st_size, rows * width)
        out.unlink()
        path.unlink()


if __name__ == "__main__":
    main()
