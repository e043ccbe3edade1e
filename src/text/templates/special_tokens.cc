#include "text/templates/special_tokens.h"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

namespace json = boost::json;

struct NamedToken {
  std::string_view name;      // as templates know it
  std::string_view metadata;  // its id in GGUF metadata, "seperator" included
};
constexpr NamedToken kNamedTokens[] = {
    {"bos_token", "tokenizer.ggml.bos_token_id"},     {"eos_token", "tokenizer.ggml.eos_token_id"},
    {"unk_token", "tokenizer.ggml.unknown_token_id"}, {"sep_token", "tokenizer.ggml.seperator_token_id"},
    {"pad_token", "tokenizer.ggml.padding_token_id"}, {"cls_token", "tokenizer.ggml.cls_token_id"},
    {"mask_token", "tokenizer.ggml.mask_token_id"},
};
constexpr std::string_view kAdditional = "additional_special_tokens";
constexpr std::string_view kExtra = "extra_special_tokens";

// A token is written as its text, or as an object that has it as its content. Null: neither, or empty.
const json::string* token_text(const json::value& entry) {
  const json::value* content = entry.is_object() ? entry.get_object().if_contains("content") : &entry;
  const json::string* text = content != nullptr ? content->if_string() : nullptr;
  return text != nullptr && !text->empty() ? text : nullptr;
}

// The first file that has the name decides, also with null.
void add_token(std::string_view name, const json::value& entry, json::object& tokens) {
  if (tokens.contains(name)) return;
  const json::string* text = token_text(entry);
  tokens.emplace(name, text != nullptr ? json::value(*text) : json::value(nullptr));
}

void add_list(const json::array& list, json::object& tokens) {
  json::array texts;
  for (const json::value& entry : list) {
    if (const json::string* text = token_text(entry)) texts.emplace_back(*text);
  }
  if (!texts.empty()) tokens.emplace(kAdditional, std::move(texts));
}

void add_named(const json::object& file, json::object& tokens) {
  for (const NamedToken& token : kNamedTokens) {
    if (const json::value* entry = file.if_contains(token.name)) add_token(token.name, *entry, tokens);
  }
  for (const std::string_view list : {kAdditional, kExtra}) {
    const json::value* entry = file.if_contains(list);
    if (entry != nullptr && entry->is_array()) add_list(entry->get_array(), tokens);
  }
  const json::value* own = file.if_contains(kExtra);
  if (own == nullptr || !own->is_object()) return;
  for (const auto& [name, entry] : own->get_object()) add_token(name, entry, tokens);
}

json::object tokens_of_metadata(const Metadata& metadata) {
  json::object tokens;
  const auto texts = metadata.strings("tokenizer.ggml.tokens");
  if (!texts) return tokens;
  for (const NamedToken& token : kNamedTokens) {
    const std::optional<std::int64_t> id = metadata.integer(token.metadata);
    if (!id || *id < 0 || *id >= static_cast<std::int64_t>(texts->size())) continue;
    tokens.emplace(token.name, repair_utf8((*texts)[static_cast<std::size_t>(*id)]));
  }
  return tokens;
}

}  // namespace

json::object special_tokens(const ModelSource& model) {
  if (model.kind() == ModelSource::Kind::kGguf) return tokens_of_metadata(model.metadata());
  json::object tokens;
  add_named(model.tokenizer_config(), tokens);
  add_named(model.special_tokens_map(), tokens);
  return tokens;
}

}  // namespace hearth
