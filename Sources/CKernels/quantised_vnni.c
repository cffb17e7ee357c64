#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), \
                             apply_to = function)
#define TILE_PANELS 2 // 12 integer sums and 12 accumulators of 32 registers
#define TILE_TOKENS 6
#define DECODE_PANELS 2
#define SIGNED_OFFSET 128
#include "lanes.h"
#include "quantised.h"
#include <immintrin.h>

/// Four products of unsigned and signed bytes, added to each sum.
INLINE int_lanes dot(int_lanes sums, bytes w, bytes x) {
    return (int_lanes)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)w, (__m512i)x);
}

/// The instruction takes w without a sign: 128 more, which SIGNED_OFFSET takes away.
INLINE int_lanes dot_signed(int_lanes sums, bytes w, bytes x) { return dot(sums, w ^ 128, x); }

#include "quantised_lanes.h"

const struct kw_quantised_kernels kw_quantised_vnni = {quantise, multiply, make_block};
#pragma clang attribute pop
#endif
