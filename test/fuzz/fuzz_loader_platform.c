/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's device tree as the loader stage reads it, in the loader's order; then its memory
 * is given out as the loader does. What comes out keeps the promises of keel/boot.h, which the
 * kernel checks again and cannot refuse.
 */
#include "fuzz.h"
#include "tree_mutator.h"

#include <libfdt.h>
#include <platform.h>

/* kernel/boot_check.c, whose headers are not the loader's. */
const char *kernel_boot_check(const struct keel_boot *boot);

#define LOADER_PA    0x40200000ull /* loader and kernel */
#define LOADER_BYTES 0x80000ull

static const char *const words[] = {
    "compatible",
    "arm,psci-1.0",
    "arm,psci-0.2",
    "method",
    "smc",
    "hvc",
    "device_type",
    "memory",
    "cpu",
    "cpus",
    "reg",
    "ranges",
    "#address-cells",
    "#size-cells",
    "status",
    "okay",
    "ok",
    "disabled",
    "enable-method",
    "psci",
    "interrupts",
    "#interrupt-cells",
    "arm,gic-v3",
    "arm,gic-400",
    "arm,cortex-a15-gic",
    "#redistributor-regions",
    "arm,armv8-timer",
    "arm,pl011",
    "cdns,uart-r1p12",
    "xlnx,xuartps",
    "chosen",
    "stdout-path",
    "linux,initrd-start",
    "linux,initrd-end",
    "aliases",
    "serial0",
    "serial0:115200n8",
    "/pl011@9000000",
    "reserved-memory",
    "phandle",
    "interrupt-parent",
};

const struct tree_words tree_words = {words, sizeof words / sizeof words[0]};

static loader_error read_platform(const struct platform *platform, struct keel_boot *boot)
{
    uint32_t left = 0;

    TRY(platform_psci(platform, boot));
    TRY(platform_console(platform, boot));
    TRY(platform_cpus(platform, 0, boot, &left));
    TRY(platform_gic(platform, boot));
    return platform_timer(platform, boot);
}

static uint64_t pages_of(const struct memory_map *map)
{
    uint64_t pages = 0;

    for (uint32_t i = 0; i < map->count; i++)
        pages += map->extent[i].pages;
    return pages;
}

static loader_error take(struct memory_map *map, uint64_t bytes, uint32_t kind, uint64_t va,
                         uint32_t perm, uint64_t *pa)
{
    const struct keel_extent as = {.kind = kind, .va = va, .perm = perm};

    TRY(memory_map_allocate(map, page_ceil(bytes) >> KEEL_PAGE_SHIFT, &as, pa));
    must(*pa != 0 && *pa % KEEL_PAGE_SIZE == 0);
    return NULL;
}

/* A builder of two segments, and its stack. */
static loader_error place_builder(struct memory_map *map, struct keel_boot *boot)
{
    const uint32_t rw = KEEL_PERM_READ | KEEL_PERM_WRITE;
    uint64_t pa;

    TRY(take(map, 3 * KEEL_PAGE_SIZE, KEEL_EXTENT_BUILDER, 0x400000,
             KEEL_PERM_READ | KEEL_PERM_EXEC, &pa));
    TRY(take(map, KEEL_PAGE_SIZE, KEEL_EXTENT_BUILDER, 0x403000, rw, &pa));
    TRY(take(map, KEEL_BUILDER_STACK_BYTES, KEEL_EXTENT_BUILDER, KEEL_BUILDER_STACK_VA, rw, &pa));
    boot->builder_entry = 0x400000;
    boot->builder_stack = KEEL_BUILDER_STACK_VA + KEEL_BUILDER_STACK_BYTES;
    return NULL;
}

/* Eight bytes for every page between the first and the last. */
static loader_error place_frame_table(struct memory_map *map, struct keel_boot *boot)
{
    uint64_t span = extent_end(&map->extent[map->count - 1]) - map->extent[0].pa;
    uint64_t bytes = (span >> KEEL_PAGE_SHIFT) * 8;

    TRY(take(map, bytes, KEEL_EXTENT_KERNEL, 0, 0, &boot->frame_table_pa));
    boot->frame_table_pages = page_ceil(bytes) >> KEEL_PAGE_SHIFT;
    return NULL;
}

static loader_error place_bundle(const struct platform *platform, struct memory_map *map,
                                 struct keel_boot *boot)
{
    const uint32_t given = EXTENT_MASK(KEEL_EXTENT_FREE) | EXTENT_MASK(KEEL_EXTENT_RESERVED) |
                           EXTENT_MASK(EXTENT_SCRATCH);
    const struct keel_extent scratch = {.kind = EXTENT_SCRATCH};
    const struct keel_extent bundle = {.kind = KEEL_EXTENT_BUNDLE, .va = KEEL_BUILDER_BUNDLE_VA};
    uint64_t start = 0, end = 0, pa;

