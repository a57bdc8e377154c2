/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's memory: its stage-2 tables, the pool of kernel pages it was given, and every operation
 * that changes either. Each `space_` operation checks everything first and then acts; an error has
 * no effect. Batched ones do at least one block, stop after a bounded amount of work (at most 3,100
 * instructions; one block of order 9 counts as such) or at the end of a table, flush TLBs once, and
 * return the blocks done.
 *
 * Orders are 0 and 9; everything has the same order in both places, and a block of order 9 is never
 * split: what was mapped as such is unmapped, protected and donated as such. Common errors:
 * -EINVAL: order, count 0, alignment, range, perm; -EBUSY: something is mapped there, or a page is
 * pinned; -ENOMEM: the pool is too small for the tables.
 */
#ifndef KERNEL_MEMORY_SPACE_H
#define KERNEL_MEMORY_SPACE_H

#include "lock.h"
#include "memory/frame.h"

#define SPACE_IPA_BITS 39 /* width of an IPA: three levels of tables, one page as root */
#define SPACE_LIMIT    (1ul << SPACE_IPA_BITS)
#define SPACE_BATCH    32 /* pages of order 0 that one call does */
#define SPACE_CLEAN    16 /* pages whose caches one call cleans */

/* Kernel pages of one domain, singly linked through the frame table; all zero. */
struct pool {
    uint32_t first; /* page number (address / page size); 0: empty */
    uint32_t free;  /* pages in the list */
    uint32_t total; /* pages added; those not in the list are tables and the rings' */
};

/* A page of what the owner may read, and where it is; all zero: none. */
struct space_recent {
    uint64_t last; /* address of its last byte */
    uint8_t *page;
};

struct space {
    struct lock lock;
    uint16_t owner; /* domain id */
    bool open
        GUARDED_BY(lock); /* between space_init and teardown: only then it is given anything */
    bool machine;         /* RAM may be mapped RWX; walks are shared with EL1 */
    /* Change only while no vCPU of the owner runs: */
    struct paddr root; /* first table; 0: none yet */
    uint64_t ttbr;     /* the value of the translation base register */
    struct pool pool GUARDED_BY(lock);
    uint64_t pages GUARDED_BY(lock);      /* OWNED frames that are mapped */
    struct ipa cleaning GUARDED_BY(lock); /* block whose caches are being cleaned in steps */
    uint64_t cleaned GUARDED_BY(lock);    /* pages of it that are */
    uint64_t teardown GUARDED_BY(lock);   /* IPA up to which nothing is left */
    /* Of a service: valid until what is mapped changes. */
    struct space_recent recent[4] GUARDED_BY(lock);
    uint8_t last_vcpu[KEEL_CPUS_MAX]; /* whose stage 1 may be in that CPU's TLB; index + 1 */
};

static inline void space_forget(struct space *space) REQUIRES(space->lock)
{
    for (uint32_t i = 0; i < ARRAY_LENGTH(space->recent); i++)
        space->recent[i].last = 0;
}

enum space_access { SPACE_READ, SPACE_WRITE };

/* Makes a space, new or torn down, an empty one. */
void space_init(struct space *space, uint16_t owner, bool machine);

/* Clean free frames become kernel pages for the space's tables and rings; 1 to 512 at once. The
 * first page of all becomes the root. 0. */
must_check int64_t space_pool_add(struct space *space, struct paddr pa, uint64_t pages);

/* One zeroed kernel page from the pool, or NULL. Stays counted in pool.total. Lock held. */
void *pool_take(struct space *space) REQUIRES(space->lock);
void pool_give(struct space *space, void *page) REQUIRES(space->lock); /* zeroes it */

/* RAM: clean free frames become owned and mapped. perm: READ, READ|WRITE, READ|EXEC; a machine's
 * also READ|WRITE|EXEC. */
must_check int64_t space_map(struct space *space, struct paddr pa, struct ipa ipa, uint64_t order,
                             uint64_t count, uint64_t perm);
