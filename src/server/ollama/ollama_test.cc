// Ollama's requests and answers as JSON: what is taken, what is refused and how, and what comes back.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "grammar/recognizer.h"
#include "server/ollama/ollama_answer.h"
#include "server/ollama/ollama_models.h"
#include "server/ollama/ollama_request.h"
#include "server/ollama/ollama_routes.h"
#include "server/testing/scripted_answer.h"

namespace hearth {
namespace {

namespace json = boost::json;

json::object parse(std::string_view text) {
  return json::parse(text).as_object();
}

ServedModel served_model() {
  ServedModel model;
  model.name = "m";
  model.architecture = "llama";
  model.format = "q4_k";
  model.parameter_count = 8'030'000'000;
  model.file_bytes = 4'900'000'000;
  model.context = 4096;
  model.context_model = 131072;
  model.width = 4096;
  model.vocabulary = 1000;
  model.created = 1'700'000'000;
  model.hash = "00ff";
  model.chat_template_text = "{{ messages }}";
  model.device = "cuda:0";
  model.path = "m.gguf";
  return model;
}

SamplerOptions defaults() {
  SamplerOptions options;
  options.temperature = 0.7f;
  options.seed = 99;
  return options;
}

// `more`: members besides the model and the prompt or message, or in their place.
OllamaGenerateRequest generate(std::string_view more = "") {
  json::object body = parse(R"({"model": "m", "prompt": "Hello"})");
  for (const auto& member : parse("{" + std::string(more) + "}")) body[member.key()] = member.value();
  return parse_ollama_generate(body, served_model(), defaults());
}

OllamaChatRequest chat(std::string_view more = "") {
  json::object body = parse(R"({"model": "m", "messages": [{"role": "user", "content": "Hello"}]})");
  for (const auto& member : parse("{" + std::string(more) + "}")) body[member.key()] = member.value();
  return parse_ollama_chat(body, served_model(), defaults());
}

template <typename Read>
std::string error_of(Read&& read, unsigned status = 400) {
  try {
    read();
  } catch (const HttpError& error) {
    EXPECT_EQ(error.failure().status, status);
    return error.failure().message;
  }
  return "";
}

GenerationEnd end_of(FinishReason reason) {
  using std::chrono::milliseconds;
  GenerationEnd end;
  end.reason = reason;
  end.usage = {.prompt_tokens = 10, .cached_tokens = 8, .generated_tokens = 3};
  const EngineClock::time_point start{milliseconds(1000)};
  end.timeline.submitted = start;
  end.timeline.admitted = start + milliseconds(1);
  end.timeline.first_token = start + milliseconds(3);
  end.timeline.finished = start + milliseconds(10);
  return end;
}

TEST(OllamaRequest, StreamsUnlessToldOtherwise) {
  EXPECT_TRUE(generate().stream);
  EXPECT_TRUE(chat().stream);
  EXPECT_FALSE(generate(R"("stream": false)").stream);
}

TEST(OllamaRequest, TakesAPrompt) {
  const OllamaGenerateRequest request = generate(R"("system": "Be brief.")");
  EXPECT_EQ(request.prompt, "Hello");
  EXPECT_EQ(request.conversation, json::parse(R"({"messages": [{"role": "system", "content": "Be brief."},
                                                               {"role": "user", "content": "Hello"}]})"));
  EXPECT_EQ(request.generation.sampling.temperature, 0.7f);
  EXPECT_EQ(request.generation.token_count_max, -1);
  EXPECT_FALSE(request.load_only);
}

TEST(OllamaRequest, TakesOptions) {
  const Request request = generate(R"("options": {"temperature": 0, "top_k": 3, "top_p": 0.5, "min_p": 0.25,
      "typical_p": 0.75, "repeat_last_n": -1, "repeat_penalty": 1.5, "presence_penalty": 2, "frequency_penalty": 3,
      "seed": 5, "stop": ["A", "B"], "num_predict": 7, "num_ctx": 4096, "num_thread": 8, "mirostat": 0,
      "mirostat_tau": 5, "tfs_z": 1})")
                              .generation;
  EXPECT_EQ(request.sampling.temperature, 0.0f);
  EXPECT_EQ(request.sampling.top_k, 3);
  EXPECT_EQ(request.sampling.top_p, 0.5f);
  EXPECT_EQ(request.sampling.min_p, 0.25f);
  EXPECT_EQ(request.sampling.typical_p, 0.75f);
  EXPECT_EQ(request.sampling.repeat_last_n, -1);
  EXPECT_EQ(request.sampling.repeat_penalty, 1.5f);
  EXPECT_EQ(request.sampling.presence_penalty, 2.0f);
  EXPECT_EQ(request.sampling.frequency_penalty, 3.0f);
  EXPECT_EQ(request.sampling.seed, 5u);
  EXPECT_EQ(request.stop, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(request.token_count_max, 7);
}

TEST(OllamaRequest, DrawsASeedForMinusOne) {
  EXPECT_EQ(generate(R"("options": {"seed": -1})").generation.sampling.seed, 99u);
  EXPECT_NE(generate(R"("options": {"seed": -2})").generation.sampling.seed, 99u);
}

TEST(OllamaRequest, GoesOnUntilTheContextIsFull) {
  EXPECT_EQ(generate(R"("options": {"num_predict": -1})").generation.token_count_max, -1);
  EXPECT_EQ(generate(R"("options": {"num_predict": -2})").generation.token_count_max, -1);
  EXPECT_NE(error_of([] { generate(R"("options": {"num_predict": -3})"); }), "");
}

// A client's standing setting: the conversation's length is what counts.
TEST(OllamaRequest, TakesAWishForMoreContextThanIsServed) {
  for (const char* context : {"0", "2048", "8192", "1000000"}) {
    EXPECT_EQ(generate(R"("options": {"num_ctx": )" + std::string(context) + "}").prompt, "Hello");
  }
  EXPECT_NE(error_of([] { generate(R"("options": {"num_ctx": "large"})"); }), "");
}

TEST(OllamaRequest, RefusesOptionsThatWouldBeMissed) {
  for (const char* options : {R"({"mirostat": 2})", R"({"tfs_z": 0.5})", R"({"temprature": 1})", R"({"top_p": 2})",
                              R"({"stop": [""]})", R"({"temperature": "hot"})", R"({"rope_frequency_base": 1e6})"}) {
    EXPECT_NE(error_of([&] { generate("\"options\": " + std::string(options)); }), "") << options;
  }
}

TEST(OllamaRequest, KnowsItsModelByTwoNames) {
  EXPECT_EQ(generate(R"("model": "m:latest")").model, "m:latest");
  EXPECT_EQ(parse_ollama_model(parse(R"({"name": "m"})"), served_model()), "m");
  ServedModel other = served_model();
  other.aliases = {"n"};
  EXPECT_EQ(parse_ollama_model(parse(R"({"name": "n:latest"})"), other), "n:latest");
  EXPECT_EQ(ollama_tags(other).at("models").as_array().size(), 2u);
  EXPECT_EQ(error_of([] { generate(R"("model": "llama3")"); }, 404), "model 'llama3' not found; this server has 'm'");
  EXPECT_EQ(error_of([] { chat(R"("model": "m:8b")"); }, 404), "model 'm:8b' not found; this server has 'm'");
  EXPECT_EQ(error_of([] { generate(R"("model": null)"); }), "'model' is missing");
  EXPECT_EQ(error_of([] { parse_ollama_model({}, served_model()); }), "'model' is missing");
}

TEST(OllamaRequest, LoadsWhereNothingIsToBeSaid) {
  EXPECT_TRUE(generate(R"("prompt": "")").load_only);
  EXPECT_TRUE(generate(R"("prompt": null, "keep_alive": "5m")").load_only);
  EXPECT_TRUE(chat(R"("messages": [])").load_only);
  EXPECT_NE(error_of([] { generate(R"("prompt": "", "keep_alive": 0)"); }).find("keeps its model"), std::string::npos);
  EXPECT_FALSE(generate(R"("keep_alive": 0)").load_only);
}

TEST(OllamaRequest, GoesOnFromAContext) {
  EXPECT_EQ(generate(R"("context": [1, 2, 3])").context, (std::vector<TokenId>{1, 2, 3}));
  for (const char* context : {"[-1]", "[1.5]", "[\"1\"]", "[4294967296]", "3"}) {
    EXPECT_NE(error_of([&] { generate("\"context\": " + std::string(context)); }), "") << context;
  }
  EXPECT_NE(error_of([] { generate(R"("raw": true, "context": [1])"); }), "");
  EXPECT_NE(error_of([] { generate(R"("raw": true, "system": "S")"); }), "");
}

TEST(OllamaRequest, NeedsATemplateForASystemText) {
  ServedModel plain = served_model();
  plain.chat_template_text.clear();
  const json::object body = parse(R"({"model": "m", "prompt": "A", "system": "S"})");
  EXPECT_NE(error_of([&] { parse_ollama_generate(body, plain, defaults()); }).find("no chat template"),
            std::string::npos);
}

TEST(OllamaRequest, ReadsTheFormOfAnAnswer) {
  EXPECT_FALSE(generate(R"("format": "")").generation.grammar);
  const auto any = generate(R"("format": "json")").generation.grammar;
  ASSERT_TRUE(any);
  EXPECT_TRUE(Recognizer(any->grammar).accepts("{\"a\": 1}"));
  const auto schema = generate(R"("format": {"type": "array", "items": {"type": "null"}})").generation.grammar;
  ASSERT_TRUE(schema);
  EXPECT_TRUE(Recognizer(schema->grammar).accepts("[null, null]"));
  EXPECT_FALSE(Recognizer(schema->grammar).accepts("[1]"));
}

TEST(OllamaRequest, RefusesWhatIsNotAvailable) {
  for (const char* member :
       {R"("format": "xml")", R"("format": {"type": "objekt"})", R"("images": ["AA=="])", R"("suffix": "end")",
        R"("template": "{{ .Prompt }}")", R"("think": 3)", R"("images": ["", "AA=="])", R"("truncate": true)"}) {
    EXPECT_NE(error_of([&] { generate(member); }), "") << member;
  }
  for (const char* member : {R"("format": "")", R"("images": [])", R"("images": [""])", R"("images": ["", null])",
                             R"("suffix": "")", R"("template": "")", R"("think": null)", R"("truncate": false)",
                             R"("keep_alive": "10m")", R"("nobody_knows": 1)"}) {
    EXPECT_EQ(error_of([&] { generate(member); }), "") << member;
  }
}

TEST(OllamaRequest, TakesAConversation) {
  const OllamaChatRequest request =
      chat(R"("think": false, "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "A"},
                            {"role": "assistant", "content": "B", "thinking": "?"}])");
  EXPECT_EQ(request.conversation,
            json::parse(R"({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "A"}],
                            "enable_thinking": false, "thinking": false})"));
  EXPECT_EQ(request.prefill, "B");
}

