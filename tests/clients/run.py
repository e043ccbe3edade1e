#!/usr/bin/env python3
"""The official clients from npm, unchanged, against `hearth serve` with a tiny random model; tests whose names begin
with "tools" with one that says what it is made to say, and calls tools.

    tests/clients/run.py PATH_OF_HEARTH WORK_FOLDER [NAME...]

Installs the packages of package-lock.json into WORK_FOLDER (kept between runs), starts a server, and runs NAME.test.mjs
(all of them, if none is named) with node's own test runner. They find the server in the environment: HEARTH_URL is its
address, without a slash at the end.
"""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "tools"), str(HERE.parent), str(HERE.parent / "cli")]

from npm_packages import install  # noqa: E402 (found through the line above)
from scripted_model import ScriptedModel  # noqa: E402
from write_tiny_model import TinyModel  # noqa: E402

START_TIMEOUT_S = 120  # a sanitizer's build on a busy machine
TESTS_TIMEOUT_S = 600
EXIT_TIMEOUT_S = 60
# Answers of this length, from a model of this size, take seconds: they are still under way when a test ends them.
CONTEXT = 4096
SIZES = {"layers": 4, "width": 256, "ff_width": 512}


class Server:
    """`hearth serve` on a free port; what it says is kept, and shown if anything goes wrong."""

    def __init__(self, program, model):
        command = [program, "serve", model, "--port", "0", "--ctx", str(CONTEXT), "--device", "cpu"]
        self.lines, self.port = [], None
        self.listening = threading.Event()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            found = re.search(r"https?://[\w.\[\]:-]+?:(\d+)", line)
            if found and not self.listening.is_set():
                self.port = int(found.group(1))
                self.listening.set()
        self.listening.set()

    def wait_until_ready(self):
        """The server's address. Exits if there is none in time."""
        deadline = time.monotonic() + START_TIMEOUT_S
        self.listening.wait(START_TIMEOUT_S)
        url = f"http://127.0.0.1:{self.port}"
        while self.port is not None and self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                with urllib.request.urlopen(f"{url}/ready", timeout=10):
                    return url
            time.sleep(0.05)
        sys.exit(f"the server is not ready after {START_TIMEOUT_S} s, or has ended")

    def stop(self):
        """SIGTERM; the exit status, or None if it had to be killed."""
        self.process.terminate()
        try:
            status = self.process.wait(EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = None
        self.reader.join(EXIT_TIMEOUT_S)
        return status


def run_tests(folder, url, names):
    files = [f"{name}.test.mjs" for name in names]
    # One file at a time: each has the server to itself, so that what it counts is its own.
    command = ["node", "--test", "--test-concurrency=1", "--test-reporter=spec", *files]
    environment = {**os.environ, "HEARTH_URL": url, "NO_PROXY": "*", "no_proxy": "*"}
    return subprocess.run(command, cwd=folder, env=environment, timeout=TESTS_TIMEOUT_S).returncode


def serve_and_test(program, folder, model, names):
    """Whether all tests passed, and the server ended as it should."""
    with tempfile.TemporaryDirectory() as models:
        path = pathlib.Path(models) / "tiny.gguf"
        model.write(path, "q8_0")
        server = Server(program, path)
        failed = True
        try:
            failed = run_tests(folder, server.wait_until_ready(), names) != 0
        finally:
            status = server.stop()
            if failed or status != 0:
                print(f"the server ended with status {status}; it said:", *server.lines[-200:], sep="\n")
    return not failed and status == 0


def main():
    program, folder, *names = sys.argv[1:]
    folder = pathlib.Path(folder)
    install(HERE, folder)
    names = names or sorted(path.name.split(".")[0] for path in HERE.glob("*.test.mjs"))
    with_tools = [name for name in names if name.startswith("tools")]
    others = [name for name in names if name not in with_tools]
    good = not others or serve_and_test(program, folder, TinyModel(context=CONTEXT, chat=True, **SIZES), others)
    good = (not with_tools or serve_and_test(program, folder, ScriptedModel(context=CONTEXT), with_tools)) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