    TRY(platform_initrd(platform, &start, &end));
    must(start < end);
    boot->bundle_bytes = end - start;
    TRY(memory_map_claim(map, start, end - start, given,
                         start % KEEL_PAGE_SIZE ? &scratch : &bundle));
    if (start % KEEL_PAGE_SIZE)
        TRY(take(map, end - start, KEEL_EXTENT_BUNDLE, KEEL_BUILDER_BUNDLE_VA, 0, &pa));
    return NULL;
}

/* All that the loader takes and claims (loader.c), but that a bundle that moves does so at once. */
static loader_error place_all(const struct platform *platform, struct memory_map *map,
                              struct keel_boot *boot)
{
    const struct keel_extent kernel = {.kind = KEEL_EXTENT_KERNEL};
    const struct keel_extent scratch = {.kind = EXTENT_SCRATCH};
    uint64_t pa;

    TRY(memory_map_claim(map, LOADER_PA, LOADER_BYTES, EXTENT_MASK(KEEL_EXTENT_FREE), &scratch));
    boot->kernel_pa = LOADER_PA + LOADER_BYTES;
    TRY(memory_map_claim(map, boot->kernel_pa, LOADER_BYTES, EXTENT_MASK(KEEL_EXTENT_FREE),
                         &kernel));
    TRY(place_bundle(platform, map, boot));
    TRY(platform_reserved_memory(platform, map));
    TRY(take(map, boot->dtb_bytes, KEEL_EXTENT_DTB, KEEL_BUILDER_DTB_VA, 0, &pa));
    TRY(place_builder(map, boot));
    TRY(take(map, sizeof(*boot), KEEL_EXTENT_BOOT, KEEL_BUILDER_BOOT_VA, 0, &pa));
    TRY(place_frame_table(map, boot));
    TRY(take(map, 20 * KEEL_PAGE_SIZE, KEEL_EXTENT_KERNEL, 0, 0, &boot->page_table_pa));
    TRY(take(map, boot->ncpus * sizeof(struct keel_cpu_entry), KEEL_EXTENT_KERNEL, 0, 0,
             &boot->cpu_entry_pa));
    TRY(memory_map_claim(map, boot->page_table_pa + 4 * KEEL_PAGE_SIZE, 16 * KEEL_PAGE_SIZE,
                         EXTENT_MASK(KEEL_EXTENT_KERNEL),
                         &(struct keel_extent){.kind = KEEL_EXTENT_FREE}));
    return memory_map_finish(map, boot);
}

/* What the kernel says of it. */
static void check_boot(struct keel_boot *boot)
{
    const uint32_t *word = (const uint32_t *)boot;
    uint32_t sum = 0;

    boot->magic = KEEL_BOOT_MAGIC;
    boot->version = KEEL_BOOT_VERSION;
    boot->size = sizeof(*boot);
    boot->checksum = 0;
    for (size_t i = 0; i < sizeof(*boot) / sizeof(*word); i++)
        sum += word[i];
    boot->checksum = sum;
    if (boot->gic_kind != KEEL_GIC_V3)
        return; /* the loader knows more than this kernel */
    const char *wrong = kernel_boot_check(boot);
    if (wrong)
        fprintf(stderr, "the kernel refuses: %s\n", wrong);
    must(!wrong);
}

/* What the builder gets of a tree is as good as the tree. */
static void check_copy(const uint8_t *fdt, size_t size)
{
    size_t used = platform_used(fdt);
    uint8_t *copy;

    must(used <= size);
    copy = exact_copy(fdt, used);
    fdt_set_totalsize(copy, (uint32_t)used);
    must(!platform_check(copy, used));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct memory_map map;
    static struct keel_boot boot;
    static struct platform platform;
    uint8_t *fdt = exact_copy(data, bytes);
    size_t size = 0;
    loader_error wrong = bytes < 8 ? "it is too short" : platform_size(fdt, &size);

    memset(&map, 0, sizeof map);
    memset(&boot, 0, sizeof boot);
    if (!wrong && size > bytes) /* the rest would be whatever lies in memory there */
        wrong = "it is cut off";
    if (!wrong)
        wrong = platform_check(fdt, size);
    if (!wrong)
        check_copy(fdt, size);
    if (!wrong)
        wrong = platform_find(fdt, &platform);
    boot.dtb_bytes = size;
    if (!wrong)
        wrong = read_platform(&platform, &boot);
    if (!wrong)
        wrong = platform_memory(&platform, &map);
    if (!wrong)
        wrong = platform_devices(&boot, &map);
    if (!wrong) {
        uint64_t pages = pages_of(&map);

        wrong = platform_reservations(&platform, &map);
        if (!wrong)
            wrong = place_all(&platform, &map, &boot);
        must(pages_of(&map) == pages); /* nothing appears or gets lost */
    }
    if (wrong)
        must_be_message(wrong);
    else
        check_boot(&boot);
    free(fdt);
    return 0;
}
