"""What streams and /health suffer while others send the most that the server's limits allow.

Used by test_limits.py, mildly, and by tests/soak/limits.py, with strict numbers.
"""
import contextlib
import http.client
import json
import multiprocessing
import os
import pathlib
import random
import selectors
import socket
import threading
import time


REOPENED_MAX = 20


def quantile(values, share):
    """The value that so many of them do not exceed; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 60)


def post(path, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def expensive_request(words):
    """Every field at its limit. `words`: how long the prompt is."""
    draw = random.Random(1)
    breakers = ["a" * 4000 + "b"] + ["a" * (i % 4 + 1) + chr(33 + i % 60) for i in range(1000)]
    while sum(map(len, breakers)) > 8192:
        breakers.pop()
    text = " ".join(draw.choice(("a", "aa", "the", "bird")) for _ in range(words))
    stops = ["a" * 4000 + "x"] + ["a" * 60 + chr(33 + i) for i in range(63)]
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 4, "ignore_eos": True,
            "logprobs": True, "top_logprobs": 20,
            "dry_multiplier": 1, "dry_allowed_length": 1, "dry_sequence_breakers": breakers,
            "repeat_penalty": 1.1, "repeat_last_n": -1, "presence_penalty": 1, "frequency_penalty": 1,
            "logit_bias": {str(i): -1 for i in range(300)}, "stop": stops, "priority": 16, "cache_prompt": False}


def large_body(size):
    """JSON that costs most to take apart: many small values."""
    return b'{"prompt": [' + b"1," * ((size - 16) // 2) + b"1]}"


class Load:
    """Streams, and a prober of /health."""

    def __init__(self, port, streams, stream_tokens):
        self.port, self.stream_count, self.stream_tokens = port, streams, stream_tokens
        self.gaps, self.health = [], []  # seconds
        self.errors = []
        self.stopping = threading.Event()
        self.threads = []

    def start(self, *functions):
        for function in functions:
            thread = threading.Thread(target=self.guarded, args=(function,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def guarded(self, function):
        try:
            function()
        except Exception as error:  # told at the end
            self.errors.append(f"{function.__name__}: {error!r}")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)

    def measure(self, seconds):
        """(gaps between pieces of a stream, times of /health) of so long."""
        self.gaps, self.health = [], []
        time.sleep(seconds)
        return list(self.gaps), list(self.health)

    def stream(self):
        """Keeps so many streams going, and notes the time between their pieces."""
        selector = selectors.DefaultSelector()
        seeds = iter(range(1 << 30))

        def open_one():
            connection = connect(self.port)
            body = {"prompt": "Once upon a time", "stream": True, "ignore_eos": True, "seed": next(seeds),
                    "max_tokens": self.stream_tokens}
            connection.sendall(post("/v1/completions", body))
            selector.register(connection, selectors.EVENT_READ, [None])

        for _ in range(self.stream_count):
            open_one()
        while not self.stopping.is_set():  # what is open then is closed with the process
            for key, _ in selector.select(0.1):
                now, data = time.monotonic(), key.fileobj.recv(65536)
                if key.data[0] is not None:
                    self.gaps.append(now - key.data[0])
                key.data[0] = now
                if not data or data.endswith(b"0\r\n\r\n"):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    open_one()

    def probe(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.stopping.is_set():
            start = time.monotonic()
            connection.request("GET", "/health")
            connection.getresponse().read()
            self.health.append(time.monotonic() - start)
            time.sleep(0.01)


class Attack:
    """Those who send too much, while `attacking` is set: in a process of their own with the lowest priority, since they
    stand for other machines, which take no time from the server's, nor from those who measure."""

    def __init__(self, port, words, connections, size):
        context = multiprocessing.get_context("fork")
        self.port, self.attacking, self.reports = port, context.Event(), context.SimpleQueue()
        self.statuses, self.errors = {}, []  # how often each status came
        self.process = context.Process(target=self.work, args=(words, connections, size), daemon=True)
        self.process.start()
        threading.Thread(target=self.collect, daemon=True).start()

    def work(self, words, connections, size):
        os.nice(19)
        attackers = [threading.Thread(target=self.guarded, args=(function, *arguments), daemon=True)
                     for function, *arguments in ((self.send_expensive, words), (self.send_large, connections, size))]
        for thread in attackers:
            thread.start()
        for thread in attackers:
            thread.join()

    def guarded(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # told at the end
            self.reports.put(("error", f"{function.__name__}: {error!r}"))

    def collect(self):
        """Reads what is reported, all the time: a full pipe would stop the attackers."""
        while True:
            kind, text = self.reports.get()
            if kind == "error":
                self.errors.append(text)
            else:
                self.statuses[text] = self.statuses.get(text, 0) + 1

    def stop(self):
        self.process.kill()
        self.process.join()

    def send_expensive(self, words):
        data = post("/v1/chat/completions", expensive_request(words))
        while self.attacking.wait():
            with connect(self.port) as connection:
                connection.sendall(data)
                self.reports.put(("status", "expensive " + connection.recv(65536)[9:12].decode()))

    def send_large(self, connections, size):
        """So many connections, each with one large body after another."""
        data = memoryview(post("/v1/completions", large_body(size)))
        selector = selectors.DefaultSelector()
        while self.attacking.wait():
            # Those who were refused come again a few at a time, so that those who may send get to their end.
            for _ in range(min(REOPENED_MAX, connections - len(selector.get_map()))):
                connection = connect(self.port)
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, [0])
            for key, events in selector.select(0.1):
                if not self.advance(key, events, data):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
            time.sleep(0.002)

    def advance(self, key, events, data):
        """Sends some, or reads the answer; whether the connection goes on."""
        with contextlib.suppress(BlockingIOError):
            try:
                if events & selectors.EVENT_READ:
                    self.reports.put(("status", key.fileobj.recv(65536)[9:12].decode() or "closed"))
                    return False
                if key.data[0] < len(data):
                    key.data[0] += key.fileobj.send(data[key.data[0]:key.data[0] + (1 << 18)])
            except (ConnectionResetError, BrokenPipeError):
                self.reports.put(("status", "reset"))
                return False
        return True


def peak_bytes(process):
    """The most memory that the process ever had."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmHWM")


def run(server, streams, stream_tokens, words, connections, size, seconds):
    """The numbers, as a dictionary."""
    attack = Attack(server.port, words, connections, size)
    load = Load(server.port, streams, stream_tokens)
    load.start(load.stream, load.probe)
    time.sleep(seconds / 4)  # until all run
    quiet_gaps, quiet_health = load.measure(seconds)
    quiet_peak = peak_bytes(server.process)
    attack.attacking.set()
    time.sleep(seconds / 4)
    gaps, health = load.measure(seconds)
    deadline = time.monotonic() + 100
    while "400" not in attack.statuses and time.monotonic() < deadline:  # a large body was taken apart, and refused
        time.sleep(0.1)
    attack.stop()
    load.stop()
    return {"errors": load.errors + attack.errors, "statuses": attack.statuses, "pieces": len(gaps),
            "probes": len(health),
            "gap_p99_quiet_ms": 1e3 * quantile(quiet_gaps, 0.99), "gap_p99_ms": 1e3 * quantile(gaps, 0.99),
            "gap_max_ms": 1e3 * max(gaps, default=0), "health_p99_quiet_ms": 1e3 * quantile(quiet_health, 0.99),
            "health_p99_ms": 1e3 * quantile(health, 0.99),
            "peak_growth_mib": (peak_bytes(server.process) - quiet_peak) / 2**20}
