// Reads model.safetensors.index.json, which tells the safetensors file (the shard) that each tensor stands in.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace hearth {

// By shard, the tensors that the index expects in it. A shard's name is that of a file in the index's own folder: one
// that could lead elsewhere is refused. Throws InvalidInput in one sentence with `file_name`.
std::map<std::string, std::set<std::string>> read_weight_index(std::string_view text, const std::string& file_name);

}  // namespace hearth
