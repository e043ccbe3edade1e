"""`hearth serve` without MODEL: models are loaded when requests name them, and unloaded; the APIs about models."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import hub_server
from cli_case import TIMEOUT_S, TinyModel, main
from server_case import Server, ServerCase

BUNDLED = "hearth-tales-9m-q8_0"
REPOSITORY = "Org/Tiny-GGUF"
STORY = {"messages": [{"role": "user", "content": "Tell me a story about a fox named Tilo who loses a lantern."}]}


class ByName(ServerCase):
    def setUp(self):
        self.home = self.folder / self.id().rpartition(".")[2]
        self.home.mkdir()
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.lower().endswith("_proxy") and not name.startswith(("HF_", "OLLAMA_", "XDG_"))}
        self.environment |= {"HOME": str(self.home), "HF_ENDPOINT": "http://127.0.0.1:9"}

    def name(self, *names):
        """A tiny model under each name."""
        for number, name in enumerate(names):
            model = self.folder / f"tiny-{number}.gguf"
            if not model.exists():
                TinyModel().write(model, "q8_0")
            self.run_hearth("cp", model, name)

    def run_hearth(self, *arguments, status=0):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, timeout=TIMEOUT_S,
                              env=self.environment, check=False)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout.decode() if status == 0 else done.stderr.decode()

    @contextlib.contextmanager
    def running(self, *arguments):
        """A server that may end in whatever way."""
        log = self.home / f"{time.monotonic_ns()}.log"
        with open(log, "wb") as errors:
            process = subprocess.Popen([self.program, "serve", "--port", "0", "--device", "cpu", "--ctx", "512",
                                        *map(str, arguments)], stdout=errors, stderr=errors, env=self.environment)
        server = Server(process, log)
        try:
            server.wait_until_ready()
            yield server
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    @contextlib.contextmanager
    def serving(self, *arguments):
        """One that lives through the test, and then ends with status 0."""
        with self.running(*arguments) as server:
            yield server
            self.assertIsNone(server.process.poll(), server.log.read_text()[-2000:])
            self.assertEqual(server.stop(), 0, server.log.read_text()[-2000:])

    def answer(self, server, model, tokens=4):
        body = {"prompt": "a", "max_tokens": tokens, "seed": 1, **({"model": model} if model else {})}
        return server.post("/v1/completions", body)

    def loaded(self, server):
        models = json.loads(server.request("GET", "/api/ps")[1])["models"]
        return [model["model"].removesuffix(":latest") for model in models]

    def wait_until(self, condition):
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_loads_what_is_named(self):
        self.name("one", "two")
        with self.serving() as server:
            self.assertEqual(self.loaded(server), [])
            self.assertEqual(server.request("GET", "/props")[0], 503)
            first = self.answer(server, "one")
            self.assertEqual(first["model"], "one")
            self.assertEqual(self.answer(server, "one:latest")["choices"][0]["text"], first["choices"][0]["text"])
            self.answer(server, "two")
            self.assertEqual(self.loaded(server), ["two", "one"])
            self.assertEqual(self.answer(server, None)["model"], "two")  # the latest
            self.assertEqual(server.request("GET", "/props")[0], 200)
            self.assertIn("hearth:", server.request("GET", "/metrics")[1])
            # The same answers as from a server of this model alone.
            with self.started(self.folder / "tiny-0.gguf", "--ctx", "512") as alone:
                self.assertEqual(self.answer(alone, "one")["choices"][0]["text"], first["choices"][0]["text"])

    def test_every_api(self):
        self.name("one")
        with self.serving() as server:
            asked = {**STORY, "model": BUNDLED, "max_tokens": 5}
            self.assertEqual(server.post("/v1/chat/completions", asked)["model"], BUNDLED)
            self.assertEqual(server.post("/v1/messages", asked)["type"], "message")
            self.assertEqual(server.post("/api/chat", {**STORY, "model": BUNDLED + ":latest", "stream": False,
                                                       "options": {"num_predict": 5}})["done_reason"], "length")
            self.assertEqual(server.post("/api/generate", {"model": "one"})["done_reason"], "load")
            self.assertIn("tokens", server.post("/tokenize", {"content": "a", "model": "one"}))
            self.assertEqual(json.loads(server.request("GET", "/ready")[1]), {"status": "ready"})
            self.assertIn("version", json.loads(server.request("GET", "/api/version")[1]))
            self.assertIn("<html", server.request("GET", "/")[1])
            status, text = server.request("POST", "/v1/chat/completions",
                                          {**STORY, "model": BUNDLED, "max_tokens": 8, "stream": True})
            self.assertEqual(status, 200)
            self.assertGreaterEqual(text.count("data: {"), 2)  # tokens that wait together come together
            self.assertTrue(text.endswith("data: [DONE]\n\n"))
            status, text = server.request("POST", "/v1/completions", {"model": "one", "prompt": "a", "nonsense": 1})
            self.assertEqual((status, "nonsense" in text), (400, True))  # the model's process says so

    def test_what_is_not_here(self):
        with self.serving() as server:
            for path, body in (("/v1/completions", {"prompt": "a"}), ("/v1/chat/completions", STORY),
                               ("/api/chat", STORY), ("/v1/messages", {**STORY, "max_tokens": 1}), ("/api/show", {})):
                status, text = server.request("POST", path, {**body, "model": "nobody"})
                self.assertEqual((path, status), (path, 404))
                self.assertIn("nobody", text)
                self.assertIn("hearth pull", text)
            self.assertEqual(server.request("GET", "/v1/models/nobody")[0], 404)
            self.assertEqual(server.request("POST", "/v1/completions", None)[0], 400)
            self.assertEqual(self.loaded(server), [])

    def test_a_model_that_does_not_open(self):
        broken = self.path("broken.gguf", TinyModel().file("q8_0")[:3000])
        self.run_hearth("cp", broken, "broken")
        with self.serving() as server:
            status, text = server.request("POST", "/v1/completions", {"model": "broken", "prompt": "a"})
            self.assertEqual(status, 500)
            self.assertIn("broken.gguf", json.loads(text)["error"]["message"])
            self.assertIn("choices", self.answer(server, BUNDLED))

    def test_many_at_once_load_it_once(self):
        self.name("one")
        with self.serving() as server, concurrent.futures.ThreadPoolExecutor(12) as threads:
            answers = threads.map(lambda _: self.answer(server, "one"), range(12))
            self.assertEqual(len({answer["choices"][0]["text"] for answer in answers}), 1)
            self.assertEqual(server.log.read_text().count("loading one"), 1)

    def test_the_longest_unused_gives_way(self):
        self.name("one", "two", "three")
        with self.serving("--models-max", "2") as server:
            for name in ("one", "two", "one", "three"):
                self.answer(server, name)
            self.assertEqual(self.loaded(server), ["three", "one"])
        # By memory: each counts 256 MiB and a little.
        with self.serving("--models-memory", 600 << 20) as server:
            for name in ("one", "two", "three"):
                self.answer(server, name)
            self.assertEqual(self.loaded(server), ["three", "two"])

    def test_one_that_answers_stays(self):
        self.name("one")
        with self.serving("--models-max", "1") as server, concurrent.futures.ThreadPoolExecutor(2) as threads:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
            connection.request("POST", "/v1/chat/completions",
                               json.dumps({**STORY, "model": BUNDLED, "stream": True, "max_tokens": 100,
                                           "temperature": 0}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            self.assertIn(b"data:", answer.readline())
            other = threads.submit(self.answer, server, "one")
            text = answer.read().decode()
            connection.close()
            self.assertTrue(text.endswith("data: [DONE]\n\n"))
            self.assertIn('"finish_reason":"', text)
            self.assertEqual(other.result()["model"], "one")
            log = server.log.read_text()
            self.assertLess(log.index(f"unloading {BUNDLED}: to make room"), log.index("loading one"))

    def test_keep_alive(self):
        self.name("one", "two")
        with self.serving("--keep-alive", "1s") as server:
            self.answer(server, "one")
            server.post("/api/generate", {"model": "two", "keep_alive": "1h"})
            self.wait_until(lambda: self.loaded(server) == ["two"])
            answer = server.post("/api/generate", {"model": "two", "keep_alive": 0})
            self.assertEqual((answer["done"], answer["done_reason"]), (True, "unload"))
            self.wait_until(lambda: self.loaded(server) == [])
            for wrong in ("soon", "", [], "5 m", "1x"):
                self.assertEqual(server.request("POST", "/api/generate", {"model": "two", "keep_alive": wrong})[0], 400)
        self.run_hearth("serve", "--port", "0", "--keep-alive", "soon", status=1)

    def test_ps_and_stop(self):
        self.name("one")
        with self.serving() as server:
            self.answer(server, "one")
            shown = self.run_hearth("ps", "--server", server.url())
            self.assertRegex(shown, r"(?m)^one:latest +\S+ KiB +0 +20\d\d-")
            self.assertEqual(len(json.loads(self.run_hearth("ps", "--server", server.url(), "--json"))), 1)
            self.run_hearth("stop", "one", "--server", server.url())
            self.wait_until(lambda: self.loaded(server) == [])
            self.assertIn("not found", self.run_hearth("stop", "nobody", "--server", server.url(), status=1))
            self.assertEqual(self.run_hearth("ps", "--server", server.url()).count("\n"), 1)
        self.assertIn("no server answers", self.run_hearth("ps", "--server", server.url(), status=1))

    def test_lists(self):
        self.name("one", "me/two:v1")
        with self.serving() as server:
            models = {model["id"] for model in json.loads(server.request("GET", "/v1/models")[1])["data"]}
            self.assertEqual(models, {"one", "me/two:v1", BUNDLED})
            tags = {tag["name"]: tag for tag in json.loads(server.request("GET", "/api/tags")[1])["models"]}
            self.assertEqual(set(tags), {"one:latest", "me/two:v1", BUNDLED + ":latest"})
            self.assertEqual(tags["one:latest"]["details"]["family"], "llama")
            self.assertEqual(tags["one:latest"]["details"]["format"], "gguf")
            shown = server.post("/api/show", {"model": BUNDLED})
            self.assertEqual(shown["model_info"]["general.architecture"], "llama")
            self.assertIn("{%", shown["template"])
            self.assertEqual(json.loads(server.request("GET", "/v1/models/me/two:v1")[1])["id"], "me/two:v1")
            self.assertEqual(self.loaded(server), [])

    def test_copies_and_deletes(self):
        self.name("one")
        with self.serving() as server:
            names = {"source": "one", "destination": "two:latest"}
            self.assertEqual(server.request("POST", "/api/copy", names)[0], 200)
            self.answer(server, "two")
            self.assertEqual(server.request("POST", "/api/copy", {"source": "nobody", "destination": "x"})[0], 404)
            self.assertEqual(server.request("POST", "/api/copy", {"source": "one", "destination": "../x"})[0], 400)
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": "one"})[0], 200)
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": "one"})[0], 404)
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": BUNDLED})[0], 400)
            self.answer(server, "two")
        self.assertTrue((self.folder / "tiny-0.gguf").exists())

    def test_pulls(self):
        hub = hub_server.Hub(REPOSITORY, {"tiny-Q8_0.gguf": TinyModel().file("q8_0")})
        hub.cuts, hub.cut_after = 1, 1000
        with hub_server.serving(hub) as self.environment["HF_ENDPOINT"], self.serving() as server:
            status, text = server.request("POST", "/api/pull", {"model": f"hf.co/{REPOSITORY}"})
            self.assertEqual(status, 200)
            lines = [json.loads(line) for line in text.splitlines()]
            self.assertEqual(lines[0], {"status": "pulling manifest"})
            self.assertEqual([line["status"] for line in lines[-2:]], ["writing manifest", "success"])
            digest = hub.hash("tiny-Q8_0.gguf")
            size = len(hub.files["tiny-Q8_0.gguf"])
            self.assertIn({"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": size,
                           "completed": size}, lines)
            self.assertEqual(server.post("/api/pull", {"name": REPOSITORY, "stream": False}), {"status": "success"})
            self.answer(server, REPOSITORY)
            self.assertEqual(self.loaded(server), [f"{REPOSITORY}:Q8_0"])
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": f"{REPOSITORY}:Q8_0"})[0], 200)
            self.wait_until(lambda: self.loaded(server) == [])
            status, text = server.request("POST", "/api/pull", {"model": "Org/Absent"})
            self.assertIn("does not know it", json.loads(text.splitlines()[-1])["error"])
            self.assertEqual(server.request("POST", "/api/pull", {"model": "x y", "stream": False})[0], 500)

    def test_processes_end_with_the_server(self):
        self.name("one")
        for how in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(how), self.running() as server:
                self.answer(server, "one")
                task = f"/proc/{server.process.pid}/task/{server.process.pid}"
                (child,) = pathlib.Path(task, "children").read_text().split()
                self.assertIn(b"--alias\0*", pathlib.Path(f"/proc/{child}/cmdline").read_bytes())
                server.process.send_signal(how)
                server.process.wait(TIMEOUT_S)
                self.wait_until(lambda: self.has_ended(child))

    @staticmethod
    def has_ended(process):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return re.search(r"State:\s+Z", pathlib.Path(f"/proc/{process}/status").read_text()) is not None
        return True

    def test_keys(self):
        self.name("one")
        with self.serving("--api-key", "secret") as server:
            self.assertEqual(server.request("POST", "/v1/completions", {"model": "one", "prompt": "a"})[0], 401)
            self.assertEqual(server.request("GET", "/v1/models")[0], 401)
            self.assertIn("NAME", self.run_hearth("ps", "--server", server.url(), "--api-key", "secret"))

    def test_options(self):
        for option in ("--alias", "--log-requests", "--response-store", "--chat-template"):
            self.assertIn("no MODEL was named", self.run_hearth("serve", option, "x", "--port", "0", status=1))
        with self.serving("--temp", "0", "--parallel", "2") as server:
            self.answer(server, BUNDLED)
            self.assertIn("parallel 2", server.log.read_text())
            self.assertIn("context 512", server.log.read_text())


if __name__ == "__main__":
    main()
