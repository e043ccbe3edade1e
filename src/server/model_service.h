// What the APIs' handlers have of the model: its vocabulary, its template, and generations as streams that a coroutine
// awaits. Lives on the I/O thread; the engine runs on another, and what takes long of a request's text on some more.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "engine/rerank.h"
#include "sampling/sampler_options.h"
#include "server/response_store.h"
#include "server/telemetry/metrics.h"
#include "server/telemetry/request_log.h"
#include "server/text_pool.h"
#include "text/templates/chat_template.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

struct AnswerProbe;

// What is known of the model that is served; does not change.
struct ServedModel {
  std::string name;                  // what the APIs call it
  std::vector<std::string> aliases;  // and what else they may call it
  std::string architecture;          // "llama"
  std::string format;                // of most of its weights: "q4_k"
  std::int64_t parameter_count = 0, file_bytes = 0;
  std::int64_t context = 0;        // of a request
  std::int64_t context_model = 0;  // that it was trained for
  std::int64_t width = 0, vocabulary = 0;
  EmbeddingSpec embedding = {};           // how its states become vectors
  std::optional<RerankSpec> rerank = {};  // and how well a document answers a query; nullopt: the model does not say
  std::int64_t created = 0;               // seconds since 1970: when the server started
  std::string hash;                       // of the model's files, hexadecimal
  std::string fingerprint;                // of model, build, device and compute mode: what bits depend on
  std::string chat_template_text;         // empty: none
  std::string device;                     // "cpu (…)"
  std::string build;                      // "hearth 0.1.0 (commit …)"
  std::string compute;                    // "f32", "bf16", "int8", "auto"
  std::string path;                       // as the user named it
  std::int64_t weight_bytes = 0;          // that one decoding step reads

  bool is_called(std::string_view by) const {
    return by == name || std::find(aliases.begin(), aliases.end(), by) != aliases.end();
  }
  // All its names, the first one first.
  std::vector<std::string> names() const {
    std::vector<std::string> all{name};
    all.insert(all.end(), aliases.begin(), aliases.end());
    return all;
  }
};

class GenerationStream;
class EventMailbox;

class ModelService {
 public:
  // Until the model is loaded: how far it is. `engine` and the others outlive the service's use.
  ModelService(boost::asio::any_io_executor executor, Metrics& metrics, RequestLog& log);
  ~ModelService();

  // Called once, on the I/O thread, when everything below is there.
  struct Parts {
    ServedModel model;
    Engine* engine = nullptr;
    const Tokenizer* tokenizer = nullptr;
    const ChatTemplate* chat_template = nullptr;  // null: the model has none, or one that cannot be used
    std::string chat_template_error;              // why it cannot
    SamplerOptions sampling_defaults;
    bool seed_is_fixed = false;  // requests that name no seed get that of the defaults, not a random one
    std::chrono::milliseconds keepalive{10000};
    bool keeps_prompt_headers = false;      // what prompt_header.h takes out stays
    std::int64_t thinking_tokens_max = -1;  // where a request does not say; below 0: as many as the model likes
    std::optional<bool> thinks;             // where a request does not say; nullopt: as the template has it
  };
  void set_ready(Parts parts);
  // How long a streamed answer may say nothing: then something is sent that clients skip, so that neither they nor what
  // stands between gives up on the connection.
  std::chrono::milliseconds keepalive() const { return parts_.keepalive; }
  bool ready() const { return parts_.engine != nullptr; }
  // From now on start() answers 503.
  void set_draining() { draining_ = true; }
  bool draining() const { return draining_; }
  // Throw HttpError 503 while the model is loading.
  const ServedModel& model() const;
  const Tokenizer& tokenizer() const;
  Engine& engine() const;
  SamplerOptions sampling_defaults() const;  // with a fresh random seed, unless one was fixed
  Metrics& metrics() const { return metrics_; }
  RequestLog& log() const { return log_; }

  // The conversation as the model's template renders it. `context` holds messages, and tools and other variables if
  // any; bos_token, eos_token and add_generation_prompt (true unless given) are added. Throws HttpError 400 where the
  // model has no template, or the template refuses.
  std::string render_chat(boost::json::object context) const;
  // How the model writes an answer that is more than text, in a conversation with tools or without; null: it has no
  // template that says it.
  std::shared_ptr<const AnswerProbe> answers(bool with_tools) const;
  // A plain prompt's tokens, beginning token included; special tokens' spellings in it are those tokens.
  std::vector<TokenId> encode_prompt(std::string_view text) const;

  // What the Responses API remembers; a file's is set before anybody is served.
  ResponseStore& responses() const { return *responses_; }
  void set_responses(std::unique_ptr<ResponseStore> responses) { responses_ = std::move(responses); }

  // Runs `work` on one of a few threads that are there for it, and goes on when it is done; what it throws is thrown.
  // It may use what is const here.
  boost::asio::awaitable<void> run_in_pool(std::function<void()> work);

  // All that needs no place in the queue yet, on any thread. `request.id` is made unique here if it is empty. Throws
  // HttpError: 400 with context_length_exceeded and both numbers, 400 for what the engine finds invalid. `api` names
  // the endpoint ("/v1/chat/completions").
  PreparedRequest prepare(Request request, std::string_view api) const;
  // Submits. Throws HttpError, and then the request is as it was: 429 with retry-after for a full queue, 503 while
  // loading or draining. `api`: for logs and traces.
  std::unique_ptr<GenerationStream> start(PreparedRequest&& request, std::string_view api);
  std::unique_ptr<GenerationStream> start(Request request, std::string_view api);  // both

 private:
  const ChatTemplate& chat_template() const;
  void find_thinking(Request& request) const;

  boost::asio::any_io_executor executor_;
  Metrics& metrics_;
  RequestLog& log_;
  std::shared_ptr<EventMailbox> mailbox_;
  Parts parts_;
  bool draining_ = false;
  std::uint64_t id_prefix_ = 0;
  mutable std::atomic<std::uint64_t> id_count_ = 0;
  std::unique_ptr<ResponseStore> responses_;
  TextPool pool_;  // last: it uses the others
};

// One generation under way. Destroyed before its end, it cancels the request.
class GenerationStream {
 public:
  using Event = std::variant<GeneratedToken, GenerationEnd>;
  struct Shared;  // between the engine's thread and the I/O thread

  GenerationStream(std::shared_ptr<Shared> shared, Engine& engine, std::string id, std::int64_t prompt_tokens);
  ~GenerationStream();
  GenerationStream(const GenerationStream&) = delete;
  GenerationStream& operator=(const GenerationStream&) = delete;

  const std::string& id() const { return id_; }
  std::int64_t prompt_tokens() const { return prompt_tokens_; }
  // The next event; after a GenerationEnd there is none and it must not be called again. Several tokens may be waiting:
  // has_more() says so, and a handler may put them into one write. A reader that falls too far behind (its queue
  // bounded) gets an end of kCancelled.
  boost::asio::awaitable<Event> next();
  bool has_more() const;
  // Waits for an event, but no longer than `patience`: whether there is one now. For a handler that has something to
  // say meanwhile, such as a ping.
  boost::asio::awaitable<bool> wait_for(std::chrono::milliseconds patience);
  // The answer is complete, and nothing more of it is wanted: an end of kCancelled comes soon, and is counted as kStop.
  void stop();

 private:
  std::shared_ptr<Shared> shared_;
  Engine& engine_;
  std::string id_;
  std::int64_t prompt_tokens_;
};

}  // namespace hearth
