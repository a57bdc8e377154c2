/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's device-tree reader: a tree like QEMU's virt, changed in one place per test. */
#include "loader_test.h"
#include "platform.h"

#include <libfdt.h>
#include <stdio.h>

#define NODE(name) ck_assert_int_eq(fdt_begin_node(tree, name), 0)
#define END()      ck_assert_int_eq(fdt_end_node(tree), 0)
#define CELL(n, v) ck_assert_int_eq(fdt_property_u32(tree, n, v), 0)
#define TEXT(n, v) ck_assert_int_eq(fdt_property_string(tree, n, v), 0)
#define CELLS(n, ...)                                             \
    do {                                                          \
        const uint32_t cells_[] = {__VA_ARGS__};                  \
        put_cells(n, cells_, sizeof(cells_) / sizeof(cells_[0])); \
    } while (0)
#define SET(path, n, ...)                                               \
    do {                                                                \
        const uint32_t cells_[] = {__VA_ARGS__};                        \
        set_cells(path, n, cells_, sizeof(cells_) / sizeof(cells_[0])); \
    } while (0)
#define GIC    "/bus/intc@8000000"
#define SERIAL "/bus/serial@9000000"

static uint8_t tree[8192];
static struct keel_boot boot;
static struct memory_map map;
static uint32_t left;

static void put_cells(const char *name, const uint32_t *cells, size_t count)
{
    fdt32_t *value;

    ck_assert_int_eq(fdt_property_placeholder(tree, name, (int)(count * 4), (void **)&value), 0);
    for (size_t i = 0; i < count; i++)
        fdt32_st(&value[i], cells[i]);
}

static int node_at(const char *path)
{
    int node = fdt_path_offset(tree, path);

    ck_assert_msg(node >= 0, "%s", path);
    return node;
}

static void set_cells(const char *path, const char *name, const uint32_t *cells, size_t count)
{
    fdt32_t value[16];

    for (size_t i = 0; i < count; i++)
        fdt32_st(&value[i], cells[i]);
    ck_assert_int_eq(fdt_setprop(tree, node_at(path), name, value, (int)(count * 4)), 0);
}

static void set_text(const char *path, const char *name, const char *value)
{
    ck_assert_int_eq(fdt_setprop(tree, node_at(path), name, value, (int)strlen(value) + 1), 0);
}

static void drop(const char *path, const char *name)
{
    ck_assert_int_eq(fdt_delprop(tree, node_at(path), name), 0);
}

static void cpu(const char *name, uint32_t mpidr)
{
    NODE(name);
    TEXT("device_type", "cpu");
    TEXT("enable-method", "psci");
    CELL("reg", mpidr);
    END();
}

static void begin(void)
{
    ck_assert_int_eq(fdt_create(tree, sizeof(tree)), 0);
    ck_assert_int_eq(fdt_add_reservemap_entry(tree, 0x41000000, 0x1800), 0);
    ck_assert_int_eq(fdt_finish_reservemap(tree), 0);
    NODE("");
    CELL("#address-cells", 2);
    CELL("#size-cells", 2);
    NODE("aliases");
    TEXT("serial0", SERIAL);
    END();
    NODE("chosen");
    TEXT("stdout-path", "serial0:115200n8");
    CELL("linux,initrd-start", 0x48000000);
    CELLS("linux,initrd-end", 0, 0x48012345);
    END();
    NODE("psci");
    ck_assert_int_eq(fdt_property(tree, "compatible", "arm,psci-1.0\0arm,psci-0.2", 26), 0);
    TEXT("method", "smc");
    END();
    NODE("cpus");
    CELL("#address-cells", 1);
    CELL("#size-cells", 0);
    cpu("cpu@0", 0);
    cpu("cpu@1", 1);
    cpu("cpu@100", 0x100);
    END();
}

