"""`hearth perplexity`, `imatrix` and `eval`: the numbers of an independent computation, the same however they are
batched."""
import json
import struct

import numpy as np

from cli_case import ROOT, CliCase, TinyModel, main
from gguf_file import read_gguf
from reference_model import ReferenceModel

WINDOW = 20
FIRST, SCORED = WINDOW // 2, WINDOW - 1 - WINDOW // 2
# Three windows, and a rest that nobody reads.
TOKENS = np.random.default_rng(7).integers(0, 300, 3 * WINDOW + 5).tolist()


def log_softmax(logits):
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def windows():
    return [TOKENS[at:at + WINDOW] for at in range(0, 3 * WINDOW, WINDOW)]


def scored_log_probabilities(matrix_format="f32"):
    """[windows, scored positions, vocabulary]: each window by itself, opened with the model's own token."""
    tiny = TinyModel()
    model = ReferenceModel(tiny, matrix_format)
    return np.stack([log_softmax(model.logits([tiny.first_control, *window[1:-1]])[FIRST:]) for window in windows()])


def of_next(log_probabilities):
    """The log-probabilities of the tokens that follow, of all windows."""
    return np.array([log_probabilities[w, i, window[FIRST + 1 + i]]
                     for w, window in enumerate(windows()) for i in range(SCORED)])


def mean_and_error(values):
    return values.mean(), np.sqrt(values.var() / (len(values) - 1))


def base_file(log_probabilities):
    """llama-perplexity's file, of numpy's numbers."""
    vocabulary = log_probabilities.shape[-1]
    data = b"_logits_" + struct.pack("<iii", WINDOW, vocabulary, 3)
    data += np.array(TOKENS[:3 * WINDOW], "<i4").tobytes()
    for row in log_probabilities.reshape(-1, vocabulary):
        least = max(row.min(), row.max() - 16)
        step = (row.max() - least) / 65535
        codes = np.rint((np.maximum(row, least) - least) / step).astype("<u2")
        data += struct.pack("<ff", step, least) + codes.tobytes() + b"\0" * (2 * (vocabulary % 2))
    return data


class Perplexity(CliCase):
    options = ("--ctx", WINDOW, "--tokens", ",".join(map(str, TOKENS)), "--device", "cpu", "--compute", "f32")

    def test_the_numbers(self):
        value, error = mean_and_error(-of_next(scored_log_probabilities()))
        found = self.json("perplexity", self.model(), *self.options)
        self.assertEqual((found["windows"], found["window_tokens"], found["scored_tokens"]), (3, WINDOW, 3 * SCORED))
        self.assertAlmostEqual(found["perplexity"] / np.exp(value), 1, 5)
        self.assertAlmostEqual(found["perplexity_error"] / (np.exp(value) * error), 1, 4)

    def test_the_same_with_any_batch(self):
        base = self.path("batch.base")
        contents = set()
        for chunk, threads in ((1, 1), (7, 2), (WINDOW, 1), (512, 3)):
            out = self.hearth("perplexity", self.model("llama", "q8_0"), *self.options[:-2], "--json", "--chunk", chunk,
                              "--threads", threads, "--save-base", base).stdout
            contents.add((out, base.read_bytes()))
        self.assertEqual(len(contents), 1)
        first = self.json("perplexity", self.model(), *self.options, "--windows", 1)
        self.assertEqual(first["windows"], 1)

    def test_a_base_run(self):
        """Divergences from a file that numpy wrote; and the file that the program writes is that one, but for
        rounding."""
        base, ours = scored_log_probabilities(), scored_log_probabilities("q4_0")
        file = self.path("numpy.base", base_file(base))
        found = self.json("perplexity", self.model("llama", "q4_0"), "--base", file, "--device", "cpu", "--compute",
                          "f32")
        kept = base > -16
        divergences = (np.where(kept, np.exp(base) * (base - ours), 0)).sum(axis=-1).ravel()
        differences = np.exp(of_next(ours)) - np.exp(of_next(base))
        value, error = mean_and_error(divergences)
        for key, expected in (("kl_divergence", value), ("kl_divergence_error", error),
                              ("kl_median", np.median(divergences)), ("kl_90", np.quantile(divergences, 0.9)),
                              ("kl_99", np.quantile(divergences, 0.99)), ("kl_99_9", np.quantile(divergences, 0.999)),
                              ("kl_max", divergences.max()),
                              ("same_top", (base.argmax(axis=-1) == ours.argmax(axis=-1)).mean()),
                              ("mean_difference", differences.mean()),
                              ("mean_difference_error", mean_and_error(differences)[1]),
                              ("rms_difference", np.sqrt((differences**2).mean())),
                              ("base_perplexity", np.exp(-of_next(base).mean())),
                              ("ratio", np.exp(of_next(base).mean() - of_next(ours).mean()))):
            with self.subTest(key):
                self.assertLess(abs(found[key] - expected), 2e-3 * abs(expected) + 1e-9)
        self.assertGreater(value, 1e-4, "the two models are too alike to tell anything")
        written = self.path("hearth.base")
        self.json("perplexity", self.model(), *self.options, "--save-base", written)
        expected, data = file.read_bytes(), written.read_bytes()
        self.assertEqual(len(data), len(expected))
        self.assertEqual(data[:20 + 12 * WINDOW], expected[:20 + 12 * WINDOW])
        again = self.json("perplexity", self.model(), "--base", written, "--device", "cpu", "--compute", "f32")
        self.assertLess(abs(again["kl_divergence"]), 1e-5)
        self.assertEqual(again["same_top"], 1)

    def test_refusals(self):
        base = self.path("refused.base", base_file(scored_log_probabilities()))
        self.refused("perplexity", self.model(), "--base", base, "--ctx", WINDOW + 1, words=[WINDOW, WINDOW + 1])
        short = self.path("short.base", base.read_bytes()[:-1])
        self.refused("perplexity", self.model(), "--base", short, words=[short, "rows"])
        self.refused("perplexity", self.model(), "--base", self.model(), words=["_logits_"])
        self.refused("perplexity", self.model(), "--tokens", "1,2,3", words=[3, 512, "--ctx"])
        self.refused("perplexity", self.model(), "--tokens", "1,2,3,99999", "--ctx", 4, words=[99999])
        self.hearth("perplexity", self.model(), status=2)
        self.hearth("perplexity", self.model(), "-p", "a", "--base", base, status=2)


