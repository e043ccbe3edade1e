"""A server under test: started on a free port, asked over HTTP, stopped at the end, whatever happens."""
import contextlib
import http.client
import json
import pathlib
import re
import resource
import signal
import subprocess
import time

from cli_case import CliCase

READY_S = 120  # a sanitizer's build on a busy machine
ANSWER_S = 400  # until the next bytes of an answer: an agent's whole prompt is read under sanitizers
DRAIN_S = 60


class Server:
    """A running `hearth serve`."""

    def __init__(self, process, log):
        self.process = process
        self.log = log  # the path of what it writes on standard error
        self.port = None

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.log.read_text())
            if found:
                self.port = int(found[1])
                with contextlib.suppress(OSError):
                    if self.request("GET", "/ready")[0] == 200:
                        return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the server did not get ready:\n{self.log.read_text()}")

    def request(self, method, path, body=None):
        """(status, the body as text)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def post(self, path, body):
        """The answer's JSON; anything but 200 is a failure."""
        status, text = self.request("POST", path, body)
        if status != 200:
            raise AssertionError(f"{path}: {status}: {text}")
        return json.loads(text)

    def metrics(self):
        """Values by name and labels, without the model's name: {'hearth:num_requests_running': 0.0, …}."""
        values = {}
        for line in self.request("GET", "/metrics")[1].splitlines():
            if not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                series = re.sub(r'model_name="[^"]*",?', "", series).replace("{}", "")
                values[series] = float(value)
        return values

    def wait_until_idle(self, seconds=60):
        """Waits until nothing runs, and returns the metrics then."""
        deadline = time.monotonic() + seconds
        while True:
            values = self.metrics()
            if values["hearth:num_requests_running"] == values["hearth:num_requests_waiting"] == 0:
                return values
            if time.monotonic() > deadline:
                raise AssertionError(f"requests still run after {seconds} s")
            time.sleep(0.05)

    def stop(self):
        """Lets it drain, and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DRAIN_S)


class ServerCase(CliCase):
    @contextlib.contextmanager
    def started(self, model, *arguments):
        """A server on the CPU, ready; ended by force where the test leaves it running."""
        log = self.folder / f"serve-{time.monotonic_ns()}.log"
        with open(log, "wb") as errors:
            process = subprocess.Popen([self.program, "serve", str(model), "--port", "0", "--device", "cpu",
                                        *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=errors)
        server = Server(process, log)
        try:
            server.wait_until_ready()
            yield server
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    @contextlib.contextmanager
    def serving(self, model, *arguments):
        """The same; it must live through the test, and then drain and end with status 0."""
        with self.started(model, *arguments) as server:
            yield server
            self.assertIsNone(server.process.poll(), server.log.read_text()[-2000:])
            self.assertEqual(server.stop(), 0, server.log.read_text()[-2000:])

    def load(self, server, *arguments, status=0):
        """The load generator's report."""
        done = self.hearth("bench", "--server", server.url(), *arguments, "-o", "json", status=None)
        self.assertEqual(done.returncode, status, done.stderr.decode() + done.stdout.decode()[:2000])
        return json.loads(done.stdout)


def raise_file_limit(count):
    """Whether this process, and those it starts, may have as many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count <= hard or (soft < count and hard == resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= count


def open_files(process):
    return len(list(pathlib.Path(f"/proc/{process.pid}/fd").iterdir()))


def resident_bytes(process):
    pages = int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
