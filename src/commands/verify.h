// `hearth verify`: the same tokens through a model on a device and on the CPU in float32, compared layer by layer.
#pragma once

#include <string>
#include <vector>

#include "commands/model_session.h"

namespace hearth {

struct VerifyOptions {
  ModelOptions model;                // the device to verify; on the CPU, the compute mode
  std::vector<std::int32_t> tokens;  // empty: `token_count` random ones
  std::int64_t token_count = 64;
  bool json = false;
};

// How a device's logits differ from the CPU's in float32.
struct VerifyResult {
  std::string device;   // "cuda:0 (f32)"
  double relative = 0;  // L2
  double tolerance = 0;
  bool agrees = false;
};
VerifyResult compare_with_cpu(const VerifyOptions& options);

// Prints a line for each layer and one for the logits: the relative L2 difference, and the position where it is
// largest. Returns the exit status: 0 where the logits agree to within 0.1 % (float32) or 3 % (other modes), else 1.
int verify(const VerifyOptions& options);

}  // namespace hearth
