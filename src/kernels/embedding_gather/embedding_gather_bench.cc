// Speed of the embedding gather: how much the decoding of a format costs beside the memory's traffic.
#include "kernels/embedding_gather/embedding_gather.h"

#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kVocabulary = 4096;
constexpr std::int64_t kWidth = 4096;

void embedding_gather(benchmark::State& state) {
  BenchmarkRunner run(state);
  const auto format = static_cast<Format>(state.range(2));
  const std::int64_t token_count = state.range(1), row_bytes = format_bytes(format, kWidth);
  const std::vector<std::byte> table(static_cast<std::size_t>(kVocabulary * row_bytes));
  std::vector<std::int32_t> ids(static_cast<std::size_t>(token_count));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 2654435761u % kVocabulary);
  std::vector<float> out(static_cast<std::size_t>(token_count * kWidth));
  state.SetLabel(std::string(to_string(run.set)) + " " + std::string(traits(format).name));
  run.time(state, Traffic::kCopy, token_count * (row_bytes + kWidth * 4), [&] {
    run.kernels.embedding_gather[format].run(
        *run.stream, {.ids = ids.data(),
                      .token_count = token_count,
                      .table = {table.data(), format, run.device.id(), Shape{kVocabulary, kWidth}},
                      .round_to_bf16 = false,
                      .scale = 1.0f,
                      .out = out.data()});
  });
}
BENCHMARK(embedding_gather)
    ->ArgNames({"set", "tokens", "format"})
    ->ArgsProduct({instruction_set_indices(), {512}, benchmark::CreateDenseRange(0, kFormatCount - 1, 1)})
    ->UseRealTime();

}  // namespace
}  // namespace hearth
