// How the next token is chosen: the options, their defaults (llama.cpp's), and the one table of their names and ranges
// from which the command line, the APIs and the error messages are made.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hearth {

// The steps between the model's logits and the draw. The order is the user's to choose.
enum class SamplerStage : std::uint8_t { kPenalties, kDry, kTopK, kTypical, kTopP, kMinP, kXtc, kTemperature };

struct SamplerOptions {
  // At 0 and below the choice is greedy: the likeliest token after logit bias, penalties and DRY, whatever the rest
  // say.
  float temperature = 0.8f;
  std::int32_t top_k = 40;  // 0 and below: off
  float top_p = 0.95f;      // 1: off
  float min_p = 0.05f;      // 0: off
  float typical_p = 1.0f;   // 1: off

  float repeat_penalty = 1.0f;      // 1: off
  std::int32_t repeat_last_n = 64;  // the tokens that the three penalties look back on; 0: none, -1: all
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  // OpenAI's formula: presence and frequency penalties go by the answer's tokens, all of them and none of the prompt's.
  bool counts_answer_alone = false;

  float dry_multiplier = 0.0f;  // 0: off
  float dry_base = 1.75f;
  std::int32_t dry_allowed_length = 2;
  std::int32_t dry_penalty_last_n = -1;  // 0: none, -1: all
  std::vector<std::string> dry_sequence_breakers = {"\n", ":", "\"", "*"};

  float xtc_probability = 0.0f;  // 0: off
  float xtc_threshold = 0.1f;

  std::map<std::int32_t, float> logit_bias;  // by token id; added before the first stage; -infinity bans a token
  std::uint64_t seed = 0;                    // who wants variety draws one
  std::vector<SamplerStage> stages = {SamplerStage::kPenalties, SamplerStage::kDry,        SamplerStage::kTopK,
                                      SamplerStage::kTypical,   SamplerStage::kTopP,       SamplerStage::kMinP,
                                      SamplerStage::kXtc,       SamplerStage::kTemperature};
};

// An option that is one number.
struct SamplerOption {
  using Member = std::variant<float SamplerOptions::*, std::int32_t SamplerOptions::*>;

  std::string_view name;  // in JSON and in messages: "top_k"
  std::string_view flag;  // on the command line, without dashes: "top-k"
  std::string_view help;
  Member member;
  double lowest = -std::numeric_limits<float>::max();
  double highest = std::numeric_limits<float>::max();
};

std::span<const SamplerOption> sampler_option_table();

// Sets the option of that name. Throws InvalidInput, naming it, if there is none, if the value is out of range, not a
// number, or not whole where it must be.
void set_sampler_option(SamplerOptions& options, std::string_view name, double value);

// Throws InvalidInput, naming the option, if one is out of range or names a token that the vocabulary does not have.
void validate(const SamplerOptions& options, std::int32_t vocab_size);

std::string_view stage_name(SamplerStage stage);

// "penalties;dry;top_k": the stages in their order. Throws InvalidInput, with the names there are, on one that is
// unknown or named twice. An empty text means no stage at all.
std::vector<SamplerStage> parse_sampler_stages(std::string_view text);

}  // namespace hearth
