"""Calls of tools and thoughts, in every API of `hearth serve`, with a model that says what it is made to say."""
import json
import socket

from cli_case import TinyModel, main
from scripted_model import CALL, TEMPLATE, ScriptedModel
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

    def test_arguments_obey_their_schema(self):
        """A model with random weights would write anything."""
        model = TinyModel(layers=1, width=64, ff_width=64, context=2048)
        model.metadata["tokenizer.chat_template"] = TEMPLATE
        properties = {"city": {"enum": ["Ulm", "Bonn"]}, "days": {"type": "integer", "minimum": 1, "maximum": 20},
                      "tags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}}
        strict = {"name": "get_weather", "strict": True,
                  "parameters": {"type": "object", "properties": properties, "required": ["city", "days"],
                                 "additionalProperties": False}}
        body = {"messages": [USER], "tools": [{"type": "function", "function": strict}], "tool_choice": "required",
                "temperature": 1.5, "n": 8, "max_tokens": 300, "parallel_tool_calls": False}
        with self.serving(self.write_model(model)) as server:
            before = self.ended(server)
            answers = server.post("/v1/chat/completions", body)["choices"]
            self.assertEqual([answer["finish_reason"] for answer in answers], ["tool_calls"] * 8)
            for answer in answers:
                (call,) = answer["message"]["tool_calls"]
                arguments = json.loads(call["function"]["arguments"])
                self.assertLessEqual({"city", "days"}, set(arguments))
                self.assertLessEqual(set(arguments), set(properties))
                self.assertIn(arguments["city"], ("Ulm", "Bonn"))
                self.assertIn(arguments["days"], range(1, 21))
                self.assertTrue(all(isinstance(tag, bool) for tag in arguments.get("tags", [])))
            alone = server.post("/v1/chat/completions", {**body, "n": 1, "seed": 5})
            again = server.post("/v1/chat/completions", {**body, "n": 3, "seed": 5})
            self.assertEqual(*({call["function"]["arguments"] for call in answer["choices"][0]["message"]["tool_calls"]}
                               for answer in (alone, again)))
            self.assertEqual(self.ended(server) - before, 12)
            strict["parameters"] = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(a)\\1"}}}
            status, text = server.request("POST", "/v1/chat/completions", body)
            self.assertEqual(status, 400)
            self.assertIn("get_weather", text)
            strict["strict"] = False
            server.post("/v1/chat/completions", body)

    def ended(self, server):
        """Answers that were not cancelled. Some need all of their tokens for the call."""
        counts = server.metrics()
        return sum(counts.get(f'hearth:request_success_total{{finished_reason="{reason}"}}', 0)
                   for reason in ("stop", "length"))

    def test_a_form_leaves_room_for_calls(self):
        schema = {"type": "object", "properties": {"sky": {"enum": ["blue"]}}, "required": ["sky"],
                  "additionalProperties": False}
        form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema}}
        answers = {"~": "<think>\nHm.\n</think>\n\n" + CALL, "^": '{"sky": "blue"}', "`": "<think>x</think>Hi."}
        with self.serving(self.write_model(ScriptedModel(answers))) as server:
            body = {"messages": [USER], "tools": TOOLS, "response_format": form}
            message = server.post("/v1/chat/completions", body)["choices"][0]["message"]
            self.assertEqual(message["reasoning_content"].strip(), "Hm.")
            (call,) = message["tool_calls"]
            self.assertEqual(json.loads(call["function"]["arguments"]), ULM)
            result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
            after = server.post("/v1/chat/completions", {**body, "messages": [USER, message, result]})["choices"][0]
            self.assertEqual(json.loads(after["message"]["content"]), {"sky": "blue"})

    def test_thoughts_have_a_bound(self):
        thought = "One thing, and another, then what is left to think of here."
        model = self.write_model(ScriptedModel({"`": f"<think>\n{thought}\n</think>\n\nHello."}))
        with self.serving(model, "--reasoning-budget", 4) as server:
            body = {"messages": [USER], "max_tokens": 60}
            counts = []
            for more in ({}, {"thinking_budget": 2}, {"reasoning_budget": -1}):
                answer = server.post("/v1/chat/completions", {**body, **more})
                message = answer["choices"][0]["message"]
                counts.append(len(message.get("reasoning_content") or ""))
                self.assertTrue(message["content"])
            self.assertLess(counts[1], counts[0])
            self.assertLess(counts[0], counts[2])
            thinking = {"thinking": {"type": "enabled", "budget_tokens": 3}}
            blocks = server.post("/v1/messages", {**body, **thinking, "model": "m"})["content"]
            self.assertEqual([block["type"] for block in blocks], ["thinking", "text"])

    def test_responses_are_remembered(self):
        file = self.folder / "responses.sqlite"
        with self.serving(self.model, "--response-store", file) as server:
            first = server.post("/v1/responses", {"input": [USER]})
            forgotten = server.post("/v1/responses", {"input": [USER], "store": False})
            streamed = events(self.streamed(server, "/v1/responses", {"input": "Hello"}))[-1]["response"]
            self.assertEqual(server.request("GET", "/v1/responses/" + forgotten["id"])[0], 404)
            self.assertEqual(server.request("POST", "/v1/responses/compact", {"input": "x"})[0], 404)
        with self.serving(self.model, "--response-store", file) as server:
            for response in (first, streamed):
                status, text = server.request("GET", "/v1/responses/" + response["id"])
                self.assertEqual((status, json.loads(text)["output"]), (200, response["output"]))
            more = {"input": "More.", "previous_response_id": first["id"]}
            second = server.post("/v1/responses", more)
            self.assertGreater(second["usage"]["input_tokens"], first["usage"]["input_tokens"])
            counted = server.post("/v1/responses/input_tokens", more)["input_tokens"]
            self.assertEqual(counted, second["usage"]["input_tokens"])

    def test_thoughts_can_be_cut(self):
        with self.serving(self.model) as server:
            body = {"messages": [USER], "max_tokens": 4}
            choice = server.post("/v1/chat/completions", body)["choices"][0]
            self.assertEqual((choice["finish_reason"], choice["message"]["content"]), ("length", ""))
            self.assertTrue(choice["message"]["reasoning_content"])


if __name__ == "__main__":
    main()
