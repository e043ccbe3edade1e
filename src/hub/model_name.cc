#include "hub/model_name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace hearth {
namespace {

constexpr std::size_t kNameBytesMax = 96;

bool is_name_letter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
}

// As the hub has them: no two dots or dashes in a row, which folders of the cache are made with.
bool is_name_part(std::string_view part) {
  return !part.empty() && part.size() <= kNameBytesMax && std::all_of(part.begin(), part.end(), is_name_letter) &&
         part.front() != '.' && part.front() != '-' && part.back() != '.' && part.back() != '-' &&
         part.find("--") == std::string_view::npos && part.find("..") == std::string_view::npos;
}

bool is_quantization(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), is_name_letter) && text.find("..") == std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

// "Q4", "IQ3", "TQ1", "F16", "BF16", "FP32", "MXFP4": what a quantization begins with.
bool begins_quantization(std::string_view word) {
  const auto has_digits = [&](std::string_view letters) {
    return word.size() > letters.size() && word.size() <= letters.size() + 2 && word.starts_with(letters) &&
           std::all_of(word.begin() + static_cast<std::ptrdiff_t>(letters.size()), word.end(),
                       [](unsigned char c) { return std::isdigit(c); });
  };
  return std::ranges::any_of(std::array{"Q", "IQ", "TQ", "F", "BF", "FP", "MXFP"}, has_digits);
}

}  // namespace

std::optional<HubName> parse_hub_name(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  }
  for (const std::string_view host : {"hf.co/", "huggingface.co/"}) {
    if (text.starts_with(host)) text.remove_prefix(host.size());
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::size_t colon = std::min(text.find(':', slash), text.size());
  const std::string_view name = text.substr(slash + 1, colon - slash - 1);
  if (!is_name_part(text.substr(0, slash)) || !is_name_part(name)) return std::nullopt;
  HubName found{std::string(text.substr(0, colon)), ""};
  if (colon == text.size()) return found;
  const std::string_view quantization = text.substr(colon + 1);
  if (!is_quantization(quantization)) return std::nullopt;
  if (lower(quantization) != "latest") found.quantization = quantization;
  return found;
}

std::optional<HubName> find_short_name(std::string_view text) {
  const std::string name = lower(text);
  const std::size_t colon = name.find(':');
  const std::string family = name.substr(0, colon);
  const std::size_t second = colon == std::string::npos ? colon : name.find(':', colon + 1);
  std::string size = colon == std::string::npos ? "" : name.substr(colon + 1, second - colon - 1);
  if (size == "latest") size.clear();
  for (const ShortName& known : short_names()) {
    const bool is_it =
        size.empty() ? known.name.substr(0, known.name.find(':')) == family : known.name == family + ":" + size;
    if (!is_it) continue;
    const std::string_view quantization = second == std::string::npos ? "" : text.substr(second + 1);
    if (!quantization.empty() && !is_quantization(quantization)) return std::nullopt;
    return HubName{std::string(known.repository), std::string(quantization)};
  }
  return std::nullopt;
}

std::optional<HubName> find_hub_name(std::string_view text) {
  if (auto name = find_short_name(text)) return name;
  return parse_hub_name(text);
}

std::string quantization_of(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  if (const std::size_t gguf = lower(name).rfind(".gguf"); gguf != std::string::npos) name = name.substr(0, gguf);
  // The last word that begins one, with what follows: "model-UD-Q4_K_XL-00001-of-00002".
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  const auto is_border = [&](std::size_t at) {
    return at == 0 || std::string_view("-._").find(upper[at - 1]) != std::string_view::npos;
  };
  for (std::size_t at = upper.size(); at-- > 0;) {
    if (!is_border(at)) continue;
    const std::string_view rest = std::string_view(upper).substr(at);
    const std::string_view word = rest.substr(0, rest.find_first_of("-._"));
    if (!begins_quantization(word)) continue;
    const std::size_t end = std::min(rest.find_first_of("-."), rest.size());
    std::string found(rest.substr(0, end));
    if (found == "FP16" || found == "FP32") found.erase(1, 1);
    if (at >= 3 && upper.compare(at - 3, 3, "UD-") == 0) found.insert(0, "UD-");
    return found;
  }
  return {};
}

}  // namespace hearth
