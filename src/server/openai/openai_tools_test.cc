// Tools and thoughts in OpenAI's API: what requests offer, and how calls and thoughts are told, whole and streamed.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "server/openai/openai_answer.h"
#include "server/openai/openai_request.h"
#include "server/openai/openai_responses_answer.h"
#include "server/openai/openai_tools.h"
#include "server/testing/scripted_answer.h"

namespace hearth {
namespace {

namespace json = boost::json;

json::object object_of(std::string_view text) {
  return json::parse(text).get_object();
}

ChatRequest chat(std::string_view more) {
  return parse_chat_request(
      object_of(R"({"messages": [{"role": "user", "content": "Hello"}])" + std::string(more) + "}"), {});
}

ResponsesRequest responses(std::string_view more) {
  return parse_responses_request(object_of(R"({"input": "Hello")" + std::string(more) + "}"), {});
}

std::string param_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const HttpError& error) {
    EXPECT_EQ(error.failure().status, 400U);
    return error.failure().param;
  }
  return "nothing was thrown";
}

// The names that a template is told.
std::string names(const OfferedTools& tools) {
  std::string all;
  for (const json::value& tool : tools.definitions()) {
    all += (all.empty() ? "" : " ") + std::string(tool.at("function").at("name").as_string());
  }
  return all;
}

constexpr const char* kTwoTools = R"(, "tools": [
    {"type": "function", "function": {"name": "f", "description": "F.", "strict": true,
                                      "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}},
    {"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": {"syntax": "lark",
                                                          "definition": "start: \"a\""}}}},
    {"type": "web_search"}])";

TEST(ChatTools, AreWhatATemplateTakes) {
  const ChatRequest request = chat(kTwoTools);
  EXPECT_EQ(json::serialize(request.tools.definitions()),
            R"([{"type":"function","function":{"name":"f","description":"F.","parameters":{"type":"object",)"
            R"("properties":{"x":{"type":"integer"}}}}},{"type":"function","function":{"name":"g",)"
            R"("description":"The input follows this Lark grammar:\nstart: \"a\"","parameters":{"type":"object",)"
            R"("properties":{"input":{"type":"string","description":"The input, as text."}},)"
            R"("required":["input"]}}}])");
  EXPECT_FALSE(request.tools.must_call);
  EXPECT_FALSE(request.tools.one_call);
  EXPECT_TRUE(request.tools.find("g").is_custom);
  EXPECT_TRUE(chat(R"(, "tools": null, "tool_choice": "auto")").tools.empty());
}

TEST(ChatTools, CanBeChosen) {
  struct Case {
    std::string_view choice, names;
    bool must_call;
  };
  constexpr Case kCases[] = {
      {R"("auto")", "f g", false},
      {R"("none")", "", false},
      {R"("required")", "f g", true},
      {R"({"type": "function", "function": {"name": "f"}})", "f", true},
      {R"({"type": "custom", "custom": {"name": "g"}})", "g", true},
      {R"({"type": "web_search"})", "f g", false},
      {R"({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "web_search"}]}})",
       "f", true},
      {R"({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "web_search"}]}})", "", false},
  };
  for (const Case& one : kCases) {
    const OfferedTools tools = chat(std::string(kTwoTools) + R"(, "tool_choice": )" + std::string(one.choice)).tools;
    EXPECT_EQ(names(tools), one.names) << one.choice;
    EXPECT_EQ(tools.must_call, one.must_call) << one.choice;
  }
  EXPECT_TRUE(chat(std::string(kTwoTools) + R"(, "parallel_tool_calls": false)").tools.one_call);
  // Of tools that the server cannot run none is left, and the answer is a text.
  EXPECT_FALSE(chat(R"(, "tools": [{"type": "web_search"}], "tool_choice": "required")").tools.must_call);
}

