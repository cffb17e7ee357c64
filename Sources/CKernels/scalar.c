#pragma STDC FP_CONTRACT OFF
#include "kernels.h"
#include "quantised.h"
#include <math.h>
#include <string.h>

// The reference: each kernel one number at a time. It defines the bits that every instruction set must give.

// MARK: Numbers

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float from_f16(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31) return from_bits(sign | 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0));
    if (exponent != 0) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    return from_bits(bits_of((float)fraction * 0x1p-24f) | sign);
}

/// To nearest even, saturated.
static uint16_t to_f16(float x) {
    const uint16_t sign = (uint16_t)(bits_of(x) >> 16 & 0x8000);
    const uint32_t size = bits_of(x) & 0x7fffffff;
    if (size > 0x7f800000) return sign | 0x7e00 | (uint16_t)(size >> 13 & 0x3ff);
    if (from_bits(size) >= KW_F16_MAX) return sign | 0x7bff;
    if (from_bits(size) < 0x1p-14f) // below, f16 counts in steps of 2⁻²⁴: adding ½ makes f32 round to them
        return sign | (uint16_t)(bits_of(from_bits(size) + 0.5f) - bits_of(0.5f));
    const uint32_t odd = size >> 13 & 1;
    return sign | (uint16_t)((size - (112u << 23) + 0xfff + odd) >> 13);
}

static float load(enum kw_type type, const void *data, size_t index) {
    switch (type) {
    case kw_f16: return from_f16(((const uint16_t *)data)[index]);
    case kw_bf16: return from_bits((uint32_t)((const uint16_t *)data)[index] << 16);
    case kw_f32: return ((const float *)data)[index];
    default: return 0; // no float
    }
}

static void widen(enum kw_type type, const void *from, float *to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = load(type, from, i);
}

static struct kw_rounding narrow(const float *from, uint16_t *to, size_t n) {
    struct kw_rounding met = {0, 0};
    for (size_t i = 0; i < n; i++) {
        met.saturated += fabsf(from[i]) >= KW_F16_OVERFLOW;
        met.not_finite += !isfinite(from[i]);
        to[i] = to_f16(from[i]);
    }
    return met;
}

static struct kw_rounding round_in_place(float *x, size_t n) {
    struct kw_rounding met = {0, 0};
    for (size_t i = 0; i < n; i++) {
        uint16_t rounded;
        const struct kw_rounding one = narrow(x + i, &rounded, 1);
        met.saturated += one.saturated, met.not_finite += one.not_finite;
        x[i] = from_f16(rounded);
    }
    return met;
}

// MARK: Sums

