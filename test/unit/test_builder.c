/* SPDX-License-Identifier: Apache-2.0 */
/* The builder's pure parts: free memory, ELF files, address spaces, guests' memory and device
 * trees. */
#include "config_trees.h"
#include "suite.h"

#include <builder/bundle.h>
#include <builder/memory.h>
#include <elf.h>
#include <image/check.h>
#include <image/guest.h>
#include <image/program.h>
#include <image/tree.h>
#include <keel/machine.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory. */

#define MIB 0x100000ull

static void memory_of(unsigned n, const struct keel_extent *extent)
{
    static struct keel_boot boot;

    boot.nextents = n;
    memcpy(boot.extent, extent, n * sizeof extent[0]);
    memory_init(&boot);
}

START_TEST(test_memory_from_the_top)
{
    const struct keel_extent extents[] = {
        {.pa = 0x40000000, .pages = 1024, .kind = KEEL_EXTENT_KERNEL},
        {.pa = 0x40400000, .pages = 1024, .kind = KEEL_EXTENT_FREE},
        {.pa = 0x50000000, .pages = 100, .kind = KEEL_EXTENT_FREE},
    };
    struct memory_runs runs;

    memory_of(3, extents);
    ck_assert_uint_eq(memory_free_pages(), 1124);
    ck_assert(memory_take(10, 0, &runs));
    ck_assert_uint_eq(runs.run[0].pa, 0x50000000 + 90 * KEEL_PAGE_SIZE);
    ck_assert(memory_take(512, KEEL_BLOCK_ORDER, &runs));
    ck_assert_uint_eq(runs.run[0].pa, 0x40600000);
    ck_assert_uint_eq(memory_free_pages(), 602);
    ck_assert(!memory_take(603, 0, &runs));
    ck_assert_uint_eq(memory_free_pages(), 602);
}
END_TEST

START_TEST(test_memory_in_several_runs)
{
    const struct keel_extent extents[] = {
        {.pa = 0x40001000, .pages = 1024 + 511, .kind = KEEL_EXTENT_FREE}, /* 2 whole blocks */
        {.pa = 0x80000000, .pages = 1024 + 3, .kind = KEEL_EXTENT_FREE},   /* 2 whole blocks */
    };
    struct memory_runs runs;

    memory_of(2, extents);
    ck_assert(!memory_take(5 * 512, KEEL_BLOCK_ORDER, &runs));
    ck_assert_uint_eq(memory_free_pages(), 2 * 1024 + 511 + 3);
    ck_assert(memory_take(4 * 512, KEEL_BLOCK_ORDER, &runs));
    ck_assert_uint_eq(runs.count, 2);
    for (uint32_t i = 0; i < runs.count; i++)
        ck_assert_uint_eq(runs.run[i].pa % KEEL_BLOCK_SIZE, 0);
    /* The rest is still there, in small pieces. */
    ck_assert(memory_take(3, 0, &runs));
    ck_assert(memory_take(510, 0, &runs));
    ck_assert_uint_eq(memory_free_pages(), 1);
    /* Pages come in one run if there is one for them, else in several. */
    memory_of(2, extents);
    ck_assert(memory_take(1024 + 511, 0, &runs));
    ck_assert_uint_eq(runs.count, 1);
    memory_of(2, extents);
    ck_assert(memory_take(2048 + 511 + 3, 0, &runs));
    ck_assert_uint_eq(runs.count, 2);
    ck_assert_uint_eq(runs.run[0].pages, 1024 + 511);
    ck_assert_uint_eq(runs.run[1].pages, 1024 + 3);
    ck_assert_uint_eq(memory_free_pages(), 0);
}
END_TEST

/* No page twice, whatever is asked for. */
START_TEST(test_memory_is_given_once)
{
    static uint8_t owner[4096];
    const struct keel_extent extents[] = {
        {.pa = 0x40003000, .pages = 2000, .kind = KEEL_EXTENT_FREE},
        {.pa = 0x40900000, .pages = 1500, .kind = KEEL_EXTENT_FREE},
    };
    struct memory_runs runs;
    uint32_t random = 1;

    memory_of(2, extents);
    for (int i = 0; i < 300; i++) {
        random = random * 1103515245 + 12345;
        bool block = random >> 16 & 1;
        if (!memory_take(block ? 512 : random >> 20 & 63, block ? KEEL_BLOCK_ORDER : 0, &runs))
            continue;
        for (uint32_t r = 0; r < runs.count; r++)
            for (uint64_t p = 0; p < runs.run[r].pages; p++) {
                uint64_t page = ((runs.run[r].pa - 0x40000000) >> KEEL_PAGE_SHIFT) + p;
                ck_assert_uint_eq(owner[page]++, 0);
            }
    }
    ck_assert_uint_lt(memory_free_pages(), 600);
}
END_TEST

