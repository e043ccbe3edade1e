// Binding: while a model's blocks are built, each asks here for its weights and kernels. Nothing is allocated or read
// yet; what is missing, misshapen or unsupported is collected, so that the user hears of all of it at once. What comes
// out is the plan: which kernel runs each operator, and how many bytes of weights the device will hold.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel_table.h"
#include "model/compute_mode.h"
#include "model/host_weights.h"
#include "model/planned.h"
#include "model/tensor_names.h"
#include "weights/model_source.h"

namespace hearth {

// One operator of the plan, for the user to read.
struct OperatorPlan {
  std::string name;                  // "blk.0.attn_q"
  std::string kernel;                // "matmul.int8.q4_0.cpu.avx2"
  std::string format;                // of its weights; empty: it has none
  std::int64_t bytes_per_token = 0;  // of weights, read when one token is decoded
};

// The largest step that a model is bound for: what its work space is sized by.
struct StepLimits {
  std::int64_t tokens_max = 0;
  std::int64_t sequences_max = 0;
  std::int64_t logit_rows_max = 0;
  std::int64_t context = 0;  // positions of a sequence
};

// What matrices of a file are multiplied with in a step: rows of x, in the device's memory.
struct ObservedInput {
  std::span<const std::string> tensors;  // the matrices' names: all of them read the same rows
  const void* x;                         // [rows, columns] of `format`
  Format format;
  std::int64_t rows, columns;
  // Where the matrices are stacked, one for each expert: whose each slot is, in the device's memory, and how many slots
  // read a row. Else null.
  const std::int32_t* experts = nullptr;  // [rows * slots_per_row]
  std::int64_t expert_count = 0, slots_per_row = 1;
};
using InputObserver = std::function<void(const ObservedInput&)>;

// How a matmul's input becomes what its kernel reads. One matmul runs after another: they share the memory.
struct MatmulConversions {
  Kernel<RoundBf16Args> round_bf16;
  Kernel<QuantizeInt8Args> quantize_int8;
  Planned<float> rounded;  // [tokens, k]
  Planned<std::int8_t> q;
  Planned<float> q_scale, q_group_sum;
  Planned<std::int32_t> q_sum;
  Planned<void> workspace;
  std::int64_t workspace_bytes = 0;
  InputObserver observer;  // hears of every input; empty: nobody does
};

class Binder {
 public:
  Binder(const ModelSource& source, const TensorNames& names, const Backend& backend, ComputeMode compute,
         const StepLimits& limits);

  const Backend& backend() const { return backend_; }
  const KernelTable& kernels() const { return backend_.kernels; }
  ComputeMode compute() const { return compute_; }
  // True when every matmul weight is computed in float32: then so are the cache and the embeddings.
  bool all_f32() const { return all_f32_; }

  const StepLimits& limits() const { return limits_; }
  WorkSpace& work_space() { return work_space_; }

  NameScheme scheme() const { return names_.scheme(); }
  // Of several names that files of the family have: the one that is there, or the first.
  std::string name(Weight weight, std::int64_t layer = 0, std::int64_t expert = 0) const;
  // Null if absent. Unsupported tensors count as a problem.
  const WeightEntry* find(const std::string& tensor);
  // A tensor of bytes (ModelSource::find_bytes); null if there is none.
  const UnreadableEntry* find_bytes(const std::string& tensor) const;
  // As find, but absence is a problem, and so is another shape. Null after a problem. Its bytes are there.
  const WeightEntry* require(const std::string& tensor, const Shape& shape);
  // The same for one who asks for WeightEntry::rows: it may be composed.
  const WeightEntry* require_matrix(const std::string& tensor, const Shape& shape);

  // A list of floats (a norm's weight, a bias) as float32, times `factor`, plus `offset`. Nothing: absent and not
  // `needed`, or a problem.
  Planned<const float> floats(const std::string& tensor, std::int64_t count, bool needed, float factor = 1,
                              float offset = 0) {
    return floats(tensor, Shape{count}, needed, factor, offset);
  }
  // Each at most `bound` from 0.
  Planned<const float> floats(const std::string& tensor, const Shape& shape, bool needed, float factor = 1,
                              float offset = 0, float bound = std::numeric_limits<float>::infinity());
  // A single float; `fallback` if absent.
  float scalar(const std::string& tensor, float fallback);

  // Room in the device's weight buffer, in parts of `part_bytes` of which the last may be shorter. When the model is
  // loaded `fill` writes the parts [begin, end) to host memory, from any thread.
  using Fill = std::function<void(std::int64_t begin, std::int64_t end, std::byte* out)>;
  Planned<const std::byte> reserve(std::int64_t bytes, std::int64_t part_bytes, Fill fill);
  // The same in one part.
  Planned<const std::byte> reserve(std::int64_t bytes, std::function<void(std::byte*)> fill);

  // Room for a matrix [n, k] whose rows `rows` hands out as files have them: rows [begin, end), which may stand in
  // `scratch`. Packed where `packing` is not null.
  using Rows = std::function<const std::byte*(std::int64_t begin, std::int64_t end, std::vector<std::byte>& scratch)>;
  Planned<const std::byte> reserve_matrix(Format format, std::int64_t n, std::int64_t k, const WeightPacking* packing,
                                          Rows rows);
  // A whole tensor [n, k]: where the file is mapped if the device can read that, else in the weight buffer, once for
  // all operators that read it in the same form.
  Planned<const std::byte> place_matrix(const WeightEntry& entry, const WeightPacking* packing);

  // What a matmul computed in `compute` with an input [rows, k] and an output [rows, n] needs beside its weights.
  // `input` is the form in which it is given its input.
  void need_matmul(Compute compute, Format input, std::int64_t rows, std::int64_t n, std::int64_t k);
  const MatmulConversions& conversions() const { return conversions_; }
  void observe_inputs(InputObserver observer) { conversions_.observer = std::move(observer); }

  // From now on experts are bound to weights in the host's memory. A problem where the device has no other memory.
  void keep_experts_on_host();
  HostWeights* host_weights() const { return host_weights_.get(); }  // null: experts stand in the weight buffer

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
  // Sets the places of weights and work space, and fills the weights; `progress` hears of bytes written. `slots`: of
  // host_weights(), if there are any.
  void load(Stream& stream, std::byte* weight_buffer, std::byte* slots, std::byte* work_space,
            const std::function<void(std::int64_t)>& progress);

 private:
  // As find(), but throws for what is Unsupported.
  const WeightEntry* look_up(const std::string& tensor) const;
  void problem_no_kernel(std::string_view operator_name);

  // Where the file is mapped; `entry` is counted as read there.
  Planned<const std::byte> map(const WeightEntry& entry);

  const ModelSource& source_;
  TensorNames names_;
  Backend backend_;
  ComputeMode compute_;
  StepLimits limits_;
  bool all_f32_ = false;
  WorkSpace work_space_;
  MatmulConversions conversions_;
  std::deque<const std::byte*> places_;  // of weights; whose elements stay where they are
  std::vector<WeightReservation> reservations_;
  std::map<std::pair<const WeightEntry*, const WeightPacking*>, Planned<const std::byte>> matrices_;
  std::int64_t reserved_bytes_ = 0;
  std::unique_ptr<HostWeights> host_weights_;
  std::set<const WeightEntry*> mapped_;
  std::vector<OperatorPlan> operators_;
  std::vector<std::string> problems_;
};

}  // namespace hearth
