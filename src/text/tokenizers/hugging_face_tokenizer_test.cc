// tokenizer.json piece by piece: each part in the smallest file that shows what it does.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/tokenizers/hugging_face_steps.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {
namespace {

namespace json = boost::json;
using Ids = std::vector<TokenId>;

constexpr EncodeOptions kSpecial{.add_special = true, .parse_special = true};

std::unique_ptr<Tokenizer> open(const std::string& text, const char* tokenizer_config = "{}",
                                const char* generation_config = "{}", const char* config = "{}") {
  const json::object a = json::parse(tokenizer_config).as_object();
  const json::object b = json::parse(generation_config).as_object();
  const json::object c = json::parse(config).as_object();
  return Tokenizer::from_hugging_face({text, a, b, c});
}

std::string normalized(const char* step, std::string text) {
  return normalizer_from_json(json::parse(step).as_object())->apply(std::move(text));
}

std::vector<std::string> pre_tokenized(const char* step, std::string text) {
  Pieces pieces = Pieces::of(std::move(text), true);
  pre_tokenizer_from_json(json::parse(step).as_object())->apply(pieces);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < pieces.spans.size(); ++i) parts.emplace_back(pieces.piece(i));
  return parts;
}
using Parts = std::vector<std::string>;

TEST(HuggingFaceNormalizers, EachDoesWhatItsNameSays) {
  EXPECT_EQ(normalized(R"({"type":"NFC"})", "e\u0301"), "\u00E9");
  EXPECT_EQ(normalized(R"({"type":"NFD"})", "\u00E9"), "e\u0301");
  EXPECT_EQ(normalized(R"({"type":"NFKC"})", "\uFB01\u00BD"), "fi1\u20442");
  EXPECT_EQ(normalized(R"({"type":"NFKD"})", "\u00E9\uFB01"), "e\u0301fi");
  EXPECT_EQ(normalized(R"({"type":"Lowercase"})", "ABC\u00C9"), "abc\u00E9");
  EXPECT_EQ(normalized(R"({"type":"Prepend","prepend":"_"})", "a"), "_a");
  EXPECT_EQ(normalized(R"({"type":"Prepend","prepend":"_"})", ""), "");
  EXPECT_EQ(normalized(R"({"type":"Replace","pattern":{"String":"."},"content":"!"})", "a.b"), "a!b");
  EXPECT_EQ(normalized(R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "})", "a   b \xFF  c"),
            "a b \xFF c");
  EXPECT_EQ(normalized(R"({"type":"Strip","strip_left":true,"strip_right":false})", " a "), "a ");
  EXPECT_EQ(normalized(R"({"type":"Strip"})", " \u3000"), "");
  EXPECT_EQ(normalized(R"({"type":"StripAccents"})", "e\u0301"), "e");
  EXPECT_EQ(normalized(R"({"type":"Nmt"})", "a\u200Bb\u0001c"), "a bc");
  EXPECT_EQ(normalized(R"({"type":"ByteLevel"})", "a b"), "a\u0120b");
  EXPECT_EQ(normalized(R"({"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"}]})", "\u00E9"), "e");
  EXPECT_EQ(normalized(R"({"type":"BertNormalizer"})", "H\u00C9\tl\u4E2D\u0001"), "he l \u4E2D ");
  EXPECT_EQ(normalized(R"({"type":"BertNormalizer","lowercase":false})", "H\u00C9"), "H\u00C9");
  EXPECT_THROW(normalized(R"({"type":"Other"})", ""), Unsupported);
  EXPECT_THROW(normalized(R"({"type":"Precompiled","precompiled_charsmap":"*"})", ""), InvalidInput);
}

