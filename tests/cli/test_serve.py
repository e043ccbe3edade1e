"""`hearth serve` as a process: its own endpoints, bad requests, keys, TLS, clients that misbehave, signals."""
import contextlib
import http.client
import json
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from cli_case import TinyModel, main
from server_case import READY_S, Server, ServerCase, open_files, raise_file_limit

CONTEXT = 32768
TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}>{% endif %}"
# An answer that would take minutes, each piece of it large.
ENDLESS = {"prompt": "the little bird", "max_tokens": CONTEXT - 100, "ignore_eos": True, "stream": True, "logprobs": 5}


def eventually(condition, seconds=60):
    """Whether the condition holds within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def raw_request(path, body, extra=""):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n{extra}\r\n"
    return head.encode() + data


class Stream:
    """A streamed completion over a socket of its own."""

    def __init__(self, server, body, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(READY_S)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.sendall(raw_request("/v1/completions", body, "Connection: close\r\n"))
        self.text = b""

    def read_first(self):
        """Reads to the first piece; returns the request's id."""
        while b"data: " not in self.text or not self.text.endswith(b"\n"):
            self.read()
        return re.search(rb'"id":"([^"]+)"', self.text)[1].decode()

    def read(self):
        piece = self.socket.recv(65536)
        self.text += piece
        return piece

    def read_all(self):
        with contextlib.suppress(ConnectionResetError):
            while self.read():
                pass
        return self.text

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Serve(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tiny = cls.folder / "tiny.gguf"
        tiny = TinyModel(context=CONTEXT)
        tiny.metadata["tokenizer.chat_template"] = TEMPLATE
        tiny.write(cls.tiny)

    def stream(self, server, body, **options):
        stream = Stream(server, body, **options)
        self.addCleanup(stream.socket.close)
        return stream

    def state(self, server, request_id):
        status, text = server.request("GET", f"/v1/requests/{request_id}")
        return json.loads(text)["state"] if status == 200 else None

    def assert_nothing_is_left(self, server):
        self.assertTrue(eventually(lambda: server.metrics()["hearth:kv_cache_usage_perc"] == 0))
        values = server.metrics()
        self.assertEqual((values["hearth:num_requests_running"], values["hearth:num_requests_waiting"]), (0, 0))


class OwnEndpoints(Serve):
    def test_what_it_tells_of_itself(self):
        with self.serving(self.tiny, "--alias", "org/name", "--ctx", 512, "--parallel", 3, "--temp", 0.5) as server:
            self.assertEqual(server.request("GET", "/health"), (200, '{"status":"ok"}'))
            self.assertEqual(server.request("GET", "/ready"), (200, '{"status":"ready"}'))
            self.assertIn("/v1/chat/completions", server.request("GET", "/")[1])
            props = json.loads(server.request("GET", "/props")[1])
            self.assertNotIn(str(self.folder), json.dumps(props))
            self.assertEqual((props["model"], props["context"], props["parallel"]), ("org/name", 512, 3))
            self.assertEqual((props["context_model"], props["sampling"]["temperature"]), (CONTEXT, 0.5))
            self.assertIn("add_generation_prompt", props["chat_template"])
            self.assertRegex(props["hash"], r"\A[0-9a-f]{32}\Z")
            for part in (props["hash"], "compute=auto", "context=512"):
                self.assertIn(part, props["system_fingerprint"])
            self.assertIn("ready: org/name, context 512, parallel 3, device cpu", server.log.read_text())
            self.assertEqual(server.metrics()["hearth:num_requests_running"], 0)

    def test_text_and_tokens(self):
        with self.serving(self.tiny) as server:
            text = "the little \u4e16\U0001f600 bird</s>"
            tokens = server.post("/tokenize", {"content": text})["tokens"]
            self.assertEqual(server.post("/detokenize", {"tokens": tokens}), {"content": text})
            self.assertEqual(server.post("/tokenize", {"content": "a", "add_special": True})["tokens"][1:],
                             server.post("/tokenize", {"content": "a"})["tokens"])
            self.assertGreater(len(server.post("/tokenize", {"content": text, "parse_special": False})["tokens"]),
                               len(tokens))
            pieces = server.post("/tokenize", {"content": text, "with_pieces": True})["tokens"]
            self.assertEqual([piece["id"] for piece in pieces], tokens)
            self.assertIn([0xE4], [piece["piece"] for piece in pieces])  # a byte that is no character
            self.assertEqual(server.post("/apply-template", {"messages": [{"role": "user", "content": "hi"}]}),
                             {"prompt": "[user] hi\n>"})
            for body in ({"tokens": [-1]}, {"tokens": ["a"]}, {"tokens": [1 << 40]}, {"tokens": 1}, {}):
                self.assertEqual(server.request("POST", "/detokenize", body)[0], 400, body)

    def test_requests_and_traces(self):
        with self.serving(self.tiny) as server:
            answer = server.post("/v1/completions", {"prompt": "once", "max_tokens": 5, "ignore_eos": True})
            self.assertEqual(self.state(server, answer["id"]), "finished")
            self.assertEqual(server.request("GET", "/v1/requests/none")[0], 404)
            self.assertEqual(server.request("DELETE", "/v1/requests/none")[0], 404)
            self.assertEqual(len(json.loads(server.request("GET", "/traces?count=5")[1])["traces"]), 1)
            self.assertEqual(server.request("GET", "/traces?count=x")[0], 400)
            stream = self.stream(server, ENDLESS)
            request_id = stream.read_first()
            self.assertEqual(self.state(server, request_id), "running")
            status, text = server.request("DELETE", f"/v1/requests/{request_id}")
            self.assertEqual((status, json.loads(text)["cancelled"]), (200, True))
            self.assertIn(b"data: ", stream.read_all()[-4096:])
            self.assertEqual(self.state(server, request_id), "cancelled")
            self.assert_nothing_is_left(server)


class BadRequests(Serve):
    def refusal(self, server, data):
        """(status, the error's message) of raw bytes."""
        with socket.create_connection(("127.0.0.1", server.port), READY_S) as connection:
            # The server may answer, and stop reading, before all is sent.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status, json.loads(answer.read())["error"]["message"]

    def test_bodies(self):
        with self.serving(self.tiny) as server:
            path = "/v1/completions"
            for body, status in (
                    (b"{", 400), (b"", 400), (b"[]", 400), (b'"text"', 400), (b"nonsense", 400),
                    (b'{"prompt": "\xff\xfe"}', 400),
                    (b'{"prompt": ' + b"[" * 100000 + b"]" * 100000 + b"}", 400),
                    ({"prompt": 5}, 400), ({"prompt": "a", "max_tokens": -2}, 400),
                    ({"prompt": "a", "max_tokens": "ten"}, 400), ({"prompt": "a", "temperature": "hot"}, 400),
                    ({"prompt": [1 << 40]}, 400)):
                found, message = self.refusal(server, raw_request(path, body))
                self.assertEqual(found, status, (body[:60] if isinstance(body, bytes) else body, message))
            status, message = self.refusal(server, raw_request(path, {"prompt": "z" * (CONTEXT + 8)}))
            self.assertEqual(status, 400)
            self.assertIn("8192", message)  # the context that it serves
            self.assertEqual(self.refusal(server, raw_request("/v1/chat/completions", {"messages": []}))[0], 400)
            self.assertEqual(self.refusal(server, raw_request("/nothing", {}))[0], 404)
            self.assertEqual(self.refusal(server, b"DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n")[0], 405)
            self.assertEqual(server.request("GET", "/health")[0], 200)

    def test_large_bodies(self):
        size = 100 << 20
        with self.serving(self.tiny) as server:
            start = time.monotonic()
            head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
            status, message = self.refusal(server, head)  # nothing of the body: the answer does not wait for it
            self.assertEqual(status, 413)
            self.assertIn(str(32 << 20), message)
            self.assertLess(time.monotonic() - start, 20)
            self.assertEqual(self.refusal(server, head + b" " * size)[0], 413)
            chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
            head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            self.assertEqual(self.refusal(server, head + chunk * 100 + b"0\r\n\r\n")[0], 413)
            self.assertEqual(server.request("GET", "/health")[0], 200)
        with self.serving(self.tiny, "--body-max", 2048) as server:
            self.assertEqual(self.refusal(server, raw_request("/tokenize", {"content": "a" * 3000}))[0], 413)


class Access(Serve):
    def test_keys(self):
        keys = self.path("keys.txt", b"# ours\nfrom-file\n\n")
        with self.serving(self.tiny, "--api-key", "one", "--api-key", "two", "--api-key-file", keys) as server:
            for headers, status in (({}, 401), ({"Authorization": "Bearer one"}, 200), ({"x-api-key": "two"}, 200),
                                    ({"Authorization": "Bearer from-file"}, 200),
                                    ({"Authorization": "Bearer # ours"}, 401), ({"x-api-key": "on"}, 401)):
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=READY_S)
                connection.request("GET", "/v1/models", headers=headers)
                answer = connection.getresponse()
                body = json.loads(answer.read())
                self.assertEqual(answer.status, status, headers)
                if status == 401:
                    self.assertEqual((answer.headers["WWW-Authenticate"], body["error"]["code"]),
                                     ("Bearer", "invalid_api_key"))
                connection.close()
            self.assertEqual(server.request("GET", "/health")[0], 200)
        self.refused("serve", self.tiny, "--port", 0, "--api-key-file", self.path("empty.txt", b"# none\n"),
                     words=["empty.txt"])
        self.refused("serve", self.tiny, "--port", 0, "--api-key-file", self.folder / "absent", words=["absent"])

    def test_tls(self):
        key, certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        log = self.folder / "tls.log"
        with open(log, "wb") as errors:
            process = subprocess.Popen([self.program, "serve", self.tiny, "--port", "0", "--device", "cpu",
                                        "--tls-cert", certificate, "--tls-key", key], stderr=errors)
        try:
            self.assertTrue(eventually(lambda: "ready:" in log.read_text(), READY_S))
            port = int(re.search(r"listening on https://127\.0\.0\.1:(\d+)", log.read_text())[1])
            context = ssl.create_default_context(cafile=certificate)
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=READY_S, context=context)
            for _ in range(2):
                connection.request("POST", "/v1/completions", json.dumps({"prompt": "once", "max_tokens": 4}))
                self.assertEqual(json.loads(connection.getresponse().read())["usage"]["completion_tokens"], 4)
            connection.request("POST", "/tokenize", json.dumps({"content": "word " * 200000}))
            self.assertGreater(len(json.loads(connection.getresponse().read())["tokens"]), 200000)
            # A client that goes in the midst of a stream, and one that speaks no TLS.
            connection.request("POST", "/v1/completions", json.dumps(ENDLESS))
            request_id = re.search(rb'"id":"([^"]+)"', connection.getresponse().readline())[1].decode()
            connection.close()
            other = Server(process, log)
            other.port = port
            with self.assertRaises((http.client.HTTPException, OSError)):
                other.request("GET", "/health")
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=READY_S, context=context)

            def state():
                connection.request("GET", f"/v1/requests/{request_id}")
                return json.loads(connection.getresponse().read())["state"]

            self.assertTrue(eventually(lambda: state() == "cancelled"))
            connection.close()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(READY_S), 0)
        finally:
            process.kill()
            process.wait()
        self.refused("serve", self.tiny, "--port", 0, "--tls-cert", key, "--tls-key", key, words=["key.pem"])
        self.hearth("serve", self.tiny, "--tls-cert", certificate, status=2)


    def test_pages_and_names(self):
        def ask(server, **headers):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=READY_S)
            connection.request("GET", "/v1/models", headers=headers)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status, answer.headers["Access-Control-Allow-Origin"]

        with self.serving(self.tiny) as server:
            self.assertEqual(ask(server, Origin="http://localhost:3000"), (200, "http://localhost:3000"))
            self.assertEqual(ask(server, Origin="https://page.example"), (403, None))
            self.assertEqual(ask(server, Host="page.example")[0], 403)
        with self.serving(self.tiny, "--cors-origins", "https://a.example,https://b.example", "--cors-origins",
                          "https://c.example", "--allowed-host", "page.example") as server:
            for name in "abc":
                self.assertEqual(ask(server, Origin=f"https://{name}.example"), (200, f"https://{name}.example"))
            self.assertEqual(ask(server, Host="page.example"), (200, None))
        with self.serving(self.tiny, "--cors-origins", "*") as server:
            self.assertEqual(ask(server, Origin="https://page.example"), (200, "*"))

    def test_what_users_wrote_is_nobody_elses(self):
        path = self.path("replay.jsonl", b"")
        path.chmod(0o644)
        with self.serving(self.tiny, "--log-requests", path) as server:
            server.post("/v1/completions", {"prompt": "once", "max_tokens": 2})
        self.assertIn(b'"prompt"', path.read_bytes())
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)


