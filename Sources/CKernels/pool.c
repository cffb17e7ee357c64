#pragma STDC FP_CONTRACT OFF
#define _GNU_SOURCE // clock_gettime and affinity, under a strict C17
#include "CKernels.h"
#include "shares.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

// A pass brings a piece of work every few microseconds, and a wake-up costs more than fifty. So whoever waits spins for
// a moment before it sleeps, and nothing on the way of a thread that is awake takes the lock.

#define SPIN_NANOSECONDS 20000
/// Waits that a worker does not spin through, once others wanted its core.
#define RESTS 64

/// What `state` counts: the workers inside the open piece, whether it is open, and the pieces so far.
#define WORKER 1u
#define OPEN (UINT64_C(1) << 16)
#define PIECE (UINT64_C(1) << 17)

struct worker {
    pthread_t thread;
    struct kw_pool *pool;
    atomic_int core; // on which it ran last, or NOWHERE
    long pushed_off; // how often, when it last looked
    int rests;       // waits to come without spinning
};

#define NOWHERE -1

struct kw_pool {
    atomic_flag taken; // somebody's work is being done
    _Atomic uint64_t state;
    struct share *shares; // of the items: the caller's, then each worker's
    void (*body)(void *, size_t, size_t);
    void *context;
    atomic_bool stopping;
    bool spins; // there are cores enough
    pthread_mutex_t lock;
    pthread_cond_t started, finished;
    atomic_size_t sleeping; // workers
    atomic_bool waiting;    // the caller
#if defined(__linux__)
    cpu_set_t cores; // that the process may use
#endif
    int caller_core; // last time, or NOWHERE
    size_t worker_count;
    struct worker workers[];
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

// MARK: Cores

// Under a hypervisor an idle core looks taken to Linux, which then wakes a worker on the very core of the caller and
// leaves both there for milliseconds. So workers may run anywhere but there.

#if defined(__linux__)

/// Keeps a worker from the caller's core and, as far as there are others, from those where its fellows ran last.
static void send_away(const struct kw_pool *pool, const struct worker *worker, int caller) {
    cpu_set_t free = pool->cores;
    CPU_CLR((size_t)caller, &free);
    for (size_t i = 0; i < pool->worker_count; i++) {
        const int core = atomic_load(&pool->workers[i].core);
        if (&pool->workers[i] != worker && core != NOWHERE) CPU_CLR((size_t)core, &free);
    }
    if (CPU_COUNT(&free) > 0) pthread_setaffinity_np(worker->thread, sizeof free, &free);
}

static int this_core(void) {
    const int core = sched_getcpu();
    return core < CPU_SETSIZE ? core : NOWHERE;
}

/// Finds the cores that the caller may use, and returns how many.
static size_t find_cores(struct kw_pool *pool) {
    if (sched_getaffinity(0, sizeof pool->cores, &pool->cores) != 0) CPU_ZERO(&pool->cores);
    return (size_t)CPU_COUNT(&pool->cores);
}

/// Whether others took the core from this worker since it last looked.
static bool was_pushed_off(struct worker *worker) {
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0) return false;
    const long before = worker->pushed_off;
    worker->pushed_off = usage.ru_nivcsw;
    return usage.ru_nivcsw > before;
}

#else // the scheduler decides

static void send_away(const struct kw_pool *pool, const struct worker *worker, int caller) {
    (void)pool, (void)worker, (void)caller;
}
static int this_core(void) { return NOWHERE; }
static size_t find_cores(struct kw_pool *pool) {
    (void)pool;
    return (size_t)sysconf(_SC_NPROCESSORS_ONLN);
}
static bool was_pushed_off(struct worker *worker) {
    (void)worker;
    return false;
}

#endif

/// Sends the workers away from the caller's core, if it is not where it was last time.
static void make_room(struct kw_pool *pool) {
    const int caller = this_core();
    if (caller == pool->caller_core) return;
    pool->caller_core = caller;
    for (size_t i = 0; i < pool->worker_count; i++) send_away(pool, &pool->workers[i], caller);
}

// MARK: Items

/// Does the items of one's own share, and then what others have left of theirs.
static void do_items(struct kw_pool *pool, size_t share) {
    struct items items;
    while (take(&pool->shares[share], &items) || take_over(pool->shares, pool->worker_count + 1, share, &items))
        pool->body(pool->context, items.first, items.end);
}

// MARK: Workers

static bool has_news(struct kw_pool *pool, uint64_t last) {
    return atomic_load(&pool->state) / PIECE != last || atomic_load(&pool->stopping);
}

/// Waits a moment for another piece of work than `last`, unless there are others for the core.
static void spin(struct worker *worker, uint64_t last) {
    struct kw_pool *pool = worker->pool;
    if (!pool->spins) return;
    if (worker->rests > 0) {
        worker->rests--;
        return;
    }
    const int64_t end = now() + SPIN_NANOSECONDS;
    while (!has_news(pool, last) && now() < end)
        for (int i = 0; i < 32 && !has_news(pool, last); i++) pause_briefly();
    if (!has_news(pool, last) && was_pushed_off(worker)) worker->rests = RESTS;
}

/// Waits for another piece of work than `last`: spinning at first, then asleep.
static void wait_for_work(struct worker *worker, uint64_t last) {
    struct kw_pool *pool = worker->pool;
    spin(worker, last);
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
    struct worker *worker = argument;
    struct kw_pool *pool = worker->pool;
    uint64_t last = 0;
    for (;;) {
        atomic_store(&worker->core, this_core());
        wait_for_work(worker, last);
        if (atomic_load(&pool->stopping)) return NULL;
        if (!enter(pool, &last)) continue;
        do_items(pool, (size_t)(worker - pool->workers) + 1);
        leave(pool);
    }
}

// MARK: The caller

/// Opens a piece of work to the workers.
static void open_work(struct kw_pool *pool, size_t count) {
    make_room(pool);
    divide(pool->shares, pool->worker_count + 1, count);
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
    struct kw_pool *pool = calloc(1, sizeof(struct kw_pool) + threads * sizeof(struct worker));
    if (!pool) return NULL;
    pool->shares = aligned_alloc(_Alignof(struct share), threads * sizeof(struct share));
    if (!pool->shares) {
        free(pool);
        return NULL;
    }
    atomic_flag_clear(&pool->taken);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->started, NULL);
    pthread_cond_init(&pool->finished, NULL);
    pool->spins = threads <= find_cores(pool);
    pool->caller_core = NOWHERE;
    for (size_t i = 0; i + 1 < threads; i++) {
        pool->workers[i] = (struct worker){.pool = pool, .core = NOWHERE};
        if (pthread_create(&pool->workers[i].thread, NULL, work, &pool->workers[i]) != 0) break;
        pool->worker_count++;
    }
    return pool;
}

void kw_pool_destroy(struct kw_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stopping, true);
    pthread_cond_broadcast(&pool->started);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->worker_count; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->started);
    pthread_mutex_destroy(&pool->lock);
    free(pool->shares);
    free(pool);
}

void kw_pool_run(struct kw_pool *pool, size_t count, void (*body)(void *context, size_t first, size_t end),
                 void *context) {
    const bool is_shareable = pool && pool->worker_count > 0 && count > 1 && count <= UINT32_MAX;
    if (!is_shareable || atomic_flag_test_and_set(&pool->taken)) {
        if (count > 0) body(context, 0, count);
        return;
    }
    pool->body = body, pool->context = context;
    open_work(pool, count);
    do_items(pool, 0);
    close_work(pool);
    atomic_flag_clear(&pool->taken);
}
