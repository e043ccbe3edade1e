#!/usr/bin/env python3
"""Coding agents from npm, unchanged, against `hearth serve` with a model that says what each is to do:

    tests/agents/run.py PATH_OF_HEARTH WORK_FOLDER [NAME...]

Installs the packages of package.json into WORK_FOLDER (kept between runs; 1.6 GB). For each agent there is a scratch
folder with a file to change and a model with a script: a call of the agent's own tool for each step, in Hermes' syntax,
and words at the end. An agent passes if it ends by itself, well, and the file is changed.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "clients"), str(ROOT / "tests" / "cli"), str(ROOT / "tools")]

from run import Server  # noqa: E402 (found through the lines above)
from scripted_model import CALLS, THOUGHTS, ScriptedModel  # noqa: E402

INSTALL_TIMEOUT_S = 900
AGENT_TIMEOUT_S = 180
CONTEXT = 4096
BEFORE, AFTER = "The kettle is cold.\n", "The kettle is warm.\n"
TASK = "In kettle.txt the kettle is cold. Make it warm."
# Agents send tens of thousands of tokens, of which the script needs none but how many results there are.
TEMPLATE = """\
{%- set count = namespace(results=0) %}
{%- if tools %}<|im_start|>system
<tools>{{ tools[0] | tojson | truncate(80) }}</tools><|im_end|>
{% endif %}
{%- for m in messages %}
{%- if m.role == 'tool' %}{% set count.results = count.results + 1 %}{% endif %}<|im_start|>{{ m.role }}
""" + THOUGHTS + """{{ (m.content or '') | string | truncate(40) }}""" + CALLS + """\
{%- if add_generation_prompt %}<|im_start|>assistant
{% if not tools %}`{% else %}{{ "~^|@"[count.results] }}{% endif %}
{%- endif %}"""
STEPS = "~^|@"


def answers(calls):
    """What the model says after so many results, and where there are no tools (titles, summaries)."""
    said = {}
    for step, (name, arguments) in zip(STEPS, calls):
        call = json.dumps({"name": name, "arguments": arguments})
        said[step] = f"<think>\nStep {step} is {name}.\n</think>\n\nNext: {name}.\n<tool_call>\n{call}\n</tool_call>"
    return {**said, STEPS[len(calls)]: "The kettle is warm now.", "`": "A kettle"}


class Agent:
    """Each has its script, its commands, of which the last one does the task, and its settings in `home`."""

    def calls(self, file):
        raise NotImplementedError

    def commands(self, url, home):
        raise NotImplementedError

    def environment(self, url):
        return {}


class Codex(Agent):
    """Over /v1/responses."""

    def calls(self, file):
        return [("exec_command", {"cmd": f"cat {file.name}"}),
                ("exec_command", {"cmd": f"sed -i s/cold/warm/ {file.name}"})]

    def commands(self, url, home):
        settings = {"model": "any", "model_provider": "hearth", "model_providers.hearth.name": "hearth",
                    "model_providers.hearth.base_url": f"{url}/v1", "model_providers.hearth.wire_api": "responses"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={json.dumps(value)}")]
        # The scratch folder is all there is to harm; sandboxes need a kernel that allows them.
        return [["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", *options,
                 TASK]]


class Claude(Agent):
    """Over /v1/messages."""

    def calls(self, file):
        return [("Read", {"file_path": str(file)}),
                ("Edit", {"file_path": str(file), "old_string": "cold", "new_string": "warm"})]

    def commands(self, url, home):
        return [["claude", "-p", TASK, "--model", "any", "--permission-mode", "acceptEdits"]]

    def environment(self, url):
        return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "any", "DISABLE_AUTOUPDATER": "1",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}


class Opencode(Agent):
    """Over /v1/chat/completions."""

    def calls(self, file):
        return [("read", {"filePath": str(file)}),
                ("edit", {"filePath": str(file), "oldString": "cold", "newString": "warm"})]

    def commands(self, url, home):
        provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{url}/v1", "apiKey": "any"},
                    "models": {"any": {"name": "any"}}}
        settings = home / ".config" / "opencode" / "opencode.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"provider": {"hearth": provider}, "model": "hearth/any"}))
        return [["opencode", "run", "--model", "hearth/any", TASK]]


