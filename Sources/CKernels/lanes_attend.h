// Attention over tiles of 64 positions: each yields a maximum, a sum and an output on its own, and they merge in
// ascending order. Up to four queries share each read of keys and values.

#define QUERIES 4

/// Scores of `count` queries (a constant where inlined) against all 64 keys of a tile, ascending in the dimension.
INLINE void scores_of(const struct kw_attention *a, enum kw_type type, const void *keys, const float *const *queries,
                      size_t count, float scores[QUERIES][KW_TILE]) {
    for (size_t p = 0; p < KW_TILE; p += ATTEND_LANES * LANES) {
        lanes sums[QUERIES][ATTEND_LANES];
        UNROLL for (size_t q = 0; q < count; q++)
            UNROLL for (size_t l = 0; l < ATTEND_LANES; l++) sums[q][l] = splat(0);
        for (size_t d = 0; d < a->dimension; d++) {
            lanes key[ATTEND_LANES];
            UNROLL for (size_t l = 0; l < ATTEND_LANES; l++) key[l] = load(type, keys, d * KW_TILE + p + l * LANES);
            UNROLL for (size_t q = 0; q < count; q++)
                UNROLL for (size_t l = 0; l < ATTEND_LANES; l++)
                    sums[q][l] = fused(splat(queries[q][d]), key[l], sums[q][l]);
        }
        UNROLL for (size_t q = 0; q < count; q++)
            UNROLL for (size_t l = 0; l < ATTEND_LANES; l++) store(&scores[q][p + l * LANES], sums[q][l], LANES);
    }
}

