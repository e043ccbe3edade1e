// Fuzzes the safetensors reader.
#include "fuzz_target.h"
#include "weights/safetensors_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  fuzz::accept_refusal([&] { fuzz::check_weights(read_safetensors(bytes, fuzz::kFileName), bytes); });
  return 0;
}
