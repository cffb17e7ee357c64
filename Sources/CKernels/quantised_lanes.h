// Quantised products in tiles of panels × tokens, one lane for each row of a panel. The includer says how large the
// tiles are (TILE_PANELS × TILE_TOKENS for a batch, DECODE_PANELS for a single token) and gives two sums of products of
// four neighbouring bytes: dot(sums, w, x) for w in 0...63, dot_signed for w in -128...127 less SIGNED_OFFSET.
#include "quantised.h"

typedef uint8_t row_bytes __attribute__((ext_vector_type(PANEL_ROWS)));
typedef int8_t row_signed_bytes __attribute__((ext_vector_type(PANEL_ROWS)));

// MARK: Activations

INLINE int_lanes larger_of(int_lanes a, int_lanes b) { return b > a ? b : a; }

/// The bits of the largest of 32 numbers in size, NaN last.
INLINE int32_t largest_size(const lanes a[2]) {
    return __builtin_reduce_max(larger_of(as_ints(a[0]) & 0x7fffffff, as_ints(a[1]) & 0x7fffffff));
}

/// The nearest whole number, ties to even, from lowest to highest.
INLINE int_lanes nearest(lanes q, float lowest, float highest) {
    q = q < splat(highest) ? q : splat(highest);
    q = q > splat(lowest) ? q : splat(lowest);
    return as_ints(q + splat(KW_ROUNDING_MAGIC)) - as_ints(splat(KW_ROUNDING_MAGIC));
}

static void quantise(const float *x, size_t columns, int8_t *values, struct kw_group *groups) {
    for (size_t g = 0; g < columns / GROUP; g++) {
        const lanes a[2] = {load(kw_f32, x, g * GROUP), load(kw_f32, x, g * GROUP + LANES)};
        const int32_t largest = largest_size(a);
        float d;
        memcpy(&d, &largest, sizeof d);
        d /= 127;
        int32_t sums[2];
        UNROLL for (int i = 0; i < 2; i++) {
            const int_lanes whole = nearest(d > 0 ? a[i] / splat(d) : splat(0), -127, 127);
            const row_signed_bytes narrow = __builtin_convertvector(whole, row_signed_bytes);
            memcpy(values + g * GROUP + i * LANES, &narrow, LANES);
            sums[i] = __builtin_reduce_add(whole);
        }
        const int32_t total = sums[0] + sums[1];
        groups[g] = (struct kw_group){d, d * (float)total, sums[0], total};
    }
}

// MARK: Weights

static void make_block(enum kw_type type, const float *x, uint8_t *block) {
    const lanes a[2] = {load(kw_f32, x, 0), load(kw_f32, x, LANES)};
    const int32_t largest = largest_size(a);
    float extreme;
    memcpy(&extreme, &largest, sizeof extreme);
    const bool is_negative = __builtin_reduce_or((a[0] == splat(-extreme)) | (a[1] == splat(-extreme)));
    const uint16_t scale = kw_block_scale(type, (uint32_t)largest, is_negative ? -extreme : extreme);
    memcpy(block, &scale, 2);
    float d;
    kw_scalar.widen(kw_f16, &scale, &d, 1);
    row_signed_bytes q[2];
    UNROLL for (int i = 0; i < 2; i++) {
        const lanes quotient = d != 0 ? a[i] / splat(d) : splat(0);
        const int_lanes whole = type == kw_q8_0 ? nearest(quotient, -127, 127) : nearest(quotient, -8, 7) + 8;
        q[i] = __builtin_convertvector(whole, row_signed_bytes);
    }
    if (type == kw_q4_0) q[0] |= q[1] << 4;
    memcpy(block + 2, q, type == kw_q8_0 ? sizeof q : sizeof q[0]);
}

/// The quanta of 16 rows in the four columns of a step, without their sign but for q8_0.
INLINE bytes quanta_of(enum kw_type type, const uint8_t *quanta, size_t step) {
    const bytes *vectors = (const bytes *)quanta;
    if (type == kw_q8_0) return vectors[step];
    bytes w = step % 2 == 0 ? vectors[step / 2] & 15 : vectors[step / 2] >> 4;
    if (kw_has_fifth_bits(type)) w |= (vectors[4] >> (uint8_t)step & 1) << 4;
    if (type == kw_q6_k) w |= (vectors[4 + step / 4] >> (uint8_t)(step % 4 * 2) & 3) << 4;
    return w;
}

INLINE lanes halves_of(const uint8_t *data) { return load(kw_f16, data, 0); }
INLINE lanes unsigned_of(const uint8_t *data) { return __builtin_convertvector(*(const row_bytes *)data, lanes); }
INLINE int_lanes signed_of(const uint8_t *data) {
    return __builtin_convertvector(*(const row_signed_bytes *)data, int_lanes);
}

