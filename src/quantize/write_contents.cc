#include "quantize/write_contents.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPieceElements = 4 << 20;  // 16 MB of float32
constexpr std::int64_t kTaskElements = 64 << 10;
constexpr std::int64_t kQuantizationVersion = 2;  // of ggml's block layouts

struct WritingStopped {};

std::string megabytes_text(std::uintmax_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Encodes the rows of one tensor after the other.
class ContentsEncoder {
 public:
  ContentsEncoder(const ModelContents& contents, const WriteOptions& options)
      : options_(options), pool_(std::max(1, options.threads)) {
    for (const ContentTensor& tensor : contents.tensors) elements_ += tensor.shape.element_count();
  }

  void write(const ContentTensor& tensor, Format format, ByteSink& sink) {
    const bool is_copy = format == tensor.format && !tensor.bytes.empty();
    const std::int64_t columns = tensor.shape.columns(), rows = tensor.row_count();
    const std::int64_t row_bytes = format_bytes(format, columns);
    const std::int64_t piece_rows = std::max<std::int64_t>(1, kPieceElements / columns);
    for (std::int64_t begin = 0; begin < rows; begin += piece_rows) {
      const std::int64_t end = std::min(rows, begin + piece_rows);
      if (is_copy) {
        sink.write(tensor.bytes.subspan(static_cast<std::size_t>(begin * row_bytes),
                                        static_cast<std::size_t>((end - begin) * row_bytes)));
      } else {
        encode_rows(tensor, format, begin, end);
        sink.write(encoded_);
      }
      done_ += (end - begin) * columns;
      for (const std::span<const std::byte> bytes : tensor.mapped) give_back_pages(bytes);
      if (options_.on_progress && !options_.on_progress({tensor.name, done_, elements_})) throw WritingStopped();
    }
  }

 private:
  void encode_rows(const ContentTensor& tensor, Format format, std::int64_t begin, std::int64_t end) {
    const std::int64_t columns = tensor.shape.columns(), row_bytes = format_bytes(format, columns);
    const FormatTraits& target = traits(format);
    const std::vector<float>* importance = options_.importance == nullptr || target.encode_weighted == nullptr
                                               ? nullptr
                                               : options_.importance->of(tensor.name);
    values_.resize(static_cast<std::size_t>((end - begin) * columns));
    encoded_.resize(static_cast<std::size_t>((end - begin) * row_bytes));
    const std::int64_t task_rows = std::max<std::int64_t>(1, kTaskElements / columns);
    pool_.run_ranges(end - begin, task_rows, [&](std::int64_t first, std::int64_t last) {
      float* values = values_.data() + first * columns;
      std::byte* out = encoded_.data() + first * row_bytes;
      tensor.read_rows(begin + first, begin + last, values);
      if (importance == nullptr) {
        target.encode(values, out, (last - first) * columns);
        return;
      }
      for (std::int64_t row = first; row < last; ++row) {
        target.encode_weighted(values_.data() + row * columns, importance_of_row(*importance, tensor, begin + row),
                               encoded_.data() + row * row_bytes, columns);
      }
    });
  }

  // One row of importance for the whole tensor, or one for each expert.
  static const float* importance_of_row(const std::vector<float>& importance, const ContentTensor& tensor,
                                        std::int64_t row) {
    const std::int64_t columns = tensor.shape.columns(), sets = std::ssize(importance) / columns;
    return importance.data() + row / (tensor.row_count() / sets) * columns;
  }

  const WriteOptions& options_;
  ThreadPool pool_;
  std::int64_t elements_ = 0, done_ = 0;
  std::vector<float> values_;
  std::vector<std::byte> encoded_;
};

// The file beside the one that is wanted; removed unless it took its place.
class PartFile {
 public:
  explicit PartFile(const fs::path& path) : path_(path), part_(path.string() + ".part") {}
  ~PartFile() {
    std::error_code ignored;
    if (!is_whole_) fs::remove(part_, ignored);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const fs::path& part() const { return part_; }
  void finish() {
    std::error_code error;
    fs::rename(part_, path_, error);
    if (error) throw DeviceError(fmt::format("{}: cannot be written: {}", path_.string(), error.message()));
    is_whole_ = true;
  }

 private:
  fs::path path_, part_;
  bool is_whole_ = false;
};

}  // namespace

void check_room(const fs::path& path, std::int64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder_of(path), error);
  if (error) {
    throw InvalidInput(fmt::format("{}: cannot be written: {}", path.string(), error.message()));
  }
  const auto needed = static_cast<std::uintmax_t>(bytes);
  if (space.available < needed) {
    throw InvalidInput(fmt::format("{}: the file needs {}, and its disk has {} left", path.string(),
                                   megabytes_text(needed), megabytes_text(space.available)));
  }
}

void write_gguf_in_place(const GgufWriter& writer, const fs::path& path) {
  PartFile file(path);
  writer.write(file.part());
  file.finish();
}

bool write_contents(const ModelContents& contents, const QuantizePlan& plan, const WriteOptions& options,
                    const fs::path& path) {
  check_room(path, plan.bytes);
  ContentsEncoder encoder(contents, options);
  GgufWriter writer;
  contents.add_metadata(writer);
  if (options.importance != nullptr) {
    writer.add("quantize.imatrix.file", std::string_view(options.importance->path().filename().string()));
    writer.add("quantize.imatrix.entries_count", static_cast<std::int32_t>(options.importance->matrix_count()));
  }
  if (options.file_type >= 0) writer.add("general.file_type", static_cast<std::uint32_t>(options.file_type));
  const auto is_quantized = [](Format format) { return traits(format).is_quantized(); };
  if (std::any_of(plan.formats.begin(), plan.formats.end(), is_quantized)) {
    writer.add("general.quantization_version", static_cast<std::uint32_t>(kQuantizationVersion));
  }
  for (std::size_t i = 0; i < contents.tensors.size(); ++i) {
    const ContentTensor& tensor = contents.tensors[i];
    const Format format = plan.formats[i];
    writer.add(OutputTensor{tensor.name, format, tensor.shape,
                            [&encoder, &tensor, format](ByteSink& sink) { encoder.write(tensor, format, sink); }});
  }
  try {
    write_gguf_in_place(writer, path);
  } catch (const WritingStopped&) {
    return false;
  }
  return true;
}

}  // namespace hearth
