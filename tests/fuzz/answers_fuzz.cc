// Fuzzes what a model writes: the first line has marks of a template's source, which say the syntax, the rest is the
// output. However it is cut, the events are the same; a call that ends has a JSON object, and without one no text is
// lost.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz_target.h"
#include "text/answers/answer_parser.h"
#include "text/answers/known_syntaxes.h"

namespace hearth {
namespace {

std::shared_ptr<const AnswerSyntax> syntax_of(std::string_view marks) {
  AnswerSyntax syntax;
  std::vector<CallSyntax> calls = known_call_syntaxes(marks);
  if (calls.empty()) calls = default_call_syntaxes();
  syntax.call = calls.front();
  syntax.other_calls.assign(calls.begin() + 1, calls.end());
  syntax.has_message_headers = marks.find("<|channel|>") != marks.npos;
  if (marks.find("<think>") != marks.npos) {
    syntax.thinking_open = "<think>";
    syntax.thinking_close = "</think>";
  }
  return std::make_shared<const AnswerSyntax>(std::move(syntax));
}

std::shared_ptr<const ToolTypes> tools() {
  ToolTypes types;
  types.add("f", boost::json::parse(R"({"properties": {"a": {"type": "string"}, "n": {"type": "integer"}}})"));
  return std::make_shared<const ToolTypes>(std::move(types));
}

ParsedAnswer read(const std::shared_ptr<const AnswerSyntax>& syntax, std::string_view text, std::size_t piece) {
  AnswerParser parser(syntax, tools(), {.reads_calls = true});
  ParsedAnswer answer;
  for (std::size_t at = 0; at < text.size(); at += piece) answer.add(parser.feed(text.substr(at, piece)));
  answer.add(parser.finish());
  return answer;
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view text = input.substr(std::min(end + 1, input.size()));
  if (find_invalid_utf8(text) != text.npos) return 0;  // a StreamDecoder gives none
  const auto syntax = syntax_of(input.substr(0, end));
  const ParsedAnswer whole = read(syntax, text, text.size() + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}}) {
    const ParsedAnswer cut = read(syntax, text, piece);
    CHECK(cut.content == whole.content && cut.reasoning == whole.reasoning);
    CHECK(cut.calls.size() == whole.calls.size());
    for (std::size_t i = 0; i < cut.calls.size(); ++i) {
      CHECK(cut.calls[i].name == whole.calls[i].name && cut.calls[i].arguments == whole.calls[i].arguments);
    }
  }
  for (const auto& call : whole.calls) {
    boost::system::error_code error;
    boost::json::parse_options options;
    options.max_depth = 256;
    const boost::json::value arguments = boost::json::parse(call.arguments, error, {}, options);
    if (error || !arguments.is_object()) std::fprintf(stderr, "%s\n", call.arguments.c_str());
    CHECK(!error && arguments.is_object());
  }
  const bool has_other_markup = syntax->has_message_headers || !syntax->thinking_open.empty();
  if (whole.calls.empty() && !has_other_markup) CHECK(whole.content == text);
  return 0;
}
