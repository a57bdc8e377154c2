/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A victim with an enemy inside (test/bench/isolation.py): the first CPU sends `pong` 64 bytes, and waits for them to
 * come back; if pong says so, the second one floods pong's public ring, asks for space in it, and has rings come and go
 * meanwhile. What is measured runs at addresses of its own (ALIAS), where count.c can tell it from the rest.
 */
#include "../bench/mark.h"
#include "../conformance/mmu.h"
#include "lib/argo.h"
#include "lib/guest.h"

#include <argo/ring.h>

const char guest_name[] = "inside";

#define PORT         7u
#define PORT_PUBLIC  8u
#define PORT_HOSTILE 9u
#define PONG         3u /* its id: isolation.py */
#define LAST         1u
#define ENEMY        2u /* type of an answer: the second CPU is to begin */
#define BYTES        64u
#define START_MS     1000u
#define SETTLED      50u
#define MEASURED     5000u
#define ALIAS        0x1800000000ull
#define BLOCK        0x200000ull
#define IMAGE_BLOCKS 2u
#define RING_LEN     4032u
#define PUBLIC_MOST  3900u

#define PUBLIC_EVERY 64u /* rounds */

static _Alignas(4096) uint8_t ring_memory[4096], public_memory[4096], hostile_memory[4096];
static uint8_t content[4096];
static struct argo_ring ring, public;

void argo_ring_empty(struct argo_ring *spoilt, uint32_t tx)
{
    expect(false, "ring %lx, tx %u", (uint64_t)(uintptr_t)spoilt, tx);
}

static int64_t ring_register(uint32_t port, uint16_t partner, const void *memory)
{
    const struct keel_argo_register_ring args = {port, partner, 0, RING_LEN};
    const uint64_t frame = (uintptr_t)memory >> 12;

    return argo(KEEL_ARGO_REGISTER_RING, &args, &frame, 1, 0);
}

static inline int64_t send(uint32_t port, uint32_t type, uint32_t bytes)
{
    const struct keel_argo_send_addr addr = {{0, KEEL_DOMAIN_ANY, 0}, {port, PONG, 0}};
    const struct keel_argo_iov iov = {(uintptr_t)content, bytes, 0};

    return argo(KEEL_ARGO_SENDV, &addr, &iov, 1, type);
}

/* ---- the enemy ---- */

void guest_secondary(uint64_t context)
{
    static struct {
        struct keel_argo_ring_data data;
        struct keel_argo_ring_data_ent ent[KEEL_ARGO_NOTIFY_MAX];
    } query;
    const struct keel_argo_unregister_ring gone = {PORT_HOSTILE, PONG, 0};

    (void)context;
    mmu_on();
    query.data.nent = KEEL_ARGO_NOTIFY_MAX;
    for (uint32_t i = 0; i < KEEL_ARGO_NOTIFY_MAX; i++) {
        query.ent[i].ring = (struct keel_argo_addr){PORT_PUBLIC, PONG, 0};
        query.ent[i].space_required = PUBLIC_MOST;
    }
    for (;;) {
        for (uint32_t i = 0; i < 16; i++)
            (void)send(PORT_PUBLIC, 0, i % 2 ? BYTES : PUBLIC_MOST);
        (void)ring_register(PORT_HOSTILE, PONG, hostile_memory);
        (void)argo(KEEL_ARGO_UNREGISTER_RING, &gone, NULL, 0, 0);
        (void)argo(KEEL_ARGO_NOTIFY, &query, NULL, 0, 0);
    }
}

/* ---- the pair's first half ---- */

static inline void rest(void)
{
    uint64_t intid;

    while ((intid = sysreg_read(S3_0_C12_C12_0)) >= 1020) /* ICC_IAR1_EL1 */
        __asm__ volatile("wfi" ::: "memory");
    if (intid == KEEL_MACHINE_TIMER_IRQ)
        sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
}

/* The answer's type. */
static inline uint32_t await(void)
{
    struct argo_message message;

    while (!argo_ring_next(&ring, &message))
        rest();
    argo_ring_consume(&ring, &message);
    return message.type;
}

static inline void public_read(void)
{
    struct argo_message message;

    while (argo_ring_next(&public, &message))
        argo_ring_consume(&public, &message);
    (void)argo(KEEL_ARGO_NOTIFY, NULL, NULL, 0, 0);
}

/* Also runs where ALIAS is. */
static __attribute__((noinline)) bool rounds(void)
{
    bool fine = true;

    for (uint32_t i = 0; i < SETTLED + MEASURED && fine; i++) {
        if (i >= SETTLED)
            MARK_BEGIN(ROW_VICTIM);
        fine = send(PORT, 0, BYTES) == BYTES;
        if (fine)
            (void)await();
        if (i % PUBLIC_EVERY == 0)
            public_read();
    }
    MARK_END(ROW_VICTIM);
    return fine;
}

void guest_main(void)
{
    uint64_t start = counter() + ms(START_MS);
    bool (*at_alias)(void) = (bool (*)(void))((uintptr_t)rounds + ALIAS);

    gic_init();
    gic_cpu_init(0);
    gic_edge(KEEL_MACHINE_ARGO_IRQ);
    gic_enable(KEEL_MACHINE_ARGO_IRQ, true);
    gic_enable_private(0, KEEL_MACHINE_TIMER_IRQ, true);
    mmu_init();
    for (uint64_t i = 0; i < IMAGE_BLOCKS; i++)
        mmu_map_block(KEEL_MACHINE_RAM + ALIAS + i * BLOCK, KEEL_MACHINE_RAM + i * BLOCK,
                      MMU_NORMAL);
    mmu_on();
    ring.shared = (void *)ring_memory;
    public.shared = (void *)public_memory;
    ring.len = public.len = RING_LEN;
    expect(ring_register(PORT, PONG, ring_memory) == 0 &&
               ring_register(PORT_PUBLIC, KEEL_DOMAIN_ANY, public_memory) == 0,
           "no ring");
    sysreg_write(cntv_cval_el0, start);
    sysreg_write(cntv_ctl_el0, 1);
    while (counter() < start)
        rest();
    expect(send(PORT, 0, BYTES) == BYTES, "first message");
    if (await() == ENEMY)
        expect(hvc(PSCI_CPU_ON, 1, (uintptr_t)secondary_start, 0) == 0, "CPU_ON");
    expect(at_alias(), "a message");
    expect(send(PORT, LAST, BYTES) == BYTES, "last message");
    for (;;)
        rest();
}
