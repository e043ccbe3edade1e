"""Models by name: `hearth pull` from a server that speaks the hub's protocol and does what servers do, the names that
every verb takes, and `list`, `show`, `cp`, `rm`.
"""
import contextlib
import hashlib
import json
import os
import pty
import random
import resource
import select
import signal
import subprocess
import time

import hub_server
from cli_case import TIMEOUT_S, CliCase, TinyModel, main

REPOSITORY = "Org/Tiny-GGUF"


class Pull(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gguf = TinyModel().file("q8_0")

    def setUp(self):
        self.home = self.folder / self.id().rpartition(".")[2]
        self.home.mkdir()
        self.cache = self.home / "hf" / "hub"
        self.endpoint = "http://127.0.0.1:9"  # nobody

    @contextlib.contextmanager
    def hub(self, files=None, repository=REPOSITORY):
        hub = hub_server.Hub(repository, files if files is not None else {"tiny-Q8_0.gguf": self.gguf})
        with hub_server.serving(hub) as self.endpoint:
            yield hub

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items()
                if not name.lower().endswith("_proxy") and not name.startswith(("HF_", "OLLAMA_", "XDG_"))}
        return {**kept, "HOME": str(self.home), "HF_HOME": str(self.home / "hf"), "HF_ENDPOINT": self.endpoint, **more}

    def hearth(self, *arguments, stdin=b"", status=0, environment=None, **more):
        done = subprocess.run([self.program, *map(str, arguments)], input=stdin, capture_output=True,
                              timeout=TIMEOUT_S, env=self.environment(**(environment or {})), **more)
        if status is not None:
            self.assertEqual(done.returncode, status, f"{arguments}\n{done.stderr.decode(errors='replace')}")
        return done

    def pull(self, *arguments, status=0, **more):
        done = self.hearth("pull", *(arguments or (REPOSITORY,)), "--device", "cpu", status=status, **more)
        self.errors = done.stderr.decode()
        if status == 1:
            self.assertRegex(self.errors.splitlines()[-1], r"\Ahearth: ")
            self.assertEqual(done.stdout, b"")
        return done.stdout.decode().strip()

    def blobs(self):
        return sorted(path.name for path in self.cache.glob("*/blobs/*"))

    # What is fetched, and how it is laid out.

    def test_the_cache_is_huggingface_hubs(self):
        with self.hub() as hub:
            path = self.pull()
        folder = self.cache / "models--Org--Tiny-GGUF"
        self.assertEqual(path, str(folder / "snapshots" / hub_server.COMMIT / "tiny-Q8_0.gguf"))
        self.assertEqual(os.readlink(path), f"../../blobs/{hub.hash('tiny-Q8_0.gguf')}")
        self.assertEqual((folder / "refs" / "main").read_text(), hub_server.COMMIT)
        self.assertEqual(self.blobs(), [hub.hash("tiny-Q8_0.gguf")])
        with open(path, "rb") as file:
            self.assertEqual(file.read(), self.gguf)

    def test_what_is_there_is_not_fetched_again(self):
        with self.hub() as hub:
            self.pull()
            sent = hub.sent
            self.pull()
            self.assertEqual(hub.sent, sent)

    def test_a_folder_of_safetensors(self):
        files = {"config.json": b"{}", "tokenizer.json": b"{ }", "1_Pooling/config.json": b"[]",
                 "model.safetensors": b"\2" * 3000, "pytorch_model.bin": b"\1" * 10, "onnx/model.onnx": b"\3"}
        with self.hub(files) as hub:
            hub.page_size = 2
            path = self.pull()
        snapshot = self.cache / "models--Org--Tiny-GGUF" / "snapshots" / hub_server.COMMIT
        self.assertEqual(path, str(snapshot))
        found = {str(file.relative_to(snapshot)): file.read_bytes() for file in snapshot.rglob("*") if file.is_file()}
        self.assertEqual(found, {name: files[name] for name in files if not name.endswith((".bin", ".onnx"))})
        self.assertEqual(os.readlink(snapshot / "1_Pooling" / "config.json")[:15], "../../../blobs/")

    def test_a_quantization(self):
        files = {f"tiny-{tag}.gguf": self.gguf + tag.encode() for tag in ("Q2_K", "Q4_K_M", "Q8_0", "F16")}
        with self.hub({**files, "mmproj-tiny-F16.gguf": b"x"}):
            self.assertIn("Q4_K_M", self.pull())
            self.assertRegex(self.errors, r"(?m)^Q4_K_M of 4 quantizations: .*memory here$")
            self.assertIn("tiny-Q8_0.gguf", self.pull(f"hf.co/{REPOSITORY}:q8_0"))
            self.assertIn("tiny-F16.gguf", self.pull(f"{REPOSITORY}:tiny-F16.gguf"))
            self.pull(f"{REPOSITORY}:Q6_K", status=1)
            self.assertIn("Q4_K_M", self.errors)
        self.assertEqual(len(self.blobs()), 3)

    def test_a_split_file(self):
        parts = {f"Q8_0/tiny-Q8_0-0000{i}-of-00002.gguf": self.gguf[i:] for i in (1, 2)}
        with self.hub(parts):
            path = self.pull(f"{REPOSITORY}:Q8_0")
        self.assertTrue(path.endswith("Q8_0/tiny-Q8_0-00001-of-00002.gguf"))
        self.assertEqual(len(self.blobs()), 2)

    def test_dry_run(self):
        with self.hub() as hub:
            listed = self.pull(REPOSITORY, "--dry-run")
            self.assertEqual(listed.split(), [str(len(self.gguf)), "tiny-Q8_0.gguf"])
            self.assertEqual(hub.sent, 0)
        self.assertFalse(self.cache.exists())

    # What goes wrong on the way.

    def test_twenty_cuts(self):
        content = random.Random(1).randbytes(24 << 20)
        with self.hub({"big-Q8_0.gguf": content}) as hub:
            hub.cuts, hub.cut_after = 20, 150_000
            path = self.pull()
            self.assertLess(hub.cuts, 1)
            self.assertLess(hub.sent, 1.01 * len(content))
            # In several pieces, over several connections.
            ranges = {headers["Range"] for _, _, headers in hub.cdn_requests if "Range" in headers}
            self.assertGreater(len(ranges), 20)
        with open(path, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).hexdigest(), hub.hash("big-Q8_0.gguf"))
        self.assertEqual(self.blobs(), [hub.hash("big-Q8_0.gguf")])

    def test_a_process_that_ended_in_between(self):
        content = random.Random(2).randbytes(8 << 20)
        with self.hub({"big-Q8_0.gguf": content}) as hub:
            hub.cuts, hub.cut_after = 10**6, 100_000  # nothing but cuts
            process = subprocess.Popen([self.program, "pull", REPOSITORY, "--device", "cpu"], env=self.environment(),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + TIMEOUT_S
            while hub.sent < 3 << 20 and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(TIMEOUT_S), 130)
            self.assertTrue(any(name.endswith(".hearth-part") for name in self.blobs()))
            hub.cuts = 0
            before = hub.sent
            self.pull()
            self.assertLess(hub.sent - before, len(content) - (2 << 20))
            self.assertLess(hub.sent, 1.25 * len(content))  # what was under way when it ended
        self.assertEqual(self.blobs(), [hub.hash("big-Q8_0.gguf")])

    def test_an_earlier_beginning_that_was_hurt(self):
        content = random.Random(3).randbytes(4 << 20)
        with self.hub({"big-Q8_0.gguf": content}) as hub:
            hub.cuts, hub.cut_after = 10**6, 300_000
            hub.ranges = True
            self.pull(REPOSITORY, "--retries", "0", status=1)
            self.assertIn("goes on from here", self.errors)
            part = next(self.cache.glob("*/blobs/*.hearth-part"))
            with open(part, "r+b") as file:
                file.write(b"hurt")
            hub.cuts = 0
            with open(self.pull(), "rb") as file:
                self.assertEqual(file.read(), content)

    def test_wrong_content(self):
        with self.hub({"tiny-Q8_0.gguf": self.gguf, "other-F16.gguf": b"x"}) as hub:
            hub.contents["tiny-Q8_0.gguf"] = b"!" + self.gguf[1:]
            self.pull(status=1)
            self.assertIn("nothing of it was kept", self.errors)
            self.assertIn(hub.hash("tiny-Q8_0.gguf"), self.errors)
        self.assertEqual(self.blobs(), [])
        self.assertEqual(list(self.cache.glob("*/snapshots/*")), [])

    def test_wrong_content_of_a_small_file(self):
        with self.hub({"config.json": b"{}", "model.safetensors": b"x"}) as hub:
            hub.contents["config.json"] = b"[]"
            self.pull(status=1)
            self.assertIn("config.json", self.errors)

    def test_more_and_less_than_listed(self):
        for content in (self.gguf + b"more", self.gguf[:-4]):
            with self.hub() as hub:
                hub.contents["tiny-Q8_0.gguf"] = content
                self.pull(REPOSITORY, "--retries", "0", status=1)
            self.assertEqual([name for name in self.blobs() if "." not in name], [])

    def test_a_server_without_ranges(self):
        content = random.Random(4).randbytes(3 << 20)
        with self.hub({"big-Q8_0.gguf": content}) as hub:
            hub.ranges, hub.cuts, hub.cut_after = False, 1, 1 << 20
            with open(self.pull(), "rb") as file:
                self.assertEqual(file.read(), content)

    def test_put_off(self):
        with self.hub() as hub:
            hub.answers = [(429, [("Retry-After", "1")]), (503, []), (500, []), (200, [("Content-Length", "0")])]
            began = time.monotonic()
            self.pull()
            self.assertGreater(time.monotonic() - began, 1)
            self.assertEqual(hub.answers, [])

    def test_gives_up(self):
        with self.hub() as hub:
            hub.answers = [(503, [])] * 3
            self.pull(REPOSITORY, "--retries", "2", status=1)
            self.assertIn("503; tried 3 times", self.errors)
        self.pull(REPOSITORY, "--retries", "0", status=1)  # nobody is there any more
        self.assertIn("no connection", self.errors)

    def test_refusals_say_what_to_do(self):
        with self.hub() as hub:
            self.pull("Org/Absent", status=1)
            self.assertIn("Org/Absent: http://127.0.0.1", self.errors)
            hub.token = "hf_secret"
            self.pull(status=1)
            self.assertIn("HF_TOKEN", self.errors)
            self.pull(environment={"HF_TOKEN": "hf_secret"})
            # It is the endpoint's, and nobody else's.
            self.assertTrue(all("Authorization" not in headers for _, _, headers in hub.cdn_requests))
            self.assertGreater(len(hub.cdn_requests), 0)
            hub.answers = [(403, [])]
            (self.home / "hf" / "token").write_text("hf_secret\n")
            self.hearth("rm", f"{REPOSITORY}:Q8_0")
            self.pull(status=1)
            self.assertIn("access must be granted", self.errors)
        self.assertNotIn("hf_secret", self.errors)

    def test_redirects(self):
        with self.hub() as hub:
            hub.location = "/Org/Tiny-GGUF/resolve/main/tiny-Q8_0.gguf"
            self.pull(status=1)
            self.assertIn("redirects", self.errors)
            hub.location = "file:///etc/passwd"
            self.pull(REPOSITORY, "--retries", "0", status=1)
            hub.location, hub.use_cdn = None, False
            self.pull()

    def test_offline(self):
        offline = {"HF_HUB_OFFLINE": "1"}
        with self.hub() as hub:
            self.pull(status=1, environment=offline)
            self.assertIn("HF_HUB_OFFLINE", self.errors)
            self.assertEqual(hub.requests, [])
            self.pull()
        self.assertIn(b"llama", self.hearth("inspect", REPOSITORY, environment=offline).stdout)
        self.assertIn(b"HF_HUB_OFFLINE", self.hearth("inspect", "Org/Other", environment=offline, status=1).stderr)

    def test_a_full_disk(self):
        with self.hub() as hub:
            hub.listing = [{**entry, "lfs": {"oid": "a" * 64, "size": 1 << 45}} for entry in hub.entries()[1:]]
            self.pull(f"{REPOSITORY}:Q8_0", status=1)
            self.assertIn(str(1 << 45), self.errors)
            self.assertIn("has room for", self.errors)
            self.assertEqual(hub.sent, 0)

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        content = random.Random(5).randbytes(4 << 20)
        with self.hub({"big-Q8_0.gguf": content}):
            self.pull(status=1, preexec_fn=small_files)
            self.assertIn("cannot be written: File too large", self.errors)
            with open(self.pull(), "rb") as file:
                self.assertEqual(file.read(), content)

    def test_listings_that_are_not_to_be_trusted(self):
        names = ("../../outside.gguf", "/tmp/outside.gguf", "a/../../../outside.gguf", "a\\..\\b.gguf", "a//b.gguf",
                 "line\nbreak.gguf", "..", "x" * 300 + ".gguf", "/".join("a" * 20) + ".gguf")
        with self.hub() as hub:
            honest = hub.entries()
            for change in [{"path": name} for name in names] + [
                    {"size": -1, "lfs": None}, {"size": 1 << 60, "lfs": None}, {"size": "5", "lfs": None},
                    {"lfs": {"oid": "../../../outside", "size": 5}}, {"lfs": {"oid": "A" * 63, "size": 5}},
                    {"oid": "../x", "lfs": None}, {"path": None}]:
                with self.subTest(change):
                    hub.listing = [{**honest[1], **change}]
                    self.pull(status=1)
                    self.assertIn("listing", self.errors)
            hub.listing = [honest[1], honest[1]]
            self.pull(status=1)
            self.assertIn("twice", self.errors)
            # Larger than listed: no more than that is taken.
            hub.listing = [{**honest[1], "lfs": {**honest[1]["lfs"], "size": 10}}]
            self.pull(REPOSITORY, "--retries", "0", status=1)
            # A file where another one's folder is to be.
            hub.listing, hub.files["tiny-Q8_0.gguf/x.json"] = None, b"{}"
            hub.files["config.json"] = b"{}"
            self.assertTrue(self.pull().endswith("tiny-Q8_0.gguf"))
        outside = [path for path in self.home.rglob("*outside*")]
        self.assertEqual(outside, [])

    # Names.

    def test_every_verb_takes_names(self):
        with self.hub():
            self.pull()
        for name in (REPOSITORY, f"hf.co/{REPOSITORY}", f"{REPOSITORY}:Q8_0", f"https://huggingface.co/{REPOSITORY}"):
            self.assertIn(b"architecture: llama", self.hearth("inspect", name).stdout)
        text = self.hearth("run", REPOSITORY, "-p", "a", "-n", 3, "--device", "cpu", "--raw").stdout
        self.assertGreater(len(text), 1)
        self.hearth("tokenize", f"{REPOSITORY}:q8_0", "-p", "a")

    def test_a_name_that_is_not_here(self):
        for name, words in ((REPOSITORY, f"`hearth pull {REPOSITORY}`"), ("qwen3:0.6b", "`hearth pull qwen3:0.6b`"),
                            ("nothing", "`hearth list`"), ("./a/b", "No such file"), ("a/b.gguf", "No such file")):
            done = self.hearth("run", name, "-p", "a", status=1)
            self.assertIn(words, done.stderr.decode())

    def test_on_a_terminal_it_asks(self):
        with self.hub() as hub:
            for answer, status in ((b"n\n", 1), (b"\n", 0)):
                main_end, terminal = pty.openpty()
                process = subprocess.Popen([self.program, "inspect", REPOSITORY], stdin=terminal, stderr=terminal,
                                           stdout=subprocess.PIPE, env=self.environment())
                os.close(terminal)
                shown = b""
                while b"[Y/n]" not in shown:
                    self.assertTrue(select.select([main_end], [], [], TIMEOUT_S)[0])
                    shown += os.read(main_end, 1000)
                self.assertIn(b"is not on this machine. Fetch Org/Tiny-GGUF:Q8_0", shown)
                os.write(main_end, answer)
                text = process.stdout.read()
                process.stdout.close()
                self.assertEqual(process.wait(TIMEOUT_S), status)
                os.close(main_end)
                self.assertEqual(b"llama" in text, status == 0)
                self.assertEqual(hub.sent > 0, status == 0)

    def test_list_show_copy_remove(self):
        with self.hub({"tiny-Q8_0.gguf": self.gguf, "tiny-F16.gguf": self.gguf + b"x"}):
            self.pull(f"{REPOSITORY}:Q8_0")
            self.pull(f"{REPOSITORY}:F16")
        self.hearth("cp", f"{REPOSITORY}:F16", "mine")
        self.hearth("cp", self.model(), "of-a-file")
        self.hearth("cp", "hearth-tales-9m-q8_0", "tales")
        self.assertIn(b"llama", self.hearth("show", "tales").stdout)
        self.hearth("rm", "tales")
        listed = {model["name"]: model for model in json.loads(self.hearth("list", "--json").stdout)}
        self.assertEqual(set(listed), {f"{REPOSITORY}:Q8_0", f"{REPOSITORY}:F16", "mine", "of-a-file"})
        self.assertEqual(listed["mine"]["target"], f"{REPOSITORY}:F16")
        self.assertEqual(listed[f"{REPOSITORY}:Q8_0"]["bytes"], len(self.gguf))
        text = self.hearth("list").stdout.decode()
        for name in (*listed, "hearth-tales-9m-q8_0"):
            self.assertRegex(text, rf"(?m)^{name} ")
        self.assertIn("qwen3:4b", self.hearth("list", "--short").stdout.decode())
        self.assertIn(b"name: mine\n", self.hearth("show", "mine").stdout)
        self.assertIn(b"architecture: llama", self.hearth("show", "of-a-file").stdout)
        self.assertIn(b"llama", self.hearth("inspect", "hearth-tales-9m-q8_0").stdout)
        self.assertIn(b"hearth rm mine", self.hearth("rm", f"{REPOSITORY}:F16", status=1).stderr)
        self.assertIn(b"KiB are free", self.hearth("rm", "mine", f"{REPOSITORY}:F16").stdout)
        self.assertEqual(len(self.blobs()), 1)
        self.hearth("rm", f"{REPOSITORY}:Q8_0", "of-a-file")
        self.assertEqual(list(self.cache.iterdir()), [])
        self.assertEqual(json.loads(self.hearth("list", "--json").stdout), [])
        self.assertTrue(self.model().exists())

    def test_what_huggingface_hub_fetched(self):
        """Its layout, as it writes it: other snapshots, locks, marks of what is not there."""
        folder = self.cache / "models--Org--Theirs"
        for part in ("blobs", "refs", "snapshots/" + "a" * 40, "snapshots/" + "b" * 40, ".no_exist/" + "a" * 40):
            (folder / part).mkdir(parents=True)
        (self.cache / ".locks" / "models--Org--Theirs").mkdir(parents=True)
        (folder / "blobs" / ("c" * 64)).write_bytes(self.gguf)
        (folder / "blobs" / ("d" * 64 + ".incomplete")).write_bytes(b"half")
        (folder / "snapshots" / ("b" * 40) / "m-Q8_0.gguf").symlink_to("../../blobs/" + "c" * 64)
        (folder / "refs" / "main").write_text("a" * 40)
        (self.cache / "version.txt").write_text("1")
        self.assertIn(b"llama", self.hearth("inspect", "Org/Theirs").stdout)
        self.assertEqual([m["name"] for m in json.loads(self.hearth("list", "--json").stdout)], ["Org/Theirs:Q8_0"])

    def test_ollamas_models(self):
        store = self.home / "ollama"
        manifest = store / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "latest"
        manifest.parent.mkdir(parents=True)
        (store / "blobs").mkdir()
        digest = hashlib.sha256(self.gguf).hexdigest()
        (store / "blobs" / f"sha256-{digest}").write_bytes(self.gguf)
        manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [
            {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}",
             "size": len(self.gguf)}]}))
        where = {"OLLAMA_MODELS": str(store)}
        self.assertIn(b"llama", self.hearth("inspect", "tiny", environment=where).stdout)
        self.assertIn("tiny:latest", self.hearth("list", environment=where).stdout.decode())
        self.assertIn(b"ollama rm", self.hearth("rm", "tiny", environment=where, status=1).stderr)

    def test_through_tls(self):
        key, certificate = self.home / "key.pem", self.home / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=hub",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        trusted = {"SSL_CERT_FILE": str(certificate)}
        hub = hub_server.Hub(REPOSITORY, {"tiny-Q8_0.gguf": self.gguf})
        with hub_server.serving(hub, certificate, key) as self.endpoint:
            self.pull(REPOSITORY, "--retries", "0", status=1)
            self.assertIn("certificate", self.errors)
            self.assertEqual(hub.requests, [])
            self.pull(status=1, environment=trusted)
            self.assertIn("not encrypted", self.errors)
            hub.use_cdn = False
            self.pull(environment=trusted)
            self.endpoint = self.endpoint.replace("127.0.0.1", "localhost")  # which the certificate does not name
            self.pull(REPOSITORY, "--retries", "0", status=1, environment=trusted)

    def test_a_proxy(self):
        with self.hub() as hub:
            proxy, self.endpoint = self.endpoint, "http://models.invalid"
            hub.use_cdn = False
            self.pull(environment={"HTTP_PROXY": proxy})
            self.assertTrue(all(path.startswith("http://models.invalid:80/") for _, path, _ in hub.requests))
            for environment in ({"HTTP_PROXY": proxy, "NO_PROXY": ".invalid"}, {"HTTP_PROXY": "http://127.0.0.1:9"}):
                self.pull(REPOSITORY, "--retries", "0", status=1, environment=environment)


if __name__ == "__main__":
    main()