/// Which lanes of a tile's i-th vector are visible.
INLINE int_lanes seen_lanes(struct kw_span visible, int i) {
    const int_lanes index = (int_lanes){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + i * LANES;
    return (index >= (int_lanes)((int32_t)visible.first)) & (index < (int_lanes)((int32_t)visible.end));
}

/// Leaves exp(capped(scale · score) - maximum), and 0 where masked.
INLINE void softmax(const struct kw_attention *a, float scores[KW_TILE], struct kw_span visible, float *maximum,
                    float *sum) {
    lanes highest = splat(-INFINITY), sums = splat(0), scaled[KW_TILE / LANES];
    UNROLL for (int i = 0; i < KW_TILE / LANES; i++) {
        scaled[i] = load(kw_f32, scores, (size_t)i * LANES) * splat(a->scale);
        if (a->soft_cap > 0) scaled[i] = capped(scaled[i], a->soft_cap);
        scaled[i] = seen_lanes(visible, i) ? scaled[i] : splat(-INFINITY);
        highest = larger(highest, scaled[i]);
    }
    *maximum = highest[0];
    for (int i = 1; i < LANES; i++) *maximum = highest[i] > *maximum ? highest[i] : *maximum;
    UNROLL for (int i = 0; i < KW_TILE / LANES; i++) {
        const lanes p = seen_lanes(visible, i) ? exponential(scaled[i] - splat(*maximum)) : splat(0);
        store(scores + i * LANES, p, LANES);
        sums += p;
    }
    *sum = total(sums);
}

/// Σ probability · value over the visible positions, ascending, for queries that see the same ones.
INLINE void values_of(const struct kw_attention *a, enum kw_type type, const void *values,
                      float (*scores)[KW_TILE], size_t count, struct kw_span visible, float (*outputs)[KW_HEAD_LIMIT]) {
    for (size_t d = 0; d < a->value_stride; d += VALUE_LANES * LANES) {
        lanes sums[QUERIES][VALUE_LANES];
        UNROLL for (size_t q = 0; q < count; q++)
            UNROLL for (size_t l = 0; l < VALUE_LANES; l++) sums[q][l] = splat(0);
        for (size_t p = visible.first; p < visible.end; p++) {
            UNROLL for (size_t l = 0; l < VALUE_LANES; l++) {
                const lanes value = load(type, values, p * a->value_stride + d + l * LANES);
                UNROLL for (size_t q = 0; q < count; q++) sums[q][l] = fused(splat(scores[q][p]), value, sums[q][l]);
            }
        }
        UNROLL for (size_t q = 0; q < count; q++)
            UNROLL for (size_t l = 0; l < VALUE_LANES; l++) store(&outputs[q][d + l * LANES], sums[q][l], LANES);
    }
}

/// What one query has seen so far.
struct seen {
    float maximum, sum;
    bool any;
};

/// Merges the next tile into what a query has seen.
INLINE void merge(struct seen *seen, float *outputs, float maximum, float sum, const float *tile, size_t width) {
    if (!seen->any) {
        *seen = (struct seen){maximum, sum, true};
        memcpy(outputs, tile, width * sizeof(float));
        return;
    }
    const float highest = seen->maximum > maximum ? seen->maximum : maximum;
    const float keep = kw_expf(seen->maximum - highest), take = kw_expf(maximum - highest);
    for (size_t d = 0; d < width; d += LANES) {
        const lanes before = load(kw_f32, outputs, d), now = load(kw_f32, tile, d);
        store(outputs + d, fused(before, splat(keep), now * splat(take)), LANES);
    }
    *seen = (struct seen){highest, fmaf(seen->sum, keep, sum * take), true};
}

INLINE bool is_seen(struct kw_span visible) { return visible.first < visible.end; }

/// `count` queries, a constant where inlined; query q is at positions[q].
INLINE void attend_queries(const struct kw_attention *a, enum kw_type type, const float *const *queries,
                           const size_t *positions, size_t count, float *const *outputs) {
    float scores[QUERIES][KW_TILE], tiles[QUERIES][KW_HEAD_LIMIT], results[QUERIES][KW_HEAD_LIMIT];
    struct seen seen[QUERIES] = {0};
    for (size_t tile = kw_first_seen(a, positions[0]) / KW_TILE; tile <= positions[count - 1] / KW_TILE; tile++) {
        float maximum[QUERIES], sum[QUERIES];
        struct kw_span visible[QUERIES];
        bool same = true;
        scores_of(a, type, kw_tile_keys(a, tile), queries, count, scores);
        for (size_t q = 0; q < count; q++) {
            visible[q] = kw_visible(a, positions[q], tile);
            same = same && visible[q].first == visible[0].first && visible[q].end == visible[0].end;
            if (is_seen(visible[q])) softmax(a, scores[q], visible[q], &maximum[q], &sum[q]);
        }
        const void *values = kw_tile_values(a, tile);
        if (same) values_of(a, type, values, scores, count, visible[0], tiles);
        else
            for (size_t q = 0; q < count; q++) values_of(a, type, values, scores + q, 1, visible[q], tiles + q);
        for (size_t q = 0; q < count; q++)
            if (is_seen(visible[q])) merge(&seen[q], results[q], maximum[q], sum[q], tiles[q], a->value_stride);
    }
    for (size_t q = 0; q < count; q++)
        for (size_t d = 0; d < a->dimension; d += LANES)
            store(outputs[q] + d, load(kw_f32, results[q], d) / splat(seen[q].sum), a->dimension - d);
}

INLINE void attend_typed(const struct kw_attention *a, enum kw_type type, size_t first, size_t end) {
    for (size_t next = first * a->heads; next < end * a->heads; next += QUERIES) {
        const float *queries[QUERIES];
        float *outputs[QUERIES];
        size_t positions[QUERIES], count = 0;
        for (; count < QUERIES && next + count < end * a->heads; count++) {
            const size_t token = (next + count) / a->heads, head = (next + count) % a->heads;
            const size_t at = token * a->query_stride + head * a->dimension;
            queries[count] = a->queries + at, outputs[count] = a->output + at;
            positions[count] = a->position + token;
        }
        switch (count) {
        case 1: attend_queries(a, type, queries, positions, 1, outputs); break;
        case 2: attend_queries(a, type, queries, positions, 2, outputs); break;
        case 3: attend_queries(a, type, queries, positions, 3, outputs); break;
        default: attend_queries(a, type, queries, positions, QUERIES, outputs);
        }
    }
}

static void attend(const struct kw_attention *a, size_t first, size_t end) {
    if (a->type == kw_f16) attend_typed(a, kw_f16, first, end);
    else attend_typed(a, kw_f32, first, end);
}
