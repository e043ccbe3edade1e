// Fuzzes chat templates: the input is a template, carried out over a conversation with a tool call. A template fails
// with a sentence, within its limits of time, memory and depth.
#include "text/templates/chat_template.h"

#include <boost/json/parse.hpp>

#include "fuzz_target.h"
#include "text/jinja/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  static const boost::json::object context = boost::json::parse(R"({
    "messages": [{"role": "system", "content": "Be brief."},
                 {"role": "user", "content": [{"type": "text", "text": "What is 2 + 2?\n"}]},
                 {"role": "assistant", "content": null,
                  "tool_calls": [{"function": {"name": "add", "arguments": {"a": 2, "b": 2.5}}}]},
                 {"role": "tool", "content": "4"}],
    "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
    "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"})")
                                                 .as_object();
  const std::string source(reinterpret_cast<const char*>(data), size);
  fuzz::accept_error([&] {
    try {
      ChatTemplate(source).render(context, [] { return std::tm{}; });
    } catch (const jinja::TemplateError&) {
      return;
    }
  });
  return 0;
}
