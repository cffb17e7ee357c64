#pragma STDC FP_CONTRACT OFF
#if defined(__aarch64__)
#define TILE_PANELS 1 // each of the sums takes four of the 32 registers
#define TILE_TOKENS 2
#define DECODE_PANELS 1
#define SIGNED_OFFSET 0
#include "lanes.h"
#include <arm_neon.h>

/// Products of sixteen bytes in 16 bits, then sums of two, then of four.
INLINE int32x4_t dot_quarter(int32x4_t sums, int8x16_t w, int8x16_t x) {
    const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x)), high = vmull_high_s8(w, x);
    return vaddq_s32(sums, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
}

#include "quantised_neon.h"

const struct kw_quantised_kernels kw_quantised_neon = {quantise, multiply, make_block};
#endif
