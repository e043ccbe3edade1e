// What `hearth perplexity` and `hearth imatrix` read: a text in windows, and a model bound for as many of them at once
// as a step has room for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "commands/measure/base_file.h"
#include "commands/model_session.h"
#include "engine/text_scorer.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

// Which text; one of the three.
struct WindowOptions {
  std::optional<std::filesystem::path> file;
  std::optional<std::string> text;
  std::vector<std::int32_t> tokens;
  std::int64_t window_max = 0;  // of so many windows, the first; 0: all
};

inline constexpr std::int64_t kWindowTokens = 512;  // where nothing else is said

// As llama.cpp cuts it: the whole text becomes tokens, with the special ones around it; windows of `window_tokens`
// follow one another, and what is left at the end is not read. Throws InvalidInput for a text that has not one window.
TextWindows read_windows(const Tokenizer& tokenizer, const WindowOptions& options, std::int64_t window_tokens);

// A window as the model reads it: its first token is the one that opens a text, where the tokenizer says that texts are
// opened with one.
std::vector<std::int32_t> window_tokens(const Tokenizer& tokenizer, const TextWindows& windows, std::int64_t index);

// What a scorer's step has to hold.
struct ScorerShape {
  std::int64_t context = 0;       // tokens of the longest text
  std::int64_t rows_of_text = 1;  // whose logits are wanted, at most
  std::int64_t text_count = 1;
  std::int64_t step_tokens = 0;  // 0: 512 on the CPU, 2048 on a GPU
  bool share_prefixes = false;
};
// Binds the session's model for a TextScorer. The logits of a step are bounded: at most 256 MiB, or one row.
void bind_for_scoring(ModelSession& session, const ScorerShape& shape);

}  // namespace hearth
