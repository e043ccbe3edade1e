// OpenAI's API without a model: reading requests and building answers.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_value.h"
#include "server/fields.h"
#include "server/generation_request.h"
#include "server/openai/openai_answer.h"
#include "server/openai/openai_request.h"
#include "server/openai/openai_responses_answer.h"
#include "server/openai/openai_routes.h"

namespace hearth {
namespace {

namespace json = boost::json;

json::object object_of(std::string_view text) {
  return json::parse(text).get_object();
}

// The failure that the function throws; the test fails if it throws none.
Router::Failure failure_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const HttpError& error) {
    return error.failure();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

HttpRequest request_with(std::string body) {
  return {.method = "POST", .path = "/", .query = {}, .headers = {}, .body = std::move(body), .path_arguments = {}};
}

ChatRequest chat(std::string_view more) {
  SamplerOptions defaults;
  defaults.seed = ~std::uint64_t{0};
  return parse_chat_request(
      object_of(R"({"model": "any", "messages": [{"role": "user", "content": "Hello"}])" + std::string(more) + "}"),
      defaults);
}

CompletionRequest completion(std::string_view fields) {
  return parse_completion_request(object_of(fields), {});
}

ResponsesRequest responses(std::string_view fields) {
  return parse_responses_request(object_of(fields), {});
}

TEST(ParseBody, RefusesWhatIsNoObject) {
  EXPECT_EQ(parse_body(request_with(R"({"a": 1})")).at("a"), 1);
  for (const char* body : {"", "{", "[]", "3", "{\"a\": \"\xff\"}", "{\"a\": NaN}", "{} {}"}) {
    const Router::Failure failure = failure_of([&] { parse_body(request_with(body)); });
    EXPECT_EQ(failure.status, 400U) << body;
    EXPECT_EQ(failure.type, "invalid_request_error");
  }
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  const Router::Failure failure = failure_of([&] { parse_body(request_with("{\"a\":" + deep + "}")); });
  EXPECT_NE(failure.message.find("deep"), std::string::npos) << failure.message;
}

TEST(ParseBody, SkipsAByteOrderMark) {
  EXPECT_EQ(parse_body(request_with("\xEF\xBB\xBF{\"a\": 1}")).at("a"), 1);
  EXPECT_THROW(parse_body(request_with("\xEF\xBB\xBF")), HttpError);
}

// Clients cut texts in the midst of a character, and send them again with every later turn.
TEST(ParseBody, RepairsHalvesOfCharacters) {
  const auto text = [](const std::string& escaped) {
    return std::string(parse_body(request_with("{\"a\": \"" + escaped + "\"}")).at("a").as_string());
  };
  EXPECT_EQ(text(R"(x \ud83d y)"), "x \uFFFD y");
  EXPECT_EQ(text(R"(x \uD83D)"), "x \uFFFD");
  EXPECT_EQ(text(R"(\udd25x)"), "\uFFFDx");
  EXPECT_EQ(text(R"(\ud83d\ud83d\udd25)"), "\uFFFD\xF0\x9F\x94\xA5");
  EXPECT_EQ(text(R"(\ud83d\u0041)"), "\uFFFDA");
  EXPECT_EQ(text(R"(\\ud83d \ud83d)"), "\\ud83d \uFFFD");  // an escaped backslash escapes nothing
  EXPECT_EQ(text(R"(\ud83d\udd25)"), "\xF0\x9F\x94\xA5");
}

TEST(ParseBody, SaysWhereItIsWrong) {
  const std::string message = failure_of([] { parse_body(request_with(R"({"a": nonsense})")); }).message;
  EXPECT_NE(message.find("at byte "), std::string::npos) << message;
  EXPECT_EQ(message.find("at byte 0"), std::string::npos) << message;
}

TEST(ParseBody, KeepsNumbers) {
  const json::object body = parse_body(request_with(R"({"d": 36.60254037844386, "i": 99999999999999999999999})"));
  EXPECT_EQ(body.at("d").as_double(), 36.60254037844386);
  EXPECT_EQ(serialized_json(body.at("i")), "99999999999999999999999");
  const Fields fields(body);
  EXPECT_EQ(fields.number("i", 0, 1e30), 1e23);
  EXPECT_NE(failure_of([&] { fields.integer("i", 0, 9); }).message.find("between 0 and 9"), std::string::npos);
  EXPECT_EQ(failure_of([&] { fields.string("i"); }).param, "i");
}

TEST(Fields, HaveTypesAndRanges) {
  const json::object object =
      object_of(R"({"s": "x", "n": null, "i": 3, "f": 3.0, "h": 2.5, "big": 18446744073709551615, "huge": 1e300,
                    "b": true, "a": [1], "o": {"i": "no"}})");
  const Fields fields(object);
  EXPECT_EQ(fields.string("s"), "x");
  EXPECT_EQ(fields.string("n"), std::nullopt);
  EXPECT_EQ(fields.string("absent"), std::nullopt);
  EXPECT_EQ(fields.integer("i", 0, 3), 3);
  EXPECT_EQ(fields.integer("f", 0, 3), 3);
  EXPECT_EQ(fields.number("h", 0, 3), 2.5);
  EXPECT_EQ(fields.number("i", 0, 3), 3.0);
  EXPECT_EQ(fields.boolean("b"), true);
  EXPECT_EQ(fields.array("a")->size(), 1U);
  const auto param = [](const std::function<void()>& function) { return failure_of(function).param; };
  EXPECT_EQ(param([&] { fields.string("i"); }), "i");
  EXPECT_EQ(param([&] { fields.boolean("i"); }), "i");
  EXPECT_EQ(param([&] { fields.number("s", 0, 1); }), "s");
  EXPECT_EQ(param([&] { fields.integer("b", 0, 1); }), "b");
  EXPECT_EQ(param([&] { fields.integer("h", 0, 9); }), "h");
  EXPECT_EQ(param([&] { fields.integer("i", 4, 9); }), "i");
  EXPECT_EQ(param([&] { fields.integer("big", 0, INT64_MAX); }), "big");
  EXPECT_EQ(param([&] { fields.integer("huge", 0, INT64_MAX); }), "huge");
  EXPECT_EQ(param([&] { fields.array("o"); }), "o");
  EXPECT_EQ(param([&] { fields.object("a"); }), "a");
  EXPECT_EQ(param([&] { fields.object("o")->integer("i", 0, 1); }), "o.i");
  EXPECT_EQ(param([&] { fields.required_string("absent"); }), "absent");
  EXPECT_EQ(param([&] { object_at(*fields.array("a"), 0, "a"); }), "a[0]");
  const std::string message = failure_of([&] { fields.number("h", 0, 1); }).message;
  EXPECT_EQ(message, "'h' must be between 0 and 1; it is 2.5");
}

TEST(GenerationRequest, ReadsEveryOption) {
  SamplerOptions options;
  const json::object object = object_of(
      R"({"temperature": 0.5, "top_k": 7, "typical_p": 0.9, "xtc_threshold": 0.25, "seed": -2,
          "logit_bias": {"5": -100, "6": 2.5}, "samplers": ["top_k", "temperature"], "dry_sequence_breakers": ["a"]})");
  read_sampling(Fields(object), options);
  EXPECT_EQ(options.temperature, 0.5F);
  EXPECT_EQ(options.top_k, 7);
  EXPECT_EQ(options.typical_p, 0.9F);
  EXPECT_EQ(options.xtc_threshold, 0.25F);
  EXPECT_EQ(options.seed, ~std::uint64_t{0} - 1);
  EXPECT_EQ(options.logit_bias, (std::map<std::int32_t, float>{{5, -100.0F}, {6, 2.5F}}));
  EXPECT_EQ(options.stages, (std::vector{SamplerStage::kTopK, SamplerStage::kTemperature}));
  EXPECT_EQ(options.dry_sequence_breakers, std::vector<std::string>{"a"});
  // Every option of the table is one.
  for (const SamplerOption& option : sampler_option_table()) EXPECT_TRUE(is_generation_field(option.name));
  const json::object large = object_of(R"({"seed": 18446744073709551615})");
  read_sampling(Fields(large), options);
  EXPECT_EQ(options.seed, ~std::uint64_t{0});
  options.seed = 9;  // drawn
  const json::object any = object_of(R"({"seed": -1})");
  read_sampling(Fields(any), options);
  EXPECT_EQ(options.seed, 9U);
}

