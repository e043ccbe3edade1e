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

std::vector<AnswerReader> readers_of(std::size_t choice_count, const AnswerReading& reading) {
  std::vector<AnswerReader> readers;
  for (std::size_t i = 0; i < choice_count; ++i) readers.emplace_back(reading);
  return readers;
}

// Turns pieces of answers into the text of server-sent events. Text of one choice that comes together is one piece,
// unless log-probabilities come with it.
class PieceWriter {
 public:
  PieceWriter(ChoiceFormat& format, std::size_t choice_count) : format_(format), waiting_(choice_count) {}

  void add(std::size_t index, AnswerPiece piece) {
    const bool has_tokens = !piece.tokens.empty();
    join(waiting_[index], std::move(piece));
    if (has_tokens) flush(index);
  }

  void end(std::size_t index, const GenerationEnd& end) {
    flush(index);
    written_ += format_.closing(static_cast<int>(index), end);
  }

  // Behind what waits.
  void write(std::string_view event) {
    for (std::size_t i = 0; i < waiting_.size(); ++i) flush(i);
    written_ += event;
  }

  // What there is to send.
  std::string take() {
    write({});
    return std::exchange(written_, {});
  }

 private:
  void flush(std::size_t index) {
    for (const AnswerPiece& piece : waiting_[index]) written_ += format_.piece(static_cast<int>(index), piece);
    waiting_[index].clear();
  }

  ChoiceFormat& format_;
  std::vector<std::vector<AnswerPiece>> waiting_;  // of each choice
  std::string written_;
};

asio::awaitable<void> send_whole(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format,
                                 const AnswerReading& reading) {
  std::vector<FinishedChoice> choices(group.size());
  std::vector<AnswerReader> readers = readers_of(group.size(), reading);
  while (group.running()) {
    std::vector<GenerationGroup::Item> items = co_await group.next();
    for (GenerationGroup::Item& item : items) {
      FinishedChoice& choice = choices[item.index];
      AnswerReader& reader = readers[item.index];
      if (auto* token = std::get_if<GeneratedToken>(&item.event)) {
        if (!token->prompt.empty()) choice.prompt = std::exchange(token->prompt, {});
        if (reader.has_enough()) continue;
        append(choice.parts, reader.add(std::move(*token)), false);
        if (reader.must_be_stopped()) group.stop(item.index);
        continue;
      }
      choice.end = std::move(std::get<GenerationEnd>(item.event));
      append(choice.parts, reader.end(choice.end), false);
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
  PieceSender(GenerationGroup& group, ChoiceFormat& format, const OpenAiRequest& request, const AnswerReading& reading)
      : group_(group),
        writer_(format, group.size()),
        format_(format),
        request_(request),
        readers_(readers_of(group.size(), reading)),
        generated_(group.size()),
        prompt_tokens_(group.prompt_tokens(static_cast<std::size_t>(request.choice_count))) {
    for (std::size_t i = 0; i < group.size(); ++i) writer_.write(format.opening(static_cast<int>(i)));
  }

  std::string take() { return writer_.take(); }

  // False: a choice failed, which is written.
  bool add(GenerationGroup::Item item) {
    if (auto* token = std::get_if<GeneratedToken>(&item.event)) {
      add_token(item.index, std::move(*token));
      return true;
    }
    auto& end = std::get<GenerationEnd>(item.event);
    std::vector<AnswerPiece> rest = readers_[item.index].end(end);
    if (const auto failure = choice_failure(end)) {
      writer_.write("data: " + openai_error_body(*failure) + "\n\n");
      return false;
    }
    total_.add(end.usage, is_first_of_prompt(item.index));
    add_prompt(item.index, end.prompt);
    for (AnswerPiece& piece : rest) writer_.add(item.index, std::move(piece));
    writer_.end(item.index, end);
    return true;
  }

  void finish() {
    if (request_.include_usage) writer_.write(format_.usage(total_));
    writer_.write(kSseDone);
  }

 private:
  void add_token(std::size_t index, GeneratedToken token) {
    ++generated_[index];
    AnswerReader& reader = readers_[index];
    if (reader.has_enough()) return;
    if (request_.continuous_usage) tell_usage();
    add_prompt(index, std::exchange(token.prompt, {}));
    for (AnswerPiece& piece : reader.add(std::move(token))) writer_.add(index, std::move(piece));
    if (reader.must_be_stopped()) group_.stop(index);
  }

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
      total.add({.prompt_tokens = prompt_tokens_.at(prompt),
                 .cached_tokens = 0,
                 .generated_tokens = generated_[i],
                 .reasoning_tokens = readers_[i].reasoning_tokens()},
                is_first_of_prompt(i));
    }
    format_.set_usage_so_far(total);
  }

  GenerationGroup& group_;
  PieceWriter writer_;
  ChoiceFormat& format_;
  const OpenAiRequest& request_;
  std::vector<AnswerReader> readers_;
  std::vector<std::int64_t> generated_, prompt_tokens_;
  UsageTotal total_;
};

asio::awaitable<void> send_pieces(Exchange& exchange, GenerationGroup& group, ChoiceFormat& format,
                                  ModelService& service, const OpenAiRequest& request, const AnswerReading& reading) {
  PieceSender sender(group, format, request, reading);
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
    for (GenerationGroup::Item& item : items) {
      good = sender.add(std::move(item));
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
                                   ModelService& service, const OpenAiRequest& request, const AnswerReading& reading) {
  return request.stream ? send_pieces(exchange, group, format, service, request, reading)
                        : send_whole(exchange, group, format, reading);
}

}  // namespace hearth
