// Launches the sampling kernels.
#include "kernels/sample/sample_gpu.h"

#include "base/check.h"
#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth {
namespace {

std::int64_t slice_count(std::int64_t vocab) {
  return ceil_divide(vocab, kSampleSlice);
}

// Sizes of the parts of the workspace.
struct Parts {
  Parts(std::int64_t row_count, std::int64_t vocab)
      : keys(align_bytes(row_count * slice_count(vocab) * kSampleSelectMax * std::int64_t{sizeof(std::uint64_t)})),
        ids(align_bytes(row_count * slice_count(vocab) * kSampleSelectMax * std::int64_t{sizeof(std::int32_t)})),
        narrowed(align_bytes(row_count * std::int64_t{sizeof(SampleNarrowed)})) {}
  std::int64_t keys, ids, narrowed;
};

}  // namespace

std::int64_t sample_workspace_bytes(std::int64_t row_count, std::int64_t vocab) {
  const Parts parts(row_count, vocab);
  return parts.keys + parts.ids + parts.narrowed;
}

namespace gpu_ops {

void sample(Stream& stream, const SampleArgs& args) {
  CHECK(args.vocab > 0 && args.vocab <= kSampleVocabMax);
  const Parts parts(args.row_count, args.vocab);
  std::byte* const ids = args.workspace + parts.keys;
  std::byte* const narrowed = ids + parts.ids;
  const SampleParams params{args.logits,
                            args.rows,
                            args.adjustments,
                            reinterpret_cast<std::uint64_t*>(args.workspace),
                            reinterpret_cast<std::int32_t*>(ids),
                            reinterpret_cast<SampleNarrowed*>(narrowed),
                            args.ids,
                            static_cast<std::int32_t>(args.vocab),
                            static_cast<std::int32_t>(slice_count(args.vocab))};
  if (args.masks != nullptr) {
    launch(stream, GpuKernel::sample_mask, {slice_count(args.vocab), args.row_count}, kSampleThreads,
           SampleMaskParams{args.logits, args.rows, args.masks, params.vocab});
  }
  if (args.some_select) {
    launch(stream, GpuKernel::sample_select, {slice_count(args.vocab), args.row_count}, kSampleThreads, params);
  }
  if (args.some_narrow) {
    launch(stream, GpuKernel::sample_narrow, {args.row_count}, kSampleNarrowThreads, params);
  }
  launch(stream, GpuKernel::sample_finish, {args.row_count}, kSampleThreads, params);
}

}  // namespace gpu_ops
}  // namespace hearth
