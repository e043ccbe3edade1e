"""`hearth chat`: conversations through pipes and on a terminal, its commands, what is kept, what Ctrl-C stops."""
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import time

from cli_case import TIMEOUT_S, CliCase, TinyModel, main
from scripted_model import ScriptedModel

SHORT = ("--seed", 5, "-n", 20)
CTRL_C, CTRL_D = b"\x03", b"\x04"


class ChatCase(CliCase):
    def chat_model(self, context=512):
        path = self.folder / f"chat-{context}.gguf"
        if not path.exists():
            TinyModel(context=context, chat=True).write(path)
        return path

    def chat(self, *arguments, lines=(), status=0):
        """(standard output, standard error) of a conversation through a pipe."""
        done = self.hearth("chat", self.chat_model(), "--device", "cpu", *arguments, status=status,
                           stdin="".join(line + "\n" for line in lines).encode())
        return done.stdout.decode(), done.stderr.decode()

    def answer(self, rendered, *arguments):
        """What the model continues a rendered conversation with."""
        return self.hearth("run", self.chat_model(), "--raw", "-p", rendered, *arguments).stdout.decode()

    def saved(self, *arguments, lines):
        path = self.folder / "saved.json"
        self.chat(*arguments, lines=[*lines, f"/save {path}"])
        return json.loads(path.read_text())

    def contents(self, *arguments, lines, role="user"):
        messages = self.saved(*arguments, lines=lines)["messages"]
        return [message["content"] for message in messages if message["role"] == role]


