"""The release program on AMD's GPUs, without one: its own driver, code objects and graphs over the imitated HIP of
tests/amd, whose folder is the second argument.
"""
import os
import re
import sys

import recurrent_reference
from cli_case import CliCase, main

TARGETS = ["gfx90a", "gfx942", "gfx1100", "gfx1151", "gfx1201"]


class Amd(CliCase):
    def test_devices_are_listed(self):
        devices = {device["id"]: device for device in self.json("devices")}
        for index, target in enumerate(TARGETS):
            device = devices[f"hip:{index}"]
            self.assertTrue(device["usable"], device)
            self.assertEqual((device["name"], device["architecture"]), (f"imitated {target}", target))

    def test_a_device_that_is_not_there(self):
        self.refused("run", self.model(), "-p", "a", "--device", "hip:5", words=["hip:5"])

    def test_models_agree_with_the_cpu(self):
        for index in range(len(TARGETS)):
            for model, compute, error_max in ((self.model("qwen2"), "f32", 1e-3),
                                              (self.model("llama", "q8_0"), "bf16", 0.03)):
                result = self.json("verify", model, "--device", f"hip:{index}", "--compute", compute, "-n", "20")
                self.assertTrue(result["agrees"], result)
                self.assertLess(result["stages"][-1]["relative_l2"], error_max)

    def test_models_with_recurrences_agree_with_the_cpu(self):
        reference = recurrent_reference
        tokens = [3, 17, 44, 8, 25, 0, 31, 12, 46]
        for build in (reference.qwen_next, reference.falcon_h1, reference.nemotron_h, reference.mamba):
            model = build([1], 1)[0].folder(self.folder / build.__name__)
            for index in (0, 2):  # waves of 64 and of 32 lanes
                device = ("--device", f"hip:{index}")
                result = self.json("verify", model, *device, "--compute", "f32", "-n", "12")
                self.assertTrue(result["agrees"], result)
                self.assertLess(result["stages"][-1]["relative_l2"], 1e-4)
                whole = self.logits(model, tokens, *device, "--compute", "bf16")[1]
                self.assertEqual(self.logits(model, tokens, *device, "--compute", "bf16", "--chunk", 4)[1], whole)
                self.assertEqual(self.logits(model, tokens, *device, "--compute", "bf16", "--chunk", 1)[1], whole)

    def test_a_run_writes_the_cpus_text_and_moves_only_the_chosen_tokens(self):
        arguments = ("--prompt", "one two three", "--raw", "-n", "6", "--temp", "0", "--compute", "f32")
        expected = self.hearth("run", self.model(), *arguments, "--device", "cpu")
        for index, target in enumerate(TARGETS):
            done = self.hearth("run", self.model(), *arguments, "--device", f"hip:{index}", "--ledger")
            self.assertEqual(done.stdout, expected.stdout, target)
            tokens = int(re.search(rb"decode: (\d+) tokens", done.stderr)[1])
            self.assertIn(b"device to host %d bytes" % (4 * tokens), done.stderr)
            self.assertRegex(done.stderr, rb"[1-9]\d* graph replays")


if __name__ == "__main__":
    os.environ["LD_LIBRARY_PATH"] = sys.argv.pop(2)
    main()
