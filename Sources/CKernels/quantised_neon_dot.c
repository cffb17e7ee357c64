#pragma STDC FP_CONTRACT OFF
#if defined(__aarch64__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define TILE_PANELS 1 // each of the sums takes four of the 32 registers
#define TILE_TOKENS 3
#define DECODE_PANELS 1
#define SIGNED_OFFSET 0
#include "lanes.h"
#include <arm_neon.h>

INLINE int32x4_t dot_quarter(int32x4_t sums, int8x16_t w, int8x16_t x) { return vdotq_s32(sums, w, x); }

#include "quantised_neon.h"

const struct kw_quantised_kernels kw_quantised_neon_dot = {quantise, multiply, make_block};
#pragma clang attribute pop
#endif
