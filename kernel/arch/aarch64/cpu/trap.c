/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions from lower levels: decoded here, answered here, in cpu/call.c, or by a service. */
#include "cpu/trap.h"
#include "arch/interrupt.h"
#include "cpu/call.h"
#include "cpu/context.h"
#include "cpu/cpu.h"
#include "cpu/dispatch.h"
#include "cpu/domain.h"
#include "cpu/exit.h"
#include "cpu/sysreg.h"
#include "cpu/vcpu.h"
#include "interrupt/irq.h"
#include "main.h"

#include "call_numbers.h"

/* ISS of a data abort */
#define ISS_ISV          (1u << 24)
#define ISS_SAS(iss)     ((iss) >> 22 & 3)
#define ISS_SSE          (1u << 21)
#define ISS_SRT(iss)     ((iss) >> 16 & 31)
#define ISS_SF           (1u << 15)
#define ISS_FNV          (1u << 10)
#define ISS_CM           (1u << 8)
#define ISS_S1PTW        (1u << 7)
#define ISS_DFSC(iss)    ((iss)&0x3f)
#define DFSC_TRANSLATION 0x04u /* 0b0001LL */

_Static_assert(ESR_ARGO == (EC_HVC64 << 26 | ESR_IL | KEEL_ARGO_HVC), "entry.S");
_Static_assert(ARGO_HYPERCALL == KEEL_ARGO_HYPERCALL, "entry.S");

static void skip(struct vcpu *vcpu)
{
    vcpu->registers.pc += 4;
}

/* All but calls. What a service did that it may not do ends its life; nobody else's. */
static not_inline void user_sync(struct vcpu *vcpu, uint64_t esr)
{
    if (ESR_EC(esr) == EC_WFX) {
        skip(vcpu);
        dispatch_yield(cpu_this());
    } else if (ESR_EC(esr) != EC_FP || !context_fp_used(cpu_this(), vcpu)) {
        const uint64_t detail[4] = {vcpu->registers.pc, esr, sysreg_read(far_el2),
                                    vcpu->registers.x[30]};

        domain_stop(vcpu->domain, KEEL_STOP_FAULT, detail);
    }
}

/* WFI: sleeps until a virtual interrupt is there for it. */
static not_inline void machine_wfx(struct vcpu *vcpu, uint64_t esr)
{
    struct cpu *cpu = cpu_this();

    skip(vcpu);
    if (esr & 1) { /* WFE is not trapped; if it is, it is a hint */
        dispatch_yield(cpu);
        return;
    }
    vcpu_leave(cpu, vcpu, VCPU_WAITING);
    /* One was there, or came before the state was seen by whoever raised it (L3). */
    if (vgic_pending(vcpu) && vcpu_change(vcpu, VCPU_WAITING, VCPU_RUNNING))
        cpu->current = vcpu;
}

static void machine_call(struct vcpu *vcpu, uint64_t esr, uint16_t kind)
{
    struct keel_exit *message = &vcpu->exit.message;
    const struct route *route = &vcpu->domain->authority.calls;

    if (!route->lo) {
        if (kind == KEEL_EXIT_HVC)
            vcpu->registers.pc -= 4;
        vcpu->takes = VCPU_TAKES_UNDEFINED;
        return;
    }
    if (kind == KEEL_EXIT_SMC)
        skip(vcpu);
    message->kind = kind;
    message->size = 8;
    for (uint32_t i = 0; i < 4; i++)
        message->args[i] = vcpu->registers.x[i];
    message->args[4] = esr & 0xffff;
    exit_raise(cpu_this(), vcpu, route);
}

/* An access outside the machine's memory: a service's, or nobody's. Nobody serves instructions: their ISS
 * has no ISV, nor ISS_WNR. */
static not_inline void machine_abort(struct vcpu *vcpu, uint64_t esr)
{
    uint32_t iss = (uint32_t)esr & 0x1ffffff;
    uint64_t far = sysreg_read(far_el2);
    uint64_t ipa = (sysreg_read(hpfar_el2) & ~0xful) << 8 | (far & (KEEL_PAGE_SIZE - 1));
    uint32_t cause = ISS_DFSC(iss) & 0x3c;
    struct keel_exit *message = &vcpu->exit.message;
    const struct route *route = NULL;

    vcpu->arch.fault_far = far;
    vcpu->arch.fault_esr = esr;
    /* HPFAR_EL2 has the IPA only after translation faults; nothing is served within mapped memory.
     * Mostly who served the last one serves this one. */
    if (likely(cause == DFSC_TRANSLATION && !(iss & (ISS_S1PTW | ISS_CM | ISS_FNV)))) {
        route = vcpu->arch.recent;
        if (unlikely(!route || ipa - route->lo > route->hi - route->lo))
            route = vcpu->arch.recent = authority_route(vcpu->domain, ipa);
    }
    if (unlikely(!route || (!(iss & ISS_ISV) && ESR_EC(esr) == EC_IABORT_LOW))) {
        /* Its own memory, in the middle of a change of tables: once more. */
        if (cause != DFSC_TRANSLATION || !space_has(&vcpu->domain->space, IPA(ipa), iss & ISS_WNR))
            vcpu->takes = VCPU_TAKES_ABORT;
        return;
    }
    message->args[0] = ipa;
    message->args[1] = 0;
    message->args[2] = vcpu->registers.pc;
    message->args[3] = esr;
    message->args[4] = 0;
    if (likely(iss & ISS_ISV)) {
        message->kind = iss & ISS_WNR ? KEEL_EXIT_WRITE : KEEL_EXIT_READ;
        message->size = (uint8_t)(1u << ISS_SAS(iss));
        if ((iss & ISS_WNR) && ISS_SRT(iss) != 31)
            message->args[1] = vcpu->registers.x[ISS_SRT(iss)] & (~0ul >> (64 - 8 * message->size));
    } else {
        message->kind = KEEL_EXIT_OPAQUE;
        message->size = 0;
    }
    exit_raise(cpu_this(), vcpu, route);
}