TEST(HuggingFaceNormalizers, PrecompiledReplacesWhatItsCharsmapHas) {
  // A double array with one key, "A" (0x41), replaced by "b": the root's children lie at 0x80 ^ byte, the key's value
  // behind the node at 0xC1 ^ 0x40.
  std::vector<std::uint32_t> units(256);
  units[0] = 0x80U << 10;
  units[0x80 ^ 0x41] = 0x41U | 1U << 8 | 0x40U << 10;
  units[0x80 ^ 0x41 ^ 0x40] = 1U << 31;  // the replacement at offset 0
  std::string data;
  const auto add_u32 = [&](std::uint32_t value) {
    for (int i = 0; i < 4; ++i) data.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  };
  add_u32(static_cast<std::uint32_t>(units.size() * 4));
  for (const std::uint32_t unit : units) add_u32(unit);
  data += std::string("b\0", 2);
  const PrecompiledNormalizer normalizer{Charsmap(data)};
  EXPECT_EQ(normalizer.apply("xAA\u00E9"), "xbb\u00E9");
  data.back() = 'x';
  EXPECT_THROW(Charsmap{data}, InvalidInput);
  EXPECT_THROW(Charsmap{data.substr(0, 100)}, InvalidInput);
}

TEST(HuggingFacePreTokenizers, EachCutsAsItsNameSays) {
  EXPECT_EQ(pre_tokenized(R"({"type":"Whitespace"})", "don't stop."), (Parts{"don", "'", "t", "stop", "."}));
  EXPECT_EQ(pre_tokenized(R"({"type":"WhitespaceSplit"})", " a  b.\u3000c"), (Parts{"a", "b.", "c"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"Digits","individual_digits":true})", "a12"), (Parts{"a", "1", "2"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"Digits","individual_digits":false})", "a12b"), (Parts{"a", "12", "b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"Punctuation"})", "a.$b"), (Parts{"a", ".", "$", "b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"Punctuation","behavior":"Contiguous"})", "a..b"), (Parts{"a", "..", "b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"BertPreTokenizer"})", "a b!\u3002"), (Parts{"a", "b", "!", "\u3002"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"CharDelimiterSplit","delimiter":"."})", "a.b"), (Parts{"a", "b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"ByteLevel","add_prefix_space":true})", "a b"), (Parts{"\u0120a", "\u0120b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})", "a b"),
            (Parts{"a\u0120b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"Metaspace","replacement":"_","prepend_scheme":"first"})", "a b"),
            (Parts{"_a", "_b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"Metaspace","replacement":"_","add_prefix_space":false})", "a b"),
            (Parts{"a", "_b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"Split","pattern":{"String":"."},"behavior":"MergedWithPrevious","invert":false})",
                          "a.b"),
            (Parts{"a.", "b"}));
  EXPECT_EQ(pre_tokenized(R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},)"
                          R"("behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]})",
                          "a 1234"),
            (Parts{"a\u0120", "123", "4"}));
  EXPECT_THROW(pre_tokenized(R"({"type":"UnicodeScripts"})", ""), Unsupported);
}

TEST(HuggingFaceBpe, ByteFallbackUnknownsAndMergesInBothForms) {
  const std::string head =
      R"({"added_tokens":[],"model":{"type":"BPE","unk_token":"?","vocab":{"?":0,"a":1,"b":2,"ab":3,"a b":4,)"
      R"("<0xC3>":5,"<0xA9>":6," ":7," b":8},)";
  const auto fallback = open(head + R"("byte_fallback":true,"merges":[["a","b"],[" ","b"],["a"," b"]]}})");
  EXPECT_STREQ(fallback->kind(), "bpe");
  EXPECT_EQ(fallback->encode("ab\u00E9"), (Ids{3, 5, 6}));
  EXPECT_EQ(fallback->encode("a b"), (Ids{4}));
  EXPECT_EQ(fallback->encode("z"), (Ids{0}));
  const auto fused = open(head + R"("fuse_unk":true,"merges":["a b"]}})");
  EXPECT_EQ(fused->encode("zzabzz"), (Ids{0, 3, 0}));
  const auto apart = open(head + R"("fuse_unk":false,"merges":["a b"]}})");
  EXPECT_EQ(apart->encode("zzab"), (Ids{0, 0, 3}));
  EXPECT_EQ(open(head + R"("ignore_merges":true,"merges":[]}})")->encode("a b"), (Ids{4}));
}

