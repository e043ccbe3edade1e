// Four kinds. Older files do not name theirs; its fields tell.
#include "text/tokenizers/hugging_face_models.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "text/tokenizers/bpe_model.h"
#include "text/tokenizers/unigram_model.h"
#include "text/tokenizers/wordpiece_model.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

std::string_view view(json::string_view text) {
  return {text.data(), text.size()};
}

// {"text": id, …}; ids may leave gaps.
std::unique_ptr<const Vocabulary> vocabulary_from_map(const json::object& map, std::size_t ids_max) {
  std::vector<std::string_view> texts;
  for (const auto& [text, value] : map) {
    const std::int64_t id = as_integer(value, "vocab");
    if (id < 0 || static_cast<std::size_t>(id) > ids_max) {
      throw InvalidInput(fmt::format("tokenizer.json: the token \"{}\" has the impossible id {}.", view(text), id));
    }
    if (static_cast<std::size_t>(id) >= texts.size()) texts.resize(static_cast<std::size_t>(id) + 1);
    texts[static_cast<std::size_t>(id)] = view(text);
  }
  return std::make_unique<const Vocabulary>(texts);
}

TokenId unknown_token(const json::object& model, const Vocabulary& vocabulary) {
  const auto text = string_field(model, "unk_token");
  return text ? vocabulary.find(*text) : kNoToken;
}

// A merge is "left right", or ["left", "right"] since tokens may hold spaces.
MergePair merge_from_json(const json::value& value) {
  if (const json::array* pair = value.if_array(); pair != nullptr && pair->size() == 2) {
    return {as_string((*pair)[0], "merges"), as_string((*pair)[1], "merges")};
  }
  const std::string_view text = as_string(value, "merges");
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) {
    throw InvalidInput(fmt::format("tokenizer.json: the merge \"{}\" is not two tokens and a space.", text));
  }
  return {text.substr(0, space), text.substr(space + 1)};
}

HuggingFaceModel byte_pair_encoding(const json::object& model, std::size_t ids_max) {
  auto vocabulary = vocabulary_from_map(required_object(model, "vocab"), ids_max);
  std::vector<MergePair> merges;
  const json::array& list = required_array(model, "merges");
  merges.reserve(list.size());
  for (const json::value& value : list) merges.push_back(merge_from_json(value));
  BpeOptions options;
  options.merges_name_tokens = true;
  options.ignore_merges = bool_field(model, "ignore_merges").value_or(false);
  options.unknown = {.unknown = unknown_token(model, *vocabulary),
                     .byte_fallback = bool_field(model, "byte_fallback").value_or(false),
                     .fuse = bool_field(model, "fuse_unk").value_or(false)};
  options.continuing_subword_prefix = string_field(model, "continuing_subword_prefix").value_or("");
  options.end_of_word_suffix = string_field(model, "end_of_word_suffix").value_or("");
  auto bpe = std::make_unique<BpeModel>(*vocabulary, merges, std::move(options));
  return {"bpe", std::move(vocabulary), std::move(bpe)};
}

HuggingFaceModel word_piece(const json::object& model, std::size_t ids_max) {
  auto vocabulary = vocabulary_from_map(required_object(model, "vocab"), ids_max);
  WordPieceOptions options;
  options.continuing_prefix = string_field(model, "continuing_subword_prefix").value_or("##");
  options.unknown = unknown_token(model, *vocabulary);
  options.word_characters_max = static_cast<std::size_t>(
      std::max<std::int64_t>(0, integer_field(model, "max_input_chars_per_word").value_or(100)));
  auto word_piece = std::make_unique<WordPieceModel>(*vocabulary, std::move(options));
  return {"wordpiece", std::move(vocabulary), std::move(word_piece)};
}

HuggingFaceModel word_level(const json::object& model, std::size_t ids_max) {
  auto vocabulary = vocabulary_from_map(required_object(model, "vocab"), ids_max);
  auto word_level = std::make_unique<WordLevelModel>(*vocabulary, unknown_token(model, *vocabulary));
  return {"wordlevel", std::move(vocabulary), std::move(word_level)};
}

HuggingFaceModel unigram(const json::object& model, std::size_t) {
  constexpr double kUnknownPenalty = 10.0;
  std::vector<std::string_view> texts;
  std::vector<UnigramModel::Piece> pieces;
  double lowest = std::numeric_limits<double>::max();
  for (const json::value& value : required_array(model, "vocab")) {
    const json::array& pair = as_array(value, "vocab");
    if (pair.size() != 2) throw InvalidInput("tokenizer.json: an entry of \"vocab\" is not a text and a score.");
    pieces.push_back({static_cast<TokenId>(texts.size()), as_number(pair[1], "vocab")});
    texts.push_back(as_string(pair[0], "vocab"));
    lowest = std::min(lowest, pieces.back().score);
  }
  if (texts.empty()) throw InvalidInput("tokenizer.json: the vocabulary is empty.");
  auto vocabulary = std::make_unique<const Vocabulary>(texts);
  UnknownRule rule{.byte_fallback = bool_field(model, "byte_fallback").value_or(false), .fuse = true};
  if (const auto id = integer_field(model, "unk_id")) {
    if (!vocabulary->contains(*id)) throw InvalidInput(fmt::format("tokenizer.json: the unk_id {} is no token.", *id));
    rule.unknown = static_cast<TokenId>(*id);
  }
  auto unigram = std::make_unique<UnigramModel>(*vocabulary, pieces, lowest - kUnknownPenalty, rule);
  return {"unigram", std::move(vocabulary), std::move(unigram)};
}

std::string_view type_of(const json::object& model) {
  if (const auto type = string_field(model, "type")) return *type;
  if (find_field(model, "merges") != nullptr) return "BPE";
  if (const json::value* vocab = find_field(model, "vocab"); vocab != nullptr && vocab->is_array()) return "Unigram";
  return find_field(model, "max_input_chars_per_word") != nullptr ? "WordPiece" : "WordLevel";
}

}  // namespace

HuggingFaceModel model_from_json(const json::object& model, std::size_t ids_max) {
  const std::string_view type = type_of(model);
  if (type == "BPE") return byte_pair_encoding(model, ids_max);
  if (type == "WordPiece") return word_piece(model, ids_max);
  if (type == "WordLevel") return word_level(model, ids_max);
  if (type == "Unigram") return unigram(model, ids_max);
  throw Unsupported(fmt::format(
      "tokenizer.json: the model \"{}\" is unknown; the known ones are: BPE, Unigram, WordLevel, WordPiece.", type));
}

}  // namespace hearth
