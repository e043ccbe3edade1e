// Writes contents as a GGUF file in the formats of a plan: tensor by tensor, in pieces of a few megabytes, each of them
// encoded by all threads. Memory is needed for two pieces, whatever the model's size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "quantize/quantize_plan.h"
#include "weights/gguf_writer.h"

namespace hearth {

struct WriteProgress {
  const std::string& tensor;
  std::int64_t elements_done = 0, elements = 0;
};

struct WriteOptions {
  int threads = 1;
  int file_type = -1;                            // general.file_type; -1: none
  const ImportanceMatrix* importance = nullptr;  // null: none is known
  // Called after every piece; false stops the writing.
  std::function<bool(const WriteProgress&)> on_progress;
};

// Throws InvalidInput where the disk has no room for so many bytes at `path`.
void check_room(const std::filesystem::path& path, std::int64_t bytes);

// Writes the file beside `path`, and puts it in its place when it is whole. Throws DeviceError where writing fails;
// nothing is left then.
void write_gguf_in_place(const GgufWriter& writer, const std::filesystem::path& path);

// True where the file was written, false where `on_progress` stopped it. The file is written beside `path` and takes
// its place when it is whole. Throws InvalidInput where the disk has too little room, and DeviceError where writing
// fails; nothing is left then.
bool write_contents(const ModelContents& contents, const QuantizePlan& plan, const WriteOptions& options,
                    const std::filesystem::path& path);

}  // namespace hearth
