/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI towards the firmware: see psci.h. */
#include "cpu/psci.h"

#include "main.h"

#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_SYSTEM_OFF 0x84000008ul
#define PSCI_SYSTEM_RESET 0x84000009ul

static int64_t call(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;

    switch (platform.psci_conduit) {
    case KEEL_PSCI_SMC:
        __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5",
                         "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                         "x17");
        return (int64_t)x0;
    case KEEL_PSCI_HVC:
        __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5",
                         "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                         "x17");
        return (int64_t)x0;
    default:
        return -1;
    }
}

int64_t psci_cpu_on(uint64_t mpidr, struct paddr entry, uint64_t context)
{
    return call(PSCI_CPU_ON, mpidr, entry.v, context);
}

void psci_system_off(bool reset)
{
    call(reset ? PSCI_SYSTEM_RESET : PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}
