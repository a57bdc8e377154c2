/* SPDX-License-Identifier: Apache-2.0 */
/* GICv3 (and v4, used as v3): see gic.h. Sections are those of the architecture, IHI 0069H. */
#include "arch/cpu.h"
#include "interrupt/gic.h"
#include "interrupt/gicv3_registers.h"
#include "main.h"

#define PRIORITY    0xa0a0a0a0u /* of every interrupt: nothing here preempts anything */
#define POLLS_BOOT  1000000u    /* of a bit that hardware clears within microseconds */
#define POLLS_LATER 8u          /* later, nobody may have to wait for longer */

static struct lock gic_lock; /* a leaf: read-modify-write of the distributor */
static uint32_t spis_end;
static uint32_t list_registers, active_registers; /* the same on all CPUs */

static volatile uint32_t *register32(uint64_t base, uint32_t offset)
{
    return (volatile uint32_t *)(base + offset);
}

static volatile uint64_t *register64(uint64_t base, uint32_t offset)
{
    return (volatile uint64_t *)(base + offset);
}

static bool wait_clear(uint64_t base, uint32_t offset, uint32_t bit, uint32_t polls)
{
    while (*register32(base, offset) & bit)
        if (polls-- == 0)
            return false;
    return true;
}

/* In the distributor or in SGI_base: disabled, not pending, not active, of group 1. */
static void reset(uint64_t base, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i += 32) {
        *register32(base, GICD_ICENABLER + i / 8) = ~0u;
        *register32(base, GICD_ICPENDR + i / 8) = ~0u;
        *register32(base, GICD_ICACTIVER + i / 8) = ~0u;
        *register32(base, GICD_IGROUPR + i / 8) = ~0u;
    }
    for (uint32_t i = first; i < end; i += 4)
        *register32(base, GICD_IPRIORITYR + i) = PRIORITY;
}

void gic_init(void)
{
    uint32_t revision = GIC_PIDR2_REVISION(*register32(platform.gicd_pa, GICD_PIDR2));
    CHECK(revision == 3 || revision == 4);
    spis_end = GICD_TYPER_LINES(*register32(platform.gicd_pa, GICD_TYPER)) * 32;
    if (spis_end > GIC_SPURIOUS)
        spis_end = GIC_SPURIOUS;

    /* 12.9.4: affinity routing is switched on while no group is enabled, and never off */
    *register32(platform.gicd_pa, GICD_CTLR) &= GICD_CTLR_ARE;
    CHECK(wait_clear(platform.gicd_pa, GICD_CTLR, GICD_CTLR_RWP, POLLS_BOOT));
    *register32(platform.gicd_pa, GICD_CTLR) = GICD_CTLR_ARE;
    CHECK(wait_clear(platform.gicd_pa, GICD_CTLR, GICD_CTLR_RWP, POLLS_BOOT));
    reset(platform.gicd_pa, VGIC_PRIVATE, spis_end);
    *register32(platform.gicd_pa, GICD_CTLR) = GICD_CTLR_ARE | GICD_CTLR_ENABLE_GRP1;
    CHECK(wait_clear(platform.gicd_pa, GICD_CTLR, GICD_CTLR_RWP, POLLS_BOOT));
}

/* The redistributor whose affinity is this CPU's. */
static uint64_t redistributor(uint32_t cpu)
{
    uint64_t mpidr = platform.cpu_mpidr[cpu];
    uint32_t wanted = (uint32_t)(mpidr >> 32 & 0xff) << 24 | (uint32_t)(mpidr & 0xffffff);
    uint64_t base = platform.gicr_pa;
    uint64_t typer = 0;

    while (base < platform.gicr_pa + platform.gicr_size && !(typer & GICR_TYPER_LAST)) {
        typer = *register64(base, GICR_TYPER);
        if (GICR_TYPER_AFFINITY(typer) == wanted)
            return base;
        base += (typer & GICR_TYPER_VLPIS ? 4 : 2) * GICR_FRAME;
    }
    return 0;
}

