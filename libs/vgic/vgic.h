/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of a guest's GICv3 distributor and redistributors. The state of every interrupt is the
 * kernel's; an access becomes one step that the caller takes: entries for `irq_configure`, a range
 * for `irq_read`, or just a value. No I/O, no allocation, no loop over more than one register.
 *
 * The guest sees one security state (DS), affinity routing only, SPIs without 1-of-N and without
 * message-based ones, no LPIs, 32 priorities, and vCPU n at affinity 0.0.0.n. Registers that it
 * does not have read as zero and ignore writes; an access of a size or alignment that the
 * architecture does not allow for the register is an abort. IHI 0069, sections 12.1.3, 12.9, 12.11.
 */
#ifndef LIBS_VGIC_VGIC_H
#define LIBS_VGIC_VGIC_H

#include <keel/interrupt.h>
#include <stdint.h>

/* The state that is the decoder's own; the rest is the kernel's. */
struct vgic {
    uint32_t vcpus;   /* 1..KEEL_VCPUS_MAX */
    uint32_t spis;    /* 0..KEEL_SPIS_MAX */
    uint32_t control; /* GICD_CTLR: the two group enables */
    uint32_t asleep;  /* bit n: GICR_WAKER.ProcessorSleep of vCPU n */
};

enum vgic_action {
    VGIC_DONE,      /* nothing to call; a read's answer is `value` */
    VGIC_ABORT,     /* the guest takes an external abort */
    VGIC_CONFIGURE, /* irq_configure, each of list[n] */
    VGIC_CONTROL,   /* irq_controller(value) */
    VGIC_READ,      /* irq_read(vcpu, intid, n), then the answer is vgic_value() */
};

#define VGIC_LIST_MAX 4

/* What an access needs. The fields that an action does not name are undefined. */
struct vgic_step {
    enum vgic_action action;
    uint8_t n;     /* entries of list; interrupts to read */
    uint8_t vcpu;  /* READ */
    uint8_t field; /* READ: enum keel_irq_field that the register shows */
    uint16_t intid;
    uint64_t value;
    struct keel_irq_configure list[VGIC_LIST_MAX];
};

/* Reset state. Counts beyond the limits of the ABI are cut to them. */
void vgic_reset(struct vgic *gic, uint32_t vcpus, uint32_t spis);

/*
 * An access of `size` bytes (1, 2, 4, 8) at `offset` from the first byte of the distributor, or of
 * the first redistributor. Any offset may be given: behind the last redistributor it is an abort. A
 * step must be repeated, unchanged, for as long as the kernel says EAGAIN.
 */
void vgic_distributor_read(const struct vgic *gic, uint64_t offset, unsigned size,
                           struct vgic_step *step);
void vgic_distributor_write(struct vgic *gic, uint64_t offset, unsigned size, uint64_t value,
                            struct vgic_step *step);
void vgic_redistributor_read(const struct vgic *gic, uint64_t offset, unsigned size,
                             struct vgic_step *step);
void vgic_redistributor_write(struct vgic *gic, uint64_t offset, unsigned size, uint64_t value,
                              struct vgic_step *step);

/* The register value that a READ step asked for, from the step->n states that irq_read returned. */
uint64_t vgic_value(const struct vgic_step *step, const struct keel_irq_state *states);

#endif
