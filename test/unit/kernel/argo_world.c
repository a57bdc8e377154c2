/* SPDX-License-Identifier: Apache-2.0 */
/* The world around the kernel's Argo: see argo_world.h. */
#include "argo_world.h"

#include "memory/guest.h"
#include <keel/machine.h>
#include <stdio.h>
#include <time.h>

struct world world;
struct domain domains[KEEL_DOMAINS_MAX];
struct vcpu vcpus[VCPUS_TOTAL];

static uint8_t *pool_page[KEEL_DOMAINS_MAX][POOL];
static uint16_t frame_pins[KEEL_DOMAINS_MAX][PAGES];

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: CHECK(%s)\n", file, line, condition);
    abort();
}

/* ---- kernel/memory ---- */

static bool held(const struct lock *lock)
{
    return lock->next != lock->owner;
}

static uint32_t page_of(struct ipa ipa)
{
    return ipa.v >= BASE && (ipa.v - BASE) / PAGE < PAGES ? (uint32_t)((ipa.v - BASE) / PAGE)
                                                          : UINT32_MAX;
}

int64_t space_translate(struct space *space, struct ipa ipa, enum space_access access,
                        uint64_t most, void **address)
{
    uint64_t bytes = PAGE - ipa.v % PAGE;
    uint32_t n = page_of(ipa);

    EXPECT(held(&space->lock));
    if (!world.threads)
        world.translated++;
    if (n == UINT32_MAX || world.access[space->owner][n] < (access == SPACE_WRITE ? 2 : 1))
        return -KEEL_EFAULT;
    *address = world.page[space->owner][n] + ipa.v % PAGE;
    for (; bytes < most && n + 1 < PAGES && world.access[space->owner][n + 1]; n++) {
        if (world.page[space->owner][n + 1] != world.page[space->owner][n] + PAGE)
            break;
        bytes += PAGE;
    }
    return (int64_t)bytes;
}

/* A machine's virtual addresses are its IPAs; where they lead is a host address. */
static _Thread_local uint32_t translating; /* the machine whose call this is */

bool guest_translate(uint64_t va, bool write, struct paddr *pa)
{
    void *address = NULL;

    EXPECT(domains[translating].kind == KEEL_DOMAIN_MACHINE);
    if (space_translate(&domains[translating].space, IPA(va), write ? SPACE_WRITE : SPACE_READ, 0,
                        &address) < 0)
        return false;
    *pa = PADDR((uint64_t)(uintptr_t)address & ~(uint64_t)(PAGE - 1));
    return true;
}

bool space_reach(const struct space *space, struct paddr pa, uint8_t **to)
{
    EXPECT(held(&space->lock) && space->owner == translating);
    *to = (uint8_t *)(uintptr_t)pa.v;
    return true;
}

int64_t space_pin(struct space *space, struct ipa ipa, void **address)
{
    uint32_t n = page_of(ipa);

    EXPECT(held(&space->lock));
    world.pinned++;
    if (n == UINT32_MAX || world.access[space->owner][n] < 2)
        return -KEEL_EFAULT;
    if (frame_pins[space->owner][n] == UINT16_MAX)
        return -KEEL_EBUSY;
    frame_pins[space->owner][n]++;
    __atomic_fetch_add(&world.pins, 1, __ATOMIC_RELAXED);
    *address = world.page[space->owner][n];
    return 0;
}

void space_unpin(void *address)
{
    world.pinned++;
    for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++)
        for (uint32_t n = 0; n < PAGES; n++)
            if (world.page[d][n] == address) {
                EXPECT(frame_pins[d][n] > 0);
                frame_pins[d][n]--;
                __atomic_fetch_sub(&world.pins, 1, __ATOMIC_RELAXED);
                return;
            }
    ck_abort_msg("not a page");
}

void *pool_take(struct space *space)
{
    EXPECT(held(&space->lock));
    return space->pool.free ? pool_page[space->owner][--space->pool.free] : NULL;
}

