/* SPDX-License-Identifier: Apache-2.0 */
/* The host's interrupt controller: see host.h. IHI 0069H, 4.8 and 12.4. */
#include "interrupt/gic.h"

#include "cpu/cpu.h"
#include "cpu/machine.h"
#include "cpu/vcpu.h"
#include "interrupt/host.h"
#include "interrupt/irq.h"

static struct {
    struct vgic_lr lr[HOST_LRS];
    uint32_t watch, eois;
    bool timer_active; /* its virtual timer's interrupt */
} interface[HOST_CPUS];

static struct {
    bool enabled, pending, active;
} spi[HOST_INTIDS];

static uint32_t here(void)
{
    return cpu_this()->index;
}

void host_gic_reset(void)
{
    memset(interface, 0, sizeof(interface));
    memset(spi, 0, sizeof(spi));
}

/* Physical interrupts. */

uint32_t gic_spis(void)
{
    return HOST_INTIDS;
}

void gic_spi_enable(uint32_t intid, bool edge, uint32_t cpu)
{
    (void)edge;
    CHECK(intid >= 32 && intid < HOST_INTIDS && cpu < HOST_CPUS);
    spi[intid].enabled = true;
    spi[intid].pending = spi[intid].active = false;
}

void gic_spi_disable(uint32_t intid)
{
    CHECK(intid >= 32 && intid < HOST_INTIDS);
    spi[intid].enabled = spi[intid].pending = spi[intid].active = false;
}

void gic_deactivate(uint32_t intid)
{
    CHECK(intid < HOST_INTIDS);
    if (intid == HOST_TIMER)
        interface[here()].timer_active = false;
    else
        spi[intid].active = false;
}

bool host_timer_take(void)
{
    bool was = interface[here()].timer_active;

    interface[here()].timer_active = true;
    return !was;
}

void host_device(uint32_t intid)
{
    if (intid >= 32 && intid < HOST_INTIDS)
        spi[intid].pending = true;
}

void host_devices_take(void)
{
    for (uint32_t i = 32; i < HOST_INTIDS && here() == 0; i++)
        if (spi[i].enabled && spi[i].pending && !spi[i].active) {
            spi[i].pending = false;
            spi[i].active = true;
            irq_deliver(i);
        }
}

/* List registers. */

uint32_t gic_lrs(void)
{
    return HOST_LRS;
}

struct vgic_lr gic_lr_take(uint32_t n)
{
    CHECK(n < HOST_LRS);

    struct vgic_lr lr = interface[here()].lr[n];

    interface[here()].lr[n] = (struct vgic_lr){.intid = 0};
    return lr;
}

void gic_lr_put(uint32_t n, struct vgic_lr lr)
{
    CHECK(n < HOST_LRS);

    struct vgic_lr *old = &interface[here()].lr[n];

    CHECK(!(old->flags & (LR_STATE | LR_EOI)));
    CHECK(lr.flags & LR_STATE);
    CHECK(!((lr.flags & LR_HW) &&
            ((lr.flags & LR_EOI) || ((lr.flags & LR_STATE) == LR_STATE)))); /* 12.4.8 */
    for (uint32_t i = 0; i < HOST_LRS; i++) {
        const struct vgic_lr *other = &interface[here()].lr[i];

        CHECK(other->intid != lr.intid || !(other->flags & LR_STATE));
    }
    *old = lr;
}

void gic_lr_pend(uint32_t n)
{
    CHECK(n < HOST_LRS && !(interface[here()].lr[n].flags & LR_HW));
    interface[here()].lr[n].flags |= LR_PENDING;
}

void gic_watch(uint32_t watch)
{
    interface[here()].watch = watch;
    interface[here()].eois = 0;
}

uint32_t gic_eois(void)
{
    return interface[here()].eois;
}

uint32_t gic_vmcr(void)
{
    const struct vcpu *loaded = cpu_this()->arch.loaded;

    return loaded ? (uint32_t)loaded->arch.mask << 24 | 3 : 0;
}

bool host_gic_is_empty(uint32_t cpu)
{
    for (uint32_t n = 0; n < HOST_LRS; n++) {
        const struct vgic_lr *lr = &interface[cpu].lr[n];

        if (lr->flags & (LR_STATE | LR_EOI))
            return false;
    }
    return interface[cpu].watch == 0;
}

bool host_maintenance(void)
{
    const uint32_t cpu = here();
    bool none_pending = true;

    for (uint32_t n = 0; n < HOST_LRS; n++) {
        const struct vgic_lr *lr = &interface[cpu].lr[n];

        if ((lr->flags & (LR_STATE | LR_EOI)) == LR_EOI)
            return true;
        none_pending = none_pending && !((lr->flags & LR_STATE) == LR_PENDING);
    }
    return (none_pending && (interface[cpu].watch & GIC_WATCH_NONE_PENDING)) ||
           (interface[cpu].eois && (interface[cpu].watch & GIC_WATCH_EOI));
}

/* The guest. */

uint32_t host_acknowledge(void)
{
    struct arch_vcpu *guest = &cpu_this()->current->arch;
    struct vgic_lr *best = NULL;

    for (uint32_t n = 0; n < HOST_LRS; n++) {
        struct vgic_lr *lr = &interface[here()].lr[n];

        if ((lr->flags & LR_STATE) == LR_PENDING && (!best || lr->priority < best->priority))
            best = lr;
    }
    if (!best || best->priority >= guest->mask || best->priority >= guest->running[guest->acked] ||
        guest->acked == HOST_ACKED_MAX)
        return HOST_NO_INTID;
    best->flags = (uint8_t)((best->flags & ~LR_STATE) | LR_ACTIVE);
    guest->ack[guest->acked++] = best->intid;
    guest->running[guest->acked] = best->priority;
    return best->intid;
}

uint32_t host_end(void)
{
    struct arch_vcpu *guest = &cpu_this()->current->arch;
    uint32_t intid;

    if (guest->acked == 0)
        return HOST_NO_INTID;
    intid = guest->ack[--guest->acked];
    for (uint32_t n = 0; n < HOST_LRS; n++) {
        struct vgic_lr *lr = &interface[here()].lr[n];

        if (lr->intid == intid && (lr->flags & LR_ACTIVE)) {
            lr->flags &= (uint8_t)~LR_ACTIVE;
            if (lr->flags & LR_HW)
                gic_deactivate(intid);
            return intid;
        }
    }
    interface[here()].eois++;
    return intid;
}
