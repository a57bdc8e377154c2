/* SPDX-License-Identifier: Apache-2.0 */
/* What the loader needs to know of the platform's device tree. */
#include "platform.h"

#include <libfdt.h>
#include <stdbool.h>
#include <string.h>

#define MPIDR_AFFINITY 0xff00fffffful
#define GIC_CELLS_MIN  3
#define GIC_TYPE_PPI   1
#define GIC_PPI_FIRST  16
#define GIC_PPI_COUNT  16
#define GICD_BYTES     0x10000u
#define GICR_BYTES     0x20000u /* of each CPU */
#define CONSOLE_BYTES  0x40u
#define RAM_SPAN_MAX   (1ull << 44)
#define DEPTH_MAX      32

loader_error platform_size(const void *fdt, size_t *bytes)
{
    if (fdt_magic(fdt) != FDT_MAGIC)
        return "no magic number where x0 points";
    *bytes = fdt_totalsize(fdt);
    if (*bytes < sizeof(struct fdt_header) || *bytes > PLATFORM_DTB_MAX)
        return "its size is impossible or more than 2 MiB";
    return NULL;
}

loader_error platform_check(const void *fdt, size_t bytes)
{
    /* DTSpec 5.6; libfdt relies on it. */
    if (fdt_off_mem_rsvmap(fdt) % 8 != 0 || fdt_off_dt_struct(fdt) % 4 != 0)
        return "its blocks are not aligned";
    return fdt_check_full(fdt, bytes) == 0 ? NULL : "its structure is broken";
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t platform_used(const void *fdt)
{
    size_t reservations = (size_t)fdt_num_mem_rsv(fdt) + 1; /* the last one is empty */
    size_t end = fdt_off_mem_rsvmap(fdt) + reservations * sizeof(struct fdt_reserve_entry);

    if (fdt_version(fdt) < 17) /* it does not say how long its structure is */
        return fdt_totalsize(fdt);
    end = larger(end, fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt));
    return larger(end, fdt_off_dt_strings(fdt) + fdt_size_dt_strings(fdt));
}

/* Whether the property is the string `value`, with its terminating zero. */
static bool string_is(const void *fdt, int node, const char *name, const char *value)
{
    int length;
    const char *string = fdt_getprop(fdt, node, name, &length);

    return string && (size_t)length == strlen(value) + 1 &&
           memcmp(string, value, (size_t)length) == 0;
}

/* DTSpec 2.3.4: a node without status is usable. */
static bool is_available(const void *fdt, int node)
{
    return !fdt_getprop(fdt, node, "status", NULL) || string_is(fdt, node, "status", "okay") ||
           string_is(fdt, node, "status", "ok");
}

static const char compatibles[PLATFORM_COMPATIBLES][20] = {
    [PLATFORM_PSCI_1_0] = "arm,psci-1.0",      [PLATFORM_PSCI_0_2] = "arm,psci-0.2",
    [PLATFORM_GIC_V3] = "arm,gic-v3",          [PLATFORM_GIC_400] = "arm,gic-400",
    [PLATFORM_GIC_A15] = "arm,cortex-a15-gic", [PLATFORM_TIMER] = "arm,armv8-timer",
};

/* As libfdt compares: without the address. */
static bool name_is(const char *node, const char *name)
{
    size_t length = strlen(name);

    return strncmp(node, name, length) == 0 && (node[length] == '\0' || node[length] == '@');
}

static void found_child(struct platform *platform, int node)
{
    const char *name = fdt_get_name(platform->fdt, node, NULL);

    if (platform->cpus < 0 && name_is(name, "cpus"))
        platform->cpus = node;
    if (platform->chosen < 0 && name_is(name, "chosen"))
        platform->chosen = node;
    if (platform->reserved_memory < 0 && name_is(name, "reserved-memory"))
        platform->reserved_memory = node;
}

