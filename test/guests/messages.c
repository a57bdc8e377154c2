/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that measure, of Keel and of Xen (platform.h): see test/bench/messages.h. */
#include "../bench/messages.h"
#include "../conformance/mmu.h"
#include "lib/argo.h"
#include "lib/guest.h"

#include <argo_signal.h>

const char guest_name[] = "messages";

#define FIRST     PLATFORM_GUEST(0)
#define SECOND    PLATFORM_GUEST(1)
#define PORT_NONE 8u
#define START_MS  1000u
#define SETTLE_MS 50u

void argo_ring_empty(struct argo_ring *spoilt, uint32_t tx)
{
    expect(false, "ring %lx, tx %u", (uint64_t)(uintptr_t)spoilt, tx);
}

/* Interrupts are masked: it sleeps until there is one, and takes it. */
static void rest(void)
{
    uint64_t intid;

    while ((intid = sysreg_read(S3_0_C12_C12_0)) >= 1020) /* ICC_IAR1_EL1 */
        __asm__ volatile("wfi" ::: "memory");
    if (intid == PLATFORM_TIMER_IRQ)
        sysreg_write(cntv_ctl_el0, 0);
    else
        argo_signal_taken();
    sysreg_write(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
}

/* Nobody can send in the name of another. */
static bool is_second(void)
{
    const struct keel_argo_send_addr addr = {{PORT, SECOND, 0}, {PORT_NONE, FIRST, 0}};

    return argo(KEEL_ARGO_SENDV, &addr, NULL, 0, 0) != -KEEL_EPERM;
}

static void sleep_until(uint64_t when)
{
    sysreg_write(cntv_cval_el0, when);
    sysreg_write(cntv_ctl_el0, 1);
    while (counter() < when)
        rest();
}

void guest_main(void)
{
    gic_init();
    gic_cpu_init(0);
    mmu_init();
    mmu_on();
    argo_signal_begin();
    gic_enable_private(0, PLATFORM_TIMER_IRQ, true);
    bool second = is_second();

    expect(messages_begin(second ? FIRST : SECOND) == 0, "no ring");
    if (second) {
        messages_second();
        guest_off();
    }
    sleep_until(ms(START_MS));
    expect(messages_first(SECOND), "messages");
    sleep_until(counter() + ms(SETTLE_MS));
    passed();
}
