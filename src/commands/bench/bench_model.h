// The model that `hearth bench` measures, from a file or made up, and the memory for it.
#pragma once

#include <memory>

#include "commands/bench/bench.h"
#include "commands/bench/synthetic_model.h"
#include "weights/model_source.h"

namespace hearth {

struct BenchModel {
  std::unique_ptr<ModelSource> file;
  std::unique_ptr<SyntheticModel> synthetic;
  const ModelSource& source() const { return file ? *file : synthetic->source(); }
};

BenchModel open_bench_model(const BenchOptions& options);

// Where kernels read weights in place, a synthetic model's need memory of their own. Everything is checked before
// anything is allocated: throws OutOfMemory.
void provide_bench_memory(const BenchRunner& runner, const Device& device, BenchModel& model);

}  // namespace hearth
