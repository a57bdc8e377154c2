/* SPDX-License-Identifier: Apache-2.0 */
/* Physical interrupts as generic code sees them. */
#ifndef KERNEL_ARCH_INTERRUPT_H
#define KERNEL_ARCH_INTERRUPT_H

#include "interrupt/gic.h"

/* First number that does not exist. */
static inline uint32_t interrupt_spis(void)
{
    return gic_spis();
}

/* Routed to the boot CPU, and not active: it may come. */
static inline void interrupt_spi_enable(uint32_t intid, bool edge)
{
    gic_spi_enable(intid, edge, 0);
}

/* It was taken and served: it may come again. */
static inline void interrupt_spi_done(uint32_t intid)
{
    gic_deactivate(intid);
}

static inline void interrupt_spi_disable(uint32_t intid)
{
    if (intid < gic_spis())
        gic_spi_disable(intid);
}

/* The machine's virtual interrupt of the same number ends the physical one. */
static inline void arch_irq_back(struct domain *domain, uint32_t intid)
{
    vgic_back(domain, intid);
}

/* A machine's own device interrupted: the virtual interrupt of the same number. */
static inline void arch_irq_virtual(struct domain *domain, uint32_t intid)
{
    vgic_raise(domain, intid, true);
}

/* An edge of a machine's virtual interrupt that no device drives. */
static inline void arch_irq_pulse(struct domain *domain, uint32_t intid)
{
    vgic_pulse(domain, intid);
}

#endif
