// Speed of the gathers: how much the decoding of a format costs beside the memory's traffic, and rows that are float32
// already.
#include "kernels/embedding_gather/embedding_gather.h"

#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kWidth = 4096;

// Rows in no order, others for each turn.
std::vector<std::int32_t> scattered(std::int64_t count, std::int64_t row_count) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<std::int32_t>(i * 2654435761u % static_cast<std::size_t>(row_count));
  }
  return ids;
}

void measure_format(BenchmarkRunner& run, Format format, const std::vector<std::int64_t>& token_counts) {
  const std::int64_t vocabulary = run.is_gpu() ? 128256 : 4096, row_bytes = format_bytes(format, kWidth);
  const auto& kernel = run.kernels.embedding_gather[format];
  std::optional<Turns> table;
  for (const std::int64_t tokens : token_counts) {
    run.measure("embedding_gather", fmt::format("{} tokens:{}", traits(format).name, tokens), [&] {
      if (!table) table.emplace(weight_turns(run, 1, kernel.packing, format, vocabulary, kWidth));
      const std::int64_t bytes = tokens * (row_bytes + kWidth * 4);
      const int turns = run.turn_count(bytes);
      const std::vector<std::int32_t> ids = scattered(tokens * turns, vocabulary);
      const std::int32_t* const device_ids = run.in(ids);
      const Turns out(run, turns, tokens * kWidth * 4);
      run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
        kernel.run(*run.stream, {.ids = device_ids + turn % turns * tokens,
                                 .token_count = tokens,
                                 .table = {table->at(0), format, run.device.id(), Shape{vocabulary, kWidth}},
                                 .round_to_bf16 = run.is_gpu(),
                                 .scale = 1.0f,
                                 .out = out.at<float>(turn)});
      });
    });
  }
}

void embedding_gather(BenchmarkRunner& run) {
  if (run.is_gpu()) {
    for (const Format format : {Format::kBf16, Format::kQ8_0, Format::kQ4K, Format::kQ6K}) {
      measure_format(run, format, run.token_counts());
    }
  } else {
    for (const FormatTraits& format : all_formats()) measure_format(run, format.format, {512});
  }
}
HEARTH_BENCHMARK(embedding_gather);

void row_gather(BenchmarkRunner& run) {
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{256}}) {
    run.measure("row_gather", fmt::format("rows:{}", rows), [&] {
      constexpr std::int64_t kRows = 4096;
      const Turns x = random_turns(run, 1, Format::kF32, kRows * kWidth);
      const std::vector<std::int32_t> ids = scattered(rows, kRows);
      const std::int32_t* const device_ids = run.in(ids);
      const Turns out(run, 1, rows * kWidth * 4);
      run.time({Traffic::kCopy, rows * kWidth * 8}, [&] {
        run.kernels.row_gather(
            *run.stream,
            {.rows = device_ids, .row_count = rows, .x = x.at<float>(0), .width = kWidth, .out = out.at<float>(0)});
      });
    });
  }
}
HEARTH_BENCHMARK(row_gather);

}  // namespace
}  // namespace hearth::kernel_testing
