/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partner as a guest at EL1, for a Xen (xen.py): all domains but the suite are of this image, and know by their id
 * who they are. Nobody there begins a domain again: who is to end drops all that it had, and goes on.
 */
#include "partner_platform.h"

#include "lib/argo.h"
#include "lib/guest.h"
#include "mmu.h"
#include "system.h"

#include <argo/ring.h>
#include <argo_signal.h>

const char guest_name[] = "partner";

#define PAGE      4096u
#define BLOCK     0x200000ul
#define IMAGE_END (PLATFORM_RAM + 16 * BLOCK) /* of what mmu_init maps */
#define POOL      (PLATFORM_RAM + 2 * BLOCK)
#define PAGES_LARGE \
    10240u /* of who has as much memory as the suite, and the other, who is as large here */
#define PAGES_SMALL 256u

void argo_ring_empty(struct argo_ring *ring, uint32_t tx)
{
    expect(false, "ring %lx, tx %u", (uint64_t)(uintptr_t)ring, tx);
}

int64_t partner_argo(uint64_t op, const void *arg1, const void *arg2, uint64_t arg3, uint64_t arg4)
{
    return platform_argo_result(argo(op, arg1, arg2, arg3, arg4));
}

/* Nobody can send in the name of another. */
uint16_t partner_id(void)
{
    static uint16_t id;

    for (uint16_t i = 1; id == 0; i++) {
        const struct keel_argo_send_addr addr = {{0, i, 0}, {PORT_NONE, i, 0}};

        expect(i < KEEL_DOMAINS_MAX, "no id");
        id = argo(KEEL_ARGO_SENDV, &addr, NULL, 0, 0) != -KEEL_EPERM ? i : 0;
    }
    return id;
}

/* ---- memory ---- */

static uint16_t taken[PAGES_LARGE]; /* of the first page of what is taken: how many; of others: 1 */
static uint32_t pages;

void *partner_memory(size_t bytes)
{
    const uint32_t n = (uint32_t)((bytes + PAGE - 1) / PAGE);

    for (uint32_t first = 0, free = 0; first + free < pages;) {
        if (taken[first + free]) {
            first += free + taken[first + free];
            free = 0;
        } else if (++free == n) {
            taken[first] = (uint16_t)n;
            return (void *)(POOL + (uint64_t)first * PAGE);
        }
    }
    return NULL;
}

void partner_memory_free(void *memory)
{
    if (memory)
        taken[((uintptr_t)memory - POOL) / PAGE] = 0;
}

uint64_t partner_frame(const void *memory)
{
    return (uintptr_t)memory / PAGE;
}

/* ---- time and signals ---- */

static volatile uint32_t signals; /* that came and were not taken */

static void on_signal(uint32_t intid)
{
    (void)intid;
    argo_signal_taken();
    signals++;
}

static void on_timer(uint32_t intid)
{
    (void)intid;
    sysreg_write(cntv_ctl_el0, 0);
}

uint64_t partner_now(void)
{
    return counter();
}

uint64_t partner_after_ms(uint32_t n)
{
    return counter() + ms(n);
}

void partner_wait(bool signal, uint64_t until)
{
    irq_disable();
    while (!(signal && signals) && (until == 0 || counter() < until)) {
        if (until) {
            sysreg_write(cntv_cval_el0, until);
            sysreg_write(cntv_ctl_el0, 1);
        }
        __asm__ volatile("wfi" ::: "memory");
        irq_enable();
        barrier();
        irq_disable();
    }
    sysreg_write(cntv_ctl_el0, 0);
    if (signal)
        signals = 0;
    irq_enable();
}

void partner_end(void)
{
}

void guest_main(void)
{
    gic_init();
    gic_cpu_init(0);
    irq_handler[ARGO_SIGNAL_IRQ] = on_signal;
    irq_handler[PLATFORM_TIMER_IRQ] = on_timer;
    gic_enable_private(0, PLATFORM_TIMER_IRQ, true);
    mmu_init();
    for (uint64_t ipa = IMAGE_END; ipa < POOL + PAGES_LARGE * PAGE; ipa += BLOCK)
        mmu_map_block(ipa, ipa, MMU_NORMAL);
    mmu_on();
    argo_signal_begin();
    irq_enable();
    switch (partner_id()) {
    case ID_PARTNER:
    case ID_OTHER:
        pages = PAGES_LARGE;
        break;
    case ID_LATER: /* has no ring */
        for (;;)
            partner_wait(true, 0);
    default:
        pages = PAGES_SMALL;
        if (partner_id() < ID_CROWD)
            guest_off();
    }
    (void)partner_run();
    guest_off();
}
