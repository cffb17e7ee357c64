#include "CAllocations.h"
#include <errno.h>
#include <stdlib.h>

static _Thread_local size_t count;

size_t allocations_of_this_thread(void) { return count; }

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)
// A program's own malloc takes the place of the library's, whose work glibc offers under these names.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

bool allocations_are_counted(void) { return true; }

void *malloc(size_t size) {
    count++;
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count++;
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    count++;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    count++;
    void *taken = __libc_memalign(alignment, size);
    if (!taken) return ENOMEM;
    *memory = taken;
    return 0;
}
#else
bool allocations_are_counted(void) { return false; }
#endif
