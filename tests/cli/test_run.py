"""`hearth run`: what goes to which stream, where prompts come from, templates, seeds, endings, Ctrl-C."""
import json
import os
import signal
import subprocess

import numpy as np

from cli_case import TIMEOUT_S, CliCase, TinyModel, main

PROMPT = "Once upon a time"
SPEEDS = r"prompt: \d+ tokens, [\d.]+ tokens/s; decode: \d+ tokens, [\d.]+ tokens/s; seed \d+\n\Z"
# Every byte of the vocabulary is about as likely.
WILD = ("--temp", 5, "--top-k", 0, "--top-p", 1, "--min-p", 0)


class Run(CliCase):
    def text(self, model, *arguments, stdin=b""):
        """What streams to standard output; everything that may be printed is asked for."""
        done = self.hearth("run", model, "--ledger", *arguments, stdin=stdin)
        self.assertIn(b"bytes allocated", done.stderr)
        return done.stdout

    def test_streams(self):
        for arguments in (("--raw",), ()):
            arguments = ("-p", PROMPT, "-n", 40, "--seed", 7, *arguments)
            result = self.json("run", self.model(), *arguments)
            done = self.hearth("run", self.model(), *arguments)
            self.assertEqual(done.stdout.decode(), result["text"])
            self.assertRegex(done.stderr.decode(), SPEEDS)
            self.assertIn("device: cpu", done.stderr.decode())
            self.assertEqual(self.text(self.model(), *arguments), done.stdout)

    def test_json(self):
        done = self.hearth("run", self.model(), "--raw", "-p", PROMPT, "-n", 12, "--seed", 7, "--json")
        self.assertEqual(done.stdout.count(b"\n"), 1)
        result = json.loads(done.stdout)
        self.assertEqual((result["generated_tokens"], result["finish_reason"], result["seed"]), (12, "length", 7))
        self.assertEqual(len(result["tokens"]), 12)
        ids = " ".join(map(str, result["tokens"]))
        self.assertEqual(self.hearth("tokenize", self.model(), "--ids", "-p", ids).stdout.decode(), result["text"])

    def test_the_answer_obeys_a_schema_or_a_grammar(self):
        schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 10, "maximum": 99}},
                  "required": ["n"], "additionalProperties": False}
        path = self.path("schema.json", json.dumps(schema).encode())
        result = self.json("run", self.model(), "--raw", "-p", PROMPT, "--seed", 3, "--schema", path, *WILD)
        self.assertEqual(result["finish_reason"], "stop")
        self.assertIn(json.loads(result["text"])["n"], range(10, 100))
        grammar = self.path("grammar.gbnf", b'root ::= "<" root ">" | [abc]')
        for seed in range(3):
            text = self.text(self.model(), "--raw", "-p", PROMPT, "--seed", seed, "--grammar", grammar).decode()
            self.assertRegex(text, r"\A<*[abc]>*\n?\Z")
            self.assertEqual(text.count("<"), text.count(">"))
        self.refused("run", "none.gguf", "--grammar", self.path("wrong.gbnf", b"root ::= missing"), words=["missing"])
        self.hearth("run", "none.gguf", "--schema", path, "--grammar", grammar, status=2)

    def test_any_bytes_give_valid_text(self):
        arguments = ("--raw", "-p", PROMPT, "-n", 300, "--seed", 1, "--ignore-eos", *WILD)
        result = self.json("run", self.model(), *arguments)
        self.assertIn("\ufffd", result["text"])
        self.assertEqual(self.text(self.model(), *arguments).decode(), result["text"])

    def test_sources_of_the_prompt(self):
        prompt = "two\nlines, \u00e9\u4e16, and a last one\n"
        options = ("--raw", "-n", 20, "--seed", 7)
        expected = self.text(self.model(), "-p", prompt, *options)
        path = self.path("prompt.txt", prompt.encode())
        self.assertEqual(self.text(self.model(), "-f", path, *options), expected)
        self.assertEqual(self.text(self.model(), *options, stdin=prompt.encode()), expected)
        self.refused("run", self.model(), "-f", self.folder / "none.txt", words=["none.txt"])
        self.refused("run", self.model(), "-f", self.folder, words=[self.folder, "is a directory"])
        for verb in ("run", "tokenize"):
            folder = os.open(self.folder, os.O_RDONLY)
            done = subprocess.run([self.program, verb, self.model()], stdin=folder, capture_output=True,
                                  timeout=TIMEOUT_S)
            os.close(folder)
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertIn("standard input: is a directory", done.stderr.decode())

    def test_an_empty_prompt_reads_nothing(self):
        command = [self.program, "run", self.model(), "--raw", "-p", "", "-n", "5", "--json"]
        # Standard input stays open: a program that read it would wait for its end.
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            self.assertEqual(child.wait(TIMEOUT_S), 0)
            result = json.load(child.stdout)
        self.assertEqual((result["prompt_tokens"], result["generated_tokens"]), (1, 5))

    def test_the_beginning_token(self):
        for setting, count in ((True, 2), (False, 1), (None, 1)):
            tiny = TinyModel()
            tiny.metadata["tokenizer.ggml.add_bos_token"] = setting
            if setting is None:  # this kind of tokenizer adds none unless it is told to
                del tiny.metadata["tokenizer.ggml.add_bos_token"]
            path = self.write_model(tiny)
            self.assertEqual(self.json("run", path, "--raw", "-p", "Z", "-n", 1)["prompt_tokens"], count)
            self.assertEqual(self.json("run", path, "--raw", "-p", "", "-n", 1)["prompt_tokens"], 1)
        for key in ("add_bos_token", "bos_token_id"):
            tiny.metadata.pop(f"tokenizer.ggml.{key}", None)
        self.refused("run", self.write_model(tiny), "--raw", "--device", "cpu", "-p", "", words=["empty"])

    def test_seeds(self):
        arguments = ("run", self.model("llama", "q8_0"), "--raw", "-p", PROMPT, "-n", 60)
        first = self.json(*arguments, "--seed", 7, "--threads", 1)["tokens"]
        self.assertEqual(self.json(*arguments, "--seed", 7, "--threads", 3)["tokens"], first)
        self.assertEqual(self.json(*arguments, "--seed", 7, "--chunk", 2)["tokens"], first)
        self.assertNotEqual(self.json(*arguments, "--seed", 8)["tokens"], first)
        drawn = [self.json(*arguments) for _ in range(2)]
        self.assertNotEqual(drawn[0]["seed"], drawn[1]["seed"])
        self.assertEqual(self.json(*arguments, "--seed", drawn[0]["seed"])["tokens"], drawn[0]["tokens"])

    def test_greedy_takes_the_largest_logit(self):
        path = self.model("qwen3", "bf16")
        prompt = [int(token) for token in self.hearth("tokenize", path, "--special", "-p", PROMPT).stdout.split()]
        tokens = self.json("run", path, "--raw", "-p", PROMPT, "-n", 10, "--temp", 0)["tokens"]
        values, _ = self.logits(path, prompt + tokens)
        self.assertEqual(np.argmax(values[len(prompt) - 1:-1], axis=1).tolist(), tokens)

    def test_endings(self):
        tiny = TinyModel()
        end = tiny.first_control + 1
        arguments = ("run", self.model(), "--raw", "-p", PROMPT)
        bias = ("--logit-bias", f"{end}:+1000")
        result = self.json(*arguments, *bias)
        self.assertEqual((result["text"], result["tokens"], result["finish_reason"]), ("", [end], "stop"))
        self.assertEqual(self.hearth(*arguments, *bias).stdout, b"")
        self.assertEqual(self.json(*arguments, *bias, "--ignore-eos", "-n", 3)["tokens"], [end] * 3)
        self.assertEqual(self.json(*arguments, "-n", 0)["tokens"], [])
        result = self.json(*arguments, "--ignore-eos", "--ctx", 30, "-n", 100)
        self.assertEqual(result["finish_reason"], "context")
        self.assertEqual(result["prompt_tokens"] + result["generated_tokens"], 31)  # the last one is not fed back
        done = self.hearth(*arguments, "--ignore-eos", "--ctx", 30)
        self.assertIn("30 positions is full", done.stderr.decode())

    def test_wrong_sampling_options(self):
        arguments = ("run", self.model(), "--raw", "--device", "cpu", "-p", "a", "-n", 1)
        for option, value in (("--logit-bias", "5"), ("--logit-bias", "x:1"), ("--samplers", "luck"),
                              ("--top-p", "nan")):
            self.refused(*arguments, option, value)