TEST(GenerationRequest, NamesWhatIsWrong) {
  const std::map<std::string_view, std::string_view> wrong = {
      {R"({"temperature": -0.1})", "temperature"},
      {R"({"temperature": "hot"})", "temperature"},
      {R"({"top_p": 1.5})", "top_p"},
      {R"({"top_k": 2.5})", "top_k"},
      {R"({"seed": 1.5})", "seed"},
      {R"({"seed": "1"})", "seed"},
      {R"({"logit_bias": {"x": 1}})", "logit_bias.x"},
      {R"({"logit_bias": {"-3": 1}})", "logit_bias.-3"},
      {R"({"logit_bias": {"3": 101}})", "logit_bias.3"},
      {R"({"logit_bias": [1]})", "logit_bias"},
      {R"({"samplers": "top_k;nothing"})", "samplers"},
      {R"({"samplers": [1]})", "samplers[0]"},
      {R"({"dry_sequence_breakers": "x"})", "dry_sequence_breakers"},
  };
  for (const auto& [text, param] : wrong) {
    const json::object object = object_of(text);
    SamplerOptions options;
    const Router::Failure failure = failure_of([&] { read_sampling(Fields(object), options); });
    EXPECT_EQ(failure.status, 400U) << text;
    EXPECT_EQ(failure.param, param) << text;
  }
}

// What a request may cost is bounded, whatever it is spent on.
TEST(GenerationRequest, HasLimits) {
  const auto array_of = [](std::size_t count, std::size_t bytes) {
    return json::array(count, json::value(std::string(bytes, 'a')));
  };
  const auto sampling = [](const json::object& body) {
    SamplerOptions options;
    read_sampling(Fields(body), options);
  };
  EXPECT_NO_THROW(sampling({{"dry_sequence_breakers", array_of(1024, 8)}}));
  EXPECT_EQ(failure_of([&] {
              sampling({{"dry_sequence_breakers", array_of(1025, 1)}});
            }).param,
            "dry_sequence_breakers");
  EXPECT_EQ(failure_of([&] {
              sampling({{"dry_sequence_breakers", array_of(1, 8193)}});
            }).param,
            "dry_sequence_breakers");
  json::object bias;
  for (int token = 0; token < 1025; ++token) bias[std::to_string(token)] = 1;
  EXPECT_EQ(failure_of([&] { sampling({{"logit_bias", bias}}); }).param, "logit_bias");
  bias.erase("0");
  EXPECT_NO_THROW(sampling({{"logit_bias", bias}}));
  const auto stop = [](const json::object& body) { return read_stop(Fields(body), "stop"); };
  EXPECT_EQ(stop({{"stop", array_of(2, 4096)}}).size(), 2U);
  EXPECT_EQ(failure_of([&] { stop({{"stop", array_of(3, 4000)}}); }).param, "stop");
  EXPECT_EQ(chat(R"(, "priority": 16)").generation.priority, 16);
  EXPECT_EQ(failure_of([] { chat(R"(, "priority": 17)"); }).param, "priority");
}