class Observed(ReferenceModel):
    """Sums the squares of what its matrices read: name: (sums [experts, columns], counts [experts])."""

    def __init__(self, model):
        super().__init__(model)
        self.sums = {}

    def observe(self, name, x, expert=0, experts=1):
        sums, counts = self.sums.setdefault(f"{name}.weight", (np.zeros((experts, x.shape[-1])), np.zeros(experts)))
        sums[expert] += (x**2).sum(axis=0)
        counts[expert] += len(x)

    def linear(self, name, x):
        if name.startswith("blk."):
            self.observe(name, x)
        return super().linear(name, x)


class ObservedExperts(Observed):
    """Mixtral's feed-forward part: the two likeliest of four experts, whose weights add up to one."""
    experts, used = 4, 2

    def feed_forward(self, layer, x):
        scores = self.linear(f"{layer}.ffn_gate_inp", x)
        chosen = np.argsort(-scores, axis=1)[:, :self.used]
        weights = np.exp(np.take_along_axis(scores, chosen, 1))
        weights /= weights.sum(axis=1, keepdims=True)
        out = np.zeros_like(x)
        for expert in range(self.experts):
            tokens, places = np.nonzero(chosen == expert)
            rows = x[tokens]
            gate, up, down = (self.tensors[f"{layer}.ffn_{part}_exps.weight"][expert]
                              for part in ("gate", "up", "down"))
            hidden = rows @ gate.T
            hidden = hidden / (1 + np.exp(-hidden)) * (rows @ up.T)
            for part, read in (("gate", rows), ("up", rows), ("down", hidden)):
                self.observe(f"{layer}.ffn_{part}_exps", read, expert, self.experts)
            np.add.at(out, tokens, weights[tokens, places][:, None] * (hidden @ down.T))
        return out


