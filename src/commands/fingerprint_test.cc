// What a fingerprint says, that it survives being written and read, and how differences are told.
#include "commands/fingerprint.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

const Fingerprint kSample{
    .build = "0.1.0 (commit 12)", .model = "ab", .device = "Chip, avx2", .compute = "int8", .context = 512};

// A device that is only asked for its description.
class NamedDevice : public Device {
 public:
  explicit NamedDevice(std::string description) : Device(DeviceId{}), text_(std::move(description)) {}
  std::string description() const override { return text_; }
  std::int64_t memory_available_bytes() const override { return 0; }
  std::unique_ptr<Stream> open_stream() override { return nullptr; }

 private:
  std::byte* allocate_bytes(std::int64_t) override { return nullptr; }
  void free_bytes(std::byte*, std::int64_t) override {}

  std::string text_;
};

constexpr char kEmptyGguf[] = "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

Fingerprint of_device(const std::string& description) {
  const auto source = ModelSource::in_memory("none", std::as_bytes(std::span(kEmptyGguf)), {});
  return make_fingerprint("hearth 0.1.0 (commit 12)\ntargets: cpu", *source, NamedDevice(description),
                          ComputeMode::kInt8, 512, 1);
}

TEST(Fingerprint, SurvivesItsText) {
  EXPECT_EQ(kSample.text(), "build=0.1.0 (commit 12);model=ab;device=Chip, avx2;compute=int8;context=512");
  EXPECT_EQ(parse_fingerprint(kSample.text()), kSample);
}

TEST(Fingerprint, RefusesOtherTexts) {
  for (const char* text :
       {"", ";;;;", "build=1;model=2;device=3;compute=4", "build=1;model=2;device=3;compute=4;context=",
        "build=1;model=2;device=3;compute=4;context=-1", "build=1;model=2;device=3;compute=4;context=5x",
        "build=1;model=2;device=3;compute=4;context=5;more=6", "build1;model=2;device=3;compute=4;context=5"}) {
    EXPECT_FALSE(parse_fingerprint(text)) << text;
  }
}

TEST(Fingerprint, LeavesOutWhatChangesNoBit) {
  EXPECT_EQ(of_device("AMD EPYC 7763, 2 threads, avx2").device, "AMD EPYC 7763, avx2");
  EXPECT_EQ(of_device("NVIDIA H200, sm_90, driver 13.0, 139.8 GiB").device, "NVIDIA H200, sm_90");
  EXPECT_EQ(of_device("a;b").device, "a,b");
  EXPECT_EQ(of_device("x").build, "0.1.0 (commit 12)");
  EXPECT_EQ(of_device("x"), of_device("x, driver 2"));
}

TEST(Fingerprint, NamesEveryDifference) {
  EXPECT_TRUE(fingerprint_differences(kSample, kSample).empty());
  const Fingerprint other{.build = "2", .model = "cd", .device = "x", .compute = "f32", .context = 1};
  const std::vector<std::string> differences = fingerprint_differences(kSample, other);
  ASSERT_EQ(differences.size(), 5u);
  EXPECT_EQ(differences[1], "the model (logged ab, here cd)");
  EXPECT_EQ(differences[4], "the context (logged 512, here 1)");
  Fingerprint one_part = kSample;
  one_part.device = "y";
  EXPECT_EQ(fingerprint_differences(kSample, one_part),
            std::vector<std::string>{"the device (logged Chip, avx2, here y)"});
}

}  // namespace
}  // namespace hearth
