// How generations become answers: gathered, or streamed as they come.
#include "server/openai/openai_handlers.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "server/generation_failure.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_routes.h"

namespace hearth {

namespace asio = boost::asio;

namespace {

// Turns a batch of events into the text of server-sent events. Tokens of one choice that come together are one piece.
class PieceWriter {
 public:
  PieceWriter(ChoiceFormat& format, std::size_t choice_count, bool logprobs)
      : format_(format), logprobs_(logprobs), waiting_(choice_count) {}

  void token(std::size_t index, const GeneratedToken& token, bool shown) {
    if (logprobs_) {
      if (shown) written_ += format_.piece(static_cast<int>(index), token.text, {&token, 1});
    } else {
      waiting_[index] += token.text;
    }
  }

  void end(std::size_t index, const GenerationEnd& end) {
    waiting_[index] += end.text;
    flush(index);
    written_ += format_.closing(static_cast<int>(index), end);
  }

  void write(std::string_view event) { written_ += event; }

  // What there is to send.
  std::string take() {
    for (std::size_t i = 0; i < waiting_.size(); ++i) flush(i);
    return std::exchange(written_, {});
  }

 private:
  void flush(std::size_t index) {
    if (waiting_[index].empty()) return;
    written_ += format_.piece(static_cast<int>(index), waiting_[index], {});
    waiting_[index].clear();
  }

  ChoiceFormat& format_;
  bool logprobs_;
  std::vector<std::string> waiting_;  // text of each choice
  std::string written_;
};

asio::awaitable<void> send_whole(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format,
                                 ModelService& service, const OpenAiRequest& request) {
  std::vector<FinishedChoice> choices(group.size());
  while (group.running()) {
    std::vector<GenerationGroup::Item> items = co_await group.next();
    for (GenerationGroup::Item& item : items) {
      FinishedChoice& choice = choices[item.index];
      if (auto* token = std::get_if<GeneratedToken>(&item.event)) {
        choice.text += token->text;
        if (token->logprob && is_shown(*token, service, request)) choice.tokens.push_back(std::move(*token));
        continue;
      }
      choice.end = std::move(std::get<GenerationEnd>(item.event));
      choice.text += choice.end.text;
      if (const auto failure = choice_failure(choice.end)) throw HttpError(*failure);
    }
  }
  boost::json::value answer = format.whole(choices);
  co_await reply_json(exchange, std::move(answer));
}

// False: a choice failed, which is written.
bool write_item(PieceWriter& writer, UsageTotal& total, const GenerationGroup::Item& item, const ModelService& service,
                const OpenAiRequest& request) {
  if (const auto* token = std::get_if<GeneratedToken>(&item.event)) {
    writer.token(item.index, *token, is_shown(*token, service, request));
    return true;
  }
  const auto& end = std::get<GenerationEnd>(item.event);
  if (const auto failure = choice_failure(end)) {
    std::string pieces = writer.take();
    writer.write(pieces);
    writer.write("data: " + openai_error_body(*failure) + "\n\n");
    return false;
  }
  total.add(end.usage, item.index % static_cast<std::size_t>(request.choice_count) == 0);
  writer.end(item.index, end);
  return true;
}

asio::awaitable<void> send_pieces(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format,
                                  ModelService& service, const OpenAiRequest& request) {
  PieceWriter writer(format, group.size(), request.generation.logprob_count.has_value());
  UsageTotal total;
  std::string type(kSseContentType);
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  for (std::size_t i = 0; i < group.size(); ++i) writer.write(format.opening(static_cast<int>(i)));
  bool good = true;
  while (good && group.running()) {
    std::string opening = writer.take();
    if (!opening.empty()) co_await exchange.write(std::move(opening));
    std::vector<GenerationGroup::Item> items = co_await group.next();
    for (const GenerationGroup::Item& item : items) {
      good = write_item(writer, total, item, service, request);
      if (!good) break;
    }
  }
  if (good && request.include_usage) writer.write(format.usage(total));
  if (good) writer.write(kSseDone);
  std::string last = writer.take();
  co_await exchange.write(std::move(last));
  co_await exchange.end_stream();
}

}  // namespace

AnswerHead answer_head(const Exchange& exchange, const ModelService& service, const char* prefix,
                       const OpenAiRequest& request) {
  const ServedModel& model = service.model();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {.id = prefix + exchange.id(),
          .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
          .model = model.name,
          .fingerprint = model.fingerprint,
          .seed = static_cast<std::int64_t>(request.generation.sampling.seed)};
}

TokenSpelling token_spelling(const ModelService& service) {
  return [&tokenizer = service.tokenizer()](TokenId id) { return spelling_of(tokenizer, id); };
}

void start_choices(GenerationGroup& group, ModelService& service, const OpenAiRequest& request,
                   std::vector<std::vector<TokenId>> prompts, const AnswerHead& head, std::string_view api) {
  for (const std::vector<TokenId>& prompt : prompts) {
    for (int i = 0; i < request.choice_count; ++i) {
      Request one = request.generation;
      one.id = group.size() == 0 ? head.id : fmt::format("{}-{}", head.id, group.size());
      one.prompt = prompt;
      one.choice_index = static_cast<std::uint32_t>(i);
      group.add(service.start(std::move(one), api));
    }
  }
}

std::optional<Router::Failure> choice_failure(const GenerationEnd& end) {
  std::optional<Router::Failure> failure = generation_failure(end);
  if (failure && end.reason == FinishReason::kDeadline) {
    failure->code = "deadline_exceeded";
    failure->headers.emplace_back("x-should-retry", "false");
  }
  if (failure && end.reason == FinishReason::kCancelled) failure->code = "request_cancelled";
  return failure;
}

bool is_shown(const GeneratedToken& token, const ModelService& service, const OpenAiRequest& request) {
  const Tokenizer& tokenizer = service.tokenizer();
  if (request.generation.ignore_end || token.id >= tokenizer.vocab_size()) return true;
  return !tokenizer.is_end_of_generation(token.id);
}

asio::awaitable<void> send_choices(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format,
                                   ModelService& service, const OpenAiRequest& request) {
  return request.stream ? send_pieces(exchange, group, format, service, request)
                        : send_whole(exchange, group, format, service, request);
}

}  // namespace hearth
