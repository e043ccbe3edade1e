"""`hearth bench`: which cases it measures, what it says of them in each form, and what it refuses."""
import csv
import io
import json

from cli_case import CliCase, main

SHAPE = ("bench", "--shape", "tiny", "--format", "q8_0", "-r", "2")
TINY = (*SHAPE, "--device", "cpu")
QUICK = ("-p", "16", "-n", "4")


class Bench(CliCase):
    def report(self, *arguments):
        done = self.hearth(*arguments, "-o", "json")
        self.assertEqual(done.stderr, b"")
        return json.loads(done.stdout)

    def test_every_combination(self):
        report = self.report(*TINY, "-p", "16,33", "-n", "4", "-d", "0,100", "-b", "1,3")
        self.assertEqual([(r["test"], r["tokens"], r["depth"], r["batch"]) for r in report["results"]],
                         [("prefill", 16, 0, 1), ("prefill", 16, 100, 1), ("prefill", 33, 0, 1),
                          ("prefill", 33, 100, 1), ("decode", 4, 0, 1), ("decode", 4, 0, 3), ("decode", 4, 100, 1),
                          ("decode", 4, 100, 3)])
        self.assertEqual(report["model"], "tiny q8_0")
        (device,) = report["devices"]
        self.assertEqual((device["id"], device["compute"]), ("cpu", "int8"))
        for result in report["results"]:
            seconds, rate = result["seconds"], result["tokens_per_second"]
            self.assertEqual(len(seconds), 2)
            mean = sum(result["tokens"] * result["batch"] / s for s in seconds) / 2
            self.assertAlmostEqual(rate["mean"] / mean, 1)
            self.assertTrue(0 < rate["min"] <= rate["mean"] <= rate["max"])
            needed, limit = (("needed_flops", "limit_flops_per_second") if result["test"] == "prefill" else
                             ("needed_bytes", "limit_bytes_per_second"))
            speed = result[needed] * mean / (result["tokens"] * result["batch"])
            self.assertAlmostEqual(result["limit_percent"] / (100 * speed / device[limit]), 1)

    def test_what_a_decoded_token_needs(self):
        """The bytes of the file, whatever a kernel makes of them at load."""
        (result,) = self.report(*TINY, "-p", "0", "-n", "1", "-d", "63")["results"]
        elements = 512 * 256 + 4 * (256 * 256 * 2 + 2 * 128 * 256 + 3 * 256 * 768)
        cache = 4 * 2 * 64 * 128 * 2  # 4 layers, keys and values, 64 positions of 128 elements in bf16
        self.assertAlmostEqual(result["needed_bytes"] / (elements / 32 * 34 + cache), 1, delta=0.01)

    def test_sharing_the_depth_reads_it_once(self):
        arguments = (*TINY, "-p", "0", "-n", "1", "-d", "64", "-b", "4")
        apart, shared = (self.report(*arguments, *more)["results"][0]["needed_bytes"]
                         for more in ((), ("--share-depth",)))
        self.assertEqual(apart - shared, 3 * 4 * 2 * 64 * 128 * 2)

    def test_several_devices_are_compared(self):
        report = self.report(*SHAPE, *QUICK, "--device", "cpu,cpu")
        self.assertEqual([r["tokens"] for r in report["results"]], [16, 16, 4, 4])
        for first, second in zip(report["results"][::2], report["results"][1::2]):
            self.assertIsNone(first["times_first_device"])
            self.assertGreater(second["times_first_device"], 0)

    def test_forms(self):
        rows = list(csv.DictReader(io.StringIO(self.hearth(*TINY, *QUICK, "-o", "csv").stdout.decode())))
        self.assertEqual([(row["test"], row["tokens"], row["repetitions"]) for row in rows],
                         [("prefill", "16", "2"), ("decode", "4", "2")])
        table = self.hearth(*TINY, *QUICK).stdout.decode()
        self.assertRegex(table, r"(?m)^tiny q8_0: ")
        self.assertRegex(table, r"(?m)^cpu: .*int8.* limits: \d+\.\d GB/s, \d+\.\d Gop/s$")
        self.assertRegex(table, r"(?m)^decode +4 +0 +1 +cpu +\d+\.\d\d +± \d+\.\d\d +\d+\.\d+ +\d+\.\d %$")
        markdown = self.hearth(*TINY, *QUICK, "-o", "md").stdout.decode()
        self.assertRegex(markdown, r"(?m)^\| prefill \| 16 \| 0 \| 1 \| cpu \| \d+\.\d\d \|")

    def test_a_file(self):
        path = self.model("llama", "q4_0")
        report = self.report("bench", path, *QUICK, "--device", "cpu", "-r", "1", "--compute", "f32", "--chunk", "5")
        self.assertEqual(report["model"], path.name)
        self.assertEqual((report["devices"][0]["compute"], report["devices"][0]["step_tokens"]), ("f32", 5))
        self.assertEqual(len(report["results"]), 2)

    def test_refusals(self):
        self.refused("bench", "--shape", "giant", words=["giant", "tiny", "llama-3.1-8b", "qwen3-32b"])
        self.refused("bench", "--shape", "tiny", "--format", "q9", words=["q9", "q4_k_m", "bf16"])
        self.refused("bench", "--shape", "qwen2.5-0.5b", "--format", "q4_k", words=["896", "256"])
        self.refused("bench", "--shape", "tiny", "-p", "4096", "--device", "cpu", words=["4096", "2048"])
        self.refused("bench", "--shape", "tiny", "-p", "0", "-n", "0", words=["nothing to measure"])
        self.refused("bench", "--shape", "tiny", "--device", "cpu,abacus", words=["abacus"])
        self.refused("bench", "--shape", "llama-2-7b", "-p", "0", "-d", "3900", "-b", "4096", "--device", "cpu",
                     words=["--share-depth"])
        self.refused("bench", self.path("absent.gguf"), words=["absent.gguf"])

    def test_wrong_usage(self):
        for arguments in ((), ("m", "--shape", "tiny"), ("m", "--format", "q8_0"), ("m", "-p", "12,x"),
                          ("m", "-p", "-1"), ("m", "-b", "0"), ("m", "-r", "0"), ("m", "-o", "xml"),
                          ("m", "-d", "1,,x"), ("m", "--compute", "f8"), ("-p", "1", "2", "3")):
            with self.subTest(arguments):
                done = self.hearth("bench", *arguments, status=2)
                self.assertEqual(done.stdout, b"")
                self.assertIn("--help", done.stderr.decode())


if __name__ == "__main__":
    main()