void gic_init_cpu(uint32_t cpu)
{
    uint64_t base = redistributor(cpu);
    uint64_t sgi = base + GICR_FRAME;
    uint64_t vtr;

    CHECK(base);
    *register32(base, GICR_WAKER) &= ~GICR_WAKER_PROCESSOR_SLEEP;
    CHECK(wait_clear(base, GICR_WAKER, GICR_WAKER_CHILDREN_ASLEEP, POLLS_BOOT));
    reset(sgi, 0, VGIC_PRIVATE);
    CHECK(wait_clear(base, GICR_CTLR, GICR_CTLR_RWP, POLLS_BOOT));
    *register32(sgi, GICD_ICFGR + 4) = 0; /* PPIs are levels */
    *register32(sgi, GICD_ISENABLER) = 1u << GIC_SGI_KICK | 1u << platform.irq_timer_hyp |
                                       1u << platform.irq_timer_virtual |
                                       1u << platform.irq_maintenance;

    sysreg_write(ICC_SRE_EL2, ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB | ICC_SRE_ENABLE);
    isb();
    sysreg_write(ICC_PMR_EL1, 0xff);
    sysreg_write(ICC_BPR1_EL1, 0);
    sysreg_write(ICC_CTLR_EL1, sysreg_read(ICC_CTLR_EL1) | ICC_CTLR_EOIMODE);
    sysreg_write(ICC_IGRPEN1_EL1, 1);
    isb();

    vtr = sysreg_read(ICH_VTR_EL2);
    list_registers = ICH_VTR_LISTREGS(vtr);
    if (list_registers > VGIC_LRS_MAX)
        list_registers = VGIC_LRS_MAX;
    active_registers = 1u << (ICH_VTR_PREBITS(vtr) - 5);
    for (uint32_t n = 0; n < list_registers; n++)
        gic_lr_put(n, (struct vgic_lr){.intid = 0});
    gic_state_load(&(struct gic_state){.vmcr = 0});
    gic_watch(0);
    isb();
}

/* 4.1.1: acknowledged, then, with EOImode 1, EOIR only drops the priority. */
uint32_t gic_take(void)
{
    uint32_t intid = (uint32_t)sysreg_read(ICC_IAR1_EL1) & 0xffffff;

    dsb(sy);
    if (intid < GIC_SPURIOUS) {
        sysreg_write(ICC_EOIR1_EL1, intid);
        isb();
    }
    return intid;
}

/* What was done before, list registers emptied above all, counts when it may come again. */
void gic_deactivate(uint32_t intid)
{
    isb();
    sysreg_write(ICC_DIR_EL1, intid);
    isb();
}

void arch_kick(uint32_t cpu)
{
    dsb(ishst);
    sysreg_write(ICC_SGI1R_EL1,
                 ICC_SGI1R_AFFINITY(platform.cpu_mpidr[cpu]) | ICC_SGI1R_INTID(GIC_SGI_KICK));
    isb();
}

uint32_t gic_spis(void)
{
    return spis_end;
}

void gic_spi_enable(uint32_t intid, bool edge, uint32_t cpu)
{
    volatile uint32_t *config = register32(platform.gicd_pa, GICD_ICFGR + intid / 16 * 4);
    uint32_t bit = 2u << intid % 16 * 2;

    lock_take(&gic_lock);
    *config = edge ? *config | bit : *config & ~bit;
    lock_release(&gic_lock);
    *register64(platform.gicd_pa, GICD_IROUTER + intid * 8) =
        platform.cpu_mpidr[cpu] & 0xff00ffffffull;
    *register32(platform.gicd_pa, GICD_ICACTIVER + intid / 32 * 4) = 1u << intid % 32;
    dsb(ish);
    *register32(platform.gicd_pa, GICD_ISENABLER + intid / 32 * 4) = 1u << intid % 32;
}

