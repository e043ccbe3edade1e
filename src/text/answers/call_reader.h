// Reads the calls of a turn, each in the form that a CallSyntax describes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/answers/answer_events.h"
#include "text/answers/answer_syntax.h"
#include "text/answers/reading.h"
#include "text/answers/tool_types.h"

namespace hearth {

class CallReader {
 public:
  CallReader(Reader& in, AnswerEvents& events, const CallSyntax& syntax, const ToolTypes& tools);

  // What begins calls in the middle of a text. None: they stand at the beginning, or nowhere.
  std::vector<std::string_view> markers() const;
  // What a call without a mark begins with; it may be something else.
  const std::vector<std::string>& beginnings() const { return beginnings_; }
  bool can_begin_bare() const;
  // All calls that stand here. False: none, and nothing was read. `space` stood before and was not shown: it belongs to
  // a call that is broken.
  bool read_calls(std::string_view space = {});
  // Whether the last of them was.
  bool is_broken() const { return is_broken_; }
  // The name as the request has it; false: it has no such tool. Without tools any name is one, after a mark.
  bool find_tool(std::string& name) const;
  // One call to `name`, whose arguments are the JSON that follows. False where it does not begin with an object.
  bool read_arguments_of(std::string_view name);

 private:
  // Whether a call was read; kBroken: it began and did not end.
  enum class Outcome { kNone, kCall, kBroken };

  Outcome call();
  Outcome json_calls();
  Outcome json_list();
  Outcome object_call();
  bool object_fields(struct ObjectCall& call);
  bool object_value(struct ObjectCall& call, const std::string& key);
  bool begins_python_dict();
  bool object_arguments(struct ObjectCall& call);
  Outcome keyed_call(const std::string& name);
  Outcome named_call();
  Outcome tagged_call();
  bool tagged_name(std::string& name);
  bool tagged_argument(std::string_view name, bool is_first);
  bool key_variant(ValueTypes& types);
  bool tagged_value(std::string_view close, ValueTypes types);
  std::size_t value_end(std::string_view close, bool flows);
  Outcome literal_calls();
  Outcome literal_call();
  bool literal_arguments(std::string_view tool);
  bool typed_literal(ValueTypes types);
  bool open_call();
  bool close_call();

  void begin(std::string_view name);
  void arguments(std::string_view json) { events_.add(AnswerEvent::Kind::kArguments, json); }
  Outcome end(bool is_whole);
  bool is_bare() const { return syntax_.section_open.empty() && syntax_.call_open.empty(); }

  Reader& in_;
  AnswerEvents& events_;
  const CallSyntax& syntax_;
  const ToolTypes& tools_;
  std::vector<std::string> beginnings_;
  std::string space_;
  bool is_broken_ = false;
  std::size_t call_start_ = 0;
  bool is_marked_ = true;  // a mark stands before the call
};

// The same for a model that writes its calls in one of several syntaxes.
class CallReaders {
 public:
  CallReaders(Reader& in, AnswerEvents& events, const AnswerSyntax& syntax, const ToolTypes& tools);

  std::vector<std::string_view> markers() const;
  // The markers, and what else calls begin with in the middle of a text.
  std::vector<std::string_view> markers_in_text() const;
  bool can_begin_bare() const;
  bool read_calls(std::string_view space = {});
  bool is_broken() const;
  CallReader& first() { return readers_.front(); }

 private:
  std::vector<CallReader> readers_;
};

}  // namespace hearth
