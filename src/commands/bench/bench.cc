#include "commands/bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "commands/bench/bench_model.h"
#include "commands/bench/bench_report.h"
#include "commands/find_model.h"
#include "commands/model_session.h"
#include "commands/terminal_line.h"
#include "device/gpu/gpu_device.h"

namespace hearth {
namespace {

void measure_device(const BenchOptions& options, std::span<const BenchCase> cases, Device& device, BenchModel& model,
                    BenchReport& report) {
  // With several GPUs, the last one opened is the thread's.
  if (auto* gpu = dynamic_cast<GpuDevice*>(&device)) gpu->make_current();
  TerminalLine progress;
  const std::string id = device.id().to_string();
  const std::unique_ptr<Stream> stream = device.open_stream();
  constexpr std::int64_t kCpuStepTokens = 512, kGpuStepTokens = 2048;
  const std::int64_t step_tokens = options.step_tokens > 0 ? options.step_tokens
                                   : device.is_cpu()       ? kCpuStepTokens
                                                           : kGpuStepTokens;
  BenchRunner runner(model.source(), device, *stream,
                     {.compute = parse_compute(options.compute),
                      .step_tokens = step_tokens,
                      .share_depth = options.share_depth,
                      .experts_on_host = options.experts_on_host},
                     cases);
  progress.show(id + ": measuring the limits");
  const DeviceLimits limits = measure_limits(device, *stream, runner.compute());
  report.devices.push_back({id, device.description(), to_string(runner.compute()), step_tokens, limits});
  progress.show(id + ": loading");
  provide_bench_memory(runner, device, model);
  runner.load();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    progress.show(fmt::format("{}: {} of {}", id, i + 1, cases.size()));
    const BenchCase& c = cases[i];
    const bool prompt = c.kind == BenchCase::Kind::kPrefill;
    report.results.push_back({report.devices.size() - 1, c, runner.run(c, options.repetitions),
                              prompt ? runner.needed_flops(c) : runner.needed_bytes(c)});
  }
}

}  // namespace

BenchModel open_bench_model(const BenchOptions& options) {
  BenchModel model;
  if (!options.shape.empty()) {
    model.synthetic = std::make_unique<SyntheticModel>(model_shape(options.shape), options.format);
  } else {
    model.file = ModelSource::open(find_model(options.path));
  }
  return model;
}

void provide_bench_memory(const BenchRunner& runner, const Device& device, BenchModel& model) {
  const std::vector<Format> in_place = runner.formats_read_in_place();
  const MemoryPlan& plan = runner.pass().memory_plan();
  std::int64_t bytes = plan.total_bytes();
  for (const Format format : in_place) bytes += model.synthetic ? model.synthetic->matrix_bytes(format) : 0;
  if (bytes > device.memory_available_bytes()) {
    throw OutOfMemory(fmt::format(
        "{}: needs {} bytes of memory on {}, {} of them work space and key/value cache; {} are available; lower depths "
        "and batch sizes need less, and so does --share-depth{}",
        model.source().path().string(), bytes, device.id().to_string(), plan.total_bytes() - plan.weight_bytes,
        device.memory_available_bytes(), experts_hint(model.source(), runner.pass())));
  }
  if (!model.synthetic) return;
  for (const Format format : in_place) model.synthetic->make_distinct(format);
}

std::vector<BenchCase> bench_cases(const BenchOptions& options) {
  std::vector<BenchCase> cases;
  const auto add = [&cases](const BenchCase& c) {
    if (c.tokens > 0 && std::find(cases.begin(), cases.end(), c) == cases.end()) cases.push_back(c);
  };
  for (const std::int64_t tokens : options.prompts) {
    for (const std::int64_t depth : options.depths) add({BenchCase::Kind::kPrefill, tokens, depth, 1});
  }
  for (const std::int64_t tokens : options.decodes) {
    for (const std::int64_t depth : options.depths) {
      for (const std::int64_t batch : options.batches) add({BenchCase::Kind::kDecode, tokens, depth, batch});
    }
  }
  if (cases.empty()) throw InvalidInput("nothing to measure: neither prompt nor decode lengths above 0");
  return cases;
}

void bench(const BenchOptions& options) {
  const std::vector<BenchCase> cases = bench_cases(options);
  const BenchOutput output = parse_bench_output(options.output);
  // All devices and the model first: what is not there should not be found out after minutes of measuring.
  std::vector<OpenedDevice> devices;
  for (const std::string& name : options.devices) devices.push_back(open_device(name, options.threads));
  BenchModel model = open_bench_model(options);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (options.devices[i] == "auto") fmt::print(stderr, "{}\n", devices[i].choice);
  }

  BenchReport report;
  report.version = options.version;
  report.model = options.shape.empty() ? options.path.filename().string() : model.source().path().string();
  report.shared_depth = options.share_depth;
  for (const WeightEntry& tensor : model.source().tensors()) {
    report.parameter_count += tensor.shape.element_count();
    report.weight_bytes += tensor.file_bytes();
  }
  for (const OpenedDevice& opened : devices) measure_device(options, cases, *opened.device, model, report);
  std::fputs(format_report(report, output).c_str(), stdout);
}

}  // namespace hearth
