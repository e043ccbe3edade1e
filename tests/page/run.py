#!/usr/bin/env python3
"""The page of `hearth serve` in Debian's Chromium, against the bundled model.

    tests/page/run.py PATH_OF_HEARTH WORK_FOLDER [PATTERN]

Installs the packages of package-lock.json into WORK_FOLDER (kept between runs), starts three servers (one with an API
key, one with a random model that is slow), and runs page.test.mjs with node's own test runner: all tests, or those
whose names match PATTERN. Pictures of the page are then in WORK_FOLDER/screenshots.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "tools"), str(HERE.parent), str(HERE.parent / "cli")]

from npm_packages import install  # noqa: E402 (found through the line above)
from server_case import Server  # noqa: E402
from write_tiny_model import TinyModel  # noqa: E402

TESTS_TIMEOUT_S = 600
KEY = "secret-of-the-test"
MODEL = HERE.parent.parent / "models" / "hearth-tales-9m-q8_0.gguf"


@contextlib.contextmanager
def serving(program, log, model, *arguments):
    """A running server's address; it must end as it should."""
    with open(log, "wb") as errors:
        process = subprocess.Popen([program, "serve", model, "--port", "0", "--device", "cpu", *arguments],
                                   stdout=subprocess.DEVNULL, stderr=errors)
    server = Server(process, log)
    try:
        server.wait_until_ready()
        yield server.url()
        if server.stop() != 0:
            sys.exit(f"the server did not end as it should; it said:\n{log.read_text()[-4000:]}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def main():
    program, folder, *patterns = sys.argv[1:]
    folder = pathlib.Path(folder).resolve()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not there; tools/setup chromium installs it")
    install(HERE, folder)
    screenshots = folder / "screenshots"
    shutil.rmtree(screenshots, ignore_errors=True)
    screenshots.mkdir()
    command = ["node", "--test", "--test-reporter=spec", *[f"--test-name-pattern={each}" for each in patterns],
               "page.test.mjs"]
    with tempfile.TemporaryDirectory() as made:
        made = pathlib.Path(made)
        TinyModel(context=4096, chat=True, layers=6, width=512, ff_width=1024).write(made / "slow.gguf", "q8_0")
        with serving(program, made / "log", MODEL) as url, \
                serving(program, made / "keyed.log", MODEL, "--api-key", KEY) as keyed, \
                serving(program, made / "slow.log", made / "slow.gguf") as slow:
            environment = {**os.environ, "HEARTH_URL": url, "HEARTH_KEYED_URL": keyed, "HEARTH_KEY": KEY,
                           "HEARTH_SLOW_URL": slow, "HEARTH_CHROMIUM": chromium,
                           "HEARTH_SCREENSHOTS": str(screenshots), "NO_PROXY": "*", "no_proxy": "*"}
            status = subprocess.run(command, cwd=folder, env=environment, timeout=TESTS_TIMEOUT_S).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()
