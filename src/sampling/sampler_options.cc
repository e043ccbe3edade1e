// The table of options, and what checks and parses by it.
#include "sampling/sampler_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <type_traits>

#include "base/check.h"
#include "base/error.h"

namespace hearth {
namespace {

using Options = SamplerOptions;

constexpr double kInt32Min = std::numeric_limits<std::int32_t>::min();
constexpr double kInt32Max = std::numeric_limits<std::int32_t>::max();
constexpr double kFloatMin = std::numeric_limits<float>::min();
constexpr double kFloatMax = std::numeric_limits<float>::max();

constexpr SamplerOption kOptions[] = {
    {"temperature", "temp", "divides the logits; 0: always the likeliest token", &Options::temperature},
    {"top_k", "top-k", "keep the K likeliest tokens; 0: all", &Options::top_k, kInt32Min, kInt32Max},
    {"top_p", "top-p", "keep the likeliest tokens that together reach this probability; 1: all", &Options::top_p, 0, 1},
    {"min_p", "min-p", "keep tokens of at least this share of the likeliest one's probability; 0: all", &Options::min_p,
     0, 1},
    {"typical_p", "typical", "keep the most typical tokens that together reach this probability; 1: all",
     &Options::typical_p, 0, 1},
    {"repeat_penalty", "repeat-penalty", "divides the logits of tokens seen lately; 1: off", &Options::repeat_penalty,
     kFloatMin, kFloatMax},
    {"repeat_last_n", "repeat-last-n", "how many tokens the penalties look back on; 0: none, -1: all",
     &Options::repeat_last_n, -1, kInt32Max},
    {"presence_penalty", "presence-penalty", "subtracted from the logits of tokens seen lately",
     &Options::presence_penalty},
    {"frequency_penalty", "frequency-penalty", "subtracted for each time that a token was seen lately",
     &Options::frequency_penalty},
    {"dry_multiplier", "dry-multiplier", "strength of the penalty on repeated sequences (DRY); 0: off",
     &Options::dry_multiplier, 0, kFloatMax},
    {"dry_base", "dry-base", "by how much DRY's penalty grows with each repeated token", &Options::dry_base, 1,
     kFloatMax},
    {"dry_allowed_length", "dry-allowed-length", "the longest repetition that DRY leaves alone, plus one",
     &Options::dry_allowed_length, 1, kInt32Max},
    {"dry_penalty_last_n", "dry-penalty-last-n", "how many tokens DRY looks back on; 0: none, -1: all",
     &Options::dry_penalty_last_n, -1, kInt32Max},
    {"xtc_probability", "xtc-probability", "how often the likeliest tokens are removed (XTC); 0: never",
     &Options::xtc_probability, 0, 1},
    {"xtc_threshold", "xtc-threshold", "the probability from which XTC counts a token as likely",
     &Options::xtc_threshold, 0, 1},
};

struct StageName {
  SamplerStage stage;
  std::string_view name;
};

constexpr StageName kStages[] = {
    {SamplerStage::kPenalties, "penalties"},
    {SamplerStage::kDry, "dry"},
    {SamplerStage::kTopK, "top_k"},
    {SamplerStage::kTypical, "typical"},
    {SamplerStage::kTopP, "top_p"},
    {SamplerStage::kMinP, "min_p"},
    {SamplerStage::kXtc, "xtc"},
    {SamplerStage::kTemperature, "temperature"},
};

void check_range(const SamplerOption& option, double value) {
  if (value >= option.lowest && value <= option.highest) return;  // a NaN is not
  const std::string range = option.highest < kFloatMax   ? fmt::format("from {} to {}", option.lowest, option.highest)
                            : option.lowest > -kFloatMax ? fmt::format("at least {:g}", option.lowest)
                                                         : "a finite number";
  throw InvalidInput(fmt::format("the sampling option {} must be {}, and is {}", option.name, range, value));
}

std::string stage_names() {
  std::string names;
  for (const StageName& stage : kStages) names += fmt::format("{}{}", names.empty() ? "" : ", ", stage.name);
  return names;
}

void add_stage(std::vector<SamplerStage>& stages, std::string_view name) {
  const auto* known =
      std::find_if(std::begin(kStages), std::end(kStages), [&](const auto& s) { return s.name == name; });
  if (known == std::end(kStages)) {
    throw InvalidInput(fmt::format("unknown sampler \"{}\"; there are: {}", name, stage_names()));
  }
  if (std::find(stages.begin(), stages.end(), known->stage) != stages.end()) {
    throw InvalidInput(fmt::format("the sampler {} is named twice", name));
  }
  stages.push_back(known->stage);
}

}  // namespace

std::span<const SamplerOption> sampler_option_table() {
  return kOptions;
}

void set_sampler_option(SamplerOptions& options, std::string_view name, double value) {
  const auto* option =
      std::find_if(std::begin(kOptions), std::end(kOptions), [&](const auto& o) { return o.name == name; });
  if (option == std::end(kOptions)) throw InvalidInput(fmt::format("unknown sampling option \"{}\"", name));
  check_range(*option, value);
  if (const auto* member = std::get_if<std::int32_t SamplerOptions::*>(&option->member)) {
    if (value != std::trunc(value)) {
      throw InvalidInput(fmt::format("the sampling option {} must be a whole number, and is {}", name, value));
    }
    options.*(*member) = static_cast<std::int32_t>(value);
  } else {
    options.*std::get<float SamplerOptions::*>(option->member) = static_cast<float>(value);
  }
}

void validate(const SamplerOptions& options, std::int32_t vocab_size) {
  for (const SamplerOption& option : kOptions) {
    check_range(option, std::visit([&](auto member) { return static_cast<double>(options.*member); }, option.member));
  }
  for (const auto& [token, bias] : options.logit_bias) {
    if (token < 0 || token >= vocab_size) {
      throw InvalidInput(
          fmt::format("the sampling option logit_bias names token {}, and the vocabulary has {}", token, vocab_size));
    }
    if (std::isnan(bias)) {
      throw InvalidInput(fmt::format("the sampling option logit_bias for token {} is not a number", token));
    }
  }
  for (const std::string& breaker : options.dry_sequence_breakers) {
    if (breaker.empty()) throw InvalidInput("the sampling option dry_sequence_breakers has an empty sequence");
  }
  std::vector<SamplerStage> stages;
  for (const SamplerStage stage : options.stages) add_stage(stages, stage_name(stage));
}

std::string_view stage_name(SamplerStage stage) {
  const auto* known =
      std::find_if(std::begin(kStages), std::end(kStages), [&](const auto& s) { return s.stage == stage; });
  CHECK(known != std::end(kStages));
  return known->name;
}

std::vector<SamplerStage> parse_sampler_stages(std::string_view text) {
  std::vector<SamplerStage> stages;
  if (text.empty()) return stages;
  while (true) {
    const std::size_t end = text.find(';');
    add_stage(stages, text.substr(0, end));
    if (end == std::string_view::npos) return stages;
    text.remove_prefix(end + 1);
  }
}

}  // namespace hearth
