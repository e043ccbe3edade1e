// Defaults, ranges and names of the options, and the errors about them.
#include "sampling/sampler_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"

namespace hearth {
namespace {

// The message of the InvalidInput that `function` throws.
template <class Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const InvalidInput& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(SamplerOptions, DefaultsAreValid) {
  validate(SamplerOptions{}, 1);
}

TEST(SamplerOptions, TableNamesEachOptionOnce) {
  std::set<std::string_view> names, flags;
  for (const SamplerOption& option : sampler_option_table()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_TRUE(flags.insert(option.flag).second) << option.flag;
    EXPECT_EQ(option.flag.find('_'), std::string_view::npos);
    EXPECT_FALSE(option.help.empty());
  }
  EXPECT_EQ(names.size(), 15u);
}

TEST(SamplerOptions, SetByName) {
  SamplerOptions options;
  set_sampler_option(options, "temperature", 1.5);
  set_sampler_option(options, "top_k", 7);
  set_sampler_option(options, "repeat_last_n", -1);
  EXPECT_EQ(options.temperature, 1.5f);
  EXPECT_EQ(options.top_k, 7);
  EXPECT_EQ(options.repeat_last_n, -1);
  EXPECT_EQ(error_of([&] { set_sampler_option(options, "top-k", 7); }), "unknown sampling option \"top-k\"");
  EXPECT_EQ(error_of([&] { set_sampler_option(options, "top_k", 1.5); }),
            "the sampling option top_k must be a whole number, and is 1.5");
  EXPECT_EQ(error_of([&] { set_sampler_option(options, "top_k", 1e10); }),
            "the sampling option top_k must be from -2147483648 to 2147483647, and is 10000000000");
  EXPECT_EQ(error_of([&] { set_sampler_option(options, "min_p", NAN); }),
            "the sampling option min_p must be from 0 to 1, and is nan");
  EXPECT_EQ(options.top_k, 7);
}

TEST(SamplerOptions, EveryOptionRefusesWhatIsOutOfItsRange) {
  const auto refuses = [](std::string_view name, auto change) {
    SamplerOptions options;
    change(options);
    const std::string message = error_of([&] { validate(options, 100); });
    EXPECT_NE(message.find(name), std::string::npos) << message;
  };
  refuses("temperature", [](auto& o) { o.temperature = NAN; });
  refuses("temperature", [](auto& o) { o.temperature = INFINITY; });
  refuses("top_p", [](auto& o) { o.top_p = -0.1f; });
  refuses("top_p", [](auto& o) { o.top_p = 1.01f; });
  refuses("min_p", [](auto& o) { o.min_p = 2; });
  refuses("typical_p", [](auto& o) { o.typical_p = NAN; });
  refuses("repeat_penalty", [](auto& o) { o.repeat_penalty = 0; });
  refuses("repeat_last_n", [](auto& o) { o.repeat_last_n = -2; });
  refuses("presence_penalty", [](auto& o) { o.presence_penalty = -INFINITY; });
  refuses("frequency_penalty", [](auto& o) { o.frequency_penalty = NAN; });
  refuses("dry_multiplier", [](auto& o) { o.dry_multiplier = -1; });
  refuses("dry_base", [](auto& o) { o.dry_base = 0.5f; });
  refuses("dry_allowed_length", [](auto& o) { o.dry_allowed_length = 0; });
  refuses("dry_penalty_last_n", [](auto& o) { o.dry_penalty_last_n = -2; });
  refuses("dry_sequence_breakers", [](auto& o) { o.dry_sequence_breakers = {""}; });
  refuses("xtc_probability", [](auto& o) { o.xtc_probability = 1.5f; });
  refuses("xtc_threshold", [](auto& o) { o.xtc_threshold = -1; });
  refuses("logit_bias", [](auto& o) { o.logit_bias = {{100, 1.0f}}; });
  refuses("logit_bias", [](auto& o) { o.logit_bias = {{-1, 1.0f}}; });
  refuses("logit_bias", [](auto& o) { o.logit_bias = {{1, NAN}}; });
  refuses("top_k", [](auto& o) { o.stages = {SamplerStage::kTopK, SamplerStage::kTopK}; });
  EXPECT_EQ(error_of([] {
              SamplerOptions options;
              options.repeat_penalty = -1;
              validate(options, 1);
            }),
            "the sampling option repeat_penalty must be at least 1.17549e-38, and is -1");
}

TEST(SamplerOptions, Stages) {
  EXPECT_EQ(parse_sampler_stages("penalties;dry;top_k;typical;top_p;min_p;xtc;temperature"), SamplerOptions{}.stages);
  EXPECT_EQ(parse_sampler_stages("temperature;top_k"), (std::vector{SamplerStage::kTemperature, SamplerStage::kTopK}));
  EXPECT_TRUE(parse_sampler_stages("").empty());
  for (const SamplerStage stage : SamplerOptions{}.stages) {
    EXPECT_EQ(parse_sampler_stages(stage_name(stage)), std::vector{stage});
  }
  EXPECT_EQ(error_of([] { parse_sampler_stages("top_k;topp"); }),
            "unknown sampler \"topp\"; there are: penalties, dry, top_k, typical, top_p, min_p, xtc, temperature");
  EXPECT_NE(error_of([] { parse_sampler_stages("top_k;"); }).find("unknown sampler \"\""), std::string::npos);
  EXPECT_EQ(error_of([] { parse_sampler_stages("top_k;dry;top_k"); }), "the sampler top_k is named twice");
}

}  // namespace
}  // namespace hearth
