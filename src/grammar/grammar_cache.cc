#include "grammar/grammar_cache.h"

#include <algorithm>

namespace hearth {

std::shared_ptr<const Grammar> GrammarCache::compiled(const GrammarSource& source) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(recent_.begin(), recent_.end(), [&](const auto& entry) {
      return entry.first.kind == source.kind && entry.first.text == source.text;
    });
    if (known != recent_.end()) {
      recent_.splice(recent_.begin(), recent_, known);
      return recent_.front().second;
    }
  }
  std::shared_ptr<const Grammar> grammar = compile_grammar(source);
  if (source.text.size() > kSourceBytesMax) return grammar;
  const std::lock_guard lock(mutex_);
  recent_.emplace_front(source, grammar);
  if (recent_.size() > kKept) recent_.pop_back();
  return grammar;
}

}  // namespace hearth
