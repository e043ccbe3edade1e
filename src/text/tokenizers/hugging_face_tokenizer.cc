// Tokenizers from tokenizer.json: added tokens, normalizer, pre-tokenizer, model, post-processor and decoder, each as
// the file describes it. What the file leaves open stands in tokenizer_config.json and generation_config.json.
#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "text/tokenizers/added_tokens.h"
#include "text/tokenizers/hugging_face_decoder.h"
#include "text/tokenizers/hugging_face_models.h"
#include "text/tokenizers/hugging_face_steps.h"
#include "text/tokenizers/tokenizer.h"
#include "weights/json.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kConfig = "config.json", kTokenizerConfig = "tokenizer_config.json";

// Tokens put before and after a text.
struct Frame {
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
};

class HuggingFacePipeline : public TokenizerPipeline {
 public:
  HuggingFacePipeline(std::vector<AddedToken> added, std::unique_ptr<const Normalizer> normalizer,
                      std::unique_ptr<const PreTokenizer> pre_tokenizer, HuggingFaceModel model, Frame frame)
      : normalizer_(std::move(normalizer)),
        added_(std::move(added), normalizer_.get()),
        pre_tokenizer_(std::move(pre_tokenizer)),
        model_(std::move(model)),
        frame_(std::move(frame)) {}

  std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const override {
    std::vector<TokenId> out;
    if (options.add_special) out = frame_.prefix;
    for (NormalizedPart& part : added_.split(text, options.parse_special)) {
      if (part.token != kNoToken) {
        out.push_back(part.token);
        continue;
      }
      Pieces pieces = Pieces::of(std::move(part.text), part.at_start);
      if (pre_tokenizer_ != nullptr) {
        pre_tokenizer_->apply(pieces);
      } else {
        join(pieces);
      }
      model_.model->encode(pieces, out);
    }
    if (options.add_special) out.insert(out.end(), frame_.suffix.begin(), frame_.suffix.end());
    return out;
  }

 private:
  // Without a pre-tokenizer a text is one piece, well-formed or not.
  static void join(Pieces& pieces) {
    if (pieces.spans.size() < 2) return;
    pieces.spans = {{0, pieces.text.size()}};
    pieces.well_formed = {false};
  }

  std::unique_ptr<const Normalizer> normalizer_;
  AddedTokens added_;
  std::unique_ptr<const PreTokenizer> pre_tokenizer_;
  HuggingFaceModel model_;
  Frame frame_;
};

// The text of a special token: a string, or an object that holds it.
std::optional<std::string_view> token_text_field(const json::object& object, std::string_view name) {
  const json::value* value = find_field(object, name);
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) return string_field(value->get_object(), "content", kTokenizerConfig);
  return as_string(*value, name, kTokenizerConfig);
}

class HuggingFaceReader {
 public:
  explicit HuggingFaceReader(const Tokenizer::HuggingFaceFiles& files)
      : files_(files),
        root_(parse_json_object(files.tokenizer_json, "tokenizer.json")),
        ids_max_(std::max<std::size_t>(files.tokenizer_json.size(), 1 << 16)) {}

  std::unique_ptr<Tokenizer> run() {
    HuggingFaceModel model = model_from_json(required_object(root_, "model"), ids_max_);
    const char* kind = model.kind;
    read_added_tokens();
    const HuggingFaceDecoder decoder(object_field(root_, "decoder"));
    TokenTable table = make_table(*model.vocabulary, decoder);
    set_ends(table);
    Frame frame = read_frame(table);
    if (const json::object* step = object_field(root_, "post_processor")) add_pair_frame(*step, table);
    std::unique_ptr<const Normalizer> normalizer;
    if (const json::object* step = object_field(root_, "normalizer")) normalizer = normalizer_from_json(*step);
    std::unique_ptr<const PreTokenizer> pre_tokenizer;
    if (const json::object* step = object_field(root_, "pre_tokenizer")) pre_tokenizer = pre_tokenizer_from_json(*step);
    auto pipeline = std::make_unique<HuggingFacePipeline>(std::move(added_), std::move(normalizer),
                                                          std::move(pre_tokenizer), std::move(model), std::move(frame));
    return std::make_unique<Tokenizer>(kind, std::move(table), std::move(pipeline), decoder.rules());
  }

