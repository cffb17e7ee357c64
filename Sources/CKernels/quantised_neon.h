// Sixteen lanes as four registers of NEON, whose products take both factors with a sign.

INLINE int_lanes dot(int_lanes sums, bytes w, bytes x) {
    struct {
        int32x4_t quarters[4];
    } s = __builtin_bit_cast(__typeof__(s), sums);
    struct {
        int8x16_t quarters[4];
    } a = __builtin_bit_cast(__typeof__(a), w), b = __builtin_bit_cast(__typeof__(b), x);
    UNROLL for (int i = 0; i < 4; i++) s.quarters[i] = dot_quarter(s.quarters[i], a.quarters[i], b.quarters[i]);
    return __builtin_bit_cast(int_lanes, s);
}

INLINE int_lanes dot_signed(int_lanes sums, bytes w, bytes x) { return dot(sums, w, x); }

#include "quantised_lanes.h"
