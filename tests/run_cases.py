#!/usr/bin/env python3
"""Runs the cases of a GoogleTest program in one process, or every COUNTth of them, and writes what became of each:

    tests/run_cases.py PROGRAM REPORT [INDEX COUNT]

A case that ends the program, or that takes longer than CASE_S, has failed; those after it run in a new process. A case
that was skipped, or that never ran, has failed too. A line of REPORT is `passed` or what it was instead, the seconds,
and the case's name; tests/summary.py adds them up. Shown is the output of the cases that failed.
"""
import pathlib
import re
import subprocess
import sys
import threading
import time

CASE_S = 600
MARK = re.compile(r"\[ +(RUN|OK|FAILED|SKIPPED) +\] (\S+?)(?:,? |$)")
OUTCOMES = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}


def cases_of(program):
    """The full names of the cases, in their order, without those that are disabled."""
    listing = subprocess.run([program, "--gtest_list_tests"], check=True, capture_output=True, text=True).stdout
    names, suite = [], None
    for line in listing.splitlines():
        name = line.split("#")[0].rstrip()
        if name.startswith("  "):
            names.append(suite + name.strip())
        elif name.endswith("."):
            suite = name
    return [name for name in names if "DISABLED_" not in name]


def run(program, names, record):
    """One process with these cases: calls record(name, outcome, seconds, output) for each that began."""
    process = subprocess.Popen([program, "--gtest_filter=" + ":".join(names), "--gtest_color=no"], text=True,
                               errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watch, running, output, began = threading.Timer(0, lambda: None), None, [], 0.0
    for line in process.stdout:
        mark = MARK.search(line)
        output.append(line)
        if mark and mark[1] == "RUN" and running is None:
            running, output, began = mark[2], [line], time.monotonic()
            watch = threading.Timer(CASE_S, process.kill)
            watch.daemon = True
            watch.start()
        elif mark and mark[2] == running:
            watch.cancel()
            record(running, OUTCOMES[mark[1]], time.monotonic() - began, output)
            running, output = None, []
    watch.cancel()
    status = process.wait()
    if running is not None:
        record(running, f"ended-with-{status}", time.monotonic() - began, output)
    return status, output


def main():
    program, report, (index, count) = sys.argv[1], pathlib.Path(sys.argv[2]), map(int, sys.argv[3:] or (0, 1))
    names = cases_of(program)[index::count]
    outcomes = {}
    lines = []

    def record(name, outcome, seconds, output):
        outcomes[name] = outcome
        lines.append(f"{outcome} {seconds:.3f} {name}\n")
        if outcome != "passed":
            sys.stdout.writelines(output)
            print(f"{name}: {outcome}", flush=True)

    left, status = names, 0
    while left:
        status, rest = run(program, left, record)
        began, left = left, [name for name in left if name not in outcomes]
        if status != 0 and (left or "failed" not in outcomes.values()):
            sys.stdout.writelines(rest)  # what a sanitizer says when the last case is over, for instance
        if len(left) == len(began):
            break
    for name in left:
        record(name, "never-ran", 0, [])
    if status != 0 and set(outcomes.values()) == {"passed"}:
        record("end-of-the-program", f"ended-with-{status}", 0, [])
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("".join(lines))
    failures = len(outcomes) - list(outcomes.values()).count("passed")
    print(f"{len(outcomes)} cases, {failures} failed")
    return 1 if failures or not names else 0


if __name__ == "__main__":
    sys.exit(main())
