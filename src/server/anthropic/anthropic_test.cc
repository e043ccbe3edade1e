// Anthropic's requests and answers as JSON: what is taken, what is refused and how, and what comes back.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "server/anthropic/anthropic_answer.h"
#include "server/anthropic/anthropic_request.h"
#include "server/anthropic/anthropic_routes.h"
#include "server/testing/scripted_answer.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr const char* kHello = R"({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]})";

json::object parse(std::string_view text) {
  return json::parse(text).as_object();
}

// kHello with `more` members: "\"top_k\": 3".
json::object hello_with(std::string_view more) {
  json::object body = parse(kHello);
  for (const auto& member : parse("{" + std::string(more) + "}")) body[member.key()] = member.value();
  return body;
}

AnthropicRequest read(const json::object& body) {
  return parse_anthropic_request(body, {});
}

std::string error_of(const json::object& body) {
  try {
    read(body);
  } catch (const HttpError& error) {
    EXPECT_EQ(error.failure().status, 400u);
    return error.failure().message;
  }
  return "";
}

json::value messages_of(std::string_view more) {
  return read(hello_with(more)).conversation.context.at("messages");
}

std::vector<std::pair<std::string, json::value>> events_of(std::string_view stream) {
  std::vector<std::pair<std::string, json::value>> events;
  while (!stream.empty()) {
    const std::size_t end = stream.find("\n\n");
    const std::string_view event = stream.substr(0, end);
    const std::size_t line_end = event.find('\n');
    EXPECT_TRUE(event.starts_with("event: "));
    EXPECT_EQ(event.substr(line_end, 7), "\ndata: ");
    events.emplace_back(event.substr(7, line_end - 7), json::parse(event.substr(line_end + 7)));
    stream.remove_prefix(end + 2);
  }
  return events;
}

// The events' names, which their data have as well.
std::string names_of(const std::vector<std::pair<std::string, json::value>>& events) {
  std::string names;
  for (const auto& [name, data] : events) {
    EXPECT_EQ(data.at("type").as_string(), name);
    names += name + " ";
  }
  return names;
}

GenerationEnd end_of(FinishReason reason, std::string stop_text = {}) {
  GenerationEnd end;
  end.reason = reason;
  end.stop_text = std::move(stop_text);
  end.usage = {.prompt_tokens = 10, .cached_tokens = 8, .generated_tokens = 3};
  return end;
}

json::object text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

TEST(AnthropicRequest, TakesWhatAMessageNeeds) {
  const AnthropicRequest request = read(parse(kHello));
  EXPECT_EQ(request.conversation.model, "m");
  EXPECT_EQ(request.conversation.context,
            json::parse(R"({"messages": [{"role": "user", "content": "Hello"}], "enable_thinking": false,
                            "thinking": false})"));
  EXPECT_EQ(request.conversation.prefill, "");
  EXPECT_EQ(request.generation.token_count_max, 5);
  EXPECT_FALSE(request.stream);
}

TEST(AnthropicRequest, TakesSamplingAndStops) {
  const AnthropicRequest request = read(hello_with(
      R"("temperature": 0.5, "top_p": 0.25, "top_k": 7, "stop_sequences": ["a", "b"], "stream": true, "seed": 3)"));
  EXPECT_EQ(request.generation.sampling.temperature, 0.5f);
  EXPECT_EQ(request.generation.sampling.top_p, 0.25f);
  EXPECT_EQ(request.generation.sampling.top_k, 7);
  EXPECT_EQ(request.generation.sampling.seed, 3u);
  EXPECT_EQ(request.generation.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(request.stream);
}

TEST(AnthropicRequest, PutsTheSystemPromptFirst) {
  const json::value expected =
      json::parse(R"([{"role": "system", "content": "A\nB"}, {"role": "user", "content": "Hello"}])");
  EXPECT_EQ(messages_of(R"("system": "A\nB")"), expected);
  EXPECT_EQ(messages_of(R"("system": [{"type": "text", "text": "A\nB"}, {"type": "text", "text": ""}])"), expected);
  EXPECT_EQ(messages_of(R"("system": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}},
                                      {"type": "text", "text": "B"}])"),
            json::parse(R"([{"role": "system", "content": [{"type": "text", "text": "A"},
                                                           {"type": "text", "text": "B"}]},
                            {"role": "user", "content": "Hello"}])"));
}

