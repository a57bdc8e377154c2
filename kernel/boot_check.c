/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's structure, each field against keel/boot.h. Uses none of them. */
#include "main.h"

/* What does not hold is told by its own text. */
#define REQUIRE(condition)     \
    do {                       \
        if (!(condition))      \
            return #condition; \
    } while (0)

#define GICD_BYTES     0x10000u
#define GICR_BYTES     0x20000u /* of each CPU */
#define MPIDR_AFFINITY 0xff00fffffful

static uint32_t words_sum(const struct keel_boot *boot)
{
    const uint32_t *word = (const uint32_t *)(const void *)boot;
    uint32_t sum = 0;

    for (size_t i = 0; i < sizeof(*boot) / sizeof(*word); i++)
        sum += word[i];
    return sum - boot->checksum;
}

/* [first, first + bytes) is not empty, and lies in [lo, lo + size). */
static bool within(uint64_t first, uint64_t bytes, uint64_t lo, uint64_t size)
{
    return bytes && bytes <= size && first >= lo && first - lo <= size - bytes;
}

static bool in_device(const struct keel_boot *boot, uint64_t pa, uint64_t bytes)
{
    for (uint32_t i = 0; i < boot->ndevice_regions; i++)
        if (within(pa, bytes, boot->device_region[i].pa, boot->device_region[i].size))
            return true;
    return false;
}

/* In one extent: of the kernel's by physical address, of the builder's by where it sees it. */
static bool in_extent(const struct keel_boot *boot, uint32_t kind, uint32_t perm, uint64_t address,
                      uint64_t bytes)
{
    for (uint32_t i = 0; i < boot->nextents; i++) {
        const struct keel_extent *extent = &boot->extent[i];
        uint64_t first = kind == KEEL_EXTENT_KERNEL ? extent->pa : extent->va;

        if (extent->kind == kind && (extent->perm & perm) == perm &&
            within(address, bytes, first, extent->pages * KEEL_PAGE_SIZE))
            return true;
    }
    return false;
}

/* Where the builder's own segments lie, and what they permit, space_map_boot checks. */
static const char *memory_check(const struct keel_boot *boot)
{
    uint64_t table = (boot->ram_hi - boot->ram_lo) / KEEL_PAGE_SIZE * 8;
    uint64_t entry_bytes = boot->ncpus * sizeof(struct keel_cpu_entry);
    uint64_t next = boot->ram_lo;

    REQUIRE(boot->ram_hi <= KEEL_KERNEL_VA);
    REQUIRE(boot->ram_hi - boot->ram_lo <= 1ul << 44); /* frames have 32-bit numbers */
    REQUIRE(boot->nextents <= KEEL_EXTENTS_MAX && boot->extent[0].pa == boot->ram_lo);
    for (uint32_t i = 0; i < boot->nextents; i++) {
        const struct keel_extent *extent = &boot->extent[i];

        REQUIRE(extent->pa >= next && extent->pa < boot->ram_hi &&
                extent->pa % KEEL_PAGE_SIZE == 0);
        REQUIRE(extent->pages && extent->pages <= (boot->ram_hi - extent->pa) / KEEL_PAGE_SIZE);
        REQUIRE(extent->kind <= KEEL_EXTENT_RESERVED);
        next = extent->pa + extent->pages * KEEL_PAGE_SIZE;
        for (uint32_t j = 0; j < boot->ndevice_regions; j++)
            REQUIRE(boot->device_region[j].pa >= next ||
                    boot->device_region[j].pa + boot->device_region[j].size <= extent->pa);
    }
    REQUIRE(next == boot->ram_hi);
    REQUIRE(in_extent(boot, KEEL_EXTENT_BUNDLE, 0, KEEL_BUILDER_BUNDLE_VA, boot->bundle_bytes));
    REQUIRE(in_extent(boot, KEEL_EXTENT_DTB, 0, KEEL_BUILDER_DTB_VA, boot->dtb_bytes));
    REQUIRE(in_extent(boot, KEEL_EXTENT_BOOT, 0, KEEL_BUILDER_BOOT_VA, sizeof(*boot)));
    REQUIRE(in_extent(boot, KEEL_EXTENT_BUILDER, KEEL_PERM_EXEC, boot->builder_entry, 4));
    REQUIRE(in_extent(boot, KEEL_EXTENT_BUILDER, KEEL_PERM_WRITE, boot->builder_stack - 16, 16));
    REQUIRE(in_extent(boot, KEEL_EXTENT_KERNEL, 0, boot->kernel_pa, KEEL_PAGE_SIZE));
    REQUIRE(in_extent(boot, KEEL_EXTENT_KERNEL, 0, boot->page_table_pa, KEEL_PAGE_SIZE));
    REQUIRE(in_extent(boot, KEEL_EXTENT_KERNEL, 0, boot->cpu_entry_pa, entry_bytes));
    REQUIRE(boot->cpu_entry_pa % 8 == 0);
    REQUIRE(in_extent(boot, KEEL_EXTENT_KERNEL, 0, boot->frame_table_pa, table));
    REQUIRE((boot->kernel_pa | boot->page_table_pa | boot->frame_table_pa) % KEEL_PAGE_SIZE == 0);
    REQUIRE(boot->frame_table_pages == (table + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE);
    return NULL;
}

const char *boot_check(const struct keel_boot *boot, bool *voice)
{
    REQUIRE(boot->magic == KEEL_BOOT_MAGIC && boot->version == KEEL_BOOT_VERSION);
    REQUIRE(boot->size == sizeof(*boot) && boot->checksum == words_sum(boot));
    REQUIRE(boot->ndevice_regions <= KEEL_DEVICE_REGIONS_MAX);
    for (uint32_t i = 0; i < boot->ndevice_regions; i++) {
        const struct keel_device_region *region = &boot->device_region[i];

        REQUIRE(within(region->pa, region->size, KEEL_PAGE_SIZE, KEEL_KERNEL_VA - KEEL_PAGE_SIZE));
        REQUIRE((region->pa | region->size) % KEEL_PAGE_SIZE == 0);
    }
    REQUIRE(boot->console_kind <= KEEL_CONSOLE_CADENCE);
    REQUIRE(!boot->console_kind || in_device(boot, boot->console_pa, 0x40));
    REQUIRE(boot->psci_conduit <= KEEL_PSCI_HVC);
    *voice = true;
    REQUIRE(boot->ncpus >= 1 && boot->ncpus <= KEEL_CPUS_MAX);
    for (uint32_t i = 0; i < boot->ncpus; i++) {
        REQUIRE((boot->cpu_mpidr[i] & ~MPIDR_AFFINITY) == 0);
        for (uint32_t j = 0; j < i; j++)
            REQUIRE(boot->cpu_mpidr[i] != boot->cpu_mpidr[j]);
    }
    REQUIRE(boot->gic_kind == KEEL_GIC_V3);
    REQUIRE(boot->gicd_size >= GICD_BYTES && in_device(boot, boot->gicd_pa, boot->gicd_size));
    REQUIRE(boot->gicr_size / GICR_BYTES >= boot->ncpus);
    REQUIRE(in_device(boot, boot->gicr_pa, boot->gicr_size));
    REQUIRE(boot->irq_timer_hyp - 16 < 16 && boot->irq_timer_hyp != boot->irq_timer_virtual);
    REQUIRE(boot->irq_timer_virtual - 16 < 16 && boot->irq_timer_virtual != boot->irq_maintenance);
    REQUIRE(boot->irq_maintenance - 16 < 16 && boot->irq_maintenance != boot->irq_timer_hyp);
    return memory_check(boot);
}
