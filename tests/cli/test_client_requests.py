"""Requests that were recorded from real clients (../shared/client-requests) against the server, as they are but for the
number of tokens. Registered only where that folder is.
"""
import json

from cli_case import ROOT, TinyModel, main
from server_case import ServerCase

REQUESTS = ROOT.parent / "shared" / "client-requests"
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
NOT_TAKEN = ("image", "input_image")  # words of a refusal that says what the model cannot do


def shortened(body):
    """The body for a few tokens."""
    body = {**body, **{name: 2 for name in LIMITS if name in body}}
    if isinstance(body.get("options"), dict):
        body["options"] = {**body["options"], "num_predict": 2}
    return body


class ClientRequests(ServerCase):
    def test_each_is_answered(self):
        tiny = self.folder / "tiny.gguf"
        # Its template tells no tools: prompts stay short.
        TinyModel(context=49152, chat=True).write(tiny)
        files = sorted(REQUESTS.glob("*.json"))
        self.assertGreater(len(files), 50)
        answered = 0
        with self.serving(tiny, "--ctx", 49152, "--parallel", 1) as server:
            for file in files:
                request = json.loads(file.read_text().replace('"MODEL"', '"tiny"'))
                with self.subTest(file.name):
                    status, text = server.request(request["method"], request["path"], shortened(request["body"]))
                    if status == 400 and any(word in text for word in NOT_TAKEN):
                        self.assertIn("image", file.read_text())
                        continue
                    self.assertEqual(status, 200, text)
                    answered += 1
        self.assertGreater(answered, 50)


if __name__ == "__main__":
    main()
