#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang diagnostic ignored "-Wpsabi" // sixteen lanes pass between inlined functions only
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define PART_LANES 8
#define TILE_ROWS 2 // 12 registers of sums, 2 rows of weights and a token: 15 of 16
#define TILE_TOKENS 3
#define FEW_ROWS 2
#define FEW_TOKENS 3
#define DECODE_ROWS 4
#define ATTEND_LANES 1
#define VALUE_LANES 1
#include "lanes.h"
#include "lanes_rows.h"
#include "lanes_multiply.h"
#include "lanes_attend.h"
#include "quantised.h"

const struct kw_kernels kw_avx2 = {"avx2", FLOAT_KERNELS, &kw_quantised_avx2};
#pragma clang attribute pop
#endif
