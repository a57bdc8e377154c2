/* SPDX-License-Identifier: Apache-2.0 */
/* The host's memory hardware: see host.h. */
#include "memory/host.h"

#include <sched.h>

#include "memory/address.h"
#include "memory/cache.h"
#include "memory/stage2.h"
#include "memory/tlb.h"

char host_ram[HOST_RAM_BYTES] __attribute__((aligned(1 << 21)));
struct host_tlb_entry host_tlb[HOST_TLB_ENTRIES];
uint32_t host_tlb_used;
struct host_counters host_counters;
void (*host_tlb_flushing)(const struct space *space, struct ipa ipa, uint32_t order,
                          uint64_t count);

uint64_t frames_count(enum frame_state state)
{
    uint64_t count = 0;

    for (uint64_t pa = HOST_RAM_PA; pa < HOST_RAM_PA + HOST_RAM_BYTES; pa += KEEL_PAGE_SIZE)
        count += frame_of(PADDR(pa))->state == state;
    return count;
}

uint64_t host_access(uint64_t ttbr, struct ipa ipa)
{
    uint64_t page = ipa.v >> KEEL_PAGE_SHIFT, vmid = ttbr >> TTBR_VMID_SHIFT, entry;
    struct paddr table = stage2_address(ttbr);
    uint32_t order = STAGE2_ROOT_ORDER;

    for (uint32_t i = 0; i < host_tlb_used; i++)
        if (host_tlb[i].vmid == vmid && (page ^ host_tlb[i].page) >> host_tlb[i].order == 0)
            return host_tlb[i].entry;
    for (;; order -= 9) {
        entry = ((uint64_t *)phys_to_virt(table))[page >> order & (STAGE2_ENTRIES - 1)];
        if (!stage2_is_valid(entry))
            return 0;
        if (!stage2_is_table(entry, order))
            break;
        table = stage2_address(entry);
    }
    CHECK(host_tlb_used < HOST_TLB_ENTRIES);
    host_tlb[host_tlb_used++] = (struct host_tlb_entry){
        .vmid = vmid, .page = page >> order << order, .entry = entry, .order = order};
    return entry;
}

void tlb_flush_ipa(const struct space *space, struct ipa ipa, uint32_t order, uint64_t count)
{
    uint64_t first = ipa.v >> KEEL_PAGE_SHIFT, vmid = space->ttbr >> TTBR_VMID_SHIFT;

    host_counters.flushes_ipa++;
    if (host_tlb_flushing)
        host_tlb_flushing(space, ipa, order, count);
    for (uint32_t i = 0; i < host_tlb_used;)
        if (host_tlb[i].vmid == vmid && host_tlb[i].page - first < count << order)
            host_tlb[i] = host_tlb[--host_tlb_used];
        else
            i++;
}

void tlb_flush_local(uint64_t ttbr)
{
    CHECK(ttbr >> TTBR_VMID_SHIFT != 0);
    host_counters.flushes_local++;
}

void stage2_publish(void)
{
}

/* Fails in host_access if anything is ever looked up in it. */
struct paddr stage2_nothing(void)
{
    return PADDR(0);
}

void cache_scrub(void *first, uint64_t pages)
{
    memset(first, 0, pages * KEEL_PAGE_SIZE);
    sched_yield(); /* another CPU may come by */
    __atomic_fetch_add(&host_counters.pages_scrubbed, pages, __ATOMIC_RELAXED);
}

void cache_clean_page(void *page)
{
    (void)virt_to_phys(page);
    host_counters.pages_cleaned++;
}

void cache_forget_instructions(void)
{
    host_counters.instruction_flushes++;
}
