#!/usr/bin/env bash
# `a * b + c` of three _Float16 on x86-64, in g++ 12 and clang 19: how often is it rounded?
#
# Guessed: after each operation, in both: the type is IEEE binary16, and contraction is switched off. At least the C and
#   C++ front ends of one compiler agree.
# Came: g++ 12 rounds after each operation in C++, but gcc 12 in C, and clang 19 in both languages, compute the whole
#   expression in float and round once at the end. Splitting it into two statements gives all four the same bits;
#   -fexcess-precision=16 as well (clang takes GCC's option). -ffp-contract=off changes nothing.
# Matters: a reference for a kernel's f16 arithmetic, compiled by the other compiler, differs in one of five results,
#   and neither is "wrong". Exact f16 code must keep each operation's result in a variable of its own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

needs() {  # PACKAGE VERSION: installs what is missing, and stops where the version is another
  dpkg-query -W "$1" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
  [[ "$(dpkg-query -W -f '${Version}' "$1")" == "$2"* ]] || { echo "needs $1 $2"; exit 2; }
}
needs gcc-12 12.2.0-
needs g++-12 12.2.0-
needs clang-19 1:19.1.7-

cat > f16.c <<'C'
#include <stdio.h>
#include <string.h>

static unsigned short bits(_Float16 value) {
  unsigned short result;
  memcpy(&result, &value, sizeof result);
  return result;
}

static __attribute__((noinline)) _Float16 expression(_Float16 a, _Float16 b, _Float16 c) { return a * b + c; }

static __attribute__((noinline)) _Float16 statements(_Float16 a, _Float16 b, _Float16 c) {
  _Float16 product = a * b;
  return product + c;
}

int main(void) {
  unsigned state = 1, differing = 0, hash[2] = {0, 0};
  for (int i = 0; i < 100000; ++i) {
    _Float16 v[3];
    for (int k = 0; k < 3; ++k) {
      state = state * 1664525u + 1013904223u;
      v[k] = (_Float16)((float)(state >> 20) / 4096 + 0.5f);  // 0.5 to 1.5
    }
    unsigned short once = bits(expression(v[0], v[1], v[2])), twice = bits(statements(v[0], v[1], v[2]));
    differing += once != twice;
    hash[0] = hash[0] * 31 + once;
    hash[1] = hash[1] * 31 + twice;
  }
  printf("%u %08x %08x\n", differing, hash[0], hash[1]);
  return 0;
}
C
echo "of 100000: expressions that differ from two statements; hashes of both"
check() {  # NAME EXPECTED COMMAND...: "each" rounds each operation, "once" the whole expression
  local name=$1 expected=$2; shift 2
  "$@" -O2 -ffp-contract=off f16.c -o f16 2>/dev/null
  read -r differing expression statements < <(./f16)
  echo "$name: $differing $expression $statements"
  if [ "$expected" = each ]; then [ "$differing" -eq 0 ]; else [ "$differing" -gt 10000 ]; fi
  [ "$statements" = "${common:=$statements}" ]  # two statements: the same bits from every compiler
}
check "gcc-12, C" once gcc-12 -x c -std=c11
check "g++-12, C++" each g++-12 -x c++ -std=c++20
check "clang-19, C" once clang-19 -x c -std=c11
check "clang-19, C++" once clang-19 -x c++ -std=c++20
check "gcc-12, C, -fexcess-precision=16" each gcc-12 -x c -std=c11 -fexcess-precision=16
check "clang-19, C++, -fexcess-precision=16" each clang-19 -x c++ -std=c++20 -fexcess-precision=16
