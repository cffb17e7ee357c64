#pragma once

#include <stddef.h>
#include <stdint.h>

/// Runs libFuzzer with `callback` as what it fuzzes; part of its runtime, which `-sanitize=fuzzer` links.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
