"""`hearth render-template`, and `--chat-template`: what a template makes of a conversation, and whose template it is."""
import json

from cli_case import CliCase, TinyModel, main

TEMPLATE = ("{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
            "{% if add_generation_prompt %}[assistant]{% endif %}{% if tools is defined %}tools{% endif %}")
MESSAGES = [{"role": "developer", "content": "d"}, {"role": "user", "content": ["a", None]}]


class RenderTemplate(CliCase):
    def setUp(self):
        self.template = self.path("t.jinja", TEMPLATE.encode())
        context = {"messages": MESSAGES, "add_generation_prompt": True, "bos_token": "<b>"}
        self.context = self.path("context.json", json.dumps(context).encode())

    def rendered(self, file, *arguments, stdin=b""):
        done = self.hearth("render-template", file, *arguments, stdin=stdin)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode()

    def test_the_context_is_passed_on_as_it_is(self):
        expected = "<b>[developer]d[user]['a', None][assistant]"
        self.assertEqual(self.rendered(self.template, "--context", self.context), expected)
        self.assertEqual(self.rendered(self.template, "--context", "-", stdin=self.context.read_bytes()), expected)
        self.assertEqual(self.rendered(self.template, "--context", "-", stdin=b'{"tools": null}'), "tools")

    def test_a_models_template(self):
        tiny = TinyModel()
        tiny.metadata["tokenizer.chat_template"] = TEMPLATE
        gguf = self.write_model(tiny)
        folder = self.path("folder")
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        self.refused("render-template", folder, "--context", self.context, words=["no chat template"])
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "bos_token": "<no>"}))
        for model in (gguf, folder):
            self.assertEqual(self.rendered(model, "--context", "-", stdin=b'{"messages": [{"role": "x"}]}'), "[x]")

    def test_the_time(self):
        template = self.path("time.jinja", b"{{ strftime_now('%A %d %B %Y %H:%M:%S %j') }}")
        for now, expected in (("2026-11-22T00:00:00", "Sunday 22 November 2026 00:00:00 326"),
                              ("2024-02-29T23:59", "Thursday 29 February 2024 23:59:00 060"),
                              ("1999-12-31", "Friday 31 December 1999 00:00:00 365")):
            self.assertEqual(self.rendered(template, "--context", "-", "--now", now, stdin=b"{}"), expected)
        self.assertRegex(self.rendered(template, "--context", "-", stdin=b"{}"), r"\w+ \d\d \w+ \d{4} ")
        for now in ("soon", "2026-02-30", "2026-11-22T00:00:00Z"):
            self.refused("render-template", template, "--context", self.context, "--now", now, words=["--now", now])

    def test_what_fails(self):
        def refused(template, *words):
            file = self.path("broken.jinja", template.encode())
            self.refused("render-template", file, "--context", self.context, words=words)

        refused("a\n{% if x %}\n{% endfor %}", "line 3", "endfor")
        refused("\n{{ raise_exception('no: ' ~ messages[0].role) }}", "line 2", "no: developer")
        refused("{{ missing.x }}", "'missing' is undefined")
        self.refused("render-template", self.template, "--context", self.path("none.json"), words=["none.json"])
        self.refused("render-template", self.path("none.jinja"), "--context", self.context, words=["none.jinja"])
        self.refused("render-template", self.template, "--context", "-", stdin=b"[1]", words=["standard input"])


class ChatTemplateOption(CliCase):
    def model_with(self, template):
        tiny = TinyModel()
        if template is not None:
            tiny.metadata["tokenizer.chat_template"] = template
        return self.write_model(tiny)

    def prompt_tokens(self, model, *arguments):
        return self.json("run", model, "-p", "the", "-n", "1", *arguments)["prompt_tokens"]

    def test_run_and_chat_take_another_template(self):
        model = self.model_with("{{ raise_exception('never') }}")
        file = self.path("other.jinja", b"{% for m in messages %}{{ m.content }}{% endfor %}")
        raw = self.prompt_tokens(model, "--raw")
        self.assertEqual(self.prompt_tokens(model, "--chat-template", file), raw)
        self.assertEqual(self.prompt_tokens(model, "--chat-template", "{{ messages[0].content }}"), raw)
        self.assertGreater(self.prompt_tokens(model, "--chat-template", "{{ messages[0].content * 2 }}"), raw)
        self.hearth("chat", model, "-n", "1", "--chat-template", file, stdin=b"the\n")
        for wrong, word in (("nothing.jinja", "nothing.jinja"), ("{% if %}", "line 1")):
            self.refused("run", model, "--device", "cpu", "-p", "x", "--chat-template", wrong, words=[word])

    def test_the_reason_is_named(self):
        broken = self.model_with("{{ messages[0].content }")
        for verb in (["run", broken, "-p", "x"], ["chat", broken]):
            self.refused(*verb, "--device", "cpu", words=["chat template cannot be used", "line 1", "--chat-template"])
        nothing = self.hearth("run", self.model_with("{# nothing #}"), "-p", "x", "-n", "1", status=1)
        self.assertIn("renders nothing", nothing.stderr.decode())

    def test_what_a_template_loses_is_said(self):
        model = self.model_with("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}")
        done = self.hearth("run", model, "-p", "the", "--system", "the", "-n", "1", "--json")
        self.assertIn("drops the system message", done.stderr.decode())
        self.assertGreater(json.loads(done.stdout)["prompt_tokens"], self.prompt_tokens(model))


if __name__ == "__main__":
    main()
