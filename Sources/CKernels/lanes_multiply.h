// The product of a matrix with a batch of tokens, in tiles of rows × tokens whose sums stay in registers. The includer
// says how large: TILE_ROWS × TILE_TOKENS sums for a batch, FEW_ROWS × FEW_TOKENS for one so small that reading and
// widening the weights takes as long as multiplying, DECODE_ROWS for a single token. FEW_ROWS divides TILE_ROWS, and
// FEW_ROWS × FEW_TOKENS are no more sums than a tile's. A register holds PART_LANES of a sum's lanes.

#define MOST_ROWS (DECODE_ROWS > TILE_ROWS ? DECODE_ROWS : TILE_ROWS)
#define PARTS (LANES / PART_LANES)
#define TILE_SUMS (DECODE_ROWS > TILE_ROWS * TILE_TOKENS ? DECODE_ROWS : TILE_ROWS * TILE_TOKENS)

_Static_assert(LANES % PART_LANES == 0 && TILE_ROWS % FEW_ROWS == 0 && FEW_ROWS * FEW_TOKENS <= TILE_SUMS, "tiles");
_Static_assert(FEW_TOKENS == 3 || FEW_TOKENS == 8, "multiply_rows has tiles of up to so many tokens");

// A tile reads its rows once for every TILE_TOKENS tokens, and the tokens once for every TILE_ROWS rows. So that both
// stay in the caches nearest to the core, long rows are cut into blocks of columns, and some tiles keep their
// unfinished sums in memory from one block to the next.
#define BLOCK_COLUMNS 768
#define WHOLE_COLUMNS 1024 // a row up to here is not cut
#define PACKED_TOKENS 16 // more are worth the packing
#define BLOCK_TOKENS (128 / TILE_TOKENS * TILE_TOKENS) // whole tiles
#define BLOCK_ROWS 12

/// One product, and the block of columns that is being added.
struct product {
    const struct kw_matrix *matrix;
    const float *bias, *x;
    float *y;
    size_t y_stride, column, columns;
};

/// What one register holds of sixteen lanes.
typedef float part __attribute__((ext_vector_type(PART_LANES)));
typedef float part_in_memory __attribute__((ext_vector_type(PART_LANES), aligned(4)));
typedef _Float16 half_part_in_memory __attribute__((ext_vector_type(PART_LANES), aligned(2)));
typedef uint16_t short_part_in_memory __attribute__((ext_vector_type(PART_LANES), aligned(2)));
typedef uint32_t word_part __attribute__((ext_vector_type(PART_LANES)));

INLINE part load_part(enum kw_type type, const void *data, size_t index) {
    if (type == kw_f32) return *(const part_in_memory *)((const float *)data + index);
    const uint16_t *half = (const uint16_t *)data + index;
    if (type == kw_f16) return __builtin_convertvector(*(const half_part_in_memory *)half, part);
    return __builtin_bit_cast(part, __builtin_convertvector(*(const short_part_in_memory *)half, word_part) << 16);
}

/// The sum of one row and one token.
union sum {
    lanes whole;
    part parts[PARTS];
};

typedef float four_floats __attribute__((ext_vector_type(4)));

/// The totals of four sums, each by the fixed tree; side by side they share their additions.
INLINE four_floats four_totals(const union sum *s) {
    typedef float eight_floats __attribute__((ext_vector_type(8)));
#define LOW_HALVES 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_HALVES 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
    const lanes a = s[0].whole, b = s[1].whole, c = s[2].whole, d = s[3].whole;
    const lanes ab = __builtin_shufflevector(a, b, LOW_HALVES) + __builtin_shufflevector(a, b, HIGH_HALVES);
    const lanes cd = __builtin_shufflevector(c, d, LOW_HALVES) + __builtin_shufflevector(c, d, HIGH_HALVES);
    const lanes abcd = __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
                       __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const eight_floats pairs = __builtin_shufflevector(abcd, abcd, 0, 1, 4, 5, 8, 9, 12, 13) +
                               __builtin_shufflevector(abcd, abcd, 2, 3, 6, 7, 10, 11, 14, 15);
    return pairs.even + pairs.odd;
}

/// Writes the totals of a tile's sums, [rows][tokens].
INLINE void finish(const struct product *p, const union sum *sums, size_t row, size_t rows, size_t token,
                   size_t tokens) {
    UNROLL for (size_t r = 0; r < rows; r++) {
        four_floats four = 0;
        UNROLL for (size_t t = 0; t < tokens; t++) {
            if (tokens % 4 == 0 && t % 4 == 0) four = four_totals(sums + r * tokens + t);
            const float sum = tokens % 4 == 0 ? four[t % 4] : total(sums[r * tokens + t].whole);
            p->y[(token + t) * p->y_stride + row + r] = p->bias ? sum + p->bias[row + r] : sum;
        }
    }
}