TEST(AnthropicRequest, JoinsTurnsOfOneRole) {
  EXPECT_EQ(messages_of(R"("messages": [
                {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
                {"role": "user", "content": "C"},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "?"},
                                                  {"type": "text", "text": "D"}]},
                {"role": "user", "content": "E"}])"),
            json::parse(R"([{"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"},
                                                         {"type": "text", "text": "C"}]},
                            {"role": "assistant", "content": "D", "reasoning_content": "?"},
                            {"role": "user", "content": "E"}])"));
}

TEST(AnthropicRequest, TakesCallsAndTheirResults) {
  EXPECT_EQ(messages_of(R"("messages": [
                {"role": "user", "content": "A"},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "?", "signature": "s"},
                    {"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "B"},
                    {"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}},
                    {"type": "tool_use", "id": "2", "name": "g", "input": {}, "cache_control": {"type": "ephemeral"}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "1", "content": "one", "is_error": false},
                    {"type": "tool_result", "tool_use_id": "2", "content": [{"type": "text", "text": "two"},
                        {"type": "tool_reference", "tool_name": "h"}]},
                    {"type": "text", "text": "C"}]},
                {"role": "system", "content": "S", "output_config": {"effort": "low"}}])"),
            json::parse(R"([{"role": "user", "content": "A"},
                {"role": "assistant", "content": "B", "reasoning_content": "?", "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}},
                    {"id": "2", "type": "function", "function": {"name": "g", "arguments": {}}}]},
                {"role": "tool", "content": "one", "tool_call_id": "1", "name": "f"},
                {"role": "tool", "content": "two\nh", "tool_call_id": "2", "name": "g"},
                {"role": "user", "content": "C"}, {"role": "system", "content": "S"}])"));
  // One that called a tool last is no beginning of an answer.
  const AnthropicRequest request = read(hello_with(R"("messages": [{"role": "user", "content": "A"},
      {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}])"));
  EXPECT_EQ(request.conversation.prefill, "");
  EXPECT_EQ(request.conversation.context.at("messages").as_array().size(), 2u);
}

TEST(AnthropicRequest, TellsTemplatesHowMuchToThink) {
  const auto context = [](std::string_view more) { return read(hello_with(more)).conversation.context; };
  EXPECT_EQ(
      context(R"("thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"})").at("enable_thinking"),
      true);
  EXPECT_EQ(context(R"("thinking": {"type": "adaptive", "display": "updates"}, "output_config": {"effort": "high"})"),
            json::parse(R"({"messages": [{"role": "user", "content": "Hello"}], "enable_thinking": true,
                            "thinking": true, "reasoning_effort": "high"})"));
  EXPECT_TRUE(read(hello_with(R"("thinking": {"type": "adaptive"})")).conversation.thinks);
  EXPECT_FALSE(read(hello_with("")).conversation.thinks);
  EXPECT_NE(error_of(hello_with(R"("thinking": {"type": "deep"})")).find("thinking.type"), std::string::npos);
}

