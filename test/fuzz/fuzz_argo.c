/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo in the kernel as a whole: three services register rings, send, notify and unregister,
 * receive honestly or write anything into their rings, change the memory that rings and messages
 * lie in, die and come back. An input is a sequence of events. Besides what kernel_world.h says: a
 * message that can be read is one that was sent, in one piece, by whom it says.
 */
#include "kernel_guest.h"
#include "kernel_world.h"

#include "argo/argo.h"
#include "cpu/call.h"
#include "interrupt/irq.h"
#include <keel/argo.h>

#include "call_grammar.h"

#define EVENTS_MAX 120u
#define ARGS       (WORLD_RW_IPA + 0xc000) /* arguments of calls */
#define LISTS      (WORLD_RW_IPA + 0xd000)
#define RINGS_PAGE (WORLD_RW_IPA >> KEEL_PAGE_SHIFT) /* up to 8 pages of rings */
#define DATA       (WORLD_RW_IPA + 0x8000)           /* 4 pages of what is sent */
#define HONEST     (WORLD_RW_IPA + 0xe000)

static int64_t service_call(struct vcpu *vcpu, uint64_t number, const uint64_t x[6])
{
    memcpy(vcpu->registers.x, x, 6 * sizeof *x);
    vcpu->registers.x[8] = number;
    vcpu->arch.again = false;
    call_handle(vcpu);
    world_tell("cpu %u, domain %u: call %lu(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %ld%s\n",
               cpu_this()->index, vcpu->domain->id, number, x[0], x[1], x[2], x[3], x[4], x[5],
               (int64_t)vcpu->registers.x[0], vcpu->arch.again ? ", again" : "");
    return (int64_t)vcpu->registers.x[0];
}

static uint32_t some_port(struct input *input)
{
    static const uint32_t ports[] = {WORLD_PORT, WORLD_PORT, WORLD_PORT_2, KEEL_PORT_KERNEL, 0};

    return ports[input_below(input, 5)];
}

static uint16_t some_partner(struct input *input)
{
    static const uint16_t partners[] = {KEEL_DOMAIN_ANY, KEEL_DOMAIN_KERNEL, 0, 64, 1, 2, 3, 6};
    uint32_t which = input_below(input, 16);

    return which < 8 ? partners[which] : (uint16_t)(1 + which % 3);
}

/* A service's ring of one page that nobody but the kernel writes to, and that stays. */
static struct {
    bool there;
    uint32_t len, rx;
} honest[WORLD_SERVICES + 1];

static bool is_honest(const struct domain *domain, uint32_t port, uint16_t partner)
{
    return domain->id <= WORLD_SERVICES && honest[domain->id].there && port == WORLD_PORT &&
           partner == KEEL_DOMAIN_ANY;
}

/* Writes to the service's memory, which it may have made read-only or given up. False: the kernel
 * would read there what was there before. Where it can't read at all is fine: it will say so. */
static bool put(const struct vcpu *vcpu, uint64_t ipa, const void *from, size_t bytes)
{
    const uint8_t *at = from;
    bool stale = false;

    for (size_t piece; bytes > 0; at += piece, ipa += piece, bytes -= piece) {
        uint8_t byte;

        piece = KEEL_PAGE_SIZE - ipa % KEEL_PAGE_SIZE;
        if (piece > bytes)
            piece = bytes;
        stale |= !world_store(vcpu->domain, ipa, at, piece) &&
                 world_load(vcpu->domain, ipa, &byte, 1);
    }
    return !stale;
}

static void registers(struct input *input, struct vcpu *vcpu)
{
    uint32_t how = input_below(input, 8), pages = 1 + input_below(input, 4);
    struct keel_argo_register_ring ring = {
        .aport = some_port(input),
        .partner_id = some_partner(input),
        .pad = how == 0,
        .len = pages * 4096 - 64 - 16 * input_below(input, 254),
    };
    const uint64_t x[6] = {KEEL_ARGO_REGISTER_RING, ARGS, LISTS,
                           how == 1 ? input_take(input, 2) : pages, how == 2};

    if (is_honest(vcpu->domain, ring.aport, ring.partner_id))
        return;
    if (how == 3)
        ring.len = (uint32_t)input_take(input, 4);
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t gfn = RINGS_PAGE + input_below(input, 8);

        if (how == 4 && i + 1 == pages)
            gfn = input_take(input, 8);
        (void)put(vcpu, LISTS + 8 * i, &gfn, sizeof gfn);
    }
    if (put(vcpu, ARGS, &ring, sizeof ring))
        (void)service_call(vcpu, GRAMMAR_ARGO, x);
}

