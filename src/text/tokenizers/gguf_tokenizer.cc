// Tokenizers from tokenizer.ggml.* keys. The four kinds differ in what they do to text, which model spells it, and
// which defaults hold where a key is absent; finding special tokens and adding them is common to all.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "text/tokenizers/bpe_model.h"
#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/gguf_pre_tokenizers.h"
#include "text/tokenizers/gguf_tokens.h"
#include "text/tokenizers/normalizer.h"
#include "text/tokenizers/special_splitter.h"
#include "text/tokenizers/spm_model.h"
#include "text/tokenizers/tokenizer.h"
#include "text/tokenizers/unigram_model.h"
#include "text/tokenizers/wordpiece_model.h"

namespace hearth {
namespace {

constexpr std::string_view kKnownModels =
    "gpt2, gemma4 (byte-pair encoding), llama (SentencePiece), bert (WordPiece), t5 (unigram)";

// How one kind of vocabulary treats text in which no special token is left.
struct TextRules {
  bool space_after_special = false;              // text at the start and after a special token gets a space in front
  std::unique_ptr<const Normalizer> normalizer;  // null: none
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // null: the text is one piece
  std::unique_ptr<const TokenModel> model;
};

class GgufPipeline : public TokenizerPipeline {
 public:
  GgufPipeline(SpecialSplitter splitter, TextRules rules, std::vector<TokenId> prefix, std::vector<TokenId> suffix)
      : splitter_(std::move(splitter)),
        rules_(std::move(rules)),
        prefix_(std::move(prefix)),
        suffix_(std::move(suffix)) {}

  std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const override {
    std::vector<TokenId> out;
    if (options.add_special) out = prefix_;
    bool after_special = true;
    for (const Fragment& fragment : splitter_.split(text, options.parse_special)) {
      if (fragment.token != kNoToken) {
        out.push_back(fragment.token);
        after_special = true;
        continue;
      }
      std::string part;
      if (rules_.space_after_special && after_special) part += ' ';
      part += text.substr(fragment.span.begin, fragment.span.end - fragment.span.begin);
      encode_text(std::move(part), out);
      after_special = false;
    }
    if (options.add_special) out.insert(out.end(), suffix_.begin(), suffix_.end());
    return out;
  }

 private:
  void encode_text(std::string text, std::vector<TokenId>& out) const {
    if (rules_.normalizer != nullptr) text = rules_.normalizer->apply(std::move(text));
    Pieces pieces;
    if (rules_.pre_tokenizer != nullptr) {
      pieces = Pieces::of(std::move(text), true);
      rules_.pre_tokenizer->apply(pieces);
    } else {
      pieces.text = std::move(text);
      pieces.add({0, pieces.text.size()}, true);
    }
    rules_.model->encode(pieces, out);
  }

  SpecialSplitter splitter_;
  TextRules rules_;
  std::vector<TokenId> prefix_;
  std::vector<TokenId> suffix_;
};

std::unique_ptr<const Normalizer> visible_spaces() {
  return std::make_unique<FunctionNormalizer>(
      [](std::string_view text) { return replace_all(text, " ", kVisibleSpace); });
}

// Reads one vocabulary; the member functions named after the kinds return how it treats text.
class GgufTokenizerReader {
 public:
  explicit GgufTokenizerReader(const Metadata& metadata) : metadata_(metadata) {}

  std::unique_ptr<Tokenizer> run() {
    read_vocabulary();
    using Rules = TextRules (GgufTokenizerReader::*)();
    struct Kind {
      std::string_view model;
      const char* name;
      Rules rules;
    };
    constexpr Kind kKinds[] = {{"gpt2", "bpe", &GgufTokenizerReader::byte_pair_encoding},
                               {"gemma4", "bpe", &GgufTokenizerReader::byte_pair_encoding},
                               {"llama", "spm", &GgufTokenizerReader::sentence_piece},
                               {"bert", "wordpiece", &GgufTokenizerReader::word_piece},
                               {"t5", "unigram", &GgufTokenizerReader::unigram}};
    for (const Kind& kind : kKinds) {
      if (kind.model != model_) continue;
      TextRules rules = (this->*kind.rules)();
      set_special_ids();
      fill_table();
      auto pipeline = std::make_unique<GgufPipeline>(SpecialSplitter(vocabulary(), tokens_), std::move(rules),
                                                     std::move(prefix_), std::move(suffix_));
      return std::make_unique<Tokenizer>(kind.name, std::move(*table_), std::move(pipeline), decode_rules_,
                                         std::move(notes_));
    }
    throw Unsupported(fmt::format("The tokenizer \"{}\" (tokenizer.ggml.model) is unknown; the known ones are: {}.",
                                  model_, kKnownModels));
  }