void pool_give(struct space *space, void *page)
{
    EXPECT(held(&space->lock));
    EXPECT(space->pool.free < space->pool.total);
    memset(page, 0, PAGE);
    pool_page[space->owner][space->pool.free++] = page;
}

/* ---- kernel/cpu ---- */

void vcpu_signal(struct vcpu *vcpu, uint64_t events)
{
    EXPECT(vcpu->domain->vcpu[0] == vcpu);
    if (!world.threads)
        for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++)
            EXPECT(!held(&domains[d].space.lock));
    __atomic_fetch_or(&vcpu->events, events, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&world.signals[vcpu->domain->id], 1, __ATOMIC_RELAXED);
}

/* Asked between two chunks of a message, by cpu_wanted. */
struct cpu *cpu_this(void)
{
    static _Thread_local struct cpu cpu;
    static _Thread_local uint32_t turns;
    void (*between)(void) = world.between;

    if (world.threads) {
        cpu.resched = ++turns % 3 == 0;
        return &cpu;
    }
    for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++)
        EXPECT(!held(&domains[d].space.lock));
    EXPECT(world.translated <= 40);
    world.between = NULL;
    if (between)
        between();
    world.translated = 0;
    cpu.resched = !world.alone;
    return &cpu;
}

/* The interrupt of a machine is told as a service's event. */
void vgic_pulse(struct domain *domain, uint32_t intid)
{
    EXPECT(domain->kind == KEEL_DOMAIN_MACHINE && intid == KEEL_MACHINE_ARGO_IRQ);
    vcpu_signal(domain->vcpu[0], 1ul << KEEL_EVENT_ARGO);
}

uint64_t time_now(void)
{
    struct timespec now;

    if (!world.threads)
        return world.now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t time_from_ns(uint64_t ns)
{
    return ns;
}

/* ---- short words ---- */

static void port_open(struct authority *authority, uint32_t port, bool receives, uint64_t senders)
{
    authority->port[authority->ports++] =
        (struct authority_port){.port = port, .receives = receives, .senders = senders};
}

bool world_flat;
static uint8_t *flat[KEEL_DOMAINS_MAX]; /* all pages of a domain */

void world_map(uint32_t domain, uint32_t first, uint32_t pages, uint8_t access)
{
    for (uint32_t n = first; n < first + pages; n++) {
        if (!world.page[domain][n]) {
            if (world_flat && !flat[domain])
                flat[domain] = aligned_alloc(PAGE, PAGES * PAGE);
            world.page[domain][n] =
                world_flat ? flat[domain] + n * PAGE : aligned_alloc(PAGE, PAGE);
            memset(world.page[domain][n], 0, PAGE);
        }
        world.access[domain][n] = access;
    }
    space_forget(&domains[domain].space);
}

uint64_t world_machines;

void world_begin(uint32_t count)
{
    memset(&world, 0, sizeof(world));
    memset(domains, 0, sizeof(domains));
    memset(vcpus, 0, sizeof(vcpus));
    memset(frame_pins, 0, sizeof(frame_pins));
    for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++) {
        struct domain *domain = &domains[d];

        domain->id = (uint16_t)d;
        domain->space.owner = (uint16_t)d;
        port_open(&domain->authority, PORT, true, UINT64_MAX);
        port_open(&domain->authority, PORT2, true, UINT64_MAX);
        port_open(&domain->authority, PORT_MUTE, false, UINT64_MAX);
        port_open(&domain->authority, PORT_DEAF, true, 0);
        if (d >= count)
            continue;
        domain->kind = world_machines >> d & 1 ? KEEL_DOMAIN_MACHINE : KEEL_DOMAIN_USER;
        domain->state = KEEL_DOMAIN_RUNNING;
        domain->incarnation = 1;
        domain->vcpus = 1;
        domain->vcpu[0] = &vcpus[d];
        vcpus[d].domain = domain;
        vcpus[d].state = VCPU_RUNNING;
        vcpus[d].user = domain->kind == KEEL_DOMAIN_USER;
        for (uint32_t i = 0; i < POOL; i++) {
            pool_page[d][i] = aligned_alloc(PAGE, PAGE);
            memset(pool_page[d][i], 0, PAGE);
        }
        domain->space.pool.free = domain->space.pool.total = POOL;
        world_map(d, 0, 64, 2);
    }
}

