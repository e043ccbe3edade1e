"""A server under load: a thousand streams at once, clients that cancel or vanish, a soak, and what it tells of itself."""
import http.server
import json
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time

from cli_case import ROOT, CliCase, TinyModel, main
from server_case import ServerCase, open_files, raise_file_limit

CLIENTS = 1000
FILES_NEEDED = 2 * CLIENTS + 200


def is_sanitized(program):
    """A sanitizer keeps freed memory back, so that memory tells nothing."""
    return b"__asan_init" in pathlib.Path(program).read_bytes()


def open_socket(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def completion(body):
    """A POST to /v1/completions as bytes."""
    text = json.dumps(body).encode()
    return (b"POST /v1/completions HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(text)) + text


def reset(client):
    """Closes a socket so that the other side sees a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class LoadCase(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not raise_file_limit(FILES_NEEDED):
            raise AssertionError(f"this test needs {FILES_NEEDED} open files (ulimit -n)")
        cls.tiny = cls.folder / "tiny.gguf"
        TinyModel().write(cls.tiny)

    def assert_verified(self, report, requests):
        self.assertEqual((report["completed"], report["failures"]), (requests, {}))
        self.assertEqual(report["verify"], {"identical": requests, "different": 0, "failed": 0, "first_different": []})


class Streams(LoadCase):
    def test_a_thousand_streams_at_once_are_what_each_is_alone(self):
        with self.serving(self.tiny, "--ctx", 256, "--parallel", 48, "--queue-max", 2 * CLIENTS) as server:
            report = self.load(server, "--requests", CLIENTS, "--concurrency", CLIENTS, "--prompt-tokens", "24:16",
                               "--output-tokens", "8:6", "--shared-prefix", 40, "--verify")
            self.assert_verified(report, CLIENTS)
            values = server.wait_until_idle()
            self.assertEqual(values["hearth:kv_cache_usage_perc"], 0)
            self.assertEqual(values['hearth:request_success_total{finished_reason="length"}'], 2 * CLIENTS)
            self.assertEqual(values["hearth:generation_tokens_total"], 2 * report["output_tokens"])
            self.assertGreater(values["hearth:prefix_cache_hits_total"], 0)

    def test_a_small_cache_preempts_and_changes_no_text(self):
        with self.serving(self.tiny, "--ctx", 256, "--parallel", 32, "--kv-tokens", 512) as server:
            report = self.load(server, "--requests", 60, "--concurrency", 60, "--prompt-tokens", "20:15",
                               "--output-tokens", "150:50", "--verify")
            self.assert_verified(report, 60)
            values = server.wait_until_idle()
            self.assertGreater(values["hearth:num_preemptions_total"], 0)
            self.assertEqual(values["hearth:kv_cache_blocks_in_use"], 0)

    def test_a_shared_prompt_is_computed_once(self):
        model = self.folder / "long.gguf"
        TinyModel(context=4096).write(model)
        prompts = ("--prompt-tokens", 20, "--output-tokens", 4, "--shared-prefix", 2000)
        with self.serving(model, "--ctx", 2304, "--parallel", 16) as server:
            self.load(server, "--requests", 64, "--concurrency", 64, *prompts)
            values = server.wait_until_idle()
            # Whole blocks are shared: what is left of the 2,000 is computed by each.
            self.assertLess(values["hearth:prompt_tokens_total"], 2020 + 63 * (20 + 64))
            self.assertGreater(values["hearth:prefix_cache_hits_total"], 63 * (2000 - 64))
            times = {}
            for name, requests, seed in (("first", 1, 5), ("later", 20, 5)):
                times[name] = self.load(server, "--requests", requests, "--concurrency", 1, "--seed", seed,
                                        *prompts)["time_to_first_token_seconds"]["p50"]
            self.assertLess(times["later"], times["first"] / 2)

    def test_arrivals_at_a_rate(self):
        with self.serving(self.tiny, "--ctx", 256) as server:
            report = self.load(server, "--requests", 40, "--rate", 80, "--prompt-tokens", 10, "--output-tokens", 5)
            self.assertEqual(report["completed"], 40)
            self.assertEqual(report["output_tokens"], 200)
            self.assertEqual(report["prompt_tokens"], 400)
            self.assertGreater(report["seconds"], 0.25)  # the seed's arrivals take 0.4 s
            for name in ("time_to_first_token_seconds", "end_to_end_seconds"):
                times = report[name]
                self.assertTrue(0 < times["p50"] <= times["p90"] <= times["p99"] <= times["max"], report)

    def test_a_full_queue_is_reported(self):
        with self.serving(self.tiny, "--ctx", 256, "--parallel", 1, "--queue-max", 2) as server:
            report = self.load(server, "--requests", 30, "--concurrency", 30, "--prompt-tokens", 10,
                               "--output-tokens", 100, status=1)
            refused = report["failures"]["status 429"]["count"]
            self.assertEqual(report["completed"] + refused, 30)
            self.assertGreater(refused, 0)
            self.assertEqual(server.wait_until_idle()["hearth:requests_refused_total"], refused)


class Vanishing(LoadCase):
    def load_in_background(self, server):
        """A verified load test that runs while something else happens; returns a function that waits for its report."""
        reports = []
        thread = threading.Thread(target=lambda: reports.append(self.load(
            server, "--requests", 200, "--concurrency", 16, "--prompt-tokens", "30:20", "--output-tokens", "20:10",
            "--verify")))
        thread.start()

        def finish():
            thread.join()
            self.assertEqual(len(reports), 1, "the load test failed")
            return reports[0]
        return finish

    def test_cancelled_requests_give_every_block_back(self):
        random_source = random.Random(7)
        with self.serving(self.tiny, "--ctx", 500, "--parallel", 32) as server:
            finish = self.load_in_background(server)
            clients = []
            for number in range(200):
                client = open_socket(server)
                client.sendall(completion({"prompt": [20 + number % 50] * random_source.randint(1, 90), "stream": True,
                                           "max_tokens": 400, "ignore_eos": True, "seed": number}))
                clients.append(client)
            random_source.shuffle(clients)
            for number, client in enumerate(clients):
                if number % 3 == 0:
                    client.recv(random_source.randint(1, 400))  # its first tokens, or its headers
                time.sleep(random_source.random() * 0.01)
                reset(client) if number % 2 else client.close()
            self.assert_verified(finish(), 200)
            values = server.wait_until_idle()
            self.assertEqual(values["hearth:kv_cache_usage_perc"], 0)
            self.assertEqual(values["hearth:kv_cache_blocks_in_use"], 0)
            self.assertGreater(values['hearth:request_success_total{finished_reason="abort"}'], 100)

    def test_requests_cancelled_by_id_end_at_once(self):
        with self.serving(self.tiny, "--ctx", 500, "--parallel", 4) as server:
            clients = [open_socket(server) for _ in range(20)]
            for client in clients:
                client.sendall(completion({"prompt": [30], "stream": True, "max_tokens": 450, "ignore_eos": True}))
            text = b""
            while not (found := re.search(rb'"id":"([^"]+)"', text)):
                text += clients[0].recv(1000)
            name = found[1].decode()
            status, answer = server.request("DELETE", "/v1/requests/" + name)
            self.assertEqual((status, json.loads(answer)["cancelled"]), (200, True), answer)
            deadline = time.monotonic() + 30
            while (state := json.loads(server.request("GET", "/v1/requests/" + name)[1]))["state"] == "running":
                self.assertLess(time.monotonic(), deadline)
            self.assertEqual((state["state"], state["finish_reason"]), ("cancelled", "cancelled"))
            self.assertLess(state["generated_tokens"], 450)
            for client in clients:
                client.close()
            values = server.wait_until_idle()
            self.assertEqual(values["hearth:kv_cache_blocks_in_use"], 0)

    def test_half_requests_change_nothing_for_others(self):
        whole = completion({"prompt": "never finished", "max_tokens": 5})
        random_source = random.Random(8)
        with self.serving(self.tiny, "--ctx", 256) as server:
            self.load(server, "--requests", 20, "--prompt-tokens", 5, "--output-tokens", 3)
            files = open_files(server.process)
            finish = self.load_in_background(server)
            clients = []
            for number in range(CLIENTS):
                client = open_socket(server)
                client.sendall(whole[:random_source.randint(1, len(whole) - 1)])
                clients.append(client)
                if len(clients) == 100:  # many are there at once, and leave
                    for vanishing in clients:
                        reset(vanishing) if random_source.random() < 0.5 else vanishing.close()
                    clients.clear()
            self.assert_verified(finish(), 200)
            values = server.wait_until_idle()
            self.assertEqual(values["hearth:kv_cache_blocks_in_use"], 0)
            deadline = time.monotonic() + 60
            while open_files(server.process) > files and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertLessEqual(open_files(server.process), files)


class Soak(CliCase):
    def test_a_short_one(self):
        percent = 1000 if is_sanitized(self.program) else 5
        done = subprocess.run(
            [sys.executable, "-B", str(ROOT / "tests/soak/soak.py"), self.program, "--requests", "500", "--rounds", "2",
             "--memory-percent", str(percent)], capture_output=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())
        self.assertIn("soak: nothing grew, nothing failed", done.stdout.decode())


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes OpenTelemetry's traces."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append((self.path, json.loads(body)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


class Telling(LoadCase):
    def test_traces_reach_a_collector(self):
        collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        collector.bodies = []
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        self.addCleanup(collector.server_close)
        self.addCleanup(collector.shutdown)
        with self.serving(self.tiny, "--otlp-endpoint", f"http://127.0.0.1:{collector.server_port}") as server:
            self.load(server, "--requests", 30, "--prompt-tokens", 5, "--output-tokens", 3)
        spans = [span for _, body in collector.bodies for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]]
        self.assertEqual({path for path, _ in collector.bodies}, {"/v1/traces"})
        names = [span["name"].split()[0] for span in spans]
        self.assertEqual({name: names.count(name) for name in set(names)},
                         {"text_completion": 30, "queue": 30, "prefill": 30, "decode": 30})
        for span in spans:
            self.assertLessEqual(int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]))
            self.assertLess(abs(int(span["endTimeUnixNano"]) / 1e9 - time.time()), 300)

    def test_a_collector_that_is_away_changes_nothing(self):
        with self.serving(self.tiny, "--otlp-endpoint", "http://127.0.0.1:9") as server:
            report = self.load(server, "--requests", 30, "--prompt-tokens", 5, "--output-tokens", 3)
            self.assertEqual(report["completed"], 30)
        self.assertEqual(server.log.read_text().count("does not take traces"), 1)
        self.refused("serve", self.tiny, "--device", "cpu", "--port", 0, "--otlp-endpoint", "https://a:1",
                     words=["https"])

    def test_log_lines_as_json(self):
        with self.serving(self.tiny, "--log-format", "json") as server:
            self.load(server, "--requests", 3, "--prompt-tokens", 5, "--output-tokens", 4)
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("info", "warning", "error"))
        requests = [line for line in lines if line["message"] == "request"]
        self.assertEqual(len(requests), 3)
        self.assertEqual({line["generated_tokens"] for line in requests}, {4})

    def test_traces_and_metrics_tell_of_the_same_requests(self):
        with self.serving(self.tiny, "--metrics-compat", "vllm") as server:
            self.load(server, "--requests", 12, "--prompt-tokens", 40, "--output-tokens", 6)
            traces = json.loads(server.request("GET", "/traces?count=100")[1])["traces"]
            self.assertEqual(len(traces), 12)
            for trace in traces:
                self.assertEqual(sum(chunk["tokens"] for chunk in trace["prefill"]["chunks"]) + trace["cached_tokens"],
                                 40)
                steps = trace["decode"]["steps_ms"]
                self.assertEqual(len(steps), 6)
                self.assertEqual(steps, sorted(steps))
                self.assertLessEqual(trace["queue"]["to_ms"], trace["prefill"]["to_ms"])
            values = server.wait_until_idle()
            for prefix in ("hearth:", "vllm:"):
                self.assertEqual(values[prefix + "e2e_request_latency_seconds_count"], 12)
                self.assertEqual(values[prefix + "request_prompt_tokens_sum"], 480)
                self.assertEqual(values[prefix + "inter_token_latency_seconds_count"], 60)

    def test_the_dashboard_shows_what_there_is(self):
        dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        with self.serving(self.tiny) as server:
            self.load(server, "--requests", 3, "--prompt-tokens", 5, "--output-tokens", 4)
            page = server.request("GET", "/metrics")[1]
        names = {line.split("{")[0].split(" ")[0] for line in page.splitlines() if not line.startswith("#")}
        names.add("hearth:decode_bandwidth_limit_percent")  # of models that are large enough
        shown = set()
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                self.assertEqual(target["datasource"]["uid"], "${datasource}", panel["title"])
                shown |= set(re.findall(r"\b((?:hearth:|process_)\w+)", target["expr"]))
                self.assertLessEqual(set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}, variables)
        self.assertGreater(len(shown), 30)
        self.assertEqual(shown - names, set())
        places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in dashboard["panels"]]
        self.assertEqual(len({place[:2] for place in places}), len(places))

    def test_what_the_load_generator_refuses(self):
        self.refused("bench", "--server", "http://127.0.0.1:9", words=["127.0.0.1:9", "does not answer"])
        self.refused("bench", "--server", "https://h", words=["https"])
        self.refused("bench", "--server", "http://127.0.0.1:9", "--prompt-tokens", "a", words=["'a'"])
        self.refused("bench", "--server", "http://127.0.0.1:9", "-o", "csv", words=["no CSV"])
        self.hearth("bench", "--requests", 3, self.tiny, status=2)  # without --server
        self.hearth("bench", "--server", "http://h", self.tiny, status=2)


if __name__ == "__main__":
    main()
