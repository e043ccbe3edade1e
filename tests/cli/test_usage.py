"""The command line itself: help, the version, wrong usage, devices."""
import re
import subprocess

from cli_case import ROOT, TIMEOUT_S, CliCase, main

VERBS = ("run", "chat", "serve", "pull", "list", "show", "cp", "rm", "ps", "stop", "inspect", "plan", "tokenize",
         "render-template", "logits", "embed", "rerank", "perplexity", "eval", "imatrix", "bench", "devices", "doctor",
         "verify", "replay", "completion", "man")


class Usage(CliCase):
    def test_help(self):
        overview = self.hearth("--help").stdout.decode()
        for verb in VERBS:
            with self.subTest(verb):
                self.assertIn(verb, overview)
                done = self.hearth(verb, "--help")
                self.assertIn(f"Usage: hearth {verb}", done.stdout.decode())
                self.assertEqual(done.stderr, b"")

    def test_the_options_of_run(self):
        text = self.hearth("run", "--help").stdout.decode()
        for option in ("-p", "-f", "-n", "--temp", "--top-k", "--top-p", "--min-p", "--seed", "--raw", "--json",
                       "--threads", "--ctx", "--device"):
            self.assertRegex(text, rf"(?m)^ +{option}\b")

    def test_the_page_of_families_is_the_program_s(self):
        table = self.hearth("inspect", "--families").stdout.decode()
        self.assertIn("| `bloom` | `bloom` | dense | attention |", table)
        self.assertIn(table, (ROOT / "docs/families.md").read_text())
        self.assertEqual(self.hearth("inspect", "--families", "m", status=2).stdout, b"")

    def test_version(self):
        self.assertRegex(self.hearth("--version").stdout.decode(),
                         r"\Ahearth \d+\.\d+\.\d+ \(commit \S+\)\ntargets: cpu: portable[^;]*; gpu: (none|\w+(, \w+)*)\n\Z")

    def test_numbers_are_in_base_ten(self):
        options = ("--raw", "-p", "a", "-n", "02", "--temp", "01.5e-1", "--json")
        self.assertEqual(self.json("run", self.model(), "--seed", "010", *options[:-1])["seed"], 10)
        self.assertEqual(self.json("run", self.model(), "--seed", "+18446744073709551615", *options[:-1])["seed"],
                         18446744073709551615)
        for option, value, words in (("--seed", "0x10", "'0x10' is not a whole number in base ten"),
                                     ("--seed", "1e3", "'1e3' is not a whole number in base ten"),
                                     ("--seed", "18446744073709551616", "out of range: 0 to 18446744073709551615"),
                                     ("--seed", "-1", "out of range: 0 to"),
                                     ("--threads", "4294967297", "not in range"), ("--chunk", "0x10", "base ten"),
                                     ("-n", "99999999999999999999", "out of range"),
                                     ("--temp", "0x1p3", "'0x1p3' is not a number in base ten")):
            with self.subTest(option=option, value=value):
                done = self.hearth("run", self.model(), option, value, status=2)
                self.assertIn(words, done.stderr.decode())
                self.assertIn(option, done.stderr.decode())

    def test_wrong_usage(self):
        for arguments in ((), ("nothing",), ("run", "m", "--nothing"), ("run", "m", "-n", "x"),
                          ("run", "m", "-n", "-2"), ("run", "m", "-p", "a", "-f", "b"), ("run", "m", "--threads", "-1"),
                          ("run", "m", "--ctx", "0"), ("run", "m", "--chunk", "0"), ("run", "m", "--compute", "f8"),
                          ("run", "m", "--attention", "none"),
                          ("run", "m", "--temp", "hot"), ("inspect", "m", "n"), ("bench",),
                          ("logits", "m", "--out", "o"), ("logits", "m", "--tokens", "1"),
                          ("logits", "m", "--tokens", "1,a", "--out", "o")):
            with self.subTest(arguments):
                done = self.hearth(*arguments, status=2)
                self.assertEqual(done.stdout, b"")
                self.assertIn("--help", done.stderr.decode())

    def test_devices(self):
        text = self.hearth("devices").stdout.decode()
        self.assertRegex(text, r"(?m)^cpu +usable: .*memory available$")
        self.assertRegex(text, r"(?m)^kernels for: cpu portable")
        listed = self.json("devices")
        found = {device["id"]: device for device in listed}
        self.assertEqual(len(found), len(listed))
        self.assertTrue(found["cpu"]["usable"])
        self.assertIn("portable", found["cpu"]["built_for"])
        for name, device in found.items():
            with self.subTest(name):
                self.assertTrue(device["usable"] or device["reason"])
                self.assertTrue(device["built_for"] or device["missing"])
                self.assertRegex(text, rf"(?m)^{name} +{'' if device['usable'] else 'not '}usable: ")
                if device["usable"]:
                    self.assertGreater(device["memory_available_bytes"], 0)
                    self.assertTrue(device["description"])
        # Each vendor has a line, with its GPUs or without.
        self.assertEqual({name.partition(":")[0] for name in found}, {"cpu", "cuda", "hip"})

    def test_doctor(self):
        text = self.hearth("doctor").stdout.decode()
        for words in ("cpu    usable", "chosen where nothing is said\n  device: ", "cpu (auto)"):
            self.assertIn(words, text)
        self.assertRegex(text, r"(?m)^  cpu \(auto\) +right: the logits differ by \d")
        self.assertNotIn("WRONG", text)

    def test_completion(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.hearth("completion", shell).stdout.decode()
            for word in (*VERBS, "compute", "dry-run"):
                self.assertIn(word, script)
        self.hearth("completion", "sh", status=2)
        script = self.path("completion.bash", self.hearth("completion", "bash").stdout)

        def completed(*words):
            command = f"source {script}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _hearth; "
            done = subprocess.run(["bash", "--norc", "-c", command + 'printf "%s\\n" "${COMPREPLY[@]}"'], check=True,
                                  capture_output=True, text=True, timeout=TIMEOUT_S, cwd=self.folder)
            self.assertEqual(done.stderr, "")
            return done.stdout.split()

        self.assertEqual(completed("hearth", "re"), ["render-template", "rerank", "replay"])
        self.assertEqual(completed("hearth", "pull", "--dr"), ["--dry-run"])
        self.assertEqual(completed("hearth", "run", "completion.b"), ["completion.bash"])

    def test_manual_pages(self):
        folder = self.folder / "man"
        self.hearth("man", "--out", folder)
        overview = (folder / "hearth.1").read_text()
        for verb in VERBS:
            page = (folder / f"hearth-{verb}.1").read_text()
            self.assertIn(verb.replace("-", "\\-") + "\\fR\n", overview)
            self.assertIn("\n.SH SYNOPSIS\n\\fBhearth " + verb.replace("-", "\\-"), page)
            text = self.hearth(verb, "--help").stdout.decode()
            for option in set(re.findall(r"(?m)^ +(?:-\w,)?(--[a-z0-9-]+)", text)):
                self.assertIn("\\fB" + option.replace("-", "\\-") + "\\fR", page)
            for line in page.splitlines():
                self.assertRegex(line, r"\A(\.(TH|SH|TP)\b.*|[^.'].*|)\Z")
        self.assertEqual(self.hearth("man", "run").stdout.decode(), (folder / "hearth-run.1").read_text())
        self.assertEqual(self.hearth("man").stdout.decode(), overview)
        self.refused("man", "nothing", words=["'nothing'"])

    def test_another_device_is_never_taken(self):
        usable = {device["id"] for device in self.json("devices") if device["usable"]}
        absent = {"cuda:9", "hip:7"} - usable | (set() if len(usable) > 1 else {"gpu", "cuda:0"})
        for device in sorted(absent):
            self.refused("run", self.model(), "--device", device, "-p", "a", words=[device, "hearth devices"])
        for device in ("abacus", "cuda", "cuda:", "hip:x"):
            self.refused("run", self.model(), "--device", device, "-p", "a", words=[device, "cpu"])


if __name__ == "__main__":
    main()
