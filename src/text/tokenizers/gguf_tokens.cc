// The order of the steps matters, since later ones override earlier ones.
#include "text/tokenizers/gguf_tokens.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include <fmt/format.h>

#include "base/error.h"

namespace hearth {
namespace {

// Tokens that end a generation wherever they occur in a vocabulary.
constexpr std::array<std::string_view, 22> kEndTexts = {"<|eot_id|>",
                                                        "<|im_end|>",
                                                        "<|end|>",
                                                        "<|return|>",
                                                        "<|call|>",
                                                        "<|flush|>",
                                                        "<|calls|>",
                                                        "<end_of_turn>",
                                                        "<|endoftext|>",
                                                        "</s>",
                                                        "<|eom_id|>",
                                                        "<EOT>",
                                                        "_<EOT>",
                                                        "[EOT]",
                                                        "[EOS]",
                                                        "<|end_of_text|>",
                                                        "<end_of_utterance>",
                                                        "<eos>",
                                                        "<turn|>",
                                                        "<|tool_response>",
                                                        "<\xEF\xBD\x9C"
                                                        "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
                                                        "[e~["};

// A role that a key names, or else the first of some spellings.
struct Role {
  std::string_view key;
  std::array<std::string_view, 8> texts;
  bool ends_generation;
};

constexpr std::array<Role, 6> kInfillRoles = {{
    {"tokenizer.ggml.fim_pre_token_id",
     {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",
      "<\xEF\xBD\x9C"
      "fim\xE2\x96\x81"
      "begin\xEF\xBD\x9C>",
      "<PRE>", "\xE2\x96\x81<PRE>", "<|code_prefix|>", "<|prefix|>"},
     false},
    {"tokenizer.ggml.fim_suf_token_id",
     {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
      "<\xEF\xBD\x9C"
      "fim\xE2\x96\x81hole\xEF\xBD\x9C>",
      "<SUF>", "\xE2\x96\x81<SUF>", "<|code_suffix|>", "<|suffix|>"},
     false},
    {"tokenizer.ggml.fim_mid_token_id",
     {"<|fim_middle|>", "<fim-middle>", "<fim_middle>",
      "<\xEF\xBD\x9C"
      "fim\xE2\x96\x81"
      "end\xEF\xBD\x9C>",
      "<MID>", "\xE2\x96\x81<MID>", "<|code_middle|>", "<|middle|>"},
     false},
    {"tokenizer.ggml.fim_pad_token_id", {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"}, true},
    {"tokenizer.ggml.fim_rep_token_id", {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"}, true},
    {"tokenizer.ggml.fim_sep_token_id", {"<|file_sep|>"}, true},
}};

GgufToken token_of_type(std::int64_t type) {
  GgufToken token;
  switch (type) {
    case 1:
      token.normal = true;
      break;
    case 2:
      token.unknown = true;
      break;
    case 3:
      token.control = true;
      break;
    case 4:
      token.user_defined = true;
      break;
    case 5:
      token.unused = true;
      break;
    case 6:
      token.byte = true;
      break;
    default:
      break;
  }
  return token;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class TokenReader {
 public:
  TokenReader(const Metadata& metadata, const Vocabulary& vocabulary) : metadata_(metadata), vocabulary_(vocabulary) {}

  std::vector<GgufToken> run() {
    read_types();
    find_infill_tokens();
    find_ends();
    set_strips();
    return std::move(tokens_);
  }

 private:
  GgufToken* find(std::string_view text) {
    const TokenId id = vocabulary_.find(text);
    return id == kNoToken ? nullptr : &tokens_[static_cast<std::size_t>(id)];
  }

  void read_types() {
    GgufToken normal;
    normal.normal = true;
    tokens_.assign(vocabulary_.size(), normal);
    const auto types = metadata_.integers("tokenizer.ggml.token_type");
    if (!types) return;
    if (types->size() < tokens_.size()) {
      throw InvalidInput(
          fmt::format("tokenizer.ggml.token_type has {} entries for {} tokens.", types->size(), tokens_.size()));
    }
    for (std::size_t i = 0; i < tokens_.size(); ++i) tokens_[i] = token_of_type((*types)[i]);
  }

  void find_infill_tokens() {
    for (const Role& role : kInfillRoles) {
      GgufToken* token = nullptr;
      if (const auto id = gguf_token_id(metadata_, role.key, vocabulary_)) {
        token = &tokens_[static_cast<std::size_t>(*id)];
      } else {
        for (const std::string_view text : role.texts) {
          if (token == nullptr) token = find(text);
        }
        if (token != nullptr) token->control = true;
      }
      if (token != nullptr && role.ends_generation) token->ends_generation = true;
    }
  }

  void find_ends() {
    for (const std::string_view text : kEndTexts) {
      if (GgufToken* token = find(text)) token->control = token->ends_generation = true;
    }
    // The markers of a message's parts are shown, so that a reader can tell the parts.
    for (const std::string_view text : {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"}) {
      if (GgufToken* token = find(text)) *token = token_of_type(4);
    }
    for (const std::string_view key :
         {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
      if (const auto id = gguf_token_id(metadata_, key, vocabulary_)) {
        tokens_[static_cast<std::size_t>(*id)].ends_generation = true;
      }
    }
    // Where messages end with other tokens, <|end|> only ends a part of one, and </s> is text.
    const bool calls = ends("<|call|>") || ends("<|calls|>");
    if (ends("<|end|>") && calls && (ends("<|return|>") || ends("<|flush|>"))) *find("<|end|>") = token_of_type(4);
    if (ends("</s>") && ends("<|tool_response>")) *find("</s>") = token_of_type(1);
  }

  bool ends(std::string_view text) {
    const GgufToken* token = find(text);
    return token != nullptr && token->ends_generation;
  }

  // The format has no field for it; the models that need it are known by name.
  void set_strips() {
    const std::string_view pre = metadata_.string("tokenizer.ggml.pre").value_or("");
    const std::string_view architecture = metadata_.string("general.architecture").value_or("");
    std::string name(metadata_.string("general.name").value_or(""));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (contains(pre, "jina-v2-de") || contains(pre, "jina-v2-es") || contains(pre, "jina-v2-code") ||
        contains(architecture, "nomic-bert-moe") || contains(architecture, "jina-bert-v3")) {
      if (GgufToken* token = find("<mask>")) token->strips_left = true;
    } else if (contains(name, "phi-3") || contains(name, "phi3")) {
      for (GgufToken& token : tokens_) token.strips_right = token.is_found_in_text();
      for (const std::string_view text : {"<unk>", "<s>", "<|endoftext|>"}) {
        if (GgufToken* token = find(text)) token->strips_right = false;
      }
    } else if (contains(name, "modern-bert")) {
      if (GgufToken* token = find("[MASK]")) token->strips_left = true;
    }
  }

  const Metadata& metadata_;
  const Vocabulary& vocabulary_;
  std::vector<GgufToken> tokens_;
};

}  // namespace

std::vector<GgufToken> gguf_tokens(const Metadata& metadata, const Vocabulary& vocabulary) {
  return TokenReader(metadata, vocabulary).run();
}

std::optional<TokenId> gguf_token_id(const Metadata& metadata, std::string_view key, const Vocabulary& vocabulary) {
  const std::optional<std::int64_t> id = metadata.integer(key);
  if (!id || !vocabulary.contains(*id)) return std::nullopt;
  return static_cast<TokenId>(*id);
}

}  // namespace hearth
