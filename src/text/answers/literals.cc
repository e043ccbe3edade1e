#include "text/answers/literals.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <vector>

#include "text/answers/tool_types.h"

namespace hearth {
namespace {

constexpr int kDepthMax = 64;
const std::vector<std::string_view> kTextFollowers = {",", ")", "]", "}", ":", "="};
const std::vector<std::string_view> kWordEnds = {",", ")", "]", "}", ":", "=", " ", "\n", "\t", "\r"};

class LiteralReader {
 public:
  LiteralReader(Reader& in, std::string_view quote, const JsonSink& sink, LiteralPlace place)
      : in_(in), sink_(sink), quote_(quote), quotes_{quote}, place_(place) {}

  bool value(int depth) {
    if (depth > kDepthMax || !skip_space(in_)) return false;
    const char first = in_.rest().front();
    const bool is_container = first == '{' || first == '[' || first == '(';
    depth_ = is_container ? depth + 1 : depth;
    if (is_container) return container(first == '{' ? '}' : first == '[' ? ']' : ')', first == '{', depth);
    return text_or_word(false);
  }

 private:
  // A list, or with `is_dict` keys and values.
  bool container(char close, bool is_dict, int depth) {
    in_.skip(1);
    sink_(is_dict ? "{" : "[");
    for (bool is_first = true;; is_first = false) {
      if (!skip_space(in_)) return false;
      if (in_.rest().front() == close) break;
      if (!is_first) {
        if (in_.rest().front() != ',') return false;
        in_.skip(1);
        if (!skip_space(in_)) return false;
        if (in_.rest().front() == close) break;  // a comma at the end
        sink_(", ");
      }
      if (is_dict) {
        if (!text_or_word(true) || !accept(in_, ":")) return false;
        sink_(": ");
      }
      if (!value(depth + 1)) return false;
    }
    in_.skip(1);
    sink_(is_dict ? "}" : "]");
    return true;
  }

  bool text_or_word(bool is_key) {
    if (!quote_.empty() && accept(in_, quote_)) return marked();
    const char first = in_.rest().front();
    if (first == '\'' || first == '"') {
      sink_("\"");
      if (!quoted(first)) return false;
      sink_("\"");
      return true;
    }
    std::string text;
    const bool has_end =
        place_.is_argument && depth_ == 0 ? bare_argument(text) : read_until(in_, kWordEnds, kNameBytesMax, text);
    if (!has_end || text.empty()) return false;
    const bool is_text = is_key || (place_.is_text && depth_ == 0);
    sink_(is_text ? '"' + json_escaped(text) + '"' : word(text));
    return true;
  }

  // A text up to the mark that stands around it.
  bool marked() {
    sink_("\"");
    for (;;) {
      const MarkerSearch found = find_marker(in_.rest(), quotes_);
      sink_(json_escaped(in_.rest().substr(0, found.at)));
      in_.skip(found.at);
      if (found.marker >= 0) break;
      if (!in_.want_more()) return false;
    }
    in_.skip(quote_.size());
    sink_("\"");
    return true;
  }

  static std::string word(std::string_view text) {
    if (text == "True" || text == "true") return "true";
    if (text == "False" || text == "false") return "false";
    if (text == "None" || text == "null") return "null";
    boost::system::error_code error;
    const boost::json::value number = boost::json::parse(text, error);
    return !error && number.is_number() ? std::string(text) : '"' + json_escaped(text) + '"';
  }

  // Some templates put quotes around a text and escape nothing: a quote ends it only where a value can end.
  bool quoted(char quote) {
    in_.skip(1);
    std::string text;  // not given on yet
    const auto give_on = [&] {
      sink_(json_escaped(text));
      text.clear();
    };
    for (;;) {
      if (in_.rest().empty()) give_on();
      if (!in_.want(1)) return false;
      const char byte = in_.rest().front();
      in_.skip(1);
      if (byte == quote) {
        if (place_.is_argument && depth_ == 0 ? argument_ends() : follows(in_, kTextFollowers, true)) break;
        text += byte;
      } else if (byte == '\\') {
        if (!in_.want(1)) return false;
        const char escaped = in_.rest().front();
        in_.skip(1);
        // In JSON's quotes, JSON's escape.
        if (escaped == '/' && quote == '"') {
          text += escaped;
        } else if (!escape(escaped, text)) {
          return false;
        }
      } else {
        text += byte;
      }
    }
    give_on();
    return true;
  }

