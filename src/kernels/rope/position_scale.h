// What queries are multiplied by, which grows with the position of their token: as Llama 4 and Ministral 3 do beyond
// the context that they were trained on. Rotary embedding and the splitting of latent attention's queries apply it.
#pragma once

#include <cstdint>

namespace hearth {

// At position p: 1 + beta ln(1 + floor(p / length)). beta 0: nothing is multiplied.
struct PositionScale {
  float beta = 0;
  std::int64_t length = 1;
};

}  // namespace hearth
