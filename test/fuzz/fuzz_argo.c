/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo in the kernel as a whole: three services register rings, send, notify and unregister,
 * receive honestly or write anything into their rings, change the memory that rings and messages
 * lie in, die and come back. An input is a sequence of events, each of EVENT_BYTES, so that libFuzzer can
 * move them about. Besides what kernel_world.h says, each step of an operation does what the reference model
 * (argo_model.h) says: its answer, whom it tells, what lies in the rings. Guests have no right here to what
 * the model describes.
 */
#include "argo_model.h"
#include "kernel_guest.h"
#include "kernel_world.h"

#include "argo/argo.h"
#include "cpu/call.h"
#include "interrupt/irq.h"
#include <keel/argo.h>

#include "call_grammar.h"

#define EVENTS_MAX  120u
#define EVENT_BYTES 16u
#define FIRST_BYTES 32u                     /* how it begins */
#define CHECK_EACH  16u                     /* of them, every byte that is unread is looked at */
#define ARGS        (WORLD_RW_IPA + 0xc000) /* arguments of calls */
#define LISTS       (WORLD_RW_IPA + 0xd000)
#define RINGS_PAGE  (WORLD_RW_IPA >> KEEL_PAGE_SHIFT) /* 8 pages of rings at WORLD_PORT, */
#define RING_2_PAGE (RINGS_PAGE + 14)                 /* and 2 at WORLD_PORT_2 */
#define DATA        (WORLD_RW_IPA + 0x8000)           /* 4 pages of what is sent */
#define DATA_MAX    8192u
#define NOWHERE     (WORLD_RW_IPA + 0x10000) /* nothing is there */

/* ---- beside the model ---- */

static uint8_t *reach(uint32_t domain, uint64_t address, bool write)
{
    return world_reach(&domains[domain], address, write);
}

static uint32_t pool_free(uint32_t domain)
{
    return domains[domain].space.pool.free;
}

static bool on_cpu(uint32_t domain)
{
    return domains[domain].vcpu[0] && domains[domain].vcpu[0]->state == VCPU_RUNNING;
}

static uint64_t time_is(void)
{
    return host_now;
}

static const struct model_world model_world = {reach, pool_free, on_cpu, time_is};

static void lives_are(void)
{
    static const enum model_life lives[] = {
        [KEEL_DOMAIN_ABSENT] = MODEL_ABSENT,   [KEEL_DOMAIN_BUILDING] = MODEL_BUILT,
        [KEEL_DOMAIN_SEALED] = MODEL_BUILT,    [KEEL_DOMAIN_RUNNING] = MODEL_RUNS,
        [KEEL_DOMAIN_STOPPED] = MODEL_STOPPED,
    };

    for (uint32_t id = 0; id < WORLD_DOMAINS; id++)
        model_life(id, lives[domains[id].state], domains[id].incarnation);
}

/* What the world's edges say, see kernel_world.h. */
static void ports_are(void)
{
    for (uint32_t id = 1; id <= WORLD_SERVICES; id++)
        model_port(id, WORLD_PORT, true, (1u << 1 | 1u << 2 | 1u << 3 | 1u << 6) & ~(1u << id));
    model_port(6, WORLD_PORT, true, 0);
    model_port(2, WORLD_PORT_2, true, 1u << 1);
}

#define TOLD (1ul << KEEL_EVENT_ARGO)

/* The services that have been told to look at their rings, and don't know it yet; and makes it so. */
static uint64_t told_exchange(uint64_t set)
{
    uint64_t before = 0;

    for (uint32_t id = 1; id <= WORLD_SERVICES; id++) {
        struct vcpu *vcpu = domains[id].vcpu[0];

        if (!vcpu)
            continue;
        before |= (uint64_t)(vcpu->events & TOLD ? 1 : 0) << id;
        vcpu->events = (vcpu->events & ~TOLD) | (set >> id & 1 ? TOLD : 0);
    }
    return before;
}