/* ELF. */

static struct {
    Elf64_Ehdr file;
    Elf64_Phdr segment[3];
    uint8_t content[0x3000];
} elf;

static void elf_begin(void)
{
    memset(&elf, 0, sizeof elf);
    memcpy(elf.file.e_ident, ELFMAG, SELFMAG);
    elf.file.e_ident[EI_CLASS] = ELFCLASS64;
    elf.file.e_ident[EI_DATA] = ELFDATA2LSB;
    elf.file.e_ident[EI_VERSION] = EV_CURRENT;
    elf.file.e_type = ET_EXEC;
    elf.file.e_machine = EM_AARCH64;
    elf.file.e_version = EV_CURRENT;
    elf.file.e_entry = 0x401000;
    elf.file.e_phoff = sizeof elf.file;
    elf.file.e_ehsize = sizeof elf.file;
    elf.file.e_phentsize = sizeof elf.segment[0];
    elf.file.e_phnum = 3;
    elf.segment[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                                  .p_flags = PF_R,
                                  .p_vaddr = 0x400000,
                                  .p_paddr = 0x40200000,
                                  .p_filesz = 0x800,
                                  .p_memsz = 0x800};
    elf.segment[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                                  .p_flags = PF_R | PF_X,
                                  .p_offset = 0x1000,
                                  .p_vaddr = 0x401000,
                                  .p_paddr = 0x40201000,
                                  .p_filesz = 0x1000,
                                  .p_memsz = 0x1000};
    elf.segment[2] = (Elf64_Phdr){.p_type = PT_LOAD,
                                  .p_flags = PF_R | PF_W,
                                  .p_offset = 0x2000,
                                  .p_vaddr = 0x403010,
                                  .p_paddr = 0x40203010,
                                  .p_filesz = 0x20,
                                  .p_memsz = 0x5000};
}

static struct elf_image image;

static const char *elf_read_it(enum elf_use use, size_t bytes)
{
    uint64_t lo = use == ELF_GUEST ? 0x40000000 : KEEL_PAGE_SIZE;
    uint8_t *copy = malloc(bytes);

    memcpy(copy, &elf, bytes);
    const char *wrong = elf_image_read(copy, bytes, use, lo, lo + (1ull << 30), &image);
    free(copy);
    return wrong;
}

START_TEST(test_elf_good)
{
    elf_begin();
    ck_assert_ptr_null(elf_read_it(ELF_SERVICE, sizeof elf));
    ck_assert_uint_eq(image.nsegments, 3);
    ck_assert_uint_eq(image.entry, 0x401000);
    ck_assert_uint_eq(image.phdr, 0x400000 + sizeof elf.file);
    ck_assert_uint_eq(image.segment[2].address, 0x403010);
    ck_assert_uint_eq(image.segment[2].bytes, 0x5000);
    ck_assert_uint_eq(image.segment[1].perm, KEEL_PERM_READ | KEEL_PERM_EXEC);
    ck_assert_ptr_null(elf_read_it(ELF_GUEST, sizeof elf));
    ck_assert_uint_eq(image.entry, 0x40201000);

    /* Where the entry is loaded is an address of another segment: it is not translated twice. */
    elf.segment[2].p_vaddr = 0x40201000;
    elf.segment[2].p_flags |= PF_X;
    ck_assert_ptr_null(elf_read_it(ELF_GUEST, sizeof elf));
    ck_assert_uint_eq(image.entry, 0x40201000);
}
END_TEST

#define BAD(change, message)                                      \
    do {                                                          \
        elf_begin();                                              \
        change;                                                   \
        const char *wrong = elf_read_it(ELF_SERVICE, sizeof elf); \
        ck_assert_ptr_nonnull(wrong);                             \
        ck_assert_str_eq(wrong, message);                         \
    } while (0)

