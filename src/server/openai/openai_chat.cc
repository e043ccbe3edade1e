// POST /v1/chat/completions and /v1/completions.
#include <fmt/format.h>

#include <utility>

#include "base/utf8.h"
#include "server/conversation_prompt.h"
#include "server/from_body.h"
#include "server/openai/openai_handlers.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kChatApi = "/v1/chat/completions", kCompletionApi = "/v1/completions";

ChoiceFormatOptions format_options(const AnswerHead& head, const ModelService& service, const OpenAiRequest& request) {
  return {.head = head,
          .spelling = token_spelling(service),
          .logprobs = request.generation.logprob_count.has_value(),
          .include_usage = request.include_usage,
          .choice_count = request.choice_count,
          .old_functions = false,
          .prompts = {},
          .echo = false};
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
  struct Made {
    ChatRequest request;
    AnswerHead head;
    std::vector<PreparedRequest> choices;
    AnswerReading reading;
  };
  auto make = [&](const boost::json::object& body) {
    Made made{parse_chat_request(body, service.sampling_defaults()), {}, {}, {}};
    ChatRequest& request = made.request;
    made.head = answer_head(exchange, service, "chatcmpl-", request);
    ConversationPrompt prompt =
        request.continues_final_message
            ? encode_continued_conversation(service, std::move(request.context), std::move(request.tools))
            : encode_conversation(service, std::move(request.context), std::move(request.tools));
    prompt.put_into(request.generation);
    made.reading = std::move(prompt.reading);
    made.choices = prepare_choices(service, request, {std::move(request.generation.prompt)}, made.head, kChatApi);
    return made;
  };
  Made made = co_await from_body(exchange, service, make);
  GenerationGroup group;
  start_choices(group, service, std::move(made.choices), kChatApi);
  ChoiceFormatOptions options = format_options(made.head, service, made.request);
  options.old_functions = made.request.has_old_functions;
  const std::unique_ptr<ChoiceFormat> format = chat_format(std::move(options));
  co_await send_choices(exchange, group, *format, service, made.request, made.reading);
}

asio::awaitable<void> answer_completion(Exchange& exchange, ModelService& service) {
  service.model();
  struct Made {
    CompletionRequest request;
    AnswerHead head;
    std::vector<PreparedRequest> choices;
    std::vector<std::string> prompts;  // as texts, where the answer needs them
  };
  auto make = [&](const boost::json::object& body) {
    Made made{parse_completion_request(body, service.sampling_defaults()), {}, {}, {}};
    CompletionRequest& request = made.request;
    made.head = answer_head(exchange, service, "cmpl-", request);
    made.choices = prepare_choices(service, request, encode_prompts(service, request.prompts, "prompt"), made.head,
                                   kCompletionApi);
    if (request.echo || request.generation.logprob_count) made.prompts = prompt_texts(request, service);
    request.prompts.clear();
    return made;
  };
  Made made = co_await from_body(exchange, service, make);
  GenerationGroup group;
  start_choices(group, service, std::move(made.choices), kCompletionApi);
  ChoiceFormatOptions options = format_options(made.head, service, made.request);
  options.echo = made.request.echo;
  options.prompts = std::move(made.prompts);
  const std::unique_ptr<ChoiceFormat> format = completion_format(std::move(options));
  const AnswerReading plain;
  co_await send_choices(exchange, group, *format, service, made.request, plain);
}

}  // namespace hearth
