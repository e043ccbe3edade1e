// Answers to chat and plain completions as OpenAI spells them, whole and in pieces. Pure functions of what was
// generated; tokens are spelt by a function, so that no model is needed.
//
// The API: platform.openai.com/docs/api-reference/chat and …/completions.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "server/answer_reader.h"
#include "server/token_logprobs.h"

namespace hearth {

// What every object of one answer says.
struct AnswerHead {
  std::string id;
  std::int64_t created = 0;  // seconds since 1970
  std::string model, fingerprint;
  std::int64_t seed = 0;  // the bits of the sampler's, as a number that -1 comes back as -1 from
};

// One answer to one prompt, whole.
struct FinishedChoice {
  std::vector<AnswerPart> parts;
  std::vector<GeneratedToken> prompt = {};  // where its log-probabilities were asked for
  GenerationEnd end;

  std::string text() const { return text_of(parts, AnswerPiece::Kind::kContent); }
  std::vector<GeneratedToken> tokens() const;  // of the text
};

// Adds up what the choices of one answer cost; choices to the same prompt share it.
class UsageTotal {
 public:
  void add(const Usage& usage, bool first_of_its_prompt);
  boost::json::object json() const;            // of completions
  boost::json::object responses_json() const;  // of /v1/responses

 private:
  Usage total_;
};

std::string_view openai_finish_reason(FinishReason reason);  // "stop" or "length"; of an answer that is text

// An event of server-sent events (WHATWG HTML, section 9.2).
std::string sse_data(const boost::json::value& data);
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";
// A comment, which clients skip: says that the server is still there.
inline constexpr std::string_view kSseKeepalive = ": keepalive\n\n";
inline constexpr std::string_view kSseContentType = "text/event-stream; charset=utf-8";

// How one of the two endpoints spells what was generated. `index`: the choice's.
class ChoiceFormat {
 public:
  virtual ~ChoiceFormat() = default;
  virtual boost::json::object whole(std::span<const FinishedChoice> choices) const = 0;
  // The pieces, as events; empty: nothing is to be said. `tokens`: empty where no log-probabilities were asked for.
  virtual std::string opening(int index) = 0;
  // After it, where the prompt's log-probabilities were asked for: its tokens with them.
  virtual std::string scored_prompt(int, std::span<const GeneratedToken>) { return {}; }
  virtual std::string piece(int index, const AnswerPiece& piece) = 0;
  virtual std::string closing(int index, const GenerationEnd& end) = 0;
  virtual std::string usage(const UsageTotal& total) = 0;
  // What pieces tell as usage from here on; before, they tell none.
  void set_usage_so_far(const UsageTotal& total) { usage_so_far_ = total; }

 protected:
  const std::optional<UsageTotal>& usage_so_far() const { return usage_so_far_; }

 private:
  std::optional<UsageTotal> usage_so_far_;
};

struct ChoiceFormatOptions {
  AnswerHead head;
  TokenSpelling spelling;
  bool logprobs = false;
  bool include_usage = false;             // in a streamed answer
  int choice_count = 1;                   // of each prompt
  bool old_functions = false;             // a call is spelt as in 2023
  std::vector<std::string> prompts = {};  // of plain completions, where they are needed: for `echo` and offsets
  bool echo = false;                      // the answer begins with its prompt
};
std::unique_ptr<ChoiceFormat> chat_format(ChoiceFormatOptions options);
std::unique_ptr<ChoiceFormat> completion_format(ChoiceFormatOptions options);

}  // namespace hearth