START_TEST(test_elf_bad)
{
    BAD(elf.file.e_ident[0] = 0, "its ELF header is damaged");
    BAD(elf.file.e_machine = EM_X86_64,
        "it is not for AArch64, expected a little-endian 64-bit program");
    BAD(elf.file.e_ident[EI_DATA] = ELFDATA2MSB,
        "it is not for AArch64, expected a little-endian 64-bit program");
    BAD(elf.file.e_type = ET_DYN,
        "it is no executable with fixed addresses (link with -static -no-pie)");
    BAD(elf.file.e_phnum = 0, "its program headers are damaged");
    BAD(elf.file.e_phnum = 65, "its program headers are damaged");
    BAD(elf.file.e_phoff = sizeof elf - 8, "its program headers are damaged");
    BAD(elf.file.e_phentsize = 32, "its program headers are damaged");
    BAD(elf.segment[0].p_type = PT_INTERP, "it is dynamically linked, expected a static program");
    BAD(elf.segment[0].p_filesz = 0x900, "a segment has more bytes in the file than in memory");
    BAD(elf.segment[1].p_offset = sizeof elf, "a segment lies outside the file");
    BAD(elf.segment[1].p_offset = UINT64_MAX, "a segment lies outside the file");
    BAD(elf.segment[2].p_memsz = UINT64_MAX, "a segment lies outside the memory that it may have");
    BAD(elf.segment[0].p_vaddr = 0, "a segment lies outside the memory that it may have");
    BAD(elf.segment[2].p_vaddr = UINT64_MAX - 0x100,
        "a segment lies outside the memory that it may have");
    BAD(elf.segment[2].p_flags |= PF_X, "a segment is writable and executable");
    BAD(elf.segment[2].p_flags = PF_W, "a segment is not readable");
    BAD(elf.segment[1].p_vaddr = 0x400400, "segments overlap or do not ascend");
    BAD(elf.segment[1].p_vaddr = 0x400900, "two segments share a page");
    BAD(elf.segment[2].p_vaddr = 0x300000, "segments overlap or do not ascend");
    BAD(elf.file.e_entry = 0x400000, "its entry is not in an executable segment");
    BAD(elf.file.e_entry = 0x403010, "its entry is not in an executable segment");
    BAD(memset(elf.segment, 0, sizeof elf.segment), "it has nothing to load");
}
END_TEST

START_TEST(test_elf_damaged)
{
    elf_begin();
    for (size_t n = 0; n < sizeof elf.file + sizeof elf.segment + 16; n++)
        ck_assert_ptr_nonnull(elf_read_it(ELF_SERVICE, n ? n : 1));
    for (size_t n = 0; n < sizeof elf.file + sizeof elf.segment; n++)
        for (unsigned value = 0; value < 256; value += 5) {
            elf_begin();
            ((uint8_t *)&elf)[n] = (uint8_t)value;
            (void)!elf_read_it(ELF_SERVICE, sizeof elf);
            (void)!elf_read_it(ELF_GUEST, sizeof elf);
        }
}
END_TEST

/* Services. */

static struct config config;
static struct authority authority;

static void configure(const char *body)
{
    static void *tree;
    struct told told;
    size_t bytes;

    free(tree);
    tree = system_compile(body, &bytes);
    told_begin(&told);
    ck_assert_msg(config_read(&config, tree, bytes, test_platform(), &told.report) &&
                      authority_derive(&authority, &config, &told.report),
                  "%s", told.text);
}

static struct program program;
static uint32_t incarnations[KEEL_DOMAINS_MAX] = {1, 1, 5, 7};

static const char *lay_out(uint16_t id, const char **property)
{
    const struct program_life life = {
        .incarnation = 9, .incarnations = incarnations, .random = {1, 2, 3}};

    return program_layout(&program, &config, &authority, id, (const uint8_t *)&elf, sizeof elf,
                          &life, property);
}

/* What the service will find at an address. */
static const void *at(uint64_t address)
{
    for (uint32_t i = 0; i < program.nparts; i++) {
        const struct program_part *part = &program.part[i];

        if (part->data && address >= part->address + part->skip &&
            address < part->address + part->skip + part->data_bytes)
            return part->data + (address - part->address - part->skip);
    }
    ck_abort_msg("nothing at 0x%llx", (unsigned long long)address);
    return NULL;
}

START_TEST(test_program_layout)
{
    const char *property, *wrong;
    uint64_t pages = 0;

    configure("a { compatible = \"keel,service\"; image = \"i\"; memory = \"256K\"; };");
    elf_begin();
    wrong = lay_out(1, &property);
    ck_assert_msg(!wrong, "%s: %s", property, wrong);
    for (uint32_t i = 0; i < program.nparts; i++) {
        const struct program_part *part = &program.part[i];

        pages += part->pages;
        ck_assert_uint_eq(part->address % KEEL_PAGE_SIZE, 0);
        ck_assert((part->perm & (KEEL_PERM_WRITE | KEEL_PERM_EXEC)) !=
                  (KEEL_PERM_WRITE | KEEL_PERM_EXEC));
        if (i > 0)
            ck_assert_uint_ge(part->address, program.part[i - 1].address +
                                                 program.part[i - 1].pages * KEEL_PAGE_SIZE);
    }
    ck_assert_uint_eq(pages, 64); /* all of its memory */
}
END_TEST

