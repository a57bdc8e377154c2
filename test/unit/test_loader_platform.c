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

/* Of the tree as it is now. */
static const struct platform *found(void)
{
    static struct platform platform;

    ck_good(platform_find(tree, &platform));
    return &platform;
}

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
    const char *error = platform_psci(found(), &boot);

    return error ? error : platform_cpus(found(), boot_cpu, &boot, &left);
}

static const char *gic_and_timer(void)
{
    const char *error = platform_gic(found(), &boot);

    return error ? error : platform_timer(found(), &boot);
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

/* The room behind a tree is not part of it. */
START_TEST(says_how_much_is_used)
{
    static _Alignas(8) uint8_t packed[sizeof(tree)];
    size_t bytes;

    usual();
    bytes = platform_used(tree);
    ck_assert_uint_lt(bytes, sizeof(tree) / 2);
    memset(tree + bytes, 0xa5, sizeof(tree) - bytes);
    memcpy(packed, tree, bytes);
    fdt_set_totalsize(packed, (uint32_t)bytes);
    ck_good(platform_check(packed, bytes));
    ck_assert_uint_eq(platform_used(packed), bytes);
    fdt_set_totalsize(packed, (uint32_t)bytes - 1);
    ck_bad(platform_check(packed, bytes), "broken");

    /* Whichever block is the last. */
    fdt_set_off_mem_rsvmap(tree, 6000);
    memset(tree + 6000, 0, 48);
    tree[6000 + 15] = tree[6000 + 31] = 1; /* two entries, and the empty one */
    ck_assert_uint_eq(platform_used(tree), 6000 + 48);
    fdt_set_off_dt_struct(tree, 7000);
    ck_assert_uint_eq(platform_used(tree), 7000 + fdt_size_dt_struct(tree));
    fdt_set_version(tree, 16);
    ck_assert_uint_eq(platform_used(tree), sizeof(tree));
}
END_TEST

/* The first usable node of a kind, in the tree's order; of kinds, the better one. */
START_TEST(finds_nodes_in_order)
{
    begin();
    NODE("first");
    TEXT("compatible", "arm,gic-400");
    NODE("cpus"); /* no child of the root */
    END();
    END();
    NODE("second");
    TEXT("status", "disabled");
    TEXT("compatible", "arm,gic-v3");
    END();
    NODE("bus");
    NODE("third");
    ck_assert_int_eq(fdt_property(tree, "compatible", "other\0arm,gic-v3", 17), 0);
    END();
    END();
    NODE("fourth");
    TEXT("compatible", "arm,gic-v3");
    END();
    NODE("old");
    TEXT("compatible", "arm,psci-0.2");
    END();
    NODE("reserved-memory@0");
    END();
    NODE("cpus@1");
    END();
    END();
    ck_assert_int_eq(fdt_finish(tree), 0);

    const struct platform *platform = found();
    const struct platform_node *node = platform->compatible;
    ck_assert_ptr_eq(platform->fdt, tree);
    ck_assert_int_eq(platform->cpus, node_at("/cpus"));
    ck_assert_int_eq(platform->chosen, node_at("/chosen"));
    ck_assert_int_eq(platform->reserved_memory, node_at("/reserved-memory@0"));
    ck_assert_int_eq(node[PLATFORM_GIC_400].node, node_at("/first"));
    ck_assert_int_eq(node[PLATFORM_GIC_400].parent, 0);
    ck_assert_int_eq(node[PLATFORM_GIC_V3].node, node_at("/bus/third"));
    ck_assert_int_eq(node[PLATFORM_GIC_V3].parent, node_at("/bus"));
    ck_assert_int_eq(node[PLATFORM_PSCI_1_0].node, node_at("/psci"));
    ck_assert_int_eq(node[PLATFORM_PSCI_0_2].node, node_at("/psci"));
    ck_assert_int_lt(node[PLATFORM_GIC_A15].node, 0);
    ck_assert_int_lt(node[PLATFORM_TIMER].node, 0);
    ck_assert_uint_eq(platform->memories, 0);
}
END_TEST

/* Wherever it is: the reg of a node is in the cells of its parent. */
START_TEST(knows_parents)
{
    usual();
    SET("/bus", "#size-cells", 2);
    SET("/bus", "ranges", 0, 0, 0x8000000, 0, 0x800000, 0x1000000, 0, 0x9000000, 0, 0x1000);
    SET(SERIAL, "reg", 0x1000000, 0, 0x1000);
    set_text("/chosen", "stdout-path", SERIAL);
    ck_good(platform_console(found(), &boot));
    ck_assert_uint_eq(boot.device_region[0].size, 0x1000);
    set_text("/chosen", "stdout-path", "serial0");
    ck_good(platform_console(found(), &boot));
    ck_assert_uint_eq(boot.device_region[1].size, 0x1000);

    int serial = fdt_add_subnode(tree, 0, "serial@a000000");
    ck_assert_int_gt(serial, 0);
    set_text("/serial@a000000", "compatible", "arm,pl011");
    SET("/serial@a000000", "reg", 0, 0xa000000, 0, 0x2000);
    set_text("/chosen", "stdout-path", "/serial@a000000:115200");
    ck_good(platform_console(found(), &boot));
    ck_assert_uint_eq(boot.console_pa, 0xa000000);
    ck_assert_uint_eq(boot.device_region[2].size, 0x2000);
    set_text("/aliases", "serial0", "/serial@a000000");
    set_text("/chosen", "stdout-path", "serial0");
    ck_good(platform_console(found(), &boot));
    ck_assert_uint_eq(boot.device_region[3].size, 0x2000);
}
END_TEST

static void nested(unsigned int depth)
{
    ck_assert_int_eq(fdt_create(tree, sizeof(tree)), 0);
    ck_assert_int_eq(fdt_finish_reservemap(tree), 0);
    NODE("");
    for (unsigned int i = 1; i < depth; i++)
        NODE("a");
    for (unsigned int i = 0; i < depth; i++)
        END();
    ck_assert_int_eq(fdt_finish(tree), 0);
}

START_TEST(refuses_what_it_has_no_room_for)
{
    static uint8_t many[32768];
    struct platform platform;

    nested(31);
    ck_good(platform_find(tree, &platform));
    nested(32);
    ck_bad(platform_find(tree, &platform), "too deep");

    for (unsigned int n = MEMORY_MAP_EXTENTS_MAX; n < MEMORY_MAP_EXTENTS_MAX + 2; n++) {
        ck_assert_int_eq(fdt_create(many, sizeof(many)), 0);
        ck_assert_int_eq(fdt_finish_reservemap(many), 0);
        ck_assert_int_eq(fdt_begin_node(many, ""), 0);
        for (unsigned int i = 0; i < n; i++) {
            ck_assert_int_eq(fdt_begin_node(many, "memory"), 0);
            ck_assert_int_eq(fdt_property_string(many, "device_type", "memory"), 0);
            ck_assert_int_eq(fdt_end_node(many), 0);
        }
        ck_assert_int_eq(fdt_end_node(many), 0);
        ck_assert_int_eq(fdt_finish(many), 0);
        if (n == MEMORY_MAP_EXTENTS_MAX)
            ck_good(platform_find(many, &platform));
        else
            ck_bad(platform_find(many, &platform), "too many memory nodes");
    }
}
END_TEST

START_TEST(console)
{
    usual();
    ck_good(platform_console(found(), &boot));
    ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_PL011);
    ck_assert_uint_eq(boot.console_pa, 0x9000000);
    ck_assert_uint_eq(boot.device_region[0].pa, 0x9000000);
    ck_assert_uint_eq(boot.device_region[0].size, 0x1000);
    set_text("/chosen", "stdout-path", SERIAL);
    set_text(SERIAL, "compatible", "cdns,uart-r1p12");
    ck_good(platform_console(found(), &boot));
    ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_CADENCE);

    static const char *const nowhere[] = {"", ":", "serial1", "/none", "/bus"};
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        set_text("/chosen", "stdout-path", nowhere[i]);
        ck_good(platform_console(found(), &boot));
        ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_NONE);
    }
    SET("/chosen", "stdout-path", 0x2f627573); /* "/bus" without its end */
    ck_good(platform_console(found(), &boot));
    ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_NONE);
    /* Right, but for its terminating zero. */
    ck_assert_int_eq(
        fdt_setprop(tree, node_at("/chosen"), "stdout-path", SERIAL, sizeof(SERIAL) - 1), 0);
    ck_good(platform_console(found(), &boot));
    ck_assert_uint_eq(boot.console_kind, KEEL_CONSOLE_NONE);
    drop("/chosen", "stdout-path");
    ck_good(platform_console(found(), &boot));

    usual();
    SET("/bus", "ranges", 0, 0, 0x8000000, 0x800000, 0x1000000, 0, 0x9000000); /* no size */
    ck_bad(platform_console(found(), &boot), "reg");
    usual();
    drop(SERIAL, "reg");
    ck_bad(platform_console(found(), &boot), "reg");
    usual();
    drop("/bus", "ranges");
    ck_bad(platform_console(found(), &boot), "reg");
    usual();
    SET(SERIAL, "reg", 0x2000000, 0x1000); /* not in any of the bus's ranges */
    ck_bad(platform_console(found(), &boot), "reg");
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
    ck_good(platform_cpus(found(), 69, &boot, &left));
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

