/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes for the builder what the builder makes for others: a heap, an initial stack, a start block
 * (see begin.h). Runs before the C library and its stack protector: no libc, static memory only.
 */
#include "begin.h"

#include "memory.h"

#include <elf.h>
#include <keel/calls.h>
#include <stddef.h>

#define HEAP_PAGES 128ull
#define POOL_PAGES 64ull /* for own page tables, besides the kernel's first few */

extern const Elf64_Ehdr __ehdr_start;
int main(void);
int __libc_start_main(int (*start)(void), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*linker)(void));

/* argc, argv, envp, auxv, as the ELF ABI has them on a stack. */
static struct {
    uint64_t argc;
    const char *argv[2];
    const char *envp[1];
    uint64_t auxv[8][2];
} initial;

static struct {
    struct keel_start start;
    struct keel_connection console;
} block = {
    .start = {.version = KEEL_START_VERSION,
              .size = sizeof block,
              .incarnation = 1,
              .name = "builder"},
};

static const struct keel_boot *boot_structure;
static uint32_t boot_cpus;

static void require(bool holds, const char *what, size_t bytes)
{
    if (holds)
        return;
    for (int64_t taken = 0; taken >= 0 && bytes; bytes -= (size_t)taken, what += taken)
        taken = keel_console_write(what, bytes);
    for (;;)
        keel_system_off(1);
}

#define REQUIRE(holds, text) require(holds, "builder: " text "\n", sizeof "builder: " text "\n" - 1)

static bool scrub(uint64_t pa, uint64_t pages)
{
    while (pages) {
        int64_t done = keel_memory_scrub(pa, pages);

        if (done <= 0)
            return false;
        pages -= (uint64_t)done;
        pa += (uint64_t)done << KEEL_PAGE_SHIFT;
    }
    return true;
}

static void make_heap(void)
{
    struct memory_runs pool, heap;
    uint64_t done = 0;

    REQUIRE(memory_take(POOL_PAGES, 0, &pool) && memory_take(HEAP_PAGES, 0, &heap) &&
                pool.count == 1 && heap.count == 1,
            "the platform has no memory left for the builder");
    REQUIRE(scrub(pool.run[0].pa, POOL_PAGES) && scrub(heap.run[0].pa, HEAP_PAGES),
            "the kernel does not scrub memory");
    REQUIRE(keel_memory_pool(BUILDER_SELF, pool.run[0].pa, POOL_PAGES) >= 0,
            "the kernel takes no pool");
    while (done < HEAP_PAGES) {
        int64_t n = keel_memory_map(BUILDER_SELF, heap.run[0].pa + (done << KEEL_PAGE_SHIFT),
                                    BUILDER_HEAP_VA + (done << KEEL_PAGE_SHIFT), 0,
                                    HEAP_PAGES - done, KEEL_PERM_READ | KEEL_PERM_WRITE);

        REQUIRE(n > 0, "the kernel does not map the heap");
        done += (uint64_t)n;
    }
    block.start.heap = BUILDER_HEAP_VA;
    block.start.heap_bytes = HEAP_PAGES << KEEL_PAGE_SHIFT;
    block.start.stack = KEEL_BUILDER_STACK_VA;
    block.start.stack_bytes = KEEL_BUILDER_STACK_BYTES;
    block.start.connections = (uint64_t)(uintptr_t)&block.console;
}

static void add_auxv(unsigned n, uint64_t type, uint64_t value)
{
    initial.auxv[n][0] = type;
    initial.auxv[n][1] = value;
}

_Noreturn void begin(const struct keel_boot *boot, uint64_t cpus)
{
    boot_structure = boot;
    boot_cpus = (uint32_t)cpus;
    REQUIRE(boot && boot->magic == KEEL_BOOT_MAGIC && boot->version == KEEL_BOOT_VERSION &&
                boot->nextents <= KEEL_EXTENTS_MAX,
            "the boot structure is of another version");
    memory_init(boot);
    make_heap();

    initial.argc = 1;
    initial.argv[0] = block.start.name;
    add_auxv(0, AT_PAGESZ, KEEL_PAGE_SIZE);
    add_auxv(1, AT_PHDR, (uint64_t)(uintptr_t)&__ehdr_start + __ehdr_start.e_phoff);
    add_auxv(2, AT_PHENT, __ehdr_start.e_phentsize);
    add_auxv(3, AT_PHNUM, __ehdr_start.e_phnum);
    add_auxv(4, AT_SECURE, 0);
    add_auxv(5, KEEL_AT_START, (uint64_t)(uintptr_t)&block.start);
    add_auxv(6, AT_HWCAP, boot->hwcap);
    add_auxv(7, AT_NULL, 0);
    __libc_start_main(main, (int)initial.argc, (char **)(uintptr_t)initial.argv, NULL, NULL, NULL);
    for (;;)
        keel_exit(1);
}

const struct keel_boot *begin_boot(void)
{
    return boot_structure;
}

uint32_t begin_cpus(void)
{
    return boot_cpus;
}

void begin_console(const struct keel_connection *console)
{
    block.console = *console;
    block.start.nconnections = 1;
}