static void found_compatible(struct platform *platform, int node, int parent, const char *list,
                             int bytes)
{
    for (int i = 0; i < PLATFORM_COMPATIBLES; i++) {
        struct platform_node *found = &platform->compatible[i];

        if (found->node < 0 && fdt_stringlist_contains(list, bytes, compatibles[i]) &&
            is_available(platform->fdt, node))
            *found = (struct platform_node){.node = node, .parent = parent};
    }
}

static loader_error found_property(struct platform *platform, int property, int node, int parent)
{
    int bytes;
    const char *name;
    const char *value = fdt_getprop_by_offset(platform->fdt, property, &name, &bytes);

    if (!value)
        return NULL;
    if (strcmp(name, "compatible") == 0)
        found_compatible(platform, node, parent, value, bytes);
    if (parent == 0 && strcmp(name, "device_type") == 0 &&
        string_is(platform->fdt, node, name, "memory") && is_available(platform->fdt, node)) {
        if (platform->memories == MEMORY_MAP_EXTENTS_MAX)
            return "it has too many memory nodes";
        platform->memory[platform->memories++] = node;
    }
    return NULL;
}

/* One walk through all tags. A node's properties come before its children (DTSpec 5.4.2): others do
 * not count, as for libfdt. */
loader_error platform_find(const void *fdt, struct platform *platform)
{
    int ancestor[DEPTH_MAX] = {-1}; /* of the current node, and it */
    int depth = 0, node = -1, offset = 0, next;

    *platform = (struct platform){.fdt = fdt, .cpus = -1, .chosen = -1, .reserved_memory = -1};
    for (int i = 0; i < PLATFORM_COMPATIBLES; i++)
        platform->compatible[i].node = -1;
    for (;; offset = next) {
        switch (fdt_next_tag(fdt, offset, &next)) {
        case FDT_BEGIN_NODE:
            if (depth == DEPTH_MAX - 1)
                return "its nodes are too deep";
            node = ancestor[++depth] = offset;
            if (ancestor[depth - 1] == 0)
                found_child(platform, node);
            break;
        case FDT_PROP:
            if (node >= 0)
                TRY(found_property(platform, offset, node, ancestor[depth - 1]));
            break;
        case FDT_END_NODE:
            depth--;
            node = -1;
            break;
        case FDT_NOP:
            break;
        default:
            return NULL;
        }
    }
}

/* Reads a number of 1 or 2 cells. */
static uint64_t cells_read(const fdt32_t *cell, int cells)
{
    uint64_t value = 0;

    for (int i = 0; i < cells; i++)
        value = value << 32 | fdt32_ld(&cell[i]);
    return value;
}

/* Cells of addresses and sizes below `node`; false if they're not 1 or 2 (size: or 0). */
static bool cells_get(const void *fdt, int node, int *address, int *size)
{
    *address = fdt_address_cells(fdt, node);
    *size = fdt_size_cells(fdt, node);
    return *address >= 1 && *address <= 2 && *size >= 0 && *size <= 2;
}

/* DTSpec 2.3.8: turns an address on `bus` into one of the CPUs'. */
static bool translate(const void *fdt, int bus, uint64_t *address)
{
    while (bus != 0) {
        int parent = fdt_parent_offset(fdt, bus);
        int bytes, child_cells, size_cells, parent_cells, unused, row, i;
        const fdt32_t *ranges = fdt_getprop(fdt, bus, "ranges", &bytes);

        if (parent < 0 || !ranges || !cells_get(fdt, bus, &child_cells, &size_cells) ||
            !cells_get(fdt, parent, &parent_cells, &unused))
            return false;
        row = child_cells + parent_cells + size_cells;
        for (i = 0; i + row <= bytes / (int)sizeof(*ranges); i += row) {
            uint64_t child = cells_read(&ranges[i], child_cells);
            uint64_t base = cells_read(&ranges[i + child_cells], parent_cells);
            uint64_t size = cells_read(&ranges[i + child_cells + parent_cells], size_cells);

            if (*address >= child && *address - child < size) {
                *address = base + (*address - child);
                break;
            }
        }
        if (bytes != 0 && i + row > bytes / (int)sizeof(*ranges))
            return false;
        bus = parent;
    }
    return true;
}

