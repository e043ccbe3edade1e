#include "commands/load_for_texts.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr std::int64_t kTextsTokens = 2048, kTextsMax = 256;  // of a step

}  // namespace

void load_for_texts(ModelSession& session, std::int64_t context, std::span<const std::vector<std::int32_t>> texts) {
  std::int64_t longest = 0;
  for (const auto& text : texts) longest = std::max(longest, std::ssize(text));
  if (context <= 0) context = longest;
  const std::int64_t step_tokens = std::max(kTextsTokens, context);
  const std::int64_t step_texts = std::min(kTextsMax, std::ssize(texts));
  session.bind({.context = context,
                .sequences_max = step_texts,
                .cache_tokens = step_tokens + step_texts * kKvBlockTokens,
                .step_tokens_max = step_tokens,
                .logit_rows_max = step_tokens,
                .states_only = true},
               /*needs_logits=*/false);
  print_notes(session.pass().notes());
  session.load_pass();
}

}  // namespace hearth
