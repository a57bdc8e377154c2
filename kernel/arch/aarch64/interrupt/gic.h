/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical interrupt controller: a thin driver (GICv3 now; v2 has the same functions in a file of
 * its own). Priority drop and deactivation are separate (EOImode 1): an interrupt that was taken but
 * not deactivated does not come again, which is how lines are masked without touching the distributor.
 */
#ifndef KERNEL_INTERRUPT_GIC_H
#define KERNEL_INTERRUPT_GIC_H

#include "interrupt/vgic.h"
#include <keel/boot.h>

#define GIC_SPURIOUS 1020u /* and above */
#define GIC_SGI_KICK 0u    /* the kernel's own SGI: look at your dispatcher */

/* Checks and initialises the distributor: everything disabled, group 1. Boot CPU, once. */
void gic_init(const struct keel_boot *boot);
/* This CPU's redistributor and interface: SGIs, the kernel's timer, virtual timer and maintenance
 * interrupt enabled; list registers emptied. Each CPU, once. */
void gic_init_cpu(uint32_t cpu);

uint32_t gic_take(void);                /* acknowledges, drops priority: INTID, or >= GIC_SPURIOUS */
void gic_deactivate(uint32_t intid);    /* may come again (from any CPU for SPIs) */
void gic_kick(uint32_t cpu);            /* sends GIC_SGI_KICK */

/* A physical SPI for a domain: routed to a CPU, trigger set, enabled or disabled (and, if it was
 * active, deactivated). */
void gic_spi_enable(uint32_t intid, bool edge, uint32_t cpu);
void gic_spi_disable(uint32_t intid);
uint32_t gic_spis(void);                /* first INTID that does not exist */

/* List registers of this CPU. */
uint32_t gic_lrs(void);                 /* how many, <= VGIC_LRS_MAX */
void gic_lrs_read(struct vgic_vcpu *vgic);  /* hardware -> lr[] (those in `used`), eoi_count */
void gic_lrs_write(struct vgic_vcpu *vgic, uint32_t control); /* lr[] -> hardware, and enables */
void gic_virtual_off(void);             /* ICH_HCR.En = 0; list registers stay */
void gic_virtual_on(struct vgic_vcpu *vgic, uint32_t control);
/* The rest of the virtual interface's state (VMCR, active priorities), at a change of machine. */
struct gic_state {
    uint32_t vmcr, ap0r[4], ap1r[4];
};
void gic_state_reset(struct gic_state *state);
void gic_state_save(struct gic_state *state);
void gic_state_load(const struct gic_state *state);

#endif
