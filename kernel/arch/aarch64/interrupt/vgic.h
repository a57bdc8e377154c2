/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of virtual interrupts (kernel-rules.md 4; IHI 0069H, 4.8 and chapter 6).
 * Registers of the distributor are decoded by a service, which configures and reads this state.
 *
 * Interrupts are kept in banks of 32, a word per property and a bit per interrupt, each bank under
 * its own lock: bank 0 is a vCPU's own (SGIs, PPIs), banks 1.. are the domain's SPIs. At most one
 * of these locks is held at a time, and nothing is called under it but gic.h.
 *
 *   pending = latch || (level && line)      latch: an edge came, or ISPENDR was written
 *
 * While a vCPU runs guest code, the interrupts that it can take are in list registers ("loaded"),
 * and only there is the truth about them. So whoever runs vCPUs has three duties.
 *
 * To enter: vgic_fill() as the last thing before guest code, every time, after the vCPU's state has
 * become RUNNING (a sequentially consistent store).
 *
 * To leave: vgic_fold() before its state becomes anything but RUNNING; and at a maintenance
 * interrupt, before that is deactivated. From then on the list registers are empty and no
 * maintenance interrupt is asserted: services may run with the virtual interface left on.
 *
 * To sleep in WFI: vgic_fold(), state := WAITING (sequentially consistent), then vgic_pending(); if
 * true, take the state back. In this order no wake-up is lost (L3).
 *
 * Enter and leave cost a few instructions when there is nothing to do. Everything else may be
 * called on any CPU, and changes the state of loaded interrupts by marking the vCPU and kicking it.
 */
#ifndef KERNEL_INTERRUPT_VGIC_H
#define KERNEL_INTERRUPT_VGIC_H

#include "lock.h"
#include <keel/interrupt.h>

#define VGIC_SGIS          16
#define VGIC_PRIVATE       32
#define VGIC_BANKS         (1 + KEEL_SPIS_MAX / 32)
#define VGIC_LRS_MAX       4 /* more are not used: the work of a fill stays bounded */
#define VGIC_PRIORITY_BITS 5 /* implemented: the upper ones; 32 levels */

struct vcpu;
struct domain;

/* The words are written under the lock, and read without it to choose what to load. */
struct vgic_bank {
    struct lock lock;
    uint32_t enabled GUARDED_BY(lock), group1 GUARDED_BY(lock), edge GUARDED_BY(lock);
    uint32_t line GUARDED_BY(lock);   /* what the device drives */
    uint32_t latch GUARDED_BY(lock);  /* pending, but for that of `lent` and for levels */
    uint32_t active GUARDED_BY(lock); /* of loaded ones: at the last fold */
    uint32_t hw GUARDED_BY(lock); /* backed by the physical interrupt of the same number, which is
                                     active from its arrival until the virtual one is deactivated */
    uint32_t loaded GUARDED_BY(lock); /* in a list register: of the vCPU that has it in `owned` */
    uint32_t lent GUARDED_BY(lock);   /* latch that went into the list register */
    uint32_t unlatch GUARDED_BY(lock), keep_active GUARDED_BY(lock); /* at fold: the list register's
                                     pending or active state is overruled (L4) */
    uint32_t changed GUARDED_BY(lock); /* since loaded: not complete before the fold (L4) */
    uint32_t watched GUARDED_BY(lock), fresh GUARDED_BY(lock); /* someone reads: wants a fold; was
                                     not loaded since (L5) */
    uint32_t priority[VGIC_PRIORITY_BITS] GUARDED_BY(lock);    /* bit planes, upper one first */
    uint32_t target[KEEL_VCPUS_MAX] GUARDED_BY(lock);          /* by vCPU: to be taken by it */
    uint32_t owned[KEEL_VCPUS_MAX] GUARDED_BY(lock);           /* by vCPU: loaded or active there */
};

/* A list register, as every implementation has it. */
struct vgic_lr {
    uint16_t intid;
    uint8_t priority, flags;
};

/* HW: its end deactivates the physical interrupt of the same number. EOI: maintenance interrupt at its
 * end; not with HW. */
enum { LR_GROUP1 = 1, LR_HW = 2, LR_PENDING = 4, LR_ACTIVE = 8, LR_STATE = 12, LR_EOI = 16 };

