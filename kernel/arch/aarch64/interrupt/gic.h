/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical interrupt controller: a thin driver (GICv3 now; v2 has the same functions in a file
 * of its own). Priority drop and deactivation are separate (EOImode 1): an interrupt that was taken
 * but not deactivated does not come again, which is how lines are masked without touching the
 * distributor.
 */
#ifndef KERNEL_INTERRUPT_GIC_H
#define KERNEL_INTERRUPT_GIC_H

#include "interrupt/vgic.h"

#define GIC_SPURIOUS 1020u /* and above */
#define GIC_SGI_KICK 0u    /* the kernel's own SGI: arch_kick */

/* Checks and initialises the distributor: everything disabled, group 1. Boot CPU, once. */
void gic_init(void);
/* This CPU's redistributor and interface: SGIs, the kernel's timer, virtual timer and maintenance
 * interrupt enabled; list registers empty, virtual interface on. Each CPU, once. */
void gic_init_cpu(uint32_t cpu);

uint32_t gic_take(void);             /* acknowledges, drops priority: INTID, or >= GIC_SPURIOUS */
void gic_deactivate(uint32_t intid); /* may come again (SPIs: from any CPU) */

/* A physical SPI for a domain: routed to a CPU, trigger set, enabled or disabled (and, if it was
 * pending or active, not any more). */
void gic_spi_enable(uint32_t intid, bool edge, uint32_t cpu);
void gic_spi_disable(uint32_t intid);
uint32_t gic_spis(void); /* first INTID that does not exist */

/* List registers of this CPU. Only vgic.c uses these. */
uint32_t gic_lrs(void);                         /* how many, <= VGIC_LRS_MAX */
struct vgic_lr gic_lr_take(uint32_t n);         /* reads and empties it */
void gic_lr_put(uint32_t n, struct vgic_lr lr); /* pending and active: not with hw */
void gic_lr_pend(uint32_t n);                   /* makes what is in it pending, too; not with hw */
/* Maintenance interrupts beyond those that list registers ask for, as the bits of ICH_HCR_EL2 and
 * GICH_HCR. Resets the count of EOIs. */
enum gic_watch {
    GIC_WATCH_EOI = 4,          /* LRENPIE: an EOI of an interrupt that is in no list register */
    GIC_WATCH_NONE_PENDING = 8, /* NPIE: no list register is pending (alone) */
};
void gic_watch(uint32_t watch);
uint32_t gic_eois(void); /* EOIs, since gic_watch, of interrupts in no list register */
/* What the loaded machine lets through: group enables (bits 0, 1), priority mask (bits 31..24). */
uint32_t gic_vmcr(void);

/* The virtual interface's state (VMCR, active priorities), at a change of machine. At first all zeros. */
struct gic_state {
    uint32_t vmcr, ap0r[4], ap1r[4];
};
void gic_state_save(struct gic_state *state);
void gic_state_load(const struct gic_state *state);

#endif
