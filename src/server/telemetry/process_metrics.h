// What the operating system knows of this process, as /proc/self has it.
#pragma once

#include <cstdint>

namespace hearth {

// 0 where it cannot be found out.
struct ProcessMetrics {
  std::int64_t resident_bytes = 0;
  std::int64_t open_file_count = 0;
  double cpu_seconds = 0;  // user and system, all threads
};
ProcessMetrics read_process_metrics();

}  // namespace hearth
