/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader stage: from a device tree and an initrd to struct keel_boot. Runs once, on the boot
 * CPU, at EL2 with the MMU off, so all memory is at its physical address and uncached. Whatever is
 * malformed ends in one line on the console and PSCI SYSTEM_RESET.
 */
#include "console.h"
#include "cpio/cpio.h"
#include "elf64.h"
#include "head.h"
#include "memory_map.h"
#include "page_table.h"
#include "platform.h"

#include <keel/image.h>
#include <libfdt.h>
#include <string.h>

#define PSCI_SYSTEM_RESET 0x84000009ul
#define CPU_AREA_MAPPED   (KEEL_CPU_AREA - KEEL_CPU_GUARD)

/*
 * What device tree and initrd may lie on: boot loaders list them as reservations, too, and they may
 * share a page (place_bundle).
 */
static const uint32_t given =
    EXTENT_MASK(KEEL_EXTENT_FREE) | EXTENT_MASK(KEEL_EXTENT_RESERVED) | EXTENT_MASK(EXTENT_SCRATCH);

static struct {
    struct platform platform;
    struct keel_boot boot;
    struct memory_map map;
    struct keel_kernel_header kernel;
    struct elf_program builder;
    struct page_table table;
} loader;

static _Noreturn void reset(void)
{
    if (loader.boot.psci_conduit == KEEL_PSCI_SMC)
        psci_smc(PSCI_SYSTEM_RESET);
    if (loader.boot.psci_conduit == KEEL_PSCI_HVC)
        psci_hvc(PSCI_SYSTEM_RESET);
    for (;;)
        __asm__ volatile("wfi");
}

/* Goes on only if `error` is none. */
static void require(const char *what, loader_error error)
{
    if (!error)
        return;
    console_string("Keel loader: error: ");
    console_string(what);
    console_string(": ");
    console_string(error);
    console_string("\n");
    reset();
}

_Noreturn void loader_exception(uint64_t esr, uint64_t elr, uint64_t far)
{
    console_string("Keel loader: error: exception, ESR ");
    console_hex(esr);
    console_string(" ELR ");
    console_hex(elr - (uintptr_t)loader_start);
    console_string(" FAR ");
    console_hex(far);
    console_string("\n");
    reset();
}

static uint8_t *at(uint64_t pa)
{
    return (uint8_t *)(uintptr_t)pa;
}

/* Takes free pages for `as`, zeroed. `what` names them should there be none. */
static uint64_t take(const char *what, uint64_t bytes, const struct keel_extent *as)
{
    uint64_t pages = page_ceil(bytes) >> KEEL_PAGE_SHIFT;
    uint64_t pa = 0;

    require(what, memory_map_allocate(&loader.map, pages, as, &pa));
    /* Lines that the firmware left dirty must not be written back over what is put here. */
    cache_flush(pa, pages << KEEL_PAGE_SHIFT);
    memset(at(pa), 0, pages << KEEL_PAGE_SHIFT);
    return pa;
}

static uint64_t take_for_kernel(const char *what, uint64_t bytes)
{
    return take(what, bytes, &(struct keel_extent){.kind = KEEL_EXTENT_KERNEL});
}

static void claim(const char *what, uint64_t pa, uint64_t bytes, uint32_t from, uint32_t kind,
                  uint64_t va)
{
    const struct keel_extent as = {.kind = kind, .va = va};

    require(what, memory_map_claim(&loader.map, pa, bytes, from, &as));
}

/* Finds the device tree, and with its help a voice. */
static void open_device_tree(uint64_t dtb_pa)
{
    static const char what[] = "device tree";
    const void *fdt = at(dtb_pa);
    size_t bytes = 0;

    require(what, dtb_pa == 0 || dtb_pa % 8 != 0 ? "x0 is not its address" : NULL);
    cache_flush(dtb_pa, 8);
    require(what, platform_size(fdt, &bytes));
    cache_flush(dtb_pa, bytes);
    require(what, platform_check(fdt, bytes));
    loader.boot.dtb_bytes = bytes;
    require(what, platform_find(fdt, &loader.platform));
    require(what, platform_psci(&loader.platform, &loader.boot));
    require(what, platform_console(&loader.platform, &loader.boot));
    console_open(loader.boot.console_kind, loader.boot.console_pa);
}

