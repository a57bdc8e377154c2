/* SPDX-License-Identifier: Apache-2.0 */
/* Physical interrupts: whose each one is, and how it reaches its owner. */
#ifndef KERNEL_INTERRUPT_IRQ_H
#define KERNEL_INTERRUPT_IRQ_H

#include "base.h"

struct domain;

/* Interrupts that a domain may own: SPIs that exist. */
bool irqs_valid(uint32_t lo, uint32_t hi);

/* From now on the domain's; for a service, the next free bits of its event word. Authority lock. */
void irqs_own(struct domain *domain, uint32_t lo, uint32_t hi, bool edge);

/* A physical interrupt of a domain was taken: a machine's becomes virtual, a service's sets a bit. It
 * stays active, and so does not come again, until its owner is done with it. */
void irq_deliver(uint32_t intid);

/* The owner, a service, is done with these bits of its event word (or wants them the first time). */
must_check int64_t irq_done(struct domain *domain, uint64_t bits);

/* The life of the owner begins (a machine's are enabled) or ends (all are disabled). */
void irqs_start(struct domain *domain);
void irqs_stop(struct domain *domain);

/* Whether the kernel itself uses any of this physical range, or it is RAM. */
bool kernel_owns(uint64_t lo, uint64_t hi);

#endif