/* The GIC sits on a bus that adds 0x8000000 to addresses. */
static void usual(void)
{
    begin();
    NODE("memory@40000000");
    TEXT("device_type", "memory");
    CELLS("reg", 0, 0x40000000, 0, 0x20000000, 1, 0, 0, 0x10000000);
    END();
    NODE("reserved-memory");
    CELL("#address-cells", 2);
    CELL("#size-cells", 2);
    ck_assert_int_eq(fdt_property(tree, "ranges", "", 0), 0);
    NODE("firmware@50000000");
    CELLS("reg", 0, 0x50000000, 0, 0x100000);
    END();
    NODE("pool");
    CELLS("size", 0, 0x100000);
    END();
    END();
    NODE("bus");
    CELL("#address-cells", 1);
    CELL("#size-cells", 1);
    CELLS("ranges", 0, 0, 0x8000000, 0x800000, 0x1000000, 0, 0x9000000, 0x1000);
    NODE("intc@8000000");
    TEXT("compatible", "arm,gic-v3");
    CELL("#interrupt-cells", 3);
    CELLS("reg", 0, 0x10000, 0xa0000, 0x200000);
    CELLS("interrupts", 1, 9, 4);
    END();
    NODE("serial@9000000");
    ck_assert_int_eq(fdt_property(tree, "compatible", "arm,pl011\0arm,primecell", 24), 0);
    CELLS("reg", 0x1000000, 0x1000);
    END();
    END();
    NODE("timer");
    ck_assert_int_eq(fdt_property(tree, "compatible", "arm,armv8-timer\0arm,armv7-timer", 32), 0);
    CELLS("interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
    END();
    END();
    ck_assert_int_eq(fdt_finish(tree), 0);
    ck_assert_int_eq(fdt_open_into(tree, tree, sizeof(tree)), 0);
    memset(&boot, 0, sizeof(boot));
    memset(&map, 0, sizeof(map));
}

static const char *psci_and_cpus(uint64_t boot_cpu)
{
    const char *error = platform_psci(tree, &boot);

    return error ? error : platform_cpus(tree, boot_cpu, &boot, &left);
}

static const char *gic_and_timer(void)
{
    const char *error = platform_gic(tree, &boot);

    return error ? error : platform_timer(tree, &boot);
}

START_TEST(checks_the_blob)
{
    size_t bytes = 0;

    usual();
    ck_good(platform_size(tree, &bytes));
    ck_assert_uint_eq(bytes, sizeof(tree));
    ck_good(platform_check(tree, bytes));
    ck_bad(platform_check(tree, bytes - 1), "broken");
    fdt_set_off_mem_rsvmap(tree, fdt_off_mem_rsvmap(tree) + 4);
    ck_bad(platform_check(tree, bytes), "aligned");
    fdt_set_totalsize(tree, PLATFORM_DTB_MAX + 1);
    ck_bad(platform_size(tree, &bytes), "2 MiB");
    fdt_set_totalsize(tree, 39);
    ck_bad(platform_size(tree, &bytes), "impossible");
    tree[0] = 0;
    ck_bad(platform_size(tree, &bytes), "magic");
}
END_TEST

START_TEST(console)
{
    usual();
    ck_good(platform_console(tree, &boot));
    ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_PL011);
    ck_assert_uint_eq(boot.console_pa, 0x9000000);
    ck_assert_uint_eq(boot.device_region[0].pa, 0x9000000);
    ck_assert_uint_eq(boot.device_region[0].size, 0x1000);
    set_text("/chosen", "stdout-path", SERIAL);
    set_text(SERIAL, "compatible", "cdns,uart-r1p12");
    ck_good(platform_console(tree, &boot));
    ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_CADENCE);

    static const char *const nowhere[] = {"", ":", "serial1", "/none", "/bus"};
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        set_text("/chosen", "stdout-path", nowhere[i]);
        ck_good(platform_console(tree, &boot));
        ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_NONE);
    }
    SET("/chosen", "stdout-path", 0x2f627573); /* "/bus" without its end */
    ck_good(platform_console(tree, &boot));
    ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_NONE);
    /* Right, but for its terminating zero. */
    ck_assert_int_eq(
        fdt_setprop(tree, node_at("/chosen"), "stdout-path", SERIAL, sizeof(SERIAL) - 1), 0);
    ck_good(platform_console(tree, &boot));
    ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_NONE);
    drop("/chosen", "stdout-path");
    ck_good(platform_console(tree, &boot));

    usual();
    SET("/bus", "ranges", 0, 0, 0x8000000, 0x800000, 0x1000000, 0, 0x9000000); /* no size */
    ck_bad(platform_console(tree, &boot), "reg");
    usual();
    drop(SERIAL, "reg");
    ck_bad(platform_console(tree, &boot), "reg");
    usual();
    drop("/bus", "ranges");
    ck_bad(platform_console(tree, &boot), "reg");
    usual();
    SET(SERIAL, "reg", 0x2000000, 0x1000); /* not in any of the bus's ranges */
    ck_bad(platform_console(tree, &boot), "reg");
}
END_TEST

