// A feed-forward part of experts: the router, the products with the experts that it chose, and their sum.
#pragma once

#include <optional>
#include <vector>

#include "model/blocks/expert_matrices.h"
#include "model/blocks/mlp.h"

namespace hearth {

// Where HostWeights has a layer's experts in a step.
struct HostExperts {
  const std::byte* weights = nullptr;  // null: they are in the weight buffer
  bool is_read_in_place = false;       // over the bus
};

// A matrix for every expert: y = x W^T for each slot, W that of the slot's expert. Heads are experts that all tokens
// choose.
class ExpertLinear {
 public:
  struct Sizes {
    std::int64_t expert_count = 0;
    std::int64_t used = 0;  // experts of a token
    std::int64_t in = 0;
    std::int64_t rows = 0;  // of each part
    Format input = Format::kF32;
    bool may_be_on_host = false;  // with the binder's HostWeights, if it has any, in its last group
  };
  // What is added to y and multiplied with it, if anything.
  struct Floats {
    Planned<const float> bias;    // [experts, out]
    Planned<const float> scales;  // [experts]
  };
  // An expert's matrix is its `parts` one below the other: of one format, which the device packs in tiles of which
  // `rows` is a multiple. Where one of them is none, a problem has been told. `name`: the operator's, for the plan.
  ExpertLinear(Binder& binder, const std::string& name, const std::vector<ExpertMatrices>& parts, const Sizes& sizes,
               const Floats& floats = {});
  // x: a row for every `slots_per_row` slots. y: [slots, out], rows `y_stride` elements apart.
  void run(Stream& stream, MatmulInput& x, const ExpertGroups& groups, std::int64_t slot_count,
           std::int64_t slots_per_row, float* y, std::int64_t y_stride, const HostExperts& host = {}) const;
  std::int64_t out() const { return out_; }

 private:
  void place(Binder& binder, const std::vector<ExpertMatrices>& parts, const Sizes& sizes);

  std::int64_t in_, out_, expert_count_, expert_bytes_ = 0;
  std::vector<std::string> tensors_;  // that it is made of, where they are stacked as they are read
  Compute compute_ = Compute::kF32;
  ExpertMatmulKernel kernel_;
  Format format_ = Format::kF32;
  Planned<const std::byte> weight_;
  std::int64_t host_offset_ = 0;  // in its group of HostWeights
  Floats floats_;
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
  void bind_router_norm(Binder& binder, const ModelSpec& spec, std::int64_t layer);
  void run_router(const StepContext& context, MatmulInput& input) const;
  void run_experts(const StepContext& context, MatmulInput& input) const;
  void ask_experts(const StepContext& context, MatmulInput& input, const ExpertGroups& groups) const;
  void bind_rows(Binder& binder, const ModelSpec& spec, std::int64_t layer, Format input);

  ExpertsSpec spec_;
  std::int64_t width_, row_width_;  // row_width_: of what experts read and say
  Format handed_on_;
  const MatmulConversions& conversions_;
  Linear router_;
  std::optional<Norm> router_norm_;
  Planned<void> router_input_;  // [tokens, width], where the router has a norm of its own
  Planned<const float> router_bias_;
  HostWeights* host_weights_;          // null: experts stand in the weight buffer
  std::int64_t host_group_;            // before what it is made of
  std::vector<ExpertLinear> gate_up_;  // one that holds both, or gate and up, or up alone
  ExpertLinear down_;
  std::optional<Linear> to_rows_, of_rows_;  // where row_width_ is not width_
  std::optional<Mlp> shared_;
  std::optional<Linear> shared_router_;
  Kernel<RouteArgs> route_;
  Kernel<GroupExpertsArgs> group_;
  Kernel<GatedActivationArgs> gated_activation_;
  Kernel<ActivationArgs> activation_;  // where experts have no gate
  Kernel<ExpertSumArgs> sum_;
  Kernel<ResidualAddArgs> residual_add_;         // of what the shared expert says, where experts have rows of their own
  Planned<float> products_;                      // [tokens, experts]
  Planned<std::int32_t> experts_;                // [tokens, used]
  Planned<float> weights_;                       // [tokens, used]
  Planned<std::int32_t> begin_, slots_, tiles_;  // ExpertGroups
  Planned<float> gate_up_rows_;                  // [slots, 2 expert width]
  Planned<void> hidden_;                         // [slots, expert width]
  Planned<float> said_;                          // [slots, row_width_]
  Planned<float> gates_;                         // [tokens]: of the shared expert
  Planned<float> rows_;                          // [tokens, row_width_]: what experts read, and their sum
  Planned<float> shared_rows_;                   // [tokens, width]
};

}  // namespace hearth