/// Where a tile's weights are: the number at (row, column) lies at row · row_step + column · column_step, for columns
/// that are multiples of LANES.
struct weights {
    const void *data;
    size_t row_step, column_step;
};

/// Fetches what will be needed in a while, as much as a step of LANES columns reads and in the order of the memory: a
/// single token waits for nothing else, several leave the cache nearest to the core to what they share.
INLINE void fetch(const char *ahead, size_t rows, size_t tokens, enum kw_type type, size_t column) {
    const size_t size = kw_size_of(type);
    UNROLL for (size_t i = 0; i < rows * LANES * size; i += 64) {
        if (tokens == 1) __builtin_prefetch(ahead + column * rows * size + i);
        else __builtin_prefetch(ahead + column * rows * size + i, 0, 2);
    }
}

/// Fetches what the tile at `next` needs while this one computes, a share at a time: bytes first..<end of each row, so
/// that it never fills the queue of what is to come.
INLINE void fetch_share(const char *next, size_t stride_bytes, size_t rows, size_t first, size_t end) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = first; i < end; i += 64) __builtin_prefetch(next + r * stride_bytes + i, 0, 2);
}

/// Adds a block of columns to a tile; `rows` and `tokens` are constants where this is inlined. The sums come from
/// `unfinished` and go there, except at both ends of a row.
INLINE void multiply_tile(const struct product *p, enum kw_type type, struct weights weights, size_t row, size_t rows,
                          size_t token, size_t tokens, lanes *unfinished, const char *ahead) {
    const size_t stride = p->matrix->columns, whole = p->columns / LANES * LANES, left = p->columns - whole;
    const float *x = p->x + token * stride + p->column;
    union sum sums[TILE_SUMS];
    UNROLL for (size_t i = 0; i < rows * tokens; i++) sums[i].whole = p->column == 0 ? splat(0) : unfinished[i];
    for (size_t k = 0; k < whole; k += LANES) {
        if (ahead) fetch(ahead, rows, tokens, p->matrix->type, k);
        // A part at a time: whole lanes of weights and tokens would push sums out of their registers.
        UNROLL for (size_t i = 0; i < PARTS; i++) {
            const size_t lane = i * PART_LANES;
            part w[MOST_ROWS];
            UNROLL for (size_t r = 0; r < rows; r++)
                w[r] = load_part(type, weights.data, r * weights.row_step + k * weights.column_step + lane);
            UNROLL for (size_t t = 0; t < tokens; t++) {
                const part a = load_part(kw_f32, x, t * stride + k + lane);
                UNROLL for (size_t r = 0; r < rows; r++) {
                    part *sum = &sums[r * tokens + t].parts[i];
                    *sum = __builtin_elementwise_fma(a, w[r], *sum);
                }
            }
        }
    }
    if (left > 0) {
        UNROLL for (size_t t = 0; t < tokens; t++) {
            const lanes a = load_padded(kw_f32, x, t * stride + whole, left);
            UNROLL for (size_t r = 0; r < rows; r++) {
                const size_t at = r * weights.row_step + whole * weights.column_step;
                const lanes w = load_padded(type, weights.data, at, left);
                sums[r * tokens + t].whole = fused(a, w, sums[r * tokens + t].whole);
            }
        }
    }
    if (p->column + p->columns == stride) finish(p, sums, row, rows, token, tokens);
    else UNROLL for (size_t i = 0; i < rows * tokens; i++) unfinished[i] = sums[i].whole;
}

/// The weights of a block of columns as f32, so that tokens to come find them in one place: [column / LANES][rows].
INLINE struct weights packed(const struct product *p, enum kw_type type, struct weights from, size_t rows,
                             lanes *memory) {
    for (size_t k = 0; k < p->columns; k += LANES)
        UNROLL for (size_t r = 0; r < rows; r++)
            memory[k / LANES * rows + r] = load_padded(type, from.data, r * from.row_step + k, p->columns - k);
    return (struct weights){memory, LANES, rows};
}

/// Adds a block of columns to the tiles of `rows` rows and at most FEW_TOKENS tokens.
INLINE void multiply_few(const struct product *p, enum kw_type type, struct weights weights, size_t row, size_t rows,
                         size_t token, size_t tokens, lanes *unfinished, const char *ahead) {
    const size_t step = tokens > TILE_TOKENS && rows > FEW_ROWS ? FEW_ROWS : rows, size = kw_size_of(type);
    UNROLL for (size_t r = 0; r < rows; r += step) {
        const struct weights few = {(const char *)weights.data + r * weights.row_step * size, weights.row_step, 1};
        multiply_tile(p, type, few, row + r, step, token, tokens, unfinished + r * tokens,
                      ahead ? ahead + r * p->columns * size : NULL);
    }
}