START_TEST(test_program_start)
{
    const char *property;

    configure("scheduler { compatible = \"keel,service\"; image = \"i\"; };"
              "a { compatible = \"keel,service\"; image = \"i\"; args = \"one\", \"two\";"
              "    devices = \"/two@b010000\", \"serial0\"; uses = \"s\"; };"
              "s { compatible = \"keel,service\"; image = \"i\"; provides = <7>; };");
    elf_begin();
    ck_assert_ptr_null(lay_out(2, &property));
    ck_assert_uint_eq(program.entry, 0x401000);
    ck_assert_uint_eq(program.sp % 16, 0);

    const uint64_t *stack = at(program.sp);
    ck_assert_uint_eq(stack[0], 3);
    ck_assert_str_eq(at(stack[1]), "a");
    ck_assert_str_eq(at(stack[2]), "one");
    ck_assert_str_eq(at(stack[3]), "two");
    ck_assert_uint_eq(stack[4], 0);
    ck_assert_uint_eq(stack[5], 0);

    const struct keel_start *start = NULL;
    for (const uint64_t *auxv = stack + 6; auxv[0] != AT_NULL; auxv += 2) {
        if (auxv[0] == KEEL_AT_START)
            start = at(auxv[1]);
        if (auxv[0] == AT_PHDR)
            ck_assert_mem_eq(at(auxv[1]), elf.segment, sizeof elf.segment);
        if (auxv[0] == AT_RANDOM)
            ck_assert_mem_eq(at(auxv[1]), "\1\2\3\0", 4);
    }
    ck_assert_ptr_nonnull(start);
    ck_assert_uint_eq(start->version, KEEL_START_VERSION);
    ck_assert_uint_eq(start->domain, 2);
    ck_assert_uint_eq(start->incarnation, 9);
    ck_assert_uint_eq(start->self_edge, 0);
    ck_assert_str_eq(start->name, "a");
    ck_assert_uint_eq(start->nconnections, 1);
    const struct keel_connection *connection = at(start->connections);
    ck_assert_str_eq(connection->name, "s");
    ck_assert_uint_eq(connection->incarnation, 7);
    ck_assert_uint_eq(connection->port, 7);

    ck_assert_uint_eq(start->ndevices, 3);
    const struct keel_device *device = at(start->devices);
    ck_assert_str_eq(device[0].name, "two@b010000");
    ck_assert_uint_eq(device[0].bytes, 0x1000);
    ck_assert_uint_eq(device[0].irq_bit, 32);
    ck_assert_uint_eq(device[0].irqs, 2);
    ck_assert_uint_eq(device[1].bytes, 0x2000);
    ck_assert_uint_eq(device[1].irq_bit, 34);
    ck_assert_str_eq(device[2].name, "serial0");
    ck_assert_uint_eq(device[2].irq_bit, 35);
    ck_assert_uint_gt(device[1].address, device[0].address);
}
END_TEST

START_TEST(test_program_refused)
{
    const char *property;

    configure("a { compatible = \"keel,service\"; image = \"i\"; memory = \"64K\"; };");
    elf_begin();
    ck_assert_str_eq(lay_out(1, &property), "too little for its image, expected at least 116K");
    ck_assert_str_eq(property, "memory");
    elf.file.e_machine = EM_386;
    ck_assert_str_eq(lay_out(1, &property),
                     "it is not for AArch64, expected a little-endian 64-bit program");
    ck_assert_str_eq(property, "image");
}
END_TEST

/* Guests. */

static struct guest_image guest;

static const char *guest_lay_out(uint64_t memory, const void *kernel, size_t kernel_bytes,
                                 const void *ramdisk, size_t ramdisk_bytes, const char **property)
{
    const struct guest_file k = {kernel, kernel_bytes}, r = {ramdisk, ramdisk_bytes};

    return guest_layout(&guest, memory, &k, &r, property);
}

