/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's check of what the loader hands over: each field wrong is refused, and named. */
#include "suite.h"

#include "main.h"

#include <stdint.h>
#include <string.h>

#define RAM     0x40000000ull
#define DEVICES 0x08000000ull

static struct keel_boot boot;

static void seal(void)
{
    const uint32_t *word = (const uint32_t *)&boot;
    uint32_t sum = 0;

    boot.checksum = 0;
    for (size_t i = 0; i < sizeof(boot) / sizeof(*word); i++)
        sum += word[i];
    boot.checksum = sum;
}

/* Two CPUs, 64 MiB: free, kernel, builder's text, data and stack, modules, a hole, the firmware's.
 */
static void usual(void)
{
    const struct keel_extent extents[] = {
        {.pa = RAM, .pages = 0x200, .kind = KEEL_EXTENT_FREE},
        {.pa = RAM + 0x200000, .pages = 0x200, .kind = KEEL_EXTENT_KERNEL},
        {RAM + 0x400000, 4, 0x400000, KEEL_EXTENT_BUILDER, KEEL_PERM_READ | KEEL_PERM_EXEC},
        {RAM + 0x404000, 4, 0x404000, KEEL_EXTENT_BUILDER, KEEL_PERM_READ | KEEL_PERM_WRITE},
        {RAM + 0x408000, 16, KEEL_BUILDER_STACK_VA, KEEL_EXTENT_BUILDER,
         KEEL_PERM_READ | KEEL_PERM_WRITE},
        {RAM + 0x418000, 3, KEEL_BUILDER_BUNDLE_VA, KEEL_EXTENT_BUNDLE, 0},
        {RAM + 0x41b000, 1, KEEL_BUILDER_DTB_VA, KEEL_EXTENT_DTB, 0},
        {RAM + 0x41c000, 1, KEEL_BUILDER_BOOT_VA, KEEL_EXTENT_BOOT, 0},
        {.pa = RAM + 0x3000000, .pages = 0x1000, .kind = KEEL_EXTENT_RESERVED},
    };

    boot = (struct keel_boot){
        .magic = KEEL_BOOT_MAGIC,
        .version = KEEL_BOOT_VERSION,
        .size = sizeof(boot),
        .ncpus = 2,
        .cpu_mpidr = {0x100, 0x8100000000},
        .nextents = sizeof(extents) / sizeof(extents[0]),
        .ndevice_regions = 3,
        .device_region = {{DEVICES, 0x10000},
                          {DEVICES + 0xa0000, 0x40000},
                          {DEVICES + 0x1000000, 0x1000}},
        .kernel_pa = RAM + 0x200000,
        .page_table_pa = RAM + 0x300000,
        .frame_table_pa = RAM + 0x310000,
        .frame_table_pages = 32,
        .cpu_entry_pa = RAM + 0x3ff000,
        .ram_lo = RAM,
        .ram_hi = RAM + 0x4000000,
        .gic_kind = KEEL_GIC_V3,
        .console_kind = KEEL_CONSOLE_PL011,
        .gicd_pa = DEVICES,
        .gicd_size = 0x10000,
        .gicr_pa = DEVICES + 0xa0000,
        .gicr_size = 0x40000,
        .console_pa = DEVICES + 0x1000000,
        .psci_conduit = KEEL_PSCI_SMC,
        .irq_timer_hyp = 26,
        .irq_timer_virtual = 27,
        .irq_maintenance = 25,
        .builder_entry = 0x400100,
        .builder_stack = KEEL_BUILDER_STACK_VA + KEEL_BUILDER_STACK_BYTES,
        .bundle_bytes = 0x2001,
        .dtb_bytes = 0x1000,
    };
    memcpy(boot.extent, extents, sizeof(extents));
    seal();
}

/* A field, a wrong value, and what of it has to be in the answer; whether that can be printed. */
#define FIELD(member, value, named, told)                                                     \
    {                                                                                         \
#member " = " #value, offsetof(struct keel_boot, member), sizeof(boot.member), value, \
            named, told                                                                       \
    }
#define WRONG(member, value)           FIELD(member, value, #member, true)
#define WRONG_EARLY(member, value)     FIELD(member, value, #member, false)
#define WRONG_AS(member, value, named) FIELD(member, value, named, true)

