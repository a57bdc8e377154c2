/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends to its receivers without a pause, and is killed all the time. What the kernel took is noted
 * in its vault, so that the last life can tell all of it. Arguments: its receivers. See stress.h.
 */
#include "stress.h"

#include <argo/argo.h>
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <runtime/vault.h>
#include <stdio.h>
#include <string.h>

#define BUFFER     0x200000u
#define REST_MAX_S 5u

static struct {
    uint32_t accepted[SINKS][LIVES];
    uint32_t enough[SINKS]; /* the receiver wants no more: 1, and knows all: 2 */
} vault VAULT;

static _Alignas(KEEL_PAGE_SIZE) uint8_t stop_memory[KEEL_PAGE_SIZE];
static _Alignas(KEEL_PAGE_SIZE) uint64_t buffer[BUFFER / 8];
static struct argo_ring stop;
static const struct keel_connection *sink[SINKS];
static uint32_t sinks, most[SINKS];
static uint64_t dice;
static bool busy; /* has something to send */

static void stops_take(void)
{
    struct argo_message message;

    while (argo_ring_next(&stop, &message)) {
        for (uint32_t i = 0; i < sinks; i++)
            if (message.source.domain_id == sink[i]->domain && vault.enough[i] == 0)
                vault.enough[i] = 1;
        argo_ring_consume(&stop, &message);
    }
    argo_notify();
}

/* Without a deadline: a wake-up that got lost is seen, at the latest when there is enough. */
static void rest(void)
{
    static uint64_t events = LOOP_FIRST;
    uint64_t since = keel_counter();

    events = loop_turn(events);
    stops_take();
    if (busy && keel_counter() - since > REST_MAX_S * keel_counter_frequency())
        printf("FAILED: nobody woke it\n");
}

/* The most that a ring takes; waits until it is there. */
static uint32_t ask_most(uint32_t i)
{
    struct {
        struct keel_argo_ring_data data;
        struct keel_argo_ring_data_ent ent;
    } query;

    do {
        memset(&query, 0, sizeof query);
        query.data.nent = 1;
        query.ent.ring = (struct keel_argo_addr){PORT_STRESS, sink[i]->domain, 0};
        (void)keel_argo(KEEL_ARGO_NOTIFY, &query, NULL, 0, 0);
    } while ((query.ent.flags & KEEL_ARGO_EXISTS) == 0 && keel_yield() == 0);
    return query.ent.max_message_size;
}

static void tell_table(uint32_t i)
{
    int status;

    do {
        status =
            argo_send_to(sink[i], PORT_STOP, STRESS_TYPE(LIFE_TELLS, TELL_TABLE), vault.accepted[i],
                         (keel_start()->incarnation + 1) * sizeof vault.accepted[i][0]);
        if (status == -KEEL_EAGAIN)
            rest();
    } while (status == -KEEL_EAGAIN);
    /* It leaves when it knows all: this sender's last life told it, and died over the note of that. */
    if (status < 0 && status != -KEEL_ECONNREFUSED)
        printf("%s does not want to know: %s\n", sink[i]->name, strerror(-status));
    vault.enough[i] = 2;
}

/* False: there is no space, and a signal will come. */
static bool try(uint32_t i, uint32_t type, uint32_t bytes)
{
    struct keel_argo_iov iov[KEEL_ARGO_IOVS_MAX];
    uint32_t n = stress_cut(&dice, (uintptr_t)buffer, BUFFER, bytes, iov);
    int status = argo_sendv_to(sink[i], PORT_STOP, type, iov, n);

    if (status == (int)bytes) {
        vault.accepted[i][keel_start()->incarnation]++;
        return true;
    }
    if (status != -KEEL_EAGAIN)
        printf("FAILED: %u bytes to %s: %d\n", bytes, sink[i]->name, status);
    return status != -KEEL_EAGAIN;
}

static void send_one(uint32_t i)
{
    uint32_t bytes = stress_size(&dice, most[i]);
    uint32_t number = vault.accepted[i][keel_start()->incarnation];
    uint32_t type = STRESS_TYPE(keel_start()->incarnation, number);

    if (number > NUMBER_MASK)
        printf("FAILED: more messages than can be told apart\n");

    stress_fill(buffer, stress_seed(keel_start()->domain, type, bytes),
                bytes < BUFFER ? bytes : BUFFER);
    while (!try(i, type, bytes) && vault.enough[i] == 0)
        rest();
}

int main(int argc, char **argv)
{
    sinks = (uint32_t)argc - 1;
    for (uint32_t i = 0; i < sinks; i++)
        if (!(sink[i] = keel_connection_with(argv[i + 1], PORT_STRESS, KEEL_RIGHT_SEND)))
            return 1;
    if (sinks > SINKS || keel_start()->incarnation >= LIVES)
        return 1;
    if (vault_is_old() != (keel_start()->incarnation > 1))
        printf("FAILED: the vault is lost\n");
    if (loop_begin() < 0 ||
        argo_ring_register(&stop, PORT_STOP, KEEL_DOMAIN_ANY, stop_memory, ARGO_RING_LEN(1)) < 0)
        return 1;
    while (keel_start()->incarnation == 1)
        rest(); /* until whoever kills is at work */
    for (uint32_t i = 0; i < sinks; i++)
        if (vault.enough[i] == 0)
            most[i] = ask_most(i);
    dice = keel_start()->domain + 64ull * keel_start()->incarnation;
    for (;;) {
        bool more = false;

        stops_take();
        busy = true;
        for (uint32_t i = 0; i < sinks; i++) {
            if (vault.enough[i] == 0)
                send_one(i);
            else if (vault.enough[i] == 1)
                tell_table(i);
            more = more || vault.enough[i] < 2;
        }
        busy = more;
        if (!more)
            rest();
    }
}
