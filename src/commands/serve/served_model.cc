#include "commands/serve/served_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>

#include "base/error.h"
#include "commands/bench/device_limits.h"
#include "commands/find_model.h"
#include "commands/fingerprint.h"
#include "commands/serve/model_library.h"
#include "device/cpu/cpu_device.h"

namespace hearth {
namespace {

constexpr std::int64_t kContextDefault = 8192;
constexpr std::int64_t kCpuSequences = 16, kGpuSequences = 32;
constexpr std::int64_t kEncoderSequences = 256;  // texts that are read in one step
constexpr std::int64_t kCpuStepTokens = 512, kGpuStepTokens = 2048;
// Of the memory that is there, what a cache whose size nobody chose may leave: a CPU's memory is others' as well.
constexpr double kCpuMemoryShare = 0.5, kGpuMemoryShare = 0.95;
// Below this a step is not bound by reading weights.
constexpr std::int64_t kMeasuredBytesMin = 64 << 20;

// A file's own name for itself ("Llama 3.1 8B Instruct") has spaces, which clients' settings do not take well.
std::string name_of(const ModelSource& source, const ServeOptions& options) {
  if (!options.aliases.empty()) return options.aliases.front();
  if (const auto name = model_name(options.model.path)) return *name;
  const std::filesystem::path path = std::filesystem::absolute(source.path()).lexically_normal();
  const std::filesystem::path last = path.has_filename() ? path.filename() : path.parent_path().filename();
  return last.extension() == ".gguf" ? last.stem().string() : last.string();
}

double measured_bytes_per_second(ModelSession& session) {
  const MemoryPlan& plan = session.pass().memory_plan();
  if (plan.weight_bytes + plan.mapped_weight_bytes < kMeasuredBytesMin) return 0;
  return measure_limits(session.device(), session.stream(), Compute::kBf16).bytes_per_second;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

LoadedModel::LoadedModel(const ServeOptions& options, LoadProgress& progress, const Note& note)
    : session_(options.model),
      tokenizer_(Tokenizer::open(session_.source())),
      sampling_(sampling_options(session_.source(), options.sampling)),
      seed_is_fixed_(options.sampling.seed.has_value()) {
  if (options.model.device == "auto") note("info", session_.device_choice());
  open_template(options, note);
  bind(options, note);
  ForwardPass& pass = session_.pass();
  for (const auto* notes : {&tokenizer_->notes(), &pass.notes()}) {
    for (const std::string& sentence : *notes) note("warning", sentence);
  }
  validate(sampling_, static_cast<std::int32_t>(pass.spec().vocabulary));
  bytes_per_second_ = measured_bytes_per_second(session_);
  // Beside the loading: both read every weight, and the second reader finds it in memory.
  auto fingerprint = std::async(std::launch::async, [&] {
    return make_fingerprint(options.version_text, session_.source(), session_.device(), pass.options().compute,
                            pass.options().context, std::max(1, usable_core_count() / 2));
  });
  progress.set_total_bytes(pass.memory_plan().loaded_bytes());
  session_.load_pass([&](std::int64_t bytes) { progress.add_bytes(bytes); });
  EngineOptions engine_options;
  engine_options.queue_max = options.queue_max;
  engine_options.embedding = embedding_;
  engine_options.speculation = options.speculation;
  if (pass.spec().has_logits) note("info", "speculation: " + speculation_text(options.speculation, pass.spec()));
  engine_ = std::make_unique<Engine>(pass, session_.stream(), *tokenizer_, engine_options);
  describe(options);
  const Fingerprint found = fingerprint.get();
  facts_.hash = found.model;
  facts_.fingerprint = found.text();
}

// A model's template that cannot be parsed is no reason not to serve plain prompts; one that the user names is.
void LoadedModel::open_template(const ServeOptions& options, const Note& note) {
  try {
    chat_template_ = ChatTemplate::from_source(session_.source(), options.chat_template);
  } catch (const InvalidInput& error) {
    if (!options.chat_template.empty()) throw;
    chat_template_error_ = fmt::format("the model's chat template cannot be used: {}", error.what());
    facts_.chat_template_text = chat_template_text(session_.source()).value_or("");
    note("warning", chat_template_error_ + "; only plain prompts are answered");
    return;
  }
  if (!chat_template_) {
    note("info", "the model has no chat template: only plain prompts are answered");
    return;
  }
  facts_.chat_template_text = chat_template_->text();
  for (const std::string& finding : chat_template_->findings()) note("warning", finding);
}

// What the states are for. The engine pools them in one way. A head that does not rank is no reason not to serve the
// rest of a model.
void LoadedModel::read_vectors(const ModelSpec& spec, const Note& note) {
  try {
    rerank_ = read_rerank_spec(session_.source(), spec, *tokenizer_);
  } catch (const Unsupported& error) {
    note("warning", error.what());
  }
  if (rerank_ && rerank_->ranks_alone) {
    embedding_.pooling = rerank_->pooling;
    embedding_.width = spec.width;
    return;
  }
  embedding_ = read_embedding_spec(session_.source(), spec);
  if (rerank_ && (embedding_.pooling != rerank_->pooling || !embedding_.dense.empty())) rerank_.reset();
}

void LoadedModel::bind(const ServeOptions& options, const Note& note) {
  const bool is_cpu = session_.device().is_cpu();
  const auto or_default = [is_cpu](std::int64_t wanted, std::int64_t cpu, std::int64_t gpu) {
    return wanted > 0 ? wanted : is_cpu ? cpu : gpu;
  };
  ForwardPassOptions wanted;
  wanted.context =
      options.model.context > 0 ? options.model.context : std::min(session_.context_max(), kContextDefault);
  const ModelSpec spec = read_model_spec(Settings(session_.source()));
  read_vectors(spec, note);
  wanted.states_only = rerank_ && rerank_->ranks_alone;
  const bool is_encoder = spec.looks_ahead();
  wanted.sequences_max = or_default(options.sequences_max, is_encoder ? kEncoderSequences : kCpuSequences,
                                    is_encoder ? kEncoderSequences : kGpuSequences);
  wanted.logit_rows_max = wanted.sequences_max;
  wanted.draft_rows_max = options.speculation.draft_rows_max(wanted.sequences_max);
  wanted.sampling = true;
  wanted.checkpoints = true;
  wanted.step_tokens_max =
      std::max(or_default(options.step_tokens, kCpuStepTokens, kGpuStepTokens), wanted.sequences_max);
  if (is_encoder) {
    // Texts are read whole, and every token's state may be wanted; what they leave in the cache is gone with the step.
    wanted.step_tokens_max = std::max(wanted.step_tokens_max, wanted.context);
    wanted.logit_rows_max = wanted.step_tokens_max;
    wanted.cache_tokens = wanted.step_tokens_max + wanted.sequences_max * kKvBlockTokens;
    session_.bind(wanted, /*needs_logits=*/false);
    return;
  }
  wanted.cache_tokens =
      options.cache_tokens > 0 ? std::max(options.cache_tokens, wanted.context) : wanted.sequences_max * wanted.context;
  session_.bind(wanted, /*needs_logits=*/false);
  if (options.cache_tokens > 0) return;
  const std::int64_t fitting = cache_tokens_that_fit(wanted);
  if (fitting >= wanted.cache_tokens) return;
  wanted.cache_tokens = fitting;
  session_.bind(wanted, /*needs_logits=*/false);
}

// At least one context: less is an error, which loading reports with its numbers.
std::int64_t LoadedModel::cache_tokens_that_fit(const ForwardPassOptions& wanted) {
  const MemoryPlan& plan = session_.pass().memory_plan();
  const bool is_cpu = session_.device().is_cpu();
  // Beyond their least number, checkpoints of states grow and shrink with the cache.
  const StateShape& states = session_.pass().sequence_memory_shape().states;
  const std::int64_t cache_bytes =
      plan.kv_cache_bytes + (states.checkpoint_count - states.checkpoint_count_min()) * states.slot_bytes();
  const std::int64_t other_bytes = plan.total_bytes() - cache_bytes + (is_cpu ? plan.mapped_weight_bytes : 0);
  const double room =
      static_cast<double>(session_.device().memory_available_bytes()) * (is_cpu ? 1.0 : kGpuMemoryShare) -
      static_cast<double>(other_bytes);
  const double share = is_cpu ? kCpuMemoryShare : 1.0;
  const double bytes_per_token = static_cast<double>(cache_bytes) / static_cast<double>(wanted.cache_tokens);
  const auto tokens = static_cast<std::int64_t>(std::max(0.0, room * share) / std::max(1.0, bytes_per_token));
  return std::max(wanted.context, tokens / kKvBlockTokens * kKvBlockTokens);
}

void LoadedModel::describe(const ServeOptions& options) {
  const ModelSource& source = session_.source();
  const ForwardPass& pass = session_.pass();
  facts_.name = name_of(source, options);
  if (!options.aliases.empty()) facts_.aliases.assign(options.aliases.begin() + 1, options.aliases.end());
  facts_.architecture = pass.spec().architecture;
  facts_.format = main_format(source);
  for (const WeightEntry& entry : source.tensors()) {
    facts_.parameter_count += entry.shape.element_count();
    facts_.file_bytes += entry.file_bytes();
  }
  for (const OperatorPlan& op : pass.operators()) facts_.weight_bytes += op.bytes_per_token;
  facts_.context = engine_->context();
  facts_.context_model = pass.spec().context_max;
  facts_.width = pass.spec().width;
  facts_.embedding = embedding_;
  facts_.rerank = rerank_;
  facts_.vocabulary = pass.spec().vocabulary;
  facts_.created = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  facts_.device = fmt::format("{} ({})", session_.device().id().to_string(), session_.device().description());
  facts_.compute = std::string(compute_name(pass.options().compute));
  facts_.build = first_line(options.version_text);
  facts_.path = session_.source().path().string();
}

ModelService::Parts LoadedModel::parts(const ServeOptions& options) {
  ModelService::Parts parts;
  parts.model = facts_;
  parts.engine = engine_.get();
  parts.tokenizer = tokenizer_.get();
  parts.chat_template = chat_template_ ? &*chat_template_ : nullptr;
  parts.chat_template_error = chat_template_error_;
  parts.sampling_defaults = sampling_;
  parts.seed_is_fixed = seed_is_fixed_;
  parts.keepalive = std::chrono::milliseconds(static_cast<std::int64_t>(options.keepalive_s * 1000));
  parts.keeps_prompt_headers = options.keeps_prompt_headers;
  parts.thinks = options.thinks;
  parts.thinking_tokens_max = options.thinking_tokens_max;
  return parts;
}

}  // namespace hearth
