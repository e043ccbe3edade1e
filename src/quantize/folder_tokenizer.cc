#include "quantize/folder_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "base/escape.h"
#include "text/templates/chat_template.h"
#include "text/templates/special_tokens.h"
#include "text/tokenizers/tokenizer.h"
#include "weights/json.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

enum TokenType : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

// What tokenizers differ in: case, contractions, digits, spaces and line feeds, other scripts, signs, marks.
constexpr std::array<std::string_view, 12> kTexts{
    "Once upon a time there was a little dog, and it was happy.",
    "I'm sure they'll SAY we'Ve DON'T he'd; you're it's",
    "1 12 123 1234 12345 3.14159 1,000,000 2026-11-30 0x7f",
    "  two  spaces,   three    four\tand\t\ttabs \n\n\n lines \r\n end   ",
    "def f(x):\n    return x ** 2  # comment\n\n\nclass A_b(C): pass",
    "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\xe3\x80\x82\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab"
    "\xe3\x81\xa1\xe3\x81\xaf \xec\x95\x88\xeb\x85\x95",
    "Stra\xc3\x9f"
    "e caf\xc3\xa9 na\xc3\xafve \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xce\xb3\xce\xb5\xce\xb9\xce\xb1",
    "\xf0\x9f\x98\x80\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd \xe2\x80\x9cquoted\xe2\x80\x9d \xe2\x80\x94 \xe2\x82\xac 5",
    "CamelCaseWords and ALLCAPS mixed123with456digits a1b2",
    "\xe0\xa4\xa8\xe0\xa4\xae\xe0\xa4\xb8\xe0\xa5\x8d\xe0\xa4\xa4\xe0\xa5\x87 \xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7"
    " e\xcc\x81",
    "!!! ??? ... --- === <<>> ^^ ~~ $5 +6 @me #tag 100% a/b\\c",
    "x=1;y=2;{z:[3]}//\n/path/to/file.txt https://example.com/?q=a&b=c",
};

// Ways to cut text that GGUF has names for, the most common first.
struct PreName {
  std::string_view name;
  bool ignores_merges = false;
};
constexpr PreName kPreNames[] = {
    {"gpt-2"},     {"llama-bpe", true}, {"qwen2"},        {"qwen35"},      {"starcoder"},      {"gpt-4o"},
    {"glm4"},      {"tekken", true},    {"deepseek-llm"}, {"deepseek-v3"}, {"deepseek-coder"}, {"falcon"},
    {"bloom"},     {"viking"},          {"bailingmoe"},   {"seed-coder"},  {"minicpm5", true}, {"youtu", true},
    {"kimi-k2"},   {"exaone-moe"},      {"tiny_aya"},     {"superbpe"},    {"afmoe"},          {"jais-2"},
    {"chameleon"}, {"laguna"},          {"default"},
};

class FolderTokenizer {
 public:
  FolderTokenizer(const ModelSource& folder, std::string_view json, std::int64_t rows)
      : folder_(folder),
        tokenizer_(Tokenizer::open(folder)),
        root_(parse_json_object(json, std::string(kTokenizerJson))),
        model_(required_object(root_, "model")),
        rows_(rows) {
    if (std::string_view(tokenizer_->kind()) != "bpe") {
      throw Unsupported(fmt::format("{}: tokenizers of kind {} cannot be converted; byte-pair encodings can",
                                    folder.path().string(), tokenizer_->kind()));
    }
    if (tokenizer_->vocab_size() > rows) {
      throw InvalidInput(fmt::format("{}: {} tokens for {} rows of the embedding", folder.path().string(),
                                     tokenizer_->vocab_size(), rows));
    }
    falls_back_to_bytes_ = bool_field(model_, "byte_fallback").value_or(false);
    read_added();
  }

  void write(GgufWriter& writer) const { add_keys(writer, way_to_cut()); }

 private:
  void read_added() {
    if (const boost::json::array* added = array_field(root_, "added_tokens")) {
      for (const boost::json::value& value : *added) {
        const boost::json::object& token = as_object(value, "added_tokens");
        const std::int64_t id = required_integer(token, "id");
        if (bool_field(token, "special").value_or(false)) continue;
        if (id >= 0 && id < rows_) user_defined_.insert(static_cast<TokenId>(id));
      }
    }
  }

  // The first name under which a file makes the folder's tokens of all texts.
  std::string_view way_to_cut() const {
    std::vector<std::vector<TokenId>> expected;
    for (const std::string_view text : kTexts) expected.push_back(tokenizer_->encode(text));
    if (falls_back_to_bytes_) {
      if (makes(expected, "")) return "";
    } else {
      const bool ignores_merges = bool_field(model_, "ignore_merges").value_or(false);
      for (const PreName& pre : kPreNames) {
        if (pre.ignores_merges == ignores_merges && makes(expected, pre.name)) return pre.name;
      }
    }
    throw Unsupported(
        fmt::format("{}: GGUF has no name for the way in which this tokenizer cuts text", folder_.path().string()));
  }