class Qwen(Agent):
    """Over /v1/chat/completions."""

    def calls(self, file):
        return [("read_file", {"file_path": str(file)}),
                ("edit", {"file_path": str(file), "old_string": "cold", "new_string": "warm"})]

    def commands(self, url, home):
        return [["qwen", "--auth-type", "openai", "--yolo", "-p", TASK]]

    def environment(self, url):
        return {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "any", "OPENAI_MODEL": "any"}


class Cline(Agent):
    """Over /v1/chat/completions."""

    def calls(self, file):
        return [("read_files", {"files": [{"path": str(file)}]}),
                ("editor", {"path": str(file), "old_text": "cold", "new_text": "warm"})]

    def commands(self, url, home):
        settings = ["--data-dir", str(home / "cline")]
        return [["cline", "auth", "openai", "--apikey", "any", "--modelid", "any", "--baseurl", f"{url}/v1", *settings],
                ["cline", "--provider", "openai", "--model", "any", *settings, TASK]]


class Continue(Agent):
    """Over /v1/chat/completions."""

    def calls(self, file):
        return [("Read", {"filepath": str(file)}),
                ("Edit", {"file_path": str(file), "old_string": "cold", "new_string": "warm"})]

    def commands(self, url, home):
        model = {"name": "any", "provider": "openai", "model": "any", "apiBase": f"{url}/v1", "apiKey": "any",
                 "roles": ["chat"], "capabilities": ["tool_use"]}
        settings = home / "continue.yaml"  # of which JSON is a part
        settings.write_text(json.dumps({"name": "any", "version": "1.0.0", "schema": "v1", "models": [model]}))
        return [["cn", "--print", "--auto", "--config", str(settings), TASK]]


AGENTS = {"codex": Codex(), "claude": Claude(), "opencode": Opencode(), "qwen": Qwen(), "cline": Cline(),
          "continue": Continue()}


def install(folder):
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_bytes()
    installed = folder / "installed.json"
    if installed.exists() and installed.read_bytes() == wanted:
        return
    shutil.copy(HERE / "package.json", folder)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=INSTALL_TIMEOUT_S)
    # npm may hold such scripts back; these bring the programs themselves.
    modules = folder / "node_modules"
    for package, script in (("@anthropic-ai/claude-code", "install.cjs"), ("opencode-ai", "postinstall.mjs")):
        subprocess.run(["node", script], cwd=modules / package, check=True, timeout=INSTALL_TIMEOUT_S)
    installed.write_bytes(wanted)


def run_agent(agent, url, scratch, home, programs):
    """What it said, and its exit status."""
    kept = {key: os.environ[key] for key in ("LANG", "TMPDIR") if key in os.environ}
    environment = {**kept, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(home), "NO_PROXY": "*",
                   "no_proxy": "*", **agent.environment(url)}
    for command in agent.commands(url, home):
        done = subprocess.run([str(programs / command[0]), *command[1:]], cwd=scratch, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=AGENT_TIMEOUT_S)
        if done.returncode != 0:
            break
    return done.stdout, done.returncode


def try_agent(name, program, folder):
    """What went wrong; None if nothing did."""
    agent = AGENTS[name]
    with tempfile.TemporaryDirectory(prefix="hearth-agent-") as top:
        top = pathlib.Path(top)
        scratch, home = top / "scratch", top / "home"
        scratch.mkdir()
        home.mkdir()
        file = scratch / "kettle.txt"
        file.write_text(BEFORE)
        ScriptedModel(answers(agent.calls(file)), TEMPLATE, context=CONTEXT).write(top / "scripted.gguf", "f32")
        server = Server(program, top / "scripted.gguf")
        try:
            url = server.wait_until_ready()
            said, status = run_agent(agent, url, scratch, home, folder / "node_modules" / ".bin")
        except subprocess.TimeoutExpired as error:
            said, status = (error.stdout or b"").decode(errors="replace"), "none in time"
        finally:
            server.stop()
        if status == 0 and file.read_text() == AFTER and "The kettle is warm now." in said:
            return None
        return f"status {status}; {file.name}: {file.read_text()!r}; it said:\n{said[-4000:]}\nthe server said:\n" + \
            "".join(server.lines[-60:])


def main():
    program, folder, *names = sys.argv[1:]
    folder = pathlib.Path(folder).resolve()
    install(folder)
    failed = 0
    for name in names or AGENTS:
        fault = try_agent(name, str(pathlib.Path(program).resolve()), folder)
        print(f"{name}: {'passed' if fault is None else 'FAILED, ' + fault}", flush=True)
        failed += fault is not None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
