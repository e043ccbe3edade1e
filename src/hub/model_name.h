// What people call models: repositories of the hub with a quantization, and short names for the well-known ones.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hearth {

// "ORG/REPO" and, behind a colon, a quantization or the name of a GGUF file.
struct HubName {
  std::string repository;
  std::string quantization;  // empty: none was named

  std::string text() const { return quantization.empty() ? repository : repository + ":" + quantization; }
  bool operator==(const HubName&) const = default;
};

// "hf.co/ORG/REPO[:QUANT]", "huggingface.co/…", the same behind https://, and "ORG/REPO[:QUANT]"; nullopt for what can
// be no repository's name.
std::optional<HubName> parse_hub_name(std::string_view text);

struct ShortName {
  std::string_view name;        // "qwen3:4b"; the first of a family is what the family's name alone stands for
  std::string_view repository;  // "Qwen/Qwen3-4B-GGUF"
};
// Those that come with Hearth, a family's side by side.
std::span<const ShortName> short_names();
// "qwen3:4b", "qwen3", "qwen3:latest", each also with a quantization behind a further colon ("qwen3:4b:Q8_0"); letters
// in either case.
std::optional<HubName> find_short_name(std::string_view text);

// Either.
std::optional<HubName> find_hub_name(std::string_view text);

// "Q4_K_M", "UD-Q4_K_XL", "BF16" of a GGUF file's path, upper-case; empty where the name has none.
std::string quantization_of(std::string_view path);

}  // namespace hearth