def with_experts():
    model = TinyModel()
    model.metadata |= {"llama.expert_count": ObservedExperts.experts, "llama.expert_used_count": ObservedExperts.used}
    for layer in range(model.layers):
        model.tensors[f"blk.{layer}.ffn_gate_inp.weight"] = model._matrix(ObservedExperts.experts, model.width)
        for part in ("gate", "up", "down"):
            rows, columns = model.tensors.pop(f"blk.{layer}.ffn_{part}.weight").shape
            model.tensors[f"blk.{layer}.ffn_{part}_exps.weight"] = np.stack(
                [model._matrix(rows, columns) for _ in range(ObservedExperts.experts)])
    return model


class Imatrix(CliCase):
    options = Perplexity.options

    def check(self, tiny, reference):
        model, out = self.write_model(tiny), self.path("sums.gguf")
        contents = set()
        for chunk in (512, 7):
            self.hearth("imatrix", model, *self.options, "--chunk", chunk, "-o", out)
            contents.add(out.read_bytes())
        self.assertEqual(len(contents), 1)
        for window in windows():
            reference.logits([tiny.first_control, *window[1:]])
        metadata, tensors = read_gguf(out)
        self.assertEqual(metadata["general.type"], "imatrix")
        self.assertEqual((metadata["imatrix.chunk_count"], metadata["imatrix.chunk_size"]), (3, WINDOW))
        self.assertEqual(metadata["imatrix.datasets"], [])
        expected = {f"{name}.{end}" for name in reference.sums for end in ("in_sum2", "counts")}
        self.assertEqual(set(tensors), expected)
        for name, (sums, counts) in reference.sums.items():
            self.assertEqual(tensors[f"{name}.counts"].ravel().tolist(), counts.tolist(), name)
            self.assert_close(tensors[f"{name}.in_sum2"], sums, 1e-5)
        return reference

    def test_sums(self):
        reference = self.check(TinyModel(), Observed(TinyModel()))
        self.assertEqual(reference.sums["blk.1.ffn_down.weight"][1].tolist(), [3 * WINDOW])

    def test_experts(self):
        tiny = with_experts()
        reference = self.check(tiny, ObservedExperts(tiny))
        counts = reference.sums["blk.0.ffn_up_exps.weight"][1]
        self.assertEqual(counts.sum(), 2 * 3 * WINDOW)
        self.assertGreater(len(set(counts)), 1)

    def test_the_output(self):
        out = self.path("output.gguf")
        self.hearth("imatrix", self.model(), *self.options, "--process-output", "-o", out)
        counts = read_gguf(out)[1]["output.weight.counts"]
        self.assertEqual(counts.tolist(), [[3 * WINDOW]])

    def test_quantized_by_what_matters_is_closer(self):
        """The bundled model, in two bits: its importance measured on some stories, its divergence on others."""
        items = [json.loads(line) for line in (ROOT / "models/heldout.jsonl").read_text().splitlines()]
        stories = [item["expected"] for item in items if item["task"] == "story"]
        half = len(stories) // 2
        learnt, asked = (self.path(name, "\n".join(part).encode())
                         for name, part in (("learnt.txt", stories[:half]), ("asked.txt", stories[half:])))
        model = ROOT / "models/hearth-tales-9m-q8_0.gguf"
        sums, base = self.path("tales.gguf"), self.path("tales.base")
        common = ("--ctx", 128, "--device", "cpu")
        self.hearth("imatrix", model, "-f", learnt, *common, "--windows", 6, "-o", sums)
        self.hearth("perplexity", model, "-f", asked, *common, "--windows", 4, "--save-base", base)
        divergences = []
        for arguments in ((), ("--imatrix", sums)):
            out = self.path("tales-q2.gguf")
            self.hearth("quantize", model, out, "--type", "Q2_K", *arguments)
            divergences.append(self.json("perplexity", out, "--base", base, "--device", "cpu")["kl_divergence"])
        self.assertLess(divergences[1], 0.9 * divergences[0])
        self.assertGreater(divergences[1], 0.001)

    def test_refusals(self):
        out = self.path("refused.gguf")
        self.refused("imatrix", ROOT / "tests/data/hf/llama3-rope", *self.options, "-o", out, words=["hearth convert"])
        self.refused("imatrix", self.model(), *self.options, "-o", self.model(), words=["is to be read"])
        self.assertFalse(out.exists())


