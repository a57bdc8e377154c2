/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How Argo's signal comes: a virtual interrupt (VIRQ) bound to an event channel, whose bits are in a page shared with Xen
 * and whose interrupt is a PPI. xen/include/public/{xen,memory,event_channel,arch-arm}.h. After guest.h; on vCPU 0.
 */
#ifndef ARGO_SIGNAL_H
#define ARGO_SIGNAL_H

#define ARGO_SIGNAL_IRQ 31u /* GUEST_EVTCHN_PPI */

#define XEN_MEMORY_OP        12u
#define XEN_ADD_TO_PHYSMAP   7u
#define XEN_EVENT_CHANNEL_OP 32u
#define XEN_BIND_VIRQ        1u
#define XEN_VIRQ_ARGO        11u
#define XEN_DOMID_SELF       0x7ff0u

struct xen_add_to_physmap {
    uint16_t domain, size;
    uint32_t space; /* 0: the shared page */
    uint64_t index, frame;
};
struct xen_bind_virq {
    uint32_t virq, vcpu, port;
};

/* The beginning of the shared page, with one vCPU. */
struct xen_shared {
    uint8_t upcall_pending, pad[7];
    uint64_t pending_words; /* which of pending[] are not 0 */
    uint8_t time[32];
    uint64_t pending[64];
};
_Static_assert(offsetof(struct xen_shared, pending) == 48, "xen.h");

/* Xen's page takes the place of this one. */
static _Alignas(4096) union {
    volatile struct xen_shared shared;
    uint8_t page[4096];
} xen_shared;

static inline int64_t xen_call(uint64_t number, uint64_t op, const void *argument)
{
    register uint64_t x0 __asm__("x0") = op;
    register uint64_t x1 __asm__("x1") = (uintptr_t)argument;
    register uint64_t x16 __asm__("x16") = number;

    __asm__ volatile("hvc #0xea1" : "+r"(x0), "+r"(x1), "+r"(x16) : : "memory", "x2", "x3", "x4");
    return (int64_t)x0;
}

static inline void argo_signal_begin(void)
{
    const struct xen_add_to_physmap page = {.domain = XEN_DOMID_SELF,
                                            .frame = (uintptr_t)&xen_shared >> 12};
    struct xen_bind_virq bind = {.virq = XEN_VIRQ_ARGO};

    expect(xen_call(XEN_MEMORY_OP, XEN_ADD_TO_PHYSMAP, &page) == 0, "no shared page");
    expect(xen_call(XEN_EVENT_CHANNEL_OP, XEN_BIND_VIRQ, &bind) == 0 && bind.port < 64, "no VIRQ");
    gic_enable_private(0, ARGO_SIGNAL_IRQ, true);
}

/* Between acknowledging the interrupt and its end. */
static inline void argo_signal_taken(void)
{
    xen_shared.shared.upcall_pending = 0;
    (void)__atomic_exchange_n(&xen_shared.shared.pending_words, 0, __ATOMIC_ACQ_REL);
    (void)__atomic_exchange_n(&xen_shared.shared.pending[0], 0, __ATOMIC_ACQ_REL);
}

#endif
