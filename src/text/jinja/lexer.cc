// The lexer: literal text up to the next tag, then the tag's tokens up to its end, and so on.
#include "text/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <system_error>

#include "text/jinja/error.h"
#include "text/jinja/unicode.h"
#include "text/jinja/value.h"

namespace hearth::jinja {
namespace {

constexpr std::array<std::string_view, 26> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                         "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                         ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};

// Every line ending becomes "\n", and one at the very end goes.
std::string normalized(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalized(source)) {}

  std::vector<Token> run() {
    while (position_ < source_.size()) lex_data();
    push(TokenKind::kEnd);
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail_here(std::string message) const {
    throw TemplateError(TemplateError::Kind::kSyntax, std::move(message), line_);
  }

  Token& push(TokenKind kind, std::string text = {}) {
    tokens_.push_back(Token{.kind = kind, .text = std::move(text), .line = line_});
    return tokens_.back();
  }

  std::string_view rest() const { return std::string_view(source_).substr(position_); }
  bool at(std::string_view expected) const { return rest().substr(0, expected.size()) == expected; }

  // Moves on and counts the lines passed.
  void advance(std::size_t count) {
    const std::string_view passed = rest().substr(0, count);
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    if (!passed.empty()) line_starting_ = passed.back() == '\n';
    position_ += passed.size();
  }

  void skip_space() { advance(rest().size() - strip_left(rest()).size()); }

  // The text before a tag, less what the tag's sign or lstrip_blocks takes away.
  void push_data(std::string_view text, char sign, bool is_variable) {
    std::string_view kept = text;
    if (sign == '-') {
      kept = strip_right(text);
    } else if (sign != '+' && !is_variable) {
      const std::size_t newline = text.rfind('\n');
      const std::size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
      const bool starts_line = line_begin > 0 || line_starting_;
      if (starts_line && strip_left(text.substr(line_begin)).empty()) kept = text.substr(0, line_begin);
    }
    if (!kept.empty()) push(TokenKind::kData, std::string(kept));
  }

  std::size_t find_tag() const {
    for (std::size_t brace = source_.find('{', position_); brace != std::string::npos;
         brace = source_.find('{', brace + 1)) {
      const char next = brace + 1 < source_.size() ? source_[brace + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') return brace;
    }
    return std::string::npos;
  }

  char sign_at(std::size_t position) const {
    const char c = position < source_.size() ? source_[position] : '\0';
    return c == '-' || c == '+' ? c : '\0';
  }

  void lex_data() {
    const std::size_t tag = find_tag();
    if (tag == std::string::npos) {
      push(TokenKind::kData, std::string(rest()));
      position_ = source_.size();
      return;
    }
    const char kind = source_[tag + 1];
    const char sign = sign_at(tag + 2);
    const std::size_t text_size = tag - position_;
    push_data(rest().substr(0, text_size), sign, kind == '{');
    advance(text_size);
    if (kind == '%' && lex_raw()) return;
    advance(sign == '\0' ? 2 : 3);
    if (kind == '#') {
      lex_comment();
    } else {
      lex_tag(kind == '{');
    }
  }

  void lex_comment() {
    const std::size_t end = rest().find("#}");
    if (end == std::string_view::npos) fail_here("a comment does not end");
    const char sign = end > 0 ? rest()[end - 1] : '\0';
    advance(end + 2);
    finish_block(sign);
  }

  // After a block's or a comment's end: what its sign, or trim_blocks, takes away.
  void finish_block(char sign) {
    if (sign == '-') {
      skip_space();
    } else if (sign != '+' && at("\n")) {
      advance(1);
    }
  }

  // The byte after `{%`, sign, spaces and `word` at `position`, or nullopt if something else stands there.
  std::optional<std::size_t> match_tag_word(std::size_t position, std::string_view word) const {
    position += sign_at(position + 2) == '\0' ? 2 : 3;
    if (position > source_.size()) return std::nullopt;
    const std::string_view after_sign = strip_left(std::string_view(source_).substr(position));
    if (after_sign.substr(0, word.size()) != word) return std::nullopt;
    return source_.size() - strip_left(after_sign.substr(word.size())).size();
  }

  // A whole raw section, if one begins here.
  bool lex_raw() {
    const auto begin_end = match_tag_word(position_, "raw");
    if (!begin_end) return false;
    const std::string_view closing = std::string_view(source_).substr(*begin_end);
    const bool strips = closing.substr(0, 3) == "-%}";
    if (!strips && closing.substr(0, 2) != "%}") return false;
    advance(*begin_end + (strips ? 3 : 2) - position_);
    if (strips) skip_space();
    for (std::size_t tag = source_.find("{%", position_); tag != std::string::npos; tag = source_.find("{%", tag + 1)) {
      const auto word_end = match_tag_word(tag, "endraw");
      if (!word_end) continue;
      const char sign = sign_at(*word_end);
      const std::size_t end = *word_end + (sign == '\0' ? 0 : 1);
      if (source_.compare(end, 2, "%}") != 0) continue;
      push_data(rest().substr(0, tag - position_), sign_at(tag + 2), false);
      advance(end + 2 - position_);
      finish_block(sign);
      return true;
    }
    fail_here("a raw section does not end");
  }

  bool lex_tag_end(bool is_variable) {
    const std::string_view end = is_variable ? "}}" : "%}";
    const char sign = sign_at(position_);
    if (sign == '+' && is_variable) return false;
    const std::size_t sign_size = sign == '\0' ? 0 : 1;
    if (rest().substr(sign_size, 2) != end) return false;
    push(is_variable ? TokenKind::kVariableEnd : TokenKind::kBlockEnd);
    advance(sign_size + 2);
    if (!is_variable) {
      finish_block(sign);
    } else if (sign == '-') {
      skip_space();
    }
    return true;
  }

  void lex_tag(bool is_variable) {
    push(is_variable ? TokenKind::kVariableBegin : TokenKind::kBlockBegin);
    std::string open;  // the closing brackets that are still owed
    while (true) {
      skip_space();
      if (position_ >= source_.size()) fail_here(is_variable ? "a {{ tag does not end" : "a {% tag does not end");
      if (open.empty() && lex_tag_end(is_variable)) return;
      const char c = source_[position_];
      if (is_ascii_digit(c)) {
        lex_number();
      } else if (c == '\'' || c == '"') {
        lex_string(c);
      } else if (!lex_name()) {
        lex_operator(open);
      }
    }
  }

  bool lex_name() {
    std::size_t end = position_;
    while (end < source_.size()) {
      std::size_t next = end;
      const char32_t code_point = decode_at(source_, next);
      if (end == position_ ? !is_identifier_start(code_point) : !is_word(code_point)) break;
      end = next;
    }
    if (end == position_) return false;
    push(TokenKind::kName, source_.substr(position_, end - position_));
    advance(end - position_);
    return true;
  }

  void lex_operator(std::string& open) {
    const auto* found = std::find_if(kOperators.begin(), kOperators.end(), [&](std::string_view op) { return at(op); });
    if (found == kOperators.end()) {
      std::size_t next = position_;
      decode_at(source_, next);
      fail_here(fmt::format("unexpected character '{}'", source_.substr(position_, next - position_)));
    }
    const char c = found->front();
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) fail_here(fmt::format("unexpected '{}'", c));
      open.pop_back();
    }
    push(TokenKind::kOperator, std::string(*found));
    advance(found->size());
  }