TEST(AnthropicRequest, TakesAFinalAssistantMessageAsTheAnswersBeginning) {
  const auto with_final = [](std::string_view text) {
    json::object body = parse(kHello);
    body["messages"].as_array().push_back({{"role", "assistant"}, {"content", text}});
    return body;
  };
  const AnthropicRequest request = read(with_final("It is"));
  EXPECT_EQ(request.conversation.prefill, "It is");
  EXPECT_EQ(request.conversation.context.at("messages").as_array().size(), 1u);
  EXPECT_EQ(read(with_final("")).conversation.prefill, "");
  json::object in_blocks = with_final("");
  in_blocks["messages"].at(1).as_object()["content"] = {text_block("It"), text_block("is")};
  EXPECT_EQ(read(in_blocks).conversation.prefill, "It\nis");
  EXPECT_NE(error_of(with_final("It is ")).find("white space"), std::string::npos);
  EXPECT_EQ(error_of(hello_with(R"("messages": [{"role": "assistant", "content": "It"}])")),
            "'messages' has no message to answer");
}

TEST(AnthropicRequest, RefusesWhatNobodyKnows) {
  EXPECT_EQ(error_of(hello_with(R"("max_token": 3)")), "max_token: Extra inputs are not permitted");
  EXPECT_EQ(error_of(hello_with(R"("messages": [{"role": "user", "content": "A", "name": "B"}])")),
            "messages[0].name: Extra inputs are not permitted");
  EXPECT_EQ(error_of(hello_with(R"("system": [{"type": "text", "text": "A", "bold": true}])")),
            "system[0].bold: Extra inputs are not permitted");
}

TEST(AnthropicRequest, TakesWhatHasNoEffect) {
  for (const char* member :
       {R"("metadata": {"user_id": "u"})", R"("service_tier": "auto")", R"("cache_control": {"type": "ephemeral"})",
        R"("output_config": {"effort": "low"})", R"("thinking": {"type": "disabled"})", R"("tools": [])",
        R"("context_management": {"edits": []})", R"("tool_choice": {"type": "none"})", R"("container": null)",
        R"("safeguards": [{"type": "dangerous_tool_use"}])", R"("max_tokens": 128000)", R"("max_tokens": -1)"}) {
    EXPECT_EQ(error_of(hello_with(member)), "") << member;
  }
}

TEST(AnthropicRequest, RefusesWhatIsNotAvailableByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("tool_choice": {"type": "any"})", "'tool_choice.type' asks for a call and there are no 'tools'"},
      {R"("tool_choice": {"type": "tool", "name": "g"}, "tools": [{"name": "f", "input_schema": {}}])",
       "'tool_choice.name' is 'g', which is none of the tools"},
      {R"("tool_choice": {"type": "maybe"})", "'tool_choice.type' must be \"auto\", \"any\", \"tool\" or \"none\""},
      {R"("tools": [{"input_schema": {}}])", "'tools[0].name' is missing"},
      {R"("output_config": {"format": {"type": "json_schema"}})", "'output_config.format.schema' is missing"},
      {R"("output_config": {"format": {"type": "json_schema", "schema": {"type": "x"}}})",
       "'output_config.format.schema': schema keyword 'type' at '/type': a name is no type"},
      {R"("output_config": {"format": {"type": "json_schema", "schema": true}},
          "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])",
       "'messages': an answer whose form is given does not go on from a final assistant message"},
      {R"("messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}])",
       "'messages[0].content[0].type': content of type \"image\" is not available on this server"},
      {R"("messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [
             {"type": "image", "source": {}}]}]}])",
       "'messages[0].content[0].content[0].type': content of type \"image\" is not available on this server"}};
  for (const auto& [member, message] : cases) EXPECT_EQ(error_of(hello_with(member)), message);
}

