// What a user names as MODEL: a GGUF file (or the first of a split set), or a Hugging Face folder. Opens the files,
// checks everything that is read from them, and answers for tensors and settings; it interprets neither.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mapped_file.h"
#include "weights/metadata.h"
#include "weights/weight_entry.h"

namespace hearth {

class ModelSource {
 public:
  enum class Kind { kGguf, kHuggingFace };

  // Throws InvalidInput or Unsupported with one sentence that names the file, the entry and the offset.
  static std::unique_ptr<ModelSource> open(const std::filesystem::path& path);

  // A GGUF model that no file holds: `head` is a GGUF file with metadata and no tensors, `tensors` stand beside it.
  // `name` stands where messages name the file. Both `head` and the tensors' bytes outlive the source.
  static std::unique_ptr<ModelSource> in_memory(std::string_view name, std::span<const std::byte> head,
                                                std::vector<WeightEntry> tensors);

  Kind kind() const { return kind_; }
  const std::filesystem::path& path() const { return path_; }

  std::span<const WeightEntry> tensors() const { return tensors_; }  // in file order
  // Tensors of types that no weight has: they are listed, and `find` refuses them.
  std::span<const UnreadableEntry> unreadable() const { return unreadable_; }
  // Null if absent; throws Unsupported for one of `unreadable()`.
  const WeightEntry* find(std::string_view name) const;
  // Why no weights of the files can be computed with, where that is so of all of them.
  const std::optional<std::string>& not_computable() const { return not_computable_; }
  // A tensor of unsigned bytes, which is one of `unreadable()`; null if there is none.
  const UnreadableEntry* find_bytes(std::string_view name) const;

  const Metadata& metadata() const { return metadata_; }  // kGguf; empty otherwise

  // kHuggingFace: the parsed files; an empty object where the folder has no such file.
  const boost::json::object& config() const { return config_; }
  const boost::json::object& generation_config() const { return generation_config_; }
  const boost::json::object& tokenizer_config() const { return tokenizer_config_; }
  const boost::json::object& special_tokens_map() const { return special_tokens_map_; }
  // The text of tokenizer.json; nullopt if the folder has none.
  std::optional<std::string_view> tokenizer_json() const;
  // The text of chat_template.jinja, where a folder keeps it apart from tokenizer_config.json.
  std::optional<std::string_view> chat_template_file() const;

 private:
  ModelSource() = default;
  void open_gguf(const std::filesystem::path& path);
  void open_other_parts(const std::filesystem::path& first);
  void open_folder(const std::filesystem::path& folder);
  void open_safetensors(const std::filesystem::path& path);
  void open_shards(const std::filesystem::path& folder);
  void open_lone_safetensors(const std::filesystem::path& folder);
  void add(WeightEntries entries);
  void index_names();  // once, when the lists are complete; throws InvalidInput on a duplicate name

  Kind kind_ = Kind::kGguf;
  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  Metadata metadata_;
  boost::json::object config_, generation_config_, tokenizer_config_, special_tokens_map_;
  std::optional<MappedFile> tokenizer_json_, chat_template_file_;
  std::vector<WeightEntry> tensors_;
  std::vector<UnreadableEntry> unreadable_;
  std::optional<std::string> not_computable_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_, unreadable_index_;
  std::vector<std::unique_ptr<std::byte[]>> aligned_copies_;
};

}  // namespace hearth
