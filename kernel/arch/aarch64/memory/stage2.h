/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of stage-2 tables: VMSAv8-64, 4 KiB granule, three levels of 512 entries from level 1,
 * 39 bits of IPA (Arm ARM D8.3). A level is named by the order of what one of its entries maps: 18,
 * 9, 0. Leaves have order 9 or 0. Pure functions, but for the last two.
 */
#ifndef KERNEL_MEMORY_STAGE2_H
#define KERNEL_MEMORY_STAGE2_H

#include "base.h"
#include <keel/boot.h>

#define STAGE2_ROOT_ORDER 18u
#define STAGE2_ENTRIES    512u
#define STAGE2_PA_LIMIT   (1ul << 48)

#define STAGE2_VALID         (1ul << 0)
#define STAGE2_TABLE         (1ul << 1) /* level 3: page */
#define STAGE2_MEMATTR       (15ul << 2)
#define STAGE2_MEMATTR_WB    (15ul << 2) /* normal, write-back */
#define STAGE2_MEMATTR_NGNRE (1ul << 2)  /* device */
#define STAGE2_S2AP_READ     (1ul << 6)
#define STAGE2_S2AP_WRITE    (1ul << 7)
#define STAGE2_SH_INNER      (3ul << 8)
#define STAGE2_AF            (1ul << 10)
#define STAGE2_XN            (1ul << 54)
#define STAGE2_ADDRESS       0x0000fffffffff000ul

/* A space's VMID is its domain's id + 1: there are fewer domains than numbers of 8 bits, so that none
 * is ever recycled while it is in use, and a life ends with nothing of it left in a TLB. */
#define TTBR_VMID_SHIFT 48
_Static_assert(KEEL_DOMAINS_MAX < 255, "a VMID for each domain");

static inline uint64_t stage2_ttbr(struct paddr root, uint16_t domain)
{
    return root.v | (domain + 1ul) << TTBR_VMID_SHIFT;
}

static inline bool stage2_is_valid(uint64_t entry)
{
    return entry & STAGE2_VALID;
}

static inline bool stage2_is_table(uint64_t entry, uint32_t order)
{
    return order > 0 && (entry & (STAGE2_VALID | STAGE2_TABLE)) == (STAGE2_VALID | STAGE2_TABLE);
}

/* Of leaves: RAM, mapped with WRITE if `write`. False for an entry that is not valid. */
static inline bool stage2_is_ram(uint64_t entry, bool write)
{
    uint64_t mask = STAGE2_VALID | STAGE2_MEMATTR | (write ? STAGE2_S2AP_WRITE : 0);

    return (entry & mask) == (mask & (STAGE2_VALID | STAGE2_MEMATTR_WB | STAGE2_S2AP_WRITE));
}

static inline struct paddr stage2_address(uint64_t entry)
{
    return PADDR(entry & STAGE2_ADDRESS);
}

/* Of leaves, also broken ones. */
static inline bool stage2_is_device(uint64_t entry)
{
    return (entry & STAGE2_MEMATTR) != STAGE2_MEMATTR_WB;
}

static inline uint64_t stage2_table(struct paddr pa)
{
    return pa.v | STAGE2_TABLE | STAGE2_VALID;
}

static inline uint64_t stage2_leaf(struct paddr pa, uint32_t order, uint32_t perm)
{
    return pa.v | STAGE2_VALID | (order == 0 ? STAGE2_TABLE : 0) | STAGE2_AF | STAGE2_SH_INNER |
           ((perm & KEEL_PERM_DEVICE) ? STAGE2_MEMATTR_NGNRE : STAGE2_MEMATTR_WB) |
           ((perm & KEEL_PERM_READ) ? STAGE2_S2AP_READ : 0) |
           ((perm & KEEL_PERM_WRITE) ? STAGE2_S2AP_WRITE : 0) |
           ((perm & KEEL_PERM_EXEC) ? 0 : STAGE2_XN);
}

/* The entry with nothing changed but that it maps nothing: what it mapped can still be read. */
static inline uint64_t stage2_broken(uint64_t entry)
{
    return entry & ~STAGE2_VALID;
}

/* What this CPU has written so far is seen by all walks that begin from now on, here and elsewhere.
 */
void stage2_publish(void);

/* Each CPU, before it runs a domain; the boot CPU first. Sets VTCR_EL2. */
void memory_init_cpu(void);

/* A root that maps nothing, for a domain that was given no memory. */
struct paddr stage2_nothing(void);

#endif
