// Reading and writing operands as values of C++ types.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "amd/machine.h"

namespace hearth::amd {

using u16 = std::uint16_t;
using i16 = std::int16_t;
using u32 = std::uint32_t;
using i32 = std::int32_t;
using u64 = std::uint64_t;
using i64 = std::int64_t;

// An operand's values, a lane at a time. What kind of operand it is, is decided once.
template <class T>
class Source {
 public:
  Source(const Wave& wave, const Operand& operand)
      : keep_(operand.keep),
        flip_(operand.flip),
        left_(32 - operand.part_shift - operand.part_bits),
        right_(32 - operand.part_bits),
        part_signed_(operand.part_signed) {
    constant_[0] = operand.constant32;
    if constexpr (sizeof(T) == 8) {
      const u64 bits = std::is_floating_point_v<T> ? operand.constant_f64 : operand.constant64;
      constant_[0] = static_cast<u32>(bits);
      constant_[1] = static_cast<u32>(bits >> 32);
    }
    if (operand.kind == Operand::Kind::kVector) {
      low_ = wave.vector[operand.index];
      high_ = low_ + kLanesMax;
      stride_ = 1;
    } else if (operand.kind == Operand::Kind::kScalar) {
      // Only the null register has no upper half that is its own.
      low_ = &wave.scalar[operand.index];
      high_ = operand.index == kNull ? low_ : low_ + 1;
    }
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  T operator[](int lane) const {
    u32 word = low_[lane * stride_];
    if constexpr (sizeof(T) == 8) {
      const u32 high = (high_[lane * stride_] & keep_) ^ flip_;
      return std::bit_cast<T>(word | u64{high} << 32);
    } else {
      word <<= left_;
      word = part_signed_ ? static_cast<u32>(static_cast<i32>(word) >> right_) : word >> right_;
      constexpr int kSignMoves = 32 - 8 * static_cast<int>(sizeof(T));  // the modifiers are those of 32 bits
      word = (word & keep_ >> kSignMoves) ^ flip_ >> kSignMoves;
      if constexpr (sizeof(T) == 4)
        return std::bit_cast<T>(word);
      else
        return static_cast<T>(word);
    }
  }

 private:
  u32 constant_[2] = {};
  const u32* low_ = &constant_[0];
  const u32* high_ = &constant_[1];
  int stride_ = 0;
  u32 keep_, flip_;
  int left_, right_;
  bool part_signed_;
};

// One lane's value.
template <class T>
T read(const Wave& wave, const Operand& operand, int lane) {
  return Source<T>(wave, operand)[lane];
}

// Writes a lane of a vector register. Values of 16 bits leave or zero the upper half, as the GPU does.
template <class T>
void write(Wave& wave, const Operand& operand, int lane, T value) {
  u32& low = wave.vector[operand.index][lane];
  if constexpr (sizeof(T) == 8) {
    const auto bits = std::bit_cast<u64>(value);
    low = static_cast<u32>(bits);
    wave.vector[operand.index + 1][lane] = static_cast<u32>(bits >> 32);
  } else if constexpr (sizeof(T) == 4) {
    low = std::bit_cast<u32>(value);
  } else {
    static_assert(sizeof(T) == 2);
    const u32 half = std::bit_cast<u16>(value);
    low = wave.program->zeroes_high_halves ? half : (low & 0xffff0000u) | half;
  }
}

// A scalar register; what is written to the null register is dropped.
template <class T>
void write_scalar(Wave& wave, const Operand& operand, T value) {
  if (operand.index == kNull) return;
  if constexpr (sizeof(T) == 8) {
    wave.set_scalar64(operand.index, std::bit_cast<u64>(value));
  } else {
    wave.scalar[operand.index] = std::bit_cast<u32>(value);
  }
}

inline u64 read_mask(const Wave& wave, const Operand& operand) {
  if (operand.kind == Operand::Kind::kConstant) return operand.constant64;
  return operand.index == kNull ? 0 : wave.mask(operand.index);
}

inline void write_mask(Wave& wave, const Operand& operand, u64 mask) {
  if (operand.index != kNull) wave.set_mask(operand.index, mask);
}

// Calls function(lane) for each active lane, in order.
template <class Function>
void for_active_lanes(const Wave& wave, Function function) {
  const u64 exec = wave.exec();
  for (int lane = 0; lane < wave.program->wave_size; ++lane) {
    if (exec >> lane & 1) function(lane);
  }
}

// The types of a function's result and arguments.
template <class Function>
struct Signature;
template <class R, class... Args>
struct Signature<R (*)(Args...)> {
  using Result = R;
  static constexpr std::size_t kArguments = sizeof...(Args);
  // function(operand first, operand first + 1, …) for the lanes before `lanes`, whether they are active or not.
  template <auto kFunction, std::size_t... i>
  static void call(const Wave& wave, const Instruction& instruction, std::size_t first, int lanes, R* results,
                   std::index_sequence<i...>) {
    const std::tuple<Source<Args>...> sources{SourceOf{wave, instruction.operands[first + i]}...};
    for (int lane = 0; lane < lanes; ++lane) results[lane] = kFunction(std::get<i>(sources)[lane]...);
  }

 private:
  // Sources are made where they stay.
  struct SourceOf {
    const Wave& wave;
    const Operand& operand;
    template <class T>
    operator Source<T>() const {
      return Source<T>(wave, operand);
    }
  };
};

// Calls a function with as many operands, from `first` on, as it has arguments, in each of a wave's lanes.
template <auto kFunction>
auto call(const Wave& wave, const Instruction& instruction, std::size_t first, int lanes) {
  using S = Signature<decltype(+kFunction)>;
  std::array<typename S::Result, kLanesMax> results;
  S::template call<kFunction>(wave, instruction, first, lanes, results.data(),
                              std::make_index_sequence<S::kArguments>());
  return results;
}

// The same of the scalar registers.
template <auto kFunction>
auto call_scalar(const Wave& wave, const Instruction& instruction, std::size_t first) {
  return call<kFunction>(wave, instruction, first, 1)[0];
}

// Towards zero, and to the ends of the range; NaN is zero.
template <class To, class From>
To convert(From value) {
  if (std::isnan(value)) return 0;
  if (value <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  if (value >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  return static_cast<To>(value);
}

// A number where one of the two is NaN.
template <class T>
T maximum(T a, T b) {
  if (std::isnan(a)) return b;
  if (std::isnan(b)) return a;
  return a > b || (a == b && !std::signbit(a)) ? a : b;
}

inline u32 reverse_bits(u32 value) {
  u32 result = 0;
  for (int i = 0; i < 32; ++i) result |= (value >> i & 1) << (31 - i);
  return result;
}

// Operations by their mnemonics.
using OperationTable = std::unordered_map<std::string_view, Operation>;

inline Operation find(const OperationTable& table, std::string_view mnemonic) {
  const auto found = table.find(mnemonic);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace hearth::amd
