#include "text/answers/message_reader.h"

#include <algorithm>
#include <vector>

namespace hearth {
namespace {

constexpr std::string_view kMessage = "<|message|>", kChannel = "<|channel|>", kStart = "<|start|>";
constexpr std::size_t kHeaderBytesMax = 1024;
const std::vector<std::string_view> kHeaderBegins = {kChannel, kStart, kMessage, "to=", "assistant"};
const std::vector<std::string_view> kHeaderEnds = {kMessage};
const std::vector<std::string_view> kBodyEnds = {"<|end|>", "<|call|>", "<|return|>", "<|eom|>", "<|eot|>", kStart};
const std::vector<std::string_view> kTextEnds = {"<|end|>", "<|call|>", "<|return|>", "<|eom|>",
                                                 "<|eot|>", kStart,     kChannel};

// The word after `mark`.
std::string word_after(std::string_view header, std::string_view mark) {
  const std::size_t at = header.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view from = header.substr(at + mark.size());
  return std::string(from.substr(0, from.find_first_of(" \t\r\n<")));
}

}  // namespace

void MessageReader::read() {
  flow_.drop_space();
  for (;;) {
    const std::size_t start = in_.position();
    const bool has_header = follows(in_, kHeaderBegins, false);
    if (has_header && message()) continue;
    if (has_header) in_.return_to(start);
    // A model that writes no header, or something else in its place.
    if (has_header) flow_.show_one(AnswerEvent::Kind::kContent);
    const int end = flow_.until(kTextEnds, AnswerEvent::Kind::kContent);
    if (end < 0) break;
    const std::string_view marker = kTextEnds[static_cast<std::size_t>(end)];
    if (marker != kStart && marker != kChannel) in_.skip(marker.size());
    flow_.drop_space();
  }
  flow_.show_space(AnswerEvent::Kind::kContent);
}

bool MessageReader::message() {
  std::string text;
  if (!read_until(in_, kHeaderEnds, kHeaderBytesMax, text)) return false;
  in_.skip(kMessage.size());
  Header header{word_after(text, kChannel), word_after(text, "to=")};
  if (header.recipient == "self") header = {"analysis", {}};
  if (header.recipient == "user" || header.recipient == "all") header.recipient.clear();
  flow_.drop_space();
  return body(header);
}

bool MessageReader::body(const Header& header) {
  bool is_call = !header.recipient.empty() && reads_calls_;
  if (is_call) is_call = call(header);
  if (is_call) {
    flow_.drop_space();
    for (const std::string_view end : kBodyEnds) {
      if (end == kStart) continue;
      const bool ends = accept(in_, end);
      if (ends) break;
    }
    return true;
  }
  const bool is_thought = header.channel == "analysis" && header.recipient.empty();
  const auto kind = is_thought ? AnswerEvent::Kind::kReasoning : AnswerEvent::Kind::kContent;
  const int end = flow_.until(kBodyEnds, kind);
  if (end < 0) {
    if (!is_thought) flow_.show_space(kind);
    return true;
  }
  const std::string_view marker = kBodyEnds[static_cast<std::size_t>(end)];
  if (marker != kStart) in_.skip(marker.size());
  flow_.drop_space();
  return true;
}

bool MessageReader::call(const Header& header) {
  std::string name = header.recipient;
  if (!calls_.first().find_tool(name)) return false;
  return calls_.first().read_arguments_of(name) || calls_.read_calls();
}

}  // namespace hearth
