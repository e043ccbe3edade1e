"""Calls of tools and thoughts, in every API of `hearth serve`, with a model that says what it is made to say."""
import json
import socket

from cli_case import TinyModel, main
from scripted_model import TEMPLATE, ScriptedModel
from server_case import ServerCase

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "Weather.", "parameters": PARAMETERS}
TOOLS = [{"type": "function", "function": FUNCTION}]
USER = {"role": "user", "content": "How is the weather in Ulm?"}
ULM = {"city": "Ulm"}
THOUGHT, TEXT = "The user asks for weather.\n", "Let me look."


def events(text):
    """The data of server-sent events."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


class Tools(ServerCase):
    def setUp(self):
        super().setUp()
        self.model = self.write_model(ScriptedModel())
        self.name = self.model.stem if hasattr(self.model, "stem") else "changed"

    def streamed(self, server, path, body):
        status, text = server.request("POST", path, {**body, "stream": True})
        self.assertEqual(status, 200, text)
        return text

    def test_chat(self):
        with self.serving(self.model) as server:
            body = {"messages": [USER], "tools": TOOLS}
            choice = server.post("/v1/chat/completions", body)["choices"][0]
            message = choice["message"]
            self.assertEqual((choice["finish_reason"], message["content"], message["reasoning_content"]),
                             ("tool_calls", TEXT, THOUGHT.strip()))
            call = message["tool_calls"][0]
            self.assertEqual((call["type"], call["function"]["name"]), ("function", "get_weather"))
            self.assertEqual(json.loads(call["function"]["arguments"]), ULM)
            text = self.streamed(server, "/v1/chat/completions", {**body, "stream_options": {"include_usage": True}})
            deltas = [event["choices"][0]["delta"] for event in events(text) if event["choices"]]
            for field, expected in (("reasoning_content", THOUGHT.strip()), ("content", TEXT)):
                self.assertEqual("".join(delta.get(field) or "" for delta in deltas).strip(), expected)
            calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
            self.assertEqual(json.loads("".join(call["function"]["arguments"] for call in calls)), ULM)
            self.assertGreater(len(calls), 1)
            usage = events(text)[-1]["usage"]
            self.assertGreater(usage["completion_tokens_details"]["reasoning_tokens"], 0)
            self.assertLess(usage["completion_tokens_details"]["reasoning_tokens"], usage["completion_tokens"])
            # What the call gave, and the answer to it; several answers; none of tools.
            result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
            answer = server.post("/v1/chat/completions", {"messages": [USER, message, result], "tools": TOOLS, "n": 2})
            for choice in answer["choices"]:
                self.assertEqual((choice["finish_reason"], choice["message"]["content"]),
                                 ("stop", "It is sunny in Ulm."))
            choice = server.post("/v1/chat/completions", {**body, "tool_choice": "none"})["choices"][0]
            self.assertEqual((choice["finish_reason"], choice["message"]["content"]), ("stop", "Hello to you."))

    def test_a_call_that_must_be(self):
        with self.serving(self.model) as server:
            body = {"messages": [USER], "tools": [*TOOLS, {"type": "function", "function": {"name": "other"}}]}
            named = {"type": "function", "function": {"name": "get_weather"}}
            for choice, city in (("required", "Bonn"), (named, "Kiel")):
                answer = server.post("/v1/chat/completions", {**body, "tool_choice": choice})["choices"][0]
                call = answer["message"]["tool_calls"][0]["function"]
                self.assertEqual(json.loads(call["arguments"]), {"city": city})
                self.assertEqual(answer["finish_reason"], "tool_calls")

    def test_responses(self):
        with self.serving(self.model) as server:
            body = {"input": [USER], "tools": [{"type": "function", **FUNCTION}], "parallel_tool_calls": False}
            whole = server.post("/v1/responses", body)
            reasoning, message, call = whole["output"]
            self.assertEqual(reasoning["summary"][0]["text"].strip(), THOUGHT.strip())
            self.assertEqual(message["content"][0]["text"].strip(), TEXT)
            self.assertEqual((call["type"], call["name"], json.loads(call["arguments"])),
                             ("function_call", "get_weather", ULM))
            last = events(self.streamed(server, "/v1/responses", body))[-1]
            self.assertEqual(last["type"], "response.completed")
            self.assertEqual([item["type"] for item in last["response"]["output"]],
                             ["reasoning", "message", "function_call"])
            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
            after = server.post("/v1/responses", {**body, "input": [USER, *whole["output"], output]})
            self.assertEqual(after["output"][-1]["content"][0]["text"], "It is sunny in Ulm.")
            counted = [server.post("/v1/responses/input_tokens", {"input": [USER], **more})["input_tokens"]
                       for more in ({}, {"tools": body["tools"]})]
            self.assertLess(*counted)

    def test_anthropic(self):
        with self.serving(self.model) as server:
            tools = [{"name": "get_weather", "input_schema": PARAMETERS}]
            body = {"model": "m", "max_tokens": 500, "messages": [USER], "tools": tools}
            thinking = {"thinking": {"type": "enabled", "budget_tokens": 400}}
            whole = server.post("/v1/messages", {**body, **thinking})
            self.assertEqual([block["type"] for block in whole["content"]], ["thinking", "text", "tool_use"])
            self.assertEqual((whole["stop_reason"], whole["content"][2]["input"]), ("tool_use", ULM))
            blocks = server.post("/v1/messages", body)["content"]
            self.assertEqual([block["type"] for block in blocks], ["text", "tool_use"])  # thoughts were not asked for
            all_events = events(self.streamed(server, "/v1/messages", {**body, **thinking}))
            parts = [event["delta"]["partial_json"] for event in all_events
                     if event["type"] == "content_block_delta" and event["delta"]["type"] == "input_json_delta"]
            self.assertEqual(json.loads("".join(parts)), ULM)
            self.assertEqual(all_events[-2]["delta"]["stop_reason"], "tool_use")
            result = {"type": "tool_result", "tool_use_id": whole["content"][2]["id"], "content": "sunny"}
            messages = [USER, {"role": "assistant", "content": whole["content"]}, {"role": "user", "content": [result]}]
            after = server.post("/v1/messages", {**body, **thinking, "messages": messages})
            self.assertEqual((after["stop_reason"], after["content"][-1]["text"]), ("end_turn", "It is sunny in Ulm."))
            counted = [server.post("/v1/messages/count_tokens", {"model": "m", "messages": [USER], **more})
                       ["input_tokens"] for more in ({}, {"tools": tools})]
            self.assertLess(*counted)

    def test_ollama(self):
        with self.serving(self.model) as server:
            body = {"model": self.name, "messages": [USER], "tools": TOOLS}
            message = server.post("/api/chat", {**body, "stream": False})["message"]
            self.assertEqual((message["content"], message["thinking"].strip()), (TEXT, THOUGHT.strip()))
            self.assertEqual(message["tool_calls"][0]["function"], {"name": "get_weather", "arguments": ULM})
            lines = [json.loads(line) for line in self.streamed(server, "/api/chat", body).splitlines() if line]
            calls = [call for line in lines for call in line["message"].get("tool_calls", [])]
            self.assertEqual([call["function"]["arguments"] for call in calls], [ULM])
            self.assertEqual((lines[-1]["done"], lines[-1]["done_reason"]), (True, "stop"))
            result = {"role": "tool", "tool_name": "get_weather", "content": "sunny"}
            after = server.post("/api/chat", {**body, "messages": [USER, message, result], "stream": False})
            self.assertEqual(after["message"]["content"], "It is sunny in Ulm.")
            generated = server.post("/api/generate", {"model": self.name, "prompt": "Hello", "stream": False})
            self.assertEqual((generated["response"], generated["thinking"]), ("Hello to you.", "No tools here."))

    def leave(self, server, path, body):
        """A client that goes as soon as its answer has begun, or while it is made."""
        text = json.dumps(body)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(text)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall((head + text).encode())
            if body["stream"]:
                connection.recv(1)
            else:
                while server.metrics()["hearth:num_requests_running"] == 0:
                    pass

    def test_clients_that_leave(self):
        model = TinyModel(layers=4, width=256, ff_width=512, context=4096)
        model.metadata["tokenizer.chat_template"] = TEMPLATE
        common = {"model": "changed", "messages": [USER], "ignore_eos": True}
        requests = [("/v1/chat/completions", {**common, "tools": TOOLS, "max_tokens": 3000}),
                    ("/v1/chat/completions", {**common, "n": 2, "max_tokens": 3000}),
                    ("/v1/responses", {"input": [USER], "ignore_eos": True, "max_output_tokens": 3000}),
                    ("/v1/messages", {**common, "max_tokens": 3000}),
                    ("/api/chat", {"model": "changed", "messages": [USER], "tools": TOOLS,
                                   "options": {"ignore_eos": True, "num_predict": 3000}})]
        with self.serving(self.write_model(model), "--ctx", 4096) as server:
            for path, body in requests:
                for stream in (True, False):
                    with self.subTest(path=path, stream=stream):
                        before = server.log.read_text().count("finish_reason=cancelled")
                        self.leave(server, path, {**body, "stream": stream})
                        server.wait_until_idle()
                        after = server.log.read_text().count("finish_reason=cancelled")
                        self.assertEqual(after - before, body.get("n", 1))

    def test_thoughts_can_be_cut(self):
        with self.serving(self.model) as server:
            body = {"messages": [USER], "max_tokens": 4}
            choice = server.post("/v1/chat/completions", body)["choices"][0]
            self.assertEqual((choice["finish_reason"], choice["message"]["content"]), ("length", ""))
            self.assertTrue(choice["message"]["reasoning_content"])


if __name__ == "__main__":
    main()