TEST(OllamaRequest, TakesCallsAndTheirResults) {
  const OllamaChatRequest request = chat(R"("think": "high", "messages": [
      {"role": "user", "content": "A"},
      {"role": "assistant", "content": "", "thinking": "?", "tool_calls": [
        {"id": "1", "function": {"name": "f", "arguments": {"x": 1}}}, {"function": {"name": "g", "arguments": {}}}]},
      {"role": "tool", "tool_call_id": "1", "tool_name": "f", "content": "one"},
      {"role": "tool", "content": "two"}])");
  EXPECT_EQ(request.conversation, json::parse(R"({"messages": [
      {"role": "user", "content": "A"},
      {"role": "assistant", "content": "", "reasoning_content": "?", "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}},
        {"type": "function", "function": {"name": "g", "arguments": {}}}]},
      {"role": "tool", "content": "one", "tool_call_id": "1", "name": "f"}, {"role": "tool", "content": "two"}],
      "enable_thinking": true, "thinking": true, "reasoning_effort": "high"})"));
  EXPECT_EQ(request.prefill, "");
  EXPECT_EQ(chat(R"("think": true)").conversation.at("enable_thinking"), true);
  EXPECT_FALSE(chat("").conversation.contains("enable_thinking"));
}

TEST(OllamaRequest, RefusesMessagesThatItCannotTake) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("messages": [{"role": "assistant", "tool_calls": [{}]}])", "'messages[0].tool_calls[0].function' is missing"},
      {R"("tools": [{"type": "function"}])", "'tools[0].function' is missing"},
      {R"("messages": [{"role": "robot", "content": "A"}])", "'messages[0].role'"},
      {R"("messages": [{"content": "A"}])", "'messages[0].role' is missing"},
      {R"("messages": [{"role": "user", "content": ["A"]}])", "'messages[0].content' must be a string"},
      {R"("messages": [{"role": "user", "content": "A", "images": ["AA=="]}])", "'messages[0].images'"},
      {R"("messages": [{"role": "assistant", "content": "A"}])", "no message to answer"},
      {R"("top_logprobs": 3)", "'top_logprobs' needs 'logprobs'"}};
  for (const auto& [member, message] : cases) {
    const std::string told = error_of([&, m = member] { chat(m); });
    EXPECT_NE(told.find(message), std::string::npos) << member << ": " << told;
  }
}