TEST(HuggingFaceBpe, PrefixAndSuffixOfWords) {
  const auto tokenizer = open(R"({"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"BPE","unk_token":"?",
      "continuing_subword_prefix":"##","end_of_word_suffix":"</w>",
      "vocab":{"?":0,"a":1,"##b":2,"##c</w>":3,"ab":4,"abc</w>":5,"a</w>":6},
      "merges":["a ##b","ab ##c</w>"]},"decoder":{"type":"BPEDecoder","suffix":"</w>"}})");
  EXPECT_EQ(tokenizer->encode("abc a"), (Ids{5, 6}));
  EXPECT_EQ(tokenizer->decode(Ids{5, 6}), "abc a");
}

TEST(HuggingFaceWordPiece, LongestTokensOrUnknown) {
  const auto tokenizer = open(R"({"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},
      "added_tokens":[{"id":1,"content":"[CLS]","special":true},{"id":2,"content":"[SEP]","special":true}],
      "post_processor":{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]},
      "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
      "model":{"type":"WordPiece","unk_token":"[UNK]","max_input_chars_per_word":5,
      "vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"un":3,"##able":4,"##ab":5,".":6,"able":7}}})");
  EXPECT_STREQ(tokenizer->kind(), "wordpiece");
  EXPECT_EQ(tokenizer->encode("UNab. unx able"), (Ids{3, 5, 6, 0, 7}));
  EXPECT_EQ(tokenizer->encode("unable"), (Ids{0}));  // six characters
  EXPECT_EQ(tokenizer->encode("able", kSpecial), (Ids{1, 7, 2}));
  EXPECT_EQ(tokenizer->decode(Ids{1, 3, 5, 6, 2}), "unab.");
  EXPECT_TRUE(tokenizer->adds_bos());
}

TEST(HuggingFaceUnigram, BestSumFusedUnknownsAndBytes) {
  const std::string model =
      R"("model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["_",-2.0],["a",-3.0],["_a",-4.0],)"
      R"(["<0x7A>",-9.0]])";
  const std::string space = R"("pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"always"},
                               "decoder":{"type":"Metaspace","replacement":"_","prepend_scheme":"always"},)";
  const auto tokenizer = open("{" + space + model + "}}");
  EXPECT_STREQ(tokenizer->kind(), "unigram");
  EXPECT_EQ(tokenizer->encode("a aa"), (Ids{3, 3, 2}));
  EXPECT_EQ(tokenizer->encode("yza"), (Ids{1, 0, 2}));
  EXPECT_EQ(tokenizer->decode(Ids{3, 3, 2}), "a aa");
  EXPECT_EQ(open("{" + space + model + R"(,"byte_fallback":true}})")->encode("z"), (Ids{1, 4}));
}

TEST(HuggingFaceWordLevel, WordsAreTokens) {
  const auto tokenizer = open(R"({"pre_tokenizer":{"type":"Whitespace"},"model":{"type":"WordLevel","unk_token":"?",
                                  "vocab":{"?":0,"hello":1,"world":2}}})");
  EXPECT_EQ(tokenizer->encode("hello big world"), (Ids{1, 0, 2}));
  EXPECT_EQ(tokenizer->decode(Ids{1, 2}), "hello world");
}

