#!/usr/bin/env python3
"""tools/tidy refuses each thing that it is there to refuse, names the place, and leaves good code alone."""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TIDY = pathlib.Path(__file__).resolve().parent / "tidy"
LOADER = importlib.machinery.SourceFileLoader("tidy", str(TIDY))  # the file has no suffix
tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", LOADER))
LOADER.exec_module(tidy)

LAYOUT = "add_subdirectory(base)\nadd_subdirectory(model)\nadd_subdirectory(commands)\n"

GOOD = '''// A table and what reads it.
#include "model/good.h"

#include "base/error.h"

#define LONG_MACRO(x) \\
  if (x) {            \\
  }

namespace hearth {
namespace {

// Prose about value(); and more of it.
constexpr std::array kRows{
    Row{"{", '{', 1'000},
''' + '    Row{"a row of a long table"},\n' * 150 + '''};

}  // namespace

class Box {
 public:
  explicit Box(int size) : size_{size}, name_{"{"} {}
  int size() const { return size_; }
''' + "  int field_;\n" * 120 + '''};

Value read(const json& value) { return value.get_array()[0]; }

}  // namespace hearth
'''


def long_function(signature, line_count, indent=""):
    return f"{indent}{signature} {{\n" + f"{indent}  step();\n" * (line_count - 2) + f"{indent}}}\n"


class TidyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def findings(self, files):
        """What tidy says of a tree of `files`."""
        written = [self.write(name, text) for name, text in {"src/CMakeLists.txt": LAYOUT, **files}.items()]
        found = tidy.find(self.root)
        for path in written:
            path.unlink()
        return found

    def refused(self, files, place, message):
        found = self.findings(files)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{place}: "), found)
        self.assertIn(message, found[0])

    def test_good_code(self):
        self.assertEqual(self.findings({"src/model/good.cc": GOOD, "build/x.cc": "\t", "tests/corpus/x.h": "\t"}), [])

    def test_includes_point_down(self):
        self.refused({"src/base/a.cc": '// A.\n#include "model/b.h"\n'}, "src/base/a.cc:2", "base is below model")
        self.refused({"src/base/a.cc": '// A.\n#include "nowhere/b.h"\n'}, "src/base/a.cc:2", "not a folder")
        self.refused({"src/new/a.cc": "// A.\n"}, "src/new/a.cc:1", "src/new is not in")

    def test_lengths(self):
        self.refused({"src/base/a.cc": "// A.\n" * 801}, "src/base/a.cc:801", "a file of 801 lines")
        for signature in ("int f(int a = 3)", "bool operator==(const A& a)", "A::A(int a) : a_{a}, b_(a)",
                          "TEST_P(Suite, Case)", "template <class T, class U = A<T>>\nU f(T value)", "auto f() -> int"):
            with self.subTest(signature):
                lines = signature.count("\n") + 1
                self.assertEqual(self.findings({"src/base/a.cc": "// A.\n" + long_function(signature, 101 - lines)}),
                                 [])
                self.refused({"src/base/a.cc": "// A.\n" + long_function(signature, 102 - lines)}, "src/base/a.cc:2",
                             "a function of 101 lines")
        method = "// A.\n#pragma once\nnamespace a {\nstruct B : C<int(int)> {\n" + long_function("int f()", 101, "  ")
        self.refused({"src/base/a.h": method + "};\n}\n"}, "src/base/a.h:5", "a function of 101 lines")

    def test_lines(self):
        for text, message in (("x" * 121, "121 columns"), ("\tx", "a tab"), ("x ", "white space"),
                              ("// " + "TO" + "DO later", "do something later"), ("// f(1, x);", "code in a comment"),
                              ("// a = b;", "code in a comment"), ("// return x;", "code in a comment"),
                              ("int get_size();", "a get_ function")):
            with self.subTest(text):
                self.refused({"src/base/a.cc": f"// A.\n{text}\n"}, "src/base/a.cc:2", message)
        self.assertEqual(self.findings({"src/base/a.cc": f'// A.\nf("a", "{"b" * 120}");\n'}), [])
        self.refused({"src/base/a.cc": "// A.\nint x;"}, "src/base/a.cc:2", "no line break")

    def test_openings(self):
        for name, text in (("a.cc", '#include "base/b.h"\n'), ("a.cc", "#include <array>\n"),
                           ("a.h", "#pragma once\n")):
            self.refused({f"src/base/{name}": text}, f"src/base/{name}:1", "opens neither")
        self.refused({"src/base/a.h": "// A.\n"}, "src/base/a.h:1", "without #pragma once")
        self.assertEqual(self.findings({"src/base/a.cc": '#include "base/a.h"\n',
                                        "src/base/a_test.cc": '#include "base/a.h"\n'}), [])

    def test_names(self):
        self.refused({"src/base/string_utils.cc": "// A.\n"}, "src/base/string_utils.cc:1", "says nothing")

    def compile_for(self, isa, namespace):
        source = f"namespace hearth::{namespace} {{\ninline int f(int x) {{ return x; }}\nint (*g)(int) = f;\n}}\n"
        target = self.write(f"build/hearth_kernels_{isa}.dir/kernel.o", "")
        subprocess.run(["g++", "-x", "c++", "-std=c++20", "-c", "-", "-o", target], input=source, text=True, check=True)
        return tidy.find(self.root, self.root / "build")

    def test_one_definition(self):
        text = "// One.\nnamespace hearth {{\n{}struct Box {{\n  int size;\n}};\n\n}}  // namespace hearth\n"
        self.write("src/CMakeLists.txt", LAYOUT)
        self.write("src/base/one.cc", text.format(""))
        self.write("src/model/two.cc", text.format("").replace("hearth {", "hearth::other {"))
        hidden = text.format("namespace {\n\n").replace("\n\n}  //", "\n\n}  // namespace\n}  //")
        self.write("src/model/three.cc", hidden)
        self.assertEqual(tidy.find(self.root), [])
        self.write("src/model/four.cc", text.format("class Other;\n"))
        self.assertEqual(len(tidy.find(self.root)), 1)
        self.assertIn("hearth::Box is defined in", tidy.find(self.root)[0])

    def test_objects(self):
        self.write("src/CMakeLists.txt", LAYOUT)
        self.assertIn("no kernel objects", tidy.find(self.root, self.root / "build")[0])
        self.assertEqual(self.compile_for("portable", "anything"), [])
        self.assertEqual(self.compile_for("avx2", "avx2"), [])
        found = self.compile_for("avx2", "shared")
        self.assertEqual(len(found), 1, found)
        self.assertIn("kernel.o:0: weak function compiled for avx2: hearth::shared::f(int)", found[0])

    def test_the_program(self):
        self.write("src/CMakeLists.txt", LAYOUT)
        command = [sys.executable, TIDY, "--root", self.root]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.write("src/base/a.cc", "int x;\n")
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"\Asrc/base/a.cc:1: opens neither .*\n\Z")


if __name__ == "__main__":
    unittest.main()
