#include "weights/model_hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <memory>
#include <thread>

#include "base/check.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hearth {
namespace {

// Every part goes in with its length, so that no two lists of parts look alike.
class HashStream {
 public:
  HashStream() : state_(XXH3_createState(), &XXH3_freeState) {
    CHECK(state_ != nullptr);
    XXH3_128bits_reset(state_.get());
  }

  void add(std::string_view text) { add(text.data(), text.size()); }
  void add(std::uint64_t number) { add(&number, sizeof number); }
  void add(const void* data, std::size_t bytes) {
    const std::uint64_t length = bytes;
    XXH3_128bits_update(state_.get(), &length, sizeof length);
    if (bytes > 0) XXH3_128bits_update(state_.get(), data, bytes);
  }

  XXH128_hash_t digest() const { return XXH3_128bits_digest(state_.get()); }
  std::string hex() const {
    const XXH128_hash_t hash = digest();
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

struct TensorHash {
  const WeightEntry* tensor = nullptr;
  XXH128_hash_t data{};
};

// By name, so that the order in the file does not matter.
std::vector<TensorHash> hash_tensors(const ModelSource& source, int thread_count) {
  std::vector<TensorHash> hashes;
  hashes.reserve(source.tensors().size());
  for (const WeightEntry& tensor : source.tensors()) hashes.push_back({.tensor = &tensor});
  std::sort(hashes.begin(), hashes.end(),
            [](const TensorHash& a, const TensorHash& b) { return a.tensor->name < b.tensor->name; });
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < hashes.size(); i = next++) {
      const WeightEntry& tensor = *hashes[i].tensor;
      hashes[i].data = XXH3_128bits(tensor.bytes.data(), tensor.bytes.size());
      if (tensor.composed == nullptr) continue;
      HashStream parts;
      for (const std::span<const std::byte> part : tensor.composed->parts) parts.add(part.data(), part.size());
      hashes[i].data = parts.digest();
    }
  };
  std::vector<std::jthread> helpers;
  for (int i = 1; i < thread_count; ++i) helpers.emplace_back(work);
  work();
  helpers.clear();
  return hashes;
}

}  // namespace

std::string model_hash(const ModelSource& source, int thread_count) {
  HashStream stream;
  stream.add(std::uint64_t{source.metadata().entries().size()});
  for (const Metadata::Entry& entry : source.metadata().entries()) {
    stream.add(entry.key);
    stream.add(static_cast<std::uint64_t>(entry.type));
    stream.add(entry.payload.data(), entry.payload.size());
  }
  for (const boost::json::object* object :
       {&source.config(), &source.generation_config(), &source.tokenizer_config()}) {
    stream.add(boost::json::serialize(*object));
  }
  stream.add(source.tokenizer_json().value_or(""));
  stream.add(source.chat_template_file().value_or(""));
  for (const TensorHash& hash : hash_tensors(source, thread_count)) {
    stream.add(hash.tensor->name);
    stream.add(traits(hash.tensor->format).name);
    const Shape& shape = hash.tensor->shape;
    stream.add(static_cast<std::uint64_t>(shape.rank()));
    for (int i = 0; i < shape.rank(); ++i) stream.add(static_cast<std::uint64_t>(shape[i]));
    stream.add(hash.data.high64);
    stream.add(hash.data.low64);
  }
  return stream.hex();
}

}  // namespace hearth
