#include "allocations.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_uint_fast64_t count;

uint64_t allocation_count(void) { return atomic_load(&count); }

#ifdef __GLIBC__
// A program's own malloc takes the place of the library's, whose work glibc offers under these names.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size) {
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return __libc_realloc(memory, size);
}
#endif
