/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile suite: see suite.h. */
#include "suite.h"

#include "call_grammar.h"

#include <keel/argo.h>
#include <keel/boot.h>
#include <keel/calls.h>
#include <keel/start.h>
#include <runtime/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_MAX     10u
#define CANARY_WORDS 8192u
#define NEAR_TICKS   2000u /* how long a permitted wait waits */

uint64_t suite_call(uint64_t number, const uint64_t x[6], uint64_t result[2]);

/*
 * Own pages: structures for the kernel to read and write; then a page that is not there; one that is
 * read-only; another hole; and pages that may come and go.
 */
enum { DATA = 0, HOLE = 4, READ_ONLY = 5, HOLE2 = 6, PLAY = 7, PAGES = 16 };
#define PLAY_PAGES (PAGES - PLAY)

static _Alignas(KEEL_PAGE_SIZE) uint8_t page[PAGES][KEEL_PAGE_SIZE];
static uint8_t shadow[HOLE * KEEL_PAGE_SIZE]; /* what the data pages held before the call */
static uint64_t canary[CANARY_WORDS];

/* One call, and what the kernel may write for it. */
struct attempt {
    uint32_t number;
    uint64_t x[6];
    uint64_t out, out_bytes;
    int64_t expected; /* the error that it must get; 0: it is permitted */
    const struct suite_edge *edge; /* of a permitted call with a peer */
};

/* xorshift64*: Vigna, ACM TOMS 42(4), 2016. */
static uint64_t any(struct suite *suite)
{
    suite->random ^= suite->random >> 12;
    suite->random ^= suite->random << 25;
    suite->random ^= suite->random >> 27;
    return suite->random * 0x2545F4914F6CDD1Dull;
}

static uint64_t below(struct suite *suite, uint64_t n)
{
    return (any(suite) >> 16) % n;
}

static bool one_in(struct suite *suite, uint64_t n)
{
    return below(suite, n) == 0;
}

#define PICK(suite, array) ((array)[below(suite, sizeof(array) / sizeof((array)[0]))])

static uint64_t data_address(uint64_t offset)
{
    return (uint64_t)(uintptr_t)&page[0][0] + offset;
}

static uint64_t page_address(uint32_t index)
{
    return (uint64_t)(uintptr_t)page[index];
}

/* ---- values by class ---- */

static const uint64_t limits[] = {
    0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 223, 224, 255, 256, 257, 511, 512,
    513, 1019, 1020, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
    1ull << 39, 1ull << 48, 1ull << 52, INT64_MAX, 1ull << 63, UINT64_MAX - 1, UINT64_MAX,
};

static uint64_t value(struct suite *suite)
{
    return one_in(suite, 4) ? any(suite) >> below(suite, 64) : PICK(suite, limits);
}

static uint64_t small(struct suite *suite, uint64_t limit)
{
    return one_in(suite, 4) ? value(suite) : below(suite, limit + 2);
}

static const uint64_t strange[] = {
    0, 1, KEEL_PAGE_SIZE - 1, KEEL_PAGE_SIZE, 0x08000000, 0x09000000, 0x09010000, 0x40000000, 0x40080000,
    0x7ffff000, 1ull << 30, (1ull << 39) - KEEL_PAGE_SIZE, (1ull << 39) - 8, (1ull << 39) - 1, 1ull << 39,
    (1ull << 44) - KEEL_PAGE_SIZE, (1ull << 48) - 8, 1ull << 48, KEEL_KERNEL_VA, KEEL_KERNEL_VA + 0x2000,
    KEEL_CPU_VA(0), KEEL_CPU_VA(1) + KEEL_CPU_AREA - 8, (1ull << 63) - 8, 1ull << 63,
    UINT64_MAX - KEEL_PAGE_SIZE + 1, UINT64_MAX - 7, UINT64_MAX,
};

/* Where nothing of this program's is: an address that a permitted write must not reach by chance. */
static uint64_t elsewhere(struct suite *suite)
{
    return one_in(suite, 8) ? any(suite) | 1ull << 40 : PICK(suite, strange);
}