/* Part of struct vcpu (arch). */
struct vgic_vcpu {
    struct vgic_bank private;
    uint32_t dirty; /* atomic; bit n: bank n changed since the last fill: fold and fill again */
    uint32_t held;  /* bit n: of PPI n the physical interrupt was taken, and comes again when the
                       virtual  one has ended; the CPU's that has its machine loaded */
    uint8_t used;   /* bit n: list register n is in use; 0 when the vCPU does not run */
    uint8_t watch;  /* enum gic_watch in force */
    uint8_t slot[VGIC_SGIS]; /* list registers of SGIs that are loaded */
    uint8_t control;         /* atomic; enables under which the list registers were filled, or */
#define VGIC_CONTROL_NONE 0xffu
};

/* Part of struct domain (arch). */
struct vgic {
    struct vgic_bank spi[VGIC_BANKS - 1];
    uint32_t spis;
    uint32_t control; /* enum keel_irq_controller; atomic */
    uint64_t waiting; /* entry that is applied, but not yet complete, or 0; atomic */
};

/* A new life: SPIs level, to vCPU 0; SGIs edge, PPIs level; all disabled, group 0, priority 0. */
void vgic_domain_init(struct domain *domain, uint32_t spis);
void vgic_vcpu_init(struct vcpu *vcpu); /* which is all zeros */

/* The SPI is the physical interrupt of the same number: vgic_raise(.., true) when that was taken
 * (it is not deactivated then), gic_spi_disable when the domain ends. */
void vgic_back(struct domain *domain, uint32_t intid);

/* Decoding: whether the domain has these interrupts (of that vCPU, where private). */
must_check bool vgic_has(const struct domain *domain, uint32_t vcpu, uint32_t intid,
                         uint32_t count);
must_check bool vgic_configure_valid(const struct domain *domain, struct keel_irq_configure entry);

/*
 * Calls of services; the entry is valid. 0: complete. -EAGAIN: running vCPUs have been kicked, and
 * some have not been through the kernel since: call again with the same arguments, which does not
 * apply the entry again but waits for what the first call began. Progress needs nothing but that
 * those CPUs take the kick once. One service configures a domain: it alone orders its calls (L8).
 */
must_check int64_t vgic_configure(struct domain *domain, struct keel_irq_configure entry);
must_check int64_t vgic_read(struct domain *domain, uint32_t vcpu, uint32_t intid, uint32_t n,
                             struct keel_irq_state *states); /* n <= KEEL_IRQ_READS_MAX */
must_check int64_t vgic_control(struct domain *domain, uint32_t control);

/* Sets the line of an SPI; an edge-triggered one latches when it rises. Without effect if the
 * domain has no such SPI. */
void vgic_raise(struct domain *domain, uint32_t intid, bool level);
/* An edge of an SPI below 32 + KEEL_SPIS_MAX without its line, as if that rose and fell at once: a level
 * is none. One that the machine does not have is never enabled, so nothing comes of it. */
void vgic_pulse(struct domain *domain, uint32_t intid);
/* Sets the line of a PPI (the virtual timer). */
void vgic_raise_private(struct vcpu *vcpu, uint32_t intid, bool level);
/* Its line is high: the physical PPI of the same number was taken, on the CPU where the vCPU's
 * machine is loaded. It is not deactivated: the end of the virtual one does that, after which it
 * comes again if the line still is high; or else vgic_let_go. */
void vgic_hold(struct vcpu *vcpu, uint32_t intid);
/* After vgic_fold: the line is low, or not this CPU's any more. */
void vgic_let_go(struct vcpu *vcpu, uint32_t intid);
/* The vCPU, which is current, wrote ICC_SGI1R_EL1 (group 1) or ICC_SGI0R_EL1. */
void vgic_sgi(struct vcpu *from, uint64_t value, bool group1);
/* The vCPU, which is current, wrote ICC_DIR_EL1 (always trapped: EOImode 1 may name any SPI). */
void vgic_deactivate(struct vcpu *vcpu, uint32_t intid);

void vgic_fold(struct vcpu *vcpu);
void vgic_fill(struct vcpu *vcpu);
/* Whether vgic_fold has anything to do. */
static inline bool vgic_is_filled(const struct vgic_vcpu *vgic)
{
    return vgic->used | vgic->watch;
}
/* After vgic_fold, where the vCPU's machine is still loaded: whether an interrupt would be
 * signalled. */
must_check bool vgic_pending(struct vcpu *vcpu);

#endif
