/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite as a guest at EL1: HVC #0xEA1, x16 = 39, addresses of its own tables. Its memory is
 * scattered: no two pages that follow each other for it do so in the machine.
 */
#include "guest_memory.h"

#include "lib/argo.h"
#include "lib/guest.h"
#include "mmu.h"
#include "system.h"

#include <argo_signal.h>
#include <stdarg.h>

const char guest_name[] = "conform";

/* ---- memory ---- */

uint8_t *platform_page(uint32_t page)
{
    return (uint8_t *)(MEMORY_VA + (uint64_t)page * PAGE);
}

/* Every page is somewhere else than its neighbours. */
#define STRIDE 4099u /* a prime */
_Static_assert(PAGES % STRIDE != 0, "no two pages are in the same place");

uint64_t platform_frame(uint32_t page)
{
    return (MEMORY_IPA >> 12) + (uint64_t)page * STRIDE % PAGES;
}

void platform_seal(void)
{
    mmu_unmap(addr_of_page(PAGE_HOLE));
    mmu_map(addr_of_page(PAGE_READ), platform_frame(PAGE_READ) << 12, MMU_NORMAL | MMU_READ_ONLY);
}

bool platform_bad_frame(uint32_t i, uint64_t *frame)
{
    static const uint64_t bad[] = {
        0,
        PLATFORM_UART >> 12,
        PLATFORM_GICD >> 12,
        PLATFORM_RAM / PAGE - 1,
        (MEMORY_IPA >> 12) + PAGES + 0x100000,
        1ull << 36,
        1ull << 52 | MEMORY_IPA >> 12,
        1ull << 63 | MEMORY_IPA >> 12,
        UINT64_MAX,
    };

    *frame = i < sizeof(bad) / sizeof(bad[0]) ? bad[i] : 0;
    return i < sizeof(bad) / sizeof(bad[0]);
}

/* ---- calls, signals, console ---- */

int64_t platform_argo(uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4)
{
    return platform_argo_result(
        argo(op, (const void *)(uintptr_t)arg1, (const void *)(uintptr_t)arg2, arg3, arg4));
}

static volatile uint32_t signals; /* that came and were not taken */

static void on_signal(uint32_t intid)
{
    (void)intid;
    argo_signal_taken();
    signals++;
}

#define TIMER_ON 1u

static void on_timer(uint32_t intid)
{
    (void)intid;
    sysreg_write(cntv_ctl_el0, 0);
}

bool platform_signalled(uint32_t time)
{
    const uint64_t end = counter() + ms(time);
    bool any;

    irq_disable();
    while (signals == 0 && counter() < end) {
        sysreg_write(cntv_cval_el0, end);
        sysreg_write(cntv_ctl_el0, TIMER_ON);
        __asm__ volatile("wfi" ::: "memory");
        irq_enable();
        barrier();
        irq_disable();
    }
    sysreg_write(cntv_ctl_el0, 0);
    any = signals != 0;
    signals = 0;
    irq_enable();
    return any;
}

void platform_say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_list(format, arguments);
    va_end(arguments);
}

void guest_main(void)
{
    gic_init();
    gic_cpu_init(0);
    irq_handler[ARGO_SIGNAL_IRQ] = on_signal;
    irq_handler[PLATFORM_TIMER_IRQ] = on_timer;
    gic_enable_private(0, PLATFORM_TIMER_IRQ, true);
    mmu_init();
    for (uint32_t page = 0; page < PAGES; page++)
        mmu_map(addr_of_page(page), platform_frame(page) << 12, MMU_NORMAL);
    mmu_on();
    argo_signal_begin();
    irq_enable();
    (void)suite_run();
    guest_off();
}