/* Of a structure of `bytes`: in the data pages, or where it must not be. */
static uint64_t pointer(struct suite *suite, uint64_t bytes, bool written)
{
    switch (below(suite, 10)) {
    case 0:
        return elsewhere(suite);
    case 1: /* crosses the end into nothing; or just does not */
        return page_address(HOLE) - (bytes ? below(suite, bytes + 2) : 0);
    case 2:
        return page_address(HOLE) + below(suite, KEEL_PAGE_SIZE);
    case 3:
        return page_address(READ_ONLY) + below(suite, KEEL_PAGE_SIZE - 8);
    case 4: /* this code */
        return (uint64_t)(uintptr_t)suite_call + below(suite, 8);
    case 5: /* crosses a page, unaligned */
        return page_address(1) - below(suite, bytes + 1);
    default:
        (void)written;
        return data_address(below(suite, HOLE * KEEL_PAGE_SIZE - 0x900) & ~7ull);
    }
}

static uint32_t edge_with(struct suite *suite, uint32_t rights);

static uint64_t physical(struct suite *suite)
{
    uint32_t device = edge_with(suite, KEEL_RIGHT_DEVICE);

    if (device < KEEL_EDGES_MAX && one_in(suite, 2))
        return suite->edge[device].memory_lo;
    switch (below(suite, 4)) {
    case 0:
        return PICK(suite, strange);
    case 1:
        return 0x40000000 + (below(suite, 1ull << 31) & ~(KEEL_PAGE_SIZE - 1));
    case 2:
        return 0x40000000 + (below(suite, 1ull << 31) & ~(KEEL_BLOCK_SIZE - 1));
    default:
        return 0x40000000 + below(suite, 1ull << 31);
    }
}

static uint64_t intermediate(struct suite *suite)
{
    switch (below(suite, 4)) {
    case 0:
        return PICK(suite, strange);
    case 1:
        return page_address(PLAY + (uint32_t)below(suite, PLAY_PAGES));
    case 2:
        return page_address(HOLE);
    default:
        return below(suite, 1ull << 39) & ~(KEEL_PAGE_SIZE - 1);
    }
}

/* An edge that grants one of `rights`, or KEEL_EDGES_MAX. */
static uint32_t edge_with(struct suite *suite, uint32_t rights)
{
    uint32_t first = (uint32_t)below(suite, KEEL_EDGES_MAX);

    for (uint32_t i = 0; i < KEEL_EDGES_MAX; i++) {
        uint32_t index = (first + i) % KEEL_EDGES_MAX;

        if (suite->edge[index].rights & rights)
            return index;
    }
    return KEEL_EDGES_MAX;
}

static uint64_t peer(struct suite *suite, uint32_t rights)
{
    static const uint32_t edges[] = {KEEL_EDGES_MAX, KEEL_EDGES_MAX + 1, 0x7fff, 0xffff, 0xff00};
    static const uint32_t incarnations[] = {0, 2, 3, 0x7fffffff, 0xffffffff};
    uint32_t edge, incarnation;

    switch (below(suite, 8)) {
    case 0:
        edge = PICK(suite, edges);
        break;
    case 1:
    case 2:
        edge = (uint32_t)below(suite, KEEL_EDGES_MAX);
        break;
    default:
        edge = edge_with(suite, rights);
        if (edge == KEEL_EDGES_MAX)
            edge = edge_with(suite, KEEL_RIGHTS_ALL);
        break;
    }
    incarnation = edge < KEEL_EDGES_MAX ? suite->incarnation[suite->edge[edge].target] : 1;
    if (incarnation == 0)
        incarnation = suite->seen[suite->edge[edge].target];
    if (one_in(suite, 5))
        incarnation = PICK(suite, incarnations);
    /* Bits 16 to 31 say nothing. */
    return KEEL_PEER(edge, incarnation) | (one_in(suite, 16) ? any(suite) & 0xffff0000 : 0);
}

/* ---- structures ---- */

static void fill_params(struct suite *suite, struct keel_domain_params *params)
{
    *params = (struct keel_domain_params){
        .kind = (uint32_t)small(suite, 2),
        .flags = (uint32_t)small(suite, 1),
        .vcpus = (uint32_t)small(suite, 16),
        .spis = (uint32_t)small(suite, 224),
        .cpus = one_in(suite, 4) ? value(suite) : 3,
        .reserve_budget = (uint32_t)small(suite, 1000),
        .reserve_period = one_in(suite, 2) ? 0 : (uint32_t)value(suite),
    };
    params->patience = (uint8_t)params->spis;
    if (one_in(suite, 8))
        memset(params->name, 'x', sizeof params->name);
}