void gic_spi_disable(uint32_t intid)
{
    uint32_t word = intid / 32 * 4;
    uint32_t bit = 1u << intid % 32;

    *register32(platform.gicd_pa, GICD_ICENABLER + word) = bit;
    /* If a slow distributor lets it through all the same, irq_deliver comes here again; and what it
     * leaves active is not any more when it is enabled. */
    (void)wait_clear(platform.gicd_pa, GICD_CTLR, GICD_CTLR_RWP, POLLS_LATER);
    *register32(platform.gicd_pa, GICD_ICPENDR + word) = bit;
    *register32(platform.gicd_pa, GICD_ICACTIVER + word) = bit;
    dsb(ish);
}

uint32_t gic_lrs(void)
{
    return list_registers;
}

/* Mostly one is used. */
#define OF_LR(n, one)                                \
    switch (__builtin_expect(n, 0)) {                \
        one(0) one(1) one(2) one(3) default : break; \
    }
_Static_assert(VGIC_LRS_MAX == 4, "as many as OF_LR knows");

static inline uint64_t lr_read(uint32_t n)
{
#define READ(i) \
    case i:     \
        return sysreg_read(ICH_LR##i##_EL2);
    OF_LR(n, READ)
    return 0;
}

static inline void lr_write(uint32_t n, uint64_t value)
{
#define WRITE(i)                              \
    case i:                                   \
        sysreg_write(ICH_LR##i##_EL2, value); \
        break;
    OF_LR(n, WRITE)
}

/* 12.4.8: bits 63:60 are active, pending, HW and group, as the first flags of struct vgic_lr. */
#define FLAGS_SHIFT 60

struct vgic_lr gic_lr_take(uint32_t n)
{
    uint64_t value = lr_read(n);

    lr_write(n, 0);
    return (struct vgic_lr){.intid = (uint16_t)value,
                            .priority = (uint8_t)(value >> 48),
                            .flags = (uint8_t)(value >> FLAGS_SHIFT)};
}

/* With HW, bits 44:32 are the physical INTID; without, bit 41 asks for maintenance. */
void gic_lr_put(uint32_t n, struct vgic_lr lr)
{
    uint64_t value = lr.intid | ICH_LR_PRIORITY(lr.priority) | (uint64_t)lr.flags << FLAGS_SHIFT;

    lr_write(n, value | (lr.flags & LR_HW    ? ICH_LR_PINTID(lr.intid)
                         : lr.flags & LR_EOI ? ICH_LR_EOI
                                             : 0));
}

void gic_lr_pend(uint32_t n)
{
    lr_write(n, lr_read(n) | ICH_LR_PENDING);
}

void gic_watch(uint32_t watch)
{
    sysreg_write(ICH_HCR_EL2, ICH_HCR_EN | ICH_HCR_TDIR | watch);
}

uint32_t gic_eois(void)
{
    return ICH_HCR_EOICOUNT(sysreg_read(ICH_HCR_EL2));
}

uint32_t gic_vmcr(void)
{
    return (uint32_t)sysreg_read(ICH_VMCR_EL2);
}

/* Active priorities: as many registers as there are. */
#define OF_AP(one)                                  \
    switch (active_registers) {                     \
    case 4:                                         \
        one(3) one(2) __attribute__((fallthrough)); \
    case 2:                                         \
        one(1) __attribute__((fallthrough));        \
    default:                                        \
        one(0)                                      \
    }

void gic_state_save(struct gic_state *state)
{
    state->vmcr = gic_vmcr();
#define SAVE(i)                                                \
    state->ap0r[i] = (uint32_t)sysreg_read(ICH_AP0R##i##_EL2); \
    state->ap1r[i] = (uint32_t)sysreg_read(ICH_AP1R##i##_EL2);
    OF_AP(SAVE)
}

void gic_state_load(const struct gic_state *state)
{
    sysreg_write(ICC_SRE_EL1, ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB);
    sysreg_write(ICH_VMCR_EL2, state->vmcr);
#define LOAD(i)                                      \
    sysreg_write(ICH_AP0R##i##_EL2, state->ap0r[i]); \
    sysreg_write(ICH_AP1R##i##_EL2, state->ap1r[i]);
    OF_AP(LOAD)
}
