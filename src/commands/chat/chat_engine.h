// An engine for one user: model, device and engine on a thread of their own, so that the terminal's thread is free to
// wait for keys and signals.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "commands/chat/chat.h"
#include "engine/engine.h"
#include "text/templates/chat_template.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

// What was found when the model was loaded; does not change.
struct ChatModel {
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat_template;
  SamplerOptions sampling;
  std::string device;  // one line
  std::vector<std::string> notes;
  std::int64_t context = 0, context_model = 0;
};

class ChatEngine {
 public:
  // Returns when the model is loaded, or throws what loading threw. Call where the signals that are waited for later
  // still end the program: loading takes a while.
  explicit ChatEngine(const ChatOptions& options);
  // Cancels what is under way.
  ~ChatEngine();
  ChatEngine(const ChatEngine&) = delete;
  ChatEngine& operator=(const ChatEngine&) = delete;

  const ChatModel& model() const { return model_; }
  Engine& engine() { return *engine_; }
  // Throws DeviceError, saying what ended the engine, where something did. Waits a moment for it after an answer that
  // failed.
  void check_alive(bool answer_failed);

 private:
  void serve(const ChatOptions& options);

  ChatModel model_;
  Engine* engine_ = nullptr;
  std::promise<void> loaded_, ended_, closing_;
  std::future<void> ended_future_ = ended_.get_future();
  std::thread thread_;
};

// An answer's text on its way from the engine's thread to the terminal's.
class AnswerStream : public EventSink {
 public:
  AnswerStream();
  ~AnswerStream() override;
  AnswerStream(const AnswerStream&) = delete;
  AnswerStream& operator=(const AnswerStream&) = delete;

  void on_token(GeneratedToken token) override;
  void on_end(GenerationEnd end) override;

  // Becomes readable when there is something to take.
  int descriptor() const { return descriptor_; }
  struct Piece {
    std::string text;
    std::optional<GenerationEnd> end;
  };
  Piece take();

 private:
  void wake();

  int descriptor_;
  std::mutex mutex_;  // of piece_
  Piece piece_;
};

}  // namespace hearth
