// Prompts of /v1/completions and /v1/embeddings: texts and tokens, one or many.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <limits>

#include "server/openai/openai_handlers.h"
#include "server/openai/openai_request_fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

HttpError wrong_prompt(const std::string& path) {
  return bad_request(
      fmt::format("'{}' must be a text, an array of texts, an array of tokens or an array of such arrays", path), path);
}

std::vector<TokenId> tokens_of(const json::array& numbers, const std::string& path) {
  std::vector<TokenId> tokens;
  tokens.reserve(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::int64_t* token = numbers[i].if_int64();
    if (token == nullptr || *token < 0 || *token > std::numeric_limits<TokenId>::max()) {
      const std::string element = fmt::format("{}[{}]", path, i);
      throw bad_request(fmt::format("'{}' must be a token's number", element), element);
    }
    tokens.push_back(static_cast<TokenId>(*token));
  }
  if (tokens.empty()) throw bad_request(fmt::format("'{}' is empty", path), path);
  return tokens;
}

}  // namespace

std::vector<PromptText> read_prompts(const Fields& fields, std::string_view name) {
  const std::string path(name);
  const json::value* value = fields.find(name);
  if (value == nullptr) throw bad_request(fmt::format("'{}' is missing", path), path);
  if (value->is_string()) return {std::string(value->get_string())};
  if (!value->is_array()) throw wrong_prompt(path);
  const json::array& elements = value->get_array();
  if (elements.empty()) throw bad_request(fmt::format("'{}' is empty", path), path);
  if (elements[0].is_number()) return {tokens_of(elements, path)};
  std::vector<PromptText> prompts;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string element = fmt::format("{}[{}]", path, i);
    if (elements[i].is_string()) {
      prompts.emplace_back(std::string(elements[i].get_string()));
    } else if (elements[i].is_array()) {
      prompts.emplace_back(tokens_of(elements[i].get_array(), element));
    } else {
      throw wrong_prompt(element);
    }
  }
  return prompts;
}

std::vector<std::vector<TokenId>> encode_prompts(const ModelService& service, const std::vector<PromptText>& prompts,
                                                 const std::string& path) {
  std::vector<std::vector<TokenId>> encoded;
  for (const PromptText& prompt : prompts) {
    if (const auto* text = std::get_if<std::string>(&prompt)) {
      encoded.push_back(service.encode_prompt(*text));
    } else {
      encoded.push_back(std::get<std::vector<TokenId>>(prompt));
    }
    if (encoded.back().empty()) throw bad_request(fmt::format("'{}' is empty", path), path);
    for (const TokenId id : encoded.back()) {
      if (id < service.tokenizer().vocab_size()) continue;
      throw bad_request(
          fmt::format("'{}' has the token {}, and the vocabulary has {}", path, id, service.tokenizer().vocab_size()),
          path);
    }
  }
  return encoded;
}

}  // namespace hearth
