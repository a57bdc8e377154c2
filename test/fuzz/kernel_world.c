/* SPDX-License-Identifier: Apache-2.0 */
/* See kernel_world.h. */
#define _GNU_SOURCE
#include "kernel_world.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu/call.h"
#include "cpu/dispatch.h"
#include "interrupt/host.h"
#include "memory/address.h"
#include "memory/host.h"
#include "memory/stage2.h"
#include "snapshot.h"

#include "call_grammar.h"

#define PAGES     (HOST_RAM_BYTES / KEEL_PAGE_SIZE)
#define PA(page)  (HOST_RAM_PA + (uint64_t)(page)*KEEL_PAGE_SIZE)
#define R         KEEL_PERM_READ
#define W         KEEL_PERM_WRITE
#define X         KEEL_PERM_EXEC
#define SCRATCH   WORLD_RW_IPA /* the builder's, for arguments */
#define STEPS_MAX 20000u

void world_tell(const char *format, ...)
{
    static int wanted = -1;
    va_list arguments;

    if (wanted < 0)
        wanted = getenv("KEEL_FUZZ_TRACE") != NULL;
    if (!wanted)
        return;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

/* ---- memory of domains ---- */

/* The leaf that maps the IPA, or 0: not by the kernel's walker. */
static uint64_t leaf_of(const struct space *space, uint64_t ipa, uint32_t *order)
{
    struct paddr table = space->root;

    if (table.v == 0 || ipa >= SPACE_LIMIT)
        return 0;
    for (*order = 18;; *order -= 9) {
        uint64_t entry = ((uint64_t *)phys_to_virt(table))[ipa >> (12 + *order) & 511];

        if (!(entry & 1))
            return 0;
        if (*order == 0 || !(entry & 2))
            return entry;
        table = PADDR(entry & 0x0000fffffffff000ul);
    }
}

uint8_t *world_reach(const struct domain *domain, uint64_t ipa, bool write)
{
    uint32_t order;
    uint64_t leaf = leaf_of(&domain->space, ipa, &order);

    if (!leaf || stage2_is_device(leaf) || (write && !(leaf & STAGE2_S2AP_WRITE)))
        return NULL;
    return phys_to_virt(PADDR(stage2_address(leaf).v | (ipa & ((KEEL_PAGE_SIZE << order) - 1))));
}

/* What can be had of it is copied. */
static bool access_memory(const struct domain *domain, uint64_t ipa, uint8_t *buffer, size_t bytes,
                          bool write)
{
    for (size_t piece; bytes > 0; bytes -= piece, ipa += piece, buffer += piece) {
        uint8_t *at = world_reach(domain, ipa, write);

        piece = KEEL_PAGE_SIZE - ipa % KEEL_PAGE_SIZE;
        if (piece > bytes)
            piece = bytes;
        if (!at)
            return false;
        memcpy(write ? at : buffer, write ? buffer : at, piece);
    }
    return true;
}

bool world_store(const struct domain *domain, uint64_t ipa, const void *from, size_t bytes)
{
    union {
        const void *in;
        uint8_t *out;
    } buffer = {.in = from};

    return access_memory(domain, ipa, buffer.out, bytes, true);
}

bool world_load(const struct domain *domain, uint64_t ipa, void *to, size_t bytes)
{
    return access_memory(domain, ipa, to, bytes, false);
}

/* ---- making the world: as its builder makes it, by calls ---- */

/* Every CPU takes its interrupts, and goes on with whatever there is. */
static void pass_all(void)
{
    for (uint32_t cpu = 0; cpu < HOST_CPUS; cpu++) {
        host_on(cpu);
        host_interrupts();
        (void)host_leave();
    }
    host_on(0);
}

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                    uint64_t f)
{
    const uint64_t args[] = {a, b, c, d, e, f};
    struct vcpu *vcpu;

    host_on(0);
    for (uint32_t i = 0; i < STEPS_MAX; i++) {
        vcpu = cpu_this()->current;
        must(vcpu && vcpu->domain->id == KEEL_DOMAIN_BUILDER);
        memcpy(vcpu->registers.x, args, sizeof(args));
        vcpu->registers.x[8] = number;
        vcpu->arch.again = false;
        call_handle(vcpu);
        (void)host_leave();
        if (!vcpu->arch.again && vcpu->registers.x[0] != (uint64_t)-KEEL_EAGAIN)
            return (int64_t)vcpu->registers.x[0];
        pass_all();
    }
    must(false); /* it never ends */
    return 0;
}

