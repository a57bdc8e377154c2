/* SPDX-License-Identifier: Apache-2.0 */
/* See heap.h. */
#include <runtime/heap.h>

#include <errno.h>
#include <keel/boot.h>
#include <keel/calls.h>
#include <runtime/pages.h>
#include <runtime/start.h>
#include <string.h>
#include <sys/mman.h>

static struct pages pages;

static bool heap_ready(void)
{
    static bool tried, ready;
    if (!tried) {
        const struct keel_start *start = keel_start();
        tried = true;
        if (start != NULL && pages_init(&pages, (void *)start->heap, start->heap_bytes))
            ready = true;
    }
    return ready;
}

/* Rounds up to pages; 0 for 0 and for what cannot be. */
static size_t pages_of(size_t bytes)
{
    return bytes > PTRDIFF_MAX ? 0 : (bytes + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE;
}

/* Only the pages whose permissions differ are given to the kernel, run by run. */
static long protect(uint8_t *address, size_t n, uint64_t perm)
{
    bool shut = perm != (KEEL_PERM_READ | KEEL_PERM_WRITE);
    while (n > 0) {
        size_t run = 0;
        while (run < n && (shut || pages_shut(&pages, address + run * KEEL_PAGE_SIZE)))
            run++;
        if (run == 0) {
            address += KEEL_PAGE_SIZE;
            n--;
            continue;
        }
        int64_t done = keel_memory_protect(keel_self(), (uintptr_t)address, 0, run, perm);
        if (done <= 0 || (uint64_t)done > run)
            return done < 0 ? (long)done : -EIO;
        for (int64_t i = 0; i < done; i++, address += KEEL_PAGE_SIZE, n--)
            pages_set_shut(&pages, address, shut);
    }
    return 0;
}

static long perm_of(int protection)
{
    if ((protection & PROT_EXEC) != 0)
        return -EACCES;
    if ((protection & PROT_WRITE) != 0)
        return KEEL_PERM_READ | KEEL_PERM_WRITE;
    return (protection & PROT_READ) != 0 ? KEEL_PERM_READ : 0;
}

long heap_map(size_t bytes, int protection, int flags)
{
    size_t n = pages_of(bytes);
    long perm = perm_of(protection);
    if (perm < 0)
        return perm;
    if (n == 0 || (flags & MAP_FIXED) != 0)
        return -EINVAL;
    if ((flags & MAP_ANONYMOUS) == 0)
        return -ENODEV;
    if (!heap_ready())
        return -ENOMEM;
    void *address = pages_take(&pages, n);
    if (address == NULL)
        return -ENOMEM;
    /* A heap that cannot be protected page by page (no right, or mapped in blocks) still works:
     * mmap then gives memory that is more accessible than asked for, never executable. */
    (void)protect(address, n, (uint64_t)perm);
    return (long)address;
}

long heap_unmap(void *address, size_t bytes)
{
    size_t n = pages_of(bytes);
    if (n == 0 || !heap_ready() || !pages_used(&pages, address, n))
        return -EINVAL;
    long status = protect(address, n, KEEL_PERM_READ | KEEL_PERM_WRITE);
    if (status < 0)
        return status;
    return pages_give(&pages, address, n) ? 0 : -EINVAL;
}

long heap_protect(void *address, size_t bytes, int protection)
{
    size_t n = pages_of(bytes);
    long perm = perm_of(protection);
    if (perm < 0)
        return perm;
    if (!heap_ready() || !pages_used(&pages, address, n))
        return -ENOMEM;
    return protect(address, n, (uint64_t)perm);
}

long heap_advise(void *address, size_t bytes, int advice)
{
    if (!heap_ready() || !pages_used(&pages, address, pages_of(bytes)))
        return -ENOMEM;
    if (advice == MADV_DONTNEED)
        memset(address, 0, bytes);
    return 0;
}

size_t heap_free(void)
{
    return heap_ready() ? pages.free * KEEL_PAGE_SIZE : 0;
}
