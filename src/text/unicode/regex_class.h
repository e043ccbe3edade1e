// The parts of a pattern that stand for one character: escapes and classes, as sets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "text/unicode/code_point_set.h"

namespace hearth {

// A place in a pattern. Everything that takes refuses, with Unsupported, what ends too early.
class PatternCursor {
 public:
  explicit PatternCursor(std::string_view pattern) : pattern_(pattern) {}

  bool at_end() const { return position_ >= pattern_.size(); }
  bool at(std::string_view text) const { return pattern_.substr(position_).starts_with(text); }
  char peek() const { return pattern_[position_]; }
  void skip(std::size_t bytes) { position_ += bytes; }
  bool skip_if(std::string_view text);
  char32_t character();                            // of one or more bytes
  std::string take_through(std::string_view end);  // up to and with `end`
  char escaped_letter() const;                     // after the backslash here
  std::string take_interval();                     // "{n,m}"; empty, nothing taken, where there is none
  std::string take_call();                         // "\g<name>"
  char32_t hex(std::size_t digits_min, std::size_t digits_max);

  [[noreturn]] void refuse(std::string_view what) const;

 private:
  std::string_view pattern_;
  std::size_t position_ = 0;
};

// An escape that stands for one character of a set: \d, \p{L}, \x{41}, \., …
CodePointSet parse_escape(PatternCursor& cursor);

// \w where it stands outside of classes, and what \b goes by. For the first 256 code points Oniguruma asks another
// table there, in which superscripts and fractions are of words.
CodePointSet lone_word_set();

// A class, from its opening bracket on.
CodePointSet parse_class(PatternCursor& cursor, bool ignore_case);

}  // namespace hearth
