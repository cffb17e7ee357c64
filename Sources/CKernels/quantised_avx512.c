#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
                             apply_to = function)
#define TILE_PANELS 2
#define TILE_TOKENS 5
#define DECODE_PANELS 2
#define SIGNED_OFFSET 0
#include "lanes.h"
#include "quantised.h"
#include <immintrin.h>

/// Sums of two products, which fit into 16 bits, then of two of those.
INLINE int_lanes dot(int_lanes sums, bytes w, bytes x) {
    const __m512i pairs = _mm512_maddubs_epi16((__m512i)w, (__m512i)x);
    return sums + (int_lanes)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

/// |w| · (x with w's sign): two such products fit too, since |x| ≤ 127.
INLINE int_lanes dot_signed(int_lanes sums, bytes w, bytes x) {
    const __mmask64 negative = _mm512_movepi8_mask((__m512i)w);
    const __m512i turned = _mm512_mask_sub_epi8((__m512i)x, negative, _mm512_setzero_si512(), (__m512i)x);
    return dot(sums, (bytes)_mm512_abs_epi8((__m512i)w), (bytes)turned);
}

#include "quantised_lanes.h"

const struct kw_quantised_kernels kw_quantised_avx512 = {quantise, multiply, make_block};
#pragma clang attribute pop
#endif
