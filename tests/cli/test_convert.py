"""`hearth convert`: GGUF files of Hugging Face folders, which give the logits of the folders."""
import json
import shutil

from cli_case import ROOT, CliCase, main
from write_tiny_model import vocabulary  # found through cli_case

# Folders of this repository and, where it stands beside it, of ../shared/fixtures.
OWN = ROOT / "tests" / "data" / "hf"
SHARED = [ROOT.parent / "shared" / "fixtures" / name for name in ("hf", "hf2")]
TINY_STORIES = ROOT.parent / "shared" / "models" / "TinyStories-656K"
# Of those of this repository.
CONVERTED = {"gemma2", "glm4_moe", "gpt2", "gpt_bigcode", "llama3-rope", "olmo2", "phi", "qwen2", "qwen2_moe", "qwen3"}
REFUSED = {"gemma3n": "'gemma3n_text' cannot be converted", "gemma4_moe": "'gemma4_text' cannot be converted",
           "lfm2": "'lfm2' cannot be converted", "mistral-swa": "llama.attention.sliding_window"}
F32 = ("--compute", "f32", "--device", "cpu")


class Convert(CliCase):
    def check(self, folder):
        """Whether the folder is converted; its logits are the file's then."""
        out = self.path("converted.gguf")
        done = self.hearth("convert", folder, out, status=None)
        if done.returncode != 0:
            self.assertRegex(done.stderr.decode(), r"\Ahearth: [^\n]*cannot be converted[^\n]*\n\Z")
            self.assertFalse(out.exists())
            return False
        self.assertIn("note: the folder has no tokenizer.json", done.stderr.decode())
        tokens = json.loads((folder / "tokens.json").read_text())["prompt"]
        expected, _ = self.logits(folder, tokens, *F32)
        values, _ = self.logits(out, tokens, *F32)
        self.assert_close(values, expected, 1e-6)
        out.unlink()
        return True

    def test_folders_of_the_repository(self):
        names = {path.name for path in OWN.iterdir()}
        self.assertLessEqual(CONVERTED | set(REFUSED), names)
        for name in sorted(names):
            with self.subTest(name):
                self.assertEqual(self.check(OWN / name), name in CONVERTED)

    def test_what_is_refused_is_named(self):
        for name, words in REFUSED.items():
            self.refused("convert", OWN / name, self.path("refused.gguf"), words=[OWN / name, words])

    def test_shared_fixtures(self):
        converted = []
        for root in SHARED:
            for folder in sorted(root.iterdir()) if root.exists() else ():
                with self.subTest(folder.name):
                    converted += [folder.name] if self.check(folder) else []
        if all(root.exists() for root in SHARED):
            self.assertGreaterEqual(len(converted), 37)

    def test_quantized_at_once(self):
        """With a type, and in two steps: the same matrices."""
        folder, plain, twice, once = OWN / "qwen3", self.path("p.gguf"), self.path("t.gguf"), self.path("o.gguf")
        self.hearth("convert", folder, plain)
        self.hearth("quantize", plain, twice, "--type", "Q8_0")
        for verb in ("convert", "quantize"):
            self.hearth(verb, folder, once, "--type", "Q8_0")
            self.assertEqual(once.read_bytes(), twice.read_bytes())

    def with_tokenizer(self, name, pattern=None, **files):
        """A folder with a byte-level tokenizer of 320 tokens, which cuts text by a pattern or as GPT-2 does."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for file in ("config.json", "model.safetensors"):
            shutil.copy(OWN / "qwen3" / file, folder)
        tokens, merges, _ = vocabulary()
        tokens = tokens[:318] + ["<s>", "</s>"]
        merges = [merge for merge in merges if merge.replace(" ", "") in tokens]
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                      "use_regex": pattern is None}
        cut = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        special = [{"id": 318 + i, "content": text, "special": True, "single_word": False, "lstrip": False,
                    "rstrip": False, "normalized": False} for i, text in enumerate(("<s>", "</s>"))]
        tokenizer = {"version": "1.0", "added_tokens": special, "normalizer": None, "post_processor": None,
                     "pre_tokenizer": byte_level if pattern is None else
                     {"type": "Sequence", "pretokenizers": [cut, byte_level]}, "decoder": byte_level,
                     "model": {"type": "BPE", "dropout": None, "unk_token": None, "byte_fallback": False,
                               "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges}}
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
        for file, text in files.items():
            (folder / file.replace("_jinja", ".jinja")).write_text(text)
        return folder

    def test_byte_level_tokenizer(self):
        folder, out = self.with_tokenizer("gpt2-like", chat_template_jinja="{{ messages }}"), self.path("gpt2.gguf")
        self.hearth("convert", folder, out)
        metadata = self.json("inspect", out)["metadata"]
        self.assertEqual((metadata["tokenizer.ggml.model"], metadata["tokenizer.ggml.pre"]), ("gpt2", "gpt-2"))
        self.assertEqual((metadata["tokenizer.ggml.bos_token_id"], metadata["tokenizer.ggml.eos_token_id"]),
                         ("318", "319"))
        self.assertEqual(metadata["tokenizer.chat_template"], "{{ messages }}")
        for text in ("the happy dog's 12345 days", "  two  spaces, and\n lines \u4f60\u597d <s>a</s>"):
            ids = [self.hearth("tokenize", model, "--special", "-p", text).stdout for model in (folder, out)]
            self.assertEqual(ids[0], ids[1])

    def test_how_text_is_cut_has_a_name_or_is_refused(self):
        digits = r"\p{N}{1,3}|[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+|\p{L}+"
        self.refused("convert", self.with_tokenizer("unnamed", digits), self.path("unnamed.gguf"), words=["cuts text"])
        qwen = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                r"\s*[\r\n]+|\s+(?!\S)|\s+")
        folder, out = self.with_tokenizer("qwen-like", qwen), self.path("qwen.gguf")
        self.hearth("convert", folder, out)
        text = "the happy.dog THE'LL\n\n play12 time"
        ids = [self.hearth("tokenize", model, "-p", text).stdout for model in (folder, out)]
        self.assertEqual(ids[0], ids[1])

    def test_tokenizer(self):
        if not TINY_STORIES.exists():
            return
        out = self.path("stories.gguf")
        self.hearth("convert", TINY_STORIES, out)
        for text in ("Once upon a time, there's a Dog.", "  two  spaces, and\n lines"):
            with self.subTest(text):
                ids = [self.hearth("tokenize", model, "--special", "-p", text).stdout for model in (TINY_STORIES, out)]
                self.assertEqual(ids[0], ids[1])
        arguments = ("-p", "Once upon a time", "-n", 20, "--temp", 0, "--raw", *F32)
        self.assertEqual(self.hearth("run", out, *arguments).stdout,
                         self.hearth("run", TINY_STORIES, *arguments).stdout)


if __name__ == "__main__":
    main()
