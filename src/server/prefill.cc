#include "server/prefill.h"

#include <utility>

namespace hearth {

std::vector<TokenId> encode_prefilled_chat(const ModelService& service, boost::json::object context,
                                           std::string_view prefill) {
  if (prefill.empty()) return service.encode_chat(std::move(context));
  // Encoded as one text: the prefill's first word may be one token with what the template wrote before it.
  const Tokenizer& tokenizer = service.tokenizer();
  std::string text = service.render_chat(std::move(context));
  text += prefill;
  std::vector<TokenId> ids = tokenizer.encode(text, {.parse_special = true});
  // As encode_chat() does where the template does not.
  const bool has_bos = tokenizer.bos() && !ids.empty() && ids.front() == *tokenizer.bos();
  if (tokenizer.adds_bos() && tokenizer.bos() && !has_bos) ids.insert(ids.begin(), *tokenizer.bos());
  return ids;
}

}  // namespace hearth
