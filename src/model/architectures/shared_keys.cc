#include "model/architectures/shared_keys.h"

#include <fmt/format.h>

#include "base/error.h"

namespace hearth {

void share_keys(const Settings& settings, std::int64_t count, const std::vector<bool>& slides, ModelSpec& spec) {
  const std::int64_t own = spec.layer_count() - count;
  for (std::int64_t i = std::max<std::int64_t>(0, own); i < spec.layer_count(); ++i) {
    AttentionSpec& attention = spec.layers[static_cast<std::size_t>(i)].attention();
    std::int64_t source = own - 1;
    while (source >= 0 && slides[static_cast<std::size_t>(source)] != slides[static_cast<std::size_t>(i)]) --source;
    const auto fits = [&](const AttentionSpec& from) {
      return from.kv_head_count == attention.kv_head_count && from.head_dim == attention.head_dim;
    };
    if (source < 0 || !fits(spec.layers[static_cast<std::size_t>(source)].attention())) {
      throw InvalidInput(
          fmt::format("{}: layer {} shares the keys of a layer before the last {}, none of which has such",
                      settings.file_name(), i, count));
    }
    attention.keys_of_layer = static_cast<int>(source);
  }
}

}  // namespace hearth
