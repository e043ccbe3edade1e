// What an answer's bits depend on besides the request: the model, this build, the device and the compute mode (law 2),
// and the context, which chooses the scaling of some models' positions. It goes into responses and logs, and a replay
// compares it part by part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "model/binder.h"
#include "weights/model_source.h"

namespace hearth {

struct Fingerprint {
  std::string build;    // "0.1.0 (commit 6fc08cd1ce13)"
  std::string model;    // model_hash()
  std::string device;   // "AMD EPYC 7763, avx2": its description without what changes no bit
  std::string compute;  // "auto", "f32", "bf16", "int8"
  std::int64_t context = 0;

  bool operator==(const Fingerprint&) const = default;
  // "build=…;model=…;device=…;compute=…;context=…"; no part has a semicolon.
  std::string text() const;
};

// Reads all of the model's weights, with `thread_count` threads. `version_text` is that of `hearth --version`; compute
// and context are the bound pass's.
Fingerprint make_fingerprint(std::string_view version_text, const ModelSource& source, const Device& device,
                             ComputeMode compute, std::int64_t context, int thread_count);

// What text() wrote; nullopt for anything else.
std::optional<Fingerprint> parse_fingerprint(std::string_view text);

// One phrase for each part that differs: "the model (logged 1f…, here 2e…)".
std::vector<std::string> fingerprint_differences(const Fingerprint& logged, const Fingerprint& here);

std::string_view compute_name(ComputeMode compute);

}  // namespace hearth
