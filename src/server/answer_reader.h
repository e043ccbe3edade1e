// What a model's output becomes on the way to a client: thoughts, text and calls of the client's tools, in the order in
// which they were written. All APIs answer from these pieces, whole and streamed; each spells them in its own way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "server/custom_input.h"
#include "server/offered_tools.h"
#include "text/answers/answer_parser.h"

namespace hearth {

// How what follows a prompt is read. The same for all answers to it.
struct AnswerReading {
  std::shared_ptr<const AnswerSyntax> syntax;  // null: all of the output is the answer's text
  std::shared_ptr<const OfferedTools> tools;   // null: there are none
  AnswerParserOptions options;
  std::string prefill;       // the answer's beginning, which the client has
  std::string opening;       // the answer's beginning, which stands in the prompt: a call
  bool ends_itself = false;  // behind the one call that was asked for
  // Calls are to be named functions.NAME:INDEX, counted through the conversation; else they have random names.
  bool ids_hold_names = false;
  std::size_t earlier_calls = 0;
};

struct ToolCall {
  std::string id;
  ClientTool tool;
};

struct AnswerPiece {
  // As the parser has them, but for: kCall, `call` begins; kArguments, also some of a custom tool's text; kCallEnd,
  // text: all of the arguments.
  using Kind = AnswerEvent::Kind;
  Kind kind = Kind::kContent;
  std::string text = {};
  std::vector<GeneratedToken> tokens = {};  // of a text, where log-probabilities were asked for
  ToolCall call = {};
  bool is_cut = false;  // kCallBroken: because the answer was not allowed to be longer

  bool is_text() const { return kind == Kind::kReasoning || kind == Kind::kContent; }
};

// Behind the others. Texts, and arguments, that follow each other are one piece, unless log-probabilities come with
// them; what says nothing is left out.
void join(std::vector<AnswerPiece>& pieces, AnswerPiece piece);

// One answer.
class AnswerReader {
 public:
  explicit AnswerReader(AnswerReading reading = {});

  // What is certain with one more token. Without a syntax it is a piece of text, be it empty.
  std::vector<AnswerPiece> add(GeneratedToken token);
  // The rest. Counts the thoughts' tokens in `end`; an answer that was cancelled because it had its call has stopped.
  std::vector<AnswerPiece> end(GenerationEnd& end);

  // The one call that was asked for is there: nothing of what may follow counts.
  bool has_enough() const { return has_enough_; }
  // Then who makes the answer has to be told so.
  bool must_be_stopped() const { return has_enough_ && !reading_.ends_itself; }
  std::int64_t reasoning_tokens() const { return reasoning_tokens_; }

 private:
  void start();
  std::vector<AnswerPiece> pieces_of(std::vector<AnswerEvent> events, bool is_cut);
  void add_piece(AnswerEvent event, bool is_cut, std::vector<AnswerPiece>& pieces);
  void end_call(std::vector<AnswerPiece>& pieces);
  void skip_prefill(std::string& text);
  std::vector<GeneratedToken> tokens_of(std::string_view text);
  std::string call_id(std::string_view name) const;

  AnswerReading reading_;
  std::optional<AnswerParser> parser_;  // none: all is text
  std::size_t skipped_bytes_ = 0;       // of texts, until those of the prefill are over
  bool is_thinking_ = false;            // so far
  bool has_enough_ = false;
  std::int64_t reasoning_tokens_ = 0, pending_count_ = 0;
  // Tokens of which nothing is shown yet; the text that came without any is one with an id below 0.
  std::vector<GeneratedToken> pending_;
  std::size_t call_count_ = 0;
  std::string arguments_;             // of the call that is read
  std::optional<CustomInput> input_;  // of a custom tool
};

// An answer in parts, for who sends it whole: what is alike and stands side by side is one part.
struct AnswerPart {
  AnswerPiece::Kind kind = AnswerPiece::Kind::kContent;  // kReasoning, kContent or kCall
  std::string text = {};                                 // of a call, its arguments
  std::vector<GeneratedToken> tokens = {};
  ToolCall call = {};
  bool is_complete = true;  // a call
};
// A call that is broken becomes text, as it was written; one that was cut stays one, unless `drops_cut_calls`.
void append(std::vector<AnswerPart>& parts, std::vector<AnswerPiece> pieces, bool drops_cut_calls);
// All text of one kind.
std::string text_of(const std::vector<AnswerPart>& parts, AnswerPiece::Kind kind);
// Whether the answer is one or more calls, and ended as it should.
bool has_called(const std::vector<AnswerPart>& parts);

}  // namespace hearth
