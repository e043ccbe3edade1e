#include "model/binder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::size_t kProblemsShown = 8;

// kAuto means float32 throughout only for a model whose matrices all are.
bool matrices_are_f32(const ModelSource& source) {
  return std::all_of(source.tensors().begin(), source.tensors().end(), [](const WeightEntry& tensor) {
    return tensor.shape.rank() < 2 || tensor.format == Format::kF32;
  });
}

}  // namespace

Binder::Binder(const ModelSource& source, NameScheme names, const Backend& backend, ComputeMode compute)
    : source_(source), names_(names), backend_(backend), compute_(compute) {
  all_f32_ = compute == ComputeMode::kF32 || (compute == ComputeMode::kAuto && matrices_are_f32(source));
}

const WeightEntry* Binder::find(const std::string& tensor) {
  try {
    const WeightEntry* entry = source_.find(tensor);
    // Checkpoints saved from the bare model, without its head, lack the first part of every name ("transformer.").
    if (entry != nullptr || names_ == NameScheme::kGguf) return entry;
    return source_.find(tensor.substr(tensor.find('.') + 1));
  } catch (const Unsupported& error) {
    problem(error.what());
    return nullptr;
  }
}

const WeightEntry* Binder::require(const std::string& tensor, const Shape& shape) {
  const WeightEntry* entry = find(tensor);
  if (entry == nullptr) {
    problem(fmt::format("tensor '{}' {} is missing", tensor, shape.to_string()));
    return nullptr;
  }
  if (!(entry->shape == shape)) {
    problem(fmt::format("tensor '{}' has shape {}, not {}", tensor, entry->shape.to_string(), shape.to_string()));
    return nullptr;
  }
  return entry;
}

std::optional<WeightPlace> Binder::floats(const std::string& tensor, std::int64_t count, bool needed, float factor) {
  if (!needed && find(tensor) == nullptr) return std::nullopt;
  const WeightEntry* entry = require(tensor, Shape{count});
  if (entry == nullptr) return std::nullopt;
  const FormatTraits& format = traits(entry->format);
  if (format.is_quantized()) {
    problem(fmt::format("tensor '{}' is {}; a list of floats is expected", tensor, format.name));
    return std::nullopt;
  }
  const std::byte* data = entry->bytes.data();
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0;
  const bool as_it_is = entry->format == Format::kF32 && aligned && factor == 1;
  if (as_it_is && backend_.device.id().kind == DeviceKind::kCpu) {
    count_mapped(*entry);
    return WeightPlace::mapped(data);
  }
  return reserve(count * std::int64_t{sizeof(float)}, [=, &format](Stream&, std::byte* out) {
    const auto values = reinterpret_cast<float*>(out);
    format.decode_f32(data, values, count);
    std::for_each(values, values + count, [=](float& value) { value *= factor; });
  });
}

float Binder::scalar(const std::string& tensor, float fallback) {
  const WeightEntry* entry = find(tensor);
  if (entry == nullptr) return fallback;
  if (entry->format != Format::kF32 || entry->shape.element_count() != 1) {
    problem(fmt::format("tensor '{}' is not a single float32", tensor));
    return fallback;
  }
  float value;
  std::memcpy(&value, entry->bytes.data(), sizeof value);
  return value;
}

WeightPlace Binder::reserve(std::int64_t bytes, Fill fill) {
  const std::int64_t offset = reserved_bytes_;
  reservations_.push_back({offset, bytes, std::move(fill)});
  reserved_bytes_ += align_bytes(bytes);
  return WeightPlace::reserved(offset);
}

void Binder::count_mapped(const WeightEntry& entry) {
  mapped_.insert(&entry);
}

std::int64_t Binder::mapped_bytes() const {
  return std::accumulate(
      mapped_.begin(), mapped_.end(), std::int64_t{0},
      [](std::int64_t sum, const WeightEntry* entry) { return sum + static_cast<std::int64_t>(entry->bytes.size()); });
}

void Binder::problem(std::string sentence) {
  problems_.push_back(std::move(sentence));
}

void Binder::problem_no_kernel(std::string_view operator_name) {
  problem(fmt::format("{} has no kernel for operator '{}'", backend_.device.id().to_string(), operator_name));
}

void Binder::finish() const {
  if (problems_.empty()) return;
  const auto shown = std::span(problems_).first(std::min(problems_.size(), kProblemsShown));
  std::string text = fmt::format("{}: {}", source_.path().string(), fmt::join(shown, "; "));
  if (problems_.size() > shown.size()) text += fmt::format("; and {} more like these", problems_.size() - shown.size());
  throw Unsupported(text);
}

void Binder::fill(Stream& stream, std::byte* weight_buffer, const std::function<void(std::int64_t)>& progress) const {
  for (const Reservation& reservation : reservations_) {
    reservation.fill(stream, weight_buffer + reservation.offset);
    if (progress) progress(reservation.bytes);
  }
}

}  // namespace hearth
