"""The program against what independent implementations computed: ../shared/models and ../shared/fixtures, whose READMEs
say what the files are and which error separates right from wrong. Registered only where that folder is."""
import json

import numpy as np

from cli_case import ROOT, CliCase, main

SHARED = ROOT.parent / "shared"
HF_FAMILIES = ("hf/llama", "hf/llama3-rope", "hf/mistral-swa", "hf/qwen2", "hf/qwen3", "hf/gpt2", "hf/gpt_bigcode",
               "hf/gemma2", "hf/gemma3", "hf/glm", "hf/glm4", "hf/phi3", "hf2/gemma", "hf2/cohere", "hf2/cohere2",
               "hf2/ernie4_5", "hf2/exaone4", "hf2/gpt_neox", "hf2/granite", "hf2/olmo2", "hf2/olmo3", "hf2/phi",
               "hf2/lfm2", "hf2/phi3-longrope", "hf2/seed_oss", "hf2/smollm3", "hf2/stablelm", "hf2/starcoder2",
               "hf2/apertus", "hf2/falcon", "hf2/hunyuan_v1_dense", "hf2/qwen3_5", "hf2/falcon_h1", "hf2/nemotron_h",
               "hf2/mamba", "hf2/mamba2", "hf2/gemma3n_text", "hf2/gemma4_text")
ENCODERS = ("hf2/bert", "hf2/xlm_roberta", "hf2/modernbert", "hf2/gemma3-embedding")
# In bf16 a token between two experts may go to the other one: the median row's error counts. In some that spreads to
# many tokens after it: a quarter of the rows do.
EXPERT_FAMILIES = ("hf/glm4_moe", "hf/gpt_oss", "hf/qwen3_moe", "hf2/deepseek_v2", "hf2/deepseek_v3", "hf2/dots1",
                   "hf2/ernie4_5_moe", "hf2/glm4_moe_lite", "hf2/granitemoe", "hf2/lfm2_moe", "hf2/minimax_m2",
                   "hf2/mixtral", "hf2/phimoe", "hf2/qwen2_moe", "hf2/qwen3_moe-norm", "hf2/qwen3_next", "hf2/qwen3_5_moe",
                   "hf2/granitemoehybrid")
SPREADING_FAMILIES = ("hf/gpt_oss", "hf2/deepseek_v3", "hf2/lfm2_moe", "hf2/qwen3_next")
GGUF_FAMILIES = ("llama-dense", "gpt2-dense", "qwen3-dense", "starcoder-dense", "chatglm-dense", "gemma3-dense",
                 "glm4-dense", "glm4moe-moe", "qwen35moe-moe", "granitehybrid-dense", "lfm2-dense", "qwen3moe-moe", "kimi-linear-moe")
HF_ERROR_MAX, GGUF_ERROR_MAX, BF16_ERROR_MAX = 1e-4, 1e-3, 3e-2
# Whose short convolutions change the logits by less than 1e-4 in all.
FAINT_FAMILIES, FAINT_ERROR_MAX = ("hf2/lfm2", "hf2/lfm2_moe"), 1e-5
# Whose logits differ by 2.5 % and 5 % when nothing but the weights is rounded to bf16.
SENSITIVE_FAMILIES, SENSITIVE_ERROR_MAX = ("hf2/gemma3n_text", "hf2/gemma4_text"), 1e-1


class TinyStories(CliCase):
    def test_reference_stories(self):
        model = SHARED / "models/TinyStories-656K"
        references = json.loads((model / "reference_greedy.json").read_text())
        self.assertEqual(len(references), 5)
        for reference in references:
            with self.subTest(reference["prompt"]):
                arguments = ("run", model, "--raw", "--temp", 0, "-n", 64, "-p", reference["prompt"])
                ids = reference["greedy_ids"][:64]
                self.assertEqual(self.json(*arguments)["tokens"], ids)
                # The reference's text is that of all its ids, the prompt's included.
                printed = self.hearth(*arguments).stdout.decode()
                self.assertTrue(reference["text"].startswith(reference["prompt"] + printed))
                self.assertEqual(printed, self.decoded(model, reference, ids))

    def decoded(self, model, reference, ids):
        """The text of the ids alone, from that of prompt and ids."""
        prompt = " ".join(map(str, reference["prompt_ids"]))
        whole = f"{prompt} {' '.join(map(str, ids))}"
        text, start = (self.hearth("tokenize", model, "--ids", "-p", part).stdout.decode() for part in (whole, prompt))
        return text.removeprefix(start)