/* A node's reg. */
struct reg {
    const fdt32_t *cells;
    int count; /* entries */
    int address_cells, size_cells;
    int bus; /* the node's parent */
};

/* One without entries if there is none that can be used. */
static struct reg reg_open(const void *fdt, int node, int parent)
{
    struct reg reg = {.bus = parent};
    int length;

    reg.cells = fdt_getprop(fdt, node, "reg", &length);
    if (reg.cells && cells_get(fdt, parent, &reg.address_cells, &reg.size_cells))
        reg.count = length / (int)sizeof(fdt32_t) / (reg.address_cells + reg.size_cells);
    return reg;
}

/* Entry `index`, as a CPU address. Returns false if there is none or it wraps. */
static bool reg_read(const void *fdt, const struct reg *reg, int index, uint64_t *pa,
                     uint64_t *bytes)
{
    const fdt32_t *cells;

    if (index >= reg->count)
        return false;
    cells = reg->cells + index * (reg->address_cells + reg->size_cells);
    *pa = cells_read(cells, reg->address_cells);
    *bytes = cells_read(cells + reg->address_cells, reg->size_cells);
    return translate(fdt, reg->bus, pa) && *bytes <= UINT64_MAX - KEEL_PAGE_SIZE &&
           *pa <= UINT64_MAX - KEEL_PAGE_SIZE - *bytes;
}

static loader_error add_device(struct keel_boot *boot, uint64_t pa, uint64_t bytes)
{
    struct keel_device_region *region = &boot->device_region[boot->ndevice_regions];

    if (boot->ndevice_regions == KEEL_DEVICE_REGIONS_MAX)
        return "too many device regions";
    region->pa = page_floor(pa);
    region->size = page_ceil(pa + bytes) - region->pa;
    boot->ndevice_regions++;
    return NULL;
}

/* The node that /chosen/stdout-path names, by path or alias, options after a colon; or < 0. */
static struct platform_node stdout_find(const struct platform *platform)
{
    const void *fdt = platform->fdt;
    struct platform_node found = {.node = -1};
    int length;
    const char *path =
        platform->chosen < 0 ? NULL : fdt_getprop(fdt, platform->chosen, "stdout-path", &length);
    const char *end;

    if (!path || length <= 0 || path[length - 1] != '\0')
        return found;
    end = memchr(path, ':', (size_t)length);
    length = end ? (int)(end - path) : (int)strlen(path);
    found.node = fdt_path_offset_namelen(fdt, path, length);
    /* Mostly it is a child of the root, and to look for its parent is long. */
    if (found.node > 0 && (path[0] != '/' || memchr(path + 1, '/', (size_t)length - 1)))
        found.parent = fdt_parent_offset(fdt, found.node);
    return found;
}

loader_error platform_console(const struct platform *platform, struct keel_boot *boot)
{
    const void *fdt = platform->fdt;
    const struct platform_node found = stdout_find(platform);
    const int node = found.node;
    struct reg reg;
    uint64_t bytes;

    boot->console_kind = KEEL_CONSOLE_NONE;
    boot->console_pa = 0;
    if (node < 0)
        return NULL;
    if (fdt_node_check_compatible(fdt, node, "arm,pl011") == 0)
        boot->console_kind = KEEL_CONSOLE_PL011;
    else if (fdt_node_check_compatible(fdt, node, "cdns,uart-r1p12") == 0 ||
             fdt_node_check_compatible(fdt, node, "xlnx,xuartps") == 0)
        boot->console_kind = KEEL_CONSOLE_CADENCE;
    else
        return NULL;
    reg = reg_open(fdt, node, found.parent);
    if (!reg_read(fdt, &reg, 0, &boot->console_pa, &bytes)) {
        boot->console_kind = KEEL_CONSOLE_NONE;
        return "the console has no usable reg";
    }
    if (bytes < CONSOLE_BYTES) {
        boot->console_kind = KEEL_CONSOLE_NONE;
        return "the console's reg is too small";
    }
    return add_device(boot, boot->console_pa, bytes);
}

