/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bare-metal test guests share: console, exceptions, PSCI, interrupt controller, timer. A
 * guest runs at EL1 with the MMU off. It prints "NAME: ..." lines, the same on QEMU's virt machine
 * as under Keel, and ends with "NAME: passed", or "NAME: failed: ..." where something was not as it
 * must be.
 */
#ifndef GUEST_H
#define GUEST_H

#include <platform.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char guest_name[];
void guest_main(void);
void guest_secondary(uint64_t context); /* CPU_ON with secondary_start */
extern char secondary_start[];
_Noreturn void guest_off(void);

#define sysreg_read(name)                                                  \
    ({                                                                     \
        uint64_t sysreg_value;                                             \
        __asm__ volatile("mrs %0, " #name : "=r"(sysreg_value)::"memory"); \
        sysreg_value;                                                      \
    })
#define sysreg_write(name, value) \
    __asm__ volatile("msr " #name ", %0\n isb" : : "r"((uint64_t)(value)) : "memory")

static inline uint32_t mmio_read(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
static inline void mmio_write(uint64_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}
static inline uint64_t mmio_read64(uint64_t address)
{
    uint64_t value;
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
static inline void mmio_write64(uint64_t address, uint64_t value)
{
    __asm__ volatile("str %0, [%1]" : : "r"(value), "r"(address) : "memory");
}

/* Console: %s %u %x (32 bits), %lu %lx (64), %c; a line begins with the guest's name. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
void say_list(const char *format, va_list arguments);
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
/* Ends the guest with "failed" unless the condition holds. */
__attribute__((format(printf, 2, 3))) void expect(bool condition, const char *format, ...);
_Noreturn void passed(void);

/* Exceptions. While `caught.armed`, a synchronous one is recorded and the instruction skipped (for
 * an instruction abort: returned from); else it fails the test. */
struct caught {
    volatile bool armed;
    volatile uint32_t count;
    volatile uint64_t esr, far, elr, spsr;
    volatile uint64_t daif; /* in the handler */
};
extern struct caught caught;
void catch_begin(void);
/* How many since catch_begin. */
uint32_t catch_end(void);
/* A guest may look at the CPU in the handler, first of all. */
void guest_caught(uint64_t spsr);

static inline void irq_enable(void)
{
    __asm__ volatile("msr daifclr, #2" ::: "memory");
}
static inline void irq_disable(void)
{
    __asm__ volatile("msr daifset, #2" ::: "memory");
}
static inline void barrier(void)
{
    __asm__ volatile("dsb sy\n isb" ::: "memory");
}

/* PSCI. */
#define PSCI_VERSION       0x84000000u
#define PSCI_CPU_OFF       0x84000002u
#define PSCI_CPU_ON        0xC4000003u
#define PSCI_AFFINITY_INFO 0xC4000004u
#define PSCI_SYSTEM_OFF    0x84000008u
#define PSCI_SYSTEM_RESET  0x84000009u
#define PSCI_FEATURES      0x8400000Au
int64_t hvc(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3);

/* Interrupt controller. gic_init once, gic_cpu_init on each CPU. Handlers run with the interrupt
 * acknowledged, and its end is signalled when they return. */
#define GIC_DIST           PLATFORM_GICD
#define GIC_REDIST(cpu)    (PLATFORM_GICR + PLATFORM_GICR_STRIDE * (cpu))
#define GIC_SGI_FRAME(cpu) (GIC_REDIST(cpu) + 0x10000)
void gic_init(void);
void gic_cpu_init(uint32_t cpu);
void gic_wait(void); /* until writes to the distributor have taken effect */
void gic_enable_private(uint32_t cpu, uint32_t intid, bool on);
void gic_enable(uint32_t intid, bool on);
void gic_edge(uint32_t intid); /* an SPI, from now on */
void gic_sgi(uint32_t cpu, uint32_t intid);
extern void (*irq_handler[256])(uint32_t intid);

/* Counter. */
static inline uint64_t counter(void)
{
    __asm__ volatile("isb" ::: "memory");
    return sysreg_read(cntvct_el0);
}
uint64_t ms(uint64_t n);
/* Waits until the condition holds, at most 5 s of virtual time. */
#define wait_for(condition)                            \
    ({                                                 \
        uint64_t wait_end = counter() + ms(5000);      \
        while (!(condition) && counter() < wait_end) { \
        }                                              \
        (condition);                                   \
    })

/* UART registers beyond DR. */
#define UART      PLATFORM_UART
#define UART_FR   (UART + 0x18)
#define UART_IMSC (UART + 0x38)
#define UART_RIS  (UART + 0x3C)
#define UART_MIS  (UART + 0x40)
#define UART_ICR  (UART + 0x44)

#endif
