#include "server/model_service.h"

#include <fmt/format.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "base/random_bits.h"
#include "server/answer_form.h"
#include "server/conversation_prompt.h"
#include "server/event_mailbox.h"
#include "server/fields.h"
#include "server/prompt_header.h"
#include "text/answers/answer_probe.h"
#include "text/templates/chat_prompt.h"

namespace hearth {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t kRememberedBytes = std::int64_t{64} << 20;

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
  return api == "/v1/responses" || api == "/v1/embeddings" || api == "/api/embed" ? "input"
         : api == "/v1/rerank"                                                    ? "documents"
                                                                                  : "messages";
}

// In the words by which each API's clients know that a conversation is to be shortened.
std::string overflow_message(const ContextExceeded& error, std::string_view api) {
  if (api == "/v1/messages") {
    return fmt::format("prompt is too long: {} tokens > {} maximum", error.prompt_tokens(), error.context());
  }
  if (api.starts_with("/v1/")) {
    return fmt::format("This model's maximum context length is {} tokens. However, your {} resulted in {} tokens.",
                       error.context(), prompt_field(api), error.prompt_tokens());
  }
  return error.what();
}

}  // namespace

ModelService::ModelService(boost::asio::any_io_executor executor, Metrics& metrics, RequestLog& log)
    : executor_(executor),
      metrics_(metrics),
      log_(log),
      mailbox_(std::make_shared<EventMailbox>(std::move(executor))),
      id_prefix_(random_bits()),
      responses_(std::make_unique<ResponseStore>(memory_shelf(kRememberedBytes))) {}

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

namespace {

boost::json::value* part_text(boost::json::value& part) {
  return part.is_object() ? part.get_object().if_contains("text") : nullptr;
}

// The same without what changes with every request at the head of its system prompt.
void stabilize(boost::json::object& context) {
  boost::json::value* messages = context.if_contains("messages");
  if (messages == nullptr || !messages->is_array() || messages->get_array().empty()) return;
  boost::json::object* first = messages->get_array().front().if_object();
  if (first == nullptr || !first->contains("role") || first->at("role") != "system") return;
  boost::json::value* content = first->if_contains("content");
  if (content == nullptr) return;
  const bool has_parts = content->is_array() && !content->get_array().empty();
  boost::json::value* head = has_parts ? part_text(content->get_array().front()) : content;
  if (head == nullptr || !head->is_string()) return;
  std::string text = stable_system_text(head->get_string());
  if (text == head->get_string()) return;
  if (!text.empty()) {
    *head = text;
  } else if (has_parts && content->get_array().size() > 1) {
    content->get_array().erase(content->get_array().begin());
  } else {
    messages->get_array().erase(messages->get_array().begin());
  }
}

}  // namespace

std::string ModelService::render_chat(boost::json::object context) const {
  const ChatTemplate& to = chat_template();
  if (parts_.thinks && !context.contains("enable_thinking")) set_thinking(context, *parts_.thinks);
  if (!parts_.keeps_prompt_headers) stabilize(context);
  try {
    return hearth::render_chat(to, tokenizer(), std::move(context));
  } catch (const InvalidInput& error) {
    throw bad_request(error.what(), "messages");
  }
}

std::shared_ptr<const AnswerProbe> ModelService::answers(bool with_tools) const {
  engine();
  return parts_.chat_template != nullptr ? parts_.chat_template->answers(with_tools) : nullptr;
}

std::vector<TokenId> ModelService::encode_prompt(std::string_view text) const {
  try {
    return hearth::encode_prompt(tokenizer(), text);
  } catch (const InvalidInput& error) {
    throw bad_request(error.what(), "prompt");
  }
}

asio::awaitable<void> ModelService::run_in_pool(std::function<void()> work) {
  struct Job {
    std::function<void()> work;
    std::exception_ptr error;
  };
  const auto job = std::make_shared<Job>(Job{std::move(work), nullptr});
  auto begin = [this, job](auto handler) {
    // The coroutine goes on where it was, and not before the work is done: it may refer to what the coroutine holds.
    auto done = std::make_shared<decltype(handler)>(std::move(handler));
    pool_.post([job, done, executor = executor_, busy = asio::make_work_guard(executor_)] {
      try {
        job->work();
      } catch (...) {
        job->error = std::current_exception();
      }
      asio::post(executor, [done] { std::move (*done)(); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(begin, asio::use_awaitable);
  if (job->error) std::rethrow_exception(job->error);
}

// A plain prompt may end within the model's thoughts as well.
void ModelService::find_thinking(Request& request) const {
  if (request.thinking.token_count_max < 0) request.thinking.token_count_max = parts_.thinking_tokens_max;
  const bool matters = request.grammar || request.thinking.token_count_max >= 0;
  const auto probe = matters && request.thinking.close.empty() ? answers(false) : nullptr;
  if (!probe || !probe->syntax.thinks() || probe->syntax.has_message_headers) return;
  constexpr std::size_t kLookedAt = 16;
  std::string end;
  const std::vector<TokenId>& prompt = request.prompt;
  for (std::size_t i = prompt.size() - std::min(prompt.size(), kLookedAt); i < prompt.size(); ++i) {
    if (prompt[i] < 0 || prompt[i] >= tokenizer().vocab_size()) continue;
    end += tokenizer().is_special(prompt[i]) ? tokenizer().token_text(prompt[i]) : tokenizer().token_bytes(prompt[i]);
  }
  if (probe->syntax.is_thinking_after(end)) put_thinking_marks(probe->syntax, true, request.thinking);
}

PreparedRequest ModelService::prepare(Request request, std::string_view api) const {
  if (request.id.empty()) request.id = fmt::format("gen-{:016x}-{}", id_prefix_, ++id_count_);
  find_thinking(request);
  try {
    return engine().prepare(std::move(request));
  } catch (const ContextExceeded& error) {
    throw bad_request(overflow_message(error, api), prompt_field(api), "context_length_exceeded");
  } catch (const InvalidInput& error) {
    throw bad_request(error.what());
  }
}

std::unique_ptr<GenerationStream> ModelService::start(Request request, std::string_view api) {
  return start(prepare(std::move(request), api), api);
}

std::unique_ptr<GenerationStream> ModelService::start(PreparedRequest&& prepared, std::string_view api) {
  Engine& to = engine();
  if (draining_) throw unavailable("the server is shutting down");
  const Request submitted = prepared.request();
  auto shared = std::make_shared<GenerationStream::Shared>(mailbox_, to, metrics_, log_, submitted.id);
  shared->submitted = EngineClock::now();
  try {
    to.submit(std::move(prepared), shared);
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
  return std::make_unique<GenerationStream>(std::move(shared), to, submitted.id, std::ssize(submitted.prompt));
}

}  // namespace hearth
