/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's calls, with the kernel's core around them: builder, services and guests on three
 * CPUs make any calls with any arguments in any order, and everything else that enters the kernel
 * happens in between. An input is a sequence of events; arguments of calls are made by the call
 * table's grammar, mostly such that they mean something. After each event, and when everybody has
 * ended, the kernel is as kernel_world.h says; a call that was refused has said why in a documented
 * way, and changed nothing.
 */
#include <setjmp.h>

#include "kernel_guest.h"
#include "kernel_world.h"

#include "cpu/call.h"
#include "cpu/dispatch.h"
#include "interrupt/irq.h"
#include "memory/address.h"
#include <keel/argo.h>
#include <keel/plan.h>

#include "call_grammar.h"

#define EVENTS_MAX 150u
#define ARGS_IPA   (WORLD_RW_IPA + 0x8000) /* where structures for calls are put */
#define ARGS_STEP  0x400u

static jmp_buf off;

static void switched_off(bool reset)
{
    (void)reset;
    longjmp(off, 1);
}

/* ---- arguments ---- */

static uint64_t some_number(struct input *input)
{
    uint32_t how = input_below(input, 8);

    if (how < 4)
        return input_take(input, 1);
    if (how < 6)
        return 1ull << input_below(input, 64);
    return how == 6 ? input_take(input, 4) : input_take(input, 8);
}

/* Whether a call for `rights` on this domain can do more than say that it is not the time for it.
 */
static bool is_ripe(const struct domain *domain, uint32_t rights)
{
    return !(rights & KEEL_RIGHT_BUILD) || domain->state == KEEL_DOMAIN_BUILDING;
}

/* One of the caller's edges with one of these rights; if there is any, where it can have an effect.
 */
static uint32_t some_edge(struct input *input, const struct domain *caller, uint32_t rights)
{
    uint32_t edges[KEEL_EDGES_MAX], n = 0, ripe = 0;

    for (uint32_t i = 0; i < KEEL_EDGES_MAX; i++) {
        const struct keel_edge *edge = &caller->authority.edge[i];

        if (!(edge->rights & rights) || edge->target >= WORLD_DOMAINS)
            continue;
        edges[n] = i;
        if (is_ripe(&domains[edge->target], rights)) { /* to the front */
            edges[n] = edges[ripe];
            edges[ripe++] = i;
        }
        n++;
    }
    if (n == 0)
        return input_below(input, KEEL_EDGES_MAX);
    return edges[input_below(input, ripe && input_below(input, 4) ? ripe : n)];
}

/* A peer for a call that needs one of these rights; now and then another, or another incarnation.
 */
static uint64_t some_peer(struct input *input, const struct domain *caller, uint32_t rights)
{
    uint32_t how = input_below(input, 32);
    uint32_t index = how == 31 ? input_below(input, 16) : some_edge(input, caller, rights);
    uint32_t incarnation = domains[caller->authority.edge[index].target].incarnation;

    if (how == 30)
        return input_take(input, 8);
    return KEEL_PEER(how == 29 ? input_take(input, 2) : index,
                     how == 28 ? incarnation - 1 : incarnation);
}

/* A call that the domain has the right for; now and then any. */
static uint32_t some_call(struct input *input, const struct domain *caller)
{
    uint32_t calls[GRAMMAR_CALLS], n = 0, rights = 0;

    if (input_below(input, 16) == 15)
        return input_below(input, GRAMMAR_CALLS);
    for (uint32_t i = 0; i < KEEL_EDGES_MAX; i++)
        rights |= caller->authority.edge[i].rights;
    for (uint32_t i = GRAMMAR_WAIT; i < GRAMMAR_CALLS; i++) {
        const struct call_grammar *call = &call_grammar[i];

        if (i != GRAMMAR_SYSTEM_OFF && i != GRAMMAR_EXIT &&
            (!call->rights || (call->rights & (call->peer ? rights : caller->authority.self))))
            calls[n++] = i;
    }
    return calls[input_below(input, n)];
}

static struct domain *peer_of(const struct domain *caller, uint64_t peer)
{
    uint32_t index = KEEL_PEER_EDGE(peer) % KEEL_EDGES_MAX;

