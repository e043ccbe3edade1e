#include "text/answers/text_flow.h"

namespace hearth {

int TextFlow::until(const std::vector<std::string_view>& markers, AnswerEvent::Kind kind) {
  for (;;) {
    const MarkerSearch found = find_marker(in_.rest(), markers, in_.ended());
    show(in_.rest().substr(0, found.at), kind);
    in_.skip(found.at);
    if (found.marker >= 0) return found.marker;
    in_.forget();
    if (in_.rest().empty() && in_.ended()) return -1;
    in_.want_more();
  }
}

void TextFlow::show_one(AnswerEvent::Kind kind) {
  if (in_.rest().empty()) return;
  const std::size_t size = whole_characters(in_.rest(), 4);
  std::size_t first = 1;
  while (first < size && (static_cast<unsigned char>(in_.rest()[first]) & 0xC0U) == 0x80U) ++first;
  show(in_.rest().substr(0, first), kind);
  in_.skip(first);
}

void TextFlow::show_space(AnswerEvent::Kind kind) {
  if (!drops_space_) events_.add(kind, space_);
  space_.clear();
}

// Fences of Markdown: three ticks that begin a line.
void TextFlow::note_code(std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      line_has_text_ = false;
      ticks_ = 0;
    } else if (c == '`' && !line_has_text_) {
      if (++ticks_ == 3) in_code_ = !in_code_;
    } else if (c != ' ' && c != '\t') {
      line_has_text_ = true;
    }
  }
}

void TextFlow::show(std::string_view text, AnswerEvent::Kind kind) {
  if (kind == AnswerEvent::Kind::kContent) note_code(text);
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string_view::npos) {
    space_ += text;
    return;
  }
  if (drops_space_) {
    space_.clear();
    text.remove_prefix(begin);
  }
  drops_space_ = false;
  const std::size_t end = text.find_last_not_of(kWhiteSpace) + 1;
  events_.add(kind, space_ + std::string(text.substr(0, end)));
  space_ = text.substr(end);
}

}  // namespace hearth
