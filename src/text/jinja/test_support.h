// What the tests of the interpreter share: rendering a template over a context that is written as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <ctime>
#include <string>
#include <string_view>

#include "base/json_value.h"
#include "text/jinja/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"

namespace hearth::jinja {

// 22 November 2026, a Sunday, at midnight.
inline std::tm fixed_time() {
  std::tm time{};
  time.tm_year = 126;
  time.tm_mon = 10;
  time.tm_mday = 22;
  time.tm_yday = 325;
  return time;
}

inline std::string render(std::string_view source, std::string_view context_json = "{}") {
  const Program program = parse(source);
  const ParsedJson context = parse_json(context_json, 64, BigIntegers::kKeepDigits);
  return Interpreter(program, context.value.as_object(), fixed_time).run();
}

// The error that parsing or rendering ends in, or its absence.
inline std::string error_of(std::string_view source, std::string_view context_json = "{}") {
  try {
    return "no error: " + render(source, context_json);
  } catch (const TemplateError& error) {
    return error.message();
  }
}

}  // namespace hearth::jinja
