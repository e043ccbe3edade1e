// Speed of choosing tokens on a GPU, where one pass over the logits is the least. The CPU's twin and its benchmark are
// in sampling/.
#include "kernels/sample/sample.h"

#include <cmath>

#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kVocab = 128256;

SampleRow chain(float temperature, std::int32_t top_k) {
  SampleRow row;
  for (int i = 0; i < kSampleStageCount; ++i) row.stages[row.stage_count++] = static_cast<SampleStage>(i);
  row.seed = 7;
  row.temperature = temperature;
  row.top_k = top_k;
  row.top_p = 0.95f;
  row.min_p = 0.05f;
  row.min_p_log = std::log(double{row.min_p});
  return row;
}

void measure_rows(BenchmarkRunner& run, const char* kind, const SampleRow& row, std::int64_t row_count) {
  run.measure("sample", fmt::format("{} rows:{}", kind, row_count), [&] {
    const std::int64_t bytes = row_count * kVocab * 4;
    const int turns = run.turn_count(bytes);
    const std::vector<float> values = random_floats(kPieceElements, 1, 2.5f);
    const auto* const begin = reinterpret_cast<const std::byte*>(values.data());
    const Turns logits(run, turns, bytes, {begin, begin + kPieceElements * 4});
    std::vector<SampleRow> rows(static_cast<std::size_t>(row_count), row);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].position = static_cast<std::int64_t>(i);
    std::vector<std::int32_t> ids(rows.size());
    const SampleStart::Way way = sample_start(row, kVocab).way;
    const Turns workspace(run, 1, sample_workspace_bytes(row_count, kVocab));
    SampleArgs args{.logits = nullptr,
                    .rows = run.in(rows),
                    .adjustments = nullptr,
                    .ids = run.out(ids),
                    .workspace = workspace.at(0),
                    .row_count = row_count,
                    .vocab = kVocab,
                    .some_select = way == SampleStart::kSelect,
                    .some_narrow = way == SampleStart::kNarrow};
    run.time({Traffic::kRead, bytes}, turns, [&](int turn) {
      args.logits = logits.at<float>(turn);
      run.kernels.sample(*run.stream, args);
    });
  });
}

void sample(BenchmarkRunner& run) {
  if (!run.kernels.sample) return;
  for (const std::int64_t row_count : {1, 32, 256}) {
    measure_rows(run, "greedy", chain(0.0f, 40), row_count);
    measure_rows(run, "top_k", chain(0.8f, 40), row_count);
    measure_rows(run, "top_p", chain(0.8f, 0), row_count);
  }
}
HEARTH_BENCHMARK(sample);

}  // namespace
}  // namespace hearth::kernel_testing
