/* SPDX-License-Identifier: Apache-2.0 */
/* A domain that does what the suite tells it: has rings, sends, takes, waits, ends. */
#include <argo/ring.h>
#include <keel/types.h>

#include "partner_platform.h"
#include "system.h"

#define RINGS       8u
#define CONTROL_LEN (KEEL_PAGE_SIZE - 64u)
#define LATER_MS    300u
#define GRACE_MS    50u /* after which a signal has nothing to do with the last command */

static struct argo_ring own[RINGS]; /* shared NULL: none */
static struct argo_ring control;

static bool watches;        /* signals are counted, */
static uint64_t watch_from; /* from this counter value on */
static uint32_t watched;

static int64_t ring_register(struct argo_ring *ring, uint32_t port, uint16_t partner, uint32_t len,
                             uint64_t flags)
{
    const struct keel_argo_register_ring args = {port, partner, 0, len};
    uint32_t pages = KEEL_ARGO_PAGES(len);
    uint64_t *frames = partner_memory(pages * sizeof(*frames));
    struct keel_argo_ring *memory = partner_memory(pages * KEEL_PAGE_SIZE);
    int64_t status = -KEEL_ENOMEM;

    if (frames && memory) {
        *memory = (struct keel_argo_ring){0};
        for (uint32_t i = 0; i < pages; i++)
            frames[i] = partner_frame(memory) + i;
        status = partner_argo(KEEL_ARGO_REGISTER_RING, &args, frames, pages, flags);
    }
    partner_memory_free(frames);
    if (status < 0)
        partner_memory_free(memory);
    else
        *ring = (struct argo_ring){.shared = memory, .len = len, .port = port, .partner = partner};
    return status;
}

static struct argo_ring *find(uint32_t port, uint16_t partner)
{
    for (uint32_t i = 0; i < RINGS; i++)
        if (own[i].shared && own[i].port == port && own[i].partner == partner)
            return &own[i];
    return NULL;
}

static int64_t do_register(const struct command *command)
{
    struct argo_ring *mine = find(command->port, command->partner);
    void *before = mine ? mine->shared : NULL;
    int64_t status;

    for (uint32_t i = 0; i < RINGS && !mine; i++)
        if (!own[i].shared)
            mine = &own[i];
    if (!mine)
        return -KEEL_ENOSPC;
    status = ring_register(mine, command->port, command->partner, command->len, command->type);
    if (status == 0)
        partner_memory_free(before);
    return status;
}

static int64_t do_unregister(uint32_t port, uint16_t partner)
{
    const struct keel_argo_unregister_ring args = {port, partner, 0};
    int64_t status = partner_argo(KEEL_ARGO_UNREGISTER_RING, &args, NULL, 0, 0);
    struct argo_ring *mine = find(port, partner);

    if (mine && status == 0) {
        partner_memory_free(mine->shared);
        mine->shared = NULL;
    }
    return status;
}

static int64_t send(const struct command *command, const void *bytes, uint32_t len, uint32_t type)
{
    const struct keel_argo_send_addr args = {{command->port, KEEL_DOMAIN_ANY, 0}, command->to};
    const struct keel_argo_iov iov = {(uintptr_t)bytes, len, 0};

    return partner_argo(KEEL_ARGO_SENDV, &args, &iov, 1, type);
}

static struct command waiting; /* SEND_WAIT; what 0: none */

static int64_t send_waiting(void)
{
    uint8_t bytes[512];
    uint32_t len = waiting.len < sizeof bytes ? waiting.len : sizeof bytes;
    int64_t result;

    content_fill(bytes, waiting.seed, len);
    result = send(&waiting, bytes, len, waiting.type);
    if (result != -KEEL_EAGAIN)
        waiting.what = 0;
    return result;
}

static void do_send(const struct command *command, struct answer *answer)
{
    uint32_t most = command->len + (command->count - 1) * command->step;
    uint8_t *bytes = partner_memory(most + 1);

    if (!bytes) {
        answer->result = -KEEL_ENOMEM;
        return;
    }
    for (answer->count = 0; answer->count < command->count; answer->count++) {
        uint32_t len = command->len + answer->count * command->step;

        content_fill(bytes, command->seed + answer->count, len);
        answer->result = send(command, bytes, len, command->type + answer->count);
        if (answer->result < 0)
            break;
    }
    partner_memory_free(bytes);
}

static void do_take(const struct command *command, struct answer *answer)
{
    struct argo_ring *mine = find(command->port, command->partner);
    struct argo_message message;

    if (!mine) {
        answer->result = -KEEL_ENOENT;
        return;
    }
    while (answer->count < command->count && argo_ring_next(mine, &message)) {
        uint32_t i = answer->count++;

        answer->wrong += content_wrong(mine->shared->ring, mine->len, message.start,
                                       command->seed + i, message.bytes);
        answer->wrong += message.bytes != command->len + i * command->step;
        answer->wrong += message.type != command->type + i;
        answer->wrong += message.source.domain_id != command->expected || message.source.pad != 0;
        answer->source_port = message.source.aport;
        argo_ring_consume(mine, &message);
    }
    answer->wrong += mine->corrupt != 0;
    answer->rx = mine->shared->rx_ptr;
    answer->tx = mine->shared->tx_ptr;
}

