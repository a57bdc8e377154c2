/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Touches addresses that nobody serves: each access ends in a synchronous external abort at the
 * instruction itself, and the handler begins with the PSTATE that the architecture gives it (Arm
 * ARM, AArch64.TakeException).
 */
#include "lib/try.h"

const char guest_name[] = "abort";

#define HOLE 0x0B000000ul

static void check_fault(const char *what, uint64_t address)
{
    expect((caught.esr & 0x3F) == 0x10, "%s: ESR %lx", what, caught.esr);
    expect(caught.far == address, "%s: FAR %lx", what, caught.far);
}

static void check(const char *what, uint32_t class, uint64_t pc, uint64_t address)
{
    try_check(what, class, pc);
    check_fault(what, address);
    say("%s: external abort", what);
}

/* Fields of PSTATE as in SPSR, and their own registers, in which they are at the same place. */
#define DAIF 0x3C0ul
#define SSBS (1ul << 12)
#define PAN  (1ul << 22)
#define UAO  (1ul << 23)
#define DIT  (1ul << 24)
#define FLAGS(X)         \
    X(PAN, S3_0_C4_C2_3) \
    X(UAO, S3_0_C4_C2_4) \
    X(DIT, S3_3_C4_C2_5) \
    X(SSBS, S3_3_C4_C2_6)

/* Of SCTLR_EL1 */
#define SPAN  (1ul << 23)
#define DSSBS (1ul << 44)

static uint64_t flags_present; /* not every CPU has them all */
static uint64_t flags_saved, flags_inside;

static void flags_write(uint64_t flags)
{
#define X(name, reg)              \
    if (flags_present & (name)) { \
        sysreg_write(reg, flags); \
    }
    FLAGS(X)
#undef X
    sysreg_write(daif, flags);
}

static uint64_t flags_read(void)
{
    uint64_t flags = sysreg_read(daif);

#define X(name, reg)               \
    if (flags_present & (name)) {  \
        flags |= sysreg_read(reg); \
    }
    FLAGS(X)
#undef X
    return flags;
}

void guest_caught(uint64_t spsr)
{
    flags_inside = flags_read();
    flags_saved = spsr & (DAIF | flags_present);
}

/* One abort with these flags, and these bits of SCTLR_EL1. */
static void flags_check(uint64_t flags, uint64_t sctlr)
{
    const uint64_t old = sysreg_read(sctlr_el1);
    const uint64_t saved = flags & (DAIF | flags_present);
    uint64_t inside = flags & (PAN | DIT);

    inside |= sctlr & SPAN ? 0 : PAN;
    inside |= sctlr & DSSBS ? SSBS : 0;
    inside = (inside & flags_present) | DAIF;
    sysreg_write(sctlr_el1, (old & ~(SPAN | DSSBS)) | sctlr);
    catch_begin();
    flags_write(flags);
    (void)mmio_read(HOLE);
    flags_write(DAIF);
    sysreg_write(sctlr_el1, old);
    expect(catch_end() == 1, "read with flags: not one exception");
    check_fault("read with flags", HOLE);
    expect(flags_saved == saved, "SPSR: %lx, not %lx", flags_saved, saved);
    expect(flags_inside == inside, "PSTATE of the handler: %lx, not %lx", flags_inside, inside);
}

static void flags_main(void)
{
#define X(name, reg)           \
    catch_begin();             \
    (void)sysreg_read(reg);    \
    if (catch_end() == 0) {    \
        flags_present |= name; \
    }
    FLAGS(X)
#undef X
    for (unsigned i = 0; i < 8; i++) {
        flags_check(i & 1 ? PAN | UAO | DIT | SSBS : DAIF,
                    (i & 2 ? SPAN : 0) | (i & 4 ? DSSBS : 0));
    }
#define X(name, reg) flags_present &(name) ? " " #name : "",
    say("PSTATE of the handler:%s%s%s%s%s", FLAGS(X) "");
#undef X
}

void guest_main(void)
{
    static const uint64_t holes[] = {HOLE, HOLE + 0xFFC, 0x0F000000ul};

    for (unsigned i = 0; i < 3; i++) {
        TRY("ldr w1, [x0]", holes[i]);
        check("read", 0x25, tried.pc, holes[i]);
        TRY("str w1, [x0]", holes[i]);
        check("write", 0x25, tried.pc, holes[i]);
    }
    TRY("ldr x1, [x0]", HOLE);
    check("read of 8 bytes", 0x25, tried.pc, HOLE);
    TRY("ldp x1, x2, [x0]", HOLE);
    check("pair", 0x25, tried.pc, HOLE);
    /* The instruction is the one that is not there. */
    TRY("blr x0", HOLE);
    check("fetch", 0x21, HOLE, HOLE);

    flags_main();
    passed();
}
