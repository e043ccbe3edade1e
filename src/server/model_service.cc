#include "server/model_service.h"

#include <fmt/format.h>

#include "base/random_bits.h"
#include "server/event_mailbox.h"
#include "server/fields.h"
#include "text/templates/chat_prompt.h"

namespace hearth {
namespace {

HttpError unavailable(std::string message) {
  return HttpError({.status = 503,
                    .message = std::move(message),
                    .type = {},
                    .code = {},
                    .param = {},
                    .headers = {{"retry-after", "1"}}});
}

// What an endpoint calls the prompt.
std::string prompt_field(std::string_view api) {
  if (api == "/v1/completions" || api == "/api/generate" || api == "/api/embeddings") return "prompt";
  return api == "/v1/responses" || api == "/v1/embeddings" || api == "/api/embed" ? "input" : "messages";
}

}  // namespace

ModelService::ModelService(boost::asio::any_io_executor executor, Metrics& metrics, RequestLog& log)
    : executor_(executor),
      metrics_(metrics),
      log_(log),
      mailbox_(std::make_shared<EventMailbox>(std::move(executor))),
      id_prefix_(random_bits()) {}

ModelService::~ModelService() = default;

void ModelService::set_ready(Parts parts) {
  parts_ = std::move(parts);
}

const ServedModel& ModelService::model() const {
  engine();
  return parts_.model;
}

const Tokenizer& ModelService::tokenizer() const {
  engine();
  return *parts_.tokenizer;
}

Engine& ModelService::engine() const {
  if (!ready()) throw unavailable("the model is still loading");
  return *parts_.engine;
}

SamplerOptions ModelService::sampling_defaults() const {
  SamplerOptions options = parts_.sampling_defaults;
  if (!parts_.seed_is_fixed) options.seed = random_bits() >> 11;  // whole in a JSON number
  return options;
}

const ChatTemplate& ModelService::chat_template() const {
  engine();
  if (parts_.chat_template != nullptr) return *parts_.chat_template;
  if (!parts_.chat_template_error.empty()) throw bad_request(parts_.chat_template_error);
  throw bad_request("the model has no chat template; /v1/completions takes a plain prompt");
}

std::string ModelService::render_chat(boost::json::object context) const {
  try {
    return hearth::render_chat(chat_template(), tokenizer(), std::move(context));
  } catch (const InvalidInput& error) {
    throw bad_request(error.what(), "messages");
  }
}

std::vector<TokenId> ModelService::encode_chat(boost::json::object context) const {
  try {
    return hearth::encode_chat(chat_template(), tokenizer(), std::move(context));
  } catch (const InvalidInput& error) {
    throw bad_request(error.what(), "messages");
  }
}

std::vector<TokenId> ModelService::encode_prompt(std::string_view text) const {
  try {
    return hearth::encode_prompt(tokenizer(), text);
  } catch (const InvalidInput& error) {
    throw bad_request(error.what(), "prompt");
  }
}

std::unique_ptr<GenerationStream> ModelService::start(Request request, std::string_view api) {
  Engine& to = engine();
  if (draining_) throw unavailable("the server is shutting down");
  if (request.id.empty()) request.id = fmt::format("gen-{:016x}-{}", id_prefix_, ++id_count_);
  const Request submitted = request;
  auto shared = std::make_shared<GenerationStream::Shared>(mailbox_, to, metrics_, log_, submitted.id);
  shared->submitted = EngineClock::now();
  try {
    to.submit(std::move(request), shared);
  } catch (const ContextExceeded& error) {
    throw bad_request(error.what(), prompt_field(api), "context_length_exceeded");
  } catch (const InvalidInput& error) {
    throw bad_request(error.what());
  } catch (const QueueFull& error) {
    metrics_.record_refusal();
    throw HttpError({.status = 429,
                     .message = error.what(),
                     .type = "rate_limit_error",
                     .code = "queue_full",
                     .param = {},
                     .headers = {{"retry-after", "1"}}});
  }
  log_.submitted(submitted, api);
  return std::make_unique<GenerationStream>(std::move(shared), to, submitted.id);
}

}  // namespace hearth
