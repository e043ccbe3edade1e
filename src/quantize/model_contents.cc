#include "quantize/model_contents.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/escape.h"

namespace hearth {
namespace {

// What a file says of itself and does not hold any longer when it was written anew.
bool is_about_the_file(std::string_view key) {
  return key == "general.file_type" || key == "general.quantization_version" || key == "general.alignment" ||
         key.starts_with("split.") || key.starts_with("quantize.imatrix.") || key == "hearth.extension.mxfp6";
}

// The largest of one number, or of one for each layer.
std::int64_t largest_of(const Metadata& metadata, const std::string& key) {
  if (!metadata.contains(key)) return 0;
  if (!metadata.is_array(key)) return metadata.integer(key).value_or(0);
  const std::vector<std::int64_t> values = metadata.integers(key).value_or(std::vector<std::int64_t>{});
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

}  // namespace

ContentTensor content_tensor(std::string name, const WeightEntry& entry) {
  ContentTensor tensor{std::move(name), entry.shape, entry.format, entry.bytes, {}, {}};
  // A copy of the entry: it holds what composes it.
  tensor.read_rows = [held = std::make_shared<const WeightEntry>(entry)](std::int64_t begin, std::int64_t end,
                                                                         float* out) {
    std::vector<std::byte> scratch;
    const std::byte* rows = held->rows(begin, end, scratch);
    traits(held->format).decode_f32(rows, out, (end - begin) * held->shape.columns());
  };
  if (entry.composed == nullptr) {
    tensor.mapped.push_back(entry.bytes);
  } else {
    tensor.mapped = entry.composed->parts;
  }
  return tensor;
}

ModelContents contents_of_gguf(const ModelSource& source) {
  if (!source.unreadable().empty()) {
    const UnreadableEntry& entry = source.unreadable().front();
    throw Unsupported(fmt::format("tensor {} cannot be copied: {}", quote_name(entry.name), entry.reason));
  }
  ModelContents contents;
  for (const WeightEntry& entry : source.tensors()) contents.tensors.push_back(content_tensor(entry.name, entry));
  contents.add_metadata = [&source](GgufWriter& writer) {
    for (const Metadata::Entry& entry : source.metadata().entries()) {
      if (!is_about_the_file(entry.key)) writer.add(entry);
    }
  };
  const Metadata& metadata = source.metadata();
  const std::string prefix(metadata.string("general.architecture").value_or(""));
  const std::int64_t heads = largest_of(metadata, prefix + ".attention.head_count");
  const std::int64_t key_heads = largest_of(metadata, prefix + ".attention.head_count_kv");
  if (heads > 0 && key_heads > 0) contents.heads_per_key = heads / key_heads;
  contents.expert_count = largest_of(metadata, prefix + ".expert_count");
  return contents;
}

}  // namespace hearth
