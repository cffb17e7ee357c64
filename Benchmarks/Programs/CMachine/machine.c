#define _GNU_SOURCE
#include "CMachine.h"
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define MOST_THREADS 64

typedef uint64_t words __attribute__((ext_vector_type(8), aligned(8)));
typedef float floats __attribute__((ext_vector_type(16)));

struct share {
    const char *bytes;
    size_t count;
    uint64_t kept; // so that no work is optimised away
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

#if defined(__linux__)
/// Keeps each thread on a core of its own: left alone, Linux under a hypervisor may run all of them on one.
static void spread(const pthread_t *threads, size_t count, const cpu_set_t *cores) {
    size_t next = 0;
    for (int core = 0; core < CPU_SETSIZE && next < count; core++) {
        if (!CPU_ISSET((size_t)core, cores)) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET((size_t)core, &one);
        pthread_setaffinity_np(threads[next++], sizeof one, &one);
    }
}
#endif

/// Seconds that `threads` threads take for `body`, each with its share.
static double timed(void *(*body)(void *), struct share *shares, size_t threads) {
    pthread_t all[MOST_THREADS] = {pthread_self()};
    const double start = now();
    for (size_t i = 1; i < threads; i++)
        if (pthread_create(&all[i], NULL, body, &shares[i]) != 0) abort();
#if defined(__linux__)
    cpu_set_t cores;
    const bool is_known = sched_getaffinity(0, sizeof cores, &cores) == 0;
    if (is_known) spread(all, threads, &cores);
#endif
    body(&shares[0]);
    for (size_t i = 1; i < threads; i++) pthread_join(all[i], NULL);
    const double seconds = now() - start;
#if defined(__linux__)
    if (is_known) pthread_setaffinity_np(all[0], sizeof cores, &cores);
#endif
    return seconds;
}

static void *read_share(void *argument) {
    struct share *share = argument;
    const words *from = (const words *)share->bytes;
    words sums[4] = {0};
    for (size_t i = 0; i + 4 <= share->count / sizeof(words); i += 4) {
        // The hardware's own prefetching stops at the end of each page.
        __builtin_prefetch(&from[i + 64]), __builtin_prefetch(&from[i + 65]);
        __builtin_prefetch(&from[i + 66]), __builtin_prefetch(&from[i + 67]);
        for (size_t j = 0; j < 4; j++) sums[j] ^= from[i + j];
    }
    const words all = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
    share->kept = all[0] ^ all[1] ^ all[2] ^ all[3] ^ all[4] ^ all[5] ^ all[6] ^ all[7];
    return NULL;
}

double machine_read_rate(const void *bytes, size_t count, size_t threads) {
    struct share shares[MOST_THREADS];
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    for (size_t i = 0; i < threads; i++)
        shares[i] = (struct share){(const char *)bytes + count / threads / 64 * 64 * i, count / threads / 64 * 64, 0};
    return (double)count / timed(read_share, shares, threads);
}

#define ROUNDS 20000000
#define CHAINS 12 // more than the units times their latency; with two constants they fill 14 registers

#define MULTIPLY_ADD                                                                                                   \
    struct share *share = argument;                                                                                    \
    floats x = (floats)(0.999f), y = (floats)(1e-4f), chains[CHAINS];                                                  \
    for (int i = 0; i < CHAINS; i++) chains[i] = (floats)((float)i);                                                   \
    for (int n = 0; n < ROUNDS; n++)                                                                                   \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < CHAINS; i++) chains[i] =                                \
            __builtin_elementwise_fma(chains[i], x, y);                                                                \
    floats sum = chains[0];                                                                                            \
    for (int i = 1; i < CHAINS; i++) sum += chains[i];                                                                 \
    share->kept = (uint64_t)sum[0];                                                                                    \
    return NULL

#if defined(__x86_64__)
__attribute__((target("avx512f"), min_vector_width(512))) static void *multiply_add_512(void *argument) {
    MULTIPLY_ADD;
}
__attribute__((target("avx2,fma"))) static void *multiply_add(void *argument) { MULTIPLY_ADD; }
#else
static void *multiply_add(void *argument) { MULTIPLY_ADD; }
#endif

double machine_flop_rate(size_t threads) {
    struct share shares[MOST_THREADS] = {0};
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    void *(*body)(void *) = multiply_add;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) body = multiply_add_512;
#endif
    return (double)ROUNDS * CHAINS * 16 * 2 * (double)threads / timed(body, shares, threads);
}

bool machine_sgemm(size_t m, size_t n, size_t k, const float *x, const float *w, float *y, size_t threads) {
    static void *library;
    if (!library) {
#if defined(__x86_64__)
        // Debian's version takes a new AMD core for one without AVX-512, and then runs at half speed.
        if (__builtin_cpu_supports("avx512f")) setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
#endif
        library = dlopen("libopenblas.so.0", RTLD_NOW);
        if (!library) return false;
    }
    void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
    void (*multiply)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int) =
        (void (*)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int))
            dlsym(library, "cblas_sgemm");
    if (!set_threads || !multiply) return false;
    set_threads((int)threads);
    enum { row_major = 101, as_is = 111, transposed = 112 };
    multiply(row_major, as_is, transposed, (int)m, (int)n, (int)k, 1, x, (int)k, w, (int)k, 0, y, (int)n);
    return true;
}
