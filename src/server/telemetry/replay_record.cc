#include "server/telemetry/replay_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

namespace hearth {
namespace {

// JSON has no infinities.
boost::json::value bias_json(float bias) {
  if (std::isinf(bias)) return bias < 0 ? "-inf" : "inf";
  return bias;
}

boost::json::object sampling_json(const SamplerOptions& sampling) {
  boost::json::object json;
  for (const SamplerOption& option : sampler_option_table()) {
    std::visit([&](auto member) { json[option.name] = sampling.*member; }, option.member);
  }
  boost::json::object biases;
  for (const auto& [id, bias] : sampling.logit_bias) biases[std::to_string(id)] = bias_json(bias);
  std::vector<std::string_view> stages;
  for (const SamplerStage stage : sampling.stages) stages.push_back(stage_name(stage));
  json["dry_sequence_breakers"] =
      boost::json::array(sampling.dry_sequence_breakers.begin(), sampling.dry_sequence_breakers.end());
  json["logit_bias"] = std::move(biases);
  json["stages"] = fmt::format("{}", fmt::join(stages, ";"));
  json["seed"] = sampling.seed;
  if (sampling.counts_answer_alone) json["counts_answer_alone"] = true;
  return json;
}

boost::json::object source_json(const GrammarSource& source) {
  return {{"kind", kind_name(source.kind)}, {"text", source.text}};
}

boost::json::object thinking_json(const ThinkingRequest& thinking) {
  return {{"open", thinking.open},
          {"close", thinking.close},
          {"end", thinking.end},
          {"is_open", thinking.is_open},
          {"may_come_anywhere", thinking.may_come_anywhere},
          {"token_count_max", thinking.token_count_max}};
}

boost::json::object request_json(const Request& request) {
  boost::json::object json{
      {"id", request.id},
      {"prompt", boost::json::array(request.prompt.begin(), request.prompt.end())},
      {"sampling", sampling_json(request.sampling)},
      {"choice_index", request.choice_index},
      {"token_count_max", request.token_count_max},
      {"stop", boost::json::array(request.stop.begin(), request.stop.end())},
      {"ignore_end", request.ignore_end},
      {"show_special", request.show_special},
      {"priority", request.priority},
      {"use_prefix_cache", request.use_prefix_cache},
  };
  if (request.logprob_count) json["logprob_count"] = *request.logprob_count;
  if (request.grammar) {
    json["grammar"] = source_json(request.grammar->source);
    json["grammar"].get_object()["begin_after"] = request.grammar->begin_after;
  }
  if (request.calls) {
    json["calls"] = source_json(request.calls->source);
    json["calls"].get_object()["begun"] = request.calls->begun;
  }
  if (!request.thinking.close.empty()) json["thinking"] = thinking_json(request.thinking);
  return json;
}

// Boost's own errors, told with the field that they are about.
template <class T>
T field(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr) throw InvalidInput(fmt::format("the field '{}' is missing", name));
  try {
    return boost::json::value_to<T>(*value);
  } catch (const std::exception&) {
    throw InvalidInput(fmt::format("the field '{}' has another type or range than it must have", name));
  }
}

const boost::json::object& object_field(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_object()) throw InvalidInput(fmt::format("the field '{}' is no object", name));
  return value->get_object();
}

float parse_bias(const boost::json::value& value) {
  if (value == "-inf") return -std::numeric_limits<float>::infinity();
  if (value == "inf") return std::numeric_limits<float>::infinity();
  if (!value.is_number()) throw InvalidInput("the field 'logit_bias' has a value that is no number");
  return value.to_number<float>();
}

SamplerOptions parse_sampling(const boost::json::object& json) {
  SamplerOptions sampling;
  for (const SamplerOption& option : sampler_option_table()) {
    set_sampler_option(sampling, option.name, field<double>(json, option.name));
  }
  sampling.dry_sequence_breakers = field<std::vector<std::string>>(json, "dry_sequence_breakers");
  for (const auto& [id, bias] : object_field(json, "logit_bias")) {
    const std::string digits(id);
    char* end = nullptr;
    const long number = std::strtol(digits.c_str(), &end, 10);
    if (digits.empty() || *end != '\0' || number < 0 || number > std::numeric_limits<std::int32_t>::max()) {
      throw InvalidInput(fmt::format("the field 'logit_bias' names '{}', which is no token", digits));
    }
    sampling.logit_bias[static_cast<std::int32_t>(number)] = parse_bias(bias);
  }
  sampling.stages = parse_sampler_stages(field<std::string>(json, "stages"));
  sampling.seed = field<std::uint64_t>(json, "seed");
  if (json.contains("counts_answer_alone")) sampling.counts_answer_alone = field<bool>(json, "counts_answer_alone");
  return sampling;
}

