#include "model/binder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "model/weight_loader.h"

namespace hearth {
namespace {

constexpr std::size_t kProblemsShown = 8;
constexpr std::int64_t kRowsPerPart = 16;  // of a matrix that is copied as it is

// kAuto means float32 throughout only for a model whose matrices all are.
bool matrices_are_f32(const ModelSource& source) {
  return std::all_of(source.tensors().begin(), source.tensors().end(), [](const WeightEntry& tensor) {
    return tensor.shape.rank() < 2 || tensor.format == Format::kF32;
  });
}

// A vector may be written as a matrix of one row, and the other way round; matrices that are stacked are one matrix.
bool same_rows(const Shape& file, const Shape& wanted) {
  const bool one_row = file.rows() == 1 && wanted.rows() == 1;
  const bool is_stack = file.rank() == 3 && wanted.rank() == 2 && file.rows() == wanted.rows();
  return file == wanted || ((one_row || is_stack) && file.columns() == wanted.columns());
}

}  // namespace

Binder::Binder(const ModelSource& source, const TensorNames& names, const Backend& backend, ComputeMode compute,
               const StepLimits& limits)
    : source_(source), names_(names), backend_(backend), compute_(compute), limits_(limits) {
  if (source.not_computable()) problem(*source.not_computable());
  all_f32_ = compute == ComputeMode::kF32 || (compute == ComputeMode::kAuto && matrices_are_f32(source));
}

std::string Binder::name(Weight weight, std::int64_t layer, std::int64_t expert) const {
  const std::string names = names_.of(weight, layer, expert);
  const std::size_t first_end = names.find('|');
  if (first_end == std::string::npos) return names;
  for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
    end = names.find('|', begin);
    std::string candidate = names.substr(begin, end - begin);
    try {
      if (look_up(candidate + ".weight") != nullptr || look_up(candidate) != nullptr) return candidate;
    } catch (const Unsupported&) {
      return candidate;  // whoever binds it reports it
    }
  }
  return names.substr(0, first_end);
}

const WeightEntry* Binder::look_up(const std::string& tensor) const {
  const WeightEntry* entry = source_.find(tensor);
  if (entry != nullptr || names_.scheme() == NameScheme::kGguf) return entry;
  // Checkpoints saved from the bare model, without its head, lack the first part of every name ("transformer.").
  entry = source_.find(tensor.substr(tensor.find('.') + 1));
  if (entry != nullptr) return entry;
  // What the first BERTs, of TensorFlow, call their norms' vectors.
  for (const auto& [end, former] : {std::pair{".LayerNorm.weight", "gamma"}, {".LayerNorm.bias", "beta"}}) {
    if (tensor.ends_with(end)) return source_.find(tensor.substr(0, tensor.rfind('.') + 1) + former);
  }
  return nullptr;
}

const WeightEntry* Binder::find(const std::string& tensor) {
  try {
    return look_up(tensor);
  } catch (const Unsupported& error) {
    problem(error.what());
    return nullptr;
  }
}

const UnreadableEntry* Binder::find_bytes(const std::string& tensor) const {
  const UnreadableEntry* entry = source_.find_bytes(tensor);
  if (entry != nullptr || names_.scheme() == NameScheme::kGguf) return entry;
  return source_.find_bytes(tensor.substr(tensor.find('.') + 1));
}

const WeightEntry* Binder::require(const std::string& tensor, const Shape& shape) {
  const WeightEntry* entry = require_matrix(tensor, shape);
  if (entry == nullptr || entry->composed == nullptr) return entry;
  problem(fmt::format("tensor '{}' is quantized, where it is not expected to be", tensor));
  return nullptr;
}

const WeightEntry* Binder::require_matrix(const std::string& tensor, const Shape& shape) {
  const WeightEntry* entry = find(tensor);
  if (entry == nullptr) {
    problem(fmt::format("tensor '{}' {} is missing", tensor, shape.to_string()));
    return nullptr;
  }
  if (!same_rows(entry->shape, shape)) {
    problem(fmt::format("tensor '{}' has shape {}, not {}", tensor, entry->shape.to_string(), shape.to_string()));
    return nullptr;
  }
  return entry;
}

Planned<const float> Binder::floats(const std::string& tensor, const Shape& shape, bool needed, float factor,
                                    float offset, float bound) {
  if (!needed && find(tensor) == nullptr) return {};
  const std::int64_t count = shape.element_count();
  const WeightEntry* entry = require(tensor, shape);
  if (entry == nullptr) return {};
  const FormatTraits& format = traits(entry->format);
  if (format.is_quantized()) {
    problem(fmt::format("tensor '{}' is {}; a list of floats is expected", tensor, format.name));
    return {};
  }
  const std::byte* data = entry->bytes.data();
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0;
  const bool is_plain = factor == 1 && offset == 0 && std::isinf(bound);
  const bool as_it_is = entry->format == Format::kF32 && aligned && is_plain;
  if (as_it_is && backend_.device.is_cpu()) return map(*entry).as<const float>();
  const auto fill = [=, &format](std::byte* out) {
    const auto values = reinterpret_cast<float*>(out);
    format.decode_f32(data, values, count);
    std::for_each(values, values + count, [=](float& value) { value *= factor; });
    // Not with 0, which would make +0 of -0.
    if (offset != 0) std::for_each(values, values + count, [=](float& value) { value += offset; });
    if (std::isinf(bound)) return;
    std::for_each(values, values + count, [=](float& value) { value = std::clamp(value, -bound, bound); });
  };
  return reserve(count * std::int64_t{sizeof(float)}, fill).as<const float>();
}