/* What the boot structure gives the builder: frames that are OWNED by it already, or RESERVED ones
 * that it may see but never change, give away or free. Used by the boot CPU before anything runs:
 * unbounded; after an error the system can't start. 0. */
must_check int64_t space_map_boot(struct space *space, struct paddr pa, struct ipa ipa,
                                  uint64_t pages, uint64_t perm);
/* A device's registers: no frames. The caller has checked the right, which RAM never has. */
must_check int64_t space_map_device(struct space *space, struct paddr pa, struct ipa ipa,
                                    uint64_t order, uint64_t count);
/* RAM becomes free and DIRTY. Tables that are empty now go back to the pool. */
must_check int64_t space_unmap(struct space *space, struct ipa ipa, uint64_t order, uint64_t count);
/* RAM only. With EXEC: -EAGAIN while caches of a block of order 9 are being cleaned: call again. */
must_check int64_t space_protect(struct space *space, struct ipa ipa, uint64_t order,
                                 uint64_t count, uint64_t perm);
/* Moves pages with their contents; unmapped and flushed before they are mapped there. -EINVAL also
 * if both are the same. Content is cleaned to memory if `to` may fetch instructions from it; for a
 * block of order 9 in steps: -EAGAIN: call again. */
must_check int64_t space_donate(struct space *from, struct ipa from_ipa, struct space *to,
                                struct ipa to_ipa, uint64_t order, uint64_t count, uint64_t perm);

/* Where an IPA leads: kernel address of RAM, and how much lies side by side from there on, looked for up to `most`
 * bytes; -EFAULT if it is not RAM mapped with that access. Valid while the lock is held, or the frame is pinned. */
must_check int64_t space_translate(struct space *space, struct ipa ipa, enum space_access access,
                                   uint64_t most, void **address) REQUIRES(space->lock);

/* Whether RAM is the space's, and its kernel address; for who got it from hardware's walk of its
 * tables. Valid while the lock is held. */
must_check bool space_reach(const struct space *space, struct paddr pa, uint8_t **address)
    REQUIRES(space->lock);

/* Whether an access to the IPA is served by the tables: RAM, or a device's registers. */
must_check bool space_has(struct space *space, struct ipa ipa, bool write);

/* Pages that belong to the owner now, kernel pages included. */
uint64_t space_pages(struct space *space);

/* Copies between the kernel and a space: arguments of calls, at most a page. All (0), or -EFAULT
 * and nothing. */
must_check int64_t space_read(struct space *space, struct ipa from, void *to, uint64_t bytes);
must_check int64_t space_write(struct space *space, struct ipa to, const void *from,
                               uint64_t bytes);

/* Copies between two spaces, or within one, up to 4 KiB or the first fault. Bytes done; -EFAULT if
 * none could be. */
must_check int64_t space_copy(struct space *to, struct ipa to_ipa, struct space *from,
                              struct ipa from_ipa, uint64_t bytes);

/* Pins the page at ipa (owned RAM, mapped with WRITE): it can't be unmapped, protected, donated or
 * freed. Its kernel address, at the same offset. -EFAULT; -EBUSY: 65,535 pins. */
must_check int64_t space_pin(struct space *space, struct ipa ipa, void **address)
    REQUIRES(space->lock);
void space_unpin(void *address);

/* Gives everything back in steps: 0 when nothing is left, -EAGAIN if there is more to do. No vCPU
 * of the owner runs or is loaded, no page is pinned, and rings have given their pages back. Frames
 * become DIRTY; pool pages likewise. */
must_check int64_t space_teardown(struct space *space);

/* Before this CPU runs `vcpu` (index within its domain) of a machine's space after anything else:
 * its vCPUs share what TLBs remember, but not their stage 1 (kernel-rules.md 1 (b)). */
void space_enter(struct space *space, uint32_t cpu, uint32_t vcpu);

#endif
