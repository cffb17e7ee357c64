#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The items of one piece of work, a range of them for each thread. Neighbours stay together, since what a product
// fetches ahead are the rows behind those that it multiplies: a thread goes through its own range from the front, and
// one that has none left takes the back half of another's.

/// One thread's range: its first item in the upper half, its end in the lower one. On cache lines of its own, which some
/// processors fetch in pairs.
struct share {
    _Alignas(128) _Atomic uint64_t range;
};

struct items {
    size_t first, end;
};

static inline struct items items_of(uint64_t range) {
    return (struct items){(size_t)(range >> 32), (size_t)(range & UINT32_MAX)};
}

static inline uint64_t range_of(size_t first, size_t end) { return (uint64_t)first << 32 | (uint64_t)end; }

/// Where a thread ends that begins to work on a range: at a quarter of it, so that enough is left for others to help with.
static inline size_t first_part(struct items all) {
    const size_t left = all.end - all.first;
    return all.first + (left > 4 ? left / 4 : 1);
}

/// Gives 0..<count to so many threads, to each about as many and to the first no fewer than to others.
static inline void divide(struct share *shares, size_t threads, size_t count) {
    size_t first = 0;
    for (size_t i = 0; i < threads; i++) {
        const size_t end = (count * (i + 1) + threads - 1) / threads;
        atomic_store(&shares[i].range, range_of(first, end));
        first = end;
    }
}

/// Takes items from the front of a thread's own range; false where it is empty.
static inline bool take(struct share *own, struct items *taken) {
    uint64_t range = atomic_load(&own->range);
    for (;;) {
        const struct items all = items_of(range);
        if (all.first == all.end) return false;
        const size_t middle = first_part(all);
        if (!atomic_compare_exchange_weak(&own->range, &range, range_of(middle, all.end))) continue;
        *taken = (struct items){all.first, middle};
        return true;
    }
}

/// Takes the back half of another thread's range: some items at once, the others as one's own range, which is empty.
/// False where no other has any left.
static inline bool take_over(struct share *shares, size_t threads, size_t own, struct items *taken) {
    for (size_t i = 1; i < threads; i++) {
        struct share *other = &shares[(own + i) % threads];
        uint64_t range = atomic_load(&other->range);
        for (;;) {
            const struct items all = items_of(range);
            if (all.first == all.end) break;
            const struct items half = {all.first + (all.end - all.first) / 2, all.end};
            if (!atomic_compare_exchange_weak(&other->range, &range, range_of(all.first, half.first))) continue;
            *taken = (struct items){half.first, first_part(half)};
            atomic_store(&shares[own].range, range_of(taken->end, half.end));
            return true;
        }
    }
    return false;
}