class Templates(CliCase):
    def with_template(self, template):
        tiny = TinyModel()
        tiny.metadata["tokenizer.chat_template"] = template
        return self.write_model(tiny)

    def test_none(self):
        arguments = ("-p", PROMPT, "-n", 10, "--seed", 1)
        done = self.hearth("run", self.model(), *arguments)
        self.assertIn("no chat template", done.stderr.decode())
        raw = self.hearth("run", self.model(), "--raw", *arguments)
        self.assertEqual(done.stdout, raw.stdout)
        self.assertNotIn("template", raw.stderr.decode())

    def test_applied(self):
        path = self.with_template("{% for m in messages %}[{{ m.role }}] {{ m['content'] | trim }}{{ eos_token }}\n"
                                  "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}")
        options = ("-n", 10, "--seed", 1)
        result = self.json("run", path, "--system", "Be brief.", "-p", " hello ", *options)
        rendered = "[system] Be brief.</s>\n[user] hello</s>\n[assistant]"
        self.assertEqual(result["tokens"], self.json("run", path, "--raw", "-p", rendered, *options)["tokens"])
        self.assertNotEqual(result["tokens"], self.json("run", path, "--raw", "-p", " hello ", *options)["tokens"])

    def test_one_beginning_token(self):
        path = self.with_template("{{ bos_token }}{{ messages[0].content }}")
        raw = self.json("run", path, "--raw", "-p", "hello", "-n", 3, "--temp", 0)
        result = self.json("run", path, "-p", "hello", "-n", 3, "--temp", 0)
        self.assertEqual((result["prompt_tokens"], result["tokens"]), (raw["prompt_tokens"], raw["tokens"]))

    def test_one_that_cannot_be_rendered(self):
        for template in ("{% for m in messages %}", "{{ messages | launder }}", "{{ raise_exception('no tools') }}"):
            with self.subTest(template):
                path = self.with_template(template)
                self.refused("run", path, "-p", "hello", "--device", "cpu", words=["--raw"])
                self.hearth("run", path, "-p", "hello", "-n", 1, "--raw")


class Interrupt(CliCase):
    def interrupted(self, signal_number):
        # At the time of the signal some thousand of the sixty thousand tokens are written.
        long_model = TinyModel(context=60000)
        command = [self.program, "run", self.write_model(long_model), "--raw", "-p", PROMPT, "--ignore-eos", "--ctx",
                   "60000", "--threads", "1"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as child:
            child.stdout.read(20)
            child.send_signal(signal_number)
            rest, errors = child.communicate(timeout=TIMEOUT_S)
        self.assertEqual(child.returncode, 130)
        self.assertRegex(errors.decode(), SPEEDS)
        self.assertLess(len(rest), 60000)

    def test_ctrl_c(self):
        self.interrupted(signal.SIGINT)

    def test_sigterm(self):
        self.interrupted(signal.SIGTERM)


if __name__ == "__main__":
    main()
