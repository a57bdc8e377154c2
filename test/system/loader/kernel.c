/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that does nothing but check what the loader promises in keel/boot.h, on all CPUs: prints
 * TAP on the console and powers off. It writes over all free memory, as a real kernel may.
 */
#include <keel/boot.h>

uint64_t translate_read(uint64_t va);
uint64_t translate_write(uint64_t va);
uint64_t smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
_Noreturn void kernel_main(uint64_t cpu, const struct keel_boot *boot, uint64_t index);
_Noreturn void kernel_exception(uint64_t esr, uint64_t elr, uint64_t far);

extern const uint8_t text_start[], rodata_start[], data_start[], bss_start[], bss_end[];

static const struct keel_boot *boot_page;
static uint32_t cpus_ready;
static unsigned int tests;
static uint64_t zero_at_start[600];
static uint64_t set_at_start = 0x1234567890abcdef;

static void put(char c)
{
    volatile uint32_t *uart = (volatile uint32_t *)boot_page->console_pa;

    if (boot_page->console_kind == KEEL_CONSOLE_PL011)
        uart[0] = (uint8_t)c;
    else
        uart[0x30 / 4] = (uint8_t)c;
}

static void print(const char *string)
{
    for (; *string; string++)
        put(*string);
}

static void print_number(uint64_t value, unsigned int base)
{
    if (value >= base)
        print_number(value / base, base);
    put("0123456789abcdef"[value % base]);
}

static _Noreturn void end(void)
{
    print("1..");
    print_number(tests, 10);
    print("\n");
    smc(0x84000008, 0, 0, 0);
    for (;;)
        ;
}

_Noreturn void kernel_exception(uint64_t esr, uint64_t elr, uint64_t far)
{
    print("Bail out! exception ");
    print_number(esr, 16);
    print(" ELR ");
    print_number(elr, 16);
    print(" FAR ");
    print_number(far, 16);
    print("\n");
    end();
}

static void ok(int good, const char *what)
{
    print(good ? "ok " : "not ok ");
    print_number(++tests, 10);
    print(" - ");
    print(what);
    print("\n");
}

static int readable(uint64_t va, uint64_t pa)
{
    uint64_t par = translate_read(va);

    return !(par & 1) && (par & 0x0000fffffffff000) == pa;
}

static int writable(uint64_t va)
{
    return !(translate_write(va) & 1);
}

static int checksum_good(const struct keel_boot *boot)
{
    const uint32_t *word = (const uint32_t *)boot;
    uint32_t sum = 0;

    for (unsigned int i = 0; i < sizeof(*boot) / sizeof(*word); i++)
        sum += word[i];
    return sum - boot->checksum == boot->checksum;
}

static int extents_good(const struct keel_boot *boot)
{
    uint64_t last = boot->ram_lo;

    for (uint32_t i = 0; i < boot->nextents; i++) {
        const struct keel_extent *extent = &boot->extent[i];

        if (extent->pa < last || extent->pages == 0 || extent->kind > KEEL_EXTENT_RESERVED)
            return 0;
        last = extent->pa + extent->pages * KEEL_PAGE_SIZE;
    }
    return boot->extent[0].pa == boot->ram_lo && last == boot->ram_hi;
}

/* Whether [pa, pa + pages) is in extents of that kind. */
static int is_kind(uint64_t pa, uint64_t pages, uint32_t kind)
{
    uint64_t end_pa = pa + pages * KEEL_PAGE_SIZE;

    for (uint32_t i = 0; i < boot_page->nextents; i++) {
        const struct keel_extent *extent = &boot_page->extent[i];

        if (pa >= extent->pa && end_pa <= extent->pa + extent->pages * KEEL_PAGE_SIZE)
            return extent->kind == kind;
    }
    return 0;
}

