/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a vCPU is in this CPU's registers. kernel-rules.md 1.
 *
 * light state   stage 2 and HCR, thread registers: of arch.context, installed by arch_enter
 * controls      TCR, SCTLR, CPACR, CNTKCTL, MDSCR: the loaded machine's while it runs; constants,
 *               with walks off, in every other case (`neutral`)
 * EL1 state     the rest: of arch.loaded, also while a service runs on its time
 * FP/SIMD       of arch.fp; taken over at the first use
 *
 * VTTBR changes only with TGE = 0 and walks disabled; any other order can put a service's stage-1-off
 * entries into a machine's VMID or a machine's walks into a service's (errata 1530924, 1530923,
 * 1319537, 1319367, 1165522).
 */
#include "arch/cpu.h"

#include "cpu/cpu.h"
#include "cpu/context.h"
#include "cpu/domain.h"
#include "cpu/trap.h"
#include "cpu/vcpu.h"

#define HCR_BASE (HCR_RW | HCR_VM | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS)
#define HCR_MACHINE                                                                                \
    (HCR_BASE | HCR_TWI | HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_TSW | HCR_TLOR |         \
     HCR_TERR | HCR_TID5)
#define HCR_USER (HCR_BASE | HCR_TGE | HCR_DC)

/* EPD0 and EPD1: no walks; T0SZ = T1SZ = 16, no tags. */
#define TCR_NEUTRAL (TCR_EPD0 | TCR_EPD1 | TCR_T0SZ16 | TCR_T1SZ16)
/* M = 1 is ignored under TGE, and with EPD it stops walks in the switch window. */
#define SCTLR_NEUTRAL                                                                              \
    (SCTLR_EL1_RES1 | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_SA0 | SCTLR_UCT | SCTLR_DZE)

#define CPTR_BASE (CPTR_RES1 | CPTR_TZ | CPTR_TSM | CPTR_TTA | CPTR_TAM)

/* What sysreg.c hides traps. Trap bits for what a CPU does not have are RES0 there: they have no effect.
 * Of fine-grained traps 0 is right: that lets through what is older than they are, and nothing newer. */
static void traps_init(void)
{
    uint64_t pfr0 = sysreg_read(id_aa64pfr0_el1);
    uint64_t pmu = ID_FIELD(sysreg_read(id_aa64dfr0_el1), ID_AA64DFR0_PMUVER);
    uint64_t fgt = ID_FIELD(sysreg_read(id_aa64mmfr0_el1), ID_AA64MMFR0_FGT);

    sysreg_write(cptr_el2, CPTR_BASE | CPTR_TFP);
    /* Debug, PMU, profiling and trace registers. HPMN: all counters; none would be unpredictable. */
    sysreg_write(mdcr_el2, MDCR_TPM | MDCR_TPMCR | MDCR_TDA | MDCR_TDOSA | MDCR_TDRA | MDCR_TPMS |
                               MDCR_TTRF | (pmu && pmu != 15 ? PMCR_N(sysreg_read(pmcr_el0)) : 0));
    if (ID_FIELD(sysreg_read(id_aa64mmfr1_el1), ID_AA64MMFR1_HCX))
        sysreg_write(HCRX_EL2, HCRX_TALLINT);
    if (fgt >= 1) {
        sysreg_write(HFGRTR_EL2, 0);
        sysreg_write(HFGWTR_EL2, 0);
        sysreg_write(HFGITR_EL2, 0);
        sysreg_write(HDFGRTR_EL2, 0);
        sysreg_write(HDFGWTR_EL2, 0);
        if (ID_FIELD(pfr0, ID_AA64PFR0_AMU))
            sysreg_write(HAFGRTR_EL2, 0);
    }
    if (fgt >= 2) {
        sysreg_write(HFGRTR2_EL2, 0);
        sysreg_write(HFGWTR2_EL2, 0);
        sysreg_write(HFGITR2_EL2, 0);
        sysreg_write(HDFGRTR2_EL2, 0);
        sysreg_write(HDFGWTR2_EL2, 0);
    }
    if (ID_FIELD(pfr0, ID_AA64PFR0_MPAM) ||
        ID_FIELD(sysreg_read(id_aa64pfr1_el1), ID_AA64PFR1_MPAM_FRAC))
        sysreg_write(MPAM2_EL2, MPAM2_TRAPMPAM0EL1 | MPAM2_TRAPMPAM1EL1);
}

