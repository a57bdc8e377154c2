/* SPDX-License-Identifier: Apache-2.0 */
/* What only a guest can do: tables of its own, other attributes, another vCPU that changes them
 * meanwhile. */
#include "guest_memory.h"
#include "suite.h"

#include "lib/guest.h"
#include "mmu.h"

#define SPARE_VA 0x9000000000ull /* nothing is there but what a test maps */
#define BLOCK    0x200000ull

static uint64_t ipa_of(uint32_t page)
{
    return platform_frame(page) << 12;
}

/* A buffer at `va` in a message to the partner, which has a ring. */
static int64_t send_at(uint64_t va, uint32_t bytes, uint32_t type)
{
    iov_set(0, va, bytes, 0);
    return sendv(PORT_A, ANY, ID_PARTNER, PORT_A, 1, type);
}

/* With stage 1 off all memory is Device for the guest: the kernel would see other bytes. */
static void mmu_is_off(void)
{
    const struct keel_argo_register_ring reg = {PORT_A, ID_PARTNER, 0, 1024};
    const uint64_t args = ipa_of(PAGE_ARGS), other = ipa_of(PAGE_SMALL);
    int64_t got[8];

    bytes_copy(at(addr(PAGE_ARGS, 0)), &reg, sizeof(reg));
    irq_disable();
    mmu_off();
    got[0] = argo(KEEL_ARGO_REGISTER_RING, args, other, 1, 0);
    got[1] = argo(KEEL_ARGO_UNREGISTER_RING, args, 0, 0, 0);
    got[2] = argo(KEEL_ARGO_SENDV, args, other, 1, 0);
    got[3] = argo(KEEL_ARGO_NOTIFY, args, 0, 0, 0);
    got[4] = argo(KEEL_ARGO_NOTIFY, 0, 0, 0, 0); /* no memory: no matter */
    got[5] = argo(KEEL_ARGO_SENDV, args, other, 1ull << 32, 0);
    got[6] = argo(KEEL_ARGO_REGISTER_RING, args, other, 1, 2);
    got[7] = argo(77, args, other, 0, 0);
    mmu_on();
    irq_enable();
    for (uint32_t i = 0; i < 4; i++) {
        suite_about("operation", i + 1);
        EQ(got[i], -KEEL_EFAULT);
    }
    EQ(got[4], 0);
    EQ(got[5], -KEEL_EINVAL);
    EQ(got[6], -KEEL_EINVAL);
    EQ(got[7], -KEEL_EOPNOTSUPP);
}

/* Only what the guest uses through its caches, in both domains, write-back. */
static void attributes(void)
{
    static const struct {
        uint32_t attributes;
        bool good;
    } rows[] = {
        {MMU_NORMAL, true},   {MMU_DEVICE, false},     {MMU_UNCACHED, false},
        {MMU_THROUGH, false}, {MMU_OUTER_ONLY, false}, {MMU_NORMAL | MMU_READ_ONLY, true},
    };
    const struct keel_argo_send_addr args = {{PORT_A, ANY, 0}, {PORT_A, ID_PARTNER, 0}};

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    content_fill(at(addr(PAGE_SMALL, 0)), 5, 32);
    bytes_copy(at(addr(PAGE_SMALL, 512)), &args, sizeof(args));
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        suite_about("attributes", rows[i].attributes);
        mmu_map(SPARE_VA, ipa_of(PAGE_SMALL), rows[i].attributes);
        EQ(send_at(SPARE_VA, 32, i), rows[i].good ? 32 : -KEEL_EFAULT);
        EQ(takes(ID_PARTNER, ID_SUITE, 9, 32, 5, i).count, rows[i].good);
        iov_set(0, addr(PAGE_SMALL, 0), 32, 0);
        EQ(argo(KEEL_ARGO_SENDV, SPARE_VA + 512, addr(PAGE_IOVS, 0), 1, i),
           rows[i].good ? 32 : -KEEL_EFAULT);
        EQ(takes(ID_PARTNER, ID_SUITE, 9, 32, 5, i).wrong, 0);
    }
    mmu_unmap(SPARE_VA);
}