 private:
  const Vocabulary& vocabulary() const { return table_->vocabulary(); }
  bool boolean(std::string_view key, bool otherwise) const { return metadata_.boolean(key).value_or(otherwise); }

  void read_vocabulary() {
    const auto model = metadata_.string("tokenizer.ggml.model");
    if (!model || *model == "no_vocab" || *model == "none") {
      throw Unsupported("The model file has no tokenizer (tokenizer.ggml.model): give token ids instead of text.");
    }
    model_ = *model;
    const auto texts = metadata_.strings("tokenizer.ggml.tokens");
    if (!texts || texts->empty()) {
      throw Unsupported(
          fmt::format("The model file names a tokenizer (\"{}\") without a vocabulary (tokenizer.ggml.tokens): "
                      "give token ids instead of text.",
                      model_));
    }
    table_.emplace(std::make_unique<const Vocabulary>(*texts));
    tokens_ = gguf_tokens(metadata_, vocabulary());
  }

  TextRules byte_pair_encoding() {
    GgufPreTokenizer pre = gguf_pre_tokenizer(pre_tokenizer_name());
    adds_bos_ = pre.adds_bos;
    forces_bos_ = pre.forces_bos;
    spaces_are_visible_ = !pre.byte_level;
    const auto texts = metadata_.strings("tokenizer.ggml.merges");
    if (!texts && pre.needs_merges) throw InvalidInput("The vocabulary has no merges (tokenizer.ggml.merges).");
    std::vector<MergePair> merges;
    for (const std::string_view text : texts.value_or(std::vector<std::string_view>{})) {
      const std::size_t space = text.find(' ', 1);
      if (space == std::string_view::npos)
        throw InvalidInput(fmt::format("The merge \"{}\" is not two tokens and a space.", text));
      merges.push_back({text.substr(0, space), text.substr(space + 1)});
    }
    BpeOptions options;
    options.ignore_merges = pre.ignore_merges;
    options.whole_newline_runs = pre.whole_newline_runs;
    options.unknown.byte_fallback = !pre.byte_level;
    TextRules rules;
    if (!pre.byte_level) rules.normalizer = visible_spaces();
    rules.pre_tokenizer = std::move(pre.steps);
    auto model = std::make_unique<BpeModel>(vocabulary(), merges, options);
    check_merges(*model, merges.size());
    rules.model = std::move(model);
    return rules;
  }

  std::string_view pre_tokenizer_name() {
    if (model_ == "gemma4") return "gemma4";
    const std::string_view name = metadata_.string("tokenizer.ggml.pre").value_or("");
    if (!name.empty()) return name;
    notes_.push_back(
        "the file does not say how text is cut before it becomes tokens (tokenizer.ggml.pre is missing, as in files "
        "converted before May 2024): it is cut by a default rule, and answers may be worse than the model's own");
    return "default";
  }

  void check_merges(const BpeModel& model, std::size_t count) {
    if (!model.joins_tokens()) {
      throw InvalidInput(
          fmt::format("None of the {} merges (tokenizer.ggml.merges) joins two tokens of the vocabulary: they belong "
                      "to another one.",
                      count));
    }
    if (model.unreachable_merge_count() == 0) return;
    notes_.push_back(fmt::format("{} of the {} merges (tokenizer.ggml.merges) join what is no token and are never used",
                                 model.unreachable_merge_count(), count));
  }