#define CALL(number, ...) call_with(number, (uint64_t[6]){__VA_ARGS__})
static int64_t call_with(uint64_t number, const uint64_t x[6])
{
    return call(number, x[0], x[1], x[2], x[3], x[4], x[5]);
}

static void give(const void *value, size_t bytes)
{
    must(world_store(&domains[0], SCRATCH, value, bytes));
}

static void edge(uint16_t holder, uint32_t index, const struct keel_edge *value)
{
    give(value, sizeof(*value));
    must(CALL(GRAMMAR_EDGE_SET, KEEL_PEER(holder, domains[holder].incarnation), index, SCRATCH) ==
         0);
}

static struct keel_edge edge_to(uint16_t target, uint32_t rights)
{
    return (struct keel_edge){.target = target, .rights = rights, .memory_lo = 1, .irq_lo = 1};
}

static void edge_port(uint16_t holder, uint32_t index, uint16_t target, uint32_t rights,
                      uint32_t port)
{
    struct keel_edge value = edge_to(target, rights);

    value.port = port;
    edge(holder, index, &value);
}

static void edge_windows(uint16_t holder, uint32_t index, uint16_t target, uint32_t rights,
                         uint64_t lo, uint64_t bytes, uint32_t irq_lo, uint32_t irq_hi)
{
    struct keel_edge value = edge_to(target, rights);

    if (bytes) {
        value.memory_lo = lo;
        value.memory_hi = lo + bytes - 1;
    }
    value.irq_lo = irq_lo;
    value.irq_hi = irq_hi;
    edge(holder, index, &value);
}

static void edges_of_services(void)
{
    for (uint16_t i = 1; i <= 6; i++) {
        if (i == 4 || i == 5)
            continue;
        edge_port(i, 0, i, KEEL_RIGHT_SELF, 0);
        edge_port(i, 1, i, KEEL_RIGHT_RECEIVE, WORLD_PORT);
        for (uint16_t to = 1, index = 2; to <= 3; to++)
            if (to != i)
                edge_port(i, index++, to, KEEL_RIGHT_SEND, WORLD_PORT);
    }
    /* console */
    edge_port(1, 4, 2, KEEL_RIGHT_SEND, WORLD_PORT_2);
    edge_windows(1, 5, 1, KEEL_RIGHT_DEVICE, WORLD_UART, KEEL_PAGE_SIZE, 33, 34);
    edge_port(1, 6, 4, KEEL_RIGHT_WATCH | KEEL_RIGHT_STOP, 0);
    edge_port(1, 7, 1, KEEL_RIGHT_SYSTEM, 0);
    /* devices */
    edge_port(2, 4, 2, KEEL_RIGHT_RECEIVE, WORLD_PORT_2);
    edge_windows(2, 5, 4, KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS | KEEL_RIGHT_INTERRUPT, WORLD_UART,
                 2 * KEEL_PAGE_SIZE, 0, 63);
    edge_windows(2, 6, 4, KEEL_RIGHT_SERVE | KEEL_RIGHT_VCPU | KEEL_RIGHT_STOP, WORLD_GICD,
                 0x100000, 1, 0);
    edge_windows(2, 7, 4, KEEL_RIGHT_READ | KEEL_RIGHT_WRITE, WORLD_GUEST_IPA, 0x20000, 1, 0);
    edge_windows(2, 8, 5,
                 KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS | KEEL_RIGHT_INTERRUPT | KEEL_RIGHT_VCPU |
                     KEEL_RIGHT_STOP | KEEL_RIGHT_WATCH,
                 WORLD_GICD, 0x2000000, 0, 47);
    edge_port(2, 9, 5, KEEL_RIGHT_REGISTERS, 0);
    edge_windows(2, 10, 3, KEEL_RIGHT_READ, 0, UINT64_MAX, 1, 0);
    /* scheduler */
    struct keel_edge schedule = edge_to(3, KEEL_RIGHT_SCHEDULE | KEEL_RIGHT_AUDIT);
    schedule.cpus = 3;
    edge(3, 4, &schedule);
    edge_port(3, 5, 1, KEEL_RIGHT_WATCH | KEEL_RIGHT_STOP, 0);
    /* guest 4's own device */
    edge_windows(4, 0, 4, KEEL_RIGHT_DEVICE, WORLD_DEVICE, KEEL_PAGE_SIZE, 40, 41);
}

