// TemplateError's one sentence.
#include "text/jinja/error.h"

#include <fmt/format.h>

namespace hearth::jinja {
namespace {

std::string describe(const std::string& message, int line) {
  return line > 0 ? fmt::format("chat template, line {}: {}", line, message)
                  : fmt::format("chat template: {}", message);
}

}  // namespace

TemplateError::TemplateError(Kind kind, std::string message, int line)
    : InvalidInput(describe(message, line)), kind_(kind), line_(line), message_(std::move(message)) {}

void fail(std::string message) {
  throw TemplateError(TemplateError::Kind::kRuntime, std::move(message));
}

void fail_limit(std::string message) {
  throw TemplateError(TemplateError::Kind::kLimit, std::move(message));
}

}  // namespace hearth::jinja
