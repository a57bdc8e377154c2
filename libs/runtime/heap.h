/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anonymous memory for musl: mmap, munmap, mprotect over the heap that the builder mapped. Nothing
 * is ever executable. Results are those of Linux: an address or 0, or a negated error.
 */
#ifndef RUNTIME_HEAP_H
#define RUNTIME_HEAP_H

#include <stddef.h>

long heap_map(size_t bytes, int protection, int flags);
long heap_unmap(void *address, size_t bytes);
long heap_protect(void *address, size_t bytes, int protection);
long heap_advise(void *address, size_t bytes, int advice);

/* Bytes that are free now. */
size_t heap_free(void);

#endif
