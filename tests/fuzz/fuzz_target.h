// What the fuzz targets share. A target is one LLVMFuzzerTestOneInput: libFuzzer drives it in the `fuzz` build, and
// replay_main.cc drives it over the corpus in every test run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/check.h"
#include "base/error.h"
#include "base/escape.h"
#include "weights/weight_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hearth::fuzz {

inline const std::string kFileName = "fuzzed-file";

// Runs `action`. It may refuse its input, in one printable sentence that names the file; any other way out is a defect.
template <typename Action>
void accept_refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string sentence = error.what();
    CHECK(sentence.starts_with(kFileName + ": "));
    CHECK(sentence.find('\n') == sentence.npos && find_invalid_utf8(sentence) == sentence.npos);
    CHECK(sentence.size() < 1000);
  }
}

// Runs `action`, which may refuse its input with an error for the user; any other way out is a defect.
template <typename Action>
void accept_error(Action action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.what()[0] != '\0');
  }
}

// What a reader promises of its tensors: bytes within the file, as many as format and shape need.
inline void check_weights(const WeightEntries& weights, std::span<const std::byte> file) {
  for (const WeightEntry& entry : weights.tensors) {
    CHECK(entry.shape.element_count() >= 0);
    CHECK(entry.bytes.size() == static_cast<std::size_t>(format_bytes(entry.format, entry.shape.element_count())));
    if (entry.bytes.empty()) continue;
    CHECK(entry.bytes.data() >= file.data());
    CHECK(entry.bytes.data() + entry.bytes.size() <= file.data() + file.size());
  }
}

}  // namespace hearth::fuzz
