// What the scalar instructions do: arithmetic of the whole wave, masks of lanes, branches, barriers.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "amd/operand.h"

namespace hearth::amd {
namespace {

// d = f(sources…)
template <auto kFunction>
void map(Wave& wave, const Instruction& instruction) {
  write_scalar(wave, instruction.operands[0], call_scalar<kFunction>(wave, instruction, 1));
}

// The same, and whether the result is other than zero.
template <auto kFunction>
void map_test(Wave& wave, const Instruction& instruction) {
  const auto value = call_scalar<kFunction>(wave, instruction, 1);
  wave.scc = value != 0;
  write_scalar(wave, instruction.operands[0], value);
}

// The same with a carry, borrow, overflow, or whatever else the instruction tells of.
template <class T>
struct Told {
  T value;
  bool flag;
};
template <auto kFunction>
void map_tell(Wave& wave, const Instruction& instruction) {
  const auto told = call_scalar<kFunction>(wave, instruction, 1);
  wave.scc = told.flag;
  write_scalar(wave, instruction.operands[0], told.value);
}

// d = f(d, sources…)
template <auto kFunction>
void update(Wave& wave, const Instruction& instruction) {
  write_scalar(wave, instruction.operands[0], call_scalar<kFunction>(wave, instruction, 0));
}
template <auto kFunction>
void update_tell(Wave& wave, const Instruction& instruction) {
  const auto told = call_scalar<kFunction>(wave, instruction, 0);
  wave.scc = told.flag;
  write_scalar(wave, instruction.operands[0], told.value);
}

template <auto kFunction>
void compare(Wave& wave, const Instruction& instruction) {
  wave.scc = call_scalar<kFunction>(wave, instruction, 0);
}

Told<u32> add_unsigned(u32 a, u32 b) {
  return {a + b, a + b < a};
}
Told<u32> subtract_unsigned(u32 a, u32 b) {
  return {a - b, a < b};
}
Told<u32> add_signed(i32 a, i32 b) {
  const i64 sum = i64{a} + b;
  return {static_cast<u32>(sum), sum != static_cast<i32>(sum)};
}
Told<u32> subtract_signed(i32 a, i32 b) {
  const i64 difference = i64{a} - b;
  return {static_cast<u32>(difference), difference != static_cast<i32>(difference)};
}
void add_carry(Wave& wave, const Instruction& instruction) {
  const u64 sum = u64{read<u32>(wave, instruction.operands[1], 0)} + read<u32>(wave, instruction.operands[2], 0) +
                  (wave.scc ? 1 : 0);
  wave.scc = sum >> 32 != 0;
  write_scalar(wave, instruction.operands[0], static_cast<u32>(sum));
}
void subtract_borrow(Wave& wave, const Instruction& instruction) {
  const u64 difference = u64{read<u32>(wave, instruction.operands[1], 0)} -
                         read<u32>(wave, instruction.operands[2], 0) - (wave.scc ? 1 : 0);
  wave.scc = difference >> 32 != 0;
  write_scalar(wave, instruction.operands[0], static_cast<u32>(difference));
}

// The offset and the width of a field stand in one operand.
u32 bit_field(u32 value, u32 field) {
  const u32 width = field >> 16 & 0x7f, offset = field & 31;
  return width == 0 ? 0 : static_cast<u32>(u64{value} >> offset & ((u64{1} << std::min(width, 32u)) - 1));
}
i32 signed_bit_field(i32 value, u32 field) {
  const u32 width = std::min(field >> 16 & 0x7f, 32u);
  if (width == 0) return 0;
  return static_cast<i32>(bit_field(static_cast<u32>(value), field) << (32 - width)) >> (32 - width);
}
i64 signed_bit_field_64(i64 value, u32 field) {
  const u32 width = std::min(field >> 16 & 0x7f, 64u), offset = field & 63;
  if (width == 0) return 0;
  return static_cast<i64>(static_cast<u64>(value) >> offset << (64 - width)) >> (64 - width);
}

template <class T>
void choose(Wave& wave, const Instruction& instruction) {
  write_scalar(wave, instruction.operands[0], read<T>(wave, instruction.operands[wave.scc ? 1 : 2], 0));
}

// d = exec; exec = f(source, exec)
template <class T, auto kFunction>
void save_exec(Wave& wave, const Instruction& instruction) {
  const T source = read<T>(wave, instruction.operands[1], 0);
  const T before = static_cast<T>(wave.exec());
  const T after = kFunction(source, before);
  write_scalar(wave, instruction.operands[0], before);
  wave.set_mask(kExec, after);
  wave.scc = after != 0;
}

template <auto kCondition>
void branch(Wave& wave, const Instruction& instruction) {
  if (kCondition(wave)) wave.next = instruction.target;
}

void nothing(Wave&, const Instruction&) {}

}  // namespace

Operation control_operation(std::string_view mnemonic) {
  static const OperationTable table{
      {"s_branch", branch<[](const Wave&) { return true; }>},
      {"s_cbranch_scc0", branch<[](const Wave& w) { return !w.scc; }>},
      {"s_cbranch_scc1", branch<[](const Wave& w) { return w.scc; }>},
      {"s_cbranch_vccz", branch<[](const Wave& w) { return w.mask(kVcc) == 0; }>},
      {"s_cbranch_vccnz", branch<[](const Wave& w) { return w.mask(kVcc) != 0; }>},
      {"s_cbranch_execz", branch<[](const Wave& w) { return w.exec() == 0; }>},
      {"s_cbranch_execnz", branch<[](const Wave& w) { return w.exec() != 0; }>},
      {"s_barrier", [](Wave& wave, const Instruction&) { wave.state = Wave::State::kAtBarrier; }},
      {"s_barrier_wait", [](Wave& wave, const Instruction&) { wave.state = Wave::State::kAtBarrier; }},
      {"s_endpgm", [](Wave& wave, const Instruction&) { wave.state = Wave::State::kEnded; }},

      // Instructions are done one after the other, and memory is one.
      {"s_barrier_signal", nothing},
      {"s_nop", nothing},
      {"s_clause", nothing},
      {"s_delay_alu", nothing},
      {"s_sendmsg", nothing},
      {"s_set_inst_prefetch_distance", nothing},
      {"s_waitcnt", nothing},
      {"s_waitcnt_depctr", nothing},
      {"s_waitcnt_vscnt", nothing},
      {"s_wait_alu", nothing},
      {"s_wait_dscnt", nothing},
      {"s_wait_kmcnt", nothing},
      {"s_wait_loadcnt", nothing},
      {"s_wait_loadcnt_dscnt", nothing},
      {"s_wait_storecnt", nothing},
      {"s_wait_storecnt_dscnt", nothing},
      {"buffer_gl0_inv", nothing},
      {"buffer_inv", nothing},
      {"buffer_wbl2", nothing},
      {"global_inv", nothing},
      {"global_wb", nothing},
  };
  return find(table, mnemonic);
}

namespace {

Operation integer_operation(std::string_view mnemonic) {
  static const OperationTable table{
      {"s_mov_b32", map<[](u32 a) { return a; }>},
      {"s_mov_b64", map<[](u64 a) { return a; }>},
      {"s_movk_i32", map<[](u32 a) { return a; }>},
      {"s_not_b32", map_test<[](u32 a) { return ~a; }>},
      {"s_not_b64", map_test<[](u64 a) { return ~a; }>},
      {"s_brev_b32", map<reverse_bits>},
      {"s_bcnt1_i32_b32", map_test<[](u32 a) { return static_cast<u32>(std::popcount(a)); }>},
      {"s_bcnt1_i32_b64", map_test<[](u64 a) { return static_cast<u32>(std::popcount(a)); }>},
      {"s_and_b32", map_test<[](u32 a, u32 b) { return a & b; }>},
      {"s_and_b64", map_test<[](u64 a, u64 b) { return a & b; }>},
      {"s_or_b32", map_test<[](u32 a, u32 b) { return a | b; }>},
      {"s_or_b64", map_test<[](u64 a, u64 b) { return a | b; }>},
      {"s_xor_b32", map_test<[](u32 a, u32 b) { return a ^ b; }>},
      {"s_xor_b64", map_test<[](u64 a, u64 b) { return a ^ b; }>},
      {"s_and_not1_b32", map_test<[](u32 a, u32 b) { return a & ~b; }>},
      {"s_and_not1_b64", map_test<[](u64 a, u64 b) { return a & ~b; }>},
      {"s_or_not1_b32", map_test<[](u32 a, u32 b) { return a | ~b; }>},
      {"s_or_not1_b64", map_test<[](u64 a, u64 b) { return a | ~b; }>},
      {"s_lshl_b32", map_test<[](u32 a, u32 b) { return a << (b & 31); }>},
      {"s_lshl_b64", map_test<[](u64 a, u32 b) { return a << (b & 63); }>},
      {"s_lshr_b32", map_test<[](u32 a, u32 b) { return (a >> (b & 31)); }>},
      {"s_lshr_b64", map_test<[](u64 a, u32 b) { return (a >> (b & 63)); }>},
      {"s_ashr_i32", map_test<[](i32 a, u32 b) { return (a >> (b & 31)); }>},
      {"s_ashr_i64", map_test<[](i64 a, u32 b) { return (a >> (b & 63)); }>},
      {"s_bfe_u32", map_test<bit_field>},
      {"s_bfe_i32", map_test<signed_bit_field>},
      {"s_bfe_i64", map_test<signed_bit_field_64>},
      {"s_abs_i32", map_test<[](u32 a) { return (a >> 31 ? 0 - a : a); }>},
      {"s_min_i32", map_tell<[](i32 a, i32 b) {
         return Told<i32>{std::min(a, b), a < b};
       }>},
      {"s_max_i32", map_tell<[](i32 a, i32 b) {
         return Told<i32>{std::max(a, b), (a > b)};
       }>},
      {"s_min_u32", map_tell<[](u32 a, u32 b) {
         return Told<u32>{std::min(a, b), a < b};
       }>},
      {"s_max_u32", map_tell<[](u32 a, u32 b) {
         return Told<u32>{std::max(a, b), (a > b)};
       }>},
      {"s_add_u32", map_tell<add_unsigned>},
      {"s_add_i32", map_tell<add_signed>},
      {"s_sub_u32", map_tell<subtract_unsigned>},
      {"s_sub_i32", map_tell<subtract_signed>},
      {"s_addc_u32", add_carry},
      {"s_subb_u32", subtract_borrow},
      {"s_addk_i32", update_tell<add_signed>},
      {"s_mulk_i32", update<[](u32 a, u32 b) { return a * b; }>},
      {"s_mul_i32", map<[](u32 a, u32 b) { return a * b; }>},
      {"s_mul_hi_u32", map<[](u32 a, u32 b) { return static_cast<u32>(u64{a} * b >> 32); }>},
      {"s_mul_hi_i32", map<[](i32 a, i32 b) { return static_cast<i32>(i64{a} * b >> 32); }>},
      {"s_mul_u64", map<[](u64 a, u64 b) { return a * b; }>},
      {"s_add_nc_u64", map<[](u64 a, u64 b) { return a + b; }>},
      {"s_sub_nc_u64", map<[](u64 a, u64 b) { return a - b; }>},
      {"s_cselect_b32", choose<u32>},
      {"s_cselect_b64", choose<u64>},
  };
  return find(table, mnemonic);
}

Operation float_operation(std::string_view mnemonic) {
  static const OperationTable table{
      {"s_add_f32", map<[](float a, float b) { return a + b; }>},
      {"s_sub_f32", map<[](float a, float b) { return a - b; }>},
      {"s_mul_f32", map<[](float a, float b) { return a * b; }>},
      {"s_fmac_f32", map<[](float a, float b, float d) { return std::fma(a, b, d); }>},
      {"s_fmaak_f32", map<[](float a, float b, float k) { return std::fma(a, b, k); }>},
      {"s_fmamk_f32", map<[](float a, float k, float b) { return std::fma(a, k, b); }>},
      {"s_max_f32", map<maximum<float>>},
      {"s_trunc_f32", map<[](float a) { return std::trunc(a); }>},
      {"s_cvt_f32_i32", map<[](i32 a) { return static_cast<float>(a); }>},
      {"s_cvt_f32_u32", map<[](u32 a) { return static_cast<float>(a); }>},
      {"s_cvt_u32_f32", map<convert<u32, float>>},
      {"v_s_log_f32", map<[](float a) { return std::log2(a); }>},
      {"v_s_rcp_f32", map<[](float a) { return 1.0f / a; }>},
  };
  return find(table, mnemonic);
}

Operation comparison(std::string_view mnemonic) {
  static const OperationTable table{
      {"s_cmp_eq_i32", compare<[](i32 a, i32 b) { return a == b; }>},
      {"s_cmp_lg_i32", compare<[](i32 a, i32 b) { return a != b; }>},
      {"s_cmp_gt_i32", compare<[](i32 a, i32 b) { return (a > b); }>},
      {"s_cmp_ge_i32", compare<[](i32 a, i32 b) { return (a >= b); }>},
      {"s_cmp_lt_i32", compare<[](i32 a, i32 b) { return a < b; }>},
      {"s_cmp_le_i32", compare<[](i32 a, i32 b) { return a <= b; }>},
      {"s_cmp_eq_u32", compare<[](u32 a, u32 b) { return a == b; }>},
      {"s_cmp_lg_u32", compare<[](u32 a, u32 b) { return a != b; }>},
      {"s_cmp_gt_u32", compare<[](u32 a, u32 b) { return (a > b); }>},
      {"s_cmp_ge_u32", compare<[](u32 a, u32 b) { return (a >= b); }>},
      {"s_cmp_lt_u32", compare<[](u32 a, u32 b) { return a < b; }>},
      {"s_cmp_le_u32", compare<[](u32 a, u32 b) { return a <= b; }>},
      {"s_cmp_eq_u64", compare<[](u64 a, u64 b) { return a == b; }>},
      {"s_cmp_lg_u64", compare<[](u64 a, u64 b) { return a != b; }>},
      {"s_cmp_eq_f32", compare<[](float a, float b) { return a == b; }>},
      {"s_cmp_neq_f32", compare<[](float a, float b) { return !(a == b); }>},
      {"s_cmp_lt_f32", compare<[](float a, float b) { return a < b; }>},
      {"s_cmp_le_f32", compare<[](float a, float b) { return a <= b; }>},
      {"s_cmp_gt_f32", compare<[](float a, float b) { return (a > b); }>},
      {"s_cmp_ge_f32", compare<[](float a, float b) { return (a >= b); }>},
      {"s_cmp_ngt_f32", compare<[](float a, float b) { return (!(a > b)); }>},
      {"s_cmp_nlt_f32", compare<[](float a, float b) { return !(a < b); }>},
      {"s_bitcmp0_b32", compare<[](u32 a, u32 b) { return ((a >> (b & 31) & 1) == 0); }>},
      {"s_bitcmp1_b32", compare<[](u32 a, u32 b) { return ((a >> (b & 31) & 1) == 1); }>},
  };
  return find(table, mnemonic);
}

Operation exec_operation(std::string_view mnemonic) {
  static const OperationTable table{
      {"s_and_saveexec_b32", save_exec<u32, [](u32 a, u32 exec) { return a & exec; }>},
      {"s_and_saveexec_b64", save_exec<u64, [](u64 a, u64 exec) { return a & exec; }>},
      {"s_or_saveexec_b32", save_exec<u32, [](u32 a, u32 exec) { return a | exec; }>},
      {"s_or_saveexec_b64", save_exec<u64, [](u64 a, u64 exec) { return a | exec; }>},
      {"s_xor_saveexec_b32", save_exec<u32, [](u32 a, u32 exec) { return a ^ exec; }>},
      {"s_xor_saveexec_b64", save_exec<u64, [](u64 a, u64 exec) { return a ^ exec; }>},
      {"s_and_not1_saveexec_b32", save_exec<u32, [](u32 a, u32 exec) { return a & ~exec; }>},
      {"s_and_not1_saveexec_b64", save_exec<u64, [](u64 a, u64 exec) { return a & ~exec; }>},
  };
  return find(table, mnemonic);
}

}  // namespace

Operation scalar_operation(std::string_view mnemonic) {
  for (const auto find_in : {integer_operation, float_operation, comparison, exec_operation}) {
    if (const Operation found = find_in(mnemonic)) return found;
  }
  return nullptr;
}

}  // namespace hearth::amd
