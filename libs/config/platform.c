/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the platform's device tree (see platform.h). Devicetree Specification 0.4. */
#include "platform.h"

#include <libfdt.h>
#include <string.h>

/* The names that `platform` can have, and the compatible string that proves it. */
static const struct {
    const char *name, *compatible;
} platforms[] = {
    {"qemu-virt", "linux,dummy-virt"},
    {"zcu102", "xlnx,zynqmp-zcu102"},
    {"zcu102", "xlnx,zynqmp"},
    {"qemu-sbsa", "linux,sbsa-ref"},
};

/* What the kernel keeps for itself, by compatible. */
static const char *const kernel_devices[] = {
    "arm,gic-v3",        "arm,gic-v3-its",  "arm,gic-400",  "arm,cortex-a15-gic",
    "arm,gic-v2m-frame", "arm,armv8-timer", "arm,smmu-v3",  "arm,armv8-pmuv3",
    "arm,psci",          "arm,psci-0.2",    "arm,psci-1.0",
};

static bool node_is(const void *dtb, int node, const char *compatible)
{
    return fdt_node_check_compatible(dtb, node, compatible) == 0;
}

static bool node_is_on(const void *dtb, int node)
{
    const char *status = fdt_getprop(dtb, node, "status", NULL);

    return !status || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

static bool node_type_is(const void *dtb, int node, const char *type)
{
    const char *value = fdt_getprop(dtb, node, "device_type", NULL);

    return value && strcmp(value, type) == 0;
}

static uint64_t cells(const fdt32_t *cell, int n)
{
    uint64_t value = 0;

    for (int i = 0; i < n; i++)
        value = value << 32 | fdt32_to_cpu(cell[i]);
    return value;
}

/* Entry `index` of the node's reg, in the addresses of the bus that it is on. */
static bool node_reg(const void *dtb, int node, int index, uint64_t *address, uint64_t *bytes)
{
    int parent = fdt_parent_offset(dtb, node);
    int length;
    const fdt32_t *reg = fdt_getprop(dtb, node, "reg", &length);

    if (parent < 0 || !reg)
        return false;

    int na = fdt_address_cells(dtb, parent), ns = fdt_size_cells(dtb, parent);
    if (na < 1 || na > 2 || ns < 0 || ns > 2)
        return false;
    if ((index + 1) * (na + ns) * 4 > length)
        return false;
    reg += index * (na + ns);
    *address = cells(reg, na);
    *bytes = cells(reg + na, ns);
    return true;
}

/* From an address on the bus below `bus` to one that a CPU uses. */
static bool bus_translate(const void *dtb, int bus, uint64_t *address, uint64_t bytes)
{
    for (int parent; (parent = fdt_parent_offset(dtb, bus)) >= 0; bus = parent) {
        int length;
        const fdt32_t *range = fdt_getprop(dtb, bus, "ranges", &length);
        int na = fdt_address_cells(dtb, bus), ns = fdt_size_cells(dtb, bus);
        int np = fdt_address_cells(dtb, parent);
        bool found = false;

        if (!range || na < 1 || na > 2 || ns < 1 || ns > 2 || np < 1 || np > 2)
            return false;
        if (length == 0)
            continue;
        for (int n = length / 4 / (na + np + ns); n > 0 && !found; n--, range += na + np + ns) {
            uint64_t child = cells(range, na), size = cells(range + na + np, ns);

            if (*address >= child && bytes <= size && *address - child <= size - bytes) {
                *address = *address - child + cells(range + na, np);
                found = true;
            }
        }
        if (!found)
            return false;
    }
    return true;
}

static int interrupt_parent(const void *dtb, int node)
{
    while (node >= 0) {
        const fdt32_t *value = fdt_getprop(dtb, node, "interrupt-parent", NULL);

        if (value)
            return fdt_node_offset_by_phandle(dtb, fdt32_to_cpu(*value));
        node = fdt_parent_offset(dtb, node);
    }
    return -FDT_ERR_NOTFOUND;
}

static bool is_gic(const void *dtb, int node)
{
    return node >= 0 && (node_is(dtb, node, "arm,gic-v3") || node_is(dtb, node, "arm,gic-400") ||
                         node_is(dtb, node, "arm,cortex-a15-gic"));
}

/* The Arm GIC binding: type (0 SPI, 1 PPI), number, trigger (1, 2 edge; 4, 8 level). */
static const char *gic_interrupt(const fdt32_t *cell, struct config_irq *irq)
{
    uint32_t number = fdt32_to_cpu(cell[1]);

    if (fdt32_to_cpu(cell[0]) != 0 || number >= 1020 - 32)
        return "has an interrupt that is no shared peripheral interrupt (SPI)";
    irq->intid = 32 + number;
    irq->edge = (fdt32_to_cpu(cell[2]) & 3) != 0;
    return NULL;
}

static const char *device_interrupts(const void *dtb, struct config_device *device)
{
    int length, step = 3;
    const fdt32_t *cell = fdt_getprop(dtb, device->node, "interrupts-extended", &length);

    if (cell) {
        step = 4;
    } else {
        cell = fdt_getprop(dtb, device->node, "interrupts", &length);
        if (!cell)
            return NULL;
        if (!is_gic(dtb, interrupt_parent(dtb, device->node)))
            return "has interrupts that do not go straight to the GIC";
    }
    if (length % (step * 4) != 0)
        return "has interrupts of a form that is not known";
    for (int i = 0; i < length / 4; i += step) {
        if (step == 4 && !is_gic(dtb, fdt_node_offset_by_phandle(dtb, fdt32_to_cpu(cell[i]))))
            return "has interrupts that do not go straight to the GIC";
        if (device->nirqs == CONFIG_DEVICE_IRQS_MAX)
            return "has more than 8 interrupts";

        const char *wrong = gic_interrupt(cell + i + step - 3, &device->irq[device->nirqs]);
        if (wrong)
            return wrong;
        device->nirqs++;
    }
    return NULL;
}

static const char *device_registers(const void *dtb, struct config_device *device)
{
    const uint64_t page = KEEL_PAGE_SIZE;
    int bus = fdt_parent_offset(dtb, device->node);
    uint64_t address, bytes;

    for (int i = 0; node_reg(dtb, device->node, i, &address, &bytes); i++) {
        if (bytes == 0 || address > UINT64_MAX - bytes || !bus_translate(dtb, bus, &address, bytes))
            return "has registers that the CPUs do not reach directly";
        if (address > (1ull << 48) || bytes > (1ull << 40))
            return "has registers beyond the physical address space";
        if (device->nregions == CONFIG_REGIONS_MAX)
            return "has more than 4 register ranges";

        uint64_t end = (address + bytes + page - 1) & ~(page - 1);
        device->region[device->nregions].address = address & ~(page - 1);
        device->region[device->nregions].bytes = end - (address & ~(page - 1));
        device->nregions++;
    }
    return device->nregions ? NULL : "has no registers";
}

const char *config_platform_device(const struct config_platform *platform, const char *path,
                                   struct config_device *device)
{
    const void *dtb = platform->dtb;
    const char *last = strrchr(path, '/');

    memset(device, 0, sizeof *device);
    if (path[0] == '\0' || strcmp(path, "/") == 0)
        return "a path or an alias is expected";
    last = last ? last + 1 : path;
    strncpy(device->name, last, sizeof device->name - 1);

    device->node = fdt_path_offset(dtb, path);
    if (device->node <= 0)
        return "is not in the platform's device tree";
    for (size_t i = 0; i < sizeof kernel_devices / sizeof kernel_devices[0]; i++)
        if (node_is(dtb, device->node, kernel_devices[i]))
            return "belongs to the kernel";
    if (node_type_is(dtb, device->node, "memory") || node_type_is(dtb, device->node, "cpu"))
        return "is no device";
    if (!node_is_on(dtb, device->node))
        return "is disabled on this platform";

    const char *wrong = device_registers(dtb, device);
    return wrong ? wrong : device_interrupts(dtb, device);
}

bool config_platform_is(const struct config_platform *platform, const char *name, bool *known)
{
    *known = false;
    for (size_t i = 0; i < sizeof platforms / sizeof platforms[0]; i++) {
        if (strcmp(name, platforms[i].name) != 0)
            continue;
        *known = true;
        if (node_is(platform->dtb, 0, platforms[i].compatible))
            return true;
    }
    return false;
}

static uint64_t platform_ram(const void *dtb)
{
    uint64_t total = 0, address, bytes;
    int node;

    fdt_for_each_subnode(node, dtb, 0)
    {
        if (!node_type_is(dtb, node, "memory") || !node_is_on(dtb, node))
            continue;
        for (int i = 0; node_reg(dtb, node, i, &address, &bytes); i++)
            total += bytes <= 1ull << 48 ? bytes : 0;
    }
    return total;
}

static uint32_t platform_cpus(const void *dtb)
{
    int parent = fdt_path_offset(dtb, "/cpus"), node;
    uint32_t cpus = 0;

    if (parent < 0)
        return 0;
    fdt_for_each_subnode(node, dtb, parent) if (node_type_is(dtb, node, "cpu") &&
                                                node_is_on(dtb, node)) cpus++;
    return cpus < KEEL_CPUS_MAX ? cpus : KEEL_CPUS_MAX;
}

const char *config_tree_check(const void *dtb, size_t bytes)
{
    if (bytes < sizeof(struct fdt_header) || ((uintptr_t)dtb & 7) != 0)
        return fdt_strerror(-FDT_ERR_TRUNCATED);
    /* What libfdt takes for granted. */
    if (fdt_off_mem_rsvmap(dtb) % 8 != 0 || fdt_off_dt_struct(dtb) % 4 != 0)
        return fdt_strerror(-FDT_ERR_ALIGNMENT);

    int error = fdt_check_full(dtb, bytes);
    return error ? fdt_strerror(error) : NULL;
}

bool config_platform_read(struct config_platform *platform, const void *dtb, size_t bytes,
                          struct config_report *report)
{
    const char *wrong = config_tree_check(dtb, bytes);

    memset(platform, 0, sizeof *platform);
    if (wrong) {
        config_error(report, "platform", NULL, "not a device tree (%s)", wrong);
        return false;
    }
    platform->dtb = dtb;
    platform->cpus = platform_cpus(dtb);
    platform->ram = platform_ram(dtb);
    if (platform->cpus == 0)
        config_error(report, "platform", NULL, "no CPUs, expected nodes in /cpus");
    if (platform->ram == 0)
        config_error(report, "platform", NULL, "no memory, expected a memory node with reg");
    return platform->cpus && platform->ram;
}
