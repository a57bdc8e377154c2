/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance: Arm ARM D7.5 (by address to the point of coherency), B2.2.5 (instructions). */
#include "memory/cache.h"

#include "arch/registers.h"
#include <keel/types.h>

#define CTR_DMINLINE(ctr) (4ul << ((ctr) >> 16 & 15)) /* bytes */
#define DCZID_BS(dczid)   (4ul << ((dczid)&15))       /* bytes; not prohibited at EL2 */
_Static_assert(KEEL_PAGE_SIZE % (16 * 256) == 0, "lines of up to 256 bytes");

/* Sixteen lines at a time: the loop would cost as much as what it does. */
#define for_each_line(first, pages, line, operations)                         \
    for (char *at = (first), *end = at + (pages)*KEEL_PAGE_SIZE; at < end;)   \
    __asm__ volatile(".rept 16\n" operations "add %0, %0, %1\n.endr"          \
                     : "+r"(at)                                               \
                     : "r"(line)                                              \
                     : "memory")

static void clean_lines(char *first, uint64_t pages)
{
    uint64_t line = CTR_DMINLINE(sysreg_read(ctr_el0));

    for_each_line(first, pages, line, "dc cvac, %0\n");
}

void cache_scrub(void *first, uint64_t pages)
{
    uint64_t line = CTR_DMINLINE(sysreg_read(ctr_el0));
    uint64_t block = DCZID_BS(sysreg_read(dczid_el0));

    if (likely(block == line)) {
        for_each_line(first, pages, line, "dc zva, %0\ndc cvac, %0\n");
    } else {
        memset(first, 0, pages * KEEL_PAGE_SIZE);
        clean_lines(first, pages);
    }
    dsb(sy);
}

void cache_clean_page(void *page)
{
    clean_lines(page, 1);
    dsb(sy);
}

void cache_forget_instructions(void)
{
    __asm__ volatile("ic ialluis" ::: "memory");
    dsb(ish);
    isb();
}