/* Answers of notify are written as the guest itself could write them. */
static void read_only(void)
{
    const struct keel_argo_ring_data_ent entry = {{PORT_A, ID_PARTNER, 0}, 0xffff, 0, 1, 0};

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    *(uint32_t *)at(addr(PAGE_SMALL, 0)) = 1;
    bytes_copy(at(addr(PAGE_SMALL, 8)), &entry, sizeof(entry));
    mmu_map(SPARE_VA, ipa_of(PAGE_SMALL), MMU_NORMAL | MMU_READ_ONLY);
    EQ(argo(KEEL_ARGO_NOTIFY, SPARE_VA, 0, 0, 0), -KEEL_EFAULT);
    EQ(*(uint16_t *)at(addr(PAGE_SMALL, 16)), 0xffff);
    mmu_map(SPARE_VA, ipa_of(PAGE_SMALL), MMU_NORMAL);
    EQ(argo(KEEL_ARGO_NOTIFY, SPARE_VA, 0, 0, 0), 0);
    EQ(*(uint16_t *)at(addr(PAGE_SMALL, 16)),
       KEEL_ARGO_EXISTS | KEEL_ARGO_EMPTY | KEEL_ARGO_SUFFICIENT);
    mmu_unmap(SPARE_VA);
}

/* One page seen twice in a row, pages and blocks side by side, and back: each byte by its own
 * mapping. */
static void mappings(void)
{
    const uint64_t block = SPARE_VA + BLOCK, image = PLATFORM_RAM + 4 * BLOCK;
    uint32_t wrong = 0;

    EQ(theirs(ID_PARTNER, ID_SUITE, 8 * 4096), 0);
    /* The same page twice: its end is followed by its begin. */
    content_fill(at(addr(PAGE_SMALL, 0)), 1, 4096);
    mmu_map(SPARE_VA, ipa_of(PAGE_SMALL), MMU_NORMAL);
    mmu_map(SPARE_VA + PAGE, ipa_of(PAGE_SMALL), MMU_NORMAL);
    EQ(send_at(SPARE_VA + 4096 - 8, 16, 0), 16);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 16, 1, 0).count, 1);
    /* What the message has to be: written so that the seed says it. */
    content_fill(at(addr(PAGE_SMALL, 4096 - 8)), 2, 8);
    for (uint32_t i = 0; i < 8; i++)
        *(uint8_t *)at(addr(PAGE_SMALL, i)) = content(2, 8 + i);
    EQ(send_at(SPARE_VA + 4096 - 8, 16, 0), 16);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 16, 2, 0).wrong, 0);
    /* A page, then a block of unused RAM behind the image. */
    mmu_map(block - PAGE, ipa_of(PAGE_SMALL), MMU_NORMAL);
    mmu_map_block(block, image, MMU_NORMAL);
    for (uint32_t i = 0; i < 6000; i++)
        *(volatile uint8_t *)at(block - 1000 + i) = content(3, i);
    for (uint32_t i = 0; i < 5000; i++)
        wrong += *(volatile uint8_t *)at(image + i) != content(3, 1000 + i);
    EQ(wrong, 0);
    EQ(send_at(block - 1000, 6000, 0), 6000);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 6000, 3, 0).wrong, 0);
    mmu_unmap(SPARE_VA);
    mmu_unmap(SPARE_VA + PAGE);
    mmu_unmap(block - PAGE);
}

/* Addresses that lead nowhere by themselves, or to no memory: EFAULT, and no exit, no abort. */
static void nowhere(void)
{
    static const uint64_t vas[] = {
        0x0000ffffffffff00, 0x0001000000000000, 0x8000000000000000,
        0xffff000000000000, 0xffffffffffffff00, 0x00ff008000000000,
    };
    static const uint64_t ipas[] = {PLATFORM_UART, PLATFORM_GICD, 0, PLATFORM_RAM - PAGE,
                                    1ull << 38};

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    for (uint32_t i = 0; i < sizeof(vas) / sizeof(vas[0]); i++) {
        suite_about("address", vas[i]);
        EQ(send_at(vas[i], 16, 0), -KEEL_EFAULT);
        EQ(argo(KEEL_ARGO_NOTIFY, vas[i], 0, 0, 0), -KEEL_EFAULT);
        EQ(argo(KEEL_ARGO_UNREGISTER_RING, vas[i], 0, 0, 0), -KEEL_EFAULT);
    }
    for (uint32_t i = 0; i < sizeof(ipas) / sizeof(ipas[0]); i++) {
        suite_about("IPA", ipas[i]);
        mmu_map(SPARE_VA, ipas[i], MMU_NORMAL);
        EQ(send_at(SPARE_VA, 16, 0), -KEEL_EFAULT);
        EQ(argo(KEEL_ARGO_NOTIFY, SPARE_VA, 0, 0, 0), -KEEL_EFAULT);
    }
    mmu_unmap(SPARE_VA);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0).count, 0);
}