/* Executes the call that is in the registers. */
static int64_t service_goes_on(struct vcpu *vcpu)
{
    const uint16_t id = vcpu->domain->id;
    uint64_t x[9], before = 0, told = 0;
    int64_t result;

    memcpy(x, vcpu->registers.x, sizeof x);
    lives_are();
    if (x[8] == GRAMMAR_ARGO)
        model_before(id, x);
    if (x[8] != GRAMMAR_WAIT) /* which asks */
        before = told_exchange(0);
    vcpu->arch.again = false;
    call_handle(vcpu);
    result = (int64_t)vcpu->registers.x[0];
    if (x[8] != GRAMMAR_WAIT) {
        told = told_exchange(0);
        (void)told_exchange(told | before);
    }
    world_tell(
        "cpu %u, domain %u: call %lu(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %ld%s, tells %#lx\n",
        cpu_this()->index, id, x[8], x[0], x[1], x[2], x[3], x[4], x[5], result,
        vcpu->arch.again ? ", again" : "", told);
    if (x[8] == GRAMMAR_ARGO)
        model_after(vcpu->arch.again ? MODEL_AGAIN : result, told);
    else
        model_told(told);
    lives_are();
    return result;
}

static int64_t service_call(struct vcpu *vcpu, uint64_t number, const uint64_t x[6])
{
    memcpy(vcpu->registers.x, x, 6 * sizeof *x);
    vcpu->registers.x[8] = number;
    return service_goes_on(vcpu);
}

static uint32_t some_port(struct input *input)
{
    static const uint32_t ports[] = {WORLD_PORT, WORLD_PORT_2, KEEL_PORT_KERNEL, 0};

    return ports[input_below(input, 4)];
}

static uint16_t some_partner(struct input *input)
{
    static const uint16_t partners[] = {KEEL_DOMAIN_ANY, KEEL_DOMAIN_KERNEL, 0, 64, 1, 2, 3, 6};

    return partners[input_below(input, 8)];
}

/* What is alike in all of an input, so that enough of it meets: else few rings would ever be full. */
static struct {
    bool guests;   /* have CPUs, too */
    bool receiver; /* all send to 2 */
    bool wildcard; /* rings are mostly for any partner, */
    bool small;    /* and of the smallest lengths */
    bool right;    /* no call is made wrong */
} theme;

/* One of the two other services. */
static uint16_t other_service(struct input *input, uint16_t id)
{
    if (theme.receiver && id != 2)
        return 2;
    return (uint16_t)(1 + (id + input_below(input, 2)) % WORLD_SERVICES);
}

/* Most calls are right, or else few messages would arrive: the wrong ones are few kinds of many. */
static uint32_t what_is_wrong(struct input *input)
{
    uint32_t which = input_below(input, 48);

    return theme.right ? 47 : which;
}

/* Writes to the service's memory, which it may have made read-only or given up. False: the kernel
 * would read there what was there before. Where it can't read at all is fine: it will say so. */
static bool put(const struct vcpu *vcpu, uint64_t ipa, const void *from, size_t bytes)
{
    const uint8_t *at = from;
    bool stale = false;

    model_wrote(vcpu->domain->id, ipa, bytes);
    for (size_t piece; bytes > 0; at += piece, ipa += piece, bytes -= piece) {
        uint8_t byte;

        piece = KEEL_PAGE_SIZE - ipa % KEEL_PAGE_SIZE;
        if (piece > bytes)
            piece = bytes;
        stale |=
            !world_store(vcpu->domain, ipa, at, piece) && world_load(vcpu->domain, ipa, &byte, 1);
    }
    return !stale;
}

/* Which ring: one that the service has the right to, or any. */
static void some_ring(struct input *input, uint16_t id, uint32_t *port, uint16_t *partner)
{
    uint32_t which = input_below(input, 16);

    *port = id == 2 && which % 4 == 3 ? WORLD_PORT_2 : WORLD_PORT;
    *partner = (which & 8) || theme.wildcard ? KEEL_DOMAIN_ANY
                                             : (uint16_t)(1 + (id + which % 2) % WORLD_SERVICES);
    if (which == 0 && !theme.right) {
        *port = some_port(input);
        *partner = some_partner(input);
    }
}