TEST(ChatTools, NamesWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {R"("tools": 3)", "tools"},
      {R"("tools": [3])", "tools[0]"},
      {R"("tools": [{"type": "function"}])", "tools[0].function"},
      {R"("tools": [{"type": "function", "function": {}}])", "tools[0].function.name"},
      {R"("tools": [{"type": "function", "function": {"name": "f", "parameters": 3}}])",
       "tools[0].function.parameters"},
      {R"("tool_choice": "required")", "tool_choice"},
      {R"("tool_choice": "sometimes")", "tool_choice"},
      {R"("tool_choice": 3)", "tool_choice"},
      {R"("tool_choice": {"type": "function", "function": {"name": "f"}})", "tool_choice"},
      {R"("tools": [{"type": "function", "function": {"name": "g"}}],
          "tool_choice": {"type": "function", "function": {"name": "f"}})",
       "tool_choice"},
      {R"("function_call": {"name": "f"})", "function_call"},
      {R"("parallel_tool_calls": 3)", "parallel_tool_calls"},
  };
  for (const auto& [text, param] : wrong) {
    EXPECT_EQ(param_of([&] { chat(", " + std::string(text)); }), param) << text;
  }
}

TEST(ChatTools, FunctionsOf2023AreTools) {
  const ChatRequest request = chat(R"(, "functions": [{"name": "f"}, {"name": "g"}], "function_call": {"name": "g"})");
  EXPECT_TRUE(request.has_old_functions);
  EXPECT_TRUE(request.tools.must_call);
  EXPECT_TRUE(request.tools.one_call);
  EXPECT_EQ(names(request.tools), "g");
  EXPECT_TRUE(chat(R"(, "functions": [{"name": "f"}], "function_call": "none")").tools.empty());
}

TEST(ChatRequest, SaysHowMuchToThink) {
  const auto thinks = [](std::string_view more) {
    const json::object context = chat(more).context;
    const json::value* is_on = context.if_contains("enable_thinking");
    return is_on == nullptr ? json::value() : *is_on;
  };
  EXPECT_TRUE(thinks("").is_null());
  EXPECT_TRUE(thinks(R"(, "reasoning_effort": "high")").is_null());
  EXPECT_EQ(thinks(R"(, "reasoning_effort": "none")"), false);
  EXPECT_EQ(thinks(R"(, "reasoning": {"effort": "low", "enabled": true})"), true);
  EXPECT_EQ(thinks(R"(, "thinking": {"type": "disabled"})"), false);
  EXPECT_EQ(thinks(R"(, "thinking": true)"), true);
  EXPECT_EQ(thinks(R"(, "enable_thinking": false)"), false);
  EXPECT_EQ(thinks(R"(, "enable_thinking": false, "chat_template_kwargs": {"enable_thinking": true})"), true);
  EXPECT_EQ(chat(R"(, "reasoning": {"effort": "low"})").context.at("reasoning_effort"), "low");
}

TEST(ResponsesTools, AreFlatOrInNamespaces) {
  const ResponsesRequest request = responses(R"(, "parallel_tool_calls": false, "tools": [
      {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": false},
      {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "regex", "definition": "a+"}},
      {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "close"}]},
      {"type": "web_search"}, {"type": "image_generation"}, {"type": "tool_search", "execution": "client"}])");
  EXPECT_EQ(names(request.tools), "f g agents__close");
  EXPECT_TRUE(request.tools.one_call);
  EXPECT_EQ(request.tools.find("agents__close").space, "agents");
  EXPECT_EQ(request.echoed.at("tools").as_array().size(), 6U);
  EXPECT_EQ(request.echoed.at("parallel_tool_calls"), false);
  const OfferedTools chosen = responses(R"(, "tools": [{"type": "function", "name": "f"},
      {"type": "function", "name": "h"}], "tool_choice": {"type": "function", "name": "h"})")
                                  .tools;
  EXPECT_EQ(names(chosen), "h");
  EXPECT_TRUE(chosen.must_call);
}

