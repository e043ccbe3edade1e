#include "server/telemetry/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace hearth {

ProcessMetrics read_process_metrics() {
  ProcessMetrics metrics;
  std::int64_t total_pages = 0, resident_pages = 0;
  if (std::ifstream file("/proc/self/statm"); file >> total_pages >> resident_pages) {
    metrics.resident_bytes = resident_pages * ::sysconf(_SC_PAGESIZE);
  }
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  // The iterator itself holds one of them.
  if (!error) metrics.open_file_count = std::distance(begin(files), end(files)) - 1;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    metrics.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  return metrics;
}

}  // namespace hearth