START_TEST(test_guest_raw_and_elf)
{
    const char *property;

    ck_assert_ptr_null(guest_lay_out(2 * MIB, "raw code", 8, NULL, 0, &property));
    ck_assert_uint_eq(guest.entry, 0x40080000);
    ck_assert_uint_eq(guest.npieces, 1);
    ck_assert_uint_eq(guest.dtb, 0x40000000 + 2 * MIB - GUEST_TREE_MAX);
    elf_begin();
    ck_assert_ptr_null(guest_lay_out(4 * MIB, &elf, sizeof elf, "ramdisk", 7, &property));
    ck_assert_uint_eq(guest.entry, 0x40201000);
    ck_assert_uint_eq(guest.npieces, 4);
    ck_assert_uint_eq(guest.ramdisk % KEEL_PAGE_SIZE, 0);
    ck_assert_uint_lt(guest.ramdisk, guest.dtb);
    ck_assert_uint_gt(guest.ramdisk, 0x40208010);
}
END_TEST

static uint8_t kernel[4096];

static void kernel_header(uint64_t text_offset, uint64_t size, uint64_t flags)
{
    memset(kernel, 0, sizeof kernel);
    memcpy(kernel + 8, &text_offset, 8);
    memcpy(kernel + 16, &size, 8);
    memcpy(kernel + 24, &flags, 8);
    memcpy(kernel + 56, "ARM\x64", 4);
}

START_TEST(test_guest_image)
{
    const char *property;

    kernel_header(0x80000, 3 * MIB, 0);
    ck_assert_ptr_null(guest_lay_out(8 * MIB, kernel, sizeof kernel, "r", 1, &property));
    ck_assert_uint_eq(guest.entry, 0x40080000);
    ck_assert_uint_ge(guest.ramdisk, 0x40080000 + 3 * MIB);
}
END_TEST

START_TEST(test_guest_refused)
{
    const char *property;

    kernel_header(0, 1ull << 40, 0);
    ck_assert_str_eq(guest_lay_out(8 * MIB, kernel, sizeof kernel, NULL, 0, &property),
                     "its header asks for more memory than the guest has");
    ck_assert_str_eq(property, "kernel");
    kernel_header(UINT64_MAX, MIB, 0);
    ck_assert_str_eq(guest_lay_out(8 * MIB, kernel, sizeof kernel, NULL, 0, &property),
                     "its header asks for more memory than the guest has");
    kernel_header(0, MIB, 1);
    ck_assert_str_eq(guest_lay_out(8 * MIB, kernel, sizeof kernel, NULL, 0, &property),
                     "it is a big-endian kernel, expected a little-endian one");
    kernel_header(0, 8 * MIB, 0);
    ck_assert_str_eq(guest_lay_out(8 * MIB, kernel, sizeof kernel, NULL, 0, &property),
                     "too little for the kernel and 64K behind it, expected more");
    ck_assert_str_eq(property, "memory");
    kernel_header(0, 4 * MIB, 0);
    ck_assert_str_eq(guest_lay_out(8 * MIB, kernel, sizeof kernel, kernel, 4 * MIB, &property),
                     "too little for kernel and ramdisk and 64K behind them, expected more");
    ck_assert_str_eq(guest_lay_out(8 * MIB, "\x1f\x8b\x08", 3, NULL, 0, &property),
                     "it is compressed, expected an Image, an ELF file or raw code");
    ck_assert_str_eq(guest_lay_out(8 * MIB, "MZ\0\0zimg....", 12, NULL, 0, &property),
                     "it is a compressed EFI image, expected an Image, an ELF file or raw code");
    ck_assert_str_eq(guest_lay_out(8 * MIB, "", 0, NULL, 0, &property), "it is empty");
}
END_TEST

static uint64_t reg(const void *tree, const char *path, int index)
{
    int length, node = fdt_path_offset(tree, path);
    const fdt32_t *cell = fdt_getprop(tree, node, "reg", &length);

    ck_assert_msg(cell && length >= 8 * (index + 1), "no reg in %s", path);
    return (uint64_t)fdt32_to_cpu(cell[2 * index]) << 32 | fdt32_to_cpu(cell[2 * index + 1]);
}