void context_init_cpu(struct cpu *cpu)
{
    traps_init();
    sysreg_write(hstr_el2, 0);
    sysreg_write(cnthctl_el2, CNTHCTL_EL1PCTEN);
    sysreg_write(cntvoff_el2, 0);
    sysreg_write(vpidr_el2, sysreg_read(midr_el1));
    sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(cntp_ctl_el0, 0);
    sysreg_write(tcr_el1, TCR_NEUTRAL);
    sysreg_write(sctlr_el1, SCTLR_NEUTRAL);
    sysreg_write(cpacr_el1, CPACR_FPEN);
    sysreg_write(cntkctl_el1, CNTKCTL_EL0VCTEN);
    sysreg_write(mdscr_el1, 0);
    sysreg_write(hcr_el2, HCR_MACHINE);
    isb();
    cpu->arch.neutral = true;
}

/* FP/SIMD. */

static void fp_allow(struct cpu *cpu, bool allow)
{
    if (likely(cpu->arch.fp_allowed == allow))
        return;
    cpu->arch.fp_allowed = allow;
    sysreg_write(cptr_el2, CPTR_BASE | (allow ? 0 : CPTR_TFP));
}

/* The registers' content goes to its owner's memory; nobody owns them then. */
static void fp_put_back(struct cpu *cpu)
{
    if (!cpu->arch.fp)
        return;
    fp_allow(cpu, true);
    isb();
    fp_save(&cpu->arch.fp->arch.fp);
    cpu->arch.fp = NULL;
    fp_allow(cpu, false); /* the values are still there */
}

bool context_fp_used(struct cpu *cpu, struct vcpu *vcpu)
{
    if (vcpu->user && !(vcpu->domain->flags & KEEL_DOMAIN_FP))
        return false;
    fp_put_back(cpu);
    fp_allow(cpu, true);
    isb();
    fp_load(&vcpu->arch.fp);
    cpu->arch.fp = vcpu;
    return true;
}

/* Two registers of a machine, whose places in arch_el1 are neighbours, and take one access. */
#define SAVE(one, register1, two, register2)                                                       \
    {                                                                                              \
        uint64_t a = sysreg_read(register1), b = sysreg_read(register2);                           \
        el1->one = a, el1->two = b;                                                                \
    }
