#include "commands/sampling_flags.h"

#include <charconv>
#include <cstdlib>
#include <random>
#include <utility>

#include "base/error.h"
#include "engine/sampling_defaults.h"

namespace hearth {
namespace {

// "15043:-inf" or "15043:+2.5"
std::pair<std::int32_t, float> parse_bias(const std::string& text) {
  const std::size_t colon = text.find(':');
  std::int32_t id = 0;
  const char* end = text.data() + std::min(colon, text.size());
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  char* value_end = nullptr;
  const float value = colon == std::string::npos ? 0 : std::strtof(text.c_str() + colon + 1, &value_end);
  if (colon == std::string::npos || error != std::errc{} || stop != end || value_end == text.c_str() + colon + 1 ||
      *value_end != '\0') {
    throw InvalidInput("--logit-bias '" + text + "' is not ID:VALUE");
  }
  return {id, value};
}

}  // namespace

SamplerOptions sampling_options(const ModelSource& source, const SamplingFlags& flags) {
  SamplerOptions options = sampling_defaults(source);
  for (const auto& [name, value] : flags.options) set_sampler_option(options, name, value);
  if (flags.stages) options.stages = parse_sampler_stages(*flags.stages);
  for (const std::string& bias : flags.logit_bias) options.logit_bias.insert(parse_bias(bias));
  options.seed = flags.seed ? *flags.seed : random_seed();
  return options;
}

std::uint64_t random_seed() {
  return std::random_device{}();
}

}  // namespace hearth