/* All that finds devices and memory, and whether they go together. */
static const char *devices(void)
{
    memset(&boot, 0, sizeof(boot));
    memset(&map, 0, sizeof(map));
    TRY(platform_psci(found(), &boot));
    TRY(platform_console(found(), &boot));
    TRY(platform_cpus(found(), 0, &boot, &left));
    TRY(platform_gic(found(), &boot));
    TRY(platform_timer(found(), &boot));
    TRY(platform_memory(found(), &map));
    return platform_devices(&boot, &map);
}

START_TEST(devices_that_the_kernel_can_use)
{
    usual();
    ck_good(devices());
    SET(GIC, "reg", 0, 0x10000, 0xa0000, 0x5ffff); /* 3 CPUs */
    ck_bad(devices(), "fewer redistributors");
    SET(GIC, "reg", 0, 0xffff, 0xa0000, 0x60000);
    ck_bad(devices(), "distributor is too small");
    SET(GIC, "reg", 0, 0x10000, 0xa0000, 0);
    ck_bad(devices(), "is empty");
    SET(GIC, "reg", 0, 0x10000, 0xa0000, 0x60000);
    ck_good(devices());
    SET("/bus", "ranges", 0, 0, 0x8000000, 0x800000, 0x1000000, 0, 0x40000000, 0x1000);
    ck_bad(devices(), "lies in RAM");
    SET("/bus", "ranges", 0, 0, 0x8000000, 0x800000, 0x1000000, 0, 0, 0x1000);
    ck_bad(devices(), "outside the address space");
    SET("/bus", "ranges", 0, 0, 0x8000000, 0x800000, 0x1000000, 0x8000, 0, 0x1000);
    ck_bad(devices(), "outside the address space");

    usual();
    SET(SERIAL, "reg", 0x1000000, 0x3f);
    ck_bad(devices(), "console's reg is too small");
    usual();
    SET("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 11, 4);
    ck_bad(devices(), "are the same");
    SET("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 9, 4, 1, 10, 4);
    ck_bad(devices(), "are the same");
    usual();
    SET("/memory@40000000", "reg", 0, 0x40000000, 0, 0x20000000, 0x1000, 0x30000000, 0, 0x10000000);
    ck_good(devices());
    SET("/memory@40000000", "reg", 0, 0x40000000, 0, 0x20000000, 0x1000, 0x30000000, 0, 0x10001000);
    ck_bad(devices(), "16T apart");
}
END_TEST

START_TEST(memory)
{
    usual();
    ck_good(platform_memory(found(), &map));
    ck_good(platform_reservations(found(), &map));
    ck_good(platform_reserved_memory(found(), &map));
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
    ck_bad(platform_memory(found(), &map), "overlap");
    SET("/memory@40000000", "reg", 0xffffffff, 0xfffff000, 0, 0x1000);
    ck_bad(platform_memory(found(), &map), "reg");
    set_text("/memory@40000000", "status", "disabled");
    memset(&map, 0, sizeof(map));
    ck_bad(platform_memory(found(), &map), "no RAM");

    usual();
    SET("/reserved-memory/firmware@50000000", "reg", 0, 0x50000000, 0xffffffff, 0xffffffff);
    ck_bad(platform_reserved_memory(found(), &map), "reg");
}
END_TEST

START_TEST(initrd)
{
    uint64_t start = 0, end = 0;

    usual();
    ck_good(platform_initrd(found(), &start, &end));
    ck_assert_uint_eq(start, 0x48000000);
    ck_assert_uint_eq(end, 0x48012345);
    SET("/chosen", "linux,initrd-end", 0, 0x48000000);
    ck_bad(platform_initrd(found(), &start, &end), "empty");
    SET("/chosen", "linux,initrd-end", 0, 0, 0);
    ck_bad(platform_initrd(found(), &start, &end), "no initrd");
    ck_assert_int_eq(fdt_del_node(tree, node_at("/chosen")), 0);
    ck_bad(platform_initrd(found(), &start, &end), "no initrd");
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
        struct platform platform;
        uint64_t start, end;
        size_t claimed;

        damage(copy, bytes, &state);
        if (!platform_size(copy, &claimed) && claimed <= bytes && !platform_check(copy, claimed) &&
            !platform_find(copy, &platform)) {
            memset(&boot, 0, sizeof(boot));
            memset(&map, 0, sizeof(map));
            (void)!platform_console(&platform, &boot);
            (void)!platform_psci(&platform, &boot);
            (void)!platform_cpus(&platform, 0, &boot, &left);
            (void)!platform_gic(&platform, &boot);
            (void)!platform_timer(&platform, &boot);
            (void)!platform_memory(&platform, &map);
            (void)!platform_reservations(&platform, &map);
            (void)!platform_reserved_memory(&platform, &map);
            (void)!platform_initrd(&platform, &start, &end);
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
    tcase_add_test(tests, says_how_much_is_used);
    tcase_add_test(tests, finds_nodes_in_order);
    tcase_add_test(tests, knows_parents);
    tcase_add_test(tests, refuses_what_it_has_no_room_for);
    tcase_add_test(tests, console);
    tcase_add_test(tests, cpus);
    tcase_add_test(tests, more_cpus_than_fit);
    tcase_add_test(tests, interrupts);
    tcase_add_test(tests, devices_that_the_kernel_can_use);
    tcase_add_test(tests, memory);
    tcase_add_test(tests, initrd);
    tcase_add_test(tests, survives_damage);
    return run_tests(tests, "loader_platform");
}
