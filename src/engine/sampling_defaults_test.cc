// What a folder's generation_config.json wants, and values of it that are of the wrong kind.
#include "engine/sampling_defaults.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "weights/model_source.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

SamplerOptions defaults(std::string_view generation_config) {
  const TemporaryDirectory folder;
  folder.write("config.json", "{}");
  folder.write("generation_config.json", generation_config);
  return sampling_defaults(*ModelSource::open(folder.path()));
}

TEST(SamplingDefaults, ComeFromGenerationConfig) {
  const SamplerOptions options = defaults(R"({"temperature":0.25,"top_k":7,"top_p":null,"do_sample":true})");
  EXPECT_EQ(options.temperature, 0.25F);
  EXPECT_EQ(options.top_k, 7);
  EXPECT_EQ(options.top_p, SamplerOptions().top_p);
  EXPECT_EQ(defaults(R"({"temperature":0.25,"do_sample":false})").temperature, 0);
}

TEST(SamplingDefaults, TheWrongKindIsRefusedByKey) {
  expect_error<InvalidInput>([] { defaults(R"({"temperature":"0.7"})"); },
                             "generation_config.json: 'temperature' is not a number");
  expect_error<InvalidInput>([] { defaults(R"({"do_sample":1})"); },
                             "generation_config.json: 'do_sample' is not true or false");
}

}  // namespace
}  // namespace hearth
