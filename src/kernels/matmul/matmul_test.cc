// Matmul against its reference: every format in every compute mode that the table has, odd shapes, and law 2: the bits
// of an output do not depend on how many tokens or threads there are.
#include "kernels/matmul/matmul.h"

#include <cmath>
#include <limits>
#include <random>

#include "formats/float16.h"
#include "kernels/matmul/matmul_reference.h"
#include "kernels/testing/formats_told_apart.h"
#include "kernels/testing/kernel_testing.h"
#include "kernels/testing/packed_weights.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr float kScale = 0.75f;

// A weight matrix as a kernel wants it, and inputs for it.
struct Case {
  Compute compute;
  Format format;
  std::int64_t token_count, n, k;
  std::vector<std::byte> weights;
  std::vector<float> x, bias;

  Case(Compute c, Format f, std::int64_t tokens, std::int64_t rows, std::int64_t columns)
      : compute(c),
        format(f),
        token_count(tokens),
        n(rows),
        k(columns),
        weights(random_weights(f, rows, columns, 31, 0.5f)),
        x(random_floats(tokens * columns, 32)),
        bias(random_floats(rows, 33)) {
    if (compute == Compute::kBf16) {
      for (float& value : x) value = round_to_bf16(value);
    }
  }
};

// int8 activations of one case; the arrays behind the kernel's argument.
struct Quantized {
  std::vector<std::int8_t> q;
  std::vector<float> scale, group_sum;
  std::vector<std::int32_t> sum;
  QuantizedActivations view{};

  Quantized(Runner& run, const std::vector<float>& x, std::int64_t token_count, std::int64_t k)
      : q(x.size()), scale(x.size() / 32), group_sum(x.size() / 16), sum(x.size() / 32) {
    view = {q.data(), scale.data(), sum.data(), group_sum.data()};
    run.kernels.quantize_int8(*run.stream, {x.data(), token_count, k, view});
  }

  std::vector<double> values() const {
    std::vector<double> result(q.size());
    for (std::size_t i = 0; i < q.size(); ++i) result[i] = double{scale[i / 32]} * q[i];
    return result;
  }
};

// Tokens [first, first + count) of the case, with work space where `workspace` says so; rows of y are padded so that a
// kernel that ignores the stride shows.
std::vector<float> multiply(Runner& run, const Case& c, std::int64_t first, std::int64_t count,
                            bool workspace = false) {
  const MatmulKernel& kernel = matmuls(run.kernels, c.compute)[c.format];
  const std::vector<float> x(c.x.begin() + first * c.k, c.x.begin() + (first + count) * c.k);
  std::vector<std::uint16_t> halves;
  for (const float value : x) halves.push_back(f32_to_bf16(value));
  const bool as_bf16 = c.compute == Compute::kBf16 && run.kernels.activation_format == Format::kBf16;
  const PackedWeights weights(run, kernel.packing, c.weights.data(), c.n, c.k, std::ssize(c.weights));
  MatmulArgs args{.x = as_bf16 ? static_cast<const void*>(run.in(halves)) : run.in(x),
                  .quantized = {},
                  .token_count = count,
                  .k = c.k,
                  .n = c.n,
                  .weights = weights.data(),
                  .format = c.format,
                  .bias = run.in(c.bias),
                  .scale = kScale,
                  .y = nullptr,
                  .y_stride = c.n + 3};
  std::vector<float> partial;
  if (workspace) {
    args.workspace_bytes = matmul_workspace_bytes(count, c.n, c.k);
    partial.resize(static_cast<std::size_t>(args.workspace_bytes) / sizeof(float),
                   std::numeric_limits<float>::quiet_NaN());
    args.workspace = run.out(partial);
  }
  std::unique_ptr<Quantized> quantized;
  if (c.compute == Compute::kInt8) {
    quantized = std::make_unique<Quantized>(run, x, count, c.k);
    args.quantized = quantized->view;
  }
  std::vector<float> padded(static_cast<std::size_t>(count * args.y_stride), -7.0f);
  args.y = run.out(padded);
  kernel.run(*run.stream, args);
  run.finish();
  std::vector<float> y;
  for (std::int64_t t = 0; t < count; ++t) {
    const auto row = padded.begin() + t * args.y_stride;
    y.insert(y.end(), row, row + c.n);
    EXPECT_TRUE(std::all_of(row + c.n, row + args.y_stride, [](float v) { return v == -7.0f; }));
  }
  return y;
}

std::vector<double> expected(Runner& run, const Case& c) {
  std::vector<double> x(c.x.begin(), c.x.end());
  if (c.compute == Compute::kInt8 && c.token_count > 0) x = Quantized(run, c.x, c.token_count, c.k).values();
  const auto w = decoded_weights(c.format, c.weights, c.n * c.k, c.compute == Compute::kBf16);
  return reference::matmul(x, w, c.bias, kScale, c.k);
}

