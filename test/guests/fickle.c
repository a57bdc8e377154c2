/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends to two receivers without a pause on its first CPU (HVC #0xEA1, stage 1 on); the second one
 * reboots the guest in the middle of it. See test/system/services/stress.h; what the machine has of
 * its own memory is not kept, so its lives are told apart by when they began.
 */
#include "../conformance/mmu.h"
#include "../system/services/stress.h"
#include "lib/argo.h"
#include "lib/guest.h"

const char guest_name[] = "fickle";

#define BUFFER   0x20000u
#define LIFE_MS  150u
#define REST_MS  1u
#define BIRTH_MS 16u /* two lives are further apart than that */

static const uint16_t sink[SINKS] = {ID_SHARED, ID_OWN};
static _Alignas(4096) uint64_t buffer[BUFFER / 8];
static volatile uint32_t accepted[SINKS];
static uint32_t life;

static int64_t send(uint32_t i, uint32_t type, const struct keel_argo_iov *iov, uint32_t n)
{
    const struct keel_argo_send_addr addr = {{0, KEEL_DOMAIN_ANY, 0}, {PORT_STRESS, sink[i], 0}};

    return argo(KEEL_ARGO_SENDV, &addr, iov, n, type);
}

static uint32_t ask_most(uint32_t i)
{
    struct {
        struct keel_argo_ring_data data;
        struct keel_argo_ring_data_ent ent;
    } query = {{1, 0}, {.ring = {PORT_STRESS, sink[i], 0}}};

    (void)argo(KEEL_ARGO_NOTIFY, &query, NULL, 0, 0);
    return query.ent.max_message_size;
}

static void on_interrupt(uint32_t intid)
{
    if (intid == KEEL_MACHINE_TIMER_IRQ)
        sysreg_write(cntv_ctl_el0, 0);
}

/* Until a signal comes, or some time has passed. */
static void rest(void)
{
    irq_disable();
    sysreg_write(cntv_cval_el0, counter() + ms(REST_MS));
    sysreg_write(cntv_ctl_el0, 1);
    __asm__ volatile("wfi" ::: "memory");
    irq_enable();
    barrier();
}

static void send_one(uint32_t i, uint32_t most, uint64_t *dice)
{
    uint32_t bytes = stress_size(dice, most);
    uint32_t type = STRESS_TYPE(life, accepted[i]);
    struct keel_argo_iov iov[KEEL_ARGO_IOVS_MAX];
    int64_t status;

    stress_fill(buffer, stress_seed(ID_FICKLE, type, bytes), bytes < BUFFER ? bytes : BUFFER);
    status = send(i, type, iov, stress_cut(dice, (uintptr_t)buffer, BUFFER, bytes, iov));
    if (status == (int64_t)bytes)
        accepted[i]++;
    else
        rest();
}

/* Another life begins in the middle of what the first CPU does. */
void guest_secondary(uint64_t context)
{
    (void)context;
    mmu_on();
    for (uint64_t end = counter() + ms(LIFE_MS); counter() < end;)
        ;
    for (uint32_t i = 0; i < SINKS; i++) {
        struct farewell farewell = {life, accepted[i]};
        struct keel_argo_iov iov = {(uintptr_t)&farewell, sizeof farewell, 0};

        (void)send(i, STRESS_TYPE(LIFE_TELLS, TELL_FAREWELL), &iov, 1);
    }
    (void)hvc(PSCI_SYSTEM_RESET, 0, 0, 0);
    expect(false, "SYSTEM_RESET came back");
}

void guest_main(void)
{
    uint64_t dice = counter();

    life = (uint32_t)(counter() / ms(BIRTH_MS) % LIVES);
    gic_init();
    gic_cpu_init(0);
    irq_handler[KEEL_MACHINE_ARGO_IRQ] = on_interrupt;
    irq_handler[KEEL_MACHINE_TIMER_IRQ] = on_interrupt;
    gic_edge(KEEL_MACHINE_ARGO_IRQ);
    gic_enable(KEEL_MACHINE_ARGO_IRQ, true);
    gic_enable_private(0, KEEL_MACHINE_TIMER_IRQ, true);
    mmu_init();
    mmu_on();
    irq_enable();
    expect(hvc(PSCI_CPU_ON, 1, (uintptr_t)secondary_start, 0) == 0, "CPU_ON");
    for (;;)
        for (uint32_t i = 0; i < SINKS; i++) {
            uint32_t most = ask_most(i);

            if (most != 0)
                send_one(i, most, &dice);
            else
                rest();
        }
}
