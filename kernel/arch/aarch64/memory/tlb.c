/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLB invalidation: Arm ARM D8.13. By IPA, VTTBR_EL2 must hold the target's VMID, and it may change
 * only while no stage-1 walk and no flat translation (TGE, DC) can use it: kernel-rules.md 1 (a).
 */
#include "memory/tlb.h"

#include "arch/registers.h"
#include "memory/space.h"

#define tlbi(operation) __asm__ volatile("tlbi " #operation ::: "memory")

struct context {
    uint64_t vttbr, hcr, tcr, sctlr;
};

static struct context enter(uint64_t vttbr)
{
    struct context old = {
        .vttbr = sysreg_read(vttbr_el2),
        .hcr = sysreg_read(hcr_el2),
        .tcr = sysreg_read(tcr_el1),
        .sctlr = sysreg_read(sctlr_el1),
    };

    if (old.vttbr == vttbr)
        return old;
    sysreg_write(tcr_el1, old.tcr | TCR_EPD0 | TCR_EPD1);
    isb();
    sysreg_write(sctlr_el1, old.sctlr | SCTLR_M);
    isb();
    sysreg_write(hcr_el2, old.hcr & ~(HCR_TGE | HCR_DC));
    isb();
    sysreg_write(vttbr_el2, vttbr);
    isb();
    return old;
}

static void leave(const struct context *old, uint64_t vttbr)
{
    if (old->vttbr == vttbr)
        return;
    sysreg_write(vttbr_el2, old->vttbr);
    isb();
    sysreg_write(hcr_el2, old->hcr);
    isb();
    sysreg_write(sctlr_el1, old->sctlr);
    isb();
    sysreg_write(tcr_el1, old->tcr);
    isb();
}

void tlb_flush_ipa(const struct space *space, struct ipa ipa, uint32_t order, uint64_t count)
{
    dsb(ish);

    const struct context old = enter(space->ttbr);

    for (uint64_t i = 0; i < count; i++) {
        uint64_t page = (ipa.v >> KEEL_PAGE_SHIFT) + (i << order);

        __asm__ volatile("tlbi ipas2e1is, %0" ::"r"(page) : "memory");
    }
    dsb(ish);
    tlbi(vmalle1is); /* combined entries are found by VA only */
    dsb(ish);
    isb();
    leave(&old, space->ttbr);
}

void tlb_flush_local(uint64_t ttbr)
{
    const struct context old = enter(ttbr);

    tlbi(vmalle1);
    dsb(nsh);
    isb();
    leave(&old, ttbr);
}
