#include "server/prefill.h"

#include <utility>

#include "text/templates/chat_prompt.h"

namespace hearth {

std::vector<TokenId> encode_prefilled_chat(const ModelService& service, boost::json::object context,
                                           std::string_view prefill) {
  if (prefill.empty()) return service.encode_chat(std::move(context));
  // Encoded as one text: the prefill's first word may be one token with what the template wrote before it.
  std::string text = service.render_chat(std::move(context));
  text += prefill;
  return encode_rendered(service.tokenizer(), text);
}

}  // namespace hearth
