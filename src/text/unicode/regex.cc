// The PCRE2 side: compilation with the JIT, and matches whose limits a text of megabytes does not reach.
#include "text/unicode/regex.h"

#include <pcre2.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/error.h"
#include "base/utf8.h"
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

struct ContextDeleter {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

}  // namespace

Regex::Regex(std::string_view pattern) : pattern_(pattern) {
  SymbolPattern translated = translate_oniguruma(pattern);
  symbols_ = std::make_unique<const CodePointMap>(std::move(translated.symbols));
  const std::string& text = translated.pcre2;
  const std::unique_ptr<pcre2_compile_context, ContextDeleter> context(pcre2_compile_context_create(nullptr));
  CHECK(context != nullptr);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), PCRE2_MULTILINE | PCRE2_DOLLAR_ENDONLY,
                        &error, &offset, context.get());
  if (code_ == nullptr) {
    throw Unsupported(fmt::format("The tokenizer's pattern \"{}\" cannot be compiled: {} (at byte {} of \"{}\").",
                                  pattern, message(error), offset, text));
  }
  pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
}

Regex::Regex(Regex&& other) noexcept
    : pattern_(std::move(other.pattern_)),
      symbols_(std::move(other.symbols_)),
      code_(std::exchange(other.code_, nullptr)) {}

Regex& Regex::operator=(Regex&& other) noexcept {
  std::swap(pattern_, other.pattern_);
  std::swap(symbols_, other.symbols_);
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

void RegexMatcher::read(std::string_view text) {
  const CodePointMap& symbols = *regex_.symbols_;
  subject_.clear();
  subject_.reserve(text.size());
  bytes_.clear();
  std::size_t position = 0;
  while (position < text.size() && static_cast<unsigned char>(text[position]) < 0x80) {
    subject_ += static_cast<char>(symbols[static_cast<unsigned char>(text[position++])]);
  }
  if (position == text.size()) return;
  bytes_.resize(position);
  std::iota(bytes_.begin(), bytes_.end(), std::size_t{0});
  while (position < text.size()) {
    const Utf8Char character = decode_utf8(text, position);
    subject_ += static_cast<char>(symbols[character.code_point]);
    bytes_.push_back(position);
    position += character.bytes;
  }
  bytes_.push_back(position);
}

int RegexMatcher::match(std::size_t start, unsigned options) {
  return pcre2_match(regex_.code_, reinterpret_cast<PCRE2_SPTR>(subject_.data()), subject_.size(), start, options,
                     data_, context_);
}

std::optional<Span> RegexMatcher::find(std::size_t start) {
  int result = match(start, 0);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(start, PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (result < 0) {
    throw Unsupported(fmt::format("The tokenizer's pattern \"{}\" gave up on a text of {} characters: {}.",
                                  regex_.pattern_, subject_.size(), message(result)));
  }
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data_);
  return Span{bounds[0], bounds[1]};
}

}  // namespace hearth
