// Whole files and standard input as text; what cannot be read is one sentence with the name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

inline constexpr std::size_t kReadBytesMax = std::size_t{1} << 30;

// Pipes and devices too. Throws InvalidInput for a directory, for what the system refuses, and past `bytes_max`.
std::string read_file(const std::filesystem::path& path, std::size_t bytes_max = kReadBytesMax);
std::string read_standard_input(std::size_t bytes_max = kReadBytesMax);

// A text's lines, without their ends; what follows the last end is one if it is not empty.
std::vector<std::string> text_lines(std::string_view text);

// Throws as read_file() would, for readers that go through a file by themselves.
void check_readable(const std::filesystem::path& path);

}  // namespace hearth
