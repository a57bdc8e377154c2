/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration can find in the platform's device tree. */
#include "config_trees.h"
#include "suite.h"

#include <libfdt.h>
#include <stdio.h>
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
    ck_assert_uint_eq(test_platform()->ram_lo, 2ull << 30);
    ck_assert_uint_eq(test_platform()->ram_hi, 3ull << 30);
    ck_assert_str_eq(config_platform_compatible(test_platform()), "linux,dummy-virt");
}
END_TEST

/* What no domain gets: 16 MiB, the table of frames, the bundle, and what is reserved. */
START_TEST(test_kept)
{
    struct config_platform platform;
    struct told told;
    size_t bytes;
    void *tree = tree_compile(
        "/dts-v1/; /memreserve/ 0x80000000 0x1000; / { #address-cells = <1>; #size-cells = <1>;"
        "memory@80000000 { device_type = \"memory\"; reg = <0x80000000 0x20000000>; };"
        "cpus { cpu { device_type = \"cpu\"; }; };"
        "reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges;"
        "a@90000000 { reg = <0x90000000 0x2000>; };"
        "b@91000000 { reg = <0x91000000 0x4000>; status = \"disabled\"; }; }; };",
        &bytes);

    told_begin(&told);
    ck_assert(config_platform_read(&platform, tree, bytes, &told.report));
    platform.bundle = 0x5000;
    ck_assert_uint_eq(config_platform_kept(&platform),
                      (16 << 20) + (1 << 20) + 0x5000 + 0x1000 + 0x2000);
    free(tree);
}
END_TEST

/* Only what lies where it belongs: memory below the root, reservations below /reserved-memory. */
START_TEST(test_read_in_one_walk)
{
    struct config_platform platform;
    struct told told;
    size_t bytes;
    void *tree = tree_compile(
        "/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; interrupt-parent = <7>;"
        "bus { #address-cells = <1>; #size-cells = <1>; ranges;"
        "memory@0 { device_type = \"memory\"; reg = <0x1000 0x1000>; };"
        "chosen { }; cpus { cpu { device_type = \"cpu\"; }; };"
        "gic: gic@8000000 { compatible = \"arm,gic-v3\"; phandle = <7>; interrupt-controller; };"
        "dev@9000000 { reg = <0x9000000 0x1000>; interrupts = <0 1 4>; }; };"
        "memory@80000000 { device_type = \"memory\"; reg = <0x80000000 0x1000 0x90000000 0x2000>; };"
        "memory@70000000 { device_type = \"memory\"; reg = <0x70000000 0x1000>; };"
        "cpus@1 { a { device_type = \"cpu\"; }; b { device_type = \"cpu\"; }; };"
        "other { interrupt-parent = <8>; phandle = <8>; #address-cells = <1>; #size-cells = <1>;"
        "ranges; dev@a000000 { reg = <0xa000000 0x1000>; interrupts = <0 1 4>; }; };"
        "chosen { }; };",
        &bytes);

    told_begin(&told);
    ck_assert(config_platform_read(&platform, tree, bytes, &told.report));
    ck_assert_uint_eq(platform.cpus, 2);
    ck_assert_uint_eq(platform.ram, 0x4000);
    ck_assert_uint_eq(platform.ram_lo, 0x70000000);
    ck_assert_uint_eq(platform.ram_hi, 0x90002000);
    ck_assert_int_eq(platform.chosen, fdt_path_offset(tree, "/chosen"));
    ck_assert_uint_eq(platform.gic, 7);
    ck_assert_ptr_null(config_platform_device(&platform, "/bus/dev@9000000", &device));
    ck_assert_uint_eq(device.irq[0].intid, 33);
    ck_assert_str_eq(config_platform_device(&platform, "/other/dev@a000000", &device),
                     "has interrupts that do not go straight to the GIC");
    free(tree);
}
END_TEST

/* Parents are known down to a depth that no platform has. */
START_TEST(test_deep)
{
    static char source[8192];
    struct config_platform platform;
    char path[400] = "";
    struct told told;
    size_t bytes, used;
    void *tree;

    used =
        (size_t)sprintf(source, "/dts-v1/; / { #address-cells = <1>; #size-cells = <1>;"
                                "memory { device_type = \"memory\"; reg = <0x80000000 0x1000>; };"
                                "cpus { cpu { device_type = \"cpu\"; }; };");
    for (int i = 0; i < 64; i++) {
        used +=
            (size_t)sprintf(source + used, "n { #address-cells = <1>; #size-cells = <1>; ranges;"
                                           "reg = <0x9000000 0x1000>;");
        strcat(path, "/n");
    }
    for (int i = 0; i < 64; i++)
        used += (size_t)sprintf(source + used, "};");
    sprintf(source + used, "};");
    tree = tree_compile(source, &bytes);
    told_begin(&told);
    ck_assert(config_platform_read(&platform, tree, bytes, &told.report));
    ck_assert_str_eq(config_platform_device(&platform, path, &device),
                     "lies too deep in the platform's device tree");
    path[strlen(path) - 2] = '\0';
    ck_assert_ptr_null(config_platform_device(&platform, path, &device));
    free(tree);
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
    {"/memory@80000000", "is no device"},
    {"/cpus/cpu@0", "is no device"},
    {"/off@b000000", "is disabled on this platform"},
    {"/ram@90000000", "lies between the first and the last address of the platform's memory"},
    {"/beside@8000800", "shares a page with a device that belongs to the kernel"},
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
    tcase_add_test(tcase, test_kept);
    tcase_add_test(tcase, test_read_in_one_walk);
    tcase_add_test(tcase, test_deep);
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
