// Regular expressions as tokenizers write them: Oniguruma's dialect (what Hugging Face's tokenizers run), executed by
// PCRE2 with its compiler. Differences between the two are translated by regex_syntax.h.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// PCRE2's own types, so that its header stays out of this one.
struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace hearth {

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
  pcre2_real_code_8* code_ = nullptr;
};

// The state of a search; one thread's. The Regex outlives it.
class RegexMatcher {
 public:
  explicit RegexMatcher(const Regex& regex);
  RegexMatcher(const RegexMatcher&) = delete;
  RegexMatcher& operator=(const RegexMatcher&) = delete;
  ~RegexMatcher();

  // The leftmost match that begins at `start` or later. `text` is well-formed UTF-8 and is all that lookaround sees.
  // An empty match directly at `start` counts only if `empty_at_start`. Throws Unsupported if the pattern needs more
  // memory for this text than PCRE2 may use.
  std::optional<Span> find(std::string_view text, std::size_t start, bool empty_at_start = true);

  // Calls visit(Span) for the matches from left to right, none overlapping another.
  template <typename Visit>
  void for_each(std::string_view text, Visit&& visit) {
    std::size_t start = 0;
    bool empty_at_start = true;
    while (start <= text.size()) {
      const std::optional<Span> match = find(text, start, empty_at_start);
      if (!match) return;
      visit(*match);
      empty_at_start = match->begin != match->end;
      start = match->end;
    }
  }

 private:
  int match(std::string_view text, std::size_t start, unsigned options);

  const Regex& regex_;
  pcre2_real_match_data_8* data_;
  pcre2_real_match_context_8* context_;
  pcre2_real_jit_stack_8* stack_;
};

}  // namespace hearth
