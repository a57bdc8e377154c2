/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills services in every way there is, at random moments: it has the rights to, over those that its
 * system file names, so that what is killed is the very program that is shipped.
 *
 *   count=N      kills of each
 *   every=MS     on average; the next one comes only when the victim lives again
 *   seed=N
 *   only=N       one way: its number in enum fault
 *   NAME...      victims; each has an edge with read, registers, stop and watch
 */
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VICTIMS_MAX 8
#define SERVICE     0x1000000000ull /* where services are linked */
#define TEXT_MAX    0x80000u
#define SVC_RET     0xd65f03c0d4000001ull
#define WILD        0xbad0bad0ull
#define TRIES_MAX   200u /* at a victim that does not wait */
#define TRY_US      50u

/* Numbers of the calls (abi/calls.toml), as the stubs of this program have them. */
#define CALL_NULL   0u
#define CALL_WAIT   1u
#define CALL_REPLY  3u
#define CALL_YIELD  4u
#define CALL_EXIT   5u

enum fault { JUMP, STACK, LOOP, EXIT, SILENCE, WRONG, YIELD, KILL, FAULTS };
static const char *const fault_names[] = {"jumps",     "overflows its stack", "loops",  "exits",
                                          "is silent", "answers wrongly",     "yields", "is killed"};

static struct victim {
    const struct keel_connection *connection;
    uint64_t gadget; /* svc #0; ret */
    uint32_t life, kills;
    bool serves; /* a machine's accesses: its silence is noticed */
} victim[VICTIMS_MAX];
static uint32_t victims, turn, count = 1, every = 100, only = FAULTS;
static struct loop_timer timer;

static uint32_t below(uint32_t n)
{
    return (uint32_t)rand() % n;
}

static bool peek(keel_peer peer, uint64_t address, void *to, uint64_t bytes)
{
    const struct keel_copy copy = {(uintptr_t)to, address, bytes};
    uint64_t rest;

    return keel_copy_from(peer, &copy, 1, &rest) == 1;
}

static uint64_t gadget_find(keel_peer peer)
{
    static uint64_t page[KEEL_PAGE_SIZE / 8];

    for (uint64_t at = SERVICE; at < SERVICE + TEXT_MAX; at += KEEL_PAGE_SIZE) {
        if (!peek(peer, at, page, sizeof page))
            continue;
        for (uint32_t i = 0; i + 8 <= sizeof page; i += 4) {
            uint64_t word;

            memcpy(&word, (const uint8_t *)page + i, sizeof word);
            if (word == SVC_RET)
                return at + i;
        }
    }
    return 0;
}

/* The end of the pages below an address of the victim's stack. */
static uint64_t stack_end(keel_peer peer, uint64_t sp)
{
    uint64_t page = sp & ~(KEEL_PAGE_SIZE - 1), word;

    while (peek(peer, page - 8, &word, 8))
        page -= KEEL_PAGE_SIZE;
    return page;
}

/* The victim goes on with these registers: a call in an endless row, or something worse. */
static void spoil(const struct victim *v, keel_peer peer, enum fault fault,
                  struct keel_registers *registers)
{
    static const uint8_t calls[FAULTS] = {[LOOP] = CALL_NULL, [EXIT] = CALL_EXIT,
                                          [SILENCE] = CALL_WAIT, [WRONG] = CALL_REPLY,
                                          [YIELD] = CALL_YIELD};

    if (fault == JUMP) {
        registers->pc = WILD;
        return;
    }
    if (fault == STACK) {
        registers->sp = stack_end(peer, registers->sp);
        return;
    }
    registers->pc = registers->x[30] = v->gadget;
    registers->x[8] = calls[fault];
    registers->x[0] = fault == EXIT ? 7 : fault == WRONG ? KEEL_PEER(1, 1) : 0;
    registers->x[1] = (uint64_t)rand();
    if (fault == WRONG)
        registers->x[30] = WILD;
}

/* False: the victim does not wait just now. */
static bool strike(const struct victim *v, keel_peer peer, enum fault fault)
{
    struct keel_registers registers;

    if (fault == KILL)
        return keel_domain_stop(peer, KEEL_STOP_KILLED, keel_start()->domain) == 0;
    if (keel_vcpu_read(peer, 0, &registers) != 0)
        return false;
    spoil(v, peer, fault, &registers);
    return keel_vcpu_write(peer, 0, &registers) == 0;
}

static bool done(void)
{
    for (uint32_t i = 0; i < victims; i++)
        if (victim[i].kills < count)
            return false;
    return true;
}

static void attempt(struct victim *v)
{
    static const enum fault kinds[] = {KILL, JUMP, KILL, STACK, LOOP, KILL, EXIT, SILENCE, KILL, WRONG};
    enum fault fault = kinds[(v->kills + (uint32_t)(v - victim)) % (sizeof kinds / sizeof kinds[0])];
    keel_peer peer = KEEL_PEER(v->connection->edge, v->life);
    struct keel_life now;

    if (v->kills == count || keel_domain_info(peer, &now) != 0 || now.state != KEEL_DOMAIN_RUNNING ||
        KEEL_PEER_INCARNATION(now.peer) == v->life)
        return; /* it has had its share, or has not come back yet */
    peer = now.peer;
    if (only < FAULTS)
        fault = (enum fault)only;
    if (!v->gadget && fault != KILL)
        v->gadget = gadget_find(peer);
    if (fault == SILENCE && !v->serves)
        fault = YIELD;
    for (uint32_t i = 0; i < TRIES_MAX; i++) {
        if (strike(v, peer, fault)) {
            v->life = KEEL_PEER_INCARNATION(peer);
            v->kills++;
            printf("%u: %s %s\n", v->kills, v->connection->name, fault_names[fault]);
            return;
        }
        for (uint64_t until = keel_counter() + clock_ticks(TRY_US * 1000); keel_counter() < until;)
            ;
    }
}

static void on_time(void *context)
{
    (void)context;
    if (done()) {
        printf("done\n");
        return;
    }
    attempt(&victim[turn++ % victims]);
    loop_timer_set(&timer, clock_after_ms(1 + below(2 * every)), on_time, NULL);
}

static bool number(const char *argument, const char *prefix, uint32_t *to)
{
    if (strncmp(argument, prefix, strlen(prefix)) != 0)
        return false;
    *to = (uint32_t)strtoul(argument + strlen(prefix), NULL, 10);
    return true;
}

int main(int argc, char **argv)
{
    uint32_t seed = 1;

    for (int i = 1; i < argc; i++) {
        if (number(argv[i], "count=", &count) || number(argv[i], "every=", &every) ||
            number(argv[i], "seed=", &seed) || number(argv[i], "only=", &only))
            continue;
        const struct keel_connection *connection = keel_connection_with(argv[i], 0, KEEL_RIGHT_STOP);
        if (!connection || victims == VICTIMS_MAX) {
            printf("no edge to %s\n", argv[i]);
            return EXIT_FAILURE;
        }
        victim[victims++] = (struct victim){
            .connection = connection, .serves = strstr(argv[i], ".devices") != NULL};
    }
    srand(seed);
    printf("%u victims\n", victims);
    loop_timer_set(&timer, clock_after_ms(1000 + every), on_time, NULL);
    loop_run();
}
