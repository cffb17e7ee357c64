#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang diagnostic ignored "-Wpsabi" // sixteen lanes pass between inlined functions only
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define TILE_PANELS 1 // each of the sums takes two of the 16 registers
#define TILE_TOKENS 2
#define DECODE_PANELS 1
#define SIGNED_OFFSET 0
#include "lanes.h"
#include "quantised.h"
#include <immintrin.h>

/// Sums of two products, which fit into 16 bits, then of two of those.
INLINE __m256i dot_half(__m256i w, __m256i x) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
}

INLINE int_lanes dot(int_lanes sums, bytes w, bytes x) {
    int_lanes products;
    products.lo = __builtin_bit_cast(__typeof__(products.lo), dot_half((__m256i)w.lo, (__m256i)x.lo));
    products.hi = __builtin_bit_cast(__typeof__(products.hi), dot_half((__m256i)w.hi, (__m256i)x.hi));
    return sums + products;
}

/// |w| · (x with w's sign): two such products fit too, since |x| ≤ 127.
INLINE int_lanes dot_signed(int_lanes sums, bytes w, bytes x) {
    bytes size, turned;
    size.lo = (__typeof__(size.lo))_mm256_abs_epi8((__m256i)w.lo);
    size.hi = (__typeof__(size.hi))_mm256_abs_epi8((__m256i)w.hi);
    turned.lo = (__typeof__(size.lo))_mm256_sign_epi8((__m256i)x.lo, (__m256i)w.lo);
    turned.hi = (__typeof__(size.hi))_mm256_sign_epi8((__m256i)x.hi, (__m256i)w.hi);
    return dot(sums, size, turned);
}

#include "quantised_lanes.h"

const struct kw_quantised_kernels kw_quantised_avx2 = {quantise, multiply, make_block};
#pragma clang attribute pop
#endif
