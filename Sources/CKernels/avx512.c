#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
                             apply_to = function)
#define PART_LANES 16
#define TILE_ROWS 6 // 24 sums, 6 rows of weights and a token: 31 of 32 registers
#define TILE_TOKENS 4
#define FEW_ROWS 3
#define FEW_TOKENS 8
#define DECODE_ROWS 8
#define ATTEND_LANES 4
#define VALUE_LANES 4
#include "lanes.h"
#include "lanes_rows.h"
#include "lanes_multiply.h"
#include "lanes_attend.h"
#include "quantised.h"

const struct kw_kernels kw_avx512 = {"avx512", FLOAT_KERNELS, &kw_quantised_avx512};
const struct kw_kernels kw_avx512_vnni = {"avx512-vnni", FLOAT_KERNELS, &kw_quantised_vnni};
#pragma clang attribute pop
#endif
