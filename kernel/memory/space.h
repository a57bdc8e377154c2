/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's memory: its stage-2 tables, the pool of kernel pages it was given, and every operation
 * that changes either. Each `space_` operation checks everything first and then acts; an error has
 * no effect. Batched ones do at least one block, stop after a bounded amount of work (2,000 or so
 * instructions; one block of order 9 counts as such), flush TLBs once, and return the blocks done.
 */
#ifndef KERNEL_MEMORY_SPACE_H
#define KERNEL_MEMORY_SPACE_H

#include "lock.h"
#include "memory/frame.h"

#define SPACE_IPA_BITS 40 /* width of an IPA; arch may walk fewer levels */

/* Kernel pages of one domain, singly linked through the frame table; all clean. */
struct pool {
    uint32_t first; /* frame number; 0: empty */
    uint32_t free;  /* pages in the list */
    uint32_t total; /* pages ever added and not given back */
};

struct space {
    struct lock lock;
    uint16_t owner;  /* domain id */
    bool machine;    /* RAM may be mapped RWX; walks are shared with EL1 */
    struct paddr root GUARDED_BY(lock); /* first table; 0: none yet */
    struct pool pool GUARDED_BY(lock);
    uint64_t pages GUARDED_BY(lock);    /* OWNED frames */
    uint64_t vmid;   /* generation and id; see memory/vmid.h */
    uint8_t last_vcpu[KEEL_CPUS_MAX];   /* whose stage 1 may be in that CPU's TLB; index + 1 */
};

enum space_access { SPACE_READ, SPACE_WRITE };

void space_init(struct space *space, uint16_t owner, bool machine);

must_check int64_t space_pool_add(struct space *space, struct paddr pa, uint64_t pages);

/* One zeroed kernel page from the pool, or NULL. Stays counted in pool.total. Lock held. */
void *pool_take(struct space *space) REQUIRES(space->lock);
void pool_give(struct space *space, void *page) REQUIRES(space->lock); /* zeroes it */

/* RAM: clean free frames become owned and mapped. perm: enum keel_perm. W^X unless `machine`. */
must_check int64_t space_map(struct space *space, struct paddr pa, struct ipa ipa, uint32_t order,
                             uint64_t count, uint32_t perm);
/* Frames from the boot structure that already belong to this owner or are the kernel's hand-outs
 * (state RESERVED): used once, for the builder. */
must_check int64_t space_map_boot(struct space *space, struct paddr pa, struct ipa ipa,
                                  uint64_t pages, uint32_t perm);
/* A device's registers: no frames. The caller has checked the right. */
must_check int64_t space_map_device(struct space *space, struct paddr pa, struct ipa ipa,
                                    uint32_t order, uint64_t count);
must_check int64_t space_unmap(struct space *space, struct ipa ipa, uint32_t order, uint64_t count);
must_check int64_t space_protect(struct space *space, struct ipa ipa, uint32_t order,
                                 uint64_t count, uint32_t perm);
must_check int64_t space_donate(struct space *from, struct ipa from_ipa, struct space *to,
                                struct ipa to_ipa, uint32_t order, uint64_t count, uint32_t perm);

/* Where an IPA leads: kernel address of RAM and bytes up to the end of its page; -EFAULT if it is
 * not RAM mapped with that access. Valid while the lock is held, or while the frame is pinned. */
must_check int64_t space_translate(struct space *space, struct ipa ipa, enum space_access access,
                                   void **address, uint64_t *bytes) REQUIRES(space->lock);

/* Bounded copies between the kernel and a space: arguments of calls. All or -EFAULT. */
must_check int64_t space_read(struct space *space, struct ipa from, void *to, uint64_t bytes);
must_check int64_t space_write(struct space *space, struct ipa to, const void *from, uint64_t bytes);

/* Copies at most 4 KiB. Bytes done; -EFAULT if none could be, with *here_fault telling whose fault. */
must_check int64_t space_copy(struct space *to, struct ipa to_ipa, struct space *from,
                              struct ipa from_ipa, uint64_t bytes);

/* Pins the page at ipa (owned RAM, mapped with WRITE): it can't be unmapped, donated or freed. */
must_check int64_t space_pin(struct space *space, struct ipa ipa, void **address)
    REQUIRES(space->lock);
void space_unpin(void *address);

/* Gives everything back in steps: 0 when nothing is left, -EAGAIN if there is more to do. No vCPU
 * of the owner runs or is loaded. Frames become DIRTY; pool pages likewise. */
must_check int64_t space_teardown(struct space *space);

/* The value for the translation base register under which this CPU runs `vcpu` (index within its
 * domain) of the space; flushes what must be flushed before. Before it is written to hardware. */
uint64_t space_activate(struct space *space, uint32_t cpu, uint32_t vcpu);

#endif
