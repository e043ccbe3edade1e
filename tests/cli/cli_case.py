"""What the tests of the program share: running it, the models that they write, and what every failure looks like.

A test file is a program: `python3 test_run.py PATH_OF_HEARTH [unittest's arguments]`.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from write_tiny_model import TinyModel  # noqa: E402 (found through the line above)

TIMEOUT_S = 300  # a sanitizer's build on a busy machine


class CliCase(unittest.TestCase):
    program = None  # set by main()

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def path(self, name, content=None):
        """A path in the test's folder, with `content` (bytes) unless that is None."""
        path = self.folder / name
        if content is not None:
            path.write_bytes(content)
        return path

    def write_model(self, model, matrix_format="f32"):
        return self.path("changed.gguf", model.file(matrix_format))

    def model(self, architecture="llama", matrix_format="f32"):
        """The path of an unchanged tiny model, written once."""
        path = self.folder / f"{architecture}-{matrix_format}.gguf"
        if not path.exists():
            TinyModel(architecture).write(path, matrix_format)
        return path

    def hearth(self, *arguments, stdin=b"", status=0):
        """Runs the program, checks its exit status (None: any), and returns what it wrote, as bytes."""
        done = subprocess.run([self.program, *map(str, arguments)], input=stdin, capture_output=True,
                              timeout=TIMEOUT_S)
        if status is not None:
            self.assertEqual(done.returncode, status, f"{arguments}\n{done.stderr.decode(errors='replace')}")
        return done

    def json(self, *arguments, stdin=b""):
        return json.loads(self.hearth(*arguments, "--json", stdin=stdin).stdout)

    def refused(self, *arguments, words=(), stdin=b""):
        """The program fails with one sentence that has all `words`, and prints nothing else."""
        done = self.hearth(*arguments, stdin=stdin, status=1)
        sentence = done.stderr.decode()
        self.assertEqual(done.stdout, b"")
        self.assertRegex(sentence, r"\Ahearth: [^\n]+\n\Z")
        for word in words:
            self.assertIn(str(word), sentence)
        return sentence

    def logits(self, model, tokens, *arguments):
        """(the array, the file's bytes)"""
        out = self.path("logits.npy")
        done = self.hearth("logits", model, "--tokens", ",".join(map(str, tokens)), "--out", out, *arguments)
        self.assertEqual((done.stdout, done.stderr), (b"", b""))
        return np.load(out), out.read_bytes()

    def assert_close(self, values, expected, error_max):
        """Relative L2 error."""
        self.assertEqual(values.shape, expected.shape)
        error = np.linalg.norm(values.astype(np.float64) - expected) / np.linalg.norm(expected)
        self.assertLessEqual(error, error_max)


def main():
    CliCase.program = sys.argv.pop(1)
    unittest.main()
