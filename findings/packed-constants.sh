#!/usr/bin/env bash
# A constant in a packed 16-bit instruction of AMD's GPUs: `v_pk_add_u16 v0, v1, 1` adds 1 to which half?
#
# Guessed: to both, as with a scalar in the vector units of CPUs; `v_pk_add_f16 v0, v1, 1.0` likewise.
# Came: an inline constant stands in the low half of a 32-bit operand. 1 and 1.0 reach the low half alone (the high one
#   gets zero), unless op_sel_hi:[1,0] takes the low half twice. But -1 is sign-extended and reaches both halves without
#   op_sel_hi; for the low half alone, LLVM writes a subtraction of 1. Shown by what LLVM 19 makes of <2 x i16> and <2 x
#   half> additions, for gfx1100 and gfx1201; llvm-objdump prints exactly that text again, and nothing hints at it.
# Matters: hand-written or disassembled code reads as if it did more than it does, and an emulator or a peephole that
#   splats the constants is wrong for 1 and right for -1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

needs() {  # PACKAGE VERSION: installs what is missing, and stops where the version is another
  dpkg-query -W "$1" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
  [[ "$(dpkg-query -W -f '${Version}' "$1")" == "$2"* ]] || { echo "needs $1 $2"; exit 2; }
}
needs llvm-19 1:19.1.7-

cat > add.ll <<'LL'
define <2 x i16> @one_both(<2 x i16> %x) { %r = add <2 x i16> %x, <i16 1, i16 1> ret <2 x i16> %r }
define <2 x i16> @one_low(<2 x i16> %x) { %r = add <2 x i16> %x, <i16 1, i16 0> ret <2 x i16> %r }
define <2 x i16> @minus_one_both(<2 x i16> %x) { %r = add <2 x i16> %x, <i16 -1, i16 -1> ret <2 x i16> %r }
define <2 x i16> @minus_one_low(<2 x i16> %x) { %r = add <2 x i16> %x, <i16 -1, i16 0> ret <2 x i16> %r }
define <2 x half> @half_both(<2 x half> %x) { %r = fadd <2 x half> %x, <half 1.0, half 1.0> ret <2 x half> %r }
define <2 x half> @half_low(<2 x half> %x) { %r = fadd <2 x half> %x, <half 1.0, half 0.0> ret <2 x half> %r }
LL
cat > expected <<'TEXT'
one_both: v_pk_add_u16 v0, v0, 1 op_sel_hi:[1,0]
one_low: v_pk_add_u16 v0, v0, 1
minus_one_both: v_pk_add_u16 v0, v0, -1
minus_one_low: v_pk_sub_u16 v0, v0, 1
half_both: v_pk_add_f16 v0, v0, 1.0 op_sel_hi:[1,0]
half_low: v_pk_add_f16 v0, v0, 1.0
TEXT
for gpu in gfx1100 gfx1201; do
  llc-19 -mtriple=amdgcn-amd-amdhsa -mcpu=$gpu -filetype=obj add.ll -o add.o
  llvm-objdump-19 -d add.o |
    sed -nE 's/^[0-9a-f]+ <(\w+)>:/\1:/p; s/^\s+(v_pk_[^/]*[^ /]) *\/\/.*/\1/p' | paste -sd' \n' > seen
  echo "$gpu, $(llc-19 --version | grep -o 'LLVM version .*')"
  cat seen
  diff expected seen
done
