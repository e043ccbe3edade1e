// A GGUF model as a user names it: one file, or the first part of a set "NAME-00001-of-0000N.gguf" whose parts stand
// in one folder. The first part holds the metadata; `split.no`, `split.count` and `split.tensors.count` are checked.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/error.h"
#include "weights/gguf_reader.h"
#include "weights/gguf_set.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

constexpr std::size_t kDigits = 5;
constexpr std::string_view kHowPartsAreOpened =
    "parts are opened as they are, beside each other in one folder, or joined with llama-gguf-split --merge, which "
    "`cat` cannot do";

// What the keys of a part say of its place in the set.
struct SplitKeys {
  std::int64_t number;  // from 0
  std::int64_t count;
};

SplitKeys split_keys(const Metadata& metadata) {
  return {metadata.integer("split.no").value_or(0), metadata.integer("split.count").value_or(0)};
}

std::optional<int> read_digits(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && text[0] != '-' ? std::optional(value)
                                                                                    : std::nullopt;
}

}  // namespace

std::string SplitName::part_name(int part_number) const {
  return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, part_number, part_count);
}

std::optional<SplitName> parse_split_name(const std::string& file_name) {
  constexpr std::string_view kEnd = ".gguf", kOf = "-of-";
  constexpr std::size_t kSuffix = 1 + kDigits + kOf.size() + kDigits + kEnd.size();
  if (file_name.size() < kSuffix) return std::nullopt;
  const std::string_view suffix = std::string_view(file_name).substr(file_name.size() - kSuffix);
  if (suffix[0] != '-' || suffix.substr(1 + kDigits, kOf.size()) != kOf || !suffix.ends_with(kEnd)) return std::nullopt;
  const std::optional<int> number = read_digits(suffix.substr(1, kDigits));
  const std::optional<int> count = read_digits(suffix.substr(1 + kDigits + kOf.size(), kDigits));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return SplitName{file_name.substr(0, file_name.size() - kSuffix), *number, *count};
}

void ModelSource::open_gguf(const std::filesystem::path& path) {
  kind_ = Kind::kGguf;
  files_.emplace_back(path);
  GgufContents first = read_gguf(files_.back().bytes(), path.string());
  metadata_ = std::move(first.metadata);
  add(std::move(first.weights));
  const SplitKeys keys = split_keys(metadata_);
  if (keys.count <= 1) return;
  if (first.next_file) {
    throw InvalidInput(fmt::format(
        "{}: parts of a split model stand in this file one after the other: its metadata keys 'split.no' and "
        "'split.count' say part {} of {}, and another GGUF file follows at byte {}; {}",
        path.string(), keys.number + 1, keys.count, *first.next_file, kHowPartsAreOpened));
  }
  open_other_parts(path);
}

void ModelSource::open_other_parts(const std::filesystem::path& first) {
  const auto fail = [](const std::filesystem::path& path, const std::string& problem) {
    throw InvalidInput(fmt::format("{}: {}", path.string(), problem));
  };
  const SplitKeys keys = split_keys(metadata_);
  const std::optional<SplitName> name = parse_split_name(first.filename().string());
  if (!name || name->part_count != keys.count || name->number != keys.number + 1) {
    fail(first, fmt::format("the file is part {} of {} of a split model by its metadata keys 'split.no' and "
                            "'split.count', which a name that ends in -{:05}-of-{:05}.gguf says; {}",
                            keys.number + 1, keys.count, keys.number + 1, keys.count, kHowPartsAreOpened));
  }
  if (name->number != 1) {
    fail(first,
         fmt::format("this is part {} of {}; open the first, {}", name->number, name->part_count, name->part_name(1)));
  }
  for (int number = 2; number <= name->part_count; ++number) {
    const std::filesystem::path path = first.parent_path() / name->part_name(number);
    if (std::error_code error; !std::filesystem::exists(path, error)) {
      fail(path, fmt::format("part {} of {} is missing", number, name->part_count));
    }
    files_.emplace_back(path);
    GgufContents part = read_gguf(files_.back().bytes(), path.string());
    const SplitKeys part_keys = split_keys(part.metadata);
    if (part_keys.number != number - 1 || part_keys.count != keys.count) {
      fail(path, fmt::format("'split.no' is {} and 'split.count' {}, where {} and {} are expected", part_keys.number,
                             part_keys.count, number - 1, keys.count));
    }
    add(std::move(part.weights));
  }
  const auto found = static_cast<std::int64_t>(tensors_.size() + unreadable_.size());
  if (const std::int64_t stated = metadata_.integer("split.tensors.count").value_or(found); stated != found) {
    fail(first,
         fmt::format("'split.tensors.count' is {}, and the {} parts hold {} tensors", stated, name->part_count, found));
  }
}

}  // namespace hearth
