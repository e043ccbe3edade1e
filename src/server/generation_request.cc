#include "server/generation_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"

namespace hearth {
namespace {

// As Qwen's service, llama.cpp and vLLM call it.
constexpr std::string_view kThinkingFields[] = {"thinking_budget", "reasoning_budget", "thinking_token_budget"};
constexpr std::string_view kOtherFields[] = {"samplers", "dry_sequence_breakers", "logit_bias", "seed",
                                             "priority", "cache_prompt",          "ignore_eos", "timeout"};
constexpr std::int64_t kStopCountMax = 64;
constexpr std::size_t kStopBytesMax = 4096;      // of one
constexpr std::size_t kStopsBytesMax = 8 << 10;  // of all
constexpr std::size_t kBreakerCountMax = 1024;
constexpr std::size_t kBreakersBytesMax = 8 << 10;  // of all
constexpr std::size_t kBiasCountMax = 1024;
constexpr std::int64_t kPriorityMax = 16;  // each level is worth a number of steps: nobody gets all of them
constexpr double kBiasMax = 100;           // as OpenAI's; -100 is as good as a ban
constexpr double kTimeoutSecondsMax = 1e6;

std::string_view text_at(const boost::json::array& array, std::size_t index, const std::string& path) {
  if (!array[index].is_string()) {
    const std::string element = fmt::format("{}[{}]", path, index);
    throw bad_request(fmt::format("'{}' must be a string", element), element);
  }
  return array[index].get_string();
}

void read_numbers(const Fields& fields, SamplerOptions& options) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  for (const SamplerOption& option : sampler_option_table()) {
    // Below 0 a temperature means nothing; the command line reads it as greedy, here it is a mistake.
    const double lowest = option.name == "temperature" ? 0 : -kLargest;
    const std::optional<double> value = fields.number(option.name, lowest, kLargest);
    if (!value) continue;
    try {
      set_sampler_option(options, option.name, *value);
    } catch (const InvalidInput& error) {
      throw bad_request(error.what(), fields.path_of(option.name));
    }
  }
}

void read_stages(const Fields& fields, SamplerOptions& options) {
  const boost::json::value* value = fields.find("samplers");
  if (value == nullptr) return;
  const std::string path = fields.path_of("samplers");
  std::string names;
  if (value->is_string()) {
    names = value->get_string();
  } else if (value->is_array()) {
    for (std::size_t i = 0; i < value->get_array().size(); ++i) {
      names += fmt::format("{}{}", i == 0 ? "" : ";", text_at(value->get_array(), i, path));
    }
  } else {
    throw bad_request(fmt::format("'{}' must be an array of strings", path), path);
  }
  try {
    options.stages = parse_sampler_stages(names);
  } catch (const InvalidInput& error) {
    throw bad_request(error.what(), path);
  }
}

// What the texts cost depends on how long they are together.
void check_total(const std::vector<std::string>& texts, std::size_t bytes_max, const std::string& path) {
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  if (bytes <= bytes_max) return;
  throw bad_request(fmt::format("'{}' has {} bytes of text together; {} are possible", path, bytes, bytes_max), path);
}

void read_breakers(const Fields& fields, SamplerOptions& options) {
  const boost::json::array* breakers = fields.array("dry_sequence_breakers");
  if (breakers == nullptr) return;
  const std::string path = fields.path_of("dry_sequence_breakers");
  if (breakers->size() > kBreakerCountMax) {
    throw bad_request(fmt::format("'{}' has {} texts; {} are possible", path, breakers->size(), kBreakerCountMax),
                      path);
  }
  options.dry_sequence_breakers.clear();
  for (std::size_t i = 0; i < breakers->size(); ++i) {
    options.dry_sequence_breakers.emplace_back(text_at(*breakers, i, path));
  }
  check_total(options.dry_sequence_breakers, kBreakersBytesMax, path);
}

void read_bias(const Fields& fields, SamplerOptions& options) {
  const std::optional<Fields> bias = fields.object("logit_bias");
  if (!bias) return;
  if (bias->json().size() > kBiasCountMax) {
    const std::string path = fields.path_of("logit_bias");
    throw bad_request(fmt::format("'{}' names {} tokens; {} are possible", path, bias->json().size(), kBiasCountMax),
                      path);
  }
  for (const auto& [key, value] : bias->json()) {
    const std::string_view digits = key;
    std::int32_t token = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token);
    if (error != std::errc() || end != digits.data() + digits.size() || token < 0) {
      throw bad_request(fmt::format("'{}' must be a token's number", bias->path_of(key)), bias->path_of(key));
    }
    const std::optional<double> number = bias->number(key, -kBiasMax, kBiasMax);
    if (number) options.logit_bias[token] = static_cast<float>(*number);
  }
}

