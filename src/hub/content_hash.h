// The hashes by which the hub knows a file's content: SHA-256 of large ones, git's SHA-1 ("blob", the size, the
// content) of those that are in git itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace hearth {

enum class ContentHash { kSha256, kGitSha1 };

// Lower-case hexadecimal. `progress` (may be empty) hears of bytes read. Throws InvalidInput where the file cannot be
// read.
std::string content_hash(const std::filesystem::path& path, ContentHash kind,
                         const std::function<void(std::int64_t)>& progress = {});

}  // namespace hearth