    return &domains[caller->authority.edge[index].target];
}

static uint64_t some_pa(struct input *input)
{
    uint32_t how = input_below(input, 8);

    if (how == 0)
        return input_take(input, 8);
    if (how == 1)
        return WORLD_DEVICE + input_take(input, 1) * KEEL_PAGE_SIZE;
    if (how == 2)
        return WORLD_FREE_PA + input_take(input, 1) * KEEL_PAGE_SIZE;
    if (how == 3)
        return WORLD_FREE_PA + input_take(input, 1) % 2 * KEEL_BLOCK_SIZE;
    return WORLD_FREE_PA + (12 + input_below(input, 52)) * KEEL_PAGE_SIZE; /* clean at first */
}

static uint64_t some_count(struct input *input)
{
    static const uint64_t counts[] = {1, 1, 1, 2, 4, 8, 16, 32, 64, 512, 513, 0};
    uint32_t how = input_below(input, 16);

    return how < sizeof counts / sizeof counts[0] ? counts[how] : some_number(input);
}

/* Where most values of an argument of that name lie. */
static const struct {
    const char *name;
    uint32_t first, values;
} ranges[] = {
    {"reason", 2, 6}, {"vcpu", 0, 3},   {"intid", 30, 36}, {"level", 0, 3}, {"control", 0, 5},
    {"index", 0, 65}, {"domain", 0, 8}, {"op", 0, 6},      {"first", 0, 9}, {"status", 0, 3},
};

static uint64_t some_value(struct input *input, const char *name)
{
    if (strcmp(name, "bits") == 0 && input_below(input, 4))
        return 1ull << (KEEL_EVENT_IRQ + input_below(input, 3));
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (strcmp(ranges[i].name, name) == 0 && input_below(input, 8))
            return ranges[i].first + input_below(input, ranges[i].values);
    return some_number(input);
}

static uint64_t some_word(struct input *input)
{
    return keel_irq_word((struct keel_irq_configure){
        .mask = (uint32_t)(input_below(input, 2) ? 1u << input_below(input, 32)
                                                 : input_take(input, 4)),
        .bank = (uint8_t)(input_below(input, 8) ? input_below(input, 2) : input_take(input, 1)),
        .vcpu = (uint8_t)(input_below(input, 8) ? input_below(input, 2) : input_take(input, 1)),
        .field = (uint8_t)input_below(input, KEEL_IRQ_FIELDS + 1),
        .value = (uint8_t)(input_below(input, 2) ? 1 : input_take(input, 1)),
    });
}

static uint64_t some_perm(struct input *input)
{
    static const uint8_t perms[] = {KEEL_PERM_READ | KEEL_PERM_WRITE,
                                    KEEL_PERM_READ | KEEL_PERM_EXEC,
                                    KEEL_PERM_READ,
                                    KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_EXEC,
                                    KEEL_PERM_READ | KEEL_PERM_WRITE,
                                    KEEL_PERM_DEVICE};
    uint32_t how = input_below(input, 8);

    return how < sizeof perms ? perms[how] : some_number(input);
}

/* ---- structures ---- */

static uint64_t some_window(struct input *input, uint64_t *hi)
{
    static const uint64_t bases[] = {WORLD_UART, WORLD_GICD, WORLD_GUEST_IPA, 0x0b000000, 0};
    uint64_t lo = bases[input_below(input, 5)] + input_below(input, 8) * KEEL_PAGE_SIZE;

    *hi = input_below(input, 8) ? lo + input_take(input, 1) * KEEL_PAGE_SIZE - 1
                                : input_take(input, 8);
    return lo;
}