TEST(ResponsesTools, MayComeWithTheConversation) {
  const json::object body = object_of(R"({"input": [
      {"type": "additional_tools", "role": "developer", "tools": [{"type": "namespace", "name": "functions", "tools": [
        {"type": "custom", "name": "exec"}]}]},
      {"role": "user", "content": "a"},
      {"type": "custom_tool_call", "call_id": "1", "name": "exec", "namespace": "functions", "input": "ls"},
      {"type": "custom_tool_call_output", "call_id": "1", "output": "x"},
      {"type": "function_call", "call_id": "2", "name": "close", "namespace": "agents", "arguments": "{}"},
      {"type": "function_call_output", "call_id": "2", "output": "y"},
      {"type": "tool_search_call", "call_id": "3", "execution": "client", "arguments": {"query": "q"}},
      {"type": "tool_search_output", "call_id": "3", "tools": [{"type": "function", "name": "found"}]}]})");
  const ResponsesRequest request = parse_responses_request(body, {});
  EXPECT_EQ(names(request.tools), "exec found");
  EXPECT_EQ(request.tools.find("exec").space, "functions");
  const json::array& messages = request.context.at("messages").as_array();
  EXPECT_EQ(json::serialize(messages.at(1).at("tool_calls").at(0).at("function")),
            R"({"name":"exec","arguments":{"input":"ls"}})");
  EXPECT_EQ(messages.at(3).at("tool_calls").at(0).at("function").at("name"), "agents__close");
  EXPECT_EQ(messages.at(5).at("tool_calls").at(0).at("function").at("arguments"), object_of(R"({"query": "q"})"));
  EXPECT_EQ(messages.at(6).at("content"), "found");
}

TEST(ChatTools, ResultsMayBeData) {
  const json::object body = object_of(R"({"messages": [{"role": "user", "content": "a"},
      {"role": "tool", "tool_call_id": "1", "content": {"degrees": 3.5}},
      {"role": "tool", "tool_call_id": "2", "content": [1, {"a": 2}]},
      {"role": "tool", "tool_call_id": "3", "content": [{"type": "text", "text": "b"}]},
      {"role": "tool", "tool_call_id": "4", "content": null}]})");
  const json::array messages = parse_chat_request(body, {}).context.at("messages").as_array();
  const char* const expected[] = {"a", R"({"degrees": 3.5})", R"([1, {"a": 2}])", "b", ""};
  for (std::size_t i = 0; i < messages.size(); ++i) EXPECT_EQ(messages[i].at("content"), expected[i]);
  const json::object items = object_of(R"({"input": [{"role": "user", "content": "a"},
      {"type": "function_call_output", "call_id": "1", "output": {"ok": true}}]})");
  EXPECT_EQ(parse_responses_request(items, {}).context.at("messages").at(1).at("content"), R"({"ok": true})");
}

// Answers.

std::string thought_and(std::string_view more) {
  return "<think>Hm.</think>\n\nI look." + std::string(more);
}

GenerationEnd end_of(FinishReason reason) {
  GenerationEnd end;
  end.reason = reason;
  end.usage = {.prompt_tokens = 10, .cached_tokens = 4, .generated_tokens = 9, .reasoning_tokens = 3};
  return end;
}

ChoiceFormatOptions options(bool old_functions = false) {
  ChoiceFormatOptions options;
  options.head = {.id = "id-1", .created = 5, .model = "m", .fingerprint = "fp", .seed = 3};
  options.old_functions = old_functions;
  return options;
}

// With names instead of the random ids.
template <typename Parts>
Parts with_ids(Parts parts) {
  int count = 0;
  for (auto& part : parts) {
    if (part.kind == AnswerPiece::Kind::kCall) part.call.id = "id" + std::to_string(++count);
  }
  return parts;
}

json::value whole_choice(std::string_view output, FinishReason reason = FinishReason::kStop, bool old = false) {
  const FinishedChoice choice{
      .parts = with_ids(parts_of(output, hermes_reading(), reason)), .prompt = {}, .end = end_of(reason)};
  json::object answer = chat_format(options(old))->whole({&choice, 1});
  EXPECT_EQ(answer.at("usage").at("completion_tokens_details").at("reasoning_tokens"), 3);
  return answer.at("choices").at(0);
}