static void registers(struct input *input, struct vcpu *vcpu)
{
    struct keel_argo_ring header = {.rx_ptr = 0};
    uint32_t how = what_is_wrong(input), form = (uint32_t)input_take(input, 1);
    uint16_t id = vcpu->domain->id;
    struct keel_argo_register_ring ring = {.pad = how == 0};
    uint64_t first = RINGS_PAGE, gfn[4], x[6] = {KEEL_ARGO_REGISTER_RING, ARGS, LISTS};
    uint32_t room = 4, pages;

    some_ring(input, id, &ring.aport, &ring.partner_id);
    if (ring.aport == WORLD_PORT_2) {
        first = RING_2_PAGE;
        room = 2;
    } else if (ring.partner_id != KEEL_DOMAIN_ANY) { /* each other has its place */
        first += 4 + 2 * (ring.partner_id == 1 + id % WORLD_SERVICES);
        room = 2;
    }
    pages = 1 + (form >> 4) % room;
    if (theme.small)
        form &= ~3u;
    if (form & 1)
        ring.len = pages * 4096 - 64; /* so that it is often the same again */
    else if (form & 2)
        ring.len = pages * 4096 - 64 - 16 * input_below(input, 254);
    else
        ring.len = 48 + 16 * input_below(input, 16);
    pages = KEEL_ARGO_PAGES(ring.len);
    if (how == 1)
        ring.len = (uint32_t)input_take(input, 4);
    x[3] = how == 2 ? input_take(input, 2) : pages;
    x[4] = how == 3 ? input_take(input, 1) : how < 8;
    for (uint32_t i = 0; i < pages; i++)
        gfn[i] = first + (form & 4 ? pages - 1 - i : i);
    if (how == 8)
        gfn[pages - 1] = RINGS_PAGE + input_below(input, 16);
    if (how == 9)
        gfn[pages - 1] = input_take(input, 8);
    if (how >= 10 && how < 16) {
        header.rx_ptr = (uint32_t)input_take(input, 2) % 4096;
        header.tx_ptr = (uint32_t)input_take(input, 2) % 4096;
    }
    if (form & 8)
        (void)put(vcpu, gfn[0] << KEEL_PAGE_SHIFT, &header, sizeof header);
    if (put(vcpu, LISTS, gfn, pages * sizeof gfn[0]) && put(vcpu, ARGS, &ring, sizeof ring))
        (void)service_call(vcpu, GRAMMAR_ARGO, x);
}

static void unregisters(struct input *input, struct vcpu *vcpu)
{
    struct keel_argo_unregister_ring ring = {.pad = what_is_wrong(input) == 0};

    some_ring(input, vcpu->domain->id, &ring.aport, &ring.partner_id);
    if (put(vcpu, ARGS, &ring, sizeof ring))
        (void)service_call(vcpu, GRAMMAR_ARGO, (uint64_t[6]){KEEL_ARGO_UNREGISTER_RING, ARGS});
}

static uint32_t some_length(struct input *input)
{
    static const uint32_t exact[] = {0, 1, 16, 48, 496, 2000, 4000, DATA_MAX};

    switch (theme.small ? 0 : input_below(input, 4)) {
    case 0:
        return input_below(input, 80);
    case 1:
        return exact[input_below(input, 8)];
    case 2:
        return input_below(input, 1024);
    default:
        return input_below(input, DATA_MAX + 1);
    }
}

/* Every byte of it tells where it belongs. */
static bool put_message(const struct vcpu *vcpu, uint64_t at, uint32_t length, uint32_t value)
{
    static uint8_t bytes[DATA_MAX];

    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(value + vcpu->domain->id + i * 7 + (i >> 8) * 13);
    return put(vcpu, at, bytes, length);
}

static void send_wrong(struct input *input, uint32_t how, struct keel_argo_send_addr *address,
                       uint64_t *niov, struct keel_argo_iov *iov)
{
    if (how == 0)
        address->src.pad = 1;
    if (how == 1)
        address->dst.pad = 1;
    if (how == 2)
        address->src.domain_id = (uint16_t)input_below(input, 8);
    if (how == 3)
        address->src.aport = some_port(input);
    if (how == 4)
        address->dst = (struct keel_argo_addr){some_port(input), some_partner(input), 0};
    if (how == 5)
        *niov = input_take(input, 1);
    if (how == 6)
        iov->pad = 1;
    if (how == 7)
        iov->iov_len = (uint32_t)input_take(input, 4);
    if (how == 8)
        iov->iov_hnd = NOWHERE;
}