static void unregisters(struct input *input, struct vcpu *vcpu)
{
    const struct keel_argo_unregister_ring ring = {some_port(input), some_partner(input), 0};

    if (is_honest(vcpu->domain, ring.aport, ring.partner_id))
        return;
    if (put(vcpu, ARGS, &ring, sizeof ring))
        (void)service_call(vcpu, GRAMMAR_ARGO, (uint64_t[6]){KEEL_ARGO_UNREGISTER_RING, ARGS});
}

/* The first 16 bytes say who sent it and how long it is; the rest is of one value. */
struct content {
    uint32_t magic, sender, bytes, value;
};
#define MAGIC 0x6f677241u

static void sends(struct input *input, struct vcpu *vcpu)
{
    static uint8_t bytes[8192];
    uint32_t how = input_below(input, 8), niov = 1 + input_below(input, 3);
    struct keel_argo_send_addr address = {
        .src = {input_below(input, 4) ? 0 : some_port(input), KEEL_DOMAIN_ANY, 0},
        .dst = {some_port(input), some_partner(input), 0},
    };
    struct content content = {MAGIC, vcpu->domain->id, (uint32_t)input_take(input, 2) % 8193,
                              (uint32_t)input_take(input, 1)};
    struct keel_argo_iov iov[3];
    uint32_t at = 0;

    if (content.bytes < sizeof content)
        content.bytes = sizeof content;
    memset(bytes, (int)content.value, content.bytes);
    memcpy(bytes, &content, sizeof content);
    if (!put(vcpu, DATA, bytes, content.bytes))
        return;
    for (uint32_t i = 0; i < niov; i++) {
        uint32_t piece =
            i + 1 == niov ? content.bytes - at : (content.bytes - at) / (2 + input_below(input, 3));

        iov[i] = (struct keel_argo_iov){.iov_hnd = DATA + at, .iov_len = piece};
        at += piece;
    }
    if (how == 0)
        address.src.domain_id = (uint16_t)input_below(input, 8);
    if (how == 1)
        iov[0].pad = 1;
    if (put(vcpu, ARGS, &address, sizeof address) && put(vcpu, LISTS, iov, sizeof iov))
        (void)service_call(vcpu, GRAMMAR_ARGO,
                           (uint64_t[6]){KEEL_ARGO_SENDV, ARGS, LISTS, niov, content.value});
}

static void notifies(struct input *input, struct vcpu *vcpu)
{
    const struct keel_argo_ring_data data = {.nent = input_below(input, 20)};

    (void)put(vcpu, ARGS, &data, sizeof data);
    for (uint32_t i = 0; i < data.nent; i++) {
        const struct keel_argo_ring_data_ent entry = {
            .ring = {i % 4 ? WORLD_PORT : some_port(input), (uint16_t)(1 + i % 3), 0},
            .space_required = (uint32_t)input_take(input, 2),
        };

        (void)put(vcpu, ARGS + sizeof data + i * sizeof entry, &entry, sizeof entry);
    }
    (void)service_call(vcpu, GRAMMAR_ARGO,
                       (uint64_t[6]){KEEL_ARGO_NOTIFY, input_below(input, 4) ? ARGS : 0});
}

/* ---- the receiver ---- */

