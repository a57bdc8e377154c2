/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/cpu/authority.c and what it needs of a kernel and a machine. See kernel_authority.h. */
#include "kernel_authority.h"

#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "interrupt/irq.h"
#include "snapshot.h"

struct domain domains[KEEL_DOMAINS_MAX];
uint32_t cpus_online = KEEL_CPUS_MAX;
static uint64_t ram_first, ram_last;

bool kernel_owns(uint64_t lo, uint64_t hi)
{
    return lo <= ram_last && hi >= ram_first;
}

bool irqs_valid(uint32_t lo, uint32_t hi)
{
    return lo >= 32 && hi < 1020 && hi - lo < KEEL_IRQS_MAX;
}

void irqs_own(struct domain *domain, uint32_t lo, uint32_t hi, bool edge)
{
    (void)edge;
    domain->irqs = (uint8_t)(domain->irqs + (hi - lo + 1));
}

void kernel_authority_begin(uint64_t ram_lo, uint64_t ram_hi)
{
    static struct snapshot *empty;

    if (!empty)
        empty = snapshot_take();
    snapshot_restore(empty);
    for (uint16_t i = 0; i < KEEL_DOMAINS_MAX; i++) {
        memset(&domains[i].authority, 0, sizeof(domains[i].authority));
        domains[i].id = i;
        domains[i].irqs = 0;
    }
    ram_first = ram_lo;
    ram_last = ram_hi;
}

int64_t kernel_authority_set(uint16_t holder, uint32_t index, const struct keel_edge *edge)
{
    return authority_edge_set(&domains[holder], index, edge);
}
