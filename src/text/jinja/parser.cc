// Statements: what stands between {% and %}, and the text around it.
#include "text/jinja/parser.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "text/jinja/parser_base.h"

namespace hearth::jinja {
namespace {

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(source) {}

  Program run() {
    Program program;
    program.body = parse_body({});
    report_unknown(0);
    program.names = std::move(names_);
    return program;
  }

 private:
  using StatementPtr = std::unique_ptr<Statement>;
  using EndTags = std::initializer_list<std::string_view>;
  using ParseStatement = StatementPtr (Parser::*)(int line);

  static ParseStatement statement_parser(std::string_view tag) {
    static constexpr std::array<std::pair<std::string_view, ParseStatement>, 17> kStatements = {{
        {"for", &Parser::parse_for},
        {"if", &Parser::parse_if},
        {"set", &Parser::parse_set},
        {"macro", &Parser::parse_macro},
        {"call", &Parser::parse_call_block},
        {"filter", &Parser::parse_filter_block},
        {"with", &Parser::parse_with},
        {"block", &Parser::parse_block},
        {"generation", &Parser::parse_generation},
        {"autoescape", &Parser::parse_autoescape},
        {"break", &Parser::parse_break},
        {"continue", &Parser::parse_continue},
        {"print", &Parser::parse_print},
        {"include", &Parser::parse_other_template},
        {"import", &Parser::parse_other_template},
        {"from", &Parser::parse_other_template},
        {"extends", &Parser::parse_other_template},
    }};
    for (const auto& [name, parse_statement] : kStatements) {
      if (name == tag) return parse_statement;
    }
    return nullptr;
  }

  // Statements up to the tag that is one of `end_tags` (which stays, without its {%), or to the end of the template.
  Body parse_body(EndTags end_tags) {
    const NestingGuard guard(*this);
    const int begin_line = current().line;
    Body body;
    while (current().kind != TokenKind::kEnd) {
      const int line = current().line;
      if (current().kind == TokenKind::kData) {
        body.push_back(std::make_unique<Literal>(line, take().text));
        continue;
      }
      if (current().kind == TokenKind::kVariableBegin) {
        take();
        body.push_back(std::make_unique<Output>(line, parse_tuple()));
        expect(TokenKind::kVariableEnd);
        continue;
      }
      expect(TokenKind::kBlockBegin);
      const auto ends = [&](std::string_view tag) { return current().is_name(tag); };
      if (std::any_of(end_tags.begin(), end_tags.end(), ends)) return body;
      if (StatementPtr statement = parse_statement()) body.push_back(std::move(statement));
      expect(TokenKind::kBlockEnd);
    }
    if (end_tags.size() > 0) fail_at(begin_line, fmt::format("no '{}' closes this", *(end_tags.end() - 1)));
    return body;
  }

  StatementPtr parse_statement() {
    const int line = current().line;
    const std::string tag = expect_name();
    const ParseStatement parse_here = statement_parser(tag);
    if (parse_here == nullptr) fail_at(line, fmt::format("unknown tag '{}'", tag));
    return (this->*parse_here)(line);
  }

  // The rest of an opening tag and the statements after it, up to one of `end_tags`.
  Body parse_block_body(EndTags end_tags) {
    skip_operator(":");
    expect(TokenKind::kBlockEnd);
    return parse_body(end_tags);
  }

  // The same for a body that has variables of its own. Such a body is no longer "directly inside" an `if`.
  Body parse_inner_body(EndTags end_tags) {
    const std::size_t mark = unknown_count();
    Body body = parse_block_body(end_tags);
    report_unknown(mark);
    return body;
  }

  Body parse_inner_body_and_end(std::string_view end_tag) {
    Body body = parse_inner_body({end_tag});
    take();
    return body;
  }

  StatementPtr parse_if(int line) {
    const std::size_t mark = unknown_count();
    std::vector<If::Branch> branches;
    Body otherwise;
    do {
      ExpressionPtr condition = parse_tuple(false);
      Body body = parse_block_body({"elif", "else", "endif"});
      branches.emplace_back(std::move(condition), std::move(body));
    } while (skip_name("elif"));
    if (skip_name("else")) otherwise = parse_block_body({"endif"});
    expect_keyword("endif");
    forgive_unknown(mark);
    return std::make_unique<If>(line, std::move(branches), std::move(otherwise));
  }

  static bool binds(const Target& target, NameId name) {
    if (!target.is_tuple) return target.name == name;
    return std::any_of(target.parts.begin(), target.parts.end(), [&](const Target& part) { return binds(part, name); });
  }

  StatementPtr parse_for(int line) {
    For::Parts parts;
    parts.target = parse_target(false, "in");
    if (binds(parts.target, kLoopName)) fail_at(line, "'loop' cannot be a loop's own variable");
    expect_keyword("in");
    parts.iterable = parse_tuple(false, "recursive");
    const std::size_t mark = unknown_count();
    if (skip_name("if")) parts.filter = parse_expression();
    report_unknown(mark);
    parts.recursive = skip_name("recursive");
    ++loops_;
    parts.body = parse_inner_body({"endfor", "else"});
    --loops_;
    if (skip_name("else")) parts.otherwise = parse_inner_body({"endfor"});
    expect_keyword("endfor");
    return std::make_unique<For>(line, std::move(parts));
  }