/// The fixed tree over 16 lanes.
static float total(float lanes[16]) {
    for (size_t width = 8; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
}

static void multiply(const struct kw_matrix *m, size_t first, size_t end, const float *bias, const float *x,
                     size_t tokens, float *y, size_t y_stride) {
    const size_t padded = (m->columns + 15) / 16 * 16;
    for (size_t row = first; row < end; row++)
        for (size_t token = 0; token < tokens; token++) {
            float lanes[16] = {0};
            for (size_t k = 0; k < padded; k++) {
                const float w = k < m->columns ? load(m->type, m->data, row * m->columns + k) : 0;
                const float a = k < m->columns ? x[token * m->columns + k] : 0;
                lanes[k % 16] = fmaf(a, w, lanes[k % 16]);
            }
            const float sum = total(lanes);
            y[token * y_stride + row] = bias ? sum + bias[row] : sum;
        }
}

static void normalize(const float *x, const float *weight, float epsilon, size_t n, float *y) {
    float lanes[16] = {0};
    for (size_t i = 0; i < (n + 15) / 16 * 16; i++) {
        const float a = i < n ? x[i] : 0;
        lanes[i % 16] = fmaf(a, a, lanes[i % 16]);
    }
    const float scale = 1 / sqrtf(total(lanes) / (float)n + epsilon);
    for (size_t i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
}

// MARK: One by one

float kw_expf(float x) {
    if (x < KW_EXP_MIN) x = KW_EXP_MIN;
    if (x > KW_EXP_MAX) x = KW_EXP_MAX;
    const float shifted = fmaf(x, KW_LOG2_E, KW_EXP_MAGIC), n = shifted - KW_EXP_MAGIC;
    const float r = fmaf(n, -KW_LN2_LOW, fmaf(n, -KW_LN2_HIGH, x));
    float p = 1.0f / 5040;
    p = fmaf(p, r, 1.0f / 720);
    p = fmaf(p, r, 1.0f / 120);
    p = fmaf(p, r, 1.0f / 24);
    p = fmaf(p, r, 1.0f / 6);
    p = fmaf(p, r, 0.5f);
    p = fmaf(p, r, 1);
    p = fmaf(p, r, 1);
    const int32_t exponent = (int32_t)(bits_of(shifted) - bits_of(KW_EXP_MAGIC)), half = exponent >> 1;
    return p * from_bits((uint32_t)(half + 127) << 23) * from_bits((uint32_t)(exponent - half + 127) << 23);
}

float kw_tanhf(float x) {
    x = x < -KW_TANH_MAX ? -KW_TANH_MAX : x;
    x = 2 * (x > KW_TANH_MAX ? KW_TANH_MAX : x);
    const float shifted = fmaf(x, KW_LOG2_E, KW_EXP_MAGIC), n = shifted - KW_EXP_MAGIC;
    const float r = fmaf(n, -KW_LN2_LOW, fmaf(n, -KW_LN2_HIGH, x));
    float p = 1.0f / 5040;
    p = fmaf(p, r, 1.0f / 720);
    p = fmaf(p, r, 1.0f / 120);
    p = fmaf(p, r, 1.0f / 24);
    p = fmaf(p, r, 1.0f / 6);
    p = fmaf(p, r, 0.5f);
    p = fmaf(p, r, 1);
    const float power = from_bits((bits_of(shifted) - bits_of(KW_EXP_MAGIC) + 127) << 23);
    const float e = fmaf(power, p * r, power - 1);
    return e / (e + 2);
}

static void rotate(float *x, const float *cosine, const float *sine, size_t half) {
    for (size_t i = 0; i < half; i++) {
        const float a = x[i], b = x[i + half];
        x[i] = fmaf(a, cosine[i], -(b * sine[i]));
        x[i + half] = fmaf(b, cosine[i], a * sine[i]);
    }
}

static void gate(enum kw_activation activation, float *gate, const float *up, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float g = gate[i];
        const float exponent = activation == kw_gelu ? g * fmaf(KW_GELU_B, g * g, KW_GELU_A) : -g;
        gate[i] = g / (1 + kw_expf(exponent)) * up[i];
    }
}

static void add(float *x, const float *y, float factor, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = fmaf(y[i], factor, x[i]);
}

static void scale(float *x, float factor, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

static float capped(float x, float cap) { return kw_tanhf(x / cap) * cap; }

static void soft_cap(float *x, float cap, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = capped(x[i], cap);
}

// MARK: Attention

/// Softmax of one tile's scores, not yet divided by their sum: leaves exp(score - maximum), 0 where masked.
static void softmax(const struct kw_attention *a, float scores[KW_TILE], struct kw_span visible, float *maximum,
                    float *sum) {
    *maximum = -INFINITY;
    for (size_t p = visible.first; p < visible.end; p++) {
        scores[p] *= a->scale;
        if (a->soft_cap > 0) scores[p] = capped(scores[p], a->soft_cap);
        if (scores[p] > *maximum) *maximum = scores[p];
    }
    float lanes[16] = {0};
    for (size_t p = 0; p < KW_TILE; p++) {
        scores[p] = visible.first <= p && p < visible.end ? kw_expf(scores[p] - *maximum) : 0;
        lanes[p % 16] += scores[p];
    }
    *sum = total(lanes);
}

/// What one tile yields: its maximum, its sum, its output.
static void attend_tile(const struct kw_attention *a, const float *query, size_t position, size_t tile,
                        float *partial) {
    const struct kw_span visible = kw_visible(a, position, tile);
    const void *keys = kw_tile_keys(a, tile), *values = kw_tile_values(a, tile);
    float scores[KW_TILE] = {0};
    for (size_t d = 0; d < a->dimension; d++)
        for (size_t p = visible.first; p < visible.end; p++)
            scores[p] = fmaf(query[d], load(a->type, keys, d * KW_TILE + p), scores[p]);
    softmax(a, scores, visible, &partial[0], &partial[1]);
    for (size_t d = 0; d < a->dimension; d++) {
        float value = 0;
        for (size_t p = visible.first; p < visible.end; p++)
            value = fmaf(scores[p], load(a->type, values, p * a->value_stride + d), value);
        partial[KW_PARTIAL_OUTPUT + d] = value;
    }
}

/// Adds what a tile yields to what came before it.
static void merge(const struct kw_attention *a, float *seen, const float *tile) {
    const float highest = seen[0] > tile[0] ? seen[0] : tile[0];
    const float keep = kw_expf(seen[0] - highest), take = kw_expf(tile[0] - highest);
    for (size_t d = KW_PARTIAL_OUTPUT; d < KW_PARTIAL_OUTPUT + a->dimension; d++)
        seen[d] = fmaf(seen[d], keep, tile[d] * take);
    seen[0] = highest, seen[1] = fmaf(seen[1], keep, tile[1] * take);
}

static void merge_tiles(const struct kw_attention *a, size_t count, float *partials, size_t partial_stride,
                        float *output) {
    for (size_t i = 1; i < count; i++) merge(a, partials, partials + i * partial_stride);
    for (size_t d = 0; output && d < a->dimension; d++) output[d] = partials[KW_PARTIAL_OUTPUT + d] / partials[1];
}

static void attend_tiles(const struct kw_attention *a, size_t token, size_t first, size_t end, float *partials,
                         size_t partial_stride) {
    for (size_t tile = first; tile < end; tile++)
        for (size_t head = 0; head < a->heads; head++)
            attend_tile(a, a->queries + token * a->query_stride + head * a->dimension, a->position + token, tile,
                        partials + (tile - first) * partial_stride + head * (KW_PARTIAL_OUTPUT + a->value_stride));
}

static void attend(const struct kw_attention *a, size_t first, size_t end) {
    for (size_t token = first; token < end; token++)
        for (size_t head = 0; head < a->heads; head++) {
            const size_t at = token * a->query_stride + head * a->dimension, position = a->position + token;
            float partials[2][KW_PARTIAL_OUTPUT + KW_HEAD_LIMIT];
            size_t tile = kw_first_seen(a, position) / KW_TILE;
            attend_tile(a, a->queries + at, position, tile, partials[0]);
            while (++tile <= position / KW_TILE) {
                attend_tile(a, a->queries + at, position, tile, partials[1]);
                merge(a, partials[0], partials[1]);
            }
            merge_tiles(a, 1, partials[0], 0, a->output + at);
        }
}

const struct kw_kernels kw_scalar = {"scalar", FLOAT_KERNELS, &kw_quantised_scalar};
