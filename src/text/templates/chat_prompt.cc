#include "text/templates/chat_prompt.h"

#include <optional>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

std::string token_text_or_empty(const Tokenizer& tokenizer, std::optional<TokenId> id) {
  return id ? std::string(tokenizer.token_text(*id)) : "";
}

std::vector<TokenId> not_empty(std::vector<TokenId> ids) {
  if (ids.empty()) throw InvalidInput("the prompt is empty, and the model has no beginning token to start from");
  return ids;
}

}  // namespace

std::string render_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer, boost::json::object context) {
  context["bos_token"] = token_text_or_empty(tokenizer, tokenizer.bos());
  context["eos_token"] = token_text_or_empty(tokenizer, tokenizer.eos());
  context.emplace("add_generation_prompt", true);
  return chat_template.render(context);
}

std::vector<TokenId> encode_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                 boost::json::object context) {
  return encode_rendered(tokenizer, render_chat(chat_template, tokenizer, std::move(context)));
}

std::vector<TokenId> encode_rendered(const Tokenizer& tokenizer, std::string_view text) {
  // Templates write special tokens out; most write the beginning token too, and it must not stand there twice.
  std::vector<TokenId> ids = tokenizer.encode(text, {.parse_special = true});
  const bool has_bos = tokenizer.bos() && !ids.empty() && ids.front() == *tokenizer.bos();
  if (tokenizer.adds_bos() && tokenizer.bos() && !has_bos) ids.insert(ids.begin(), *tokenizer.bos());
  return not_empty(std::move(ids));
}

std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids = tokenizer.encode(text, {.add_special = true, .parse_special = true});
  if (ids.empty() && tokenizer.bos()) ids.push_back(*tokenizer.bos());
  return not_empty(std::move(ids));
}

}  // namespace hearth