static void fill_copy(struct suite *suite, struct keel_copy *copy, bool from)
{
    *copy = (struct keel_copy){
        .here = pointer(suite, 8, from),
        .there = one_in(suite, 2) ? 0x40000000 + below(suite, 1 << 24) : intermediate(suite),
        .bytes = one_in(suite, 3) ? value(suite) : below(suite, 5000),
    };
    /* A permitted copy must not go beyond the data pages. */
    if (from && copy->here >= data_address(0) && copy->here < page_address(HOLE) &&
        copy->bytes > page_address(HOLE) - copy->here && !one_in(suite, 4))
        copy->bytes = page_address(HOLE) - copy->here;
}

static uint64_t irq_word(struct suite *suite)
{
    return keel_irq_word((struct keel_irq_configure){
        .mask = one_in(suite, 2) ? 1 : (uint32_t)value(suite),
        .bank = (uint8_t)small(suite, 1),
        .vcpu = (uint8_t)small(suite, 0),
        .field = (uint8_t)small(suite, 6),
        .value = (uint8_t)small(suite, 1),
    });
}

static void fill_edge(struct suite *suite, struct keel_edge *edge)
{
    *edge = (struct keel_edge){
        .target = (uint16_t)small(suite, 63),
        .flags = (uint16_t)small(suite, 1),
        .rights = one_in(suite, 2) ? KEEL_RIGHTS_ALL : (uint32_t)value(suite),
        .memory_lo = value(suite),
        .memory_hi = value(suite),
        .irq_lo = (uint32_t)value(suite),
        .irq_hi = (uint32_t)value(suite),
        .port = (uint32_t)value(suite),
        .cpus = value(suite),
    };
}

/* Bytes of the plan. One that counts is over soon: the bystanders are to go on. */
static uint64_t fill_plan(struct suite *suite, uint8_t *at)
{
    struct keel_plan plan = {
        .epoch = one_in(suite, 8) ? (uint32_t)below(suite, 2) : 1,
        .cpu = (uint16_t)small(suite, 1),
        .nbuckets = (uint16_t)(one_in(suite, 8) ? value(suite) : below(suite, 17)),
        .nslots = (uint16_t)(one_in(suite, 8) ? value(suite) : below(suite, 65)),
        .flags = one_in(suite, 16) ? 1 : 0,
        .slice = one_in(suite, 2) ? 0 : (uint32_t)value(suite),
        .lease = 1 + below(suite, 2000000),
    };
    uint32_t buckets = plan.nbuckets > 16 ? 16 : plan.nbuckets;
    uint32_t slots = plan.nslots > 64 ? 64 : plan.nslots;

    if (slots == 0)
        plan.lease = value(suite);
    memcpy(at, &plan, sizeof plan);
    at += sizeof plan;
    for (uint32_t i = 0; i < buckets; i++, at += sizeof(struct keel_plan_bucket)) {
        struct keel_plan_bucket bucket = {
            .index = (uint16_t)small(suite, 127),
            .flags = one_in(suite, 16) ? 1 : 0,
            .budget = one_in(suite, 2) ? value(suite) : below(suite, 100000),
            .period = one_in(suite, 2) ? value(suite) : 100000,
            .deadline = one_in(suite, 2) ? 0 : value(suite),
        };
        memcpy(at, &bucket, sizeof bucket);
    }
    for (uint32_t i = 0; i < slots; i++, at += sizeof(struct keel_plan_slot)) {
        struct keel_plan_slot slot = {
            .domain = (uint16_t)small(suite, 63),
            .vcpu = (uint16_t)small(suite, 1),
            .bucket = (uint16_t)(one_in(suite, 2) ? KEEL_BUCKET_NONE : small(suite, 127)),
            .rank = (uint8_t)(one_in(suite, 16) ? value(suite) : i),
            .flags = (uint8_t)small(suite, 3),
            .min_run = (uint32_t)value(suite),
        };
        memcpy(at, &slot, sizeof slot);
    }
    return sizeof plan + plan.nbuckets * sizeof(struct keel_plan_bucket) +
           plan.nslots * sizeof(struct keel_plan_slot);
}

