// hearth_gpu_tests: every operator's test on a real GPU, in one program that can be carried to a machine without
// compilers.
//
//   hearth_gpu_tests [--device=cuda:0|hip:0] [--small] [GoogleTest's options]
//
// Without --device, the first GPU that either driver opens. --small is for tools that slow the GPU down, such as
// compute-sanitizer. Where there is no GPU, and where no test ran, the exit status is 1.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "gpu/open_gpu.h"
#include "kernels/testing/gpu_setups.h"

namespace hearth::kernel_testing {
namespace {

std::unique_ptr<GpuDevice> device;
bool small = false;

int run_tests(int argc, char** argv) {
  // What is instantiated for devices runs on the GPU; the rest is the CPU's.
  ::testing::GTEST_FLAG(filter) = "Devices/*:Gpu*";
  ::testing::InitGoogleTest(&argc, argv);
  std::string wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option.starts_with("--device=")) {
      wanted = option.substr(option.find('=') + 1);
    } else if (option == "--small") {
      small = true;
    } else {
      std::fprintf(stderr, "hearth_gpu_tests: unknown option %s\n", argv[i]);
      return 1;
    }
  }
  if (::testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  device = open_gpu("hearth_gpu_tests", wanted);
  if (device == nullptr) return 1;
  std::printf("%s: %s\n", device->id().to_string().c_str(), device->description().c_str());
  const int status = RUN_ALL_TESTS();
  device.reset();
  const int test_count = ::testing::UnitTest::GetInstance()->test_to_run_count();
  if (test_count == 0) std::fprintf(stderr, "hearth_gpu_tests: no test ran\n");
  return test_count == 0 ? 1 : status;
}

}  // namespace

std::vector<std::string> test_gpu_names() {
  return {"gpu"};
}

std::vector<int> whole_model_gpus() {
  return {0};
}

GpuDevice& test_gpu(int) {
  return *device;
}

bool test_gpus_are_slow() {
  return small;
}

bool tests_run_on_cpu() {
  return false;
}

}  // namespace hearth::kernel_testing

int main(int argc, char** argv) {
  return hearth::kernel_testing::run_tests(argc, argv);
}
