"""A client that sends the most expensive requests, and others with large bodies, keep nobody waiting; and what a
request may not ask for. The strict numbers are those of tests/soak/limits.py: here a sanitizer's build on a busy
machine passes.
"""
import json

import hostile_load
from cli_case import TinyModel, main
from server_case import ServerCase

SIZE = 4 << 20


class Limits(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tiny = cls.folder / "tiny.gguf"
        TinyModel(context=2048, chat=True).write(cls.tiny)

    def test_nobody_waits_for_anybody(self):
        with self.serving(self.tiny, "--parallel", 12, "--ctx", 2048, "--body-max", SIZE, "--bodies-max",
                          4 * SIZE) as server:
            found = hostile_load.run(server, streams=4, stream_tokens=1500, words=400, connections=6, size=SIZE - 4096,
                                     seconds=3)
        self.assertEqual(found["errors"], [], found)
        # All that was sent was answered: served, refused for its content, or for the bodies' limit.
        self.assertTrue(set(found["statuses"]) <= {"400", "503", "reset", "expensive 200", "expensive 503"}, found)
        self.assertGreater(found["statuses"].get("400", 0), 0, found)
        self.assertGreater(found["statuses"].get("expensive 200", 0), 0, found)
        self.assertGreater(found["pieces"], 0, found)
        self.assertLess(found["health_p99_ms"], 2000, found)
        self.assertLess(found["gap_p99_ms"] - found["gap_p99_quiet_ms"], 4000, found)

    def test_many_embeddings(self):
        with self.serving(self.tiny, "--queue-max", 70) as server:
            data = server.post("/v1/embeddings", {"input": ["a"] * 2048, "dimensions": 2})["data"]
            self.assertEqual([entry["index"] for entry in data], list(range(2048)))
            self.assertEqual(len(server.post("/api/embed", {"model": "tiny", "input": ["a"] * 100})["embeddings"]), 100)
            for path, body in (("/v1/embeddings", {"input": ["a"] * 2049}),
                               ("/api/embed", {"model": "tiny", "input": ["a"] * 2049}),
                               ("/v1/embeddings", {"input": "a", "temperature": 1}),
                               ("/v1/embeddings", {"input": "a", "priority": 1})):
                status, text = server.request("POST", path, body)
                self.assertEqual(status, 400, text)
                self.assertIn(list(body)[-1] if "a" == body["input"] else "2049", text)

    def test_one_breaker_that_is_long_and_many_that_are_short(self):
        with self.serving(self.tiny) as server:
            body = hostile_load.expensive_request(words=400)
            self.assertEqual(len(server.post("/v1/chat/completions", body)["choices"]), 1)
            body["dry_sequence_breakers"] += ["x" * 8192]
            status, text = server.request("POST", "/v1/chat/completions", body)
            self.assertEqual((status, json.loads(text)["error"]["param"]), (400, "dry_sequence_breakers"))


if __name__ == "__main__":
    main()