START_TEST(test_tree)
{
    static _Alignas(8) uint8_t tree[GUEST_TREE_MAX];
    const uint8_t seed[TREE_SEED_BYTES] = {1};
    const char *property;

    configure(
        "g { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"64M\"; cpus = <3>;"
        "bootargs = \"console=ttyAMA0\"; devices = \"/pl061@9030000\", \"/pl031@9010000\"; };");
    ck_assert_ptr_null(guest_lay_out(64 * MIB, "raw", 3, "ramdisk", 7, &property));
    size_t bytes = tree_write(tree, sizeof tree, &config, &authority, 1, &guest, seed);
    ck_assert_uint_gt(bytes, 0);
    ck_assert_int_eq(fdt_check_full(tree, bytes), 0);
    ck_assert_uint_eq(reg(tree, "/memory@40000000", 0), 0x40000000);
    ck_assert_uint_eq(reg(tree, "/memory@40000000", 1), 64 * MIB);
    ck_assert_uint_eq(reg(tree, "/interrupt-controller@8000000", 3), 3 * KEEL_MACHINE_GICR_STRIDE);
    ck_assert_int_ge(fdt_path_offset(tree, "/cpus/cpu@2"), 0);
    ck_assert_int_lt(fdt_path_offset(tree, "/cpus/cpu@3"), 0);
    ck_assert_int_ge(fdt_path_offset(tree, "/pl011@9000000"), 0);
    int chosen = fdt_path_offset(tree, "/chosen");
    ck_assert_str_eq(fdt_getprop(tree, chosen, "bootargs", NULL), "console=ttyAMA0");
    ck_assert_str_eq(fdt_getprop(tree, chosen, "stdout-path", NULL), "/pl011@9000000");
    ck_assert_str_eq(fdt_getprop(tree, fdt_path_offset(tree, "/psci"), "method", NULL), "hvc");

    /* What was passed through: with its own properties, and nothing that leads elsewhere. */
    int gpio = fdt_path_offset(tree, "/pl061@9030000"), length;
    ck_assert_int_ge(gpio, 0);
    ck_assert_ptr_nonnull(fdt_getprop(tree, gpio, "gpio-controller", NULL));
    const fdt32_t *irq = fdt_getprop(tree, gpio, "interrupts", &length);
    ck_assert_int_eq(length, 12);
    ck_assert_uint_eq(fdt32_to_cpu(irq[1]), 7);
    ck_assert_ptr_null(fdt_getprop(tree, gpio, "phandle", NULL));
    /* One clock, the platform's; with the clock that the tree has. */
    int rtc = fdt_path_offset(tree, "/pl031@9010000");
    ck_assert_int_ge(rtc, 0);
    const fdt32_t *clock = fdt_getprop(tree, rtc, "clocks", &length);
    ck_assert_int_eq(fdt_node_offset_by_phandle(tree, fdt32_to_cpu(*clock)),
                     fdt_path_offset(tree, "/apb-pclk"));
}
END_TEST

static void ports(const void *tree, const char *path, const char *name, unsigned n,
                  const uint32_t *want)
{
    int length = 0, node = fdt_path_offset(tree, path);
    const fdt32_t *cell = fdt_getprop(tree, node, name, &length);

    ck_assert_msg(node >= 0, "no %s", path);
    ck_assert_msg(cell ? length == (int)(4 * n) : n == 0, "%s of %s: %d", name, path, length);
    for (unsigned i = 0; i < n; i++)
        ck_assert_uint_eq(fdt32_to_cpu(cell[i]), want[i]);
}

#define PORTS(path, name, ...)                                                    \
    ports(tree, path, name, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
          (const uint32_t[]){__VA_ARGS__})

/* abi/argo-binding.md */
START_TEST(test_tree_argo)
{
    static _Alignas(8) uint8_t tree[GUEST_TREE_MAX];
    const uint8_t seed[TREE_SEED_BYTES] = {1};
    const char *property;

    configure("g { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"64M\"; provides = <7 8>;"
              "uses = \"s:40\", \"builder\"; sends = \"s:41\"; };"
              "s { compatible = \"keel,service\"; image = \"i\"; provides = <40 41>;"
              "sends = \"g:8\"; };"
              "t { compatible = \"keel,service\"; image = \"i\"; uses = \"g:7\"; };"
              "u { compatible = \"keel,service\"; image = \"i\"; };");
    ck_assert_ptr_null(guest_lay_out(64 * MIB, "raw", 3, NULL, 0, &property));
    size_t bytes = tree_write(tree, sizeof tree, &config, &authority, 1, &guest, seed);
    ck_assert_int_eq(fdt_check_full(tree, bytes), 0);
    ck_assert_str_eq(fdt_getprop(tree, fdt_path_offset(tree, "/argo"), "compatible", NULL),
                     "keel,argo");
    PORTS("/argo", "interrupts", 0, KEEL_MACHINE_ARGO_IRQ - 32, 1);
    PORTS("/argo", "domain-id", 1);
    /* Its own, that of answers, and that of the supervisor's. */
    PORTS("/argo", "receive-ports", 7, 8, 40, KEEL_PORT_CONTROL, 41);
    PORTS("/argo/peer@0", "send-ports", KEEL_PORT_SUPERVISOR);
    PORTS("/argo/peer@0", "receive-ports", KEEL_PORT_CONTROL);
    ck_assert_str_eq(fdt_getprop(tree, fdt_path_offset(tree, "/argo/peer@3"), "label", NULL), "s");
    PORTS("/argo/peer@3", "reg", 3);
    PORTS("/argo/peer@3", "send-ports", 40, 41);
    PORTS("/argo/peer@3", "receive-ports", 40, 8);
    PORTS("/argo/peer@4", "send-ports", 7);
    PORTS("/argo/peer@4", "receive-ports", 7);
    ck_assert_int_lt(fdt_path_offset(tree, "/argo/peer@1"), 0);
    ck_assert_int_lt(fdt_path_offset(tree, "/argo/peer@5"), 0);

    /* Who has nothing to do with it has none. */
    configure("g { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"64M\"; };");
    ck_assert_uint_gt(tree_write(tree, sizeof tree, &config, &authority, 1, &guest, seed), 0);
    ck_assert_int_lt(fdt_path_offset(tree, "/argo"), 0);
    configure("g { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"64M\"; sends = \"s:9\"; };"
              "s { compatible = \"keel,service\"; image = \"i\"; provides = <9>; };");
    ck_assert_uint_gt(tree_write(tree, sizeof tree, &config, &authority, 1, &guest, seed), 0);
    PORTS("/argo/peer@3", "send-ports", 9);
    ck_assert_ptr_null(
        fdt_getprop(tree, fdt_path_offset(tree, "/argo/peer@3"), "receive-ports", NULL));
}
END_TEST

