// What every verb that computes does first: choose the device, open MODEL, bind it, and load it as planned.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "commands/device_choice.h"
#include "engine/sequence_runner.h"

namespace hearth {

struct ModelOptions {
  std::filesystem::path path;
  std::string device = "auto";
  std::string compute = "auto";
  std::string attention = "fused";
  bool experts_on_host = false;
  int threads = 0;           // 0: one for each usable core
  std::int64_t context = 0;  // 0: the verb's own choice
};

// Throws InvalidInput, listing what there is.
ComputeMode parse_compute(const std::string& name);
AttentionMode parse_attention(const std::string& name);

// What to say where a device has not the memory that was planned: what `--experts host` would need. Empty where it
// would be no help.
std::string experts_hint(const ModelSource& source, const ForwardPass& pass);

// "note: …" on standard error, a line each.
void print_notes(const std::vector<std::string>& notes);

// A bound model on its device; loaded when load() is called.
class ModelSession {
 public:
  explicit ModelSession(const ModelOptions& options);

  const ModelSource& source() const { return *source_; }
  Device& device() { return *opened_.device; }
  // One line for the user: the device, and why not another.
  const std::string& device_choice() const { return opened_.choice; }
  Stream& stream() { return *stream_; }

  // Binds with all options but compute and attention mode, which are the session's; throws what ForwardPass does, and
  // InvalidInput for a model without logits where the verb needs them. Steps of a model that looks ahead have room for
  // a whole context.
  void bind(ForwardPassOptions options, bool needs_logits = true);
  ForwardPass& pass() { return *pass_; }
  // The model's own context, without binding it.
  std::int64_t context_max() const;
  // Throws OutOfMemory, with the plan's numbers, before anything is allocated; then loads, with a progress line on
  // standard error where that is a terminal.
  SequenceRunner& load();
  // The same without a runner: for an engine. `progress` (may be empty) hears of bytes done, as ForwardPass::load()
  // says, instead of the terminal.
  void load_pass(const std::function<void(std::int64_t)>& progress = {});

 private:
  ModelOptions options_;
  std::unique_ptr<ModelSource> source_;
  OpenedDevice opened_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<ForwardPass> pass_;
  std::unique_ptr<SequenceRunner> runner_;
};

}  // namespace hearth
