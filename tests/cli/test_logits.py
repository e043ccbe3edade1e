"""`hearth logits`: right for every architecture and format, and the same bits however the tokens are fed."""

import numpy as np

from cli_case import CliCase, TinyModel, main
from reference_model import ReferenceModel

ARCHITECTURES = ("llama", "qwen2", "qwen3", "gpt2", "starcoder")
TOKENS = np.random.default_rng(5).integers(0, 300, 70).tolist()


class Logits(CliCase):
    def test_the_file(self):
        values, data = self.logits(self.model(), [5, 6, 7])
        self.assertEqual(values.dtype, np.dtype("<f4"))
        self.assertEqual(values.shape, (3, len(TinyModel().tokens)))
        self.assertTrue(values.flags.c_contiguous)
        self.assertEqual((len(data) - values.nbytes) % 64, 0)

    def test_architectures(self):
        for architecture in ARCHITECTURES:
            with self.subTest(architecture):
                values, _ = self.logits(self.model(architecture), TOKENS)
                self.assert_close(values, ReferenceModel(TinyModel(architecture)).logits(TOKENS), 1e-5)

    def test_formats(self):
        """Computed in float32, and as `auto` computes: activations in bf16, or in int8 blocks where weights are
        quantized."""
        for matrix_format, auto_error_max in (("f16", 3e-2), ("bf16", 3e-2), ("q8_0", 4e-2), ("q4_0", 4e-2)):
            with self.subTest(matrix_format):
                expected = ReferenceModel(TinyModel(), matrix_format).logits(TOKENS)
                path = self.model("llama", matrix_format)
                self.assert_close(self.logits(path, TOKENS, "--compute", "f32")[0], expected, 1e-5)
                self.assert_close(self.logits(path, TOKENS)[0], expected, auto_error_max)

    def test_chunks_change_no_bit(self):
        for architecture, matrix_format in (("llama", "f32"), ("qwen3", "bf16"), ("gpt2", "q8_0"),
                                            ("starcoder", "q4_0")):
            with self.subTest(f"{architecture} {matrix_format}"):
                path = self.model(architecture, matrix_format)
                whole = self.logits(path, TOKENS, "--threads", 1)[1]
                for chunk in (1, 3, 512):
                    self.assertEqual(self.logits(path, TOKENS, "--chunk", chunk, "--threads", 3)[1], whole, chunk)

    def test_attention_in_steps(self):
        for architecture in ARCHITECTURES:
            with self.subTest(architecture):
                path = self.model(architecture)
                values, whole = self.logits(path, TOKENS, "--attention", "steps")
                self.assert_close(values, ReferenceModel(TinyModel(architecture)).logits(TOKENS), 1e-5)
                self.assertEqual(self.logits(path, TOKENS, "--attention", "steps", "--chunk", 3)[1], whole)

    def test_no_token_is_added(self):
        self.assertEqual(self.logits(self.model(), [7])[0].shape[0], 1)

    def test_refusals(self):
        out = self.path("refused.npy")
        vocabulary = len(TinyModel().tokens)
        for tokens, words in ((f"5,{vocabulary}", [vocabulary]), ("5,-1", ["-1"])):
            self.refused("logits", self.model(), f"--tokens={tokens}", "--out", out, words=words)
        self.refused("logits", self.model(), "--tokens", "1,2,3", "--ctx", 2, "--out", out, words=[3, 2])
        self.refused("logits", self.model(), "--tokens", "1", "--out", self.folder / "no/folder.npy",
                     words=["no/folder.npy", "No such file"])


if __name__ == "__main__":
    main()