/* The top byte is ignored where the guest's TCR says so, and only there. */
static void tags(void)
{
    const uint64_t tagged = addr(PAGE_SMALL, 0) | 0xA5ull << 56;

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    content_fill(at(addr(PAGE_SMALL, 0)), 6, 100);
    EQ(send_at(tagged, 100, 0), -KEEL_EFAULT);
    mmu_tags(true);
    EQ(send_at(tagged, 100, 0), 100);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 100, 6, 0).wrong, 0);
    mmu_tags(false);
    EQ(send_at(tagged, 100, 0), -KEEL_EFAULT);
}

/* Every register but x0 is kept, PAR_EL1 and the flags too, whatever the answer is. */
static void registers(void)
{
    const struct keel_argo_send_addr args = {{PORT_A, ANY, 0}, {PORT_A, ID_PARTNER, 0}};
    const struct {
        uint64_t x[5];
        int64_t result;
    } rows[] = {
        {{99, 1, 2, 3, 4}, -KEEL_EOPNOTSUPP},
        {{KEEL_ARGO_NOTIFY, 0, 0, 0, 0}, 0},
        {{KEEL_ARGO_SENDV, addr(PAGE_ARGS, 0), addr(PAGE_IOVS, 0), 1, 0xffffffff}, 5 * 4096},
        {{KEEL_ARGO_SENDV, addr(PAGE_ARGS, 0), addr(PAGE_IOVS, 16), 1, 0xffffffff}, 64},
        {{KEEL_ARGO_SENDV, addr(PAGE_ARGS, 0), NOWHERE, 1, 0}, -KEEL_EFAULT},
        {{KEEL_ARGO_REGISTER_RING, NOWHERE, 0, 1, 0}, -KEEL_EFAULT},
    };

    EQ(theirs(ID_PARTNER, ID_SUITE, 8 * 4096), 0);
    bytes_copy(at(addr(PAGE_ARGS, 0)), &args, sizeof(args));
    iov_set(0, addr(PAGE_DATA, 0), 5 * 4096, 0);
    iov_set(1, addr(PAGE_DATA, 0), 64, 0);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t io[32];
        register uint64_t *to __asm__("x28") = io;

        suite_about("row", i);
        for (uint32_t n = 0; n < 5; n++)
            io[n] = rows[i].x[n];
        sysreg_write(par_el1, 0x123456000ull);
        __asm__ volatile(
            "ldp x0, x1, [x28]\n ldp x2, x3, [x28, #16]\n ldr x4, [x28, #32]\n"
            ".irp n, 5,6,7,8,9,10,11,12,13,14,15,17,18,19,20,21,22,23,24,25,26,27,30\n"
            "movz x\\n, #0x1100 + \\n, lsl #32\n"
            ".endr\n"
            "mov x16, #39\n msr nzcv, x28\n"
            "hvc #0xea1\n"
            ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,"
            "26,27,30\n"
            "str x\\n, [x28, #8 * \\n]\n"
            ".endr\n"
            "mrs x1, nzcv\n str x1, [x28, #8 * 31]\n"
            : "+r"(to)
            :
            : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
              "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
              "x25", "x26", "x27", "x30", "cc", "memory");
        EQ(sysreg_read(par_el1), 0x123456000ull);
        EQ(io[0], rows[i].result);
        EQ(io[31], (uintptr_t)io & 0xf0000000);
        for (uint64_t n = 1; n < 31; n++)
            if (n < 28 || n == 30)
                EQ(io[n], n < 5     ? rows[i].x[n]
                          : n == 16 ? KEEL_ARGO_HYPERCALL
                                    : (0x1100 + n) << 32);
    }
}

