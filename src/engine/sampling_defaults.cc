#include "engine/sampling_defaults.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <string_view>

#include "base/error.h"

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

// Null if absent or null.
const boost::json::value* find(const boost::json::object& config, std::string_view name) {
  const boost::json::value* value = config.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

[[noreturn]] void refuse(std::string_view name, std::string_view kind) {
  throw InvalidInput(fmt::format("generation_config.json: '{}' is not {}", name, kind));
}

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
    const boost::json::value* value = name.config.empty() ? nullptr : find(config, name.config);
    if (value == nullptr) continue;
    if (!value->is_number()) refuse(name.config, "a number");
    set_sampler_option(options, name.option, value->to_number<double>());
  }
  if (const boost::json::value* do_sample = find(config, "do_sample")) {
    if (!do_sample->is_bool()) refuse("do_sample", "true or false");
    if (!do_sample->get_bool()) options.temperature = 0;
  }
  return options;
}

}  // namespace hearth
