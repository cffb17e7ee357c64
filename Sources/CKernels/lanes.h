// Sixteen virtual lanes as one vector, which the compiler spreads over the registers that the target has: one of
// AVX-512, two of AVX2, four of NEON. Every operation is exact IEEE arithmetic lane by lane, so the bits are those of
// scalar.c whatever the width. Included once for each instruction set, inside its target pragma.
#include "kernels.h"
#include <math.h>
#include <string.h>

#define LANES 16
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float lanes __attribute__((ext_vector_type(LANES)));
typedef int32_t int_lanes __attribute__((ext_vector_type(LANES)));
typedef float floats_in_memory __attribute__((ext_vector_type(LANES), aligned(4)));
typedef _Float16 halves __attribute__((ext_vector_type(LANES)));
typedef _Float16 halves_in_memory __attribute__((ext_vector_type(LANES), aligned(2)));
typedef uint16_t shorts_in_memory __attribute__((ext_vector_type(LANES), aligned(2)));
typedef uint32_t words __attribute__((ext_vector_type(LANES)));
typedef uint8_t bytes __attribute__((ext_vector_type(4 * LANES)));

INLINE lanes splat(float x) { return (lanes)(x); }
INLINE lanes fused(lanes a, lanes b, lanes c) { return __builtin_elementwise_fma(a, b, c); }
INLINE lanes as_floats(int_lanes x) { return __builtin_bit_cast(lanes, x); }
INLINE int_lanes as_ints(lanes x) { return __builtin_bit_cast(int_lanes, x); }

/// Sixteen numbers of any type, from any address that is a multiple of their size.
INLINE lanes load(enum kw_type type, const void *data, size_t index) {
    if (type == kw_f32) return *(const floats_in_memory *)((const float *)data + index);
    const uint16_t *half = (const uint16_t *)data + index;
    if (type == kw_f16) return __builtin_convertvector(*(const halves_in_memory *)half, lanes);
    return __builtin_bit_cast(lanes, __builtin_convertvector(*(const shorts_in_memory *)half, words) << 16);
}

/// Up to sixteen numbers, the rest zero.
INLINE lanes load_padded(enum kw_type type, const void *data, size_t index, size_t count) {
    if (count >= LANES) return load(type, data, index);
    _Alignas(64) char buffer[LANES * sizeof(float)] = {0};
    memcpy(buffer, (const char *)data + index * kw_size_of(type), count * kw_size_of(type));
    return load(type, buffer, 0);
}

INLINE lanes load_floats(const float *x, size_t count) { return load_padded(kw_f32, x, 0, count); }

/// The first `count` of sixteen numbers, at most all.
INLINE void store(float *x, lanes v, size_t count) {
    if (count >= LANES) *(floats_in_memory *)x = v;
    else memcpy(x, &v, count * sizeof(float));
}

/// The fixed tree: lane i + lane i+8, then i+4, i+2, i+1.
INLINE float total(lanes v) {
    const float __attribute__((ext_vector_type(8))) eight = v.lo + v.hi;
    const float __attribute__((ext_vector_type(4))) four = eight.lo + eight.hi;
    const float __attribute__((ext_vector_type(2))) two = four.lo + four.hi;
    return two.x + two.y;
}

INLINE lanes larger(lanes a, lanes b) { return b > a ? b : a; }

/// The whole number n nearest to x · log₂ e, shifted into the low bits, and r = x - n · ln 2.
struct reduced {
    int_lanes n;
    lanes r;
};

INLINE struct reduced reduced(lanes x) {
    const lanes shifted = fused(x, splat(KW_LOG2_E), splat(KW_EXP_MAGIC)), n = shifted - splat(KW_EXP_MAGIC);
    const lanes r = fused(n, splat(-KW_LN2_LOW), fused(n, splat(-KW_LN2_HIGH), x));
    return (struct reduced){as_ints(shifted) - as_ints(splat(KW_EXP_MAGIC)), r};
}

/// (exp(r) - 1) / r for small r.
INLINE lanes slope(lanes r) {
    lanes p = splat(1.0f / 5040);
    p = fused(p, r, splat(1.0f / 720));
    p = fused(p, r, splat(1.0f / 120));
    p = fused(p, r, splat(1.0f / 24));
    p = fused(p, r, splat(1.0f / 6));
    p = fused(p, r, splat(0.5f));
    return fused(p, r, splat(1));
}

INLINE lanes power_of_two(int_lanes n) { return as_floats((n + 127) << 23); }

/// kw_expf in every lane.
INLINE lanes exponential(lanes x) {
    x = x < splat(KW_EXP_MIN) ? splat(KW_EXP_MIN) : x;
    x = x > splat(KW_EXP_MAX) ? splat(KW_EXP_MAX) : x;
    const struct reduced parts = reduced(x);
    const int_lanes half = parts.n >> 1;
    const lanes p = fused(slope(parts.r), parts.r, splat(1));
    return p * power_of_two(half) * power_of_two(parts.n - half);
}

/// kw_tanhf in every lane.
INLINE lanes hyperbolic_tangent(lanes x) {
    x = x < splat(-KW_TANH_MAX) ? splat(-KW_TANH_MAX) : x;
    x = splat(2) * (x > splat(KW_TANH_MAX) ? splat(KW_TANH_MAX) : x);
    const struct reduced parts = reduced(x);
    const lanes power = power_of_two(parts.n);
    const lanes e = fused(power, slope(parts.r) * parts.r, power - splat(1));
    return e / (e + splat(2));
}

INLINE lanes capped(lanes x, float cap) { return hyperbolic_tangent(x / splat(cap)) * splat(cap); }