class Logits(CliCase):
    def test_hugging_face(self):
        for family in HF_FAMILIES + EXPERT_FAMILIES:
            folder = SHARED / "fixtures" / family
            tokens = json.loads((folder / "tokens.json").read_text())
            prompt, greedy = tokens["prompt"], tokens["greedy"]
            expected = np.load(folder / "logits.npy")
            f32_error_max = FAINT_ERROR_MAX if family in FAINT_FAMILIES else HF_ERROR_MAX
            bf16_error_max = SENSITIVE_ERROR_MAX if family in SENSITIVE_FAMILIES else BF16_ERROR_MAX
            for compute, error_max in (("f32", f32_error_max), ("bf16", bf16_error_max)):
                with self.subTest(f"{family} {compute}"):
                    values, data = self.logits(folder, prompt + greedy, "--compute", compute)
                    if family in EXPERT_FAMILIES and compute == "bf16":
                        share = 0.25 if family in SPREADING_FAMILIES else 0.5
                        self.assert_rows_close(values[:len(prompt)], expected, error_max, share)
                    else:
                        self.assert_close(values[:len(prompt)], expected, error_max)
                        self.assert_greedy(values[len(prompt) - 1:-1], greedy, 0 if compute == "f32" else error_max)
                    for chunk in (1, 7):
                        chunked = self.logits(folder, prompt + greedy, "--compute", compute, "--chunk", chunk)[1]
                        self.assertEqual(chunked, data, chunk)

    def test_encoders(self):
        for family in ENCODERS:
            folder = SHARED / "fixtures" / family
            prompt = json.loads((folder / "tokens.json").read_text())["prompt"]
            expected = np.load(folder / "states.npy")
            for compute, error_max in (("f32", HF_ERROR_MAX), ("bf16", BF16_ERROR_MAX)):
                with self.subTest(f"{family} {compute}"):
                    out = self.path("states.npy")
                    self.hearth("embed", folder, "--tokens", ",".join(map(str, prompt)), "--pooling", "none",
                                "--compute", compute, "--out", out)
                    self.assert_close(np.load(out), expected, error_max)
            self.refused("logits", folder, "--tokens", "1,2", "--out", self.path("no.npy"), words=["hearth embed"])

    def test_gguf(self):
        for family in GGUF_FAMILIES:
            path = SHARED / "fixtures/gguf" / f"{family}.gguf"
            tokens = json.loads(path.with_suffix(".json").read_text())["tokens"]
            expected = np.fromfile(path.with_suffix(".f32"), "<f4").reshape(len(tokens), -1)
            with self.subTest(family):
                values, data = self.logits(path, tokens, "--compute", "f32")
                self.assert_close(values, expected, GGUF_ERROR_MAX)
                self.assertEqual(self.logits(path, tokens, "--compute", "f32", "--chunk", 5)[1], data)
                self.assert_greedy(values, expected.argmax(axis=1).tolist(), GGUF_ERROR_MAX)

    def assert_rows_close(self, values, expected, error_max, share):
        self.assertEqual(values.shape, expected.shape)
        errors = np.linalg.norm(values - expected, axis=1) / np.linalg.norm(expected, axis=1)
        self.assertLessEqual(float(np.quantile(errors, share)), error_max)

    def assert_greedy(self, values, ids, error_max):
        """The likeliest ids, wherever the two best logits are further apart than the error."""
        for row, token in zip(values, ids, strict=True):
            if error_max == 0 or np.diff(np.sort(row)[-2:])[0] > error_max * np.abs(row).max():
                self.assertEqual(int(row.argmax()), token)


class Tokenizers(CliCase):
    def test_every_row(self):
        vocabularies = sorted((SHARED / "fixtures/tokenizers").glob("*.gguf"))
        self.assertGreaterEqual(len(vocabularies), 6)
        for path in vocabularies:
            rows = json.loads(path.with_suffix(".json").read_text())
            records = b"".join(row["text"].encode() + b"\0" for row in rows)
            for column, options in (("ids", []), ("ids_special", ["--special"])):
                with self.subTest(f"{path.stem} {column}"):
                    lines = self.hearth("tokenize", path, "--stdin0", *options, stdin=records).stdout.decode()
                    ids = [[int(word) for word in line.split(" ")] if line else [] for line in lines.splitlines()]
                    self.assertEqual(ids, [row[column] for row in rows])


if __name__ == "__main__":
    main()
