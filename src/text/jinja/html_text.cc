#include "text/jinja/html_text.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "text/jinja/error.h"
#include "text/jinja/html_entities.h"
#include "text/jinja/unicode.h"
#include "text/unicode/regex.h"

namespace hearth::jinja {
namespace {

constexpr std::size_t kReferenceMax = 32;  // characters of a name
constexpr char32_t kReplacement = 0xFFFD;

// What numbers from 0x80 to 0x9F mean in HTML: windows-1252's characters, where it has one.
constexpr char32_t kWindows[] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
                                 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
                                 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

bool is_no_character(std::uint32_t code) {
  return (code >= 0x1 && code <= 0x8) || code == 0xB || (code >= 0xE && code <= 0x1F) ||
         (code >= 0x7F && code <= 0x9F) || (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFEU) == 0xFFFEU;
}

void append_numbered(std::string& out, std::uint32_t code) {
  if (code >= 0x80 && code <= 0x9F) {
    append_code_point(out, kWindows[code - 0x80]);
  } else if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    append_code_point(out, kReplacement);
  } else if (!is_no_character(code)) {
    append_code_point(out, code);
  }
}

// "#65;", "#x41": appends the character, and returns the bytes read; 0 if it is no number.
std::size_t append_numeric(std::string& out, std::string_view text) {
  const bool hexadecimal = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
  const std::size_t begin = hexadecimal ? 2 : 1;
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data() + std::min(begin, text.size()), text.data() + text.size(), code,
                                            hexadecimal ? 16 : 10);
  auto size = static_cast<std::size_t>(end - text.data());
  if (size <= begin) return 0;
  append_numbered(out, error == std::errc{} ? code : 0x110000);
  if (size < text.size() && text[size] == ';') ++size;
  return size;
}

// "amp;", "ampx": the longest name that the text begins with, as its character. Returns the bytes read; 0: none.
std::size_t append_named(std::string& out, std::string_view text) {
  std::size_t end = 0;
  for (std::size_t count = 0; end < text.size() && count < kReferenceMax; ++count) {
    if (std::string_view("\t\n\f <&#;").find(text[end]) != std::string_view::npos) break;
    decode_at(text, end);
  }
  if (end == 0) return 0;
  if (end < text.size() && text[end] == ';') ++end;
  for (std::size_t size = end; size > 1; --size) {
    const std::string_view found = html_entity(text.substr(0, size));
    if (found.empty()) continue;
    out += found;
    return size;
  }
  return 0;
}

// Without what stands between `open` and `close`, both included.
std::string without(std::string_view text, std::string_view open, std::string_view close) {
  std::string out;
  for (;;) {
    const std::size_t begin = text.find(open);
    const std::size_t end = begin == std::string_view::npos ? begin : text.find(close, begin);
    if (end == std::string_view::npos) break;
    out += text.substr(0, begin);
    text.remove_prefix(end + close.size());
  }
  return out.append(text);
}

bool matches(const Regex& regex, std::string_view text) {
  try {
    bool found = false;
    RegexMatcher(regex).for_each(text, [&](const Span&) { found = true; });
    return found;
  } catch (const Unsupported&) {
    fail_limit("urlize was given too long a word");
  }
}

bool is_web_address(std::string_view text) {
  static const Regex kPattern(R"(\A(?i:(?:(?:https?://|www\.)(?:(?:[\w%\-]+\.)+)?(?:[a-z]{2,63}|xn--[\w%]{2,59})|)"
                              R"((?:[\w%\-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)|)"
                              R"(https?://(?:\d{1,3}(?:\.\d{1,3}){3}|\[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\])))"
                              R"((?::\d{1,5})?(?:[/?#]\S*)?)\z)");
  return matches(kPattern, text);
}

