// A feed-forward part of experts: the router, the products with the experts that it chose, and their sum.
#pragma once

#include <optional>
#include <vector>

#include "model/blocks/mlp.h"

namespace hearth {

struct ExpertMatrices;

// One matrix of every expert: y = x W^T for each slot, W that of the slot's expert.
class ExpertLinear {
 public:
  // The file's tensors: one stacked [experts, rows, in], or one for each expert. Several `weights` stand one below the
  // other as one matrix: of one format, which the device packs in tiles of which `rows` is a multiple.
  ExpertLinear(Binder& binder, const ModelSpec& spec, const std::vector<Weight>& weights, std::int64_t layer,
               std::int64_t in, std::int64_t rows, Format input);
  // x: a row for every `slots_per_row` slots. y: [slots, out], rows `y_stride` elements apart.
  void run(Stream& stream, MatmulInput& x, const ExpertGroups& groups, std::int64_t slot_count,
           std::int64_t slots_per_row, float* y, std::int64_t y_stride) const;
  std::int64_t out() const { return out_; }

 private:
  void place(Binder& binder, const std::vector<ExpertMatrices>& parts, std::int64_t rows);
  Planned<const float> bind_floats(Binder& binder, const std::vector<std::vector<std::string>>& names,
                                   std::string_view suffix, std::int64_t count) const;

  std::int64_t in_, out_, expert_count_, expert_bytes_ = 0;
  Compute compute_ = Compute::kF32;
  ExpertMatmulKernel kernel_;
  Format format_ = Format::kF32;
  Planned<const std::byte> weight_;
  Planned<const float> scales_;  // [experts]
  Planned<const float> bias_;    // [experts, out]
  Planned<void> workspace_;
  std::int64_t workspace_bytes_ = 0;
};

class Experts {
 public:
  // `input`: the form of what run() is given.
  Experts(Binder& binder, const ModelSpec& spec, std::int64_t layer, Format input);
  // out [tokens, width] = the sum of what the experts make of the input.
  void run(const StepContext& context, const Activations& input, float* out) const;

 private:
  void run_experts(const StepContext& context, MatmulInput& input) const;

  ExpertsSpec spec_;
  std::int64_t width_;
  Format handed_on_;
  const MatmulConversions& conversions_;
  Linear router_;
  Planned<const float> router_bias_;
  std::vector<ExpertLinear> gate_up_;  // one that holds both, or gate and up, or up alone
  ExpertLinear down_;
  std::optional<Mlp> shared_;
  std::optional<Linear> shared_router_;
  Kernel<RouteArgs> route_;
  Kernel<GroupExpertsArgs> group_;
  Kernel<GatedActivationArgs> gated_activation_;
  Kernel<ActivationArgs> activation_;  // where experts have no gate
  Kernel<ExpertSumArgs> sum_;
  Planned<float> products_;                      // [tokens, experts]
  Planned<std::int32_t> experts_;                // [tokens, used]
  Planned<float> weights_;                       // [tokens, used]
  Planned<std::int32_t> begin_, slots_, tiles_;  // ExpertGroups
  Planned<float> gate_up_rows_;                  // [slots, 2 expert width]
  Planned<void> hidden_;                         // [slots, expert width]
  Planned<float> said_;                          // [slots, width]
  Planned<float> gates_;                         // [tokens]: of the shared expert
};

}  // namespace hearth
