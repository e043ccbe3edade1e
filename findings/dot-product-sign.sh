#!/usr/bin/env bash
# Eight bytes of machine code for AMD's GPUs: a dot product of four int8 pairs, on RDNA 2 and on RDNA 3 and 4.
#
# Guessed: an instruction whose bytes stay the same from one generation to the next does the same; where int8 and uint8
#   products are to be told apart, they have mnemonics of their own, as v_dot4_i32_i8 and v_dot4_u32_u8 have.
# Came: the bytes of gfx1030's v_dot4_i32_i8 (both signed) are gfx1100's and gfx1201's v_dot4_i32_iu8, in which both are
#   *unsigned*. There signed operands are chosen by neg_lo, a modifier that negates an operand elsewhere: LLVM writes
#   neg_lo:[1,1,0] for signed times signed, and nothing for unsigned times unsigned. The old mnemonic is gone.
# Matters: code, disassemblers' tables or emulators carried over from RDNA 2 stay valid and compute other numbers as
#   soon as a weight or an activation is negative; and a reader of "iu8" without modifiers must not read it as signed.
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

cat > unsigned.ll <<'LL'
declare i32 @llvm.amdgcn.sudot4(i1, i32, i1, i32, i32, i1)
define i32 @dot(i32 %a, i32 %b, i32 %c) {
  %r = call i32 @llvm.amdgcn.sudot4(i1 false, i32 %a, i1 false, i32 %b, i32 %c, i1 false)
  ret i32 %r
}
LL
sed 's/i1 false, i32 %/i1 true, i32 %/g' unsigned.ll > signed.ll
compiled() { llc-19 -mtriple=amdgcn-amd-amdhsa "-mcpu=$1" "$2" -o - | sed -nE 's/^\s+(v_dot4.*)/\1/p'; }
assembled() {  # GPU INSTRUCTION: its bytes, or "not supported"
  echo "$2" | llvm-mc-19 -triple=amdgcn "-mcpu=$1" -show-encoding 2>/dev/null | sed -nE 's/.*encoding: \[(.*)\]/\1/p' |
    grep . || echo "not supported"
}
read_as() { echo "$2" | llvm-mc-19 -triple=amdgcn "-mcpu=$1" -disassemble | sed -nE 's/^\s+(v_.*)/\1/p'; }

instruction="v_dot4_i32_i8 v0, v0, v1, v2"
bytes=$(assembled gfx1030 "$instruction")
llc-19 --version | grep -o 'LLVM version .*'
echo "gfx1030: $instruction is $bytes"
for gpu in gfx1100 gfx1201; do
  same=$(read_as $gpu "$bytes") unsigned=$(compiled $gpu unsigned.ll) signed=$(compiled $gpu signed.ll)
  old=$(assembled $gpu "$instruction")
  echo "$gpu: the same bytes are $same; LLVM's unsigned product is $unsigned, its signed one $signed; $instruction: $old"
  [ "$same" = "v_dot4_i32_iu8 v0, v0, v1, v2" ] && [ "$same" = "$unsigned" ]
  [ "$signed" = "$unsigned neg_lo:[1,1,0]" ] && [ "$old" = "not supported" ]
done
