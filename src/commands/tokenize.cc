#include "commands/tokenize.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <iostream>

#include "base/error.h"
#include "base/read_file.h"
#include "commands/find_model.h"
#include "commands/model_session.h"
#include "text/tokenizers/tokenizer.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

void print_ids(const Tokenizer& tokenizer, std::string_view text, const TokenizeOptions& options) {
  std::string line;
  for (const TokenId id : tokenizer.encode(text, {.add_special = options.special, .parse_special = options.special})) {
    if (!line.empty()) line += ' ';
    line += std::to_string(id);
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
}

// Ids between spaces, commas or line breaks.
std::vector<TokenId> parse_ids(std::string_view text) {
  constexpr std::string_view kSeparators = " ,\t\r\n";
  std::vector<TokenId> ids;
  for (std::size_t at = text.find_first_not_of(kSeparators); at != std::string_view::npos;
       at = text.find_first_not_of(kSeparators, at)) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
    TokenId id = 0;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, id);
    if (error != std::errc{} || stop != text.data() + end) {
      throw InvalidInput(fmt::format("'{}' is not a token id", text.substr(at, end - at)));
    }
    ids.push_back(id);
    at = end;
  }
  return ids;
}

void process(const Tokenizer& tokenizer, std::string_view record, const TokenizeOptions& options) {
  if (!options.ids) return print_ids(tokenizer, record, options);
  const std::string text = tokenizer.decode(parse_ids(record), {.show_special = options.special});
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (options.stdin0) std::fputc('\0', stdout);
}

}  // namespace

void tokenize(const TokenizeOptions& options) {
  const auto source = ModelSource::open(find_model(options.model));
  const auto tokenizer = Tokenizer::open(*source);
  print_notes(tokenizer->notes());
  if (options.text) return process(*tokenizer, *options.text, options);
  if (options.stdin0) {
    for (std::string record; std::getline(std::cin, record, '\0');) process(*tokenizer, record, options);
    return;
  }
  process(*tokenizer, read_standard_input(), options);
}

}  // namespace hearth
