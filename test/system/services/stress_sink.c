/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes messages of senders that are killed all the time, and looks at every byte. When it has
 * enough, its senders tell what the kernel has taken of them, life by life; it compares, and gives
 * back what it has: see stress.h.
 *
 *   shared | own     one ring for all, or one for each, of which the first sender's is the largest
 *   N                messages that are enough, and
 *   SECONDS          since the first sender that tells began
 *   NAME...          senders; those before "guests" tell it
 */
#include "stress.h"

#include <argo/argo.h>
#include <errno.h>
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SOURCES    8u
#define SHARED_LEN 0x40000u
#define OWN_LEN    0x1FFC0u
#define AGAIN_MS   20u
#define PROBES     (KEEL_DOMAINS_MAX + 1)

static struct source {
    const struct keel_connection *connection;
    uint16_t domain;
    bool tells;          /* all of it, in the end */
    uint32_t life, next; /* number, of that life */
    uint32_t lives;      /* that were seen */
    uint64_t messages, bytes;
    uint32_t longest;
    uint32_t wrong, lost, doubled, disorder; /* contents, messages, messages, lives */
    uint32_t unheard; /* arrived, and whoever sent them died before it knew */
    uint32_t missing; /* were taken, and did not arrive */
    bool told;
    uint32_t *count; /* of each life */
} source[SOURCES];
static uint32_t sources;

static struct {
    struct argo_ring ring;
    void *memory;
    uint32_t pages;
} own[SOURCES];
static uint32_t rings;
static uint64_t target, total;
static uint64_t began, least, lasted; /* ticks */

/* A ring of any length: libs/argo's end at 1 MiB. */
static int64_t ring_open(uint32_t i, uint16_t partner, uint32_t len)
{
    struct keel_argo_register_ring args = {PORT_STRESS, partner, 0, len};
    uint32_t pages = KEEL_ARGO_PAGES(len);
    uint64_t *frame = malloc(pages * sizeof *frame);
    void *memory = mmap(NULL, pages * KEEL_PAGE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!frame || memory == MAP_FAILED)
        return -KEEL_ENOMEM;
    for (uint32_t page = 0; page < pages; page++)
        frame[page] = ((uintptr_t)memory >> KEEL_PAGE_SHIFT) + page;
    own[i].memory = memory;
    own[i].pages = pages;
    own[i].ring =
        (struct argo_ring){.shared = memory, .len = len, .port = PORT_STRESS, .partner = partner};
    int64_t status = keel_argo(KEEL_ARGO_REGISTER_RING, &args, frame, pages, 0);

    free(frame);
    return status;
}

/* How many more rings the kernel has pages for: what a ring leaves behind would make it fewer. */
static uint32_t rings_left(void)
{
    static _Alignas(KEEL_PAGE_SIZE) uint8_t page[KEEL_PAGE_SIZE];
    uint64_t frame = (uintptr_t)page >> KEEL_PAGE_SHIFT;
    struct keel_argo_register_ring args = {PORT_STOP, 0, 0, KEEL_ARGO_RING_MIN};
    int64_t status = 0;
    uint32_t n = 0;

    while (n < PROBES && status == 0) {
        args.partner_id = (uint16_t)(n < KEEL_DOMAINS_MAX ? n : KEEL_DOMAIN_ANY);
        memset(page, 0, sizeof(struct keel_argo_ring));
        status = keel_argo(KEEL_ARGO_REGISTER_RING, &args, &frame, 1, 0);
        n += status == 0;
    }
    if (status != -KEEL_ENOMEM)
        printf("FAILED: probe: %d\n", (int)status);
    for (uint32_t i = 0; i < n; i++) {
        struct keel_argo_unregister_ring gone = {
            PORT_STOP, (uint16_t)(i < KEEL_DOMAINS_MAX ? i : KEEL_DOMAIN_ANY), 0};

        if (keel_argo(KEEL_ARGO_UNREGISTER_RING, &gone, NULL, 0, 0) != 0)
            printf("FAILED: unregister\n");
    }
    return n;
}