void world_end(void)
{
    for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++) {
        if (domains[d].vcpu[0]) {
            __atomic_store_n(&domains[d].state, KEEL_DOMAIN_STOPPED, __ATOMIC_RELAXED);
            while (argo_teardown(&domains[d]) != 0)
                ;
            EXPECT_EQ(domains[d].space.pool.free, POOL);
        }
        for (uint32_t i = 0; i < POOL; i++) {
            free(pool_page[d][i]);
            pool_page[d][i] = NULL;
        }
        for (uint32_t n = 0; n < PAGES && !world_flat; n++)
            free(world.page[d][n]);
        free(flat[d]);
        flat[d] = NULL;
    }
    EXPECT_EQ(world.pins, 0);
}

uint8_t *world_at(uint32_t domain, uint64_t address)
{
    return world.page[domain][page_of(IPA(address))] + address % PAGE;
}

void world_put(uint32_t domain, uint64_t address, const void *bytes, uint64_t n)
{
    for (uint64_t i = 0, piece; i < n; i += piece) {
        piece = PAGE - (address + i) % PAGE < n - i ? PAGE - (address + i) % PAGE : n - i;
        memcpy(world_at(domain, address + i), (const uint8_t *)bytes + i, piece);
    }
}

void world_get(uint32_t domain, uint64_t address, void *bytes, uint64_t n)
{
    for (uint64_t i = 0, piece; i < n; i += piece) {
        piece = PAGE - (address + i) % PAGE < n - i ? PAGE - (address + i) % PAGE : n - i;
        memcpy((uint8_t *)bytes + i, world_at(domain, address + i), piece);
    }
}

struct vcpu *world_vcpu(uint32_t domain)
{
    return domains[domain].vcpu[0];
}

int64_t world_step(uint32_t domain, uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
                   uint64_t arg4)
{
    const uint32_t before = translating; /* what happens between two chunks is a call within one */
    const uint64_t x[5] = {op, arg1, arg2, arg3, arg4};
    struct vcpu *vcpu = world_vcpu(domain);
    uint64_t kept[5];
    int64_t result;

    translating = domain;

    if (!world.threads)
        world.translated = world.pinned = 0;
    memcpy(kept, vcpu->registers.x, sizeof(kept));
    memcpy(vcpu->registers.x, x, sizeof(x));
    result = argo_check(op, arg3, arg4);
    if (result == 0)
        result = domains[domain].kind == KEEL_DOMAIN_MACHINE ? argo_call_machine(vcpu)
                                                             : argo_call_service(vcpu);
    memcpy(vcpu->registers.x, kept, sizeof(kept));
    if (!world.threads) {
        /* Bounded work (A10.5): whatever the caller asked for. */
        EXPECT(world.translated <= 40 && world.pinned <= 80);
        for (uint32_t d = 0; d < KEEL_DOMAINS_MAX; d++)
            EXPECT(!held(&domains[d].space.lock));
    }
    translating = before;
    return result;
}

int64_t world_call(uint32_t domain, uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
                   uint64_t arg4)
{
    uint64_t steps = 0;
    int64_t result;

    do {
        result = world_step(domain, op, arg1, arg2, arg3, arg4);
        EXPECT(world.threads || steps++ < 100000);
    } while (result == ARGO_AGAIN);
    if (!world.threads)
        world.steps = steps;
    return result;
}