  // Some templates put nothing around a text: it goes on to the argument's end.
  bool bare_argument(std::string& text) {
    static const std::vector<std::string_view> kEnds = {",", ")"}, kBehindCall = {"]", ",", ";"};
    for (;;) {
      std::string piece;
      if (!read_until(in_, kEnds, std::string::npos, piece)) return false;
      text += piece;
      const std::size_t start = in_.position();
      bool is_end = in_.rest().front() == ',' && argument_ends();
      if (in_.rest().front() == ')') {
        in_.skip(1);
        is_end = follows(in_, kBehindCall, true);
        in_.return_to(start);
      }
      if (is_end) break;
      text += in_.rest().front();
      in_.skip(1);
    }
    text = std::string(trimmed(text));
    return true;
  }

  // Whether `)` follows, or `, key=`; reads nothing.
  bool argument_ends() {
    static const std::vector<std::string_view> kEnds = {")"}, kCommas = {","}, kKeyEnds = {"="};
    if (follows(in_, kEnds, true)) return true;
    const std::size_t start = in_.position();
    std::string key;
    const bool has_key = accept(in_, kCommas.front()) && read_until(in_, kKeyEnds, kNameBytesMax, key);
    in_.return_to(start);
    return has_key && is_tool_name(trimmed(key));
  }

  bool escape(char kind, std::string& text) {
    static constexpr std::string_view kPlain = "\\'\"", kNames = "ntrbf0", kBytes{"\n\t\r\b\f\0", 6};
    if (kPlain.find(kind) != std::string_view::npos) {
      text += kind;
    } else if (const std::size_t name = kNames.find(kind); name != std::string_view::npos) {
      text += kBytes[name];
    } else if (kind == 'u') {
      return code_unit(text, 4);
    } else if (kind == 'x') {
      return code_unit(text, 2);
    } else if (kind != '\n') {
      text += {'\\', kind};
    }
    return true;
  }

  // \xXX; \uXXXX, two of them for a character beyond the first plane.
  bool code_unit(std::string& text, std::size_t digits) {
    if (!in_.want(digits)) return false;
    std::string escapes = "\"\\u" + std::string(4 - digits, '0') + std::string(in_.rest().substr(0, digits));
    in_.skip(digits);
    const char plane = escapes[3], half = escapes[4];
    const bool is_high = (plane == 'd' || plane == 'D') &&
                         (half == '8' || half == '9' || half == 'a' || half == 'b' || half == 'A' || half == 'B');
    if (is_high && in_.want(6) && in_.rest().starts_with("\\u")) {
      escapes += in_.rest().substr(0, 6);
      in_.skip(6);
    }
    boost::system::error_code error;
    const boost::json::value decoded = boost::json::parse(escapes + '"', error);
    if (error) return false;
    text += std::string_view(decoded.get_string());
    return true;
  }

  Reader& in_;
  const JsonSink& sink_;
  std::string_view quote_;
  std::vector<std::string_view> quotes_;
  LiteralPlace place_;
  int depth_ = 0;  // of lists and dicts
};

}  // namespace

bool read_literal(Reader& in, std::string_view quote, const JsonSink& sink, LiteralPlace place) {
  return LiteralReader(in, quote, sink, place).value(0);
}

std::string json_of_literal(std::string_view text) {
  const std::string_view bare = trimmed(text);
  if (bare == "True" || bare == "False") return bare == "True" ? "true" : "false";
  if (bare == "None") return "null";
  if (bare.empty() || (bare.front() != '{' && bare.front() != '[' && bare.front() != '(')) return {};
  Reader in;
  in.append(bare);
  in.end();
  std::string out;
  boost::system::error_code error;
  const JsonSink sink = [&out](std::string_view json) { out += json; };
  if (!read_literal(in, {}, sink) || skip_space(in)) return {};
  boost::json::parse(out, error);
  return error ? std::string() : out;
}

}  // namespace hearth
