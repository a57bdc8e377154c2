/* SPDX-License-Identifier: Apache-2.0 */
/* Deaths, restarts and requests (see supervise.h). */
#include "supervise.h"

#include "begin.h"
#include "build.h"
#include "deadline.h"

#include <keel/calls.h>
#include <keel/supervisor.h>
#include <runtime/clock.h>
#include <runtime/port.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_RING_BYTES 4000u
#define REQUEST_BYTES      sizeof(struct keel_supervisor_request)
#define BACKOFF_FACTOR_MAX 1000u
#define BRIEF_MS           50u  /* a life this short may have died of what its vault held */
#define BRIEF_MAX          5u   /* lives: then the next one finds the vault empty */
#define POWER_OFF_MS       400u /* after the last words: the console shows them within 300 ms */

/* What the supervisor wants of a domain. */
enum wish {
    WISH_OFF,   /* not started, or stopped for good */
    WISH_RUN,   /* runs, or will again as soon as it may */
    WISH_AGAIN, /* was asked to end and to start again: no matter how it ends */
};

static struct {
    enum wish wish;
    uint32_t reason;         /* of the last death: enum keel_stop_reason */
    uint32_t restarts;       /* after deaths, since boot */
    bool begun;              /* its first life is more than created */
    struct loop_timer timer; /* backing off before a start */
    uint64_t since;          /* when its life began; ticks */
    uint32_t brief;          /* lives in a row that were */
    uint32_t ended;          /* incarnation whose end is known: it may be told twice */
    uint32_t died_ms;
    /* Of a group's schedulers one runs; another takes its place on request. */
    uint16_t successor;   /* starts when this one has ended; 0: none */
    uint16_t predecessor; /* starts again if this one is given up; 0: none */
    char death[sizeof((struct keel_supervisor_entry *)0)->death];
} life[KEEL_DOMAINS_MAX];

static bool guests_ran; /* there has been a guest: the machine goes off after the last one */
static struct loop_timer off_timer;

static const struct config_domain *domain_of(uint16_t id)
{
    return &builder_system.config.domain[id];
}

static keel_peer peer_of(uint16_t id)
{
    return KEEL_PEER(id, builder_system.incarnation[id]);
}

/* The machine goes off, or is reset. */

static void off_now(void *context)
{
    (void)context;
    for (;;)
        keel_system_off(0);
}

static void reset_now(void *context)
{
    (void)context;
    for (;;)
        keel_system_off(1);
}

static void machine_ends(const char *why, loop_handler *how)
{
    if (off_timer.deadline != 0)
        return;
    printf("builder: %s\n", why);
    fflush(stdout);
    loop_timer_set(&off_timer, clock_after_ms(POWER_OFF_MS), how, NULL);
}

static void off_with_last_guest(void)
{
    if (!guests_ran)
        return;
    for (uint16_t id = 1; id < builder_system.config.ndomains; id++)
        if (domain_of(id)->kind == CONFIG_GUEST && life[id].wish != WISH_OFF)
            return;
    machine_ends("the last guest is off, and so is the machine", off_now);
}

/* Starting. */

static void start_behind(uint16_t id, uint16_t before);

void supervise_started(uint16_t id)
{
    life[id].wish = WISH_RUN;
    life[id].begun = true;
    life[id].since = keel_counter();
    deadline_begin(id);
    if (domain_of(id)->kind == CONFIG_GUEST)
        guests_ran = true;
}

static void give_up(uint16_t id)
{
    static const char *const then_names[] = {"stays off", "the machine goes off",
                                             "the machine is reset"};
    enum config_then then = domain_of(id)->restart.then;
    uint16_t guest = domain_of(id)->pair;
    char text[128];

    life[id].wish = WISH_OFF;
    snprintf(text, sizeof text, "%s is not started again: %s", domain_of(id)->name,
             then_names[then]);
    if (then != CONFIG_THEN_STOP) {
        machine_ends(text, then == CONFIG_THEN_HALT ? off_now : reset_now);
        return;
    }
    printf("builder: %s\n", text);
    if (life[id].predecessor != 0) {
        uint16_t before = life[id].predecessor;

        life[id].predecessor = 0;
        start_behind(before, id);
    }
    /* Nobody would ever answer that guest's exits. */
    if (domain_of(id)->kind == CONFIG_EMULATION) {
        life[guest].wish = WISH_OFF;
        (void)keel_domain_stop(peer_of(guest), KEEL_STOP_KILLED, KEEL_DOMAIN_BUILDER);
    }
    off_with_last_guest();
}