TEST(ChatAnswer, HasThoughtsAndCalls) {
  const json::value choice = whole_choice(thought_and(std::string(kWeatherCall) + std::string(kPatchCall)));
  EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
  EXPECT_EQ(choice.at("message"), object_of(R"({"role": "assistant", "content": "I look.", "refusal": null,
      "annotations": [], "reasoning_content": "Hm.", "tool_calls": [
        {"id": "id1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Ulm\"}"}},
        {"id": "id2", "type": "custom", "custom": {"name": "patch", "input": "+a\n\"b\""}}]})"));
  EXPECT_TRUE(whole_choice(kWeatherCall).at("message").at("content").is_null());
  EXPECT_EQ(whole_choice(thought_and("")).at("finish_reason"), "stop");
  const json::value old = whole_choice(kWeatherCall, FinishReason::kStop, true);
  EXPECT_EQ(old.at("finish_reason"), "function_call");
  EXPECT_EQ(old.at("message").at("function_call").at("name"), "get_weather");
  const json::value cut = whole_choice(kWeatherCall.substr(0, 60), FinishReason::kLength);
  EXPECT_EQ(cut.at("finish_reason"), "length");
  EXPECT_EQ(cut.at("message").at("tool_calls").as_array().size(), 1U);
}

// The deltas of a streamed choice, and why it ended.
struct Streamed {
  std::vector<json::object> deltas;
  json::value finish_reason;
};

Streamed streamed(std::string_view output, bool old = false) {
  const auto format = chat_format(options(old));
  std::string text;
  for (const AnswerPiece& piece : with_ids(pieces_of(output, 7))) text += format->piece(0, piece);
  text += format->closing(0, end_of(FinishReason::kStop));
  Streamed result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find("\n\n", at);
    const json::value choice = object_of(text.substr(at + 6, end - at - 6)).at("choices").at(0);
    result.deltas.push_back(choice.at("delta").as_object());
    result.finish_reason = choice.at("finish_reason");
    at = end + 2;
  }
  return result;
}

TEST(ChatAnswer, StreamsThoughtsAndCalls) {
  const Streamed all = streamed(thought_and(std::string(kWeatherCall) + std::string(kPatchCall)));
  EXPECT_EQ(all.finish_reason, "tool_calls");
  const char* const expected[] = {
      R"({"reasoning_content": "Hm."})",
      R"({"content": "I look."})",
      R"({"tool_calls": [{"index": 0, "id": "id1", "type": "function",
                          "function": {"name": "get_weather", "arguments": ""}}]})",
      R"({"tool_calls": [{"index": 0, "function": {"arguments": "{\"city\": \"Ulm\"}"}}]})",
      R"({"tool_calls": [{"index": 1, "id": "id2", "type": "custom", "custom": {"name": "patch", "input": ""}}]})",
      R"({"tool_calls": [{"index": 1, "custom": {"input": "+a\n\"b\""}}]})",
      "{}"};
  ASSERT_EQ(all.deltas.size(), std::size(expected));
  for (std::size_t i = 0; i < all.deltas.size(); ++i) EXPECT_EQ(all.deltas[i], object_of(expected[i])) << i;
  const Streamed old = streamed(kWeatherCall, true);
  EXPECT_EQ(old.deltas.at(0), object_of(R"({"function_call": {"name": "get_weather", "arguments": ""}})"));
  EXPECT_EQ(old.deltas.at(1), object_of(R"({"function_call": {"arguments": "{\"city\": \"Ulm\"}"}})"));
  EXPECT_EQ(old.finish_reason, "function_call");
}

TEST(ChatAnswer, ABrokenCallStaysUnfinishedAndIsText) {
  const std::string broken = "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": no}}</tool_call>";
  const Streamed all = streamed(broken);
  EXPECT_EQ(all.finish_reason, "stop");
  std::string text;
  for (const json::object& delta : all.deltas) {
    if (delta.contains("content")) text += std::string_view(delta.at("content").as_string());
  }
  EXPECT_EQ(text, broken);
}