static void sends(struct input *input, struct vcpu *vcpu)
{
    uint32_t how = what_is_wrong(input), length = some_length(input);
    uint32_t value = (uint32_t)input_take(input, 1), form = (uint32_t)input_take(input, 1);
    uint64_t from = DATA + form * 16, x[6] = {KEEL_ARGO_SENDV, ARGS, LISTS, 1 + form % 4, value};
    uint16_t id = vcpu->domain->id;
    struct keel_argo_iov iov[9] = {{0}};
    struct keel_argo_send_addr address = {
        .src = {form & 64 ? WORLD_PORT : 0, form & 128 ? KEEL_DOMAIN_ANY : id, 0},
        .dst = {WORLD_PORT, other_service(input, id), 0},
    };

    if (id == 1 && form & 32)
        address.dst = (struct keel_argo_addr){WORLD_PORT_2, 2, 0};
    if (form & 16) { /* all that there is, or a little more */
        uint32_t space = model_space(id, address.dst.domain_id, address.dst.aport);

        if (space && space < DATA_MAX)
            length = space + length % 2;
    }
    if (!put_message(vcpu, from, length, value))
        return;
    if (form % 4 == 3)
        x[3] = KEEL_ARGO_IOVS_MAX; /* takes more than one step */
    for (uint32_t i = 0, at = 0; i < x[3]; at += iov[i++].iov_len) {
        uint32_t rest = length - at, parts = input_below(input, 8);

        iov[i].iov_hnd = from + at;
        iov[i].iov_len = i + 1 == x[3] ? rest : parts ? rest / (1 + parts) : 0;
    }
    send_wrong(input, how, &address, &x[3], &iov[value % x[3]]);
    if (put(vcpu, ARGS, &address, sizeof address) && put(vcpu, LISTS, iov, sizeof iov))
        (void)service_call(vcpu, GRAMMAR_ARGO, x);
}

static void notifies(struct input *input, struct vcpu *vcpu)
{
    uint32_t how = what_is_wrong(input);
    const struct keel_argo_ring_data data = {.nent = input_below(input, how == 0 ? 40 : 5)};

    (void)put(vcpu, ARGS, &data, sizeof data);
    for (uint32_t i = 0; i < data.nent; i++) {
        struct keel_argo_ring_data_ent entry = {
            .ring = {WORLD_PORT, other_service(input, vcpu->domain->id), 0},
            .flags = 0x5a5a,
            .life = 0x5a5a,
            .space_required = some_length(input),
        };

        if (how == i + 1)
            entry.ring =
                (struct keel_argo_addr){some_port(input), (uint16_t)input_below(input, 70), 0};
        (void)put(vcpu, ARGS + sizeof data + i * sizeof entry, &entry, sizeof entry);
    }
    (void)service_call(vcpu, GRAMMAR_ARGO, (uint64_t[6]){KEEL_ARGO_NOTIFY, data.nent ? ARGS : 0});
}

/* Any operation with any arguments; those in memory are what another left there. */
static void calls_anything(struct input *input, struct vcpu *vcpu)
{
    uint64_t x[6] = {input_below(input, 6), ARGS, LISTS, input_below(input, 3),
                     input_below(input, 3)};
    uint32_t which = input_below(input, 8);

    if (which < 5)
        x[which] = which > 2 ? 1ul << 32 : input_take(input, 8);
    (void)service_call(vcpu, GRAMMAR_ARGO, x);
}

/* ---- the receiver ---- */

static void receives(struct input *input, struct vcpu *vcpu)
{
    uint32_t how = (uint32_t)input_take(input, 1), port;
    uint16_t partner;

    if (how & 1) {
        for (uint32_t n = how / 4 % 16; n > 0; n--)
            (void)model_receive_all(vcpu->domain->id);
        if (how & 2) /* as it should */
            (void)service_call(vcpu, GRAMMAR_ARGO, (uint64_t[6]){KEEL_ARGO_NOTIFY});
        return;
    }
    some_ring(input, vcpu->domain->id, &port, &partner);
    if (input_below(input, 8) == 0)
        (void)model_signals(vcpu->domain->id, port, partner, input_below(input, 3));
    else
        (void)model_receive(vcpu->domain->id, port, partner);
}

/* ---- everything else ---- */

