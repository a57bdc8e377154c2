/* SPDX-License-Identifier: Apache-2.0 */
/* Physical CPUs: start, clock, end; and the calls about virtual interrupts. */
#include "arch/interrupt.h"
#include "arch/offsets.h"
#include "cpu/context.h"
#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "cpu/sysreg.h"
#include "cpu/trap.h"
#include "cpu/vcpu.h"
#include "main.h"
#include "memory/stage2.h"

_Static_assert(offsetof(struct vcpu, registers.x) == 0, "entry.S");
_Static_assert(offsetof(struct vcpu, registers.pc) == 248, "entry.S");
_Static_assert(offsetof(struct vcpu, registers.pstate) == 256, "entry.S");
_Static_assert(offsetof(struct arch_fp, v) == 16, "entry.S");
_Static_assert(CPU_BYTES_ASM == CPU_BYTES && CPU_AREA_ASM == KEEL_CPU_AREA, "entry.S");
_Static_assert(offsetof(struct cpu, current) == CPU_CURRENT, "entry.S");
_Static_assert(offsetof(struct cpu, attention) == CPU_ATTENTION, "entry.S");
_Static_assert(offsetof(struct cpu, arch.context) == CPU_CONTEXT, "entry.S");
_Static_assert(offsetof(struct vcpu, user) == VCPU_USER, "entry.S");
_Static_assert(offsetof(struct vcpu, takes) == VCPU_USER + 3, "entry.S");
_Static_assert(offsetof(struct vcpu, arch.vgic.dirty) == VCPU_DIRTY, "entry.S");
_Static_assert(offsetof(struct vcpu, arch.vgic.private.line) == VCPU_LINE, "entry.S");

/* The firmware's power interface (Arm DEN 0022). */
#define PSCI_CPU_ON       0xc4000003ul
#define PSCI_SYSTEM_OFF   0x84000008ul
#define PSCI_SYSTEM_RESET 0x84000009ul
int64_t firmware_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c); /* entry.S */

/* Time. */

uint64_t time_now(void)
{
    isb();
    return sysreg_read(cntpct_el0);
}

/* 64 bits hold this for every ns and a frequency of up to 1 GHz. */
uint64_t time_from_ns(uint64_t ns)
{
    uint64_t frequency = sysreg_read(cntfrq_el0);

    return ns / 1000000000 * frequency + ns % 1000000000 * frequency / 1000000000;
}

void arch_timer_set(struct cpu *cpu, uint64_t deadline)
{
    (void)cpu;
    if (deadline == TIME_NEVER) {
        sysreg_write(cnthp_ctl_el2, 0);
        return;
    }
    sysreg_write(cnthp_cval_el2, deadline);
    sysreg_write(cnthp_ctl_el2, CNT_ENABLE);
}

void arch_domain_init(struct domain *domain, uint32_t spis)
{
    if (domain->kind == KEEL_DOMAIN_MACHINE)
        vgic_domain_init(domain, spis);
}

/* Starting and ending. */

void arch_init(void)
{
    CHECK(platform.irq_timer_virtual == KEEL_TIMER_VIRTUAL);
    sysreg_init();
    gic_init();
}

void arch_init_cpu(struct cpu *cpu)
{
    memory_init_cpu();
    context_init_cpu(cpu);
    gic_init_cpu(cpu->index);
    arch_timer_set(cpu, TIME_NEVER);
}

/* An HVC would come to the kernel itself: firmware that is called so is not there for it. */
static int64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    return platform.psci_conduit == KEEL_PSCI_SMC ? firmware_call(function, a, b, c) : -1;
}

uint32_t arch_cpus_start(void)
{
    for (uint32_t i = 1; i < platform.ncpus; i++) {
        uint64_t entry = platform.cpu_entry_pa + i * sizeof(struct keel_cpu_entry);

        if (psci(PSCI_CPU_ON, platform.cpu_mpidr[i], platform.kernel_pa, entry) != 0) {
            print("kernel: CPU %u does not start: it and those after it are not used\n", i);
            return i;
        }
    }
    return platform.ncpus;
}

noreturn void arch_system_off(bool reset)
{
    psci(reset ? PSCI_SYSTEM_RESET : PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}
