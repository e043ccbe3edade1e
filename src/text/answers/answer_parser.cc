#include "text/answers/answer_parser.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "text/answers/answer_events.h"
#include "text/answers/call_reader.h"
#include "text/answers/message_reader.h"
#include "text/answers/reading.h"
#include "text/answers/syntax_texts.h"
#include "text/answers/text_flow.h"

namespace hearth {

using Kind = AnswerEvent::Kind;

class AnswerParser::Impl {
 public:
  Impl(std::shared_ptr<const AnswerSyntax> syntax, std::shared_ptr<const ToolTypes> tools, AnswerParserOptions options)
      : syntax_(std::move(syntax)),
        tools_(std::move(tools)),
        options_(options),
        calls_(in_, events_, *syntax_, *tools_),
        flow_(in_, events_),
        fiber_([this] { run(); }) {
    options_.reads_calls = options_.reads_calls && syntax_->calls();
    for (const std::string* ends : {&syntax_->turn_end, &syntax_->call_turn_end}) add_tags(*ends, turn_ends_);
    in_.wait_on(fiber_);
  }

  std::vector<AnswerEvent> feed(std::string_view output) {
    if (in_.append(output) && !fiber_.done()) fiber_.resume();
    return events_.take();
  }
  std::vector<AnswerEvent> finish() {
    in_.end();
    if (!fiber_.done()) fiber_.resume();
    return events_.take();
  }

 private:
  void run() {
    if (syntax_->has_message_headers) {
      MessageReader(in_, flow_, calls_, options_.reads_calls).read();
      return;
    }
    if (options_.thinking_is_open && syntax_->thinks()) {
      accept(in_, syntax_->thinking_open);  // some models repeat what the prompt ends with
      thinking();
      flow_.drop_space();
    } else if (syntax_->thinks()) {
      flow_.drop_space();
    }
    content();
  }

  // But for marks of the next turn's beginning, which templates may have written there.
  void add_turn_ends(std::vector<std::string_view>& markers) const {
    for (const std::string_view end : turn_ends_) {
      if (end != syntax_->thinking_open && end != syntax_->thinking_close) markers.push_back(end);
    }
  }

  void thinking() {
    std::vector<std::string_view> markers;
    if (options_.reads_calls) markers = calls_.markers();
    markers.push_back(syntax_->thinking_close);
    add_turn_ends(markers);
    flow_.drop_space();
    for (;;) {
      const int marker = flow_.until(markers, Kind::kReasoning);
      if (marker < 0) return;
      const std::string_view mark = markers[static_cast<std::size_t>(marker)];
      if (mark == syntax_->thinking_close) break;
      // Some models forget to end their thoughts before they call, or end the turn.
      const bool is_turn_end = std::find(turn_ends_.begin(), turn_ends_.end(), mark) != turn_ends_.end();
      if (is_turn_end ? closing(mark) : calls_.read_calls()) return;
      flow_.show_one(Kind::kReasoning);
    }
    in_.skip(syntax_->thinking_close.size());
    flow_.drop_space();
  }

  // What may stand before a text: thoughts, their empty end, the text's own opening mark, calls without a mark.
  void openings() {
    is_content_opened_ = false;
    while (opening()) drop_space();
  }

  // Around markup; around a broken call it is text.
  void drop_space() {
    if (calls_.is_broken()) {
      flow_.forget_space();
    } else {
      flow_.drop_space();
    }
  }

  bool opening() {
    if (!syntax_->thinking_open.empty() && accept(in_, syntax_->thinking_open)) {
      thinking();
      return true;
    }
    if (!syntax_->thinking_close.empty() && accept(in_, syntax_->thinking_close)) return true;
    if (!is_content_opened_ && open_content()) return true;
    if (!options_.reads_calls || !calls_.can_begin_bare()) return false;
    return calls_.read_calls(flow_.space());
  }