GrammarSource parse_source(const boost::json::object& json) {
  return {parse_grammar_kind(field<std::string>(json, "kind")), field<std::string>(json, "text")};
}

CallGrammarRequest parse_calls(const boost::json::object& json) {
  CallGrammarRequest request;
  request.source = parse_source(json);
  const CallGrammar calls = parse_call_grammar(request.source.text);
  request.grammar = compile_grammar(request.source);
  request.marks = call_marks(calls);
  request.begun = field<std::string>(json, "begun");
  request.ends_with_call = calls.one_call;
  return request;
}

ThinkingRequest parse_thinking(const boost::json::object& json) {
  ThinkingRequest thinking;
  thinking.open = field<std::string>(json, "open");
  thinking.close = field<std::string>(json, "close");
  thinking.end = field<std::string>(json, "end");
  thinking.is_open = field<bool>(json, "is_open");
  thinking.may_come_anywhere = field<bool>(json, "may_come_anywhere");
  thinking.token_count_max = field<std::int64_t>(json, "token_count_max");
  return thinking;
}

Request parse_request(const boost::json::object& json) {
  Request request;
  request.id = field<std::string>(json, "id");
  request.prompt = field<std::vector<TokenId>>(json, "prompt");
  request.sampling = parse_sampling(object_field(json, "sampling"));
  request.choice_index = field<std::uint32_t>(json, "choice_index");
  request.token_count_max = field<std::int64_t>(json, "token_count_max");
  request.stop = field<std::vector<std::string>>(json, "stop");
  request.ignore_end = field<bool>(json, "ignore_end");
  request.show_special = field<bool>(json, "show_special");
  request.priority = field<std::int32_t>(json, "priority");
  request.use_prefix_cache = field<bool>(json, "use_prefix_cache");
  if (json.contains("logprob_count")) request.logprob_count = field<int>(json, "logprob_count");
  if (json.contains("grammar")) {
    const boost::json::object& grammar = object_field(json, "grammar");
    GrammarSource source = parse_source(grammar);
    auto compiled = compile_grammar(source);
    request.grammar =
        GrammarRequest{std::move(source), std::move(compiled), field<std::string>(grammar, "begin_after")};
  }
  if (json.contains("calls")) request.calls = parse_calls(object_field(json, "calls"));
  if (json.contains("thinking")) request.thinking = parse_thinking(object_field(json, "thinking"));
  return request;
}

}  // namespace

boost::json::object replay_json(const ReplayRecord& record) {
  boost::json::object answer{{"ids", boost::json::array(record.ids.begin(), record.ids.end())},
                             {"text", record.text},
                             {"finish_reason", record.finish_reason}};
  if (!record.stop_text.empty()) answer["stop_text"] = record.stop_text;
  if (!record.error.empty()) answer["error"] = record.error;
  return {{"time", record.time},
          {"api", record.api},
          {"fingerprint", record.fingerprint},
          {"request", request_json(record.request)},
          {"answer", std::move(answer)}};
}

ReplayRecord parse_replay_record(std::string_view line) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse({line.data(), line.size()}, error);
  if (error) throw InvalidInput(fmt::format("it is not JSON: {}", error.message()));
  if (!value.is_object()) throw InvalidInput("it is not a JSON object");
  const boost::json::object& json = value.get_object();
  const boost::json::object& answer = object_field(json, "answer");
  ReplayRecord record;
  record.time = field<std::string>(json, "time");
  record.api = field<std::string>(json, "api");
  record.fingerprint = field<std::string>(json, "fingerprint");
  record.request = parse_request(object_field(json, "request"));
  record.ids = field<std::vector<TokenId>>(answer, "ids");
  record.text = field<std::string>(answer, "text");
  record.finish_reason = field<std::string>(answer, "finish_reason");
  if (answer.contains("stop_text")) record.stop_text = field<std::string>(answer, "stop_text");
  if (answer.contains("error")) record.error = field<std::string>(answer, "error");
  return record;
}

}  // namespace hearth