static size_t fill_edge(struct input *input, const struct domain *target, void *to)
{
    struct keel_edge edge = {
        .target = (uint16_t)(input_below(input, 8) ? input_below(input, WORLD_DOMAINS + 1)
                                                   : input_take(input, 2)),
        .flags = (uint16_t)(input_below(input, 4) ? 0 : input_take(input, 2)),
        .rights = 1u << input_below(input, 20) |
                  (input_below(input, 2) ? 0 : (uint32_t)input_take(input, 3)),
        .irq_lo = input_below(input, 100),
        .port = input_below(input, 4) ? WORLD_PORT : (uint32_t)input_take(input, 4),
        .cpus = input_take(input, 1),
    };

    (void)target;
    edge.memory_lo = some_window(input, &edge.memory_hi);
    edge.irq_hi = edge.irq_lo + input_below(input, 8) - 1;
    memcpy(to, &edge, sizeof edge);
    return sizeof edge;
}

/* As before the seal, mostly: nothing else is accepted after it. */
static size_t fill_params(struct input *input, const struct domain *target, void *to)
{
    bool same = input_below(input, 4) && target->params.kind;
    static const uint32_t times[] = {0, 0, 100000, 10000000, 99999, UINT32_MAX};
    struct keel_domain_params params = {
        .kind = input_below(input, 8) ? 1 + input_below(input, 2) : (uint32_t)input_take(input, 4),
        .flags = input_below(input, 8) ? 0 : (uint32_t)input_take(input, 4),
        .vcpus = input_below(input, 4) ? 1 : input_below(input, 18),
        .spis = input_below(input, 4) ? 0 : (uint32_t)input_take(input, 1),
        .cpus = input_below(input, 8) ? 7 : input_take(input, 8),
        .reserve_budget = times[input_below(input, 6)],
        .reserve_period = times[input_below(input, 6)],
        .name = "new",
    };

    params.reserve_delay = params.reserve_period;
    params.patience = (uint8_t)params.cpus;
    params.name[15] = (char)(input_below(input, 16) == 15);
    memcpy(to, same ? &target->params : &params, sizeof params);
    return sizeof params;
}

static size_t fill_copies(struct input *input, const struct domain *target, void *to)
{
    struct keel_copy *copy = to;
    uint32_t n = 1 + input_below(input, 4);

    (void)target;
    for (uint32_t i = 0; i < n; i++)
        copy[i] = (struct keel_copy){
            .here = WORLD_RW_IPA + input_take(input, 2) * (input_below(input, 4) ? 1 : 64),
            .there = WORLD_GUEST_IPA + input_take(input, 2) * (input_below(input, 2) ? 1 : 16),
            .bytes = input_below(input, 8) ? input_take(input, 2) : input_take(input, 8),
        };
    return n * sizeof *copy;
}

static size_t fill_registers(struct input *input, const struct domain *target, void *to)
{
    struct keel_registers registers = {.pc = input_take(input, 2), .sp = input_take(input, 2)};

    (void)target;
    memcpy(to, &registers, sizeof registers);
    return sizeof registers;
}

static size_t fill_plan(struct input *input, const struct domain *target, void *to)
{
    static const uint64_t times[] = {0, 100000, 1000000, 10000000, 10000000000ull, UINT64_MAX};
    struct keel_plan *plan = to;
    struct keel_plan_bucket *bucket = (void *)(plan + 1);
    struct keel_plan_slot *slot;

    (void)target;
    *plan = (struct keel_plan){
        .epoch = input_below(input, 4),
        .cpu = (uint16_t)(input_below(input, 8) ? input_below(input, 2) : input_take(input, 2)),
        .nbuckets = (uint16_t)input_below(input, 3),
        .nslots = (uint16_t)input_below(input, 6),
        .flags = input_below(input, 16) == 15,
        .slice = (uint32_t)times[input_below(input, 4)],
        .lease = times[input_below(input, 6)],
    };
    for (uint32_t i = 0; i < plan->nbuckets; i++)
        bucket[i] = (struct keel_plan_bucket){
            .index =
                (uint16_t)(input_below(input, 8) ? input_below(input, 3) : input_take(input, 2)),
            .budget = times[input_below(input, 6)],
            .period = times[input_below(input, 6)],
            .deadline = times[input_below(input, 6)],
        };
    slot = (void *)(bucket + plan->nbuckets);
    for (uint32_t i = 0; i < plan->nslots; i++)
        slot[i] = (struct keel_plan_slot){
            .domain = (uint16_t)(input_below(input, 16) ? input_below(input, WORLD_DOMAINS)
                                                        : input_take(input, 2)),
            .vcpu = (uint16_t)(input_below(input, 4) ? 0 : input_below(input, 20)),
            .bucket = (uint16_t)(input_below(input, 2) ? KEEL_BUCKET_NONE : input_below(input, 3)),
            .rank = (uint8_t)(input_below(input, 4) ? i : input_take(input, 1)),
            .flags = (uint8_t)input_below(input, 5),
            .min_run = (uint32_t)times[input_below(input, 4)],
        };
    return (size_t)((char *)(slot + plan->nslots) - (char *)to);
}

