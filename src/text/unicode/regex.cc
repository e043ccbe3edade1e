// The PCRE2 side: compilation with the JIT, and matches whose limits a text of megabytes does not reach.
#include "text/unicode/regex.h"

#include <pcre2.h>

#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/error.h"
#include "text/unicode/regex_syntax.h"

namespace hearth {
namespace {

// Reserved address space; pages are used only as far as a pattern with nested repeats goes.
constexpr std::size_t kJitStackStartBytes = 32 << 10;
constexpr std::size_t kJitStackBytesMax = 256 << 20;
// Far more than the patterns of real tokenizers need for one match; one that backtracks without end still stops.
constexpr std::uint32_t kMatchSteps = 1U << 28;

std::string message(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

Regex::Regex(std::string_view pattern) : pattern_(pattern) {
  const std::string translated = pcre2_from_oniguruma(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_DOLLAR_ENDONLY;
  code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), options, &error, &offset,
                        nullptr);
  if (code_ == nullptr) {
    throw Unsupported(fmt::format("The tokenizer's pattern \"{}\" cannot be compiled: {} (at byte {} of \"{}\").",
                                  pattern, message(error), offset, translated));
  }
  pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
}

Regex::Regex(Regex&& other) noexcept
    : pattern_(std::move(other.pattern_)), code_(std::exchange(other.code_, nullptr)) {}

Regex& Regex::operator=(Regex&& other) noexcept {
  std::swap(pattern_, other.pattern_);
  std::swap(code_, other.code_);
  return *this;
}

Regex::~Regex() {
  pcre2_code_free(code_);
}

RegexMatcher::RegexMatcher(const Regex& regex)
    : regex_(regex),
      data_(pcre2_match_data_create(1, nullptr)),
      context_(pcre2_match_context_create(nullptr)),
      stack_(pcre2_jit_stack_create(kJitStackStartBytes, kJitStackBytesMax, nullptr)) {
  CHECK(data_ != nullptr && context_ != nullptr);
  pcre2_set_match_limit(context_, kMatchSteps);
  pcre2_set_depth_limit(context_, kMatchSteps);
  if (stack_ != nullptr) pcre2_jit_stack_assign(context_, nullptr, stack_);
}

RegexMatcher::~RegexMatcher() {
  pcre2_jit_stack_free(stack_);
  pcre2_match_context_free(context_);
  pcre2_match_data_free(data_);
}

int RegexMatcher::match(std::string_view text, std::size_t start, unsigned options) {
  return pcre2_match(regex_.code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start,
                     options | PCRE2_NO_UTF_CHECK, data_, context_);
}

std::optional<Span> RegexMatcher::find(std::string_view text, std::size_t start, bool empty_at_start) {
  const unsigned options = empty_at_start ? 0 : PCRE2_NOTEMPTY_ATSTART;
  int result = match(text, start, options);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(text, start, options | PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (result < 0) {
    throw Unsupported(fmt::format("The tokenizer's pattern \"{}\" gave up on a text of {} bytes: {}.", regex_.pattern_,
                                  text.size(), message(result)));
  }
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data_);
  return Span{bounds[0], bounds[1]};
}

}  // namespace hearth
