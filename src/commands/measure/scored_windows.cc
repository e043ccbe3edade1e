#include "commands/measure/scored_windows.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/read_file.h"
#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

constexpr std::int64_t kLogitBytesMax = std::int64_t{256} << 20;
constexpr std::int64_t kStepTokens = 512, kStepTokensOnGpu = 2048;
constexpr std::int64_t kSequencesMax = 256, kSharers = 8;

}  // namespace

TextWindows read_windows(const Tokenizer& tokenizer, const WindowOptions& options, std::int64_t window_tokens) {
  if (window_tokens < kWindowTokensMin)
    throw InvalidInput(fmt::format("a window of {} tokens is too short", window_tokens));
  TextWindows windows{.window_tokens = window_tokens, .tokens = options.tokens};
  if (options.file) {
    windows.tokens = tokenizer.encode(read_file(*options.file), {.add_special = true});
  } else if (options.text) {
    windows.tokens = tokenizer.encode(*options.text, {.add_special = true});
  }
  std::int64_t count = windows.count();
  if (count == 0) {
    throw InvalidInput(fmt::format("the text has {} tokens, and a window {}: a longer text, or a smaller --ctx",
                                   windows.tokens.size(), window_tokens));
  }
  if (options.window_max > 0) count = std::min(count, options.window_max);
  windows.tokens.resize(static_cast<std::size_t>(count * window_tokens));
  return windows;
}

std::vector<std::int32_t> window_tokens(const Tokenizer& tokenizer, const TextWindows& windows, std::int64_t index) {
  const std::span<const std::int32_t> window = windows.window(index);
  std::vector<std::int32_t> tokens(window.begin(), window.end());
  if (tokenizer.adds_bos() && tokenizer.bos()) tokens[0] = *tokenizer.bos();
  return tokens;
}

void bind_for_scoring(ModelSession& session, const ScorerShape& shape) {
  // How many rows of logits there can be depends on their size, which binding finds out; it allocates nothing.
  session.bind({.context = shape.context, .step_tokens_max = 1, .logit_rows_max = 1});
  if (session.pass().spec().looks_ahead()) {
    throw Unsupported(fmt::format("{}: tokens of this model see those after them: what follows cannot be scored",
                                  session.source().path().string()));
  }
  const std::int64_t vocabulary = session.pass().spec().vocabulary;
  const std::int64_t step_tokens = shape.step_tokens > 0       ? shape.step_tokens
                                   : session.device().is_cpu() ? kStepTokens
                                                               : kStepTokensOnGpu;
  const std::int64_t row_bytes = vocabulary * std::int64_t{sizeof(float)};
  const std::int64_t rows = std::clamp<std::int64_t>(kLogitBytesMax / row_bytes, 1, step_tokens);
  // Texts of which a step computes a part each, and one more on either side. Those that share what they begin with
  // have little of their own.
  const std::int64_t shared = shape.share_prefixes ? kSharers * step_tokens / shape.context : 0;
  const std::int64_t wanted = std::max((step_tokens + shape.context - 1) / shape.context + 2, shared);
  const std::int64_t sequences = std::clamp<std::int64_t>(wanted, 1, std::min({kSequencesMax, shape.text_count, rows}));
  const std::int64_t spare_blocks = sequences + 1;
  session.bind({.context = shape.context,
                .sequences_max = sequences,
                .cache_tokens = (sequences * kv_block_count(shape.context) + spare_blocks) * kKvBlockTokens,
                .step_tokens_max = step_tokens,
                .logit_rows_max = std::min(rows, sequences * shape.rows_of_text),
                .checkpoints = shape.share_prefixes});
  print_notes(session.pass().notes());
}

}  // namespace hearth