std::vector<json::object> events_of(std::string_view text) {
  std::vector<json::object> events;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n"), line = text.find('\n');
    events.push_back(object_of(text.substr(line + 7, end - line - 7)));
    EXPECT_EQ(events.back().at("sequence_number"), events.size() - 1);
    text.remove_prefix(end + 2);
  }
  return events;
}

ResponseFormat response_format(bool is_text = false) {
  return ResponseFormat(
      {.id = "resp_1", .created = 5, .model = "m", .fingerprint = "fp", .seed = 3},
      [](TokenId) { return std::string(); }, {}, is_text);
}

std::vector<json::object> response_events(std::string_view output, FinishReason reason = FinishReason::kStop) {
  ResponseFormat format = response_format();
  std::string text = format.opening();
  for (const AnswerPiece& piece : with_ids(pieces_of(output, 7, hermes_reading(), reason))) text += format.piece(piece);
  return events_of(text + format.closing(end_of(reason)));
}

TEST(ResponsesAnswer, StreamsThoughtsAndCalls) {
  std::string agents(kWeatherCall);
  agents.replace(agents.find("get_weather"), 11, "agents__close");
  const auto events = response_events(thought_and(std::string(kPatchCall) + agents));
  std::string types;
  for (const json::object& event : events) {
    std::string_view type = event.at("type").as_string();
    type.remove_prefix(std::string_view("response.").size());
    types += (event.contains("output_index") ? std::to_string(event.at("output_index").as_int64()) : "-") +
             std::string(type) + "\n";
  }
  EXPECT_EQ(types,
            "-created\n-in_progress\n"
            "0output_item.added\n0reasoning_summary_part.added\n0reasoning_summary_text.delta\n"
            "0reasoning_summary_text.done\n0reasoning_summary_part.done\n0output_item.done\n"
            "1output_item.added\n1content_part.added\n1output_text.delta\n1output_text.done\n1content_part.done\n"
            "1output_item.done\n"
            "2output_item.added\n2custom_tool_call_input.delta\n2custom_tool_call_input.done\n2output_item.done\n"
            "3output_item.added\n3function_call_arguments.delta\n3function_call_arguments.done\n3output_item.done\n"
            "-completed\n");
  const json::array& output = events.back().at("response").at("output").as_array();
  EXPECT_EQ(output.at(0), object_of(R"({"id": "rs_1", "type": "reasoning", "status": "completed",
      "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": null})"));
  EXPECT_EQ(output.at(1).at("id"), "msg_1_1");
  EXPECT_EQ(output.at(2), object_of(R"({"id": "ctc_1_2", "type": "custom_tool_call", "status": "completed",
      "input": "+a\n\"b\"", "call_id": "id1", "name": "patch"})"));
  EXPECT_EQ(output.at(3), object_of(R"({"id": "fc_1_3", "type": "function_call", "status": "completed",
      "arguments": "{\"city\": \"Ulm\"}", "call_id": "id2", "name": "close", "namespace": "agents"})"));
  EXPECT_EQ(events.back().at("response").at("usage").at("output_tokens_details").at("reasoning_tokens"), 3);
}

TEST(ResponsesAnswer, WholeIsWhatWasStreamed) {
  const std::string output = thought_and(kWeatherCall);
  for (const FinishReason reason : {FinishReason::kStop, FinishReason::kLength}) {
    for (const std::string& text : {output, output.substr(0, output.size() - 20), std::string()}) {
      ResponseFormat format = response_format();
      const json::object whole = format.whole(with_ids(parts_of(text, hermes_reading(), reason)), end_of(reason));
      const json::value last = response_events(text, reason).back().at("response");
      if (reason == FinishReason::kLength || text.size() != output.size() - 20) {
        EXPECT_EQ(whole.at("output"), last.at("output")) << text;
      }
      EXPECT_EQ(whole.at("status"), last.at("status"));
      EXPECT_FALSE(whole.at("output").as_array().empty());
    }
  }
}

}  // namespace
}  // namespace hearth
