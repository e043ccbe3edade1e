// Attention's speed. Decoding reads the whole cache once for each token; prefill is arithmetic, on the visible half of
// the scores.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention/paged_bench.h"

namespace hearth::kernel_testing {
namespace {

void measure_shape(BenchmarkRunner& run, const char* name, const PagedBenchShape& s) {
  // A float32 cache is that of a model computed in float32.
  const KernelTable& kernels = s.format == Format::kF32 ? run.kernels_f32 : run.kernels;
  const std::string shape = fmt::format("{} {}x{}x{} batch:{} tokens:{} keys:{}", traits(s.format).name, s.head_count,
                                        s.kv_heads, s.head_dim, s.sequence_count, s.token_count, s.context);
  run.measure(name, shape, [&] {
    const int turns = run.turn_count(s.cache_bytes());
    const PagedBench data(run, s, turns);
    const std::int64_t elements = s.step_tokens() * s.q_width();
    const Turns q = random_turns(run, 1, Format::kF32, elements);
    const Turns out(run, 1, format_bytes(kernels.activation_format, elements));
    const std::int64_t workspace_bytes =
        run.is_gpu() ? std::max(attention_workspace_bytes(s.sequence_count, s.context, s.head_count, s.head_dim),
                                attention_prompt_workspace_bytes(s.sequence_count, s.context, s.kv_heads, s.head_dim))
                     : 0;
    const Turns workspace(run, 1, workspace_bytes);
    AttentionArgs args{.q = q.at<float>(0),
                       .q_stride = s.q_width(),
                       .head_count = s.head_count,
                       .step = data.view,
                       .cache = {},
                       .mask = {},
                       .scale = 1 / std::sqrt(static_cast<float>(s.head_dim)),
                       .softcap = 0,
                       .out = out.at(0),
                       .out_format = kernels.activation_format,
                       .workspace = workspace.at(0),
                       .workspace_bytes = workspace_bytes};
    const double flops = 4.0 * static_cast<double>(s.visible_pairs() * s.q_width());
    run.time({Traffic::kRead, s.cache_bytes(), flops}, turns, [&](int turn) {
      args.cache = data.cache(turn);
      kernels.attention(*run.stream, args);
    });
  });
}

void attention_on_gpu(BenchmarkRunner& run) {
  for (const std::int64_t head_dim : {128, 64}) {
    for (const std::int64_t batch : {1, 32}) {
      for (const std::int64_t depth : {512, 4096, 16384}) {
        measure_shape(run, "attention_decode", {32, 8, head_dim, Format::kBf16, batch, depth, 1});
      }
    }
    measure_shape(run, "attention_prefill", {32, 8, head_dim, Format::kBf16, 1, 4096, 4096});
    for (const std::int64_t depth : {0, 512, 16384, 32768}) {
      measure_shape(run, "attention_prefill", {32, 8, head_dim, Format::kBf16, 1, depth + 2048, 2048});
    }
  }
  measure_shape(run, "attention_decode", {32, 8, 128, Format::kF32, 1, 4096, 1});
  measure_shape(run, "attention_prefill", {32, 8, 128, Format::kF32, 1, 512, 512});
}

void attention_on_cpu(BenchmarkRunner& run) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const std::int64_t head_dim : {64, 128}) {
      for (const std::int64_t kv_heads : {1, 8, 32}) {
        measure_shape(run, "attention_decode", {32, kv_heads, head_dim, format, 1, 4096, 1});
      }
      for (const std::int64_t kv_heads : {8, 32}) {
        measure_shape(run, "attention_prefill", {32, kv_heads, head_dim, format, 1, 512, 512});
      }
    }
  }
}

void attention(BenchmarkRunner& run) {
  run.is_gpu() ? attention_on_gpu(run) : attention_on_cpu(run);
}
HEARTH_BENCHMARK(attention);

}  // namespace
}  // namespace hearth::kernel_testing
