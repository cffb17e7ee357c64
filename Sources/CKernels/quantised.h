#pragma once
#include "kernels.h"
#include <math.h>

// How a quantised matrix lies in memory, and what its products mean (DESIGN.md §6.3).
//
// A panel holds 16 rows. For each group of 32 columns it has the quanta of the 16 rows, then for each group what scales
// them, then for each 256 columns what scales eight groups:
//
//          quanta                          scales of a group           scales of 256 columns
//   q8_0   8 × 64 bytes, signed            d: 16 f16
//   q4_0   4 × 64, a half byte each        d: 16 f16
//   q5_0   4 × 64, 64 of fifth bits        d: 16 f16
//   q4_k   4 × 64                          scale: 16 u8, minimum: 16 u8   d: 16 f16, minimum's d: 16 f16
//   q5_k   4 × 64, 64 of fifth bits        scale: 16 u8, minimum: 16 u8   d: 16 f16, minimum's d: 16 f16
//   q6_k   4 × 64, 2 × 64 of two high bits scale: 2 × 16 i8               d: 16 f16
//
// 64 bytes are 16 rows × 4 columns: what one dot-product instruction takes. Half bytes: the lower halves of vector i
// are columns 8i...8i+3, the upper ones 8i+4...8i+7. Bit s of a byte of fifth bits, and bits 2(s mod 4) and above of
// vector s / 4 of high bits, belong to step s, which is columns 4s...4s+3.

#define PANEL_ROWS 16
#define GROUP 32
#define SUPER 256
#define STEPS 8 // of four columns in a group

/// Bytes of the three parts of a panel: of a group, of a group, of 256 columns.
struct kw_panel_layout {
    size_t quanta, scales, supers;
};

static inline __attribute__((always_inline)) struct kw_panel_layout kw_layout_of(enum kw_type type) {
    switch (type) {
    case kw_q8_0: return (struct kw_panel_layout){512, 32, 0};
    case kw_q4_0: return (struct kw_panel_layout){256, 32, 0};
    case kw_q5_0: return (struct kw_panel_layout){320, 32, 0};
    case kw_q4_k: return (struct kw_panel_layout){256, 32, 64};
    case kw_q5_k: return (struct kw_panel_layout){320, 32, 64};
    case kw_q6_k: return (struct kw_panel_layout){384, 32, 32};
    default: return (struct kw_panel_layout){0, 0, 0};
    }
}

/// What is added to a signed quantum so that it is stored without a sign.
static inline __attribute__((always_inline)) int32_t kw_offset_of(enum kw_type type) {
    switch (type) {
    case kw_q4_0: return 8;
    case kw_q5_0: return 16;
    case kw_q6_k: return 32;
    default: return 0;
    }
}

static inline __attribute__((always_inline)) bool kw_has_fifth_bits(enum kw_type type) {
    return type == kw_q5_0 || type == kw_q5_k;
}

/// One panel of a matrix.
struct kw_panel {
    const uint8_t *quanta, *scales, *supers;
};

static inline __attribute__((always_inline)) struct kw_panel kw_panel_at(const struct kw_matrix *m, enum kw_type type,
                                                                         size_t panel) {
    const struct kw_panel_layout layout = kw_layout_of(type);
    const size_t groups = m->columns / GROUP;
    const uint8_t *quanta = (const uint8_t *)m->data + panel * kw_panel_bytes(type, m->columns);
    const uint8_t *scales = quanta + groups * layout.quanta;
    return (struct kw_panel){quanta, scales, scales + groups * layout.scales};
}

/// What an instruction set supplies for them.
struct kw_quantised_kernels {
    void (*quantise)(const float *, size_t, int8_t *, struct kw_group *);
    void (*multiply)(const struct kw_matrix *, size_t, size_t, const float *, const struct kw_activations *, size_t,
                     float *, size_t);
    void (*make_block)(enum kw_type, const float *, uint8_t *);
};

extern const struct kw_quantised_kernels kw_quantised_scalar;
#if defined(__x86_64__)
extern const struct kw_quantised_kernels kw_quantised_avx2, kw_quantised_avx512, kw_quantised_vnni;
#elif defined(__aarch64__)
extern const struct kw_quantised_kernels kw_quantised_neon, kw_quantised_neon_dot;
#endif

/// d of a block of weights from the bits of its largest size, and from that size with the sign of the number; NaN where
/// a number is not finite, in bits that do not depend on the machine.
static inline uint16_t kw_block_scale(enum kw_type type, uint32_t largest, float extreme) {
    float d = type == kw_q8_0 ? fabsf(extreme) / 127 : extreme / -8;
    if (largest == 0) d = 0; // never -0
    if (largest >= 0x7f800000) d = NAN;
    uint16_t half;
    kw_scalar.narrow(&d, &half, 1);
    return half;
}

/// Adding it rounds to the nearest whole number, ties to even, and leaves that number in the low bits.
#define KW_ROUNDING_MAGIC 0x1.8p23f