void arch_complete(struct vcpu *vcpu, uint64_t value)
{
    uint32_t unused = 64 - 8u * vcpu->exit.message.size;
    uint32_t iss = (uint32_t)vcpu->arch.fault_esr;

    if (exit_is_call(vcpu)) {
        vcpu->registers.x[0] = value;
        return;
    }
    if (vcpu->exit.message.kind == KEEL_EXIT_READ && ISS_SRT(iss) != 31) {
        value = iss & ISS_SSE ? (uint64_t)((int64_t)(value << unused) >> unused)
                              : value << unused >> unused;
        vcpu->registers.x[ISS_SRT(iss)] = iss & ISS_SF ? value : (uint32_t)value;
    }
    skip(vcpu);
}

void arch_retry(struct vcpu *vcpu)
{
    if (exit_is_call(vcpu))
        vcpu->registers.pc -= 4;
}

void trap_argo(struct vcpu *vcpu)
{
    uint64_t *x = vcpu->registers.x;
    int64_t result = argo_check(x[0], x[3], x[4]) ?: argo_call_machine(vcpu);

    if (unlikely(result < 0)) {
        if (result == ARGO_AGAIN) {
            arch_call_again(vcpu);
            return;
        }
        if (result == -KEEL_EACCES)
            domain_refused(vcpu->domain, CALL_ARGO, x);
    }
    x[0] = (uint64_t)result;
}

/* All but data aborts, WFI and Argo. */
static not_inline void machine_sync(struct vcpu *vcpu, uint64_t esr)
{
    switch (ESR_EC(esr)) {
    case EC_HVC64:
        machine_call(vcpu, esr, KEEL_EXIT_HVC);
        return;
    case EC_SMC64:
        machine_call(vcpu, esr, KEEL_EXIT_SMC);
        return;
    case EC_IABORT_LOW:
        machine_abort(vcpu, esr);
        return;
    case EC_FP:
        if (context_fp_used(cpu_this(), vcpu))
            return;
        break;
    case EC_SYSREG:
        if (sysreg_access(vcpu, esr)) {
            skip(vcpu);
            return;
        }
        break;
    default:
        break;
    }
    vcpu->takes = VCPU_TAKES_UNDEFINED;
}

/* A leaf: what each ends in sets up the frame that it needs. */
void trap_sync(struct vcpu *vcpu, uint64_t esr)
{
    if (!vcpu->user) {
        if (likely(ESR_EC(esr) == EC_DABORT_LOW))
            machine_abort(vcpu, esr);
        else if (ESR_EC(esr) == EC_WFX)
            machine_wfx(vcpu, esr);
        else
            machine_sync(vcpu, esr);
    } else if (likely(ESR_EC(esr) == EC_SVC64)) {
        call_handle(vcpu);
    } else {
        user_sync(vcpu, esr);
    }
}

/* Interrupts. */

void trap_irq(void)
{
    struct cpu *cpu = cpu_this();
    uint32_t intid = gic_take();

    if (intid >= GIC_SPURIOUS)
        return;
    if (intid >= VGIC_PRIVATE) {
        irq_deliver(intid);
    } else if (intid == KEEL_TIMER_VIRTUAL && cpu->arch.loaded) {
        vgic_hold(cpu->arch.loaded, intid);
    } else {
        if (intid == GIC_SGI_KICK)
            __atomic_store_n(&cpu->resched, true, __ATOMIC_SEQ_CST);
        else if (intid == platform.irq_timer_hyp)
            cpu_alarm(cpu);
        else if (intid == platform.irq_maintenance && cpu->arch.context && !cpu->arch.context->user)
            vgic_fold(cpu->arch.context);
        gic_deactivate(intid);
    }
}

void arch_idle(struct cpu *cpu)
{
    (void)cpu;
    dsb(sy);
    __asm__ volatile("wfi" ::: "memory"); /* ends for what is masked, too */
    trap_irq();
}

/* Asynchronous: what has device registers mapped is to blame. Noted: if it is only as the domain leaves
 * the CPU, what it leaves for is half done. */
void trap_serror(void)
{
    struct cpu *cpu = cpu_this();
    const struct vcpu *vcpu = cpu->arch.context;

    cpu->late = true;
    cpu->arch.late.domain = vcpu->domain;
    cpu->arch.late.incarnation = vcpu->domain->incarnation;
    cpu->arch.late.pc = vcpu->registers.pc;
    cpu->arch.late.esr = sysreg_read(esr_el2);
}

void arch_attend(struct cpu *cpu)
{
    struct domain *domain = cpu->arch.late.domain;
    const uint64_t detail[4] = {cpu->arch.late.pc, cpu->arch.late.esr};

    if (domain->incarnation == cpu->arch.late.incarnation)
        domain_stop(domain, KEEL_STOP_FAULT, detail);
    /* What was chosen may be what was stopped. */
    WRITE_ONCE(cpu->resched, true);
}

void trap_kernel(uint64_t esr, uint64_t pc, uint64_t far, uint64_t frame)
{
    print_broken("\nkernel: exception esr %lx pc %lx far %lx frame %lx", esr, pc, far, frame);
    check_failed("exception", 0, "the kernel does not fault");
}