TEST(GenerationRequest, ReadsStopTexts) {
  const auto stop = [](std::string_view text) {
    const json::object object = object_of(text);
    return read_stop(Fields(object), "stop");
  };
  EXPECT_EQ(stop("{}"), std::vector<std::string>{});
  EXPECT_EQ(stop(R"({"stop": "x"})"), std::vector<std::string>{"x"});
  EXPECT_EQ(stop(R"({"stop": ["x", "y"]})"), (std::vector<std::string>{"x", "y"}));
  for (const char* text : {R"({"stop": ""})", R"({"stop": ["x", ""]})", R"({"stop": 3})"}) {
    EXPECT_EQ(failure_of([&] { stop(text); }).param, "stop");
  }
  EXPECT_EQ(failure_of([&] { stop(R"({"stop": ["x", 3]})"); }).param, "stop[1]");
}

TEST(ChatRequest, HasDefaults) {
  const ChatRequest request = chat("");
  EXPECT_EQ(request.generation.token_count_max, -1);
  EXPECT_EQ(request.choice_count, 1);
  EXPECT_FALSE(request.stream);
  EXPECT_FALSE(request.include_usage);
  EXPECT_FALSE(request.generation.logprob_count);
  EXPECT_FALSE(request.generation.deadline);
  EXPECT_TRUE(request.generation.use_prefix_cache);
  // A seed that JavaScript can send back.
  EXPECT_EQ(request.generation.sampling.seed, (std::uint64_t{1} << 53) - 1);
  EXPECT_EQ(json::serialize(request.context), R"({"messages":[{"role":"user","content":"Hello"}]})");
}

TEST(ChatRequest, ReadsItsFields) {
  const ChatRequest request =
      chat(R"(, "n": 3, "stream": true, "stream_options": {"include_usage": true}, "stop": ["a", "b"],
              "max_tokens": 9, "temperature": 0, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": -1,
              "seed": 42, "priority": -2, "logprobs": true, "top_logprobs": 4, "cache_prompt": false,
              "ignore_eos": true, "timeout": 2.5, "tools": [], "tool_choice": "auto",
              "response_format": {"type": "text"}, "modalities": ["text"], "user": "u", "store": true,
              "metadata": {"a": "b"}, "service_tier": "auto", "parallel_tool_calls": false,
              "chat_template_kwargs": {"enable_thinking": false}, "reasoning_effort": "low")");
  EXPECT_EQ(request.choice_count, 3);
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  const Request& generation = request.generation;
  EXPECT_EQ(generation.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(generation.token_count_max, 9);
  EXPECT_EQ(generation.sampling.temperature, 0);
  EXPECT_EQ(generation.sampling.top_p, 0.5F);
  EXPECT_EQ(generation.sampling.presence_penalty, 1);
  EXPECT_EQ(generation.sampling.frequency_penalty, -1);
  EXPECT_EQ(generation.sampling.seed, 42U);
  EXPECT_EQ(generation.priority, -2);
  EXPECT_EQ(generation.logprob_count, 4);
  EXPECT_FALSE(generation.use_prefix_cache);
  EXPECT_TRUE(generation.ignore_end);
  ASSERT_TRUE(generation.deadline);
  EXPECT_GT(*generation.deadline, EngineClock::now());
  EXPECT_LT(*generation.deadline, EngineClock::now() + std::chrono::seconds(3));
  EXPECT_EQ(request.context.at("enable_thinking"), false);
  EXPECT_EQ(request.context.at("reasoning_effort"), "low");
  EXPECT_EQ(chat(R"(, "max_completion_tokens": 5)").generation.token_count_max, 5);
  EXPECT_EQ(chat(R"(, "logprobs": true)").generation.logprob_count, 0);
}

TEST(ChatRequest, NamesWhatIsWrong) {
  const std::map<std::string_view, std::string_view> wrong = {
      {R"("messages": [])", "messages"},
      {R"("messages": "Hello")", "messages"},
      {R"("messages": [3])", "messages[0]"},
      {R"("messages": [{"content": "Hello"}])", "messages[0].role"},
      {R"("messages": [{"role": "king", "content": "Hello"}])", "messages[0].role"},
      {R"("messages": [{"role": "user"}])", "messages[0].content"},
      {R"("messages": [{"role": "user", "content": 3}])", "messages[0].content"},
      {R"("messages": [{"role": "user", "content": "x", "name": 3}])", "messages[0].name"},
      {R"("messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}])",
       "messages[0].content[0].type"},
      {R"("messages": [{"role": "user", "content": [{"type": "text"}]}])", "messages[0].content[0].text"},
      {R"("model": 3)", "model"},
      {R"("n": 0)", "n"},
      {R"("n": 129)", "n"},
      {R"("n": 1.5)", "n"},
      {R"("stream": "yes")", "stream"},
      {R"("stream_options": {"include_usage": true})", "stream_options"},
      {R"("stream": true, "stream_options": {"usage": true})", "stream_options.usage"},
      {R"("max_tokens": 0)", "max_tokens"},
      {R"("max_tokens": -5)", "max_tokens"},
      {R"("max_tokens": 5, "max_completion_tokens": 6)", "max_tokens"},
      {R"("logprobs": 3)", "logprobs"},
      {R"("top_logprobs": 3)", "top_logprobs"},
      {R"("logprobs": true, "top_logprobs": 21)", "top_logprobs"},
      {R"("response_format": {"type": "json_schema", "json_schema": {}})", "response_format.json_schema.schema"},
      {R"("response_format": {"type": "json_schema", "json_schema": {"schema": {"pattern": "("}}})",
       "response_format.json_schema.schema"},
      {R"("response_format": {"type": "json_schema", "json_schema": {"schema": false}})",
       "response_format.json_schema.schema"},
      {R"("response_format": {"type": "xml"})", "response_format.type"},
      {R"("response_format": {"type": "json_object"}, "guided_regex": "a")", "response_format.type"},
      {R"("response_format": {"type": "json_object"}, "continue_final_message": true)", "continue_final_message"},
      {R"("guided_choice": [1])", "guided_choice"},
      {R"("grammar": "start ::= a")", "grammar"},
      {R"("structured_outputs": {"structural_tag": "a"})", "structured_outputs.structural_tag"},
      {R"("response_format": {})", "response_format.type"},
      {R"("modalities": ["text", "audio"])", "modalities"},
      {R"("audio": {})", "audio"},
      {R"("verbosity": 3)", "verbosity"},
      {R"("prediction": "x")", "prediction"},
      {R"("client_metadata": "x")", "client_metadata"},
      {R"("continue_final_message": true, "add_generation_prompt": true)", "add_generation_prompt"},
      {R"("metadata": 3)", "metadata"},
      {R"("user": 3)", "user"},
      {R"("timeout": -1)", "timeout"},
      {R"("priority": 3000000000)", "priority"},
      {R"("chat_template_kwargs": {"messages": []})", "chat_template_kwargs.messages"},
      {R"("colour": 3)", "colour"},
  };
  for (const auto& [text, param] : wrong) {
    const Router::Failure failure = failure_of([&] { chat(", " + std::string(text)); });
    EXPECT_EQ(failure.status, 400U) << text;
    EXPECT_EQ(failure.type, "invalid_request_error") << text;
    EXPECT_EQ(failure.param, param) << text << ": " << failure.message;
  }
  EXPECT_EQ(failure_of([] { parse_chat_request({}, {}); }).param, "messages");
}