static const struct {
    const char *type;
    size_t (*fill)(struct input *input, const struct domain *target, void *to);
} structures[] = {
    {"struct keel_edge", fill_edge},   {"struct keel_domain_params", fill_params},
    {"struct keel_copy", fill_copies}, {"struct keel_registers", fill_registers},
    {"struct keel_plan", fill_plan},
};

/* A pointer: mostly to a structure of that type that was put there; *bytes: how large it is. */
static uint64_t some_pointer(struct input *input, const struct domain *caller,
                             const struct domain *target, const char *type, uint32_t argument,
                             size_t *bytes)
{
    static _Alignas(8) uint8_t buffer[ARGS_STEP];
    uint64_t ipa = ARGS_IPA + argument * ARGS_STEP;

    if (input_below(input, 12) == 11)
        return some_ipa(input, caller);
    for (size_t i = 0; i < sizeof structures / sizeof structures[0]; i++)
        if (strcmp(structures[i].type, type) == 0) {
            *bytes = structures[i].fill(input, target, buffer);
            must(*bytes <= sizeof buffer);
            (void)world_store(caller, ipa, buffer, *bytes);
        }
    return ipa;
}

/* ---- calls ---- */

static void make_arguments(struct input *input, const struct domain *caller,
                           const struct call_grammar *grammar, uint64_t *x)
{
    const struct domain *target = caller;
    size_t bytes = 0;

    for (uint32_t i = 0; i < grammar->arguments; i++) {
        const char *class = grammar->class[i];

        if (strcmp(class, "peer") == 0) {
            x[i] = some_peer(input, caller, grammar->rights);
            target = peer_of(caller, x[i]);
        } else if (strcmp(class, "ipa") == 0) {
            x[i] = some_ipa(input, strcmp(grammar->argument[i], "from") == 0 ? caller : target);
        } else if (strcmp(class, "pa") == 0) {
            x[i] = some_pa(input);
        } else if (strcmp(class, "order") == 0) {
            x[i] = input_below(input, 8) ? 0 : input_below(input, 4) ? 9 : some_number(input);
        } else if (strcmp(class, "count") == 0) {
            x[i] = bytes && input_below(input, 8) ? bytes : some_count(input);
        } else if (strcmp(class, "perm") == 0) {
            x[i] = some_perm(input);
        } else if (strcmp(class, "word") == 0) {
            x[i] = some_word(input);
        } else if (strcmp(class, "time") == 0) {
            x[i] = input_below(input, 2) ? 0 : host_now + input_take(input, 3);
        } else if (grammar->type[i][0]) {
            x[i] = some_pointer(input, caller, target, grammar->type[i], i, &bytes);
            if (strcmp(grammar->type[i], "struct keel_plan") != 0)
                bytes = 0;
        } else {
            x[i] = some_value(input, grammar->argument[i]);
        }
    }
}

/* A vCPU that waits for an answer by this service, or NULL. */
static const struct vcpu *client_of(const struct domain *service)
{
    for (uint32_t i = 0; i < VCPUS_TOTAL; i++)
        if (vcpus[i].used && vcpus[i].state == VCPU_BLOCKED && vcpus[i].exit.service == service)
            return &vcpus[i];
    return NULL;
}

