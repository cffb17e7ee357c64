#pragma STDC FP_CONTRACT OFF
#include "quantised.h"
#if defined(__linux__) && defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
static bool has_vnni(void) { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#elif defined(__linux__) && defined(__aarch64__)
static bool has_dot(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
#elif defined(__aarch64__)
static bool has_dot(void) { return true; } // every Apple chip with this instruction set
#endif

size_t kw_kernels_count(void) {
#if defined(__x86_64__)
    return 1 + (size_t)has_avx2() + (size_t)has_avx512() + (size_t)has_vnni();
#elif defined(__aarch64__)
    return 2 + (size_t)has_dot();
#else
    return 1;
#endif
}

const struct kw_kernels *kw_kernels_at(size_t index) {
#if defined(__x86_64__)
    if (index == 1 && has_avx2()) return &kw_avx2;
    if (index == 2 && has_avx512()) return &kw_avx512;
    if (index == 3 && has_vnni()) return &kw_avx512_vnni;
#elif defined(__aarch64__)
    if (index == 1) return &kw_neon;
    if (index == 2 && has_dot()) return &kw_neon_dot;
#endif
    (void)index;
    return &kw_scalar;
}

const struct kw_kernels *kw_kernels_best(void) { return kw_kernels_at(kw_kernels_count() - 1); }

const char *kw_kernels_name(const struct kw_kernels *kernels) { return kernels->name; }

void kw_multiply(const struct kw_kernels *kernels, const struct kw_matrix *matrix, size_t first, size_t end,
                 const float *bias, const float *x, size_t tokens, float *y, size_t y_stride) {
    kernels->multiply(matrix, first, end, bias, x, tokens, y, y_stride);
}

void kw_quantise(const struct kw_kernels *kernels, const float *x, size_t columns, int8_t *values,
                 struct kw_group *groups) {
    kernels->quantised->quantise(x, columns, values, groups);
}

void kw_multiply_quantised(const struct kw_kernels *kernels, const struct kw_matrix *matrix, size_t first, size_t end,
                           const float *bias, const struct kw_activations *x, size_t tokens, float *y,
                           size_t y_stride) {
    kernels->quantised->multiply(matrix, first, end, bias, x, tokens, y, y_stride);
}

void kw_make_blocks(const struct kw_kernels *kernels, enum kw_type type, const float *x, size_t columns, void *blocks) {
    for (size_t c = 0; c < columns; c += GROUP)
        kernels->quantised->make_block(type, x + c, (uint8_t *)blocks + c / GROUP * kw_block_bytes(type));
}

void kw_normalize(const struct kw_kernels *kernels, const float *x, const float *weight, float epsilon, size_t n,
                  float *y) {
    kernels->normalize(x, weight, epsilon, n, y);
}

void kw_rotate(const struct kw_kernels *kernels, float *x, const float *cosine, const float *sine, size_t half) {
    kernels->rotate(x, cosine, sine, half);
}

void kw_gate(const struct kw_kernels *kernels, enum kw_activation activation, float *gate, const float *up, size_t n) {
    kernels->gate(activation, gate, up, n);
}

void kw_add(const struct kw_kernels *kernels, float *x, const float *y, float factor, size_t n) {
    kernels->add(x, y, factor, n);
}

void kw_scale(const struct kw_kernels *kernels, float *x, float factor, size_t n) { kernels->scale(x, factor, n); }

void kw_soft_cap(const struct kw_kernels *kernels, float *x, float cap, size_t n) { kernels->soft_cap(x, cap, n); }

void kw_widen(const struct kw_kernels *kernels, enum kw_type type, const void *from, float *to, size_t n) {
    kernels->widen(type, from, to, n);
}

struct kw_rounding kw_narrow(const struct kw_kernels *kernels, const float *from, uint16_t *to, size_t n) {
    return kernels->narrow(from, to, n);
}

struct kw_rounding kw_round(const struct kw_kernels *kernels, float *x, size_t n) { return kernels->round(x, n); }

void kw_attend(const struct kw_kernels *kernels, const struct kw_attention *attention, size_t first, size_t end) {
    kernels->attend(attention, first, end);
}

void kw_attend_tiles(const struct kw_kernels *kernels, const struct kw_attention *attention, size_t token, size_t first,
                     size_t end, float *partials, size_t partial_stride) {
    kernels->attend_tiles(attention, token, first, end, partials, partial_stride);
}

void kw_merge_tiles(const struct kw_kernels *kernels, const struct kw_attention *attention, size_t count,
                    float *partials, size_t partial_stride, float *output) {
    kernels->merge_tiles(attention, count, partials, partial_stride, output);
}

size_t kw_count_not_finite(const uint16_t *x, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += (x[i] & 0x7c00) == 0x7c00;
    return count;
}

void kw_place_keys(enum kw_type type, const void *row, size_t dimension, void *keys, size_t position) {
    for (size_t d = 0; d < dimension; d++) {
        const size_t to = d * KW_TILE + position;
        if (type == kw_f32) ((float *)keys)[to] = ((const float *)row)[d];
        else ((uint16_t *)keys)[to] = ((const uint16_t *)row)[d];
    }
}
