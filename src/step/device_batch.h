// A batch's arrays where the device reads them: the host's own, or a copy in the device's memory. The copy's layout
// follows from the numbers of tokens and sequences alone, so that a recorded step finds the next one's arrays in the
// same place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "device/device.h"
#include "step/batch.h"

namespace hearth {

class DeviceBatch {
 public:
  struct Limits {
    std::int64_t tokens_max = 0;
    std::int64_t sequences_max = 0;
    std::int64_t key_count_max = 0;  // of a sequence
    bool has_states = false;         // the sequences' tokens and slots are brought as well
    bool has_types = false;          // and the types of tokens
  };
  // Bytes of the device's memory that batches within the limits take.
  static std::int64_t bytes(const Limits& limits);

  // `device_memory`: of bytes(limits), or null where the device reads host memory.
  DeviceBatch() = default;
  DeviceBatch(const Limits& limits, std::byte* device_memory) : limits_(limits), memory_(device_memory) {}

  // Brings the arrays of `batch` to the device. They hold until the next call; with host memory, until `batch` changes.
  void set(Stream& stream, const Batch& batch);
  // The same of a step with one token for each sequence, in the device's memory, filled up to `padded_count` sequences:
  // each further one is a token at position 0, with logits and what is no sequence's.
  struct Padding {
    std::int32_t block = 0, state_slot = 0;
  };
  void set(Stream& stream, const Batch& batch, std::int64_t padded_count, const Padding& padding);
  // Where set() brings the arrays of any step with one token for each of `sequences` sequences: for recording it.
  const StepView& layout(std::int64_t sequences);

  const StepView& step() const { return step_; }
  const std::int32_t* tokens() const { return tokens_; }
  const std::int32_t* token_types() const { return token_types_; }  // where there is host memory, or has_types
  const std::int32_t* logit_rows() const { return logit_rows_; }

 private:
  // The places of a step's arrays in the device's memory.
  void lay_out(std::int64_t tokens, std::int64_t sequences);
  std::int32_t* staged(const std::int32_t* place);  // what will be uploaded to `place`
  void stage_padding(std::int64_t first_token, std::int64_t first_sequence, const Padding& padding);

  Limits limits_;
  std::byte* memory_ = nullptr;
  std::vector<std::int32_t> staging_;
  StepView step_;
  const std::int32_t* tokens_ = nullptr;
  const std::int32_t* token_types_ = nullptr;
  const std::int32_t* logit_rows_ = nullptr;
};

}  // namespace hearth
