#pragma once

#include <stdint.h>

/// How often this process has asked for memory so far; 0 where the C library is not glibc.
uint64_t allocation_count(void);