TEST(AnthropicRequest, RefusesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("max_tokens": 0)", "max_tokens"},
      {R"("max_tokens": -2)", "max_tokens"},
      {R"("max_tokens": "5")", "max_tokens"},
      {R"("max_tokens": null)", "'max_tokens' is missing"},
      {R"("model": null)", "'model' is missing"},
      {R"("messages": [])", "at least one message is required"},
      {R"("messages": "Hello")", "'messages' must be an array"},
      {R"("messages": ["Hello"])", "'messages[0]' must be an object"},
      {R"("messages": [{"role": "tool", "content": "A"}])", "'messages[0].role'"},
      {R"("messages": [{"role": "user", "content": ""}])", "'messages[0].content' is empty"},
      {R"("messages": [{"role": "user", "content": 3}])", "'messages[0].content' must be a string or an array"},
      {R"("messages": [{"role": "user"}])", "'messages[0].content' is missing"},
      {R"("messages": [{"role": "user", "content": [{"type": "text"}]}])", "'messages[0].content[0].text' is missing"},
      {R"("system": 3)", "'system' must be a string or an array"},
      {R"("system": [{"type": "image", "text": "A"}])", "'system[0].type' must be \"text\""},
      {R"("temperature": -0.5)", "temperature"},
      {R"("top_p": 1.5)", "top_p"},
      {R"("stop_sequences": [""])", "stop_sequences"},
      {R"("stop_sequences": [3])", "'stop_sequences[0]' must be a string"},
      {R"("stream": "yes")", "'stream' must be true or false"}};
  for (const auto& [member, message] : cases) {
    EXPECT_NE(error_of(hello_with(member)).find(message), std::string::npos)
        << member << ": " << error_of(hello_with(member));
  }
}

TEST(AnthropicRequest, CountsWithoutALimit) {
  const json::object body = parse(R"({"model": "m", "system": "S", "messages": [{"role": "user", "content": "A"}]})");
  EXPECT_EQ(parse_anthropic_count(body).context.at("messages").as_array().size(), 2u);
  EXPECT_THROW(parse_anthropic_count(parse(kHello)), HttpError);
}

TEST(AnthropicAnswer, CountsCachedTokensApart) {
  EXPECT_EQ(anthropic_usage({.prompt_tokens = 10, .cached_tokens = 8, .generated_tokens = 3}),
            json::parse(R"({"input_tokens": 2, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 8,
                            "output_tokens": 3})"));
}

TEST(AnthropicAnswer, SaysWhyItEnded) {
  EXPECT_EQ(anthropic_stop_reason(end_of(FinishReason::kStop), false), "end_turn");
  EXPECT_EQ(anthropic_stop_reason(end_of(FinishReason::kStop), true), "tool_use");
  EXPECT_EQ(anthropic_stop_reason(end_of(FinishReason::kStop, "###"), false), "stop_sequence");
  EXPECT_EQ(anthropic_stop_reason(end_of(FinishReason::kLength), true), "max_tokens");
  EXPECT_EQ(anthropic_stop_reason(end_of(FinishReason::kContext), false), "model_context_window_exceeded");
}

AnthropicHead head(bool shows_thoughts, bool is_text) {
  return {.id = "msg_1", .model = "m", .shows_thoughts = shows_thoughts, .is_text = is_text};
}

AnswerPiece text_piece(std::string text) {
  return {.kind = AnswerPiece::Kind::kContent, .text = std::move(text)};
}

TEST(AnthropicAnswer, IsAMessage) {
  const std::vector<AnswerPart> parts{{.text = "Hi \"you\""}};
  EXPECT_EQ(json::parse(anthropic_message(head(false, true), parts, end_of(FinishReason::kStop, "###"))),
            json::parse(R"({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                            "content": [{"type": "text", "text": "Hi \"you\""}], "stop_reason": "stop_sequence",
                            "stop_sequence": "###",
                            "usage": {"input_tokens": 2, "cache_creation_input_tokens": 0,
                                      "cache_read_input_tokens": 8, "output_tokens": 3}})"));
}

