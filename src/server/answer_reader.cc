#include "server/answer_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/random_bits.h"

namespace hearth {
namespace {

using Kind = AnswerPiece::Kind;

// Nine letters and digits: the one form that no template refuses.
std::string random_call_id() {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kSize = 9;
  std::string id = "call";
  for (std::uint64_t bits = random_bits(); id.size() < kSize; bits /= kLetters.size()) {
    id += kLetters[bits % kLetters.size()];
  }
  return id;
}

bool is_text(const AnswerEvent& event) {
  return event.kind == Kind::kReasoning || event.kind == Kind::kContent;
}

std::size_t text_bytes(const std::vector<AnswerEvent>& events) {
  std::size_t bytes = 0;
  for (const AnswerEvent& event : events) bytes += is_text(event) ? event.text.size() : 0;
  return bytes;
}

}  // namespace

void join(std::vector<AnswerPiece>& pieces, AnswerPiece piece) {
  const bool flows = piece.is_text() || piece.kind == Kind::kArguments;
  if (flows && piece.text.empty() && piece.tokens.empty()) return;
  const bool joins = flows && !pieces.empty() && pieces.back().kind == piece.kind && piece.tokens.empty() &&
                     pieces.back().tokens.empty();
  if (joins) {
    pieces.back().text += piece.text;
  } else {
    pieces.push_back(std::move(piece));
  }
}

AnswerReader::AnswerReader(AnswerReading reading)
    : reading_(std::move(reading)), is_thinking_(reading_.options.thinking_is_open) {
  if (reading_.syntax) start();
}

void AnswerReader::start() {
  const auto types = reading_.tools ? reading_.tools->types() : nullptr;
  if (!reading_.prefill.empty()) {
    AnswerParser scratch(reading_.syntax, types, reading_.options);
    skipped_bytes_ = text_bytes(scratch.feed(reading_.prefill)) + text_bytes(scratch.finish());
  }
  parser_.emplace(reading_.syntax, types, reading_.options);
}

std::vector<AnswerPiece> AnswerReader::add(GeneratedToken token) {
  if (has_enough_) return {};
  if (!parser_) {
    AnswerPiece piece{.kind = Kind::kContent, .text = std::move(token.text)};
    if (token.logprob) piece.tokens.push_back(std::move(token));
    return {std::move(piece)};
  }
  std::string text = std::exchange(reading_.prefill, {}) + std::exchange(reading_.opening, {}) + token.text;
  ++pending_count_;
  if (token.logprob) pending_.push_back(std::move(token));
  return pieces_of(parser_->feed(text), false);
}

std::vector<AnswerPiece> AnswerReader::end(GenerationEnd& end) {
  if (has_enough_) {
    const bool is_cut = end.reason == FinishReason::kCancelled || end.reason == FinishReason::kLength;
    if (is_cut) end.reason = FinishReason::kStop;
    end.usage.reasoning_tokens = reasoning_tokens_;
    return {};
  }
  if (!parser_) return {{.kind = Kind::kContent, .text = std::move(end.text)}};
  const bool is_cut = end.reason != FinishReason::kStop;
  if (!pending_.empty()) {
    GeneratedToken rest;
    rest.id = -1;
    rest.text = end.text;
    pending_.push_back(std::move(rest));
  }
  std::string text = std::exchange(reading_.prefill, {}) + std::exchange(reading_.opening, {}) + end.text;
  std::vector<AnswerPiece> pieces = pieces_of(parser_->feed(text), is_cut);
  for (AnswerPiece& piece : pieces_of(parser_->finish(), is_cut)) pieces.push_back(std::move(piece));
  if (is_thinking_) reasoning_tokens_ += std::exchange(pending_count_, 0);
  end.usage.reasoning_tokens = reasoning_tokens_;
  return pieces;
}

std::vector<AnswerPiece> AnswerReader::pieces_of(std::vector<AnswerEvent> events, bool is_cut) {
  std::vector<AnswerPiece> pieces;
  for (AnswerEvent& event : events) {
    if (has_enough_) break;
    is_thinking_ = event.kind == Kind::kReasoning;
    add_piece(std::move(event), is_cut, pieces);
  }
  if (events.empty()) return pieces;
  if (is_thinking_) reasoning_tokens_ += pending_count_;
  pending_count_ = 0;
  pending_.clear();
  return pieces;
}

void AnswerReader::add_piece(AnswerEvent event, bool is_cut, std::vector<AnswerPiece>& pieces) {
  if (is_text(event)) {
    skip_prefill(event.text);
    if (event.text.empty()) return;
  }
  AnswerPiece piece{.kind = event.kind, .text = std::move(event.text)};
  switch (piece.kind) {
    case Kind::kReasoning:
      break;
    case Kind::kContent:
      piece.tokens = tokens_of(piece.text);
      break;
    case Kind::kCall:
      piece.call.tool = reading_.tools ? reading_.tools->find(piece.text) : ClientTool{piece.text};
      piece.call.id = call_id(piece.text);
      ++call_count_;
      arguments_.clear();
      input_.reset();
      if (piece.call.tool.is_custom) input_.emplace();
      break;
    case Kind::kArguments:
      if (input_) piece.text = input_->add(piece.text);
      arguments_ += piece.text;
      if (piece.text.empty()) return;
      break;
    case Kind::kCallEnd:
      return end_call(pieces);
    case Kind::kCallBroken:
      piece.is_cut = is_cut;
      break;
  }
  pieces.push_back(std::move(piece));
}

void AnswerReader::end_call(std::vector<AnswerPiece>& pieces) {
  if (input_) {
    std::string rest = input_->finish();
    arguments_ += rest;
    if (!rest.empty()) pieces.push_back({.kind = Kind::kArguments, .text = std::move(rest)});
  }
  pieces.push_back({.kind = Kind::kCallEnd, .text = std::exchange(arguments_, {})});
  has_enough_ = reading_.tools && reading_.tools->one_call;
}

void AnswerReader::skip_prefill(std::string& text) {
  const std::size_t skipped = std::min(skipped_bytes_, text.size());
  text.erase(0, skipped);
  skipped_bytes_ -= skipped;
}

// Of the tokens that are not shown yet those that the text is in: there may be marks before it, and white space.
std::vector<GeneratedToken> AnswerReader::tokens_of(std::string_view text) {
  std::string all;
  for (const GeneratedToken& token : pending_) all += token.text;
  const std::size_t found = all.rfind(text);
  const std::size_t begin = found == std::string::npos ? 0 : found;
  const std::size_t end = found == std::string::npos ? all.size() : begin + text.size();
  std::vector<GeneratedToken> tokens;
  std::size_t at = 0;
  for (GeneratedToken& token : pending_) {
    const std::size_t after = at + token.text.size();
    // A token without a text of its own is a part of a character, which the next one completes.
    const bool is_in_it = after > begin && at < end;
    const bool leads_to_it = token.text.empty() && at >= begin && at < end;
    at = after;
    if ((is_in_it || leads_to_it) && token.id >= 0) tokens.push_back(token);
  }
  return tokens;
}

std::string AnswerReader::call_id(std::string_view name) const {
  if (!reading_.ids_hold_names) return random_call_id();
  return fmt::format("functions.{}:{}", name, reading_.earlier_calls + call_count_);
}

void append(std::vector<AnswerPart>& parts, std::vector<AnswerPiece> pieces, bool drops_cut_calls) {
  for (AnswerPiece& piece : pieces) {
    switch (piece.kind) {
      case Kind::kReasoning:
      case Kind::kContent:
        if (parts.empty() || parts.back().kind != piece.kind) parts.push_back({.kind = piece.kind});
        parts.back().text += piece.text;
        std::move(piece.tokens.begin(), piece.tokens.end(), std::back_inserter(parts.back().tokens));
        break;
      case Kind::kCall:
        parts.push_back({.kind = Kind::kCall, .call = std::move(piece.call), .is_complete = false});
        break;
      case Kind::kArguments:
        parts.back().text += piece.text;
        break;
      case Kind::kCallEnd:
        parts.back().is_complete = true;
        break;
      case Kind::kCallBroken:
        if (piece.is_cut && !drops_cut_calls) break;
        parts.pop_back();
        piece.kind = Kind::kContent;
        append(parts, {std::move(piece)}, drops_cut_calls);
        break;
    }
  }
}

std::string text_of(const std::vector<AnswerPart>& parts, AnswerPiece::Kind kind) {
  std::string text;
  for (const AnswerPart& part : parts) {
    if (part.kind == kind) text += part.text;
  }
  return text;
}

bool has_called(const std::vector<AnswerPart>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [](const AnswerPart& part) { return part.kind == Kind::kCall && part.is_complete; });
}

}  // namespace hearth
