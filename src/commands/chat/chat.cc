#include "commands/chat/chat.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "base/utf8.h"
#include "commands/chat/chat_commands.h"
#include "commands/chat/chat_engine.h"
#include "commands/chat/chat_tools.h"
#include "commands/chat/input_history.h"
#include "commands/chat/line_editor.h"
#include "commands/interrupt.h"
#include "server/answer_form.h"
#include "server/answer_reader.h"
#include "text/answers/answer_probe.h"
#include "text/templates/chat_prompt.h"

namespace hearth {
namespace {

constexpr std::size_t kArgumentsDepthMax = 200;

void note(std::string_view text) {
  fmt::print(stderr, "{}\n", text);
}

// Text for a terminal. What a model writes must not be able to move its cursor or to answer in the user's name.
std::string without_controls(std::string_view text) {
  std::string shown;
  for_each_character(text, [&](char32_t character, std::string_view bytes, bool) {
    const bool is_control = character < ' ' || (character >= 0x7F && character < 0xA0);
    const bool is_harmless = character == '\n' || character == '\t';
    if (is_control && !is_harmless) {
      append_utf8(kReplacementCharacter, shown);
    } else {
      shown += bytes;
    }
  });
  return shown;
}

class Chat {
 public:
  Chat(const ChatOptions& options, ChatEngine& engine)
      : options_(options), engine_(engine), model_(engine.model()), is_terminal_(::isatty(STDIN_FILENO) == 1) {
    conversation_.settings.sampling = model_.sampling;
    conversation_.settings.system = options.system;
    conversation_.settings.token_count = options.token_count;
    if (!options.tools.empty()) tools_ = ChatTools(options.tools);
    if (is_terminal_) {
      std::FILE* out = ::isatty(STDOUT_FILENO) == 1 ? stdout : stderr;
      lines_ = std::make_unique<LineEditor>(signals_, out, options.keep_history ? history_path() : "");
    } else {
      lines_ = std::make_unique<PipeLines>(STDIN_FILENO, signals_);
    }
  }

  int run() {
    if (is_terminal_) greet();
    if (options_.prompt) attempt([this] { say(*options_.prompt); });
    for (bool interrupted = false; !leaving_;) {
      InputMessage message;
      bool is_read = false;
      attempt([&] {
        message = read_message(*lines_);
        is_read = true;
      });
      if (!is_read) continue;
      if (message.kind == InputLine::Kind::kEnd) break;
      if (message.kind == InputLine::Kind::kTerminated) return kExitInterrupted;
      if (message.kind == InputLine::Kind::kInterrupted) {
        if (!is_terminal_) return kExitInterrupted;
        if (std::exchange(interrupted, true)) break;
        note("(Ctrl-C once more, or Ctrl-D, leaves)");
        continue;
      }
      interrupted = false;
      attempt([&] { take(message); });
    }
    if (was_stopped_) return kExitInterrupted;
    return has_failed_ && !is_terminal_ ? 1 : 0;
  }

 private:
  using Messages = std::vector<ChatMessage>;

  void greet() const;
  template <typename Work>
  void attempt(Work&& work);
  void take(const InputMessage& message);
  void say(const std::string& text);
  void regenerate();
  bool answer();
  bool answer_once();
  bool run_calls();
  std::string result_of(const AnswerPart& call);
  void read_with_tools(const std::string& rendered, Request& request);
  void show(std::vector<AnswerPiece> pieces, std::string& text);
  void remember_calls();
  void explain_context(const ContextExceeded& error) const;
  GenerationEnd stream(Request request, std::string& text);
  void emit(const std::string& piece);
  void finish(const GenerationEnd& end, const std::string& text);
  ChatStatus status() const;