/// Four activations, once for each row.
INLINE bytes repeat(const int8_t *x) {
    int32_t word;
    memcpy(&word, x, sizeof word);
    return __builtin_bit_cast(bytes, (int_lanes)(word));
}

// MARK: Products

#define TILE_SUMS (TILE_PANELS * TILE_TOKENS > DECODE_PANELS ? TILE_PANELS * TILE_TOKENS : DECODE_PANELS)
#define PANELS (TILE_PANELS > DECODE_PANELS ? TILE_PANELS : DECODE_PANELS)

/// How far ahead; on either side of it decoding was slower.
#define PREFETCH_BYTES 2048

/// Some panels and tokens, and how many of each: constants where the functions below are inlined.
struct tile {
    struct kw_panel at[PANELS];
    const int8_t *x;              // [tokens][columns]
    const struct kw_group *group; // [tokens][groups]
    size_t columns, groups;
};

/// Integer sums over some steps of a group: for each token, for each panel.
INLINE void sum_steps(enum kw_type type, const struct tile *tile, size_t panels, size_t tokens, size_t g, size_t first,
                      size_t end, int_lanes *sums) {
    const int32_t offset = type == kw_q8_0 ? SIGNED_OFFSET : kw_offset_of(type);
    UNROLL for (size_t t = 0; t < tokens; t++) {
        const struct kw_group *group = tile->group + t * tile->groups + g;
        const int32_t sum = (end == STEPS ? group->total : group->first) - (first > 0 ? group->first : 0);
        UNROLL for (size_t p = 0; p < panels; p++) sums[t * panels + p] = (int_lanes)(-offset * sum);
    }
    UNROLL for (size_t step = first; step < end; step++) {
        bytes w[PANELS];
        UNROLL for (size_t p = 0; p < panels; p++) {
            const uint8_t *quanta = tile->at[p].quanta + g * kw_layout_of(type).quanta;
            w[p] = quanta_of(type, quanta, step);
            // A single token waits for memory: what comes some groups later is fetched meanwhile.
            if (tokens == 1 && step * 64 < kw_layout_of(type).quanta)
                __builtin_prefetch(quanta + PREFETCH_BYTES + step * 64);
        }
        UNROLL for (size_t t = 0; t < tokens; t++) {
            const bytes x = repeat(tile->x + t * tile->columns + g * GROUP + step * 4);
            UNROLL for (size_t p = 0; p < panels; p++) {
                int_lanes *sum = sums + t * panels + p;
                *sum = type == kw_q8_0 ? dot_signed(*sum, w[p], x) : dot(*sum, w[p], x);
            }
        }
    }
}

/// The integer sums of a group, with Q6_K's two scales.
INLINE void sum_group(enum kw_type type, const struct tile *tile, size_t panels, size_t tokens, size_t g,
                      int_lanes *sums) {
    if (type != kw_q6_k) {
        sum_steps(type, tile, panels, tokens, g, 0, STEPS, sums);
        return;
    }
    int_lanes second[TILE_SUMS];
    sum_steps(type, tile, panels, tokens, g, 0, STEPS / 2, sums);
    UNROLL for (size_t i = 0; i < panels * tokens; i++)
        sums[i] *= signed_of(tile->at[i % panels].scales + g * kw_layout_of(type).scales);
    sum_steps(type, tile, panels, tokens, g, STEPS / 2, STEPS, second);
    UNROLL for (size_t i = 0; i < panels * tokens; i++)
        sums[i] += second[i] * signed_of(tile->at[i % panels].scales + g * kw_layout_of(type).scales + PANEL_ROWS);
}

/// acc = fma(sum, dw · dx, acc) for one panel; K-quants with their scales and minimums.
INLINE void scale_group(enum kw_type type, const struct tile *tile, size_t p, size_t panels, size_t tokens, size_t g,
                        const int_lanes *sums, lanes *acc) {
    const struct kw_panel_layout layout = kw_layout_of(type);
    const uint8_t *scales = tile->at[p].scales + g * layout.scales;
    const uint8_t *supers = tile->at[p].supers + g / (SUPER / GROUP) * layout.supers;
    const bool has_minimum = type == kw_q4_k || type == kw_q5_k;
    const lanes d = halves_of(layout.supers > 0 ? supers : scales);
    lanes scale, minimum;
    if (has_minimum) {
        scale = unsigned_of(scales);
        minimum = -(halves_of(supers + 2 * PANEL_ROWS) * unsigned_of(scales + PANEL_ROWS));
    }
    UNROLL for (size_t t = 0; t < tokens; t++) {
        const struct kw_group *group = tile->group + t * tile->groups + g;
        lanes sum = __builtin_convertvector(sums[t * panels + p], lanes), *a = acc + t * panels + p;
        if (has_minimum) sum *= scale; // a whole number below 2²⁴, so this is the product in integers
        *a = fused(sum, d * splat(group->scale), *a);
        if (has_minimum) *a = fused(minimum, splat(group->sum), *a);
    }
}