/* An answer, mostly to who waits for one. */
static void aim_reply(struct input *input, const struct domain *caller, uint64_t *x)
{
    const struct vcpu *client = client_of(caller);
    bool aimed = client && input_below(input, 8);

    x[8] = input_below(input, 2) ? GRAMMAR_REPLY : GRAMMAR_REPLY_WAIT;
    x[0] = aimed ? client->exit.message.peer : some_peer(input, caller, KEEL_RIGHT_SERVE);
    x[1] = aimed && input_below(input, 8) ? client->exit.message.seq : some_number(input);
    x[2] = input_below(input, 6);
    x[3] = x[2] == KEEL_REPLY_CONFIGURE ? some_word(input) : input_take(input, 1);
    x[4] = 0;
}

/* Rings of one or two pages, messages to where somebody may listen. */
static void aim_argo(struct input *input, const struct domain *caller, uint64_t *x)
{
    uint32_t op = 1 + input_below(input, 4);
    uint16_t other = (uint16_t)input_below(input, 4);
    uint64_t gfns[2] = {(WORLD_RW_IPA >> 12) + input_below(input, 6),
                        (WORLD_RW_IPA >> 12) + input_below(input, 6)};
    uint32_t port = input_below(input, 4) == 0   ? KEEL_PORT_KERNEL
                    : input_below(input, 4) == 0 ? WORLD_PORT_2
                                                 : WORLD_PORT;

    memset(x, 0, 5 * sizeof *x);
    x[0] = op;
    x[1] = ARGS_IPA;
    if (op == KEEL_ARGO_REGISTER_RING) {
        uint32_t pages = 1 + input_below(input, 2);
        struct keel_argo_register_ring ring = {
            .aport = port,
            .partner_id = (uint16_t)(port == KEEL_PORT_KERNEL ? KEEL_DOMAIN_KERNEL
                                     : other == 0             ? KEEL_DOMAIN_ANY
                                                              : other),
            .len = pages * 4096 - 64 - 16 * input_below(input, 32),
        };

        (void)world_store(caller, ARGS_IPA, &ring, sizeof ring);
        (void)world_store(caller, ARGS_IPA + ARGS_STEP, gfns, sizeof gfns);
        x[2] = ARGS_IPA + ARGS_STEP;
        x[3] = pages;
        x[4] = input_below(input, 4) == 3;
    } else if (op == KEEL_ARGO_SENDV) {
        struct keel_argo_send_addr address = {.src = {0, KEEL_DOMAIN_ANY, 0},
                                              .dst = {port, other, 0}};
        struct keel_argo_iov iov[2];

        for (uint32_t i = 0; i < 2; i++)
            iov[i] = (struct keel_argo_iov){.iov_hnd = some_ipa(input, caller),
                                            .iov_len = (uint32_t)input_take(input, 2) % 6000};
        (void)world_store(caller, ARGS_IPA, &address, sizeof address);
        (void)world_store(caller, ARGS_IPA + ARGS_STEP, iov, sizeof iov);
        x[2] = ARGS_IPA + ARGS_STEP;
        x[3] = 1 + input_below(input, 2);
        x[4] = input_take(input, 1);
    } else if (op == KEEL_ARGO_NOTIFY) {
        const struct keel_argo_ring_data data = {.nent = input_below(input, 4)};

        (void)world_store(caller, ARGS_IPA, &data, sizeof data);
        for (uint32_t i = 0; i < 3; i++) {
            const struct keel_argo_ring_data_ent entry = {
                .ring = {port, (uint16_t)(1 + i), 0},
                .space_required = (uint32_t)input_take(input, 2),
            };

            (void)world_store(caller, ARGS_IPA + sizeof data + i * sizeof entry, &entry,
                              sizeof entry);
        }
    } else {
        struct keel_argo_unregister_ring ring = {port, KEEL_DOMAIN_ANY, 0};

        (void)world_store(caller, ARGS_IPA, &ring, sizeof ring);
    }
}

static bool error_is_documented(const struct call_grammar *grammar, int64_t status)
{
    if (grammar->any_error || (status == -KEEL_EACCES && (grammar->rights || grammar->peer)) ||
        (status == -KEEL_ESTALE && grammar->peer))
        return true;
    for (uint32_t i = 0; grammar->error[i]; i++)
        if (status == -(int64_t)grammar->error[i])
            return true;
    return false;
}

