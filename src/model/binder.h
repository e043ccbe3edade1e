// Binding: while a model's blocks are built, each asks here for its weights and kernels. Nothing is allocated or read
// yet; what is missing, misshapen or unsupported is collected, so that the user hears of all of it at once. What comes
// out is the plan: which kernel runs each operator, and how many bytes of weights the device will hold.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
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

// A piece of the weight buffer and how it is filled.
struct WeightReservation {
  std::int64_t offset, bytes, part_bytes;
  std::function<void(std::int64_t begin, std::int64_t end, std::byte* out)> fill;
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

  // Room in the device's weight buffer, in parts of `part_bytes` of which the last may be shorter. When the model is
  // loaded `fill` writes the parts [begin, end) to host memory, from any thread.
  using Fill = std::function<void(std::int64_t begin, std::int64_t end, std::byte* out)>;
  WeightPlace reserve(std::int64_t bytes, std::int64_t part_bytes, Fill fill);
  // The same in one part.
  WeightPlace reserve(std::int64_t bytes, std::function<void(std::byte*)> fill);

  // Room for a matrix [n, k] whose rows `rows` hands out as files have them: rows [begin, end), which may stand in
  // `scratch`. Packed where `packing` is not null.
  using Rows = std::function<const std::byte*(std::int64_t begin, std::int64_t end, std::vector<std::byte>& scratch)>;
  WeightPlace reserve_matrix(Format format, std::int64_t n, std::int64_t k, const WeightPacking* packing, Rows rows);
  // A whole tensor [n, k]: where the file is mapped if the device can read that, else in the weight buffer, once for
  // all operators that read it in the same form.
  WeightPlace place_matrix(const WeightEntry& entry, const WeightPacking* packing);

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

  void count_mapped(const WeightEntry& entry) { mapped_.insert(&entry); }

  const ModelSource& source_;
  NameScheme names_;
  Backend backend_;
  ComputeMode compute_;
  bool all_f32_ = false;
  std::vector<WeightReservation> reservations_;
  std::map<std::pair<const WeightEntry*, const WeightPacking*>, WeightPlace> matrices_;
  std::int64_t reserved_bytes_ = 0;
  std::set<const WeightEntry*> mapped_;
  std::vector<OperatorPlan> operators_;
  std::vector<std::string> problems_;
};

}  // namespace hearth
