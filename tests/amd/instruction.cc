// Instructions from the text that llvm-objdump writes.
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <utility>

#include "amd/code_object.h"
#include "base/error.h"

namespace hearth::amd {
namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw DeviceError(fmt::format("the imitated GPU cannot run \"{}\": {}", text, why));
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Splits off what stands before a separator.
std::string_view take(std::string_view& text, std::string_view separator) {
  const auto at = text.find(separator);
  const std::string_view taken = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + separator.size());
  return trimmed(taken);
}

// What differs between GPUs in name only has the names of RDNA3.
std::string common_name(std::string_view mnemonic) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"v_add_u32", "v_add_nc_u32"},
      {"v_sub_u32", "v_sub_nc_u32"},
      {"v_subrev_u32", "v_subrev_nc_u32"},
      {"v_add_u16", "v_add_nc_u16"},
      {"v_sub_u16", "v_sub_nc_u16"},
      {"v_addc_co_u32", "v_add_co_ci_u32"},
      {"v_subb_co_u32", "v_sub_co_ci_u32"},
      {"v_subbrev_co_u32", "v_subrev_co_ci_u32"},
      {"s_max_num_f32", "s_max_f32"},
      {"v_max_num_f32", "v_max_f32"},
      {"v_max3_num_f32", "v_max3_f32"},
      {"v_mad_co_u64_u32", "v_mad_u64_u32"},
      {"v_mad_co_i64_i32", "v_mad_i64_i32"},
      {"s_add_co_u32", "s_add_u32"},
      {"s_add_co_i32", "s_add_i32"},
      {"s_sub_co_u32", "s_sub_u32"},
      {"s_sub_co_i32", "s_sub_i32"},
      {"s_add_co_ci_u32", "s_addc_u32"},
      {"s_sub_co_ci_u32", "s_subb_u32"},
      {"s_addk_co_i32", "s_addk_i32"},
      {"global_load_ubyte", "global_load_u8"},
      {"global_load_ushort", "global_load_u16"},
      {"global_store_byte", "global_store_b8"},
      {"global_store_short", "global_store_b16"},
  };
  static constexpr std::pair<std::string_view, std::string_view> kParts[] = {
      {"v_dual_", "v_"},
      {"s_cmpk_", "s_cmp_"},
      {"s_andn2_", "s_and_not1_"},
      {"s_orn2_", "s_or_not1_"},
      {"_dwordx16", "_b512"},
      {"_dwordx8", "_b256"},
      {"_dwordx4", "_b128"},
      {"_dwordx3", "_b96"},
      {"_dwordx2", "_b64"},
      {"_dword", "_b32"},
      {"ds_read2st64_", "ds_load_2addr_stride64_"},
      {"ds_read2_", "ds_load_2addr_"},
      {"ds_read_", "ds_load_"},
      {"ds_write2st64_", "ds_store_2addr_stride64_"},
      {"ds_write2_", "ds_store_2addr_"},
      {"ds_write_", "ds_store_"},
  };
  for (const std::string_view suffix : {"_e32", "_e64", "_sdwa"}) {
    if (mnemonic.ends_with(suffix)) mnemonic.remove_suffix(suffix.size());
  }
  std::string name(mnemonic);
  for (const auto& [part, replacement] : kParts) {
    if (const auto at = name.find(part); at != std::string::npos) name.replace(at, part.size(), replacement);
  }
  for (const auto& [other, common] : kNames) {
    if (name == other) return std::string(common);
  }
  return name;
}

// A whole number, decimal or hexadecimal.
bool parse_integer(std::string_view text, std::int64_t& value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  std::uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  value = negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
  return true;
}

bool parse_constant(std::string_view text, Operand& operand) {
  operand.kind = Operand::Kind::kConstant;
  if (std::int64_t value = 0; parse_integer(text, value)) {
    operand.constant32 = static_cast<std::uint32_t>(value);
    operand.constant64 = static_cast<std::uint64_t>(value);
    // Of a double, a literal is the upper half; a small integer is the bits.
    operand.constant_f64 = text.starts_with("0x") ? static_cast<std::uint64_t>(value) << 32 : operand.constant64;
    return true;
  }
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size()) return false;
  operand.constant32 = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  operand.constant64 = operand.constant_f64 = std::bit_cast<std::uint64_t>(value);
  return true;
}

bool parse_register(std::string_view text, Operand& operand) {
  static constexpr std::pair<std::string_view, int> kNames[] = {
      {"vcc", kVcc}, {"vcc_lo", kVcc}, {"vcc_hi", kVcc + 1}, {"null", kNull},
      {"m0", kM0},   {"exec", kExec},  {"exec_lo", kExec},   {"exec_hi", kExec + 1},
  };
  operand.kind = Operand::Kind::kScalar;
  for (const auto& [name, index] : kNames) {
    if (text != name) continue;
    operand.index = static_cast<std::uint16_t>(index);
    return true;
  }
  int base = 0;
  if (text.starts_with("ttmp")) {
    base = kTrap;
    text.remove_prefix(4);
  } else if (text.starts_with('v') || text.starts_with('a')) {
    operand.kind = Operand::Kind::kVector;
    base = text.starts_with('a') ? kAccumulation : 0;
    text.remove_prefix(1);
  } else if (text.starts_with('s')) {
    text.remove_prefix(1);
  } else {
    return false;
  }
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.find(':') - 1);
  std::int64_t index = 0;
  if (!parse_integer(text, index) || index < 0 || index >= 256) return false;
  operand.index = static_cast<std::uint16_t>(base + index);
  return true;
}

