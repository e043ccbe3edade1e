// Launches alternating updates on a GPU.
#include "kernels/alt_up/alt_up_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {
namespace {

template <class Args>
void launch_alt_up(Stream& stream, GpuKernel kernel, const Args& args) {
  const AltUpStreams& s = args.streams;
  CHECK(s.count >= 1 && s.count <= kAltUpStreamsMax && s.active >= 0 && s.active < s.count);
  launch(stream, kernel, {s.token_count, ceil_divide(s.width, kAltUpThreads)}, kAltUpThreads, args);
}

}  // namespace

void alt_up_predict(Stream& stream, const AltUpPredictArgs& args) {
  launch_alt_up(stream, GpuKernel::alt_up_predict, args);
}

void alt_up_correct(Stream& stream, const AltUpCorrectArgs& args) {
  launch_alt_up(stream, GpuKernel::alt_up_correct, args);
}

}  // namespace hearth::gpu_ops
