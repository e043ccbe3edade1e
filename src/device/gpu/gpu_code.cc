#include "device/gpu/gpu_code.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

namespace hearth {
namespace {

// A name of NVIDIA's: "sm_90a" is version 9.0 with a letter.
struct CudaVersion {
  int major = 0, minor = 0;
  bool letter = false;
};

std::optional<CudaVersion> parse_cuda_version(std::string_view name) {
  constexpr std::string_view kPrefix = "sm_";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  int number = 0;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || end - rest > 1) return std::nullopt;
  return CudaVersion{number / 10, number % 10, rest != end};
}

}  // namespace

int cuda_version(std::string_view name) {
  const std::optional<CudaVersion> version = parse_cuda_version(name);
  return version ? 10 * version->major + version->minor : 0;
}

std::string_view GpuCode::target_for(std::string_view architecture) const {
  const std::optional<CudaVersion> device = parse_cuda_version(architecture);
  std::string_view best;
  std::tuple<int, bool> best_rank{-1, false};
  for (const CodeObject& object : objects) {
    const std::optional<CudaVersion> target = parse_cuda_version(object.target);
    if (!device || !target) {
      if (object.target == architecture) return object.target;
      continue;
    }
    if (target->major != device->major || target->minor > device->minor) continue;
    if (target->letter && target->minor != device->minor) continue;
    const std::tuple rank(target->minor, target->letter);
    if (rank > best_rank) {
      best = object.target;
      best_rank = rank;
    }
  }
  return best;
}

std::vector<std::string_view> GpuCode::targets() const {
  std::vector<std::string_view> result;
  for (const CodeObject& object : objects) {
    if (std::find(result.begin(), result.end(), object.target) == result.end()) result.push_back(object.target);
  }
  return result;
}

std::string GpuCode::refusal(std::string_view architecture) const {
  std::string text = architecture.empty() ? "its architecture is not known"
                                          : fmt::format("this program has no kernels for {}", architecture);
  if (!objects.empty()) text += fmt::format(", only for {}", fmt::join(targets(), " "));
  if (!missing.empty()) text += fmt::format("; {}", missing);
  return text;
}

}  // namespace hearth