/* The first of a row of compatibles that there is; NULL: none. */
static const struct platform_node *preferred(const struct platform *platform,
                                             enum platform_compatible first,
                                             enum platform_compatible last)
{
    for (int i = (int)first; i <= (int)last; i++)
        if (platform->compatible[i].node >= 0)
            return &platform->compatible[i];
    return NULL;
}

loader_error platform_psci(const struct platform *platform, struct keel_boot *boot)
{
    const struct platform_node *psci = preferred(platform, PLATFORM_PSCI_1_0, PLATFORM_PSCI_0_2);

    boot->psci_conduit = KEEL_PSCI_NONE;
    if (!psci)
        return NULL;
    if (string_is(platform->fdt, psci->node, "method", "smc"))
        boot->psci_conduit = KEEL_PSCI_SMC;
    else if (string_is(platform->fdt, psci->node, "method", "hvc"))
        boot->psci_conduit = KEEL_PSCI_HVC;
    else
        return "the method of psci is neither smc nor hvc";
    return NULL;
}

/* The affinity of a CPU's node; false if its reg is no affinity. */
static bool cpu_read(const void *fdt, int node, int cells, uint64_t *mpidr)
{
    int length;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &length);

    if (!reg || length != cells * (int)sizeof(*reg))
        return false;
    *mpidr = cells_read(reg, cells);
    return (*mpidr & ~MPIDR_AFFINITY) == 0;
}

static bool cpu_can_start(const void *fdt, int node, const struct keel_boot *boot)
{
    return string_is(fdt, node, "enable-method", "psci") && boot->psci_conduit == KEEL_PSCI_SMC &&
           boot->ncpus < KEEL_CPUS_MAX;
}

loader_error platform_cpus(const struct platform *platform, uint64_t boot_mpidr,
                           struct keel_boot *boot, uint32_t *left)
{
    const void *fdt = platform->fdt;
    int cpus = platform->cpus;
    int cells, node;
    bool found = false;

    if (cpus < 0)
        return "there is no /cpus";
    cells = fdt_address_cells(fdt, cpus);
    if (cells < 1 || cells > 2)
        return "/cpus has a wrong #address-cells";
    *left = 0;
    boot->cpu_mpidr[0] = boot_mpidr & MPIDR_AFFINITY;
    boot->ncpus = 1;
    fdt_for_each_subnode(node, fdt, cpus)
    {
        uint64_t mpidr;

        if (!string_is(fdt, node, "device_type", "cpu") || !is_available(fdt, node))
            continue;
        if (!cpu_read(fdt, node, cells, &mpidr))
            return "the reg of a CPU is unusable";
        if (mpidr == boot->cpu_mpidr[0]) {
            if (found)
                return "two CPUs have the same reg";
            found = true;
            continue;
        }
        for (uint32_t i = 1; i < boot->ncpus; i++) {
            if (boot->cpu_mpidr[i] == mpidr)
                return "two CPUs have the same reg";
        }
        if (cpu_can_start(fdt, node, boot))
            boot->cpu_mpidr[boot->ncpus++] = mpidr;
        else
            ++*left;
    }
    return found ? NULL : "the boot CPU is not below /cpus";
}

