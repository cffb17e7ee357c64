#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The hot loops of a transformer block, once in plain C and once for each instruction set; all of them give the same
// bits (DESIGN.md §6). Sums of products run in 16 virtual lanes over the summed index, the tail padded with zeros, then
// in one fixed tree: lane i + lane i+8, then i+4, i+2, i+1.

/// How a number is stored.
enum kw_type {
    kw_f16 = 0,
    kw_bf16 = 1,
    kw_f32 = 2,
    // Blocks of GGML, in panels (kw_make_panels).
    kw_q8_0 = 3,
    kw_q4_0 = 4,
    kw_q4_k = 5,
    kw_q5_k = 6,
    kw_q6_k = 7,
    kw_q5_0 = 8,
};

/// A matrix, one row for each output: y[row] = Σ matrix[row][column] · x[column]. Floats stand in row-major order,
/// aligned to their size; quantised ones in panels of 16 rows, aligned to 64 bytes.
struct kw_matrix {
    const void *data;
    enum kw_type type;
    size_t rows, columns;
};

/// What rounding to f16 met: values beyond ±65504, which become ±65504, and NaN or infinity.
struct kw_rounding {
    uint64_t saturated, not_finite;
};

/// The kernels of one instruction set.
struct kw_kernels;

/// How many instruction sets this CPU can run; 0 is plain C, the last is the fastest.
size_t kw_kernels_count(void);
const struct kw_kernels *kw_kernels_at(size_t index);
const struct kw_kernels *kw_kernels_best(void);
const char *kw_kernels_name(const struct kw_kernels *kernels);

/// y[token][row] = x[token] · matrix[row] + bias[row] for rows first..<end. x is [tokens][columns], y has y_stride
/// floats from token to token, bias may be NULL.
void kw_multiply(const struct kw_kernels *kernels, const struct kw_matrix *matrix, size_t first, size_t end,
                 const float *bias, const float *x, size_t tokens, float *y, size_t y_stride);

/// What int8 activations of one token share in 32 columns.
struct kw_group {
    float scale;   // d = max|x| / 127: x ≈ d · value
    float sum;     // d · the sum of all values
    int32_t first; // the sum of the first 16 values
    int32_t total; // the sum of all values
};

/// Activations as quantised products take them.
struct kw_activations {
    const int8_t *values;          // [tokens][columns], -127...127
    const struct kw_group *groups; // [tokens][columns / 32]
};

/// Rounds one token's activations to int8, ties to even; columns is a multiple of 32.
void kw_quantise(const struct kw_kernels *kernels, const float *x, size_t columns, int8_t *values,
                 struct kw_group *groups);

/// kw_multiply with a quantised matrix; first is a multiple of 16. In each group of 32 columns the sum of products is
/// completed in integers, the scales of K-quants within it; then acc = fma(sum, dw · dx, acc), groups ascending.
void kw_multiply_quantised(const struct kw_kernels *kernels, const struct kw_matrix *matrix, size_t first, size_t end,
                           const float *bias, const struct kw_activations *x, size_t tokens, float *y,
                           size_t y_stride);

/// Columns that share a scale in GGML's blocks of a type, 0 for floats.
size_t kw_block_columns(enum kw_type type);
/// Bytes of such a block.
size_t kw_block_bytes(enum kw_type type);
/// Bytes of 16 rows in a panel, a multiple of 64; columns is a multiple of the block's.
size_t kw_panel_bytes(enum kw_type type, size_t columns);

/// Writes columns numbers as GGML's blocks of q8_0 or q4_0, to the bit as Model's `Quantization` specifies.
void kw_make_blocks(const struct kw_kernels *kernels, enum kw_type type, const float *x, size_t columns, void *blocks);

/// Writes one panel from up to 16 rows of GGML's blocks; rows that are NULL become zero.
void kw_make_panel(enum kw_type type, const void *const rows[16], size_t columns, void *panel);

/// y = x / √(mean(x²) + epsilon) · weight over n numbers.
void kw_normalize(const struct kw_kernels *kernels, const float *x, const float *weight, float epsilon, size_t n,
                  float *y);

/// Turns the pairs (x[i], x[i + half]) of one head by the angles whose cosines and sines are given.
void kw_rotate(const struct kw_kernels *kernels, float *x, const float *cosine, const float *sine, size_t half);

/// silu(x) = x / (1 + exp(-x)); gelu(x) = x · (1 + tanh u) / 2 with u = √(2/π) · (x + 0.044715 · x³), which is
/// x / (1 + exp(-2u)).
enum kw_activation { kw_silu = 0, kw_gelu = 1 };

/// gate = activation(gate) · up over n numbers.
void kw_gate(const struct kw_kernels *kernels, enum kw_activation activation, float *gate, const float *up, size_t n);

