// Statements, carried out.
#include <fmt/format.h>

#include "base/error.h"
#include "text/jinja/ast.h"
#include "text/jinja/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/objects.h"
#include "text/jinja/operators.h"

namespace hearth::jinja {

Flow Output::execute(Interpreter& interpreter) const {
  const Value value = interpreter.evaluate(*expression_);
  if (interpreter.autoescape() && !value.is_markup()) {
    interpreter.write(escape_html(interpreter.text(value)));
  } else if (value.is_string()) {
    interpreter.write(value.bytes());
  } else {
    interpreter.write(interpreter.text(value));
  }
  return Flow::kNext;
}

Flow Literal::execute(Interpreter& interpreter) const {
  interpreter.write(text_);
  return Flow::kNext;
}

Flow If::execute(Interpreter& interpreter) const {
  for (const auto& [condition, body] : branches_) {
    if (truth(interpreter.evaluate(*condition))) return interpreter.execute(body);
  }
  return interpreter.execute(else_);
}

Flow For::execute(Interpreter& interpreter) const {
  return run(interpreter, interpreter.evaluate(*parts_.iterable), 0);
}

Flow For::run(Interpreter& interpreter, const Value& iterable, std::size_t recursion) const {
  const std::shared_ptr<Scope> outer = interpreter.scope();
  // Only these loops come back to the scope around them, and may outlive it.
  const bool needs_scope = parts_.recursive || parts_.filter != nullptr;
  if (needs_scope) interpreter.keep(outer);
  auto loop = std::make_shared<LoopObject>(*this, interpreter.iterate(iterable), parts_.filter != nullptr, recursion,
                                           needs_scope ? outer : nullptr);
  bool any = false;
  while (loop->advance(interpreter)) {
    const Flow flow = interpreter.in_scope(outer, [&] {
      interpreter.scope()->set(kLoopName, Value(loop));
      interpreter.assign(parts_.target, loop->current());
      return interpreter.execute(parts_.body);
    });
    if (flow == Flow::kBreak) break;
    // As Jinja has it: iterations that were cut short do not keep the loop's `else` from running.
    any = any || flow == Flow::kNext;
  }
  if (any) return Flow::kNext;
  return interpreter.in_scope(outer, [&] { return interpreter.execute(parts_.otherwise); });
}

bool For::admits(Interpreter& interpreter, const Value& item) const {
  return interpreter.in_scope(interpreter.scope(), [&] {
    interpreter.assign(parts_.target, item);
    return truth(interpreter.evaluate(*parts_.filter));
  });
}

Flow Set::execute(Interpreter& interpreter) const {
  interpreter.assign(target_, interpreter.evaluate(*value_));
  return Flow::kNext;
}

Flow SetBlock::execute(Interpreter& interpreter) const {
  Flow flow = Flow::kNext;
  const Value value = interpreter.in_scope(interpreter.scope(), [&] {
    const Value text = interpreter.capture_block([&] { flow = interpreter.execute(body_); });
    return filter_ && flow == Flow::kNext ? filter_->apply_to_block(interpreter, text) : text;
  });
  if (flow == Flow::kNext) interpreter.assign(target_, value);
  return flow;
}

Flow MacroStatement::execute(Interpreter& interpreter) const {
  interpreter.keep(interpreter.scope());
  interpreter.scope()->set(name_,
                           Value(std::make_shared<Macro>(definition_, interpreter.scope(), interpreter.autoescape())));
  return Flow::kNext;
}

Flow CallBlock::execute(Interpreter& interpreter) const {
  interpreter.keep(interpreter.scope());
  const Value caller(std::make_shared<Macro>(caller_, interpreter.scope(), interpreter.autoescape()));
  interpreter.write(interpreter.text(call_->evaluate_with(interpreter, caller)));
  return Flow::kNext;
}

Flow FilterBlock::execute(Interpreter& interpreter) const {
  Flow flow = Flow::kNext;
  const Value value = interpreter.in_scope(interpreter.scope(), [&] {
    const Value text = interpreter.capture_block([&] { flow = interpreter.execute(body_); });
    return flow == Flow::kNext ? filter_->apply_to_block(interpreter, text) : text;
  });
  if (flow != Flow::kNext) return flow;
  if (!value.is_string()) fail(fmt::format("a filter block makes a string, not {}", value.type_name()));
  interpreter.write(value.bytes());
  return flow;
}

Flow ScopedBody::execute(Interpreter& interpreter) const {
  std::vector<Value> values;
  for (const auto& [target, value] : bindings_) values.push_back(interpreter.evaluate(*value));
  return interpreter.in_scope(from_root_ ? interpreter.root_scope() : interpreter.scope(), [&] {
    for (std::size_t i = 0; i < values.size(); ++i) interpreter.assign(bindings_[i].first, values[i]);
    return interpreter.execute(body_);
  });
}

Flow Autoescape::execute(Interpreter& interpreter) const {
  const bool on = truth(interpreter.evaluate(*condition_));
  return interpreter.with_autoescape(
      on, [&] { return interpreter.in_scope(interpreter.scope(), [&] { return interpreter.execute(body_); }); });
}

Flow OtherTemplate::execute(Interpreter&) const {
  fail(fmt::format("'{}' needs another template, and a model has only this one", tag_));
}

}  // namespace hearth::jinja
