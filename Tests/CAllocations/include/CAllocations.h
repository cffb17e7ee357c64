#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Whether allocations are counted: on glibc, without a sanitizer that has an allocator of its own.
bool allocations_are_counted(void);

/// How often this thread has asked for memory.
size_t allocations_of_this_thread(void);
