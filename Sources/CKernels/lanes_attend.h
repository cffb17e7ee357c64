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

/// The largest lane; in any order, since rounding plays no part in it.
INLINE float largest(lanes v) {
    for (int width = LANES / 2; width > 0; width /= 2) {
        lanes moved = v;
        UNROLL for (int i = 0; i < width; i++) moved[i] = v[i + width];
        v = larger(v, moved);
    }
    return v[0];
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
    *maximum = largest(highest);
    UNROLL for (int i = 0; i < KW_TILE / LANES; i++) {
        const lanes p = seen_lanes(visible, i) ? exponential(scaled[i] - splat(*maximum)) : splat(0);
        store(scores + i * LANES, p, LANES);
        sums += p;
    }
    *sum = total(sums);
}

/// Σ probability · value over the visible positions, ascending, for queries that see the same ones; `width` vectors
/// (a constant where inlined) from dimension d on.
INLINE void some_values_of(const struct kw_attention *a, enum kw_type type, const void *values, size_t d, size_t width,
                           float (*scores)[KW_TILE], size_t count, struct kw_span visible,
                           float (*outputs)[KW_HEAD_LIMIT]) {
    lanes sums[QUERIES][VALUE_LANES];
    UNROLL for (size_t q = 0; q < count; q++) UNROLL for (size_t l = 0; l < width; l++) sums[q][l] = splat(0);
    for (size_t p = visible.first; p < visible.end; p++) {
        UNROLL for (size_t l = 0; l < width; l++) {
            const lanes value = load(type, values, p * a->value_stride + d + l * LANES);
            UNROLL for (size_t q = 0; q < count; q++) sums[q][l] = fused(splat(scores[q][p]), value, sums[q][l]);
        }
    }
    UNROLL for (size_t q = 0; q < count; q++)
        UNROLL for (size_t l = 0; l < width; l++) store(&outputs[q][d + l * LANES], sums[q][l], LANES);
}

INLINE void values_of(const struct kw_attention *a, enum kw_type type, const void *values,
                      float (*scores)[KW_TILE], size_t count, struct kw_span visible, float (*outputs)[KW_HEAD_LIMIT]) {
    size_t d = 0;
    for (; d + VALUE_LANES * LANES <= a->value_stride; d += VALUE_LANES * LANES)
        some_values_of(a, type, values, d, VALUE_LANES, scores, count, visible, outputs);
    for (; d < a->value_stride; d += LANES)
        some_values_of(a, type, values, d, 1, scores, count, visible, outputs);
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
    const lanes factors = exponential((lanes){seen->maximum - highest, maximum - highest});
    const float keep = factors[0], take = factors[1];
    for (size_t d = 0; d < width; d += LANES) {
        const lanes before = load(kw_f32, outputs, d), now = load(kw_f32, tile, d);
        store(outputs + d, fused(before, splat(keep), now * splat(take)), LANES);
    }
    *seen = (struct seen){highest, fmaf(seen->sum, keep, sum * take), true};
}

INLINE void finish_query(const struct kw_attention *a, const float *result, float sum, float *output) {
    for (size_t d = 0; d < a->dimension; d += LANES)
        store(output + d, load(kw_f32, result, d) / splat(sum), a->dimension - d);
}

INLINE bool is_seen(struct kw_span visible) { return visible.first < visible.end; }

/// What a tile yields for each of a few queries.
struct tile {
    struct kw_span visible[QUERIES];
    float maximum[QUERIES], sum[QUERIES], outputs[QUERIES][KW_HEAD_LIMIT];
};

/// A few queries that share reads of keys and values.
struct group {
    size_t count, positions[QUERIES];
    const float *queries[QUERIES];
    float *outputs[QUERIES];
};

/// `count` is the group's, a constant where inlined.
INLINE void attend_tile(const struct kw_attention *a, enum kw_type type, const struct group *g, size_t count,
                        size_t index, struct tile *tile) {
    float scores[QUERIES][KW_TILE];
    bool same = true;
    scores_of(a, type, kw_tile_keys(a, index), g->queries, count, scores);
    for (size_t q = 0; q < count; q++) {
        const struct kw_span visible = kw_visible(a, g->positions[q], index);
        tile->visible[q] = visible;
        same = same && visible.first == tile->visible[0].first && visible.end == tile->visible[0].end;
        if (is_seen(visible)) softmax(a, scores[q], visible, &tile->maximum[q], &tile->sum[q]);
    }
    const void *values = kw_tile_values(a, index);
    if (same) values_of(a, type, values, scores, count, tile->visible[0], tile->outputs);
    else
        for (size_t q = 0; q < count; q++)
            values_of(a, type, values, scores + q, 1, tile->visible[q], tile->outputs + q);
}