/* ---- Argo: what the arguments are depends on the operation ---- */

/* Ports that the runtime under this program uses are left alone. */
static uint32_t port(struct suite *suite)
{
    static const uint32_t ports[] = {0, 1, 7, 9, 0xffff, 0x1fffe, 0x7fffffff, 0xffffffff};

    return one_in(suite, 8) ? (uint32_t)any(suite) | 1u << 20 : PICK(suite, ports);
}

static uint16_t partner(struct suite *suite)
{
    static const uint16_t partners[] = {KEEL_DOMAIN_ANY, KEEL_DOMAIN_KERNEL, 63, 64, 0xffff};

    return one_in(suite, 3) ? PICK(suite, partners) : (uint16_t)below(suite, 16);
}

static void fill_argo(struct suite *suite, struct attempt *attempt)
{
    uint64_t *x = attempt->x;
    uint64_t one = data_address(below(suite, 256) * 8);
    uint64_t two = data_address(KEEL_PAGE_SIZE + below(suite, 256) * 8);
    uint8_t *at = (uint8_t *)(uintptr_t)one;
    uint8_t *list = (uint8_t *)(uintptr_t)two;

    x[0] = one_in(suite, 8) ? value(suite) : 1 + below(suite, 4);
    x[2] = x[3] = x[4] = 0;
    switch (x[0]) {
    case KEEL_ARGO_REGISTER_RING: {
        uint32_t pages = (uint32_t)below(suite, PLAY_PAGES + 1);
        struct keel_argo_register_ring ring = {
            .aport = port(suite),
            .partner_id = partner(suite),
            .pad = one_in(suite, 16) ? 1 : 0,
            .len = (uint32_t)(one_in(suite, 4) ? value(suite)
                                               : pages * KEEL_PAGE_SIZE - 64 - 16 * below(suite, 8)),
        };
        memcpy(at, &ring, sizeof ring);
        for (uint32_t i = 0; i < 16; i++) {
            uint64_t address = one_in(suite, 16) ? intermediate(suite) : page_address(PLAY + i % PLAY_PAGES);
            memcpy(list + 8 * i, &address, 8);
        }
        x[2] = two;
        x[3] = one_in(suite, 4) ? value(suite) : KEEL_ARGO_PAGES(ring.len);
        x[4] = small(suite, 1);
        break;
    }
    case KEEL_ARGO_UNREGISTER_RING: {
        struct keel_argo_unregister_ring ring = {.aport = port(suite), .partner_id = partner(suite)};
        memcpy(at, &ring, sizeof ring);
        x[2] = one_in(suite, 8) ? value(suite) : 0;
        break;
    }
    case KEEL_ARGO_SENDV: {
        struct keel_argo_send_addr addr = {
            .src = {.aport = port(suite),
                    .domain_id = one_in(suite, 4) ? partner(suite) : suite->domain},
            .dst = {.aport = port(suite), .domain_id = partner(suite)},
        };
        uint32_t n = (uint32_t)below(suite, 9);
        memcpy(at, &addr, sizeof addr);
        for (uint32_t i = 0; i < n; i++) {
            struct keel_argo_iov iov = {
                .iov_hnd = pointer(suite, 64, false),
                .iov_len = (uint32_t)(one_in(suite, 4) ? value(suite) : below(suite, 200)),
                .pad = one_in(suite, 16) ? 1 : 0,
            };
            memcpy(list + i * sizeof iov, &iov, sizeof iov);
        }
        x[2] = two;
        x[3] = one_in(suite, 8) ? value(suite) : n;
        x[4] = value(suite);
        break;
    }
    default: {
        struct keel_argo_ring_data data = {.nent = (uint32_t)small(suite, 20)};
        memcpy(at, &data, sizeof data);
        for (uint32_t i = 0; i < 20; i++) {
            struct keel_argo_ring_data_ent ent = {
                .ring = {.aport = port(suite), .domain_id = partner(suite)},
                .space_required = (uint32_t)value(suite),
            };
            memcpy(at + sizeof data + i * sizeof ent, &ent, sizeof ent);
        }
        attempt->out = one;
        attempt->out_bytes = sizeof data + 256 * sizeof(struct keel_argo_ring_data_ent);
        break;
    }
    }
    x[1] = one;
    for (uint32_t i = 1; i < 5; i++)
        if (one_in(suite, 12))
            x[i] = i < 3 ? pointer(suite, 16, false) : value(suite);
    attempt->out = x[1];
}

