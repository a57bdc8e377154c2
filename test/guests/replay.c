/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to a devices service that dies and is started again under it
 * (test/system/services/replay.c): each is made once and answered once, on two CPUs. Neither
 * notices anything.
 */
#include "lib/guest.h"

const char guest_name[] = "replay";

#define REGISTERS (UART + 0xF00)
#define ROUNDS    16u
#define PAUSE     13u /* in this round CPU 0's write is kept waiting; CPU 1 comes a second later */

static volatile uint32_t arrived[2], finished[2];

/* One access, and one instruction behind it, which is executed once, too. */
static uint32_t read_counted(uint64_t address, uint64_t *count)
{
    uint32_t value;

    __asm__ volatile("ldr %w0, [%2]\n add %1, %1, #1"
                     : "=&r"(value), "+r"(*count)
                     : "r"(address)
                     : "memory");
    return value;
}

static void write_counted(uint64_t address, uint32_t value, uint64_t *count)
{
    __asm__ volatile("str %w1, [%2]\n add %0, %0, #1"
                     : "+r"(*count)
                     : "r"(value), "r"(address)
                     : "memory");
}

static void pause(uint32_t cpu)
{
    arrived[cpu] = 1;
    while (!arrived[!cpu]) {
    }
    for (uint64_t end = counter() + ms(1000); cpu == 1 && counter() < end;) {
    }
}

static void rounds(uint32_t cpu)
{
    uint64_t reads = 0, writes = 0;

    for (uint32_t round = 1; round <= ROUNDS; round++) {
        uint64_t address = REGISTERS + 4ul * round;

        if (round == PAUSE) {
            pause(cpu);
        }
        write_counted(address, round * 0x10001u + cpu, &writes);
        uint32_t value = read_counted(address, &reads);
        expect(value == (0x5A000000u | cpu << 16 | round), "CPU %u, round %u: %x", cpu, round,
               value);
    }
    expect(reads == ROUNDS && writes == ROUNDS, "CPU %u: %lu reads, %lu writes", cpu, reads,
           writes);
    barrier();
    finished[cpu] = 1;
}

void guest_secondary(uint64_t context)
{
    rounds((uint32_t)context);
}

void guest_main(void)
{
    expect(hvc(PSCI_CPU_ON, 1, (uint64_t)secondary_start, 1) == 0, "CPU_ON");
    rounds(0);
    while (!finished[1]) {
    }
    say("%u reads and writes on each CPU", ROUNDS);
    passed();
}