static const struct wrong {
    const char *what;
    size_t offset, bytes;
    uint64_t value;
    const char *named;
    bool told;
} wrongs[] = {
    WRONG_EARLY(magic, KEEL_BOOT_MAGIC + 1),
    WRONG_EARLY(version, KEEL_BOOT_VERSION + 1),
    WRONG_EARLY(size, sizeof(boot) - 8),
    WRONG_EARLY(ndevice_regions, KEEL_DEVICE_REGIONS_MAX + 1),
    FIELD(device_region[0].pa, 0, "region->pa", false),
    FIELD(device_region[1].pa, DEVICES + 0xa0800, "region->pa", false),
    FIELD(device_region[1].size, 0, "region->size", false),
    FIELD(device_region[1].size, 0x40800, "region->size", false),
    FIELD(device_region[2].size, KEEL_KERNEL_VA, "region->size", false),
    FIELD(device_region[2].size, 0 - (DEVICES + 0x1000000), "region->size", false),
    WRONG_EARLY(console_kind, KEEL_CONSOLE_CADENCE + 1),
    WRONG_EARLY(console_pa, 0),
    WRONG_EARLY(console_pa, DEVICES + 0x1000fff),
    WRONG_EARLY(console_pa, RAM),
    WRONG_EARLY(psci_conduit, KEEL_PSCI_HVC + 1),
    WRONG(ncpus, 0),
    WRONG(ncpus, KEEL_CPUS_MAX + 1),
    WRONG_AS(ncpus, 3, "gicr_size"),
    WRONG_AS(cpu_mpidr[0], 0x80000100, "cpu_mpidr"),
    WRONG_AS(cpu_mpidr[1], 0x100, "cpu_mpidr"),
    WRONG_AS(cpu_mpidr[1], 0x10000000000, "cpu_mpidr"),
    WRONG(gic_kind, KEEL_GIC_V2),
    WRONG(gic_kind, 0),
    WRONG(gicd_pa, DEVICES + 0x1000),
    WRONG(gicd_pa, RAM),
    WRONG(gicd_size, 0xf000),
    WRONG(gicd_size, 0x11000),
    WRONG(gicr_pa, DEVICES),
    WRONG(gicr_size, 0x3f000),
    WRONG(gicr_size, 0x41000),
    WRONG(irq_timer_hyp, 15),
    WRONG(irq_timer_hyp, 32),
    WRONG(irq_timer_hyp, 27),
    WRONG(irq_timer_virtual, 0),
    WRONG(irq_timer_virtual, UINT32_MAX),
    WRONG(irq_timer_virtual, 25),
    WRONG(irq_maintenance, 8),
    WRONG(irq_maintenance, 1020),
    WRONG(irq_maintenance, 26),
    WRONG(nextents, KEEL_EXTENTS_MAX + 1),
    WRONG_AS(nextents, 0, "ram_hi"),
    WRONG_AS(nextents, 8, "ram_hi"),
    WRONG(ram_lo, RAM + 0x4000000),
    WRONG(ram_lo, RAM - 0x1000),
    WRONG(ram_lo, RAM + 0x1000),
    WRONG(ram_hi, RAM),
    WRONG(ram_hi, RAM + 0x3fff000),
    WRONG(ram_hi, RAM + 0x4001000),
    WRONG(ram_hi, KEEL_KERNEL_VA + 0x1000),
    WRONG_AS(extent[1].pa, RAM + 0x1ff000, "extent->pa"),
    WRONG_AS(extent[7].pa, RAM + 0x41c800, "extent->pa"),
    WRONG_AS(extent[3].pages, 0, "extent->pages"),
    WRONG_AS(extent[3].pages, 5, "extent->pa"),
    WRONG_AS(extent[8].pages, 1ull << 52, "extent->pages"),
    WRONG_AS(extent[8].pages, UINT64_MAX, "extent->pages"),
    WRONG_AS(extent[8].pages, 0xfff, "ram_hi"),
    WRONG_AS(extent[0].kind, KEEL_EXTENT_RESERVED + 1, "extent->kind"),
    WRONG_AS(extent[5].kind, KEEL_EXTENT_FREE, "bundle_bytes"),
    WRONG_AS(extent[5].va, KEEL_BUILDER_DTB_VA, "bundle_bytes"),
    WRONG(bundle_bytes, 0),
    WRONG(bundle_bytes, 0x3001),
    WRONG_AS(extent[6].kind, KEEL_EXTENT_FREE, "dtb_bytes"),
    WRONG(dtb_bytes, 0),
    WRONG(dtb_bytes, UINT64_MAX),
    WRONG_AS(extent[7].kind, KEEL_EXTENT_FREE, "KEEL_BUILDER_BOOT_VA"),
    WRONG_AS(extent[7].va, 0, "KEEL_BUILDER_BOOT_VA"),
    WRONG(builder_entry, 0),
    WRONG(builder_entry, 0x404000),
    WRONG_AS(extent[2].perm, KEEL_PERM_READ, "builder_entry"),
    WRONG(builder_stack, 0),
    WRONG(builder_stack, 0x400400),
    WRONG(builder_stack, KEEL_BUILDER_STACK_VA),
    WRONG(builder_stack, KEEL_BUILDER_STACK_VA + KEEL_BUILDER_STACK_BYTES + 16),
    WRONG(kernel_pa, RAM),
    WRONG(kernel_pa, RAM + 0x200800),
    WRONG(page_table_pa, 0),
    WRONG(page_table_pa, RAM + 0x300008),
    WRONG(cpu_entry_pa, RAM + 0x3fffc0),
    WRONG(cpu_entry_pa, RAM + 0x3ff004),
    WRONG(frame_table_pa, RAM + 0x3f0000),
    WRONG(frame_table_pa, RAM + 0x310008),
    WRONG(frame_table_pages, 31),
    WRONG(frame_table_pages, (1ull << 52) + 32),
};

