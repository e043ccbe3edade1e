// For tests of answers: what a model is made to have written, in the syntax that Hermes and Qwen have, read as an
// answer to a request with tools.
#pragma once

#include <boost/json/parse.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/answer_reader.h"

namespace hearth {

inline std::shared_ptr<const AnswerSyntax> hermes_syntax() {
  AnswerSyntax syntax;
  syntax.thinking_open = "<think>";
  syntax.thinking_close = "</think>";
  syntax.turn_end = "<|im_end|>";
  syntax.call.form = CallForm::kObject;
  syntax.call.call_open = "<tool_call>";
  syntax.call.call_close = "</tool_call>";
  return std::make_shared<const AnswerSyntax>(std::move(syntax));
}

// "get_weather" of a city, "patch", which takes a text, and "close" of the namespace "agents".
inline OfferedTools scripted_tools() {
  OfferedTools tools;
  const auto parameters = boost::json::parse(R"({"type": "object", "properties": {"city": {"type": "string"}}})");
  tools.add({.name = "get_weather"}, "The weather.", &parameters);
  tools.add_custom({.name = "patch"}, "Changes files.", nullptr);
  tools.add({.name = "close", .space = "agents"}, "Ends an agent.", nullptr);
  return tools;
}

inline AnswerReading hermes_reading(OfferedTools tools = scripted_tools()) {
  AnswerReading reading;
  reading.syntax = hermes_syntax();
  reading.options.reads_calls = !tools.empty();
  reading.tools = std::make_shared<const OfferedTools>(std::move(tools));
  return reading;
}

inline constexpr std::string_view kWeatherCall =
    "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Ulm\"}}\n</tool_call>";
inline constexpr std::string_view kPatchCall =
    "<tool_call>\n{\"name\": \"patch\", \"arguments\": {\"input\": \"+a\\n\\\"b\\\"\"}}\n</tool_call>";

// The tokens are `size` bytes each.
inline std::vector<GeneratedToken> tokens_of(std::string_view output, std::size_t size, bool logprobs = false) {
  std::vector<GeneratedToken> tokens;
  for (std::size_t at = 0; at < output.size(); at += size) {
    GeneratedToken token;
    token.id = static_cast<TokenId>(tokens.size());
    token.text = output.substr(at, size);
    if (logprobs) token.logprob = -0.5F;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

inline std::vector<AnswerPiece> pieces_of(std::string_view output, std::size_t size = 4,
                                          AnswerReading reading = hermes_reading(),
                                          FinishReason reason = FinishReason::kStop) {
  AnswerReader reader(std::move(reading));
  std::vector<AnswerPiece> pieces;
  for (GeneratedToken& token : tokens_of(output, size)) {
    for (AnswerPiece& piece : reader.add(std::move(token))) join(pieces, std::move(piece));
  }
  GenerationEnd end;
  end.reason = reason;
  for (AnswerPiece& piece : reader.end(end)) join(pieces, std::move(piece));
  return pieces;
}

inline std::vector<AnswerPart> parts_of(std::string_view output, AnswerReading reading = hermes_reading(),
                                        FinishReason reason = FinishReason::kStop, bool drops_cut_calls = false) {
  std::vector<AnswerPart> parts;
  append(parts, pieces_of(output, output.size(), std::move(reading), reason), drops_cut_calls);
  return parts;
}

}  // namespace hearth
