// The kernel's files as containers, services and bare machines have them, in a folder of the test's own.
#include "device/cpu/machine_limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "device/arena.h"
#include "device/cpu/cpu_device.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kMib = 1 << 20;

class FakeRoot {
 public:
  FakeRoot() {
    std::string name = (fs::temp_directory_path() / "hearth-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw DeviceError("no temporary folder");
    path_ = name;
    file("proc/meminfo", "MemTotal: 999999 kB\nMemAvailable: 8388608 kB\n");
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  ~FakeRoot() { fs::remove_all(path_); }

  FakeRoot& file(std::string_view name, std::string_view text) {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return *this;
  }
  // One tree for all controllers; the process in `group`, the mount showing `shown` at its root.
  FakeRoot& version_2(std::string_view group, std::string_view shown = "/") {
    file("proc/self/cgroup", "0::" + std::string(group) + "\n");
    return file("proc/self/mountinfo", "22 1 0:2 / /proc rw - proc proc rw\n30 22 0:27 " + std::string(shown) +
                                           " /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(MachineLimits, WithoutGroupsTheMachineIsAll) {
  const FakeRoot root;
  const CgroupLimits limits = read_cgroup_limits(root.path());
  EXPECT_FALSE(limits.cpus || limits.cpu_count || limits.memory_bytes || limits.memory_room_bytes);
  EXPECT_GE(usable_core_count(root.path()), 1);
  EXPECT_EQ(memory_available_bytes(root.path()), 8192 * kMib);
}

TEST(MachineLimits, NoLimitIsSaidInWordsOrWithHugeNumbers) {
  FakeRoot root;
  root.version_2("/a").file("sys/fs/cgroup/a/cpu.max", "max 100000\n").file("sys/fs/cgroup/a/memory.max", "max\n");
  EXPECT_FALSE(read_cgroup_limits(root.path()).cpus);
  EXPECT_EQ(memory_available_bytes(root.path()), 8192 * kMib);
  FakeRoot old;
  old.file("proc/self/cgroup", "4:memory:/\n1:cpu,cpuacct:/\n")
      .file("proc/self/mountinfo",
            "34 30 0:31 / /cg/memory rw - cgroup cgroup rw,memory\n"
            "35 30 0:32 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n")
      .file("cg/memory/memory.limit_in_bytes", "9223372036854771712\n")
      .file("cg/cpu/cpu.cfs_quota_us", "-1\n")
      .file("cg/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(read_cgroup_limits(old.path()).cpus || read_cgroup_limits(old.path()).memory_bytes);
}

TEST(MachineLimits, AContainerOfVersion2) {
  FakeRoot root;
  root.version_2("/")
      .file("sys/fs/cgroup/cpu.max", "50000 100000\n")
      .file("sys/fs/cgroup/cpuset.cpus.effective", "0-2,5\n")
      .file("sys/fs/cgroup/memory.max", "1073741824\n")
      .file("sys/fs/cgroup/memory.current", "314572800\n")
      .file("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 104857600\nactive_file 104857600\n");
  const CgroupLimits limits = read_cgroup_limits(root.path());
  EXPECT_EQ(limits.cpus, 0.5);
  EXPECT_EQ(limits.cpu_count, 4);
  EXPECT_EQ(limits.memory_bytes, 1024 * kMib);
  EXPECT_EQ(limits.memory_room_bytes, 924 * kMib);  // 100 MiB of the 300 are no file's cache
  EXPECT_EQ(usable_core_count(root.path()), 1);
  EXPECT_EQ(memory_available_bytes(root.path()), 924 * kMib);
}

TEST(MachineLimits, GroupsAroundTheProcesssOwnCountAndTheNarrowestWins) {
  FakeRoot root;
  root.version_2("/service.slice/hearth.service")
      .file("sys/fs/cgroup/service.slice/hearth.service/memory.max", "max\n")
      .file("sys/fs/cgroup/service.slice/hearth.service/cpu.max", "800000 100000\n")
      .file("sys/fs/cgroup/service.slice/memory.high", "536870912\n")
      .file("sys/fs/cgroup/service.slice/memory.max", "1073741824\n")
      .file("sys/fs/cgroup/service.slice/cpu.max", "250000 100000\n");
  const CgroupLimits limits = read_cgroup_limits(root.path());
  EXPECT_EQ(limits.cpus, 2.5);
  EXPECT_EQ(limits.memory_bytes, 512 * kMib);
  EXPECT_EQ(limits.memory_room_bytes, 512 * kMib);
}

// The group's path is the host's, and the mount shows the container's group alone.
TEST(MachineLimits, AMountThatBeginsAtTheContainersGroup) {
  FakeRoot same, other;
  same.version_2("/docker/abc", "/docker/abc").file("sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(read_cgroup_limits(same.path()).memory_bytes, kMib);
  other.version_2("/docker/abc", "/docker/xyz").file("sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(read_cgroup_limits(other.path()).memory_bytes, kMib);
  FakeRoot hidden;  // a path that the mount does not show
  hidden.version_2("/docker/abc").file("sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(read_cgroup_limits(hidden.path()).memory_bytes, kMib);
}

TEST(MachineLimits, ControllersOfVersion1AreTreesOfTheirOwn) {
  FakeRoot root;
  root.file("proc/self/cgroup", "9:name=systemd:/\n4:memory:/box\n3:cpuset:/box\n2:cpu,cpuacct:/box\n0::/\n")
      .file("proc/self/mountinfo",
            "31 30 0:28 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
            "33 30 0:30 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
            "34 30 0:31 / /cg/mem\\040ory rw - cgroup cgroup rw,memory\n"
            "40 30 0:37 / /cg/unified rw - cgroup2 cgroup2 rw\n")
      .file("cg/cpu,cpuacct/box/cpu.cfs_quota_us", "150000\n")
      .file("cg/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n")
      .file("cg/cpuset/box/cpuset.cpus", "1\n")
      .file("cg/mem ory/box/memory.limit_in_bytes", "2097152\n")
      .file("cg/mem ory/box/memory.usage_in_bytes", "1572864\n")
      .file("cg/mem ory/box/memory.stat", "cache 5\ntotal_inactive_file 524288\n");
  const CgroupLimits limits = read_cgroup_limits(root.path());
  EXPECT_EQ(limits.cpus, 1.5);
  EXPECT_EQ(limits.cpu_count, 1);
  EXPECT_EQ(limits.memory_bytes, 2 * kMib);
  EXPECT_EQ(limits.memory_room_bytes, kMib);
}

TEST(MachineLimits, ADeviceIsSizedToThemAndRefusesWhatIsBeyond) {
  FakeRoot root;
  root.version_2("/").file("sys/fs/cgroup/cpu.max", "50000 100000\n").file("sys/fs/cgroup/memory.max", "1073741824\n");
  CpuDevice device(0, InstructionSet::kPortable, root.path());
  EXPECT_EQ(device.pool().thread_count(), 1);
  EXPECT_EQ(device.memory_available_bytes(), 1024 * kMib);
  EXPECT_NO_THROW(Arena(device, 4 * kMib, "memory"));
  EXPECT_THROW(Arena(device, 1025 * kMib, "memory"), OutOfMemory);
  EXPECT_EQ(CpuDevice(3, InstructionSet::kPortable, root.path()).pool().thread_count(), 3);  // asked for
}

}  // namespace
}  // namespace hearth
