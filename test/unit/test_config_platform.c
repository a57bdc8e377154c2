/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration can find in the platform's device tree. */
#include "config_trees.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

static struct config_device device;

static const char *look_up(const char *path)
{
    return config_platform_device(test_platform(), path, &device);
}

START_TEST(test_totals)
{
    ck_assert_uint_eq(test_platform()->cpus, 2);
    ck_assert_uint_eq(test_platform()->ram, 1ull << 30);
}
END_TEST

START_TEST(test_device_by_path_and_alias)
{
    ck_assert_ptr_null(look_up("/pl011@9000000"));
    ck_assert_str_eq(device.name, "pl011@9000000");
    ck_assert_uint_eq(device.nregions, 1);
    ck_assert_uint_eq(device.region[0].address, 0x9000000);
    ck_assert_uint_eq(device.region[0].bytes, 0x1000);
    ck_assert_uint_eq(device.nirqs, 1);
    ck_assert_uint_eq(device.irq[0].intid, 33);
    ck_assert(!device.irq[0].edge);
    ck_assert_ptr_null(look_up("serial0"));
    ck_assert_str_eq(device.name, "serial0");
    ck_assert_uint_eq(device.region[0].address, 0x9000000);
}
END_TEST

START_TEST(test_registers_are_widened_to_pages)
{
    ck_assert_ptr_null(look_up("/virtio_mmio@a000200"));
    ck_assert_uint_eq(device.region[0].address, 0xa000000);
    ck_assert_uint_eq(device.region[0].bytes, 0x1000);
    ck_assert_uint_eq(device.irq[0].intid, 49);
    ck_assert(device.irq[0].edge);
}
END_TEST

START_TEST(test_several_registers_and_interrupts)
{
    ck_assert_ptr_null(look_up("/two@b010000"));
    ck_assert_uint_eq(device.nregions, 2);
    ck_assert_uint_eq(device.region[1].bytes, 0x2000);
    ck_assert_uint_eq(device.nirqs, 3);
    ck_assert_uint_eq(device.irq[2].intid, 82);
}
END_TEST

START_TEST(test_addresses_on_a_bus)
{
    ck_assert_ptr_null(look_up("/bus@c000000/inner@1000"));
    ck_assert_uint_eq(device.region[0].address, 0xc001000);
}
END_TEST

static const struct {
    const char *path, *wrong;
} bad[] = {
    {"", "a path or an alias is expected"},
    {"/", "a path or an alias is expected"},
    {"/nothing@0", "is not in the platform's device tree"},
    {"serial9", "is not in the platform's device tree"},
    {"/intc@8000000", "belongs to the kernel"},
    {"/memory@40000000", "is no device"},
    {"/cpus/cpu@0", "is no device"},
    {"/off@b000000", "is disabled on this platform"},
    {"/empty", "has no registers"},
    {"/ppi@b030000", "has an interrupt that is no shared peripheral interrupt (SPI)"},
    {"/behind@b040000", "has interrupts that do not go straight to the GIC"},
    {"/bus@c000000/beyond@20000", "has registers that the CPUs do not reach directly"},
    {"/closed/dev@0", "has registers that the CPUs do not reach directly"},
};

START_TEST(test_bad)
{
    const char *wrong = look_up(bad[_i].path);

    ck_assert_ptr_nonnull(wrong);
    ck_assert_str_eq(wrong, bad[_i].wrong);
}
END_TEST

static void refused(const char *source, const char *message)
{
    struct config_platform platform;
    struct told told;
    size_t bytes;
    void *tree = tree_compile(source, &bytes);

    told_begin(&told);
    ck_assert(!config_platform_read(&platform, tree, bytes, &told.report));
    ck_assert_str_eq(told.text, message);
    free(tree);
}

START_TEST(test_bad_platforms)
{
    struct config_platform platform;
    struct told told;

    refused("/dts-v1/; / { memory { device_type = \"memory\"; reg = <0 0 4096>; }; };",
            "platform: no CPUs, expected nodes in /cpus");
    refused("/dts-v1/; / { cpus { cpu { device_type = \"cpu\"; }; }; };",
            "platform: no memory, expected a memory node with reg");
    told_begin(&told);
    ck_assert(!config_platform_read(&platform, "not a tree", 11, &told.report));
    ck_assert_str_eq(told.text, "platform: not a device tree (FDT_ERR_TRUNCATED)");
}
END_TEST

START_TEST(test_names)
{
    bool known;

    ck_assert(config_platform_is(test_platform(), "qemu-virt", &known));
    ck_assert(known);
    ck_assert(!config_platform_is(test_platform(), "zcu102", &known));
    ck_assert(known);
    ck_assert(!config_platform_is(test_platform(), "pc", &known));
    ck_assert(!known);
}
END_TEST

START_TEST(test_damaged)
{
    size_t bytes;
    uint8_t *good = tree_compile(platform_source, &bytes);

    for (size_t n = 0; n < bytes; n++) {
        uint8_t saved = good[n];
        struct config_platform platform;
        struct told told;

        good[n] ^= (uint8_t)(1 + n % 255);
        told_begin(&told);
        if (config_platform_read(&platform, good, bytes, &told.report)) {
            (void)!config_platform_device(&platform, "/two@b010000", &device);
            (void)!config_platform_device(&platform, "/bus@c000000/inner@1000", &device);
            (void)!config_platform_device(&platform, "serial0", &device);
        }
        good[n] = saved;
    }
    free(good);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_platform");
    TCase *tcase = tcase_create("platform");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_totals);
    tcase_add_test(tcase, test_device_by_path_and_alias);
    tcase_add_test(tcase, test_registers_are_widened_to_pages);
    tcase_add_test(tcase, test_several_registers_and_interrupts);
    tcase_add_test(tcase, test_addresses_on_a_bus);
    tcase_add_loop_test(tcase, test_bad, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tcase, test_bad_platforms);
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_damaged);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
