/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's start: checks what the loader handed over, starts the CPUs, builds the builder. */
#include "main.h"

#include "cpu/cpu.h"
#include "cpu/dispatch.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"
#include "interrupt/irq.h"
#include "memory/frame.h"

#define BUILDER_POOL_PAGES 64

struct keel_boot platform;

bool kernel_owns(uint64_t lo, uint64_t hi)
{
    if (lo < platform.ram_hi && hi >= platform.ram_lo)
        return true;
    for (uint32_t i = 0; i < platform.ndevice_regions; i++) {
        const struct keel_device_region *region = &platform.device_region[i];

        /* The console's UART is lent: the kernel uses it only where nobody else can. */
        if (region->pa != platform.console_pa && lo < region->pa + region->size && hi >= region->pa)
            return true;
    }
    return false;
}

/* Clean free pages for the builder's own tables, before there is anybody to ask for them. */
static void builder_pool(struct domain *builder)
{
    const struct keel_extent *extent = platform.extent;

    while (extent->kind != KEEL_EXTENT_FREE || extent->pages < BUILDER_POOL_PAGES)
        CHECK(++extent < platform.extent + platform.nextents);
    for (uint64_t done = 0; done < BUILDER_POOL_PAGES;) {
        int64_t pages =
            frames_scrub(PADDR(extent->pa + done * KEEL_PAGE_SIZE), BUILDER_POOL_PAGES - done);

        CHECK(pages > 0);
        done += (uint64_t)pages;
    }
    CHECK(space_pool_add(&builder->space, PADDR(extent->pa), BUILDER_POOL_PAGES) == 0);
}

static void builder_edges(struct domain *builder)
{
    for (uint16_t i = 0; i < KEEL_DOMAINS_MAX; i++) {
        struct keel_edge edge = {
            .target = i,
            .rights = KEEL_RIGHT_BUILD | KEEL_RIGHT_STOP | KEEL_RIGHT_WATCH,
            .memory_lo = 1, /* empty windows */
            .irq_lo = 1,
        };

        if (i == KEEL_DOMAIN_BUILDER)
            edge.rights = KEEL_RIGHT_BUILD | KEEL_RIGHT_SELF | KEEL_RIGHT_AUDIT | KEEL_RIGHT_SYSTEM;
        CHECK(authority_edge_set(builder, i, &edge) == 0);
    }
}

static void builder_start(void)
{
    const struct keel_domain_params params = {
        .kind = KEEL_DOMAIN_USER,
        .flags = KEEL_DOMAIN_FP, /* to hash with */
        .vcpus = 1,
        .cpus = ~0ul,
        .reserve_budget = 1000000,
        .reserve_period = 10000000,
        .reserve_delay = 20000000,
        .name = "builder",
    };
    struct domain *builder = &domains[KEEL_DOMAIN_BUILDER];
    struct keel_registers registers = {
        .x = {KEEL_BUILDER_BOOT_VA, cpus_online},
        .sp = platform.builder_stack,
        .pc = platform.builder_entry,
    };

    CHECK(domain_create(builder, &params) == 1);
    builder_pool(builder);
    for (uint32_t i = 0; i < platform.nextents; i++) {
        const struct keel_extent *extent = &platform.extent[i];
        uint32_t perm = extent->kind == KEEL_EXTENT_BUILDER ? extent->perm : KEEL_PERM_READ;

        if (extent->kind >= KEEL_EXTENT_BUILDER && extent->kind <= KEEL_EXTENT_BOOT)
            CHECK(space_map_boot(&builder->space, PADDR(extent->pa), IPA(extent->va), extent->pages,
                                 perm) == 0);
    }
    builder_edges(builder);
    arch_registers_write(builder->vcpu[0], &registers);
    CHECK(domain_seal(builder) == 0 && domain_run(builder) == 0);
}

static void cpu_init(uint32_t index)
{
    struct cpu *cpu = cpu_this();

    memset(cpu, 0, sizeof(*cpu));
    cpu->index = index;
    dispatch_init(cpu);
    arch_init_cpu(cpu);
    __atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
}

noreturn void cpu_main(const struct keel_boot *boot, uint32_t index)
{
    if (boot) {
        bool voice = false;
        const char *wrong = boot_check(boot, &voice);

        if (voice)
            platform = *boot;
        if (wrong)
            check_failed("boot structure", 0, wrong);
        for (uint16_t i = 0; i < KEEL_DOMAINS_MAX; i++)
            domains[i].id = i;
        arch_init();
        frames_init(&platform);
        cpu_init(index);
        cpus_online = arch_cpus_start();
        print("kernel: Keel on %u CPUs, %lu MiB\n", cpus_online,
              (platform.ram_hi - platform.ram_lo) >> 20);
        for (uint32_t i = 0; i < cpus_online; i++)
            while (!__atomic_load_n(&cpu_at(i)->online, __ATOMIC_ACQUIRE))
                ;
        builder_start();
    } else {
        cpu_init(index);
    }
    leave();
}
