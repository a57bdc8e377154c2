/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's image says of itself, to the loader. It is a flat binary, linked at KEEL_KERNEL_VA:
 * text, read-only data, data, then (not in the file) bss, each beginning on a page. Its first page begins
 * with the CPUs' entry and has this header at KEEL_KERNEL_HEADER_OFFSET. All sizes are multiples of the
 * page size.
 */
#ifndef KEEL_IMAGE_H
#define KEEL_IMAGE_H

#include <keel/types.h>

struct keel_kernel_header {
    uint64_t magic;
    uint64_t text_bytes; /* from the entry; at least one page */
    uint64_t rodata_bytes;
    uint64_t data_bytes;
    uint64_t bss_bytes; /* zeroed by the loader */
};
KEEL_ABI_SIZE(struct keel_kernel_header, 40);
#define KEEL_KERNEL_MAGIC         0x6e72654b4c45454bull /* "KEELKern" */
#define KEEL_KERNEL_HEADER_OFFSET 64

#endif
