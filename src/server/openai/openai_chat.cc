// POST /v1/chat/completions and /v1/completions.
#include <fmt/format.h>

#include <utility>

#include "server/fields.h"
#include "server/openai/openai_handlers.h"
#include "text/unicode/utf8.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

ChoiceFormatOptions format_options(const AnswerHead& head, const ModelService& service, const OpenAiRequest& request) {
  return {.head = head,
          .spelling = token_spelling(service),
          .logprobs = request.generation.logprob_count.has_value(),
          .include_usage = request.include_usage,
          .choice_count = request.choice_count,
          .prompts = {}};
}

std::vector<std::string> prompt_texts(const CompletionRequest& request, const ModelService& service) {
  std::vector<std::string> texts;
  for (const auto& prompt : request.prompts) {
    const auto* tokens = std::get_if<std::vector<TokenId>>(&prompt);
    texts.push_back(tokens == nullptr ? std::get<std::string>(prompt)
                                      : repair_utf8(service.tokenizer().decode(*tokens)));
  }
  return texts;
}

}  // namespace

asio::awaitable<void> answer_chat_completion(Exchange& exchange, ModelService& service) {
  service.model();  // before the body is looked at: nobody is told of mistakes by a server that is not ready
  const boost::json::object body = parse_body(exchange.request());
  ChatRequest request = parse_chat_request(body, service.sampling_defaults());
  const AnswerHead head = answer_head(exchange, service, "chatcmpl-", request);
  std::vector<std::vector<TokenId>> prompts;
  prompts.push_back(service.encode_chat(std::move(request.context)));
  GenerationGroup group;
  start_choices(group, service, request, std::move(prompts), head, exchange.request().path);
  const std::unique_ptr<ChoiceFormat> format = chat_format(format_options(head, service, request));
  co_await send_choices(exchange, group, *format, service, request);
}

asio::awaitable<void> answer_completion(Exchange& exchange, ModelService& service) {
  service.model();
  const boost::json::object body = parse_body(exchange.request());
  const CompletionRequest request = parse_completion_request(body, service.sampling_defaults());
  const AnswerHead head = answer_head(exchange, service, "cmpl-", request);
  GenerationGroup group;
  start_choices(group, service, request, encode_prompts(service, request.prompts, "prompt"), head,
                exchange.request().path);
  ChoiceFormatOptions options = format_options(head, service, request);
  if (request.echo) options.prompts = prompt_texts(request, service);
  const std::unique_ptr<ChoiceFormat> format = completion_format(std::move(options));
  co_await send_choices(exchange, group, *format, service, request);
}

}  // namespace hearth
