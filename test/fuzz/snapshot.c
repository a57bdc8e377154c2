/* SPDX-License-Identifier: Apache-2.0 */
/* See snapshot.h. Copies over what the sanitizer has put between the variables, hence without it.
 */
#include "snapshot.h"

#include "fuzz.h"

/* By the linker, if there are any. */
extern char __start_kernel_bss[] __attribute__((weak)), __stop_kernel_bss[] __attribute__((weak));
extern char __start_kernel_data[] __attribute__((weak)), __stop_kernel_data[] __attribute__((weak));

struct snapshot {
    char *bss, *data;
};

/* Both at a multiple of 8. */
__attribute__((no_sanitize("address", "undefined", "coverage"), no_builtin("memcpy"))) static void
copy(void *restrict to, const void *restrict from, size_t bytes)
{
    for (size_t i = 0; i < bytes / 8; i++)
        ((uint64_t *)to)[i] = ((const uint64_t *)from)[i];
    for (size_t i = bytes & ~(size_t)7; i < bytes; i++)
        ((char *)to)[i] = ((const char *)from)[i];
}

struct snapshot *snapshot_take(void)
{
    size_t bss = (size_t)(__stop_kernel_bss - __start_kernel_bss);
    size_t data = (size_t)(__stop_kernel_data - __start_kernel_data);
    struct snapshot *snapshot = malloc(sizeof *snapshot);

    must(snapshot);
    *snapshot = (struct snapshot){.bss = malloc(bss), .data = malloc(data)};
    must(snapshot->bss && snapshot->data);
    copy(snapshot->bss, __start_kernel_bss, bss);
    copy(snapshot->data, __start_kernel_data, data);
    return snapshot;
}

void snapshot_restore(const struct snapshot *snapshot)
{
    copy(__start_kernel_bss, snapshot->bss, (size_t)(__stop_kernel_bss - __start_kernel_bss));
    copy(__start_kernel_data, snapshot->data, (size_t)(__stop_kernel_data - __start_kernel_data));
}
