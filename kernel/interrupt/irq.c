/* SPDX-License-Identifier: Apache-2.0 */
/* Physical interrupts of domains: see irq.h. */
#include "interrupt/irq.h"

#include "arch/interrupt.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"

#define INTIDS 1020
#define FIRST_SPI 32

/* Written with the authority, read-only after the seal. */
static struct owner {
    bool owned;
    bool edge;
    uint8_t domain;
    uint8_t bit; /* of the event word, for a service */
} owners[INTIDS];

bool irqs_valid(uint32_t lo, uint32_t hi)
{
    return lo >= FIRST_SPI && hi < interrupt_spis() && hi - lo < KEEL_IRQS_MAX;
}

void irqs_own(struct domain *domain, uint32_t lo, uint32_t hi, bool edge)
{
    for (uint32_t intid = lo; intid <= hi; intid++) {
        owners[intid] = (struct owner){true, edge, (uint8_t)domain->id,
                                       (uint8_t)(KEEL_EVENT_IRQ + domain->irqs)};
        domain->irq[domain->irqs++] = (uint16_t)intid;
    }
}

void irq_deliver(uint32_t intid)
{
    struct domain *domain =
        intid < INTIDS && owners[intid].owned ? &domains[owners[intid].domain] : NULL;

    if (!domain || !domain_runs(domain))
        interrupt_spi_disable(intid);
    else if (domain->kind == KEEL_DOMAIN_MACHINE)
        arch_irq_virtual(domain, intid);
    else
        vcpu_signal(domain->vcpu[0], 1ul << owners[intid].bit);
}

/* Enabled when it is wanted for the first time in this life; from then on only deactivated. */
static void allow(struct domain *domain, uint32_t index)
{
    uint32_t intid = domain->irq[index];

    if (domain->irqs_armed >> index & 1) {
        interrupt_spi_done(intid);
    } else {
        domain->irqs_armed |= 1u << index;
        interrupt_spi_enable(intid, owners[intid].edge);
    }
}

int64_t irq_done(struct domain *domain, uint64_t bits)
{
    uint64_t mask = bits >> KEEL_EVENT_IRQ;

    if (mask << KEEL_EVENT_IRQ != bits || mask >> domain->irqs)
        return -KEEL_EINVAL;
    for (uint32_t i = 0; i < domain->irqs; i++)
        if (mask >> i & 1)
            allow(domain, i);
    return 0;
}

void irqs_start(struct domain *domain)
{
    domain->irqs_armed = 0;
    for (uint32_t i = 0; domain->kind == KEEL_DOMAIN_MACHINE && i < domain->irqs; i++) {
        arch_irq_back(domain, domain->irq[i]);
        allow(domain, i);
    }
}

void irqs_stop(struct domain *domain)
{
    for (uint32_t i = 0; i < domain->irqs; i++)
        interrupt_spi_disable(domain->irq[i]);
}
