#include "weights/quantized_matrix.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "formats/group_fp8.h"
#include "formats/group_int4.h"
#include "formats/group_int8.h"
#include "formats/mxfp6.h"

namespace hearth {
namespace {

constexpr std::int64_t kBlock = 32;  // of the formats that matrices become

std::uint32_t word_at(const IntegerTensor& tensor, std::int64_t index) {
  std::uint32_t word;
  std::memcpy(&word, tensor.bytes.data() + 4 * index, sizeof word);
  return word;
}

float number_at(const WeightEntry& tensor, std::int64_t index) {
  const FormatTraits& format = traits(tensor.format);
  float value;
  format.decode_f32(tensor.bytes.data() + index * format.block_bytes, &value, 1);
  return value;
}

std::int64_t ceil_divide(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

Refusal no_whole_blocks(std::int64_t columns, std::string_view of) {
  return {fmt::format("{} of {} columns are not whole blocks of {}", of, columns, kBlock)};
}

// Scales of a matrix [n, k], one for each `rows` x `columns` of it.
struct ScaleGrid {
  WeightEntry scales;
  std::int64_t rows, columns, stride;

  float at(std::int64_t row, std::int64_t column) const {
    return number_at(scales, row / rows * stride + column / columns);
  }
};

std::optional<ScaleGrid> scale_grid(const WeightEntry& scales, std::int64_t n, std::int64_t k, std::int64_t block_rows,
                                    std::int64_t block_columns) {
  const std::int64_t count = scales.shape.element_count();
  if (count == 1) return ScaleGrid{scales, n, k, 1};
  if (count == n && scales.shape[0] == n) return ScaleGrid{scales, 1, k, 1};
  if (scales.shape.rank() != 2) return std::nullopt;
  const std::int64_t rows = scales.shape[0], columns = scales.shape[1];
  if (columns == 0 || rows == 0) return std::nullopt;
  if (rows == n && k % columns == 0) return ScaleGrid{scales, 1, k / columns, columns};
  if (block_rows <= 0 || block_columns <= 0) return std::nullopt;
  if (rows != ceil_divide(n, block_rows) || columns != ceil_divide(k, block_columns)) return std::nullopt;
  return ScaleGrid{scales, block_rows, block_columns, columns};
}

// Integers that share out the bits of 32-bit words, the first in the lowest.
struct PackedIntegers {
  IntegerTensor words;
  int bits;

  int per_word() const { return 32 / bits; }
  unsigned mask() const { return (1u << bits) - 1; }
  // Number `place` of the word.
  unsigned at(std::int64_t word, std::int64_t place) const {
    return word_at(words, word) >> (bits * static_cast<int>(place)) & mask();
  }
};

// Each of these has, for a place of the matrix [n, k], a code, and the scale and zero point of its group.
struct AwqWeights {
  PackedIntegers codes, zeros;
  WeightEntry scales;
  std::int64_t n, group;

  // Which eighth of a word an output has: even ones first.
  static std::int64_t place(std::int64_t row) { return row % 8 / 2 + row % 2 * 4; }
  unsigned code(std::int64_t row, std::int64_t column) const {
    return codes.at(column * (n / 8) + row / 8, place(row));
  }
  unsigned zero(std::int64_t row, std::int64_t column) const {
    return zeros.at(column / group * (n / 8) + row / 8, place(row));
  }
  float scale(std::int64_t row, std::int64_t column) const { return number_at(scales, column / group * n + row); }
};

struct GptqWeights {
  PackedIntegers codes, zeros;
  WeightEntry scales;
  std::int64_t n, group;
  unsigned zero_offset;

  unsigned code(std::int64_t row, std::int64_t column) const {
    return codes.at(column / codes.per_word() * n + row, column % codes.per_word());
  }
  unsigned zero(std::int64_t row, std::int64_t column) const {
    const std::int64_t words = n / zeros.per_word();
    const unsigned stored = zeros.at(column / group * words + row / zeros.per_word(), row % zeros.per_word());
    return (stored + zero_offset) & zeros.mask();
  }
  float scale(std::int64_t row, std::int64_t column) const { return number_at(scales, column / group * n + row); }
};

struct PackedWeights {
  PackedIntegers codes, zeros;
  WeightEntry scales;
  std::int64_t k, group;

  unsigned code(std::int64_t row, std::int64_t column) const {
    return codes.at(row * (k / codes.per_word()) + column / codes.per_word(), column % codes.per_word());
  }
  // Both are unsigned: 0 is written as half of the range.
  unsigned zero(std::int64_t row, std::int64_t column) const {
    if (zeros.words.bytes.empty()) return 1u << (codes.bits - 1);
    return zeros.at(row / zeros.per_word() * (k / group) + column / group, row % zeros.per_word());
  }
  float scale(std::int64_t row, std::int64_t column) const {
    return number_at(scales, row * (k / group) + column / group);
  }
};

template <class Weights>
void write_int4(const Weights& weights, std::int64_t row, std::int64_t k, Int4Block* to) {
  for (std::int64_t column = 0; column < k; column += kBlock, ++to) {
    Int4Block block{};
    block.d = weights.scale(row, column);
    block.zero = static_cast<std::uint8_t>(weights.zero(row, column));
    for (int j = 0; j < 16; ++j) {
      block.qs[j] = static_cast<std::uint8_t>(weights.code(row, column + j) | weights.code(row, column + 16 + j) << 4);
    }
    std::memcpy(to, &block, sizeof block);
  }
}

template <class Weights>
void write_int8(const Weights& weights, std::int64_t row, std::int64_t k, Int8Block* to) {
  for (std::int64_t column = 0; column < k; column += kBlock, ++to) {
    Int8Block block{};
    block.d = weights.scale(row, column);
    for (int j = 0; j < kBlock; ++j) {
      block.qs[j] = static_cast<std::int8_t>(static_cast<int>(weights.code(row, column + j)) - 128);
    }
    std::memcpy(to, &block, sizeof block);
  }
}

// 8 bits leave no room for another zero point than the middle.
template <class Weights>
bool all_zeros_are_128(const Weights& weights, std::int64_t n, std::int64_t k, std::int64_t group) {
  for (std::int64_t column = 0; column < k; column += group) {
    for (std::int64_t row = 0; row < n; ++row) {
      if (weights.zero(row, column) != 128) return false;
    }
  }
  return true;
}

template <class Weights>
QuantizedMatrix compose(const Weights& weights, std::int64_t n, std::int64_t k) {
  if (k % kBlock != 0) return no_whole_blocks(k, "rows");
  if (weights.group % kBlock != 0) return no_whole_blocks(weights.group, "groups");
  const bool is_int4 = weights.codes.bits == 4;
  if (!is_int4 && !all_zeros_are_128(weights, n, k, weights.group)) {
    return Refusal{"8 bits with zero points other than 128 are not supported"};
  }
  ComposedMatrix matrix{is_int4 ? Format::kInt4 : Format::kInt8, Shape{n, k}, {}, {}};
  matrix.parts = {weights.codes.words.bytes, weights.zeros.words.bytes, weights.scales.bytes};
  matrix.write = [=](std::int64_t begin, std::int64_t end, std::byte* out) {
    for (std::int64_t row = begin; row < end; ++row) {
      if (is_int4) {
        write_int4(weights, row, k, reinterpret_cast<Int4Block*>(out) + (row - begin) * (k / kBlock));
      } else {
        write_int8(weights, row, k, reinterpret_cast<Int8Block*>(out) + (row - begin) * (k / kBlock));
      }
    }
  };
  return matrix;
}

// Whether input i belongs to group i / group.
bool in_order(const IntegerTensor& g_idx, std::int64_t k, std::int64_t group) {
  if (g_idx.bytes.empty()) return true;
  if (g_idx.shape != Shape{k}) return false;
  for (std::int64_t i = 0; i < k; ++i) {
    if (static_cast<std::int64_t>(word_at(g_idx, i)) != i / group) return false;
  }
  return true;
}

Refusal misshapen(std::string_view tensor, const Shape& shape) {
  return {fmt::format("its {} has the shape {}, which does not fit the others'", tensor, shape.to_string())};
}

const Refusal kOrderedByActivation{"inputs that are grouped by their activations (desc_act) are not supported"};

// Scales [groups, n] of inputs k, and zero points [groups, n / per_word] beside them.
std::optional<Refusal> check_groups(std::int64_t n, std::int64_t k, const WeightEntry& scales,
                                    const PackedIntegers& zeros) {
  if (scales.shape.rank() != 2 || scales.shape[1] != n || scales.shape[0] == 0 || k % scales.shape[0] != 0) {
    return misshapen("scales", scales.shape);
  }
  if (n % zeros.per_word() != 0 || zeros.words.shape != Shape{scales.shape[0], n / zeros.per_word()}) {
    return misshapen("qzeros", zeros.words.shape);
  }
  return std::nullopt;
}

}  // namespace

QuantizedMatrix byte_matrix(bool is_fp8, const IntegerTensor& codes, const WeightEntry& scales, std::int64_t block_rows,
                            std::int64_t block_columns) {
  const std::int64_t n = codes.shape[0], k = codes.shape[1];
  const std::optional<ScaleGrid> found = scale_grid(scales, n, k, block_rows, block_columns);
  if (!found) return misshapen("scale", scales.shape);
  if (k % kBlock != 0) return no_whole_blocks(k, "rows");
  if (found->columns < k && found->columns % kBlock != 0) return no_whole_blocks(found->columns, "groups");
  ComposedMatrix matrix{is_fp8 ? Format::kFp8E4m3 : Format::kInt8, Shape{n, k}, {codes.bytes, scales.bytes}, {}};
  static_assert(sizeof(Fp8Block) == sizeof(Int8Block));
  matrix.write = [codes, k, grid = *found](std::int64_t begin, std::int64_t end, std::byte* out) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t column = 0; column < k; column += kBlock, out += sizeof(Fp8Block)) {
        Fp8Block block;
        block.d = grid.at(row, column);
        std::memcpy(block.codes, codes.bytes.data() + row * k + column, kBlock);
        std::memcpy(out, &block, sizeof block);
      }
    }
  };
  return matrix;
}