/* A message of a service, at ring offset `at` of a ring of one page: all of it is what was sent. */
static void check_message(const struct domain *domain, uint64_t ring, uint32_t len, uint32_t at,
                          const struct keel_argo_message_header *header)
{
    uint8_t bytes[4096];
    struct content content;
    uint32_t n = header->len - (uint32_t)sizeof *header;

    for (uint32_t i = 0; i < n; i++)
        must(world_load(domain, ring + 64 + (at + 16 + i) % len, &bytes[i], 1));
    if (n < sizeof content)
        return;
    memcpy(&content, bytes, sizeof content);
    must(content.magic == MAGIC && content.sender == header->source.domain_id);
    must(content.bytes == n && content.value == header->message_type);
    for (uint32_t i = sizeof content; i < n; i++)
        must(bytes[i] == (uint8_t)content.value);
}

static void register_honest(struct input *input, struct vcpu *vcpu)
{
    uint16_t id = vcpu->domain->id;
    uint32_t len = 4096 - 64 - 16 * input_below(input, 200);
    const struct keel_argo_register_ring ring = {
        .aport = WORLD_PORT, .partner_id = KEEL_DOMAIN_ANY, .len = len};
    const uint64_t gfn = HONEST >> KEEL_PAGE_SHIFT;
    static const uint8_t zero[64];

    if (id == 0 || honest[id].there)
        return;
    if (!put(vcpu, HONEST, zero, sizeof zero) || !put(vcpu, ARGS, &ring, sizeof ring) ||
        !put(vcpu, LISTS, &gfn, sizeof gfn))
        return;
    for (uint32_t i = 0; i < 100; i++) {
        int64_t status = service_call(vcpu, GRAMMAR_ARGO,
                                      (uint64_t[6]){KEEL_ARGO_REGISTER_RING, ARGS, LISTS, 1, 1});

        if (!vcpu->arch.again) {
            honest[id].there = status == 0;
            honest[id].len = len;
            honest[id].rx = 0;
            return;
        }
    }
}

static void receive_honest(struct vcpu *vcpu)
{
    uint16_t id = vcpu->domain->id;
    struct keel_argo_message_header header;
    uint32_t tx, unread;

    if (!honest[id].there)
        return;
    must(world_load(vcpu->domain, HONEST + 4, &tx, sizeof tx));
    must(tx < honest[id].len && tx % KEEL_ARGO_SLOT == 0);
    unread = (tx + honest[id].len - honest[id].rx) % honest[id].len;
    if (unread == 0)
        return;
    must(world_load(vcpu->domain, HONEST + 64 + honest[id].rx, &header, sizeof header));
    must(header.len >= sizeof header && header.len <= unread && header.source.pad == 0);
    must(header.source.domain_id <= WORLD_SERVICES);
    check_message(vcpu->domain, HONEST, honest[id].len, honest[id].rx, &header);
    honest[id].rx = (honest[id].rx + ((header.len + 15) & ~15u)) % honest[id].len;
    (void)put(vcpu, HONEST, &honest[id].rx, sizeof honest[id].rx);
}

/* ---- everything else ---- */

static void scribbles(struct input *input, const struct vcpu *vcpu)
{
    uint64_t ipa = WORLD_RW_IPA + input_below(input, 8) * KEEL_PAGE_SIZE +
                   4 * input_below(input, input_below(input, 2) ? 2 : 1024);
    uint32_t value =
        (uint32_t)(input_below(input, 2) ? 16 * input_take(input, 1) : input_take(input, 4));

    (void)put(vcpu, ipa, &value, sizeof value);
}

static void changes_memory(struct input *input, struct vcpu *vcpu)
{
    uint64_t ipa = WORLD_RW_IPA + input_below(input, 16) * KEEL_PAGE_SIZE;
    uint64_t count = 1 + input_below(input, 4);
    uint64_t self = KEEL_PEER(0, vcpu->domain->incarnation);

    if (input_below(input, 2))
        (void)service_call(vcpu, GRAMMAR_MEMORY_UNMAP, (uint64_t[6]){self, ipa, 0, count});
    else
        (void)service_call(
            vcpu, GRAMMAR_MEMORY_PROTECT,
            (uint64_t[6]){self, ipa, 0, count,
                          KEEL_PERM_READ | (input_below(input, 2) * KEEL_PERM_WRITE)});
}

