// What the two halves of the parser share: the token stream, name table, depth guard, and the bookkeeping of filters
// and tests that do not exist.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/error.h"
#include "text/jinja/lexer.h"

namespace hearth::jinja {

// Deep enough for any template that a person wrote.
inline constexpr int kNestingMax = 200;
// Postfix operations (.a[b](c)|d) one after the other nest, too.
inline constexpr int kPostfixMax = 100;

class ParserBase {
 protected:
  explicit ParserBase(std::string_view source) : tokens_(tokenize(source)) {
    for (const std::string_view name : kFixedNames) intern(name);
  }

  class NestingGuard {
   public:
    explicit NestingGuard(ParserBase& parser) : parser_(parser) {
      if (++parser_.nesting_ > kNestingMax) {
        throw TemplateError(TemplateError::Kind::kLimit, fmt::format("nested more than {} levels deep", kNestingMax),
                            parser_.current().line);
      }
    }
    ~NestingGuard() { --parser_.nesting_; }
    NestingGuard(const NestingGuard&) = delete;
    NestingGuard& operator=(const NestingGuard&) = delete;

   private:
    ParserBase& parser_;
  };

  [[noreturn]] static void fail_at(int line, std::string message) {
    throw TemplateError(TemplateError::Kind::kSyntax, std::move(message), line);
  }
  [[noreturn]] void fail_expected(std::string_view what) const {
    fail_at(current().line, fmt::format("expected {}, found {}", what, describe(current())));
  }

  const Token& current() const { return tokens_[position_]; }
  const Token& next() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }
  Token take() {
    Token token = current();
    if (position_ + 1 < tokens_.size()) ++position_;
    return token;
  }
  bool skip_operator(std::string_view spelling) {
    const bool found = current().is_operator(spelling);
    if (found) take();
    return found;
  }
  bool skip_name(std::string_view name) {
    const bool found = current().is_name(name);
    if (found) take();
    return found;
  }
  void expect_operator(std::string_view spelling) {
    if (!skip_operator(spelling)) fail_expected(fmt::format("'{}'", spelling));
  }
  std::string expect_name() {
    if (current().kind != TokenKind::kName) fail_expected("a name");
    return take().text;
  }
  void expect_keyword(std::string_view name) {
    if (!skip_name(name)) fail_expected(fmt::format("'{}'", name));
  }
  void expect(TokenKind kind) {
    if (current().kind != kind) fail_expected(describe(Token{.kind = kind}));
    take();
  }

  NameId intern(std::string_view name) {
    const auto [entry, added] = name_ids_.try_emplace(std::string(name), static_cast<NameId>(names_.size()));
    if (added) names_.emplace_back(name);
    return entry->second;
  }

  // A filter or test that does not exist is an error, except directly inside an `if` or a conditional expression:
  // there it fails only when it is reached. So unknown names are noted, and forgiven or reported by what encloses them.
  void note_unknown(int line, std::string message) { unknown_.emplace_back(line, std::move(message)); }
  std::size_t unknown_count() const { return unknown_.size(); }
  void forgive_unknown(std::size_t mark) { unknown_.resize(mark); }
  void report_unknown(std::size_t mark) const {
    if (unknown_.size() > mark) fail_at(unknown_[mark].first, unknown_[mark].second);
  }

  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  int nesting_ = 0;
  std::vector<std::string> names_;
  std::unordered_map<std::string, NameId> name_ids_;
  std::vector<std::pair<int, std::string>> unknown_;
  // The macros being parsed, outermost first: a mention of `caller`, `varargs` or `kwargs` counts for all of them.
  std::vector<MacroDefinition*> macros_;
};

class ExpressionParser : protected ParserBase {
 protected:
  using ParserBase::ParserBase;

  // An expression, or several separated by commas as a tuple.
  ExpressionPtr parse_tuple(bool with_conditional = true, std::string_view end_name = {});
  ExpressionPtr parse_expression();
  // Throws unless a call stands here.
  std::unique_ptr<Call> parse_call_expression();
  // A chain of filters after `|`, or beginning here without one (`inline_start`); null if there is none.
  std::unique_ptr<FilterExpression> parse_filters(ExpressionPtr subject, bool inline_start);
  Target parse_target(bool with_attribute, std::string_view end_name = {});

 private:
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filter);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_string();
  ExpressionPtr parse_parentheses();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr node);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr node);
  ExpressionPtr parse_attribute(ExpressionPtr node);
  ExpressionPtr parse_subscript(ExpressionPtr node);
  ExpressionPtr parse_call(ExpressionPtr node);
  ExpressionPtr parse_test(ExpressionPtr node);
  ArgumentList parse_arguments();
  void parse_argument(ArgumentList& arguments, int line);
  std::string parse_dotted_name();
  bool at_tuple_end(std::string_view end_name) const;
  Target parse_single_target(bool with_attribute);
  template <typename ParseOperand>
  ExpressionPtr parse_arithmetic(std::initializer_list<std::pair<std::string_view, BinaryOperator>> operators,
                                 ParseOperand parse_operand);
  ExpressionPtr parse_logical(std::string_view word, bool is_and, ExpressionPtr (ExpressionParser::*parse_part)());
};

}  // namespace hearth::jinja