void read_seed(const Fields& fields, SamplerOptions& options) {
  const boost::json::value* value = fields.find("seed");
  if (value == nullptr) return;
  if (const std::uint64_t* large = value->if_uint64()) {  // the JSON library's type for what an int64 cannot hold
    options.seed = *large;
    return;
  }
  constexpr auto kAny = std::numeric_limits<std::int64_t>{};
  const std::int64_t seed = *fields.integer("seed", kAny.min(), kAny.max());
  if (seed != -1) options.seed = static_cast<std::uint64_t>(seed);  // -1: the one that was drawn
}

}  // namespace

void read_sampling(const Fields& fields, SamplerOptions& options) {
  read_numbers(fields, options);
  read_stages(fields, options);
  read_breakers(fields, options);
  read_bias(fields, options);
  read_seed(fields, options);
}

std::vector<std::string> read_stop(const Fields& fields, std::string_view name) {
  const boost::json::value* value = fields.find(name);
  if (value == nullptr) return {};
  const std::string path = fields.path_of(name);
  std::vector<std::string> stop;
  if (value->is_string()) {
    stop.emplace_back(value->get_string());
  } else if (value->is_array()) {
    if (value->get_array().size() > kStopCountMax) {
      throw bad_request(
          fmt::format("'{}' has {} texts; {} are possible", path, value->get_array().size(), kStopCountMax), path);
    }
    for (std::size_t i = 0; i < value->get_array().size(); ++i) {
      stop.emplace_back(text_at(value->get_array(), i, path));
    }
  } else {
    throw bad_request(fmt::format("'{}' must be a string or an array of strings", path), path);
  }
  for (const std::string& text : stop) {
    if (text.empty()) throw bad_request(fmt::format("'{}' has an empty text", path), path);
    if (text.size() > kStopBytesMax) {
      throw bad_request(fmt::format("'{}' has a text of {} bytes; {} are possible", path, text.size(), kStopBytesMax),
                        path);
    }
  }
  check_total(stop, kStopsBytesMax, path);
  return stop;
}

std::int64_t read_token_limit(const Fields& fields, std::string_view name, std::int64_t lowest) {
  constexpr std::int64_t kTokensMax = std::int64_t{1} << 40;  // the context ends every answer long before
  const auto limit = fields.integer(name, -1, kTokensMax);
  if (!limit || *limit == -1) return -1;
  if (*limit >= lowest) return *limit;
  const std::string path = fields.path_of(name);
  throw bad_request(
      fmt::format("'{}' must be at least {}; it is {}. Leave it out, or send -1, for no limit", path, lowest, *limit),
      path);
}

void read_scheduling(const Fields& fields, Request& request) {
  if (const auto priority = fields.integer("priority", -kPriorityMax, kPriorityMax)) {
    request.priority = static_cast<std::int32_t>(*priority);
  }
  request.use_prefix_cache = fields.boolean("cache_prompt").value_or(request.use_prefix_cache);
  request.ignore_end = fields.boolean("ignore_eos").value_or(request.ignore_end);
  for (const std::string_view name : kThinkingFields) {
    if (fields.find(name) == nullptr) continue;
    const std::int64_t limit = read_token_limit(fields, name, 0);
    request.thinking.token_count_max = limit < 0 ? kThoughtsUnbounded : limit;  // -1: whatever the server's bound is
  }
  if (const auto seconds = fields.number("timeout", 0, kTimeoutSecondsMax)) {
    request.deadline =
        EngineClock::now() + std::chrono::duration_cast<EngineClock::duration>(std::chrono::duration<double>(*seconds));
  }
}

bool is_generation_field(std::string_view name) {
  const auto options = sampler_option_table();
  const bool is_thinking =
      std::find(std::begin(kThinkingFields), std::end(kThinkingFields), name) != std::end(kThinkingFields);
  return is_thinking ||
         std::any_of(options.begin(), options.end(), [&](const SamplerOption& o) { return o.name == name; }) ||
         std::find(std::begin(kOtherFields), std::end(kOtherFields), name) != std::end(kOtherFields);
}

std::optional<std::string_view> unknown_field(const Fields& fields,
                                              std::initializer_list<std::span<const std::string_view>> known,
                                              bool generation_fields) {
  for (const auto& member : fields.json()) {
    const std::string_view name = member.key();
    if (generation_fields && is_generation_field(name)) continue;
    const bool is_known = std::any_of(known.begin(), known.end(), [&](std::span<const std::string_view> names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    });
    if (!is_known) return name;
  }
  return std::nullopt;
}

void refuse_unknown_fields(const Fields& fields, std::initializer_list<std::span<const std::string_view>> known,
                           bool generation_fields) {
  const auto unknown = unknown_field(fields, known, generation_fields);
  if (!unknown) return;
  constexpr std::size_t kShownBytes = 100;
  const std::string path = repair_utf8(fields.path_of(*unknown).substr(0, kShownBytes));
  throw bad_request(fmt::format("Unrecognized request argument supplied: {}", path), path);
}

}  // namespace hearth
