// Expressions, from the weakest operator to the strongest, one function per level.
#include <array>
#include <optional>

#include "text/jinja/parser_base.h"

namespace hearth::jinja {
namespace {

std::optional<Relation> relation_of(const Token& token) {
  static constexpr std::array<std::pair<std::string_view, Relation>, 6> kRelations = {{
      {"==", Relation::kEqual},
      {"!=", Relation::kUnequal},
      {"<", Relation::kLess},
      {"<=", Relation::kLessOrEqual},
      {">", Relation::kGreater},
      {">=", Relation::kGreaterOrEqual},
  }};
  if (token.kind != TokenKind::kOperator) return std::nullopt;
  for (const auto& [spelling, relation] : kRelations) {
    if (token.text == spelling) return relation;
  }
  return std::nullopt;
}

Value integer_of(const Token& token) {
  return token.is_big ? Value::integer(token.text) : Value(token.integer);
}

std::optional<Value> constant_named(std::string_view name) {
  if (name == "true" || name == "True") return Value(true);
  if (name == "false" || name == "False") return Value(false);
  if (name == "none" || name == "None") return Value();
  return std::nullopt;
}

}  // namespace

bool ExpressionParser::at_tuple_end(std::string_view end_name) const {
  return current().kind == TokenKind::kVariableEnd || current().kind == TokenKind::kBlockEnd ||
         current().is_operator(")") || (!end_name.empty() && current().is_name(end_name));
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_conditional, std::string_view end_name) {
  const int line = current().line;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (!at_tuple_end(end_name)) {
    items.push_back(with_conditional ? parse_expression() : parse_or());
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (is_tuple) return std::make_unique<SequenceLiteral>(line, Sequence::Kind::kTuple, std::move(items));
  if (items.empty()) fail_expected("an expression");
  return std::move(items.front());
}

ExpressionPtr ExpressionParser::parse_expression() {
  const NestingGuard guard(*this);
  const int line = current().line;
  const std::size_t mark = unknown_count();
  ExpressionPtr node = parse_or();
  for (int count = 0; skip_name("if"); ++count) {
    if (count > kPostfixMax) fail_at(line, "too many conditions in one expression");
    ExpressionPtr condition = parse_or();
    ExpressionPtr otherwise = skip_name("else") ? parse_expression() : nullptr;
    node = std::make_unique<Conditional>(line, std::move(condition), std::move(node), std::move(otherwise));
    forgive_unknown(mark);
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_logical(std::string_view word, bool is_and,
                                              ExpressionPtr (ExpressionParser::*parse_part)()) {
  const int line = current().line;
  ExpressionPtr first = (this->*parse_part)();
  if (!current().is_name(word)) return first;
  std::vector<ExpressionPtr> parts;
  parts.push_back(std::move(first));
  while (skip_name(word)) parts.push_back((this->*parse_part)());
  return std::make_unique<Logical>(line, is_and, std::move(parts));
}

ExpressionPtr ExpressionParser::parse_or() {
  return parse_logical("or", false, &ExpressionParser::parse_and);
}

ExpressionPtr ExpressionParser::parse_and() {
  return parse_logical("and", true, &ExpressionParser::parse_not);
}

ExpressionPtr ExpressionParser::parse_not() {
  const NestingGuard guard(*this);
  if (!current().is_name("not")) return parse_comparison();
  const int line = take().line;
  return std::make_unique<Unary>(line, UnaryOperator::kNot, parse_not());
}

ExpressionPtr ExpressionParser::parse_comparison() {
  const int line = current().line;
  ExpressionPtr first = parse_sum();
  std::vector<Comparison::Step> steps;
  while (true) {
    if (const auto relation = relation_of(current())) {
      take();
      steps.emplace_back(*relation, parse_sum());
    } else if (skip_name("in")) {
      steps.emplace_back(Relation::kIn, parse_sum());
    } else if (current().is_name("not") && next().is_name("in")) {
      take();
      take();
      steps.emplace_back(Relation::kNotIn, parse_sum());
    } else {
      break;
    }
  }
  if (steps.empty()) return first;
  return std::make_unique<Comparison>(line, std::move(first), std::move(steps));
}

template <typename ParseOperand>
ExpressionPtr ExpressionParser::parse_arithmetic(
    std::initializer_list<std::pair<std::string_view, BinaryOperator>> operators, ParseOperand parse_operand) {
  const auto operator_here = [&]() -> std::optional<BinaryOperator> {
    for (const auto& [spelling, op] : operators) {
      if (current().is_operator(spelling)) return op;
    }
    return std::nullopt;
  };
  const int line = current().line;
  ExpressionPtr first = parse_operand();
  std::vector<Arithmetic::Step> steps;
  while (const auto op = operator_here()) {
    take();
    steps.emplace_back(*op, parse_operand());
  }
  if (steps.empty()) return first;
  return std::make_unique<Arithmetic>(line, std::move(first), std::move(steps));
}

ExpressionPtr ExpressionParser::parse_sum() {
  return parse_arithmetic({{"+", BinaryOperator::kAdd}, {"-", BinaryOperator::kSubtract}},
                          [this] { return parse_concatenation(); });
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  const int line = current().line;
  ExpressionPtr first = parse_product();
  if (!current().is_operator("~")) return first;
  std::vector<ExpressionPtr> parts;
  parts.push_back(std::move(first));
  while (skip_operator("~")) parts.push_back(parse_product());
  return std::make_unique<Concatenation>(line, std::move(parts));
}

ExpressionPtr ExpressionParser::parse_product() {
  return parse_arithmetic({{"*", BinaryOperator::kMultiply},
                           {"/", BinaryOperator::kDivide},
                           {"//", BinaryOperator::kFloorDivide},
                           {"%", BinaryOperator::kModulo}},
                          [this] { return parse_power(); });
}

ExpressionPtr ExpressionParser::parse_power() {
  return parse_arithmetic({{"**", BinaryOperator::kPower}}, [this] { return parse_unary(true); });
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filter) {
  const NestingGuard guard(*this);
  const int line = current().line;
  ExpressionPtr node;
  if (skip_operator("-")) {
    node = std::make_unique<Unary>(line, UnaryOperator::kNegate, parse_unary(false));
  } else if (skip_operator("+")) {
    node = std::make_unique<Unary>(line, UnaryOperator::kPlus, parse_unary(false));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filter ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::parse_primary() {
  switch (current().kind) {
    case TokenKind::kName:
      return parse_name();
    case TokenKind::kString:
      return parse_string();
    case TokenKind::kInteger: {
      const Token token = take();
      return std::make_unique<Constant>(token.line, integer_of(token));
    }
    case TokenKind::kFloat: {
      const Token token = take();
      return std::make_unique<Constant>(token.line, Value(token.number));
    }
    default:
      break;
  }
  if (current().is_operator("(")) return parse_parentheses();
  if (current().is_operator("[")) return parse_list();
  if (current().is_operator("{")) return parse_dict();
  fail_expected("an expression");
}

ExpressionPtr ExpressionParser::parse_name() {
  const Token token = take();
  if (auto constant = constant_named(token.text)) return std::make_unique<Constant>(token.line, std::move(*constant));
  const NameId name = intern(token.text);
  for (MacroDefinition* macro : macros_) {
    macro->uses_caller |= name == kCallerName;
    macro->uses_varargs |= name == kVarargsName;
    macro->uses_kwargs |= name == kKwargsName;
  }
  return std::make_unique<Name>(token.line, name);
}

ExpressionPtr ExpressionParser::parse_string() {
  const int line = current().line;
  std::string text;
  while (current().kind == TokenKind::kString) text += take().text;  // adjacent literals are one, as in Python
  return std::make_unique<Constant>(line, Value(std::move(text)));
}

ExpressionPtr ExpressionParser::parse_parentheses() {
  const int line = take().line;
  if (skip_operator(")")) {
    return std::make_unique<SequenceLiteral>(line, Sequence::Kind::kTuple, std::vector<ExpressionPtr>());
  }
  ExpressionPtr node = parse_tuple();
  expect_operator(")");
  return node;
}

ExpressionPtr ExpressionParser::parse_list() {
  const int line = take().line;
  std::vector<ExpressionPtr> items;
  while (!current().is_operator("]")) {
    if (!items.empty()) expect_operator(",");
    if (current().is_operator("]")) break;
    items.push_back(parse_expression());
  }
  expect_operator("]");
  return std::make_unique<SequenceLiteral>(line, Sequence::Kind::kList, std::move(items));
}

ExpressionPtr ExpressionParser::parse_dict() {
  const int line = take().line;
  std::vector<DictLiteral::Item> items;
  while (!current().is_operator("}")) {
    if (!items.empty()) expect_operator(",");
    if (current().is_operator("}")) break;
    ExpressionPtr key = parse_expression();
    expect_operator(":");
    items.emplace_back(std::move(key), parse_expression());
  }
  expect_operator("}");
  return std::make_unique<DictLiteral>(line, std::move(items));
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr node) {
  for (int count = 0; count < kPostfixMax; ++count) {
    if (current().is_operator(".")) {
      node = parse_attribute(std::move(node));
    } else if (current().is_operator("[")) {
      node = parse_subscript(std::move(node));
    } else if (current().is_operator("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
  fail_at(current().line, "an expression is too long");
}

ExpressionPtr ExpressionParser::parse_filters_and_tests(ExpressionPtr node) {
  for (int count = 0; count < kPostfixMax; ++count) {
    if (current().is_operator("|")) {
      node = parse_filters(std::move(node), false);
    } else if (current().is_name("is")) {
      node = parse_test(std::move(node));
    } else if (current().is_operator("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
  fail_at(current().line, "an expression is too long");
}

ExpressionPtr ExpressionParser::parse_attribute(ExpressionPtr node) {
  const int line = take().line;
  if (current().kind == TokenKind::kInteger) {
    auto key = std::make_unique<Constant>(line, integer_of(take()));
    return std::make_unique<Subscript>(line, std::move(node), std::move(key));
  }
  return std::make_unique<Attribute>(line, std::move(node), expect_name());
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr node) {
  const int line = take().line;
  std::vector<ExpressionPtr> keys;
  if (!current().is_operator(":") && !current().is_operator("]")) keys.push_back(parse_expression());
  if (skip_operator(":")) {
    const auto at_end = [&] { return current().is_operator(":") || current().is_operator("]"); };
    ExpressionPtr start = keys.empty() ? nullptr : std::move(keys.front());
    ExpressionPtr stop = at_end() ? nullptr : parse_expression();
    ExpressionPtr step = skip_operator(":") && !at_end() ? parse_expression() : nullptr;
    expect_operator("]");
    return std::make_unique<Slice>(line, std::move(node), std::move(start), std::move(stop), std::move(step));
  }
  while (skip_operator(",")) keys.push_back(parse_expression());
  expect_operator("]");
  ExpressionPtr key = keys.size() == 1
                          ? std::move(keys.front())
                          : std::make_unique<SequenceLiteral>(line, Sequence::Kind::kTuple, std::move(keys));
  return std::make_unique<Subscript>(line, std::move(node), std::move(key));
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr node) {
  const int line = current().line;
  return std::make_unique<Call>(line, std::move(node), parse_arguments());
}

std::unique_ptr<Call> ExpressionParser::parse_call_expression() {
  const int line = current().line;
  ExpressionPtr node = parse_expression();
  auto* call = dynamic_cast<Call*>(node.get());
  if (call == nullptr) fail_at(line, "expected a call");
  node.release();
  return std::unique_ptr<Call>(call);
}

ArgumentList ExpressionParser::parse_arguments() {
  const int line = take().line;
  ArgumentList arguments;
  bool first = true;
  while (!current().is_operator(")")) {
    if (!first) expect_operator(",");
    if (current().is_operator(")")) break;
    first = false;
    parse_argument(arguments, line);
  }
  expect_operator(")");
  return arguments;
}

void ExpressionParser::parse_argument(ArgumentList& arguments, int line) {
  const auto require = [&](bool allowed) {
    if (!allowed) fail_at(line, "a call's arguments are in the wrong order");
  };
  if (skip_operator("*")) {
    require(!arguments.star && !arguments.star_star);
    arguments.star = parse_expression();
  } else if (skip_operator("**")) {
    require(!arguments.star_star);
    arguments.star_star = parse_expression();
  } else if (current().kind == TokenKind::kName && next().is_operator("=")) {
    require(!arguments.star_star);
    std::string name = take().text;
    take();
    const auto same = [&](const auto& argument) { return argument.first == name; };
    if (std::any_of(arguments.named.begin(), arguments.named.end(), same)) {
      fail_at(line, fmt::format("keyword argument repeated: {}", name));
    }
    arguments.named.emplace_back(std::move(name), parse_expression());
  } else {
    require(!arguments.star && !arguments.star_star && arguments.named.empty());
    arguments.positional.push_back(parse_expression());
  }
}

std::string ExpressionParser::parse_dotted_name() {
  std::string name = expect_name();
  while (skip_operator(".")) name += "." + expect_name();
  return name;
}

std::unique_ptr<FilterExpression> ExpressionParser::parse_filters(ExpressionPtr subject, bool inline_start) {
  std::unique_ptr<FilterExpression> node;
  for (int count = 0; inline_start || current().is_operator("|"); ++count) {
    if (count > kPostfixMax) fail_at(current().line, "an expression is too long");
    if (!inline_start) take();
    inline_start = false;
    const int line = current().line;
    std::string name = parse_dotted_name();
    if (find_filter(name) == nullptr) note_unknown(line, fmt::format("there is no filter named '{}'", name));
    ArgumentList arguments = current().is_operator("(") ? parse_arguments() : ArgumentList();
    if (node) subject = std::move(node);
    node = std::make_unique<FilterExpression>(line, std::move(subject), std::move(name), std::move(arguments));
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr node) {
  const int line = take().line;
  const bool negated = skip_name("not");
  std::string name = parse_dotted_name();
  if (find_test(name) == nullptr) note_unknown(line, fmt::format("there is no test named '{}'", name));
  ArgumentList arguments;
  const Token& token = current();
  if (token.is_operator("(")) {
    arguments = parse_arguments();
  } else if (token.is_name("is")) {
    fail_at(token.line, "tests with 'is' cannot be chained");
  } else if ((token.kind == TokenKind::kName && !token.is_name("else") && !token.is_name("or") &&
              !token.is_name("and")) ||
             token.kind == TokenKind::kString || token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat ||
             token.is_operator("[") || token.is_operator("{")) {
    const NestingGuard guard(*this);
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  node = std::make_unique<TestExpression>(line, std::move(node), std::move(name), std::move(arguments));
  return negated ? std::make_unique<Unary>(line, UnaryOperator::kNot, std::move(node)) : std::move(node);
}

Target ExpressionParser::parse_single_target(bool with_attribute) {
  const NestingGuard guard(*this);
  Target target;
  target.line = current().line;
  if (skip_operator("(")) {
    target = parse_target(with_attribute);
    expect_operator(")");
    return target;
  }
  if (current().kind == TokenKind::kName && constant_named(current().text)) fail_expected("a name to assign to");
  target.name = intern(expect_name());
  if (with_attribute && skip_operator(".")) target.attribute = expect_name();
  return target;
}

Target ExpressionParser::parse_target(bool with_attribute, std::string_view end_name) {
  const int line = current().line;
  std::vector<Target> parts;
  bool is_tuple = false;
  while (!at_tuple_end(end_name)) {
    parts.push_back(parse_single_target(with_attribute));
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (parts.empty()) fail_expected("a name to assign to");
  if (!is_tuple) return std::move(parts.front());
  Target target;
  target.line = line;
  target.is_tuple = true;
  target.parts = std::move(parts);
  return target;
}

}  // namespace hearth::jinja