// Float32 sums of k products of about 0.5: an error of some ulp of the partial sums, which are at most about 2 sqrt(k).
// Matrix units cut digits off where others round.
double tolerance(std::int64_t k) {
  return 4e-7 * std::sqrt(static_cast<double>(k)) * 6;
}

class MatmulTest : public KernelTest {
 protected:
  void check(Compute compute, Format format, std::int64_t tokens, std::int64_t n, std::int64_t k) {
    SCOPED_TRACE(::testing::Message() << traits(format).name << " compute " << static_cast<int>(compute) << " m "
                                      << tokens << " n " << n << " k " << k);
    if (!matmuls(run.kernels, compute)[format]) return;  // TheTablesHaveEveryFormat says which must be there
    const Case c(compute, format, tokens, n, k);
    const auto y = multiply(run, c, 0, tokens);
    expect_close<double>(y, expected(run, c), 1e-5, tolerance(k));
    expect_same_bits(y, multiply(again, c, 0, tokens));
    // Each token alone, as decoding would meet it.
    for (const std::int64_t t : {std::int64_t{0}, tokens / 2, tokens - 1}) {
      const auto alone = multiply(run, c, t, 1);
      expect_same_bits(alone, std::vector<float>(y.begin() + t * n, y.begin() + (t + 1) * n));
    }
  }
};

TEST_P(MatmulTest, EveryFormatAndComputeMode) {
  for (const Format format : formats_told_apart(run)) {
    const std::int64_t k = 3 * std::max<std::int64_t>(traits(format).block_elements, 32);
    for (const Compute compute : {Compute::kF32, Compute::kBf16, Compute::kInt8}) {
      if (matmuls(run.kernels, compute)[format]) check(compute, format, 7, 13, k);
    }
  }
}

TEST_P(MatmulTest, TheTablesHaveEveryFormat) {
  for (const FormatTraits& format : all_formats()) {
    const bool f32 = !run.is_gpu() || run.compute() == Compute::kF32, bf16 = !run.is_gpu() || !f32;
    EXPECT_EQ(static_cast<bool>(run.kernels.matmul_f32[format.format]), f32) << format.name;
    EXPECT_EQ(static_cast<bool>(run.kernels.matmul_bf16[format.format]), bf16) << format.name;
    EXPECT_EQ(static_cast<bool>(run.kernels.matmul_int8[format.format]), !run.is_gpu() && format.decode_int8 != nullptr)
        << format.name;
  }
}

TEST_P(MatmulTest, OddShapes) {
  for (const std::int64_t k : {1, 7, 8, 31, 100, 1023, 1024, 1025, 2500}) check(Compute::kF32, Format::kF32, 5, 6, k);
  for (const std::int64_t k : {1, 9, 130, 1030}) {
    check(Compute::kF32, Format::kF16, 4, 5, k);
    check(Compute::kF32, Format::kBf16, 4, 5, k);
    check(Compute::kBf16, Format::kF16, 4, 5, k);
    check(Compute::kBf16, Format::kBf16, 4, 5, k);
    check(Compute::kBf16, Format::kF32, 4, 5, k);
  }
  for (const std::int64_t n : {1, 2, 7, 8, 9, 33}) {
    check(Compute::kF32, Format::kF32, 3, n, 64);
    check(Compute::kInt8, Format::kQ8_0, 3, n, 64);
    check(Compute::kInt8, Format::kQ4_0, 3, n, 64);
    check(Compute::kInt8, Format::kQ4K, 3, n, 256);
  }
}

TEST_P(MatmulTest, ManyTokensAndSegments) {
  for (const std::int64_t tokens : run.token_counts()) {
    check(Compute::kF32, Format::kF32, tokens, 9, 1100);
    check(Compute::kBf16, Format::kBf16, tokens, 21, 1100);
    check(Compute::kInt8, Format::kQ8_0, tokens, 17, 1120);
    check(Compute::kInt8, Format::kQ4_0, tokens, 17, 1120);
    check(Compute::kInt8, Format::kQ6K, tokens, 5, 1280);
    check(Compute::kBf16, Format::kQ4K, tokens, 5, 1280);
  }
}

// Many tokens have a way of their own, with the same bits.
TEST_P(MatmulTest, ManyTokensShareChunksOfRows) {
  if (run.is_gpu()) return;
  for (const Format format : formats_told_apart(run)) {
    const std::int64_t k = 2 * std::max<std::int64_t>(traits(format).block_elements, 32);
    for (const Compute compute : {Compute::kF32, Compute::kBf16}) check(compute, format, 19, 6, k);
  }
  // A chunk's rows and some; the tokens of a task and some; a part of a vector.
  check(Compute::kF32, Format::kF32, 515, 70, 43);
  check(Compute::kBf16, Format::kF32, 64, 9, 1030);
}