INLINE void attend_group(const struct kw_attention *a, enum kw_type type, const struct group *g, size_t count) {
    struct tile tile;
    struct seen seen[QUERIES] = {0};
    float results[QUERIES][KW_HEAD_LIMIT];
    const size_t end = g->positions[count - 1] / KW_TILE + 1;
    for (size_t index = kw_first_seen(a, g->positions[0]) / KW_TILE; index < end; index++) {
        attend_tile(a, type, g, count, index, &tile);
        for (size_t q = 0; q < count; q++)
            if (is_seen(tile.visible[q]))
                merge(&seen[q], results[q], tile.maximum[q], tile.sum[q], tile.outputs[q], a->value_stride);
    }
    for (size_t q = 0; q < count; q++) finish_query(a, results[q], seen[q].sum, g->outputs[q]);
}

/// The next queries from `next` on, which counts heads within tokens.
INLINE struct group group_of(const struct kw_attention *a, size_t next, size_t end) {
    struct group g = {0};
    for (; g.count < QUERIES && next < end; next++, g.count++) {
        const size_t at = next / a->heads * a->query_stride + next % a->heads * a->dimension;
        g.queries[g.count] = a->queries + at, g.outputs[g.count] = a->output + at;
        g.positions[g.count] = a->position + next / a->heads;
    }
    return g;
}

INLINE void attend_typed(const struct kw_attention *a, enum kw_type type, size_t first, size_t end) {
    for (size_t next = first * a->heads; next < end * a->heads; next += QUERIES) {
        const struct group g = group_of(a, next, end * a->heads);
        switch (g.count) {
        case 1: attend_group(a, type, &g, 1); break;
        case 2: attend_group(a, type, &g, 2); break;
        case 3: attend_group(a, type, &g, 3); break;
        default: attend_group(a, type, &g, QUERIES);
        }
    }
}

static void attend(const struct kw_attention *a, size_t first, size_t end) {
    if (a->type == kw_f16) attend_typed(a, kw_f16, first, end);
    else attend_typed(a, kw_f32, first, end);
}

INLINE void attend_tiles_typed(const struct kw_attention *a, enum kw_type type, size_t token, size_t first, size_t end,
                               float *partials, size_t partial_stride) {
    for (size_t index = first; index < end; index++, partials += partial_stride) {
        float *partial = partials;
        for (size_t head = 0; head < a->heads; head += QUERIES) {
            const struct group g = group_of(a, token * a->heads + head, (token + 1) * a->heads);
            struct tile tile;
            if (g.count == QUERIES) attend_tile(a, type, &g, QUERIES, index, &tile);
            else if (g.count == QUERIES - 1) attend_tile(a, type, &g, QUERIES - 1, index, &tile);
            else attend_tile(a, type, &g, g.count, index, &tile);
            for (size_t q = 0; q < g.count; q++, partial += KW_PARTIAL_OUTPUT + a->value_stride) {
                partial[0] = tile.maximum[q], partial[1] = tile.sum[q];
                memcpy(partial + KW_PARTIAL_OUTPUT, tile.outputs[q], a->value_stride * sizeof(float));
            }
        }
    }
}

static void attend_tiles(const struct kw_attention *a, size_t token, size_t first, size_t end, float *partials,
                         size_t partial_stride) {
    if (a->type == kw_f16) attend_tiles_typed(a, kw_f16, token, first, end, partials, partial_stride);
    else attend_tiles_typed(a, kw_f32, token, first, end, partials, partial_stride);
}

static void merge_tiles(const struct kw_attention *a, size_t count, float *partials, size_t partial_stride,
                        float *output) {
    struct seen seen = {partials[0], partials[1], true};
    float *result = partials + KW_PARTIAL_OUTPUT;
    for (size_t i = 1; i < count; i++) {
        const float *next = partials + i * partial_stride;
        merge(&seen, result, next[0], next[1], next + KW_PARTIAL_OUTPUT, a->value_stride);
    }
    partials[0] = seen.maximum, partials[1] = seen.sum;
    if (output) finish_query(a, result, seen.sum, output);
}