TEST(HuggingFaceAddedTokens, FlagsDecideWhereTheyAreFound) {
  const std::string json = R"({"normalizer":{"type":"Lowercase"},"added_tokens":[
      {"id":10,"content":"<S>","special":true,"normalized":false},
      {"id":11,"content":"<L>","special":false,"normalized":false,"lstrip":true},
      {"id":12,"content":"<R>","special":false,"normalized":false,"rstrip":true},
      {"id":13,"content":"word","special":false,"normalized":true,"single_word":true},
      {"id":14,"content":"<S><S>","special":true,"normalized":false},
      {"id":15,"content":"NORM","special":false,"normalized":true}],
      "model":{"type":"BPE","vocab":{"a":0," ":1,"s":2,"<":3,">":4,"w":5,"o":6,"r":7,"d":8},"merges":[]}})";
  const auto tokenizer = open(json);
  EXPECT_EQ(tokenizer->vocab_size(), 16);
  EXPECT_EQ(tokenizer->encode("a<S>"), (Ids{0, 3, 2, 4}));
  EXPECT_EQ(tokenizer->encode("a<S>", {.parse_special = true}), (Ids{0, 10}));
  EXPECT_EQ(tokenizer->encode("<S><S><S>", {.parse_special = true}), (Ids{14, 10}));
  EXPECT_EQ(tokenizer->encode("a  <L> a"), (Ids{0, 11, 1, 0}));
  EXPECT_EQ(tokenizer->encode("a <R>\n a"), (Ids{0, 1, 12, 0}));
  EXPECT_EQ(tokenizer->encode("WORD"), (Ids{13}));
  EXPECT_EQ(tokenizer->encode("sword"), (Ids{2, 5, 6, 7, 8}));
  EXPECT_EQ(tokenizer->encode("a word a"), (Ids{0, 1, 13, 1, 0}));
  EXPECT_EQ(tokenizer->encode("norm"), (Ids{15}));
  EXPECT_EQ(tokenizer->decode(Ids{10, 11}), "<L>");
  EXPECT_TRUE(tokenizer->is_special(10));
}

TEST(HuggingFacePostProcessors, TemplatesAndTheirSequence) {
  const std::string rest =
      R"("added_tokens":[{"id":1,"content":"<s>","special":true},{"id":2,"content":"</s>","special":true}],
                              "model":{"type":"BPE","vocab":{"a":0,"<s>":1,"</s>":2},"merges":[]}})";
  const auto tokenizer = open(R"({"post_processor":{"type":"Sequence","processors":[
      {"type":"ByteLevel"},{"type":"TemplateProcessing",
      "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
      {"SpecialToken":{"id":"</s>","type_id":0}}],
      "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]},
      "</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]}}}]},)" +
                              rest);
  EXPECT_EQ(tokenizer->encode("a", kSpecial), (Ids{1, 0, 2}));
  EXPECT_EQ(tokenizer->encode("", kSpecial), (Ids{1, 2}));
  EXPECT_EQ(tokenizer->encode("a"), (Ids{0}));
  // Without one, tokenizer_config.json decides.
  EXPECT_EQ(open("{" + rest, R"({"bos_token":{"content":"<s>"},"add_bos_token":true})")->encode("a", kSpecial),
            (Ids{1, 0}));
  EXPECT_EQ(open("{" + rest, R"({"bos_token":"<s>"})")->encode("a", kSpecial), (Ids{0}));
  EXPECT_THROW(open(R"({"post_processor":{"type":"BertProcessing","sep":["x",9],"cls":["x",1]},)" + rest),
               InvalidInput);
}

// As templates have them, BERT's and RoBERTa's own processors, or nobody.
TEST(HuggingFacePostProcessors, PairsOfTexts) {
  const auto pair = [](const std::string& processor) {
    const std::string model = R"("model":{"type":"BPE","vocab":{"a":0,"<s>":1,"</s>":2,"b":3},"merges":[]}})";
    return open(R"({"post_processor":)" + processor + "," + model)->encode_pair("a", "ba");
  };
  const auto of_template = [](const std::string& pieces) {
    return R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}],"pair":[)" + pieces +
           R"(],"special_tokens":{"x":{"id":"x","ids":[1,2],"tokens":["<s>","</s>"]},
           "y":{"id":"y","ids":[2],"tokens":["</s>"]}}})";
  };
  const std::string a = R"({"Sequence":{"id":"A","type_id":0}})", x = R"({"SpecialToken":{"id":"x","type_id":0}})",
                    y = R"({"SpecialToken":{"id":"y","type_id":0}})", b = R"({"Sequence":{"id":"B","type_id":1}})",
                    b_alike = R"({"Sequence":{"id":"B","type_id":0}})";
  TokenPair made = pair(of_template(x + "," + a + "," + y + "," + b + "," + y));
  EXPECT_EQ(made.ids, (Ids{1, 2, 0, 2, 3, 0, 2}));
  EXPECT_EQ(made.second_begin, 4);
  made = pair(of_template(a + "," + y + "," + y + "," + b_alike));
  EXPECT_EQ(made.ids, (Ids{0, 2, 2, 3, 0}));
  EXPECT_EQ(made.second_begin, 0);
  made = pair(R"({"type":"BertProcessing","sep":["</s>",2],"cls":["<s>",1]})");
  EXPECT_EQ(made.ids, (Ids{1, 0, 2, 3, 0, 2}));
  EXPECT_EQ(made.second_begin, 3);
  made = pair(R"({"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",1]})");
  EXPECT_EQ(made.ids, (Ids{1, 0, 2, 2, 3, 0, 2}));
  EXPECT_EQ(made.second_begin, 0);
  EXPECT_THROW(pair(R"({"type":"ByteLevel"})"), Unsupported);
  EXPECT_THROW(pair(of_template("")), Unsupported);
  EXPECT_THROW(pair(of_template(b + "," + a)), Unsupported);
}

