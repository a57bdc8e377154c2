/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance: Arm ARM D7.5 (by address to the point of coherency), B2.2.5 (instructions). */
#include "memory/cache.h"

#include "arch/registers.h"
#include <keel/types.h>

#define CTR_DMINLINE(ctr) (4ul << ((ctr) >> 16 & 15)) /* bytes */
#define DCZID_BS(dczid)   (4ul << ((dczid)&15))       /* bytes; not prohibited at EL2 */

/* The usual size of a line. A page of those is done without a loop, which would cost as much again.
 */
#define LINE 64
_Static_assert(KEEL_PAGE_SIZE == 64 * LINE, "as many as are repeated below");
#define for_each_line(first, pages, operations)                             \
    for (char *at = (first), *end = at + (pages)*KEEL_PAGE_SIZE; at < end;) \
    __asm__ volatile(".rept 64\n" operations "add %0, %0, %1\n.endr"        \
                     : "+r"(at)                                             \
                     : "i"(LINE)                                            \
                     : "memory")

static bool lines_are_usual(void)
{
    return likely(CTR_DMINLINE(sysreg_read(ctr_el0)) == LINE);
}

static void clean_otherwise(char *at, uint64_t pages)
{
    const char *end = at + pages * KEEL_PAGE_SIZE;

    for (; at < end; at += CTR_DMINLINE(sysreg_read(ctr_el0)))
        __asm__ volatile("dc cvac, %0" ::"r"(at) : "memory");
}

void cache_scrub(void *first, uint64_t pages)
{
    if (lines_are_usual() && DCZID_BS(sysreg_read(dczid_el0)) == LINE) {
        for_each_line(first, pages, "dc zva, %0\ndc cvac, %0\n");
    } else {
        memset(first, 0, pages * KEEL_PAGE_SIZE);
        clean_otherwise(first, pages);
    }
    dsb(sy);
}

void cache_clean_page(void *page)
{
    if (lines_are_usual())
        for_each_line(page, 1, "dc cvac, %0\n");
    else
        clean_otherwise(page, 1);
    dsb(sy);
}

void cache_forget_instructions(void)
{
    __asm__ volatile("ic ialluis" ::: "memory");
    dsb(ish);
    isb();
}