TEST(AnthropicAnswer, IsAStreamOfEvents) {
  AnthropicEvents writer(head(false, true));
  std::string stream = writer.start(10);
  stream += writer.piece(text_piece("Hi\n\n"));
  stream += anthropic_ping_event();
  stream += writer.end(end_of(FinishReason::kLength));
  const auto events = events_of(stream);
  EXPECT_EQ(names_of(events),
            "message_start content_block_start ping content_block_delta ping content_block_stop message_delta "
            "message_stop ");
  EXPECT_EQ(events[0].second.at("message").at("usage").at("input_tokens"), 10);
  EXPECT_EQ(events[0].second.at("message").at("content"), json::array());
  EXPECT_EQ(events[3].second, json::parse(R"({"type": "content_block_delta", "index": 0,
                                              "delta": {"type": "text_delta", "text": "Hi\n\n"}})"));
  EXPECT_EQ(events[6].second.at("delta"), json::parse(R"({"stop_reason": "max_tokens", "stop_sequence": null})"));
  EXPECT_EQ(events[6].second.at("usage").at("output_tokens"), 3);
  EXPECT_NE(writer.piece(text_piece("a\u2028b")).find(R"("a\u2028b")"), std::string::npos);  // no end of a line
}

std::string thought_and_call() {
  return "<think>Hm.</think>I look." + std::string(kWeatherCall);
}

template <typename Parts>
Parts with_ids(Parts parts) {
  for (auto& part : parts) {
    if (part.kind == AnswerPiece::Kind::kCall) part.call.id = "id";
  }
  return parts;
}

TEST(AnthropicAnswer, HasThoughtsAndCalls) {
  const auto blocks = [](bool shows_thoughts, std::string_view output) {
    const std::string text =
        anthropic_message(head(shows_thoughts, false), with_ids(parts_of(output)), end_of(FinishReason::kStop));
    return json::parse(text).at("content");
  };
  const json::value all = blocks(true, thought_and_call());
  EXPECT_EQ(all.at(0).at("thinking"), "Hm.");
  EXPECT_FALSE(all.at(0).at("signature").as_string().empty());
  EXPECT_EQ(all.at(1), text_block("I look."));
  EXPECT_EQ(all.at(2), parse(R"({"type": "tool_use", "id": "id", "name": "get_weather", "input": {"city": "Ulm"}})"));
  EXPECT_EQ(blocks(false, thought_and_call()).as_array().size(), 2u);  // who has not asked for thoughts gets none
  EXPECT_EQ(blocks(false, "<think>Hm.</think>"), json::array{text_block("")});
}

TEST(AnthropicAnswer, StreamsThoughtsAndCalls) {
  AnthropicEvents writer(head(true, false));
  std::string stream = writer.start(10);
  for (const AnswerPiece& piece : with_ids(pieces_of(thought_and_call()))) stream += writer.piece(piece);
  GenerationEnd end = end_of(FinishReason::kStop);
  end.usage.reasoning_tokens = 2;
  const auto events = events_of(stream + writer.end(end));
  EXPECT_EQ(names_of(events),
            "message_start ping "
            "content_block_start content_block_delta content_block_delta content_block_stop "
            "content_block_start content_block_delta content_block_stop "
            "content_block_start content_block_delta content_block_stop message_delta message_stop ");
  EXPECT_EQ(events[2].second.at("content_block"), parse(R"({"type": "thinking", "thinking": "", "signature": ""})"));
  EXPECT_EQ(events[3].second.at("delta"), parse(R"({"type": "thinking_delta", "thinking": "Hm."})"));
  EXPECT_EQ(events[4].second.at("delta").at("type"), "signature_delta");
  EXPECT_EQ(events[9].second, parse(R"({"type": "content_block_start", "index": 2, "content_block":
      {"type": "tool_use", "id": "id", "name": "get_weather", "input": {}}})"));
  EXPECT_EQ(events[10].second.at("delta"),
            parse(R"({"type": "input_json_delta", "partial_json": "{\"city\": \"Ulm\"}"})"));
  EXPECT_EQ(events[12].second.at("delta").at("stop_reason"), "tool_use");
  EXPECT_EQ(events[12].second.at("usage").at("output_tokens_details").at("thinking_tokens"), 2);
}

TEST(AnthropicRequest, OffersItsOwnTools) {
  const std::string tools = R"("tools": [{"name": "f", "description": "F.", "input_schema": {"type": "object"}},
      {"type": "web_search_20250305", "name": "web_search"}, {"type": "custom", "name": "g", "input_schema": {}},
      {"name": "later", "input_schema": {}, "defer_loading": true}])";
  const auto names = [&](std::string_view more) {
    std::string all;
    for (const auto& tool : read(hello_with(tools + std::string(more))).conversation.tools.definitions()) {
      all += std::string(tool.at("function").at("name").as_string()) + " ";
    }
    return all;
  };
  EXPECT_EQ(names(""), "f g ");
  EXPECT_EQ(names(R"(, "tool_choice": {"type": "none"})"), "");
  EXPECT_EQ(names(R"(, "tool_choice": {"type": "tool", "name": "g"})"), "g ");
  EXPECT_EQ(names(R"(, "tool_choice": {"type": "tool", "name": "web_search"})"), "f g ");
  // One that was found is loaded.
  EXPECT_EQ(names(R"(, "messages": [{"role": "user", "content": "A"},
      {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [
        {"type": "tool_reference", "tool_name": "later"}]}]}])"),
            "f g later ");
  const OfferedTools any =
      read(hello_with(tools + R"(, "tool_choice": {"type": "any", "disable_parallel_tool_use": true})"))
          .conversation.tools;
  EXPECT_TRUE(any.must_call);
  EXPECT_TRUE(any.one_call);
}

