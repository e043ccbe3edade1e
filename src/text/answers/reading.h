// What the readers of calls have in common: white space, literals, names, and how text that flows is held back.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/answers/reader.h"

namespace hearth {

inline constexpr std::string_view kWhiteSpace = " \t\r\n";
inline constexpr std::size_t kNameBytesMax = 256, kBetweenBytesMax = 256;  // of a name, and between two marks

std::string_view trimmed(std::string_view text);
// Of the text, what does not end within a character of UTF-8.
std::size_t whole_characters(std::string_view text, std::size_t size);

// Past white space; whether something follows.
bool skip_space(Reader& in);
// Of marks that consist of several tags the first: between tags, models write white space as they like.
std::string_view first_part(std::string_view mark);
// Past white space and the literal, if it stands there; else nothing was read. The empty one always does.
bool accept(Reader& in, std::string_view literal);
// Whether one of the literals follows (and white space before it), which are all not empty; reads nothing. The end
// counts where `or_end` says so.
bool follows(Reader& in, const std::vector<std::string_view>& literals, bool or_end);
// What stands before the first of the literals; false if none comes within `size_max` bytes. Stands before it then.
bool read_until(Reader& in, const std::vector<std::string_view>& literals, std::size_t size_max, std::string& text);

// Where text may be shown up to: the first of the markers, or what may become one where the text has not ended.
struct MarkerSearch {
  std::size_t at = 0;
  int marker = -1;  // -1: none yet
};
MarkerSearch find_marker(std::string_view text, const std::vector<std::string_view>& markers, bool has_ended = false);

// A tool's name is one word.
bool is_tool_name(std::string_view name);

using JsonSink = std::function<void(std::string_view)>;
// One JSON value, after white space, given on as it comes; raw control characters in its strings are mended. False
// where it is none, or ends too early: what was valid was given on and read.
bool read_json(Reader& in, const JsonSink& sink);
// A JSON string's text.
bool read_json_string(Reader& in, std::string& text);

}  // namespace hearth