TEST(OllamaRequest, TakesLogprobs) {
  EXPECT_FALSE(chat().generation.logprob_count);
  EXPECT_EQ(chat(R"("logprobs": true)").generation.logprob_count, 0);
  EXPECT_EQ(chat(R"("logprobs": true, "top_logprobs": 4)").generation.logprob_count, 4);
}

TEST(OllamaAnswer, WritesTimesWithNanoseconds) {
  const std::chrono::system_clock::time_point time(std::chrono::nanoseconds(1'700'000'000'000'000'123));
  EXPECT_EQ(ollama_time(time), "2023-11-14T22:13:20.000000123Z");
}

TEST(OllamaAnswer, ComesInPieces) {
  const std::chrono::system_clock::time_point time(std::chrono::seconds(1'700'000'000));
  EXPECT_EQ(ollama_piece(OllamaEndpoint::kGenerate, "m", {{.text = "Hi"}}, time),
            json::parse(R"({"model": "m", "created_at": "2023-11-14T22:13:20.000000000Z", "response": "Hi",
                            "done": false})"));
  json::object last = ollama_piece(OllamaEndpoint::kChat, "m", {}, time);
  finish_ollama_answer(last, end_of(FinishReason::kStop));
  EXPECT_EQ(last, json::parse(R"({"model": "m", "created_at": "2023-11-14T22:13:20.000000000Z",
                                  "message": {"role": "assistant", "content": ""}, "done": true,
                                  "done_reason": "stop", "total_duration": 10000000, "load_duration": 0,
                                  "prompt_eval_count": 10, "prompt_eval_duration": 2000000, "eval_count": 3,
                                  "eval_duration": 7000000})"));
  EXPECT_EQ(ollama_line(last).find('\n'), ollama_line(last).size() - 1);
  EXPECT_EQ(ollama_line({{"response", "a\u0085b\u2029"}}), "{\"response\":\"a\\u0085b\\u2029\"}\n");
}

TEST(OllamaAnswer, HasThoughtsAndCalls) {
  std::vector<AnswerPart> parts = parts_of("<think>Hm.</think>I look." + std::string(kWeatherCall));
  parts.at(2).call.id = "id";
  const std::chrono::system_clock::time_point time;
  const json::object chat_piece = ollama_piece(OllamaEndpoint::kChat, "m", parts, time);
  EXPECT_EQ(chat_piece.at("message"), json::parse(R"({"role": "assistant", "content": "I look.", "thinking": "Hm.",
      "tool_calls": [{"id": "id", "function": {"name": "get_weather", "arguments": {"city": "Ulm"}}}]})"));
  const json::object text_piece = ollama_piece(OllamaEndpoint::kGenerate, "m", parts, time);
  EXPECT_EQ(text_piece.at("response"), "I look.");
  EXPECT_EQ(text_piece.at("thinking"), "Hm.");
}

TEST(OllamaRequest, OffersTools) {
  const auto request = chat(R"("tools": [{"type": "function", "function": {"name": "f", "description": "F.",
      "parameters": {"type": "object", "properties": {}}}}], "think": false)");
  EXPECT_EQ(request.tools.definitions().at(0).at("function").at("name"), "f");
  EXPECT_EQ(request.conversation.at("enable_thinking"), false);
  EXPECT_TRUE(
      chat(R"("tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none")").tools.empty());
  EXPECT_TRUE(chat(R"("tools": [])").tools.empty());
  EXPECT_EQ(error_of([] { chat(R"("tools": [{"type": "function", "function": {}}])"); }),
            "'tools[0].function.name' is missing");
}