/* Mostly into the beginning of a ring: its pointers, any bits or what could be meant. */
static void scribbles(struct input *input, const struct vcpu *vcpu)
{
    static const uint8_t first[] = {0, 4, 6, 14}; /* pages of rings, see `registers` */
    uint32_t where = input_below(input, 8), how = input_below(input, 4);
    uint64_t ipa = WORLD_RW_IPA;
    uint32_t value = (uint32_t)input_take(input, how == 0 ? 4 : 2);

    if (where < 7)
        ipa += first[input_below(input, 4)] * KEEL_PAGE_SIZE + (where < 5 ? 0 : 4u * (where - 4));
    else
        ipa += 4 * input_below(input, 8 * 1024);
    if (how == 1)
        value &= 0xff0;
    if (how == 2)
        value &= 0x3ff;
    (void)put(vcpu, ipa, &value, sizeof value);
}

static void changes_memory(struct input *input, struct vcpu *vcpu)
{
    uint64_t ipa = WORLD_RW_IPA + input_below(input, 16) * KEEL_PAGE_SIZE;
    uint64_t count = 1 + input_below(input, 4);
    uint64_t self = KEEL_PEER(0, vcpu->domain->incarnation);

    if (input_below(input, 8) == 0)
        (void)service_call(vcpu, GRAMMAR_MEMORY_UNMAP, (uint64_t[6]){self, ipa, 0, count});
    else
        (void)service_call(
            vcpu, GRAMMAR_MEMORY_PROTECT,
            (uint64_t[6]){self, ipa, 0, count,
                          KEEL_PERM_READ | (input_below(input, 2) * KEEL_PERM_WRITE)});
}

/* ---- who acts ---- */

#define BUILDER_WAITS 1000u /* ns */

static bool is_here(uint16_t id)
{
    for (uint32_t cpu = 0; cpu < HOST_CPUS; cpu++) {
        host_on(cpu);
        if (cpu_this()->current && cpu_this()->current->domain->id == id)
            return true;
    }
    return false;
}

/* Every CPU takes its interrupts; those that are told to give way, in nothing that goes on, do. */
static void all_pass(bool give_way)
{
    for (uint32_t cpu = 0; cpu < HOST_CPUS; cpu++) {
        struct vcpu *vcpu;

        host_on(cpu);
        host_interrupts();
        (void)host_leave();
        vcpu = cpu_this()->current;
        if (!give_way || !vcpu || !vcpu->user || vcpu->arch.again)
            continue;
        (void)service_call(vcpu, GRAMMAR_YIELD, (uint64_t[6]){0});
        (void)host_leave();
    }
}

/* To a CPU where the service is, once it has one; or NULL. */
static struct vcpu *bring(uint16_t id)
{
    for (uint32_t tries = 0; domain_runs(&domains[id]) && tries < 4; tries++) {
        if (is_here(id))
            return cpu_this()->current;
        if (domains[id].vcpu[0]->state == VCPU_WAITING) /* longer than it does */
            host_now += id == KEEL_DOMAIN_BUILDER ? BUILDER_WAITS : 0x10000;
        all_pass(tries > 0);
    }
    return NULL;
}

/* The builder, which waits when it has nothing to do, does one thing. */
static int64_t builder_call(uint64_t number, const uint64_t x[6])
{
    struct vcpu *builder = bring(KEEL_DOMAIN_BUILDER);

    return builder ? service_call(builder, number, x) : -KEEL_EBUSY;
}

