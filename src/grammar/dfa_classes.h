// States of an automaton that a short text cannot tell apart, as the inner ones of "a word, 20 to 600 times": what may
// come next is the same in all of them, and is found out once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "grammar/char_dfa.h"

namespace hearth {

class DfaClasses {
 public:
  // `depths`: of the levels, in characters, ascending.
  DfaClasses(const CharDfa& dfa, std::span<const std::uint32_t> depths);

  // The first state that takes the same texts as `state`, as far as depths[level] characters tell, of which each leads
  // to acceptance or not, and as much nearer to it, in both.
  std::uint32_t first_like(std::size_t level, std::uint32_t state) const { return firsts_[level][state]; }

 private:
  std::vector<std::vector<std::uint32_t>> firsts_;  // [levels][states]
};

}  // namespace hearth
