/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual interrupts as a service that decodes the guest's interrupt controller sees them. The state
 * of each interrupt is the kernel's; these calls change or read it. INTIDs: 0..15 SGIs and 16..31
 * PPIs (each vCPU has its own), 32.. SPIs.
 */
#ifndef KEEL_INTERRUPT_H
#define KEEL_INTERRUPT_H

#include <keel/types.h>

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

/* Applies `value` to `count` interrupts from `intid`, or, for one-bit fields, only those in mask. */
struct keel_irq_configure {
    uint16_t intid;
    uint8_t count;  /* 1..32 */
    uint8_t vcpu;   /* whose private interrupts, where intid < 32 */
    uint8_t field;  /* enum keel_irq_field */
    uint8_t value;
    uint16_t reserved; /* 0 */
    uint32_t mask;     /* bit n: intid + n */
    uint32_t reserved2; /* 0 */
};
KEEL_ABI_SIZE(struct keel_irq_configure, 16);
#define KEEL_IRQ_CONFIGURES_MAX 4

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
