/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual interrupts as a service that decodes the guest's interrupt controller sees them. The state
 * of each interrupt is the kernel's; these calls change or read it. INTIDs: 0..15 SGIs and 16..31
 * PPIs (each vCPU has its own), 32.. SPIs.
 */
#ifndef KEEL_INTERRUPT_H
#define KEEL_INTERRUPT_H

#include <keel/types.h>

/* The kernel's own, to a guest: SPI 3, edge: a ring has a message, or one that was full has space. */
#define KEEL_MACHINE_ARGO_IRQ 35

/* Which field `irq_configure` sets; the value goes with it. */
enum keel_irq_field {
    KEEL_IRQ_ENABLED = 0,  /* 0, 1 */
    KEEL_IRQ_PENDING = 1,  /* the soft state that ISPENDR and ICPENDR write: 0, 1 */
    KEEL_IRQ_ACTIVE = 2,   /* 0, 1 */
    KEEL_IRQ_PRIORITY = 3, /* 0..255 */
    KEEL_IRQ_GROUP = 4,    /* 0, 1 */
    KEEL_IRQ_TRIGGER = 5,  /* 0 level, 1 edge */
    KEEL_IRQ_TARGET = 6,   /* SPI: vCPU index */
    KEEL_IRQ_FIELDS = 7,
};

/* Argument of `irq_configure`, and of KEEL_REPLY_CONFIGURE: sets a field of some interrupts. */
struct keel_irq_configure {
    uint32_t mask; /* bit n: INTID 32 * bank + n; at least one */
    uint8_t bank;
    uint8_t vcpu;  /* whose private interrupts, if bank is 0 */
    uint8_t field; /* enum keel_irq_field */
    uint8_t value;
};
KEEL_ABI_SIZE(struct keel_irq_configure, 8);

/* As it is in a register. Never 0. */
static inline uint64_t keel_irq_word(struct keel_irq_configure entry)
{
    uint64_t word;

    __builtin_memcpy(&word, &entry, sizeof(word));
    return word;
}

/* Answer of `irq_read` for one interrupt. */
struct keel_irq_state {
    uint8_t enabled, pending, active, priority;
    uint8_t group, trigger, target, line;
};
KEEL_ABI_SIZE(struct keel_irq_state, 8);
#define KEEL_IRQ_READS_MAX 32

/* `irq_controller`: the parts of the distributor's control that gate delivery. */
enum keel_irq_controller {
    KEEL_IRQ_GROUP0_ENABLED = 1u << 0,
    KEEL_IRQ_GROUP1_ENABLED = 1u << 1,
};

#endif
