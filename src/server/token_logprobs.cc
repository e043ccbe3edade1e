#include "server/token_logprobs.h"

#include <boost/json/array.hpp>
#include <cmath>
#include <utility>

#include "base/utf8.h"

namespace hearth {

namespace json = boost::json;

std::string spelling_of(const Tokenizer& tokenizer, TokenId id) {
  if (id < 0 || id >= tokenizer.vocab_size()) return {};  // a model may have more rows than its vocabulary has tokens
  return std::string(tokenizer.is_special(id) ? tokenizer.token_text(id) : tokenizer.token_bytes(id));
}

double finite_logprob(float logprob) {
  constexpr double kImpossible = -9999;  // as OpenAI's
  return std::isfinite(logprob) ? static_cast<double>(logprob) : kImpossible;
}

json::object token_logprobs(const GeneratedToken& token, const TokenSpelling& spelling) {
  const auto entry = [&](TokenId id, float logprob) {
    const std::string bytes = spelling(id);
    json::array numbers;
    for (const char byte : bytes) numbers.emplace_back(static_cast<unsigned char>(byte));
    return json::object{
        {"token", repair_utf8(bytes)}, {"logprob", finite_logprob(logprob)}, {"bytes", std::move(numbers)}};
  };
  json::object described = entry(token.id, token.logprob.value_or(0));
  json::array& likeliest = described["top_logprobs"].emplace_array();
  for (const TokenLogprob& top : token.top_logprobs) likeliest.push_back(entry(top.id, top.logprob));
  return described;
}

}  // namespace hearth
