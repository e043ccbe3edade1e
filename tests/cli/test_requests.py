"""What clients really send to `hearth serve`: fields, histories, limits and words that they go by, in every API."""
import json
import socket
import time

from cli_case import TinyModel, main
from server_case import READY_S, ServerCase

CONTEXT = 2048
TEMPLATE = ("{% for m in messages %}[{{ m.role }}]{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}"
            "{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}:{{ c.function.arguments | tojson }}"
            "{% endfor %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}")
HELLO = {"role": "user", "content": "the little bird"}


def sse(text):
    """The data of a stream's events."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


class Requests(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tiny = cls.folder / "tiny.gguf"
        tiny = TinyModel(context=CONTEXT)
        tiny.metadata["tokenizer.chat_template"] = TEMPLATE
        tiny.write(cls.tiny)

    def refusal(self, server, path, body):
        status, text = server.request("POST", path, body)
        self.assertEqual(status, 400, text)
        return json.loads(text)["error"]


class Fields(Requests):
    def test_names_paths_and_versions(self):
        with self.serving(self.tiny, "--alias", "one", "--alias", "two") as server:
            chat = {"messages": [HELLO], "max_tokens": 2}
            for path in ("/v1/chat/completions", "/chat/completions"):
                self.assertEqual(server.post(path, {**chat, "model": "any"})["model"], "one")
            for path in ("/v1/messages", "/messages"):
                self.assertEqual(server.post(path, {**chat, "model": "any"})["model"], "one")
            self.assertEqual(len(server.post("/completions", {"prompt": "a", "max_tokens": 2})["choices"]), 1)
            self.assertEqual(len(server.post("/embeddings", {"input": "a"})["data"]), 1)
            count = server.post("/v1/responses/input_tokens", {"input": HELLO["content"]})
            self.assertEqual(count["object"], "response.input_tokens")
            answer = server.post("/responses", {"input": HELLO["content"], "max_output_tokens": 2})
            self.assertEqual(answer["usage"]["input_tokens"], count["input_tokens"])
            for path in ("/v1/models", "/models"):
                models = json.loads(server.request("GET", path)[1])["data"]
                self.assertEqual([model["id"] for model in models], ["one", "two"])
            self.assertEqual(server.request("GET", "/v1/models/two")[0], 200)
            self.assertEqual(server.request("GET", "/v1/models/three")[0], 404)
            for name, status in (("two", 200), ("two:latest", 200), ("three", 404)):
                body = {"model": name, "prompt": "a", "options": {"num_predict": 1, "num_ctx": 1 << 20, "seed": -1}}
                self.assertEqual(server.request("POST", "/api/generate", body)[0], status)
            version = json.loads(server.request("GET", "/api/version")[1])["version"]
            self.assertGreaterEqual(tuple(map(int, version.split("."))), (0, 14, 2))

    def test_no_limit_and_limits_beyond_the_context(self):
        with self.serving(self.tiny, "--ctx", 128) as server:
            for limit in (-1, None, 128000):
                chat = {"messages": [HELLO], "max_tokens": limit, "ignore_eos": True}
                answer = server.post("/v1/chat/completions", chat)
                self.assertEqual(answer["choices"][0]["finish_reason"], "length")
                self.assertGreater(answer["usage"]["total_tokens"], 120)
            message = server.post("/v1/messages", {"model": "m", "messages": [HELLO], "max_tokens": 128000,
                                                   "ignore_eos": True})
            self.assertEqual(message["stop_reason"], "model_context_window_exceeded")

    def test_words_that_clients_go_by(self):
        long = [{"role": "user", "content": "word " * 300}]
        with self.serving(self.tiny, "--ctx", 128) as server:
            error = self.refusal(server, "/v1/messages", {"model": "m", "max_tokens": 5, "messages": long})
            self.assertRegex(error["message"], r"\Aprompt is too long: \d+ tokens > 128 maximum\Z")
            for path, body in (("/v1/chat/completions", {"messages": long}),
                               ("/v1/completions", {"prompt": "a " * 300}), ("/responses", {"input": long})):
                error = self.refusal(server, path, body)
                self.assertEqual(error["code"], "context_length_exceeded")
                self.assertRegex(error["message"], r"maximum context length is 128 tokens.* \d+ tokens")
            error = self.refusal(server, "/v1/messages", {"model": "m", "max_tokens": 5,
                                                          "messages": [{**HELLO, "x": 1}]})
            self.assertEqual(error["message"], "messages.0.x: Extra inputs are not permitted")
            error = self.refusal(server, "/v1/messages", {"model": "m", "max_tokens": 5, "messages": [
                HELLO, {"role": "user", "content": [{"type": "image", "source": {}}]}]})
            self.assertIn("messages.1.content.0.type", error["message"])

    def test_histories_with_calls(self):
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
        chat = [HELLO, {"role": "assistant", "content": "b", "reasoning": "t", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "1", "content": "2"}]
        items = [HELLO, {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]},
                 {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
                 {"type": "function_call", "call_id": "1", "name": "f", "arguments": '{"x": 1}'},
                 {"type": "function_call_output", "call_id": "1", "output": "2"}]
        blocks = [HELLO, {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"},
                                                           {"type": "text", "text": "b"},
                                                           {"type": "tool_use", "id": "1", "name": "f",
                                                            "input": {"x": 1}}]},
                  {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "2"}]}]
        ollama = [HELLO, {"role": "assistant", "content": "b", "thinking": "t",
                          "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
                  {"role": "tool", "tool_name": "f", "content": "2"}]
        with self.serving(self.tiny, "--alias", "m") as server:
            prompt = '[user]the little bird\n[assistant](t)bf:{"x": 1}\n[tool]2\n[assistant]'
            expected = len(server.post("/tokenize", {"content": prompt, "add_special": True})["tokens"])
            limit = {"max_tokens": 1}
            self.assertEqual(server.post("/v1/chat/completions", {"messages": chat, **limit})["usage"]["prompt_tokens"],
                             expected)
            self.assertEqual(server.post("/v1/responses/input_tokens", {"input": items})["input_tokens"], expected)
            self.assertEqual(server.post("/v1/messages/count_tokens", {"model": "m", "messages": blocks}),
                             {"input_tokens": expected})
            body = {"model": "m", "messages": ollama, "stream": False, "options": {"num_predict": 1}}
            self.assertEqual(server.post("/api/chat", body)["prompt_eval_count"], expected)

    def test_the_last_message_goes_on(self):
        messages = [HELLO, {"role": "assistant", "content": "once upon a"}]
        with self.serving(self.tiny) as server:
            plain = {"max_tokens": 8, "temperature": 0, "ignore_eos": True}
            going_on = server.post("/v1/chat/completions",
                                   {"messages": messages, "continue_final_message": True, **plain})
            prompt = "[user]the little bird\n[assistant]once upon a"
            self.assertEqual(going_on["choices"][0]["message"]["content"],
                             server.post("/v1/completions", {"prompt": prompt, **plain})["choices"][0]["text"])
            unprompted = server.post("/v1/chat/completions",
                                     {"messages": [HELLO], "add_generation_prompt": False, **plain})
            self.assertEqual(unprompted["choices"][0]["message"]["content"],
                             server.post("/v1/completions",
                                         {"prompt": "[user]the little bird\n", **plain})["choices"][0]["text"])


class Caching(Requests):
    def cached(self, server, header):
        system = {"role": "system", "content": header + "\n" + "the bird is in the house and " * 40}
        answer = server.post("/v1/chat/completions", {"messages": [system, HELLO], "max_tokens": 1})
        return answer["usage"]["prompt_tokens_details"]["cached_tokens"]

    def test_headers_that_change_with_every_request(self):
        headers = ["x-anthropic-billing-header: cch=0000{};", "Current time: 2026-11-29T20:11:0{}Z"]
        with self.serving(self.tiny) as server:
            for header in headers:
                self.assertEqual(self.cached(server, header.format(1)), 0)
                self.assertGreater(self.cached(server, header.format(2)), 100)
        with self.serving(self.tiny, "--keep-prompt-headers") as server:
            for header in headers:
                self.cached(server, header.format(1))
                self.assertLess(self.cached(server, header.format(2)), 100)

    def test_a_conversation_with_a_model_that_has_states(self):
        """Every turn computes what is new, and the little that lies before the last state that was kept."""
        path = self.folder / "states.gguf"
        tiny = TinyModel("lfm2", context=CONTEXT, chat=True)
        tiny.write(path)
        with self.serving(path) as server:
            messages, before = [], 0
            for turn in range(20):
                messages.append({"role": "user", "content": "the bird is in the house and the tree " * (1 + turn % 3)})
                answer = server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 8})
                usage = answer["usage"]
                cached = usage["prompt_tokens_details"]["cached_tokens"]
                self.assertGreater(cached, before - 2 * 32 - 40, f"turn {turn}: {usage}")
                self.assertLess(cached, usage["prompt_tokens"])
                before = usage["prompt_tokens"]
                messages.append(answer["choices"][0]["message"])
            self.assertIn("hearth:state_checkpoints_kept", server.request("GET", "/metrics")[1])

    def test_a_private_prompt(self):
        with self.serving(self.tiny) as server:
            body = {"prompt": "the little bird " * 40, "max_tokens": 1}
            usage = [server.post("/v1/completions", {**body, **more})["usage"]
                     for more in ({"cache_prompt": False}, {}, {"cache_prompt": False}, {})]
            cached = [one["prompt_tokens_details"]["cached_tokens"] for one in usage]
            self.assertEqual((cached[0], cached[1], cached[2]), (0, 0, 0))
            self.assertGreater(cached[3], 64)


class Tokens(Requests):
    def test_as_many_log_probabilities_as_tokens(self):
        body = {"messages": [HELLO], "temperature": 0, "logprobs": True, "max_tokens": 30, "ignore_eos": True}
        with self.serving(self.tiny) as server:
            whole = server.post("/v1/chat/completions", body)["choices"][0]["message"]["content"]
            for more in ({}, {"stop": whole[8:12]}, {"ignore_eos": False, "logit_bias": {str(self.end(server)): 100}}):
                answer = server.post("/v1/chat/completions", {**body, **more})
                entries = answer["choices"][0]["logprobs"]["content"]
                self.assertEqual(len(entries), answer["usage"]["completion_tokens"], more)
                streamed = sse(server.request("POST", "/v1/chat/completions", {**body, **more, "stream": True})[1])
                pieces = [entry for event in streamed for choice in event["choices"] if choice["logprobs"]
                          for entry in choice["logprobs"]["content"]]
                self.assertEqual(pieces, entries)

    def end(self, server):
        return server.post("/tokenize", {"content": "</s>"})["tokens"][0]

    def test_a_stop_text_that_is_a_special_token(self):
        with self.serving(self.tiny) as server:
            end = self.end(server)
            body = {"prompt": "the little bird", "max_tokens": 20, "ignore_eos": True, "logit_bias": {str(end): 100}}
            self.assertEqual(server.post("/v1/completions", body)["choices"][0]["finish_reason"], "length")
            choice = server.post("/v1/completions", {**body, "stop": ["x", "</s>"]})["choices"][0]
            self.assertEqual((choice["text"], choice["finish_reason"]), ("", "stop"))
            message = server.post("/v1/messages", {"model": "m", "messages": [HELLO], "max_tokens": 20,
                                                   "ignore_eos": True, "logit_bias": {str(end): 100},
                                                   "stop_sequences": ["</s>"]})
            self.assertEqual((message["stop_reason"], message["stop_sequence"]), ("stop_sequence", "</s>"))

    # What evaluation harnesses do: how likely is a text, and is it the likeliest?
    def test_a_prompt_is_scored(self):
        with self.serving(self.tiny, "--parallel", 4) as server:
            prompt = server.post("/tokenize", {"content": "the little bird", "add_special": True})["tokens"]
            body = {"prompt": prompt, "max_tokens": 40, "temperature": 0, "logprobs": 2, "ignore_eos": True}
            answer = server.post("/v1/completions", body)["choices"][0]
            generated, offsets = answer["logprobs"]["token_logprobs"], answer["logprobs"]["text_offset"]
            text = "the little bird" + answer["text"]
            self.assertEqual(offsets[0], len("the little bird"))
            tokens = prompt + server.post("/tokenize", {"content": answer["text"]})["tokens"]
            score = {"prompt": tokens, "max_tokens": 0, "echo": True, "logprobs": 2}
            scored = server.post("/v1/completions", score)
            logprobs = scored["choices"][0]["logprobs"]
            self.assertEqual(scored["usage"]["completion_tokens"], 0)
            self.assertEqual(len(logprobs["token_logprobs"]), len(tokens))
            self.assertIsNone(logprobs["token_logprobs"][0])
            if len(tokens) == len(prompt) + 40:  # the text falls into the same tokens again
                self.assertEqual(logprobs["token_logprobs"][len(prompt):], generated)
            streamed = sse(server.request("POST", "/v1/completions", {**score, "max_tokens": 1, "stream": True})[1])
            self.assertEqual(streamed[0]["choices"][0]["logprobs"], logprobs)
            self.assertEqual(streamed[0]["choices"][0]["text"], scored["choices"][0]["text"])
            self.assertEqual(len(streamed[1]["choices"][0]["logprobs"]["tokens"]), 1)
            whole = server.post("/v1/completions", {"prompt": text, "max_tokens": 0, "echo": True, "logprobs": 0})
            self.assertEqual(whole["choices"][0]["text"], text)
            self.assertEqual(server.post("/v1/completions", {"prompt": "a", "max_tokens": 0})["choices"][0]["text"], "")

    def test_usage_in_every_piece(self):
        with self.serving(self.tiny) as server:
            body = {"messages": [HELLO], "max_tokens": 5, "ignore_eos": True, "stream": True, "logprobs": True,
                    "stream_options": {"include_usage": True, "continuous_usage_stats": True}}
            events = sse(server.request("POST", "/v1/chat/completions", body)[1])
            counts = [event["usage"]["completion_tokens"] for event in events if event["usage"]]
            self.assertEqual(counts[:5], [1, 2, 3, 4, 5])
            self.assertEqual(len({event["usage"]["prompt_tokens"] for event in events if event["usage"]}), 1)


class Keepalive(Requests):
    # Nothing is silent for long, while a request waits or its prompt is read.
    def test_something_comes(self):
        chat = {"model": "m", "messages": [HELLO], "max_tokens": 2, "stream": True}
        asked = {"/v1/chat/completions": (chat, b": keepalive\n\n"),
                 "/v1/completions": ({"prompt": "a", "max_tokens": 2, "stream": True}, b": keepalive\n\n"),
                 "/v1/responses": ({"input": "a", "max_output_tokens": 2, "stream": True},
                                   b'event: keepalive\ndata: {"type":"keepalive","sequence_number":'),
                 "/v1/messages": (chat, b'event: ping\ndata: {"type":"ping"}\n\n'),
                 "/api/chat": (chat, b"\r\n\n\r\n")}  # a chunk that is an empty line
        with self.serving(self.tiny, "--alias", "m", "--parallel", 1, "--keepalive", 0.05) as server:
            endless = self.open(server, "/v1/completions", {"prompt": "a", "max_tokens": 2000, "ignore_eos": True,
                                                            "stream": True, "logprobs": 5, "n": 8})
            self.assertTrue(endless.recv(1))  # it runs, and the others come after it
            waiting = {path: self.open(server, path, body) for path, (body, _) in asked.items()}
            for path, (_, expected) in asked.items():
                text, deadline = b"", time.monotonic() + READY_S
                while expected not in text and time.monotonic() < deadline:
                    text += waiting[path].recv(65536)
                self.assertIn(expected, text, path)
            endless.close()
            for path, connection in waiting.items():
                answer = b""
                while not answer.endswith(b"0\r\n\r\n"):
                    piece = connection.recv(65536)
                    self.assertTrue(piece, path)
                    answer += piece
                connection.close()

    def open(self, server, path, body):
        connection = socket.create_connection(("127.0.0.1", server.port), READY_S)
        self.addCleanup(connection.close)
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        return connection


if __name__ == "__main__":
    main()
