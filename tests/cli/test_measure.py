"""`hearth perplexity`, `imatrix` and `eval`: the numbers of an independent computation, the same however they are
batched."""
import struct

import numpy as np

from cli_case import CliCase, TinyModel, main
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


if __name__ == "__main__":
    main()
