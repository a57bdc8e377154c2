/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that is nothing but the memory duty: what of it only shows on AArch64. It runs snippets
 * at EL0 under stage 2 as the kernel runs services, prints TAP on the console and powers off. With
 * -icount, the comments say how many instructions the hot paths take.
 */
#include "arch/registers.h"
#include "main.h"
#include "memory/address.h"
#include "memory/space.h"
#include "memory/stage2.h"

uint64_t smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
noreturn void kernel_main(uint64_t cpu, const struct keel_boot *boot, uint64_t index);
noreturn void kernel_exception(uint64_t esr, uint64_t elr, uint64_t far);

#define R               KEEL_PERM_READ
#define W               KEEL_PERM_WRITE
#define X               KEEL_PERM_EXEC
#define PAGE_IPA(page)  IPA((uint64_t)(page) << KEEL_PAGE_SHIFT)
#define BATCH           SPACE_BATCH
#define HCR_USER        (HCR_RW | HCR_TGE | HCR_DC | HCR_VM | HCR_FB | HCR_BSU_IS)
#define FSC(esr)        ((esr)&0x3c) /* without the level */
#define FSC_TRANSLATION 0x04
#define FSC_PERMISSION  0x0c

struct keel_boot platform; /* as main.c has it */
static uint32_t tests;
static struct space user, other, empty;
static uint64_t memory; /* a block that is clean, and one behind it */

/* ---- the console ---- */

static void put(char c)
{
    volatile uint32_t *uart = (volatile uint32_t *)platform.console_pa;

    uart[0] = (uint8_t)c;
}

static void put_number(uint64_t value, uint32_t base)
{
    if (value >= base)
        put_number(value / base, base);
    put("0123456789abcdef"[value % base]);
}

static void put_string(const char *string)
{
    for (; *string; string++)
        put(*string);
}

static noreturn void end(void)
{
    put_string("1..");
    put_number(tests, 10);
    put('\n');
    smc(0x84000008, 0, 0, 0);
    for (;;)
        ;
}

noreturn void check_failed(const char *file, int line, const char *condition)
{
    put_string("Bail out! ");
    put_string(file);
    put(':');
    put_number((uint64_t)line, 10);
    put_string(condition);
    put('\n');
    end();
}

static void ok(bool good, const char *what)
{
    put_string(good ? "ok " : "not ok ");
    put_number(++tests, 10);
    put_string(" - ");
    put_string(what);
    put('\n');
}

/* ---- instructions ---- */

static uint64_t count_begin(void)
{
    isb();
    return sysreg_read(pmccntr_el0);
}

static void count_end(uint64_t begin, const char *what)
{
    uint64_t now = sysreg_read(pmccntr_el0);

    put_string("# ");
    put_number(now - begin, 10);
    put_string(" instructions: ");
    put_string(what);
    put('\n');
}

/* ---- EL0 ---- */

__asm__(".section .rodata.snippets, \"a\"\n"
        ".balign 4096\n"
        "snippets: ldr x1, [x0]\n svc #0\n"
        ".balign 64\n str x1, [x0]\n svc #0\n"
        ".balign 64\n br x0\n"
        ".balign 64\n svc #0\n"
        ".balign 4096\n"
        ".previous\n");
extern const char snippets[KEEL_PAGE_SIZE];
enum snippet { LOAD = 0, STORE = 64, JUMP = 128, NOTHING = 192 };
#define CODE 16u /* page at which each space has the snippets */

/* enter_el0(x0) leaves for EL0; return_from_el0() is its return. */
void enter_el0(uint64_t x0);
noreturn void return_from_el0(void);
__asm__(".text\n"
        "enter_el0: stp x19, x20, [sp, #-96]!\n"
        " stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n stp x25, x26, [sp, #48]\n"
        " stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n"
        " adrp x1, stack_at_el0\n mov x2, sp\n str x2, [x1, :lo12:stack_at_el0]\n"
        " mov x1, #77\n eret\n"
        "return_from_el0: adrp x1, stack_at_el0\n ldr x2, [x1, :lo12:stack_at_el0]\n"
        " str xzr, [x1, :lo12:stack_at_el0]\n mov sp, x2\n"
        " ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n ldp x25, x26, [sp, #48]\n"
        " ldp x27, x28, [sp, #64]\n ldp x29, x30, [sp, #80]\n"
        " ldp x19, x20, [sp], #96\n ret\n");
uint64_t stack_at_el0;
static uint64_t last_esr;

noreturn void kernel_exception(uint64_t esr, uint64_t elr, uint64_t far)
{
    if (!stack_at_el0) {
        put_string("Bail out! exception ");
        put_number(esr, 16);
        put_string(" ELR ");
        put_number(elr, 16);
        put_string(" FAR ");
        put_number(far, 16);
        put('\n');
        end();
    }
    last_esr = esr;
    return_from_el0();
}