/* ---- a call's arguments ---- */

static uint64_t size_of(const char *type)
{
    static const struct {
        const char *type;
        uint64_t bytes;
    } sizes[] = {
        {"struct keel_domain_params", sizeof(struct keel_domain_params)},
        {"struct keel_registers", sizeof(struct keel_registers)},
        {"struct keel_life", sizeof(struct keel_life)},
        {"struct keel_refusals", sizeof(struct keel_refusals)},
        {"struct keel_copy", sizeof(struct keel_copy)},
        {"struct keel_irq_state", sizeof(struct keel_irq_state)},
        {"struct keel_edge", sizeof(struct keel_edge)},
        {"struct keel_plan", sizeof(struct keel_plan)},
        {"struct keel_plan_vcpu", sizeof(struct keel_plan_vcpu)},
        {"struct keel_trace", sizeof(struct keel_trace)},
        {"char", 1},
        {"void", 0},
    };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (strcmp(sizes[i].type, type) == 0)
            return sizes[i].bytes;
    printf("the suite does not know the type %s\n", type);
    abort();
}

/* A structure, or an array of them, in the data pages, and in the read-only page by chance. */
static uint64_t argument_in(struct suite *suite, struct attempt *attempt, const char *type)
{
    uint64_t at = data_address(below(suite, 0x600) & ~7ull);
    uint8_t *to = (uint8_t *)(uintptr_t)at;
    uint64_t size = size_of(type);

    for (uint32_t i = 0; i < 17; i++, to += size) {
        if (strcmp(type, "struct keel_domain_params") == 0)
            fill_params(suite, (void *)to);
        else if (strcmp(type, "struct keel_copy") == 0)
            fill_copy(suite, (void *)to, attempt->number == GRAMMAR_COPY_FROM);
        else if (strcmp(type, "struct keel_edge") == 0)
            fill_edge(suite, (void *)to);
        else
            break;
    }
    return one_in(suite, 6) ? pointer(suite, size, false) : at;
}

static uint64_t argument(struct suite *suite, struct attempt *attempt, uint32_t i)
{
    const struct call_grammar *call = &call_grammar[attempt->number];
    const char *class = call->class[i];

    if (strcmp(class, "peer") == 0)
        return peer(suite, call->rights);
    if (strcmp(class, "index") == 0 || strcmp(class, "vcpu") == 0)
        return small(suite, strcmp(call->argument[i], "vcpu") == 0 ? 0 : 64);
    if (strcmp(class, "pa") == 0)
        return physical(suite);
    if (strcmp(class, "ipa") == 0)
        return intermediate(suite);
    if (strcmp(class, "order") == 0)
        return one_in(suite, 4) ? value(suite) : PICK(suite, ((const uint64_t[]){0, 0, 9, 8, 10}));
    if (strcmp(class, "count") == 0)
        return one_in(suite, 3) ? 1 : small(suite, 32);
    if (strcmp(class, "perm") == 0)
        return one_in(suite, 3) ? KEEL_PERM_READ | KEEL_PERM_WRITE | KEEL_PERM_DEVICE
                                : small(suite, 15);
    if (strcmp(class, "time") == 0)
        return value(suite);
    if (strcmp(class, "word") == 0)
        return irq_word(suite);
    if (strcmp(call->argument[i], "seq") == 0 && !one_in(suite, 4))
        return suite->seq;
    if (strcmp(call->argument[i], "reason") == 0)
        return small(suite, 6);
    if (strcmp(call->argument[i], "action") == 0)
        return small(suite, 5);
    if (strcmp(class, "in") == 0)
        return argument_in(suite, attempt, call->type[i]);
    if (strcmp(class, "out") == 0 || strcmp(class, "inout") == 0) {
        attempt->out = pointer(suite, size_of(call->type[i]), true);
        attempt->out_bytes = size_of(call->type[i]);
        return attempt->out;
    }
    if (strcmp(class, "value") != 0) {
        printf("the suite does not know the class %s\n", class);
        abort();
    }
    return value(suite);
}