TEST_P(MatmulTest, ManyTokensTakeTheTileKernel) {
  if (!run.is_gpu()) return;
  for (const Format format : formats_told_apart(run)) {
    const bool long_k = format == Format::kQ4_1 || format == Format::kF32;
    check(Compute::kBf16, format, run.tokens(300, 200), format == Format::kQ4_1 ? 150 : 20, long_k ? 1280 : 256);
  }
  // Rows of k that are no whole tiles, and not aligned.
  for (const std::int64_t k : {96, 104, 33}) check(Compute::kBf16, Format::kBf16, 200, 20, k);
  check(Compute::kBf16, Format::kQ8_0, 200, 20, 96);
  // Whole tiles and a part of one.
  for (const Format format : {Format::kQ4_0, Format::kMxfp4, Format::kQ8_0, Format::kBf16}) {
    check(Compute::kBf16, format, 70, 20, 352);
  }
  check(Compute::kBf16, Format::kQ2_0, 70, 20, 320);
}

// Three segments, which one block computes or two share, for every kernel that is chosen by the number of tokens.
TEST_P(MatmulTest, BlocksThatShareKGiveTheSameBits) {
  if (!run.is_gpu() || run.compute() == Compute::kF32) return;  // CPUs and float32 have one kernel
  for (const Format format : {Format::kBf16, Format::kQ4K}) {
    const Case c(Compute::kBf16, format, run.tokens(200, 70), 20, 2304);
    for (const std::int64_t tokens : {1, 3, 12, 20, 40, 70, 120, 200}) {
      if (tokens > c.token_count) continue;
      SCOPED_TRACE(::testing::Message() << traits(format).name << " m " << tokens);
      const auto y = multiply(run, c, 0, tokens);
      expect_same_bits(multiply(run, c, 0, tokens, true), y);
      const auto alone = multiply(run, c, tokens - 1, 1);
      expect_same_bits(alone, std::vector<float>(y.end() - c.n, y.end()));
    }
  }
}

// Columns of zeros after the others, of which some are in no whole tile: no bit changes.
TEST_P(MatmulTest, ZeroColumnsChangeNoBit) {
  if (!run.is_gpu() || run.compute() == Compute::kF32) return;  // CPUs and float32 have one kernel
  constexpr std::int64_t kColumns = 2304, kMore = 32;
  for (const Format format : {Format::kBf16, Format::kQ8_0, Format::kQ4_0}) {
    const Case c(Compute::kBf16, format, run.tokens(200, 40), 20, kColumns);
    Case wider = c;
    wider.k = kColumns + kMore;
    wider.x.clear();
    for (std::int64_t t = 0; t < c.token_count; ++t) {
      wider.x.insert(wider.x.end(), c.x.begin() + t * c.k, c.x.begin() + (t + 1) * c.k);
      wider.x.resize(static_cast<std::size_t>((t + 1) * wider.k));
    }
    wider.weights.clear();
    const std::int64_t row_bytes = format_bytes(format, c.k), wider_bytes = format_bytes(format, wider.k);
    for (std::int64_t n = 0; n < c.n; ++n) {
      wider.weights.insert(wider.weights.end(), c.weights.begin() + n * row_bytes,
                           c.weights.begin() + (n + 1) * row_bytes);
      wider.weights.resize(static_cast<std::size_t>((n + 1) * wider_bytes));
    }
    for (const std::int64_t tokens : {1, 3, 12, 20, 40, 70, 120, 200}) {
      if (tokens > c.token_count) continue;
      SCOPED_TRACE(::testing::Message() << traits(format).name << " m " << tokens);
      expect_same_bits(multiply(run, wider, 0, tokens), multiply(run, c, 0, tokens));
    }
  }
}

// A block of random bytes whose weights are numbers of any size, but not of every: scales and minima come in all
// proportions, as they may in a file.
std::vector<std::byte> any_blocks(const FormatTraits& format, std::int64_t elements) {
  std::mt19937 random(41);
  std::vector<std::byte> blocks;
  std::vector<std::byte> block(static_cast<std::size_t>(format.block_bytes));
  std::vector<float> values(static_cast<std::size_t>(format.block_elements));
  while (std::ssize(blocks) < format_bytes(format.format, elements)) {
    for (std::byte& byte : block) byte = static_cast<std::byte>(random());
    format.decode_f32(block.data(), values.data(), format.block_elements);
    float largest = 0;
    for (const float value : values) largest = std::max(largest, value == value ? std::abs(value) : 0x1p99f);
    if (largest > 0x1p-40f && largest < 0x1p40f) blocks.insert(blocks.end(), block.begin(), block.end());
  }
  return blocks;
}

