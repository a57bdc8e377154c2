/* SPDX-License-Identifier: Apache-2.0 */
/* How Argo's signal comes: an edge of an interrupt. After guest.h. */
#ifndef ARGO_SIGNAL_H
#define ARGO_SIGNAL_H

#define ARGO_SIGNAL_IRQ KEEL_MACHINE_ARGO_IRQ

static inline void argo_signal_begin(void)
{
    gic_edge(ARGO_SIGNAL_IRQ);
    gic_enable(ARGO_SIGNAL_IRQ, true);
}

/* Between acknowledging the interrupt and its end. */
static inline void argo_signal_taken(void)
{
}

#endif
