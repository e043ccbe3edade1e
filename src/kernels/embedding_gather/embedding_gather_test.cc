// The embedding gather in every weight format, against its reference: the only rounding is that of the scale.
#include "kernels/embedding_gather/embedding_gather.h"

#include <limits>

#include "kernels/embedding_gather/embedding_gather_reference.h"
#include "kernels/testing/kernel_testing.h"
#include "kernels/testing/packed_weights.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kVocabulary = 19;
constexpr double kTolerance = 0x1p-24;

std::vector<float> gather(Runner& run, Format format, const std::vector<std::byte>& table, std::int64_t width,
                          std::span<const std::int32_t> ids, bool round_to_bf16, float scale,
                          bool first_row_beyond = false) {
  const std::int64_t rows = std::ssize(table) / format_bytes(format, width);
  const auto& kernel = run.kernels.embedding_gather[format];
  const PackedWeights weights(run, kernel.packing, table.data(), rows, width, std::ssize(table));
  std::vector<float> out(ids.size() * static_cast<std::size_t>(width), -1.0f);
  kernel.run(*run.stream, {.ids = run.in(ids),
                           .token_count = std::ssize(ids),
                           .table = {weights.data(), format, run.device.id(), Shape{rows, width}},
                           .round_to_bf16 = round_to_bf16,
                           .scale = scale,
                           .out = run.out(out),
                           .first_row_beyond = first_row_beyond});
  run.finish();
  return out;
}

// A GPU's tables read either the float32 or the bf16 decoding.
std::vector<bool> roundings(const Runner& run) {
  if (!run.is_gpu()) return {false, true};
  return {run.compute() == Compute::kBf16};
}

// Widths of tables: multiples of the format's block, up to more than what is decoded at a time.
std::vector<std::int64_t> widths(Format format) {
  const std::int64_t block = traits(format).block_elements;
  if (block == 1) return {1, 5, 31, 64, 130, 1027, 2048};
  if (block == 256) return {256, 2048 + 256};
  return {block, 3 * block, 2048, 2048 + block};
}

class EmbeddingGatherTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES_AND_TABLES(EmbeddingGatherTest);

TEST_P(EmbeddingGatherTest, EveryFormatDecodesAsTheReference) {
  for (const FormatTraits& format : all_formats()) {
    SCOPED_TRACE(std::string(format.name));
    for (const std::int64_t width : widths(format.format)) {
      const auto table = random_weights(format.format, kVocabulary, width, 1);
      for (const bool round_to_bf16 : roundings(run)) {
        const auto decoded = decoded_weights(format.format, table, kVocabulary * width, round_to_bf16);
        const auto ids = random_integers(33, 2, 0, kVocabulary - 1);
        const auto out = gather(run, format.format, table, width, ids, round_to_bf16, 2.75f);
        expect_close(out, reference::embedding_gather(ids, decoded, width, 2.75), kTolerance, 0);
        expect_same_bits(out, gather(again, format.format, table, width, ids, round_to_bf16, 2.75f));
      }
    }
  }
}

TEST_P(EmbeddingGatherTest, ATokenDoesNotDependOnTheOthers) {
  const std::int64_t width = 1280;
  const auto table = random_weights(Format::kQ8_0, kVocabulary, width, 3);
  const bool round_to_bf16 = roundings(run).front();
  const auto decoded = decoded_weights(Format::kQ8_0, table, kVocabulary * width, round_to_bf16);
  for (const std::int64_t token_count : run.token_counts()) {
    const auto ids = random_integers(token_count, 4, 0, kVocabulary - 1);
    const auto out = gather(run, Format::kQ8_0, table, width, ids, round_to_bf16, 1.0f);
    expect_close(out, reference::embedding_gather(ids, decoded, width, 1), 0, 0);
    std::vector<float> one_by_one;
    for (const std::int32_t& id : ids) {
      const auto row = gather(run, Format::kQ8_0, table, width, std::span(&id, 1), round_to_bf16, 1.0f);
      one_by_one.insert(one_by_one.end(), row.begin(), row.end());
    }
    expect_same_bits(out, one_by_one);
  }
}

TEST_P(EmbeddingGatherTest, IdsPastTheTableMayTakeItsFirstRow) {
  for (const Format format : {Format::kF32, Format::kBf16, Format::kQ8_0}) {
    const auto table = random_weights(format, kVocabulary, 64, 6);
    const bool round_to_bf16 = roundings(run).front();
    const std::vector<std::int32_t> ids{kVocabulary, 3, kVocabulary - 1, 100'000}, within{0, 3, kVocabulary - 1, 0};
    expect_same_bits(gather(run, format, table, 64, ids, round_to_bf16, 1.5f, true),
                     gather(run, format, table, 64, within, round_to_bf16, 1.5f));
  }
}

TEST_P(EmbeddingGatherTest, NoTokensAreNoWork) {
  const auto table = random_weights(Format::kF32, 2, 8, 5);
  EXPECT_TRUE(gather(run, Format::kF32, table, 8, {}, roundings(run).front(), 1.0f).empty());
}

TEST_P(EmbeddingGatherTest, NanAndInfinityPassThrough) {
  const float special[4] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1, 2};
  std::vector<std::byte> table(sizeof special);
  std::memcpy(table.data(), special, sizeof special);
  const std::int32_t ids[] = {0};
  const auto out = gather(run, Format::kF32, table, 4, ids, roundings(run).front(), 2.0f);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], special[1]);
  EXPECT_EQ(out[2], 2.0f);
}

TEST_P(EmbeddingGatherTest, RowsAreGathered) {
  const auto x = random_floats(7 * 100, 6);
  const std::vector<std::int32_t> rows{6, 0, 6, 3};
  std::vector<float> out(400, -1.0f), expected;
  run.kernels.row_gather(*run.stream, {run.in(rows), 4, run.in(x), 100, run.out(out)});
  run.finish();
  for (const std::int32_t row : rows)
    expected.insert(expected.end(), x.begin() + row * 100, x.begin() + row * 100 + 100);
  expect_same_bits(out, expected);
}

TEST(EmbeddingGatherDeathTest, AnIdOutsideOfTheTableIsABrokenInvariant) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  CpuRunner run({InstructionSet::kPortable, 1});
  const auto table = random_weights(Format::kF32, 2, 8, 5);
  for (const std::int32_t id : {-1, 2}) {
    EXPECT_DEATH(gather(run, Format::kF32, table, 8, std::span(&id, 1), false, 1.0f), "broken invariant");
  }
}

}  // namespace
}  // namespace hearth
