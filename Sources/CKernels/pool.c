#pragma STDC FP_CONTRACT OFF
#define _GNU_SOURCE // clock_gettime, under a strict C17
#include "CKernels.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

// Workers sleep on a condition and spin for a moment after each piece of work, since the next one of the same pass
// follows within microseconds and a wake-up costs more than fifty.

enum { SPIN_NANOSECONDS = 20000 };

struct kw_pool {
    atomic_flag taken; // somebody's work is being done
    pthread_mutex_t lock;
    pthread_cond_t started, finished;
    atomic_uint_fast64_t work; // counts pieces of work; changes when one opens
    atomic_size_t active;      // workers inside the open piece
    bool open, stopping;       // under the lock
    size_t sleeping;           // under the lock
    void (*body)(void *, size_t);
    void *context;
    size_t parts;
    atomic_size_t next;
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

static void do_parts(struct kw_pool *pool) {
    for (size_t part; (part = atomic_fetch_add(&pool->next, 1)) < pool->parts;) pool->body(pool->context, part);
}

/// Waits for another piece of work than `last`: spinning at first, then asleep. Called and returns with the lock held.
static void wait_for_work(struct kw_pool *pool, uint_fast64_t last) {
    pthread_mutex_unlock(&pool->lock);
    const int64_t end = now() + SPIN_NANOSECONDS;
    while (atomic_load(&pool->work) == last && now() < end)
        for (int i = 0; i < 32; i++) pause_briefly();
    pthread_mutex_lock(&pool->lock);
    pool->sleeping++;
    while (atomic_load(&pool->work) == last && !pool->stopping) pthread_cond_wait(&pool->started, &pool->lock);
    pool->sleeping--;
}

static void *work(void *argument) {
    struct kw_pool *pool = argument;
    uint_fast64_t last = 0;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        wait_for_work(pool, last);
        last = atomic_load(&pool->work);
        if (!pool->open) continue; // too late: the others have done it all
        atomic_fetch_add(&pool->active, 1);
        pthread_mutex_unlock(&pool->lock);
        do_parts(pool);
        pthread_mutex_lock(&pool->lock);
        if (atomic_fetch_sub(&pool->active, 1) == 1) pthread_cond_signal(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct kw_pool *kw_pool_create(size_t threads) {
    struct kw_pool *pool = calloc(1, sizeof(struct kw_pool) + threads * sizeof(pthread_t));
    if (!pool) return NULL;
    atomic_flag_clear(&pool->taken);
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
    pool->stopping = true;
    pthread_cond_broadcast(&pool->started);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->started);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/// Opens a piece of work to the workers.
static void open_work(struct kw_pool *pool, size_t parts, void (*body)(void *, size_t), void *context) {
    pool->body = body, pool->context = context, pool->parts = parts;
    atomic_store(&pool->next, 0);
    pthread_mutex_lock(&pool->lock);
    pool->open = true;
    atomic_fetch_add(&pool->work, 1);
    if (pool->sleeping > 0) pthread_cond_broadcast(&pool->started);
    pthread_mutex_unlock(&pool->lock);
}

/// Shuts it to those that have not begun, and waits for those that have.
static void close_work(struct kw_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->open = false;
    pthread_mutex_unlock(&pool->lock);
    const int64_t end = now() + SPIN_NANOSECONDS;
    while (atomic_load(&pool->active) > 0 && now() < end) pause_briefly();
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->active) > 0) pthread_cond_wait(&pool->finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void kw_pool_run(struct kw_pool *pool, size_t parts, void (*body)(void *context, size_t part), void *context) {
    if (!pool || pool->thread_count == 0 || parts < 2 || atomic_flag_test_and_set(&pool->taken)) {
        for (size_t part = 0; part < parts; part++) body(context, part);
        return;
    }
    open_work(pool, parts, body, context);
    do_parts(pool);
    close_work(pool);
    atomic_flag_clear(&pool->taken);
}
