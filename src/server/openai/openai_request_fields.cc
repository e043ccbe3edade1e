#include "server/openai/openai_request_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "server/generation_request.h"
#include "server/structured_output.h"

namespace hearth {
namespace {

constexpr std::string_view kWithoutEffect[] = {"user",
                                               "metadata",
                                               "store",
                                               "service_tier",
                                               "safety_identifier",
                                               "prompt_cache_key",
                                               "prompt_cache_retention",
                                               "prediction",
                                               "client_metadata",
                                               "web_search_options"};
constexpr int kChoicesMax = 128;

boost::json::array text_parts(const boost::json::array& parts, const std::string& path,
                              std::span<const std::string_view> types) {
  boost::json::array texts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Fields part = object_at(parts, i, path);
    const std::string_view type = part.required_string("type");
    if (std::find(types.begin(), types.end(), type) == types.end()) {
      constexpr std::size_t kShownBytes = 40;
      throw bad_request(fmt::format("'{}' is \"{}\", and the model takes text alone: \"{}\"", part.path_of("type"),
                                    type.size() < kShownBytes ? type : "…", types.front()),
                        part.path_of("type"));
    }
    texts.push_back({{"type", "text"}, {"text", part.required_string(type == "refusal" ? "refusal" : "text")}});
  }
  return texts;
}

}  // namespace

std::span<const std::string_view> openai_fields_without_effect() {
  return kWithoutEffect;
}

void check_fields_without_effect(const Fields& fields) {
  for (const std::string_view name :
       {"user", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}) {
    fields.string(name);
  }
  fields.boolean("store");
  for (const std::string_view name : {"metadata", "client_metadata", "prediction", "web_search_options"}) {
    fields.object(name);
  }
}

void read_common(const Fields& fields, OpenAiRequest& request, SamplerOptions defaults) {
  check_fields_without_effect(fields);
  fields.string("model");  // any name is this model's
  // Clients in JavaScript read numbers as doubles: a seed that was drawn, not asked for, is one that they can send
  // back.
  constexpr std::uint64_t kExactInDouble = (std::uint64_t{1} << 53) - 1;
  defaults.seed &= kExactInDouble;
  defaults.counts_answer_alone = true;
  read_sampling(fields, defaults);
  request.generation.sampling = std::move(defaults);
  read_scheduling(fields, request.generation);
  read_structure(fields, request.generation);
  request.stream = fields.boolean("stream").value_or(false);
}

void read_choice_count(const Fields& fields, OpenAiRequest& request) {
  request.choice_count = static_cast<int>(fields.integer("n", 1, kChoicesMax).value_or(1));
}

void read_stream_options(const Fields& fields, OpenAiRequest& request) {
  constexpr std::string_view kKnown[] = {"include_usage", "include_obfuscation", "continuous_usage_stats"};
  const std::optional<Fields> options = fields.object("stream_options");
  if (!options || options->json().empty()) return;
  if (!request.stream) {
    throw bad_request("'stream_options' is only allowed when 'stream' is true", fields.path_of("stream_options"));
  }
  refuse_unknown_fields(*options, {kKnown}, false);
  request.include_usage = options->boolean("include_usage").value_or(false);
  request.continuous_usage = options->boolean("continuous_usage_stats").value_or(false);
  options->boolean("include_obfuscation");
}

void read_template_variables(const Fields& fields, boost::json::object& context) {
  const std::optional<Fields> variables = fields.object("chat_template_kwargs");
  if (!variables) return;
  for (const auto& [name, value] : variables->json()) {
    if (name == "messages" || name == "tools" || name == "bos_token" || name == "eos_token") {
      const std::string path = variables->path_of(name);
      throw bad_request(fmt::format("'{}' cannot be set: it is the request's or the model's", path), path);
    }
    context.insert_or_assign(name, value);
  }
}

std::optional<boost::json::value> template_content(const Fields& message, std::span<const std::string_view> types,
                                                   std::string_view name) {
  const boost::json::value* content = message.find(name);
  if (content == nullptr) return std::nullopt;
  if (content->is_string()) return *content;
  const std::string path = message.path_of(name);
  if (content->is_array()) {
    boost::json::array parts = text_parts(content->get_array(), path, types);
    return parts.size() == 1 ? parts.front().at("text") : boost::json::value(std::move(parts));
  }
  throw bad_request(fmt::format("'{}' must be a string or an array of content parts", path), path);
}

std::optional<std::string> text_of_parts(const Fields& message, std::string_view name,
                                         std::span<const std::string_view> types) {
  const std::optional<boost::json::value> content = template_content(message, types, name);
  if (!content) return std::nullopt;
  if (content->is_string()) return std::string(content->get_string());
  std::string joined;
  for (const boost::json::value& part : content->get_array()) {
    if (!joined.empty()) joined += '\n';
    joined += std::string_view(part.at("text").as_string());
  }
  return joined;
}

}  // namespace hearth
