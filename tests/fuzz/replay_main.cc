// Drives a fuzz target without libFuzzer: over each file of its corpus, then over mutations of these from a fixed seed,
// so that every test run is the same. A defect ends the program through a sanitizer or a CHECK.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <vector>

#include "fuzz_target.h"

namespace {

using Input = std::vector<std::uint8_t>;

std::vector<Input> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : std::filesystem::directory_iterator(folder)) paths.push_back(file.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Input> corpus;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

// In a block of exactly its size, so that AddressSanitizer sees a read past the end.
void run(const Input& input) {
  const auto exact = std::make_unique<std::uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), exact.get());
  LLVMFuzzerTestOneInput(exact.get(), input.size());
}

class Mutator {
 public:
  Input mutate(Input input) {
    for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) change(input);
    return input;
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  void change(Input& input) {
    if (input.empty()) input.push_back(0);
    const std::size_t at = below(input.size());
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(6)) {
      case 0:
        input[at] ^= static_cast<std::uint8_t>(1U << below(8));
        break;
      case 1:
        input[at] = static_cast<std::uint8_t>(random_());
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        overwrite_integer(input, at);
        break;
      case 4:
        input.erase(place, place + static_cast<std::ptrdiff_t>(std::min(below(16), input.size() - at)));
        break;
      case 5: {
        const Input piece(place, place + static_cast<std::ptrdiff_t>(std::min(below(64), input.size() - at)));
        const auto target = static_cast<std::ptrdiff_t>(below(input.size() + 1));
        input.insert(input.begin() + target, piece.begin(), piece.end());
        break;
      }
    }
  }

  // Counts, lengths and offsets near the limits of what they can be.
  void overwrite_integer(Input& input, std::size_t at) {
    constexpr std::array<std::uint64_t, 10> kValues = {
        0, 1, 0x7f, 0xffff, 0x7fffffff, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ULL};
    const std::uint64_t value = kValues[below(kValues.size())] + below(3) - 1;
    const std::size_t width = std::size_t{1} << below(4);
    std::memcpy(input.data() + at, &value, std::min(width, input.size() - at));
  }

  std::mt19937_64 random_{20'260'101};
};

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 3) {
    std::fprintf(stderr, "usage: %s CORPUS-FOLDER MUTATION-COUNT\n", arguments[0]);
    return 2;
  }
  const std::vector<Input> corpus = read_corpus(arguments[1]);
  const int mutation_count = std::atoi(arguments[2]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no corpus\n", arguments[1]);
    return 1;
  }
  for (const Input& input : corpus) run(input);
  Mutator mutator;
  for (int i = 0; i < mutation_count; ++i) run(mutator.mutate(corpus[mutator.below(corpus.size())]));
  std::printf("%zu files and %d mutations of them\n", corpus.size(), mutation_count);
  return 0;
}