/* Begins a new life, or the first one of a domain that was to start later, with the vault of `before`. What
 * cannot be built stays off. */
static void start_behind(uint16_t id, uint16_t before)
{
    bool empty = !life[id].begun;

    life[id].begun = true;
    loop_timer_stop(&life[id].timer);
    if (life[id].brief >= BRIEF_MAX)
        printf("builder: %s begins anew: it has lost its vault\n", domain_of(id)->name);
    else if (!empty || before != id)
        build_keep_vault(before, id);
    if ((empty || (build_destroy(id) && build_create(id))) && build_fill(id) && build_run(id))
        supervise_started(id);
    else
        give_up(id);
}

static void start(uint16_t id)
{
    start_behind(id, id);
}

static void start_later(void *context)
{
    start((uint16_t)(uintptr_t)context);
}

/* A guest needs its devices service first. */
static void start_pair(uint16_t id)
{
    uint16_t pair = domain_of(id)->pair;

    if (domain_of(id)->kind == CONFIG_GUEST && life[pair].wish == WISH_OFF)
        start(pair);
    start(id);
}

/* Deaths. */

static void reason_text(const struct keel_life *ended, char *text, size_t size)
{
    const unsigned long long d0 = ended->detail[0], d1 = ended->detail[1], d2 = ended->detail[2];

    switch (ended->reason) {
    case KEEL_STOP_EXIT:
        snprintf(text, size, "exited with status %llu", d0);
        break;
    case KEEL_STOP_FAULT:
        snprintf(text, size, "faulted: pc 0x%llx, ESR 0x%llx, address 0x%llx, x30 0x%llx", d0, d1,
                 d2, (unsigned long long)ended->detail[3]);
        break;
    case KEEL_STOP_OFF:
        snprintf(text, size, "powered off");
        break;
    case KEEL_STOP_RESET:
        snprintf(text, size, "resets");
        break;
    case KEEL_STOP_KILLED:
        snprintf(text, size, "was stopped");
        break;
    case KEEL_STOP_PANIC:
        snprintf(text, size, "panicked (0x%llx)", d0);
        break;
    case KEEL_STOP_DEADLINE:
        snprintf(text, size, "%s%s", d0 == KEEL_PING_STARVES ? "" : "missed its deadline: ",
                 d0 == KEEL_PING_STARVES  ? "starved others"
                 : d0 & KEEL_PING_UNTAKEN ? "it does not take its events"
                                          : "it leaves a client without an answer");
        break;
    case KEEL_STOP_REFUSED:
        snprintf(text, size, "was refused too often: call %llu (0x%llx, 0x%llx)", d0, d1, d2);
        break;
    default:
        snprintf(text, size, "ended for reason %u", ended->reason);
        break;
    }
}

static void restart_after_death(uint16_t id)
{
    const struct config_restart *restart = &domain_of(id)->restart;
    uint32_t backoff = restart->backoff_ms, factor = 1;

    if (life[id].restarts >= restart->limit) {
        give_up(id);
        return;
    }
    for (uint32_t i = 0; i < life[id].restarts && factor < BACKOFF_FACTOR_MAX; i++)
        factor *= 2;
    if (factor > BACKOFF_FACTOR_MAX)
        factor = BACKOFF_FACTOR_MAX;
    life[id].restarts++;
    if (backoff == 0)
        start(id);
    else
        loop_timer_set(&life[id].timer, clock_after_ms((uint64_t)backoff * factor), start_later,
                       (void *)(uintptr_t)id);
}

/* The plan of the scheduler that has ended holds until the next one's first commit. What it was told is
 * handed over. */
