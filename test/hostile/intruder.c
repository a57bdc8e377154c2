/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile guest: HVC and SMC with any immediate and registers, every system register that has a
 * name or none, and accesses of every kind to addresses of every class. What each does is up to whom
 * it reaches; the guest must be answered, by a value or an exception, and nothing else may happen.
 */
#include "../guests/lib/guest.h"

const char guest_name[] = "intruder";

#define ROUNDS     12u
#define CALLS      400u
#define REGISTERS  1500u
#define ACCESSES   1500u
#define RAM_BYTES  (4u << 20)
#define CANARY     4096u

static uint64_t random = 0x1234567;
static uint64_t canary[CANARY];
static uint32_t code[4] __attribute__((aligned(64)));
static uint64_t exceptions;

static uint64_t any(void)
{
    random ^= random >> 12;
    random ^= random << 25;
    random ^= random >> 27;
    return random * 0x2545F4914F6CDD1Dull;
}

static uint64_t below(uint64_t n)
{
    return (any() >> 16) % n;
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

static const uint64_t limits[] = {
    0, 1, 2, 8, 39, 255, 256, 0x7fffffff, 0x80000000, 0x84000000, 0xC4000000, 0xEA1, 0x40000000, 0x40080000,
    1ull << 39, 1ull << 48, 1ull << 63, 0x0000800000000000ull, ~7ull, ~0ull,
};

static uint64_t value(void)
{
    return below(3) ? PICK(limits) : any() >> below(64);
}

/* An instruction, with x0 to x3, x8, x16 and x17 as given. */
static uint64_t execute(uint32_t instruction, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x2 __asm__("x2") = c;
    register uint64_t x3 __asm__("x3") = d;
    register uint64_t x16 __asm__("x16") = below(4) ? 39 : any();
    register uint64_t x17 __asm__("x17") = (uint64_t)code;

    code[0] = instruction;
    code[1] = 0xd65f03c0; /* ret */
    __asm__ volatile("dc cvau, %0\n dsb sy\n ic iallu\n dsb sy\n isb" : : "r"(code) : "memory");
    catch_begin();
    __asm__ volatile("blr x17"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x16), "+r"(x17)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x18",
                       "x30", "memory", "cc");
    exceptions += catch_end();
    return x0;
}

/* What would end this guest, or hang it, is what it may do: CPU_OFF, CPU_SUSPEND, SYSTEM_*, panic. */
static bool ends(uint64_t function)
{
    uint32_t id = (uint32_t)function & ~0x40000000u;

    return (id >= 0x84000001u && id <= 0x8400001fu && id != 0x84000003u && id != 0x84000004u &&
            id != 0x8400000Au) ||
           id == 0x86000010u;
}

static void calls(void)
{
    for (uint32_t i = 0; i < CALLS; i++) {
        uint32_t immediate = (uint32_t)(below(3) ? PICK(limits) : any()) & 0xffff;
        uint64_t function = below(3) ? value() : 0x84000000 + below(0x40) + (below(2) << 30);

        if (ends(function) || function == 0xC4000003 || function == 0x84000003)
            continue;
        execute((below(2) ? 0xd4000002u : 0xd4000003u) | immediate << 5, function, value(), value(), value());
    }
}

/* Registers that this program itself stands on, and operations that write its memory. */
static bool own(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm, bool read)
{
    if (read)
        return op0 == 3 && crn == 12 && crm >= 8 && crm <= 12; /* acknowledges an interrupt */
    if (op0 == 1) /* DC ZVA and its like; waits of others are harmless */
        return op1 == 3 && crn == 7 && crm == 4;
    return op0 == 3 && ((op1 == 0 && crn == 1) ||               /* SCTLR, CPACR */
                        (op1 == 0 && crn == 4 && crm <= 2) ||   /* SPSR, ELR, SP, SPSel, DAIF, PAN */
                        (op1 == 0 && crn == 12 && crm == 0) ||  /* VBAR */
                        (op1 == 3 && crn == 4));                /* NZCV, DAIF, DIT, SSBS */
}

