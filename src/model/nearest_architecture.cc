#include "model/nearest_architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "device/cpu/cpu_device.h"
#include "model/backend.h"
#include "model/forward_pass.h"

namespace hearth {
namespace {

// Insertions, deletions and replacements that make one text of the other (Levenshtein 1966).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, replaced}));
    }
  }
  return row.back();
}

// A tensor's name with "{}" in the place of numbers, and without what its kind adds.
std::string pattern_of(std::string_view name) {
  std::string pattern;
  for (std::size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = name.find('.', begin);
    const std::string_view part = name.substr(begin, end == std::string_view::npos ? end : end - begin);
    const bool is_number = !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    if (!pattern.empty()) pattern += '.';
    pattern += is_number ? std::string_view("{}") : part;
  }
  for (const std::string_view ending : {".weight", ".bias"}) {
    if (pattern.ends_with(ending)) pattern.erase(pattern.size() - ending.size());
  }
  return pattern;
}

struct Candidate {
  const Architecture* architecture = nullptr;
  std::string_view name;
  std::vector<std::string> unknown;  // kinds of tensors that it does not know
  double distance = 0;
};

Candidate compare(const Settings& settings, const std::set<std::string>& kinds, const Architecture& architecture,
                  std::string_view name) {
  Candidate candidate{&architecture, name, {}, 0};
  TensorNames names(settings.is_gguf() ? NameScheme::kGguf : architecture.config_names, architecture.own_names);
  if (!settings.is_gguf()) names.place_within(settings.source().tensors());
  std::set<std::string> known;
  for (const std::string& pattern : names.patterns()) known.insert(pattern_of(pattern));
  std::ranges::copy_if(kinds, std::back_inserter(candidate.unknown),
                       [&](const std::string& kind) { return !known.contains(kind) && !kind.starts_with("rope_"); });
  const double tensors =
      kinds.empty() ? 1 : static_cast<double>(candidate.unknown.size()) / static_cast<double>(kinds.size());
  constexpr std::size_t kNameMax = 64;  // of a file's, which may be anything
  const std::string_view own = std::string_view(settings.architecture()).substr(0, kNameMax);
  const auto length = static_cast<double>(std::max(name.size(), own.size()));
  candidate.distance = tensors + static_cast<double>(edit_distance(name, own)) / length;
  return candidate;
}

// Why the model cannot be opened as the candidate's; empty: it can be.
std::string reason_against(const Settings& settings, const Candidate& candidate, CpuDevice& device) {
  Settings as(settings.source());
  as.read_as(std::string(candidate.name));
  try {
    const std::int64_t context = read_model_spec(as).context_max;
    const ForwardPassOptions options{.context = std::min<std::int64_t>(context, 64), .step_tokens_max = 64};
    const ForwardPass pass(as, backend_for(device, ComputeMode::kAuto).backend, options);
    return {};
  } catch (const Error& error) {
    const std::string_view reason = error.what();
    const std::string file = as.file_name();
    const bool names_file = reason.starts_with(file) && reason.substr(file.size()).starts_with(": ");
    return std::string(names_file ? reason.substr(file.size() + 2) : reason);
  }
}

}  // namespace

std::string nearest_architecture_note(const Settings& settings) {
  constexpr std::size_t kTried = 3, kNamedMax = 3;
  std::set<std::string> kinds;
  for (const WeightEntry& entry : settings.source().tensors()) kinds.insert(pattern_of(entry.name));
  std::vector<Candidate> candidates;
  for (const Architecture& architecture : architectures()) {
    const std::string_view name = settings.is_gguf() ? architecture.gguf_name : architecture.config_name;
    if (!name.empty()) candidates.push_back(compare(settings, kinds, architecture, name));
  }
  std::ranges::stable_sort(candidates, {}, &Candidate::distance);
  candidates.resize(std::min(candidates.size(), kTried));
  CpuDevice device(1);
  std::string first_reason;
  for (const Candidate& candidate : candidates) {
    const std::string reason = reason_against(settings, candidate, device);
    if (reason.empty()) {
      std::string note = fmt::format("by its tensors and settings it could be opened as '{}'", candidate.name);
      if (candidate.unknown.empty()) return note;
      std::vector<std::string> named;
      for (const std::string& kind : candidate.unknown) {
        if (named.size() < kNamedMax) named.push_back(escape_text(kind));
      }
      return note + fmt::format(", which would leave unread: {}{}", fmt::join(named, ", "),
                                candidate.unknown.size() > kNamedMax ? ", …" : "");
    }
    if (first_reason.empty()) first_reason = reason;
  }
  return fmt::format("the nearest known one is '{}', and it cannot be opened as that: {}", candidates.front().name,
                     first_reason);
}

}  // namespace hearth