static void read_platform(void)
{
    static const char what[] = "device tree";
    uint32_t left = 0;

    require(what, platform_cpus(&loader.platform, cpu_mpidr(), &loader.boot, &left));
    require(what, platform_gic(&loader.platform, &loader.boot));
    require(what, platform_timer(&loader.platform, &loader.boot));
    if (left > 0) {
        console_string("Keel loader: CPUs left alone (no PSCI by SMC, or above the limit): ");
        console_decimal(left);
        console_string("\n");
    }
}

/* The kernel stays where the boot loader put it, behind this loader. */
static void place_kernel(void)
{
    static const char what[] = "kernel";
    struct keel_kernel_header *kernel = &loader.kernel;
    const uint64_t start = (uintptr_t)loader_start;
    const uint64_t pa = (uintptr_t)loader_end;
    const uint64_t size_max = 1ull << 32;
    uint64_t file_bytes;

    require(what, start % KEEL_PAGE_SIZE != 0 ? "the image is not on a page boundary" : NULL);
    memcpy(kernel, at(pa + KEEL_KERNEL_HEADER_OFFSET), sizeof(*kernel));
    require(what, kernel->magic == KEEL_KERNEL_MAGIC ? NULL : "it has no header");
    if (kernel->text_bytes == 0 || kernel->text_bytes > size_max ||
        kernel->rodata_bytes > size_max || kernel->data_bytes > size_max ||
        kernel->bss_bytes > size_max ||
        (kernel->text_bytes | kernel->rodata_bytes | kernel->data_bytes | kernel->bss_bytes) %
            KEEL_PAGE_SIZE)
        require(what, "its header has an impossible size");
    file_bytes = kernel->text_bytes + kernel->rodata_bytes + kernel->data_bytes;
    claim("loader", start, pa - start, EXTENT_MASK(KEEL_EXTENT_FREE), EXTENT_SCRATCH, 0);
    claim(what, pa, file_bytes + kernel->bss_bytes, EXTENT_MASK(KEEL_EXTENT_FREE),
          KEEL_EXTENT_KERNEL, 0);
    memset(at(pa + file_bytes), 0, kernel->bss_bytes);
    cache_flush(pa, file_bytes + kernel->bss_bytes);
    loader.boot.kernel_pa = pa;
}

/* The bundle stays where it is if it begins on a page; else *pa is where it will be. */
static uint64_t claim_bundle(uint64_t dtb_pa)
{
    static const char what[] = "initrd";
    uint64_t start = 0, end = 0;

    require(what, platform_initrd(&loader.platform, &start, &end));
    if (start < dtb_pa + loader.boot.dtb_bytes && dtb_pa < end)
        require(what, "it overlaps the device tree");
    if (start < (uintptr_t)loader_end && (uintptr_t)loader_start < end)
        require(what, "it overlaps the loader");
    loader.boot.bundle_bytes = end - start;
    if (start % KEEL_PAGE_SIZE == 0)
        claim(what, start, end - start, given, KEEL_EXTENT_BUNDLE, KEEL_BUILDER_BUNDLE_VA);
    else
        claim(what, start, end - start, given, EXTENT_SCRATCH, 0);
    return start;
}

/* Moves the device tree, without the room behind it, to pages of its own. */
static void place_device_tree(void)
{
    const void *fdt = loader.platform.fdt;
    size_t bytes = platform_used(fdt);
    uint64_t pa = take("device tree", bytes,
                       &(struct keel_extent){.kind = KEEL_EXTENT_DTB, .va = KEEL_BUILDER_DTB_VA});

    memcpy(at(pa), fdt, bytes);
    fdt_set_totalsize(at(pa), (uint32_t)bytes);
    cache_flush(pa, bytes);
    loader.boot.dtb_bytes = bytes;
}

/* Brings into memory what is read of a bundle that stays where it is, which is little of it: here
 * the headers of its entries. */
static void flush_headers(uint64_t start)
{
    const uint64_t bytes = loader.boot.bundle_bytes;
    size_t offset = 0, before;

    do {
        uint64_t rest = bytes - offset;

        before = offset;
        cache_flush(start + offset, rest < CPIO_HEADER_MAX ? rest : CPIO_HEADER_MAX);
        require("initrd", cpio_step(at(start), bytes, &offset));
    } while (offset != before && offset <= bytes);
}