START_TEST(cpus)
{
    usual();
    ck_good(psci_and_cpus(0x80000100));
    ck_assert_uint_eq(boot.psci_conduit, KEEL_PSCI_SMC);
    ck_assert_uint_eq(boot.ncpus, 3);
    ck_assert_uint_eq(boot.cpu_mpidr[0], 0x100);
    ck_assert_uint_eq(boot.cpu_mpidr[1], 0);
    ck_assert_uint_eq(boot.cpu_mpidr[2], 1);
    ck_assert_uint_eq(left, 0);

    set_text("/cpus/cpu@1", "status", "disabled");
    set_text("/cpus/cpu@100", "enable-method", "spin-table");
    ck_good(psci_and_cpus(0x80000000));
    ck_assert_uint_eq(boot.ncpus, 1);
    ck_assert_uint_eq(left, 1);

    usual();
    set_text("/psci", "method", "hvc");
    ck_good(psci_and_cpus(0));
    ck_assert_uint_eq(boot.ncpus, 1);
    set_text("/psci", "method", "smcc");
    ck_bad(psci_and_cpus(0), "method");
    set_text("/psci", "compatible", "arm,psci");
    ck_good(psci_and_cpus(0));
    ck_assert_uint_eq(boot.psci_conduit, KEEL_PSCI_NONE);

    usual();
    ck_bad(psci_and_cpus(2), "boot CPU");
    SET("/cpus/cpu@100", "reg", 0x100, 0);
    ck_bad(psci_and_cpus(0), "reg of a CPU");
    SET("/cpus/cpu@100", "reg", 0x80000100);
    ck_bad(psci_and_cpus(0), "reg of a CPU");
    SET("/cpus/cpu@100", "reg", 1);
    ck_bad(psci_and_cpus(0), "same reg");
    SET("/cpus/cpu@1", "reg", 0);
    ck_bad(psci_and_cpus(0), "same reg");
    SET("/cpus", "#address-cells", 3);
    ck_bad(psci_and_cpus(0), "#address-cells");
    ck_assert_int_eq(fdt_del_node(tree, node_at("/cpus")), 0);
    ck_bad(psci_and_cpus(0), "no /cpus");
}
END_TEST

START_TEST(more_cpus_than_fit)
{
    char name[16];

    ck_assert_int_eq(fdt_create(tree, sizeof(tree)), 0);
    ck_assert_int_eq(fdt_finish_reservemap(tree), 0);
    NODE("");
    NODE("cpus");
    CELL("#address-cells", 1);
    for (uint32_t i = 0; i < 70; i++) {
        ck_assert_int_gt(snprintf(name, sizeof(name), "cpu@%x", i), 0);
        cpu(name, i);
    }
    END();
    END();
    ck_assert_int_eq(fdt_finish(tree), 0);
    memset(&boot, 0, sizeof(boot));
    boot.psci_conduit = KEEL_PSCI_SMC;
    ck_good(platform_cpus(tree, 69, &boot, &left));
    ck_assert_uint_eq(boot.ncpus, KEEL_CPUS_MAX);
    ck_assert_uint_eq(boot.cpu_mpidr[0], 69);
    ck_assert_uint_eq(boot.cpu_mpidr[63], 62);
    ck_assert_uint_eq(left, 6);
}
END_TEST

