/* SPDX-License-Identifier: Apache-2.0 */
/* VMIDs by generation: see vmid.h. */
#include "memory/vmid.h"

#include "memory/space.h"
#include "memory/stage2.h"
#include "memory/tlb.h"

#define ID_BITS               16
#define ID(vmid)              ((vmid) & ((1ul << ID_BITS) - 1))
#define SAME_GENERATION(a, b) (((a) ^ (b)) >> ID_BITS == 0)

/* What each CPU has loaded, in this generation or 0; and when the last one ended. */
static struct {
    uint64_t active; /* atomic */
    uint64_t reserved;
} cpus[KEEL_CPUS_MAX];

static struct lock vmid_lock;
static uint64_t generation = 1ul << ID_BITS; /* atomic; written under the lock */
static uint64_t next_id GUARDED_BY(vmid_lock) = 1;
static uint64_t ids;

void vmids_init(uint32_t bits)
{
    CHECK(ids == 0 || ids == 1ul << bits);
    ids = 1ul << bits;
}

uint64_t space_ttbr(const struct space *space)
{
    uint64_t root = __atomic_load_n(&space->root.v, __ATOMIC_RELAXED);

    return (root ? root : stage2_nothing().v) | ID(__atomic_load_n(&space->vmid, __ATOMIC_RELAXED))
                                                    << TTBR_VMID_SHIFT;
}

/* A CPU that has activated nothing since the last time keeps what it had then. */
static void generation_begin(void) REQUIRES(vmid_lock)
{
    __atomic_store_n(&generation, generation + (1ul << ID_BITS), __ATOMIC_SEQ_CST);
    next_id = 1;
    for (uint32_t i = 0; i < KEEL_CPUS_MAX; i++) {
        uint64_t active = __atomic_exchange_n(&cpus[i].active, 0, __ATOMIC_SEQ_CST);

        if (active)
            cpus[i].reserved = active;
    }
    tlb_flush_all();
}

static bool id_is_reserved(uint64_t id)
{
    for (uint32_t i = 0; i < KEEL_CPUS_MAX; i++)
        if (ID(cpus[i].reserved) == id)
            return true;
    return false;
}

/* The number that a space keeps from the last generation, or a new one. */
static uint64_t vmid_choose(uint64_t old) REQUIRES(vmid_lock)
{
    uint64_t kept = generation | ID(old);
    bool reserved = false;

    for (uint32_t i = 0; i < KEEL_CPUS_MAX; i++)
        if (old && cpus[i].reserved == old) {
            cpus[i].reserved = kept;
            reserved = true;
        }
    if (reserved)
        return kept;
    while (next_id == ids || id_is_reserved(next_id)) {
        if (next_id == ids)
            generation_begin();
        else
            next_id++;
    }
    return generation | next_id++;
}

static void vmid_renew(struct space *space, uint32_t cpu)
{
    lock_take(&vmid_lock);
    if (!SAME_GENERATION(space->vmid, generation))
        __atomic_store_n(&space->vmid, vmid_choose(space->vmid), __ATOMIC_RELAXED);
    __atomic_store_n(&cpus[cpu].active, space->vmid, __ATOMIC_SEQ_CST);
    lock_release(&vmid_lock);
    /* Before any walk: a flush that did not see the new VMID has its changes seen by them. */
    stage2_publish();
}

uint64_t space_activate(struct space *space, uint32_t cpu, uint32_t vcpu)
{
    uint64_t vmid = __atomic_load_n(&space->vmid, __ATOMIC_RELAXED);
    uint64_t active = __atomic_load_n(&cpus[cpu].active, __ATOMIC_RELAXED);
    uint64_t ttbr;

    /* The exchange fails if a generation begins meanwhile; else its beginning finds this VMID. */
    if (unlikely(!active ||
                 !SAME_GENERATION(vmid, __atomic_load_n(&generation, __ATOMIC_RELAXED)) ||
                 !__atomic_compare_exchange_n(&cpus[cpu].active, &active, vmid, false,
                                              __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
        vmid_renew(space, cpu);
    ttbr = space_ttbr(space);

    /* vCPUs of a domain share its VMID, but not their stage 1: kernel-rules.md 1 (b). */
    if (unlikely(space->last_vcpu[cpu] != vcpu + 1)) {
        if (space->last_vcpu[cpu] != 0)
            tlb_flush_local(ttbr);
        space->last_vcpu[cpu] = (uint8_t)(vcpu + 1);
    }
    return ttbr;
}
