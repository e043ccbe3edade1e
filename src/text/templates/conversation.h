// A conversation as a template takes it. Clients send what their own models take: a text in parts or in one, two
// messages of one author in a row, instructions in the middle. What a template makes of each is found out once, when
// the model is loaded (template_probe.h), and no text is lost because it stood where a template does not look.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

namespace hearth {

// Whether a template wants a message's text as a string, or as a list of parts: [{"type": "text", "text": …}].
enum class ContentForm { kString, kParts };

// How a template wants its conversations.
struct TemplateAbilities {
  ContentForm system = ContentForm::kString, user = ContentForm::kString, assistant = ContentForm::kString,
              tool = ContentForm::kString;
  bool takes_system = true;            // at the beginning
  bool takes_later_system = true;      // anywhere else
  bool takes_argument_objects = true;  // of tool calls; else they must be JSON in a string
};

// A call's arguments. Some APIs write them as JSON in a string, templates expect an object; what is none stays a text.
boost::json::value call_arguments(std::string_view text);

// `context` with its messages in the form that the template takes; nothing else is changed.
// - `tool_calls` that are null or empty, and whatever else is null but `content`, are left out; "developer" is
// "system".
// - A system message that the template does not take where it stands becomes a part of the user's turn there.
// - Neighbours of one role are one message: their texts are paragraphs of it, tool calls come after the text. Results
//   of tools, and messages of differently named authors, stay apart.
// - Content is a string, its parts on lines of their own, or a list of parts. Parts that are no text stay as they
//   are.
boost::json::object adapted_conversation(boost::json::object context, const TemplateAbilities& abilities);

}  // namespace hearth
