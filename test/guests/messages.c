/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that measure: see test/bench/messages.h. Who may receive at PORT_SECOND is the second. */
#include "../bench/messages.h"
#include "../conformance/mmu.h"
#include "lib/argo.h"
#include "lib/guest.h"

const char guest_name[] = "messages";

#define PORT_SECOND 8u
#define START_MS    1000u
#define SETTLE_MS   50u

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
    if (intid == KEEL_MACHINE_TIMER_IRQ)
        sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
}

static bool is_second(void)
{
    static const uint64_t frame[1] = {1};
    const struct keel_argo_register_ring args = {PORT_SECOND, KEEL_DOMAIN_ANY, 0,
                                                 KEEL_ARGO_RING_MIN};

    return argo(KEEL_ARGO_REGISTER_RING, &args, frame, 1, 0) != -KEEL_EACCES;
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
    gic_edge(KEEL_MACHINE_ARGO_IRQ);
    gic_enable(KEEL_MACHINE_ARGO_IRQ, true);
    gic_enable_private(0, KEEL_MACHINE_TIMER_IRQ, true);
    mmu_init();
    mmu_on();
    bool second = is_second();

    expect(messages_begin(second ? ID_FIRST : ID_GUEST) == 0, "no ring");
    if (second) {
        messages_second();
        guest_off();
    }
    sleep_until(ms(START_MS));
    expect(messages_first(ID_GUEST), "messages");
    sleep_until(counter() + ms(SETTLE_MS));
    passed();
}
