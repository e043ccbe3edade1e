// How much each column of a matrix matters: the mean square of what it is multiplied with, measured over a text.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

class ImportanceMatrix {
 public:
  // One number for each column; of stacked experts, one row of them after the other. Null where nothing is known.
  const std::vector<float>* of(std::string_view tensor) const {
    const auto found = columns_.find(tensor);
    return found == columns_.end() ? nullptr : &found->second;
  }
  void set(std::string tensor, std::vector<float> columns) { columns_[std::move(tensor)] = std::move(columns); }
  bool empty() const { return columns_.empty(); }

 private:
  std::map<std::string, std::vector<float>, std::less<>> columns_;
};

}  // namespace hearth