QuantizedMatrix mxfp6_matrix(Format format, const IntegerTensor& codes, const IntegerTensor& scales) {
  const std::int64_t n = codes.shape[0], k = codes.shape[1];
  if (k % kBlock != 0) return no_whole_blocks(k, "rows");
  if (scales.shape != Shape{n, k / kBlock}) return misshapen("scales", scales.shape);
  // Both kinds have the same block.
  ComposedMatrix matrix{format, Shape{n, k}, {codes.bytes, scales.bytes}, {}};
  matrix.write = [codes, scales, blocks = k / kBlock](std::int64_t begin, std::int64_t end, std::byte* out) {
    constexpr std::size_t kCodeBytes = sizeof(Mxfp6E2m3Block::codes);
    for (std::int64_t b = begin * blocks; b < end * blocks; ++b) {
      *out = scales.bytes[static_cast<std::size_t>(b)];
      std::memcpy(out + 1, codes.bytes.data() + b * std::int64_t{kCodeBytes}, kCodeBytes);
      out += sizeof(Mxfp6E2m3Block);
    }
  };
  return matrix;
}

QuantizedMatrix ternary_matrix(const IntegerTensor& codes, const WeightEntry& scale, bool divides) {
  const std::int64_t bytes = codes.shape[0], k = codes.shape[1];
  if (k % kBlock != 0) return no_whole_blocks(k, "rows");
  if (scale.shape.element_count() != 1) return misshapen("weight_scale", scale.shape);
  const float stated = number_at(scale, 0);
  if (!std::isfinite(stated) || stated <= 0) return Refusal{fmt::format("its weight_scale is {}", stated)};
  ComposedMatrix matrix{Format::kInt4, Shape{4 * bytes, k}, {codes.bytes, scale.bytes}, {}};
  matrix.write = [codes, bytes, k, d = divides ? 1 / stated : stated](std::int64_t begin, std::int64_t end,
                                                                      std::byte* out) {
    for (std::int64_t row = begin; row < end; ++row) {
      const auto* from = reinterpret_cast<const std::uint8_t*>(codes.bytes.data()) + row % bytes * k;
      const auto code = [shift = 2 * (row / bytes)](std::uint8_t byte) { return (byte >> shift) & 3; };
      for (std::int64_t column = 0; column < k; column += kBlock, out += sizeof(Int4Block)) {
        Int4Block block{};
        block.d = d;
        block.zero = 1;
        for (int j = 0; j < 16; ++j) {
          block.qs[j] = static_cast<std::uint8_t>(code(from[column + j]) | code(from[column + 16 + j]) << 4);
        }
        std::memcpy(out, &block, sizeof block);
      }
    }
  };
  return matrix;
}