static void registers(void)
{
    for (uint32_t i = 0; i < REGISTERS; i++) {
        bool read = below(2);
        uint32_t op0 = 1 + (uint32_t)below(3), op1 = (uint32_t)below(8), crn = (uint32_t)below(16);
        uint32_t crm = (uint32_t)below(16), op2 = (uint32_t)below(8);

        if (below(2)) {
            op1 = below(2) ? 0 : 3;
            op0 = 2 + (uint32_t)below(2);
        }
        if (own(op0, op1, crn, crm, read))
            continue;
        execute(0xd5000000u | (uint32_t)read << 21 | op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5,
                value(), 0, 0, 0);
    }
}

/* Loads and stores of all sizes, pairs, exclusives, atomics, with writeback, cache operations; x1 is
 * the address. */
static const uint32_t accesses[] = {
    0x39400020, 0x79400020, 0xb9400020, 0xf9400020, 0x39000020, 0x79000020, 0xb9000020, 0xf9000020,
    0x39800020, 0x79c00020, 0xb9800020, 0xa9400c20, 0xa9000c20, 0xf8408420, 0xf8008420, 0xb8404c20,
    0xc85f7c20, 0xc8027c20, 0xc8dffc20, 0xc89ffc20, 0x3dc00020, 0x3d800020, 0xad400420, 0x4c407020,
    0xd50b7a21, 0xd50b7e21, 0xd50b7b21, 0xd50b7521, 0xd5087621, 0xf9800020, 0xd5087801, 0xd50c7821,
};

static uint64_t address(void)
{
    static const uint64_t places[] = {
        0, 0x1000, KEEL_MACHINE_GICD, KEEL_MACHINE_GICD + 0xfff8, KEEL_MACHINE_GICR, 0x080c0000, 0x080e0000,
        KEEL_MACHINE_RTC, 0x09020000, 0x09030000, 0x10000000, 0x3fffffff, 0x40000000 + RAM_BYTES,
        0x40000000 + (8u << 20), 0x48000000, (1ull << 39) - 8, 1ull << 39, (1ull << 40) - 8, 1ull << 40,
        (1ull << 44), (1ull << 48) - 8, 1ull << 48, 0x0000800000000000ull, 1ull << 63, ~7ull, ~0ull,
    };
    uint64_t at = below(4) ? PICK(places) + below(0x20) * 4 : any() >> below(40);

    /* Not this program's own memory, nor its voice. */
    if (at + 64 > 0x40000000 && at < 0x40000000 + RAM_BYTES)
        at += RAM_BYTES;
    if (at + 64 > KEEL_MACHINE_UART && at < KEEL_MACHINE_UART + KEEL_MACHINE_UART_SIZE)
        at = KEEL_MACHINE_RTC;
    return at;
}

static void memory(void)
{
    for (uint32_t i = 0; i < ACCESSES; i++)
        execute(PICK(accesses), value(), address(), 0, value());
    /* A fetch from where nothing is, from a device, from outside everything. */
    for (uint32_t i = 0; i < 20; i++) {
        uint64_t to = address() & ~3ull;

        catch_begin();
        __asm__ volatile("blr %0" : : "r"(to) : "x30", "memory");
        exceptions += catch_end();
    }
}

void guest_main(void)
{
    for (uint32_t i = 0; i < CANARY; i++)
        canary[i] = i * 3;
    say("begins");
    for (uint32_t round = 0; round < ROUNDS; round++) {
        calls();
        registers();
        memory();
        for (uint32_t i = 0; i < CANARY; i++)
            expect(canary[i] == i * 3, "canary %u", i);
        say("round %u: %lu exceptions", round, exceptions);
    }
    say("done");
    for (;;)
        __asm__ volatile("wfi");
}
