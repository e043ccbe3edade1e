// What the command line says about sampling, for every verb that generates text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sampling/sampler_options.h"
#include "weights/model_source.h"

namespace hearth {

struct SamplingFlags {
  std::map<std::string, double> options;  // by option name; the rest is the model's or Hearth's default
  std::optional<std::string> stages;      // "penalties;top_k;temperature"
  std::optional<std::uint64_t> seed;      // unset: drawn
  std::vector<std::string> logit_bias;    // "15043:-inf"
};

// The flags on top of what the model recommends. Throws InvalidInput, naming the option that is wrong.
SamplerOptions sampling_options(const ModelSource& source, const SamplingFlags& flags);

// What who names no seed gets.
std::uint64_t random_seed();

}  // namespace hearth
