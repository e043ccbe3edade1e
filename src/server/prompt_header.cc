#include "server/prompt_header.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>

#include "base/ascii_case.h"

namespace hearth {
namespace {

constexpr int kHeadersMax = 8;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A header's name as it is compared: of "* Today's date: …" it is "today's date".
std::string header_name(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  std::string_view name = line.substr(0, colon);
  constexpr std::string_view kAround = " \t*-#_>";
  while (!name.empty() && kAround.find(name.front()) != std::string_view::npos) name.remove_prefix(1);
  while (!name.empty() && kAround.find(name.back()) != std::string_view::npos) name.remove_suffix(1);
  return ascii_lower(std::string(name));
}

bool tells_billing(std::string_view name) {
  return name.starts_with("x-") && name.find("billing") != std::string_view::npos;
}

bool tells_time(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "date",          "time",         "now",          "datetime",         "timestamp",        "today",
      "today's date",  "current date", "current time", "system time",      "current datetime", "current timestamp",
      "date and time", "local time",   "utc time",     "the current date", "the current time"};
  if (name.starts_with("current date and time") || name.starts_with("current local") ||
      name.starts_with("current utc")) {
    return true;
  }
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// Bytes of a number of `least` to `most` digits at `at`; 0: there is none.
std::size_t digits_at(std::string_view text, std::size_t at, std::size_t least, std::size_t most) {
  std::size_t count = 0;
  while (at + count < text.size() && is_digit(text[at + count])) ++count;
  return count >= least && count <= most ? count : 0;
}

bool has_year(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = is_digit(text[at]) && (at == 0 || !is_digit(text[at - 1]));
    if (begins && digits_at(text, at, 4, 4) == 4 && text.substr(at, 2) == "20") return true;
  }
  return false;
}

// What may follow a time of day: a fraction, a zone.
std::size_t time_suffix(std::string_view text, std::size_t at) {
  std::size_t end = at;
  if (end < text.size() && (text[end] == '.' || text[end] == ',')) {
    if (const std::size_t count = digits_at(text, end + 1, 1, 9)) end += 1 + count;
  }
  const std::size_t spaced = end < text.size() && text[end] == ' ' ? end + 1 : end;
  for (const std::string_view word : {"AM", "PM", "am", "pm", "UTC", "GMT", "Z"}) {
    if (text.substr(spaced).starts_with(word)) return time_suffix(text, spaced + word.size());
  }
  if (spaced < text.size() && (text[spaced] == '+' || text[spaced] == '-')) {
    if (const std::size_t hours = digits_at(text, spaced + 1, 2, 4)) {
      end = spaced + 1 + hours;
      if (end < text.size() && text[end] == ':') {
        if (const std::size_t minutes = digits_at(text, end + 1, 2, 2)) end += 1 + minutes;
      }
    }
  }
  return end;
}

// The line without its time of day; nullopt: it tells none.
std::optional<std::string> without_time(std::string_view line) {
  for (std::size_t at = line.find(':') + 1; at < line.size(); ++at) {
    if (!is_digit(line[at]) || is_digit(line[at - 1])) continue;
    const std::size_t hours = digits_at(line, at, 1, 2);
    if (hours == 0 || at + hours >= line.size() || line[at + hours] != ':') continue;
    std::size_t end = at + hours + 1;
    const std::size_t minutes = digits_at(line, end, 2, 2);
    if (minutes == 0) continue;
    end += minutes;
    if (end < line.size() && line[end] == ':') {
      if (const std::size_t seconds = digits_at(line, end + 1, 2, 2)) end += 1 + seconds;
    }
    std::size_t begin = at;
    while (begin > 0 && std::string_view(" T,").find(line[begin - 1]) != std::string_view::npos) --begin;
    return std::string(line.substr(0, begin)) + std::string(line.substr(time_suffix(line, end)));
  }
  return std::nullopt;
}

}  // namespace

std::string stable_system_text(std::string_view text) {
  std::string head;
  for (int i = 0; i < kHeadersMax && !text.empty(); ++i) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    const std::string name = header_name(line);
    if (tells_time(name) && has_year(line)) {
      head += without_time(line).value_or(std::string(line));
    } else if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) {
      head += line;
    } else if (!tells_billing(name)) {
      break;
    }
    text.remove_prefix(end);
  }
  return head + std::string(text);
}

}  // namespace hearth