float Binder::scalar(const std::string& tensor, float fallback) {
  const WeightEntry* entry = find(tensor);
  if (entry == nullptr) return fallback;
  if (traits(entry->format).is_quantized() || entry->shape.element_count() != 1) {
    problem(fmt::format("tensor '{}' is not a single float", tensor));
    return fallback;
  }
  float value;
  traits(entry->format).decode_f32(entry->bytes.data(), &value, 1);
  return value;
}

Planned<const std::byte> Binder::map(const WeightEntry& entry) {
  mapped_.insert(&entry);
  return Planned<const std::byte>(&places_.emplace_back(entry.bytes.data()));
}

Planned<const std::byte> Binder::reserve(std::int64_t bytes, std::int64_t part_bytes, Fill fill) {
  const std::byte*& place = places_.emplace_back(nullptr);
  reservations_.push_back({reserved_bytes_, bytes, part_bytes, std::move(fill), &place});
  reserved_bytes_ += align_bytes(bytes);
  return Planned<const std::byte>(&place);
}

Planned<const std::byte> Binder::reserve(std::int64_t bytes, std::function<void(std::byte*)> fill) {
  return reserve(bytes, bytes, [fill = std::move(fill)](std::int64_t, std::int64_t, std::byte* out) { fill(out); });
}

Planned<const std::byte> Binder::reserve_matrix(Format format, std::int64_t n, std::int64_t k,
                                                const WeightPacking* packing, Rows rows) {
  const std::int64_t tile_rows = packing == nullptr ? kRowsPerPart : packing->tile_rows;
  const std::int64_t row_bytes = format_bytes(format, k), tiles = (n + tile_rows - 1) / tile_rows;
  const std::int64_t bytes = packing == nullptr ? n * row_bytes : packing->bytes(n, k);
  const std::int64_t tile_bytes = packing == nullptr ? tile_rows * row_bytes : packing->bytes(tile_rows, k);
  CHECK(bytes <= tiles * tile_bytes);
  return reserve(bytes, tile_bytes, [=, rows = std::move(rows)](std::int64_t begin, std::int64_t end, std::byte* out) {
    std::vector<std::byte> scratch;
    const std::int64_t first = begin * tile_rows, last = std::min(n, end * tile_rows);
    const std::byte* from = rows(first, last, scratch);
    if (packing == nullptr) {
      std::memcpy(out, from, static_cast<std::size_t>((last - first) * row_bytes));
    } else {
      packing->pack(from, last - first, k, 0, end - begin, out);
    }
  });
}

Planned<const std::byte> Binder::place_matrix(const WeightEntry& entry, const WeightPacking* packing) {
  const auto found = matrices_.find({&entry, packing});
  if (found != matrices_.end()) return found->second;
  Planned<const std::byte> place;
  if (packing == nullptr && backend_.device.is_cpu() && entry.composed == nullptr) {
    place = map(entry);
  } else {
    place = reserve_matrix(entry.format, entry.shape.rows(), entry.shape.columns(), packing,
                           [&entry](std::int64_t begin, std::int64_t end, std::vector<std::byte>& scratch) {
                             return entry.rows(begin, end, scratch);
                           });
  }
  matrices_.emplace(std::pair(&entry, packing), place);
  return place;
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

void Binder::need_matmul(Compute compute, Format input, std::int64_t rows, std::int64_t n, std::int64_t k) {
  const auto floats = [&](std::string_view name, std::int64_t width) {
    return work_space_.area<float>(name, rows * width * std::int64_t{sizeof(float)});
  };
  if (compute == Compute::kBf16 && input == Format::kF32) {
    if (!conversions_.round_bf16) conversions_.round_bf16 = kernel(kernels().round_bf16, "round_bf16");
    conversions_.rounded = floats("matmul input, rounded", k);
  }
  if (compute == Compute::kInt8) {
    if (!conversions_.quantize_int8) conversions_.quantize_int8 = kernel(kernels().quantize_int8, "quantize_int8");
    conversions_.q = work_space_.area<std::int8_t>("matmul input, codes", rows * k);
    conversions_.q_scale = floats("matmul input, scales", k / kActivationBlock);
    conversions_.q_sum = floats("matmul input, sums of blocks", k / kActivationBlock).as<std::int32_t>();
    conversions_.q_group_sum = floats("matmul input, sums of groups", k / kActivationGroup);
  }
  if (compute == Compute::kBf16 && !backend_.device.is_cpu()) {
    conversions_.workspace_bytes = std::max(conversions_.workspace_bytes, matmul_workspace_reserve(rows, n, k));
    conversions_.workspace = work_space_.area<void>("matmul", conversions_.workspace_bytes);
  }
}

void Binder::keep_experts_on_host() {
  const std::string device = backend_.device.id().to_string();
  if (backend_.device.is_cpu()) {
    problem(fmt::format("{} computes in the host's memory: experts are there without '--experts host'", device));
  } else if (static_cast<const GpuDevice&>(backend_.device).properties().integrated) {
    problem(fmt::format("the memory of {} is the host's: '--experts host' would only add a copy", device));
  } else {
    host_weights_ = std::make_unique<HostWeights>(limits_.tokens_max);
  }
}

void Binder::load(Stream& stream, std::byte* weight_buffer, std::byte* slots, std::byte* work_space,
                  const std::function<void(std::int64_t)>& progress) {
  work_space_.place(work_space);
  for (const WeightReservation& reservation : reservations_) *reservation.place = weight_buffer + reservation.offset;
  fill_weights(backend_.device, stream, reservations_, weight_buffer, progress);
  if (host_weights_ == nullptr || host_weights_->bytes() == 0) return;
  host_weights_->load(gpu_stream(stream).gpu(), slots, progress);
}

}  // namespace hearth
