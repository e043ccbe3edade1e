#include "server/prefill.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "server/fields.h"
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

std::vector<TokenId> encode_continued_chat(const ModelService& service, boost::json::object context) {
  const boost::json::array& messages = context.at("messages").as_array();
  const boost::json::value* content = messages.back().as_object().if_contains("content");
  if (content != nullptr && content->is_array() && !content->get_array().empty()) {
    content = content->get_array().back().as_object().if_contains("text");  // of several parts the last
  }
  std::string last(content != nullptr && content->is_string() ? std::string_view(content->get_string()) : "");
  context["add_generation_prompt"] = false;
  std::string text = service.render_chat(std::move(context));
  std::size_t at = text.rfind(last);
  if (at == std::string::npos) {  // templates may cut white space off
    const std::size_t begin = std::min(last.find_first_not_of(" \t\r\n"), last.size());
    last = last.substr(begin, last.find_last_not_of(" \t\r\n") + 1 - begin);
    at = text.rfind(last);
  }
  if (last.empty() || at == std::string::npos) {
    throw bad_request("'continue_final_message': the last message's text is not in what the model's template renders",
                      "continue_final_message");
  }
  text.resize(at + last.size());
  return encode_rendered(service.tokenizer(), text);
}

}  // namespace hearth