Operand parse_operand(std::string_view text, std::string_view line) {
  Operand operand;
  if (text == "off") return operand;
  if (parse_constant(text, operand)) return operand;
  operand = {};
  if (text.starts_with('-')) {
    operand.flip = 0x80000000u;
    text.remove_prefix(1);
  }
  if (text.starts_with('|') && text.ends_with('|')) {
    operand.keep = 0x7fffffffu;
    text = text.substr(1, text.size() - 2);
  }
  if (text.starts_with("sext(") && text.ends_with(')')) {
    operand.part_signed = true;
    text = text.substr(5, text.size() - 6);
  }
  if (!parse_register(text, operand)) refuse(line, fmt::format("what is {}?", text));
  return operand;
}

void parse_part(std::string_view part, Operand& operand, std::string_view line) {
  if (part == "DWORD") return;
  const bool is_word = part.starts_with("WORD_"), is_byte = part.starts_with("BYTE_");
  if (!is_word && !is_byte) refuse(line, "a part of a register that is not known");
  operand.part_bits = is_word ? 16 : 8;
  operand.part_shift = static_cast<std::uint8_t>((part.back() - '0') * operand.part_bits);
}

// "[1,0,1]" as bits, the first the lowest; those above are those of `others`.
std::uint8_t parse_bits(std::string_view list, std::uint8_t others) {
  std::uint8_t bits = others;
  for (std::size_t i = 0; 2 * i + 1 < list.size(); ++i) {
    const auto bit = static_cast<std::uint8_t>(1u << i);
    bits = static_cast<std::uint8_t>(list[2 * i + 1] == '1' ? bits | bit : bits & ~bit);
  }
  return bits;
}

void parse_modifier(std::string_view modifier, Instruction& instruction, std::string_view line) {
  std::string_view value = modifier;
  const std::string_view name = take(value, ":");
  std::int64_t number = 0;
  if (name == "offset" || name == "offset0" || name == "offset1") {
    if (!parse_integer(value, number)) refuse(line, "an offset that is not known");
    instruction.offset[name == "offset1" ? 1 : 0] = static_cast<int>(number);
  } else if (name == "clamp") {
    instruction.clamp = true;
  } else if (name == "op_sel") {
    instruction.op_sel = parse_bits(value, 0);
  } else if (name == "op_sel_hi") {
    instruction.op_sel_hi = parse_bits(value, 0xff);
  } else if (name == "neg_lo") {
    instruction.neg_lo = parse_bits(value, 0);
  } else if (name == "neg_hi") {
    instruction.neg_hi = parse_bits(value, 0);
  } else if (name == "src0_sel" || name == "src1_sel") {
    parse_part(value, instruction.operands[name == "src0_sel" ? 1 : 2], line);
  } else if (modifier != "dst_sel:DWORD" && modifier != "dst_unused:UNUSED_PAD" && name != "scope" && name != "th" &&
             name != "glc" && name != "slc" && name != "dlc" && name != "sc0" && name != "sc1" && name != "nt") {
    refuse(line, fmt::format("{} is not imitated", modifier));
  }
}

// Those with a constant of 16 bits, which is signed.
bool has_short_constant(std::string_view mnemonic) {
  return mnemonic.starts_with("s_") && (mnemonic.ends_with("k_i32") || mnemonic.ends_with("k_co_i32") ||
                                        (mnemonic.starts_with("s_cmpk_") && mnemonic.ends_with("_i32")));
}

}  // namespace

Instruction parse_instruction(std::string_view text) {
  std::string_view rest = text;
  const std::string_view mnemonic = take(rest, " ");
  const std::string name = common_name(mnemonic);
  Instruction instruction;
  instruction.text = text;
  instruction.operation = control_operation(name);
  if (instruction.operation != nullptr) return instruction;
  if ((instruction.operation = scalar_operation(name)) != nullptr) {
    instruction.unit = Unit::kScalar;
  } else if ((instruction.operation = vector_operation(name)) != nullptr) {
    instruction.unit = name.starts_with("v_wmma_") || name.starts_with("v_mfma_") ? Unit::kMatrix : Unit::kVector;
  } else if ((instruction.operation = memory_operation(name)) != nullptr) {
    instruction.unit = name.starts_with("ds_") ? Unit::kShared : name.starts_with("s_") ? Unit::kScalar : Unit::kGlobal;
  } else {
    refuse(text, "it is not imitated");
  }

  std::string_view modifiers;
  while (!rest.empty()) {
    std::string_view piece = take(rest, ", ");
    const std::string_view operand = take(piece, " ");
    if (instruction.operand_count == 6) refuse(text, "too many operands");
    instruction.operands[static_cast<std::size_t>(instruction.operand_count++)] = parse_operand(operand, text);
    modifiers = piece;
  }
  if (name.starts_with("v_fmac_") || name.starts_with("v_mac_") || name.starts_with("s_fmac_")) {
    instruction.operands[static_cast<std::size_t>(instruction.operand_count++)] = instruction.operands[0];
  }
  if (has_short_constant(mnemonic)) {
    Operand& constant = instruction.operands[1];
    constant.constant32 = static_cast<std::uint32_t>(static_cast<std::int16_t>(constant.constant32));
  }
  while (!modifiers.empty()) parse_modifier(take(modifiers, " "), instruction, text);
  return instruction;
}

}  // namespace hearth::amd
