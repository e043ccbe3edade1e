// Measures an importance matrix: for each matrix of a file the sums of squares of what its columns are multiplied with,
// and for stacked ones those of each expert, over all rows that it is shown.
//
// Format of what is written: as ImportanceMatrix reads it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"

namespace hearth {

class ImportanceSums {
 public:
  explicit ImportanceSums(int threads) : pool_(threads) {}

  // Rows [rows, columns] that all of these matrices read. `experts`: where the matrices are stacked, whose each slot
  // is, [rows * slots_per_row], of `expert_count`; else empty. Sums are in double, row by row in the order of calls:
  // the same bits however rows come in pieces.
  struct Rows {
    std::span<const std::string> tensors;
    std::span<const float> values;
    std::int64_t columns = 0;
    std::span<const std::int32_t> experts = {};
    std::int64_t expert_count = 1, slots_per_row = 1;
  };
  void add(const Rows& rows);

  // Of experts that no row was for, where matrices are stacked; and how many matrices there are.
  std::int64_t unasked_expert_count() const;
  std::int64_t matrix_count() const { return std::ssize(places_); }

  struct Origin {
    std::string dataset;  // the text's file; empty: it has none
    std::int64_t chunk_count = 0, chunk_tokens = 0;
  };
  // Beside `path`, and in its place when it is whole. Throws InvalidInput where a sum is not finite, and DeviceError
  // where writing fails.
  void write(const std::filesystem::path& path, const Origin& origin) const;

 private:
  struct Sums {
    std::int64_t columns = 0;
    std::vector<double> squares;       // [experts, columns]
    std::vector<std::int64_t> counts;  // [experts]
  };
  Sums& sums_of(const Rows& rows);

  ThreadPool pool_;
  std::vector<Sums> sums_;
  std::map<std::string, std::size_t> places_;  // of each matrix's sums; those that read the same rows share them
};

}  // namespace hearth
