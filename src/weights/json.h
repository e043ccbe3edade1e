// JSON from untrusted files: a bounded depth, and errors that name the file and the byte.
//
// Format: RFC 8259.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/json_value.h"

namespace hearth {

// kPython accepts what Python's json module does: the last of two equal keys counts, and NaN (read as null) and the
// infinities are numbers; a byte order mark in front, which editors of Windows write, is skipped. kStrict refuses all.
enum class JsonDialect { kPython, kStrict };

// The text behind a byte order mark, if it begins with one.
std::string_view without_byte_order_mark(std::string_view text);

// Parses a whole document, which must be an object. Throws InvalidInput with one sentence that names the file and the
// byte, counted from `start`, where `text` stands in its file.
boost::json::object parse_json_object(std::string_view text, const std::string& file_name,
                                      JsonDialect dialect = JsonDialect::kPython, std::size_t start = 0,
                                      BigIntegers big_integers = BigIntegers::kAsDouble);

}  // namespace hearth
