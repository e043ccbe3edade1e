// Grammars that were compiled lately, by their source: an agent asks with the same tools again and again. Requests that
// come at the same time get one grammar as well, and with it the same masks.
#pragma once

#include <cstddef>
#include <future>
#include <list>
#include <memory>
#include <mutex>

#include "grammar/grammar_source.h"

namespace hearth {

class GrammarCache {
 public:
  // As compile_grammar(), from any thread.
  std::shared_ptr<const Grammar> compiled(const GrammarSource& source);

 private:
  static constexpr std::size_t kKept = 32, kSourceBytesMax = std::size_t{1} << 20;

  std::mutex mutex_;
  struct Entry {
    GrammarSource source;
    std::shared_future<std::shared_ptr<const Grammar>> grammar;  // whoever came first compiles it
  };
  std::list<Entry> recent_;  // the last used first
};

// The process's: a grammar does not depend on a model.
GrammarCache& grammar_cache();

}  // namespace hearth
