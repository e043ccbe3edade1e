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

  void token(std::size_t index, const GeneratedToken& token) {
    if (logprobs_) {
      written_ += format_.piece(static_cast<int>(index), token.text, {&token, 1});
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

asio::awaitable<void> send_whole(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format) {
  std::vector<FinishedChoice> choices(group.size());
  while (group.running()) {
    std::vector<GenerationGroup::Item> items = co_await group.next();
    for (GenerationGroup::Item& item : items) {
      FinishedChoice& choice = choices[item.index];
      if (auto* token = std::get_if<GeneratedToken>(&item.event)) {
        choice.text += token->text;
        if (!token->prompt.empty()) choice.prompt = std::exchange(token->prompt, {});
        if (token->logprob) choice.tokens.push_back(std::move(*token));
        continue;
      }
      choice.end = std::move(std::get<GenerationEnd>(item.event));
      choice.text += choice.end.text;
      if (!choice.end.prompt.empty()) choice.prompt = std::move(choice.end.prompt);
      if (const auto failure = choice_failure(choice.end)) throw HttpError(*failure);
    }
  }
  boost::json::value answer = format.whole(choices);
  co_await reply_json(exchange, std::move(answer));
}

// Streams the choices of one answer.
class PieceSender {
 public:
  PieceSender(GenerationGroup& group, ChoiceFormat& format, const OpenAiRequest& request)
      : writer_(format, group.size(), request.generation.logprob_count.has_value()),
        format_(format),
        request_(request),
        generated_(group.size()) {
    for (std::size_t i = 0; i < group.size(); ++i) writer_.write(format.opening(static_cast<int>(i)));
  }

  std::string take() { return writer_.take(); }

  // False: a choice failed, which is written.
  bool add(const GenerationGroup::Item& item) {
    if (const auto* token = std::get_if<GeneratedToken>(&item.event)) {
      ++generated_[item.index];
      if (request_.continuous_usage) tell_usage();
      add_prompt(item.index, token->prompt);
      writer_.token(item.index, *token);
      return true;
    }
    const auto& end = std::get<GenerationEnd>(item.event);
    if (const auto failure = choice_failure(end)) {
      std::string pieces = writer_.take();
      writer_.write(pieces);
      writer_.write("data: " + openai_error_body(*failure) + "\n\n");
      return false;
    }
    total_.add(end.usage, is_first_of_prompt(item.index));
    add_prompt(item.index, end.prompt);
    writer_.end(item.index, end);
    return true;
  }

  void finish() {
    if (request_.include_usage) writer_.write(format_.usage(total_));
    writer_.write(kSseDone);
  }

  // `prompt_tokens`: of each prompt.
  void expect(std::vector<std::int64_t> prompt_tokens) { prompt_tokens_ = std::move(prompt_tokens); }

 private:
  bool is_first_of_prompt(std::size_t index) const {
    return index % static_cast<std::size_t>(request_.choice_count) == 0;
  }

  void add_prompt(std::size_t index, std::span<const GeneratedToken> prompt) {
    if (!prompt.empty()) writer_.write(format_.scored_prompt(static_cast<int>(index), prompt));
  }

  void tell_usage() {
    UsageTotal total;
    for (std::size_t i = 0; i < generated_.size(); ++i) {
      const auto prompt = i / static_cast<std::size_t>(request_.choice_count);
      total.add({.prompt_tokens = prompt_tokens_.at(prompt), .cached_tokens = 0, .generated_tokens = generated_[i]},
                is_first_of_prompt(i));
    }
    format_.set_usage_so_far(total);
  }

  PieceWriter writer_;
  ChoiceFormat& format_;
  const OpenAiRequest& request_;
  std::vector<std::int64_t> generated_, prompt_tokens_;
  UsageTotal total_;
};

asio::awaitable<void> send_pieces(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format,
                                  ModelService& service, const OpenAiRequest& request) {
  PieceSender sender(group, format, request);
  sender.expect(group.prompt_tokens(static_cast<std::size_t>(request.choice_count)));
  std::string type(kSseContentType);
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  bool good = true;
  while (good && group.running()) {
    std::string pieces = sender.take();
    if (!pieces.empty()) co_await exchange.write(std::move(pieces));
    std::vector<GenerationGroup::Item> items = co_await group.next_for(service.keepalive());
    if (items.empty()) {
      std::string comment(kSseKeepalive);
      co_await exchange.write(std::move(comment));
    }
    for (const GenerationGroup::Item& item : items) {
      good = sender.add(item);
      if (!good) break;
    }
  }
  if (good) sender.finish();
  std::string last = sender.take();
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

std::vector<PreparedRequest> prepare_choices(const ModelService& service, const OpenAiRequest& request,
                                             std::vector<std::vector<TokenId>> prompts, const AnswerHead& head,
                                             std::string_view api) {
  std::vector<PreparedRequest> prepared;
  for (const std::vector<TokenId>& prompt : prompts) {
    for (int i = 0; i < request.choice_count; ++i) {
      Request one = request.generation;
      one.id = prepared.empty() ? head.id : fmt::format("{}-{}", head.id, prepared.size());
      one.prompt = prompt;
      one.choice_index = static_cast<std::uint32_t>(i);
      prepared.push_back(service.prepare(std::move(one), api));
    }
  }
  return prepared;
}

void start_choices(GenerationGroup& group, ModelService& service, std::vector<PreparedRequest> choices,
                   std::string_view api) {
  for (PreparedRequest& choice : choices) group.add(service.start(std::move(choice), api));
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

asio::awaitable<void> send_choices(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format,
                                   ModelService& service, const OpenAiRequest& request) {
  return request.stream ? send_pieces(exchange, group, format, service, request) : send_whole(exchange, group, format);
}

}  // namespace hearth
