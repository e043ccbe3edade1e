#!/usr/bin/env bash
# Which compiler may turn a multiplication and an addition into one fused operation, when nobody asked for it?
#
# Guessed: -std=c11 and -std=c++20 ask for the standard's arithmetic and switch fusing off in GCC, -std=gnu… allows it;
#   clang has one rule for all its languages, so that a kernel compiled as HIP is treated like its C++.
# Came: GCC 12 honours the standard mode in C only: g++ -std=c++20 fuses, across statements too. clang 19 fuses within
#   an expression in C and C++, standard mode or not. The same clang compiling HIP for the device fuses across
#   statements. -ffp-contract=on, which is clang's default elsewhere, makes HIP *stricter*; a pragma in the source is
#   honoured.
# Matters: one line of C++, four answers. A host reference is never bit-equal to a kernel by default; exact code must
#   say -ffp-contract=off to every compiler, the device's as well.
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

cat > expression.c <<'C'
float f(float a, float b, float c) { return a * b + c; }
C
cat > statements.c <<'C'
float f(float a, float b, float c) { float product = a * b; return product + c; }
C
cat > expression.hip <<'C'
extern "C" __attribute__((global)) void f(float* p) { p[3] = p[0] * p[1] + p[2]; }
C
cat > statements.hip <<'C'
extern "C" __attribute__((global)) void f(float* p) { float product = p[0] * p[1]; p[3] = product + p[2]; }
C
sed '1i #pragma clang fp contract(on)' statements.hip > pragma.hip
fused() { "$@" -S -o fused.s && if grep -qE 'vfn?m(add|sub)|v_fma' fused.s; then echo yes; else echo no; fi; }
check() {  # NAME EXPECTED SUFFIX COMMAND...
  local name=$1 expected=$2 suffix=$3 seen; shift 3
  seen="$(fused "$@" "expression.$suffix") $(fused "$@" "statements.$suffix")"
  echo "$name: expression $seen" | sed 's/ \(yes\|no\)$/, two statements \1/'
  [ "$seen" = "$expected" ]
}
hip=(clang-19 -x hip -nogpuinc -nogpulib --offload-arch=gfx1100 --cuda-device-only --no-gpu-bundle-output -O2)
echo "fused?"
check "gcc-12 -std=c11" "no no" c gcc-12 -x c -std=c11 -O2 -mfma
check "gcc-12 -std=gnu11" "yes yes" c gcc-12 -x c -std=gnu11 -O2 -mfma
check "g++-12 -std=c++20" "yes yes" c g++-12 -x c++ -std=c++20 -O2 -mfma
check "clang-19 -std=c11" "yes no" c clang-19 -x c -std=c11 -O2 -mfma
check "clang-19 -std=c++20" "yes no" c clang-19 -x c++ -std=c++20 -O2 -mfma
check "clang-19 -x hip, gfx1100" "yes yes" hip "${hip[@]}"
check "clang-19 -x hip, gfx1100, -ffp-contract=on" "yes no" hip "${hip[@]}" -ffp-contract=on
check "clang-19 -x hip, gfx1100, -ffp-contract=off" "no no" hip "${hip[@]}" -ffp-contract=off
pragma=$(fused "${hip[@]}" pragma.hip)
echo "clang-19 -x hip, #pragma clang fp contract(on): two statements $pragma"
[ "$pragma" = no ]
