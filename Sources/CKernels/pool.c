#pragma STDC FP_CONTRACT OFF
#define _GNU_SOURCE // clock_gettime, under a strict C17
#include "CKernels.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

// A pass brings a piece of work every few microseconds, and a wake-up costs more than fifty. So whoever waits spins for
// a moment before it sleeps, and nothing on the way of a thread that is awake takes the lock.

#define SPIN_NANOSECONDS 20000

/// What `state` counts: the workers inside the open piece, whether it is open, and the pieces so far.
#define WORKER 1u
#define OPEN (UINT64_C(1) << 16)
#define PIECE (UINT64_C(1) << 17)

struct kw_pool {
    atomic_flag taken; // somebody's work is being done
    _Atomic uint64_t state;
    atomic_size_t next; // of the items, the first that nobody has taken
    size_t count;
    void (*body)(void *, size_t, size_t);
    void *context;
    atomic_bool stopping;
    bool spins; // there are cores enough
    pthread_mutex_t lock;
    pthread_cond_t started, finished;
    atomic_size_t sleeping; // workers
    atomic_bool waiting;    // the caller
    size_t thread_count;
    pthread_t threads[];
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// Takes items until none are left, many at first and then fewer, so that all threads end at about the same time.
static void do_items(struct kw_pool *pool) {
    const size_t shares = 4 * (pool->thread_count + 1);
    size_t first = atomic_load(&pool->next);
    while (first < pool->count) {
        const size_t left = pool->count - first, end = first + (left > shares ? left / shares : 1);
        if (!atomic_compare_exchange_weak(&pool->next, &first, end)) continue;
        pool->body(pool->context, first, end);
        first = atomic_load(&pool->next);
    }
}

// MARK: Workers

static bool has_news(struct kw_pool *pool, uint64_t last) {
    return atomic_load(&pool->state) / PIECE != last || atomic_load(&pool->stopping);
}

/// Waits for another piece of work than `last`: spinning at first, then asleep.
static void wait_for_work(struct kw_pool *pool, uint64_t last) {
    const int64_t end = pool->spins ? now() + SPIN_NANOSECONDS : 0;
    while (!has_news(pool, last) && now() < end)
        for (int i = 0; i < 32 && !has_news(pool, last); i++) pause_briefly();
    if (has_news(pool, last)) return;
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping, 1);
    while (!has_news(pool, last)) pthread_cond_wait(&pool->started, &pool->lock);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
}

/// Enters the open piece; false where the others have done it already.
static bool enter(struct kw_pool *pool, uint64_t *piece) {
    uint64_t state = atomic_load(&pool->state);
    do {
        *piece = state / PIECE;
        if (!(state & OPEN)) return false;
    } while (!atomic_compare_exchange_weak(&pool->state, &state, state + WORKER));
    return true;
}

static void leave(struct kw_pool *pool) {
    const uint64_t state = atomic_fetch_sub(&pool->state, WORKER) - WORKER;
    if (state % PIECE != 0 || !atomic_load(&pool->waiting)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument) {
    struct kw_pool *pool = argument;
    uint64_t last = 0;
    for (;;) {
        wait_for_work(pool, last);
        if (atomic_load(&pool->stopping)) return NULL;
        if (!enter(pool, &last)) continue;
        do_items(pool);
        leave(pool);
    }
}

// MARK: The caller

/// Opens a piece of work to the workers.
static void open_work(struct kw_pool *pool) {
    atomic_store(&pool->next, 0);
    atomic_fetch_add(&pool->state, PIECE + OPEN);
    if (atomic_load(&pool->sleeping) == 0) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->started);
    pthread_mutex_unlock(&pool->lock);
}

static bool is_done(struct kw_pool *pool) { return atomic_load(&pool->state) % OPEN == 0; }

/// Shuts it to those that have not begun, and waits for those that have.
static void close_work(struct kw_pool *pool) {
    atomic_fetch_sub(&pool->state, OPEN);
    const int64_t end = pool->spins ? now() + SPIN_NANOSECONDS : 0;
    while (!is_done(pool) && now() < end) pause_briefly();
    if (is_done(pool)) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->waiting, true);
    while (!is_done(pool)) pthread_cond_wait(&pool->finished, &pool->lock);
    atomic_store(&pool->waiting, false);
    pthread_mutex_unlock(&pool->lock);
}

struct kw_pool *kw_pool_create(size_t threads) {
    struct kw_pool *pool = calloc(1, sizeof(struct kw_pool) + threads * sizeof(pthread_t));
    if (!pool) return NULL;
    atomic_flag_clear(&pool->taken);
    pool->spins = (long)threads <= sysconf(_SC_NPROCESSORS_ONLN);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->started, NULL);
    pthread_cond_init(&pool->finished, NULL);
    for (; pool->thread_count + 1 < threads; pool->thread_count++)
        if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) != 0) break;
    return pool;
}

void kw_pool_destroy(struct kw_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stopping, true);
    pthread_cond_broadcast(&pool->started);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->started);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void kw_pool_run(struct kw_pool *pool, size_t count, void (*body)(void *context, size_t first, size_t end),
                 void *context) {
    if (!pool || pool->thread_count == 0 || count < 2 || atomic_flag_test_and_set(&pool->taken)) {
        if (count > 0) body(context, 0, count);
        return;
    }
    pool->body = body, pool->context = context, pool->count = count;
    open_work(pool);
    do_items(pool);
    close_work(pool);
    atomic_flag_clear(&pool->taken);
}