static void create(uint16_t id, uint32_t kind, uint32_t n, uint64_t cpus, uint32_t reserve)
{
    const struct keel_domain_params params = {
        .kind = kind,
        .vcpus = n,
        .spis = kind == KEEL_DOMAIN_MACHINE ? 32 : 0,
        .cpus = cpus,
        .reserve_budget = reserve,
        .reserve_period = reserve ? 10000000 : 0,
    };

    give(&params, sizeof(params));
    must(CALL(GRAMMAR_DOMAIN_CREATE, KEEL_PEER(id, 0), SCRATCH) > 0);
}

static keel_peer peer(uint16_t id)
{
    return KEEL_PEER(id, domains[id].incarnation);
}

static void scrub(uint64_t pa, uint64_t pages)
{
    while (pages) {
        int64_t done = CALL(GRAMMAR_MEMORY_SCRUB, pa, pages);

        must(done > 0);
        pa += (uint64_t)done * KEEL_PAGE_SIZE;
        pages -= (uint64_t)done;
    }
}

/* Pool, and memory: from page `page` of RAM. */
static void fill(uint16_t id, uint64_t page)
{
    scrub(PA(page), 64);
    must(CALL(GRAMMAR_MEMORY_POOL, peer(id), PA(page), 32) == 0);
    if (domains[id].kind == KEEL_DOMAIN_MACHINE) {
        uint64_t block = PA(512u * (id - 3u + 1u));

        scrub(block, 512);
        must(CALL(GRAMMAR_MEMORY_MAP, peer(id), block, WORLD_GUEST_IPA, 9, 1, R | W | X) == 1);
    } else {
        must(CALL(GRAMMAR_MEMORY_MAP, peer(id), PA(page + 32), WORLD_RW_IPA, 0, WORLD_RW, R | W) ==
             WORLD_RW);
        must(CALL(GRAMMAR_MEMORY_MAP, peer(0), PA(page + 48), 0x80000, 0, 1, R | W) == 1);
        must(CALL(GRAMMAR_MEMORY_DONATE, peer(id), 0x80000, WORLD_RX_IPA, 0, 1, R | X) == 1);
    }
    if (id == 4)
        must(CALL(GRAMMAR_MEMORY_MAP, peer(id), WORLD_DEVICE, WORLD_DEVICE, 0, 1,
                  KEEL_PERM_DEVICE) == 1);
    must(CALL(GRAMMAR_DOMAIN_SEAL, peer(id)) == 0);
}

