// The product of a matrix with a batch of tokens, in tiles of rows × tokens whose sums stay in registers. The includer
// says how large: TILE_ROWS × TILE_TOKENS sums for a batch, DECODE_ROWS for a single token.

#define TILE_SUMS (DECODE_ROWS > TILE_ROWS * TILE_TOKENS ? DECODE_ROWS : TILE_ROWS * TILE_TOKENS)

// A tile reads its rows once for every TILE_TOKENS tokens, and the tokens once for every TILE_ROWS rows. So that both
// stay in the caches nearest to the core, long rows are cut into blocks of columns, and some tiles keep their
// unfinished sums in memory from one block to the next.
#define BLOCK_BYTES 4096 // of one row
#define BLOCK_TOKENS (64 / TILE_TOKENS * TILE_TOKENS) // whole tiles
#define BLOCK_ROWS 24

/// One product, and the block of columns that is being added.
struct product {
    const struct kw_matrix *matrix;
    const float *bias, *x;
    float *y;
    size_t y_stride, column, columns;
};

typedef float four_floats __attribute__((ext_vector_type(4)));

/// The totals of four sums, each by the fixed tree; side by side they share their additions.
INLINE four_floats four_totals(const lanes *s) {
    typedef float eight_floats __attribute__((ext_vector_type(8)));
#define LOW_HALVES 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_HALVES 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
    const lanes ab = __builtin_shufflevector(s[0], s[1], LOW_HALVES) + __builtin_shufflevector(s[0], s[1], HIGH_HALVES);
    const lanes cd = __builtin_shufflevector(s[2], s[3], LOW_HALVES) + __builtin_shufflevector(s[2], s[3], HIGH_HALVES);
    const lanes abcd = __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
                       __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const eight_floats pairs = __builtin_shufflevector(abcd, abcd, 0, 1, 4, 5, 8, 9, 12, 13) +
                               __builtin_shufflevector(abcd, abcd, 2, 3, 6, 7, 10, 11, 14, 15);
    return pairs.even + pairs.odd;
}

/// Writes the totals of a tile's sums, [rows][tokens].
INLINE void finish(const struct product *p, const lanes *sums, size_t row, size_t rows, size_t token, size_t tokens) {
    UNROLL for (size_t r = 0; r < rows; r++) {
        const four_floats four = tokens == 4 ? four_totals(sums + r * tokens) : 0;
        UNROLL for (size_t t = 0; t < tokens; t++) {
            const float sum = tokens == 4 ? four[t] : total(sums[r * tokens + t]);
            p->y[(token + t) * p->y_stride + row + r] = p->bias ? sum + p->bias[row + r] : sum;
        }
    }
}

/// Adds a block of columns to a tile; `rows` and `tokens` are constants where this is inlined. The sums come from
/// `unfinished` and go there, except at both ends of a row.
INLINE void multiply_tile(const struct product *p, enum kw_type type, size_t row, size_t rows, size_t token,
                          size_t tokens, lanes *unfinished) {
    const size_t stride = p->matrix->columns, whole = p->columns / LANES * LANES, left = p->columns - whole;
    const char *data = (const char *)p->matrix->data + (row * stride + p->column) * kw_size_of(type);
    const float *x = p->x + token * stride + p->column;
    lanes sums[TILE_SUMS];
    UNROLL for (size_t i = 0; i < rows * tokens; i++) sums[i] = p->column == 0 ? splat(0) : unfinished[i];
    for (size_t k = 0; k < whole; k += LANES) {
        lanes w[rows];
        UNROLL for (size_t r = 0; r < rows; r++) w[r] = load(type, data, r * stride + k);
        // A single token waits for memory: as much of the next tile, from its start on, is fetched meanwhile.
        const char *next = data + (stride + k) * rows * kw_size_of(type);
        if (tokens == 1)
            UNROLL for (size_t i = 0; i < rows * LANES * kw_size_of(type); i += 64) __builtin_prefetch(next + i);
        UNROLL for (size_t t = 0; t < tokens; t++) {
            const lanes a = load(kw_f32, x, t * stride + k);
            UNROLL for (size_t r = 0; r < rows; r++) sums[r * tokens + t] = fused(a, w[r], sums[r * tokens + t]);
        }
    }
    if (left > 0) {
        UNROLL for (size_t t = 0; t < tokens; t++) {
            const lanes a = load_padded(kw_f32, x, t * stride + whole, left);
            UNROLL for (size_t r = 0; r < rows; r++) {
                const lanes w = load_padded(type, data, r * stride + whole, left);
                sums[r * tokens + t] = fused(a, w, sums[r * tokens + t]);
            }
        }
    }
    if (p->column + p->columns == stride) finish(p, sums, row, rows, token, tokens);
    else UNROLL for (size_t i = 0; i < rows * tokens; i++) unfinished[i] = sums[i];
}

