/* SPDX-License-Identifier: Apache-2.0 */
/* Translation of a machine's addresses: Arm ARM D8.15, address translation instructions. */
#include "memory/guest.h"

#include "arch/registers.h"
#include <keel/types.h>

#define PAR_F      (1ul << 0)
#define PAR_PA     0x0000fffffffff000ul
#define PAR_CACHED (0xccul << 56) /* ATTR: all of these: write-back, inner and outer */

/* PAR_EL1 is the machine's, which may be between its own AT and reading it. */
bool guest_translate(uint64_t address, bool write, struct paddr *pa)
{
    uint64_t kept = sysreg_read(par_el1);
    uint64_t par;

    if (write)
        __asm__ volatile("at s12e1w, %0" ::"r"(address) : "memory");
    else
        __asm__ volatile("at s12e1r, %0" ::"r"(address) : "memory");
    isb();
    par = sysreg_read(par_el1);
    sysreg_write(par_el1, kept);
    *pa = PADDR(par & PAR_PA);
    if (par & PAR_F)
        return false;
    __asm__ volatile(""); /* two tests are less than one of both */
    return (~par & PAR_CACHED) == 0;
}