QuantizedMatrix awq_matrix(const IntegerTensor& qweight, const IntegerTensor& qzeros, const WeightEntry& scales) {
  if (qweight.shape.rank() != 2) return misshapen("qweight", qweight.shape);
  const std::int64_t k = qweight.shape[0], n = 8 * qweight.shape[1];
  AwqWeights weights{{qweight, 4}, {qzeros, 4}, scales, n, 0};
  if (const auto refusal = check_groups(n, k, scales, weights.zeros)) return *refusal;
  weights.group = k / scales.shape[0];
  return compose(weights, n, k);
}

QuantizedMatrix gptq_matrix(int bits, int zero_offset, const IntegerTensor& qweight, const IntegerTensor& qzeros,
                            const WeightEntry& scales, const IntegerTensor& g_idx) {
  if (qweight.shape.rank() != 2) return misshapen("qweight", qweight.shape);
  const std::int64_t k = 32 / bits * qweight.shape[0], n = qweight.shape[1];
  GptqWeights weights{{qweight, bits}, {qzeros, bits}, scales, n, 0, static_cast<unsigned>(zero_offset)};
  if (const auto refusal = check_groups(n, k, scales, weights.zeros)) return *refusal;
  weights.group = k / scales.shape[0];
  if (!in_order(g_idx, k, weights.group)) return kOrderedByActivation;
  return compose(weights, n, k);
}

QuantizedMatrix packed_matrix(int bits, std::int64_t k, const IntegerTensor& packed, const WeightEntry& scales,
                              const IntegerTensor& zero_points, const IntegerTensor& g_idx) {
  PackedWeights weights{{packed, bits}, {zero_points, bits}, scales, k, k};
  const int per_word = weights.codes.per_word();
  if (packed.shape.rank() != 2 || k <= 0 || packed.shape[1] != ceil_divide(k, per_word)) {
    return misshapen("weight_packed", packed.shape);
  }
  const std::int64_t n = packed.shape[0];
  const std::int64_t groups = scales.shape.rank() == 2 ? scales.shape[1] : 1;
  if (groups == 0 || scales.shape.element_count() != n * groups || k % groups != 0) {
    return misshapen("weight_scale", scales.shape);
  }
  weights.group = k / groups;
  if (!zero_points.bytes.empty() && zero_points.shape != Shape{ceil_divide(n, per_word), groups}) {
    return misshapen("weight_zero_point", zero_points.shape);
  }
  if (!in_order(g_idx, k, weights.group)) return kOrderedByActivation;
  return compose(weights, n, k);
}

}  // namespace hearth