/* A new life, if the last one is over: with as much memory as Argo needs. */
static void rebuild(struct vcpu *builder, uint16_t id)
{
    const uint64_t pa = WORLD_FREE_PA + id * 64 * KEEL_PAGE_SIZE;
    uint64_t peer = KEEL_PEER(id, domains[id].incarnation);

    must(world_store(builder->domain, ARGS, &domains[id].params, sizeof domains[id].params));
    if (service_call(builder, GRAMMAR_DOMAIN_CREATE, (uint64_t[6]){peer, ARGS}) < 0)
        return;
    honest[id].there = false; /* whatever the last life ended of */
    peer = KEEL_PEER(id, domains[id].incarnation);
    for (uint64_t page = 0; page < 32; page += 8)
        must(service_call(builder, GRAMMAR_MEMORY_SCRUB,
                          (uint64_t[6]){pa + page * KEEL_PAGE_SIZE, 8}) == 8);
    must(service_call(builder, GRAMMAR_MEMORY_POOL, (uint64_t[6]){peer, pa, 16}) == 0);
    must(service_call(builder, GRAMMAR_MEMORY_MAP,
                      (uint64_t[6]){peer, pa + 16 * KEEL_PAGE_SIZE, WORLD_RW_IPA, 0, WORLD_RW,
                                    KEEL_PERM_READ | KEEL_PERM_WRITE}) == WORLD_RW);
    must(service_call(builder, GRAMMAR_DOMAIN_SEAL, (uint64_t[6]){peer}) == 0);
    must(service_call(builder, GRAMMAR_DOMAIN_RUN, (uint64_t[6]){peer}) == 0);
}

/* The builder ends a service, clears it away, or gives it a new life. */
static void builder_acts(struct input *input, struct vcpu *vcpu)
{
    uint16_t id = (uint16_t)(1 + input_below(input, 3));
    uint64_t peer = KEEL_PEER(id, domains[id].incarnation);

    switch (input_below(input, 4)) {
    case 0:
        (void)service_call(vcpu, GRAMMAR_DOMAIN_STOP, (uint64_t[6]){peer, KEEL_STOP_KILLED});
        break;
    case 1:
    case 2:
        (void)service_call(vcpu, GRAMMAR_DOMAIN_DESTROY, (uint64_t[6]){peer});
        break;
    default:
        rebuild(vcpu, id);
        break;
    }
}

static void service_acts(struct input *input, struct vcpu *vcpu)
{
    if (vcpu->arch.again && input_below(input, 8)) {
        vcpu->arch.again = false;
        call_handle(vcpu);
        return;
    }
    switch (input_below(input, 16)) {
    case 0:
    case 1:
    case 2:
        registers(input, vcpu);
        break;
    case 3:
        unregisters(input, vcpu);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        sends(input, vcpu);
        break;
    case 8:
        notifies(input, vcpu);
        break;
    case 9:
        register_honest(input, vcpu);
        break;
    case 10:
    case 11:
        receive_honest(vcpu);
        break;
    case 12:
        changes_memory(input, vcpu);
        break;
    case 13:
        (void)service_call(vcpu, GRAMMAR_WAIT, (uint64_t[6]){host_now + input_take(input, 2)});
        break;
    default:
        scribbles(input, vcpu);
        break;
    }
}

static void event(struct input *input)
{
    uint32_t how = (uint32_t)input_take(input, 1);
    struct cpu *cpu;

    host_on(how % HOST_CPUS);
    how /= HOST_CPUS;
    if (how % 8 == 0)
        world_happens(input);
    host_interrupts();
    (void)host_leave();
    cpu = cpu_this();
    host_now += 100;
    if (!cpu->current)
        return;
    if (!cpu->current->user)
        guest_does(input, cpu, cpu->current);
    else if (cpu->current->domain->id == KEEL_DOMAIN_BUILDER && how % 2)
        builder_acts(input, cpu->current);
    else if (cpu->current->domain->id == KEEL_DOMAIN_BUILDER)
        (void)service_call(cpu->current, GRAMMAR_YIELD, (uint64_t[6]){0});
    else
        service_acts(input, cpu->current);
    (void)host_leave();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};

    world_begin(WORLD_RUNNING);
    memset(honest, 0, sizeof honest);
    world_run(&input, event, EVENTS_MAX);
    return 0;
}
