// Kernels that walk over one row of numbers: norms, rotation, activation, conversion.

static void normalize(const float *x, const float *weight, float epsilon, size_t n, float *y) {
    lanes squares = splat(0);
    for (size_t i = 0; i < n; i += LANES) {
        const lanes a = load_floats(x + i, n - i);
        squares = fused(a, a, squares);
    }
    const lanes scale = splat(1 / sqrtf(total(squares) / (float)n + epsilon));
    for (size_t i = 0; i < n; i += LANES)
        store(y + i, load_floats(x + i, n - i) * scale * load_floats(weight + i, n - i), n - i);
}

static void rotate(float *x, const float *cosine, const float *sine, size_t half) {
    for (size_t i = 0; i < half; i += LANES) {
        const size_t left = half - i;
        const lanes a = load_floats(x + i, left), b = load_floats(x + half + i, left);
        const lanes c = load_floats(cosine + i, left), s = load_floats(sine + i, left);
        store(x + i, fused(a, c, -(b * s)), left);
        store(x + half + i, fused(b, c, a * s), left);
    }
}

static void gate(enum kw_activation activation, float *gate, const float *up, size_t n) {
    for (size_t i = 0; i < n; i += LANES) {
        const lanes g = load_floats(gate + i, n - i);
        const lanes exponent = activation == kw_gelu ? g * fused(splat(KW_GELU_B), g * g, splat(KW_GELU_A)) : -g;
        store(gate + i, g / (1 + exponential(exponent)) * load_floats(up + i, n - i), n - i);
    }
}

static void add(float *x, const float *y, float factor, size_t n) {
    for (size_t i = 0; i < n; i += LANES)
        store(x + i, fused(load_floats(y + i, n - i), splat(factor), load_floats(x + i, n - i)), n - i);
}

static void scale(float *x, float factor, size_t n) {
    for (size_t i = 0; i < n; i += LANES) store(x + i, load_floats(x + i, n - i) * splat(factor), n - i);
}

static void soft_cap(float *x, float cap, size_t n) {
    for (size_t i = 0; i < n; i += LANES) store(x + i, capped(load_floats(x + i, n - i), cap), n - i);
}

static void widen(enum kw_type type, const void *from, float *to, size_t n) {
    for (size_t i = 0; i < n; i += LANES) store(to + i, load_padded(type, from, i, n - i), n - i);
}

/// Sixteen numbers in f16, to nearest even and saturated; a NaN stays one. Adds 1 to each lane of what it met.
INLINE halves rounded(lanes x, int_lanes *saturated, int_lanes *not_finite) {
    const lanes size = as_floats(as_ints(x) & 0x7fffffff);
    *saturated -= size >= splat(KW_F16_OVERFLOW);
    *not_finite -= !(size < splat(INFINITY));
    x = x > splat(KW_F16_MAX) ? splat(KW_F16_MAX) : x;
    x = x < splat(-KW_F16_MAX) ? splat(-KW_F16_MAX) : x;
    return __builtin_convertvector(x, halves);
}

INLINE struct kw_rounding met(int_lanes saturated, int_lanes not_finite) {
    return (struct kw_rounding){(uint64_t)__builtin_reduce_add(saturated), (uint64_t)__builtin_reduce_add(not_finite)};
}

static struct kw_rounding narrow(const float *from, uint16_t *to, size_t n) {
    int_lanes saturated = 0, not_finite = 0;
    for (size_t i = 0; i < n; i += LANES) {
        const halves h = rounded(load_floats(from + i, n - i), &saturated, &not_finite);
        if (n - i >= LANES) *(halves_in_memory *)(to + i) = h;
        else memcpy(to + i, &h, (n - i) * sizeof(uint16_t));
    }
    return met(saturated, not_finite);
}

static struct kw_rounding round_in_place(float *x, size_t n) {
    int_lanes saturated = 0, not_finite = 0;
    for (size_t i = 0; i < n; i += LANES) {
        const halves h = rounded(load_floats(x + i, n - i), &saturated, &not_finite);
        store(x + i, __builtin_convertvector(h, lanes), n - i);
    }
    return met(saturated, not_finite);
}