int64_t ring_register(uint32_t domain, uint32_t port, uint32_t partner, uint32_t len,
                      uint32_t first, uint64_t flags)
{
    struct keel_argo_register_ring args = {port, (uint16_t)partner, 0, len};
    uint32_t pages = KEEL_ARGO_PAGES(len);

    for (uint64_t i = 0; i < pages; i++) {
        uint64_t gfn = ADDR(first + i) / PAGE;

        world_put(domain, GFNS + i * 8, &gfn, 8);
    }
    world_put(domain, ARGS, &args, sizeof(args));
    return world_call(domain, KEEL_ARGO_REGISTER_RING, ARGS, GFNS, pages, flags);
}

int64_t ring_unregister(uint32_t domain, uint32_t port, uint32_t partner)
{
    struct keel_argo_unregister_ring args = {port, (uint16_t)partner, 0};

    world_put(domain, ARGS, &args, sizeof(args));
    return world_call(domain, KEEL_ARGO_UNREGISTER_RING, ARGS, 0, 0, 0);
}

void message_args(uint32_t from, uint32_t to, uint32_t port, uint64_t data, uint32_t bytes)
{
    struct keel_argo_send_addr args = {{PORT, (uint16_t)from, 0}, {port, (uint16_t)to, 0}};
    struct keel_argo_iov iov = {data, bytes, 0};

    world_put(from, ARGS, &args, sizeof(args));
    world_put(from, IOVS, &iov, sizeof(iov));
}

int64_t message_step(uint32_t from, uint32_t type, uint32_t niov)
{
    return world_step(from, KEEL_ARGO_SENDV, ARGS, IOVS, niov, type);
}

int64_t message_send(uint32_t from, uint32_t to, uint32_t port, uint32_t type, uint64_t data,
                     uint32_t bytes)
{
    message_args(from, to, port, data, bytes);
    return world_call(from, KEEL_ARGO_SENDV, ARGS, IOVS, 1, type);
}

int64_t notify_all(uint32_t domain)
{
    return world_call(domain, KEEL_ARGO_NOTIFY, 0, 0, 0, 0);
}

bool took_signal(uint32_t domain)
{
    return __atomic_exchange_n(&world_vcpu(domain)->events, 0, __ATOMIC_SEQ_CST) &
           1ul << KEEL_EVENT_ARGO;
}

bool message_take(uint32_t domain, uint32_t first, uint32_t len,
                  struct keel_argo_message_header *header, uint8_t *payload)
{
    struct keel_argo_ring *ring = (struct keel_argo_ring *)(void *)world.page[domain][first];
    uint32_t tx = __atomic_load_n(&ring->tx_ptr, __ATOMIC_ACQUIRE);
    uint32_t rx = ring->rx_ptr;
    uint32_t at, bytes, cut;

    if (rx == tx)
        return false;
    EXPECT(tx < len && tx % 16 == 0);
    world_get(domain, ADDR(first) + 64 + rx, header, sizeof(*header));
    EXPECT(header->len >= 16 && header->len <= len);
    bytes = header->len - 16;
    EXPECT(ring_need(bytes) <= (tx + len - rx) % len);
    at = (rx + 16) % len;
    cut = bytes < len - at ? bytes : len - at;
    world_get(domain, ADDR(first) + 64 + at, payload, cut);
    world_get(domain, ADDR(first) + 64, payload + cut, bytes - cut);
    __atomic_store_n(&ring->rx_ptr, (rx + ring_need(bytes)) % len, __ATOMIC_RELEASE);
    return true;
}

struct holdings holdings(uint32_t domain)
{
    struct holdings now = {0, domains[domain].space.pool.free, domains[domain].argo.rings};

    for (uint32_t n = 0; n < PAGES; n++)
        now.pins += frame_pins[domain][n];
    return now;
}

bool same_holdings(struct holdings a, struct holdings b)
{
    return a.pins == b.pins && a.pool == b.pool && a.rings == b.rings;
}