/// Adds a block of columns to the tiles of `rows` rows and a block of tokens.
INLINE void multiply_rows(const struct product *p, enum kw_type type, size_t row, size_t rows, size_t token,
                          size_t end_token, lanes *unfinished, const char *ahead) {
    const size_t stride = p->matrix->columns, size = kw_size_of(type);
    const char *data = (const char *)p->matrix->data + (row * stride + p->column) * size;
    const struct weights stored = {data, stride, 1};
    if (end_token - token > PACKED_TOKENS) {
        lanes memory[WHOLE_COLUMNS / LANES * TILE_ROWS];
        const struct weights weights = packed(p, type, stored, rows, memory);
        const size_t bytes = p->columns * size, tiles = (end_token - token) / TILE_TOKENS;
        const size_t share = (bytes / tiles + 63) / 64 * 64;
        for (size_t i = 0; i < tiles; i++, token += TILE_TOKENS, unfinished += rows * TILE_TOKENS) {
            fetch_share(data + rows * stride * size, stride * size, rows, i * share,
                        (i + 1) * share < bytes ? (i + 1) * share : bytes);
            multiply_tile(p, kw_f32, weights, row, rows, token, TILE_TOKENS, unfinished, NULL);
        }
        ahead = NULL;
    }
    // As few tiles as can be, each about as large: one of a single token would wait for its own additions.
    for (size_t tiles = (end_token - token + FEW_TOKENS - 1) / FEW_TOKENS; tiles > 0; tiles--, ahead = NULL) {
        const size_t tokens = (end_token - token + tiles - 1) / tiles;
        switch (tokens) {
#define TILES(TOKENS)                                                                                                  \
    case TOKENS: multiply_few(p, type, stored, row, rows, token, TOKENS, unfinished, TOKENS > 1 ? ahead : NULL); break;
            TILES(1) TILES(2) TILES(3)
#if FEW_TOKENS > 3
            TILES(4) TILES(5) TILES(6) TILES(7) TILES(8)
#endif
        }
#undef TILES
        token += tokens, unfinished += rows * tokens;
    }
}

/// At most BLOCK_ROWS rows and BLOCK_TOKENS tokens, one block of columns after another.
INLINE void multiply_block(struct product p, enum kw_type type, size_t first, size_t end, size_t token,
                           size_t end_token) {
    lanes unfinished[BLOCK_ROWS * BLOCK_TOKENS];
    const size_t columns = p.matrix->columns, size = kw_size_of(type);
    // As many rows as these come next; they are fetched as they lie there, whatever columns are being added.
    const char *behind = (const char *)p.matrix->data + end * columns * size;
    const size_t blocks = columns <= WHOLE_COLUMNS ? 1 : (columns + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
    const size_t width = (columns + blocks * LANES - 1) / (blocks * LANES) * LANES;
    for (p.column = 0; p.column < columns; p.column += width) {
        p.columns = columns - p.column < width ? columns - p.column : width;
        size_t row = first;
        lanes *sums = unfinished;
        const char *ahead = behind + p.column * (end - first) * size;
        for (; row + TILE_ROWS <= end; row += TILE_ROWS, sums += TILE_ROWS * BLOCK_TOKENS)
            multiply_rows(&p, type, row, TILE_ROWS, token, end_token, sums, ahead + (row - first) * p.columns * size);
        for (; row + 2 <= end; row += 2, sums += 2 * BLOCK_TOKENS)
            multiply_rows(&p, type, row, 2, token, end_token, sums, ahead + (row - first) * p.columns * size);
        if (row < end)
            multiply_rows(&p, type, row, 1, token, end_token, sums, ahead + (row - first) * p.columns * size);
    }
}

INLINE void multiply_typed(struct product p, enum kw_type type, size_t first, size_t end, size_t tokens) {
    const size_t stride = p.matrix->columns, size = kw_size_of(type);
    p.columns = stride;
    if (tokens == 1)
        for (; first + DECODE_ROWS <= end; first += DECODE_ROWS) {
            const char *data = (const char *)p.matrix->data + first * stride * size;
            const struct weights weights = {data, stride, 1};
            multiply_tile(&p, type, weights, first, DECODE_ROWS, 0, 1, NULL, data + DECODE_ROWS * stride * size);
        }
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
