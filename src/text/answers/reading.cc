#include "text/answers/reading.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <cctype>

#include "text/answers/tool_types.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::size_t kJsonDepthMax = 64;

// A byte of JSON, with what is needed to know where the value ends.
class JsonBytes {
 public:
  JsonBytes() : parser_({}, options()) {}

  // The byte as it belongs there; false: it does not.
  bool take(char byte, std::string& taken) {
    std::string_view given(&byte, 1);
    std::string escape;
    if (in_string_ && static_cast<unsigned char>(byte) < 0x20) {
      escape = json_escaped(given);
      given = escape;
    }
    boost::system::error_code error;
    parser_.write(given.data(), given.size(), error);
    if (error) return false;
    taken += given;
    note(byte);
    return true;
  }
  bool done() const { return depth_ == 0; }

 private:
  static json::parse_options options() {
    json::parse_options options;
    options.max_depth = kJsonDepthMax;
    return options;
  }

  void note(char byte) {
    if (in_string_) {
      if (is_escaped_) {
        is_escaped_ = false;
      } else if (byte == '\\') {
        is_escaped_ = true;
      } else if (byte == '"') {
        in_string_ = false;
      }
      return;
    }
    if (byte == '"') in_string_ = true;
    if (byte == '{' || byte == '[') ++depth_;
    if (byte == '}' || byte == ']') --depth_;
  }

  json::stream_parser parser_;
  std::size_t depth_ = 0;
  bool in_string_ = false, is_escaped_ = false;
};

bool read_container(Reader& in, const JsonSink& sink) {
  JsonBytes bytes;
  for (;;) {
    if (!in.want(1)) return false;
    std::string taken;
    std::size_t count = 0;
    bool is_valid = true;
    for (const char byte : in.rest()) {
      is_valid = bytes.take(byte, taken);
      if (!is_valid) break;
      ++count;
      if (bytes.done()) break;
    }
    in.skip(count);
    sink(taken);
    if (!is_valid || bytes.done()) return is_valid;
  }
}

bool read_raw_string(Reader& in, std::string& raw) {
  bool is_escaped = false;
  for (;;) {
    if (!in.want(1)) return false;
    const char byte = in.rest().front();
    in.skip(1);
    raw += byte;
    if (is_escaped) {
      is_escaped = false;
    } else if (byte == '\\') {
      is_escaped = true;
    } else if (byte == '"' && raw.size() > 1) {
      return true;
    }
  }
}

bool is_json(std::string_view text) {
  boost::system::error_code error;
  json::parse(text, error);
  return !error;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) + 1 - begin);
}

std::size_t whole_characters(std::string_view text, std::size_t size) {
  size = std::min(size, text.size());
  if (size == text.size()) return size;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return size;
}

bool skip_space(Reader& in) {
  for (;;) {
    const std::string_view rest = in.rest();
    const std::size_t space = std::min(rest.find_first_not_of(kWhiteSpace), rest.size());
    in.skip(space);
    if (space < rest.size()) return true;
    if (!in.want(1)) return false;
  }
}

std::string_view first_part(std::string_view mark) {
  for (std::size_t at = mark.find('>'); at != std::string_view::npos; at = mark.find('>', at + 1)) {
    const std::size_t next = mark.find_first_not_of(kWhiteSpace, at + 1);
    if (next != std::string_view::npos && mark[next] == '<') return mark.substr(0, at + 1);
  }
  return mark;
}

bool accept(Reader& in, std::string_view literal) {
  const std::size_t start = in.position();
  while (!literal.empty()) {
    const std::string_view part = first_part(literal);
    skip_space(in);
    while (in.rest().size() < part.size() && part.starts_with(in.rest())) {
      if (!in.want_more()) break;
    }
    if (!in.rest().starts_with(part)) {
      in.return_to(start);
      return false;
    }
    in.skip(part.size());
    literal.remove_prefix(part.size());
    literal.remove_prefix(std::min(literal.find_first_not_of(kWhiteSpace), literal.size()));
  }
  return true;
}

bool follows(Reader& in, const std::vector<std::string_view>& literals, bool or_end) {
  const std::size_t start = in.position();
  if (!skip_space(in)) {
    in.return_to(start);
    return or_end;
  }
  for (;;) {
    const std::string_view rest = in.rest();
    bool may_follow = false;
    for (const std::string_view literal : literals) {
      if (rest.starts_with(literal)) {
        in.return_to(start);
        return true;
      }
      may_follow = may_follow || literal.starts_with(rest);
    }
    const bool more = may_follow && in.want_more();
    if (!more) break;
  }
  in.return_to(start);
  return false;
}

bool read_until(Reader& in, const std::vector<std::string_view>& literals, std::size_t size_max, std::string& text) {
  std::size_t from = 0;
  for (;;) {
    const MarkerSearch found = find_marker(in.rest().substr(from), literals, in.ended());
    from += found.at;
    if (from > size_max) return false;
    if (found.marker >= 0) {
      text = in.rest().substr(0, from);
      in.skip(from);
      return true;
    }
    if (!in.want_more() && in.rest().size() == from) return false;
  }
}

MarkerSearch find_marker(std::string_view text, const std::vector<std::string_view>& markers, bool has_ended) {
  MarkerSearch found{text.size(), -1};
  for (std::size_t i = 0; i < markers.size(); ++i) {
    const std::size_t at = text.find(markers[i]);
    const bool is_longer = at == found.at && found.marker >= 0 && markers[i].size() > markers[found.marker].size();
    if (at < found.at || is_longer) found = {at, static_cast<int>(i)};
  }
  if (has_ended) return found;
  // What may become a marker that begins before: the events must not depend on where the text was cut.
  for (const std::string_view marker : markers) {
    const std::size_t longest = std::min(marker.size() - 1, text.size());
    for (std::size_t size = longest; size > 0; --size) {
      const std::size_t at = text.size() - size;
      if (at > found.at) break;
      const bool could_be_longer = at < found.at || (found.marker >= 0 && marker.size() > markers[found.marker].size());
      if (could_be_longer && marker.starts_with(text.substr(at))) {
        found = {at, -1};
        break;
      }
    }
  }
  return found;
}

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 ||
           std::string_view("<>{}()[]\"'`=,;").find(c) != std::string_view::npos;
  });
}

bool read_json(Reader& in, const JsonSink& sink) {
  if (!skip_space(in)) return false;
  const char first = in.rest().front();
  if (first == '{' || first == '[') return read_container(in, sink);
  std::string raw;
  if (first == '"') {
    if (!read_raw_string(in, raw)) return false;
  } else {
    static const std::vector<std::string_view> kEnds = {",", "}", "]", " ", "\n", "\t", "\r"};
    if (!read_until(in, kEnds, kNameBytesMax, raw)) return false;
  }
  if (!is_json(raw)) return false;
  sink(raw);
  return true;
}

bool read_json_string(Reader& in, std::string& text) {
  std::string raw;
  if (!skip_space(in) || in.rest().front() != '"' || !read_raw_string(in, raw)) return false;
  boost::system::error_code error;
  const json::value value = json::parse(raw, error);
  if (error || !value.is_string()) return false;
  text = std::string_view(value.get_string());
  return true;
}

}  // namespace hearth