/* As a guest's kernel would have it: interrupts of every kind can be delivered. */
static void interrupts_on(struct domain *domain)
{
    static const struct keel_irq_configure list[] = {
        {.bank = 0, .field = KEEL_IRQ_GROUP, .value = 1, .mask = UINT32_MAX},
        {.bank = 0, .field = KEEL_IRQ_ENABLED, .value = 1, .mask = UINT32_MAX},
        {.bank = 1, .field = KEEL_IRQ_GROUP, .value = 1, .mask = UINT32_MAX},
        {.bank = 1, .field = KEEL_IRQ_ENABLED, .value = 1, .mask = 0xffff},
    };

    for (uint32_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        must(vgic_configure(domain, list[i]) == 0);
    must(vgic_control(domain, KEEL_IRQ_GROUP0_ENABLED | KEEL_IRQ_GROUP1_ENABLED) == 0);
}

static void make_running(void)
{
    edges_of_services();
    create(1, KEEL_DOMAIN_USER, 1, 7, 0);
    create(2, KEEL_DOMAIN_USER, 1, 7, 0);
    create(3, KEEL_DOMAIN_USER, 1, 3, 500000);
    create(4, KEEL_DOMAIN_MACHINE, 2, 6, 0);
    create(5, KEEL_DOMAIN_MACHINE, 1, 7, 0);
    create(6, KEEL_DOMAIN_USER, 1, 7, 0);
    for (uint16_t id = 1; id <= 5; id++)
        fill(id, 104u + 64u * id);
    scrub(WORLD_FREE_PA, 64); /* of which 6 has something already */
    must(CALL(GRAMMAR_MEMORY_POOL, peer(6), WORLD_FREE_PA, 8) == 0);
    must(CALL(GRAMMAR_MEMORY_MAP, peer(6), WORLD_FREE_PA + 8 * KEEL_PAGE_SIZE, WORLD_RW_IPA, 0, 4,
              R | W) == 4);
    must(CALL(GRAMMAR_AUTHORITY_SEAL, 0) == 0);
    for (uint16_t id = 1; id <= 5; id++)
        must(CALL(GRAMMAR_DOMAIN_RUN, peer(id)) == 0);
    interrupts_on(&domains[4]);
    interrupts_on(&domains[5]);
    pass_all();
}

static void make_empty(void)
{
    static struct keel_boot boot = {
        .magic = KEEL_BOOT_MAGIC,
        .version = KEEL_BOOT_VERSION,
        .size = sizeof(boot),
        .ncpus = HOST_CPUS,
        .cpu_mpidr = {0, 1, 2},
        .nextents = 8,
        .extent = {{.pa = PA(0), .pages = 12, .kind = KEEL_EXTENT_KERNEL},
                   {PA(12), 1, KEEL_BUILDER_BOOT_VA, KEEL_EXTENT_BOOT, 0},
                   {PA(13), 1, KEEL_BUILDER_BUNDLE_VA, KEEL_EXTENT_BUNDLE, 0},
                   {PA(14), 1, KEEL_BUILDER_DTB_VA, KEEL_EXTENT_DTB, 0},
                   {PA(15), WORLD_RW, WORLD_RW_IPA, KEEL_EXTENT_BUILDER, R | W},
                   {PA(15 + WORLD_RW), 1, WORLD_RX_IPA, KEEL_EXTENT_BUILDER, R | X},
                   {.pa = PA(36), .pages = 2, .kind = KEEL_EXTENT_RESERVED},
                   {.pa = PA(40), .pages = PAGES - 40, .kind = KEEL_EXTENT_FREE}},
        .ndevice_regions = 2,
        .device_region = {{0x08000000, 0x10000}, {0x080a0000, 0x60000}},
        .kernel_pa = PA(8),
        .page_table_pa = PA(9),
        .cpu_entry_pa = PA(10),
        .frame_table_pa = PA(0),
        .frame_table_pages = 8,
        .ram_lo = HOST_RAM_PA,
        .ram_hi = HOST_RAM_PA + HOST_RAM_BYTES,
        .gic_kind = KEEL_GIC_V3,
        .gicd_pa = 0x08000000,
        .gicd_size = 0x10000,
        .gicr_pa = 0x080a0000,
        .gicr_size = 0x60000,
        .irq_maintenance = 25,
        .irq_timer_hyp = 26,
        .irq_timer_virtual = 27,
        .builder_entry = WORLD_RX_IPA,
        .builder_stack = WORLD_RW_IPA + WORLD_RW * KEEL_PAGE_SIZE,
        .bundle_bytes = 1,
        .dtb_bytes = 1,
    };
    const uint32_t *word = (const uint32_t *)(const void *)&boot;

    boot.checksum = 0;
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof(boot) / sizeof(*word); i++)
        sum += word[i];
    boot.checksum = sum;
    memset(host_ram, 0xa5, sizeof(host_ram));
    host_boot(&boot);
    for (uint32_t cpu = 0; cpu < HOST_CPUS; cpu++) {
        host_on(cpu);
        (void)host_leave();
    }
    host_on(0);
    must(cpu_this()->current == domains[0].vcpu[0]);
}

/* ---- states that are kept ---- */

/* RAM is a private mapping of a file: what an input changed is forgotten at no cost. */
static struct {
    struct snapshot *variables;
    int ram;
    struct authority authority[KEEL_DOMAINS_MAX]; /* since the seal */
    bool sealed;
} kept[WORLD_STATES], *now;

static void state_keep(enum world_state state)
{
    kept[state].ram = memfd_create("ram", 0);
    must(kept[state].ram >= 0);
    must(write(kept[state].ram, host_ram, sizeof(host_ram)) == (ssize_t)sizeof(host_ram));
    kept[state].variables = snapshot_take();
    kept[state].sealed = authority_is_sealed();
    for (uint32_t i = 0; i < KEEL_DOMAINS_MAX; i++)
        kept[state].authority[i] = domains[i].authority;
}

static void ram_map(int file)
{
    static int mapped = -1;

    if (mapped == file)
        must(madvise(host_ram, sizeof(host_ram), MADV_DONTNEED) == 0);
    else
        must(mmap(host_ram, sizeof(host_ram), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file,
                  0) == host_ram);
    mapped = file;
}