START_TEST(test_tree_does_not_fit)
{
    static _Alignas(8) uint8_t tree[1024];
    const uint8_t seed[TREE_SEED_BYTES] = {0};
    const char *property;

    configure("g { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"64M\"; };");
    ck_assert_ptr_null(guest_lay_out(64 * MIB, "raw", 3, NULL, 0, &property));
    ck_assert_uint_eq(tree_write(tree, sizeof tree, &config, &authority, 1, &guest, seed), 0);
}
END_TEST

/* The files of domains, all at once. */

static struct {
    const char *name;
    const void *data;
    size_t bytes;
} files[] = {
    {"good", &elf, sizeof elf},
    {"short", &elf, 100},
    {"raw", "raw", 3},
    {"ramdisk", "ramdisk", 7},
};

static const char *file(void *context, uint32_t number, const uint8_t **data, size_t *bytes)
{
    (void)context;
    if (number == sizeof files / sizeof files[0])
        return NULL;
    *data = files[number].data;
    *bytes = files[number].bytes;
    return files[number].name;
}

/* What is said about the files of a system; with authority, or without. */
static void images(const char *body, bool derived, const char *said)
{
    const struct image_source source = {.file = file};
    struct told told;

    configure(body);
    elf_begin();
    told_begin(&told);
    bool right = image_check(&config, derived ? &authority : NULL, &source, &told.report);
    ck_assert_str_eq(told.text, said);
    ck_assert(right == (said[0] == '\0'));
}

#define SERVICE(name, image, body) \
    name " { compatible = \"keel,service\"; image = \"" image "\"; " body " };\n"
#define GUEST(name, kernel, body)                                             \
    name " { compatible = \"keel,guest\"; kernel = \"" kernel "\"; " body " " \
         "emulation { image = \"good\"; }; };\n"

START_TEST(test_images)
{
    images(SERVICE("a", "good", "") GUEST("g", "raw", "memory = \"2M\"; ramdisk = \"ramdisk\";"),
           true, "");
    images(SERVICE("a", "godo", "")
               GUEST("g", "linux", "memory = \"2M\"; ramdisk = \"initrd\"; start = \"later\";"),
           true,
           "/a: image: there is no \"godo\" (perhaps \"good\"?) in the bundle, expected one of its "
           "files\n"
           "/g: kernel: there is no \"linux\" in the bundle, expected one of its files\n"
           "/g: ramdisk: there is no \"initrd\" in the bundle, expected one of its files");
    images(
        SERVICE("a", "short", "") SERVICE("b", "good", "memory = \"112K\";")
            GUEST("g", "short", "memory = \"2M\";"),
        true,
        "/a: image: \"short\": its program headers are damaged, expected a static program for "
        "AArch64\n"
        "/b: memory: too little for its image, expected at least 116K\n"
        "/g: kernel: \"short\": its program headers are damaged, expected an Image, an ELF file or "
        "raw code that fits its memory");
    /* Without authority only names are looked up. */
    images(SERVICE("a", "short", "") SERVICE("b", "none", ""), false,
           "/b: image: there is no \"none\" in the bundle, expected one of its files");
}
END_TEST

