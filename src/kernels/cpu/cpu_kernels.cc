#include "kernels/cpu/cpu_kernels.h"

#include "base/check.h"

namespace hearth {

namespace portable {
extern const KernelTable kTable;
}
#if defined(__x86_64__)
namespace avx2 {
extern const KernelTable kTable;
}
#endif

const KernelTable& cpu_kernels(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPortable:
      return portable::kTable;
    case InstructionSet::kAvx2:
#if defined(__x86_64__)
      return avx2::kTable;
#else
      break;
#endif
  }
  CHECK(false);
}

}  // namespace hearth
