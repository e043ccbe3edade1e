// Binding: while a model's blocks are built, each asks here for its weights and kernels. Nothing is allocated or read
// yet; what is missing, misshapen or unsupported is collected, so that the user hears of all of it at once. What comes
// out is the plan: which kernel runs each operator, and how many bytes of weights the device will hold.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "model/model_spec.h"
#include "model/tensor_names.h"
#include "weights/model_source.h"

namespace hearth {

// How matmuls are computed. kAuto decides for each weight: float32 where the file is, int8 activations for quantized
// weights, else bf16.
enum class ComputeMode : std::uint8_t { kAuto, kF32, kBf16, kInt8 };

// One operator of the plan, for the user to read.
struct OperatorPlan {
  std::string name;                  // "blk.0.attn_q"
  std::string kernel;                // "matmul.int8.q4_0.cpu.avx2"
  std::string format;                // of its weights; empty: it has none
  std::int64_t bytes_per_token = 0;  // of weights, read when one token is decoded
};

// Where a weight will be once the model is loaded: in the mapped file, or at an offset of the device's weight buffer.
class WeightPlace {
 public:
  WeightPlace() = default;
  static WeightPlace mapped(const std::byte* data) { return WeightPlace(data, 0); }
  static WeightPlace reserved(std::int64_t offset) { return WeightPlace(nullptr, offset); }
  const std::byte* resolve(const std::byte* weight_buffer) const {
    return mapped_ != nullptr ? mapped_ : weight_buffer + offset_;
  }

 private:
  WeightPlace(const std::byte* data, std::int64_t offset) : mapped_(data), offset_(offset) {}
  const std::byte* mapped_ = nullptr;
  std::int64_t offset_ = 0;
};

class Binder {
 public:
  Binder(const ModelSource& source, NameScheme names, const Backend& backend, ComputeMode compute);

  const Backend& backend() const { return backend_; }
  const KernelTable& kernels() const { return backend_.kernels; }
  ComputeMode compute() const { return compute_; }
  // True when every matmul weight is computed in float32: then so are the cache and the embeddings.
  bool all_f32() const { return all_f32_; }

  std::string name(Weight weight, std::int64_t layer = 0) const { return tensor_name(names_, weight, layer); }
  // Null if absent. Unsupported tensors count as a problem.
  const WeightEntry* find(const std::string& tensor);
  // As find, but absence is a problem, and so is another shape. Null after a problem.
  const WeightEntry* require(const std::string& tensor, const Shape& shape);

  // A list of floats (a norm's weight, a bias) as float32, times `factor`. nullopt: absent and not `needed`, or a
  // problem.
  std::optional<WeightPlace> floats(const std::string& tensor, std::int64_t count, bool needed, float factor = 1);
  // A single float; `fallback` if absent.
  float scalar(const std::string& tensor, float fallback);

  // Room in the device's weight buffer, filled by `fill` when the model is loaded.
  using Fill = std::function<void(Stream&, std::byte*)>;
  WeightPlace reserve(std::int64_t bytes, Fill fill);
  // Notes a weight that is read where the file is mapped; one that several operators share counts once.
  void count_mapped(const WeightEntry& entry);

  void problem(std::string sentence);
  void operation(OperatorPlan operation) { operators_.push_back(std::move(operation)); }
  // Adds an operator without weights; a problem if the device lacks its kernel.
  template <class Args>
  const Kernel<Args>& kernel(const Kernel<Args>& entry, std::string_view operator_name) {
    if (entry) {
      operation({std::string(operator_name), std::string(entry.name()), "", 0});
    } else {
      problem_no_kernel(operator_name);
    }
    return entry;
  }

  // Throws one Unsupported or InvalidInput with every problem, if there are any.
  void finish() const;

  std::int64_t reserved_bytes() const { return reserved_bytes_; }
  std::int64_t mapped_bytes() const;
  const std::vector<OperatorPlan>& operators() const { return operators_; }
  // Fills the weight buffer; `progress` hears of bytes written.
  void fill(Stream& stream, std::byte* weight_buffer, const std::function<void(std::int64_t)>& progress) const;

 private:
  void problem_no_kernel(std::string_view operator_name);

  struct Reservation {
    std::int64_t offset, bytes;
    Fill fill;
  };

  const ModelSource& source_;
  NameScheme names_;
  Backend backend_;
  ComputeMode compute_;
  bool all_f32_ = false;
  std::vector<Reservation> reservations_;
  std::int64_t reserved_bytes_ = 0;
  std::set<const WeightEntry*> mapped_;
  std::vector<OperatorPlan> operators_;
  std::vector<std::string> problems_;
};

}  // namespace hearth