START_TEST(usual_is_right)
{
    bool voice = false;
    const char *wrong;

    usual();
    wrong = boot_check(&boot, &voice);
    ck_assert_msg(!wrong, "%s", wrong);
    ck_assert(voice);
    boot.console_kind = KEEL_CONSOLE_NONE;
    boot.console_pa = 0;
    boot.psci_conduit = KEEL_PSCI_NONE;
    seal();
    wrong = boot_check(&boot, &voice);
    ck_assert_msg(!wrong, "without console and PSCI: %s", wrong);
}
END_TEST

START_TEST(wrong_is_named)
{
    const struct wrong *test = &wrongs[_i];
    bool voice = false;
    const char *wrong;

    usual();
    memcpy((uint8_t *)&boot + test->offset, &test->value, test->bytes); /* little-endian */
    seal();
    wrong = boot_check(&boot, &voice);
    ck_assert_msg(wrong != NULL, "%s: not seen", test->what);
    ck_assert_msg(strstr(wrong, test->named) != NULL, "%s: %s", test->what, wrong);
    ck_assert_msg(voice == test->told, "%s: told: %d", test->what, voice);
}
END_TEST

/* One region more, which is RAM: below it and some of it, two extents, its end and beyond. */
START_TEST(ram_is_no_device)
{
    const uint64_t places[] = {RAM - 0x1000, RAM + 0x1ff000, RAM + 0x3fff000};
    bool voice = false;
    const char *wrong;

    usual();
    boot.ndevice_regions = 4;
    boot.device_region[3] = (struct keel_device_region){places[_i], 0x2000};
    seal();
    wrong = boot_check(&boot, &voice);
    ck_assert_msg(wrong && strstr(wrong, "device_region"), "%s", wrong ? wrong : "not seen");
    /* In the hole is where devices may be. */
    boot.device_region[3] = (struct keel_device_region){RAM + 0x41d000, 0x2be3000};
    seal();
    wrong = boot_check(&boot, &voice);
    ck_assert_msg(!wrong, "%s", wrong);
}
END_TEST

/* RAM ends where the kernel's own addresses begin, and is not larger than frames can be counted. */
START_TEST(ram_ends)
{
    const uint64_t firsts[] = {KEEL_KERNEL_VA, 1ull << 60, 0 - 0x2000000ull,
                               RAM + (1ull << 44) - 0xfff000};
    bool voice = false;
    const char *wrong;

    usual();
    boot.extent[8].pa = firsts[_i];
    boot.ram_hi = firsts[_i] + 0x1000000;
    seal();
    wrong = boot_check(&boot, &voice);
    ck_assert_msg(wrong && strstr(wrong, "ram_hi"), "%s", wrong ? wrong : "not seen");
}
END_TEST

/* Nor does it begin there. */
START_TEST(ram_begins)
{
    bool voice = false;
    const char *wrong;

    usual();
    for (uint32_t i = 0; i < boot.nextents; i++)
        boot.extent[i].pa += KEEL_KERNEL_VA;
    boot.ram_lo += KEEL_KERNEL_VA;
    boot.ram_hi += KEEL_KERNEL_VA;
    boot.kernel_pa += KEEL_KERNEL_VA;
    boot.page_table_pa += KEEL_KERNEL_VA;
    boot.frame_table_pa += KEEL_KERNEL_VA;
    boot.cpu_entry_pa += KEEL_KERNEL_VA;
    seal();
    wrong = boot_check(&boot, &voice);
    ck_assert_msg(wrong && strstr(wrong, "ram_hi"), "%s", wrong ? wrong : "not seen");
}
END_TEST

/* An extent behind all RAM that is so long that it ends at RAM's end again. */
START_TEST(extent_wraps)
{
    bool voice = false;
    const char *wrong;

    usual();
    boot.extent[8].pa = RAM + 0x4001000;
    boot.extent[8].pages = (1ull << 52) - 1;
    seal();
    wrong = boot_check(&boot, &voice);
    ck_assert_msg(wrong && strstr(wrong, "extent->pa"), "%s", wrong ? wrong : "not seen");
}
END_TEST

/* Whatever bit is turned, the sum does not hold. */
START_TEST(sum_is_checked)
{
    bool voice = false;

    for (size_t bit = 0; bit < 8 * sizeof(boot); bit++) {
        usual();
        ((uint8_t *)&boot)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_msg(boot_check(&boot, &voice) != NULL, "bit %zu", bit);
    }
    ck_assert(!voice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("boot_check");
    TCase *tcase = tcase_create("boot_check");

    tcase_add_test(tcase, usual_is_right);
    tcase_add_loop_test(tcase, wrong_is_named, 0, sizeof(wrongs) / sizeof(wrongs[0]));
    tcase_add_loop_test(tcase, ram_is_no_device, 0, 3);
    tcase_add_loop_test(tcase, ram_ends, 0, 4);
    tcase_add_test(tcase, ram_begins);
    tcase_add_test(tcase, extent_wraps);
    tcase_add_test(tcase, sum_is_checked);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