/* Pages of own rings that the kernel holds: they can't be protected. */
static uint32_t pinned(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < rings; i++)
        for (uint32_t page = 0; page < own[i].pages; page++) {
            void *at = (uint8_t *)own[i].memory + page * KEEL_PAGE_SIZE;

            if (mprotect(at, KEEL_PAGE_SIZE, PROT_READ) == 0)
                (void)mprotect(at, KEEL_PAGE_SIZE, PROT_READ | PROT_WRITE);
            else
                n++;
        }
    return n;
}

/* ---- Messages ---- */

static uint32_t content_wrong(const struct argo_message *message)
{
    const uint32_t type = message->type, bytes = message->bytes;
    const uint32_t seed = stress_seed(message->source.domain_id, type, bytes);
    const uint8_t *ring = message->ring->shared->ring;
    uint32_t start = message->start, at = 0;

    for (; at + 8 <= bytes; at += 8) {
        uint64_t word;

        memcpy(&word, &ring[start], sizeof word);
        if (word != stress_word(seed, at))
            return 1;
        start = start + 8 == message->ring->len ? 0 : start + 8;
    }
    uint64_t last = stress_word(seed, at);

    return memcmp(&ring[start], &last, bytes - at) != 0;
}

static void count(struct source *from, const struct argo_message *message)
{
    uint32_t life = message->type >> NUMBER_BITS, number = message->type & NUMBER_MASK;

    if (from->tells && began == 0)
        began = keel_counter();
    if (life != from->life) {
        from->disorder += from->tells && life < from->life;
        from->life = life;
        from->next = 0;
        from->lives++;
    }
    from->lost += number > from->next;
    from->doubled += number < from->next;
    from->next = number + 1;
    if (from->count)
        from->count[life]++;
    from->wrong += content_wrong(message);
    from->messages++;
    from->bytes += message->bytes;
    if (message->bytes > from->longest)
        from->longest = message->bytes;
    total++;
}

static void hear_table(struct source *from, const struct argo_message *message)
{
    uint32_t lives = message->bytes / sizeof(uint32_t);

    from->unheard = from->missing = 0;
    for (uint32_t life = 0; from->count && life < lives; life++) {
        uint32_t accepted = 0, arrived = from->count[life];

        (void)argo_message_read(message, life * sizeof accepted, &accepted, sizeof accepted);
        from->missing += arrived < accepted ? accepted - arrived : 0;
        from->unheard += arrived > accepted;
        from->doubled += arrived > accepted + (life + 1 < lives);
    }
    from->told = true;
}

static void hear_farewell(struct source *from, const struct argo_message *message)
{
    struct farewell farewell;

    if (argo_message_take(message, &farewell) && farewell.accepted > 0)
        from->missing += farewell.life != from->life || farewell.accepted > from->next;
    from->told = true;
}

static struct source *source_of(const struct argo_message *message)
{
    for (uint32_t i = 0; i < sources; i++)
        if (source[i].domain == message->source.domain_id)
            return &source[i];
    return NULL;
}

/* Senders are told again and again: a life may end with what it was told. */
static struct loop_timer timer;

static void tell_enough(void *context)
{
    for (uint32_t i = 0; i < sources; i++) {
        const struct keel_argo_addr to = {PORT_STOP, source[i].domain, 0};

        if (source[i].tells && !source[i].told && argo_send(PORT_STRESS, to, 0, NULL, 0) < 0)
            continue; /* it is dead now */
    }
    loop_timer_set(&timer, clock_after_ms(AGAIN_MS), tell_enough, context);
}