static void do_query(const struct command *command, struct answer *answer)
{
    struct {
        struct keel_argo_ring_data data;
        struct keel_argo_ring_data_ent ent;
    } query = {{1, 0}, {.ring = command->to, .space_required = command->len}};

    answer->result = partner_argo(KEEL_ARGO_NOTIFY, &query, NULL, 0, 0);
    answer->flags = query.ent.flags;
    answer->max = query.ent.max_message_size;
}

static void reset(void)
{
    waiting.what = 0;
    for (uint32_t i = 0; i < RINGS; i++)
        if (own[i].shared)
            (void)do_unregister(own[i].port, own[i].partner);
}

static bool begin(void)
{
    return ring_register(&control, PORT_CONTROL, KEEL_DOMAIN_ANY, CONTROL_LEN, 0) == 0;
}

/* Of this life; if it is not over then, what another one would not find is given up, and it begins. */
static void end(void)
{
    const struct keel_argo_unregister_ring args = {PORT_CONTROL, KEEL_DOMAIN_ANY, 0};

    partner_end();
    reset();
    watches = false;
    (void)partner_argo(KEEL_ARGO_UNREGISTER_RING, &args, NULL, 0, 0);
    partner_memory_free(control.shared);
    partner_wait(false, partner_after_ms(LATER_MS));
    (void)begin();
}

static void execute(const struct command *command, struct answer *answer)
{
    if (command->what != COMMAND_WATCHED)
        watches = false;
    switch (command->what) {
    case COMMAND_SEND:
        do_send(command, answer);
        break;
    case COMMAND_SEND_WAIT:
        waiting = *command;
        answer->result = send_waiting();
        break;
    case COMMAND_REGISTER:
        answer->result = do_register(command);
        break;
    case COMMAND_UNREGISTER:
        answer->result = do_unregister(command->port, command->partner);
        break;
    case COMMAND_TAKE:
        do_take(command, answer);
        break;
    case COMMAND_NOTIFY:
        answer->result = partner_argo(KEEL_ARGO_NOTIFY, NULL, NULL, 0, 0);
        break;
    case COMMAND_QUERY:
        do_query(command, answer);
        break;
    case COMMAND_WATCH:
        watches = true;
        watched = 0;
        break;
    case COMMAND_WATCHED:
        answer->count = watched;
        break;
    case COMMAND_RESET:
        reset();
        break;
    case COMMAND_EXIT:
        end();
        break;
    default:
        break;
    }
}

static void hand_on(struct command command)
{
    const struct command next = {.port = PORT_CONTROL,
                                 .to = {PORT_CONTROL, (uint16_t)(partner_id() + 1), 0}};

    command.hops--;
    while (send(&next, &command, sizeof command, 0) == -KEEL_EAGAIN)
        partner_wait(false, partner_after_ms(1));
}

static bool command_take(const struct argo_message *message, struct command *command)
{
    for (uint32_t i = 0; i < sizeof(*command); i++)
        ((uint8_t *)command)[i] = control.shared->ring[(message->start + i) % control.len];
    return message->bytes == sizeof(*command);
}

/* All commands that are there. */
static void serve(void)
{
    struct argo_message message;
    struct command command;

    while (argo_ring_next(&control, &message)) {
        struct answer answer = {0};
        bool whole = command_take(&message, &command);

        argo_ring_consume(&control, &message);
        watch_from = partner_after_ms(GRACE_MS);
        if (!whole)
            continue;
        if (command.hops > 0) {
            hand_on(command);
            continue;
        }
        if (command.delay_ms)
            partner_wait(false, partner_after_ms(command.delay_ms));
        execute(&command, &answer);
        answer.serial = command.serial;
        if (command.serial != 0) {
            const struct command reply = {.port = PORT_CONTROL, .to = {PORT_CONTROL, ID_SUITE, 0}};

            while (send(&reply, &answer, sizeof answer, 0) == -KEEL_EAGAIN)
                partner_wait(true, partner_after_ms(10));
        }
    }
}

bool partner_run(void)
{
    if (!begin())
        return false;
    for (;;) {
        serve();
        partner_wait(true, 0);
        if (watches && partner_now() >= watch_from &&
            control.rx == __atomic_load_n(&control.shared->tx_ptr, __ATOMIC_ACQUIRE))
            watched++;
        if (waiting.what != 0)
            (void)send_waiting();
    }
}
