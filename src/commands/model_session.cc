#include "commands/model_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "base/error.h"
#include "base/escape.h"
#include "commands/find_model.h"
#include "device/cpu/machine_limits.h"
#include "device/gpu/gpu_device.h"
#include "model/backend.h"

namespace hearth {
namespace {

// A plan for every progress step would drown the terminal.
constexpr std::int64_t kProgressStepBytes = 64 << 20;
constexpr std::int64_t kProgressBytesMin = 256 << 20;

}  // namespace

ComputeMode parse_compute(const std::string& name) {
  struct Mode {
    std::string_view name;
    ComputeMode mode;
  };
  static constexpr std::array kModes{Mode{"auto", ComputeMode::kAuto}, Mode{"f32", ComputeMode::kF32},
                                     Mode{"bf16", ComputeMode::kBf16}, Mode{"int8", ComputeMode::kInt8}};
  for (const Mode& candidate : kModes) {
    if (candidate.name == name) return candidate.mode;
  }
  throw InvalidInput(fmt::format("compute mode '{}' is not one of auto, f32, bf16, int8", name));
}

AttentionMode parse_attention(const std::string& name) {
  if (name == "fused") return AttentionMode::kFused;
  if (name == "steps") return AttentionMode::kSteps;
  throw InvalidInput(fmt::format("attention '{}' is not one of fused, steps", name));
}

std::string experts_hint(const ModelSource& source, const ForwardPass& pass) {
  const Backend& backend = pass.backend();
  const auto has_experts = [](const LayerSpec& layer) { return layer.has_feed_forward() && layer.has_experts(); };
  const auto* gpu = dynamic_cast<const GpuDevice*>(&backend.device);
  if (pass.options().experts_on_host || gpu == nullptr || gpu->properties().integrated) return "";
  if (std::ranges::none_of(pass.spec().layers, has_experts)) return "";
  ForwardPassOptions options = pass.options();
  options.logit_rows_max -= options.draft_rows_max;  // binding adds them
  options.experts_on_host = true;
  const MemoryPlan plan = ForwardPass(source, backend, options).memory_plan();
  return fmt::format("; '--experts host' would need {} bytes here, and {} of the host's memory, where {} are available",
                     plan.total_bytes(), plan.host_weight_bytes, memory_available_bytes());
}

void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) fmt::print(stderr, "note: {}\n", printable_text(note));
}

ModelSession::ModelSession(const ModelOptions& options)
    : options_(options),
      source_(ModelSource::open(find_model(options.path))),
      opened_(open_device(options.device, options.threads)),
      stream_(device().open_stream()) {}

std::int64_t ModelSession::context_max() const {
  const Settings settings(*source_);
  return read_model_spec(settings).context_max;
}

void ModelSession::bind(ForwardPassOptions options, bool needs_logits) {
  const ModelSpec spec = read_model_spec(Settings(*source_));
  if (needs_logits && !spec.has_logits) {
    throw InvalidInput(fmt::format("{}: models of architecture '{}' make vectors of texts, and no text: `hearth embed`",
                                   source_->path().string(), spec.architecture));
  }
  if (spec.looks_ahead()) {
    const std::int64_t context = options.context > 0 ? options.context : spec.context_max;
    options.step_tokens_max = std::max(options.step_tokens_max, context);
  }
  const auto [backend, compute] = backend_for(device(), parse_compute(options_.compute));
  options.compute = compute;
  options.attention = parse_attention(options_.attention);
  options.experts_on_host = options_.experts_on_host;
  pass_ = std::make_unique<ForwardPass>(*source_, backend, options);
}

void ModelSession::load_pass(const std::function<void(std::int64_t)>& progress) {
  const MemoryPlan& plan = pass_->memory_plan();
  if (plan.total_bytes() > device().memory_available_bytes()) {
    throw OutOfMemory(fmt::format("{}: needs {} bytes of memory ({}); {} are available; a smaller --ctx needs less{}",
                                  source_->path().string(), plan.total_bytes(), plan.parts(),
                                  device().memory_available_bytes(), experts_hint(*source_, *pass_)));
  }
  if (progress) return pass_->load(*stream_, progress);
  const bool show = ::isatty(STDERR_FILENO) != 0 && plan.loaded_bytes() >= kProgressBytesMin;
  std::int64_t done = 0, shown = 0;
  pass_->load(*stream_, [&](std::int64_t bytes) {
    done += bytes;
    if (!show || done - shown < kProgressStepBytes) return;
    shown = done;
    std::fprintf(stderr, "\rloading %3d %%", static_cast<int>(100 * done / plan.loaded_bytes()));
  });
  if (shown > 0) std::fputs("\r             \r", stderr);
}

SequenceRunner& ModelSession::load() {
  load_pass();
  runner_ = std::make_unique<SequenceRunner>(*pass_, *stream_);
  return *runner_;
}

}  // namespace hearth