void world_begin(enum world_state state)
{
    if (!kept[WORLD_EMPTY].variables) {
        make_empty();
        state_keep(WORLD_EMPTY);
        make_running();
        world_check();
        state_keep(WORLD_RUNNING);
    }
    snapshot_restore(kept[state].variables);
    ram_map(kept[state].ram);
    host_tlb_used = 0;
    now = &kept[state];
}

/* ---- what must hold ---- */

static void check_cpus(void)
{
    for (uint32_t i = 0; i < HOST_CPUS; i++) {
        const struct cpu *cpu = cpu_at(i);
        const struct vcpu *loaded = cpu->arch.loaded;

        must(cpu->lock.next == cpu->lock.owner);
        must(!cpu->current || (cpu->current->state == VCPU_RUNNING && cpu->current->cpu == i));
        must(!loaded || (!loaded->user && loaded->loaded_on == i));
        must(cpu->slots <= KEEL_SLOTS_MAX);
        for (const struct timer *timer = cpu->timers; timer; timer = timer->next)
            must(timer->queued && timer->cpu == i &&
                 (!timer->next || timer->deadline <= timer->next->deadline));
    }
}

static void check_vcpu(const struct vcpu *vcpu)
{
    uint32_t current = 0, loaded = 0;

    for (uint32_t i = 0; i < HOST_CPUS; i++) {
        current += cpu_at(i)->current == vcpu;
        loaded += cpu_at(i)->arch.loaded == vcpu;
    }
    must(vcpu->state <= VCPU_STARTING && vcpu->state != VCPU_STARTING);
    must(current == (vcpu->state == VCPU_RUNNING));
    must(loaded == (vcpu->loaded_on != CPU_NONE));
    must(vcpu->state != VCPU_BLOCKED || !vcpu->user);
}

/* A sealed table is what it was at the seal, but that a new life sets nothing in it. */
static void check_authority(void)
{
    if (authority_is_sealed() && !now->sealed)
        return; /* sealed by this input: nothing to compare with */
    for (uint32_t i = 0; now->sealed && i < KEEL_DOMAINS_MAX; i++)
        must(memcmp(&domains[i].authority, &now->authority[i], sizeof(struct authority)) == 0);
}

void world_check_fast(void)
{
    check_cpus();
    for (uint32_t i = 0; i < VCPUS_TOTAL; i++)
        if (vcpus[i].used)
            check_vcpu(&vcpus[i]);
    for (uint32_t i = 0; i < KEEL_DOMAINS_MAX; i++) {
        const struct domain *domain = &domains[i];

        must(domain->state <= KEEL_DOMAIN_STOPPED);
        must(domain->lock.next == domain->lock.owner);
        must(domain->space.lock.next == domain->space.lock.owner);
        for (uint32_t l = 0; l < ARGO_LOCKS; l++)
            must(domain->argo.lock[l].next == domain->argo.lock[l].owner);
        must(domain->argo.rings <= KEEL_ARGO_RINGS_MAX);
    }
}

/* Of one domain: what its tables map, and its pool. */
struct count {
    const struct domain *domain;
    uint64_t pages;  /* of RAM that are mapped */
    uint32_t tables; /* besides the root */
};
static uint8_t mapped[PAGES]; /* how often each page is */

static void check_leaf(struct count *count, uint64_t leaf, uint32_t order, uint64_t page)
{
    const struct space *space = &count->domain->space;
    uint64_t first = (stage2_address(leaf).v - HOST_RAM_PA) >> KEEL_PAGE_SHIFT;

    (void)page;
    must(order == 0 || order == 9);
    must(leaf & STAGE2_S2AP_READ);
    if (!space->machine)
        must(!(leaf & STAGE2_S2AP_WRITE) || (leaf & STAGE2_XN));
    if (stage2_is_device(leaf)) {
        must((leaf & STAGE2_XN) && !frame_of(stage2_address(leaf)));
        must(authority_device(count->domain, stage2_address(leaf).v, KEEL_PAGE_SIZE << order));
        return;
    }
    for (uint64_t i = first; i < first + (1ul << order); i++) {
        must(i < PAGES);
        const struct frame *frame = &frame_table.frame[i];

        mapped[i]++;
        if (frame->state == FRAME_RESERVED) { /* shown to the builder, and to nobody else */
            must(space->owner == KEEL_DOMAIN_BUILDER && !(leaf & STAGE2_S2AP_WRITE));
            continue;
        }
        must(frame->state == FRAME_OWNED && frame->owner == space->owner);
        count->pages++;
    }
}

