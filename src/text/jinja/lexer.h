// A template's text as tokens, with Jinja's whitespace rules applied the way chat templates expect them: a newline
// after a block tag is dropped (trim_blocks), so is indentation before one (lstrip_blocks), and the text's last
// newline.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::jinja {

enum class TokenKind : std::uint8_t {
  kData,  // literal text
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text{};  // a name, an operator's spelling, a number's digits, or what data or a string literal stands for
  std::int64_t integer = 0;
  bool is_big = false;  // an integer that does not fit, and stands in `text` alone
  double number = 0;
  int line = 1;

  bool is_operator(std::string_view spelling) const { return kind == TokenKind::kOperator && text == spelling; }
  bool is_name(std::string_view name) const { return kind == TokenKind::kName && text == name; }
};

// Ends with a kEnd token. Throws TemplateError(kSyntax) for what is no token or does not end. `source` is valid UTF-8.
std::vector<Token> tokenize(std::string_view source);

// What a token is, for messages.
std::string describe(const Token& token);

}  // namespace hearth::jinja