static uint64_t hvc_other(uint64_t number)
{
    register uint64_t x0 __asm__("x0") = KEEL_ARGO_NOTIFY;
    register uint64_t x1 __asm__("x1") = 0;
    register uint64_t x2 __asm__("x2") = 0;
    register uint64_t x3 __asm__("x3") = 0;
    register uint64_t x4 __asm__("x4") = 0;
    register uint64_t x16 __asm__("x16") = number;

    __asm__ volatile("hvc #0xea1"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)
                     :
                     : "memory");
    return x0;
}

/* Argo is HVC #0xEA1 with 39 in x16, all 64 bits of it; anything else is for others, not for the
 * kernel. */
static void number(void)
{
    static const uint64_t numbers[] = {0, 38, 40, 1ull << 32 | 39, UINT64_MAX};

    EQ(hvc_other(39), 0);
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t result;
        uint32_t undefined;

        suite_about("number", numbers[i]);
        catch_begin();
        result = hvc_other(numbers[i]);
        undefined = catch_end();
        IS(undefined || (int64_t)result < 0);
    }
}

/* Interrupts come in between, and the message is whole. A10.5 */
static volatile uint32_t ticks;

static void on_tick(uint32_t intid)
{
    (void)intid;
    ticks++;
    sysreg_write(cntv_cval_el0, counter() + ms(1) / 4);
}

static void interrupted(void)
{
    void (*before)(uint32_t) = irq_handler[PLATFORM_TIMER_IRQ];
    const uint32_t bytes = KEEL_ARGO_RING_MAX - 32;
    uint32_t during = 0;

    EQ(theirs(ID_PARTNER, ID_SUITE, KEEL_ARGO_RING_MAX), 0);
    content_fill(at(addr(PAGE_DATA, 0)), 8, bytes);
    for (uint32_t turn = 0; turn < 5 && during < 2; turn++) {
        irq_handler[PLATFORM_TIMER_IRQ] = on_tick;
        sysreg_write(cntv_cval_el0, counter());
        sysreg_write(cntv_ctl_el0, 1);
        ticks = 0;
        EQ(send_at(addr(PAGE_DATA, 0), bytes, 4), bytes);
        during = ticks;
        irq_disable();
        sysreg_write(cntv_ctl_el0, 0);
        irq_handler[PLATFORM_TIMER_IRQ] = before;
        irq_enable();
        EQ(takes(ID_PARTNER, ID_SUITE, 9, bytes, 8, 4).wrong, 0);
    }
    IS(during >= 2);
}

/* ---- another vCPU, which changes the tables ---- */

static struct {
    volatile uint32_t page; /* that it takes away and gives back, without a pause; 0: none */
    volatile uint64_t ipa;  /* where it leads in between; 0: nowhere */
    volatile bool on, idle;
    volatile uint32_t turns;
} mapper;

void guest_secondary(uint64_t context)
{
    (void)context;
    mmu_on();
    mapper.on = true;
    for (;;) {
        uint32_t page = mapper.page;

        if (page == 0) {
            mapper.idle = true;
            __asm__ volatile("yield");
            continue;
        }
        mapper.idle = false;
        if (mapper.ipa)
            mmu_map(addr_of_page(page), mapper.ipa, MMU_NORMAL);
        else
            mmu_unmap(addr_of_page(page));
        for (volatile uint32_t i = 0; i < 3000; i++) {
        }
        mmu_map(addr_of_page(page), ipa_of(page), MMU_NORMAL);
        mapper.turns++;
        for (volatile uint32_t i = 0; i < 3000; i++) {
        }
    }
}

static void mapper_begins(uint32_t page, uint64_t ipa)
{
    if (!mapper.on) {
        EQ(hvc(PSCI_CPU_ON, 1, (uintptr_t)secondary_start, 0), 0);
        IS(wait_for(mapper.on));
    }
    mapper.ipa = ipa;
    mapper.page = page;
    IS(wait_for(!mapper.idle));
}

static void mapper_ends(void)
{
    mapper.page = 0;
    mapper.idle = false;
    IS(wait_for(mapper.idle));
}

/* A buffer, one page of which another vCPU takes away and gives back all the time: the message is
 * whole, or it is not there and the answer is EFAULT. Both must be seen. */
