// The method tables that live in files of their own, and the string functions that methods and filters share.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/objects.h"

namespace hearth::jinja {

std::span<const Method> string_methods();
// `real`, `numerator`: what a number has besides its methods; nullopt: nothing of that name.
std::optional<Value> number_attribute(const Value& number, std::string_view name);

// str.splitlines, str.replace (a negative count: all), str.strip with a set of characters (nullptr: whitespace).
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);
std::string replaced(Interpreter& interpreter, std::string_view text, std::string_view old, std::string_view with,
                     std::int64_t count);
std::string_view stripped(std::string_view text, const std::string* characters, bool left, bool right);
std::string capitalized(std::string_view text);
bool is_lower_text(std::string_view text);
bool is_upper_text(std::string_view text);

}  // namespace hearth::jinja
