#include "commands/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/escape.h"
#include "commands/find_model.h"
#include "commands/interrupt.h"
#include "commands/model_session.h"
#include "commands/terminal_line.h"
#include "device/cpu/machine_limits.h"
#include "quantize/folder_contents.h"
#include "quantize/lora.h"
#include "quantize/write_contents.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// How far the writing has come, a few times a second.
class WritingLine {
 public:
  void show(const WriteProgress& progress) {
    const double seconds = seconds_since(begin_);
    if (!line_.is_terminal() || seconds < shown_at_ + 0.2) return;
    shown_at_ = seconds;
    const double done = static_cast<double>(progress.elements_done), all = static_cast<double>(progress.elements);
    line_.show(fmt::format("{:.0f} %, {:.0f} million weights/s, {:.0f} s left: {}", 100 * done / all,
                           done / seconds / 1e6, seconds * (all - done) / done, printable_text(progress.tensor)));
  }

 private:
  TerminalLine line_;
  const Clock::time_point begin_ = Clock::now();
  double shown_at_ = 0;
};

void print_tensors(const ModelContents& contents, const QuantizePlan& plan) {
  for (std::size_t i = 0; i < contents.tensors.size(); ++i) {
    const ContentTensor& tensor = contents.tensors[i];
    fmt::print("{:<44} {:<18} {:>6} -> {:<6} {:>12}\n", printable_text(tensor.name), tensor.shape.to_string(),
               traits(tensor.format).name, traits(plan.formats[i]).name,
               format_bytes(plan.formats[i], tensor.shape.element_count()));
  }
}

// "q4_k 168, q6_k 29, f32 65; 4.9 GB, 4.85 bits a weight"
std::string summary_of(const ModelContents& contents, const QuantizePlan& plan) {
  std::map<Format, int> counts;
  std::int64_t elements = 0;
  for (std::size_t i = 0; i < contents.tensors.size(); ++i) {
    ++counts[plan.formats[i]];
    elements += contents.tensors[i].shape.element_count();
  }
  std::string text;
  for (const auto& [format, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", traits(format).name, count);
  }
  return fmt::format("{}; {:.1f} MB, {:.2f} bits a weight", text, static_cast<double>(plan.bytes) / 1e6,
                     8.0 * static_cast<double>(plan.bytes) / static_cast<double>(elements));
}

// general.file_type of a file whose matrices stay as they are: that of the largest.
int file_type_of(const ModelContents& contents) {
  const auto largest = std::max_element(
      contents.tensors.begin(), contents.tensors.end(),
      [](const ContentTensor& a, const ContentTensor& b) { return a.shape.element_count() < b.shape.element_count(); });
  for (const Recipe& recipe : recipes()) {
    if (largest != contents.tensors.end() && recipe.base == largest->format) return recipe.file_type;
  }
  return recipe_by_name("BF16").file_type;  // what becomes of formats that GGUF does not have
}

// By the names of GGUF files. `architecture`: the model's; empty: it is not compared.
void merge_into(ModelContents& contents, LoraAdapter& adapter, std::string_view architecture) {
  if (adapter.kind() == LoraAdapter::Kind::kPeft) {
    throw InvalidInput(
        fmt::format("{}: this adapter is for the Hugging Face folder of its model, and MODEL is a GGUF "
                    "file: `hearth convert FOLDER OUT --lora` merges it",
                    adapter.path().string()));
  }
  if (!architecture.empty() && !adapter.architecture().empty() && adapter.architecture() != architecture) {
    throw InvalidInput(fmt::format("{}: this adapter is for models of architecture '{}', and the model's is '{}'",
                                   adapter.path().string(), adapter.architecture(), architecture));
  }
  for (ContentTensor& tensor : contents.tensors) adapter.merge(tensor.name, tensor);
  adapter.check_all_merged();
}

}  // namespace

void refuse_same_file(const ModelSource& source, const fs::path& out) {
  std::error_code error;
  if (fs::is_directory(out, error)) throw InvalidInput(fmt::format("{}: this is a folder", out.string()));
  if (fs::equivalent(source.path(), out, error)) {
    throw InvalidInput(fmt::format("{}: this is the file that is to be read", out.string()));
  }
}

int write_model(const ModelContents& contents, const QuantizeChoices& choices, const WriteModelOptions& options) {
  const QuantizePlan plan = plan_quantize(contents, choices);
  print_notes(plan.notes);
  if (options.dry_run) {
    print_tensors(contents, plan);
    fmt::print("{}\n", summary_of(contents, plan));
    return 0;
  }
  const InterruptGuard guard;
  const Clock::time_point begin = Clock::now();
  bool is_written = false;
  {
    WritingLine line;
    const WriteOptions writing{.threads = options.threads > 0 ? options.threads : usable_core_count(),
                               .file_type = choices.recipe == nullptr ? options.file_type : choices.recipe->file_type,
                               .importance = choices.importance,
                               .on_progress = [&](const WriteProgress& progress) {
                                 line.show(progress);
                                 return !guard.interrupted();
                               }};
    is_written = write_contents(contents, plan, writing, options.out);
  }
  if (!is_written) {
    std::fputs("stopped; nothing was written\n", stderr);
    return kExitInterrupted;
  }
  fmt::print("{}: {}; {:.1f} s\n", options.out.string(), summary_of(contents, plan), seconds_since(begin));
  return 0;
}

int quantize_model(const QuantizeOptions& options) {
  QuantizeChoices choices;
  if (!options.type.empty()) choices.recipe = &recipe_by_name(options.type);
  for (const std::string& text : options.tensor_types) choices.tensor_types.push_back(parse_tensor_type(text));
  std::optional<ImportanceMatrix> importance;
  if (!options.importance.empty()) choices.importance = &importance.emplace(options.importance);
  const auto source = ModelSource::open(find_model(options.model));
  refuse_same_file(*source, options.out);
  std::optional<LoraAdapter> adapter;
  if (!options.lora.empty()) adapter.emplace(options.lora);
  WriteModelOptions writing{.out = options.out, .threads = options.threads, .dry_run = options.dry_run};
  if (source->kind() == ModelSource::Kind::kGguf) {
    ModelContents contents = contents_of_gguf(*source);
    if (adapter) merge_into(contents, *adapter, source->metadata().string("general.architecture").value_or(""));
    return write_model(contents, choices, writing);
  }
  choices.floats_in_f32 = true;
  const bool is_peft = adapter && adapter->kind() == LoraAdapter::Kind::kPeft;
  FolderContents folder = contents_of_folder(*source, is_peft ? &*adapter : nullptr);
  if (is_peft) {
    adapter->check_all_merged();
  } else if (adapter) {
    merge_into(folder.contents, *adapter, {});
  }
  print_notes(folder.notes);
  writing.file_type = file_type_of(folder.contents);
  return write_model(folder.contents, choices, writing);
}

}  // namespace hearth