TEST(ChatRequest, TakesWhatClientsSend) {
  const ChatRequest request = chat(
      R"(, "verbosity": "low", "client_metadata": {"a": 1}, "prediction": {"type": "content", "content": "x"},
          "max_tokens": -1, "max_completion_tokens": null, "stream": true,
          "stream_options": {"include_usage": true, "continuous_usage_stats": true})");
  EXPECT_EQ(request.generation.token_count_max, -1);
  EXPECT_TRUE(request.continuous_usage);
  EXPECT_TRUE(request.generation.sampling.counts_answer_alone);
  EXPECT_EQ(chat(R"(, "max_tokens": 5, "max_completion_tokens": -1)").generation.token_count_max, 5);
  EXPECT_FALSE(chat(R"(, "top_logprobs": 0, "logprobs": false, "stream_options": {})").generation.logprob_count);
  EXPECT_EQ(chat(R"(, "max_tokens": 128000)").generation.token_count_max, 128000);
  EXPECT_EQ(chat(R"(, "add_generation_prompt": false)").context.at("add_generation_prompt"), false);
  EXPECT_FALSE(chat("").context.contains("add_generation_prompt"));
  EXPECT_TRUE(chat(R"(, "continue_final_message": true)").continues_final_message);
}

// Fields of messages are data that clients keep: what other servers answered comes back.
TEST(ChatRequest, TakesMessagesOfOtherServers) {
  const json::object body = object_of(R"({"messages": [
      {"role": "user", "content": "a", "id": 7, "colour": "red"},
      {"role": "assistant", "content": "b", "reasoning": "r", "reasoning_details": [{}], "tool_calls": []},
      {"role": "assistant", "content": null, "reasoning_content": "s", "tool_calls": null,
       "function_call": {"name": "f", "arguments": "{}"}},
      {"role": "function", "name": "f", "content": "1"},
      {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "custom",
                                                           "custom": {"name": "g", "input": "any"}}]}]})");
  EXPECT_EQ(json::serialize(parse_chat_request(body, {}).context.at("messages")),
            R"([{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"r"},)"
            R"({"role":"assistant","content":"","reasoning_content":"s",)"
            R"("tool_calls":[{"type":"function","function":{"name":"f","arguments":{}}}]},)"
            R"({"role":"tool","content":"1","name":"f"},{"role":"assistant","content":"",)"
            R"("tool_calls":[{"id":"1","type":"function","function":{"name":"g","arguments":{"input":"any"}}}]}])");
}

TEST(ChatRequest, MakesMessagesForTemplates) {
  const json::object body = object_of(R"({"messages": [
      {"role": "developer", "content": "Be brief."},
      {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
      {"role": "assistant", "content": null, "refusal": null, "annotations": [], "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}},
        {"id": "2", "type": "function", "function": {"name": "g", "arguments": "no JSON"}}]},
      {"role": "tool", "tool_call_id": "1", "content": "2"}]})");
  EXPECT_EQ(json::serialize(parse_chat_request(body, {}).context),
            R"({"messages":[{"role":"system","content":"Be brief."},)"
            R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":"Ann"},)"
            R"({"role":"assistant","content":"","tool_calls":[)"
            R"({"id":"1","type":"function","function":{"name":"f","arguments":{"x":1}}},)"
            R"({"id":"2","type":"function","function":{"name":"g","arguments":"no JSON"}}]},)"
            R"({"role":"tool","content":"2","tool_call_id":"1"}]})");
}

