#include "commands/chat/chat_engine.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "commands/chat/terminal_signals.h"
#include "commands/model_session.h"

namespace hearth {
namespace {

constexpr std::int64_t kContextDefault = 8192;
constexpr std::int64_t kStepTokens = 512;
constexpr auto kEndPatience = std::chrono::seconds(2);

std::optional<ChatTemplate> template_of(const ModelSource& source, const std::string& replacement) {
  try {
    return ChatTemplate::from_source(source, replacement);
  } catch (const InvalidInput& error) {
    if (!replacement.empty()) throw;
    throw InvalidInput(
        fmt::format("the model's chat template cannot be used: {} (--chat-template takes another one)", error.what()));
  }
}

ChatTemplate require_template(const ModelSource& source, const ChatOptions& options) {
  auto found = template_of(source, options.chat_template);
  if (!found) {
    throw Unsupported(options.model.path.string() +
                      ": the model has no chat template, and was not made for talking; `hearth run --raw` "
                      "continues a text with it, --chat-template takes another model's");
  }
  for (const std::string& finding : found->findings(!options.system.empty())) fmt::print(stderr, "note: {}\n", finding);
  return std::move(*found);
}

}  // namespace

ChatEngine::ChatEngine(const ChatOptions& options) {
  std::future<void> loaded = loaded_.get_future();
  {
    const SignalsBlocked blocked;
    thread_ = std::thread([this, &options] { serve(options); });
  }
  try {
    loaded.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

ChatEngine::~ChatEngine() {
  engine_->stop();
  closing_.set_value();
  thread_.join();
}

void ChatEngine::serve(const ChatOptions& options) {
  try {
    ModelSession session(options.model);
    model_.device = session.device_choice();
    model_.chat_template = require_template(session.source(), options);
    model_.tokenizer = Tokenizer::open(session.source());
    model_.sampling = sampling_options(session.source(), options.sampling);
    model_.context_model = session.context_max();
    model_.context =
        options.model.context > 0 ? options.model.context : std::min(model_.context_model, kContextDefault);
    session.bind({.context = model_.context,
                  .step_tokens_max = kStepTokens,
                  .draft_rows_max = options.speculation.draft_rows_max(1),
                  .sampling = true,
                  .checkpoints = true});
    model_.notes = model_.tokenizer->notes();
    model_.notes.insert(model_.notes.end(), session.pass().notes().begin(), session.pass().notes().end());
    if (options.speculation.mode != Speculation::Mode::kOff && session.pass().options().draft_rows_max == 0) {
      model_.notes.push_back("speculation is " + speculation_text(options.speculation, session.pass().spec()));
    }
    validate(model_.sampling, static_cast<std::int32_t>(session.pass().spec().vocabulary));
    session.load_pass();
    Engine engine(session.pass(), session.stream(), *model_.tokenizer, {.speculation = options.speculation});
    engine_ = &engine;
    loaded_.set_value();
    try {
      engine.run();
      ended_.set_value();
    } catch (...) {
      ended_.set_exception(std::current_exception());
    }
    closing_.get_future().wait();  // the other thread may still ask the engine for something
  } catch (...) {
    loaded_.set_exception(std::current_exception());
  }
}

void ChatEngine::check_alive(bool answer_failed) {
  const auto patience = answer_failed ? kEndPatience : std::chrono::seconds(0);
  if (!ended_future_.valid() || ended_future_.wait_for(patience) != std::future_status::ready) return;
  try {
    ended_future_.get();
  } catch (const std::exception& error) {
    throw DeviceError(error.what());
  }
}

AnswerStream::AnswerStream() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw DeviceError("no event descriptor is left");
}

AnswerStream::~AnswerStream() {
  ::close(descriptor_);
}

void AnswerStream::wake() {
  static_cast<void>(::eventfd_write(descriptor_, 1));  // fails only where it is readable already
}

void AnswerStream::on_token(GeneratedToken token) {
  if (token.text.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    piece_.text += token.text;
  }
  wake();
}

void AnswerStream::on_end(GenerationEnd end) {
  {
    const std::lock_guard lock(mutex_);
    piece_.text += end.text;
    piece_.end = std::move(end);
  }
  wake();
}

AnswerStream::Piece AnswerStream::take() {
  eventfd_t count = 0;
  static_cast<void>(::eventfd_read(descriptor_, &count));
  const std::lock_guard lock(mutex_);
  return std::exchange(piece_, {});
}

}  // namespace hearth
