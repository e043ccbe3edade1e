// The events of an answer, in order; neighbouring texts are one.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/answers/answer_parser.h"

namespace hearth {

class AnswerEvents {
 public:
  void add(AnswerEvent::Kind kind, std::string_view text) {
    const bool flows = kind == AnswerEvent::Kind::kReasoning || kind == AnswerEvent::Kind::kContent ||
                       kind == AnswerEvent::Kind::kArguments;
    if (flows && text.empty()) return;
    if (flows && !events_.empty() && events_.back().kind == kind) {
      events_.back().text += text;
    } else {
      events_.push_back({kind, std::string(text)});
    }
  }
  std::vector<AnswerEvent> take() { return std::exchange(events_, {}); }

 private:
  std::vector<AnswerEvent> events_;
};

}  // namespace hearth