class Eval(CliCase):
    options = ("--device", "cpu", "--compute", "f32")
    # Contexts of more than a block of the cache, whose choices share it.
    QUESTIONS = [{"context": "the happy dog and the big tree in a little house of one very happy friend said, "
                             "not up and not down, but out of the house: " + end,
                  "choices": ["day time", "dög", "happy friend", "up"], "gold": gold}
                 for end, gold in (("it is a", 0), ("you that ", 1), ("with on", "up"), ("he", 2), ("his for", 3))]

    def reference(self, delimiter=" ", bos=True):
        """Log-likelihoods, as lm-evaluation-harness's loglikelihood() has them, from tokens of the program's own."""
        tiny = TinyModel()
        model, result = ReferenceModel(tiny), []

        def tokens(text):
            ids = self.hearth("tokenize", self.model(), "-p", text).stdout.split()
            return [tiny.first_control] * bos + [int(id) for id in ids if int(id) != tiny.first_control]

        for question in self.QUESTIONS:
            row = []
            for choice in question["choices"]:
                stripped = question["context"].rstrip()
                whole = tokens(question["context"] + delimiter + choice)
                begin = len(tokens(stripped))
                logits = log_softmax(model.logits(whole[:-1]))
                row.append(sum(logits[i - 1, whole[i]] for i in range(begin, len(whole))))
            result.append(row)
        return np.array(result)

    def file(self, questions=None):
        lines = "\n".join(json.dumps(question) for question in questions or self.QUESTIONS)
        return self.path("questions.jsonl", lines.encode() + b"\n")

    def test_the_numbers(self):
        expected, out = self.reference(), self.path("answers.jsonl")
        found = self.json("eval", self.model(), "-f", self.file(), "-o", out, *self.options)
        answers = [json.loads(line) for line in out.read_text().splitlines()]
        np.testing.assert_allclose([answer["log_likelihoods"] for answer in answers], expected, rtol=1e-5)
        choices = self.QUESTIONS[0]["choices"]
        gold = np.array([question["gold"] if question["gold"] != "up" else 3 for question in self.QUESTIONS])
        self.assertEqual([answer["gold"] for answer in answers], gold.tolist())
        lengths = {"acc": [1] * 4, "acc_norm": [len(choice) for choice in choices],
                   "acc_bytes": [len(choice.encode()) for choice in choices]}
        for key, length in lengths.items():
            right = (expected / np.array(length)).argmax(axis=1) == gold
            self.assertAlmostEqual(found[key], right.mean(), 12)
            self.assertAlmostEqual(found[f"{key}_stderr"], mean_and_error(right)[1], 12)
        self.assertEqual(found["questions"], len(self.QUESTIONS))
        self.assertGreater(found["shared_tokens"], 0, "no context was shared")

    def test_the_same_with_any_batch(self):
        contents = set()
        for chunk, threads in ((1, 1), (64, 2), (512, 1)):
            out = self.path("batch.jsonl")
            self.hearth("eval", self.model("llama", "q8_0"), "-f", self.file(), "-o", out, "--chunk", chunk,
                        "--threads", threads, "--device", "cpu")
            contents.add(out.read_bytes())
        self.assertEqual(len(contents), 1)

    def test_no_special_and_other_names(self):
        expected, out = self.reference(delimiter="", bos=False), self.path("other.jsonl")
        questions = [{"query": q["context"], "choices": q["choices"], "answer": q["gold"]} for q in self.QUESTIONS]
        self.hearth("eval", self.model(), "-f", self.file(questions), "-o", out, "--no-special", "--delimiter", "",
                    *self.options)
        answers = [json.loads(line)["log_likelihoods"] for line in out.read_text().splitlines()]
        np.testing.assert_allclose(answers, expected, rtol=1e-5)

    def test_refusals(self):
        good = self.QUESTIONS[0]
        for change, words in (({"gold": 4}, ["number 4"]), ({"gold": "down"}, ["not among"]),
                              ({"choices": ["a", ""]}, ["empty"]), ({"choices": "ab"}, ["choices"]),
                              ({"context": 3}, ["context"])):
            file = self.file([good, good | change])
            self.refused("eval", self.model(), "-f", file, words=[file, "line 2", *words])
        self.refused("eval", self.model(), "-f", self.file(), "--ctx", 8, words=["line 1", "context of 8"])
        self.refused("eval", self.model(), "-f", self.path("empty.jsonl", b"\n"), words=["no question"])


if __name__ == "__main__":
    main()