class Clients(Serve):
    def test_a_connection_is_used_again(self):
        with self.serving(self.tiny) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=READY_S)
            connection.connect()
            own_port = connection.sock.getsockname()
            for i in range(20):
                body = {"prompt": "once", "max_tokens": 3, "stream": i % 2 == 1}
                connection.request("POST", "/v1/completions", json.dumps(body))
                self.assertEqual(connection.getresponse().read()[:6] == b"data: ", i % 2 == 1)
                self.assertEqual(connection.sock.getsockname(), own_port)
            connection.close()

    def test_half_requests_that_vanish(self):
        with self.serving(self.tiny) as server:
            server.request("GET", "/health")
            files = open_files(server.process)
            whole = raw_request("/v1/completions", {"prompt": "once", "max_tokens": 3})
            for i in range(200):
                with socket.create_connection(("127.0.0.1", server.port), READY_S) as connection:
                    connection.sendall(whole[:1 + i * (len(whole) - 2) // 200])
            self.assertEqual(len(server.post("/v1/completions", {"prompt": "once", "max_tokens": 3})["choices"]), 1)
            self.assertTrue(eventually(lambda: open_files(server.process) <= files))

    def test_a_client_that_goes(self):
        with self.serving(self.tiny) as server:
            for way in ("close", "reset", "half close", "not streamed"):
                stream = self.stream(server, {**ENDLESS, "stream": way != "not streamed"})
                if way == "not streamed":
                    self.assertTrue(eventually(lambda: server.metrics()["hearth:num_requests_running"] == 1))
                    stream.socket.close()
                    self.assert_nothing_is_left(server)
                    continue
                request_id = stream.read_first()
                if way == "close":
                    stream.socket.close()
                elif way == "reset":
                    stream.reset()
                else:  # whoever says all at once waits for the answer, whoever does so later has left
                    time.sleep(1.5)
                    stream.socket.shutdown(socket.SHUT_WR)
                start = time.monotonic()
                self.assertTrue(eventually(lambda: self.state(server, request_id) == "cancelled"), way)
                self.assertLess(time.monotonic() - start, 10)
            self.assert_nothing_is_left(server)

    def test_a_client_that_has_said_all(self):
        with self.serving(self.tiny) as server:
            for stream in (False, True):
                client = self.stream(server, {"prompt": "once", "max_tokens": 50, "ignore_eos": True, "stream": stream})
                client.socket.shutdown(socket.SHUT_WR)
                self.assertIn(b'"finish_reason":"length"', client.read_all())

    def test_a_client_that_does_not_read(self):
        with self.serving(self.tiny, "--write-timeout", 1) as server:
            slow = self.stream(server, ENDLESS, receive_buffer=4096)
            request_id = slow.read_first()
            # Meanwhile others are served.
            self.assertEqual(len(server.post("/v1/completions", {"prompt": "a", "max_tokens": 2})["choices"]), 1)
            self.assertTrue(eventually(lambda: self.state(server, request_id) == "cancelled"))
            self.assertGreaterEqual(server.metrics()["hearth:slow_readers_dropped_total"], 1)
            self.assert_nothing_is_left(server)
            slow.reset()

    def test_a_thousand_connections(self):
        count = 1000 if raise_file_limit(2100) else 200
        with self.serving(self.tiny) as server:
            connections = [socket.create_connection(("127.0.0.1", server.port), READY_S) for _ in range(count)]
            for connection in connections:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            for connection in connections:
                self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200 "))
                connection.close()


class Signals(Serve):
    def test_drain(self):
        with self.started(self.tiny) as server:
            stream = self.stream(server, {**ENDLESS, "logprobs": None, "max_tokens": 2000})
            stream.read_first()
            idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=READY_S)
            idle.request("GET", "/health")
            idle.getresponse().read()
            self.addCleanup(idle.close)
            server.process.send_signal(signal.SIGTERM)
            self.assertTrue(eventually(lambda: "draining: 1 requests run" in server.log.read_text()))
            self.assertEqual(server.request("GET", "/ready"), (503, '{"status":"draining"}'))
            self.assertEqual(server.request("POST", "/v1/completions", {"prompt": "a", "max_tokens": 1})[0], 503)
            text = stream.read_all()
            self.assertIn(b"data: [DONE]", text)
            self.assertEqual(text.count(b'"finish_reason":"length"'), 1)
            self.assertEqual(server.process.wait(READY_S), 0)

    def test_drain_timeout(self):
        with self.started(self.tiny, "--drain-timeout", 1) as server:
            stream = self.stream(server, ENDLESS)
            stream.read_first()
            thread = threading.Thread(target=stream.read_all)
            thread.start()
            server.process.send_signal(signal.SIGINT)
            self.assertEqual(server.process.wait(30), 0)
            thread.join()
            self.assertIn("did not end in time", server.log.read_text())

    def test_a_second_signal(self):
        with self.started(self.tiny) as server:
            self.stream(server, ENDLESS).read_first()
            server.process.send_signal(signal.SIGTERM)
            self.assertTrue(eventually(lambda: "draining" in server.log.read_text()))
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(READY_S), 128 + signal.SIGTERM)

    def test_what_cannot_start(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.hearth("serve", self.tiny, "--port", port, "--device", "cpu", status=1)
            self.assertRegex(done.stderr.decode(), rf"\Ahearth: cannot listen on 127\.0\.0\.1 port {port}: [^\n]+\n\Z")
        self.hearth("serve", self.tiny, "--host", "no.such.host.invalid", "--port", 0, status=1)
        done = self.hearth("serve", self.folder / "absent.gguf", "--port", 0, "--device", "cpu", status=1)
        self.assertIn("absent.gguf", done.stderr.decode())
        done = self.hearth("serve", self.tiny, "--port", 0, "--device", "cpu", "--ctx", CONTEXT + 1, status=1)
        self.assertIn(str(CONTEXT), done.stderr.decode())


if __name__ == "__main__":
    main()