  // The digits from `begin` on, underscores between them allowed; returns where they end.
  template <typename IsDigit>
  std::size_t digits_end(std::size_t begin, IsDigit is_digit_of_base) const {
    std::size_t end = begin;
    while (end < source_.size()) {
      const bool underscore = source_[end] == '_' && end > begin;
      const std::size_t digit = underscore ? end + 1 : end;
      if (digit >= source_.size() || !is_digit_of_base(source_[digit])) break;
      end = digit + 1;
    }
    return end;
  }

  // Where the float that begins here ends; position_ if none does.
  std::size_t float_end() const {
    if (position_ > 0 && source_[position_ - 1] == '.') return position_;
    const std::size_t whole_end = digits_end(position_, is_ascii_digit);
    std::size_t end = whole_end;
    if (end + 1 < source_.size() && source_[end] == '.' && is_ascii_digit(source_[end + 1])) {
      end = digits_end(end + 1, is_ascii_digit);
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      std::size_t exponent = end + 1;
      if (sign_at(exponent) != '\0') ++exponent;
      const std::size_t exponent_end = digits_end(exponent, is_ascii_digit);
      if (exponent_end > exponent) end = exponent_end;
    }
    return end == whole_end ? position_ : end;
  }

  static std::string without_underscores(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    return text;
  }