static void take_one(struct argo_ring *ring, const struct argo_message *message)
{
    struct source *from = source_of(message);

    if (!from)
        printf("FAILED: from domain %u\n", message->source.domain_id);
    else if (message->type == STRESS_TYPE(LIFE_TELLS, TELL_TABLE))
        hear_table(from, message);
    else if (message->type == STRESS_TYPE(LIFE_TELLS, TELL_FAREWELL))
        hear_farewell(from, message);
    else
        count(from, message);
    argo_ring_consume(ring, message);
}

/* Turns, so that no ring waits for another. */
#define TURN 32u

static bool take_some(void)
{
    struct argo_message message;
    bool any = false;

    for (uint32_t i = 0; i < rings; i++)
        for (uint32_t n = 0; n < TURN && argo_ring_next(&own[i].ring, &message); n++) {
            take_one(&own[i].ring, &message);
            any = true;
        }
    return any;
}

static bool all_told(void)
{
    for (uint32_t i = 0; i < sources; i++)
        if (!source[i].told)
            return false;
    return lasted != 0;
}

static void look_enough(void)
{
    if (lasted != 0 || total < target || began == 0 || keel_counter() - began < least)
        return;
    lasted = keel_counter() - began;
    printf("enough: %llu messages in %llu ms\n", (unsigned long long)total,
           (unsigned long long)(lasted / clock_ticks(CLOCK_NS_PER_MS)));
    tell_enough(NULL);
}

static void report(const struct source *from)
{
    printf(
        "%s: %llu messages, %llu bytes, longest %u, %u lives, %u wrong, %u lost, %u doubled, %u disorder, "
        "%u missing, %u unheard\n",
        from->connection->name, (unsigned long long)from->messages, (unsigned long long)from->bytes,
        from->longest, from->lives, from->wrong, from->lost, from->doubled, from->disorder,
        from->missing, from->unheard);
}

static bool open_rings(bool shared)
{
    if (shared)
        return ring_open(rings++, KEEL_DOMAIN_ANY, SHARED_LEN) == 0;
    for (; rings < sources; rings++)
        if (ring_open(rings, source[rings].domain, rings == 0 ? KEEL_ARGO_RING_MAX : OWN_LEN) < 0)
            return false;
    return true;
}

static bool find_sources(int names, char **name)
{
    bool tells = true;

    for (int i = 0; i < names; i++) {
        if (strcmp(name[i], "guests") == 0) {
            tells = false;
            continue;
        }
        struct source *at = &source[sources++];

        at->connection = keel_connection_find(name[i]);
        if (sources > SOURCES || !at->connection)
            return false;
        at->domain = at->connection->domain;
        at->tells = tells;
        at->life = LIFE_TELLS;
        if (tells && !(at->count = calloc(LIVES, sizeof *at->count)))
            return false;
        at->life = tells ? 0 : LIFE_TELLS;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 5 || loop_begin() < 0 || !find_sources(argc - 4, argv + 4))
        return 1;
    target = strtoull(argv[2], NULL, 10);
    least = strtoull(argv[3], NULL, 10) * keel_counter_frequency();
    uint32_t before = rings_left();

    if (!open_rings(strcmp(argv[1], "shared") == 0)) {
        printf("FAILED: no rings\n");
        return 1;
    }
    printf("takes messages\n");
    uint64_t events = LOOP_FIRST;

    /* Without a deadline, as long as there is not enough: a wake-up that got lost would be seen. */
    while (!all_told()) {
        if (!take_some())
            events = loop_turn(events);
        argo_notify();
        look_enough();
    }
    uint32_t held = pinned(), corrupt = 0;

    for (uint32_t i = 0; i < rings; i++) {
        corrupt += own[i].ring.corrupt != 0;
        if (argo_ring_unregister(&own[i].ring) != 0)
            printf("FAILED: unregister\n");
    }
    for (uint32_t i = 0; i < sources; i++)
        report(&source[i]);
    printf("done: %llu messages, %u corrupt, %u pages held, %u then, rings left %u, then %u\n",
           (unsigned long long)total, corrupt, held, pinned(), before, rings_left());
    for (;;)
        events = loop_turn(events);
}
