// Whatever the tokens' boundaries, the stream is the repaired text, and each output is well-formed by itself.
#include "text/tokenizers/stream_decoder.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/utf8.h"
#include "text/tokenizers/gguf_metadata_builder.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {
namespace {

std::unique_ptr<Tokenizer> bytes_tokenizer() {
  GgufMetadataBuilder builder;
  auto tokens = byte_level_tokens();
  tokens.push_back("<|eot_id|>");
  builder.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "gpt-2");
  builder.texts("tokenizer.ggml.tokens", tokens).texts("tokenizer.ggml.merges", {});
  return Tokenizer::from_gguf(builder.metadata());
}

TEST(StreamDecoder, AnySplitOfAnyBytesGivesTheSameText) {
  const auto tokenizer = bytes_tokenizer();
  const std::string samples[] = {"a",    "\u00E9",   "\u20AC",       "\U0001F600", "\x80",
                                 "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xFF",       "\xED\xA0\x80"};
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::uint64_t n = random() % 12; n > 0; --n) text += samples[random() % std::size(samples)];
    StreamDecoder decoder(*tokenizer);
    std::string out;
    for (std::size_t position = 0; position < text.size();) {
      const std::size_t bytes = 1 + random() % 4;
      const std::string part = decoder.push_bytes(std::string_view(text).substr(position, bytes));
      ASSERT_EQ(repair_utf8(part), part);
      out += part;
      position += bytes;
    }
    out += decoder.finish();
    ASSERT_EQ(out, repair_utf8(text));
    ASSERT_EQ(decoder.finish(), "");
  }
}

TEST(StreamDecoder, TokensWithinACharacterWaitForItsEnd) {
  const auto tokenizer = bytes_tokenizer();
  StreamDecoder decoder(*tokenizer);
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.push(0x9F), "");
  EXPECT_EQ(decoder.push(0x98), "");
  EXPECT_EQ(decoder.push(0x80), "\U0001F600");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.push('x'), "\xEF\xBF\xBDx");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.finish(), "\xEF\xBF\xBD");
}

TEST(StreamDecoder, SpecialTokensAreSilentOrShown) {
  const auto tokenizer = bytes_tokenizer();
  StreamDecoder silent(*tokenizer);
  EXPECT_EQ(silent.push(256) + silent.push(' ') + silent.push('a'), " a");
  StreamDecoder showing(*tokenizer, true);
  EXPECT_EQ(showing.push(256), "<|eot_id|>");
}

}  // namespace
}  // namespace hearth