static void check_table(struct count *count, struct paddr table, uint32_t order, uint64_t page)
{
    const uint64_t *entry = phys_to_virt(table);
    const struct frame *own = frame_of(table);
    uint32_t used = 0;

    must(own->state == FRAME_POOL && own->owner == count->domain->space.owner);
    for (uint64_t i = 0; i < STAGE2_ENTRIES; i++) {
        if (entry[i] == 0)
            continue;
        must(entry[i] & STAGE2_VALID);
        used++;
        if (order > 0 && (entry[i] & STAGE2_TABLE)) {
            count->tables++;
            check_table(count, stage2_address(entry[i]), order - 9, page + (i << order));
        } else {
            check_leaf(count, entry[i], order, page + (i << order));
        }
    }
    must(own->link == used);
    must(order == STAGE2_ROOT_ORDER || used > 0);
}

static void check_pool(const struct count *count)
{
    const struct pool *pool = &count->domain->space.pool;
    uint32_t listed = 0, root = count->domain->space.root.v != 0;
    uint64_t at = pool->first;

    for (; listed < pool->free; listed++) {
        const struct frame *frame = frame_of(PADDR(at << KEEL_PAGE_SHIFT));
        const uint64_t *word = phys_to_virt(PADDR(at << KEEL_PAGE_SHIFT));

        must(frame && frame->state == FRAME_POOL && frame->owner == count->domain->space.owner);
        for (uint32_t i = 0; i < 512; i += 7)
            must(word[i] == 0);
        at = (uint32_t)(at + 1 + frame->link);
    }
    must(pool->total >= pool->free + root + count->tables + count->domain->argo.rings);
    if (count->domain->argo.rings == 0)
        must(pool->total == pool->free + root + count->tables);
}

static void check_frames(void)
{
    static uint64_t pages[KEEL_DOMAINS_MAX], pools[KEEL_DOMAINS_MAX], pins[KEEL_DOMAINS_MAX];

    memset(mapped, 0, sizeof(mapped));
    memset(pages, 0, sizeof(pages));
    memset(pools, 0, sizeof(pools));
    memset(pins, 0, sizeof(pins));
    for (uint32_t i = 0; i < PAGES; i++) {
        const struct frame *frame = &frame_table.frame[i];

        must(frame->state <= FRAME_POOL);
        must(frame->owner < KEEL_DOMAINS_MAX);
        must(frame->state == FRAME_OWNED || frame->pins == 0);
        must(frame->state == FRAME_POOL || frame->link == 0);
        must(frame->state >= FRAME_OWNED || frame->owner == 0);
        if (frame->state == FRAME_OWNED)
            pages[frame->owner]++;
        if (frame->state == FRAME_POOL)
            pools[frame->owner]++;
        pins[frame->owner] += frame->pins;
    }
    for (uint32_t i = 0; i < KEEL_DOMAINS_MAX; i++) {
        struct count count = {.domain = &domains[i]};
        const struct space *space = &domains[i].space;

        if (space->root.v)
            check_table(&count, space->root, STAGE2_ROOT_ORDER, 0);
        check_pool(&count);
        must(space->pages == count.pages && pages[i] == count.pages);
        must(space->pool.total == pools[i]);
        must(domains[i].argo.rings > 0 || pins[i] == 0);
    }
    for (uint32_t i = 0; i < PAGES; i++)
        must(mapped[i] <= 1 && (mapped[i] == 1 || frame_table.frame[i].state != FRAME_OWNED));
}

/* No TLB knows more than the tables say. */
static void check_tlb(void)
{
    for (uint32_t i = 0; i < host_tlb_used; i++) {
        bool known = false;

        for (uint32_t d = 0; d < KEEL_DOMAINS_MAX && !known; d++) {
            uint32_t order;

            known = domains[d].space.ttbr >> TTBR_VMID_SHIFT == host_tlb[i].vmid &&
                    leaf_of(&domains[d].space, host_tlb[i].page << KEEL_PAGE_SHIFT, &order) ==
                        host_tlb[i].entry &&
                    order == host_tlb[i].order;
        }
        must(known);
    }
}

void world_check(void)
{
    world_check_fast();
    check_frames();
    if (now) {
        check_authority();
        check_tlb();
    }
}