TEST(CompletionRequest, TakesEveryKindOfPrompt) {
  using Tokens = std::vector<TokenId>;
  EXPECT_EQ(std::get<std::string>(completion(R"({"prompt": "a"})").prompts.at(0)), "a");
  EXPECT_EQ(completion(R"({"prompt": ["a", "b"]})").prompts.size(), 2U);
  EXPECT_EQ(std::get<Tokens>(completion(R"({"prompt": [1, 2]})").prompts.at(0)), (Tokens{1, 2}));
  const CompletionRequest request = completion(R"({"prompt": [[1], [2, 3]], "n": 2, "best_of": 2, "echo": true})");
  EXPECT_EQ(std::get<Tokens>(request.prompts.at(1)), (Tokens{2, 3}));
  EXPECT_EQ(request.choice_count, 2);
  EXPECT_TRUE(request.echo);
  EXPECT_EQ(request.generation.token_count_max, 16);
}

TEST(CompletionRequest, CanAskForThePromptAlone) {
  const CompletionRequest request = completion(R"({"prompt": "a", "max_tokens": 0, "echo": true, "logprobs": 1})");
  EXPECT_EQ(request.generation.token_count_max, 0);
  EXPECT_TRUE(request.generation.logprobs_of_prompt);
  EXPECT_EQ(completion(R"({"prompt": "a", "max_tokens": -1})").generation.token_count_max, -1);
  EXPECT_EQ(completion(R"({"prompt": "a", "max_tokens": null})").generation.token_count_max, 16);
  EXPECT_FALSE(completion(R"({"prompt": "a", "logprobs": 1})").generation.logprobs_of_prompt);
}

TEST(CompletionRequest, NamesWhatIsWrong) {
  const std::map<std::string_view, std::string_view> wrong = {
      {R"({})", "prompt"},
      {R"({"prompt": []})", "prompt"},
      {R"({"prompt": 3})", "prompt"},
      {R"({"prompt": [[]]})", "prompt[0]"},
      {R"({"prompt": ["a", 1]})", "prompt[1]"},
      {R"({"prompt": [1, "a"]})", "prompt[1]"},
      {R"({"prompt": [-1]})", "prompt[0]"},
      {R"({"prompt": "a", "suffix": "b"})", "suffix"},
      {R"({"prompt": "a", "best_of": 3})", "best_of"},
      {R"({"prompt": "a", "logprobs": 6})", "logprobs"},
      {R"({"prompt": "a", "logprobs": true})", "logprobs"},
      {R"({"prompt": "a", "max_tokens": -2})", "max_tokens"},
      {R"({"prompt": "a", "messages": []})", "messages"},
  };
  for (const auto& [text, param] : wrong) {
    const Router::Failure failure = failure_of([&] { completion(text); });
    EXPECT_EQ(failure.status, 400U) << text;
    EXPECT_EQ(failure.param, param) << text << ": " << failure.message;
  }
}

TEST(ResponsesRequest, MakesMessagesForTemplates) {
  const ResponsesRequest request = responses(R"({"instructions": "Be brief.", "input": [
      {"role": "user", "content": "a"},
      {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
       "content": [{"type": "output_text", "text": "b", "annotations": []}]},
      {"role": "developer", "content": [{"type": "input_text", "text": "c"}]}],
      "max_output_tokens": 7, "temperature": 0.8, "metadata": {"k": "v"}, "store": true})");
  EXPECT_EQ(json::serialize(request.context),
            R"({"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"a"},)"
            R"({"role":"assistant","content":"b"},{"role":"system","content":"c"}]})");
  EXPECT_EQ(request.generation.token_count_max, 7);
  EXPECT_EQ(request.echoed.at("max_output_tokens"), 7);
  EXPECT_EQ(request.echoed.at("instructions"), "Be brief.");
  EXPECT_EQ(request.echoed.at("temperature"), 0.8);
  EXPECT_EQ(request.echoed.at("metadata"), object_of(R"({"k": "v"})"));
  EXPECT_EQ(json::serialize(responses(R"({"input": "a"})").context), R"({"messages":[{"role":"user","content":"a"}]})");
}

// What an agent keeps of its turns: thoughts, calls, results.
TEST(ResponsesRequest, MakesMessagesOfItems) {
  const ResponsesRequest request = responses(R"({"client_metadata": {"a": "b"}, "truncation": "auto",
      "text": {"verbosity": "low"}, "reasoning": {"effort": "low", "context": "all_turns"}, "tool_choice": "none",
      "input": [
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "f"}]},
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{\"x\": 1}", "status": "completed"},
        {"type": "custom_tool_call", "call_id": "2", "name": "g", "input": "any"},
        {"type": "function_call_output", "call_id": "1", "output": "one"},
        {"type": "custom_tool_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "two"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "u"}], "encrypted_content": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        {"type": "local_shell_call", "call_id": "3", "action": {"command": ["ls"]}},
        {"type": "local_shell_call_output", "call_id": "3", "output": "three"},
        {"type": "web_search_call", "id": "w", "status": "completed"},
        {"type": "reasoning", "summary": [], "content": null},
        {"role": "user", "content": "c"}]})");
  EXPECT_EQ(request.context.at("reasoning_effort"), "low");
  EXPECT_EQ(request.echoed.at("truncation"), "auto");
  EXPECT_EQ(request.context.at("messages"), json::parse(R"([
      {"role": "user", "content": "a"},
      {"role": "assistant", "content": "", "reasoning_content": "t", "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}},
        {"id": "2", "type": "function", "function": {"name": "g", "arguments": {"input": "any"}}}]},
      {"role": "tool", "content": "one", "tool_call_id": "1", "name": "f"},
      {"role": "tool", "content": "two", "tool_call_id": "2", "name": "g"},
      {"role": "assistant", "content": "b", "reasoning_content": "u", "tool_calls": [
        {"id": "3", "type": "function", "function": {"name": "local_shell", "arguments": {"command": ["ls"]}}}]},
      {"role": "tool", "content": "three", "tool_call_id": "3", "name": "local_shell"},
      {"role": "user", "content": "c"}])"));
}