static void arguments(struct suite *suite, struct attempt *attempt)
{
    const struct call_grammar *call = &call_grammar[attempt->number];

    for (uint32_t i = 0; i < 6; i++)
        attempt->x[i] = i < call->arguments ? argument(suite, attempt, i) : any(suite);
    if (attempt->number == GRAMMAR_ARGO)
        fill_argo(suite, attempt);
    if (attempt->number == GRAMMAR_PLAN_COMMIT && !one_in(suite, 6)) {
        attempt->x[0] = attempt->out = data_address(below(suite, 64) * 8);
        attempt->x[1] = fill_plan(suite, (uint8_t *)(uintptr_t)attempt->out);
        if (one_in(suite, 8))
            attempt->x[1] += below(suite, 3) - 1;
    }
    /* Arrays: of as many as the count says, up to the call's limit. */
    if (attempt->number == GRAMMAR_PLAN_COMMIT)
        attempt->out_bytes = 2048;
    else if (attempt->number == GRAMMAR_PLAN_READ || attempt->number == GRAMMAR_IRQ_READ)
        attempt->out_bytes *= 32;
    else if (attempt->number == GRAMMAR_TRACE_READ)
        attempt->out_bytes *= attempt->x[3] <= KEEL_TRACE_MOST ? attempt->x[3] : 0;
    else if (attempt->number == GRAMMAR_COPY_FROM) {
        attempt->out = data_address(0); /* wherever its entries say */
        attempt->out_bytes = sizeof shadow;
    }
}

/* ---- the model ---- */

/* What the rights say: the error that the call must get, or 0. */
static int64_t rights_say(const struct suite *suite, struct attempt *attempt)
{
    const struct call_grammar *call = &call_grammar[attempt->number];
    uint64_t index = attempt->x[0] & 0xffff;
    uint32_t named = (uint32_t)(attempt->x[0] >> 32);
    uint32_t self = 0;

    attempt->edge = NULL;
    if (call->rights == 0)
        return 0;
    if (!call->peer) {
        for (uint32_t i = 0; i < KEEL_EDGES_MAX; i++)
            if (suite->edge[i].target == suite->domain)
                self |= suite->edge[i].rights;
        return self & call->rights ? 0 : -KEEL_EACCES;
    }
    if (index >= KEEL_EDGES_MAX || !(suite->edge[index].rights & call->rights))
        return -KEEL_EACCES;
    attempt->edge = &suite->edge[index];

    uint32_t incarnation = suite->incarnation[attempt->edge->target];

    if (!call->any_incarnation && incarnation != 0 && incarnation != named)
        return -KEEL_ESTALE;
    return 0;
}

/* Permitted, but refused for what the edge does not cover, or for a life that has ended. */
static bool may_refuse(const struct suite *suite, const struct attempt *attempt, int64_t error)
{
    if (error == -KEEL_ESTALE)
        return attempt->edge && suite->incarnation[attempt->edge->target] == 0 &&
               !call_grammar[attempt->number].any_incarnation;
    if (error != -KEEL_EACCES)
        return false;
    switch (attempt->number) {
    case GRAMMAR_COPY_FROM:
    case GRAMMAR_COPY_TO:
    case GRAMMAR_IRQ_CONFIGURE:
    case GRAMMAR_IRQ_RAISE:
    case GRAMMAR_IRQ_READ:
    case GRAMMAR_PLAN_COMMIT:
        return true;
    case GRAMMAR_REPLY: /* an interrupt's configuration with the answer needs another right */
    case GRAMMAR_REPLY_WAIT:
        return attempt->x[2] == KEEL_REPLY_CONFIGURE;
    case GRAMMAR_MEMORY_MAP: /* free memory is the builder's */
        return !(attempt->edge->rights & KEEL_RIGHT_BUILD) && !suite->sealed_builder;
    default:
        return false;
    }
}