static void take_over(uint16_t from)
{
    uint16_t to = life[from].successor;

    life[from].successor = life[from].predecessor = 0;
    life[to].predecessor = from;
    life[from].wish = WISH_OFF;
    printf("builder: %s takes the place of %s\n", domain_of(to)->name, domain_of(from)->name);
    start_behind(to, from);
    if (life[from].wish == WISH_OFF && build_destroy(from)) /* or it had to begin again */
        printf("builder: %s is off\n", domain_of(from)->name);
}

static void ended(uint16_t id, const struct keel_life *message)
{
    const uint64_t lived = (keel_counter() - life[id].since) / clock_ticks(CLOCK_NS_PER_MS);
    uint64_t brief = BRIEF_MS;
    char text[160];

    life[id].ended = builder_system.incarnation[id];
    deadline_end(id);
    if (message->reason == KEEL_STOP_DEADLINE)
        brief += 3ull * domain_of(id)->deadline_ms;
    /* Who was killed by another has not died of its vault. */
    life[id].brief = lived < brief && message->reason != KEEL_STOP_KILLED ? life[id].brief + 1 : 0;
    life[id].reason = message->reason;
    life[id].died_ms = (uint32_t)(keel_counter() / clock_ticks(CLOCK_NS_PER_MS));
    reason_text(message, text, sizeof text);
    snprintf(life[id].death, sizeof life[id].death, "%.*s", (int)sizeof life[id].death - 1, text);
    printf("builder: %s %s\n", domain_of(id)->name, text);
    if (life[id].successor != 0) {
        take_over(id);
    } else if (life[id].wish == WISH_AGAIN ||
               (life[id].wish == WISH_RUN && message->reason == KEEL_STOP_RESET)) {
        start(id);
    } else if (life[id].wish == WISH_RUN && message->reason != KEEL_STOP_OFF) {
        restart_after_death(id);
    } else {
        life[id].wish = WISH_OFF;
        /* Who stopped the last guest on request may want to start it again. */
        if (build_destroy(id) && message->reason != KEEL_STOP_KILLED)
            off_with_last_guest();
    }
}

/* Edge n leads to domain n; a message about an earlier life is old news. */
static void on_life(void *context, const struct keel_life *message)
{
    uint32_t id = KEEL_PEER_EDGE(message->peer);

    (void)context;
    if (id == 0 || id >= builder_system.config.ndomains ||
        KEEL_PEER_INCARNATION(message->peer) != builder_system.incarnation[id] ||
        life[id].ended == builder_system.incarnation[id] || message->state != KEEL_DOMAIN_STOPPED)
        return;
    ended((uint16_t)id, message);
}

/* Messages were lost: looks at every domain itself. */
static void on_lost(void *context)
{
    (void)context;
    for (uint16_t id = 1; id < builder_system.config.ndomains; id++) {
        struct keel_life now;

        if (keel_domain_info(peer_of(id), &now) == 0 && now.state == KEEL_DOMAIN_STOPPED &&
            life[id].ended != builder_system.incarnation[id])
            ended(id, &now);
    }
}

/* Requests. */

static void describe(uint16_t id, struct keel_supervisor_entry *entry)
{
    struct keel_life now = {.state = KEEL_DOMAIN_ABSENT};
    struct keel_refusals refusals = {.total = 0};

    (void)keel_domain_info(peer_of(id), &now);
    (void)keel_refusals(id, &refusals);
    *entry = (struct keel_supervisor_entry){
        .domain = id,
        .kind = domain_of(id)->kind == CONFIG_GUEST ? KEEL_DOMAIN_MACHINE : KEEL_DOMAIN_USER,
        .state = (uint8_t)now.state,
        .incarnation = builder_system.incarnation[id],
        .reason = life[id].reason,
        .restarts = life[id].restarts,
        .pages = now.pages,
        .refusals = refusals.total,
    };
    memcpy(entry->name, domain_of(id)->name, sizeof entry->name);
    entry->died_ms = life[id].died_ms;
    memcpy(entry->death, life[id].death, sizeof entry->death);
}

