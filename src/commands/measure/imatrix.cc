#include "commands/measure/imatrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "commands/interrupt.h"
#include "commands/quantize.h"
#include "commands/terminal_line.h"
#include "device/cpu/machine_limits.h"
#include "quantize/importance_sums.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

// Brings what matrices read to the host, and has it summed.
class InputCollector {
 public:
  InputCollector(Stream& stream, int threads, bool with_output)
      : stream_(stream), sums_(threads), with_output_(with_output) {}

  void add(const ObservedInput& input) {
    if (!is_wanted(input.tensors[0])) return;
    const auto count = static_cast<std::size_t>(input.rows * input.columns);
    const auto slots = static_cast<std::size_t>(input.rows * input.slots_per_row);
    const bool is_stacked = input.experts != nullptr;
    sums_.add({.tensors = input.tensors,
               .values = floats_of(input, count),
               .columns = input.columns,
               .experts = is_stacked ? on_host(input.experts, slots, experts_) : std::span<const std::int32_t>(),
               .expert_count = is_stacked ? input.expert_count : 1,
               .slots_per_row = input.slots_per_row});
  }

  const ImportanceSums& sums() const { return sums_; }

 private:
  // The matrices of layers. The output's rows are not those of all tokens.
  bool is_wanted(const std::string& tensor) const {
    return tensor.starts_with("blk.") || (with_output_ && tensor == "output.weight");
  }

  template <typename T>
  std::span<const T> on_host(const T* data, std::size_t count, std::vector<T>& room) {
    if (stream_.device().is_cpu()) return {data, count};
    room.resize(count);
    stream_.download(room.data(), reinterpret_cast<const std::byte*>(data),
                     static_cast<std::int64_t>(count * sizeof(T)));
    stream_.synchronize();
    return room;
  }

  std::span<const float> floats_of(const ObservedInput& input, std::size_t count) {
    if (input.format == Format::kF32) return on_host(static_cast<const float*>(input.x), count, values_);
    const auto bytes = static_cast<std::size_t>(format_bytes(input.format, input.rows * input.columns));
    const std::span<const std::byte> encoded = on_host(static_cast<const std::byte*>(input.x), bytes, bytes_);
    values_.resize(count);
    traits(input.format).decode_f32(encoded.data(), values_.data(), static_cast<std::int64_t>(count));
    return values_;
  }

  Stream& stream_;
  ImportanceSums sums_;
  bool with_output_;
  std::vector<float> values_;
  std::vector<std::byte> bytes_;
  std::vector<std::int32_t> experts_;
};

// Whole windows. All of their logits where the output matrix is measured, else as few as there can be.
std::vector<ScoredText> whole_windows(const Tokenizer& tokenizer, const TextWindows& windows, bool with_output) {
  std::vector<ScoredText> texts;
  for (std::int64_t i = 0; i < windows.count(); ++i) {
    texts.push_back({window_tokens(tokenizer, windows, i), with_output ? 0 : windows.window_tokens - 1});
  }
  return texts;
}

}  // namespace

int measure_importance(const ImatrixOptions& options) {
  ModelSession session(options.model);
  const std::string path = session.source().path().string();
  if (session.source().kind() != ModelSource::Kind::kGguf) {
    throw Unsupported(
        fmt::format("{}: an importance matrix has the names of a GGUF file's tensors: "
                    "`hearth convert {} FILE.gguf` makes one",
                    path, path));
  }
  refuse_same_file(session.source(), options.out);
  const auto tokenizer = Tokenizer::open(session.source());
  print_notes(tokenizer->notes());
  const TextWindows windows =
      read_windows(*tokenizer, options.windows, options.model.context > 0 ? options.model.context : kWindowTokens);
  bind_for_scoring(session, {.context = windows.window_tokens,
                             .rows_of_text = options.with_output ? windows.window_tokens : 1,
                             .text_count = windows.count(),
                             .step_tokens = options.chunk});
  session.load_pass();

  const InterruptGuard guard;
  const Clock::time_point begin = Clock::now();
  const int threads = options.model.threads > 0 ? options.model.threads : usable_core_count();
  InputCollector collector(session.stream(), threads, options.with_output);
  session.pass().observe_inputs([&](const ObservedInput& input) { collector.add(input); });
  TerminalLine line;
  TextScorer scorer(session.pass(), session.stream(), /*share_prefixes=*/false);
  const auto texts = whole_windows(*tokenizer, windows, options.with_output);
  std::size_t window = 0;
  const bool is_whole = scorer.run(texts, [&](std::span<const TextScorer::Row> rows) {
    for (const TextScorer::Row& row : rows) window = std::max(window, row.text + 1);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const double left =
        static_cast<double>(texts.size() - window) / static_cast<double>(std::max<std::size_t>(1, window));
    line.show(fmt::format("window {} of {}, {:.0f} s left", window, texts.size(), seconds * left));
    return !guard.interrupted();
  });
  if (!is_whole) {
    std::fputs("stopped; nothing was written\n", stderr);
    return kExitInterrupted;
  }
  const ImportanceSums& sums = collector.sums();
  sums.write(options.out, {.dataset = options.windows.file ? options.windows.file->string() : "",
                           .chunk_count = windows.count(),
                           .chunk_tokens = windows.window_tokens});
  if (const std::int64_t unasked = sums.unasked_expert_count(); unasked > 0) {
    print_notes(
        {fmt::format("{} experts' matrices were not asked by any token of this text: nothing is known of them; "
                     "a longer text may tell",
                     unasked)});
  }
  fmt::print("{}: {} matrices, {} windows of {} tokens\n", options.out.string(), sums.matrix_count(), windows.count(),
             windows.window_tokens);
  return 0;
}

}  // namespace hearth
