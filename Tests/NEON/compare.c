#pragma STDC FP_CONTRACT OFF
#include "CKernels.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Every instruction set of this CPU against plain C, bit for bit, and plain C against what it gave on another kind of
// machine: what ModelTests do, for machines that have no Swift, such as an emulated one (scripts/test-neon). Prints a
// line for each difference and ends with 1 where there was one.

/// Of all that plain C gave on x86-64. Changes with every check below; where nothing else changed, machines differ.
#define DIGEST UINT64_C(0xf8f043249cf4b0a8)

static size_t comparisons, differences;
static uint64_t digest = UINT64_C(0xcbf29ce484222325);

static void note(const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) digest = (digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static void compare(const struct kw_kernels *kernels, const char *what, const size_t *shape, const void *actual,
                    const void *expected, size_t bytes) {
    comparisons++;
    if (kernels == kw_kernels_best()) note(expected, bytes);
    if (memcmp(actual, expected, bytes) == 0) return;
    differences++;
    printf("%s: %s of %zu, %zu, %zu, %zu differs\n", kw_kernels_name(kernels), what, shape[0], shape[1], shape[2],
           shape[3]);
}

// MARK: Random numbers

static uint64_t state = 88172645463325252;

static uint64_t next(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static size_t from_to(size_t first, size_t last) { return first + (next() >> 11) % (last - first + 1); }

/// Of size about `scale`, now and then zero or denormal.
static float number(float scale) {
    const float unit = (float)(int32_t)next() * 0x1p-31f;
    const size_t kind = from_to(0, 39);
    return kind == 0 ? 0 : kind == 1 ? -0.0f : kind == 2 ? unit * 0x1p-133f : unit * scale;
}

/// A finite f16, mostly near 1 in size.
static uint16_t half(void) {
    const uint16_t bits = (uint16_t)(next() >> 20);
    if ((bits & 0x7c00) != 0x7c00 && from_to(0, 9) == 0) return bits;
    return (uint16_t)((bits & 0x83ff) | from_to(10, 16) << 10);
}

static void *allocate(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!memory) exit(2);
    memset(memory, 0x7f, bytes);
    return memory;
}

static float *numbers(size_t count, float scale) {
    float *x = allocate(count * sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = number(scale);
    return x;
}

/// Finite numbers of any float type.
static void *stored(enum kw_type type, size_t count) {
    if (type == kw_f32) return numbers(count, 1);
    uint16_t *x = allocate(count * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        const float wide = number(1);
        uint32_t bits;
        memcpy(&bits, &wide, sizeof bits);
        x[i] = type == kw_f16 ? half() : (uint16_t)(bits >> 16);
    }
    return x;
}

// MARK: Products

static void check_product(enum kw_type type, size_t rows, size_t columns, size_t tokens) {
    void *weights = stored(type, rows * columns);
    float *x = numbers(tokens * columns, from_to(0, 6) == 0 ? 1e-30f : 3), *bias = numbers(rows, 1);
    const struct kw_matrix matrix = {weights, type, rows, columns};
    const size_t first = from_to(0, rows - 1), end = from_to(first, rows), bytes = tokens * rows * sizeof(float);
    const float *used = from_to(0, 1) ? bias : NULL;
    float *y[2] = {allocate(bytes), allocate(bytes)};
    kw_multiply(kw_kernels_at(0), &matrix, first, end, used, x, tokens, y[0], rows);
    for (size_t k = 1; k < kw_kernels_count(); k++) {
        memset(y[1], 0x7f, bytes);
        kw_multiply(kw_kernels_at(k), &matrix, first, end, used, x, tokens, y[1], rows);
        compare(kw_kernels_at(k), "product", (size_t[]){type, rows, columns, tokens}, y[1], y[0], bytes);
    }
    free(weights), free(x), free(bias), free(y[0]), free(y[1]);
}

static void check_products(void) {
    static const size_t columns[] = {7, 64, 896, 1023, 1024, 1025, 1100, 1536, 1537, 2049};
    for (size_t round = 0; round < 90; round++)
        check_product(round % 3, from_to(1, 37), round + 1, from_to(1, 20));
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        for (enum kw_type type = kw_f16; type <= kw_f32; type++) {
            for (size_t tokens = 1; tokens <= 20; tokens++) check_product(type, from_to(1, 14), columns[i], tokens);
            check_product(type, from_to(12, 17), columns[i], 130);
        }
}

/// Panels of random blocks; their scales are finite.
static void *panels(enum kw_type type, size_t rows, size_t columns) {
    const size_t block = kw_block_bytes(type), row_bytes = columns / kw_block_columns(type) * block;
    const size_t count = (rows + 15) / 16, bytes = kw_panel_bytes(type, columns);
    uint8_t *blocks = allocate(16 * row_bytes), *result = allocate(count * bytes);
    for (size_t panel = 0; panel < count; panel++) {
        const void *row[16];
        for (size_t i = 0; i < 16 * row_bytes; i++) blocks[i] = (uint8_t)(next() >> 32);
        for (size_t i = 0; i < 16 * row_bytes; i += block) {
            const uint16_t scales[2] = {half(), half()};
            memcpy(blocks + i + (type == kw_q6_k ? 208 : 0), scales, type == kw_q4_k || type == kw_q5_k ? 4 : 2);
        }
        for (size_t i = 0; i < 16; i++) row[i] = panel * 16 + i < rows ? blocks + i * row_bytes : NULL;
        kw_make_panel(type, row, columns, result + panel * bytes);
    }
    free(blocks);
    return result;
}

static void check_quantised(enum kw_type type, size_t rows, size_t columns, size_t tokens) {
    void *weights = panels(type, rows, columns);
    const struct kw_matrix matrix = {weights, type, rows, columns};
    const float scales[] = {3, 1e-38f, 0x1p-144f};
    float *x = numbers(tokens * columns, scales[from_to(0, 2)]), *bias = numbers(rows, 1);
    const size_t sums = tokens * columns / 32 * sizeof(struct kw_group), bytes = tokens * rows * sizeof(float);
    const size_t shape[] = {type, rows, columns, tokens};
    int8_t *values[2] = {allocate(tokens * columns), allocate(tokens * columns)};
    struct kw_group *groups[2] = {allocate(sums), allocate(sums)};
    float *y[2] = {allocate(bytes), allocate(bytes)};
    for (size_t k = 0; k < kw_kernels_count(); k++) {
        const size_t to = k > 0;
        memset(y[to], 0x7f, bytes);
        kw_quantise(kw_kernels_at(k), x, tokens * columns, values[to], groups[to]);
        const struct kw_activations activations = {values[to], groups[to]};
        kw_multiply_quantised(kw_kernels_at(k), &matrix, 0, rows, rows % 2 ? bias : NULL, &activations, tokens, y[to],
                              rows);
        compare(kw_kernels_at(k), "int8", shape, values[to], values[0], tokens * columns);
        compare(kw_kernels_at(k), "scales of int8", shape, groups[to], groups[0], sums);
        compare(kw_kernels_at(k), "quantised product", shape, y[to], y[0], bytes);
    }
    for (size_t i = 0; i < 2; i++) free(values[i]), free(groups[i]), free(y[i]);
    free(weights), free(x), free(bias);
}

static void check_blocks(enum kw_type type) {
    float *x = numbers(64 * 32, 3);
    const size_t bytes = 64 * kw_block_bytes(type);
    uint8_t *blocks[2] = {allocate(bytes), allocate(bytes)};
    for (size_t k = 0; k < kw_kernels_count(); k++) {
        kw_make_blocks(kw_kernels_at(k), type, x, 64 * 32, blocks[k > 0]);
        compare(kw_kernels_at(k), "blocks", (size_t[]){type, 0, 0, 0}, blocks[k > 0], blocks[0], bytes);
    }
    free(x), free(blocks[0]), free(blocks[1]);
}

static void check_all_quantised(void) {
    for (enum kw_type type = kw_q8_0; type <= kw_q5_0; type++) {
        const size_t block = kw_block_columns(type);
        for (size_t tokens = 1; tokens <= 20; tokens++)
            check_quantised(type, from_to(1, 70), block * from_to(1, 1024 / block), tokens);
        check_quantised(type, 33, 1024, 130);
    }
    check_blocks(kw_q8_0), check_blocks(kw_q4_0);
}

// MARK: Rows

static void check_rows(size_t n) {
    float *x = numbers(2 * n, 30), *y = numbers(2 * n, 30), *results[2] = {allocate(56 * n), allocate(56 * n)};
    for (size_t k = 0; k < kw_kernels_count(); k++) {
        const struct kw_kernels *kernels = kw_kernels_at(k);
        float *at[7];
        for (size_t i = 0; i < 7; i++) memcpy(at[i] = results[k > 0] + i * 2 * n, x, 2 * n * sizeof(float));
        kw_normalize(kernels, x, y, 1e-5f, 2 * n, at[0]);
        kw_rotate(kernels, at[1], y, y + n, n);
        kw_gate(kernels, kw_silu, at[2], y, 2 * n);
        kw_gate(kernels, kw_gelu, at[3], y, 2 * n);
        kw_add(kernels, at[4], y, 0.3f, 2 * n);
        kw_scale(kernels, at[5], 0.3f, 2 * n);
        kw_soft_cap(kernels, at[6], 7, 2 * n);
        compare(kernels, "row", (size_t[]){n, 0, 0, 0}, results[k > 0], results[0], 56 * n);
    }
    free(x), free(y), free(results[0]), free(results[1]);
}

/// Every f16 and every bf16 as f32, and f32 of any bits as f16.
static void check_conversions(void) {
    enum { count = 0x10000 + 5 };
    uint16_t *bits = allocate(count * 2), *narrow[2] = {allocate(count * 2), allocate(count * 2)};
    float *x = allocate(count * 4), *wide[2] = {allocate(count * 4), allocate(count * 4)};
    for (size_t i = 0; i < count; i++) {
        uint32_t any = (uint32_t)(next() >> 16);
        if (i % 2) any = (any & 0x8fffffff) | 0x30000000; // in the range of f16
        bits[i] = (uint16_t)i;
        memcpy(x + i, &any, sizeof any);
    }
    for (size_t k = 0; k < kw_kernels_count(); k++) {
        const struct kw_kernels *kernels = kw_kernels_at(k);
        const size_t to = k > 0, shape[4] = {0};
        for (enum kw_type type = kw_f16; type <= kw_bf16; type++) {
            kw_widen(kw_kernels_at(0), type, bits, wide[0], count);
            kw_widen(kernels, type, bits, wide[to], count);
            compare(kernels, "widening", shape, wide[to], wide[0], count * 4);
        }
        const struct kw_rounding expected = kw_narrow(kw_kernels_at(0), x, narrow[0], count);
        const struct kw_rounding met = kw_narrow(kernels, x, narrow[to], count);
        compare(kernels, "narrowing", shape, narrow[to], narrow[0], count * 2);
        compare(kernels, "counts of narrowing", shape, &met, &expected, sizeof met);
    }
    for (size_t i = 0; i < 2; i++) free(narrow[i]), free(wide[i]);
    free(bits), free(x);
}

/// In f64, where every machine computes what plain C says.
static void check_functions(void) {
    for (double x = -700; x < 700; x += 0.37) {
        const double results[] = {kw_exp(x), kw_log(x * x), kw_sin(x * 37), kw_cos(x * 37), kw_pow(x * x, 0.3)};
        note(results, sizeof results);
    }
}

// MARK: Attention

/// Writes a long context's tiles on their own and merges them in two rounds, as threads do.
static void attend_by_tiles(const struct kw_kernels *kernels, const struct kw_attention *a) {
    const size_t size = KW_PARTIAL_OUTPUT + a->value_stride, stride = a->heads * size;
    for (size_t token = 0; token < a->tokens; token++) {
        const size_t position = a->position + token;
        const size_t first = a->window && position >= a->window ? (position + 1 - a->window) / KW_TILE : 0;
        const size_t count = position / KW_TILE + 1 - first, part = (count + 1) / 2;
        float *partials = allocate(count * stride * sizeof(float));
        for (size_t i = count; i-- > 0;)
            kw_attend_tiles(kernels, a, token, first + i, first + i + 1, partials + i * stride, stride);
        for (size_t head = 0; head < a->heads; head++) {
            float *start = partials + head * size, *rest = start + (part - 1) * stride;
            kw_merge_tiles(kernels, a, part, start, stride, NULL);
            memmove(rest, start, size * sizeof(float));
            kw_merge_tiles(kernels, a, count - part + 1, rest, stride,
                           a->output + token * a->query_stride + head * a->dimension);
        }
        free(partials);
    }
}

static void check_attention(enum kw_type type, size_t dimension, size_t heads, size_t tokens, size_t position,
                            size_t window, float soft_cap) {
    enum { tiles_per_page = 3 };
    const size_t value_stride = (dimension + KW_VALUE_STEP - 1) / KW_VALUE_STEP * KW_VALUE_STEP;
    const size_t tiles = (position + tokens - 1) / KW_TILE + 1, size = type == kw_f32 ? 4 : 2;
    const size_t tile_bytes = KW_TILE * (dimension + value_stride) * size, width = heads * dimension;
    const void *pages[32];
    for (size_t i = 0; i * tiles_per_page < tiles; i++) pages[i] = stored(type, tiles_per_page * tile_bytes / size);
    const size_t shape[] = {dimension, heads, tokens, position}, bytes = tokens * width * sizeof(float);
    float *queries = numbers(tokens * width, 1), *output[2] = {allocate(bytes), allocate(bytes)};
    struct kw_attention a = {
        .queries = queries, .query_stride = width, .tokens = tokens, .heads = heads, .dimension = dimension,
        .value_stride = value_stride, .position = position, .window = window, .pages = pages, .tile_bytes = tile_bytes,
        .tiles_per_page = tiles_per_page, .type = type, .scale = 0.3f, .soft_cap = soft_cap,
    };
    for (size_t k = 0; k < kw_kernels_count(); k++) {
        const struct kw_kernels *kernels = kw_kernels_at(k);
        a.output = output[k > 0];
        kw_attend(kernels, &a, 0, tokens);
        compare(kernels, "attention", shape, output[k > 0], output[0], bytes);
        a.output = output[1];
        memset(output[1], 0x7f, bytes);
        attend_by_tiles(kernels, &a);
        compare(kernels, "attention by tiles", shape, output[1], output[0], bytes);
    }
    for (size_t i = 0; i * tiles_per_page < tiles; i++) free((void *)pages[i]);
    free(queries), free(output[0]), free(output[1]);
}

static void check_attentions(void) {
    static const size_t dimensions[] = {8, 16, 24, 64, 80, 128, 256}, windows[] = {1, 7, 64, 100};
    for (size_t round = 0; round < 120; round++) {
        const size_t tokens = round % 40 == 39 ? 130 : from_to(1, 20), window = round % 5 < 2 ? windows[round % 4] : 0;
        check_attention(round % 3 ? kw_f16 : kw_f32, dimensions[round % 7], from_to(1, 7), tokens, from_to(0, 300),
                        window, round % 4 == 1 ? 3 : 0);
    }
}

// MARK: Threads

static void count_items(void *counts, size_t first, size_t end) {
    for (; first < end; first++) atomic_fetch_add((atomic_uint *)counts + first, 1);
}

static void check_pool(void) {
    struct kw_pool *pool = kw_pool_create(3);
    if (!pool) exit(2);
    for (size_t round = 0; round < 200; round++) {
        atomic_uint counts[100] = {0};
        const size_t items = round % 101;
        kw_pool_run(pool, items, count_items, counts);
        for (size_t i = 0; i < 100; i++) {
            const unsigned count = atomic_load(&counts[i]), expected = i < items;
            compare(kw_kernels_at(0), "pool", (size_t[]){items, i, count, 0}, &count, &expected, sizeof count);
        }
    }
    kw_pool_destroy(pool);
}

int main(void) {
    check_products();
    check_all_quantised();
    for (size_t n = 1; n <= 70; n++) check_rows(n);
    check_rows(1000);
    check_conversions();
    check_functions();
    check_attentions();
    check_pool();
    for (size_t k = 0; k < kw_kernels_count(); k++) printf("%s ", kw_kernels_name(kw_kernels_at(k)));
    printf("\n%zu comparisons, %zu differences\n", comparisons, differences);
    if (digest != DIGEST) printf("plain C gave %016" PRIx64 ", not %016" PRIx64 "\n", digest, DIGEST);
    return differences > 0 || digest != DIGEST;
}
