// HEARTH_ALWAYS_INLINE marks what the kernels call from their innermost loops. Kernels are compiled once per
// instruction set; a plain inline function would be emitted by each of them under one name, and the linker could keep
// the copy that the running processor cannot execute. What is always inlined is never emitted. A GPU's kernels may call
// it as well.
#pragma once

#if defined(__CUDACC__)
#define HEARTH_ALWAYS_INLINE __host__ __device__ inline __attribute__((always_inline))
#elif defined(__HIP__)
#define HEARTH_ALWAYS_INLINE __attribute__((host, device)) inline __attribute__((always_inline))
#else
#define HEARTH_ALWAYS_INLINE inline __attribute__((always_inline))
#endif