  TextRules sentence_piece() {
    adds_bos_ = true;
    default_bos_ = 1;
    default_eos_ = 2;
    spaces_are_visible_ = true;
    TextRules rules;
    rules.space_after_special = boolean("tokenizer.ggml.add_space_prefix", true);
    decode_rules_.leading_count_max = rules.space_after_special ? 1 : 0;
    rules.normalizer = visible_spaces();
    rules.model = std::make_unique<SpmModel>(vocabulary(), scores(), unknown_id(0));
    return rules;
  }

  TextRules word_piece() {
    adds_bos_ = forces_bos_ = true;
    default_bos_ = 101;
    separator_ = gguf_token_id(metadata_, "tokenizer.ggml.seperator_token_id", vocabulary());
    if (!separator_) separator_ = gguf_token_id(metadata_, "tokenizer.ggml.separator_token_id", vocabulary());
    if (!separator_ && vocabulary().contains(102)) separator_ = 102;
    spaces_are_visible_ = true;
    decode_rules_.leading_count_max = 1;
    const bool lowercase = boolean("tokenizer.ggml.normalizer.lowercase", true);
    const bool strip_accents = boolean("tokenizer.ggml.normalizer.strip_accents", lowercase);
    TextRules rules;
    rules.normalizer = std::make_unique<GgufBertNormalizer>(lowercase, strip_accents);
    rules.pre_tokenizer = std::make_unique<SplitStep>(Regex(" "), SplitBehavior::kRemoved);
    rules.model =
        std::make_unique<WordPieceModel>(vocabulary(), WordPieceOptions{.word_prefix = std::string(kVisibleSpace),
                                                                        .continuing_prefix = "",
                                                                        .unknown = unknown_id(100)});
    return rules;
  }

  TextRules unigram() {
    adds_eos_ = true;
    default_eos_ = 1;
    spaces_are_visible_ = true;
    SentencePieceOptions options;
    options.add_space_prefix = boolean("tokenizer.ggml.add_space_prefix", false);
    options.remove_extra_spaces = boolean("tokenizer.ggml.remove_extra_whitespaces", false);
    decode_rules_.leading_count_max = options.add_space_prefix || options.remove_extra_spaces ? 1 : 0;
    if (const auto bytes = metadata_.integers("tokenizer.ggml.precompiled_charsmap")) {
      std::string data;
      for (const std::int64_t byte : *bytes) data.push_back(static_cast<char>(byte));
      options.charsmap = std::make_unique<const Charsmap>(data);
    }
    const std::vector<float> all_scores = scores();
    std::vector<UnigramModel::Piece> pieces;
    std::vector<ByteTrie::Entry> verbatim;
    float lowest = std::numeric_limits<float>::max();
    for (TokenId id = 0; vocabulary().contains(id); ++id) {
      const GgufToken& token = tokens_[static_cast<std::size_t>(id)];
      const float score = all_scores[static_cast<std::size_t>(id)];
      if (token.normal) lowest = std::min(lowest, score);
      if (token.user_defined) verbatim.push_back({vocabulary().text(id), id});
      if (token.normal || token.user_defined || token.unused) pieces.push_back({id, token.user_defined ? 0.0 : score});
    }
    options.verbatim = ByteTrie(std::move(verbatim));
    constexpr double kUnknownPenalty = 10.0;
    TextRules rules;
    rules.normalizer = std::make_unique<SentencePieceNormalizer>(std::move(options));
    rules.model = std::make_unique<UnigramModel>(vocabulary(), pieces, lowest - kUnknownPenalty,
                                                 UnknownRule{.unknown = unknown_id(2)});
    return rules;
  }

  std::vector<float> scores() const {
    std::vector<float> scores =
        metadata_.numbers("tokenizer.ggml.scores").value_or(std::vector<float>(vocabulary().size()));
    if (scores.size() < vocabulary().size()) {
      throw InvalidInput(
          fmt::format("tokenizer.ggml.scores has {} entries for {} tokens.", scores.size(), vocabulary().size()));
    }
    scores.resize(vocabulary().size());
    for (const float score : scores) {
      if (!std::isfinite(score)) throw InvalidInput("tokenizer.ggml.scores holds a score that is no finite number.");
    }
    return scores;
  }

