// Earlier turns as chat templates take them, from whatever API they come: calls, their results, and thoughts.
//
// Format: what transformers' chat templates are given ("tool_calls", roles "tool" and "assistant",
// "reasoning_content").
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace hearth {

// {"id", "type": "function", "function": {"name", "arguments"}}; without an id where it is empty.
boost::json::object template_call(std::string_view id, std::string_view name, boost::json::value arguments);

// Whether what a tool gave is nothing but data, neither a text nor parts of a message: an object, a number, a list of
// such.
bool is_plain_data(const boost::json::value& result);
// As templates write data: JSON in Python's manner.
std::string data_text(const boost::json::value& data);

// Puts together a conversation whose turns come in pieces: thoughts, text and calls of one answer are one message.
class TemplateMessages {
 public:
  // A message of its own. An assistant's takes the thoughts before it.
  void add(boost::json::object message);
  // What the assistant thought before what comes next. Thoughts that nothing of the assistant's follows are dropped.
  void add_thought(std::string_view text);
  // Belongs to the assistant's message right before it, if there is one.
  void add_call(std::string_view id, std::string_view name, boost::json::value arguments);
  // What a call gave, in the name of the call with that id.
  void add_result(std::string_view call_id, std::string_view text);

  boost::json::array take() { return std::move(messages_); }

 private:
  std::string called_name(std::string_view call_id) const;

  boost::json::array messages_;
  std::string thought_;
};

}  // namespace hearth