/* Why the snippet came back. */
static uint32_t run(enum snippet snippet, uint64_t x0)
{
    sysreg_write(elr_el2, CODE * KEEL_PAGE_SIZE + (uint64_t)snippet);
    sysreg_write(spsr_el2, SPSR_DAIF); /* EL0 */
    enter_el0(x0);
    return ESR_EC(last_esr);
}

static bool faults(enum snippet snippet, uint64_t x0, uint64_t cause)
{
    uint32_t class = run(snippet, x0);

    return (class == EC_DABORT_LOW || class == EC_IABORT_LOW) && FSC(last_esr) == cause;
}

static bool works(enum snippet snippet, uint64_t x0)
{
    return run(snippet, x0) == EC_SVC64;
}

static void load(struct space *space)
{
    sysreg_write(hcr_el2, HCR_RW | HCR_VM);
    isb();
    sysreg_write(vttbr_el2, space->ttbr);
    isb();
    sysreg_write(hcr_el2, HCR_USER);
    isb();
}

/* ---- what is tested ---- */

static bool all(const char *bytes, char value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static char buffer[1024], expected[1024]; /* below 512: two ranges that overlap */

static bool strings_good(size_t length, size_t to, size_t from)
{
    bool good = true;

    for (size_t i = 0; i < sizeof(buffer); i++)
        buffer[i] = expected[i] = (char)(i * 7 + i / 100);
    for (size_t i = 0; i < length; i++)
        expected[512 + to + i] = buffer[from + i];
    good &= memcpy(buffer + 512 + to, buffer + from, length) == buffer + 512 + to;
    for (size_t i = 0; i < sizeof(buffer); i++)
        good &= buffer[i] == expected[i];
    good &= memcmp(buffer, expected, sizeof(buffer)) == 0;

    for (size_t i = 0; i < length; i++)
        expected[200 + to + i] = buffer[200 + from + i];
    good &= memmove(buffer + 200 + to, buffer + 200 + from, length) == buffer + 200 + to;
    good &= memcmp(buffer, expected, sizeof(buffer)) == 0;

    for (size_t i = 0; i < length; i++)
        expected[to + i] = (char)(length + 0x80);
    good &= memset(buffer + to, (int)length + 0x80, length) == buffer + to;
    good &= memcmp(buffer, expected, sizeof(buffer)) == 0;
    if (length > 0) {
        expected[to + length - 1]++;
        good &= memcmp(buffer, expected, to + length - 1) == 0;
        good &= memcmp(buffer, expected, to + length) != 0;
    }
    return good;
}

static void strings(void)
{
    bool good = true;

    for (size_t length = 0; length <= 150; length++)
        for (size_t shift = 0; shift < 17 * 17; shift++)
            good &= strings_good(length, shift % 17, shift / 17);
    ok(good, "memcpy, memmove, memset and memcmp do what they should");
}

static void permissions(void)
{
    load(&user);
    ok(works(NOTHING, 0), "code runs at EL0 behind stage 2");
    ok(works(STORE, 32 << 12) && *(uint64_t *)memory == 77, "a read-write page is written");
    ok(works(LOAD, 33 << 12), "a read-only page is read");
    ok(faults(STORE, 33 << 12, FSC_PERMISSION), "a read-only page is not written");
    ok(faults(JUMP, 32 << 12, FSC_PERMISSION), "a read-write page is not executed");
    ok(faults(JUMP, 33 << 12, FSC_PERMISSION), "a read-only page is not executed");
    ok(faults(STORE, CODE << 12, FSC_PERMISSION), "an executable page is not written");
    ok(faults(LOAD, 35 << 12, FSC_TRANSLATION), "nothing is there where nothing is mapped");
    ok(faults(LOAD, memory, FSC_TRANSLATION), "physical addresses lead nowhere");
    ok(works(STORE, SPACE_LIMIT - 8), "the last page of 39 bits is reached");
    ok(run(LOAD, SPACE_LIMIT) != EC_SVC64, "beyond 39 bits nothing is");
    ok(works(STORE, (512 + 511) << 12 | 8) && *(uint64_t *)(memory + (1023 << 12) + 8) == 77,
       "a block is reached to its end");
    ok(works(LOAD, platform.console_pa), "a device is read");
    load(&empty);
    ok(faults(NOTHING, 0, FSC_TRANSLATION), "a space without tables has nothing");
}

static void flushes(void)
{
    uint64_t controls[4], begin;
    int64_t done;

    /* The space that is loaded. */
    load(&user);
    ok(works(STORE, 32 << 12) && space_protect(&user, PAGE_IPA(32), 0, 1, R) == 1 &&
           faults(STORE, 32 << 12, FSC_PERMISSION) && works(LOAD, 32 << 12),
       "what protect takes is gone at once");
    ok(space_protect(&user, PAGE_IPA(32), 0, 1, R | W) == 1 && works(STORE, 32 << 12),
       "what protect gives is there at once");
    begin = count_begin();
    done = space_unmap(&user, PAGE_IPA(32), 0, 1);
    count_end(begin, "unmap a page");
    ok(done == 1 && faults(LOAD, 32 << 12, FSC_TRANSLATION), "unmapped is gone at once");

    /* Another one, from the context of a service and from that of a guest. */
    ok(works(LOAD, 33 << 12), "the next page is in the TLB");
    load(&other);
    controls[0] = sysreg_read(vttbr_el2);
    controls[1] = sysreg_read(hcr_el2);
    sysreg_write(tcr_el1, 0x10);
    sysreg_write(sctlr_el1, SCTLR_EL1_RES1);
    isb();
    begin = count_begin();
    done = space_unmap(&user, PAGE_IPA(33), 0, 1);
    count_end(begin, "unmap a page, and the table, of another space");
    ok(done == 1 && sysreg_read(vttbr_el2) == controls[0] && sysreg_read(hcr_el2) == controls[1] &&
           sysreg_read(tcr_el1) == 0x10 && sysreg_read(sctlr_el1) == SCTLR_EL1_RES1,
       "flushing another space changes no register");
    load(&user);
    ok(faults(LOAD, 33 << 12, FSC_TRANSLATION), "what is unmapped from outside is gone");

    begin = count_begin();
    done = space_donate(&user, PAGE_IPA(512), &other, PAGE_IPA(1024), 9, 1, R | W);
    count_end(begin, "donate a block");
    ok(done == 1 && faults(LOAD, 512 << 12, FSC_TRANSLATION), "a donated block is gone here");
    load(&other);
    ok(works(LOAD, 1024 << 12), "a donated block is there");
}

/* Instructions written by one domain, given to another that has run something else there. */
static void instructions(void)
{
    load(&user);
    ok(space_map(&user, PADDR(memory + (40 << 12)), PAGE_IPA(40), 0, 1, R | W) == 1 &&
           space_write(&user, IPA((40 << 12) + NOTHING), snippets + NOTHING, 64) == 0 &&
           space_donate(&user, PAGE_IPA(40), &other, PAGE_IPA(40), 0, 1, R | X) == 1,
       "a filled page is donated for execution");
    load(&other);
    ok(works(JUMP, (40 << 12) + NOTHING), "its code runs");
    ok(faults(STORE, 40 << 12, FSC_PERMISSION), "and is not written");
}

static void costs(void)
{
    static const uint64_t sizes[] = {8, 24, 64, 128, 300, 1024, 4096};
    static uint64_t argument[512];
    uint64_t begin;
    int64_t status = 0;

    put_string("# bytes read, written:\n");
    for (uint32_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        put_string("# ");
        put_number(sizes[i], 10);
        put('\n');
        begin = count_begin();
        status |= space_read(&user, PAGE_IPA(48), argument, sizes[i]);
        count_end(begin, "space_read");
        begin = count_begin();
        status |= space_write(&user, PAGE_IPA(48), argument, sizes[i]);
        count_end(begin, "space_write");
    }
    begin = count_begin();
    status |= space_copy(&other, IPA(1024 << 12 | 8), &user, PAGE_IPA(48), 4096) != 4096;
    count_end(begin, "space_copy of 4 KiB across a page boundary");
    begin = count_begin();
    status |= frames_scrub(PADDR(memory + (1024 << 12)), SCRUB_PAGES_MAX) != SCRUB_PAGES_MAX;
    count_end(begin, "scrub SCRUB_PAGES_MAX pages");
    begin = count_begin();
    status |= space_map(&user, PADDR(memory + (100 << 12)), PAGE_IPA(100), 0, 99, R | W) != BATCH;
    count_end(begin, "map a batch of pages");
    begin = count_begin();
    status |= space_protect(&user, PAGE_IPA(100), 0, BATCH, R) != BATCH;
    count_end(begin, "protect a batch of pages");
    begin = count_begin();
    status |= space_protect(&user, PAGE_IPA(100), 0, BATCH, R | X) != SPACE_CLEAN;
    count_end(begin, "protect a batch of pages, executable");
    begin = count_begin();
    status |= space_donate(&user, PAGE_IPA(100), &other, PAGE_IPA(100), 0, BATCH, R | W) != BATCH;
    count_end(begin, "donate a batch of pages");
    begin = count_begin();
    status |= space_unmap(&other, PAGE_IPA(100), 0, BATCH) != BATCH;
    count_end(begin, "unmap a batch of pages");
    begin = count_begin();
    status |= space_unmap(&other, PAGE_IPA(1024), 9, 1) != 1;
    count_end(begin, "unmap a block");
    for (uint64_t page = 512; page < 1024; page += 4)
        status |= frames_scrub(PADDR(memory + (page << 12)), 4) != 4;
    begin = count_begin();
    status |= space_map(&other, PADDR(memory + (512 << 12)), PAGE_IPA(1024), 9, 1, R | W) != 1;
    count_end(begin, "map a block");
    for (uint64_t page = 0; page < 512; page += 4)
        status |= frames_scrub(PADDR(memory + KEEL_BLOCK_SIZE * 2 + (page << 12)), 4) != 4;
    begin = count_begin();
    status |= space_pool_add(&empty, PADDR(memory + KEEL_BLOCK_SIZE * 2), 512);
    count_end(begin, "add 512 pages to a pool");
    do {
        begin = count_begin();
        status |= space_teardown(&other) == 0;
        count_end(begin, "a step of a teardown");
    } while (space_teardown(&other) == -KEEL_EAGAIN && status == 0);
    ok(status == 0 || status == 1, "nothing of that failed");
}

static void setup(void)
{
    for (uint32_t i = 0; i < platform.nextents && memory == 0; i++) {
        const struct keel_extent *extent = &platform.extent[i];
        uint64_t first = (extent->pa + KEEL_BLOCK_SIZE - 1) & ~(KEEL_BLOCK_SIZE - 1);

        if (extent->kind == KEEL_EXTENT_FREE &&
            first + 3 * KEEL_BLOCK_SIZE <= extent->pa + extent->pages * KEEL_PAGE_SIZE)
            memory = first;
    }
    CHECK(memory);
    memset((void *)memory, 0xa5, 3 * KEEL_BLOCK_SIZE);
    for (uint64_t page = 0; page < 1024; page += 4)
        CHECK(frames_scrub(PADDR(memory + (page << 12)), 4) == 4);
    ok(all((const char *)memory, 0, 2 * KEEL_BLOCK_SIZE), "scrubbed frames are zero");
    space_init(&user, 1, false);
    space_init(&other, 2, false);
    space_init(&empty, 3, false);
    CHECK(space_pool_add(&user, PADDR(memory + (480 << 12)), 16) == 0);
    CHECK(space_pool_add(&other, PADDR(memory + (496 << 12)), 16) == 0);
    CHECK(space_map(&user, PADDR(memory), PAGE_IPA(32), 0, 1, R | W) == 1);
    CHECK(space_map(&user, PADDR(memory + (1 << 12)), PAGE_IPA(33), 0, 1, R) == 1);
    CHECK(space_map(&user, PADDR(memory + (2 << 12)), PAGE_IPA(CODE), 0, 1, R | W) == 1);
    CHECK(space_map(&other, PADDR(memory + (3 << 12)), PAGE_IPA(CODE), 0, 1, R | W) == 1);
    CHECK(space_map(&user, PADDR(memory + (4 << 12)), IPA(SPACE_LIMIT - 4096), 0, 1, R | W) == 1);
    CHECK(space_map(&user, PADDR(memory + (5 << 12)), PAGE_IPA(48), 0, 1, R | W) == 1);
    CHECK(space_map(&user, PADDR(memory + KEEL_BLOCK_SIZE), PAGE_IPA(512), 9, 1, R | W) == 1);
    CHECK(space_map_device(&user, PADDR(platform.console_pa), IPA(platform.console_pa), 0, 1) == 1);
    CHECK(space_write(&user, PAGE_IPA(CODE), snippets, 256) == 0);
    CHECK(space_write(&other, PAGE_IPA(CODE), snippets, 256) == 0);
    CHECK(space_protect(&user, PAGE_IPA(CODE), 0, 1, R | X) == 1);
    CHECK(space_protect(&other, PAGE_IPA(CODE), 0, 1, R | X) == 1);
}

noreturn void kernel_main(uint64_t cpu, const struct keel_boot *boot, uint64_t index)
{
    (void)cpu;
    (void)index;
    platform = *boot;
    sysreg_write(cptr_el2, CPTR_RES1);
    sysreg_write(mdcr_el2, 0);
    sysreg_write(pmccfiltr_el0, 1ul << 27); /* EL2 too */
    sysreg_write(pmcntenset_el0, 1ul << 31);
    sysreg_write(pmcr_el0, 1);
    sysreg_write(sctlr_el1, SCTLR_EL1_RES1 | SCTLR_M | SCTLR_C | SCTLR_I);
    sysreg_write(tcr_el1, TCR_T0SZ16 | TCR_T1SZ16 | TCR_EPD0 | TCR_EPD1);
    sysreg_write(hcr_el2, HCR_RW | HCR_VM);
    isb();
    frames_init(boot);
    memory_init_cpu();
    strings();
    setup();
    permissions();
    flushes();
    instructions();
    costs();
    end();
}