  TokenId unknown_id(TokenId otherwise) const {
    if (const auto id = gguf_token_id(metadata_, "tokenizer.ggml.unknown_token_id", vocabulary())) return *id;
    return vocabulary().contains(otherwise) ? otherwise : kNoToken;
  }

  std::optional<TokenId> special_id(std::string_view key, std::optional<TokenId> otherwise) const {
    if (const auto id = gguf_token_id(metadata_, key, vocabulary())) return id;
    return otherwise && vocabulary().contains(*otherwise) ? otherwise : std::nullopt;
  }

  void set_special_ids() {
    table_->bos = special_id("tokenizer.ggml.bos_token_id", default_bos_);
    table_->eos = special_id("tokenizer.ggml.eos_token_id", default_eos_);
    if (table_->eos) tokens_[static_cast<std::size_t>(*table_->eos)].ends_generation = true;
    const auto bos_wish = metadata_.boolean("tokenizer.ggml.add_bos_token");
    const auto eos_wish = metadata_.boolean("tokenizer.ggml.add_eos_token");
    if (bos_wish.value_or(false) && !table_->bos) {
      throw InvalidInput("tokenizer.ggml.add_bos_token is true, and tokenizer.ggml.bos_token_id names no token.");
    }
    if (eos_wish.value_or(false) && !table_->eos) {
      throw InvalidInput("tokenizer.ggml.add_eos_token is true, and tokenizer.ggml.eos_token_id names no token.");
    }
    table_->adds_bos = table_->bos && (forces_bos_ || bos_wish.value_or(adds_bos_));
    if (table_->adds_bos) prefix_.push_back(*table_->bos);
    if (separator_) {
      suffix_.push_back(*separator_);
    } else if (table_->eos && eos_wish.value_or(adds_eos_)) {
      suffix_.push_back(*table_->eos);
    }
    set_pair_frame();
  }

  // As BERT's vocabularies have it, [CLS] A [SEP] B [SEP] with two types of tokens; as RoBERTa's, with a separator more
  // between the texts, and one type. Where nothing ends a text, nothing is known of pairs.
  void set_pair_frame() {
    if (suffix_.empty()) return;
    TokenTable::PairFrame frame{prefix_, suffix_, suffix_, separator_.has_value()};
    const bool adds_separator = boolean("tokenizer.ggml.add_sep_token", model_ == "t5" && table_->adds_bos);
    if (!separator_ && adds_separator) {
      const auto own = gguf_token_id(metadata_, "tokenizer.ggml.seperator_token_id", vocabulary());
      frame.between.push_back(own.value_or(suffix_.front()));
    }
    table_->pair = std::move(frame);
  }

  void fill_table() {
    for (TokenId id = 0; vocabulary().contains(id); ++id) {
      const GgufToken& token = tokens_[static_cast<std::size_t>(id)];
      if (token.is_special()) table_->set_special(id);
      if (token.ends_generation) table_->set_end_of_generation(id);
      table_->append_bytes(bytes_of(token, vocabulary().text(id)));
    }
  }

  std::string bytes_of(const GgufToken& token, std::string_view text) const {
    if (token.is_special()) return {};
    if (token.user_defined) return std::string(text);
    if (token.byte) {
      const int byte = byte_of_token_text(text);
      return byte < 0 ? std::string(text) : std::string(1, static_cast<char>(byte));
    }
    if (!token.normal) return {};
    if (spaces_are_visible_) return replace_all(text, kVisibleSpace, " ");
    return bytes_from_alphabet(text).value_or(std::string(text));
  }

  const Metadata& metadata_;
  std::string model_;
  std::optional<TokenTable> table_;
  std::vector<GgufToken> tokens_;
  // Set by the kind.
  bool adds_bos_ = false;
  bool forces_bos_ = false;
  bool adds_eos_ = false;
  bool spaces_are_visible_ = false;
  std::optional<TokenId> default_bos_;
  std::optional<TokenId> default_eos_;
  std::optional<TokenId> separator_;
  DecodeRules decode_rules_;
  std::vector<TokenId> prefix_;
  std::vector<TokenId> suffix_;
  std::vector<std::string> notes_;
};

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::from_gguf(const Metadata& metadata) {
  return GgufTokenizerReader(metadata).run();
}

}  // namespace hearth
