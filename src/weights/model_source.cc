// Opens whatever MODEL names, by what stands at the path, and joins the files' tensors into one list.
#include "weights/model_source.h"

#include <fmt/format.h>

#include <cstring>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "weights/gguf_reader.h"
#include "weights/json.h"

namespace hearth {

std::unique_ptr<ModelSource> ModelSource::open(const std::filesystem::path& path) {
  std::unique_ptr<ModelSource> source(new ModelSource);
  source->path_ = path;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    source->open_folder(path);
  } else if (path.extension() == ".safetensors") {
    throw InvalidInput(fmt::format("{}: name the folder that holds this file and its config.json", path.string()));
  } else {
    source->open_gguf(path);
  }
  source->index_names();
  return source;
}

std::unique_ptr<ModelSource> ModelSource::in_memory(std::string_view name, std::span<const std::byte> head,
                                                    std::vector<WeightEntry> tensors) {
  std::unique_ptr<ModelSource> source(new ModelSource);
  source->path_ = name;
  source->metadata_ = read_gguf(head, std::string(name)).metadata;
  source->add({std::move(tensors), {}});
  source->index_names();
  return source;
}

void ModelSource::add(WeightEntries entries) {
  // Neither format promises that data is aligned as the processor wants it; the rare tensor that is not is copied.
  for (WeightEntry& entry : entries.tensors) {
    const std::size_t alignment = entry.format == Format::kF32 ? sizeof(float) : sizeof(std::uint16_t);
    if (reinterpret_cast<std::uintptr_t>(entry.bytes.data()) % alignment == 0) continue;
    aligned_copies_.push_back(std::make_unique_for_overwrite<std::byte[]>(entry.bytes.size()));
    std::memcpy(aligned_copies_.back().get(), entry.bytes.data(), entry.bytes.size());
    entry.bytes = {aligned_copies_.back().get(), entry.bytes.size()};
  }
  std::move(entries.tensors.begin(), entries.tensors.end(), std::back_inserter(tensors_));
  std::move(entries.unreadable.begin(), entries.unreadable.end(), std::back_inserter(unreadable_));
}

void ModelSource::index_names() {
  const auto check_new = [&](const std::string& name) {
    if (tensor_index_.contains(name) || unreadable_index_.contains(name)) {
      throw InvalidInput(fmt::format("{}: tensor {} is there twice", path_.string(), quote_name(name)));
    }
  };
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    check_new(tensors_[i].name);
    tensor_index_.emplace(tensors_[i].name, i);
  }
  for (std::size_t i = 0; i < unreadable_.size(); ++i) {
    check_new(unreadable_[i].name);
    unreadable_index_.emplace(unreadable_[i].name, i);
  }
}

const WeightEntry* ModelSource::find(std::string_view name) const {
  if (const auto found = tensor_index_.find(name); found != tensor_index_.end()) return &tensors_[found->second];
  if (const auto found = unreadable_index_.find(name); found != unreadable_index_.end()) {
    throw Unsupported(unreadable_[found->second].reason);
  }
  return nullptr;
}

const UnreadableEntry* ModelSource::find_bytes(std::string_view name) const {
  const auto found = unreadable_index_.find(name);
  if (found == unreadable_index_.end()) return nullptr;
  const UnreadableEntry& entry = unreadable_[found->second];
  return entry.dtype == "U8" && !entry.bytes.empty() ? &entry : nullptr;
}

std::optional<std::string_view> ModelSource::tokenizer_json() const {
  return tokenizer_json_ ? std::optional(tokenizer_json_->text()) : std::nullopt;
}

std::optional<std::string_view> ModelSource::chat_template_file() const {
  return chat_template_file_ ? std::optional(without_byte_order_mark(chat_template_file_->text())) : std::nullopt;
}

}  // namespace hearth
