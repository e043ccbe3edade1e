// Fuzzes regular expressions, which come from tokenizer files: the first line is the pattern, the rest the text.
// Matches lie in the text, in order, and none cuts a character in two.
#include "text/unicode/regex.h"

#include "fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view pattern = input.substr(0, end), text = input.substr(std::min(end + 1, input.size()));
  if (find_invalid_utf8(text) != text.npos) return 0;
  fuzz::accept_error([&] {
    const Regex regex(pattern);
    std::size_t last = 0;
    RegexMatcher(regex).for_each(text, [&](Span match) {
      CHECK(last <= match.begin && match.begin <= match.end && match.end <= text.size());
      CHECK(find_invalid_utf8(text.substr(match.begin, match.end - match.begin)) == text.npos);
      last = match.end;
    });
  });
  return 0;
}
