// Text to tokens and back. One class for every kind of vocabulary, made from a GGUF file's tokenizer.ggml.* keys or
// from a Hugging Face folder's tokenizer.json; the results are those of llama.cpp for the one, of Hugging Face's
// tokenizers for the other.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/stream_decoder.h"
#include "text/tokenizers/token_table.h"
#include "weights/metadata.h"
#include "weights/model_source.h"

namespace hearth {

struct EncodeOptions {
  bool add_special = false;    // put beginning and end tokens where the vocabulary asks for them
  bool parse_special = false;  // special tokens spelt in the text become those tokens
};

struct DecodeOptions {
  bool show_special = false;  // spell special tokens out; otherwise they are skipped
};

// Two texts as one.
struct TokenPair {
  std::vector<TokenId> ids;
  std::int64_t second_begin = 0;  // where the second type of tokens begins; 0: all are of the first
};

// How text becomes tokens; one for GGUF vocabularies, one for tokenizer.json.
class TokenizerPipeline {
 public:
  virtual ~TokenizerPipeline() = default;
  virtual std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const = 0;
};

// What decoding does to the text as a whole, after the tokens' bytes are put together.
struct DecodeRules {
  std::string leading = " ";          // removed from the text's start, up to ...
  std::size_t leading_count_max = 0;  // ... this many times
  bool drop_trailing_space = false;   // one space at the text's end
  bool clean_up_spaces = false;       // BERT's: no space before punctuation and contractions
};

// Immutable, so that threads may share it. Ids passed to it must be those of the vocabulary: InvalidInput otherwise.
class Tokenizer {
 public:
  using EncodeOptions = hearth::EncodeOptions;
  using DecodeOptions = hearth::DecodeOptions;

  // Throws Unsupported if the model has no tokenizer, or one of a kind that Hearth does not know; InvalidInput if it is
  // malformed. The source need not outlive the tokenizer.
  static std::unique_ptr<Tokenizer> open(const ModelSource& source);
  // From tokenizer.ggml.* keys.
  static std::unique_ptr<Tokenizer> from_gguf(const Metadata& metadata);
  // From tokenizer.json's text and what stands beside it (an empty object for a file that does not exist).
  struct HuggingFaceFiles {
    std::string_view tokenizer_json;
    const boost::json::object& tokenizer_config;
    const boost::json::object& generation_config;
    const boost::json::object& config;
  };
  static std::unique_ptr<Tokenizer> from_hugging_face(const HuggingFaceFiles& files);

  Tokenizer(const char* kind, TokenTable table, std::unique_ptr<const TokenizerPipeline> pipeline, DecodeRules rules,
            std::vector<std::string> notes = {});

  // The text may hold any bytes. Ill-formed UTF-8 keeps its bytes where the vocabulary has tokens for them, and is an
  // unknown token or nothing elsewhere.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const;
  // Special tokens that the texts spell are text. Throws Unsupported where the vocabulary does not say how two texts
  // stand together.
  TokenPair encode_pair(std::string_view first, std::string_view second) const;
  // The text of a whole sequence, without the space that encoding put in front: the tokens' bytes as they are, valid
  // UTF-8 if the ids came from valid text.
  std::string decode(std::span<const TokenId> ids, DecodeOptions options = {}) const;

  // What a token adds to running text, its leading space kept; may be part of a character. Empty for special tokens.
  std::string_view token_bytes(TokenId id) const;
  // As the vocabulary spells it.
  std::string_view token_text(TokenId id) const;
  std::optional<TokenId> find(std::string_view token_text) const;
  bool is_special(TokenId id) const;
  bool is_end_of_generation(TokenId id) const;

  int vocab_size() const { return static_cast<int>(table_.vocabulary().size()); }
  std::optional<TokenId> bos() const { return table_.bos; }
  std::optional<TokenId> eos() const { return table_.eos; }
  // Encoding with add_special begins with bos().
  bool adds_bos() const { return table_.adds_bos; }
  // "bpe", "spm", "wordpiece", "unigram" or "wordlevel".
  const char* kind() const { return kind_; }
  // Sentences for the user on what is odd in the vocabulary and works all the same.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void check(TokenId id) const;

  const char* kind_;
  TokenTable table_;
  std::unique_ptr<const TokenizerPipeline> pipeline_;
  DecodeRules rules_;
  std::vector<std::string> notes_;
};

}  // namespace hearth
