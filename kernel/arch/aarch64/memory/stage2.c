/* SPDX-License-Identifier: Apache-2.0 */
/* The controls of stage 2 on a CPU. */
#include "memory/stage2.h"

#include "arch/registers.h"

/* VTCR_EL2 */
#define VTCR_RES1       (1ul << 31)
#define VTCR_PS(range)  ((range) << 16) /* as ID_AA64MMFR0_EL1.PARange */
#define VTCR_SH0_INNER  (3ul << 12)
#define VTCR_ORGN0_WB   (1ul << 10)
#define VTCR_IRGN0_WB   (1ul << 8)
#define VTCR_SL0_LEVEL1 (1ul << 6)
#define VTCR_T0SZ(bits) (64ul - (bits)) /* of IPA */

#define IPA_BITS   (KEEL_PAGE_SHIFT + STAGE2_ROOT_ORDER + 9)
#define PARANGE_48 5ul /* more bits need other table formats */
#define PAR_F      (1ul << 0)

static uint64_t nothing[STAGE2_ENTRIES] __attribute__((aligned(KEEL_PAGE_SIZE)));
static struct paddr nothing_pa;

void stage2_publish(void)
{
    dsb(ishst);
    isb();
}

struct paddr stage2_nothing(void)
{
    return nothing_pa;
}

void memory_init_cpu(void)
{
    uint64_t range = sysreg_read(id_aa64mmfr0_el1) & 15;
    uint64_t par;

    /* The image is not mapped at its physical address. No guest has run: PAR_EL1 is free. */
    __asm__ volatile("at s1e2r, %0" ::"r"(nothing) : "memory");
    isb();
    par = sysreg_read(par_el1);
    CHECK(!(par & PAR_F));
    nothing_pa = stage2_address(par);

    sysreg_write(vtcr_el2, VTCR_RES1 | VTCR_PS(range < PARANGE_48 ? range : PARANGE_48) | VTCR_SH0_INNER |
                               VTCR_ORGN0_WB | VTCR_IRGN0_WB | VTCR_SL0_LEVEL1 |
                               VTCR_T0SZ(IPA_BITS));
    sysreg_write(vttbr_el2, nothing_pa.v);
    isb();
}
