#include "grammar/formats.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <utility>

#include "grammar/regex_parser.h"

namespace hearth {
namespace {

// RFC 3339. A leap second is the last of a day in UTC: written for UTC only.
constexpr std::string_view kDate =
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"
    "02-(?:0[1-9]|1[0-9]|2[0-8]))|"
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
constexpr std::string_view kTime =
    "(?:(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?"
    "(?:[zZ]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))|"
    "23:59:60(?:\\.[0-9]+)?(?:[zZ]|[+-]00:00))";
// RFC 3339, appendix A.
constexpr std::string_view kDuration =
    "P(?:[0-9]+W|(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
    "(?:T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))?|"
    "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))";
constexpr std::string_view kOctet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
constexpr std::string_view kLabel = "(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)";
constexpr std::string_view kUuid = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}";
constexpr std::string_view kAtom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
constexpr std::string_view kJsonPointer = "(?:/(?:[^~/]|~[01])*)*";

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string result;
  for (const std::string_view part : parts) result += part;
  return result;
}

std::string times(const std::string& part, int min, int max) {
  return "(?:" + part + "){" + std::to_string(min) + "," + std::to_string(max) + "}";
}

std::string ipv4() {
  const std::string octet(kOctet);
  return octet + "(?:\\." + octet + "){3}";
}

// RFC 4291, section 2.2: eight groups, or fewer around one "::"; the last two may be written as an IPv4 address.
std::string ipv6() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string last = "(?:" + group + ":" + group + "|" + ipv4() + ")";
  std::string result = "(?:" + times(group + ":", 6, 6) + last;
  for (int before = 0; before <= 7; ++before) {
    const std::string head = before == 0 ? "" : times(group + ":", before - 1, before - 1) + group;
    // At most 7 - before groups may follow the gap.
    const int after = 7 - before;
    std::string tail;
    if (after >= 1) tail = times(group + ":", 0, after - 1) + group;
    if (after >= 2) tail += "|" + times(group + ":", 0, after - 2) + ipv4();
    result += "|" + head + "::" + (tail.empty() ? "" : "(?:" + tail + ")?");
  }
  return result + ")";
}

std::string hostname() {
  const std::string label(kLabel);
  return "(?!(?:[^.]*\\.)*..--)" + label + "(?:\\." + label + ")*";
}

std::string email() {
  const std::string atom(kAtom), label(kLabel);
  const std::string local = "(?:" + atom + "(?:\\." + atom + ")*|\"(?:[ !#-\\[\\]-~]|\\\\[ -~])*\")";
  return local + "@(?:" + label + "(?:\\." + label + ")*|\\[" + ipv4() + "\\]|\\[IPv6:" + ipv6() + "\\])";
}

// RFC 3986, appendix A; with `wide`, RFC 3987.
std::string uri(bool reference, bool wide) {
  const std::string more = wide ? "\\u{A0}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}\\u{10000}-\\u{EFFFD}" : "";
  const std::string unreserved = "A-Za-z0-9._~" + more;
  const std::string delimiters = "!$&'()*+,;=";
  const std::string coded = "%[0-9A-Fa-f]{2}";
  const auto one_of = [&](const std::string& extra) {
    return "(?:[" + unreserved + delimiters + extra + "-]|" + coded + ")";
  };
  const std::string pchar = one_of(":@");
  const std::string literal_host = "\\[(?:" + ipv6() + "|[vV][0-9A-Fa-f]+\\.[" + unreserved + delimiters + ":-]+)\\]";
  const std::string authority = "(?:" + one_of(":") + "*@)?(?:" + literal_host + "|" + one_of("") + "*)(?::[0-9]*)?";
  const std::string rest_of_path = "(?:/" + pchar + "*)*";
  const std::string net = "//" + authority + rest_of_path;
  const std::string absolute = "/(?:" + pchar + "+" + rest_of_path + ")?";
  const std::string rootless = pchar + "+" + rest_of_path;
  const std::string without_colon = one_of("@") + "+" + rest_of_path;
  const std::string own = wide ? "\\u{E000}-\\u{F8FF}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}" : "";
  const std::string tail = "(?:\\?" + one_of(":@/?" + own) + "*)?(?:#" + one_of(":@/?") + "*)?";
  const std::string full = "[A-Za-z][A-Za-z0-9+.-]*:(?:" + net + "|" + absolute + "|" + rootless + ")?" + tail;
  if (!reference) return full;
  return "(?:" + full + "|(?:" + net + "|" + absolute + "|" + without_colon + ")?" + tail + ")";
}

// RFC 6570.
std::string uri_template() {
  const std::string name = "(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})";
  const std::string variable = name + "(?:\\.?" + name + ")*(?::[1-9][0-9]{0,3}|\\*)?";
  const std::string expression = "\\{[+#./;?&=,!@|]?" + variable + "(?:," + variable + ")*\\}";
  return "(?:[^\\u{0}-\\u{20}\"%<>\\\\^`{|}\\u{7F}]|%[0-9A-Fa-f]{2}|" + expression + ")*";
}

struct Format {
  std::string_view name;
  std::string (*pattern)();
};

constexpr std::array<Format, 16> kFormats{{
    {"date", [] { return std::string(kDate); }},
    {"date-time",
     [] {
       return joined({kDate, "[tT]", kTime});
     }},
    {"duration", [] { return std::string(kDuration); }},
    {"email", email},
    {"hostname", hostname},
    {"ipv4", ipv4},
    {"ipv6", ipv6},
    {"iri", [] { return uri(false, true); }},
    {"iri-reference", [] { return uri(true, true); }},
    {"json-pointer", [] { return std::string(kJsonPointer); }},
    {"relative-json-pointer",
     [] {
       return joined({"(?:0|[1-9][0-9]*)(?:#|", kJsonPointer, ")"});
     }},
    {"time", [] { return std::string(kTime); }},
    {"uri", [] { return uri(false, false); }},
    {"uri-reference", [] { return uri(true, false); }},
    {"uri-template", uri_template},
    {"uuid", [] { return std::string(kUuid); }},
}};

constexpr std::array<std::string_view, 3> kIrregular{"idn-email", "idn-hostname", "regex"};

}  // namespace

FormatKind format_kind(std::string_view name) {
  for (const Format& format : kFormats) {
    if (format.name == name) return FormatKind::kRegular;
  }
  const bool irregular = std::find(kIrregular.begin(), kIrregular.end(), name) != kIrregular.end();
  return irregular ? FormatKind::kIrregular : FormatKind::kUnknown;
}

std::uint32_t format_length_max(std::string_view name) {
  return name == "hostname" ? 253 : kUnbounded;
}

Expression format_language(Expressions& expressions, std::string_view name) {
  for (const Format& format : kFormats) {
    if (format.name == name) return parse_regex(expressions, format.pattern(), RegexScope::kWhole);
  }
  return kAnyText;
}

}  // namespace hearth