TEST(AnthropicRequest, ResultsSayThatTheyAreErrors) {
  const auto result = [](std::string_view content) {
    return messages_of(R"("messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "1", "is_error": true, "content": )" +
                       std::string(content) + "}]}]")
        .at(0)
        .at("content");
  };
  EXPECT_EQ(result(R"("no such file")"), "Error: no such file");
  EXPECT_EQ(result(R"("<tool_use_error>no</tool_use_error>")"), "<tool_use_error>no</tool_use_error>");
  EXPECT_EQ(result("null"), "Error");
  EXPECT_EQ(result(R"({"code": 3})"), R"(Error: {"code": 3})");
}

TEST(AnthropicAnswer, NamesErrorsByTheirStatus) {
  const std::pair<unsigned, const char*> cases[] = {{400, "invalid_request_error"},
                                                    {401, "authentication_error"},
                                                    {404, "not_found_error"},
                                                    {405, "invalid_request_error"},
                                                    {413, "request_too_large"},
                                                    {429, "rate_limit_error"},
                                                    {500, "api_error"},
                                                    {503, "overloaded_error"},
                                                    {504, "timeout_error"}};
  for (const auto& [status, type] : cases) EXPECT_EQ(anthropic_error_type(status), type) << status;
}

TEST(AnthropicRequest, KeepsNoThreads) {
  try {
    read(hello_with(R"("thread": {"type": "create"})"));
    ADD_FAILURE();
  } catch (const HttpError& error) {
    EXPECT_EQ(json::parse(anthropic_error_body(error.failure())).at("error").at("details"),
              parse(R"({"error_code": "thread_unsupported_request", "unsupported": ["thread"]})"));
  }
  EXPECT_EQ(error_of(hello_with(R"("thread": null)")), "");
}

TEST(AnthropicAnswer, TellsErrorsInItsOwnWay) {
  Router::Failure failure;
  failure.status = 404;
  failure.message = "no such model";
  EXPECT_EQ(json::parse(anthropic_error_body(failure)),
            json::parse(R"({"type": "error", "error": {"type": "not_found_error", "message": "no such model"}})"));
  failure.headers = {{"request-id", "req-7"}};
  EXPECT_EQ(json::parse(anthropic_error_body(failure)).at("request_id"), "req-7");
  const auto events = events_of(anthropic_error_event(anthropic_error_body(failure)));
  EXPECT_EQ(events.at(0).first, "error");
  EXPECT_EQ(events.at(0).second.at("error").at("type"), "not_found_error");
}

}  // namespace
}  // namespace hearth
