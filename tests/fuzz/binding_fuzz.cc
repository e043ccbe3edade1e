// Fuzzes what stands between a GGUF file that was read well and a run: settings, the model's description, and the
// binding of every tensor and kernel. A model is refused, or planned to the byte.
#include <sstream>

#include "device/cpu/cpu_device.h"
#include "fuzz_target.h"
#include "model/backend.h"
#include "model/forward_pass.h"
#include "weights/gguf_reader.h"
#include "weights/gguf_writer.h"

namespace hearth {
namespace {

std::string head_of(const Metadata& metadata) {
  GgufWriter writer;
  for (const Metadata::Entry& entry : metadata.entries()) {
    if (entry.key != "general.alignment") writer.add(entry);
  }
  std::ostringstream out;
  writer.write(out);
  return out.str();
}

void bind(std::span<const std::byte> file) {
  const GgufContents contents = read_gguf(file, fuzz::kFileName);
  const std::string head = head_of(contents.metadata);
  const auto source = ModelSource::in_memory(fuzz::kFileName, std::as_bytes(std::span(head)), contents.weights.tensors);
  static CpuDevice device(1);
  const ChosenBackend chosen = backend_for(device, ComputeMode::kAuto);
  const ForwardPass pass(*source, chosen.backend, {.compute = chosen.compute, .context = 16, .step_tokens_max = 16});
  const MemoryPlan& plan = pass.memory_plan();
  for (const std::int64_t bytes :
       {plan.mapped_weight_bytes, plan.weight_bytes, plan.kv_cache_bytes, plan.workspace_bytes, plan.sampling_bytes,
        plan.state_bytes}) {
    CHECK(bytes >= 0);
  }
  CHECK(pass.spec().layer_count() > 0 && !pass.operators().empty());
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  fuzz::accept_error([&] { bind(std::as_bytes(std::span(data, size))); });
  return 0;
}