/* Makes the bundle the only thing on its pages. Not before place_device_tree(). */
static const uint8_t *place_bundle(uint64_t start)
{
    uint64_t bytes = loader.boot.bundle_bytes;
    uint64_t pa = start;

    if (start % KEEL_PAGE_SIZE != 0) {
        pa = take("initrd", bytes,
                  &(struct keel_extent){.kind = KEEL_EXTENT_BUNDLE, .va = KEEL_BUILDER_BUNDLE_VA});
        cache_flush(start, bytes);
        memcpy(at(pa), at(start), bytes);
        cache_flush(pa, page_ceil(bytes));
    } else {
        flush_headers(start);
        cache_flush(pa + bytes, page_ceil(bytes) - bytes);
        memset(at(pa + bytes), 0, page_ceil(bytes) - bytes);
        cache_flush(pa + bytes, page_ceil(bytes) - bytes);
    }
    return at(pa);
}

static void place_builder(const uint8_t *bundle)
{
    struct elf_program *builder = &loader.builder;
    struct cpio_file file;
    struct keel_extent as = {.kind = KEEL_EXTENT_BUILDER};

    require("initrd", cpio_check(bundle, loader.boot.bundle_bytes));
    cpio_find(bundle, loader.boot.bundle_bytes, "builder", &file);
    require("initrd", file.name ? NULL : "it has no file named builder");
    cache_flush((uintptr_t)file.data, file.bytes);
    require("builder", elf_read(file.data, file.bytes, KEEL_BUILDER_LIMIT, builder));
    for (uint32_t i = 0; i < builder->nsegments; i++) {
        const struct elf_segment *segment = &builder->segment[i];
        uint64_t pa;

        as.va = segment->va;
        as.perm = segment->perm;
        pa = take("builder", segment->pages << KEEL_PAGE_SHIFT, &as);
        memcpy(at(pa + segment->skip), segment->data, segment->data_bytes);
        cache_flush(pa, segment->pages << KEEL_PAGE_SHIFT);
    }
    as.va = KEEL_BUILDER_STACK_VA;
    as.perm = KEEL_PERM_READ | KEEL_PERM_WRITE;
    cache_flush(take("builder", KEEL_BUILDER_STACK_BYTES, &as), KEEL_BUILDER_STACK_BYTES);
    loader.boot.builder_entry = builder->entry;
    loader.boot.builder_stack = KEEL_BUILDER_STACK_VA + KEEL_BUILDER_STACK_BYTES;
}

static void map_pages(uint64_t va, uint64_t pa, uint64_t bytes, uint32_t perm)
{
    require("kernel page tables", page_table_map(&loader.table, va, pa, bytes, perm));
}

/* Maps what [pa, end) and [from, to) have in common at VA = PA. */
static void map_identity_part(uint64_t pa, uint64_t end, uint64_t from, uint64_t to, uint32_t perm)
{
    if (pa < from)
        pa = from;
    if (end > to)
        end = to;
    if (pa < end)
        map_pages(pa, pa, end - pa, perm);
}

/* Maps RAM [pa, end): read-write but for the kernel's entry page, text and read-only data. */
static void map_identity(uint64_t pa, uint64_t end)
{
    const uint64_t entry = loader.boot.kernel_pa;
    const uint64_t text = entry + KEEL_PAGE_SIZE;
    const uint64_t data = entry + loader.kernel.text_bytes + loader.kernel.rodata_bytes;

    map_identity_part(pa, end, 0, entry, KEEL_PERM_READ | KEEL_PERM_WRITE);
    map_identity_part(pa, end, entry, text, KEEL_PERM_READ | KEEL_PERM_EXEC);
    map_identity_part(pa, end, text, data, KEEL_PERM_READ);
    map_identity_part(pa, end, data, UINT64_MAX, KEEL_PERM_READ | KEEL_PERM_WRITE);
}

