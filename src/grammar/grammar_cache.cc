#include "grammar/grammar_cache.h"

#include <algorithm>

namespace hearth {

std::shared_ptr<const Grammar> GrammarCache::compiled(const GrammarSource& source) {
  if (source.text.size() > kSourceBytesMax) return compile_grammar(source);
  const auto is_it = [&](const Entry& entry) {
    return entry.source.kind == source.kind && entry.source.text == source.text;
  };
  std::promise<std::shared_ptr<const Grammar>> promise;
  std::shared_future<std::shared_ptr<const Grammar>> known;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(recent_.begin(), recent_.end(), is_it);
    if (found != recent_.end()) {
      recent_.splice(recent_.begin(), recent_, found);
      known = recent_.front().grammar;
    } else {
      recent_.push_front({source, promise.get_future().share()});
      if (recent_.size() > kKept) recent_.pop_back();
    }
  }
  if (known.valid()) return known.get();
  try {
    std::shared_ptr<const Grammar> grammar = compile_grammar(source);
    promise.set_value(grammar);
    return grammar;
  } catch (...) {
    promise.set_exception(std::current_exception());
    const std::lock_guard lock(mutex_);
    recent_.remove_if(is_it);  // what was refused takes no room
    throw;
  }
}

GrammarCache& grammar_cache() {
  static GrammarCache cache;
  return cache;
}

}  // namespace hearth
