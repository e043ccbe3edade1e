// Each controller is looked up in /proc/self/cgroup (where the process is), and /proc/self/mountinfo (where that tree
// is mounted). Limits are inherited, so the groups from the process's own up to the mount's root are all read.
#include "device/cpu/machine_limits.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {
namespace {

namespace fs = std::filesystem;

// v1 writes a number near 2^63 for "no limit".
constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;

std::string read_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::vector<std::string> words(std::string_view text, char separator = ' ') {
  std::vector<std::string> result;
  std::istringstream stream{std::string(text)};
  for (std::string word; std::getline(stream, word, separator);) {
    if (!word.empty()) result.push_back(word);
  }
  return result;
}

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() ? std::optional(value)
                                                                                   : std::nullopt;
}

std::optional<std::int64_t> read_number(const fs::path& path) {
  return to_number(read_line(path));
}

// The number after `key` in a file of "key number" lines.
std::int64_t keyed_number(const fs::path& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> parts = words(line);
    if (parts.size() == 2 && parts[0] == key) return to_number(parts[1]).value_or(0);
  }
  return 0;
}

// "0-3,8": 5.
int count_of_list(std::string_view list) {
  int count = 0;
  for (const std::string& part : words(list, ',')) {
    const std::size_t hyphen = part.find('-');
    const auto first = to_number(part.substr(0, hyphen));
    const auto last = hyphen == std::string::npos ? first : to_number(part.substr(hyphen + 1));
    if (first && last && *first <= *last) count += static_cast<int>(*last - *first + 1);
  }
  return count;
}

// mountinfo writes spaces and the like as \040.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// A mounted tree of control groups.
struct Mount {
  std::string group;  // that the mount's root shows
  fs::path path;
};

// `controller` empty: the tree of v2.
std::optional<Mount> find_mount(const fs::path& root, const std::string& controller) {
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    // ID parent device ROOT MOUNTPOINT options [fields…] - TYPE source SUPEROPTIONS
    const std::vector<std::string> parts = words(line);
    const auto hyphen = std::find(parts.begin(), parts.end(), "-");
    if (parts.size() < 6 || parts.end() - hyphen < 4) continue;
    const std::vector<std::string> options = words(hyphen[3], ',');
    const bool found = controller.empty() ? hyphen[1] == "cgroup2"
                                          : hyphen[1] == "cgroup" &&
                                                std::find(options.begin(), options.end(), controller) != options.end();
    if (found) return Mount{unescape(parts[3]), root / fs::path(unescape(parts[4])).relative_path()};
  }
  return std::nullopt;
}

// The process's group of a controller.
std::optional<std::string> find_group(const fs::path& root, const std::string& controller) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // ID:CONTROLLERS:GROUP
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    const std::vector<std::string> list = words(names, ',');
    const bool found =
        controller.empty() ? names.empty() : std::find(list.begin(), list.end(), controller) != list.end();
    if (found) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Calls visit(folder) for the process's group and those around it, as far as the mount shows them.
void for_each_group(const fs::path& root, const std::string& controller,
                    const std::function<void(const fs::path&)>& visit) {
  const auto group = find_group(root, controller);
  const auto mount = find_mount(root, controller);
  if (!group || !mount) return;
  // In a container the mount often shows the container's own group as its root, by whatever path the group is known.
  fs::path below = fs::path(*group).lexically_relative(mount->group);
  if (below.empty() || below.begin()->string() == "..") below = ".";
  fs::path folder = (mount->path / below).lexically_normal();
  std::error_code error;
  if (!fs::is_directory(folder, error)) folder = mount->path;
  for (;; folder = folder.parent_path()) {
    visit(folder);
    if (fs::path relative = folder.lexically_relative(mount->path);
        relative.empty() || relative == "." || !folder.has_relative_path()) {
      return;
    }
  }
}

template <typename T>
void narrow(std::optional<T>& limit, std::optional<T> value) {
  if (value && (!limit || *value < *limit)) limit = value;
}

