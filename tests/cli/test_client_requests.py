"""Requests that were recorded from real clients (../shared/client-requests) against the server. Calling tools is
other work: what asks for it is left out here, and their histories are not. Registered only where that folder is.
"""
import json

from cli_case import ROOT, TinyModel, main
from server_case import ServerCase

REQUESTS = ROOT.parent / "shared" / "client-requests"
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
LEFT_OUT = ("tools", "tool_choice")
NOT_TAKEN = ("image", "input_image")  # words of a refusal that says what the model cannot do


def without(body):
    """The body for a few tokens, without what is left out."""
    body = {name: value for name, value in body.items() if name not in LEFT_OUT}
    body.update({name: 2 for name in LIMITS if name in body})
    if isinstance(body.get("options"), dict):
        body["options"] = {**body["options"], "num_predict": 2}
    if isinstance(body.get("input"), list):
        body["input"] = [item for item in body["input"] if item.get("type") != "additional_tools"]
    return body


class ClientRequests(ServerCase):
    def test_each_is_answered(self):
        tiny = self.folder / "tiny.gguf"
        TinyModel(context=49152, chat=True).write(tiny)
        files = sorted(REQUESTS.glob("*.json"))
        self.assertGreater(len(files), 50)
        answered = 0
        with self.serving(tiny, "--ctx", 49152, "--parallel", 1) as server:
            for file in files:
                request = json.loads(file.read_text().replace('"MODEL"', '"tiny"'))
                with self.subTest(file.name):
                    status, text = server.request(request["method"], request["path"], without(request["body"]))
                    if status == 400 and any(word in text for word in NOT_TAKEN):
                        self.assertIn("image", file.read_text())
                        continue
                    self.assertEqual(status, 200, text)
                    answered += 1
        self.assertGreater(answered, 50)


if __name__ == "__main__":
    main()
