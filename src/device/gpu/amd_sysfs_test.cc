// The kernel's files about AMD's GPUs, written as the kernel writes them.
#include "device/gpu/amd_sysfs.h"

#include <gtest/gtest.h>

#include <fstream>

namespace hearth {
namespace {

class AmdSysfs : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "amd_sysfs_XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    root_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::filesystem::path root_;
};

TEST(AmdArchitecture, IsTheTargetVersionInDecimalPairs) {
  EXPECT_EQ(amd_architecture(110000), "gfx1100");
  EXPECT_EQ(amd_architecture(110501), "gfx1151");
  EXPECT_EQ(amd_architecture(120001), "gfx1201");
  EXPECT_EQ(amd_architecture(90402), "gfx942");
  EXPECT_EQ(amd_architecture(90010), "gfx90a");
}

TEST_F(AmdSysfs, ArchitectureIsFoundByPciAddress) {
  write("nodes/0/properties", "cpu_cores_count 16\nsimd_count 0\nlocation_id 0\ndomain 0\ngfx_target_version 0\n");
  write("nodes/1/properties", "simd_count 192\ngfx_target_version 110000\nlocation_id 768\ndomain 0\n");
  write("nodes/2/properties", "simd_count 4\ngfx_target_version 100306\nlocation_id 5888\ndomain 0\n");
  write("nodes/3/properties",
        "simd_count 304\ngfx_target_version 90402\nlocation_id 1282\ndomain 1\nunique_id "
        "18446744073709551615\n");
  EXPECT_EQ(amd_architecture_at("0000:03:00.0", root_ / "nodes"), "gfx1100");
  EXPECT_EQ(amd_architecture_at("0000:17:00.0", root_ / "nodes"), "gfx1036");
  EXPECT_EQ(amd_architecture_at("0001:05:00.0", root_ / "nodes"), "gfx942");  // a partition: its number is the function
  EXPECT_EQ(amd_architecture_at("0000:05:00.0", root_ / "nodes"), "");
  EXPECT_EQ(amd_architecture_at("0000:00:00.0", root_ / "nodes"), "");  // the processor's own node
  EXPECT_EQ(amd_architecture_at("no address", root_ / "nodes"), "");
  EXPECT_EQ(amd_architecture_at("0000:03:00.0", root_ / "absent"), "");
}

TEST_F(AmdSysfs, MemoryIsTheCardsOwn) {
  write("0000:c3:00.0/mem_info_vram_total", "25753026560\n");
  write("0000:c3:00.0/mem_info_vram_used", "1000000\n");
  write("0000:c3:00.0/mem_info_gtt_total", "99999999999\n");
  write("0000:c3:00.0/mem_info_gtt_used", "0\n");
  const auto card = amd_memory_at("0000:C3:00.0", false, root_);
  ASSERT_TRUE(card.has_value());
  EXPECT_EQ(card->total_bytes, 25753026560);
  EXPECT_EQ(card->available_bytes, 25752026560);
  EXPECT_FALSE(amd_memory_at("0000:04:00.0", false, root_).has_value());
}

TEST_F(AmdSysfs, MemoryOfAnIntegratedGpuIsTheLargerPool) {
  write("0000:c3:00.0/mem_info_vram_total", "536870912\n");
  write("0000:c3:00.0/mem_info_vram_used", "500000000\n");
  write("0000:c3:00.0/mem_info_gtt_total", "64000000000\n");
  write("0000:c3:00.0/mem_info_gtt_used", "4000000000\n");
  const auto host = amd_memory_at("0000:c3:00.0", true, root_);
  ASSERT_TRUE(host.has_value());
  EXPECT_EQ(host->total_bytes, 64000000000);
  EXPECT_EQ(host->available_bytes, 60000000000);
  write("0000:c3:00.0/mem_info_vram_total", "96000000000\n");
  EXPECT_EQ(amd_memory_at("0000:c3:00.0", true, root_)->total_bytes, 96000000000);
}

TEST_F(AmdSysfs, AFileThatHoldsNoNumberSaysNothing) {
  write("0000:03:00.0/mem_info_vram_total", "\n");
  write("0000:03:00.0/mem_info_vram_used", "1\n");
  EXPECT_FALSE(amd_memory_at("0000:03:00.0", false, root_).has_value());
}

TEST(AmdIntegrated, IsKnownByArchitecture) {
  EXPECT_TRUE(amd_is_integrated("gfx1151"));
  EXPECT_TRUE(amd_is_integrated("gfx1036"));
  EXPECT_FALSE(amd_is_integrated("gfx1100"));
  EXPECT_FALSE(amd_is_integrated(""));
}

}  // namespace
}  // namespace hearth
