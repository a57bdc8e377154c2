/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's stage 1 page tables. */
#include "page_table.h"

#include <keel/arch/boot.h>
#include <keel/boot.h>

/* Arm ARM D8.3: descriptor formats; with one VA range AP[1] is RES1 and bit 54 is XN. */
#define DESC_VALID       (1ull << 0)
#define DESC_TABLE       (1ull << 1) /* levels 0 to 2: table; level 3: page */
#define DESC_ATTR(index) ((uint64_t)(index) << 2)
#define DESC_AP1         (1ull << 6)
#define DESC_READ_ONLY   (1ull << 7) /* AP[2] */
#define DESC_SH_INNER    (3ull << 8)
#define DESC_AF          (1ull << 10)
#define DESC_XN          (1ull << 54)
#define DESC_ADDRESS     0x0000fffffffff000ull

#define VA_LIMIT (1ull << (64 - KEEL_EL2_T0SZ))
#define ENTRIES  512u

static unsigned int level_shift(unsigned int level)
{
    return KEEL_PAGE_SHIFT + 9 * (3 - level);
}

static uint64_t *table_at(uint64_t pa)
{
    return (uint64_t *)(uintptr_t)pa;
}

void page_table_start(struct page_table *table, uint64_t pages_pa, uint64_t pages_end)
{
    table->root = pages_pa;
    table->next = pages_pa + KEEL_PAGE_SIZE;
    table->end = pages_end;
}

static uint64_t leaf_attributes(uint32_t perm)
{
    uint64_t desc = DESC_VALID | DESC_AP1 | DESC_AF;

    desc |= perm & KEEL_PERM_DEVICE ? DESC_ATTR(KEEL_EL2_ATTR_DEVICE)
                                    : DESC_ATTR(KEEL_EL2_ATTR_NORMAL) | DESC_SH_INNER;
    if (!(perm & KEEL_PERM_WRITE))
        desc |= DESC_READ_ONLY;
    if (!(perm & KEEL_PERM_EXEC))
        desc |= DESC_XN;
    return desc;
}

/* The highest level whose blocks fit [va, va + bytes) -> pa at its start; level 0 has none. */
static unsigned int block_level(uint64_t va, uint64_t pa, uint64_t bytes)
{
    unsigned int level = 1;

    while (level < 3 &&
           ((va | pa) & ((1ull << level_shift(level)) - 1) || bytes >> level_shift(level) == 0))
        level++;
    return level;
}

static loader_error leaf_set(struct page_table *table, uint64_t va, unsigned int leaf_level,
                             uint64_t desc)
{
    uint64_t *entries = table_at(table->root);

    for (unsigned int level = 0;; level++) {
        uint64_t *entry = &entries[va >> level_shift(level) & (ENTRIES - 1)];

        if (level == leaf_level) {
            if (*entry)
                return "an address would be mapped twice";
            *entry = desc | (level == 3 ? DESC_TABLE : 0);
            return NULL;
        }
        if (!*entry) {
            if (table->next == table->end)
                return "too few pages for the kernel's page tables";
            *entry = table->next | DESC_TABLE | DESC_VALID;
            table->next += KEEL_PAGE_SIZE;
        } else if (!(*entry & DESC_TABLE)) {
            return "an address would be mapped twice";
        }
        entries = table_at(*entry & DESC_ADDRESS);
    }
}

loader_error page_table_map(struct page_table *table, uint64_t va, uint64_t pa, uint64_t bytes,
                            uint32_t perm)
{
    if ((va | pa | bytes) & (KEEL_PAGE_SIZE - 1))
        return "a mapping is not page-aligned";
    if (va > VA_LIMIT || bytes > VA_LIMIT - va || pa > VA_LIMIT || bytes > VA_LIMIT - pa)
        return "a mapping lies above 2^48";
    if ((perm & KEEL_PERM_EXEC) && (perm & (KEEL_PERM_WRITE | KEEL_PERM_DEVICE)))
        return "a mapping would be writable and executable";
    while (bytes > 0) {
        unsigned int level = block_level(va, pa, bytes);
        uint64_t step = 1ull << level_shift(level);

        TRY(leaf_set(table, va, level, pa | leaf_attributes(perm)));
        va += step;
        pa += step;
        bytes -= step;
    }
    return NULL;
}