  const ChatOptions& options_;
  ChatEngine& engine_;
  const ChatModel& model_;
  bool is_terminal_;
  bool writes_to_terminal_ = ::isatty(STDOUT_FILENO) == 1;
  TerminalSignals signals_;
  std::unique_ptr<LineSource> lines_;
  Conversation conversation_;
  ChatTools tools_;
  std::optional<AnswerReader> reader_;  // of the answer under way, where there are tools
  std::vector<AnswerPart> parts_;       // of it
  std::uint64_t answer_count_ = 0;
  std::uint32_t choice_index_ = 0;  // of the answers to the last message, so that each is another one
  std::string last_answer_;
  bool leaving_ = false, has_failed_ = false, was_stopped_ = false;
};

void Chat::greet() const {
  note(model_.device);
  for (const std::string& sentence : model_.notes) note("note: " + printable_text(sentence));
  note(fmt::format("{}, {} positions of context; /help lists the commands, Ctrl-D leaves",
                   options_.model.path.filename().string(), model_.context));
}

// What is wrong with a line is said, and the next one is read.
template <typename Work>
void Chat::attempt(Work&& work) {
  try {
    work();
  } catch (const DeviceError&) {
    throw;
  } catch (const Error& error) {
    has_failed_ = true;
    note(printable_text(error.what()));
  }
}

void Chat::take(const InputMessage& message) {
  if (!message.is_command) {
    if (!message.text.empty()) say(message.text);
    return;
  }
  switch (run_chat_command(message.text, conversation_)) {
    case ChatAction::kNone:
      break;
    case ChatAction::kHelp:
      emit(help_text());
      break;
    case ChatAction::kShow:
      emit(show_text(conversation_, status()));
      break;
    case ChatAction::kRegenerate:
      regenerate();
      break;
    case ChatAction::kLeave:
      leaving_ = true;
  }
}

void Chat::say(const std::string& text) {
  choice_index_ = 0;
  Messages before = conversation_.messages;
  conversation_.messages.push_back({"user", text});
  bool answered = false;
  attempt([&] { answered = answer(); });
  if (!answered) conversation_.messages = std::move(before);
}

void Chat::regenerate() {
  Messages before = conversation_.messages;
  if (conversation_.messages.back().role == "assistant") {
    conversation_.messages.pop_back();
    ++choice_index_;
  }
  if (conversation_.settings.sampling.temperature <= 0) {
    note("note: at temperature 0 there is one answer to a conversation");
  }
  bool answered = false;
  attempt([&] { answered = answer(); });
  if (!answered) conversation_.messages = std::move(before);
}

// Adds the answer to the conversation, with the calls that lead to it and what they gave; false: there is none.
bool Chat::answer() {
  constexpr int kRoundsMax = 50;
  for (int round = 0; round < kRoundsMax; ++round) {
    if (!answer_once()) return round > 0;
    if (!run_calls()) return true;
  }
  note(fmt::format("note: {} answers in a row have called tools; another message goes on", kRoundsMax));
  return true;
}

// Adds one answer as it is; false: there is none.
bool Chat::answer_once() {
  const ChatSettings& settings = conversation_.settings;
  Request request;
  request.id = fmt::format("chat-{}", ++answer_count_);
  boost::json::object context = conversation_.template_context();
  if (!tools_.empty()) context["tools"] = tools_.offered().definitions();
  const std::string rendered = render_chat(*model_.chat_template, *model_.tokenizer, std::move(context));
  request.prompt = encode_rendered(*model_.tokenizer, rendered);
  if (!tools_.empty()) read_with_tools(rendered, request);
  request.sampling = settings.sampling;
  request.choice_index = choice_index_;
  request.token_count_max = settings.token_count;
  std::string text;
  GenerationEnd end;
  try {
    end = stream(std::move(request), text);
  } catch (const ContextExceeded& error) {
    explain_context(error);
    return false;
  }
  finish(end, text);
  const bool is_cut = end.reason == FinishReason::kFailed || end.reason == FinishReason::kCancelled;
  if (is_cut && text.empty()) return false;
  conversation_.messages.push_back({"assistant", std::move(text)});
  if (reader_) remember_calls();
  return true;
}

// Calls of the tools are told apart from the text, and obey the tools' schemas.
void Chat::read_with_tools(const std::string& rendered, Request& request) {
  const auto probe = model_.chat_template->answers(true);
  AnswerReading reading;
  reading.syntax = std::shared_ptr<const AnswerSyntax>(probe, &probe->syntax);
  reading.tools = std::make_shared<const OfferedTools>(tools_.offered());
  reading.options = {.reads_calls = probe->syntax.calls(),
                     .thinking_is_open = probe->syntax.is_thinking_after(rendered)};
  reading.ids_hold_names = probe->ids_hold_names;
  request.show_special = true;
  put_thinking_marks(probe->syntax, reading.options.thinking_is_open, request.thinking);
  const CallGrammar calls = call_grammar(reading);
  try {
    GrammarSource source = source_of(calls);
    auto grammar = compile_grammar(source);
    request.calls = CallGrammarRequest{std::move(source), std::move(grammar), call_marks(calls), {}, false};
  } catch (const Error&) {
    // What cannot be enforced is read all the same.
  }
  parts_.clear();
  reader_.emplace(std::move(reading));
}

// Its text goes on `text`; thoughts are shown, and no part of it.
void Chat::show(std::vector<AnswerPiece> pieces, std::string& text) {
  for (const AnswerPiece& piece : pieces) {
    const bool is_broken_call = piece.kind == AnswerPiece::Kind::kCallBroken && !piece.is_cut;
    if (piece.is_text() || is_broken_call) emit(piece.text);
    if (piece.kind == AnswerPiece::Kind::kContent || is_broken_call) text += piece.text;
  }
  append(parts_, std::move(pieces), false);
}

void Chat::remember_calls() {
  boost::json::array calls;
  for (const AnswerPart& part : parts_) {
    if (part.kind != AnswerPiece::Kind::kCall || !part.is_complete) continue;
    const ParsedJson arguments = parse_json(part.text, kArgumentsDepthMax, BigIntegers::kKeepDigits);
    calls.push_back(boost::json::object{
        {"id", part.call.id},
        {"type", "function"},
        {"function", boost::json::object{{"name", part.call.tool.name}, {"arguments", arguments.value}}}});
  }
  if (!calls.empty()) conversation_.messages.back().more["tool_calls"] = std::move(calls);
}

// Whether the answer has called tools, and what they gave is in the conversation.
bool Chat::run_calls() {
  bool has_called = false;
  for (const AnswerPart& part : std::exchange(parts_, {})) {
    if (part.kind != AnswerPiece::Kind::kCall || !part.is_complete) continue;
    has_called = true;
    ChatMessage result{"tool", result_of(part)};
    result.more = {{"tool_call_id", part.call.id}, {"name", part.call.tool.name}};
    conversation_.messages.push_back(std::move(result));
  }
  return has_called && !leaving_;
}

std::string Chat::result_of(const AnswerPart& call) {
  const std::string& name = call.call.tool.name;
  note("call of " + printable_text(tools_.described(name, call.text)));
  if (is_terminal_) note("run it? Only y or yes does:");
  const InputLine line = lines_->read_line("y/n> ");
  if (line.kind == InputLine::Kind::kEnd || line.kind == InputLine::Kind::kTerminated) leaving_ = true;
  if (line.kind != InputLine::Kind::kText || (line.text != "y" && line.text != "yes")) {
    note("not run");
    return "Error: the user did not allow this call.";
  }
  return tools_.run(name, call.text);
}

void Chat::explain_context(const ContextExceeded& error) const {
  throw InvalidInput(fmt::format(
      "the conversation with this message has {} tokens and the context {} positions: the message was not taken in; "
      "/clear forgets the conversation, and --ctx sets a larger context (the model's own is {})",
      error.prompt_tokens(), error.context(), model_.context_model));
}

GenerationEnd Chat::stream(Request request, std::string& text) {
  const std::string id = request.id;
  const auto answer = std::make_shared<AnswerStream>();
  engine_.check_alive(false);
  engine_.engine().submit(std::move(request), answer);
  for (;;) {
    std::array<pollfd, 2> waited{pollfd{signals_.descriptor(), POLLIN, 0}, pollfd{answer->descriptor(), POLLIN, 0}};
    ::poll(waited.data(), waited.size(), -1);
    while (const auto signal = signals_.next()) {
      const bool is_end = signal == TerminalSignals::Event::kTerminate;
      if (!is_end && signal != TerminalSignals::Event::kInterrupt) continue;
      engine_.engine().cancel(id);
      if (is_end || !is_terminal_) leaving_ = was_stopped_ = true;
    }
    AnswerStream::Piece piece = answer->take();
    if (reader_) {
      GeneratedToken token;
      token.text = std::move(piece.text);
      show(reader_->add(std::move(token)), text);
      if (piece.end) show(reader_->end(*piece.end), text);
    } else {
      text += piece.text;
      emit(piece.text);
    }
    if (piece.end) return std::move(*piece.end);
  }
}

void Chat::emit(const std::string& piece) {
  if (piece.empty()) return;
  const std::string shown = writes_to_terminal_ ? without_controls(piece) : piece;
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  if (std::fflush(stdout) != 0) throw DeviceError("standard output: write failed");
}

// What the user must know of how the answer ended, and its numbers for /show.
void Chat::finish(const GenerationEnd& end, const std::string& text) {
  if (!text.ends_with('\n')) emit("\n");
  switch (end.reason) {
    case FinishReason::kContext:
      note(
          fmt::format("note: the context of {} positions is full, and the answer ends here; /clear forgets the "
                      "conversation, --ctx sets a larger context (the model's own is {})",
                      model_.context, model_.context_model));
      break;
    case FinishReason::kLength:
      note(fmt::format("note: the answer ends at {} tokens; /set tokens changes that", end.usage.generated_tokens));
      break;
    case FinishReason::kCancelled:
      note(text.empty() ? "note: stopped before the answer began; the message was not taken in"
                        : "note: stopped; the answer so far is part of the conversation");
      break;
    case FinishReason::kFailed:
      note(fmt::format("the answer failed: {}", end.error));
      has_failed_ = true;
      engine_.check_alive(true);
      break;
    default:
      break;
  }
  const double seconds = std::chrono::duration<double>(end.timeline.finished - end.timeline.first_token).count();
  const auto steps = static_cast<double>(end.usage.generated_tokens - 1);
  last_answer_ = fmt::format("prompt of {} tokens, {} of them cached; {} generated, {:.1f} tokens/s",
                             end.usage.prompt_tokens, end.usage.cached_tokens, end.usage.generated_tokens,
                             steps > 0 && seconds > 0 ? steps / seconds : 0.0);
}

ChatStatus Chat::status() const {
  std::int64_t used = 0;
  if (!conversation_.messages.empty()) {
    boost::json::object context = conversation_.template_context();
    context["add_generation_prompt"] = false;
    used = std::ssize(encode_chat(*model_.chat_template, *model_.tokenizer, std::move(context)));
  }
  const std::string_view device = model_.device;
  constexpr std::string_view kLabel = "device: ";
  const std::string name(device.substr(device.starts_with(kLabel) ? kLabel.size() : 0));
  return {options_.model.path.string(), name, model_.context, used, last_answer_};
}

}  // namespace

int chat(const ChatOptions& options) {
  ChatEngine engine(options);
  return Chat(options, engine).run();
}

}  // namespace hearth
