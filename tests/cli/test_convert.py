"""`hearth convert`: GGUF files of Hugging Face folders, which give the logits of the folders."""
import json

from cli_case import ROOT, CliCase, main

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
        self.assertEqual(names, CONVERTED | set(REFUSED))
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