/* Executes the call that is in the registers of what runs here. */
static void execute(struct vcpu *vcpu)
{
    const uint64_t number = vcpu->registers.x[8];
    const struct call_grammar *grammar = number < GRAMMAR_CALLS ? &call_grammar[number] : NULL;
    const uint64_t *x = vcpu->registers.x;
    uint64_t before = world_picture();
    int64_t status;

    world_tell("cpu %u, domain %u: %s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)", cpu_this()->index,
               vcpu->domain->id, grammar ? grammar->name : "?", x[0], x[1], x[2], x[3], x[4], x[5]);
    vcpu->arch.again = false;
    call_handle(vcpu);
    world_tell(" = %ld%s\n", (int64_t)x[0],
               cpu_this()->current != vcpu ? ", left"
               : vcpu->arch.again          ? ", again"
                                           : "");
    if (cpu_this()->current != vcpu || vcpu->arch.again || number == GRAMMAR_WAIT ||
        number == GRAMMAR_REPLY_WAIT || !domain_runs(vcpu->domain))
        return; /* no answer, or one that is any number */
    status = (int64_t)vcpu->registers.x[0];
    if (status >= 0 || status < -200)
        return;
    must(grammar ? error_is_documented(grammar, status) : status == -KEEL_ENOSYS);
    must(status == -KEEL_EAGAIN || world_picture() == before ||
         (grammar && number == GRAMMAR_ARGO));
}

static void service_calls(struct input *input, struct vcpu *vcpu)
{
    uint64_t *x = vcpu->registers.x;
    uint32_t how = input_below(input, 16);

    if (vcpu->arch.again && how < 12) {
        execute(vcpu);
        return;
    }
    if (how == 12 || how == 13) {
        x[8] = GRAMMAR_ARGO;
        aim_argo(input, vcpu->domain, x);
    } else if (how == 14 || (how % 2 && client_of(vcpu->domain))) {
        aim_reply(input, vcpu->domain, x);
    } else if (how < 15 || input_below(input, 4)) {
        x[8] = some_call(input, vcpu->domain);
        make_arguments(input, vcpu->domain, &call_grammar[x[8]], x);
    } else {
        x[8] = input_take(input, 1);
    }
    execute(vcpu);
}

/* What its rings and arguments hold is the service's business, at any time. */
static void service_stores(struct input *input, const struct vcpu *vcpu)
{
    uint64_t ipa = WORLD_RW_IPA + input_below(input, 6) * KEEL_PAGE_SIZE +
                   (input_below(input, 2) ? 0 : input_take(input, 2) % KEEL_PAGE_SIZE);
    uint32_t value =
        (uint32_t)(input_below(input, 2) ? input_take(input, 1) * 16 : input_take(input, 4));

    (void)world_store(vcpu->domain, ipa, &value, sizeof value);
}

/* ---- events ---- */

static void event(struct input *input)
{
    uint32_t how = (uint32_t)input_take(input, 1);
    struct cpu *cpu;

    host_on(how % HOST_CPUS);
    how /= HOST_CPUS;
    if (how % 8 == 0)
        world_happens(input);
    if (how % 4 != 3) { /* else they come later */
        host_interrupts();
        (void)host_leave();
    }
    host_now += 100;
    for (uint32_t i = 0; i < HOST_CPUS && !cpu_this()->current; i++) {
        host_on((cpu_this()->index + 1) % HOST_CPUS);
        host_interrupts();
        (void)host_leave();
    }
    cpu = cpu_this();
    if (!cpu->current)
        return;
    if (!cpu->current->user)
        guest_does(input, cpu, cpu->current);
    else if (how % 16 == 1)
        service_stores(input, cpu->current);
    else if (how % 16 == 2)
        memory_is_touched(input, cpu);
    else if (how == 84)
        service_faults(cpu->current);
    else
        service_calls(input, cpu->current);
    (void)host_leave();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};

    host_off = switched_off;
    world_begin(input_take(&input, 1) % 4 ? WORLD_RUNNING : WORLD_EMPTY);
    if (setjmp(off))
        return 0;
    world_run(&input, event, EVENTS_MAX);
    return 0;
}
