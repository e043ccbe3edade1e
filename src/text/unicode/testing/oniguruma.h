// The real Oniguruma, for the tests. Its header and GoogleTest's cannot stand in one file.
#pragma once

#include <string>
#include <vector>

#include "text/unicode/regex.h"

namespace hearth {

class Oniguruma {
 public:
  // Throws Unsupported.
  explicit Oniguruma(const std::string& pattern);
  Oniguruma(const Oniguruma&) = delete;
  Oniguruma& operator=(const Oniguruma&) = delete;
  ~Oniguruma();

  // As Hugging Face's tokenizers search: all matches, but no empty one where another ended.
  std::vector<Span> matches(const std::string& text) const;

 private:
  void* regex_ = nullptr;
};

}  // namespace hearth