/* INTID of PPI number `index` in a node's interrupts, given in the GIC's cells; 0 if it is none. */
static uint32_t ppi_read(const void *fdt, int gic, int node, int index)
{
    int cells_length, length;
    const fdt32_t *cells = fdt_getprop(fdt, gic, "#interrupt-cells", &cells_length);
    const fdt32_t *interrupts = fdt_getprop(fdt, node, "interrupts", &length);
    uint32_t row, number;

    if (!cells || cells_length != (int)sizeof(*cells) || !interrupts)
        return 0;
    row = fdt32_ld(cells);
    if (row < GIC_CELLS_MIN || row > 8 ||
        (uint32_t)length / sizeof(*interrupts) < ((uint32_t)index + 1) * row)
        return 0;
    interrupts += (uint32_t)index * row;
    number = fdt32_ld(&interrupts[1]);
    if (fdt32_ld(&interrupts[0]) != GIC_TYPE_PPI || number >= GIC_PPI_COUNT)
        return 0;
    return GIC_PPI_FIRST + number;
}

static const struct platform_node *gic_find(const struct platform *platform)
{
    return preferred(platform, PLATFORM_GIC_V3, PLATFORM_GIC_A15);
}

loader_error platform_gic(const struct platform *platform, struct keel_boot *boot)
{
    const void *fdt = platform->fdt;
    const struct platform_node *gic = gic_find(platform);
    uint64_t gich_size, gicv_size;
    struct reg reg;

    if (!gic)
        return "there is no GICv3 or GICv2";
    boot->gic_kind = gic == &platform->compatible[PLATFORM_GIC_V3] ? KEEL_GIC_V3 : KEEL_GIC_V2;
    reg = reg_open(fdt, gic->node, gic->parent);
    if (!reg_read(fdt, &reg, 0, &boot->gicd_pa, &boot->gicd_size) ||
        !reg_read(fdt, &reg, 1, &boot->gicr_pa, &boot->gicr_size))
        return "the GIC's reg is unusable";
    TRY(add_device(boot, boot->gicd_pa, boot->gicd_size));
    TRY(add_device(boot, boot->gicr_pa, boot->gicr_size));
    boot->irq_maintenance = ppi_read(fdt, gic->node, gic->node, 0);
    if (!boot->irq_maintenance)
        return "the GIC has no maintenance interrupt";
    if (boot->gic_kind == KEEL_GIC_V3) {
        int length;
        const fdt32_t *regions = fdt_getprop(fdt, gic->node, "#redistributor-regions", &length);

        if (regions && (length != (int)sizeof(*regions) || fdt32_ld(regions) != 1))
            return "the GIC has more than one region of redistributors";
        return NULL;
    }
    if (!reg_read(fdt, &reg, 2, &boot->gich_pa, &gich_size) ||
        !reg_read(fdt, &reg, 3, &boot->gicv_pa, &gicv_size))
        return "the GIC has no virtualization registers";
    return add_device(boot, boot->gich_pa, gich_size);
}

loader_error platform_timer(const struct platform *platform, struct keel_boot *boot)
{
    const void *fdt = platform->fdt;
    const struct platform_node *gic = gic_find(platform);
    int node = platform->compatible[PLATFORM_TIMER].node;

    if (node < 0 || !gic)
        return "there is no arm,armv8-timer";
    /* The binding's order: secure physical, physical, virtual, hypervisor's. */
    boot->irq_timer_virtual = ppi_read(fdt, gic->node, node, 2);
    boot->irq_timer_hyp = ppi_read(fdt, gic->node, node, 3);
    if (!boot->irq_timer_virtual || !boot->irq_timer_hyp)
        return "the timer has no virtual or no hypervisor interrupt";
    if (boot->irq_timer_virtual == boot->irq_timer_hyp ||
        boot->irq_timer_virtual == boot->irq_maintenance ||
        boot->irq_timer_hyp == boot->irq_maintenance)
        return "two interrupts of timer and GIC are the same";
    return NULL;
}

