// `hearth quantize` and `hearth convert`: a model as a GGUF file, in other formats or in its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "quantize/quantize_plan.h"

namespace hearth {

struct QuantizeOptions {
  std::filesystem::path model, out;
  std::string type;                       // a recipe's name; empty: matrices stay as they are
  std::vector<std::string> tensor_types;  // "PATTERN=FORMAT"
  std::filesystem::path importance;       // an importance matrix; empty: none
  std::filesystem::path lora;             // an adapter that is merged; empty: none
  int threads = 0;                        // 0: one for each usable core
  bool dry_run = false;
};

// Where and how a model is written, however it is made.
struct WriteModelOptions {
  std::filesystem::path out;
  int threads = 0;
  bool dry_run = false;
  int file_type = -1;  // general.file_type where no recipe says it
};
// Plans, and writes with one line of progress; or prints the plan. Returns the exit status.
int write_model(const ModelContents& contents, const QuantizeChoices& choices, const WriteModelOptions& options);

// Throws InvalidInput where OUT is a folder, or what is to be read.
void refuse_same_file(const ModelSource& source, const std::filesystem::path& out);

// Returns the exit status.
int quantize_model(const QuantizeOptions& options);

}  // namespace hearth
