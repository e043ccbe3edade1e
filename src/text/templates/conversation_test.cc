// Conversations as clients send them, in the form that a template takes.
#include "text/templates/conversation.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <string_view>

#include "base/json_value.h"

namespace hearth {
namespace {

std::string adapted(std::string_view messages, const TemplateAbilities& abilities = {}) {
  boost::json::object context{{"messages", boost::json::parse(messages)}};
  return boost::json::serialize(adapted_conversation(std::move(context), abilities).at("messages"));
}

TEST(Conversation, WhatIsThereStays) {
  constexpr std::string_view kMessages =
      R"([{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":null,)"
      R"("tool_calls":[{"id":"1","function":{"name":"f","arguments":{"a":1}}}]},)"
      R"({"role":"tool","content":"r","tool_call_id":"1"},{"role":"tool","content":"r2","tool_call_id":"2"}])";
  EXPECT_EQ(adapted(kMessages), kMessages);
}

TEST(Conversation, EmptyToolCallsAreNoKey) {
  constexpr std::string_view kPlain = R"([{"role":"assistant","content":"b"}])";
  EXPECT_EQ(adapted(R"([{"role": "assistant", "content": "b", "tool_calls": []}])"), kPlain);
  EXPECT_EQ(adapted(R"([{"role": "assistant", "content": "b", "tool_calls": null, "name": null}])"), kPlain);
}

TEST(Conversation, NeighboursOfOneRoleAreOneMessage) {
  EXPECT_EQ(adapted(R"([{"role": "developer", "content": "a"}, {"role": "system", "content": "b"},
                        {"role": "user", "content": "c"}, {"role": "user", "content": "d"}])"),
            R"([{"role":"system","content":"a\n\nb"},{"role":"user","content":"c\n\nd"}])");
  // A text and the calls that came as messages of their own.
  EXPECT_EQ(adapted(R"([{"role": "assistant", "content": "t"}, {"role": "assistant", "content": "", "tool_calls": [1]},
                        {"role": "assistant", "content": null, "tool_calls": [2]}])"),
            R"([{"role":"assistant","content":"t","tool_calls":[1,2]}])");
  EXPECT_EQ(adapted(R"([{"role": "assistant", "content": "", "tool_calls": [1]},
                        {"role": "assistant", "content": "t"}])"),
            R"([{"role":"assistant","content":"","tool_calls":[1]},{"role":"assistant","content":"t"}])");
  EXPECT_EQ(adapted(R"([{"role": "user", "content": "a", "name": "x"}, {"role": "user", "content": "b"}])"),
            R"([{"role":"user","content":"a","name":"x"},{"role":"user","content":"b"}])");
}

TEST(Conversation, ASystemMessageThatIsNotTakenIsAPartOfTheUsersTurn) {
  TemplateAbilities abilities;
  abilities.takes_later_system = false;
  EXPECT_EQ(adapted(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "u"},
                        {"role": "system", "content": "last"}])",
                    abilities),
            R"([{"role":"system","content":"s"},{"role":"user","content":"u\n\nlast"}])");
  EXPECT_EQ(adapted(R"([{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"},
                        {"role": "developer", "content": "d"}, {"role": "user", "content": "v"}])",
                    abilities),
            R"([{"role":"user","content":"u"},{"role":"assistant","content":"a"},{"role":"user","content":"d\n\nv"}])");
  abilities.takes_system = false;
  EXPECT_EQ(adapted(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "u"}])", abilities),
            R"([{"role":"user","content":"s\n\nu"}])");
  EXPECT_EQ(adapted(R"([{"role": "system", "content": "s"}])", abilities), R"([{"role":"user","content":"s"}])");
}

TEST(Conversation, ContentHasTheFormThatIsWanted) {
  constexpr std::string_view kParts =
      R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
          {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}])";
  EXPECT_EQ(adapted(kParts), R"([{"role":"user","content":"a\nb\n\nc"},{"role":"assistant","content":"d"}])");
  TemplateAbilities abilities;
  abilities.user = ContentForm::kParts;
  EXPECT_EQ(adapted(kParts, abilities),
            R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b\n"},)"
            R"({"type":"text","text":"c"}]},{"role":"assistant","content":"d"}])");
  constexpr std::string_view kImage = R"([{"role":"user","content":[{"type":"image"},{"type":"text","text":"a"}]}])";
  EXPECT_EQ(adapted(kImage), kImage);
}

TEST(Conversation, ArgumentsOfCallsAreObjectsOrText) {
  constexpr std::string_view kText =
      R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"a\": 0.1}"}}]}])";
  constexpr std::string_view kObject =
      R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":1E-1}}}]}])";
  EXPECT_EQ(adapted(kText), kObject);
  TemplateAbilities abilities;
  abilities.takes_argument_objects = false;
  EXPECT_EQ(adapted(kObject, abilities), kText);
}

TEST(Conversation, ArgumentsOfCallsKeepTheirNumbers) {
  boost::json::object context{{"messages", boost::json::parse(R"([{"role": "assistant", "tool_calls": [
      {"function": {"arguments": "{\"d\": 36.60254037844386, \"i\": 123456789012345678901}"}}]}])")}};
  const boost::json::object adapted = adapted_conversation(context, {});
  const boost::json::value& arguments =
      adapted.at("messages").at(0).at("tool_calls").at(0).at("function").at("arguments");
  EXPECT_EQ(arguments.at("d").as_double(), 36.60254037844386);
  EXPECT_EQ(big_integer_digits(arguments.at("i")), "123456789012345678901");
  TemplateAbilities abilities;
  abilities.takes_argument_objects = false;
  const boost::json::object as_text = adapted_conversation(adapted, abilities);
  EXPECT_EQ(as_text.at("messages").at(0).at("tool_calls").at(0).at("function").at("arguments"),
            R"({"d": 36.60254037844386, "i": 123456789012345678901})");
}

TEST(Conversation, WhatIsNoConversationIsLeftAlone) {
  EXPECT_EQ(adapted(R"("text")"), R"("text")");
  EXPECT_EQ(adapted(R"([1,{"role":"developer","x":null}])"), R"([1,{"role":"developer","x":null}])");
}

}  // namespace
}  // namespace hearth