TEST(ResponsesRequest, NamesWhatIsWrong) {
  const std::map<std::string_view, std::string_view> wrong = {
      {R"({})", "input"},
      {R"({"input": []})", "input"},
      {R"({"input": 3})", "input"},
      {R"({"input": [{"type": "function_call_output", "output": "x"}]})", "input[0].call_id"},
      {R"({"input": [{"type": "function_call", "call_id": "1", "arguments": "{}"}]})", "input[0].name"},
      {R"({"input": [{"type": "item_reference", "id": "x"}]})", "input[0].type"},
      {R"({"input": [{"type": "additional_tools", "tools": [{"type": "function"}]}]})", "input[0].tools[0].name"},
      {R"({"input": [{"type": "function_call_output", "call_id": "1", "output": [{"type": "input_image"}]}]})",
       "input[0].output[0].type"},
      {R"({"input": [{"role": "user", "content": [{"type": "input_image"}]}]})", "input[0].content[0].type"},
      {R"({"input": "a", "background": true})", "background"},
      {R"({"input": "a", "truncation": "sideways"})", "truncation"},
      {R"({"input": "a", "text": {"format": {"type": "json_schema", "name": "n"}}})", "text.format.schema"},
      {R"({"input": "a", "top_logprobs": 3})", "top_logprobs"},
      {R"({"input": "a", "max_tokens": 3})", "max_tokens"},
  };
  for (const auto& [text, param] : wrong) {
    const Router::Failure failure = failure_of([&] { responses(text); });
    EXPECT_EQ(failure.status, 400U) << text;
    EXPECT_EQ(failure.param, param) << text << ": " << failure.message;
  }
}

TEST(OpenAiErrorBody, FollowsTheStatus) {
  Router::Failure failure;
  failure.message = "no";
  const auto body = [&](unsigned status) {
    failure.status = status;
    return openai_error_body(failure);
  };
  EXPECT_EQ(body(400), R"({"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}})");
  EXPECT_EQ(body(401),
            R"({"error":{"message":"no","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})");
  EXPECT_EQ(body(500), R"({"error":{"message":"no","type":"server_error","param":null,"code":"server_error"}})");
  failure.type = "t";
  failure.code = "c";
  failure.param = "p";
  EXPECT_EQ(body(429), R"({"error":{"message":"no","type":"t","param":"p","code":"c"}})");
}

// Answers. Token 1 is "é" cut in two: its first byte; 2 is the second byte; others are "<id>".
std::string spelling(TokenId id) {
  if (id == 1) return "\xc3";
  return id == 2 ? "\xa9" : "<" + std::to_string(id) + ">";
}

GeneratedToken token(TokenId id, std::string text) {
  return {.id = id,
          .text = std::move(text),
          .logprob = -0.5F,
          .top_logprobs = {{.id = 9, .logprob = -0.25F}, {.id = id, .logprob = -0.5F}},
          .time = {}};
}

GenerationEnd end_of(FinishReason reason, std::string text = {}) {
  GenerationEnd end;
  end.reason = reason;
  end.text = std::move(text);
  end.usage = {.prompt_tokens = 10, .cached_tokens = 4, .generated_tokens = 2};
  return end;
}

ChoiceFormatOptions options_with(bool logprobs, int choice_count = 1) {
  return {.head = {.id = "id-1", .created = 5, .model = "m", .fingerprint = "fp", .seed = 3},
          .spelling = spelling,
          .logprobs = logprobs,
          .include_usage = true,
          .choice_count = choice_count,
          .prompts = {}};
}

json::object data_of(std::string_view event) {
  EXPECT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n")) << event;
  return object_of(event.substr(6));
}

std::vector<AnswerPart> text_part(std::string text, std::vector<GeneratedToken> tokens) {
  return {{.text = std::move(text), .tokens = std::move(tokens)}};
}

AnswerPiece text_piece(std::string text, std::vector<GeneratedToken> tokens = {}) {
  return {.text = std::move(text), .tokens = std::move(tokens)};
}

std::vector<FinishedChoice> two_choices() {
  return {{.parts = text_part("\xc3\xa9", {token(1, ""), token(2, "\xc3\xa9")}), .end = end_of(FinishReason::kStop)},
          {.parts = text_part("b", {token(3, "b")}), .end = end_of(FinishReason::kContext)}};
}

TEST(ChatAnswer, IsOpenAIs) {
  const json::object answer = chat_format(options_with(false, 2))->whole(two_choices());
  EXPECT_EQ(answer.at("id"), "id-1");
  EXPECT_EQ(answer.at("object"), "chat.completion");
  EXPECT_EQ(answer.at("created"), 5);
  EXPECT_EQ(answer.at("model"), "m");
  EXPECT_EQ(answer.at("system_fingerprint"), "fp");
  EXPECT_EQ(answer.at("seed"), 3);
  const json::array& choices = answer.at("choices").as_array();
  ASSERT_EQ(choices.size(), 2U);
  EXPECT_EQ(choices[0], object_of(R"({"index": 0, "logprobs": null, "finish_reason": "stop", "message":
      {"role": "assistant", "content": "é", "refusal": null, "annotations": []}})"));
  EXPECT_EQ(choices[1].at("finish_reason"), "length");
  // The prompt counts once.
  EXPECT_EQ(answer.at("usage"), object_of(R"({"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14,
      "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0}, "completion_tokens_details": {
      "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}})"));
}