TEST(OllamaAnswer, SaysWhyItEnded) {
  const auto reason = [](FinishReason finish) {
    json::object last;
    finish_ollama_answer(last, end_of(finish));
    return last.at("done_reason");
  };
  EXPECT_EQ(reason(FinishReason::kStop), "stop");
  EXPECT_EQ(reason(FinishReason::kLength), "length");
  EXPECT_EQ(reason(FinishReason::kContext), "length");
}

TEST(OllamaAnswer, TellsErrorsInItsOwnWay) {
  Router::Failure failure;
  failure.message = "model 'x' not found";
  EXPECT_EQ(json::parse(ollama_error_body(failure)), json::parse(R"({"error": "model 'x' not found"})"));
}

TEST(OllamaModels, ShowsSizesAsPeopleSayThem) {
  EXPECT_EQ(ollama_count(8'030'000'000), "8.0B");
  EXPECT_EQ(ollama_count(656'200), "656.2K");
  EXPECT_EQ(ollama_count(22'000'000), "22.0M");
  EXPECT_EQ(ollama_count(12), "12");
}

TEST(OllamaModels, ListsTheOneThatIsServed) {
  const json::object tags = ollama_tags(served_model());
  ASSERT_EQ(tags.at("models").as_array().size(), 1u);
  const json::value& model = tags.at("models").at(0);
  EXPECT_EQ(model.at("name"), "m:latest");
  EXPECT_EQ(model.at("size"), 4'900'000'000);
  EXPECT_EQ(model.at("modified_at"), "2023-11-14T22:13:20.000000000Z");
  EXPECT_EQ(model.at("details"), json::parse(R"({"parent_model": "", "format": "gguf", "family": "llama",
      "families": ["llama"], "parameter_size": "8.0B", "quantization_level": "Q4_K"})"));
  EXPECT_EQ(ollama_ps(served_model()).at("models").at(0).at("size_vram"), 4'900'000'000);
  EXPECT_EQ(ollama_ps(served_model()).at("models").at(0).at("context_length"), 4096);
}

TEST(OllamaModels, ShowsIt) {
  const json::object show = ollama_show(served_model());
  EXPECT_EQ(show.at("capabilities"), json::parse(R"(["completion"])"));
  EXPECT_EQ(show.at("model_info").at("general.architecture"), "llama");
  EXPECT_EQ(show.at("model_info").at("llama.context_length"), 4096);
  EXPECT_EQ(show.at("template"), "{{ messages }}");
}

}  // namespace
}  // namespace hearth
