// What happens to text before it is cut into pieces. The steps, their names and their meaning are those of Hugging
// Face's tokenizer.json; SentencePieceNormalizer is what GGUF's "t5" vocabularies ask for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/byte_trie.h"
#include "text/tokenizers/charsmap.h"
#include "text/unicode/regex.h"
#include "text/unicode/unicode.h"

namespace hearth {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Ill-formed UTF-8 passes through unchanged.
  virtual std::string apply(std::string text) const = 0;
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<const Normalizer>> steps) : steps_(std::move(steps)) {}
  std::string apply(std::string text) const override {
    for (const auto& step : steps_) text = step->apply(std::move(text));
    return text;
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

// A step that is one function: Unicode forms, Lowercase, Prepend and their like.
class FunctionNormalizer : public Normalizer {
 public:
  explicit FunctionNormalizer(std::function<std::string(std::string_view)> function) : function_(std::move(function)) {}
  std::string apply(std::string text) const override { return function_(text); }

 private:
  std::function<std::string(std::string_view)> function_;
};

class ReplaceNormalizer : public Normalizer {
 public:
  ReplaceNormalizer(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  std::string apply(std::string text) const override;

 private:
  Regex pattern_;
  std::string content_;
};

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_characters = true;
  bool strip_accents = true;
  bool lowercase = true;
};

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(BertNormalizerOptions options) : options_(options) {}
  std::string apply(std::string text) const override;

 private:
  BertNormalizerOptions options_;
};

// tokenizer.json's Precompiled: each grapheme of fewer than six bytes, or else each of its characters, is replaced by
// what the charsmap has for its shortest prefix.
class PrecompiledNormalizer : public Normalizer {
 public:
  explicit PrecompiledNormalizer(Charsmap charsmap) : charsmap_(std::move(charsmap)) {}
  std::string apply(std::string text) const override;

 private:
  void append_grapheme(std::string_view grapheme, std::string& out) const;
  Charsmap charsmap_;
};

struct SentencePieceOptions {
  bool add_space_prefix = false;
  bool remove_extra_spaces = false;
  std::unique_ptr<const Charsmap> charsmap;  // null: characters stay as they are
  ByteTrie verbatim;                         // texts that no rule changes
};

// SentencePiece's own: the charsmap's longest matches, then spaces become U+2581.
class SentencePieceNormalizer : public Normalizer {
 public:
  explicit SentencePieceNormalizer(SentencePieceOptions options) : options_(std::move(options)) {}
  std::string apply(std::string text) const override;

 private:
  SentencePieceOptions options_;
};

// How GGUF's "bert" vocabularies are fed: words without accents and in lower case, punctuation and Chinese characters
// apart, separated by single spaces.
class GgufBertNormalizer : public Normalizer {
 public:
  GgufBertNormalizer(bool lowercase, bool strip_accents) : lowercase_(lowercase), strip_accents_(strip_accents) {}
  std::string apply(std::string text) const override;

 private:
  bool lowercase_;
  bool strip_accents_;
};

inline constexpr std::string_view kVisibleSpace = "\xE2\x96\x81";  // U+2581, SentencePiece's space

std::string replace_all(std::string_view text, std::string_view from, std::string_view to);
// Without the characters for which `drop` is true.
std::string remove_characters(std::string_view text, bool (*drop)(char32_t));
// Without white space at the ends that are asked for.
std::string strip(std::string_view text, bool left, bool right);

}  // namespace hearth
