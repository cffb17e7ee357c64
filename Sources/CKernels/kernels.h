#pragma once
#include "CKernels.h"

// What every instruction set supplies, and what they all share.

struct kw_kernels {
    const char *name;
    void (*multiply)(const struct kw_matrix *, size_t, size_t, const float *, const float *, size_t, float *, size_t);
    void (*normalize)(const float *, const float *, float, size_t, float *);
    void (*rotate)(float *, const float *, const float *, size_t);
    void (*gate)(enum kw_activation, float *, const float *, size_t);
    void (*add)(float *, const float *, float, size_t);
    void (*scale)(float *, float, size_t);
    void (*soft_cap)(float *, float, size_t);
    void (*widen)(enum kw_type, const void *, float *, size_t);
    struct kw_rounding (*narrow)(const float *, uint16_t *, size_t);
    struct kw_rounding (*round)(float *, size_t);
    void (*attend)(const struct kw_attention *, size_t, size_t);
    void (*attend_tiles)(const struct kw_attention *, size_t, size_t, size_t, float *, size_t);
    void (*merge_tiles)(const struct kw_attention *, size_t, float *, size_t, float *);
    const struct kw_quantised_kernels *quantised;
};

/// All but the name and the quantised ones, as each instruction set's file defines them.
#define FLOAT_KERNELS                                                                                                  \
    multiply, normalize, rotate, gate, add, scale, soft_cap, widen, narrow, round_in_place, attend, attend_tiles,      \
        merge_tiles

extern const struct kw_kernels kw_scalar;
#if defined(__x86_64__)
extern const struct kw_kernels kw_avx2, kw_avx512, kw_avx512_vnni;
#elif defined(__aarch64__)
extern const struct kw_kernels kw_neon, kw_neon_dot;
#endif

/// The largest f16, and the smallest f32 that would round to infinity.
#define KW_F16_MAX 65504.0f
#define KW_F16_OVERFLOW 65520.0f

static inline size_t kw_size_of(enum kw_type type) { return type == kw_f32 ? 4 : 2; }

// exp(x) = 2ⁿ · exp(r), r = x - n·ln 2, by the Taylor series of degree 7 on |r| ≤ ln 2 / 2. Adding 1.5·2²³ rounds to
// the nearest whole number and leaves n in the low bits. ln 2 stands in two parts, the first of 15 bits.
#define KW_EXP_MIN -104.0f
#define KW_EXP_MAX 89.0f
#define KW_EXP_MAGIC 0x1.8p23f
#define KW_LOG2_E 0x1.715476p0f
#define KW_LN2_HIGH 0x1.62e4p-1f
#define KW_LN2_LOW 0x1.7f7d1cp-20f

// tanh(x) = e / (e + 2), e = exp(2x) - 1 = 2ⁿ · (exp(r) - 1) + (2ⁿ - 1): nothing is lost near 0. Beyond ±10 it is ±1.
#define KW_TANH_MAX 10.0f

// -2u = x · (a + b · x²) of the gelu.
#define KW_GELU_A -0x1.988454p0f
#define KW_GELU_B -0x1.2444f2p-4f

/// Some of a tile's positions, 0 ≤ first ≤ end ≤ KW_TILE.
struct kw_span {
    size_t first, end;
};

/// The first position that the query at `position` sees.
static inline size_t kw_first_seen(const struct kw_attention *a, size_t position) {
    return a->window == 0 || position < a->window ? 0 : position + 1 - a->window;
}

static inline size_t kw_within_tile(size_t position, size_t tile) {
    if (position <= tile * KW_TILE) return 0;
    return position - tile * KW_TILE < KW_TILE ? position - tile * KW_TILE : KW_TILE;
}

/// Which of tile `tile`'s positions the query at `position` sees.
static inline struct kw_span kw_visible(const struct kw_attention *a, size_t position, size_t tile) {
    return (struct kw_span){kw_within_tile(kw_first_seen(a, position), tile), kw_within_tile(position + 1, tile)};
}

static inline const char *kw_tile_keys(const struct kw_attention *a, size_t tile) {
    const char *page = (const char *)a->pages[tile / a->tiles_per_page];
    return page + a->offset + tile % a->tiles_per_page * a->tile_bytes;
}

static inline const char *kw_tile_values(const struct kw_attention *a, size_t tile) {
    return kw_tile_keys(a, tile) + a->dimension * KW_TILE * kw_size_of(a->type);
}