/// Adds a block of columns to the tiles of `rows` rows and a block of tokens.
INLINE void multiply_rows(const struct product *p, enum kw_type type, size_t row, size_t rows, size_t token,
                          size_t end_token, lanes *unfinished) {
    for (; token < end_token; token += TILE_TOKENS, unfinished += rows * TILE_TOKENS) {
        switch (end_token - token) {
        case 1: multiply_tile(p, type, row, rows, token, 1, unfinished); break;
        case 2: multiply_tile(p, type, row, rows, token, 2, unfinished); break;
#if TILE_TOKENS > 3
        case 3: multiply_tile(p, type, row, rows, token, 3, unfinished); break;
#endif
        default: multiply_tile(p, type, row, rows, token, TILE_TOKENS, unfinished);
        }
    }
}

/// At most BLOCK_ROWS rows and BLOCK_TOKENS tokens, one block of columns after another.
INLINE void multiply_block(struct product p, enum kw_type type, size_t first, size_t end, size_t token,
                           size_t end_token) {
    lanes unfinished[BLOCK_ROWS * BLOCK_TOKENS];
    const size_t longest = BLOCK_BYTES / kw_size_of(type), columns = p.matrix->columns;
    const size_t blocks = (columns + longest - 1) / longest;
    const size_t width = (columns + blocks * LANES - 1) / (blocks * LANES) * LANES;
    for (p.column = 0; p.column < columns; p.column += width) {
        p.columns = columns - p.column < width ? columns - p.column : width;
        size_t row = first;
        lanes *sums = unfinished;
        for (; row + TILE_ROWS <= end; row += TILE_ROWS, sums += TILE_ROWS * BLOCK_TOKENS)
            multiply_rows(&p, type, row, TILE_ROWS, token, end_token, sums);
        for (; row + 2 <= end; row += 2, sums += 2 * BLOCK_TOKENS)
            multiply_rows(&p, type, row, 2, token, end_token, sums);
        if (row < end) multiply_rows(&p, type, row, 1, token, end_token, sums);
    }
}

INLINE void multiply_typed(struct product p, enum kw_type type, size_t first, size_t end, size_t tokens) {
    p.columns = p.matrix->columns;
    if (tokens == 1)
        for (; first + DECODE_ROWS <= end; first += DECODE_ROWS)
            multiply_tile(&p, type, first, DECODE_ROWS, 0, 1, NULL);
    for (size_t token = 0; token < tokens; token += BLOCK_TOKENS) {
        const size_t end_token = tokens - token < BLOCK_TOKENS ? tokens : token + BLOCK_TOKENS;
        for (size_t row = first; row < end; row += BLOCK_ROWS)
            multiply_block(p, type, row, end - row < BLOCK_ROWS ? end : row + BLOCK_ROWS, token, end_token);
    }
}

static void multiply(const struct kw_matrix *m, size_t first, size_t end, const float *bias, const float *x,
                     size_t tokens, float *y, size_t y_stride) {
    const struct product p = {.matrix = m, .bias = bias, .x = x, .y = y, .y_stride = y_stride};
    switch (m->type) {
    case kw_f16: multiply_typed(p, kw_f16, first, end, tokens); break;
    case kw_bf16: multiply_typed(p, kw_bf16, first, end, tokens); break;
    case kw_f32: multiply_typed(p, kw_f32, first, end, tokens); break;
    default: break; // quantised matrices have products of their own
    }
}
