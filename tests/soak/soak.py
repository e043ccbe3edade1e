"""Many requests against one server, in rounds: what it holds after the last must be what it held after the first.

    python3 tests/soak/soak.py PATH_OF_HEARTH [--requests 20000] [--concurrency 64] [--rounds 10] [--memory-percent 5]

Memory, file descriptors, cache blocks and device allocations are compared; every request must be answered in full. Exit
status 1, and a sentence for each, where something grew or failed.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

from cli_case import TinyModel  # noqa: E402 (found through the line above)
from server_case import Server, open_files, resident_bytes  # noqa: E402

# By then every list that is kept for a while has its length, and every thread its memory.
WARM_UP_REQUESTS = 600
ROUND_TIMEOUT_S = 3600


def run_round(program, server, requests, concurrency, seed):
    """The load generator's report of one round; long and short requests, most with a common beginning."""
    done = subprocess.run(
        [program, "bench", "--server", server.url(), "--requests", str(requests), "--concurrency", str(concurrency),
         "--prompt-tokens", "40:30", "--output-tokens", "12:10", "--shared-prefix", "32", "--seed", str(seed),
         "-o", "json"], capture_output=True, timeout=ROUND_TIMEOUT_S)
    if not done.stdout:
        raise AssertionError(done.stderr.decode())
    return json.loads(done.stdout)


def settled_files(process):
    """Open files, once a while has passed in which none was closed: connections end a moment after their clients."""
    files = open_files(process)
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 1:
        time.sleep(0.05)
        if open_files(process) < files:
            files, quiet_since = open_files(process), time.monotonic()
    return files


def measure(server):
    values = server.wait_until_idle()
    return {"files": settled_files(server.process), "memory": resident_bytes(server.process),
            "blocks": values["hearth:kv_cache_blocks_in_use"],
            "allocations": values["hearth:device_allocations_total"]}


def show(name, report, state):
    print(f"soak: {name}: {report['completed']} of {report['requests']} answered, "
          f"{report['requests_per_second']:.0f} requests/s; {state['memory'] / 2**20:.1f} MiB, {state['files']} files, "
          f"{state['blocks']:.0f} blocks in use", flush=True)


def complaints(first, last, memory_percent):
    growth = 100 * (last["memory"] / first["memory"] - 1)
    if growth > memory_percent:
        yield f"memory grew by {growth:.1f} %, from {first['memory']} to {last['memory']} bytes"
    if last["files"] > first["files"]:
        yield f"open files grew from {first['files']} to {last['files']}"
    if last["blocks"] != 0:
        yield f"{last['blocks']:.0f} cache blocks are in use, and no request is"
    if last["allocations"] != first["allocations"]:
        yield f"the device's allocations went from {first['allocations']:.0f} to {last['allocations']:.0f}"


def soak(server, options):
    """The sentences about what is wrong."""
    found = []

    def checked(name, requests, seed):
        report = run_round(options.program, server, requests, options.concurrency, seed)
        state = measure(server)
        show(name, report, state)
        for kind, failure in report["failures"].items():
            found.append(f"{name}: {failure['count']} requests failed: {kind}: {failure['example']}")
        return state

    first = last = checked("warm-up", WARM_UP_REQUESTS, 0)
    for number in range(1, options.rounds + 1):
        last = checked(f"round {number}", max(1, options.requests // options.rounds), number)
    return found + list(complaints(first, last, options.memory_percent))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--memory-percent", type=float, default=5, help="growth that is no leak")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        TinyModel().write(folder / "tiny.gguf")
        log = folder / "serve.log"
        with open(log, "wb") as errors:
            process = subprocess.Popen([options.program, "serve", str(folder / "tiny.gguf"), "--port", "0", "--device",
                                        "cpu", "--ctx", "256"], stdout=subprocess.DEVNULL, stderr=errors)
        server = Server(process, log)
        try:
            server.wait_until_ready()
            found = soak(server, options)
            status = server.stop()
            if status != 0:
                found.append(f"the server ended with status {status}:\n{log.read_text()[-2000:]}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    for sentence in found:
        print(f"soak: FAILED: {sentence}")
    if not found:
        print("soak: nothing grew, nothing failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
