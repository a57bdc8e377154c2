/* SPDX-License-Identifier: Apache-2.0 */
/* Touches addresses that nobody serves: each access ends in a synchronous external abort. */
#include "lib/guest.h"

const char guest_name[] = "abort";

#define HOLE 0x0B000000ul

/* Exception class and fault status of the one abort that has just been caught. */
static void check(const char *what, uint64_t address, uint32_t class)
{
    uint32_t n = catch_end();

    expect(n == 1, "%s: %u exceptions", what, n);
    expect(caught.esr >> 26 == class, "%s: ESR %lx", what, caught.esr);
    expect((caught.esr & 0x3F) == 0x10, "%s: ESR %lx", what, caught.esr);
    expect(caught.far == address, "%s: FAR %lx", what, caught.far);
    say("%s: external abort", what);
}

void guest_main(void)
{
    static const uint64_t holes[] = {HOLE, HOLE + 0xFFC, 0x0F000000ul};

    for (unsigned i = 0; i < 3; i++) {
        catch_begin();
        (void)mmio_read(holes[i]);
        check("read", holes[i], 0x25);
        catch_begin();
        mmio_write(holes[i], 1);
        check("write", holes[i], 0x25);
    }
    catch_begin();
    (void)mmio_read64(HOLE);
    check("read of 8 bytes", HOLE, 0x25);

    uint64_t a, b;
    catch_begin();
    __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(HOLE) : "memory");
    check("pair", HOLE, 0x25);

    catch_begin();
    __asm__ volatile("blr %0" : : "r"(HOLE) : "x30", "memory");
    check("fetch", HOLE, 0x21);
    passed();
}
