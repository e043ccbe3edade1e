// Every kind of GGUF vocabulary, each with tokens few enough to follow by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/tokenizers/gguf_metadata_builder.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {
namespace {

using Ids = std::vector<TokenId>;
using Texts = std::vector<std::string>;

constexpr EncodeOptions kSpecial{.add_special = true, .parse_special = true};

// Byte-level BPE: the 256 bytes, then these.
struct BpeFile {
  Texts tokens = {};
  Texts merges = {};
  std::vector<std::int32_t> types = {};  // of `tokens`; empty: all normal
  std::string pre = "gpt-2";
};

GgufMetadataBuilder bpe_metadata(const BpeFile& file) {
  GgufMetadataBuilder builder;
  Texts tokens = byte_level_tokens();
  std::vector<std::int32_t> types(tokens.size(), 1);
  tokens.insert(tokens.end(), file.tokens.begin(), file.tokens.end());
  types.insert(types.end(), file.types.begin(), file.types.end());
  types.resize(tokens.size(), 1);
  builder.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", file.pre);
  builder.texts("tokenizer.ggml.tokens", tokens).texts("tokenizer.ggml.merges", file.merges);
  builder.integers("tokenizer.ggml.token_type", types);
  return builder;
}

TEST(GgufBpe, MergesInRankOrderWithinPieces) {
  const auto builder =
      bpe_metadata({.tokens = {"ab", "bc", "abc", "\u0120a"}, .merges = {"b c", "a b", "a bc", "\u0120 a"}});
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  EXPECT_STREQ(tokenizer->kind(), "bpe");
  EXPECT_EQ(tokenizer->encode("abc"), (Ids{258}));  // "b c" comes first
  EXPECT_EQ(tokenizer->encode("ab bc"), (Ids{256, ' ', 257}));
  EXPECT_EQ(tokenizer->encode("b ab a"), (Ids{'b', ' ', 256, 259}));  // within " ab", "a b" comes before "\u0120 a"
}

TEST(GgufBpe, MergesMayPassThroughTextsThatAreNoTokens) {
  const auto builder = bpe_metadata({.tokens = {"abc"}, .merges = {"a b", "ab c", "c d"}});
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  EXPECT_EQ(tokenizer->encode("abc"), (Ids{256}));
  EXPECT_EQ(tokenizer->encode("ab cd"), (Ids{'a', 'b', ' ', 'c', 'd'}));
}

TEST(GgufBpe, MergesOfAnotherVocabularyAreRefusedAndUselessOnesNoted) {
  const auto useless = bpe_metadata({.tokens = {"abc"}, .merges = {"a b", "xy z"}});
  EXPECT_EQ(Tokenizer::from_gguf(useless.metadata())->notes(),
            Texts{"1 of the 2 merges (tokenizer.ggml.merges) join what is no token and are never used"});
  const auto foreign = bpe_metadata({.tokens = {"abc"}, .merges = {"\u4e2d \u4e2d", "xy z"}});
  EXPECT_THROW(Tokenizer::from_gguf(foreign.metadata()), InvalidInput);
  EXPECT_TRUE(Tokenizer::from_gguf(bpe_metadata({.merges = {"a b", "ab c"}}).metadata())->notes().empty());
}

TEST(GgufBpe, AMissingPreTokenizerIsNoted) {
  const auto named = bpe_metadata({.pre = "default"});
  EXPECT_TRUE(Tokenizer::from_gguf(named.metadata())->notes().empty());
  const auto unnamed = bpe_metadata({.pre = ""});
  const auto tokenizer = Tokenizer::from_gguf(unnamed.metadata());
  ASSERT_EQ(tokenizer->notes().size(), 1U);
  EXPECT_NE(tokenizer->notes()[0].find("tokenizer.ggml.pre"), std::string::npos);
  EXPECT_EQ(tokenizer->encode("1234ab"), Tokenizer::from_gguf(named.metadata())->encode("1234ab"));
}

TEST(GgufBpe, BytesPassThroughWhateverTheyAre) {
  const auto builder = bpe_metadata({});
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  std::string text = "caf\u00E9 \U0001F600\n";
  for (int byte = 0; byte < 256; ++byte) text.push_back(static_cast<char>(byte));
  Ids expected;
  for (const char c : text) expected.push_back(static_cast<unsigned char>(c));
  EXPECT_EQ(tokenizer->encode(text), expected);
  EXPECT_EQ(tokenizer->decode(expected), text);
}

TEST(GgufBpe, IgnoreMergesTakesWholePieces) {
  const BpeFile file{.tokens = {"xyz"}, .pre = "llama-bpe"};
  const auto llama = Tokenizer::from_gguf(bpe_metadata(file).metadata());
  EXPECT_EQ(llama->encode("xyz"), (Ids{256}));
  BpeFile other = file;
  other.pre = "qwen2";
  EXPECT_EQ(Tokenizer::from_gguf(bpe_metadata(other).metadata())->encode("xyz"), (Ids{'x', 'y', 'z'}));
}

TEST(GgufBpe, SpecialTokensByTypeAndOptions) {
  // Longest first; user-defined ones are found always, control ones only when asked for.
  auto builder = bpe_metadata({.tokens = {"<c>", "<u>", "<c><u>"}, .types = {3, 4, 3}});
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  EXPECT_EQ(tokenizer->encode("<u>a<c>"), (Ids{257, 'a', '<', 'c', '>'}));
  EXPECT_EQ(tokenizer->encode("<u>a<c>", {.parse_special = true}), (Ids{257, 'a', 256}));
  EXPECT_EQ(tokenizer->encode("<c><u><u>", {.parse_special = true}), (Ids{258, 257}));
  EXPECT_TRUE(tokenizer->is_special(256));
  EXPECT_FALSE(tokenizer->is_special(257));
  EXPECT_EQ(tokenizer->decode(Ids{256, 'a', 257}), "a<u>");
  EXPECT_EQ(tokenizer->decode(Ids{256, 'a', 257}, {.show_special = true}), "<c>a<u>");
  EXPECT_EQ(tokenizer->token_bytes(256), "");
  EXPECT_EQ(tokenizer->token_text(256), "<c>");
  EXPECT_EQ(tokenizer->find("<u>"), 257);
  EXPECT_EQ(tokenizer->find("nothing"), std::nullopt);
}

TEST(GgufBpe, WellKnownSpellingsAreControlTokensAndEndGenerations) {
  auto builder = bpe_metadata(
      {.tokens = {"<|im_end|>", "<|fim_prefix|>", "<|file_sep|>", "<|end|>", "<|return|>", "<|call|>", "x"},
       .types = {4, 4, 1, 3, 3, 3, 1}});
  builder.id("tokenizer.ggml.eos_token_id", 262);
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  EXPECT_TRUE(tokenizer->is_end_of_generation(256));
  EXPECT_TRUE(tokenizer->is_special(256));
  EXPECT_EQ(tokenizer->encode("<|im_end|>").size(), 10U);  // not without parse_special
  EXPECT_TRUE(tokenizer->is_special(257));
  EXPECT_FALSE(tokenizer->is_end_of_generation(257));
  EXPECT_TRUE(tokenizer->is_end_of_generation(258));
  EXPECT_FALSE(tokenizer->is_end_of_generation(259));  // a part's end where calls and returns end the message
  EXPECT_FALSE(tokenizer->is_special(259));
  EXPECT_TRUE(tokenizer->is_end_of_generation(260));
  EXPECT_TRUE(tokenizer->is_end_of_generation(262));
  EXPECT_EQ(tokenizer->eos(), 262);
}

TEST(GgufBpe, BeginningAndEndTokensFollowTheKeysAndThePreTokenizer) {
  const auto encode = [](const std::string& pre, std::optional<bool> add_bos, std::optional<bool> add_eos) {
    auto builder = bpe_metadata({.tokens = {"<s>", "<e>"}, .types = {3, 3}, .pre = pre});
    builder.id("tokenizer.ggml.bos_token_id", 256).id("tokenizer.ggml.eos_token_id", 257);
    if (add_bos) builder.flag("tokenizer.ggml.add_bos_token", *add_bos);
    if (add_eos) builder.flag("tokenizer.ggml.add_eos_token", *add_eos);
    return Tokenizer::from_gguf(builder.metadata())->encode("a", kSpecial);
  };
  EXPECT_EQ(encode("gpt-2", {}, {}), (Ids{'a'}));
  EXPECT_EQ(encode("gpt-2", true, true), (Ids{256, 'a', 257}));
  EXPECT_EQ(encode("llama-bpe", {}, {}), (Ids{256, 'a'}));
  EXPECT_EQ(encode("llama-bpe", false, {}), (Ids{'a'}));
  auto builder = bpe_metadata({});
  builder.flag("tokenizer.ggml.add_bos_token", true);
  EXPECT_THROW(Tokenizer::from_gguf(builder.metadata()), InvalidInput);
}

TEST(GgufBpe, MissingPreTokenizerMeansDefaultAndUnknownIsRefused) {
  GgufMetadataBuilder builder;
  builder.text("tokenizer.ggml.model", "gpt2").texts("tokenizer.ggml.tokens", byte_level_tokens());
  builder.texts("tokenizer.ggml.merges", {"1 2"});
  EXPECT_EQ(Tokenizer::from_gguf(builder.metadata())->encode("12"), (Ids{'1', '2'}));
  EXPECT_THROW(Tokenizer::from_gguf(bpe_metadata({.pre = "new"}).metadata()), Unsupported);
}

TEST(GgufGemma4, CharactersVisibleSpacesAndByteFallback) {
  GgufMetadataBuilder builder;
  Texts tokens = {"<bos>", "a", "b", "\u2581", "\u2581a", "\n", "\n\n", "<0xC3>", "<0xA9>"};
  builder.text("tokenizer.ggml.model", "gemma4").texts("tokenizer.ggml.tokens", tokens);
  builder.texts("tokenizer.ggml.merges", {"\u2581 a"})
      .integers("tokenizer.ggml.token_type", {3, 1, 1, 1, 1, 1, 1, 6, 6});
  builder.id("tokenizer.ggml.bos_token_id", 0).flag("tokenizer.ggml.add_bos_token", false);
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  EXPECT_EQ(tokenizer->encode("b a\n\n\u00E9", kSpecial), (Ids{0, 2, 4, 6, 7, 8}));
  EXPECT_EQ(tokenizer->decode(Ids{0, 2, 4, 6, 7, 8}), "b a\n\n\u00E9");
}

// SentencePiece: unknown, beginning and end, all bytes, then these with falling scores.
GgufMetadataBuilder spm_metadata(const Texts& pieces, bool equal_scores = false) {
  Texts tokens = {"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> types = {2, 3, 3};
  std::vector<float> scores = {0, 0, 0};
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    tokens.push_back(std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">");
    types.push_back(6);
    scores.push_back(0);
  }
  for (const std::string& piece : pieces) {
    tokens.push_back(piece);
    types.push_back(1);
    scores.push_back(equal_scores ? -1.0F : -static_cast<float>(tokens.size()));
  }
  GgufMetadataBuilder builder;
  builder.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", tokens);
  builder.integers("tokenizer.ggml.token_type", types).floats("tokenizer.ggml.scores", scores);
  return builder;
}
constexpr TokenId kFirst = 259;
TokenId byte_id(unsigned char byte) {
  return 3 + byte;
}

TEST(GgufSpm, MergesByScoreWithSpacePrefixAndByteFallback) {
  const auto builder = spm_metadata({"\u2581a", "ab", "a", "b", "\u2581", "\u2581ab"});
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  EXPECT_STREQ(tokenizer->kind(), "spm");
  // "\u2581a" has the higher score, so that "ab" is never formed; "\u2581ab" joins the two.
  EXPECT_EQ(tokenizer->encode("ab"), (Ids{kFirst + 5}));
  EXPECT_EQ(tokenizer->encode("bab"), (Ids{kFirst + 4, kFirst + 3, kFirst + 1}));
  EXPECT_EQ(tokenizer->encode("\u00E9"), (Ids{kFirst + 4, byte_id(0xC3), byte_id(0xA9)}));
  EXPECT_EQ(tokenizer->encode("\xFF"), (Ids{kFirst + 4, byte_id(0xFF)}));
  EXPECT_EQ(tokenizer->encode(""), Ids{});
  EXPECT_EQ(tokenizer->encode("", kSpecial), (Ids{1}));
  EXPECT_EQ(tokenizer->encode("a<s>a", kSpecial), (Ids{1, kFirst, 1, kFirst}));
  for (const std::string text : {"ab", " ab ", "b\u00E9\xFF", "  "}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
  EXPECT_EQ(tokenizer->token_bytes(kFirst), " a");
  EXPECT_EQ(tokenizer->token_bytes(byte_id(0xC3)), "\xC3");
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_TRUE(tokenizer->is_end_of_generation(2));
}

TEST(GgufSpm, EqualScoresMergeFromTheLeft) {
  const auto builder = spm_metadata({"a", "aa", "aaa"}, true);
  auto no_prefix = spm_metadata({"a", "aa", "aaa"}, true);
  no_prefix.flag("tokenizer.ggml.add_space_prefix", false);
  const auto tokenizer = Tokenizer::from_gguf(no_prefix.metadata());
  EXPECT_EQ(tokenizer->encode("aaaaa"), (Ids{kFirst + 2, kFirst + 1}));
  EXPECT_EQ(tokenizer->decode(Ids{kFirst}), "a");
}

TEST(GgufSpm, Phi3TokensTakeTheSpaceAfterThem) {
  auto builder = spm_metadata({"\u2581", "a", "\u2581a", "<|user|>"});
  const auto ids = [&] {
    return Tokenizer::from_gguf(builder.metadata())->encode("<|user|> \n a", {.parse_special = true});
  };
  EXPECT_EQ(ids().front(), kFirst);  // no special token: ordinary text
  GgufMetadataBuilder phi;
  phi.text("general.name", "Phi3 mini").text("tokenizer.ggml.model", "llama");
  phi.texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "\u2581", "a", "\u2581a", "<|user|>", "<0x0A>"});
  phi.integers("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 3, 6});
  const auto tokenizer = Tokenizer::from_gguf(phi.metadata());
  EXPECT_EQ(tokenizer->encode("<|user|> \n a", {.parse_special = true}), (Ids{6, 5}));
  EXPECT_EQ(tokenizer->encode("<s>\na", {.parse_special = true}), (Ids{1, 3, 7, 4}));
}

TEST(GgufBert, WordsAreNormalizedAndCoveredByLongestTokens) {
  GgufMetadataBuilder builder;
  builder.text("tokenizer.ggml.model", "bert");
  builder.texts("tokenizer.ggml.tokens", {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2581un", "aff", "able", "\u2581cafe",
                                          "\u2581,", "\u2581\u4E2D", "\u2581u", "naff"});
  builder.integers("tokenizer.ggml.token_type", {3, 2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1});
  builder.id("tokenizer.ggml.bos_token_id", 2)
      .id("tokenizer.ggml.seperator_token_id", 3)
      .id("tokenizer.ggml.unknown_token_id", 1);
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  EXPECT_STREQ(tokenizer->kind(), "wordpiece");
  EXPECT_EQ(tokenizer->encode("Unaffable, CAF\u00C9\u4E2D"), (Ids{4, 5, 6, 8, 7, 9}));
  EXPECT_EQ(tokenizer->encode("unxyz cafe"), (Ids{1, 7}));
  EXPECT_EQ(tokenizer->encode("", kSpecial), (Ids{2, 3}));
  EXPECT_EQ(tokenizer->decode(Ids{2, 4, 5, 7, 3}), "unaff cafe");
  const TokenPair pair = tokenizer->encode_pair("un", "cafe [SEP]");
  EXPECT_EQ(pair.ids, (Ids{2, 4, 3, 7, 1, 1, 1, 3}));  // what the text spells is no separator
  EXPECT_EQ(pair.second_begin, 3);
}

TEST(GgufT5, TheBestSpellingWinsAndUnknownsAreOne) {
  GgufMetadataBuilder builder;
  builder.text("tokenizer.ggml.model", "t5");
  builder.texts("tokenizer.ggml.tokens", {"<pad>", "</s>", "<unk>", "\u2581", "a", "b", "ab", "\u2581ab", "<x>"});
  builder.floats("tokenizer.ggml.scores", {0, 0, 0, -2, -3, -3, -5, -9, 0});
  builder.integers("tokenizer.ggml.token_type", {3, 3, 2, 1, 1, 1, 1, 1, 4});
  builder.flag("tokenizer.ggml.add_space_prefix", true).flag("tokenizer.ggml.remove_extra_whitespaces", true);
  const auto tokenizer = Tokenizer::from_gguf(builder.metadata());
  EXPECT_STREQ(tokenizer->kind(), "unigram");
  EXPECT_EQ(tokenizer->encode("ab"), (Ids{3, 6}));  // -7 against -9 and -8
  EXPECT_EQ(tokenizer->encode("  a   b "), (Ids{3, 4, 3, 5}));
  EXPECT_EQ(tokenizer->encode("azzz\u00E9b"), (Ids{3, 4, 2, 5}));
  EXPECT_EQ(tokenizer->encode("a<x>b", kSpecial), (Ids{3, 4, 8, 3, 5, 1}));
  EXPECT_EQ(tokenizer->decode(Ids{3, 6, 1}), "ab");
}

// XLM-RoBERTa's files: between two texts stand two separators, and all tokens are of one type.
TEST(GgufT5, PairsOfTexts) {
  GgufMetadataBuilder builder;
  builder.text("tokenizer.ggml.model", "t5");
  builder.texts("tokenizer.ggml.tokens", {"<s>", "</s>", "<unk>", "\u2581a", "\u2581b"});
  builder.floats("tokenizer.ggml.scores", {0, 0, 0, -1, -1});
  builder.integers("tokenizer.ggml.token_type", {3, 3, 2, 1, 1});
  builder.flag("tokenizer.ggml.add_space_prefix", true).flag("tokenizer.ggml.add_bos_token", true);
  builder.id("tokenizer.ggml.bos_token_id", 0).id("tokenizer.ggml.eos_token_id", 1);
  const TokenPair pair = Tokenizer::from_gguf(builder.metadata())->encode_pair("a", "b a");
  EXPECT_EQ(pair.ids, (Ids{0, 3, 1, 1, 4, 3, 1}));
  EXPECT_EQ(pair.second_begin, 0);
}

TEST(GgufTokenizer, ModelsWithoutTextAreUnsupported) {
  EXPECT_THROW(Tokenizer::from_gguf(Metadata("x")), Unsupported);
  for (const char* model : {"no_vocab", "none", "test", "rwkv", "plamo2"}) {
    GgufMetadataBuilder builder;
    builder.text("tokenizer.ggml.model", model).texts("tokenizer.ggml.tokens", {"a"});
    EXPECT_THROW(Tokenizer::from_gguf(builder.metadata()), Unsupported) << model;
  }
}

TEST(GgufTokenizer, MalformedVocabulariesAreRefused) {
  const auto refuses = [](auto&& change) {
    GgufMetadataBuilder builder;
    builder.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", {"a", "b", "c"});
    change(builder);
    EXPECT_THROW(Tokenizer::from_gguf(builder.metadata()), InvalidInput);
  };
  refuses([](GgufMetadataBuilder& b) { b.integers("tokenizer.ggml.token_type", {1, 1}); });
  refuses([](GgufMetadataBuilder& b) { b.floats("tokenizer.ggml.scores", {0}); });
  refuses([](GgufMetadataBuilder& b) { b.floats("tokenizer.ggml.scores", {0, NAN, 0}); });
  GgufMetadataBuilder bpe;
  bpe.text("tokenizer.ggml.model", "gpt2").texts("tokenizer.ggml.tokens", {"a"}).texts("tokenizer.ggml.merges", {"ab"});
  EXPECT_THROW(Tokenizer::from_gguf(bpe.metadata()), InvalidInput);
  GgufMetadataBuilder t5;
  t5.text("tokenizer.ggml.model", "t5")
      .texts("tokenizer.ggml.tokens", {"a"})
      .bytes("tokenizer.ggml.precompiled_charsmap", "abc");
  EXPECT_THROW(Tokenizer::from_gguf(t5.metadata()), InvalidInput);
}

TEST(GgufTokenizer, IdsOutsideTheVocabularyAreRefused) {
  const auto tokenizer = Tokenizer::from_gguf(bpe_metadata({}).metadata());
  EXPECT_THROW(tokenizer->token_bytes(-1), InvalidInput);
  EXPECT_THROW(tokenizer->decode(Ids{256}), InvalidInput);
  EXPECT_THROW(tokenizer->is_special(1 << 30), InvalidInput);
}

}  // namespace
}  // namespace hearth