/// x += factor · y over n numbers, each in one rounding.
void kw_add(const struct kw_kernels *kernels, float *x, const float *y, float factor, size_t n);

/// x *= factor over n numbers.
void kw_scale(const struct kw_kernels *kernels, float *x, float factor, size_t n);

/// x = cap · tanh(x / cap) over n numbers.
void kw_soft_cap(const struct kw_kernels *kernels, float *x, float cap, size_t n);

/// to = from, as f32.
void kw_widen(const struct kw_kernels *kernels, enum kw_type type, const void *from, float *to, size_t n);

/// to = from in f16, to nearest even, saturated at ±65504.
struct kw_rounding kw_narrow(const struct kw_kernels *kernels, const float *from, uint16_t *to, size_t n);

/// The same, but the result is left as f32 in place.
struct kw_rounding kw_round(const struct kw_kernels *kernels, float *x, size_t n);

/// How many of n f16 numbers are NaN or infinite.
size_t kw_count_not_finite(const uint16_t *x, size_t n);

/// Positions in one tile of the cache of keys and values.
#define KW_TILE 64

/// Writes the key of one position of a tile (0..<64) into its column of the tile's [dimension][64].
void kw_place_keys(enum kw_type type, const void *row, size_t dimension, void *keys, size_t position);

/// Query tokens of one sequence against its cache in one block, for the query heads that share one key head.
///
/// The cache of a key head is a row of tiles; pages[i] + offset is the first of tiles_per_page tiles, tile_bytes
/// apart. A tile holds keys as [dimension][64] and then values as [64][value_stride], f16 or
/// f32; value_stride is the dimension rounded up to a multiple of KW_VALUE_STEP.
struct kw_attention {
    const float *queries; // [tokens][heads][dimension], query_stride floats from token to token
    float *output;        // the same shape and stride
    size_t query_stride;
    size_t tokens, heads, dimension, value_stride;
    size_t position; // of the first token; token t sees positions 0...position + t
    size_t window;   // the most positions that a token sees, itself the last of them; 0 where it sees all
    const void *const *pages;
    size_t offset, tile_bytes, tiles_per_page;
    enum kw_type type; // of keys and values
    float scale;
    float soft_cap; // scores s become soft_cap · tanh(s / soft_cap); 0 leaves them
};

/// The largest dimension of a head.
#define KW_HEAD_LIMIT 512
#define KW_VALUE_STEP 32

/// output = softmax(capped(scale · query · keys)) · values for tokens first..<end.
void kw_attend(const struct kw_kernels *kernels, const struct kw_attention *attention, size_t first, size_t end);

/// Floats of what one tile yields for one query: its maximum, its sum, and from KW_PARTIAL_OUTPUT on its output.
#define KW_PARTIAL_OUTPUT 16

/// The same of one token in two steps, so that threads can share a long context: first what each of the tiles
/// first..<end, all of which it sees, yields for each head, as [end - first][heads][KW_PARTIAL_OUTPUT + value_stride]
/// with partial_stride floats from tile to tile ...
void kw_attend_tiles(const struct kw_kernels *kernels, const struct kw_attention *attention, size_t token, size_t first,
                     size_t end, float *partials, size_t partial_stride);

/// ... and then, for each head, the merger of `count` tiles in their order. It takes the place of the first; `output`
/// gets the finished one, or is NULL where more are to come.
void kw_merge_tiles(const struct kw_kernels *kernels, const struct kw_attention *attention, size_t count,
                    float *partials, size_t partial_stride, float *output);


// Functions in f64, of our own so that every machine computes the same bits (DESIGN.md §6.5). Each is within two units
// in the last place where its result is a normal number.

double kw_exp(double x);
/// For positive x; -infinity at 0, NaN below.
double kw_log(double x);
/// For |x| ≤ 2²⁰, which covers every position; NaN beyond.
double kw_sin(double x);
double kw_cos(double x);
/// For positive x.
double kw_pow(double x, double y);

/// exp in f32, as attention and the activations use it.
float kw_expf(float x);
/// tanh in f32, as soft caps use it.
float kw_tanhf(float x);

// A few threads that split one piece of work at a time.

struct kw_pool;

/// Starts `threads - 1` threads beside the caller; NULL where the system has no more.
struct kw_pool *kw_pool_create(size_t threads);
void kw_pool_destroy(struct kw_pool *pool);

/// Calls body(context, first, end) with ranges that tile 0..<count, on the caller and the pool's threads, and returns
/// when all are done. Where the pool is busy with somebody else's work the caller does everything itself.
void kw_pool_run(struct kw_pool *pool, size_t count, void (*body)(void *context, size_t first, size_t end),
                 void *context);