// Where tokenizer_config.json says what is added, the post-processor's tokens are not.
TEST(HuggingFacePostProcessors, TheTokenizersConfigurationIsAskedFirst) {
  const std::string json = R"({"post_processor":{"type":"TemplateProcessing",
      "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
      {"SpecialToken":{"id":"</s>","type_id":0}}],
      "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]},
      "</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]}}},
      "model":{"type":"BPE","vocab":{"a":0,"<s>":1,"</s>":2},"merges":[]}})";
  const auto ids = [&](const std::string& wishes) {
    const std::string config = R"({"bos_token":"<s>","eos_token":"</s>")" + wishes + "}";
    return open(json, config.c_str())->encode("a", kSpecial);
  };
  EXPECT_EQ(ids(""), (Ids{1, 0, 2}));
  EXPECT_EQ(ids(R"(,"add_bos_token":null)"), (Ids{1, 0, 2}));
  EXPECT_EQ(ids(R"(,"add_bos_token":false)"), (Ids{0}));
  EXPECT_EQ(ids(R"(,"add_bos_token":true)"), (Ids{1, 0}));
  EXPECT_EQ(ids(R"(,"add_eos_token":true)"), (Ids{0, 2}));
  EXPECT_EQ(ids(R"(,"add_bos_token":true,"add_eos_token":true)"), (Ids{1, 0, 2}));
  EXPECT_FALSE(open(json, R"({"bos_token":"<s>","add_bos_token":false})")->adds_bos());
  EXPECT_THROW(open(json, R"({"add_bos_token":true})"), InvalidInput);
}

TEST(HuggingFaceTokenizer, ValuesOfTheWrongKindAreRefusedWithTheirFileAndKey) {
  const std::string json = R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})";
  struct Case {
    const char *tokenizer_config, *generation_config, *config, *sentence;
  };
  for (const Case& c : {
           Case{"{}", "{}", R"({"vocab_size":"9"})", R"(config.json: 'vocab_size' is not a whole number)"},
           Case{"{}", "{}", R"({"eos_token_id":"2"})", R"(config.json: 'eos_token_id' is not a whole number)"},
           Case{"{}", R"({"eos_token_id":[0,"2"]})", "{}",
                R"(generation_config.json: 'eos_token_id' is not a whole number)"},
           Case{"{}", "{}", R"({"bos_token_id":1.5})", R"(config.json: 'bos_token_id' is not a whole number)"},
           Case{R"({"add_bos_token":"no"})", "{}", "{}",
                R"(tokenizer_config.json: 'add_bos_token' is not true or false)"},
           Case{R"({"eos_token":7})", "{}", "{}", R"(tokenizer_config.json: 'eos_token' is not a string)"},
           Case{R"({"added_tokens_decoder":[]})", "{}", "{}",
                R"(tokenizer_config.json: 'added_tokens_decoder' is not an object)"},
       }) {
    try {
      open(json, c.tokenizer_config, c.generation_config, c.config);
      ADD_FAILURE() << c.sentence;
    } catch (const InvalidInput& error) {
      EXPECT_STREQ(error.what(), c.sentence);
    }
  }
}

