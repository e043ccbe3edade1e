// The tools that a request offers to the model, and what it says about calling them. The APIs spell them differently; a
// template takes all of them as functions.
//
// Format: what transformers' chat templates are given as "tools".
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/call_grammar.h"
#include "text/answers/tool_types.h"

namespace hearth {

// A tool as the client knows it.
struct ClientTool {
  std::string name;
  std::string space = {};  // the namespace that it was offered in; empty: none
  bool is_strict = false;  // what its schema says must be enforced
  bool is_custom = false;  // takes a text of any form: the model is offered a function of one text, `input`
};

class OfferedTools {
 public:
  // `parameters`: JSON Schema of the arguments; null: it takes none. Of several with one name the first one counts.
  void add(ClientTool tool, std::string_view description, const boost::json::value* parameters);
  // A tool whose input is a text. `format`: what the text must look like; null: anything.
  void add_custom(ClientTool tool, std::string_view description, const boost::json::value* format);

  bool empty() const { return tools_.empty(); }
  // Whether there is one that the client calls so.
  bool has(std::string_view client_name) const;
  // Those alone that the client calls so.
  void keep(const std::vector<std::string>& client_names);

  // As a template takes them: [{"type": "function", "function": {"name", "description", "parameters"}}].
  boost::json::array definitions() const;
  std::shared_ptr<const ToolTypes> types() const;
  // As a grammar of calls takes them.
  std::vector<CallGrammarTool> grammar_tools() const;
  // What the client calls the tool that the model has called; a name that nobody offered stays what it is.
  ClientTool find(std::string_view called) const;

  // How the model is to call them.
  bool must_call = false;  // the answer is a call
  bool one_call = false;   // it has no more than one
  // The name by which the model knows the only tool that there is; empty: there are several, or none.
  std::string only_name() const { return tools_.size() == 1 ? tools_.front().name : std::string(); }

 private:
  struct Tool {
    std::string name;  // that the model is told
    ClientTool client;
    boost::json::object function;
    boost::json::value bound;  // the schema that calls are held to; null: the function's own
  };
  std::vector<std::string> names_of(const Tool& tool) const;

  std::vector<Tool> tools_;
};

// What a history's call with that name, of a tool with a text as its input, has as arguments.
boost::json::object custom_arguments(std::string_view input);
// The name by which the model knows a tool of a namespace.
std::string offered_name(std::string_view space, std::string_view name);

}  // namespace hearth
