// The model that `hearth serve` serves: opened, bound for as many sequences as the memory takes, loaded, and with what
// the APIs tell of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "commands/serve/serve.h"
#include "engine/engine.h"
#include "server/model_service.h"
#include "server/own/load_progress.h"
#include "text/templates/chat_template.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

class LoadedModel {
 public:
  // Hears, with a level ("info", "warning"), of what the user should know and can live with.
  using Note = std::function<void(std::string level, std::string message)>;

  // Throws what ModelSession, Tokenizer and ForwardPass do.
  LoadedModel(const ServeOptions& options, LoadProgress& progress, const Note& note);

  Engine& engine() { return *engine_; }
  ModelService::Parts parts(const ServeOptions& options);
  const ServedModel& facts() const { return facts_; }
  // What the memory reads in a second; 0: not measured, because the model is too small for it to matter.
  double bytes_per_second() const { return bytes_per_second_; }

 private:
  void open_template(const ServeOptions& options, const Note& note);
  void read_vectors(const ModelSpec& spec, const Note& note);
  void bind(const ServeOptions& options, const Note& note);
  std::int64_t cache_tokens_that_fit(const ForwardPassOptions& wanted);
  void describe(const ServeOptions& options);

  ModelSession session_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::optional<ChatTemplate> chat_template_;
  std::string chat_template_error_;  // why the model's own cannot be used
  SamplerOptions sampling_;
  EmbeddingSpec embedding_;
  std::optional<RerankSpec> rerank_;
  bool seed_is_fixed_ = false;
  std::unique_ptr<Engine> engine_;
  ServedModel facts_;
  double bytes_per_second_ = 0;
};

}  // namespace hearth
