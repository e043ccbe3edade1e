#!/usr/bin/env python3
"""The strict numbers of the server's limits, on a machine that has nothing else to do:

    tests/soak/limits.py build/release/hearth models/hearth-tales-9m-q8_0.gguf [SECONDS]

While 64 streams run, one client sends the most expensive request that the limits allow, again and again, and others
send bodies of 32 MiB on 500 connections. Prints what was measured; exit status 1 where a bound does not hold.
"""
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

import hostile_load  # noqa: E402 (found through the line above)
from server_case import Server, raise_file_limit  # noqa: E402

BODY_MIB, BODIES_MIB = 32, 256
# Bodies, which a string holds in up to twice its length; and two threads that take one apart each: 16 bytes and the
# copy of a growing array for a value of two bytes.
MEMORY_MIB = 2 * BODIES_MIB + 2 * 24 * BODY_MIB
BOUNDS = {"health_p99_ms": 50, "gap_growth_ms": 100, "peak_growth_mib": MEMORY_MIB}


@contextlib.contextmanager
def serving(program, model, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "serve.log"
        with open(log, "wb") as errors:
            process = subprocess.Popen([program, "serve", model, "--port", "0", *arguments],
                                       stdout=subprocess.DEVNULL, stderr=errors)
        try:
            server = Server(process, log)
            server.wait_until_ready()
            yield server
        finally:
            process.terminate()
            process.wait(60)


def main(program, model, seconds="20"):
    raise_file_limit(4096)
    with serving(program, model, "--parallel", "65", "--body-max", str(BODY_MIB << 20), "--bodies-max",
                 str(BODIES_MIB << 20)) as server:
        found = hostile_load.run(server, streams=64, stream_tokens=900, words=150, connections=500,
                                 size=(BODY_MIB << 20) - 4096, seconds=float(seconds))
    found["gap_growth_ms"] = found["gap_p99_ms"] - found["gap_p99_quiet_ms"]
    print(json.dumps(found, indent=2))
    wrong = [f"{name} is {found[name]:.1f}, and {bound} is the bound" for name, bound in BOUNDS.items()
             if not found[name] < bound] + found["errors"]
    print("\n".join(wrong) if wrong else "all bounds hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