loader_error platform_memory(const struct platform *platform, struct memory_map *map)
{
    const void *fdt = platform->fdt;

    for (uint32_t n = 0; n < platform->memories; n++) {
        const struct reg reg = reg_open(fdt, platform->memory[n], 0);

        for (int i = 0; i < reg.count; i++) {
            uint64_t base, bytes;

            if (!reg_read(fdt, &reg, i, &base, &bytes))
                return "the reg of a memory node is unusable";
            TRY(memory_map_add(map, base, bytes));
        }
    }
    if (map->count == 0)
        return "there is no RAM";
    if (extent_end(&map->extent[map->count - 1]) - map->extent[0].pa > RAM_SPAN_MAX)
        return "its banks lie more than 16T apart";
    return NULL;
}

loader_error platform_devices(const struct keel_boot *boot, const struct memory_map *map)
{
    for (uint32_t i = 0; i < boot->ndevice_regions; i++) {
        const struct keel_device_region *region = &boot->device_region[i];

        if (region->size == 0 || region->pa < KEEL_PAGE_SIZE || region->pa >= KEEL_KERNEL_VA ||
            region->size > KEEL_KERNEL_VA - region->pa)
            return "the reg of the GIC or the console is empty or lies outside the address space";
        for (uint32_t j = 0; j < map->count; j++)
            if (map->extent[j].pa < region->pa + region->size &&
                region->pa < extent_end(&map->extent[j]))
                return "the GIC or the console lies in RAM";
    }
    if (boot->gic_kind == KEEL_GIC_V3 && boot->gicd_size < GICD_BYTES)
        return "the reg of the GIC's distributor is too small";
    if (boot->gic_kind == KEEL_GIC_V3 && boot->gicr_size / GICR_BYTES < boot->ncpus)
        return "the GIC has fewer redistributors than there are CPUs";
    return NULL;
}

/* Takes what of it is RAM from its use; an overlap with another reservation is no error. */
static loader_error reserve(struct memory_map *map, uint64_t base, uint64_t bytes)
{
    static const struct keel_extent reserved = {.kind = KEEL_EXTENT_RESERVED};

    return memory_map_claim(map, base, bytes,
                            EXTENT_MASK(KEEL_EXTENT_FREE) | EXTENT_MASK(KEEL_EXTENT_RESERVED) |
                                EXTENT_MASK(EXTENT_HOLE),
                            &reserved);
}

loader_error platform_reservations(const struct platform *platform, struct memory_map *map)
{
    const void *fdt = platform->fdt;
    int count = fdt_num_mem_rsv(fdt);

    for (int i = 0; i < count; i++) {
        uint64_t base, bytes;

        if (fdt_get_mem_rsv(fdt, i, &base, &bytes) != 0)
            return "an entry of the memory reservation block is unreadable";
        TRY(reserve(map, base, bytes));
    }
    return NULL;
}

loader_error platform_reserved_memory(const struct platform *platform, struct memory_map *map)
{
    const void *fdt = platform->fdt;
    int parent = platform->reserved_memory;
    int node;

    if (parent < 0)
        return NULL;
    fdt_for_each_subnode(node, fdt, parent)
    {
        const struct reg reg = reg_open(fdt, node, parent);

        for (int i = 0; i < reg.count && is_available(fdt, node); i++) {
            uint64_t base, bytes;

            if (!reg_read(fdt, &reg, i, &base, &bytes))
                return "the reg of a child of /reserved-memory is unusable";
            TRY(reserve(map, base, bytes));
        }
    }
    return NULL;
}

static bool address_read(const void *fdt, int node, const char *name, uint64_t *value)
{
    int length;
    const fdt32_t *cells = fdt_getprop(fdt, node, name, &length);

    if (!cells || (length != 4 && length != 8))
        return false;
    *value = cells_read(cells, length / 4);
    return true;
}

loader_error platform_initrd(const struct platform *platform, uint64_t *start, uint64_t *end)
{
    const void *fdt = platform->fdt;
    int chosen = platform->chosen;

    if (chosen < 0 || !address_read(fdt, chosen, "linux,initrd-start", start) ||
        !address_read(fdt, chosen, "linux,initrd-end", end))
        return "there is no initrd";
    return *start < *end ? NULL : "the initrd is empty";
}
