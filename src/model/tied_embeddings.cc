#include "model/tied_embeddings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace hearth {

std::vector<std::string> check_tied_embeddings(const Settings& settings, Binder& binder) {
  const std::optional<bool> tied = settings.boolean(settings::kTiedEmbeddings);
  if (!tied) return {};
  const std::string names[] = {binder.name(Weight::kTokenEmbedding) + ".weight",
                               binder.name(Weight::kOutput) + ".weight"};
  const WeightEntry* const entries[] = {binder.find(names[0]), binder.find(names[1])};
  for (const int i : {0, 1}) {
    if (*tied || entries[i] != nullptr) continue;
    binder.problem(
        fmt::format("tensor '{}' is missing, and setting 'tie_word_embeddings' is false: there must be one", names[i]));
  }
  if (!*tied || entries[0] == nullptr || entries[1] == nullptr) return {};
  const bool same =
      entries[0]->format == entries[1]->format && std::ranges::equal(entries[0]->bytes, entries[1]->bytes);
  if (same) return {};
  return {fmt::format("setting 'tie_word_embeddings' is true, and '{}' differs from '{}': both are used", names[1],
                      names[0])};
}

}  // namespace hearth
