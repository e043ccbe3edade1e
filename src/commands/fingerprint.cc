#include "commands/fingerprint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "weights/model_hash.h"

namespace hearth {
namespace {

constexpr std::array<std::string_view, 5> kPartNames = {"build", "model", "device", "compute", "context"};

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + separator.size());
  }
}

std::string without_semicolons(std::string_view text) {
  std::string result(text);
  std::replace(result.begin(), result.end(), ';', ',');
  return result;
}

// The number of threads, the driver's version and the memory's size change no bit.
std::string device_part(std::string_view description) {
  std::vector<std::string_view> kept;
  for (const std::string_view part : split(description, ", ")) {
    const bool without_effect = part.ends_with(" threads") || part.starts_with("driver ") || part.ends_with(" GiB");
    if (!without_effect) kept.push_back(part);
  }
  return without_semicolons(fmt::format("{}", fmt::join(kept, ", ")));
}

// "hearth 0.1.0 (commit …)\ntargets: …" without the name and the other lines.
std::string build_part(std::string_view version_text) {
  std::string_view line = version_text.substr(0, version_text.find('\n'));
  if (line.starts_with("hearth ")) line.remove_prefix(7);
  return without_semicolons(line);
}

}  // namespace

std::string_view compute_name(ComputeMode compute) {
  switch (compute) {
    case ComputeMode::kAuto:
      return "auto";
    case ComputeMode::kF32:
      return "f32";
    case ComputeMode::kBf16:
      return "bf16";
    case ComputeMode::kInt8:
      return "int8";
  }
  CHECK(false);
}

std::string Fingerprint::text() const {
  return fmt::format("build={};model={};device={};compute={};context={}", build, model, device, compute, context);
}

Fingerprint make_fingerprint(std::string_view version_text, const ModelSource& source, const Device& device,
                             ComputeMode compute, std::int64_t context, int thread_count) {
  return {.build = build_part(version_text),
          .model = model_hash(source, thread_count),
          .device = device_part(device.description()),
          .compute = std::string(compute_name(compute)),
          .context = context};
}

std::optional<Fingerprint> parse_fingerprint(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ";");
  if (parts.size() != kPartNames.size()) return std::nullopt;
  std::array<std::string_view, kPartNames.size()> values;
  for (std::size_t i = 0; i < kPartNames.size(); ++i) {
    const std::string_view name = kPartNames[i];
    if (!parts[i].starts_with(name) || parts[i].substr(name.size(), 1) != "=") return std::nullopt;
    values[i] = parts[i].substr(name.size() + 1);
  }
  Fingerprint result{.build = std::string(values[0]),
                     .model = std::string(values[1]),
                     .device = std::string(values[2]),
                     .compute = std::string(values[3]),
                     .context = 0};
  const char* end = values[4].data() + values[4].size();
  const auto [stop, error] = std::from_chars(values[4].data(), end, result.context);
  if (error != std::errc{} || stop != end || result.context <= 0) return std::nullopt;
  return result;
}

std::vector<std::string> fingerprint_differences(const Fingerprint& logged, const Fingerprint& here) {
  std::vector<std::string> differences;
  const auto compare = [&](std::string_view what, const auto& a, const auto& b) {
    if (a != b) differences.push_back(fmt::format("the {} (logged {}, here {})", what, a, b));
  };
  compare("build", logged.build, here.build);
  compare("model", logged.model, here.model);
  compare("device", logged.device, here.device);
  compare("compute mode", logged.compute, here.compute);
  compare("context", logged.context, here.context);
  return differences;
}

}  // namespace hearth
