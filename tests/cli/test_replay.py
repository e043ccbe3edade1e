"""`hearth replay`: logged answers come again bit for bit, and where they cannot be expected to, it says why."""
import concurrent.futures
import json

from cli_case import TinyModel, main
from server_case import ServerCase

REQUESTS = [
    ("/v1/completions", {"prompt": "the little bird", "max_tokens": 20, "seed": 1}),
    ("/v1/completions", {"prompt": "the little bird", "max_tokens": 20, "seed": 2, "temperature": 1.5, "top_k": 0,
                         "top_p": 1, "min_p": 0}),
    ("/v1/completions", {"prompt": [5, 6, 7, 8], "max_tokens": 12, "temperature": 0, "ignore_eos": True}),
    ("/v1/completions", {"prompt": "once", "n": 3, "max_tokens": 9, "seed": 4, "ignore_eos": True}),
    ("/v1/completions", {"prompt": "a bird", "max_tokens": 40, "seed": 5, "stop": ["e", "he"],
                         "logit_bias": {"40": -100, "41": 3.25}, "presence_penalty": 0.7}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 15, "seed": 6,
                              "logprobs": True, "top_logprobs": 3}),
]


class Replay(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tiny = cls.folder / "tiny.gguf"
        TinyModel(chat=True).write(cls.tiny)

    def logged(self, name, *arguments, requests=REQUESTS):
        """The path of a server's log, after all requests at once."""
        log = self.folder / name
        with self.serving(self.tiny, "--log-requests", log, "--ctx", 256, *arguments) as server:
            with concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
                list(pool.map(lambda request: server.post(*request), requests))
        return log

    def replay(self, log, *arguments, model=None, status=0):
        done = self.hearth("replay", log, model or self.tiny, "--device", "cpu", *arguments, "--json", status=status)
        return json.loads(done.stdout)

    def test_answers_come_again(self):
        log = self.logged("all.jsonl")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual(len(lines), 8)  # one of them has three answers
        report = self.replay(log)
        self.assertEqual((report["same"], report["different"]), (8, []))
        self.assertEqual(report["same_tokens"], sum(len(line["answer"]["ids"]) for line in lines))
        one = self.replay(log, "--id", lines[3]["request"]["id"])
        self.assertEqual(one["same"], 1)
        # The answers of one request differ, or the comparison would be worth little.
        self.assertGreater(len({json.dumps(line["answer"]["ids"]) for line in lines}), 5)

    def test_the_text_is_the_one_that_was_sent(self):
        log = self.folder / "sent.jsonl"
        with self.serving(self.tiny, "--log-requests", log) as server:
            answer = server.post(*REQUESTS[0])
        line = json.loads(log.read_text())
        self.assertEqual(line["answer"]["text"], answer["choices"][0]["text"])
        self.assertEqual(line["fingerprint"], answer["system_fingerprint"])
        self.assertEqual(line["request"]["sampling"]["seed"], 1)

    def test_differences_are_found(self):
        log = self.logged("changed.jsonl", requests=REQUESTS[:3])
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        lines[0]["answer"]["ids"][2] += 1
        lines[1]["answer"]["text"] += "x"
        lines[2]["answer"]["ids"].append(1)
        changed = self.path("changed2.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
        report = self.replay(changed, status=1)
        self.assertEqual(report["same"], 0)
        self.assertEqual([one["line"] for one in report["different"]], [1, 2, 3])
        first, second, third = (one["difference"] for one in report["different"])
        self.assertRegex(first, r"token 3 of \d+ differs: logged \d+, here \d+")
        self.assertEqual(second, "the text differs, though no token does")
        self.assertRegex(third, r"token \d+ of \d+ differs: logged 1, here none")
        text = self.hearth("replay", changed, self.tiny, "--device", "cpu", status=1).stdout.decode()
        self.assertIn("line 1: request ", text)
        self.assertIn("0 requests with 0 tokens are the same to the bit, 3 differ", text)

    def test_what_the_bits_depend_on_is_compared(self):
        log = self.logged("other.jsonl", requests=REQUESTS[:1])
        refused = ("replay", log, self.tiny, "--device", "cpu")
        self.refused(*refused, "--compute", "bf16", words=["line 1", "the compute mode (logged auto, here bf16)"])
        self.refused(*refused, "--ctx", 128, words=["the context (logged 256, here 128)"])
        other = self.folder / "other.gguf"
        TinyModel(chat=True, seed=1).write(other)
        self.refused("replay", log, other, "--device", "cpu", words=["the model (logged "])
        self.assertEqual(self.replay(log, "--only-matching", model=other)["other_fingerprint"], 1)
        foreign = self.path("foreign.jsonl", log.read_bytes().replace(b"build=", b"build=9."))
        self.refused("replay", foreign, self.tiny, "--device", "cpu", words=["the build (logged 9."])

    def test_logs_that_are_none(self):
        missing = self.folder / "nothing.jsonl"
        self.refused("replay", missing, self.tiny, words=[missing, "cannot be read"])
        empty = self.path("empty.jsonl", b"")
        self.refused("replay", empty, self.tiny, words=["the log has no request"])
        log = self.logged("broken.jsonl", requests=REQUESTS[:1])
        self.refused("replay", log, self.tiny, "--id", "unknown", words=["no request 'unknown'"])
        broken = self.path("broken2.jsonl", log.read_bytes() + b"{}\n")
        self.refused("replay", broken, self.tiny, words=["line 2", "'answer'"])
        # A server that was killed leaves half a line: the rest is worth no less.
        half = self.path("half.jsonl", log.read_bytes() + log.read_bytes()[:100])
        self.assertEqual(self.replay(half)["same"], 1)


if __name__ == "__main__":
    main()