  bool makes(const std::vector<std::vector<TokenId>>& expected, std::string_view pre) const {
    GgufWriter writer;
    writer.add("general.architecture", "llama");
    add_keys(writer, pre);
    std::ostringstream out;
    writer.write(out);
    const std::string head = out.str();
    const auto source = ModelSource::in_memory("the converted tokenizer", std::as_bytes(std::span(head)), {});
    const std::unique_ptr<Tokenizer> made = Tokenizer::from_gguf(source->metadata());
    const std::optional<TokenId> unknown = tokenizer_->find(string_field(model_, "unk_token").value_or(""));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      // Of what a vocabulary without bytes cannot spell, one file makes an unknown token and the other several.
      const bool is_unknown =
          unknown && std::find(expected[i].begin(), expected[i].end(), *unknown) != expected[i].end();
      if (!is_unknown && made->encode(kTexts[i]) != expected[i]) return false;
    }
    return true;
  }

  void add_keys(GgufWriter& writer, std::string_view pre) const {
    writer.add("tokenizer.ggml.model", falls_back_to_bytes_ ? "llama" : "gpt2");
    if (!pre.empty()) writer.add("tokenizer.ggml.pre", pre);
    std::vector<std::string> texts;
    std::vector<std::int32_t> types;
    for (std::int64_t id = 0; id < rows_; ++id) {
      const auto token = static_cast<TokenId>(id);
      const bool is_there = id < tokenizer_->vocab_size() && !tokenizer_->token_text(token).empty();
      texts.push_back(is_there ? std::string(tokenizer_->token_text(token)) : fmt::format("[PAD{}]", id));
      types.push_back(is_there ? type_of(token) : kUnused);
    }
    writer.add("tokenizer.ggml.tokens", texts);
    if (falls_back_to_bytes_) writer.add("tokenizer.ggml.scores", scores(texts));
    writer.add("tokenizer.ggml.token_type", types);
    if (!falls_back_to_bytes_) writer.add("tokenizer.ggml.merges", merges());
    add_special_keys(writer);
  }

  std::int32_t type_of(TokenId id) const {
    const std::string_view text = tokenizer_->token_text(id);
    if (string_field(model_, "unk_token").value_or("") == text) return kUnknown;
    if (tokenizer_->is_special(id)) return kControl;
    if (user_defined_.contains(id)) return kUserDefined;
    const bool is_byte = text.size() == 6 && text.starts_with("<0x") && text.ends_with('>');
    return falls_back_to_bytes_ && is_byte ? kByte : kNormal;
  }

  // "left right", whichever form the folder has.
  std::vector<std::string> merges() const {
    std::vector<std::string> result;
    for (const boost::json::value& merge : required_array(model_, "merges")) {
      if (merge.is_string()) {
        result.emplace_back(merge.get_string());
        continue;
      }
      const boost::json::array& pair = as_array(merge, "merges");
      if (pair.size() != 2) throw InvalidInput("tokenizer.json: a merge is not of two tokens");
      result.push_back(fmt::format("{} {}", as_string(pair[0], "merges"), as_string(pair[1], "merges")));
    }
    return result;
  }

  // A token's score is how early the first merge comes that makes it.
  std::vector<float> scores(const std::vector<std::string>& texts) const {
    std::unordered_map<std::string, std::size_t> rank;
    const std::vector<std::string> all = merges();
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::string whole = all[i];
      if (const std::size_t space = whole.find(' '); space != std::string::npos) whole.erase(space, 1);
      rank.emplace(std::move(whole), i);
    }
    std::vector<float> result;
    for (const std::string& text : texts) {
      const auto found = rank.find(text);
      result.push_back(found == rank.end() ? 0.0f : -1.0f - static_cast<float>(found->second));
    }
    return result;
  }

  void add_special_keys(GgufWriter& writer) const {
    const auto add_id = [&](std::string_view key, std::optional<TokenId> id) {
      if (id) writer.add(key, static_cast<std::uint32_t>(*id));
    };
    add_id("tokenizer.ggml.bos_token_id", tokenizer_->bos());
    add_id("tokenizer.ggml.eos_token_id", tokenizer_->eos());
    const boost::json::object named = special_tokens(folder_);
    for (const auto& [name, key] : {std::pair{"unk_token", "tokenizer.ggml.unknown_token_id"},
                                    std::pair{"pad_token", "tokenizer.ggml.padding_token_id"}}) {
      const auto text = string_field(named, name);
      add_id(key, text ? tokenizer_->find(*text) : std::nullopt);
    }
    writer.add("tokenizer.ggml.add_bos_token", tokenizer_->adds_bos());
    const std::vector<TokenId> with_special = tokenizer_->encode("a", {.add_special = true});
    const bool adds_eos = !with_special.empty() && with_special.back() == tokenizer_->eos();
    writer.add("tokenizer.ggml.add_eos_token", adds_eos);
    if (falls_back_to_bytes_) writer.add("tokenizer.ggml.add_space_prefix", has_space_prefix());
  }

  // Whether a space goes in front of a text.
  bool has_space_prefix() const {
    const std::vector<TokenId> ids = tokenizer_->encode("a");
    return !ids.empty() && tokenizer_->token_text(ids.front()).starts_with("\xe2\x96\x81");
  }

  const ModelSource& folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
  boost::json::object root_;
  const boost::json::object& model_;
  std::int64_t rows_;
  bool falls_back_to_bytes_ = false;
  std::set<TokenId> user_defined_;
};

}  // namespace

void add_folder_tokenizer(const ModelSource& folder, std::int64_t rows, GgufWriter& writer,
                          std::vector<std::string>& notes) {
  if (const auto text = chat_template_text(folder)) writer.add("tokenizer.chat_template", *text);
  const auto json = folder.tokenizer_json();
  if (!json) {
    notes.push_back("the folder has no tokenizer.json: the file will take token ids alone, no text");
    return;
  }
  FolderTokenizer(folder, *json, rows).write(writer);
}

}  // namespace hearth