/* Tables for what is mapped, with the default and with too little. */
START_TEST(test_quota)
{
    images(SERVICE("a", "good", "memory = \"256M\";") GUEST("g", "raw", "memory = \"512M\";"), true,
           "");
    /* The root, one for the GiB, one for each 2 MiB: image to stack in one, the heap in three; 2
     * for events. */
    images(SERVICE("a", "good", "memory = \"4M\"; quota { kernel-memory = \"32K\"; };"), true, "");
    images(SERVICE("a", "good", "memory = \"6M\"; quota { kernel-memory = \"32K\"; };"), true, "");
    images(
        SERVICE("a", "good", "memory = \"8M\"; quota { kernel-memory = \"32K\"; };"), true,
        "/a/quota: kernel-memory: 32K is too little for page tables and rings, expected at least 36K");
}
END_TEST

/* The bundle. */

static uint8_t archive[4 * sizeof elf];
static size_t archive_bytes;

static void archive_add(const char *name, const void *data, size_t bytes)
{
    archive_bytes +=
        (size_t)sprintf((char *)archive + archive_bytes,
                        "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1, 0100644,
                        0, 0, 1, 0, bytes, 0, 0, 0, 0, strlen(name) + 1, 0);
    strcpy((char *)archive + archive_bytes, name);
    archive_bytes = (archive_bytes + strlen(name) + 1 + 3) & ~(size_t)3;
    memcpy(archive + archive_bytes, data, bytes);
    archive_bytes = (archive_bytes + bytes + 3) & ~(size_t)3;
}

static bool intact(const char *name, size_t at)
{
    const struct bundle_module *found = bundle_find(name);
    uint8_t *byte = archive + (found->file.data - archive) + at;

    ck_assert_uint_lt(at, found->file.bytes);
    *byte ^= 1;

    bool is = bundle_intact(found);

    *byte ^= 1;
    ck_assert(bundle_intact(found));
    return is;
}

/* What is made of a file must be what it was: of a program, what is loaded, and the headers; of others all. */
START_TEST(test_bundle_intact)
{
    uint8_t digest[SHA256_BYTES];

    elf_begin();
    archive_bytes = 0;
    archive_add("program", &elf, sizeof elf - 1);
    archive_add("cut", &elf, 0x2030); /* right behind what is loaded, and no whole block */
    archive_add("text", "a text", 6);
    archive_add("blocks", &elf.content, 128);
    archive_add("nothing", "", 0);
    archive_add("TRAILER!!!", "", 0);
    ck_assert_ptr_null(bundle_open(archive, archive_bytes));
    ck_assert_uint_eq(bundle_modules(), 5);
    for (uint32_t i = 0; i < bundle_modules(); i++) {
        sha256(bundle_module(i)->file.data, bundle_module(i)->file.bytes, digest);
        ck_assert_mem_eq(bundle_module(i)->digest, digest, sizeof digest);
        ck_assert(bundle_intact(bundle_module(i)));
    }
    for (size_t at = 0; at < 0x2020; at += at < 0x200 || at > 0x1fe0 ? 1 : 61)
        ck_assert(!intact("program", at) && !intact("cut", at));
    ck_assert(!intact("cut", 0x202f)); /* all of it, then */
    ck_assert(intact("program", 0x2040));
    ck_assert(intact("program", sizeof elf - 2));
    for (size_t at = 0; at < 6; at++)
        ck_assert(!intact("text", at));
    ck_assert(!intact("blocks", 127));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("builder");
    TCase *tcase = tcase_create("builder");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_memory_from_the_top);
    tcase_add_test(tcase, test_memory_in_several_runs);
    tcase_add_test(tcase, test_memory_is_given_once);
    tcase_add_test(tcase, test_elf_good);
    tcase_add_test(tcase, test_elf_bad);
    tcase_add_test(tcase, test_elf_damaged);
    tcase_add_test(tcase, test_program_layout);
    tcase_add_test(tcase, test_program_start);
    tcase_add_test(tcase, test_program_refused);
    tcase_add_test(tcase, test_guest_raw_and_elf);
    tcase_add_test(tcase, test_guest_image);
    tcase_add_test(tcase, test_guest_refused);
    tcase_add_test(tcase, test_tree);
    tcase_add_test(tcase, test_tree_argo);
    tcase_add_test(tcase, test_tree_does_not_fit);
    tcase_add_test(tcase, test_images);
    tcase_add_test(tcase, test_quota);
    tcase_add_test(tcase, test_bundle_intact);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
