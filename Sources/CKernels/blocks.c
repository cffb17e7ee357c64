#pragma STDC FP_CONTRACT OFF
#include "quantised.h"
#include <math.h>
#include <string.h>

// Float weights as GGML's blocks of 32; `Quantization` in Model specifies every bit.

static uint16_t to_half(float x) {
    uint16_t half;
    kw_scalar.narrow(&x, &half, 1);
    return half;
}

static float from_half(uint16_t half) {
    float x;
    kw_scalar.widen(kw_f16, &half, &x, 1);
    return x;
}

/// The first of the largest numbers in size, with its sign; NaN where one of them is NaN or infinite.
static float extreme(const float *x) {
    float most = 0, sum = 0;
    for (size_t i = 0; i < GROUP; i++) {
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
        sum += x[i] * 0; // 0 for every finite number
    }
    return sum == 0 ? most : NAN;
}

/// x / d to the nearest whole number, ties to even, from `lowest` to `highest`; 0 where d is 0.
static int32_t quantum(float x, float d, float lowest, float highest) {
    float q = d != 0 ? x / d : 0;
    q = q < highest ? q : highest;
    q = q > lowest ? q : lowest;
    const float shifted = q + KW_ROUNDING_MAGIC, magic = KW_ROUNDING_MAGIC;
    int32_t bits, zero;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&zero, &magic, sizeof zero);
    return bits - zero;
}

static void make_q8_0(const float *x, uint8_t *block) {
    const uint16_t half = to_half(fabsf(extreme(x)) / 127);
    const float d = from_half(half);
    memcpy(block, &half, 2);
    for (size_t i = 0; i < GROUP; i++) block[2 + i] = (uint8_t)quantum(x[i], d, -127, 127);
}

static void make_q4_0(const float *x, uint8_t *block) {
    const uint16_t half = to_half(extreme(x) / -8);
    const float d = from_half(half);
    uint8_t q[GROUP];
    memcpy(block, &half, 2);
    for (size_t i = 0; i < GROUP; i++) q[i] = (uint8_t)(quantum(x[i], d, -8, 7) + 8);
    for (size_t i = 0; i < GROUP / 2; i++) block[2 + i] = (uint8_t)(q[i] | q[GROUP / 2 + i] << 4);
}

void kw_make_blocks(enum kw_type type, const float *x, size_t columns, void *blocks) {
    uint8_t *block = blocks;
    for (size_t c = 0; c < columns; c += GROUP, block += kw_block_bytes(type)) {
        if (type == kw_q8_0) make_q8_0(x + c, block);
        else if (type == kw_q4_0) make_q4_0(x + c, block);
    }
}
