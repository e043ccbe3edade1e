// Grammars that were compiled lately, by their source: an agent asks with the same tools again and again.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "grammar/grammar_source.h"

namespace hearth {

class GrammarCache {
 public:
  // As compile_grammar(), from any thread.
  std::shared_ptr<const Grammar> compiled(const GrammarSource& source);

 private:
  static constexpr std::size_t kKept = 32, kSourceBytesMax = std::size_t{1} << 20;

  std::mutex mutex_;
  std::list<std::pair<GrammarSource, std::shared_ptr<const Grammar>>> recent_;  // the last used first
};

}  // namespace hearth
