#pragma STDC FP_CONTRACT OFF
#include "quantised.h"
#include <string.h>

// Panels from GGML's blocks: the same numbers, in the order in which products read them.

size_t kw_block_columns(enum kw_type type) {
    switch (type) {
    case kw_q8_0:
    case kw_q4_0:
    case kw_q5_0: return GROUP;
    case kw_q4_k:
    case kw_q5_k:
    case kw_q6_k: return SUPER;
    default: return 0;
    }
}

size_t kw_block_bytes(enum kw_type type) {
    switch (type) {
    case kw_q8_0: return 2 + 32;               // d, quanta
    case kw_q4_0: return 2 + 16;               // d, half bytes
    case kw_q5_0: return 2 + 4 + 16;           // d, fifth bits, half bytes
    case kw_q4_k: return 4 + 12 + 128;         // d and the minimums' d, scales and minimums of 6 bits, half bytes
    case kw_q5_k: return 4 + 12 + 32 + 128;    // the same with fifth bits
    case kw_q6_k: return 128 + 64 + 16 + 2;    // half bytes, two high bits, scales, d
    default: return 0;
    }
}

size_t kw_panel_bytes(enum kw_type type, size_t columns) {
    const struct kw_panel_layout layout = kw_layout_of(type);
    const size_t groups = columns / GROUP, supers = columns / SUPER;
    return (groups * (layout.quanta + layout.scales) + supers * layout.supers + 63) / 64 * 64;
}

/// Half bytes of one group: `quanta` holds columns 0..<32, one byte each; only the lower halves are taken.
static void place_halves(const uint8_t quanta[GROUP], size_t row, uint8_t *to) {
    for (size_t c = 0; c < GROUP; c++) {
        uint8_t *byte = to + c / 8 * 64 + row * 4 + c % 4;
        *byte |= (uint8_t)((quanta[c] & 15) << (c / 4 % 2 * 4));
    }
}

static void place_q8_0(const uint8_t *block, size_t row, uint8_t *quanta, uint8_t *scales) {
    memcpy(scales + row * 2, block, 2);
    for (size_t step = 0; step < STEPS; step++) memcpy(quanta + step * 64 + row * 4, block + 2 + step * 4, 4);
}

/// Lower halves are columns 0..<16, upper ones 16..<32.
static void place_q4_0(const uint8_t *block, size_t row, uint8_t *quanta, uint8_t *scales) {
    uint8_t q[GROUP];
    for (size_t i = 0; i < 16; i++) q[i] = block[2 + i] & 15, q[16 + i] = block[2 + i] >> 4;
    memcpy(scales + row * 2, block, 2);
    place_halves(q, row, quanta);
}

/// The same with bit i of four bytes as the fifth of column i.
static void place_q5_0(const uint8_t *block, size_t row, uint8_t *quanta, uint8_t *scales) {
    uint8_t q[GROUP];
    for (size_t i = 0; i < 16; i++) q[i] = block[6 + i] & 15, q[16 + i] = block[6 + i] >> 4;
    for (size_t c = 0; c < GROUP; c++)
        quanta[256 + row * 4 + c % 4] |= (uint8_t)((block[2 + c / 8] >> c % 8 & 1) << c / 4);
    memcpy(scales + row * 2, block, 2);
    place_halves(q, row, quanta);
}

/// The scale and the minimum of group g from the 12 bytes that pack eight of each: the first four in the low 6 bits of
/// bytes 0..<4 and 4..<8; of the others the low 4 bits in bytes 8..<12, the high 2 in those of the first four.
static void unpack(const uint8_t packed[12], size_t g, uint8_t *scale, uint8_t *minimum) {
    if (g < 4) {
        *scale = packed[g] & 63, *minimum = packed[g + 4] & 63;
    } else {
        *scale = (packed[g + 4] & 15) | (packed[g - 4] >> 6) << 4;
        *minimum = packed[g + 4] >> 4 | (packed[g] >> 6) << 4;
    }
}

/// One group of Q4_K or Q5_K. 32 bytes hold the half bytes of two groups; bit g of fifth[c] belongs to group g.
static void place_q45_k(const uint8_t *block, const uint8_t *fifth, const uint8_t *halves, size_t g, size_t row,
                        uint8_t *quanta, uint8_t *scales) {
    uint8_t q[GROUP];
    for (size_t c = 0; c < GROUP; c++) {
        q[c] = halves[g / 2 * GROUP + c] >> g % 2 * 4 & 15;
        if (fifth) quanta[256 + row * 4 + c % 4] |= (uint8_t)((fifth[c] >> g & 1) << c / 4);
    }
    unpack(block + 4, g, scales + row, scales + PANEL_ROWS + row);
    place_halves(q, row, quanta);
}

/// One group of Q6_K: 128 columns have 64 half bytes, the upper halves 64 columns on, and 32 bytes of high bits.
static void place_q6_k(const uint8_t *block, size_t g, size_t row, uint8_t *quanta, uint8_t *scales) {
    const uint8_t *halves = block + g / 4 * 64 + g % 2 * 32, *high = block + 128 + g / 4 * 32, *sixteens = block + 192;
    uint8_t q[GROUP];
    for (size_t c = 0; c < GROUP; c++) {
        q[c] = halves[c] >> (g % 4 / 2 * 4) & 15;
        const uint8_t two = high[c] >> (g % 4 * 2) & 3;
        quanta[256 + c / 16 * 64 + row * 4 + c % 4] |= (uint8_t)(two << (c / 4 % 4 * 2));
    }
    scales[row] = sixteens[g * 2], scales[PANEL_ROWS + row] = sixteens[g * 2 + 1];
    place_halves(q, row, quanta);
}

static void place_row(enum kw_type type, const uint8_t *blocks, size_t columns, size_t row, uint8_t *panel) {
    const struct kw_panel_layout layout = kw_layout_of(type);
    const size_t groups = columns / GROUP, groups_per_block = kw_block_columns(type) / GROUP;
    uint8_t *first_scales = panel + groups * layout.quanta, *first_supers = first_scales + groups * layout.scales;
    for (size_t g = 0; g < groups; g++) {
        const uint8_t *block = blocks + g / groups_per_block * kw_block_bytes(type);
        const size_t in_block = g % groups_per_block;
        uint8_t *quanta = panel + g * layout.quanta, *scales = first_scales + g * layout.scales;
        uint8_t *supers = first_supers + g / groups_per_block * layout.supers;
        switch (type) {
        case kw_q8_0: place_q8_0(block, row, quanta, scales); break;
        case kw_q4_0: place_q4_0(block, row, quanta, scales); break;
        case kw_q5_0: place_q5_0(block, row, quanta, scales); break;
        case kw_q4_k: place_q45_k(block, NULL, block + 16, in_block, row, quanta, scales); break;
        case kw_q5_k: place_q45_k(block, block + 16, block + 48, in_block, row, quanta, scales); break;
        case kw_q6_k: place_q6_k(block, in_block, row, quanta, scales); break;
        default: break;
        }
        if (in_block > 0) continue;
        if (type == kw_q6_k) memcpy(supers + row * 2, block + 208, 2);
        else if (layout.supers > 0) {
            memcpy(supers + row * 2, block, 2);
            memcpy(supers + (PANEL_ROWS + row) * 2, block + 2, 2);
        }
    }
}

void kw_make_panel(enum kw_type type, const void *const rows[16], size_t columns, void *panel) {
    memset(panel, 0, kw_panel_bytes(type, columns));
    for (size_t row = 0; row < PANEL_ROWS; row++)
        if (rows[row]) place_row(type, rows[row], columns, row, panel);
}
