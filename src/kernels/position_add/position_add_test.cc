// Learned positions in every weight format, against the reference: one rounding.
#include "kernels/position_add/position_add.h"

#include "kernels/position_add/position_add_reference.h"
#include "kernels/testing/formats_told_apart.h"
#include "kernels/testing/kernel_testing.h"
#include "kernels/testing/packed_weights.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kPositions = 23;
constexpr std::int64_t kOffset = 2;
constexpr double kTolerance = 0x1p-24;

std::vector<float> add(Runner& run, Format format, const std::vector<std::byte>& table, std::int64_t width,
                       std::span<const std::int32_t> positions, std::int64_t offset, bool round_to_bf16,
                       std::vector<float> x) {
  const std::int64_t rows = std::ssize(table) / format_bytes(format, width);
  const auto& kernel = run.kernels.position_add[format];
  const PackedWeights weights(run, kernel.packing, table.data(), rows, width, std::ssize(table));
  kernel.run(*run.stream, {.positions = run.in(positions),
                           .token_count = std::ssize(positions),
                           .offset = offset,
                           .table = {weights.data(), format, run.device.id(), Shape{rows, width}},
                           .round_to_bf16 = round_to_bf16,
                           .x = run.out(x)});
  run.finish();
  return x;
}

// A GPU's tables read either the float32 or the bf16 decoding.
std::vector<bool> roundings(const Runner& run) {
  if (!run.is_gpu()) return {false, true};
  return {run.compute() == Compute::kBf16};
}

class PositionAddTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES_AND_TABLES(PositionAddTest);

TEST_P(PositionAddTest, EveryFormatDecodesAsTheReference) {
  for (const Format each : formats_told_apart(run)) {
    const FormatTraits& format = traits(each);
    SCOPED_TRACE(std::string(format.name));
    const std::int64_t block = format.block_elements;
    for (const std::int64_t width : {block, 5 * block, 31 * block, 1024 + block}) {
      const auto table = random_weights(format.format, kPositions, width, 1);
      for (const bool round_to_bf16 : roundings(run)) {
        const auto decoded = decoded_weights(format.format, table, kPositions * width, round_to_bf16);
        const auto positions = random_integers(33, 2, 0, kPositions - 1 - kOffset);
        const auto x = random_floats(33 * width, 3);
        const auto out = add(run, format.format, table, width, positions, kOffset, round_to_bf16, x);
        expect_close(out, reference::position_add(x, positions, kOffset, decoded, width), kTolerance, 0);
        expect_same_bits(out, add(again, format.format, table, width, positions, kOffset, round_to_bf16, x));
      }
    }
  }
}

TEST_P(PositionAddTest, ATokenDoesNotDependOnTheOthers) {
  const std::int64_t width = 768;
  const bool round_to_bf16 = roundings(run).front();
  const auto table = random_weights(Format::kF16, kPositions, width, 4);
  for (const std::int64_t token_count : run.token_counts()) {
    const auto positions = random_integers(token_count, 5, 0, kPositions - 1);
    const auto x = random_floats(token_count * width, 6);
    std::vector<float> one_by_one;
    for (std::int64_t t = 0; t < token_count; ++t) {
      const auto row =
          add(run, Format::kF16, table, width, std::span(positions).subspan(static_cast<std::size_t>(t), 1), 0,
              round_to_bf16, std::vector<float>(x.begin() + t * width, x.begin() + (t + 1) * width));
      one_by_one.insert(one_by_one.end(), row.begin(), row.end());
    }
    expect_same_bits(add(run, Format::kF16, table, width, positions, 0, round_to_bf16, x), one_by_one);
  }
}

TEST_P(PositionAddTest, NoTokensAreNoWork) {
  const auto table = random_weights(Format::kF32, 2, 8, 7);
  EXPECT_TRUE(add(run, Format::kF32, table, 8, {}, 0, roundings(run).front(), {}).empty());
}

TEST(PositionAddDeathTest, APositionOutsideOfTheTableIsABrokenInvariant) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  CpuRunner run({InstructionSet::kPortable, 1});
  const auto table = random_weights(Format::kF32, 4, 8, 7);
  for (const std::int32_t position : {-3, 2}) {
    EXPECT_DEATH(add(run, Format::kF32, table, 8, std::span(&position, 1), 2, false, std::vector<float>(8)),
                 "broken invariant");
  }
}

}  // namespace
}  // namespace hearth