static void map_ram(void)
{
    uint64_t start = 0, end = 0; /* a run of RAM that is somebody's */

    for (uint32_t i = 0; i < loader.map.count; i++) {
        const struct keel_extent *extent = &loader.map.extent[i];

        if (extent->kind == KEEL_EXTENT_RESERVED)
            continue;
        if (extent->pa != end) {
            map_identity(start, end);
            start = extent->pa;
        }
        end = extent_end(extent);
    }
    map_identity(start, end);
}

static void map_kernel(void)
{
    const struct keel_kernel_header *kernel = &loader.kernel;
    const uint64_t pa = loader.boot.kernel_pa;
    const uint64_t rodata = kernel->text_bytes;
    const uint64_t data = rodata + kernel->rodata_bytes;

    map_pages(KEEL_KERNEL_VA, pa, rodata, KEEL_PERM_READ | KEEL_PERM_EXEC);
    map_pages(KEEL_KERNEL_VA + rodata, pa + rodata, data - rodata, KEEL_PERM_READ);
    map_pages(KEEL_KERNEL_VA + data, pa + data, kernel->data_bytes + kernel->bss_bytes,
              KEEL_PERM_READ | KEEL_PERM_WRITE);
}

/* Gives each CPU its area and its entry record. */
static void place_cpus(uint64_t boot_pa)
{
    const uint64_t areas = take_for_kernel("CPU areas", loader.boot.ncpus * CPU_AREA_MAPPED);
    const uint64_t entry_bytes = loader.boot.ncpus * sizeof(struct keel_cpu_entry);
    const uint64_t entry_pa = take_for_kernel("CPU entries", entry_bytes);
    struct keel_cpu_entry *entry = (void *)at(entry_pa);

    for (uint32_t n = 0; n < loader.boot.ncpus; n++) {
        const uint64_t va = KEEL_CPU_VA(n) + KEEL_CPU_GUARD;

        map_pages(va, areas + n * CPU_AREA_MAPPED, CPU_AREA_MAPPED,
                  KEEL_PERM_READ | KEEL_PERM_WRITE);
        entry[n] = (struct keel_cpu_entry){
            .page_table_pa = loader.table.root,
            .stack = KEEL_CPU_VA(n + 1),
            .cpu = va,
            .argument = n == 0 ? boot_pa : 0,
            .index = n,
        };
    }
    cache_flush(areas, loader.boot.ncpus * CPU_AREA_MAPPED);
    cache_flush(entry_pa, entry_bytes);
    loader.boot.cpu_entry_pa = entry_pa;
}

static void place_frame_table(void)
{
    const struct keel_extent *last = &loader.map.extent[loader.map.count - 1];
    uint64_t pages = (extent_end(last) - loader.map.extent[0].pa) >> KEEL_PAGE_SHIFT;
    uint64_t pa = 0;

    loader.boot.frame_table_pages = page_ceil(pages * 8) >> KEEL_PAGE_SHIFT;
    require("frame table",
            memory_map_allocate(&loader.map, loader.boot.frame_table_pages,
                                &(struct keel_extent){.kind = KEEL_EXTENT_KERNEL}, &pa));
    loader.boot.frame_table_pa = pa;
}

/* All of the kernel's stage 1, and with it the CPUs. */
static void place_tables(uint64_t boot_pa)
{
    /* Enough: each border of an extent or a device needs at most two tables, a device one more, and
     * what RAM_SPAN_MAX, kernel and CPUs need is less than 64. What is left over is freed. */
    const uint64_t pages = 64 + 4 * loader.map.count + 5 * loader.boot.ndevice_regions;
    const uint64_t bytes = pages << KEEL_PAGE_SHIFT;
    const uint64_t pool = take_for_kernel("kernel page tables", bytes);

    page_table_start(&loader.table, pool, pool + bytes);
    map_ram();
    map_kernel();
    for (uint32_t i = 0; i < loader.boot.ndevice_regions; i++) {
        const struct keel_device_region *region = &loader.boot.device_region[i];

        map_pages(region->pa, region->pa, region->size,
                  KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_DEVICE);
    }
    place_cpus(boot_pa);
    cache_flush(pool, bytes);
    claim("kernel page tables", loader.table.next, loader.table.end - loader.table.next,
          EXTENT_MASK(KEEL_EXTENT_KERNEL), KEEL_EXTENT_FREE, 0);
    loader.boot.page_table_pa = loader.table.root;
}