  StatementPtr parse_set(int line) {
    Target target = parse_target(true);
    if (skip_operator("=")) return std::make_unique<Set>(line, std::move(target), parse_tuple());
    const std::size_t mark = unknown_count();
    auto filter = parse_filters(nullptr, false);
    report_unknown(mark);
    Body body = parse_inner_body_and_end("endset");
    return std::make_unique<SetBlock>(line, std::move(target), std::move(filter), std::move(body));
  }

  // The parameters in parentheses, and the body up to `end_tag`, whose loops are not those around the macro.
  void parse_parameters(MacroDefinition& definition) {
    expect_operator("(");
    while (!current().is_operator(")")) {
      if (!definition.parameters.empty()) expect_operator(",");
      std::string name = expect_name();
      const NameId id = intern(name);
      definition.parameters.emplace_back(id, std::move(name));
      if (skip_operator("=")) {
        definition.defaults.push_back(parse_expression());
      } else if (!definition.defaults.empty()) {
        fail_at(current().line, "a parameter without a default follows one with a default");
      }
    }
    expect_operator(")");
  }

  void parse_macro_body(MacroDefinition& definition, std::string_view end_tag) {
    const int loops_around = std::exchange(loops_, 0);
    macros_.push_back(&definition);
    definition.body = parse_inner_body_and_end(end_tag);
    macros_.pop_back();
    loops_ = loops_around;
  }

  StatementPtr parse_macro(int line) {
    MacroDefinition definition;
    const std::size_t mark = unknown_count();
    definition.name = expect_name();
    const NameId name = intern(definition.name);
    parse_parameters(definition);
    report_unknown(mark);
    parse_macro_body(definition, "endmacro");
    return std::make_unique<MacroStatement>(line, name, std::move(definition));
  }

  StatementPtr parse_call_block(int line) {
    MacroDefinition caller;
    caller.name = kFixedNames[kCallerName];
    if (current().is_operator("(")) parse_parameters(caller);
    std::unique_ptr<Call> call = parse_call_expression();
    parse_macro_body(caller, "endcall");
    return std::make_unique<CallBlock>(line, std::move(call), std::move(caller));
  }

  StatementPtr parse_filter_block(int line) {
    const std::size_t mark = unknown_count();
    auto filter = parse_filters(nullptr, true);
    report_unknown(mark);
    Body body = parse_inner_body_and_end("endfilter");
    return std::make_unique<FilterBlock>(line, std::move(filter), std::move(body));
  }

  StatementPtr parse_with(int line) {
    std::vector<ScopedBody::Binding> bindings;
    while (current().kind != TokenKind::kBlockEnd && !current().is_operator(":")) {
      if (!bindings.empty()) expect_operator(",");
      Target target = parse_target(false);
      expect_operator("=");
      bindings.emplace_back(std::move(target), parse_expression());
    }
    Body body = parse_inner_body_and_end("endwith");
    return std::make_unique<ScopedBody>(line, std::move(bindings), std::move(body), false);
  }

  StatementPtr parse_block(int line) {
    const std::string name = expect_name();
    if (!blocks_.insert(name).second) fail_at(line, fmt::format("block '{}' defined twice", name));
    const bool scoped = skip_name("scoped");
    skip_name("required");
    const int loops_around = std::exchange(loops_, 0);
    Body body = parse_inner_body_and_end("endblock");
    loops_ = loops_around;
    skip_name(name);
    return std::make_unique<ScopedBody>(line, std::vector<ScopedBody::Binding>(), std::move(body), !scoped);
  }

  StatementPtr parse_generation(int line) {
    const int loops_around = std::exchange(loops_, 0);
    Body body = parse_inner_body_and_end("endgeneration");
    loops_ = loops_around;
    return std::make_unique<ScopedBody>(line, std::vector<ScopedBody::Binding>(), std::move(body), false);
  }

  StatementPtr parse_autoescape(int line) {
    ExpressionPtr condition = parse_expression();
    Body body = parse_inner_body_and_end("endautoescape");
    return std::make_unique<Autoescape>(line, std::move(condition), std::move(body));
  }

  StatementPtr parse_jump(int line, Flow flow) {
    if (loops_ == 0) fail_at(line, "'break' and 'continue' belong in a loop");
    return std::make_unique<Jump>(line, flow);
  }
  StatementPtr parse_break(int line) { return parse_jump(line, Flow::kBreak); }
  StatementPtr parse_continue(int line) { return parse_jump(line, Flow::kContinue); }

  StatementPtr parse_print(int line) {
    std::vector<ExpressionPtr> parts;
    while (current().kind != TokenKind::kBlockEnd) {
      if (!parts.empty()) expect_operator(",");
      parts.push_back(parse_expression());
    }
    if (parts.empty()) return nullptr;
    return std::make_unique<Output>(line, std::make_unique<Concatenation>(line, std::move(parts)));
  }

  StatementPtr parse_other_template(int line) {
    std::string tag = tokens_[position_ - 1].text;
    while (current().kind != TokenKind::kBlockEnd) take();
    return std::make_unique<OtherTemplate>(line, std::move(tag));
  }

  std::unordered_set<std::string> blocks_;
  int loops_ = 0;  // around the current statement, within its macro
};

}  // namespace

Program parse(std::string_view source) {
  return Parser(source).run();
}

}  // namespace hearth::jinja