  // A word that opens a text is one only on a line of its own.
  bool open_content() {
    const std::string& mark = syntax_->content_open;
    const std::size_t start = in_.position();
    if (mark.empty() || !accept(in_, mark)) return false;
    const bool is_word = std::isalnum(static_cast<unsigned char>(mark.back())) != 0;
    is_content_opened_ = !is_word || (in_.want(1) && in_.rest().front() == '\n');
    if (!is_content_opened_) in_.return_to(start);
    return is_content_opened_;
  }

  void content() {
    std::vector<std::string_view> markers;
    if (options_.reads_calls) markers = calls_.markers_in_text();
    const std::size_t call_markers = markers.size();
    if (!syntax_->content_close.empty()) markers.push_back(syntax_->content_close);
    add_turn_ends(markers);
    for (bool may_open = true;;) {
      if (may_open) openings();
      const int marker = flow_.until(markers, Kind::kContent);
      if (marker < 0) break;
      may_open = true;
      if (static_cast<std::size_t>(marker) < call_markers) {
        // A call that is shown in a block of code is none.
        may_open = !flow_.in_code() && calls_.read_calls(flow_.space());
      } else {
        may_open = closing(markers[static_cast<std::size_t>(marker)]);
      }
      if (may_open && static_cast<std::size_t>(marker) < call_markers) {
        drop_space();
      } else if (may_open) {
        flow_.drop_space();
      } else {
        flow_.show_one(Kind::kContent);
      }
    }
    flow_.show_space(Kind::kContent);
  }

  // The mark at a text's end. After a turn's there is nothing, or another turn of the assistant's.
  bool closing(std::string_view marker) {
    const std::size_t start = in_.position();
    in_.skip(marker.size());
    if (marker == syntax_->content_close) return true;
    for (bool has_end = true; has_end;) {
      if (!syntax_->turn_open.empty() && accept(in_, syntax_->turn_open)) return true;
      has_end =
          std::any_of(turn_ends_.begin(), turn_ends_.end(), [&](std::string_view end) { return accept(in_, end); });
    }
    const bool has_more = skip_space(in_);
    if (has_more) in_.return_to(start);
    return !has_more;
  }

  std::shared_ptr<const AnswerSyntax> syntax_;
  std::shared_ptr<const ToolTypes> tools_;
  AnswerParserOptions options_;
  std::vector<std::string_view> turn_ends_;
  Reader in_;
  AnswerEvents events_;
  CallReaders calls_;
  TextFlow flow_;
  bool is_content_opened_ = false;
  Fiber fiber_;
};

AnswerParser::AnswerParser(std::shared_ptr<const AnswerSyntax> syntax, std::shared_ptr<const ToolTypes> tools,
                           AnswerParserOptions options)
    : impl_(std::make_unique<Impl>(std::move(syntax), tools ? std::move(tools) : std::make_shared<const ToolTypes>(),
                                   options)) {}

AnswerParser::~AnswerParser() = default;
AnswerParser::AnswerParser(AnswerParser&&) noexcept = default;
AnswerParser& AnswerParser::operator=(AnswerParser&&) noexcept = default;

std::vector<AnswerEvent> AnswerParser::feed(std::string_view output) {
  return impl_->feed(output);
}

std::vector<AnswerEvent> AnswerParser::finish() {
  return impl_->finish();
}

void ParsedAnswer::add(const std::vector<AnswerEvent>& events) {
  for (const AnswerEvent& event : events) {
    switch (event.kind) {
      case Kind::kReasoning:
        reasoning += event.text;
        break;
      case Kind::kContent:
        content += event.text;
        break;
      case Kind::kCall:
        calls.push_back({event.text, {}});
        break;
      case Kind::kArguments:
        calls.back().arguments += event.text;
        break;
      case Kind::kCallEnd:
        break;
      case Kind::kCallBroken:
        calls.pop_back();
        content += event.text;
        break;
    }
  }
}

}  // namespace hearth
