#pragma once

#include <oniguruma.h>
#include <stddef.h>

// Oniguruma names its encodings and syntaxes by mutable globals, which Swift 6 rightly refuses to touch. These functions
// are the only places that do.

/// Prepares the library; to be called once, before anything else. Returns ONIG_NORMAL or an error code.
static inline int kwaai_onig_prepare(void) {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    return onig_initialize(encodings, 1);
}

/// Compiles `pattern` as UTF-8 in Oniguruma's own syntax. Returns ONIG_NORMAL or an error code.
static inline int kwaai_onig_compile(regex_t **compiled, const unsigned char *pattern, size_t count) {
    OnigErrorInfo information;
    return onig_new(compiled, pattern, pattern + count, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT,
                    &information);
}

/// The first match at or after `from`. Returns 1 and its bounds, 0 when there is none, or a negative error code.
static inline int kwaai_onig_find(regex_t *compiled, OnigRegion *region, const unsigned char *text, size_t count,
                                  size_t from, size_t *start, size_t *end) {
    int result = onig_search(compiled, text, text + count, text + from, text + count, region, ONIG_OPTION_NONE);
    if (result == ONIG_MISMATCH) return 0;
    if (result < 0) return result;
    *start = (size_t)region->beg[0];
    *end = (size_t)region->end[0];
    return 1;
}
