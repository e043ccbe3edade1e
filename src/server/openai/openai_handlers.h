// The handlers of OpenAI's endpoints, and what they share.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/generation_group.h"
#include "server/http/exchange.h"
#include "server/model_service.h"
#include "server/openai/openai_answer.h"
#include "server/openai/openai_request.h"

namespace hearth {

// `service` outlives them.
boost::asio::awaitable<void> answer_chat_completion(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> answer_completion(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> answer_response(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> count_response_input(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> show_response(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> delete_response(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> list_response_input(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> cancel_response(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> compact_response(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> create_conversation(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> show_conversation(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> delete_conversation(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> list_conversation_items(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> add_conversation_items(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> answer_embeddings(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> answer_rerank(Exchange& exchange, ModelService& service);

// The prompts' tokens; those that came as numbers are checked. `path`: the field, for errors.
std::vector<std::vector<TokenId>> encode_prompts(const ModelService& service, const std::vector<PromptText>& prompts,
                                                 const std::string& path);
// Of an answer that begins now. `prefix`: "chatcmpl-".
AnswerHead answer_head(const Exchange& exchange, const ModelService& service, const char* prefix,
                       const OpenAiRequest& request);
TokenSpelling token_spelling(const ModelService& service);
// Every choice of every prompt. Their requests are called as the answer, with "-1", "-2", … at the end of all but the
// first.
std::vector<PreparedRequest> prepare_choices(const ModelService& service, const OpenAiRequest& request,
                                             std::vector<std::vector<TokenId>> prompts, const AnswerHead& head,
                                             std::string_view api);
void start_choices(GenerationGroup& group, ModelService& service, std::vector<PreparedRequest> choices,
                   std::string_view api);
// The failure that an end is, with what keeps OpenAI's clients from sending the same again where that is of no use.
std::optional<Router::Failure> choice_failure(const GenerationEnd& end);

// Sends the whole answer, or the pieces as they come. All that are referred to outlive it.
boost::asio::awaitable<void> send_choices(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format,
                                          ModelService& service, const OpenAiRequest& request,
                                          const AnswerReading& reading);

}  // namespace hearth