START_TEST(interrupts)
{
    usual();
    ck_good(gic_and_timer());
    ck_assert_uint_eq(boot.gic_kind, KEEL_GIC_V3);
    ck_assert_uint_eq(boot.gicd_pa, 0x8000000);
    ck_assert_uint_eq(boot.gicd_size, 0x10000);
    ck_assert_uint_eq(boot.gicr_pa, 0x80a0000);
    ck_assert_uint_eq(boot.gicr_size, 0x200000);
    ck_assert_uint_eq(boot.ndevice_regions, 2);
    ck_assert_uint_eq(boot.irq_maintenance, 25);
    ck_assert_uint_eq(boot.irq_timer_virtual, 27);
    ck_assert_uint_eq(boot.irq_timer_hyp, 26);

    usual();
    set_text(GIC, "compatible", "arm,cortex-a15-gic");
    ck_bad(gic_and_timer(), "virtualization");
    SET(GIC, "reg", 0, 0x1000, 0x10000, 0x2000, 0x30000, 0x2000, 0x40000, 0x2000);
    boot.ndevice_regions = 0;
    ck_good(gic_and_timer());
    ck_assert_uint_eq(boot.gic_kind, KEEL_GIC_V2);
    ck_assert_uint_eq(boot.gicr_pa, 0x8010000);
    ck_assert_uint_eq(boot.gich_pa, 0x8030000);
    ck_assert_uint_eq(boot.gicv_pa, 0x8040000);
    ck_assert_uint_eq(boot.ndevice_regions, 3);
    set_text(GIC, "compatible", "arm,gic-400");
    ck_good(gic_and_timer());

    usual();
    SET(GIC, "#redistributor-regions", 2);
    ck_bad(gic_and_timer(), "more than one");
    drop(GIC, "interrupts");
    ck_bad(gic_and_timer(), "maintenance");
    SET(GIC, "reg", 0, 0x10000, 0xa0000);
    ck_bad(gic_and_timer(), "reg");
    set_text(GIC, "status", "disabled");
    ck_bad(gic_and_timer(), "no GIC");

    usual();
    SET("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 0, 10, 4); /* an SPI */
    ck_bad(gic_and_timer(), "timer");
    SET("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 16, 4, 1, 10, 4); /* beyond PPIs */
    ck_bad(gic_and_timer(), "timer");
    SET("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10);
    ck_bad(gic_and_timer(), "timer");
    SET(GIC, "#interrupt-cells", 3, 0);
    ck_bad(gic_and_timer(), "maintenance");
    SET(GIC, "#interrupt-cells", 0xffffffff);
    ck_bad(gic_and_timer(), "maintenance");
    set_text("/timer", "compatible", "another");
    SET(GIC, "#interrupt-cells", 3);
    ck_bad(gic_and_timer(), "armv8-timer");
}
END_TEST

START_TEST(memory)
{
    usual();
    ck_good(platform_memory(tree, &map));
    ck_good(platform_reservations(tree, &map));
    ck_good(platform_reserved_memory(tree, &map));
    ck_good(memory_map_finish(&map, &boot));
    ck_assert_uint_eq(boot.nextents, 6);
    ck_assert_uint_eq(boot.extent[1].pa, 0x41000000);
    ck_assert_uint_eq(boot.extent[1].pages, 2);
    ck_assert_uint_eq(boot.extent[1].kind, KEEL_EXTENT_RESERVED);
    ck_assert_uint_eq(boot.extent[3].pa, 0x50000000);
    ck_assert_uint_eq(boot.extent[3].pages, 0x100);
    ck_assert_uint_eq(boot.extent[3].kind, KEEL_EXTENT_RESERVED);
    ck_assert_uint_eq(boot.extent[5].pa, 0x100000000);
    ck_assert_uint_eq(boot.ram_hi, 0x110000000);

    usual();
    SET("/memory@40000000", "reg", 0, 0x40000000, 0, 0x20000000, 0, 0x50000000, 0, 0x1000);
    ck_bad(platform_memory(tree, &map), "overlap");
    SET("/memory@40000000", "reg", 0xffffffff, 0xfffff000, 0, 0x1000);
    ck_bad(platform_memory(tree, &map), "reg");
    set_text("/memory@40000000", "status", "disabled");
    memset(&map, 0, sizeof(map));
    ck_bad(platform_memory(tree, &map), "no RAM");

    usual();
    SET("/reserved-memory/firmware@50000000", "reg", 0, 0x50000000, 0xffffffff, 0xffffffff);
    ck_bad(platform_reserved_memory(tree, &map), "reg");
}
END_TEST

START_TEST(initrd)
{
    uint64_t start = 0, end = 0;

    usual();
    ck_good(platform_initrd(tree, &start, &end));
    ck_assert_uint_eq(start, 0x48000000);
    ck_assert_uint_eq(end, 0x48012345);
    SET("/chosen", "linux,initrd-end", 0, 0x48000000);
    ck_bad(platform_initrd(tree, &start, &end), "empty");
    SET("/chosen", "linux,initrd-end", 0, 0, 0);
    ck_bad(platform_initrd(tree, &start, &end), "no initrd");
    ck_assert_int_eq(fdt_del_node(tree, node_at("/chosen")), 0);
    ck_bad(platform_initrd(tree, &start, &end), "no initrd");
}
END_TEST

START_TEST(survives_damage)
{
    static uint8_t good[sizeof(tree)];
    uint64_t state = 4;
    unsigned int read = 0;
    size_t bytes;

    usual();
    ck_assert_int_eq(fdt_pack(tree), 0);
    bytes = fdt_totalsize(tree);
    memcpy(good, tree, bytes);
    for (int i = 0; i < 30000; i++) {
        uint8_t *copy = exact_copy(good, bytes);
        uint64_t start, end;
        size_t claimed;

        damage(copy, bytes, &state);
        if (!platform_size(copy, &claimed) && claimed <= bytes && !platform_check(copy, claimed)) {
            memset(&boot, 0, sizeof(boot));
            memset(&map, 0, sizeof(map));
            (void)!platform_console(copy, &boot);
            (void)!platform_psci(copy, &boot);
            (void)!platform_cpus(copy, 0, &boot, &left);
            (void)!platform_gic(copy, &boot);
            (void)!platform_timer(copy, &boot);
            (void)!platform_memory(copy, &map);
            (void)!platform_reservations(copy, &map);
            (void)!platform_reserved_memory(copy, &map);
            (void)!platform_initrd(copy, &start, &end);
            read++;
        }
        free(copy);
    }
    ck_assert_uint_gt(read, 10000);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("loader_platform");

    tcase_add_test(tests, checks_the_blob);
    tcase_add_test(tests, console);
    tcase_add_test(tests, cpus);
    tcase_add_test(tests, more_cpus_than_fit);
    tcase_add_test(tests, interrupts);
    tcase_add_test(tests, memory);
    tcase_add_test(tests, initrd);
    tcase_add_test(tests, survives_damage);
    return run_tests(tests, "loader_platform");
}