INLINE void multiply_tile(const struct kw_matrix *m, enum kw_type type, size_t panel, size_t panels, size_t end,
                          const float *bias, const struct kw_activations *x, size_t token, size_t tokens, float *y,
                          size_t y_stride) {
    const size_t groups = m->columns / GROUP;
    struct tile tile = {.x = x->values + token * m->columns, .group = x->groups + token * groups,
                        .columns = m->columns, .groups = groups};
    UNROLL for (size_t p = 0; p < panels; p++) tile.at[p] = kw_panel_at(m, type, panel + p);
    lanes acc[TILE_SUMS];
    UNROLL for (size_t i = 0; i < panels * tokens; i++) acc[i] = splat(0);
    for (size_t g = 0; g < groups; g++) {
        int_lanes sums[TILE_SUMS];
        sum_group(type, &tile, panels, tokens, g, sums);
        UNROLL for (size_t p = 0; p < panels; p++) scale_group(type, &tile, p, panels, tokens, g, sums, acc);
    }
    UNROLL for (size_t p = 0; p < panels; p++) {
        const size_t row = (panel + p) * PANEL_ROWS;
        const lanes biases = bias ? load_floats(bias + row, end - row) : splat(0);
        UNROLL for (size_t t = 0; t < tokens; t++) {
            const lanes sum = acc[t * panels + p];
            store(y + (token + t) * y_stride + row, bias ? sum + biases : sum, end - row);
        }
    }
}

/// A row of tiles: some panels, all tokens.
INLINE void multiply_panels(const struct kw_matrix *m, enum kw_type type, size_t panel, size_t panels, size_t end,
                            const float *bias, const struct kw_activations *x, size_t token, size_t token_end, float *y,
                            size_t y_stride) {
    for (; token + TILE_TOKENS <= token_end; token += TILE_TOKENS)
        multiply_tile(m, type, panel, panels, end, bias, x, token, TILE_TOKENS, y, y_stride);
    for (; token + 2 <= token_end; token += 2)
        multiply_tile(m, type, panel, panels, end, bias, x, token, 2, y, y_stride);
    if (token < token_end) multiply_tile(m, type, panel, panels, end, bias, x, token, 1, y, y_stride);
}

INLINE void multiply_typed(const struct kw_matrix *m, enum kw_type type, size_t first, size_t end, const float *bias,
                           const struct kw_activations *x, size_t token, size_t token_end, float *y, size_t y_stride) {
    const size_t panel_end = (end + PANEL_ROWS - 1) / PANEL_ROWS;
    size_t panel = first / PANEL_ROWS;
    if (token_end - token == 1)
        for (; panel + DECODE_PANELS <= panel_end; panel += DECODE_PANELS)
            multiply_tile(m, type, panel, DECODE_PANELS, end, bias, x, token, 1, y, y_stride);
    for (; panel + TILE_PANELS <= panel_end; panel += TILE_PANELS)
        multiply_panels(m, type, panel, TILE_PANELS, end, bias, x, token, token_end, y, y_stride);
    for (; panel < panel_end; panel++)
        multiply_panels(m, type, panel, 1, end, bias, x, token, token_end, y, y_stride);
}

/// Bytes of activations that stay in the second-level cache while the panels pass by.
#define ACTIVATION_BYTES (384 * 1024)

static void multiply(const struct kw_matrix *m, size_t first, size_t end, const float *bias,
                     const struct kw_activations *x, size_t tokens, float *y, size_t y_stride) {
    const size_t fitting = ACTIVATION_BYTES / m->columns / TILE_TOKENS * TILE_TOKENS;
    const size_t batch = fitting > 4 * TILE_TOKENS ? fitting : 4 * TILE_TOKENS;
    for (size_t t = 0; t < tokens; t += batch) {
        const size_t stop = tokens - t < batch ? tokens : t + batch;
        switch (m->type) {
        case kw_q8_0: multiply_typed(m, kw_q8_0, first, end, bias, x, t, stop, y, y_stride); break;
        case kw_q4_0: multiply_typed(m, kw_q4_0, first, end, bias, x, t, stop, y, y_stride); break;
        case kw_q5_0: multiply_typed(m, kw_q5_0, first, end, bias, x, t, stop, y, y_stride); break;
        case kw_q4_k: multiply_typed(m, kw_q4_k, first, end, bias, x, t, stop, y, y_stride); break;
        case kw_q5_k: multiply_typed(m, kw_q5_k, first, end, bias, x, t, stop, y, y_stride); break;
        case kw_q6_k: multiply_typed(m, kw_q6_k, first, end, bias, x, t, stop, y, y_stride); break;
        default: break; // floats have products of their own
        }
    }
}
