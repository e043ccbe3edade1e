#include "hub/content_hash.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/check.h"
#include "base/error.h"

namespace hearth {

std::string content_hash(const std::filesystem::path& path, ContentHash kind,
                         const std::function<void(std::int64_t)>& progress) {
  constexpr std::size_t kPieceBytes = 1 << 20;
  const auto refuse = [&] {
    return InvalidInput(fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  };
  const auto close_file = [](const int* fd) {
    if (*fd >= 0) ::close(*fd);
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const std::unique_ptr<const int, decltype(close_file)> closer(&file, close_file);
  struct stat info {};
  if (file < 0 || ::fstat(file, &info) != 0) throw refuse();
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  CHECK(context != nullptr);
  CHECK(EVP_DigestInit_ex(context.get(), kind == ContentHash::kSha256 ? EVP_sha256() : EVP_sha1(), nullptr) == 1);
  if (kind == ContentHash::kGitSha1) {
    const std::string head = fmt::format("blob {}", info.st_size);
    EVP_DigestUpdate(context.get(), head.c_str(), head.size() + 1);
  }
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    const ssize_t count = ::read(file, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw refuse();
    if (count == 0) break;
    EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(count));
    if (progress) progress(count);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned bytes = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &bytes);
  std::string text;
  for (unsigned i = 0; i < bytes; ++i) text += fmt::format("{:02x}", static_cast<unsigned>(digest.at(i)));
  return text;
}

}  // namespace hearth
