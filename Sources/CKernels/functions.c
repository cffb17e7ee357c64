#pragma STDC FP_CONTRACT OFF
#include "CKernels.h"
#include <math.h>
#include <string.h>

// Taylor series about 0 on a reduced interval, in Horner form. The constants are the quotients that they are written
// as; the compiler rounds each to the nearest double.

static double power_of_two(int64_t exponent) { // -1022...1023
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/// The nearest whole number of a value below 2⁵¹ in size: adding 1.5·2⁵² leaves no bits for a fraction.
static double nearest(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

/// ln 2 in two parts; the first has 32 bits, so that its products with exponents are exact.
static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;

/// exp(x) = 2ⁿ · exp(r), r = x - n·ln 2, |r| ≤ ln 2 / 2.
static inline __attribute__((always_inline)) double exp_of_finite(double x) {
    const double n = nearest(x * 0x1.71547652b82fep0);
    const double r = fma(n, -ln2_low, fma(n, -ln2_high, x));
    double p = 1.0 / 6227020800;
    p = fma(p, r, 1.0 / 479001600);
    p = fma(p, r, 1.0 / 39916800);
    p = fma(p, r, 1.0 / 3628800);
    p = fma(p, r, 1.0 / 362880);
    p = fma(p, r, 1.0 / 40320);
    p = fma(p, r, 1.0 / 5040);
    p = fma(p, r, 1.0 / 720);
    p = fma(p, r, 1.0 / 120);
    p = fma(p, r, 1.0 / 24);
    p = fma(p, r, 1.0 / 6);
    p = fma(p, r, 0.5);
    p = fma(p, r, 1);
    p = fma(p, r, 1);
    const int64_t exponent = (int64_t)n, half = exponent / 2; // in two steps: 2ⁿ alone may not be a normal number
    return p * power_of_two(half) * power_of_two(exponent - half);
}

#if defined(__x86_64__)
// `fma` is a call where the compiler may not count on the instruction, and a softmax over a vocabulary has millions of them a
// second. Both round once, to the same bits.
__attribute__((target("fma"))) static double exp_fused(double x) { return exp_of_finite(x); }
#endif

double kw_exp(double x) {
    if (isnan(x)) return x;
    if (x > 710) return INFINITY;
    if (x < -746) return 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("fma")) return exp_fused(x);
#endif
    return exp_of_finite(x);
}

/// log(x) = n·ln 2 + log(m), √½ ≤ m < √2, log(m) = 2·artanh(s), s = (m - 1) / (m + 1).
double kw_log(double x) {
    if (isnan(x) || x < 0) return NAN;
    if (x == 0) return -INFINITY;
    if (isinf(x)) return x;
    int64_t n = 0;
    if (x < 0x1p-1022) x *= 0x1p54, n = -54;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    n += (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffff) | 0x3ff0000000000000;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp0) m /= 2, n += 1;
    const double f = m - 1, s = f / (m + 1), q = s * s;
    double p = 1.0 / 23;
    p = fma(p, q, 1.0 / 21);
    p = fma(p, q, 1.0 / 19);
    p = fma(p, q, 1.0 / 17);
    p = fma(p, q, 1.0 / 15);
    p = fma(p, q, 1.0 / 13);
    p = fma(p, q, 1.0 / 11);
    p = fma(p, q, 1.0 / 9);
    p = fma(p, q, 1.0 / 7);
    p = fma(p, q, 1.0 / 5);
    p = fma(p, q, 1.0 / 3);
    // log(m) = f - s·(f - 2q·p): the first term is exact, so that little is lost near 1.
    const double tail = s * (f - 2 * q * p);
    return fma((double)n, ln2_high, f - (tail - (double)n * ln2_low));
}

/// r = x - n·π/2 with |r| ≤ π/4. π/2 stands in three parts of 33, 33 and 53 bits: n below 2²⁰ times a part is exact.
static double reduced(double x, int64_t *quadrant) {
    const double n = nearest(x * 0x1.45f306dc9c883p-1);
    *quadrant = (int64_t)n & 3;
    double r = fma(n, -0x1.921fb544p0, x);
    r = fma(n, -0x1.0b4611a6p-34, r);
    return fma(n, -0x1.3198a2e037073p-69, r);
}

static double sine_series(double r) {
    const double q = r * r;
    double p = 1.0 / 355687428096000;
    p = fma(p, q, -1.0 / 1307674368000);
    p = fma(p, q, 1.0 / 6227020800);
    p = fma(p, q, -1.0 / 39916800);
    p = fma(p, q, 1.0 / 362880);
    p = fma(p, q, -1.0 / 5040);
    p = fma(p, q, 1.0 / 120);
    p = fma(p, q, -1.0 / 6);
    return fma(p * q, r, r);
}

static double cosine_series(double r) {
    const double q = r * r;
    double p = 1.0 / 20922789888000;
    p = fma(p, q, -1.0 / 87178291200);
    p = fma(p, q, 1.0 / 479001600);
    p = fma(p, q, -1.0 / 3628800);
    p = fma(p, q, 1.0 / 40320);
    p = fma(p, q, -1.0 / 720);
    p = fma(p, q, 1.0 / 24);
    p = fma(p, q, -0.5);
    return fma(p, q, 1);
}

/// sin(r + quadrant·π/2).
static double turned(double r, int64_t quadrant) {
    switch (quadrant & 3) {
    case 0: return sine_series(r);
    case 1: return cosine_series(r);
    case 2: return -sine_series(r);
    default: return -cosine_series(r);
    }
}

double kw_sin(double x) {
    if (!(fabs(x) <= 0x1p20)) return NAN;
    int64_t quadrant;
    const double r = reduced(x, &quadrant);
    return turned(r, quadrant);
}

double kw_cos(double x) {
    if (!(fabs(x) <= 0x1p20)) return NAN;
    int64_t quadrant;
    const double r = reduced(x, &quadrant);
    return turned(r, quadrant + 1);
}

double kw_pow(double x, double y) { return kw_exp(y * kw_log(x)); }
