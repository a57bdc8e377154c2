/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes numbers on request, and sends back what it hears. It is killed all the time, and goes on
 * from its vault: what it heard, and what of that it has said, changes as one. See pair.h.
 */
#include "pair.h"

#include <runtime/clock.h>
#include <runtime/stream.h>
#include <runtime/vault.h>
#include <stdio.h>

#define LATER_MS  5u
#define LATER_MAX 4u

static struct {
    struct pair_states states;
    struct stream_store back;
    uint8_t buffer[BUFFER];
    uint8_t times[NOTES];
} vault VAULT;
static _Alignas(KEEL_PAGE_SIZE) uint8_t ring[RING_PAGES * KEEL_PAGE_SIZE] VAULT;

static struct stream_writer back;
static struct stream_reader there;

/* ---- The stream ---- */

static size_t on_bytes(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                       size_t n)
{
    struct pair_state *next = pair_change(&vault.states);
    const size_t room = stream_room(&back, next->put);
    (void)context;
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++) {
        next->wrong += bytes[i] != pair_byte(place->position + i);
        stream_place(&back, next->put++, bytes[i]);
    }
    next->place = (struct keel_stream_place){place->stream, place->position + n};
    pair_commit(&vault.states);
    stream_advance(&back, pair_state(&vault.states)->put);
    back.wanted = n == 0;
    return n;
}

static void on_told(void *context, const struct stream_notice *notice)
{
    const struct pair_state *now;
    (void)context;
    pair_told(&vault.states, notice);
    now = pair_state(&vault.states);
    if (notice->event != STREAM_ENDS)
        return;
    printf("heard %llu bytes, %llu wrong, %llu lost\n", (unsigned long long)now->place.position,
           (unsigned long long)now->wrong, (unsigned long long)now->lost);
    stream_end(&back);
}

static void on_room(void *context)
{
    (void)context;
    stream_resume(&there);
}

/* ---- Requests ---- */

static struct later {
    struct message message;
    struct loop_timer timer;
} later[LATER_MAX];

static void answer(const struct message *message, uint32_t number)
{
    const struct noted noted = {.number = number, .times = vault.times[number]};
    message_answer(message, 0, &noted, sizeof(noted));
}

static void on_time(void *context)
{
    struct later *of = context;
    answer(&of->message, (uint32_t)(uintptr_t)of->message.payload);
    of->message.port = NULL;
}

static bool on_note(void *context, const struct message *message)
{
    const struct note *note = message->payload;
    const uint32_t number = note->number % NOTES;
    (void)context;
    if (message->type != PAIR_LOOK)
        vault.times[number]++;
    if (message->type != PAIR_LATER) {
        answer(message, number);
        return true;
    }
    struct later *of = later;
    while (of < later + LATER_MAX && of->message.port != NULL)
        of++;
    if (of == later + LATER_MAX) {
        message_answer(message, -KEEL_EBUSY, NULL, 0);
        return true;
    }
    of->message = *message;
    of->message.payload = (const void *)(uintptr_t)number; /* the rest of it is gone by then */
    loop_timer_set(&of->timer, clock_after_ms(LATER_MS), on_time, of);
    return true;
}

static const struct message_type types[] = {
    {.type = PAIR_NOTE, .bytes = sizeof(struct note), .handler = on_note},
    {.type = PAIR_LATER, .bytes = sizeof(struct note), .handler = on_note},
    {.type = PAIR_LOOK, .bytes = sizeof(struct note), .handler = on_note},
};

int main(void)
{
    static struct port asked = {.types = types, .ntypes = sizeof(types) / sizeof(types[0])}, heard;
    const struct keel_connection *to = keel_connection_with("client", PORT_BACK, KEEL_RIGHT_SEND);
    if (to == NULL)
        return 1;
    back = (struct stream_writer){.to = to,
                                  .from = PORT_BACK,
                                  .store = &vault.back,
                                  .buffer = vault.buffer,
                                  .size = BUFFER,
                                  .room = on_room};
    there = (struct stream_reader){.domain = to->domain,
                                   .from = PORT_THERE,
                                   .place = pair_state(&vault.states)->place,
                                   .take = on_bytes,
                                   .told = on_told};
    if (vault_is_old())
        vault.back.put = pair_state(&vault.states)->put;
    if (!stream_writer_open(&back, vault_is_old()))
        printf("the vault makes no sense\n");
    stream_reader_add(&there, &heard);
    if (port_open(&asked, PORT_ASK, to->domain, 4000) < 0 ||
        port_open_in(&heard, PORT_THERE, to->domain, ring, RING_PAGES) < 0)
        return 1;
    loop_run();
}