/* The last step: fills the page that the kernel gets. */
static void place_boot(uint64_t boot_pa)
{
    struct keel_boot *boot = &loader.boot;
    const uint32_t *word = (const uint32_t *)boot;
    uint32_t sum = 0;

    require("memory", memory_map_finish(&loader.map, boot));
    boot->magic = KEEL_BOOT_MAGIC;
    boot->version = KEEL_BOOT_VERSION;
    boot->size = sizeof(*boot);
    for (size_t i = 0; i < sizeof(*boot) / sizeof(*word); i++)
        sum += word[i];
    boot->checksum = sum;
    memcpy(at(boot_pa), boot, sizeof(*boot));
    cache_flush(boot_pa, sizeof(*boot));
}

/* As Linux numbers them: FP and SIMD, and what of ID_AA64ISAR0_EL1's early fields there is. */
static uint64_t cpu_hwcap(void)
{
    static const struct {
        uint8_t shift, value, bit;
    } feature[] = {{4, 1, 3}, {4, 2, 4}, {8, 1, 5}, {12, 1, 6}, {16, 1, 7}}; /* AES to CRC32 */
    uint64_t isar0, pfr0, hwcap = 0;

    __asm__("mrs %0, id_aa64isar0_el1" : "=r"(isar0));
    __asm__("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
    if ((pfr0 >> 16 & 0xf) != 0xf)
        hwcap |= 1u << 0 | 1u << 1;
    for (size_t i = 0; i < sizeof(feature) / sizeof(feature[0]); i++)
        if ((isar0 >> feature[i].shift & 0xf) >= feature[i].value)
            hwcap |= 1ull << feature[i].bit;
    return hwcap;
}

static void greet(void)
{
    console_string("Keel loader: ");
    console_decimal(loader.boot.ncpus);
    console_string(" CPU, RAM ");
    console_hex(loader.boot.ram_lo);
    console_string(" to ");
    console_hex(loader.boot.ram_hi);
    console_string(loader.boot.gic_kind == KEEL_GIC_V3 ? ", GICv3" : ", GICv2");
    console_string(", kernel at ");
    console_hex(loader.boot.kernel_pa);
    console_string(", builder of ");
    console_decimal(loader.builder.nsegments);
    console_string(" segments\n");
}

_Noreturn void loader_main(uint64_t dtb_pa, uint64_t level)
{
    uint64_t bundle, boot_pa;

    open_device_tree(dtb_pa);
    require("CPU", level == 2 ? NULL : "not started at EL2 (QEMU: -M virt,virtualization=on)");
    read_platform();

    /* First all that has its place already, then what is still to get one. */
    require("memory", platform_memory(&loader.platform, &loader.map));
    require("device tree", platform_devices(&loader.boot, &loader.map));
    require("memory", platform_reservations(&loader.platform, &loader.map));
    place_kernel();
    if (dtb_pa < loader.boot.kernel_pa && (uintptr_t)loader_start < dtb_pa + loader.boot.dtb_bytes)
        require("device tree", "it overlaps the loader");
    claim("device tree", dtb_pa, loader.boot.dtb_bytes, given | EXTENT_MASK(EXTENT_HOLE),
          EXTENT_SCRATCH, 0);
    bundle = claim_bundle(dtb_pa);
    require("reserved memory", platform_reserved_memory(&loader.platform, &loader.map));
    /* Nobody gets page 0, so that null pointers fault. */
    claim("page 0", 0, KEEL_PAGE_SIZE, given | EXTENT_MASK(EXTENT_HOLE), KEEL_EXTENT_RESERVED, 0);

    place_device_tree();
    place_builder(place_bundle(bundle));
    boot_pa = take("boot structure", sizeof(loader.boot),
                   &(struct keel_extent){.kind = KEEL_EXTENT_BOOT, .va = KEEL_BUILDER_BOOT_VA});
    place_frame_table();
    place_tables(boot_pa);
    loader.boot.hwcap = cpu_hwcap();
    place_boot(boot_pa);
    greet();
    cpu_enter(loader.boot.kernel_pa, loader.boot.cpu_entry_pa);
}