 private:
  TokenId checked_id(std::int64_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) > ids_max_) {
      throw InvalidInput(fmt::format("tokenizer.json: the token id {} is impossible.", id));
    }
    return static_cast<TokenId>(id);
  }

  void add_token(std::int64_t id, const json::object& entry) {
    AddedToken token;
    token.id = checked_id(id);
    token.content = required_string(entry, "content");
    token.single_word = bool_field(entry, "single_word").value_or(false);
    token.lstrip = bool_field(entry, "lstrip").value_or(false);
    token.rstrip = bool_field(entry, "rstrip").value_or(false);
    token.special = bool_field(entry, "special").value_or(false);
    token.normalized = bool_field(entry, "normalized").value_or(!token.special);
    added_.push_back(std::move(token));
  }

  void read_added_tokens() {
    if (const json::array* list = array_field(root_, "added_tokens")) {
      for (const json::value& value : *list) {
        const json::object& entry = as_object(value, "added_tokens");
        add_token(required_integer(entry, "id"), entry);
      }
    }
    // Tokens that were added to a folder later may stand here only.
    const json::object* more = object_field(files_.tokenizer_config, "added_tokens_decoder", kTokenizerConfig);
    if (more == nullptr) return;
    for (const auto& [key, value] : *more) {
      const json::object& entry = as_object(value, "added_tokens_decoder", kTokenizerConfig);
      const std::string_view content = required_string(entry, "content");
      const bool known =
          std::any_of(added_.begin(), added_.end(), [&](const AddedToken& t) { return t.content == content; });
      if (!known) add_token(parse_id({key.data(), key.size()}), entry);
    }
  }

  static std::int64_t parse_id(std::string_view digits) {
    constexpr std::size_t kDigitsMax = 9;
    std::int64_t id = 0;
    for (const char digit : digits) {
      if (digit < '0' || digit > '9' || digits.size() > kDigitsMax) {
        throw InvalidInput(
            fmt::format("tokenizer_config.json: \"{}\" in added_tokens_decoder is no token id.", digits));
      }
      id = id * 10 + (digit - '0');
    }
    return id;
  }

  // The model's vocabulary with the added tokens in their places.
  TokenTable make_table(const Vocabulary& model, const HuggingFaceDecoder& decoder) const {
    std::vector<std::string_view> texts;
    for (TokenId id = 0; model.contains(id); ++id) texts.push_back(model.text(id));
    std::map<TokenId, const AddedToken*> added;
    for (const AddedToken& token : added_) {
      const auto index = static_cast<std::size_t>(token.id);
      if (index >= texts.size()) texts.resize(index + 1);
      texts[index] = token.content;
      added[token.id] = &token;
    }
    texts.resize(std::max(texts.size(), ids_of_model()));
    TokenTable table(std::make_unique<const Vocabulary>(texts));
    for (TokenId id = 0; table.vocabulary().contains(id); ++id) {
      const auto found = added.find(id);
      if (found == added.end()) {
        const std::string_view text = table.vocabulary().text(id);
        table.append_bytes(text.empty() ? std::string() : decoder.bytes(text));
      } else if (found->second->special) {
        table.set_special(id);
        table.append_bytes("");
      } else {
        table.append_bytes(found->second->content);
      }
    }
    return table;
  }

  // The model may produce ids that the tokenizer has no text for, where its matrices were rounded up.
  std::size_t ids_of_model() const {
    auto count = integer_field(files_.config, "vocab_size", kConfig);
    const json::object* text_config = object_field(files_.config, "text_config", kConfig);
    if (!count && text_config != nullptr) count = integer_field(*text_config, "vocab_size", kConfig);
    const bool plausible = count && *count >= 0 && static_cast<std::size_t>(*count) <= ids_max_;
    return plausible ? static_cast<std::size_t>(*count) : 0;
  }

  std::string_view name_of(const json::object& file) const {
    return &file == &files_.config ? kConfig : "generation_config.json";
  }

  // A number; a list has several, and its first counts.
  std::optional<TokenId> id_of(const TokenTable& table, const json::object& object, std::string_view name) const {
    const json::value* value = find_field(object, name);
    if (value != nullptr && value->is_array()) {
      value = value->get_array().empty() ? nullptr : &value->get_array()[0];
    }
    if (value == nullptr) return std::nullopt;
    const std::int64_t id = as_integer(*value, name, name_of(object));
    return table.vocabulary().contains(id) ? std::optional(static_cast<TokenId>(id)) : std::nullopt;
  }

  std::optional<TokenId> special_token(const TokenTable& table, std::string_view text_name,
                                       std::string_view id_name) const {
    if (const auto text = token_text_field(files_.tokenizer_config, text_name)) {
      if (const TokenId id = table.vocabulary().find(*text); id != kNoToken) return id;
    }
    if (const auto id = id_of(table, files_.generation_config, id_name)) return id;
    return id_of(table, files_.config, id_name);
  }

  void set_ends(TokenTable& table) const {
    table.bos = special_token(table, "bos_token", "bos_token_id");
    table.eos = special_token(table, "eos_token", "eos_token_id");
    if (table.eos) table.set_end_of_generation(*table.eos);
    for (const json::object* object : {&files_.generation_config, &files_.config}) {
      const std::optional<TokenId> first = id_of(table, *object, "eos_token_id");
      if (first) table.set_end_of_generation(*first);
      const json::value* ids = find_field(*object, "eos_token_id");
      if (ids == nullptr || !ids->is_array()) continue;
      for (const json::value& value : ids->get_array()) {
        const std::int64_t id = as_integer(value, "eos_token_id", name_of(*object));
        if (table.vocabulary().contains(id)) table.set_end_of_generation(static_cast<TokenId>(id));
      }
      if (!table.eos) table.eos = first;
    }
  }

  // A token that tokenizer_config.json wants around every text.
  TokenId wanted_token(std::optional<TokenId> token, std::string_view setting, std::string_view name) const {
    if (token) return *token;
    throw InvalidInput(fmt::format("{}: \"{}\" is true, and \"{}\" names no token.", kTokenizerConfig, setting, name));
  }

  // Where tokenizer_config.json says which of the two are added, that counts, and nothing else is added; transformers
  // makes the post-processor anew then.
  Frame read_frame(TokenTable& table) const {
    Frame frame;
    const auto bos = bool_field(files_.tokenizer_config, "add_bos_token", kTokenizerConfig);
    const auto eos = bool_field(files_.tokenizer_config, "add_eos_token", kTokenizerConfig);
    if (bos || eos) {
      if (bos.value_or(false)) frame.prefix = {wanted_token(table.bos, "add_bos_token", "bos_token")};
      if (eos.value_or(false)) frame.suffix = {wanted_token(table.eos, "add_eos_token", "eos_token")};
    } else if (const json::object* step = object_field(root_, "post_processor")) {
      add_frame(*step, table, frame);
    }
    if (!table.bos && !frame.prefix.empty()) table.bos = frame.prefix.front();
    table.adds_bos = !frame.prefix.empty() && frame.prefix.front() == *table.bos;
    return frame;
  }

  TokenId frame_token(const json::value& id, const TokenTable& table) const {
    const std::int64_t number = as_integer(id, "post_processor");
    if (!table.vocabulary().contains(number)) {
      throw InvalidInput(
          fmt::format("tokenizer.json: the post-processor's token {} is not in the vocabulary.", number));
    }
    return static_cast<TokenId>(number);
  }

  // Later processors put their tokens around those of earlier ones.
  void add_frame(const json::object& step, const TokenTable& table, Frame& frame) const {
    const std::string_view type = required_string(step, "type");
    if (type == "Sequence") {
      for (const json::value& value : required_array(step, "processors"))
        add_frame(as_object(value, "processors"), table, frame);
    } else if (type == "TemplateProcessing") {
      add_template(step, table, frame);
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      frame.prefix.insert(frame.prefix.begin(), pair_id(step, "cls", table));
      frame.suffix.push_back(pair_id(step, "sep", table));
    } else if (type != "ByteLevel") {  // that one only concerns offsets
      throw Unsupported(fmt::format("tokenizer.json: the post-processor \"{}\" is unknown.", type));
    }
  }

  // Where processors follow one another, the last that has tokens for pairs.
  void add_pair_frame(const json::object& step, TokenTable& table) const {
    const std::string_view type = required_string(step, "type");
    if (type == "Sequence") {
      for (const json::value& value : required_array(step, "processors")) {
        add_pair_frame(as_object(value, "processors"), table);
      }
    } else if (type == "TemplateProcessing") {
      add_pair_template(step, table);
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      const TokenId first = pair_id(step, "cls", table), separator = pair_id(step, "sep", table);
      const bool is_bert = type == "BertProcessing";
      table.pair = {{first}, std::vector<TokenId>(is_bert ? 1 : 2, separator), {separator}, is_bert};
    }
  }

  void add_pair_template(const json::object& step, TokenTable& table) const {
    if (find_field(step, "pair") == nullptr) return;
    TokenTable::PairFrame frame;
    std::vector<TokenId>* part = &frame.before;
    for (const json::value& value : required_array(step, "pair")) {
      const json::object& piece = as_object(value, "pair");
      if (const json::object* text = object_field(piece, "Sequence")) {
        const bool is_first = required_string(*text, "id") == "A";
        if (part != (is_first ? &frame.before : &frame.between)) return;  // not one after the other
        part = is_first ? &frame.between : &frame.after;
        if (!is_first) frame.second_has_type = type_of(*text) == 1;
        continue;
      }
      for (const TokenId id : template_ids(step, piece, table)) part->push_back(id);
    }
    if (part == &frame.after) table.pair = std::move(frame);
  }

  static std::int64_t type_of(const json::object& piece) {
    const json::value* type = find_field(piece, "type_id");
    return type == nullptr ? 0 : as_integer(*type, "type_id");
  }

  // ["[SEP]", 102]
  TokenId pair_id(const json::object& step, std::string_view name, const TokenTable& table) const {
    const json::array& pair = required_array(step, name);
    if (pair.size() != 2) throw InvalidInput(fmt::format("tokenizer.json: \"{}\" is not a text and an id.", name));
    return frame_token(pair[1], table);
  }

  // Of a piece that is a special token.
  std::vector<TokenId> template_ids(const json::object& step, const json::object& piece,
                                    const TokenTable& table) const {
    const std::string_view name = required_string(required_object(piece, "SpecialToken"), "id");
    const json::object* special = object_field(step, "special_tokens");
    if (special == nullptr) throw InvalidInput("tokenizer.json: the post-processor has no \"special_tokens\".");
    std::vector<TokenId> ids;
    for (const json::value& id : required_array(required_object(*special, name), "ids")) {
      ids.push_back(frame_token(id, table));
    }
    return ids;
  }

  void add_template(const json::object& step, const TokenTable& table, Frame& frame) const {
    std::vector<TokenId> before;
    std::vector<TokenId> after;
    bool text_seen = false;
    for (const json::value& value : required_array(step, "single")) {
      const json::object& piece = as_object(value, "single");
      if (object_field(piece, "Sequence") != nullptr) {
        text_seen = true;
        continue;
      }
      for (const TokenId id : template_ids(step, piece, table)) (text_seen ? after : before).push_back(id);
    }
    frame.prefix.insert(frame.prefix.begin(), before.begin(), before.end());
    frame.suffix.insert(frame.suffix.end(), after.begin(), after.end());
  }

  const Tokenizer::HuggingFaceFiles& files_;
  json::object root_;
  std::size_t ids_max_;
  std::vector<AddedToken> added_;
};

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::from_hugging_face(const HuggingFaceFiles& files) {
  return HuggingFaceReader(files).run();
}

}  // namespace hearth
