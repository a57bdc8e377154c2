/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo in the kernel as a whole: three services register rings, send, notify and unregister,
 * receive honestly or write anything into their rings, change the memory that rings and messages
 * lie in, die and come back. An input is a sequence of events. Besides what kernel_world.h says, each step
 * of an operation does what the reference model (argo_model.h) says: its answer, whom it tells, what lies in
 * the rings. Guests have no right here to what the model describes.
 */
#include "argo_model.h"
#include "kernel_guest.h"
#include "kernel_world.h"

#include "argo/argo.h"
#include "cpu/call.h"
#include "interrupt/irq.h"
#include <keel/argo.h>

#include "call_grammar.h"

#define EVENTS_MAX 120u
#define CHECK_EACH 16u                     /* of them, every byte that is unread is looked at */
#define ARGS       (WORLD_RW_IPA + 0xc000) /* arguments of calls */
#define LISTS      (WORLD_RW_IPA + 0xd000)
#define RINGS_PAGE (WORLD_RW_IPA >> KEEL_PAGE_SHIFT) /* up to 8 pages of rings */
#define DATA       (WORLD_RW_IPA + 0x8000)           /* 4 pages of what is sent */
#define HONEST     (WORLD_RW_IPA + 0xe000)

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
static bool honest[WORLD_SERVICES + 1];

static bool is_honest(const struct domain *domain, uint32_t port, uint16_t partner)
{
    return domain->id <= WORLD_SERVICES && honest[domain->id] && port == WORLD_PORT &&
           partner == KEEL_DOMAIN_ANY;
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

static void register_honest(struct input *input, struct vcpu *vcpu)
{
    uint16_t id = vcpu->domain->id;
    uint32_t len = 4096 - 64 - 16 * input_below(input, 200);
    const struct keel_argo_register_ring ring = {
        .aport = WORLD_PORT, .partner_id = KEEL_DOMAIN_ANY, .len = len};
    const uint64_t gfn = HONEST >> KEEL_PAGE_SHIFT;
    const struct keel_argo_ring header = {.signals = len / KEEL_ARGO_SLOT % 2};

    if (id == 0 || honest[id])
        return;
    if (!put(vcpu, HONEST, &header, sizeof header) || !put(vcpu, ARGS, &ring, sizeof ring) ||
        !put(vcpu, LISTS, &gfn, sizeof gfn))
        return;
    for (uint32_t i = 0; i < 100; i++) {
        int64_t status = service_call(vcpu, GRAMMAR_ARGO,
                                      (uint64_t[6]){KEEL_ARGO_REGISTER_RING, ARGS, LISTS, 1, 1});

        if (!vcpu->arch.again) {
            honest[id] = status == 0;
            return;
        }
    }
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
    honest[id] = false; /* whatever the last life ended of */
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
        (void)service_goes_on(vcpu);
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
        (void)model_receive(vcpu->domain->id, WORLD_PORT, KEEL_DOMAIN_ANY);
        break;
    case 11:
        (void)model_receive_all(vcpu->domain->id);
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

static uint32_t events;

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
    lives_are();
    if (++events % CHECK_EACH == 0 || !input->left || events == EVENTS_MAX)
        model_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};

    world_begin(WORLD_RUNNING);
    memset(honest, 0, sizeof honest);
    events = 0;
    model_begin(&model_world);
    ports_are();
    lives_are();
    world_run(&input, event, EVENTS_MAX);
    world_tell("seen: sent %lu, received %lu, waits %lu, woken %lu, steps %lu, refused %lu\n",
               model_seen.sent, model_seen.received, model_seen.waits, model_seen.woken,
               model_seen.steps, model_seen.refused);
    return 0;
}
