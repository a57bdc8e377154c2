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

/* The first usable node that is compatible to `name`, or < 0. */
static int find_compatible(const void *fdt, const char *name)
{
    int node = fdt_node_offset_by_compatible(fdt, -1, name);

    while (node >= 0 && !is_available(fdt, node))
        node = fdt_node_offset_by_compatible(fdt, node, name);
    return node;
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

/* How many entries a node's reg has. */
static int reg_count(const void *fdt, int node)
{
    int length, address_cells, size_cells;

    if (!fdt_getprop(fdt, node, "reg", &length) ||
        !cells_get(fdt, fdt_parent_offset(fdt, node), &address_cells, &size_cells))
        return 0;
    return length / (int)sizeof(fdt32_t) / (address_cells + size_cells);
}

/* Entry `index` of a node's reg, as a CPU address. Returns false if there is none or it wraps. */
static bool reg_read(const void *fdt, int node, int index, uint64_t *pa, uint64_t *bytes)
{
    int parent = fdt_parent_offset(fdt, node);
    int address_cells, size_cells;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", NULL);

    if (index >= reg_count(fdt, node) || !cells_get(fdt, parent, &address_cells, &size_cells))
        return false;
    reg += index * (address_cells + size_cells);
    *pa = cells_read(reg, address_cells);
    *bytes = cells_read(reg + address_cells, size_cells);
    return translate(fdt, parent, pa) && *bytes <= UINT64_MAX - KEEL_PAGE_SIZE &&
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
static int stdout_node(const void *fdt)
{
    int chosen = fdt_path_offset(fdt, "/chosen");
    int length;
    const char *path = chosen < 0 ? NULL : fdt_getprop(fdt, chosen, "stdout-path", &length);
    const char *end;

    if (!path || length <= 0 || path[length - 1] != '\0')
        return -1;
    end = memchr(path, ':', (size_t)length);
    return fdt_path_offset_namelen(fdt, path, end ? (int)(end - path) : (int)strlen(path));
}

loader_error platform_console(const void *fdt, struct keel_boot *boot)
{
    int node = stdout_node(fdt);
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
    if (!reg_read(fdt, node, 0, &boot->console_pa, &bytes)) {
        boot->console_kind = KEEL_CONSOLE_NONE;
        return "the console has no usable reg";
    }
    return add_device(boot, boot->console_pa, bytes);
}

loader_error platform_psci(const void *fdt, struct keel_boot *boot)
{
    static const char names[][16] = {"arm,psci-1.0", "arm,psci-0.2"};
    int node = -1;

    boot->psci_conduit = KEEL_PSCI_NONE;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && node < 0; i++)
        node = find_compatible(fdt, names[i]);
    if (node < 0)
        return NULL;
    if (string_is(fdt, node, "method", "smc"))
        boot->psci_conduit = KEEL_PSCI_SMC;
    else if (string_is(fdt, node, "method", "hvc"))
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

loader_error platform_cpus(const void *fdt, uint64_t boot_mpidr, struct keel_boot *boot,
                           uint32_t *left)
{
    int cpus = fdt_path_offset(fdt, "/cpus");
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

static int gic_find(const void *fdt, uint32_t *kind)
{
    static const char v2[][24] = {"arm,gic-400", "arm,cortex-a15-gic"};
    int node = find_compatible(fdt, "arm,gic-v3");

    *kind = KEEL_GIC_V3;
    for (size_t i = 0; i < sizeof(v2) / sizeof(v2[0]) && node < 0; i++) {
        *kind = KEEL_GIC_V2;
        node = find_compatible(fdt, v2[i]);
    }
    return node;
}

loader_error platform_gic(const void *fdt, struct keel_boot *boot)
{
    int node = gic_find(fdt, &boot->gic_kind);
    uint64_t gich_size, gicv_size;

    if (node < 0)
        return "there is no GICv3 or GICv2";
    if (!reg_read(fdt, node, 0, &boot->gicd_pa, &boot->gicd_size) ||
        !reg_read(fdt, node, 1, &boot->gicr_pa, &boot->gicr_size))
        return "the GIC's reg is unusable";
    TRY(add_device(boot, boot->gicd_pa, boot->gicd_size));
    TRY(add_device(boot, boot->gicr_pa, boot->gicr_size));
    boot->irq_maintenance = ppi_read(fdt, node, node, 0);
    if (!boot->irq_maintenance)
        return "the GIC has no maintenance interrupt";
    if (boot->gic_kind == KEEL_GIC_V3) {
        int length;
        const fdt32_t *regions = fdt_getprop(fdt, node, "#redistributor-regions", &length);

        if (regions && (length != (int)sizeof(*regions) || fdt32_ld(regions) != 1))
            return "the GIC has more than one region of redistributors";
        return NULL;
    }
    if (!reg_read(fdt, node, 2, &boot->gich_pa, &gich_size) ||
        !reg_read(fdt, node, 3, &boot->gicv_pa, &gicv_size))
        return "the GIC has no virtualization registers";
    return add_device(boot, boot->gich_pa, gich_size);
}

loader_error platform_timer(const void *fdt, struct keel_boot *boot)
{
    int node = find_compatible(fdt, "arm,armv8-timer");
    uint32_t kind;
    int gic = gic_find(fdt, &kind);

    if (node < 0 || gic < 0)
        return "there is no arm,armv8-timer";
    /* The binding's order: secure physical, physical, virtual, hypervisor's. */
    boot->irq_timer_virtual = ppi_read(fdt, gic, node, 2);
    boot->irq_timer_hyp = ppi_read(fdt, gic, node, 3);
    if (!boot->irq_timer_virtual || !boot->irq_timer_hyp)
        return "the timer has no virtual or no hypervisor interrupt";
    return NULL;
}

loader_error platform_memory(const void *fdt, struct memory_map *map)
{
    int node;

    fdt_for_each_subnode(node, fdt, 0)
    {
        int count = reg_count(fdt, node);

        if (!string_is(fdt, node, "device_type", "memory") || !is_available(fdt, node))
            continue;
        for (int i = 0; i < count; i++) {
            uint64_t base, bytes;

            if (!reg_read(fdt, node, i, &base, &bytes))
                return "the reg of a memory node is unusable";
            TRY(memory_map_add(map, base, bytes));
        }
    }
    return map->count ? NULL : "there is no RAM";
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

loader_error platform_reservations(const void *fdt, struct memory_map *map)
{
    int count = fdt_num_mem_rsv(fdt);

    for (int i = 0; i < count; i++) {
        uint64_t base, bytes;

        if (fdt_get_mem_rsv(fdt, i, &base, &bytes) != 0)
            return "an entry of the memory reservation block is unreadable";
        TRY(reserve(map, base, bytes));
    }
    return NULL;
}

loader_error platform_reserved_memory(const void *fdt, struct memory_map *map)
{
    int parent = fdt_path_offset(fdt, "/reserved-memory");
    int node;

    if (parent < 0)
        return NULL;
    fdt_for_each_subnode(node, fdt, parent)
    {
        int count = is_available(fdt, node) ? reg_count(fdt, node) : 0;

        for (int i = 0; i < count; i++) {
            uint64_t base, bytes;

            if (!reg_read(fdt, node, i, &base, &bytes))
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

loader_error platform_initrd(const void *fdt, uint64_t *start, uint64_t *end)
{
    int chosen = fdt_path_offset(fdt, "/chosen");

    if (chosen < 0 || !address_read(fdt, chosen, "linux,initrd-start", start) ||
        !address_read(fdt, chosen, "linux,initrd-end", end))
        return "there is no initrd";
    return *start < *end ? NULL : "the initrd is empty";
}
