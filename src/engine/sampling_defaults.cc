#include "engine/sampling_defaults.h"

#include <boost/json/object.hpp>
#include <string_view>

#include "weights/json_fields.h"

namespace hearth {
namespace {

struct Name {
  std::string_view gguf;    // after "general.sampling."; empty: none
  std::string_view config;  // in generation_config.json; empty: none
  std::string_view option;  // Hearth's
};

constexpr Name kNames[] = {
    {"temp", "temperature", "temperature"},
    {"top_k", "top_k", "top_k"},
    {"top_p", "top_p", "top_p"},
    {"min_p", "min_p", "min_p"},
    {"", "typical_p", "typical_p"},
    {"penalty_repeat", "repetition_penalty", "repeat_penalty"},
    {"penalty_last_n", "", "repeat_last_n"},
    {"xtc_probability", "", "xtc_probability"},
    {"xtc_threshold", "", "xtc_threshold"},
};

constexpr std::string_view kFile = "generation_config.json";

}  // namespace

SamplerOptions sampling_defaults(const ModelSource& source) {
  SamplerOptions options;
  if (source.kind() == ModelSource::Kind::kGguf) {
    for (const Name& name : kNames) {
      if (name.gguf.empty()) continue;
      const auto value = source.metadata().number("general.sampling." + std::string(name.gguf));
      if (value) set_sampler_option(options, name.option, *value);
    }
    return options;
  }
  const boost::json::object& config = source.generation_config();
  for (const Name& name : kNames) {
    const boost::json::value* value = name.config.empty() ? nullptr : find_field(config, name.config);
    if (value != nullptr) set_sampler_option(options, name.option, as_number(*value, name.config, kFile));
  }
  if (!bool_field(config, "do_sample", kFile).value_or(true)) options.temperature = 0;
  return options;
}

}  // namespace hearth