TEST(HuggingFaceBpe, MergesThatNameNoTokensAreRefused) {
  const auto error_of = [](const std::string& merges) -> std::string {
    try {
      open(R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":)" + merges + "}}");
      return "none";
    } catch (const InvalidInput& error) {
      return error.what();
    }
  };
  EXPECT_EQ(error_of(R"(["a b"])"), "none");
  EXPECT_EQ(error_of(R"(["a b","zz a"])"), R"(The merge "zz a" joins "zz", which is no token of the vocabulary.)");
  EXPECT_EQ(error_of(R"([["a","zz"]])"), R"(The merge "a zz" joins "zz", which is no token of the vocabulary.)");
  EXPECT_EQ(error_of(R"(["b a"])"), R"(The merge "b a" makes "ba", which is no token of the vocabulary.)");
  EXPECT_EQ(error_of(R"([["a",""]])"), R"(The merge "a " joins "", which is no token of the vocabulary.)");
}

TEST(HuggingFaceTokenizer, EndsComeFromTheConfigurations) {
  const std::string json = R"({"added_tokens":[{"id":1,"content":"<e>","special":true}],
                              "model":{"type":"BPE","vocab":{"a":0,"<e>":1,"b":2,"c":3,"d":4},"merges":[]}})";
  const auto tokenizer =
      open(json, R"({"eos_token":"<e>","added_tokens_decoder":{"5":{"content":"<late>","special":true}}})",
           R"({"eos_token_id":[1,2,99]})", R"({"eos_token_id":3,"bos_token_id":4,"vocab_size":9})");
  EXPECT_EQ(tokenizer->vocab_size(), 9);  // as many as the model may produce
  EXPECT_EQ(tokenizer->token_bytes(8), "");
  EXPECT_EQ(tokenizer->eos(), 1);
  EXPECT_EQ(tokenizer->bos(), 4);
  EXPECT_TRUE(tokenizer->is_end_of_generation(1));
  EXPECT_TRUE(tokenizer->is_end_of_generation(2));
  EXPECT_TRUE(tokenizer->is_end_of_generation(3));
  EXPECT_FALSE(tokenizer->is_end_of_generation(0));
  EXPECT_EQ(tokenizer->encode("a<late>", kSpecial), (Ids{0, 5}));
}

TEST(HuggingFaceDecoders, StepsApplyInOrder) {
  const std::string model = R"("model":{"type":"BPE","vocab":{"_a":0,"<0xC3>":1,"<0xA9>":2,"b":3},"merges":[]}})";
  const auto tokenizer =
      open(R"({"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"_"},"content":" "},
      {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},)" +
           model);
  EXPECT_EQ(tokenizer->decode(Ids{0, 1, 2, 0, 3}), "a\u00E9 ab");
  EXPECT_EQ(tokenizer->token_bytes(0), " a");
  EXPECT_EQ(tokenizer->token_bytes(1), "\xC3");
  const auto byte_level =
      open(R"({"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"\u0120a":0,"a b":1},"merges":[]}})");
  EXPECT_EQ(byte_level->decode(Ids{0, 1}), " aa b");
  EXPECT_THROW(open(R"({"decoder":{"type":"CTC"},)" + model), Unsupported);
}

TEST(HuggingFaceTokenizer, MalformedFilesAreRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})",
        R"({"model":{"type":"BPE","vocab":{"a":4000000000},"merges":[]}})",
        R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["ab"]}})",
        R"({"model":{"type":"BPE","vocab":{"a":"0"},"merges":[]}})", R"({"model":{"type":"Unigram","vocab":[]}})",
        R"({"model":{"type":"Unigram","unk_id":7,"vocab":[["a",0]]}})",
        R"({"model":{"type":"Unigram","vocab":[["a"]]}})",
        R"({"added_tokens":[{"id":99999999,"content":"x"}],"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})"}) {
    EXPECT_THROW(open(text), InvalidInput) << text;
  }
  EXPECT_THROW(open(R"({"model":{"type":"Neural","vocab":{}}})"), Unsupported);
}

}  // namespace
}  // namespace hearth