// A limit of memory and what is in use of it, without caches of files, which the kernel gives back.
void narrow_memory(CgroupLimits& limits, std::optional<std::int64_t> limit, std::int64_t used, std::int64_t cached) {
  if (!limit || *limit >= kUnlimited) return;
  narrow(limits.memory_bytes, limit);
  narrow(limits.memory_room_bytes,
         std::optional(std::max<std::int64_t>(0, *limit - std::max<std::int64_t>(0, used - cached))));
}

void read_v2(const fs::path& root, CgroupLimits& limits) {
  for_each_group(root, "", [&](const fs::path& folder) {
    const std::vector<std::string> quota = words(read_line(folder / "cpu.max"));
    if (quota.size() == 2) {
      const auto time = to_number(quota[0]), period = to_number(quota[1]);
      if (time && period && *period > 0) narrow(limits.cpus, std::optional(double(*time) / double(*period)));
    }
    if (const int count = count_of_list(read_line(folder / "cpuset.cpus.effective")); count > 0) {
      narrow(limits.cpu_count, std::optional(count));
    }
    const std::int64_t used = read_number(folder / "memory.current").value_or(0);
    const std::int64_t cached =
        keyed_number(folder / "memory.stat", "inactive_file") + keyed_number(folder / "memory.stat", "active_file");
    for (const char* name : {"memory.max", "memory.high"}) {
      narrow_memory(limits, read_number(folder / name), used, cached);
    }
  });
}

void read_v1(const fs::path& root, CgroupLimits& limits) {
  for_each_group(root, "cpu", [&](const fs::path& folder) {
    const auto time = read_number(folder / "cpu.cfs_quota_us"), period = read_number(folder / "cpu.cfs_period_us");
    if (time && period && *time > 0 && *period > 0) narrow(limits.cpus, std::optional(double(*time) / double(*period)));
  });
  for_each_group(root, "cpuset", [&](const fs::path& folder) {
    for (const char* name : {"cpuset.effective_cpus", "cpuset.cpus"}) {
      if (const int count = count_of_list(read_line(folder / name)); count > 0) {
        narrow(limits.cpu_count, std::optional(count));
      }
    }
  });
  for_each_group(root, "memory", [&](const fs::path& folder) {
    const std::int64_t used = read_number(folder / "memory.usage_in_bytes").value_or(0);
    const std::int64_t cached = keyed_number(folder / "memory.stat", "total_inactive_file") +
                                keyed_number(folder / "memory.stat", "total_active_file");
    narrow_memory(limits, read_number(folder / "memory.limit_in_bytes"), used, cached);
  });
}

// Processors of the affinity mask, however many the machine has; 0 if the kernel does not say.
int affinity_count() {
  constexpr int kCpusMax = 1 << 20;
  for (int cpus = CPU_SETSIZE; cpus <= kCpusMax; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
    if (set == nullptr) return 0;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    CPU_ZERO_S(bytes, set);
    const int count = ::sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return 0;
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
  CgroupLimits limits;
  read_v2(root, limits);
  read_v1(root, limits);
  return limits;
}

int usable_core_count(const fs::path& root) {
  const CgroupLimits limits = read_cgroup_limits(root);
  int count = std::max(1, affinity_count());
  if (limits.cpu_count) count = std::min(count, *limits.cpu_count);
  // Threads wait for one another by spinning: what the quota has no time for would stop the others as well.
  if (limits.cpus) count = std::min(count, static_cast<int>(std::min(*limits.cpus, 1e6)));
  return std::max(1, count);
}

std::int64_t memory_available_bytes(const fs::path& root) {
  constexpr std::int64_t kKib = 1024;
  std::int64_t available = 0;
  std::ifstream file(root / "proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> parts = words(line);
    if (parts.size() >= 2 && parts[0] == "MemAvailable:") available = to_number(parts[1]).value_or(0) * kKib;
  }
  const auto room = read_cgroup_limits(root).memory_room_bytes;
  return room ? std::min(available, *room) : available;
}

}  // namespace hearth
