#!/usr/bin/env python3
"""A server in a real control group of half a core and 1 GiB, as a container has it. Needs root and a kernel whose
groups may be written:

    tests/soak/container.py build/release/hearth models/hearth-tales-9m-q8_0.gguf

The server must size itself to the group and answer; a plan beyond the limit must be refused before anything is loaded.
Prints what was measured; exit status 1 where a bound does not hold.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path("/sys/fs/cgroup")
NAME = f"hearth-container-{os.getpid()}"
MEMORY = 1 << 30
REFUSED_SECONDS = 2


def groups():
    """{folder of a group: its limits}: one group of version 2, or one for each controller of version 1."""
    if (ROOT / "cgroup.controllers").exists():
        return {ROOT / NAME: {"cpu.max": "50000 100000", "memory.max": MEMORY}}
    return {ROOT / "cpu" / NAME: {"cpu.cfs_period_us": 100000, "cpu.cfs_quota_us": 50000},
            ROOT / "memory" / NAME: {"memory.limit_in_bytes": MEMORY}}


@contextlib.contextmanager
def container():
    made = groups()
    try:
        for folder, limits in made.items():
            folder.mkdir()
            for file, value in limits.items():
                (folder / file).write_text(str(value))
        yield list(made)
    finally:
        for folder in made:
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()


def start(folders, *command):
    def enter():
        for folder in folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    return subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True, preexec_fn=enter)


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/completions", json.dumps({"prompt": "Once", "max_tokens": 32, "ignore_eos": True}))
    return connection.getresponse().status


def main(program, model):
    found = {}
    with container() as folders:
        server = start(folders, program, "serve", model, "--port", "0")
        try:
            port = None
            for line in server.stderr:
                port = port or (re.search(r"listening on .*:(\d+)", line) or [None, None])[1]
                if "ready:" in line:
                    found["device"] = re.search(r"device cpu \((.*)\)", line)[1]
                    break
            found["status"] = ask(int(port))
            status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
            found["peak_mib"] = int(re.search(r"VmHWM:\s*(\d+)", status)[1]) / 1024
        finally:
            server.terminate()
            server.communicate(timeout=60)
        begin = time.monotonic()
        refused = start(folders, program, "serve", model, "--port", "0", "--kv-tokens", 1 << 19)
        _, errors = refused.communicate(timeout=60)
        found["refused_seconds"] = time.monotonic() - begin
        found["refusal"] = errors.splitlines()[-1]
    print(json.dumps(found, indent=2))
    holds = ("1 threads" in found["device"] and "0.5 CPUs" in found["device"] and found["status"] == 200 and
             found["peak_mib"] < MEMORY >> 20 and refused.returncode == 1 and "are available" in found["refusal"] and
             found["refused_seconds"] < REFUSED_SECONDS)
    print("all bounds hold" if holds else "a bound does not hold")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
