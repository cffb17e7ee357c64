// The product of a matrix with a batch of tokens, in tiles of rows × tokens whose sums stay in registers. The includer
// says how large: TILE_ROWS × TILE_TOKENS sums for a batch, DECODE_ROWS for a single token.

/// The sums of `rows` rows and `tokens` tokens; both are constants where this is inlined.
INLINE void multiply_tile(const struct kw_matrix *m, enum kw_type type, size_t row, size_t rows, const float *bias,
                          const float *x, size_t tokens, float *y, size_t y_stride) {
    const size_t columns = m->columns, whole = columns / LANES * LANES;
    const char *data = (const char *)m->data + row * columns * kw_size_of(type);
    lanes sums[DECODE_ROWS * TILE_TOKENS];
    UNROLL for (size_t i = 0; i < rows * tokens; i++) sums[i] = splat(0);
    for (size_t k = 0; k < whole; k += LANES) {
        lanes w[DECODE_ROWS];
        UNROLL for (size_t r = 0; r < rows; r++) {
            w[r] = load(type, data, r * columns + k);
            // A single token waits for memory: the same place in the next tile is fetched meanwhile.
            if (tokens == 1) __builtin_prefetch(data + ((r + rows) * columns + k) * kw_size_of(type));
        }
        UNROLL for (size_t t = 0; t < tokens; t++) {
            const lanes a = load(kw_f32, x, t * columns + k);
            UNROLL for (size_t r = 0; r < rows; r++) sums[t * rows + r] = fused(a, w[r], sums[t * rows + r]);
        }
    }
    if (whole < columns) {
        UNROLL for (size_t t = 0; t < tokens; t++) {
            const lanes a = load_padded(kw_f32, x, t * columns + whole, columns - whole);
            UNROLL for (size_t r = 0; r < rows; r++) {
                const lanes w = load_padded(type, data, r * columns + whole, columns - whole);
                sums[t * rows + r] = fused(a, w, sums[t * rows + r]);
            }
        }
    }
    UNROLL for (size_t t = 0; t < tokens; t++) {
        UNROLL for (size_t r = 0; r < rows; r++) {
            const float sum = total(sums[t * rows + r]);
            y[t * y_stride + row + r] = bias ? sum + bias[row + r] : sum;
        }
    }
}

/// A tile of `rows` rows for every token of the batch.
INLINE void multiply_rows(const struct kw_matrix *m, enum kw_type type, size_t row, size_t rows, const float *bias,
                          const float *x, size_t tokens, float *y, size_t y_stride) {
    for (size_t t = 0; t < tokens; t += TILE_TOKENS) {
        const float *from = x + t * m->columns;
        float *to = y + t * y_stride;
        switch (tokens - t) {
        case 1: multiply_tile(m, type, row, rows, bias, from, 1, to, y_stride); break;
        case 2: multiply_tile(m, type, row, rows, bias, from, 2, to, y_stride); break;
#if TILE_TOKENS > 3
        case 3: multiply_tile(m, type, row, rows, bias, from, 3, to, y_stride); break;
#endif
        default: multiply_tile(m, type, row, rows, bias, from, TILE_TOKENS, to, y_stride);
        }
    }
}

INLINE void multiply_typed(const struct kw_matrix *m, enum kw_type type, size_t first, size_t end, const float *bias,
                           const float *x, size_t tokens, float *y, size_t y_stride) {
    size_t row = first;
    if (tokens == 1)
        for (; row + DECODE_ROWS <= end; row += DECODE_ROWS)
            multiply_tile(m, type, row, DECODE_ROWS, bias, x, 1, y, y_stride);
    for (; row + TILE_ROWS <= end; row += TILE_ROWS)
        multiply_rows(m, type, row, TILE_ROWS, bias, x, tokens, y, y_stride);
    for (; row + 2 <= end; row += 2) multiply_rows(m, type, row, 2, bias, x, tokens, y, y_stride);
    if (row < end) multiply_rows(m, type, row, 1, bias, x, tokens, y, y_stride);
}

/// Bytes of x that stay in the second-level cache while the rows pass by.
#define BATCH_BYTES (384 * 1024)

static void multiply(const struct kw_matrix *m, size_t first, size_t end, const float *bias, const float *x,
                     size_t tokens, float *y, size_t y_stride) {
    const size_t fitting = BATCH_BYTES / (m->columns * sizeof(float)) / TILE_TOKENS * TILE_TOKENS;
    const size_t batch = fitting > 4 * TILE_TOKENS ? fitting : 4 * TILE_TOKENS;
    for (size_t t = 0; t < tokens; t += batch) {
        const size_t count = tokens - t < batch ? tokens - t : batch;
        const float *from = x + t * m->columns;
        float *to = y + t * y_stride;
        switch (m->type) {
        case kw_f16: multiply_typed(m, kw_f16, first, end, bias, from, count, to, y_stride); break;
        case kw_bf16: multiply_typed(m, kw_bf16, first, end, bias, from, count, to, y_stride); break;
        case kw_f32: multiply_typed(m, kw_f32, first, end, bias, from, count, to, y_stride); break;
        default: break; // quantised matrices have products of their own
        }
    }
}
