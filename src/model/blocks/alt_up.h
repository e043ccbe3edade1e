// Alternating updates (kernels/alt_up): a residual stream that is several streams wide, how it is made of an embedding
// and becomes one again, and what a layer does with it.
#pragma once

#include <vector>

#include "model/blocks/attention.h"

namespace hearth {

// The streams' beginning and end. They stand in an area of the work space, [streams, tokens, width], tokens those of
// the step.
class AltUpEnds {
 public:
  AltUpEnds(Binder& binder, const ModelSpec& spec);
  // The first stream, where the step's embeddings are to be.
  float* first() const { return streams_.get(); }
  // Makes the others of it.
  void expand(Stream& stream, std::int64_t token_count) const;
  // out [rows, width] = of these rows of all streams, what is to be normalized for the logits.
  void merge(Stream& stream, std::int64_t token_count, const std::int32_t* rows, std::int64_t row_count,
             float* out) const;

 private:
  AltUpSpec spec_;
  std::int64_t width_;
  const MatmulConversions& conversions_;
  std::vector<Linear> apart_, together_;  // of all streams but the first
  Kernel<MatchMagnitudeArgs> match_;
  Kernel<RowGatherArgs> row_gather_;
  Kernel<ResidualAddArgs> add_;
  Planned<float> streams_;
  Planned<float> gathered_, merged_;  // [logit rows, width], [streams - 1, logit rows, width]
};

// One layer's.
class AltUpLayer {
 public:
  AltUpLayer(const LayerParts& parts, std::int64_t layer);
  // The streams as they are predicted; x is the active one.
  void predict(const StepContext& context) const;
  // The streams as they are corrected by x.
  void correct(const StepContext& context) const;
  // The corrected active one as the layer's input is chosen by, [tokens, width].
  const float* corrected() const { return corrected_.get(); }
  // Adds delta to all streams but the first.
  void add_to_others(const StepContext& context) const;

 private:
  AltUpStreams streams_of(const StepContext& context, const float* modes_of) const;

  AltUpSpec spec_;
  std::int64_t width_;
  Format handed_on_;
  const MatmulConversions& conversions_;
  Norm norm_;
  Linear router_;
  Planned<const float> predicting_, correcting_, scale_;
  Kernel<AltUpPredictArgs> predict_;
  Kernel<AltUpCorrectArgs> correct_;
  Kernel<ResidualAddArgs> add_;
  Planned<float> streams_;
  Planned<void> normed_;      // [tokens, width]
  Planned<float> products_;   // [tokens, streams]
  Planned<float> corrected_;  // [tokens, width]
};

}  // namespace hearth
