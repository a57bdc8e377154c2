/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A devices service that dies while its guest waits for it, in several ways, and says what it was
 * asked and what became of its answers; what has to be seen is in replay.py.
 */
#include "guest.h"

#include <keel/calls.h>
#include <keel/machine.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>

#define REGISTERS       (KEEL_MACHINE_UART + 0xF00)
#define REGISTERS_BYTES 0x100u
#define PSCI_CPU_ON     0xC4000003u
#define HELD            13u /* the round in which it answers CPU 0's write only in another life */

static _Noreturn void die(uint32_t round)
{
    fflush(stdout);
    if (round & 4)
        exit(EXIT_FAILURE);
    *(volatile uint32_t *)(uintptr_t)strtoul("0", NULL, 0) = 0;
    abort();
}

static void answer(const struct keel_exit *exit, uint64_t value)
{
    int64_t first = keel_reply(exit->peer, exit->seq, KEEL_REPLY_DONE, value);
    int64_t second = keel_reply(exit->peer, exit->seq, KEEL_REPLY_DONE, value);

    printf("answered %lx: %ld, %ld\n", (unsigned long)exit->seq, (long)first, (long)second);
}

static struct loop_reply on_access(const struct keel_exit *exit)
{
    uint32_t round = (uint32_t)(exit->args[0] - REGISTERS) / 4;
    bool again = exit->flags & KEEL_EXIT_REPLAY;
    bool write = exit->kind == KEEL_EXIT_WRITE;

    printf("life %u: %s %u %u %lx %lx%s\n", keel_start()->incarnation, write ? "write" : "read",
           exit->vcpu, round, (unsigned long)exit->args[1], (unsigned long)exit->seq,
           again ? " again" : "");
    if (write && !again && round == HELD && exit->vcpu == 0) {
        printf("holds it\n");
        return loop_later();
    }
    if (!again && round % 4 == (write ? 1 : 2))
        die(round);
    answer(exit, write ? 0 : 0x5A000000u | (uint64_t)exit->vcpu << 16 | round);
    if (!again && !write && round % 4 == 3)
        die(round);
    return loop_later();
}

static struct loop_reply on_exit(void *context, const struct keel_exit *exit)
{
    bool access = exit->kind == KEEL_EXIT_READ || exit->kind == KEEL_EXIT_WRITE;

    (void)context;
    if (access && exit->args[0] - REGISTERS < REGISTERS_BYTES)
        return on_access(exit);
    if (exit->kind == KEEL_EXIT_HVC && exit->args[0] == PSCI_CPU_ON) {
        const struct keel_connection *way = keel_connection_with(NULL, 0, KEEL_RIGHT_VCPU);
        keel_peer peer = KEEL_PEER(way->edge, KEEL_PEER_INCARNATION(exit->peer));
        return loop_done(
            (uint64_t)keel_vcpu_start(peer, exit->args[1], exit->args[2], exit->args[3]));
    }
    return guest_exit(exit);
}

int main(void)
{
    loop_exits(on_exit, NULL);
    loop_run();
}
