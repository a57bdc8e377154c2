/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance, by pages. Complete when the function returns. Addresses are the kernel's. */
#ifndef KERNEL_MEMORY_CACHE_H
#define KERNEL_MEMORY_CACHE_H

#include <keel/types.h>

/* Zeroes pages, and cleans them to memory: a guest with its caches off sees no old content. */
void cache_scrub(void *first, uint64_t pages);

/* Cleans a page to memory, which is also where instructions are fetched from. */
void cache_clean_page(void *page);

/* No CPU fetches old instructions any more. After the pages concerned were cleaned. */
void cache_forget_instructions(void);

#endif
