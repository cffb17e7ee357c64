#pragma STDC FP_CONTRACT OFF
#if defined(__aarch64__)
#define PART_LANES 4
#define TILE_ROWS 2 // 24 registers of sums, 2 rows of weights and a token: 27 of 32
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

const struct kw_kernels kw_neon = {"neon", FLOAT_KERNELS, &kw_quantised_neon};
const struct kw_kernels kw_neon_dot = {"neon-dot", FLOAT_KERNELS, &kw_quantised_neon_dot};
#endif
