#pragma STDC FP_CONTRACT OFF
#include "quantised.h"
#include <math.h>
#include <string.h>

// The reference of the quantised products: it defines the bits that every instruction set must give.

static float half(const uint8_t *halves, size_t index) {
    float x;
    kw_scalar.widen(kw_f16, (const uint16_t *)halves + index, &x, 1);
    return x;
}

/// d = max|x| / 127 for each 32 numbers, and x / d to the nearest whole number, ties to even. NaN makes d NaN.
static void quantise(const float *x, size_t columns, int8_t *values, struct kw_group *groups) {
    for (size_t g = 0; g < columns / GROUP; g++, x += GROUP, values += GROUP) {
        uint32_t largest = 0; // the bits of |x|, which are in the order of the numbers, NaN last
        for (size_t i = 0; i < GROUP; i++) {
            uint32_t size;
            memcpy(&size, x + i, sizeof size);
            size &= 0x7fffffff;
            if (size > largest) largest = size;
        }
        float d;
        memcpy(&d, &largest, sizeof d);
        d /= 127;
        int32_t first = 0, total = 0;
        for (size_t i = 0; i < GROUP; i++) {
            float q = d > 0 ? x[i] / d : 0;
            if (!(q < 127)) q = 127; // where d is so small that it lost bits
            if (!(q > -127)) q = -127;
            values[i] = (int8_t)rintf(q);
            total += values[i];
            if (i < GROUP / 2) first = total;
        }
        groups[g] = (struct kw_group){d, d * (float)total, first, total};
    }
}

/// The quantum of one row in one column of a group, as it enters the integer sum.
static int32_t quantum(enum kw_type type, const uint8_t *quanta, size_t row, size_t column) {
    const size_t step = column / 4, at = row * 4 + column % 4;
    if (type == kw_q8_0) return ((const int8_t *)quanta)[step * 64 + at];
    int32_t q = quanta[step / 2 * 64 + at] >> step % 2 * 4 & 15;
    if (kw_has_fifth_bits(type)) q |= (quanta[256 + at] >> step & 1) << 4;
    if (type == kw_q6_k) q |= (quanta[256 + step / 4 * 64 + at] >> step % 4 * 2 & 3) << 4;
    return q - kw_offset_of(type);
}

/// What one group adds to a row's accumulator.
static float add_group(enum kw_type type, const struct kw_panel *panel, size_t g, size_t row, const int8_t *x,
                       const struct kw_group *activations, float acc) {
    const struct kw_panel_layout layout = kw_layout_of(type);
    const uint8_t *quanta = panel->quanta + g * layout.quanta, *scales = panel->scales + g * layout.scales;
    const uint8_t *supers = panel->supers + g / (SUPER / GROUP) * layout.supers;
    int32_t sums[2] = {0, 0}; // of 16 columns each
    for (size_t c = 0; c < GROUP; c++) sums[c / 16] += quantum(type, quanta, row, c) * x[c];
    const float dx = activations->scale;
    switch (type) {
    case kw_q4_k:
    case kw_q5_k:
        acc = fmaf((float)((sums[0] + sums[1]) * scales[row]), half(supers, row) * dx, acc);
        return fmaf(-(half(supers, PANEL_ROWS + row) * (float)scales[PANEL_ROWS + row]), activations->sum, acc);
    case kw_q6_k: {
        const int8_t *scale = (const int8_t *)scales;
        const int32_t sum = sums[0] * scale[row] + sums[1] * scale[PANEL_ROWS + row];
        return fmaf((float)sum, half(supers, row) * dx, acc);
    }
    default: return fmaf((float)(sums[0] + sums[1]), half(scales, row) * dx, acc);
    }
}

static void multiply(const struct kw_matrix *m, size_t first, size_t end, const float *bias,
                     const struct kw_activations *x, size_t tokens, float *y, size_t y_stride) {
    const size_t groups = m->columns / GROUP;
    for (size_t row = first; row < end; row++) {
        const struct kw_panel panel = kw_panel_at(m, m->type, row / PANEL_ROWS);
        for (size_t t = 0; t < tokens; t++) {
            float acc = 0;
            for (size_t g = 0; g < groups; g++)
                acc = add_group(m->type, &panel, g, row % PANEL_ROWS, x->values + t * m->columns + g * GROUP,
                                x->groups + t * groups + g, acc);
            y[t * y_stride + row] = bias ? acc + bias[row] : acc;
        }
    }
}

// MARK: Weights

/// The largest number in size, the negative one of two; bits are those of its size.
static float extreme(const float *x, uint32_t *bits) {
    float most = 0;
    *bits = 0;
    for (size_t i = 0; i < GROUP; i++) {
        uint32_t size;
        memcpy(&size, x + i, sizeof size);
        size &= 0x7fffffff;
        if (size > *bits || (size == *bits && x[i] < most)) *bits = size, most = x[i];
    }
    return most;
}

static int32_t nearest(float x, float d, float lowest, float highest) {
    float q = d != 0 ? x / d : 0;
    if (!(q < highest)) q = highest;
    if (!(q > lowest)) q = lowest;
    return (int32_t)rintf(q);
}

static void make_block(enum kw_type type, const float *x, uint8_t *block) {
    uint32_t largest;
    const float most = extreme(x, &largest);
    const uint16_t scale = kw_block_scale(type, largest, most);
    memcpy(block, &scale, 2);
    const float d = half(block, 0);
    if (type == kw_q8_0) {
        for (size_t i = 0; i < GROUP; i++) block[2 + i] = (uint8_t)nearest(x[i], d, -127, 127);
        return;
    }
    for (size_t i = 0; i < GROUP / 2; i++) {
        const int32_t low = nearest(x[i], d, -8, 7) + 8, high = nearest(x[GROUP / 2 + i], d, -8, 7) + 8;
        block[2 + i] = (uint8_t)(low | high << 4);
    }
}

const struct kw_quantised_kernels kw_quantised_scalar = {quantise, multiply, make_block};
