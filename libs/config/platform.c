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

/* Asks for the property once: to find it takes longer than to read it. */
static bool node_is_one(const void *dtb, int node, const char *const compatible[], size_t n)
{
    int bytes;
    const char *list = fdt_getprop(dtb, node, "compatible", &bytes);

    for (size_t i = 0; list && i < n; i++)
        if (fdt_stringlist_contains(list, bytes, compatible[i]))
            return true;
    return false;
}

static bool is_gic(const void *dtb, int node)
{
    static const char *const gics[] = {"arm,gic-v3", "arm,gic-400", "arm,cortex-a15-gic"};

    return node_is_one(dtb, node, gics, sizeof gics / sizeof gics[0]);
}

static bool is_kernels(const void *dtb, int node)
{
    return node_is_one(dtb, node, kernel_devices, sizeof kernel_devices / sizeof kernel_devices[0]);
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

/* As libfdt compares a name of a path: without the address. */
static bool name_is(const char *node, const char *name)
{
    size_t length = strlen(name);

    return strncmp(node, name, length) == 0 && (node[length] == '\0' || node[length] == '@');
}

static uint64_t cells(const fdt32_t *cell, int n)
{
    uint64_t value = 0;

    for (int i = 0; i < n; i++)
        value = value << 32 | fdt32_to_cpu(cell[i]);
    return value;
}

#define DEPTH_MAX 64 /* what is deeper in the tree is no device */

/* A node, and those above it, from the root on: libfdt walks through the tree to find a parent. */
struct place {
    int depth; /* of the node */
    int node[DEPTH_MAX];
};

/* To the next node of the tree: false behind the last one. */
static bool place_next(const void *dtb, struct place *place)
{
    int depth = place->depth;
    int node = place->node[depth];

    do
        node = fdt_next_node(dtb, node, &depth);
    while (node >= 0 && depth >= DEPTH_MAX);
    if (node < 0 || depth < 0)
        return false;
    place->depth = depth;
    place->node[depth] = node;
    return true;
}

static int place_node(const struct place *place)
{
    return place->node[place->depth];
}

static bool place_find(const void *dtb, int node, struct place *place)
{
    *place = (struct place){.depth = 0};
    while (place_node(place) != node)
        if (!place_next(dtb, place))
            return false;
    return true;
}

/* Entry `index` of the node's reg, in the addresses of the bus that it is on. */
static bool node_reg(const void *dtb, const struct place *place, int index, uint64_t *address,
                     uint64_t *bytes)
{
    int node = place_node(place);
    int parent = place->depth > 0 ? place->node[place->depth - 1] : -1;
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

static struct config_region to_pages(uint64_t address, uint64_t bytes)
{
    const uint64_t page = KEEL_PAGE_SIZE;
    uint64_t start = address & ~(page - 1);

    return (struct config_region){start, ((address + bytes + page - 1) & ~(page - 1)) - start};
}

/* From an address on the bus that the node is on to one that a CPU uses. */
static bool bus_translate(const void *dtb, const struct place *place, uint64_t *address,
                          uint64_t bytes)
{
    for (int depth = place->depth - 1; depth > 0; depth--) {
        int bus = place->node[depth], parent = place->node[depth - 1], length;
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

/* Phandle of what the node's interrupts go to, or 0. */
static uint32_t interrupt_parent(const void *dtb, const struct place *place)
{
    for (int depth = place->depth; depth >= 0; depth--) {
        const fdt32_t *value = fdt_getprop(dtb, place->node[depth], "interrupt-parent", NULL);

        if (value)
            return fdt32_to_cpu(*value);
    }
    return 0;
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

static const char *device_interrupts(const struct config_platform *platform,
                                     const struct place *place, struct config_device *device)
{
    const void *dtb = platform->dtb;
    int length, step = 3;
    const fdt32_t *cell = fdt_getprop(dtb, device->node, "interrupts-extended", &length);

    if (cell) {
        step = 4;
    } else {
        cell = fdt_getprop(dtb, device->node, "interrupts", &length);
        if (!cell)
            return NULL;
        if (interrupt_parent(dtb, place) != platform->gic || !platform->gic)
            return "has interrupts that do not go straight to the GIC";
    }
    if (length % (step * 4) != 0)
        return "has interrupts of a form that is not known";
    for (int i = 0; i < length / 4; i += step) {
        if (step == 4 && (fdt32_to_cpu(cell[i]) != platform->gic || !platform->gic))
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

static const char *device_registers(const void *dtb, const struct place *place,
                                    struct config_device *device)
{
    uint64_t address, bytes;

    for (int i = 0; node_reg(dtb, place, i, &address, &bytes); i++) {
        if (bytes == 0 || address > UINT64_MAX - bytes ||
            !bus_translate(dtb, place, &address, bytes))
            return "has registers that the CPUs do not reach directly";
        if (address > (1ull << 48) || bytes > (1ull << 40))
            return "has registers beyond the physical address space";
        if (device->nregions == CONFIG_REGIONS_MAX)
            return "has more than 4 register ranges";

        device->region[device->nregions++] = to_pages(address, bytes);
    }
    return device->nregions ? NULL : "has no registers";
}

/* The kernel refuses what lies in memory, holes included, or on a page of its own devices. */
static const char *device_place(const struct config_platform *platform,
                                const struct config_device *device)
{
    for (uint32_t r = 0; r < device->nregions; r++) {
        uint64_t start = device->region[r].address, end = start + device->region[r].bytes;

        if (start < platform->ram_hi && end > platform->ram_lo)
            return "lies between the first and the last address of the platform's memory";
        for (uint32_t i = 0; i < platform->ntaken; i++)
            if (start < platform->taken[i].address + platform->taken[i].bytes &&
                end > platform->taken[i].address)
                return "shares a page with a device that belongs to the kernel";
    }
    return NULL;
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
    if (is_kernels(dtb, device->node))
        return "belongs to the kernel";
    if (node_type_is(dtb, device->node, "memory") || node_type_is(dtb, device->node, "cpu"))
        return "is no device";
    if (!node_is_on(dtb, device->node))
        return "is disabled on this platform";

    struct place place;
    if (!place_find(dtb, device->node, &place))
        return "lies too deep in the platform's device tree";
    const char *wrong = device_registers(dtb, &place, device);
    if (!wrong)
        wrong = device_place(platform, device);
    return wrong ? wrong : device_interrupts(platform, &place, device);
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

const char *config_platform_compatible(const struct config_platform *platform)
{
    const char *name = fdt_stringlist_get(platform->dtb, 0, "compatible", 0, NULL);

    return name ? name : "";
}

static void read_ram(struct config_platform *platform, const struct place *place)
{
    uint64_t address, bytes;

    for (int i = 0; node_reg(platform->dtb, place, i, &address, &bytes); i++) {
        if (bytes == 0 || bytes > 1ull << 48 || address > 1ull << 48)
            continue;
        platform->ram += bytes;
        if (address < platform->ram_lo)
            platform->ram_lo = address;
        if (address + bytes > platform->ram_hi)
            platform->ram_hi = address + bytes;
    }
}

static uint32_t count_cpus(const void *dtb, int cpus)
{
    uint32_t n = 0;
    int node;

    fdt_for_each_subnode(node, dtb,
                         cpus) if (node_type_is(dtb, node, "cpu") && node_is_on(dtb, node)) n++;
    return n < KEEL_CPUS_MAX ? n : KEEL_CPUS_MAX;
}

static uint64_t sane(uint64_t bytes)
{
    return bytes <= 1ull << 48 ? bytes : 0;
}

/* What is of interest of a child of the root. */
static void read_child(struct config_platform *platform, const struct place *place)
{
    const void *dtb = platform->dtb;
    int node = place_node(place);
    const char *name = fdt_get_name(dtb, node, NULL);

    if (platform->cpus == 0 && name_is(name, "cpus"))
        platform->cpus = count_cpus(dtb, node);
    else if (platform->chosen < 0 && name_is(name, "chosen"))
        platform->chosen = node;
    else if (node_type_is(dtb, node, "memory") && node_is_on(dtb, node))
        read_ram(platform, place);
}

static void read_taken(struct config_platform *platform, const struct place *place)
{
    const void *dtb = platform->dtb;
    uint64_t address, bytes;

    for (int i = 0; node_reg(dtb, place, i, &address, &bytes); i++)
        if (bytes != 0 && bytes <= 1ull << 48 && bus_translate(dtb, place, &address, bytes) &&
            address <= 1ull << 48 && platform->ntaken++ < CONFIG_TAKEN_MAX)
            platform->taken[platform->ntaken - 1] = to_pages(address, bytes);
}

/* One walk through the tree, as each takes long. */
static void read_tree(struct config_platform *platform)
{
    const void *dtb = platform->dtb;
    struct place place = {.depth = 0};
    uint64_t address, bytes;

    for (int i = 0; i < fdt_num_mem_rsv(dtb); i++)
        if (fdt_get_mem_rsv(dtb, i, &address, &bytes) == 0)
            platform->reserved += sane(bytes);
    while (place_next(dtb, &place)) {
        int node = place_node(&place);

        if (place.depth == 1)
            read_child(platform, &place);
        if (place.depth == 2 && node_is_on(dtb, node) &&
            name_is(fdt_get_name(dtb, place.node[1], NULL), "reserved-memory"))
            for (int i = 0; node_reg(dtb, &place, i, &address, &bytes); i++)
                platform->reserved += sane(bytes);
        if (!is_kernels(dtb, node))
            continue;
        read_taken(platform, &place);
        if (platform->gic == 0 && is_gic(dtb, node))
            platform->gic = fdt_get_phandle(dtb, node);
    }
}

uint64_t config_platform_kept(const struct config_platform *platform)
{
    return CONFIG_KEPT_BYTES + platform->ram / CONFIG_FRAME_PART + platform->bundle +
           platform->reserved;
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
    platform->chosen = -1;
    platform->ram_lo = UINT64_MAX;
    read_tree(platform);
    if (platform->cpus == 0)
        config_error(report, "platform", NULL, "no CPUs, expected nodes in /cpus");
    if (platform->ram == 0)
        config_error(report, "platform", NULL, "no memory, expected a memory node with reg");
    if (platform->ntaken > CONFIG_TAKEN_MAX)
        config_error(report, "platform", NULL,
                     "%u register ranges of the kernel's devices, expected %u at most",
                     platform->ntaken, CONFIG_TAKEN_MAX);
    return platform->cpus && platform->ram && platform->ntaken <= CONFIG_TAKEN_MAX;
}
