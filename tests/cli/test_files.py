"""Files that cannot be run: each one sentence that names the file and what is wrong in it, never a crash."""
import random
import struct

import numpy as np

from cli_case import CliCase, TinyModel, main


class Files(CliCase):
    def setUp(self):
        self.tiny = TinyModel()

    def refused_model(self, model, words, verb="run"):
        path = self.write_model(model)
        arguments = {"run": ["-p", "a", "-n", 1, "--device", "cpu", "--raw"]}.get(verb, [])
        return self.refused(verb, path, *arguments, words=[path, *words])

    def test_no_file(self):
        for verb in ("run", "inspect", "plan", "tokenize"):
            self.refused(verb, self.folder / "none.gguf", words=["none.gguf", "No such file"])
        self.refused("inspect", self.folder, words=[self.folder])

    def test_truncated(self):
        data = self.tiny.file("q8_0")
        for length in (0, 3, 4, 11, 24, 200, 5000, len(data) // 2, len(data) - 33):  # the last 32 may be padding
            with self.subTest(length):
                path = self.path("short.gguf", data[:length])
                self.refused("run", path, "-p", "a", words=[path])

    def test_not_a_model(self):
        data = self.tiny.file("q8_0")
        for name, content in (("text", b"once upon a time\n" * 100), ("magic", b"GGML" + data[4:]),
                              ("version", data[:4] + struct.pack("<I", 77) + data[8:]),
                              ("noise", random.Random(1).randbytes(10000)),
                              ("count", data[:8] + struct.pack("<Q", 2**62) + data[16:])):
            with self.subTest(name):
                path = self.path("other.gguf", content)
                self.refused("inspect", path, words=[path])

    def test_damaged(self):
        """Whatever one byte of the head becomes: a model that runs, or one sentence."""
        data, randomness = self.tiny.file("q8_0"), random.Random(2)
        for _ in range(12):
            at = randomness.randrange(3000)
            with self.subTest(at):
                path = self.path("damaged.gguf", data[:at] + randomness.randbytes(1) + data[at + 1:])
                done = self.hearth("plan", path, status=None)
                if done.returncode != 0:
                    self.assertEqual(done.returncode, 1)
                    self.assertRegex(done.stderr.decode(), r"\Ahearth: [^\n]+\n\Z")

    def test_unknown_architecture(self):
        self.tiny.metadata["general.architecture"] = "eliza"
        self.refused_model(self.tiny, ["eliza", "llama", "qwen3", "gpt2", "starcoder"])
        inspected = self.json("inspect", self.path("changed.gguf"))
        self.assertIn("eliza", inspected["model"]["not_runnable"])
        self.assertIn("nearest known one is", inspected["model"]["not_runnable"])  # whose settings are not there
        del self.tiny.metadata["general.architecture"]
        self.refused_model(self.tiny, ["general.architecture"])

    def test_an_unknown_architecture_may_be_a_known_one(self):
        def renamed(known, unknown):
            model = TinyModel(known)
            keys = {key.replace(f"{known}.", f"{unknown}."): value for key, value in model.metadata.items()}
            model.metadata = keys | {"general.architecture": unknown}
            return model
        self.refused_model(renamed("qwen3", "qwen3x"), ["'qwen3x'", "could be opened as 'qwen3'"])
        self.refused_model(renamed("starcoder", "starcode"), ["could be opened as 'starcoder'"])
        more = renamed("llama", "llamba")
        more.tensors["blk.0.attn_mystery.weight"] = np.zeros((64, 64), np.float32)
        self.refused_model(more, ["could be opened as 'llama'", "would leave unread: blk.{}.attn_mystery"])
        less = renamed("llama", "llamba")
        del less.tensors["blk.1.attn_q.weight"]
        self.refused_model(less, ["the nearest known one is 'llama'", "blk.1.attn_q"])

    def test_control_characters_are_never_printed(self):
        """Of names, of texts and in errors: what a file brings does not steer a terminal."""
        escape = "\x1b[2J\x07\x7f\x9b31m\u202ex"
        self.tiny.metadata["general.name"] = escape
        self.tiny.metadata["key" + escape] = "text" + escape
        self.tiny.tensors["extra" + escape] = np.zeros((1, 32), np.float32)
        path = self.write_model(self.tiny)
        for arguments in ((), ("--tensors",), ("--json",), ("--tensors", "--json")):
            text = self.hearth("inspect", path, *arguments).stdout.decode()
            self.assertIn("x1b", text)
            self.assertFalse(set(escape[:1] + "\x07\x7f\x9b\u202e") & set(text), arguments)
        self.tiny.metadata["general.architecture"] = "eliza" + escape
        sentence = self.refused_model(self.tiny, ["eliza"])
        self.assertFalse(set(escape[:1] + "\x07\x7f\x9b\u202e") & set(sentence))

    def test_missing_setting(self):
        del self.tiny.metadata["llama.embedding_length"]
        self.refused_model(self.tiny, ["llama.embedding_length"])

    def test_missing_tensors_are_all_named(self):
        for name in ("blk.0.attn_k.weight", "blk.1.ffn_down.weight", "output_norm.weight"):
            del self.tiny.tensors[name]
        for verb in ("run", "plan"):
            self.refused_model(self.tiny, ["blk.0.attn_k.weight", "blk.1.ffn_down.weight", "output_norm.weight",
                                           "missing"], verb)

    def test_wrong_shape(self):
        self.tiny.tensors["blk.1.ffn_up.weight"] = np.zeros((96, 64), np.float32)
        self.refused_model(self.tiny, ["blk.1.ffn_up.weight", "[96, 64]", "[128, 64]"])

    def test_unsupported_format(self):
        data = bytearray(self.tiny.file("f32"))
        name = b"blk.0.attn_q.weight"
        at = data.index(name) + len(name) + 4 + 2 * 8  # past the number of dimensions and the two of them
        for number in (16, 4000):  # a format of llama.cpp's that Hearth does not read, and none at all
            data[at:at + 4] = struct.pack("<I", number)
            path = self.path("format.gguf", bytes(data))
            self.refused("run", path, "-p", "a", "--raw", "--device", "cpu", words=[path, name.decode()])

    def test_no_tokenizer(self):
        for key in [key for key in self.tiny.metadata if key.startswith("tokenizer.")]:
            del self.tiny.metadata[key]
        path = self.write_model(self.tiny)
        self.refused("tokenize", path, words=["tokenizer"])
        self.refused("run", path, "-p", "a", "--device", "cpu", words=["tokenizer"])
        self.assertEqual(len(self.logits(path, [1, 2])[0]), 2)

    def test_a_vocabulary_alone(self):
        self.tiny.tensors = {}
        path = self.write_model(self.tiny)
        self.assertEqual(self.hearth("tokenize", path, "-p", "Z").stdout.decode().split(),
                         [str(self.tiny.tokens.index("Z"))])
        self.assertEqual(self.json("inspect", path)["tokenizer"]["tokens"], len(self.tiny.tokens))
        self.refused("run", path, "-p", "a", "--raw", "--device", "cpu", words=["token_embd.weight"])

    def test_the_context(self):
        path, long_prompt = self.model(), "zq" * 300
        self.refused("run", path, "-p", "a", "--raw", "--device", "cpu", "--ctx", 513, words=[513, 512])
        self.refused("plan", path, "--ctx", 100000, words=[100000, 512])
        self.refused("run", path, "-p", long_prompt, "--raw", "--device", "cpu", words=[601, 512])
        self.refused("run", path, "-p", long_prompt, "--raw", "--device", "cpu", "--ctx", 20, words=[601, 20])

    def test_a_mode_without_a_kernel(self):
        self.refused("plan", self.model(), "--compute", "int8", words=["matmul", "f32", "int8", "cpu"])


if __name__ == "__main__":
    main()