/* The bytes behind the end of what lies in an extent are zeros. */
static int slack_good(uint32_t kind, uint64_t bytes, uint64_t va)
{
    for (uint32_t i = 0; i < boot_page->nextents; i++) {
        const struct keel_extent *extent = &boot_page->extent[i];
        const uint8_t *data = (const uint8_t *)extent->pa;

        if (extent->kind != kind)
            continue;
        if (extent->va != va || (bytes + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE != extent->pages)
            return 0;
        for (uint64_t j = bytes; j < extent->pages * KEEL_PAGE_SIZE; j++) {
            if (data[j] != 0)
                return 0;
        }
        return 1;
    }
    return 0;
}

/* Everything but the kernel's read-only parts is read-write and nothing but RAM is there. */
static int identity_good(void)
{
    for (uint32_t i = 0; i < boot_page->nextents; i++) {
        const struct keel_extent *extent = &boot_page->extent[i];
        uint64_t last = extent->pa + (extent->pages - 1) * KEEL_PAGE_SIZE;

        if (extent->kind == KEEL_EXTENT_RESERVED) {
            if (!(translate_read(extent->pa) & 1) || !(translate_read(last) & 1))
                return 0;
        } else if (!readable(extent->pa, extent->pa) || !readable(last, last) ||
                   (extent->kind != KEEL_EXTENT_KERNEL &&
                    !(writable(extent->pa) && writable(last)))) {
            return 0;
        }
    }
    return (translate_read(boot_page->ram_hi) & 1) && (translate_read(0) & 1);
}

static int kernel_map_good(void)
{
    for (const uint8_t *at = text_start; at < bss_end; at += KEEL_PAGE_SIZE) {
        uint64_t va = (uint64_t)at;
        uint64_t pa = boot_page->kernel_pa + (va - KEEL_KERNEL_VA);

        if (!readable(va, pa) || writable(va) != (at >= data_start) ||
            writable(pa) != (at >= data_start))
            return 0;
    }
    return translate_read((uint64_t)bss_end) & 1;
}

static int cpu_areas_good(void)
{
    const struct keel_cpu_entry *entry = (const void *)boot_page->cpu_entry_pa;

    for (uint32_t n = 0; n < boot_page->ncpus; n++, entry++) {
        if (entry->index != n || entry->page_table_pa != boot_page->page_table_pa ||
            entry->stack != KEEL_CPU_VA(n) + KEEL_CPU_AREA ||
            entry->cpu != KEEL_CPU_VA(n) + KEEL_CPU_GUARD ||
            entry->argument != (n == 0 ? (uint64_t)boot_page : 0))
            return 0;
        for (uint64_t va = KEEL_CPU_VA(n); va < entry->stack; va += KEEL_PAGE_SIZE) {
            if (writable(va) != (va >= entry->cpu))
                return 0;
        }
    }
    return translate_read(KEEL_CPU_VA(boot_page->ncpus)) & 1;
}

static int bss_good(void)
{
    for (unsigned int i = 0; i < sizeof(zero_at_start) / sizeof(zero_at_start[0]); i++) {
        if (zero_at_start[i] != 0)
            return 0;
    }
    return set_at_start == 0x1234567890abcdef;
}

/* The builder of the test begins with a text that it also gives the length of. */
static int builder_good(void)
{
    static const char expected[] = "Keel test builder";
    unsigned int segments = 0, found = 0, zeros = 1;

    for (uint32_t i = 0; i < boot_page->nextents; i++) {
        const struct keel_extent *extent = &boot_page->extent[i];
        const uint8_t *data = (const uint8_t *)extent->pa;

        if (extent->kind != KEEL_EXTENT_BUILDER)
            continue;
        segments++;
        if (extent->va % KEEL_PAGE_SIZE || !(extent->perm & KEEL_PERM_READ) ||
            ((extent->perm & KEEL_PERM_WRITE) && (extent->perm & KEEL_PERM_EXEC)))
            return 0;
        if (extent->perm & KEEL_PERM_EXEC) {
            found = 1;
            for (unsigned int j = 0; j < sizeof(expected); j++)
                found &=
                    data[boot_page->builder_entry - extent->va + 4 + j] == (uint8_t)expected[j];
        }
        if (extent->va == KEEL_BUILDER_STACK_VA) {
            for (uint64_t j = 0; j < KEEL_BUILDER_STACK_BYTES; j++)
                zeros &= data[j] == 0;
        }
    }
    return found && zeros && segments == 5 &&
           boot_page->builder_stack == KEEL_BUILDER_STACK_VA + KEEL_BUILDER_STACK_BYTES;
}

static int devices_good(void)
{
    for (uint32_t i = 0; i < boot_page->ndevice_regions; i++) {
        uint64_t pa = boot_page->device_region[i].pa;

        /* PAR_EL1.ATTR: device nGnRE */
        if (!readable(pa, pa) || !writable(pa) || translate_read(pa) >> 56 != 0x04)
            return 0;
    }
    return boot_page->ndevice_regions > 0;
}

/* Fills free memory but for the last 64 MiB of each extent, to be quick. */
static void overwrite_free(void)
{
    for (uint32_t i = 0; i < boot_page->nextents; i++) {
        const struct keel_extent *extent = &boot_page->extent[i];
        uint64_t pages = extent->pages < 16384 ? extent->pages : 16384;

        for (uint64_t j = 0; extent->kind == KEEL_EXTENT_FREE && j < pages * 512; j++)
            ((uint64_t *)extent->pa)[j] = 0xa5a5a5a5a5a5a5a5;
    }
}

static int start_cpus(void)
{
    for (uint32_t n = 1; n < boot_page->ncpus; n++) {
        if (smc(0xc4000003, boot_page->cpu_mpidr[n], boot_page->kernel_pa,
                boot_page->cpu_entry_pa + n * sizeof(struct keel_cpu_entry)) != 0)
            return 0;
    }
    while (__atomic_load_n(&cpus_ready, __ATOMIC_ACQUIRE) != boot_page->ncpus)
        ;
    return 1;
}

_Noreturn void kernel_main(uint64_t cpu, const struct keel_boot *boot, uint64_t index)
{
    *(volatile uint64_t *)cpu = index;
    __atomic_add_fetch(&cpus_ready, 1, __ATOMIC_RELEASE);
    while (index != 0)
        ;
    boot_page = boot;
    ok(boot->magic == KEEL_BOOT_MAGIC && boot->version == KEEL_BOOT_VERSION &&
           boot->size == sizeof(*boot) && checksum_good(boot),
       "boot structure");
    ok(bss_good(), "bss and data");
    ok(extents_good(boot), "extents");
    ok(is_kind((uint64_t)boot, 1, KEEL_EXTENT_BOOT) &&
           is_kind(boot->kernel_pa, (uint64_t)(bss_end - text_start) / KEEL_PAGE_SIZE,
                   KEEL_EXTENT_KERNEL) &&
           is_kind(boot->page_table_pa, 1, KEEL_EXTENT_KERNEL) &&
           is_kind(boot->cpu_entry_pa, 1, KEEL_EXTENT_KERNEL) &&
           is_kind(boot->kernel_pa - KEEL_PAGE_SIZE, 1, KEEL_EXTENT_FREE) &&
           is_kind(boot->frame_table_pa, boot->frame_table_pages, KEEL_EXTENT_KERNEL),
       "owners of pages");
    ok(boot->frame_table_pages * 512 >= (boot->ram_hi - boot->ram_lo) / KEEL_PAGE_SIZE,
       "frame table");
    overwrite_free();
    ok(identity_good(), "identity map");
    ok(kernel_map_good(), "kernel image");
    ok(cpu_areas_good(), "CPU areas");
    ok(devices_good(), "devices");
    ok(slack_good(KEEL_EXTENT_BUNDLE, boot->bundle_bytes, KEEL_BUILDER_BUNDLE_VA), "bundle");
    ok(slack_good(KEEL_EXTENT_DTB, boot->dtb_bytes, KEEL_BUILDER_DTB_VA), "device tree");
    ok(builder_good(), "builder");
    ok(boot->irq_timer_virtual == 27 && boot->irq_timer_hyp == 26 && boot->irq_maintenance == 25,
       "interrupts");
    ok(start_cpus(), "all CPUs start");
    end();
}
