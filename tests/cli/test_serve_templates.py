"""`hearth serve` and the model's template: every API gives it what it takes, and what is wrong with it is said."""
import json

from cli_case import TinyModel, main
from server_case import ServerCase

PARTS = ("{% for m in messages %}[{{ m.role }}]{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}"
         "{% endfor %}{% endfor %}")


class Templates(ServerCase):
    def model_with(self, template):
        tiny = TinyModel(context=512)
        tiny.metadata["tokenizer.chat_template"] = template
        return self.write_model(tiny)

    def prompt_tokens(self, server):
        """Of a system text and "the happy bird", through every API."""
        system, user = "be brief", {"role": "user", "content": "the happy bird"}
        conversation = [{"role": "system", "content": system}, user]
        parts = [{"role": "developer", "content": [{"type": "text", "text": system}]},
                 {"role": "user", "content": [{"type": "text", "text": user["content"]}]}]
        limit = {"max_tokens": 1}
        counts = [server.post("/v1/chat/completions", {"messages": messages, **limit})["usage"]["prompt_tokens"]
                  for messages in (conversation, parts)]
        answer = server.post("/v1/responses", {"instructions": system, "input": [user], "max_output_tokens": 1})
        counts.append(answer["usage"]["input_tokens"])
        answer = server.post("/v1/messages", {"model": "changed", "system": system, "messages": [user], **limit})
        counts.append(answer["usage"]["input_tokens"] + answer["usage"].get("cache_read_input_tokens", 0))
        one = {"stream": False, "options": {"num_predict": 1}, "model": "changed"}
        counts.append(server.post("/api/chat", {"messages": conversation, **one})["prompt_eval_count"])
        counts.append(server.post("/api/generate", {"system": system, "prompt": user["content"],
                                                    **one})["prompt_eval_count"])
        rendered = server.post("/apply-template", {"messages": parts})["prompt"]
        self.assertEqual(rendered, server.post("/apply-template", {"messages": conversation})["prompt"])
        # The vocabulary asks for a beginning token, which the template does not write.
        counts.append(len(server.post("/tokenize", {"content": rendered})["tokens"]) + 1)
        return rendered, set(counts)

    def test_a_template_that_walks_over_parts(self):
        with self.serving(self.model_with(PARTS)) as server:
            rendered, counts = self.prompt_tokens(server)
            self.assertEqual(rendered, "[system]be brief[user]the happy bird")
            self.assertEqual(len(counts), 1, counts)
            rows = [([{"role": "user", "content": "a", "tool_calls": []}, {"role": "user", "content": "b"}],
                     "[user]a\n\nb"),
                    ([{"role": "assistant", "content": "a", "tool_calls": None}], "[assistant]a")]
            for messages, expected in rows:
                self.assertEqual(server.post("/apply-template", {"messages": messages})["prompt"], expected)

    def test_a_template_that_drops_the_system_message(self):
        template = "{% for m in messages if m.role != 'system' %}({{ m.content }}){% endfor %}{{ tools is none }}"
        with self.serving(self.model_with(template)) as server:
            rendered, counts = self.prompt_tokens(server)
            self.assertEqual(rendered, "(be brief\n\nthe happy bird)True")
            self.assertEqual(len(counts), 1, counts)
            self.assertRegex(server.log.read_text(), "warning .*drops the system message")
            body = {"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function"}]}
            self.assertEqual(server.post("/apply-template", body)["prompt"], "(a)False")

    def test_a_template_that_cannot_be_parsed(self):
        message = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1}
        with self.serving(self.model_with("a\n{{ messages[0].content }")) as server:
            self.assertRegex(server.log.read_text(), "warning .*cannot be used: chat template, line 2")
            for path, body in (("/v1/chat/completions", message), ("/apply-template", message),
                               ("/v1/messages", {"model": "changed", **message}),
                               ("/api/generate", {"model": "changed", "prompt": "a"})):
                status, text = server.request("POST", path, body)
                self.assertEqual((path, status), (path, 400))
                self.assertIn("the model's chat template cannot be used: chat template, line 2", text)
            self.assertEqual(server.request("POST", "/v1/completions", {"prompt": "a", "max_tokens": 1})[0], 200)
        done = self.hearth("serve", self.model_with(PARTS), "--port", 0, "--chat-template", "{% nope %}", status=1)
        self.assertIn("line 1", done.stderr.decode())

    def test_another_template(self):
        with self.serving(self.model_with("{{ raise_exception('no') }}"), "--chat-template", PARTS) as server:
            self.assertEqual(json.loads(server.request("GET", "/props")[1])["chat_template"], PARTS)
            self.assertEqual(server.post("/apply-template", {"messages": [{"role": "user", "content": "a"}]})["prompt"],
                             "[user]a")


if __name__ == "__main__":
    main()
