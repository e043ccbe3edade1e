// Regular expressions as tokenizers write them: Oniguruma's dialect (what Hugging Face's tokenizers run), executed by
// PCRE2 with its compiler, over symbols instead of characters (regex_syntax.h).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// PCRE2's own types, so that its header stays out of this one.
struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace hearth {

class CodePointMap;

// Bytes [begin, end) of a text.
struct Span {
  std::size_t begin;
  std::size_t end;

  bool operator==(const Span&) const = default;
};

// A compiled pattern; immutable, so that threads may share it.
class Regex {
 public:
  // Throws Unsupported with the pattern and the place of what PCRE2 or the translation does not take.
  explicit Regex(std::string_view pattern);
  Regex(Regex&& other) noexcept;
  Regex& operator=(Regex&& other) noexcept;
  ~Regex();

 private:
  friend class RegexMatcher;
  std::string pattern_;
  std::unique_ptr<const CodePointMap> symbols_;
  pcre2_real_code_8* code_ = nullptr;
};

// The state of a search; one thread's. The Regex outlives it.
class RegexMatcher {
 public:
  explicit RegexMatcher(const Regex& regex);
  RegexMatcher(const RegexMatcher&) = delete;
  RegexMatcher& operator=(const RegexMatcher&) = delete;
  ~RegexMatcher();

  // Calls visit(Span) for the matches from left to right, none overlapping another; an empty one where another match
  // ended does not count, and the search goes on a character later. `text` is well-formed UTF-8 and is all that
  // lookaround sees. Throws Unsupported if the pattern needs more memory or steps for this text than PCRE2 may use.
  template <typename Visit>
  void for_each(std::string_view text, Visit&& visit) {
    read(text);
    std::optional<std::size_t> last_end;
    for (std::size_t start = 0; start <= subject_.size();) {
      const std::optional<Span> match = find(start);
      if (!match) return;
      if (match->begin == match->end && match->end == last_end) {
        ++start;
        continue;
      }
      visit(Span{byte_of(match->begin), byte_of(match->end)});
      last_end = start = match->end;
    }
  }

 private:
  void read(std::string_view text);
  // The leftmost match that begins at the symbol `start` or later.
  std::optional<Span> find(std::size_t start);
  int match(std::size_t start, unsigned options);
  std::size_t byte_of(std::size_t symbol) const { return bytes_.empty() ? symbol : bytes_[symbol]; }

  const Regex& regex_;
  std::string subject_;             // the text's symbols
  std::vector<std::size_t> bytes_;  // where each symbol begins in the text, and the text's end; empty: all are one byte
  pcre2_real_match_data_8* data_;
  pcre2_real_match_context_8* context_;
  pcre2_real_jit_stack_8* stack_;
};

}  // namespace hearth