#define LOAD(one, register1, two, register2)                                                       \
    __asm__ volatile("msr " #register1 ", %0\n\tmsr " #register2 ", %1" ::"r"(el1->one), "r"(el1->two));

/* Controls: the machine's <-> neutral. */

static inline void controls_save(struct cpu *cpu)
{
    struct arch_el1 *el1 = &cpu->arch.loaded->arch.el1;

    SAVE(tcr, tcr_el1, sctlr, sctlr_el1)
    SAVE(cpacr, cpacr_el1, cntkctl, cntkctl_el1)
    el1->mdscr = sysreg_read(mdscr_el1);
    sysreg_write(tcr_el1, TCR_NEUTRAL);
    sysreg_write(sctlr_el1, SCTLR_NEUTRAL);
    sysreg_write(cpacr_el1, CPACR_FPEN);
    sysreg_write(cntkctl_el1, CNTKCTL_EL0VCTEN);
    sysreg_write(mdscr_el1, 0);
    isb();
    cpu->arch.neutral = true;
}

static void controls_load(struct cpu *cpu, struct vcpu *vcpu)
{
    const struct arch_el1 *el1 = &vcpu->arch.el1;

    isb();
    sysreg_write(mdscr_el1, el1->mdscr);
    LOAD(cpacr, cpacr_el1, cntkctl, cntkctl_el1)
    LOAD(sctlr, sctlr_el1, tcr, tcr_el1)
    cpu->arch.neutral = false;
}

/* Stage 2: walks are off. */
static void space_set(struct vcpu *vcpu, uint64_t hcr)
{
    if (sysreg_read(hcr_el2) & HCR_TGE) {
        sysreg_write(hcr_el2, HCR_MACHINE);
        isb();
    }
    sysreg_write(vttbr_el2, vcpu->domain->space.ttbr);
    isb();
    sysreg_write(hcr_el2, hcr);
}

/* EL1 state. */

/* The virtual timer's line (L6). As long as it is high its physical interrupt is held, or a vCPU that
 * was not loaded had it from its software timer: then it is looked at again at each entry, and when the
 * guest ends the interrupt. */
static void timer_fold(struct vcpu *vcpu) NO_LOCK_ANALYSIS
{
    const uint64_t high = CNT_ENABLE | CNT_ISTATUS;

    if (likely(!(vcpu->arch.vgic.private.line >> KEEL_TIMER_VIRTUAL & 1)) ||
        (sysreg_read(cntv_ctl_el0) & (high | CNT_IMASK)) == high)
        return;
    vgic_fold(vcpu);
    vgic_raise_private(vcpu, KEEL_TIMER_VIRTUAL, false);
    vgic_let_go(vcpu, KEEL_TIMER_VIRTUAL);
}

#define EL1_REGISTERS(DO)                                                                          \
    DO(ttbr0, ttbr0_el1, ttbr1, ttbr1_el1)                                                         \
    DO(mair, mair_el1, amair, amair_el1)                                                           \
    DO(vbar, vbar_el1, esr, esr_el1)                                                               \
    DO(far, far_el1, afsr0, afsr0_el1)                                                             \
    DO(afsr1, afsr1_el1, elr, elr_el1)                                                             \
    DO(spsr, spsr_el1, sp, sp_el1)                                                                 \
    DO(contextidr, contextidr_el1, tpidr, tpidr_el1)                                               \
    DO(par, par_el1, csselr, csselr_el1)

void arch_unload(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->arch.loaded;
    struct arch_el1 *el1 = &vcpu->arch.el1;

    if (!cpu->arch.neutral)
        controls_save(cpu);
    EL1_REGISTERS(SAVE)
    SAVE(cntv_ctl, cntv_ctl_el0, cntv_cval, cntv_cval_el0)
    sysreg_write(cntv_ctl_el0, 0);
    vgic_let_go(vcpu, KEEL_TIMER_VIRTUAL);
    gic_state_save(&vcpu->arch.gic);
    if (cpu->arch.fp == vcpu)
        fp_put_back(cpu);
    if ((el1->cntv_ctl & (CNT_ENABLE | CNT_IMASK)) == CNT_ENABLE && domain_runs(vcpu->domain))
        timer_set(&vcpu->timer, cpu->index, el1->cntv_cval);
    cpu->arch.loaded = NULL;
    __atomic_store_n(&vcpu->loaded_on, CPU_NONE, __ATOMIC_SEQ_CST);
}

static void load(struct cpu *cpu, struct vcpu *vcpu)
{
    const struct arch_el1 *el1 = &vcpu->arch.el1;

    __atomic_store_n(&vcpu->loaded_on, cpu->index, __ATOMIC_SEQ_CST);
    cpu->arch.loaded = vcpu;
    space_enter(&vcpu->domain->space, cpu->index, vcpu->index);
    EL1_REGISTERS(LOAD)
    /* What the hidden DISR_EL1 is for a machine, and nothing traps. */
    if (ID_FIELD(sysreg_read(id_aa64pfr0_el1), ID_AA64PFR0_RAS))
        sysreg_write(VDISR_EL2, 0);
    sysreg_write(vmpidr_el2, 0x80000000u | vcpu->index);
    LOAD(cntv_cval, cntv_cval_el0, cntv_ctl, cntv_ctl_el0)
    gic_state_load(&vcpu->arch.gic);
}

/* What the domain wrote to its devices is answered before anybody else runs: an error is its own. */
static void devices_wait(void)
{
    dsb(sy);
    __asm__ volatile("msr daifclr, #4\n\tisb\n\tmsr daifset, #4" ::: "memory"); /* trap_serror */
}

/* Entering. */

inline void arch_save(struct cpu *cpu, struct vcpu *vcpu)
{
    if (cpu->arch.context != vcpu)
        return;
    if (unlikely(vcpu->devices))
        devices_wait();
    vcpu->registers.sp_el0 = sysreg_read(sp_el0);
    vcpu->registers.tpidr_el0 = sysreg_read(tpidr_el0);
    if (!vcpu->user) {
        vcpu->registers.tpidrro_el0 = sysreg_read(tpidrro_el0);
        if (unlikely(vgic_is_filled(&vcpu->arch.vgic)))
            vgic_fold(vcpu);
    } else if (unlikely(cpu->arch.fp == vcpu)) {
        fp_put_back(cpu);
    }
    cpu->arch.context = NULL;
}

static void install(struct cpu *cpu, struct vcpu *vcpu)
{
    if (vcpu->user) {
        if (!cpu->arch.neutral)
            controls_save(cpu);
        space_set(vcpu, HCR_USER);
    } else {
        if (cpu->arch.loaded != vcpu) {
            if (cpu->arch.loaded)
                arch_unload(cpu);
            load(cpu, vcpu);
        }
        if (cpu->arch.neutral) {
            space_set(vcpu, HCR_MACHINE);
            controls_load(cpu, vcpu);
        }
    }
    sysreg_write(sp_el0, vcpu->registers.sp_el0);
    sysreg_write(tpidr_el0, vcpu->registers.tpidr_el0);
    sysreg_write(tpidrro_el0, vcpu->registers.tpidrro_el0);
    fp_allow(cpu, cpu->arch.fp == vcpu);
    cpu->arch.context = vcpu;
}

/* The synchronous exception that the machine `takes` at EL1, as if the instruction at pc had caused it: an
 * undefined one, or one that ends in a synchronous External abort, not on a walk (DFSC 0b010000). Arm
 * ARM J1, AArch64.TakeException. Where a CPU does not have a field, its bit here has no effect. */
static void inject(struct vcpu *vcpu)
{
    bool abort = vcpu->takes == VCPU_TAKES_ABORT;
    struct arch_registers *registers = &vcpu->registers;
    uint64_t mode = registers->pstate & 0x1f;
    uint64_t offset = mode == SPSR_EL1H ? 0x200 : mode == 0x4 ? 0 : mode & SPSR_NRW ? 0x600 : 0x400;
    uint64_t kept = registers->pstate & (SPSR_NZCV | SPSR_DIT | SPSR_PAN);
    uint64_t sctlr = sysreg_read(sctlr_el1);
    /* From EL1 the class is the next one. */
    uint64_t ec = ESR_EC(vcpu->arch.fault_esr) + (mode & 0xf ? 1 : 0);
    uint64_t esr = ec << 26 | ESR_IL | 0x10 | (vcpu->arch.fault_esr & ISS_WNR);

    sysreg_write(elr_el1, registers->pc);
    sysreg_write(spsr_el1, registers->pstate);
    sysreg_write(esr_el1, abort ? esr : ESR_IL);
    sysreg_write(far_el1, abort ? vcpu->arch.fault_far : 0);
    registers->pc = sysreg_read(vbar_el1) + offset;
    registers->pstate = kept | (sctlr & SCTLR_SPAN ? 0 : SPSR_PAN) |
                        (sctlr & SCTLR_DSSBS ? SPSR_SSBS : 0) | SPSR_TCO | SPSR_DAIF | SPSR_EL1H;
    vcpu->takes = VCPU_TAKES_NOTHING;
}

void arch_enter(struct cpu *cpu, struct vcpu *vcpu)
{
    if (cpu->arch.context != vcpu)
        install(cpu, vcpu);
    if (vcpu->user)
        return;
    timer_fold(vcpu);
    vgic_fill(vcpu);
    if (unlikely(vcpu->takes))
        inject(vcpu);
}

void arch_timer_expired(struct vcpu *vcpu)
{
    vgic_raise_private(vcpu, KEEL_TIMER_VIRTUAL, true);
}

/* A vCPU's registers. */

void arch_vcpu_init(struct vcpu *vcpu)
{
    if (!vcpu->user) {
        vgic_vcpu_init(vcpu);
        arch_vcpu_start(vcpu, 0, 0);
    }
}

void arch_vcpu_start(struct vcpu *vcpu, uint64_t pc, uint64_t x0)
{
    vgic_raise_private(vcpu, KEEL_TIMER_VIRTUAL, false);
    memset(&vcpu->registers, 0, sizeof(vcpu->registers));
    memset(&vcpu->arch.el1, 0, sizeof(vcpu->arch.el1));
    vcpu->arch.el1.sctlr = SCTLR_EL1_RES1;
    vcpu->registers.pstate = SPSR_DAIF | SPSR_EL1H;
    vcpu->registers.pc = pc;
    vcpu->registers.x[0] = x0;
}

void arch_registers_read(const struct vcpu *vcpu, struct keel_registers *registers)
{
    memcpy(registers->x, vcpu->registers.x, sizeof(registers->x));
    registers->sp = vcpu->registers.sp_el0;
    registers->pc = vcpu->registers.pc;
    registers->pstate = vcpu->registers.pstate;
}

void arch_registers_write(struct vcpu *vcpu, const struct keel_registers *registers)
{
    memcpy(vcpu->registers.x, registers->x, sizeof(registers->x));
    vcpu->registers.sp_el0 = registers->sp;
    vcpu->registers.pc = registers->pc;
    vcpu->registers.pstate =
        (vcpu->registers.pstate & ~SPSR_NZCV) | (registers->pstate & SPSR_NZCV);
}

void arch_call_again(struct vcpu *vcpu)
{
    vcpu->registers.pc -= 4;
}