class Pipe(ChatCase):
    def test_each_line_is_a_message(self):
        out, errors = self.chat(*SHORT, "--system", "Be brief.", lines=["hello", "", "and now?"])
        first = self.answer("[system]\nBe brief.</s>\n[user]\nhello</s>\n[assistant]\n", *SHORT)
        second = self.answer(f"[system]\nBe brief.</s>\n[user]\nhello</s>\n[assistant]\n{first}</s>\n[user]\nand now?</s>\n"
                             "[assistant]\n", *SHORT)
        self.assertEqual(out, "".join(text if text.endswith("\n") else text + "\n" for text in (first, second)))
        self.assertNotIn("hello", errors)

    def test_the_first_message(self):
        self.assertEqual(self.contents(*SHORT, "-p", "zero", lines=["one"]), ["zero", "one"])

    def test_messages_of_several_lines(self):
        for lines, expected in (
                (['"""', "one", "", "two", '"""'], ["one\n\ntwo"]),
                (['"""one', 'two"""', "three"], ["one\ntwo", "three"]),
                (['"""one"""'], ["one"]),
                (['"""', "", "one", '"""'], ["\none"]),
                (['"""', "/bye", "a \\", '"""', "three"], ["/bye\na \\", "three"]),
                (["one \\", "two\\", "three"], ["one \ntwo\nthree"]),
                (["//etc is a folder"], ["/etc is a folder"]),
                (["h\u00e9llo \u4e16\r"], ["h\u00e9llo \u4e16"])):
            with self.subTest(lines):
                self.assertEqual(self.contents(*SHORT, lines=lines), expected)

    def test_what_is_no_message(self):
        path = self.folder / "after.json"
        path.unlink(missing_ok=True)
        for text, words in ((b'"""\nno end', "within a message"), (b"one \\\n", "within a message"),
                            (b"\xff\xfe\n/save %s\n" % bytes(path), "UTF-8")):
            done = self.hearth("chat", self.chat_model(), stdin=text, status=1)
            self.assertEqual(done.stdout, b"")
            self.assertIn(words, done.stderr.decode())
        self.assertEqual(json.loads(path.read_text())["messages"], [])

    def test_no_line_feed_at_the_end(self):
        done = self.hearth("chat", self.chat_model(), *SHORT, stdin=b"hello")
        self.assertEqual(done.stdout.decode().rstrip("\n"),
                         self.answer("[user]\nhello</s>\n[assistant]\n", *SHORT).rstrip("\n"))

    def test_settings(self):
        lines = ["/set temp 0.25", "/set top-p 0.5", "/set top_k 7", "/set seed 11", "/set tokens 3",
                 "/set samplers top_k;temperature", "/set system Talk  like a bird.", "tweet"]
        saved = self.saved("--temp", 2, lines=lines)
        self.assertEqual(saved["messages"][0], {"role": "system", "content": "Talk  like a bird."})
        expected = {"temperature": "0.25", "top_p": "0.5", "top_k": "7", "seed": "11", "tokens": "3",
                    "samplers": "top_k;temperature", "min_p": "0.05"}
        self.assertEqual({name: saved["settings"][name] for name in expected}, expected)
        out, _ = self.chat("--temp", 2, lines=lines)
        self.assertEqual(out.rstrip("\n"), self.answer(
            "[system]\nTalk  like a bird.</s>\n[user]\ntweet</s>\n[assistant]\n", "--temp", 0.25, "--top-p", 0.5, "--top-k",
            7, "--seed", 11, "-n", 3, "--samplers", "top_k;temperature").rstrip("\n"))
        self.assertEqual(self.contents(lines=["/set system a", "/set system"], role="system"), [])

    def test_wrong_commands(self):
        for line, words in (("/nothing", ["/nothing", "/help"]), ("/set", ["/show"]), ("/set temp", ["temp"]),
                            ("/set temp hot", ["temp", "hot"]), ("/set top_p 2", ["top_p", "2"]),
                            ("/set tokens 0", ["tokens"]), ("/set seed -1", ["seed"]),
                            ("/set luck 1", ["luck", "top_k"]),
                            ("/set samplers luck", ["luck"]), ("/clear all", ["/clear"]), ("/save", ["file"]),
                            ("/save /nowhere/file", ["/nowhere/file"]), ("/load /nowhere/file", ["/nowhere/file"]),
                            ("/regen", ["no answer"])):
            with self.subTest(line):
                out, errors = self.chat(lines=[line, "/set tokens 2", "/help"], status=1)
                self.assertIn("/regen", out)  # the next lines were read
                for word in words:
                    self.assertIn(word, errors)

    def test_help_and_show(self):
        out, errors = self.chat(*SHORT, lines=["/help", "hello", "/show", "/bye", "/nothing"])
        for command in ("/set", "/show", "/save", "/load", "/regen", "/clear", "/help", "/bye"):
            self.assertRegex(out, rf"(?m)^{command} ")
        tokens = self.hearth("tokenize", self.chat_model(), "-p", "[user]\nhello</s>\n[assistant]\n", "--special")
        self.assertIn(f"prompt of {len(tokens.stdout.split())} tokens, 0 of them cached; 20 generated", out)
        self.assertRegex(out, r"(?m)^context +\d+ of 512 positions used, by 2 messages$")
        self.assertRegex(out, r"(?m)^seed +5$")
        self.assertNotIn("/nothing", errors)

    def test_the_conversation_is_not_computed_again(self):
        # At a high bias for one letter the answer's tokens are the same when the text is encoded again.
        letter = self.hearth("tokenize", self.chat_model(), "-p", "Z").stdout.split()[-1].decode()
        out, _ = self.chat("-n", 100, "--logit-bias", f"{letter}:+1000", lines=["hello", "go on", "/show"])
        self.assertIn("Z" * 100, out)
        prompt, cached = map(int, re.search(r"prompt of (\d+) tokens, (\d+) of them cached", out).groups())
        self.assertGreater(prompt, 110)
        self.assertGreaterEqual(cached, 96)

    def test_save_and_load(self):
        first = self.saved(*SHORT, "--system", "Be brief.", "--temp", 0.5, lines=["hello"])
        path = self.folder / "saved.json"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        kept = path.rename(self.folder / "kept.json")
        again = self.saved(lines=["lost", "/set temp 3", "/set system lost", f"/load {kept}"])
        self.assertEqual(again, first)
        # What follows is the same as if the first conversation had gone on.
        went_on = self.saved(*SHORT, "--system", "Be brief.", "--temp", 0.5, lines=["hello", "more"])
        self.assertEqual(self.saved(lines=[f"/load {kept}", "more"]), went_on)

    def with_tools(self, tools, lines, status=0):
        """(standard output, standard error, the messages) of a conversation with a model that calls."""
        path, saved = self.path("tools.json", json.dumps(tools).encode()), self.folder / "saved.json"
        done = self.hearth("chat", self.write_model(ScriptedModel()), "--device", "cpu", "--tools", path, status=status,
                           stdin="".join(f"{line}\n" for line in [*lines, f"/save {saved}"]).encode())
        messages = json.loads(saved.read_text())["messages"] if status == 0 else []
        return done.stdout.decode(), done.stderr.decode(), messages

    def test_tools(self):
        tool = {"name": "get_weather", "description": "Weather.", "command": ["cat"],
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
        out, errors, messages = self.with_tools([tool], ["How is it?", "y"])
        self.assertEqual([message["role"] for message in messages], ["user", "assistant", "tool", "assistant"])
        call = messages[1]["tool_calls"][0]["function"]
        self.assertEqual(call, {"name": "get_weather", "arguments": {"city": "Ulm"}})
        self.assertEqual(json.loads(messages[2]["content"]), {"city": "Ulm"})  # what the command read
        self.assertIn("It is sunny in Ulm.", out)
        self.assertNotIn("<tool_call>", out)
        self.assertIn("get_weather", errors)
        messages = self.with_tools({"tools": [tool]}, ["How is it?", "no"])[2]
        self.assertIn("did not allow", messages[2]["content"])
        failing = {**tool, "command": ["sh", "-c", "echo wrong >&2; exit 3"]}
        messages = self.with_tools([failing], ["How is it?", "yes"])[2]
        self.assertIn("wrong", messages[2]["content"])
        self.assertIn("exit status 3", messages[2]["content"])
        messages = self.with_tools([{**tool, "command": ["/nowhere/at/all"]}], ["How is it?", "y"])[2]
        self.assertIn("Error", messages[2]["content"])
        for wrong in ([{"name": "x"}], {"tools": 3}, [{**tool, "command": "cat"}]):
            self.with_tools(wrong, [], status=1)

    def test_load_from_elsewhere(self):
        path = self.path("other.json",
                         b'{"messages": [{"role": "user", "content": "hello"}], "settings": {"top_k": 3}}')
        saved = self.saved(*SHORT, lines=[f"/load {path}", "/regen"])
        self.assertEqual([message["role"] for message in saved["messages"]], ["user", "assistant"])
        self.assertEqual((saved["settings"]["top_k"], saved["settings"]["seed"]), ("3", "5"))

    def test_files_that_are_none(self):
        for content, words in ((b"{", []), (b"[]", []), (b"{}", ["messages"]), (b'{"messages": 3}', ["messages"]),
                               (b'{"messages": [3]}', ["messages[0]"]),
                               (b'{"messages": [{"role": "user"}]}', ["messages[0]", "content"]),
                               (b'{"messages": [{"role": "critic", "content": "a"}]}', ["critic"]),
                               (b'{"messages": [], "settings": {"top_p": 7}}', ["top_p", "7"]),
                               (b'{"messages": [], "settings": {"top_p": null}}', ["top_p"])):
            with self.subTest(content):
                path = self.path("broken.json", content)
                _, errors = self.chat(*SHORT, lines=["kept", f"/load {path}", f"/save {self.folder / 'kept.json'}"],
                                      status=1)
                for word in ["broken.json", *words]:
                    self.assertIn(word, errors)
                messages = json.loads((self.folder / "kept.json").read_text())["messages"]
                self.assertEqual(messages[0]["content"], "kept")

    def test_regenerate_and_clear(self):
        answers = [self.contents(*SHORT, lines=["hello", *["/regen"] * count], role="assistant") for count in range(3)]
        self.assertEqual([len(answer) for answer in answers], [1, 1, 1])
        self.assertEqual(len({answer[0] for answer in answers}), 3)  # one seed, and yet another answer each time
        again = self.contents(*SHORT, lines=["hello", "/regen"], role="assistant")
        self.assertEqual(again, answers[1])
        out, errors = self.chat(*SHORT, "--temp", 0, lines=["hello", "/regen"])
        self.assertEqual(out[:len(out) // 2], out[len(out) // 2:])
        self.assertIn("temperature 0", errors)
        saved = self.saved(*SHORT, "--system", "Be brief.", lines=["hello", "/clear", "hello again"])
        self.assertEqual([message["role"] for message in saved["messages"]], ["system", "user", "assistant"])

    def test_a_full_context(self):
        long_message = "time " * 100
        path = self.folder / "saved.json"
        # Biased, so that no answer ends by itself before its five tokens.
        out, errors = self.chat("--ctx", 64, "-n", 5, "--logit-bias", "40:+1000", status=1,
                                lines=["hello", long_message, f"/save {path}", "/clear", "again"])
        numbers = re.search(r"has (\d+) tokens and the context 64 positions.*/clear.*--ctx.*\(the model's own is 512\)",
                            errors)
        self.assertGreater(int(numbers[1]), 100)
        self.assertEqual(len(json.loads(path.read_text())["messages"]), 2)
        self.assertEqual(errors.count("answer ends at 5 tokens"), 2)  # the one before and the one after
        _, errors = self.chat("--ctx", 40, "--logit-bias", "40:+1000", lines=["hello"])
        self.assertIn("context of 40 positions is full", errors)

    def test_models_that_cannot_talk(self):
        self.refused("chat", self.model(), "--device", "cpu", words=["template", "hearth run --raw"])
        self.refused("chat", self.folder / "none.gguf", "--device", "cpu", words=["none.gguf"])
        tiny = TinyModel(chat=True)
        tiny.metadata["tokenizer.chat_template"] = "{{ raise_exception('talk to the hand') }}"
        done = self.hearth("chat", self.write_model(tiny), stdin=b"hello\n", status=1)
        self.assertIn("talk to the hand", done.stderr.decode())

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for text in (b"", b"hello\n"):  # while it waits; while it answers
                command = [self.program, "chat", self.chat_model(60000), "--ctx", "60000", "--logit-bias", "40:+1000",
                           "--threads", "1"]
                with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE) as child:
                    child.stdin.write(text or b"/help\n")
                    child.stdin.flush()
                    child.stdout.read(20)
                    child.send_signal(number)
                    out, _ = child.communicate(timeout=TIMEOUT_S)
                self.assertEqual(child.returncode, 130)
                self.assertLess(len(out), 59000)


class Terminal:
    """The program on a terminal of its own, and what it has written so far."""

    def __init__(self, command, environment):
        self.child, self.descriptor = pty.fork()
        if self.child == 0:
            try:
                os.execve(command[0], command, environment)
            finally:
                os._exit(127)
        self.text, self.seen = b"", 0

    def send(self, data):
        os.write(self.descriptor, data)

    def read(self, timeout_s):
        if not select.select([self.descriptor], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # the program has closed its side
            return False
        self.text += data
        return bool(data)

    def wait_for(self, pattern):
        """The match of a pattern in what was written since the last one; moves on behind it."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (match := re.compile(pattern).search(self.text, self.seen)):
            if not self.read(max(0, deadline - time.monotonic())):
                raise AssertionError(f"no {pattern} in {self.text[self.seen:]}")
        self.seen = match.end()
        return match

    def status(self):
        """How the program ended."""
        while self.read(TIMEOUT_S):
            pass
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


class OnTerminal(ChatCase):
    PROMPT = rb"> "

    def start(self, *arguments, state="state", context=512, variables=None):
        self.state = self.folder / state
        environment = {"TERM": "xterm", "HOME": str(self.folder), "XDG_STATE_HOME": str(self.state),
                       **(variables or {})}
        command = [self.program, "chat", str(self.chat_model(context)), "--device", "cpu", "--seed", "5",
                   *map(str, arguments)]
        terminal = Terminal(command, environment)
        self.addCleanup(self.end, terminal)
        terminal.wait_for(rb"/help lists")
        terminal.wait_for(self.PROMPT)
        return terminal

    def end(self, terminal):
        try:
            os.kill(terminal.child, signal.SIGKILL)
            os.waitpid(terminal.child, 0)
            os.close(terminal.descriptor)
        except OSError:
            pass  # it has ended as it should

    def save(self, terminal):
        path = self.folder / "typed.json"
        path.unlink(missing_ok=True)
        terminal.send(b"/save %s\r/nothing\r" % bytes(path))
        terminal.wait_for(rb"no command /nothing")
        terminal.wait_for(self.PROMPT)
        return json.loads(path.read_text())["messages"]

    def messages(self, terminal):
        return [message["content"] for message in self.save(terminal) if message["role"] == "user"]

    def say(self, terminal, keys):
        """Types a message and waits for the end of its answer."""
        terminal.send(keys)
        terminal.wait_for(rb"answer ends at")
        terminal.wait_for(self.PROMPT)

    def test_talk_and_leave(self):
        terminal = self.start("-n", 5)
        self.say(terminal, b"hello\r")
        self.say(terminal, "gr\u00fc\u00dfe \u4e16".encode() + b"\r")
        self.say(terminal, b"wrogn\x7f\x7fng\x01very \r")  # backspace, and the line's start
        self.say(terminal, b"one \\\rtwo\r")
        self.say(terminal, b'"""a\rb"""\r')
        self.assertEqual(self.messages(terminal),
                         ["hello", "gr\u00fc\u00dfe \u4e16", "very wrong", "one \ntwo", "a\nb"])
        terminal.send(CTRL_D)
        self.assertEqual(terminal.status(), 0)

    def test_bye(self):
        terminal = self.start()
        terminal.send(b"/bye\r")
        self.assertEqual(terminal.status(), 0)

    def test_pasted_text_is_one_message(self):
        terminal = self.start("-n", 5)
        self.say(terminal, b'\x1b[200~/bye\r\tif:\r"""x\\\r\x1b[201~end\r')
        self.assertEqual(self.messages(terminal), ['/bye\n\tif:\n"""x\\\nend'])
        terminal.send(CTRL_D)
        self.assertEqual(terminal.status(), 0)

    def test_ctrl_c_stops_the_answer(self):
        terminal = self.start("--ctx", 60000, "--logit-bias", "40:+1000", context=60000)
        terminal.send(b"hello\r")
        terminal.wait_for(rb"I{20}")
        terminal.send(CTRL_C)
        terminal.wait_for(rb"stopped; the answer so far")
        terminal.wait_for(self.PROMPT)
        user, answer = self.save(terminal)
        self.assertEqual((user["content"], answer["role"]), ("hello", "assistant"))
        self.assertTrue(20 <= len(answer["content"]) < 59000)
        terminal.send(CTRL_D)
        self.assertEqual(terminal.status(), 0)

    def test_typing_ahead(self):
        terminal = self.start("-n", 400, "--logit-bias", "40:+1000")
        terminal.send(b"one\r")
        terminal.wait_for(rb"I")
        terminal.send(b"/clear\r/save %s\r" % bytes(self.folder / "ahead.json") + CTRL_D)
        self.assertEqual(terminal.status(), 0)
        self.assertEqual(json.loads((self.folder / "ahead.json").read_text())["messages"], [])

    def test_ctrl_c_at_the_prompt(self):
        terminal = self.start("-n", 5)
        for dropped in (b"not this", b'"""not\rthis', b"not \\\rthis"):
            terminal.send(dropped)
            terminal.wait_for(b"this")
            terminal.send(CTRL_C)
            terminal.wait_for(rb"\^C")
            terminal.wait_for(self.PROMPT)
            self.say(terminal, b"but that\r")
        self.assertEqual(self.messages(terminal), ["but that"] * 3)
        terminal.send(CTRL_C)
        terminal.wait_for(rb"once more")
        terminal.wait_for(self.PROMPT)
        terminal.send(CTRL_C)
        self.assertEqual(terminal.status(), 0)

    def test_sigterm_and_a_closed_terminal(self):
        terminal = self.start()
        os.kill(terminal.child, signal.SIGTERM)
        self.assertEqual(terminal.status(), 130)
        terminal = self.start()
        os.close(terminal.descriptor)
        # It ends, whether it hears of the signal first or cannot write any more; the signal may also come only after
        # it has stopped to listen for it.
        self.assertIn(os.waitstatus_to_exitcode(os.waitpid(terminal.child, 0)[1]), (1, 130, -signal.SIGHUP))

    def test_history(self):
        for message in (b"first", b"remember me", b"remember me"):
            terminal = self.start("-n", 5, state="own")
            self.say(terminal, message + b"\r")
            terminal.send(CTRL_D)
            self.assertEqual(terminal.status(), 0)
        path = self.state / "hearth/history"
        self.assertEqual(path.read_text(), "first\nremember me\n")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        path.chmod(0o644)
        terminal = self.start("-n", 5, state="own")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.say(terminal, b"\x1b[A too\r")  # the arrow upwards
        self.assertEqual(self.messages(terminal), ["remember me too"])
        terminal.send(CTRL_D)
        terminal.status()
        terminal = self.start("-n", 5, "--no-history", state="none")
        self.say(terminal, b"forget me\r")
        terminal.send(CTRL_D)
        terminal.status()
        self.assertFalse(self.state.exists())

    def test_history_in_the_home_folder(self):
        terminal = self.start("-n", 5, variables={"XDG_STATE_HOME": ""})
        self.say(terminal, b"remember me\r")
        terminal.send(CTRL_D)
        terminal.status()
        self.assertEqual((self.folder / ".local/state/hearth/history").read_text(), "remember me\n")

    def test_a_long_history_is_cut(self):
        path = self.folder / "long/hearth/history"
        path.parent.mkdir(parents=True)
        path.write_text("".join(f"line {i}\n" for i in range(2001)))
        terminal = self.start(state="long")
        terminal.send(CTRL_D)
        terminal.status()
        self.assertEqual(path.read_text().splitlines(), [f"line {i}" for i in range(1001, 2001)])

    def test_the_model_cannot_steer_the_terminal(self):
        escape = self.hearth("tokenize", self.chat_model(), "-p", "\x1b").stdout.split()[-1].decode()
        terminal = self.start("-n", 5, "--logit-bias", f"{escape}:+1000")
        terminal.send(b"hello\r")
        shown = terminal.wait_for(rb"(\xef\xbf\xbd){5}")
        self.assertNotIn(b"\x1b\x1b", shown.string)
        terminal.wait_for(self.PROMPT)
        self.assertEqual(self.save(terminal)[1]["content"], "\x1b" * 5)

    def test_a_plain_terminal(self):
        terminal = self.start("-n", 5, variables={"TERM": "dumb"})
        self.say(terminal, b"hello\r")
        self.assertNotIn(b"\x1b[?2004h", terminal.text)
        terminal.send(CTRL_D)
        self.assertEqual(terminal.status(), 0)


if __name__ == "__main__":
    main()