static void unmapped_meanwhile(void)
{
    const uint32_t bytes = 64 * 4096, len = 2 * bytes;
    uint32_t good = 0, bad = 0;

    EQ(theirs(ID_PARTNER, ID_SUITE, len), 0);
    content_fill(at(addr(PAGE_DATA, 0)), 9, bytes);
    mapper_begins(PAGE_DATA + 40, 0);
    for (uint32_t turn = 0; turn < 4000 && (turn < 100 || good < 5 || bad < 5); turn++) {
        int64_t status = send_at(addr(PAGE_DATA, 0), bytes, turn);

        suite_about("turn", turn);
        if (status == bytes) {
            struct answer answer = takes(ID_PARTNER, ID_SUITE, 9, bytes, 9, turn);

            EQ(answer.count, 1);
            EQ(answer.wrong, 0);
            good++;
        } else {
            EQ(status, -KEEL_EFAULT);
            bad++;
        }
    }
    mapper_ends();
    suite_about("good, bad", (uint64_t)good << 32 | bad);
    IS(good >= 5 && bad >= 5);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, 0, 0, 0).count, 0);
    EQ(send_at(addr(PAGE_DATA, 0), bytes, 1), bytes);
    EQ(takes(ID_PARTNER, ID_SUITE, 9, bytes, 9, 1).wrong, 0);
}

/* The same page now here, now there: of one of the two, never of a third. */
static void remapped_meanwhile(void)
{
    const uint32_t bytes = 16 * 4096;

    EQ(theirs(ID_PARTNER, ID_SUITE, 2 * bytes), 0);
    content_fill(at(addr(PAGE_DATA, 0)), 9, bytes);
    bytes_copy(at(addr(PAGE_SMALL, 0)), at(addr(PAGE_DATA + 7, 0)), PAGE);
    mapper_begins(PAGE_DATA + 7, ipa_of(PAGE_SMALL));
    for (uint32_t turn = 0; turn < 100; turn++) {
        int64_t status = send_at(addr(PAGE_DATA, 0), bytes, turn);

        suite_about("turn", turn);
        /* There is a moment without a mapping in between. */
        IS(status == bytes || status == -KEEL_EFAULT);
        if (status == bytes)
            EQ(takes(ID_PARTNER, ID_SUITE, 9, bytes, 9, turn).wrong, 0);
    }
    mapper_ends();
}

/* The page of the answers of notify, and that of the structures. */
static void arguments_meanwhile(void)
{
    uint32_t good = 0, bad = 0, max;
    uint16_t flags;

    EQ(theirs(ID_PARTNER, ID_SUITE, 1024), 0);
    for (uint32_t turn = 0; turn < 400; turn++) {
        const struct keel_argo_ring_data data = {1, 0};
        const struct keel_argo_ring_data_ent ent = {{PORT_A, ID_PARTNER, 0}, 0, 0, 1, 0};
        int64_t status;

        suite_about("turn", turn);
        if (turn % 20 == 0) {
            if (turn)
                mapper_ends();
            bytes_copy(at(addr(PAGE_DATA, 0)), &data, sizeof(data));
            bytes_copy(at(addr(PAGE_DATA, 8)), &ent, sizeof(ent));
            mapper_begins(PAGE_DATA, 0);
        }
        status = argo(KEEL_ARGO_NOTIFY, addr(PAGE_DATA, 0), 0, 0, 0);
        IS(status == 0 || status == -KEEL_EFAULT);
        good += status == 0;
        bad += status != 0;
    }
    mapper_ends();
    EQ(query(ID_PARTNER, PORT_A, 1, &flags, &max), 0);
    suite_about("good, bad", (uint64_t)good << 32 | bad);
    IS(good > 0 && bad > 0);
}

const struct test platform_tests[] = {
    {"guest-mmu-off", mmu_is_off},
    {"guest-attributes", attributes},
    {"guest-read-only", read_only},
    {"guest-mappings", mappings},
    {"guest-nowhere", nowhere},
    {"guest-tags", tags},
    {"guest-registers", registers},
    {"guest-number", number},
    {"guest-interrupted", interrupted},
    {"guest-unmapped-meanwhile", unmapped_meanwhile},
    {"guest-remapped-meanwhile", remapped_meanwhile},
    {"guest-arguments-meanwhile", arguments_meanwhile},
    {NULL, NULL},
};
