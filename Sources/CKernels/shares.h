#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The items of one piece of work, a range of them for each thread. Neighbours stay together, since what a product
// fetches ahead are the rows behind those that it multiplies: a thread goes through its own range from the front, and
// one that has none left takes the back half of another's.

/// One thread's range: its first item in the upper half, its end in the lower one. On a cache line of its own.
struct share {
    _Alignas(64) _Atomic uint64_t range;
};

struct items {
    size_t first, end;
};

static inline struct items items_of(uint64_t range) {
    return (struct items){(size_t)(range >> 32), (size_t)(range & UINT32_MAX)};
}

static inline uint64_t range_of(struct items items) { return (uint64_t)items.first << 32 | (uint64_t)items.end; }

/// Gives 0..<count to so many threads, to each about as many.
static inline void divide(struct share *shares, size_t threads, size_t count) {
    for (size_t i = 0; i < threads; i++)
        atomic_store(&shares[i].range, range_of((struct items){count * i / threads, count * (i + 1) / threads}));
}

/// Takes items from the front of a thread's own range, many at first and then fewer, so that enough is left for others
/// to help with; false where it is empty.
static inline bool take(struct share *own, struct items *taken) {
    uint64_t range = atomic_load(&own->range);
    for (;;) {
        const struct items all = items_of(range);
        if (all.first == all.end) return false;
        const size_t left = all.end - all.first, middle = all.first + (left > 4 ? left / 4 : 1);
        if (!atomic_compare_exchange_weak(&own->range, &range, range_of((struct items){middle, all.end}))) continue;
        *taken = (struct items){all.first, middle};
        return true;
    }
}

/// Moves the back half of another thread's range to one's own, which is empty; false where no other has any left.
static inline bool take_over(struct share *shares, size_t threads, size_t own) {
    for (size_t i = 1; i < threads; i++) {
        struct share *other = &shares[(own + i) % threads];
        uint64_t range = atomic_load(&other->range);
        for (;;) {
            const struct items all = items_of(range);
            if (all.first == all.end) break;
            const size_t middle = all.first + (all.end - all.first) / 2;
            if (!atomic_compare_exchange_weak(&other->range, &range, range_of((struct items){all.first, middle})))
                continue;
            atomic_store(&shares[own].range, range_of((struct items){middle, all.end}));
            return true;
        }
    }
    return false;
}
