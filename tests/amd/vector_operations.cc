// What the vector instructions do, a lane at a time.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "amd/operand.h"
#include "formats/float16.h"

namespace hearth::amd {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Forms of instructions

// d = f(sources…)
template <auto kFunction>
void map(Wave& wave, const Instruction& instruction) {
  if (instruction.clamp) fail(wave, instruction, "clamp is not imitated here");
  const auto values = call<kFunction>(wave, instruction, 1, wave.program->wave_size);
  for_active_lanes(
      wave, [&](int lane) { write(wave, instruction.operands[0], lane, values[static_cast<std::size_t>(lane)]); });
}

// A scalar register gets a bit for each active lane, and zeros for the others.
template <auto kFunction>
u64 bits_of(const Wave& wave, const Instruction& instruction, std::size_t first) {
  const auto values = call<kFunction>(wave, instruction, first, wave.program->wave_size);
  u64 bits = 0;
  for (std::size_t lane = 0; lane < static_cast<std::size_t>(wave.program->wave_size); ++lane) {
    bits |= u64{values[lane]} << lane;
  }
  return bits & wave.exec();
}
template <auto kFunction>
void compare(Wave& wave, const Instruction& instruction) {
  write_mask(wave, instruction.operands[0], bits_of<kFunction>(wave, instruction, 1));
}
template <auto kFunction>
void compare_exec(Wave& wave, const Instruction& instruction) {
  wave.set_mask(kExec, bits_of<kFunction>(wave, instruction, 0));
}

// d, carries = a + b (+ carries in): the function has 64 bits of room, of which bit 32 is the carry or borrow.
template <auto kFunction>
void carry(Wave& wave, const Instruction& instruction) {
  const u64 carries_in = instruction.operand_count == 5 ? read_mask(wave, instruction.operands[4]) : 0;
  const Source<u32> a(wave, instruction.operands[2]), b(wave, instruction.operands[3]);
  u64 carries = 0;
  for_active_lanes(wave, [&](int lane) {
    const u64 sum = kFunction(u64{a[lane]}, u64{b[lane]}, carries_in >> lane & 1);
    write(wave, instruction.operands[0], lane, static_cast<u32>(sum));
    carries |= (sum >> 32 & 1) << lane;
  });
  write_mask(wave, instruction.operands[1], carries);
}

// d = a - b, where it is asked for no less than zero.
void subtract(Wave& wave, const Instruction& instruction) {
  const Source<u32> a(wave, instruction.operands[1]), b(wave, instruction.operands[2]);
  for_active_lanes(wave, [&](int lane) {
    write(wave, instruction.operands[0], lane, instruction.clamp && a[lane] < b[lane] ? 0 : a[lane] - b[lane]);
  });
}

// d, carries = a * b + c, of which the factors have half the bits.
template <class Half, class Whole>
void multiply_add_wide(Wave& wave, const Instruction& instruction) {
  const Source<Half> a(wave, instruction.operands[2]), b(wave, instruction.operands[3]);
  const Source<u64> c(wave, instruction.operands[4]);
  u64 carries = 0;
  for_active_lanes(wave, [&](int lane) {
    const u64 before = c[lane];
    const u64 sum = static_cast<u64>(Whole{a[lane]} * Whole{b[lane]}) + before;
    write(wave, instruction.operands[0], lane, sum);
    carries |= u64{sum < before} << lane;
  });
  write_mask(wave, instruction.operands[1], carries);
}

// A word of a pair of registers; a constant is the same in both.
u32 word_of(const Wave& wave, const Operand& operand, int lane, int word) {
  if (operand.kind == Operand::Kind::kConstant) return operand.constant32;
  if (operand.kind == Operand::Kind::kVector) return wave.vector[operand.index + word][lane];
  return wave.scalar[static_cast<std::size_t>(operand.index + word)];
}

// Two operations on the halves of pairs of registers, each with the half of each source that it names.
template <auto kFunction>
void packed(Wave& wave, const Instruction& instruction) {
  constexpr int kSources = static_cast<int>(Signature<decltype(+kFunction)>::kArguments);
  for_active_lanes(wave, [&](int lane) {
    u32 result[2];
    for (int half = 0; half < 2; ++half) {
      float source[3] = {};
      for (int i = 0; i < kSources; ++i) {
        const Operand& operand = instruction.operands[static_cast<std::size_t>(i) + 1];
        const int word = (half == 0 ? instruction.op_sel : instruction.op_sel_hi) >> i & 1;
        u32 bits = word_of(wave, operand, lane, word);
        if ((half == 0 ? instruction.neg_lo : instruction.neg_hi) >> i & 1) bits ^= 0x80000000u;
        source[i] = std::bit_cast<float>(bits);
      }
      if constexpr (kSources == 2) result[half] = std::bit_cast<u32>(kFunction(source[0], source[1]));
      if constexpr (kSources == 3) result[half] = std::bit_cast<u32>(kFunction(source[0], source[1], source[2]));
    }
    wave.vector[instruction.operands[0].index][lane] = result[0];
    wave.vector[instruction.operands[0].index + 1][lane] = result[1];
  });
}

void packed_move(Wave& wave, const Instruction& instruction) {
  for_active_lanes(wave, [&](int lane) {
    u32 result[2];
    for (int half = 0; half < 2; ++half) {
      const Operand& operand = instruction.operands[static_cast<std::size_t>(half) + 1];
      result[half] = word_of(wave, operand, lane, instruction.op_sel >> half & 1);
    }
    wave.vector[instruction.operands[0].index][lane] = result[0];
    wave.vector[instruction.operands[0].index + 1][lane] = result[1];
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Arithmetic

template <class T>
T minimum(T a, T b) {
  return -maximum(-a, -b);
}

i32 signed_24(u32 value) {
  return static_cast<i32>(value << 8) >> 8;
}

u32 bit_field(u32 value, u32 offset, u32 width) {
  offset &= 31;
  width &= 31;
  return value >> offset & ((u32{1} << width) - 1);
}
i32 signed_bit_field(u32 value, u32 offset, u32 width) {
  width &= 31;
  if (width == 0) return 0;
  return static_cast<i32>(bit_field(value, offset, width) << (32 - width)) >> (32 - width);
}

u32 permute_bytes(u32 high, u32 low, u32 selectors) {
  const u64 bytes = u64{high} << 32 | low;
  u32 result = 0;
  for (int i = 0; i < 4; ++i) {
    const u32 selector = selectors >> 8 * i & 0xff;
    u32 byte = 0xff;
    if (selector < 8) {
      byte = static_cast<u32>(bytes >> 8 * selector & 0xff);
    } else if (selector < 12) {  // the sign of one of the halves
      byte = bytes >> (16 * (selector - 8) + 15) & 1 ? 0xff : 0;
    } else if (selector == 12) {
      byte = 0;
    }
    result |= byte << 8 * i;
  }
  return result;
}

// The classes of v_cmp_class, a bit each: signalling and quiet NaN, -infinity, -normal, -subnormal, -0, and upwards.
bool is_of_class(float value, u32 classes) {
  const u32 bits = std::bit_cast<u32>(value);
  int number;
  if (std::isnan(value)) {
    number = bits & 0x400000u ? 1 : 0;
  } else {
    const int size = std::isinf(value) ? 0 : std::isnormal(value) ? 1 : value != 0 ? 2 : 3;
    number = std::signbit(value) ? 2 + size : 9 - size;
  }
  return classes >> number & 1;
}

// Exponents as the division's steps see them.
template <class T>
int exponent_of(T value) {
  if constexpr (sizeof(T) == 4)
    return static_cast<int>(std::bit_cast<u32>(value) >> 23 & 0xff);
  else
    return static_cast<int>(std::bit_cast<u64>(value) >> 52 & 0x7ff);
}
template <class T>
bool is_subnormal(T value) {
  return std::fpclassify(value) == FP_SUBNORMAL;
}
template <class T>
inline constexpr int kScale = sizeof(T) == 4 ? 64 : 128;

// d, flags = the first source, scaled where the quotient of the third and the second would leave the range.
template <class T>
void div_scale(Wave& wave, const Instruction& instruction) {
  constexpr int kFar = sizeof(T) == 4 ? 96 : 768, kTiny = sizeof(T) == 4 ? 23 : 53;
  u64 flags = 0;
  for_active_lanes(wave, [&](int lane) {
    const T scaled = read<T>(wave, instruction.operands[2], lane);
    const T denominator = read<T>(wave, instruction.operands[3], lane);
    const T numerator = read<T>(wave, instruction.operands[4], lane);
    const bool is_denominator = std::memcmp(&scaled, &denominator, sizeof(T)) == 0;
    const bool is_numerator = std::memcmp(&scaled, &numerator, sizeof(T)) == 0;
    T result = scaled;
    bool flag = false;
    if (numerator == 0 || denominator == 0) {
      result = std::numeric_limits<T>::quiet_NaN();
    } else if (exponent_of(numerator) - exponent_of(denominator) >= kFar) {
      flag = true;
      if (is_denominator) result = std::ldexp(scaled, kScale<T>);
    } else if (is_subnormal(denominator)) {
      result = std::ldexp(scaled, kScale<T>);
    } else if (is_subnormal(1.0 / denominator) && is_subnormal(numerator / denominator)) {
      flag = true;
      if (is_denominator) result = std::ldexp(scaled, -kScale<T>);
    } else if (is_subnormal(1.0 / denominator)) {
      result = std::ldexp(scaled, -kScale<T>);
    } else if (is_subnormal(numerator / denominator)) {
      flag = true;
      if (is_numerator) result = std::ldexp(scaled, kScale<T>);
    } else if (exponent_of(numerator) <= kTiny) {
      result = std::ldexp(scaled, kScale<T>);
    }
    write(wave, instruction.operands[0], lane, result);
    flags |= u64{flag} << lane;
  });
  write_mask(wave, instruction.operands[1], flags);
}

template <class T>
void div_fmas(Wave& wave, const Instruction& instruction) {
  const u64 flags = wave.mask(kVcc);
  for_active_lanes(wave, [&](int lane) {
    const T c = read<T>(wave, instruction.operands[3], lane);
    T result = std::fma(read<T>(wave, instruction.operands[1], lane), read<T>(wave, instruction.operands[2], lane), c);
    constexpr int kBias = sizeof(T) == 4 ? 127 : 1023;
    if (flags >> lane & 1) result = std::ldexp(result, exponent_of(c) > kBias ? kScale<T> : -kScale<T>);
    write(wave, instruction.operands[0], lane, result);
  });
}

template <class T>
T div_fixup(T quotient, T denominator, T numerator) {
  const T sign = std::signbit(numerator) != std::signbit(denominator) ? T{-1} : T{1};
  const T infinity = std::numeric_limits<T>::infinity();
  if (std::isnan(numerator)) return numerator;
  if (std::isnan(denominator)) return denominator;
  if ((numerator == 0 && denominator == 0) || (std::isinf(numerator) && std::isinf(denominator))) {
    return -std::numeric_limits<T>::quiet_NaN();
  }
  if (denominator == 0 || std::isinf(numerator)) return sign * infinity;
  if (std::isinf(denominator) || numerator == 0) return sign * T{0};
  if (exponent_of(numerator) - exponent_of(denominator) < (sizeof(T) == 4 ? -150 : -1075)) return sign * T{0};
  if (std::isnan(quotient)) return sign * infinity;  // of steps that left the range upwards
  return std::copysign(quotient, sign);
}

// ---------------------------------------------------------------------------------------------------------------------
// Across lanes

void read_first_lane(Wave& wave, const Instruction& instruction) {
  const u64 exec = wave.exec();
  const int lane = exec == 0 ? 0 : std::countr_zero(exec);
  write_scalar(wave, instruction.operands[0], read<u32>(wave, instruction.operands[1], lane));
}

// Each lane gets the value of a lane of the other sixteen of its 32, which a nibble of the selectors names.
void permute_other_half(Wave& wave, const Instruction& instruction) {
  const u64 selectors =
      u64{read<u32>(wave, instruction.operands[3], 0)} << 32 | read<u32>(wave, instruction.operands[2], 0);
  const Source<u32> source(wave, instruction.operands[1]);
  const u64 exec = wave.exec();
  u32 values[kLanesMax] = {};
  for_active_lanes(wave, [&](int lane) {
    const int from = (lane ^ 16) / 16 * 16 + static_cast<int>(selectors >> 4 * (lane % 16) & 15);
    if ((exec >> from & 1) == 0) fail(wave, instruction, "it reads a lane that is not active");
    values[lane] = source[from];
  });
  for_active_lanes(wave, [&](int lane) { write(wave, instruction.operands[0], lane, values[lane]); });
}

// Lanes below this one of which the mask has a bit.
template <int kFirst>
void count_bits_below(Wave& wave, const Instruction& instruction) {
  for_active_lanes(wave, [&](int lane) {
    const int below = std::clamp(lane - kFirst, 0, 32);
    const u32 lanes = below == 32 ? ~u32{0} : (u32{1} << below) - 1;
    const int count = std::popcount(read<u32>(wave, instruction.operands[1], lane) & lanes);
    write(wave, instruction.operands[0], lane,
          static_cast<u32>(count) + read<u32>(wave, instruction.operands[2], lane));
  });
}

void choose(Wave& wave, const Instruction& instruction) {
  const u64 mask = instruction.operand_count == 4 ? read_mask(wave, instruction.operands[3]) : wave.mask(kVcc);
  const Source<u32> otherwise(wave, instruction.operands[1]), chosen(wave, instruction.operands[2]);
  for_active_lanes(wave, [&](int lane) {
    write(wave, instruction.operands[0], lane, mask >> lane & 1 ? chosen[lane] : otherwise[lane]);
  });
}

// d[16][16] = a[16][16] * b[16][16] + c. Which lane and register has which element is the GPU's; the sum over k is
// kept exactly enough that one rounding is all that the result has.
template <class ElementOf, class RowOf>
void multiply_matrices(Wave& wave, const Instruction& instruction, int registers, ElementOf element_of, RowOf row_of) {
  const auto& [d, a, b, c] =
      std::tie(instruction.operands[0], instruction.operands[1], instruction.operands[2], instruction.operands[3]);
  float left[16][16], right[16][16];
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 16; ++k) {
      const auto element = element_of(row, k);
      const auto value = [&](const Operand& operand) {
        const auto [lane, half] = element;
        const u32 word = wave.vector[operand.index + half / 2][lane];
        return std::bit_cast<float>(half % 2 ? word & 0xffff0000u : word << 16);
      };
      left[row][k] = value(a);
      right[row][k] = value(b);
    }
  }
  float result[8][kLanesMax];
  for (int r = 0; r < registers; ++r) {
    for (int lane = 0; lane < wave.program->wave_size; ++lane) {
      const int row = row_of(r, lane), column = lane % 16;
      double sum = c.kind == Operand::Kind::kConstant ? std::bit_cast<float>(c.constant32)
                                                      : std::bit_cast<float>(wave.vector[c.index + r][lane]);
      for (int k = 0; k < 16; ++k) sum += double{left[row][k]} * double{right[column][k]};
      result[r][lane] = static_cast<float>(sum);
    }
  }
  for (int r = 0; r < registers; ++r) {
    for (int lane = 0; lane < wave.program->wave_size; ++lane) {
      wave.vector[d.index + r][lane] = std::bit_cast<u32>(result[r][lane]);
    }
  }
}

void wmma_bf16(Wave& wave, const Instruction& instruction) {
  struct Place {
    int lane, half;
  };
  if (wave.program->is_gfx12) {
    multiply_matrices(
        wave, instruction, 8,
        [](int row, int k) {
          return Place{row + 16 * (k / 8), k % 8};
        },
        [](int r, int lane) { return r + 8 * (lane / 16); });
    return;
  }
  // The upper lanes must repeat the lower ones.
  for (const Operand* operand : {&instruction.operands[1], &instruction.operands[2]}) {
    for (int r = 0; r < 8; ++r) {
      const u32* words = wave.vector[operand->index + r];
      if (!std::equal(words, words + 16, words + 16)) fail(wave, instruction, "the halves of the wave differ");
    }
  }
  multiply_matrices(
      wave, instruction, 8,
      [](int row, int k) {
        return Place{row, k};
      },
      [](int r, int lane) { return 2 * r + lane / 16; });
}

void mfma_bf16(Wave& wave, const Instruction& instruction) {
  struct Place {
    int lane, half;
  };
  multiply_matrices(
      wave, instruction, 4,
      [](int row, int k) {
        return Place{row + 16 * (k / 4), k % 4};
      },
      [](int r, int lane) { return 4 * (lane / 16) + r; });
}

// ---------------------------------------------------------------------------------------------------------------------
// Names

using Table = std::unordered_map<std::string, Operation>;

template <class T>
void add_compares(Table& table, const std::string& type) {
  const auto add = [&]<auto kFunction>(const char* name) {
    table["v_cmp_" + (name + ("_" + type))] = compare<kFunction>;
    table["v_cmpx_" + (name + ("_" + type))] = compare_exec<kFunction>;
  };
  add.template operator()<[](T a, T b) { return a < b; }>("lt");
  add.template operator()<[](T a, T b) { return a == b; }>("eq");
  add.template operator()<[](T a, T b) { return a <= b; }>("le");
  add.template operator()<[](T a, T b) { return (a > b); }>("gt");
  add.template operator()<[](T a, T b) { return (a >= b); }>("ge");
  if constexpr (std::is_floating_point_v<T>) {
    add.template operator()<[](T a, T b) { return (a < b || a > b); }>("lg");
    add.template operator()<[](T a, T b) { return !std::isnan(a) && !std::isnan(b); }>("o");
    add.template operator()<[](T a, T b) { return std::isnan(a) || std::isnan(b); }>("u");
    add.template operator()<[](T a, T b) { return (!(a >= b)); }>("nge");
    add.template operator()<[](T a, T b) { return (!(a < b || a > b)); }>("nlg");
    add.template operator()<[](T a, T b) { return (!(a > b)); }>("ngt");
    add.template operator()<[](T a, T b) { return !(a <= b); }>("nle");
    add.template operator()<[](T a, T b) { return !(a == b); }>("neq");
    add.template operator()<[](T a, T b) { return !(a < b); }>("nlt");
  } else {
    add.template operator()<[](T a, T b) { return a != b; }>("ne");
  }
}

void add_bit_operations(Table& table) {
  table.insert({
      {"v_mov_b32", map<[](u32 a) { return a; }>},
      {"v_mov_b64", map<[](u64 a) { return a; }>},
      {"v_accvgpr_read_b32", map<[](u32 a) { return a; }>},
      {"v_accvgpr_write_b32", map<[](u32 a) { return a; }>},
      {"v_accvgpr_mov_b32", map<[](u32 a) { return a; }>},
      {"v_not_b32", map<[](u32 a) { return ~a; }>},
      {"v_bfrev_b32", map<reverse_bits>},
      {"v_and_b32", map<[](u32 a, u32 b) { return a & b; }>},
      {"v_or_b32", map<[](u32 a, u32 b) { return a | b; }>},
      {"v_xor_b32", map<[](u32 a, u32 b) { return a ^ b; }>},
      {"v_or3_b32", map<[](u32 a, u32 b, u32 c) { return a | b | c; }>},
      {"v_xor3_b32", map<[](u32 a, u32 b, u32 c) { return a ^ b ^ c; }>},
      {"v_and_or_b32", map<[](u32 a, u32 b, u32 c) { return (a & b) | c; }>},
      {"v_bfi_b32", map<[](u32 a, u32 b, u32 c) { return (a & b) | (~a & c); }>},
      {"v_bfe_u32", map<bit_field>},
      {"v_bfe_i32", map<signed_bit_field>},
      {"v_perm_b32", map<permute_bytes>},
      {"v_alignbit_b32", map<[](u32 a, u32 b, u32 c) { return static_cast<u32>((u64{a} << 32 | b) >> (c & 31)); }>},
      {"v_lshlrev_b32", map<[](u32 a, u32 b) { return b << (a & 31); }>},
      {"v_lshrrev_b32", map<[](u32 a, u32 b) { return (b >> (a & 31)); }>},
      {"v_ashrrev_i32", map<[](u32 a, i32 b) { return (b >> (a & 31)); }>},
      {"v_lshlrev_b64", map<[](u32 a, u64 b) { return b << (a & 63); }>},
      {"v_lshrrev_b64", map<[](u32 a, u64 b) { return (b >> (a & 63)); }>},
      {"v_ashrrev_i64", map<[](u32 a, i64 b) { return (b >> (a & 63)); }>},
      {"v_lshlrev_b16", map<[](u16 a, u16 b) { return static_cast<u16>(b << (a & 15)); }>},
      {"v_lshrrev_b16", map<[](u16 a, u16 b) { return (static_cast<u16>(b >> (a & 15))); }>},
      {"v_ashrrev_i16", map<[](u16 a, i16 b) { return (static_cast<u16>(b >> (a & 15))); }>},
      {"v_lshl_or_b32", map<[](u32 a, u32 b, u32 c) { return (a << (b & 31)) | c; }>},
      {"v_lshl_add_u32", map<[](u32 a, u32 b, u32 c) { return (a << (b & 31)) + c; }>},
      {"v_lshl_add_u64", map<[](u64 a, u32 b, u64 c) { return (a << (b & 7)) + c; }>},
      {"v_add_lshl_u32", map<[](u32 a, u32 b, u32 c) { return (a + b) << (c & 31); }>},
      {"v_xad_u32", map<[](u32 a, u32 b, u32 c) { return (a ^ b) + c; }>},
  });
}

void add_integer_operations(Table& table) {
  table.insert({
      {"v_add_nc_u32", map<[](u32 a, u32 b) { return a + b; }>},
      {"v_sub_nc_u32", subtract},
      {"v_subrev_nc_u32", map<[](u32 a, u32 b) { return b - a; }>},
      {"v_add3_u32", map<[](u32 a, u32 b, u32 c) { return a + b + c; }>},
      {"v_add_nc_u16", map<[](u16 a, u16 b) { return static_cast<u16>(a + b); }>},
      {"v_sub_nc_u16", map<[](u16 a, u16 b) { return static_cast<u16>(a - b); }>},
      {"v_mul_lo_u16", map<[](u16 a, u16 b) { return static_cast<u16>(u32{a} * b); }>},
      {"v_add_co_u32", carry<[](u64 a, u64 b, u64) { return a + b; }>},
      {"v_sub_co_u32", carry<[](u64 a, u64 b, u64) { return a - b; }>},
      {"v_subrev_co_u32", carry<[](u64 a, u64 b, u64) { return b - a; }>},
      {"v_add_co_ci_u32", carry<[](u64 a, u64 b, u64 c) { return a + b + c; }>},
      {"v_sub_co_ci_u32", carry<[](u64 a, u64 b, u64 c) { return a - b - c; }>},
      {"v_subrev_co_ci_u32", carry<[](u64 a, u64 b, u64 c) { return b - a - c; }>},
      {"v_mul_lo_u32", map<[](u32 a, u32 b) { return a * b; }>},
      {"v_mul_hi_u32", map<[](u32 a, u32 b) { return static_cast<u32>(u64{a} * b >> 32); }>},
      {"v_mul_hi_i32", map<[](i32 a, i32 b) { return static_cast<i32>(i64{a} * b >> 32); }>},
      {"v_mul_u32_u24", map<[](u32 a, u32 b) { return (a & 0xffffff) * (b & 0xffffff); }>},
      {"v_mul_i32_i24", map<[](u32 a, u32 b) { return static_cast<u32>(i64{signed_24(a)} * signed_24(b)); }>},
      {"v_mad_u32_u24", map<[](u32 a, u32 b, u32 c) { return (a & 0xffffff) * (b & 0xffffff) + c; }>},
      {"v_mad_i32_i24",
       map<[](u32 a, u32 b, u32 c) { return static_cast<u32>(i64{signed_24(a)} * signed_24(b)) + c; }>},
      {"v_mad_u64_u32", multiply_add_wide<u32, u64>},
      {"v_mad_i64_i32", multiply_add_wide<i32, i64>},
      {"v_min_i32", map<[](i32 a, i32 b) { return std::min(a, b); }>},
      {"v_max_i32", map<[](i32 a, i32 b) { return std::max(a, b); }>},
      {"v_min_u32", map<[](u32 a, u32 b) { return std::min(a, b); }>},
      {"v_max_u32", map<[](u32 a, u32 b) { return std::max(a, b); }>},
      {"v_med3_i32", map<[](i32 a, i32 b, i32 c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); }>},
  });
}

void add_float_operations(Table& table) {
  table.insert({
      {"v_add_f32", map<[](float a, float b) { return a + b; }>},
      {"v_sub_f32", map<[](float a, float b) { return a - b; }>},
      {"v_subrev_f32", map<[](float a, float b) { return b - a; }>},
      {"v_mul_f32", map<[](float a, float b) { return a * b; }>},
      {"v_fma_f32", map<[](float a, float b, float c) { return std::fma(a, b, c); }>},
      {"v_fmac_f32", map<[](float a, float b, float d) { return std::fma(a, b, d); }>},
      {"v_mac_f32", map<[](float a, float b, float d) { return a * b + d; }>},
      {"v_fmaak_f32", map<[](float a, float b, float k) { return std::fma(a, b, k); }>},
      {"v_fmamk_f32", map<[](float a, float k, float b) { return std::fma(a, k, b); }>},
      {"v_madmk_f32", map<[](float a, float k, float b) { return a * k + b; }>},
      {"v_max_f32", map<maximum<float>>},
      {"v_min_f32", map<minimum<float>>},
      {"v_max3_f32", map<[](float a, float b, float c) { return maximum(maximum(a, b), c); }>},
      {"v_trunc_f32", map<[](float a) { return std::trunc(a); }>},
      {"v_exp_f32", map<[](float a) { return std::exp2(a); }>},
      {"v_log_f32", map<[](float a) { return std::log2(a); }>},
      {"v_rcp_f32", map<[](float a) { return 1.0f / a; }>},
      {"v_rcp_iflag_f32", map<[](float a) { return 1.0f / a; }>},
      {"v_rsq_f32", map<[](float a) { return 1.0f / std::sqrt(a); }>},
      {"v_sqrt_f32", map<[](float a) { return std::sqrt(a); }>},
      {"v_add_f64", map<[](double a, double b) { return a + b; }>},
      {"v_mul_f64", map<[](double a, double b) { return a * b; }>},
      {"v_fma_f64", map<[](double a, double b, double c) { return std::fma(a, b, c); }>},
      {"v_fmac_f64", map<[](double a, double b, double d) { return std::fma(a, b, d); }>},
      {"v_rcp_f64", map<[](double a) { return 1.0 / a; }>},
      {"v_ldexp_f64", map<[](double a, i32 b) { return std::ldexp(a, b); }>},
      {"v_trunc_f64", map<[](double a) { return std::trunc(a); }>},
      {"v_floor_f64", map<[](double a) { return std::floor(a); }>},
      {"v_div_scale_f32", div_scale<float>},
      {"v_div_scale_f64", div_scale<double>},
      {"v_div_fmas_f32", div_fmas<float>},
      {"v_div_fmas_f64", div_fmas<double>},
      {"v_div_fixup_f32", map<div_fixup<float>>},
      {"v_div_fixup_f64", map<div_fixup<double>>},
      {"v_pk_add_f32", packed<[](float a, float b) { return a + b; }>},
      {"v_pk_mul_f32", packed<[](float a, float b) { return a * b; }>},
      {"v_pk_fma_f32", packed<[](float a, float b, float c) { return std::fma(a, b, c); }>},
      {"v_pk_mov_b32", packed_move},
  });
}

void add_conversions(Table& table) {
  table.insert({
      {"v_cvt_f32_i32", map<[](i32 a) { return static_cast<float>(a); }>},
      {"v_cvt_f32_u32", map<[](u32 a) { return static_cast<float>(a); }>},
      {"v_cvt_f32_ubyte0", map<[](u32 a) { return static_cast<float>(a & 0xff); }>},
      {"v_cvt_f32_ubyte1", map<[](u32 a) { return (static_cast<float>(a >> 8 & 0xff)); }>},
      {"v_cvt_f32_ubyte2", map<[](u32 a) { return (static_cast<float>(a >> 16 & 0xff)); }>},
      {"v_cvt_f32_ubyte3", map<[](u32 a) { return (static_cast<float>(a >> 24)); }>},
      {"v_cvt_f32_f16", map<[](u16 a) { return f16_to_f32(a); }>},
      {"v_cvt_f32_f64", map<[](double a) { return static_cast<float>(a); }>},
      {"v_cvt_f64_f32", map<[](float a) { return static_cast<double>(a); }>},
      {"v_cvt_f64_i32", map<[](i32 a) { return static_cast<double>(a); }>},
      {"v_cvt_f64_u32", map<[](u32 a) { return static_cast<double>(a); }>},
      {"v_cvt_u32_f32", map<convert<u32, float>>},
      {"v_cvt_i32_f32", map<convert<i32, float>>},
      {"v_cvt_u32_f64", map<convert<u32, double>>},
      {"v_cvt_i32_f64", map<convert<i32, double>>},
  });
}

void add_operations_across_lanes(Table& table) {
  table.insert({
      {"v_cndmask_b32", choose},
      {"v_readfirstlane_b32", read_first_lane},
      {"v_permlanex16_b32", permute_other_half},
      {"v_mbcnt_lo_u32_b32", count_bits_below<0>},
      {"v_mbcnt_hi_u32_b32", count_bits_below<32>},
      {"v_cmp_class_f32", compare<is_of_class>},
      {"v_cmpx_class_f32", compare_exec<is_of_class>},
      {"v_wmma_f32_16x16x16_bf16", wmma_bf16},
      {"v_mfma_f32_16x16x16_bf16", mfma_bf16},
      {"v_mfma_f32_16x16x16bf16_1k", mfma_bf16},
  });
}

Table make_table() {
  Table table;
  add_bit_operations(table);
  add_integer_operations(table);
  add_float_operations(table);
  add_conversions(table);
  add_operations_across_lanes(table);
  add_compares<i16>(table, "i16");
  add_compares<u16>(table, "u16");
  add_compares<i32>(table, "i32");
  add_compares<u32>(table, "u32");
  add_compares<i64>(table, "i64");
  add_compares<u64>(table, "u64");
  add_compares<float>(table, "f32");
  add_compares<double>(table, "f64");
  return table;
}

}  // namespace

Operation vector_operation(std::string_view mnemonic) {
  static const Table table = make_table();
  const auto found = table.find(std::string(mnemonic));
  return found == table.end() ? nullptr : found->second;
}

}  // namespace hearth::amd