/* Clears away what is left of the service, and gives it a new life: with as much memory as Argo needs. */
static void rebuild(uint16_t id)
{
    const uint64_t pa = WORLD_FREE_PA + id * 64 * KEEL_PAGE_SIZE;
    uint64_t peer = KEEL_PEER(id, domains[id].incarnation);
    struct vcpu *builder;

    for (uint32_t i = 0; domain_exists(&domains[id]) && i < 20; i++)
        (void)builder_call(GRAMMAR_DOMAIN_DESTROY, (uint64_t[6]){peer});
    builder = bring(KEEL_DOMAIN_BUILDER);
    if (!builder)
        return;
    must(world_store(builder->domain, ARGS, &domains[id].params, sizeof domains[id].params));
    if (service_call(builder, GRAMMAR_DOMAIN_CREATE, (uint64_t[6]){peer, ARGS}) < 0)
        return;
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

/* The builder ends a service, begins to clear it away, or gives it a new life; and waits again. */
static void builder_acts(struct input *input)
{
    uint16_t id = (uint16_t)(1 + input_below(input, 3));
    uint64_t peer = KEEL_PEER(id, domains[id].incarnation);
    struct vcpu *builder;

    switch (input_below(input, 16)) {
    case 0:
    case 1:
        (void)builder_call(GRAMMAR_DOMAIN_STOP, (uint64_t[6]){peer, KEEL_STOP_KILLED});
        break;
    case 2:
    case 3:
        (void)builder_call(GRAMMAR_DOMAIN_DESTROY, (uint64_t[6]){peer});
        break;
    default:
        if (!domain_runs(&domains[id]))
            rebuild(id);
        break;
    }
    builder = bring(KEEL_DOMAIN_BUILDER);
    if (builder)
        (void)service_call(builder, GRAMMAR_WAIT, (uint64_t[6]){host_now + BUILDER_WAITS});
}

static void service_acts(struct input *input, struct vcpu *vcpu)
{
    uint32_t what = input_below(input, 32);

    if (vcpu->arch.again && what < 22)
        (void)service_goes_on(vcpu);
    else if (vcpu->arch.again && what < 26) /* gives up what it was at */
        sends(input, vcpu);
    else if (what < 5)
        registers(input, vcpu);
    else if (what < 6)
        unregisters(input, vcpu);
    else if (what < 18)
        sends(input, vcpu);
    else if (what < 21)
        notifies(input, vcpu);
    else if (what < 27)
        receives(input, vcpu);
    else if (what < 28)
        calls_anything(input, vcpu);
    else if (what < 29)
        changes_memory(input, vcpu);
    else if (what < 30)
        (void)service_call(vcpu, GRAMMAR_WAIT, (uint64_t[6]){host_now + input_take(input, 2)});
    else
        scribbles(input, vcpu);
}

/* A part of the input, which always has as many bytes. */
static struct input part(struct input *all, size_t bytes)
{
    struct input input = {all->at, all->left < bytes ? all->left : bytes};

    all->at += input.left;
    all->left -= input.left;
    return input;
}

static uint32_t events;

static void event(struct input *all)
{
    struct input input = part(all, EVENT_BYTES);
    uint32_t how = (uint32_t)input_take(&input, 1), who = how % 16;
    struct vcpu *vcpu;

    host_now += 100;
    if (how / 16 == 0)
        world_happens(&input);
    if (who == 0) { /* whoever has a CPU */
        host_on(how / 16 % HOST_CPUS);
        host_interrupts();
        (void)host_leave();
        vcpu = cpu_this()->current;
    } else if (who == 1) {
        builder_acts(&input);
        vcpu = NULL;
    } else {
        vcpu = bring((uint16_t)(1 + who % WORLD_SERVICES));
    }
    if (how / 16 > 7) /* somebody wants this CPU: what takes long comes back */
        cpu_this()->resched = true;
    if (vcpu && !vcpu->user)
        guest_does(&input, cpu_this(), vcpu);
    else if (vcpu && vcpu->domain->id != KEEL_DOMAIN_BUILDER)
        service_acts(&input, vcpu);
    (void)host_leave();
    lives_are();
    if (++events % CHECK_EACH == 0 || !all->left || events == EVENTS_MAX)
        model_check();
}

/* Mostly the machine is the three services', each on a CPU, and each has a ring. */
static void begins(struct input *input)
{
    uint32_t how = (uint32_t)input_take(input, 1);

    theme.guests = how % 8 == 0;
    theme.right = how & 8;
    theme.receiver = how & 16;
    theme.wildcard = how & 32;
    theme.small = (how & 192) == 192;
    for (uint16_t id = 4; id < 6 && !theme.guests; id++)
        (void)builder_call(GRAMMAR_DOMAIN_STOP,
                           (uint64_t[6]){KEEL_PEER(id, domains[id].incarnation), KEEL_STOP_KILLED});
    for (uint16_t id = 1; id <= WORLD_SERVICES; id++) {
        struct vcpu *vcpu = bring(id);

        if (vcpu && how % 8 > 1)
            registers(input, vcpu);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes}, first = part(&input, FIRST_BYTES);

    world_begin(WORLD_RUNNING);
    events = 0;
    model_begin(&model_world);
    ports_are();
    lives_are();
    begins(&first);
    world_run(&input, event, EVENTS_MAX);
    world_tell("seen: sent %lu, received %lu, waits %lu, woken %lu, steps %lu, refused %lu\n",
               model_seen.sent, model_seen.received, model_seen.waits, model_seen.woken,
               model_seen.steps, model_seen.refused);
    return 0;
}
