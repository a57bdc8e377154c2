/* SPDX-License-Identifier: Apache-2.0 */
/* The host's CPUs: see machine.h. What is loaded where follows aarch64/cpu/context.c. */
#include "cpu/machine.h"

#include <setjmp.h>

#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"
#include "interrupt/gic.h"
#include "interrupt/host.h"
#include "main.h"
#include "memory/address.h"
#include "memory/guest.h"
#include "memory/stage2.h"

static union {
    struct cpu cpu;
    char bytes[CPU_BYTES];
} cpus[HOST_CPUS];
static uint32_t here;
static bool kicked[HOST_CPUS];
static jmp_buf *started, idle;

uint64_t host_now;
void (*host_off)(bool reset);

struct cpu *cpu_at(uint32_t index)
{
    CHECK(index < HOST_CPUS);
    return &cpus[index].cpu;
}

struct cpu *cpu_this(void)
{
    return cpu_at(here);
}

void host_on(uint32_t cpu)
{
    here = cpu;
}

/* Start and end. */

static void start(const struct keel_boot *boot, uint32_t index)
{
    jmp_buf *outer = started, done;
    uint32_t outer_here = here;

    started = &done;
    here = index;
    if (!setjmp(done))
        cpu_main(boot, index);
    started = outer;
    here = outer_here;
}

void host_boot(const struct keel_boot *boot)
{
    host_now = 1;
    host_gic_reset();
    memset(kicked, 0, sizeof(kicked));
    start(boot, 0);
}

noreturn void leave(void)
{
    longjmp(*started, 1);
}

void arch_init(void)
{
    CHECK(platform.ncpus <= HOST_CPUS);
}

void arch_init_cpu(struct cpu *cpu)
{
    cpu->arch.timer = TIME_NEVER;
}

uint32_t arch_cpus_start(void)
{
    for (volatile uint32_t i = 1; i < platform.ncpus; i++)
        start(NULL, i);
    return platform.ncpus;
}

noreturn void arch_system_off(bool reset)
{
    CHECK(host_off);
    host_off(reset);
    CHECK(!"the machine is off");
}

bool host_leave(void)
{
    struct cpu *cpu = cpu_this();

    if (setjmp(idle))
        return false;
    while (!cpu->current || __atomic_load_n(&cpu->attention, __ATOMIC_SEQ_CST))
        cpu_attend(cpu);
    arch_enter(cpu, cpu->current);
    return true;
}

void arch_attend(struct cpu *cpu)
{
    (void)cpu; /* devices do not answer late */
}

void arch_idle(struct cpu *cpu)
{
    (void)cpu;
    longjmp(idle, 1);
}

/* Time. */

uint64_t time_now(void)
{
    return host_now;
}

uint64_t time_from_ns(uint64_t ns)
{
    return ns;
}

void arch_timer_set(struct cpu *cpu, uint64_t deadline)
{
    cpu->arch.timer = deadline;
}

static bool timer_is_high(const struct vcpu *vcpu)
{
    return vcpu->arch.timer_on && host_now >= vcpu->arch.timer_at;
}

void host_timer(struct vcpu *vcpu, bool on, uint64_t at)
{
    vcpu->arch.timer_on = on;
    vcpu->arch.timer_at = at;
}

/* Interrupts. */

void arch_kick(uint32_t cpu)
{
    CHECK(cpu < HOST_CPUS);
    kicked[cpu] = true;
}

void host_interrupts(void)
{
    struct cpu *cpu = cpu_this();
    struct vcpu *loaded = cpu->arch.loaded;

    if (kicked[here]) {
        kicked[here] = false;
        __atomic_store_n(&cpu->resched, true, __ATOMIC_SEQ_CST);
    }
    if (host_now >= cpu->arch.timer)
        cpu_alarm(cpu);
    if (loaded && timer_is_high(loaded) && host_timer_take())
        vgic_hold(loaded, HOST_TIMER);
    if (host_maintenance() && cpu->arch.context && !cpu->arch.context->user)
        vgic_fold(cpu->arch.context);
    host_devices_take();
}

/* What of a vCPU is on a CPU. */

void arch_unload(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->arch.loaded;

    CHECK(cpu == cpu_this() && host_gic_is_empty(cpu->index));
    vgic_let_go(vcpu, HOST_TIMER);
    if (vcpu->arch.timer_on && domain_runs(vcpu->domain))
        timer_set(&vcpu->timer, cpu->index, vcpu->arch.timer_at);
    cpu->arch.loaded = NULL;
    __atomic_store_n(&vcpu->loaded_on, CPU_NONE, __ATOMIC_SEQ_CST);
}

