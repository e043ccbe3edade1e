// What all kinds of vocabularies share: the choice between the two sources, and decoding.
#include "text/tokenizers/tokenizer.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/error.h"
#include "text/tokenizers/normalizer.h"

namespace hearth {
namespace {

// Positions within a piece are 32 bits wide.
constexpr std::size_t kTextBytesMax = std::size_t{1} << 30;

std::string clean_up_spaces(std::string text) {
  constexpr std::array<std::array<std::string_view, 2>, 10> kReplacements = {{{" .", "."},
                                                                              {" ?", "?"},
                                                                              {" !", "!"},
                                                                              {" ,", ","},
                                                                              {" ' ", "'"},
                                                                              {" n't", "n't"},
                                                                              {" 'm", "'m"},
                                                                              {" 's", "'s"},
                                                                              {" 've", "'ve"},
                                                                              {" 're", "'re"}}};
  for (const auto& [from, to] : kReplacements) text = replace_all(text, from, to);
  return text;
}

}  // namespace

TokenTable::TokenTable(std::unique_ptr<const Vocabulary> vocabulary) : vocabulary_(std::move(vocabulary)) {
  offsets_.reserve(vocabulary_->size() + 1);
  offsets_.push_back(0);
  special_.resize(vocabulary_->size());
  ends_.resize(vocabulary_->size());
}

void TokenTable::append_bytes(std::string_view bytes) {
  block_ += bytes;
  offsets_.push_back(block_.size());
}

std::unique_ptr<Tokenizer> Tokenizer::open(const ModelSource& source) {
  if (source.kind() == ModelSource::Kind::kGguf) return from_gguf(source.metadata());
  const std::optional<std::string_view> json = source.tokenizer_json();
  if (!json)
    throw Unsupported(fmt::format("{} has no tokenizer.json, so that it cannot read text.", source.path().string()));
  return from_hugging_face({*json, source.tokenizer_config(), source.generation_config(), source.config()});
}

Tokenizer::Tokenizer(const char* kind, TokenTable table, std::unique_ptr<const TokenizerPipeline> pipeline,
                     DecodeRules rules, std::vector<std::string> notes)
    : kind_(kind),
      table_(std::move(table)),
      pipeline_(std::move(pipeline)),
      rules_(std::move(rules)),
      notes_(std::move(notes)) {}

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  if (text.size() > kTextBytesMax) {
    throw InvalidInput(fmt::format("The text has {} bytes; the most that can be tokenized at once is {}.", text.size(),
                                   kTextBytesMax));
  }
  return pipeline_->encode(text, options);
}

TokenPair Tokenizer::encode_pair(std::string_view first, std::string_view second) const {
  if (!table_.pair) {
    throw Unsupported(
        "the model's vocabulary does not say how a query and a document stand together (a pair of texts)");
  }
  const TokenTable::PairFrame& frame = *table_.pair;
  TokenPair pair{frame.before, 0};
  const auto append = [&pair](const std::vector<TokenId>& ids) {
    pair.ids.insert(pair.ids.end(), ids.begin(), ids.end());
  };
  append(encode(first));
  append(frame.between);
  if (frame.second_has_type) pair.second_begin = std::ssize(pair.ids);
  append(encode(second));
  append(frame.after);
  return pair;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, DecodeOptions options) const {
  std::string text;
  for (const TokenId id : ids) {
    text += options.show_special && is_special(id) ? token_text(id) : token_bytes(id);
  }
  std::size_t begin = 0;
  for (std::size_t i = 0; i < rules_.leading_count_max; ++i) {
    if (!std::string_view(text).substr(begin).starts_with(rules_.leading)) break;
    begin += rules_.leading.size();
  }
  text.erase(0, begin);
  if (rules_.drop_trailing_space && text.ends_with(' ')) text.pop_back();
  return rules_.clean_up_spaces ? clean_up_spaces(std::move(text)) : text;
}

void Tokenizer::check(TokenId id) const {
  if (!table_.vocabulary().contains(id)) {
    throw InvalidInput(fmt::format("The token id {} is not in the vocabulary of {} tokens.", id, vocab_size()));
  }
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  check(id);
  return table_.bytes(id);
}

std::string_view Tokenizer::token_text(TokenId id) const {
  check(id);
  return table_.vocabulary().text(id);
}

std::optional<TokenId> Tokenizer::find(std::string_view token_text) const {
  const TokenId id = table_.vocabulary().find(token_text);
  return id == kNoToken ? std::nullopt : std::optional<TokenId>(id);
}

bool Tokenizer::is_special(TokenId id) const {
  check(id);
  return table_.is_special(id);
}

bool Tokenizer::is_end_of_generation(TokenId id) const {
  check(id);
  return table_.is_end_of_generation(id);
}

}  // namespace hearth
