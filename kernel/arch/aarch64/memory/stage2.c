/* SPDX-License-Identifier: Apache-2.0 */
/* The controls of stage 2 on a CPU. */
#include "memory/stage2.h"

#include "arch/registers.h"
#include "main.h"

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

static uint64_t nothing[STAGE2_ENTRIES] __attribute__((aligned(KEEL_PAGE_SIZE)));

void stage2_publish(void)
{
    dsb(ishst);
    isb();
}

struct paddr stage2_nothing(void)
{
    return PADDR(platform.kernel_pa + ((uint64_t)nothing - KEEL_KERNEL_VA));
}

void memory_init_cpu(void)
{
    uint64_t range = sysreg_read(id_aa64mmfr0_el1) & 15;

    sysreg_write(vtcr_el2, VTCR_RES1 | VTCR_PS(range < PARANGE_48 ? range : PARANGE_48) | VTCR_SH0_INNER |
                               VTCR_ORGN0_WB | VTCR_IRGN0_WB | VTCR_SL0_LEVEL1 |
                               VTCR_T0SZ(IPA_BITS));
    sysreg_write(vttbr_el2, stage2_nothing().v);
    isb();
}