static bool may_answer(const struct suite *suite, const struct attempt *attempt, int64_t result)
{
    const struct call_grammar *call = &call_grammar[attempt->number];

    if (attempt->expected)
        return result == attempt->expected;
    if (result >= 0) {
        switch (attempt->number) {
        case GRAMMAR_WAIT:
        case GRAMMAR_REPLY_WAIT:
            return result != 0;
        case GRAMMAR_EDGE_SET: /* after the seal */
        case GRAMMAR_AUTHORITY_SEAL:
        case GRAMMAR_EXIT:
        case GRAMMAR_SYSTEM_OFF:
            return false;
        case GRAMMAR_MEMORY_POOL: /* only what is being built takes pages */
        case GRAMMAR_MEMORY_DONATE:
            return attempt->edge->target == suite->domain ||
                   suite->incarnation[attempt->edge->target] == 0;
        default:
            return true;
        }
    }
    if (call->any_error)
        return result >= -KEEL_ESTALE;
    for (uint32_t i = 0; i < 8 && call->error[i]; i++)
        if (result == -(int64_t)call->error[i])
            return true;
    return may_refuse(suite, attempt, result);
}

/* ---- what is not done although it may be ---- */

/* Own memory that is there changes only where that is its purpose; the holes stay holes. */
static void keep_own_memory(struct attempt *attempt, uint32_t address, uint32_t order, uint32_t count)
{
    uint64_t at = attempt->x[address], end = page_address(PLAY) + PLAY_PAGES * KEEL_PAGE_SIZE;

    if (at >= page_address(PLAY) && at < end) {
        attempt->x[order] = 0;
        if (attempt->x[count] > (end - at) / KEEL_PAGE_SIZE)
            attempt->x[count] = (end - at) / KEEL_PAGE_SIZE;
    } else if (at >= page_address(DATA) && at < page_address(PLAY)) {
        attempt->x[address] |= 1ull << 39;
    }
}

/* False: not to be made at all. */
static bool tame(struct suite *suite, struct attempt *attempt)
{
    uint64_t *x = attempt->x;
    bool self = attempt->edge && attempt->edge->target == suite->domain;

    switch (attempt->number) {
    case GRAMMAR_EXIT:
        return false;
    case GRAMMAR_WAIT:
        x[0] = one_in(suite, 2) ? 1 : keel_counter() + below(suite, NEAR_TICKS);
        break;
    case GRAMMAR_REPLY_WAIT:
        x[4] = keel_counter() + below(suite, NEAR_TICKS);
        break;
    case GRAMMAR_SYSTEM_OFF:
        x[0] |= 2;
        break;
    case GRAMMAR_CONSOLE_WRITE:
        return one_in(suite, 16) && x[1] == 0;
    case GRAMMAR_DOMAIN_STOP:
        if (!(suite->targets >> attempt->edge->target & 1))
            x[1] |= 8; /* no reason */
        else if (x[1] == KEEL_STOP_OFF && !one_in(suite, 32))
            x[1] = KEEL_STOP_RESET; /* else it would not come back */
        return true;
    case GRAMMAR_DOMAIN_CREATE:
    case GRAMMAR_DOMAIN_SEAL:
    case GRAMMAR_DOMAIN_RUN:
    case GRAMMAR_DOMAIN_DESTROY:
        return true;
    case GRAMMAR_MEMORY_MAP:
        if (self)
            keep_own_memory(attempt, 2, 3, 4);
        return true;
    case GRAMMAR_MEMORY_UNMAP:
    case GRAMMAR_MEMORY_PROTECT:
        if (self)
            keep_own_memory(attempt, 1, 2, 3);
        return true;
    case GRAMMAR_MEMORY_DONATE:
        keep_own_memory(attempt, 1, 3, 4);
        return true;
    case GRAMMAR_ARGO:
        return true;
    default:
        break;
    }
    return true;
}

/* ---- judging ---- */

static void tell(struct suite *suite, const struct attempt *attempt, const char *what, int64_t result)
{
    const uint64_t *x = attempt->x;

    if (suite->wrong++ >= TOLD_MAX)
        return;
    printf("WRONG %s: %s(%llx, %llx, %llx, %llx, %llx, %llx): %lld, expected %lld\n", what,
           attempt->number < GRAMMAR_CALLS ? call_grammar[attempt->number].name : "no call",
           (unsigned long long)x[0], (unsigned long long)x[1], (unsigned long long)x[2],
           (unsigned long long)x[3], (unsigned long long)x[4], (unsigned long long)x[5],
           (long long)result, (long long)attempt->expected);
}