  void lex_number() {
    const std::size_t end = float_end();
    if (end == position_) {
      lex_integer();
      return;
    }
    const std::string digits = without_underscores(source_.substr(position_, end - position_));
    Token& token = push(TokenKind::kFloat, digits);
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token.number);
    if (error == std::errc::result_out_of_range) token.number = std::strtod(digits.c_str(), nullptr);  // 0 or infinite
    advance(end - position_);
  }

  void lex_integer() {
    int base = 10;
    std::size_t begin = position_;
    const char marker = position_ + 1 < source_.size() ? static_cast<char>(source_[position_ + 1] | 0x20) : '\0';
    if (source_[position_] == '0' && (marker == 'x' || marker == 'o' || marker == 'b')) {
      base = marker == 'x' ? 16 : marker == 'o' ? 8 : 2;
      begin += 2;
    }
    const auto is_digit_of_base = [base](char c) {
      const char lower = static_cast<char>(c | 0x20);
      const int digit = is_ascii_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : base;
      return digit < base;
    };
    const auto is_zero = [](char c) { return c == '0'; };
    std::size_t end = begin;
    if (base == 10) {
      end = source_[begin] == '0' ? digits_end(begin, is_zero) : digits_end(begin, is_digit_of_base);
    } else {
      if (begin < source_.size() && source_[begin] == '_') ++begin;
      end = digits_end(begin, is_digit_of_base);
      if (end == begin) fail_here("a number has no digits after its base");
    }
    const std::string digits = without_underscores(source_.substr(begin, end - begin));
    Token& token = push(TokenKind::kInteger, digits);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), token.integer, base);
    token.is_big = result.ec != std::errc{};
    if (token.is_big && (base != 10 || digits.size() > kIntegerDigitsMax)) {
      fail_here(fmt::format("the integer {} is too large", digits));
    }
    advance(end - position_);
  }

  void lex_string(char quote) {
    std::size_t end = position_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_here("a string does not end");
    push(TokenKind::kString, unescaped(std::string_view(source_).substr(position_ + 1, end - position_ - 1)));
    advance(end + 1 - position_);
  }

  std::string unescaped(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      if (text[i] == '\\') {
        append_escape(out, text, i);
      } else {
        out += text[i++];
      }
    }
    return out;
  }

  // Python's escapes. `i` stands at the backslash, which something follows, and ends behind the escape.
  void append_escape(std::string& out, std::string_view text, std::size_t& i) const {
    constexpr std::string_view kSimple = "\\'\"abfnrtv";
    constexpr std::string_view kMeaning = "\\'\"\a\b\f\n\r\t\v";
    const char c = text[i + 1];
    if (c == '\n') {
      i += 2;
    } else if (const std::size_t simple = kSimple.find(c); simple != std::string_view::npos) {
      out += kMeaning[simple];
      i += 2;
    } else if (c >= '0' && c <= '7') {
      std::size_t end = i + 1;
      while (end < text.size() && end < i + 4 && text[end] >= '0' && text[end] <= '7') ++end;
      append_number(out, text.substr(i + 1, end - i - 1), 8);
      i = end;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const std::size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      const std::string_view digits = text.substr(i + 2, count);
      if (digits.size() < count) fail_here("a string has a truncated escape");
      append_number(out, digits, 16);
      i += 2 + count;
    } else if (c == 'N') {
      fail_here("a string names a character (\\N), which is not supported");
    } else {
      out += '\\';
      ++i;
    }
  }

  void append_number(std::string& out, std::string_view digits, int base) const {
    std::uint32_t code_point = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code_point, base);
    const bool surrogate = code_point >= 0xD800 && code_point < 0xE000;
    if (error != std::errc{} || end != digits.data() + digits.size() || code_point > 0x10FFFF || surrogate) {
      fail_here(fmt::format("a string has an escape that is no character: '{}'", digits));
    }
    append_code_point(out, code_point);
  }

  std::string source_;
  std::size_t position_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData:
      return "template text";
    case TokenKind::kBlockBegin:
      return "'{%'";
    case TokenKind::kBlockEnd:
      return "'%}'";
    case TokenKind::kVariableBegin:
      return "'{{'";
    case TokenKind::kVariableEnd:
      return "'}}'";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kEnd:
      return "the end of the template";
    default:
      return "'" + token.text + "'";
  }
}

}  // namespace hearth::jinja
