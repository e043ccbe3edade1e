// Fuzzes the GGUF reader: the whole file, then every entry through every getter. What opens must survive being written
// and read again.
#include <sstream>

#include "fuzz_target.h"
#include "weights/gguf_reader.h"
#include "weights/gguf_writer.h"

namespace hearth {
namespace {

void read_every_way(const Metadata& metadata) {
  using fuzz::accept_refusal;
  for (const Metadata::Entry& entry : metadata.entries()) {
    CHECK(metadata.contains(entry.key));
    accept_refusal([&] { metadata.to_string(entry, 3); });
    accept_refusal([&] { metadata.boolean(entry.key); });
    accept_refusal([&] { metadata.integer(entry.key); });
    accept_refusal([&] { metadata.number(entry.key); });
    accept_refusal([&] { metadata.string(entry.key); });
    accept_refusal([&] { metadata.strings(entry.key); });
    accept_refusal([&] { metadata.integers(entry.key); });
    accept_refusal([&] { metadata.numbers(entry.key); });
  }
}

std::string write_again(const GgufContents& contents) {
  GgufWriter writer;
  for (const Metadata::Entry& entry : contents.metadata.entries()) {
    if (entry.key != "general.alignment") writer.add(entry);
  }
  for (const WeightEntry& entry : contents.weights.tensors) {
    if (!entry.name.empty()) writer.add({entry.name, entry.format, entry.shape, data_in_memory(entry.bytes)});
  }
  std::ostringstream out;
  writer.write(out);
  return out.str();
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  fuzz::accept_refusal([&] {
    const GgufContents contents = read_gguf(bytes, fuzz::kFileName);
    fuzz::check_weights(contents.weights, bytes);
    read_every_way(contents.metadata);
    const std::string once = write_again(contents);
    CHECK(write_again(read_gguf(std::as_bytes(std::span(once)), fuzz::kFileName)) == once);
  });
  return 0;
}
