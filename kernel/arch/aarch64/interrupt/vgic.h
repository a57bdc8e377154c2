/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of virtual interrupts (kernel-rules.md 4). Registers of the distributor are
 * decoded by a service, which configures and reads this state; physical list registers hold a part
 * of it while a vCPU is loaded. No hardware access here: interrupt/gic.h moves list registers.
 *
 * pending = trigger is level ? (line || soft) : latch. An SPI is in at most one list register; its
 * owner changes only when it is in none. Locks: vgic.lock (SPIs) before vcpu.lock (private ones).
 */
#ifndef KERNEL_INTERRUPT_VGIC_H
#define KERNEL_INTERRUPT_VGIC_H

#include "lock.h"
#include <keel/interrupt.h>

#define VGIC_PRIVATE 32
#define VGIC_LRS_MAX 16

struct vcpu;
struct domain;

struct virq {
    bool enabled : 1;
    bool group1 : 1;
    bool edge : 1;
    bool line : 1;    /* level: what the device drives */
    bool soft : 1;    /* level: ISPENDR was written */
    bool latch : 1;   /* edge: pending */
    bool active : 1;
    bool hw : 1;      /* backed by the physical interrupt of the same number: deactivated with it */
    uint8_t priority;
    uint8_t target;   /* vCPU index: where it goes next */
    uint8_t in_lr;    /* 0: in none, else index + 1 in the list registers of `owner` */
    uint8_t owner;    /* vCPU whose list register or active state it is */
};

/* A list register, as every implementation has it. state 0: empty. */
struct vgic_lr {
    uint16_t intid;
    uint8_t priority;
    bool group1 : 1;
    bool hw : 1;      /* physical INTID is the same */
    bool eoi : 1;     /* maintenance interrupt at its end */
    bool pending : 1;
    bool active : 1;
};

/* Part of struct vcpu (arch). */
struct vgic_vcpu {
    struct lock lock;
    struct virq private[VGIC_PRIVATE] GUARDED_BY(lock);
    struct vgic_lr lr[VGIC_LRS_MAX] GUARDED_BY(lock); /* as last written, or last read back */
    uint16_t used GUARDED_BY(lock);   /* bit n: lr[n] holds something */
    bool underflow GUARDED_BY(lock);  /* more candidates than registers: maintenance when few are left */
    bool dirty;     /* atomic: state changed since the list registers were filled: fold and fill */
    uint64_t queued_spis[4];          /* atomic bits: SPIs that may be candidates for this vCPU */
    uint32_t eoi_count;               /* EOIs of interrupts that were in no list register, to replay */
};

/* Part of struct domain (arch). */
struct vgic {
    struct lock lock;
    struct virq spi[KEEL_SPIS_MAX] GUARDED_BY(lock);
    uint32_t spis;
    uint32_t control; /* enum keel_irq_controller; atomic */
    uint64_t stamp[KEEL_VCPUS_MAX]; /* see vgic_configure */
};

void vgic_domain_init(struct domain *domain, uint32_t spis);
void vgic_vcpu_init(struct vcpu *vcpu); /* private: SGIs edge and enabled by software, all disabled */

/* Calls of services, checked by them before: entries are valid for the domain. Complete when 0 is
 * returned: -EAGAIN means that a running vCPU holds the state in its list registers and was kicked. */
must_check int64_t vgic_configure(struct domain *domain, const struct keel_irq_configure *entry);
must_check int64_t vgic_read(struct domain *domain, uint32_t vcpu, uint32_t intid,
                             struct keel_irq_state *state);
void vgic_control(struct domain *domain, uint32_t control);

/* Sets the line of an SPI. For hw ones: the physical interrupt came (level 1). Any CPU. */
void vgic_raise(struct domain *domain, uint32_t intid, bool level);
/* Sets the line of a private interrupt (the virtual timer). Any CPU. */
void vgic_raise_private(struct vcpu *vcpu, uint32_t intid, bool level);
/* A write to ICC_SGI1R_EL1 (group 1) by the vCPU: fan-out to its domain. */
void vgic_sgi(struct vcpu *from, uint64_t sgi1r);

/* Takes back what the list registers say (lr[] was read from hardware), then fills them with the best
 * candidates. Returns whether list registers must be written. On the CPU where the vCPU is loaded. */
void vgic_fold(struct vcpu *vcpu, uint32_t lrs);
void vgic_fill(struct vcpu *vcpu, uint32_t lrs);

/* Whether the vCPU has an interrupt to take: WFI does not sleep then. After a fold. */
bool vgic_pending(struct vcpu *vcpu);

#endif
