// Text that is shown as it comes: up to a marker, or to what may become one, and without the white space that stands
// before and after markup.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/answers/answer_events.h"
#include "text/answers/reading.h"

namespace hearth {

class TextFlow {
 public:
  TextFlow(Reader& in, AnswerEvents& events) : in_(in), events_(events) {}

  // Shows what stands before the first of the markers, and stands before it then: its index; -1 at the end.
  int until(const std::vector<std::string_view>& markers, AnswerEvent::Kind kind);
  // What stands here is no marker after all: one character of it is text.
  void show_one(AnswerEvent::Kind kind);
  // Within a block of code, of what was shown as content.
  bool in_code() const { return in_code_; }
  // White space that was read and is not shown yet.
  std::string_view space() const { return space_; }
  void forget_space() { space_.clear(); }
  // White space is not shown until text was.
  void drop_space() {
    space_.clear();
    drops_space_ = true;
  }
  // What was held back, as nothing follows.
  void show_space(AnswerEvent::Kind kind);

 private:
  void show(std::string_view text, AnswerEvent::Kind kind);
  void note_code(std::string_view text);

  Reader& in_;
  AnswerEvents& events_;
  std::string space_;  // white space that was read and not shown
  bool drops_space_ = false;
  bool in_code_ = false;
  std::size_t ticks_ = 0;  // of what may become a fence at a line's beginning
  bool line_has_text_ = false;
};

}  // namespace hearth