static int stop_asked(uint16_t id, enum wish wish)
{
    life[id].wish = wish;
    loop_timer_stop(&life[id].timer);
    return (int)keel_domain_stop(peer_of(id), KEEL_STOP_KILLED, KEEL_DOMAIN_BUILDER);
}

/* The one that runs, or will again, in whose place `id` is to be; 0: there is none. */
static uint16_t in_place_of(uint16_t id)
{
    const struct config *config = &builder_system.config;

    if (config->domain[id].role != CONFIG_ROLE_SCHEDULER)
        return 0;
    for (uint16_t other = 1; other < config->ndomains; other++)
        if (other != id && config->domain[other].role == CONFIG_ROLE_SCHEDULER &&
            config->domain[other].schedules == config->domain[id].schedules &&
            life[other].wish != WISH_OFF)
            return other;
    return 0;
}

/* EBUSY: it does not run, so no message about its end will come. */
static int restart_asked(uint16_t id)
{
    uint16_t other = in_place_of(id);
    int status;

    if (other != 0) {
        if (life[other].successor != 0)
            return -KEEL_EBUSY;
        life[other].successor = id;
        status = stop_asked(other, WISH_OFF);
        if (status == -KEEL_EBUSY || status == -KEEL_ESTALE) { /* it is between two lives */
            take_over(other);
            status = 0;
        } else if (status < 0) {
            life[other].successor = 0;
        }
        return status;
    }
    status = stop_asked(id, WISH_AGAIN);

    if (status == -KEEL_EBUSY || status == -KEEL_ESTALE) {
        start_pair(id);
        status = life[id].wish == WISH_RUN ? 0 : -KEEL_EIO;
    }
    return status;
}

static bool on_list(void *context, const struct message *message)
{
    static struct keel_supervisor_entry entry[KEEL_DOMAINS_MAX];
    const uint32_t n = builder_system.config.ndomains - 1;

    (void)context;
    for (uint16_t id = 1; id <= n; id++)
        describe(id, &entry[id - 1]);
    message_answer(message, 0, entry, n * sizeof entry[0]);
    return true;
}

static bool on_off(void *context, const struct message *message)
{
    (void)context;
    machine_ends("switched off on request", off_now);
    message_answer(message, 0, NULL, 0);
    return true;
}

static bool on_domain(void *context, const struct message *message)
{
    const struct keel_supervisor_request *request = message->payload;
    int status = -KEEL_ENOENT;

    (void)context;
    if (request->domain != 0 && request->domain < builder_system.config.ndomains)
        status = message->type == KEEL_SUPERVISOR_RESTART
                     ? restart_asked((uint16_t)request->domain)
                     : stop_asked((uint16_t)request->domain, WISH_OFF);
    message_answer(message, status, NULL, 0);
    return true;
}

bool supervise_begin(void)
{
    static const struct message_type types[] = {
        {.type = KEEL_SUPERVISOR_LIST, .bytes = REQUEST_BYTES, .handler = on_list},
        {.type = KEEL_SUPERVISOR_STOP, .bytes = REQUEST_BYTES, .handler = on_domain},
        {.type = KEEL_SUPERVISOR_RESTART, .bytes = REQUEST_BYTES, .handler = on_domain},
        {.type = KEEL_SUPERVISOR_OFF, .bytes = REQUEST_BYTES, .handler = on_off},
    };
    static struct port port = {.types = types, .ntypes = sizeof types / sizeof types[0]};
    static struct loop_watch watch = {.life = on_life, .lost = on_lost};

    loop_watch(&watch);
    if (loop_begin() < 0 ||
        port_open(&port, KEEL_PORT_SUPERVISOR, KEEL_DOMAIN_ANY, REQUEST_RING_BYTES) < 0) {
        printf("builder: the kernel gives the supervisor no rings\n");
        return false;
    }
    port_pace(&port, PORT_PACE);
    return true;
}

void supervise_run(void)
{
    uint64_t events = LOOP_FIRST;

    for (;;)
        events = loop_turn(events);
}