TEST(ChatAnswer, HasLogprobsWithBytes) {
  const json::object answer = chat_format(options_with(true))->whole(two_choices());
  const json::value& logprobs = answer.at("choices").at(0).at("logprobs");
  EXPECT_TRUE(logprobs.at("refusal").is_null());
  const json::array& content = logprobs.at("content").as_array();
  ASSERT_EQ(content.size(), 2U);
  EXPECT_EQ(content[0].at("token"), "\uFFFD");
  EXPECT_EQ(content[0].at("bytes"), json::parse("[195]"));
  EXPECT_EQ(content[1].at("bytes"), json::parse("[169]"));
  EXPECT_EQ(content[0].at("logprob"), -0.5);
  EXPECT_EQ(content[0].at("top_logprobs").at(0),
            object_of(R"({"token": "<9>", "logprob": -0.25, "bytes": [60, 57, 62]})"));
  EXPECT_EQ(finite_logprob(-std::numeric_limits<float>::infinity()), -9999.0);
}

TEST(ChatAnswer, ComesInChunks) {
  const auto format = chat_format(options_with(true));
  const json::object opening = data_of(format->opening(1));
  EXPECT_EQ(opening.at("object"), "chat.completion.chunk");
  EXPECT_TRUE(opening.at("usage").is_null());
  EXPECT_EQ(opening.at("choices").at(0), object_of(R"({"index": 1, "logprobs": null, "finish_reason": null,
      "delta": {"role": "assistant", "content": "", "refusal": null}})"));
  const json::object piece = data_of(format->piece(1, text_piece("b", {token(3, "b")})));
  EXPECT_EQ(piece.at("choices").at(0).at("delta"), object_of(R"({"content": "b"})"));
  EXPECT_EQ(piece.at("choices").at(0).at("logprobs").at("content").as_array().size(), 1U);
  EXPECT_TRUE(data_of(format->piece(1, text_piece("x"))).at("choices").at(0).at("logprobs").is_null());
  const json::object closing = data_of(format->closing(1, end_of(FinishReason::kLength)));
  EXPECT_EQ(closing.at("choices").at(0).at("delta"), json::object());
  EXPECT_EQ(closing.at("choices").at(0).at("finish_reason"), "length");
  UsageTotal total;
  total.add(end_of(FinishReason::kLength).usage, true);
  const json::object usage = data_of(format->usage(total));
  EXPECT_EQ(usage.at("choices"), json::array());
  EXPECT_EQ(usage.at("usage").at("total_tokens"), 12);
}

// Some clients split a stream wherever Unicode sees the end of a line.
TEST(ChatAnswer, IsOneLineForEveryReader) {
  const std::string text = chat_format(options_with(true))->piece(0, text_piece("a\u0085b\u2028c\u2029d"));
  EXPECT_NE(text.find(R"(a\u0085b\u2028c\u2029d)"), std::string::npos) << text;
  EXPECT_EQ(data_of(text).at("choices").at(0).at("delta").at("content"), "a\u0085b\u2028c\u2029d");
}

TEST(ChatAnswer, SaysNothingOfUsageUnasked) {
  ChoiceFormatOptions options = options_with(false);
  options.include_usage = false;
  EXPECT_FALSE(data_of(chat_format(std::move(options))->opening(0)).contains("usage"));
}

TEST(CompletionAnswer, HasTheOldLogprobs) {
  const json::object answer = completion_format(options_with(true))->whole(two_choices());
  EXPECT_EQ(answer.at("object"), "text_completion");
  EXPECT_EQ(answer.at("choices").at(0), json::parse(R"({"text": "é", "index": 0, "finish_reason": "stop", "logprobs": {
      "tokens": ["bytes:\\xc3", "bytes:\\xa9"], "token_logprobs": [-0.5, -0.5], "text_offset": [0, 1],
      "top_logprobs": [{"<9>": -0.25, "bytes:\\xc3": -0.5}, {"<9>": -0.25, "bytes:\\xa9": -0.5}]}})"));
  // Two prompts of one choice each: both prompts count.
  EXPECT_EQ(answer.at("usage").at("prompt_tokens"), 20);
}

TEST(CompletionAnswer, BeginsWithThePromptIfAsked) {
  ChoiceFormatOptions options = options_with(false, 2);
  options.prompts = {"first ", "second "};
  options.echo = true;
  const auto format = completion_format(std::move(options));
  EXPECT_EQ(data_of(format->opening(2)).at("choices").at(0).at("text"), "second ");
  EXPECT_EQ(format->whole(two_choices()).at("choices").at(1).at("text"), "first b");
  EXPECT_EQ(completion_format(options_with(false))->opening(0), "");
}

TEST(CompletionAnswer, CountsOffsetsOverPieces) {
  const auto format = completion_format(options_with(true));
  const AnswerPiece one = text_piece("b", {token(3, "b")});
  format->piece(0, one);
  const json::object second = data_of(format->piece(0, one));
  EXPECT_EQ(second.at("choices").at(0).at("logprobs").at("text_offset"), json::parse("[3]"));
}

// Prompt and answer put together are what offsets count in, whether the prompt comes back or not.
TEST(CompletionAnswer, CountsOffsetsFromThePromptsStart) {
  ChoiceFormatOptions options = options_with(true);
  options.prompts = {"hé!", ""};
  const auto format = completion_format(options);
  EXPECT_EQ(format->whole(two_choices()).at("choices").at(0).at("logprobs").at("text_offset"), json::parse("[3, 4]"));
  const AnswerPiece one = text_piece("b", {token(3, "b")});
  EXPECT_EQ(data_of(format->piece(0, one)).at("choices").at(0).at("logprobs").at("text_offset"), json::parse("[3]"));
}

