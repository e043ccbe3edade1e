#!/usr/bin/env python3
"""Without MODEL the bundled one is used: it tells a story, talks about it, and is found where the program stands."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import cli_case


class Bundled(cli_case.CliCase):
    def test_tells_a_story(self):
        text = self.hearth("run", "-p", "Tell me a story about a fox named Tilo who loses a lantern.", "--temp", "0",
                           "--device", "cpu").stdout.decode()
        self.assertGreater(text.count("Tilo"), 3)
        self.assertIn("lantern", text)
        self.assertGreater(len(text), 300)
        self.assertRegex(text.rstrip(), r"[.!?\"]\Z")

    def test_talks_about_the_story(self):
        talk = ["Tell me a story about a fox named Tilo who loses a lantern.", "What did Tilo lose?",
                "What is 17 + 25?"]
        typed = ("\n".join(talk) + "\n").encode()
        answers = self.hearth("chat", "--temp", "0", "--device", "cpu", stdin=typed).stdout.decode()
        lines = [line for line in answers.splitlines() if line.strip()]
        self.assertRegex(lines[-2], r"lantern")
        self.assertEqual(lines[-1].strip(), "17 + 25 = 42.")

    def test_other_verbs_take_it_too(self):
        self.assertIn("architecture: llama", self.hearth("inspect").stdout.decode())
        self.assertRegex(self.hearth("tokenize", "-p", "17 + 25").stdout.decode(), r"\A\d+( \d+)*\s*\Z")
        self.assertIn("token_embd", self.hearth("inspect", "--tensors").stdout.decode())

    def test_where_it_is_looked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            program = root / "bin" / "hearth"
            program.parent.mkdir()
            shutil.copy(self.program, program)
            missing = subprocess.run([program, "inspect"], capture_output=True, timeout=60, check=False)
            self.assertEqual(missing.returncode, 1)
            self.assertRegex(missing.stderr.decode(), r"no MODEL was named.*share/hearth")
            data = root / "share" / "hearth"
            data.mkdir(parents=True)
            model = pathlib.Path(__file__).parents[2] / "models" / "hearth-tales-9m-q8_0.gguf"
            os.symlink(model, data / model.name)
            found = subprocess.run([program, "inspect"], capture_output=True, timeout=60, check=False)
            self.assertEqual(found.returncode, 0, found.stderr.decode())


if __name__ == "__main__":
    cli_case.main()
