/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance: Arm ARM D7.5 (by address to the point of coherency), B2.2.5 (instructions). */
#include "memory/cache.h"

#include "arch/registers.h"
#include <keel/types.h>

#define CTR_DMINLINE(ctr) (4ul << ((ctr) >> 16 & 15)) /* bytes */
#define DCZID_BS(dczid)   (4ul << ((dczid)&15))       /* bytes; not prohibited at EL2 */
#define UNROLL            8
_Static_assert(KEEL_PAGE_SIZE % (UNROLL * 256) == 0, "lines of up to 256 bytes");

#define dc(operation, address) __asm__ volatile("dc " #operation ", %0" ::"r"(address) : "memory")

static void clean_lines(char *page)
{
    uint64_t line = CTR_DMINLINE(sysreg_read(ctr_el0));

    for (char *at = page; at < page + KEEL_PAGE_SIZE;) {
#pragma GCC unroll 8
        for (uint32_t i = 0; i < UNROLL; i++, at += line)
            dc(cvac, at);
    }
}

void cache_scrub_page(void *page)
{
    char *first = page, *end = first + KEEL_PAGE_SIZE;
    uint64_t line = CTR_DMINLINE(sysreg_read(ctr_el0));
    uint64_t block = DCZID_BS(sysreg_read(dczid_el0));

    if (likely(block == line)) {
        for (char *at = first; at < end;) {
#pragma GCC unroll 8
            for (uint32_t i = 0; i < UNROLL; i++, at += line) {
                dc(zva, at);
                dc(cvac, at);
            }
        }
    } else {
        for (char *at = first; at < end; at += block)
            dc(zva, at);
        clean_lines(page);
    }
    dsb(sy);
}

void cache_clean_page(void *page)
{
    clean_lines(page);
    dsb(sy);
}

void cache_forget_instructions(void)
{
    __asm__ volatile("ic ialluis" ::: "memory");
    dsb(ish);
    isb();
}