// The first token of a prompt has no log-probability, and a beginning token that nobody wrote takes no room.
TEST(CompletionAnswer, HasThePromptsLogprobs) {
  ChoiceFormatOptions options = options_with(true);
  options.prompts = {"<8><7>"};
  options.echo = true;
  GeneratedToken beginning = token(6, ""), second = token(8, ""), third = token(7, "");
  beginning.logprob.reset();
  beginning.top_logprobs.clear();
  FinishedChoice choice{.parts = text_part("b", {token(3, "b")}),
                        .prompt = {beginning, second, third},
                        .end = end_of(FinishReason::kLength)};
  const auto format = completion_format(options);
  const json::object whole = format->whole({&choice, 1}).at("choices").at(0).as_object();
  EXPECT_EQ(whole.at("text"), "<8><7>b");
  const json::value& logprobs = whole.at("logprobs");
  EXPECT_EQ(logprobs.at("tokens"), json::parse(R"(["<6>", "<8>", "<7>", "<3>"])"));
  EXPECT_EQ(logprobs.at("token_logprobs"), json::parse("[null, -0.5, -0.5, -0.5]"));
  EXPECT_TRUE(logprobs.at("top_logprobs").at(0).is_null());
  EXPECT_EQ(logprobs.at("text_offset"), json::parse("[0, 0, 3, 6]"));
  // Streamed, it comes before the first token.
  EXPECT_EQ(format->opening(0), "");
  const json::object first = data_of(format->scored_prompt(0, choice.prompt)).at("choices").at(0).as_object();
  EXPECT_EQ(first.at("text"), "<8><7>");
  EXPECT_EQ(first.at("logprobs").at("text_offset"), json::parse("[0, 0, 3]"));
}

TEST(ChatAnswer, TellsUsageInEveryPieceIfAsked) {
  const auto format = chat_format(options_with(false));
  UsageTotal total;
  total.add({.prompt_tokens = 10, .cached_tokens = 0, .generated_tokens = 3}, true);
  format->set_usage_so_far(total);
  EXPECT_EQ(data_of(format->piece(0, text_piece("x"))).at("usage").at("total_tokens"), 13);
}

// The events of a text: their types and their data, which must agree.
std::vector<json::object> events_of(std::string_view text) {
  std::vector<json::object> events;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    const std::string_view event = text.substr(0, end);
    const std::size_t line = event.find('\n');
    events.push_back(object_of(event.substr(line + 7)));
    EXPECT_EQ("event: " + std::string(events.back().at("type").as_string()), event.substr(0, line));
    text.remove_prefix(end + 2);
  }
  return events;
}

TEST(ResponsesAnswer, StreamsEveryEvent) {
  ResponseFormat format({.id = "resp_1", .created = 5, .model = "m", .fingerprint = "fp", .seed = 3}, spelling,
                        {{"instructions", "Be brief."}}, true);
  std::string text = format.opening();
  text += format.piece(text_piece("Hel"));
  text += format.keepalive();
  text += format.piece(text_piece("lo", {token(7, "lo")}));
  text += format.closing(end_of(FinishReason::kStop));
  const std::vector<json::object> events = events_of(text);
  const std::vector<std::string> types = {"response.created",           "response.in_progress",
                                          "response.output_item.added", "response.content_part.added",
                                          "response.output_text.delta", "keepalive",
                                          "response.output_text.delta", "response.output_text.done",
                                          "response.content_part.done", "response.output_item.done",
                                          "response.completed"};
  ASSERT_EQ(events.size(), types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(events[i].at("type").as_string(), types[i]);
    EXPECT_EQ(events[i].at("sequence_number"), i);
  }
  EXPECT_EQ(events[2].at("item").at("content"), json::array());
  EXPECT_EQ(events[4].at("delta"), "Hel");
  EXPECT_EQ(events[6].at("logprobs").at(0).at("token"), "<7>");
  EXPECT_EQ(events[7].at("text"), "Hello");
  const json::value& response = events.back().at("response");
  EXPECT_EQ(response.at("status"), "completed");
  EXPECT_EQ(response.at("instructions"), "Be brief.");
  EXPECT_EQ(response.at("text"), object_of(R"({"format": {"type": "text"}})"));
  EXPECT_EQ(response.at("output").at(0).at("id"), "msg_1");
  EXPECT_EQ(response.at("output").at(0).at("content").at(0).at("text"), "Hello");
  EXPECT_EQ(response.at("usage").at("input_tokens_details").at("cached_tokens"), 4);
  EXPECT_EQ(response.at("usage").at("total_tokens"), 12);
}

TEST(ResponsesAnswer, CanBeIncompleteOrFail) {
  ResponseFormat format({.id = "resp_1", .created = 5, .model = "m", .fingerprint = "fp", .seed = 3}, spelling, {},
                        true);
  const json::object incomplete = format.whole(text_part("Hel", {}), end_of(FinishReason::kLength));
  EXPECT_EQ(incomplete.at("status"), "incomplete");
  EXPECT_EQ(incomplete.at("incomplete_details"), object_of(R"({"reason": "max_output_tokens"})"));
  EXPECT_EQ(incomplete.at("output").at(0).at("status"), "incomplete");
  EXPECT_EQ(events_of(format.closing(end_of(FinishReason::kContext))).back().at("type"), "response.incomplete");
  Router::Failure failure;
  failure.message = "the device failed";
  const json::object failed = events_of(format.failure(failure)).at(0);
  EXPECT_EQ(failed.at("type"), "response.failed");
  EXPECT_EQ(failed.at("response").at("error"),
            object_of(R"({"code": "server_error", "message": "the device failed"})"));
}

}  // namespace
}  // namespace hearth
