#!/usr/bin/env python3
"""The closing lines of a test run: tests/summary.py JUNIT REPORTS

JUNIT is what `ctest --output-junit` wrote; a test that has a report NAME.txt of tests/run_cases.py in the folder
REPORTS counts as its cases. Exit status 1 unless every case of every test passed.
"""
import pathlib
import sys
import xml.etree.ElementTree


def main():
    junit, reports = xml.etree.ElementTree.parse(sys.argv[1]).getroot(), pathlib.Path(sys.argv[2])
    count, failed, seconds = 0, [], 0.0
    for test in junit.iter("testcase"):
        name, has_passed = test.get("name"), test.get("status") == "run"
        report = reports / f"{name}.txt"
        lines = report.read_text().splitlines() if report.exists() else []
        cases = [line.split(" ", 2) for line in lines]
        failures = [f"{name}: {case} ({outcome})" for outcome, _, case in cases if outcome != "passed"]
        if not has_passed and not failures:
            failures = [f"{name} ({test.get('status')})"]
        failed += failures
        count += max(len(cases), 1)
        seconds += float(test.get("time", 0))
    print(f"\nTime of all tests, one after another: {seconds:.0f} s")
    if failed:
        print("\nThe following tests FAILED:")
        print("".join(f"\t{name}\n" for name in failed))
    # ctest's own words, with every case counted.
    share = 100 * (count - len(failed)) // max(count, 1)
    print(f"{share}% tests passed, {len(failed)} tests failed out of {count}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
