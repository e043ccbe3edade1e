"""The command line itself: help, the version, wrong usage, devices."""
from cli_case import CliCase, main

VERBS = ("run", "inspect", "plan", "tokenize", "logits", "devices")


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

    def test_version(self):
        self.assertRegex(self.hearth("--version").stdout.decode(),
                         r"\Ahearth \d+\.\d+\.\d+ \(commit \S+\)\ntargets: cpu: portable")

    def test_wrong_usage(self):
        for arguments in ((), ("nothing",), ("run",), ("run", "m", "--nothing"), ("run", "m", "-n", "x"),
                          ("run", "m", "-n", "-2"), ("run", "m", "-p", "a", "-f", "b"), ("run", "m", "--threads", "-1"),
                          ("run", "m", "--ctx", "0"), ("run", "m", "--chunk", "0"), ("run", "m", "--compute", "f8"),
                          ("run", "m", "--temp", "hot"), ("inspect", "m", "n"), ("plan", "--json"),
                          ("logits", "m", "--out", "o"), ("logits", "m", "--tokens", "1"),
                          ("logits", "m", "--tokens", "1,a", "--out", "o")):
            with self.subTest(arguments):
                done = self.hearth(*arguments, status=2)
                self.assertEqual(done.stdout, b"")
                self.assertIn("--help", done.stderr.decode())

    def test_devices(self):
        self.assertRegex(self.hearth("devices").stdout.decode(), r"(?m)^cpu +usable: .*memory available$")
        found = {device["id"]: device for device in self.json("devices")}
        self.assertTrue(found["cpu"]["usable"])
        for device in found.values():
            self.assertTrue(device["usable"] or device["reason"])

    def test_another_device_is_never_taken(self):
        for device in ("gpu", "cuda:0", "hip:7"):
            self.refused("run", self.model(), "--device", device, "-p", "a", words=[device, "hearth devices"])
        self.refused("run", self.model(), "--device", "abacus", "-p", "a", words=["abacus", "cpu"])


if __name__ == "__main__":
    main()
