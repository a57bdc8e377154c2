/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks and writes without a pause, and reads what comes back, until both of the pair have had as
 * many lives as its argument says. See pair.h.
 */
#include "pair.h"

#include <runtime/clock.h>
#include <runtime/request.h>
#include <runtime/stream.h>
#include <runtime/vault.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 20000u
#define PACE_MS     2u
#define AT_A_TIME   700u /* bytes */

static struct {
    struct pair_states states;
    struct stream_store there;
    uint8_t buffer[BUFFER];
    uint32_t number; /* noted next: each once */
    uint32_t answered, looked, waited, stale, other, wrong;
} vault VAULT;
static _Alignas(KEEL_PAGE_SIZE) uint8_t ring[RING_PAGES * KEEL_PAGE_SIZE] VAULT;

static const struct keel_connection *server;
static struct client client;
static struct stream_writer there;
static uint32_t lives;
static bool enough; /* of them */

/* ---- Requests ---- */

static request_handler on_noted;
static struct ask {
    struct request request;
    struct note note;
    struct noted noted;
    uint32_t type;
} note = {.type = PAIR_NOTE}, later = {.type = PAIR_LATER}, look = {.type = PAIR_LOOK};
static struct loop_timer pace;

static void ask(struct ask *what)
{
    what->note.number = what->type == PAIR_LOOK || vault.number == NOTES - 1 ? 0 : ++vault.number;
    what->request.done = on_noted;
    what->request.context = what;
    what->request.answer = &what->noted;
    what->request.answer_bytes = sizeof(what->noted);
    what->request.again = what->type == PAIR_LOOK;
    if (request_send_bytes(&what->request, &client, what->type, &what->note, sizeof(what->note),
                           clock_after_ms(DEADLINE_MS)) < 0)
        vault.other++;
}

static void on_noted(void *context, int status, uint32_t bytes)
{
    struct ask *what = context;
    const bool looks = what->type == PAIR_LOOK;
    (void)bytes;
    vault.answered += status >= 0 && !looks;
    vault.looked += status >= 0 && looks;
    vault.stale += status == -KEEL_ESTALE && !looks;
    vault.other += status < 0 && (status != -KEEL_ESTALE || looks);
    vault.wrong += status >= 0 &&
                   (what->noted.number != what->note.number || (!looks && what->noted.times != 1));
}

/* ---- Streams ---- */

static size_t on_bytes(void *context, const struct keel_stream_place *place, const uint8_t *bytes,
                       size_t n)
{
    struct pair_state *next = pair_change(&vault.states);
    (void)context;
    if (rand() % 8 == 0)
        return 0; /* not now: the server has to wait */
    for (size_t i = 0; i < n; i++)
        next->wrong += bytes[i] != pair_byte(place->position + i);
    next->place = (struct keel_stream_place){place->stream, place->position + n};
    pair_commit(&vault.states);
    return n;
}

static void on_told(void *context, const struct stream_notice *notice)
{
    const struct pair_state *now;
    (void)context;
    pair_told(&vault.states, notice);
    now = pair_state(&vault.states);
    if (notice->event == STREAM_ENDS)
        printf("of %llu bytes %llu came back, %llu wrong, %llu lost; %u answered, %u looked, "
               "%u waited, %u stale, %u other, %u wrong\n",
               (unsigned long long)vault.there.put, (unsigned long long)now->place.position,
               (unsigned long long)now->wrong, (unsigned long long)now->lost, vault.answered,
               vault.looked, vault.waited, vault.stale, vault.other, vault.wrong);
}

static struct stream_reader back = {.from = PORT_BACK, .take = on_bytes, .told = on_told};

static void write_more(void)
{
    uint8_t bytes[AT_A_TIME];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = pair_byte(vault.there.put + i);
    (void)stream_write(&there, bytes, sizeof(bytes));
}

static void on_pace(void *context)
{
    (void)context;
    enough =
        enough || (keel_start()->incarnation >= lives && peer_incarnation(server->domain) >= lives);
    loop_timer_set(&pace, clock_after_ms(PACE_MS), on_pace, NULL);
    stream_resume(&back);
    if (enough) {
        stream_end(&there);
        return;
    }
    write_more();
    if (!request_pending(&note.request))
        ask(&note);
    if (!request_pending(&later.request))
        ask(&later);
    if (!request_pending(&look.request))
        ask(&look);
}

/* Before anything else, the way that simple programs ask. */
static void ask_and_wait(void)
{
    static struct noted noted;
    static struct request waits = {.answer = &noted, .answer_bytes = sizeof(noted), .again = true};
    const struct note zero = {0};
    int status = request_wait(&waits, &client, PAIR_LOOK, &zero, clock_after_ms(DEADLINE_MS));
    if (status == 0)
        vault.waited++;
    else
        printf("waited in vain: %s\n", strerror(-status));
}

int main(int argc, char **argv)
{
    static struct port heard;
    server = keel_connection_with("server", PORT_ASK, KEEL_RIGHT_SEND);
    there =
        (struct stream_writer){.to = keel_connection_with("server", PORT_THERE, KEEL_RIGHT_SEND),
                               .from = PORT_THERE,
                               .store = &vault.there,
                               .buffer = vault.buffer,
                               .size = BUFFER};
    if (argc != 2 || server == NULL || there.to == NULL)
        return 1;
    lives = (uint32_t)atoi(argv[1]);
    srand(keel_start()->incarnation);
    back.domain = server->domain;
    back.place = pair_state(&vault.states)->place;
    if (!stream_writer_open(&there, vault_is_old()))
        printf("the vault makes no sense\n");
    stream_reader_add(&back, &heard);
    if (client_open(&client, server, 4000) < 0 ||
        port_open_in(&heard, PORT_BACK, server->domain, ring, RING_PAGES) < 0)
        return 1;
    ask_and_wait();
    on_pace(NULL);
    loop_run();
}