bool is_mail_address(std::string_view text) {
  static const Regex kPattern(R"(\A\S+@\w[\w.\-]*\.\w+\z)");
  return matches(kPattern, text);
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

// A word without the brackets and stops around it that are not the address's own.
struct Word {
  std::string head, middle, tail;
};

Word split_word(std::string_view text) {
  Word word;
  const auto take = [&](std::initializer_list<std::string_view> signs, bool at_end) {
    for (const std::string_view sign : signs) {
      if (at_end ? !text.ends_with(sign) : !text.starts_with(sign)) continue;
      (at_end ? word.tail.insert(0, sign) : word.head.append(sign));
      at_end ? text.remove_suffix(sign.size()) : text.remove_prefix(sign.size());
      return true;
    }
    return false;
  };
  while (take({"(", "<", "&lt;"}, false)) {
  }
  while (take({"&gt;", ")", ">", ".", ",", "\n"}, true)) {
  }
  word.middle = text;
  // Closing brackets whose opening one is within the address are the address's.
  constexpr std::pair<std::string_view, std::string_view> kBrackets[] = {{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
  for (const auto& [open, close] : kBrackets) {
    const std::size_t opened = count_of(word.middle, open);
    if (opened <= count_of(word.middle, close)) continue;
    for (std::size_t i = std::min(opened, count_of(word.tail, close)); i > 0; --i) {
      const std::size_t end = word.tail.find(close) + close.size();
      word.middle += word.tail.substr(0, end);
      word.tail.erase(0, end);
    }
  }
  return word;
}

std::string shortened(const std::string& text, std::optional<std::size_t> shown_max) {
  if (!shown_max || count_code_points(text) <= *shown_max) return text;
  return text.substr(0, byte_offset(text, *shown_max)) + "...";
}

std::string link(const std::string& address, const std::string& shown, const LinkStyle& style) {
  const std::string rel = style.rel.empty() ? "" : " rel=\"" + style.rel + "\"";
  const std::string target = style.target.empty() ? "" : " target=\"" + style.target + "\"";
  return "<a href=\"" + address + "\"" + rel + target + ">" + shown + "</a>";
}

std::string linked(const std::string& text, const LinkStyle& style) {
  constexpr std::string_view kMail = "mailto:";
  if (is_web_address(text)) {
    const bool has_scheme = text.starts_with("https://") || text.starts_with("http://");
    return link(has_scheme ? text : "https://" + text, shortened(text, style.shown_max), style);
  }
  if (text.starts_with(kMail) && is_mail_address(std::string_view(text).substr(kMail.size()))) {
    return link(text, text.substr(kMail.size()), {});
  }
  if (text.find('@') != std::string::npos && !text.starts_with("www.") && !text.starts_with("@") &&
      text.find(':') == std::string::npos && is_mail_address(text)) {
    return link(std::string(kMail) + text, text, {});
  }
  std::string result = text;
  for (const std::string& scheme : style.schemes) {
    if (result != scheme && result.starts_with(scheme)) result = link(result, result, style);
  }
  return result;
}

}  // namespace

std::string unescape_html(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '&') {
      out += text[at++];
      continue;
    }
    const std::string_view rest = text.substr(at + 1);
    const std::size_t used = rest.starts_with('#') ? append_numeric(out, rest) : append_named(out, rest);
    if (used == 0) out += '&';
    at += used + 1;
  }
  return out;
}

std::string strip_tags(std::string_view text) {
  const std::string plain = without(without(text, "<!--", "-->"), "<", ">");
  std::string joined;
  for (std::size_t position = 0; position < plain.size();) {
    const std::size_t begin = position;
    if (!is_space(decode_at(plain, position))) {
      joined += plain.substr(begin, position - begin);
    } else if (!joined.empty() && joined.back() != ' ') {
      joined += ' ';
    }
  }
  return unescape_html(strip_right(joined));
}

std::string with_links(std::string_view escaped, const LinkStyle& style) {
  std::string out;
  for (std::size_t position = 0; position < escaped.size();) {
    const std::size_t begin = position;
    std::size_t end = position;
    while (position < escaped.size() && !is_space(decode_at(escaped, position))) end = position;
    const Word word = split_word(escaped.substr(begin, end - begin));
    out += word.head + linked(word.middle, style) + word.tail;
    out += escaped.substr(end, position - end);
  }
  return out;
}

bool is_scheme(std::string_view text) {
  static const Regex kPattern(R"(\A[\w.+\-]{2,}:/{0,2}\z)");
  return matches(kPattern, text);
}

}  // namespace hearth::jinja
