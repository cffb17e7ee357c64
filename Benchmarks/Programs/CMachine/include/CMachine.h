#pragma once
#include <stdbool.h>
#include <stddef.h>

// What this machine can do at most, to hold results against.

/// Bytes per second at which `threads` threads read these bytes, each a contiguous share.
double machine_read_rate(const void *bytes, size_t count, size_t threads);

/// Fused multiply-adds in f32 per second of `threads` threads, times two, as vectors of the widest kind.
double machine_flop_rate(size_t threads);

/// OpenBLAS's x[m][k] · w[n][k]ᵀ → y[m][n] on `threads` threads; false where the library is not installed.
bool machine_sgemm(size_t m, size_t n, size_t k, const float *x, const float *w, float *y, size_t threads);
