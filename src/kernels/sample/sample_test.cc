// Sampling on every GPU against its reference: the ids are equal, and those of a row alone are those of it among
// others.
#include "kernels/sample/sample.h"

#include <limits>

#include "kernels/sample/sample_cases.h"
#include "kernels/sample/sample_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

std::vector<std::int32_t> chosen(Runner& run, const SampleCase& rows) {
  const std::int64_t row_count = std::ssize(rows.rows);
  std::vector<float> logits = rows.logits;
  std::vector<std::int32_t> ids(rows.rows.size(), -7);
  std::vector<std::byte> workspace(static_cast<std::size_t>(sample_workspace_bytes(row_count, rows.vocab)));
  run.kernels.sample(*run.stream, {.logits = run.out(logits),
                                   .rows = run.in(rows.rows),
                                   .adjustments = run.in(rows.adjustments),
                                   .masks = run.in(rows.masks),
                                   .ids = run.out(ids),
                                   .workspace = run.out(workspace),
                                   .row_count = row_count,
                                   .vocab = rows.vocab});
  run.finish();
  return ids;
}

std::int32_t expected(const SampleCase& rows, std::size_t row) {
  return reference::sample(rows.logits_of(row), rows.rows[row], rows.adjustments_of(row), rows.mask_of(row));
}

SampleCase only(const SampleCase& rows, std::size_t row) {
  SampleCase result{rows.vocab, {}, {}, {}};
  result.append(rows.logits_of(row), rows.rows[row], rows.adjustments_of(row), rows.mask_of(row));
  return result;
}

void expect_as_reference(Runner& run, std::uint32_t seed, std::int64_t row_count, std::int64_t vocab) {
  const SampleCase rows = random_case(seed, row_count, vocab);
  const std::vector<std::int32_t> ids = chosen(run, rows);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(ids[i], expected(rows, i)) << "seed " << seed << ", row " << i << ", vocabulary " << vocab;
  }
}

class SampleTest : public KernelTest {};

// On the CPU sampling/sampler.h chooses.
std::vector<Setup> gpus() {
  std::vector<Setup> setups = device_setups();
  std::erase_if(setups, [](const Setup& setup) { return !setup.is_gpu(); });
  return setups;
}
INSTANTIATE_TEST_SUITE_P(Gpus, SampleTest, ::testing::ValuesIn(gpus()), name_of_device);

TEST_P(SampleTest, AnyChainChoosesAsTheReference) {
  CaseRandom random(41);
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    expect_as_reference(run, seed, 4, integer_between(random, 64, 2000));
  }
}

TEST_P(SampleTest, OneTokenToManySlices) {
  for (const std::int64_t vocab : {1, 2, 255, 256, 257, 1024, 1025, 4096, 4097, 9001}) {
    expect_as_reference(run, 1000 + static_cast<std::uint32_t>(vocab), 12, vocab);
  }
  expect_as_reference(run, 2000, run.is_slow() ? 4 : 64, 130000);
  expect_as_reference(run, 2001, 2, kSampleVocabMax);
}

TEST_P(SampleTest, ARowIsWhatItIsAlone) {
  for (const std::int64_t vocab : {500, 1500, 5000}) {
    const SampleCase rows = random_case(static_cast<std::uint32_t>(vocab), 17, vocab);
    const std::vector<std::int32_t> ids = chosen(run, rows);
    EXPECT_EQ(chosen(again, rows), ids);
    for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(chosen(run, only(rows, i)), std::vector{ids[i]});
  }
}

// A draw's place in the distribution, with the weights of equal logits known exactly.
TEST_P(SampleTest, EqualLogitsAreDrawnByTheUniformNumberAlone) {
  for (const std::int64_t vocab : {100, 3000, 10000}) {
    SampleCase rows{vocab, {}, {}, {}};
    const std::vector<float> logits(static_cast<std::size_t>(vocab), -2.5f);
    for (std::int64_t position = 0; position < 8; ++position) {
      SampleRow row;
      row.seed = 99;
      row.position = position;
      rows.append(logits, row, {});
    }
    const std::vector<std::int32_t> ids = chosen(run, rows);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(ids[i], static_cast<std::int32_t>(uniform_draw(99, 0, i, Draw::kToken) * static_cast<double>(vocab)));
    }
  }
}

TEST_P(SampleTest, GreedyTakesTheLowestIdOfTheLikeliest) {
  for (const std::int64_t vocab : {64, 4096, 20000}) {
    SampleCase rows{vocab, {}, {}, {}};
    SampleRow row;
    row.temperature = 0;
    std::vector<float> logits(static_cast<std::size_t>(vocab), 1.0f);
    rows.append(logits, row, {});
    logits[static_cast<std::size_t>(vocab - 1)] = 1.5f;
    rows.append(logits, row, {});
    logits[static_cast<std::size_t>(vocab / 2)] = 1.5f;
    rows.append(logits, row, {});
    const std::vector<SampleAdjustment> ban = {
        {static_cast<std::int32_t>(vocab / 2), 0, 0.0, -std::numeric_limits<float>::infinity(), 0}};
    rows.append(logits, row, ban);
    std::fill(logits.begin(), logits.end(), -0.0f);
    logits[3] = 0.0f;
    rows.append(logits, row, {});
    const auto last = static_cast<std::int32_t>(vocab - 1), middle = static_cast<std::int32_t>(vocab / 2);
    EXPECT_EQ(chosen(run, rows), (std::vector<std::int32_t>{0, last, middle, last, 0}));
  }
}

TEST_P(SampleTest, NoTokenIsPossible) {
  for (const std::int64_t vocab : {64, 2000, 5000}) {
    SampleCase rows{vocab, {}, {}, {}};
    std::vector<float> logits(static_cast<std::size_t>(vocab), std::numeric_limits<float>::quiet_NaN());
    logits[1] = -std::numeric_limits<float>::infinity();
    SampleRow greedy, top_k, plain, top_p;
    greedy.temperature = 0;
    top_k.top_k = 5;
    top_k.stages[top_k.stage_count++] = SampleStage::kTopK;
    top_p.top_p = 0.5f;
    top_p.stages[top_p.stage_count++] = SampleStage::kTopP;
    for (const SampleRow& row : {greedy, top_k, plain, top_p}) rows.append(logits, row, {});
    logits[33] = -100.0f;
    for (const SampleRow& row : {greedy, top_k, plain, top_p}) rows.append(logits, row, {});
    EXPECT_EQ(chosen(run, rows), (std::vector<std::int32_t>{-1, -1, -1, -1, 33, 33, 33, 33}));
  }
}

}  // namespace
}  // namespace hearth
