#!/usr/bin/env python3
"""tests/run_cases.py and tests/summary.py over a program that behaves as GoogleTest does: what fails is counted."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parent
PROGRAM = '''#!/usr/bin/env python3
import os, sys
cases = {"A.Good": "OK", "A.Bad": "FAILED", "A.Skips": "SKIPPED", "A.Ends": None, "A/0.Last": "OK"}
if "--gtest_list_tests" in sys.argv:
    print("Running main() from gtest_main.cc")
    print("A.\\n  Good\\n  Bad\\n  Skips\\n  Ends\\n  DISABLED_Not")
    print("A/0.  # TypeParam = int\\n  Last  # GetParam() = 1")
    sys.exit(0)
wanted = sys.argv[1].split("=")[1].split(":")
for name, outcome in cases.items():
    if name in wanted:
        print(f"[ RUN      ] {name}\\nsays {name}", flush=True)
        if outcome is None:
            os.abort()
        print(f"[{outcome:>9} ] {name}" + (", where GetParam() = 1 (0 ms)" if name == "A.Bad" else " (0 ms)"))
sys.exit(STATUS)
'''


class RunCases(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_cases(self, *arguments, status=0):
        program = self.folder / "program"
        program.write_text(PROGRAM.replace("STATUS", str(status)))
        program.chmod(0o755)
        done = subprocess.run([sys.executable, TESTS / "run_cases.py", program, self.folder / "program.txt",
                               *map(str, arguments)], capture_output=True, text=True)
        outcomes = dict(reversed(line.split(" ", 2)[::2])
                        for line in (self.folder / "program.txt").read_text().splitlines())
        return done, outcomes

    def summary(self, status):
        junit = self.folder / "junit.xml"
        junit.write_text(f'<testsuite><testcase name="program" time="1" status="{status}"/>'
                         '<testcase name="other" time="1" status="run"/></testsuite>')
        return subprocess.run([sys.executable, TESTS / "summary.py", junit, self.folder], capture_output=True,
                              text=True)

    def test_every_way_to_fail_is_told_and_the_rest_still_runs(self):
        done, outcomes = self.run_cases()
        self.assertEqual(outcomes, {"A.Good": "passed", "A.Bad": "failed", "A.Skips": "skipped",
                                    "A.Ends": "ended-with--6", "A/0.Last": "passed"})
        self.assertEqual(done.returncode, 1)
        for word in ("says A.Bad", "says A.Skips", "says A.Ends", "5 cases, 3 failed"):
            self.assertIn(word, done.stdout)
        self.assertNotIn("says A.Good", done.stdout)
        summary = self.summary("fail")
        self.assertEqual(summary.returncode, 1)
        self.assertIn("program: A.Ends (ended-with--6)", summary.stdout)
        self.assertEqual(summary.stdout.splitlines()[-1], "50% tests passed, 3 tests failed out of 6")

    def test_a_share_of_the_cases(self):
        done, outcomes = self.run_cases(0, 4)
        self.assertEqual(outcomes, {"A.Good": "passed", "A/0.Last": "passed"})
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.summary("run").stdout.splitlines()[-1], "100% tests passed, 0 tests failed out of 3")

    def test_a_program_that_ends_badly_after_its_last_case(self):
        done, outcomes = self.run_cases(0, 4, status=23)
        self.assertEqual(outcomes["end-of-the-program"], "ended-with-23")
        self.assertEqual(done.returncode, 1)

    def test_a_test_without_a_report_that_did_not_pass(self):
        self.assertIn("program (notrun)", self.summary("notrun").stdout)


if __name__ == "__main__":
    unittest.main()
