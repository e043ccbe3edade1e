#include "text/templates/chat_prompt.h"

#include <optional>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

// A token that the files do not name, neither as none, is the one that the vocabulary uses.
void add_special_tokens(const ChatTemplate& chat_template, const Tokenizer& tokenizer, boost::json::object& context) {
  const boost::json::object& named = chat_template.special_tokens();
  for (const auto& [name, token] : named) {
    if (!token.is_null()) context.emplace(name, token);
  }
  const auto add_own = [&](std::string_view name, std::optional<TokenId> id) {
    if (id && !named.contains(name)) context.emplace(name, tokenizer.token_text(*id));
  };
  add_own("bos_token", tokenizer.bos());
  add_own("eos_token", tokenizer.eos());
}

// What transformers passes where there is nothing: a name that is none, not one that is undefined.
void add_none(std::string_view name, boost::json::object& context) {
  boost::json::value& value = context[name];
  if (value.is_array() && value.get_array().empty()) value = nullptr;
}

std::vector<TokenId> not_empty(std::vector<TokenId> ids) {
  if (ids.empty()) throw InvalidInput("the prompt is empty, and the model has no beginning token to start from");
  return ids;
}

}  // namespace

std::string render_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer, boost::json::object context) {
  add_special_tokens(chat_template, tokenizer, context);
  add_none("tools", context);
  add_none("documents", context);
  context.emplace("add_generation_prompt", true);
  std::string text = chat_template.render(chat_template.adapted(std::move(context)));
  if (text.empty()) throw InvalidInput("the model's chat template renders nothing for this conversation");
  return text;
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