TEST_P(MatmulTest, EveryWeightIsDecodedToTheBit) {
  if (!run.is_gpu() || run.compute() == Compute::kF32) return;  // the CPU multiplies integers, float32 is a copy
  constexpr std::int64_t kRows = 16, kColumns = 256;
  for (const Format each : formats_told_apart(run)) {
    const FormatTraits& format = traits(each);
    Case c(Compute::kBf16, format.format, kColumns, kRows, kColumns);
    c.weights = any_blocks(format, kRows * kColumns);
    c.bias.assign(kRows, 0);
    c.x.assign(kColumns * kColumns, 0);
    for (std::int64_t i = 0; i < kColumns; ++i) c.x[static_cast<std::size_t>(i * kColumns + i)] = 1;
    std::vector<std::uint16_t> weights(kRows * kColumns);
    format.decode_bf16(c.weights.data(), weights.data(), kRows * kColumns);
    const auto check_tokens = [&](std::int64_t first, std::int64_t count) {
      const std::vector<float> y = multiply(run, c, first, count);
      for (std::int64_t i = 0; i < count * kRows; ++i) {
        const std::int64_t column = first + i / kRows, row = i % kRows;
        const float weight = bf16_to_f32(weights[static_cast<std::size_t>(row * kColumns + column)]);
        ASSERT_EQ(y[static_cast<std::size_t>(i)], kScale * weight)
            << format.name << " [" << row << ", " << column << "]";
      }
    };
    check_tokens(0, kColumns);  // the tile kernel
    for (std::int64_t first = 0; first < 64; first += 16) check_tokens(first, 16);
    for (std::int64_t first = 64; first < 68; ++first) check_tokens(first, 1);
  }
}

TEST_P(MatmulTest, ExtremeIntegersDoNotOverflow) {
  if (run.is_gpu()) return;  // no int8 mode there
  // -128 in q8_0 is legal in a file; with the largest activations every product is as large as it gets.
  for (const Format format : {Format::kQ8_0, Format::kQ4_0}) {
    Case c(Compute::kInt8, format, 2, 8, 64);
    const std::size_t block = static_cast<std::size_t>(traits(format).block_bytes);
    for (std::size_t i = 0; i < c.weights.size(); ++i) {
      if (i % block >= 2) c.weights[i] = format == Format::kQ8_0 ? std::byte{0x80} : std::byte{0x00};
    }
    std::fill(c.x.begin(), c.x.end(), 127.0f);
    expect_close<double>(multiply(run, c, 0, 2), expected(run, c), 1e-5, 1e-3);
    std::fill(c.x.begin(), c.x.end(), -127.0f);
    expect_close<double>(multiply(run, c, 0, 2), expected(run, c), 1e-5, 1e-3);
  }
}

TEST_P(MatmulTest, NoTokensIsNothing) {
  for (const Compute compute : {Compute::kF32, Compute::kBf16}) {
    if (!matmuls(run.kernels, compute)[Format::kF32]) continue;
    EXPECT_TRUE(multiply(run, Case(compute, Format::kF32, 0, 4, 64), 0, 0).empty());
  }
  if (!run.is_gpu()) {
    EXPECT_TRUE(multiply(run, Case(Compute::kInt8, Format::kQ8_0, 0, 4, 64), 0, 0).empty());
  }
}

TEST_P(MatmulTest, NanAndInfinityStayInTheirRowAndToken) {
  Case c(run.compute() == Compute::kBf16 && run.is_gpu() ? Compute::kBf16 : Compute::kF32, Format::kF32, 3, 4, 40);
  c.x[static_cast<std::size_t>(1 * c.k + 5)] = std::numeric_limits<float>::quiet_NaN();
  const auto y = multiply(run, c, 0, 3);
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i / 4 == 1) << i;
}

// A GPU's layout has no code for it.
TEST_P(MatmulTest, NanOfE4m3IsItsRows) {
  const Compute compute = run.compute() == Compute::kBf16 && run.is_gpu() ? Compute::kBf16 : Compute::kF32;
  Case c(compute, Format::kFp8E4m3, 2, 4, 64);
  const std::int64_t row_bytes = format_bytes(c.format, c.k);
  c.weights[static_cast<std::size_t>(2 * row_bytes + traits(c.format).block_bytes - 1)] = std::byte{0xff};
  const auto y = multiply(run, c, 0, 2);
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i % 4 == 2) << i;
}

HEARTH_INSTANTIATE_FOR_DEVICES_AND_TABLES(MatmulTest);

}  // namespace
}  // namespace hearth