void arch_save(struct cpu *cpu, struct vcpu *vcpu)
{
    if (cpu->arch.context != vcpu)
        return;
    if (!vcpu->user)
        vgic_fold(vcpu);
    CHECK(host_gic_is_empty(cpu->index));
    cpu->arch.context = NULL;
}

static void install(struct cpu *cpu, struct vcpu *vcpu)
{
    CHECK(!cpu->arch.context);
    if (!vcpu->user && cpu->arch.loaded != vcpu) {
        if (cpu->arch.loaded)
            arch_unload(cpu);
        CHECK(vcpu->loaded_on == CPU_NONE);
        __atomic_store_n(&vcpu->loaded_on, cpu->index, __ATOMIC_SEQ_CST);
        cpu->arch.loaded = vcpu;
    }
    space_enter(&vcpu->domain->space, cpu->index, vcpu->index);
    cpu->arch.ttbr = vcpu->domain->space.ttbr;
    cpu->arch.context = vcpu;
}

void arch_enter(struct cpu *cpu, struct vcpu *vcpu)
{
    CHECK(cpu == cpu_this() && cpu->current == vcpu);
    if (traces)
        trace_run(cpu);
    if (cpu->arch.context != vcpu)
        install(cpu, vcpu);
    if (vcpu->user)
        return;
    if (vcpu->arch.vgic.private.line >> HOST_TIMER & 1 && !timer_is_high(vcpu)) {
        vgic_fold(vcpu);
        vgic_raise_private(vcpu, HOST_TIMER, false);
        vgic_let_go(vcpu, HOST_TIMER);
    }
    vgic_fill(vcpu);
    vcpu->takes = VCPU_TAKES_NOTHING; /* taken */
}

void arch_timer_expired(struct vcpu *vcpu)
{
    vgic_raise_private(vcpu, HOST_TIMER, true);
}

/* The tables are walked as hardware does: not by the kernel's walker. */
bool guest_translate(uint64_t va, bool write, struct paddr *pa)
{
    struct paddr table = cpu_this()->current->domain->space.root;
    uint32_t order = STAGE2_ROOT_ORDER;
    uint64_t entry;

    if (va >= SPACE_LIMIT || table.v == 0)
        return false;
    for (;; order -= 9) {
        entry = ((uint64_t *)phys_to_virt(table))[va >> (KEEL_PAGE_SHIFT + order) & 511];
        if (!stage2_is_valid(entry) || !stage2_is_table(entry, order))
            break;
        table = stage2_address(entry);
    }
    *pa = PADDR(stage2_address(entry).v | (va & ((KEEL_PAGE_SIZE << order) - KEEL_PAGE_SIZE)));
    return stage2_is_ram(entry, write);
}

/* Registers. */

void arch_domain_init(struct domain *domain, uint32_t spis)
{
    if (domain->kind == KEEL_DOMAIN_MACHINE)
        vgic_domain_init(domain, spis);
}

static void interface_reset(struct vcpu *vcpu)
{
    vcpu->arch.mask = 0xff;
    vcpu->arch.acked = 0;
    vcpu->arch.running[0] = 0xff;
    vcpu->arch.timer_on = false;
}

void arch_vcpu_init(struct vcpu *vcpu)
{
    if (vcpu->user)
        return;
    vgic_vcpu_init(vcpu);
    interface_reset(vcpu);
}

void arch_vcpu_start(struct vcpu *vcpu, uint64_t pc, uint64_t x0)
{
    vgic_raise_private(vcpu, HOST_TIMER, false);
    memset(&vcpu->registers, 0, sizeof(vcpu->registers));
    interface_reset(vcpu);
    vcpu->registers.pc = pc;
    vcpu->registers.x[0] = x0;
}

void arch_complete(struct vcpu *vcpu, uint64_t value)
{
    if (vcpu->exit.reg != 31)
        vcpu->registers.x[vcpu->exit.reg] = value;
}

void arch_retry(struct vcpu *vcpu)
{
    (void)vcpu;
}

void arch_registers_read(const struct vcpu *vcpu, struct keel_registers *registers)
{
    memset(registers, 0, sizeof(*registers));
    memcpy(registers->x, vcpu->registers.x, sizeof(registers->x));
    registers->sp = vcpu->registers.sp;
    registers->pc = vcpu->registers.pc;
}

void arch_registers_write(struct vcpu *vcpu, const struct keel_registers *registers)
{
    memcpy(vcpu->registers.x, registers->x, sizeof(registers->x));
    vcpu->registers.sp = registers->sp;
    vcpu->registers.pc = registers->pc;
}

void arch_call_again(struct vcpu *vcpu)
{
    vcpu->arch.again = true;
}
