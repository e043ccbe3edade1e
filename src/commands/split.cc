#include "commands/split.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <limits>
#include <string_view>
#include <vector>

#include "base/ascii_case.h"
#include "base/error.h"
#include "base/escape.h"
#include "commands/find_model.h"
#include "commands/interrupt.h"
#include "commands/quantize.h"
#include "quantize/write_contents.h"
#include "weights/gguf_set.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPartsMax = 9999;

std::unique_ptr<ModelSource> open_gguf_model(const SplitOptions& options) {
  auto source = ModelSource::open(find_model(options.model));
  if (source->kind() == ModelSource::Kind::kGguf) return source;
  throw InvalidInput(fmt::format("{}: this is no GGUF file; `hearth convert` makes one", source->path().string()));
}

int file_type_in(const ModelSource& source) {
  return static_cast<int>(source.metadata().integer("general.file_type").value_or(-1));
}

// "2GB", "500 MB", "100000": powers of 1,000.
std::int64_t size_in_bytes(const std::string& text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  std::string unit;
  for (const char* c = stop; c != end; ++c) {
    if (*c != ' ') unit += ascii_upper(*c);
  }
  if (unit.size() > 1 && unit.ends_with('B')) unit.pop_back();
  const std::size_t power = std::string_view("BKMGT").find(unit.empty() ? "B" : unit);
  constexpr std::int64_t kPowers[] = {1, 1000, 1000 * 1000, 1000 * 1000 * 1000, 1000LL * 1000 * 1000 * 1000};
  const bool is_size = error == std::errc() && value > 0 && unit.size() <= 1 && power != std::string_view::npos;
  if (!is_size || value > std::numeric_limits<std::int64_t>::max() / kPowers[power]) {
    throw InvalidInput(fmt::format("--max-size {} is no size such as 2GB", quote_name(text)));
  }
  return value * kPowers[power];
}

// Tensors in the file's order, a new part where the limits want one. A tensor larger than a part has one of its own.
std::vector<std::vector<ContentTensor>> cut_into_parts(const ModelContents& contents, const SplitOptions& options) {
  std::vector<std::vector<ContentTensor>> parts(1);
  const std::int64_t bytes_max = options.size_max.empty() ? 0 : size_in_bytes(options.size_max);
  std::int64_t bytes = 0;
  for (const ContentTensor& tensor : contents.tensors) {
    const std::int64_t more = format_bytes(tensor.format, tensor.shape.element_count());
    const bool is_full = (bytes_max > 0 && bytes + more > bytes_max) ||
                         (options.tensors_max > 0 && std::ssize(parts.back()) >= options.tensors_max);
    if (is_full && !parts.back().empty()) {
      parts.emplace_back();
      bytes = 0;
    }
    parts.back().push_back(tensor);
    bytes += more;
  }
  return parts;
}

// Files that are removed again unless all of them were written.
class WrittenParts {
 public:
  ~WrittenParts() {
    std::error_code ignored;
    for (const fs::path& path : paths_) fs::remove(path, ignored);
  }
  void add(fs::path path) { paths_.push_back(std::move(path)); }
  void keep() { paths_.clear(); }

 private:
  std::vector<fs::path> paths_;
};

}  // namespace

int split_model(const SplitOptions& options) {
  if (options.size_max.empty() && options.tensors_max <= 0) {
    throw InvalidInput("where to cut is not said: --max-size or --max-tensors");
  }
  const auto source = open_gguf_model(options);
  const ModelContents whole = contents_of_gguf(*source);
  const std::vector<std::vector<ContentTensor>> parts = cut_into_parts(whole, options);
  if (parts.size() > kPartsMax) throw InvalidInput(fmt::format("{} parts; at most {}", parts.size(), kPartsMax));
  SplitName name{options.out.filename().string(), 1, static_cast<int>(parts.size())};
  std::int64_t bytes = 0;
  for (const ContentTensor& tensor : whole.tensors) bytes += format_bytes(tensor.format, tensor.shape.element_count());
  if (!options.dry_run) check_room(options.out, bytes);
  const InterruptGuard guard;
  WrittenParts written;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const fs::path path = options.out.parent_path() / name.part_name(static_cast<int>(i) + 1);
    ModelContents part{.tensors = parts[i], .add_metadata = {}};
    part.add_metadata = [&, i](GgufWriter& writer) {
      if (i == 0) whole.add_metadata(writer);
      writer.add("split.no", static_cast<std::uint16_t>(i));
      writer.add("split.count", static_cast<std::uint16_t>(parts.size()));
      writer.add("split.tensors.count", static_cast<std::int32_t>(whole.tensors.size()));
    };
    const QuantizePlan plan = plan_quantize(part, {});
    fmt::print("{}: {} tensors, {:.1f} MB\n", path.string(), part.tensors.size(),
               static_cast<double>(plan.bytes) / 1e6);
    if (options.dry_run) continue;
    written.add(path);
    const WriteOptions writing{.file_type = i == 0 ? file_type_in(*source) : -1,
                               .on_progress = [&](const WriteProgress&) { return !guard.interrupted(); }};
    if (!write_contents(part, plan, writing, path)) {
      std::fputs("stopped; nothing was written\n", stderr);
      return kExitInterrupted;
    }
  }
  written.keep();
  return 0;
}

int join_model(const SplitOptions& options) {
  const auto source = open_gguf_model(options);
  refuse_same_file(*source, options.out);
  return write_model(contents_of_gguf(*source), {},
                     {.out = options.out, .dry_run = options.dry_run, .file_type = file_type_in(*source)});
}

}  // namespace hearth