/* The data pages: unchanged, but for what a call that succeeded writes. */
static bool data_is_right(const struct attempt *attempt, int64_t result)
{
    uint64_t lo = data_address(0), hi = lo + sizeof shadow;
    uint64_t from = attempt->out, to;
    bool writes = attempt->out_bytes && attempt->expected == 0 &&
                  (result >= 0 || attempt->number == GRAMMAR_PLAN_COMMIT ||
                   attempt->number == GRAMMAR_ARGO || attempt->number == GRAMMAR_TRACE_READ);
    uint8_t *data = page[DATA];
    bool right;

    if (memcmp(data, shadow, sizeof shadow) == 0)
        return true;
    if (!writes || from >= hi || from + attempt->out_bytes <= lo) {
        right = false;
    } else {
        from = from < lo ? lo : from;
        to = attempt->out + attempt->out_bytes > hi ? hi : attempt->out + attempt->out_bytes;
        right = memcmp(data, shadow, from - lo) == 0 &&
                memcmp(data + (to - lo), shadow + (to - lo), hi - to) == 0;
    }
    return right;
}

static void canary_check(struct suite *suite)
{
    for (uint64_t i = 0; i < CANARY_WORDS; i++)
        if (canary[i] != (i ^ (uintptr_t)&canary[i])) {
            suite->wrong++;
            printf("WRONG the canary: word %llu\n", (unsigned long long)i);
            canary[i] = i ^ (uintptr_t)&canary[i];
        }
}

static void attempt_make(struct suite *suite)
{
    struct attempt attempt = {.number = (uint32_t)below(suite, GRAMMAR_CALLS)};
    uint64_t number, result[2], changed;

    /* A machine that waits is answered now and then, so that it goes on to other things. */
    if (suite->seq && one_in(suite, 8))
        attempt.number = one_in(suite, 2) ? GRAMMAR_REPLY : GRAMMAR_REPLY_WAIT;
    number = attempt.number;
    arguments(suite, &attempt);
    attempt.expected = rights_say(suite, &attempt);
    if (one_in(suite, 64)) { /* no call at all */
        static const uint64_t numbers[] = {GRAMMAR_CALLS, GRAMMAR_CALLS + 1, 64, 255, 1ull << 32, 1ull << 63, UINT64_MAX};

        number = PICK(suite, numbers);
        attempt.expected = -KEEL_ENOSYS;
        attempt.out_bytes = 0;
    } else if (attempt.expected == 0 && !tame(suite, &attempt)) {
        return;
    }
    memcpy(shadow, page[DATA], sizeof shadow);
    changed = suite_call(number, attempt.x, result);
    suite->calls++;
    suite->permitted += attempt.expected == 0;
    if (number < GRAMMAR_CALLS && (int64_t)result[0] >= 0) {
        suite->succeeded |= 1ull << number;
        if (number == GRAMMAR_DOMAIN_INFO && attempt.expected == 0) {
            struct keel_life life;

            memcpy(&life, (const void *)(uintptr_t)attempt.x[1], sizeof life);
            suite->seen[attempt.edge->target] = KEEL_PEER_INCARNATION(life.peer);
        }
    }
    if (changed)
        tell(suite, &attempt, "registers", (int64_t)changed);
    if (!may_answer(suite, &attempt, (int64_t)result[0]))
        tell(suite, &attempt, "answer", (int64_t)result[0]);
    if (!data_is_right(&attempt, (int64_t)result[0]))
        tell(suite, &attempt, "memory", (int64_t)result[0]);
}

bool suite_begin(struct suite *suite)
{
    const uint32_t holes[] = {HOLE, HOLE2};
    uint64_t self = KEEL_PEER(edge_with(suite, KEEL_RIGHT_SELF), suite->incarnation[suite->domain]);

    if (suite->random == 0)
        suite->random = 1;
    for (uint64_t i = 0; i < CANARY_WORDS; i++)
        canary[i] = i ^ (uintptr_t)&canary[i];
    for (uint32_t i = 0; i < 2; i++)
        if (keel_memory_unmap(self, page_address(holes[i]), 0, 1) != 1) {
            printf("WRONG no hole in own memory\n");
            return false;
        }
    if (keel_memory_protect(self, page_address(READ_ONLY), 0, 1, KEEL_PERM_READ) != 1) {
        printf("WRONG no read-only page in own memory\n");
        return false;
    }
    return true;
}

void suite_run(struct suite *suite, uint32_t n)
{
    while (n--)
        attempt_make(suite);
    canary_check(suite);
}