static bool may_go_on(const struct cpu *cpu, const struct vcpu *vcpu)
{
    const struct domain *domain = vcpu->domain;

    return vcpu->used && vcpu->state == VCPU_READY && domain_runs(domain) &&
           (domain->cpus >> cpu->index & 1) &&
           (vcpu->loaded_on == CPU_NONE || vcpu->loaded_on == cpu->index) &&
           !(cpu->hard[domain->id] >> vcpu->index & 1);
}

void world_check_progress(void)
{
    for (uint32_t i = 0; i < 2 * HOST_CPUS; i++)
        pass_all();
    for (uint32_t i = 0; i < HOST_CPUS; i++)
        for (uint32_t n = 0; n < VCPUS_TOTAL && !cpu_at(i)->current; n++)
            must(!may_go_on(cpu_at(i), &vcpus[n]));
}

/* ---- whether anything has changed ---- */

static uint64_t mix(uint64_t digest, uint64_t value)
{
    return (digest ^ value) * 0x100000001b3ul;
}

uint64_t world_picture(void)
{
    uint64_t digest = 0xcbf29ce484222325ul;

    for (uint32_t i = 0; i < PAGES; i++)
        digest = mix(digest, frame_table.frame[i].word);
    for (uint32_t i = 0; i < WORLD_DOMAINS; i++) {
        const struct domain *domain = &domains[i];
        const struct space *space = &domain->space;

        digest =
            mix(digest, domain->state | (uint64_t)domain->kind << 8 |
                            (uint64_t)domain->vcpus << 16 | (uint64_t)domain->incarnation << 32);
        digest = mix(digest, domain->cpus ^ (uint64_t)domain->irqs_armed << 32);
        digest = mix(digest, space->root.v ^ space->pages << 40);
        digest = mix(digest, space->pool.first | (uint64_t)space->pool.free << 32);
        digest = mix(digest, space->pool.total | (uint64_t)domain->argo.rings << 32);
        digest = mix(digest, domain->authority.ports | domain->authority.routes << 8);
        digest = mix(digest, domain->authority.self ^ domain->authority.watchers << 17);
        for (uint32_t e = 0; e < KEEL_EDGES_MAX; e++)
            digest = mix(digest, domain->authority.edge[e].rights);
    }
    return mix(digest, authority_is_sealed());
}

/* ---- the end ---- */

static bool destroy_all(void)
{
    bool gone = true;

    for (uint32_t i = KEEL_DOMAINS_MAX; i-- > 0;) {
        if (!domain_exists(&domains[i]))
            continue;
        int64_t status = domain_destroy(&domains[i]);

        must(status == 0 || status == -KEEL_EAGAIN);
        gone = gone && status == 0;
    }
    return gone;
}

void world_end(void)
{
    const uint64_t detail[4] = {0};

    host_on(0);
    for (uint32_t i = 0; i < KEEL_DOMAINS_MAX; i++)
        (void)domain_stop(&domains[i], KEEL_STOP_KILLED, detail);
    for (uint32_t i = 0; !destroy_all(); i++) {
        must(i < STEPS_MAX);
        pass_all();
    }
    pass_all();
    for (uint32_t i = 0; i < PAGES; i++) {
        const struct frame *frame = &frame_table.frame[i];
        const uint64_t *word = phys_to_virt(PADDR(PA(i)));

        must(frame->state < FRAME_OWNED && frame->pins == 0);
        for (uint32_t n = 0; n < 512 && frame->state == FRAME_CLEAN; n += 3)
            must(word[n] == 0);
    }
    for (uint32_t i = 0; i < VCPUS_TOTAL; i++)
        must(!vcpus[i].used && vcpus[i].loaded_on == (vcpus[i].domain ? CPU_NONE : 0));
    for (uint32_t cpu = 0; cpu < HOST_CPUS; cpu++)
        must(!cpu_at(cpu)->current && !cpu_at(cpu)->arch.loaded && !cpu_at(cpu)->timers);
}

#define CHECK_EACH 16u /* events */

void world_run(struct input *input, void (*event)(struct input *input), uint32_t most)
{
    for (uint32_t i = 1; input->left && i <= most; i++) {
        event(input);
        world_check_fast();
        if (i % CHECK_EACH == 0)
            world_check();
    }
    world_check_progress();
    world_check();
    world_end();
}
