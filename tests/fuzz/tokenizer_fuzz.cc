// Fuzzes tokenizers: tokenizer.json, or the vocabulary of a GGUF file. What opens encodes any text to ids that it
// knows, and decodes each of these.
#include "text/tokenizers/tokenizer.h"

#include "fuzz_target.h"
#include "weights/gguf_reader.h"

namespace hearth {
namespace {

constexpr std::string_view kTexts[] = {"", " Hello, world's  42 \t\nna\u00efve \u65e5\u672c <s></s>",
                                       "\xff\xc3 a\x01z"};

std::unique_ptr<Tokenizer> open(std::string_view input) {
  if (input.starts_with("GGUF"))
    return Tokenizer::from_gguf(read_gguf(std::as_bytes(std::span(input)), fuzz::kFileName).metadata);
  const boost::json::object none;
  return Tokenizer::from_hugging_face({input, none, none, none});
}

void use(const Tokenizer& tokenizer) {
  for (const std::string_view text : kTexts) {
    const std::vector<TokenId> ids = tokenizer.encode(text, {.add_special = true, .parse_special = true});
    for (const TokenId id : ids) {
      CHECK(id >= 0 && id < tokenizer.vocab_size());
      tokenizer.token_bytes(id);
    }
    tokenizer.decode(ids, {.show_special = true});
  }
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  fuzz::accept_error([&] { use(*open(input)); });
  return 0;
}
