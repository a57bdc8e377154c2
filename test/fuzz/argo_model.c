/* SPDX-License-Identifier: Apache-2.0 */
/* See argo_model.h. */
#include "argo_model.h"

#include "fuzz.h"
#include <keel/argo.h>
#include <keel/event.h>

#define IDS         KEEL_DOMAINS_MAX
#define PAGE        4096u
#define HEADER      64u /* of a ring */
#define SLOT        KEEL_ARGO_SLOT
#define RINGS       256u
#define PORTS       8u
#define MESSAGE_MAX 0xFFFFE0u /* of any message */
#define SHARED_MAX  0x10000u  /* of a message in a wildcard ring */
#define CHUNK       4096u     /* a message of one buffer up to this length takes one step */
#define SLICE_NS    1000000u /* a message that had to start again is protected for less than this */
#define BIT(n)      (1ull << (n))

struct message {
    uint32_t at;    /* position of its header */
    uint32_t need;  /* bytes in the ring */
    uint32_t bytes; /* of payload */
    uint16_t sender;
    bool strange; /* lay there when the ring was registered: of unknown content */
    bool counted; /* is part of its sender's share */
    bool loose;   /* the sender changed it while it was copied */
};

struct wait {
    uint32_t need;
    bool may, must; /* it may be, it is waiting */
    uint64_t since; /* the step in which it began to */
};

struct ring {
    uint32_t domain, port, partner, len, max, quota; /* quota 0: a partner's */
    uint32_t pages;
    uint64_t gfn[MODEL_PAGES];
    bool tame;
    uint32_t rx, raw; /* as the receiver wrote it, and what that means */
    uint32_t tx;
    uint64_t put;   /* bytes ever */
    uint64_t moved; /* the last step before something was sent or received */
    struct message *queue;
    uint32_t first, count, size;
    uint8_t *content; /* ring[] as it should be */
    uint64_t mark[3]; /* see share_most */
    uint32_t since[3][IDS];
    struct wait wait[IDS];
    uint64_t slice[IDS]; /* when a message that had to start again went on here last; 0: never */
};

struct domain {
    enum model_life life;
    uint32_t incarnation;
    struct {
        uint32_t port;
        bool receives;
        uint64_t senders;
    } port[PORTS];
    uint32_t ports;
    uint64_t asked, may_ask; /* who is told of its next ring that comes or goes; who may be */
    uint64_t asked_late;     /* since it stopped */
    uint64_t told;           /* since it stopped */
};

/* An operation that is executed again. */
struct pending {
    bool active;
    uint64_t x[5];
    const struct ring *ring; /* sendv: where it writes */
    uint64_t message;        /* of what describes it: another one begins anew */
    uint64_t digest;         /* of what it sends */
    uint64_t list;           /* notify: of its entries */
    uint64_t told, first;
    uint32_t steps;    /* without any reason but its length */
    uint32_t restarts; /* sendv: how often it began again */
    bool lost;         /* somebody else wrote there meanwhile */
    bool loose;        /* notify: it goes on where another ended, */
    uint32_t filled;   /* as many entries were filled in by earlier steps */
};

/* What is predicted of an entry of notify. */
struct answer {
    uint16_t flags, either; /* bits of `either` may be set or not */
    uint16_t life;
    uint32_t max;
    struct ring *ring; /* it waits there, unless it is sufficient */
    uint32_t need;
};

static struct {
    const struct model_world *world;
    struct domain domain[IDS];
    struct pending pending[IDS];
    struct ring *ring[RINGS]; /* in no order */
    uint32_t rings;
    uint64_t step;
} model;

struct model_seen model_seen;

/* The step that is predicted. */
static struct {
    uint32_t domain;
    uint64_t x[5];
    int64_t result[4];
    uint32_t results;
    bool again;   /* it may not be over */
    bool refused; /* or another may be in the way */
    bool at_once; /* an error of the arguments alone: what goes on is not given up */
    /* register, unregister */
    struct keel_argo_register_ring args;
    uint64_t gfn[MODEL_PAGES];
    /* sendv */
    struct ring *ring;
    struct keel_argo_addr source;
    uint32_t total, need, unread;
    bool signals;
    uint64_t message, digest; /* see struct pending */
    uint8_t *bytes;
    /* notify */
    uint32_t nent, answers; /* as many are filled in */
    bool sure;
    uint64_t list;
    struct answer answer[KEEL_ARGO_NOTIFY_MAX];
    struct keel_argo_ring_data_ent entry[KEEL_ARGO_NOTIFY_MAX]; /* as it was */
} now;

static uint8_t bytes[MODEL_PAGES * PAGE];

/* ---- memory ---- */

static bool fetch(uint32_t domain, uint64_t address, void *to, uint64_t n)
{
    for (uint64_t done = 0, piece; done < n; done += piece) {
        const uint8_t *from = model.world->at(domain, address + done, false);

        piece = PAGE - (address + done) % PAGE;
        if (piece > n - done)
            piece = n - done;
        if (!from)
            return false;
        memcpy((uint8_t *)to + done, from, piece);
    }
    return true;
}

static bool writable(uint32_t domain, uint64_t address, uint64_t n)
{
    for (uint64_t page = address / PAGE; page <= (address + n - 1) / PAGE; page++)
        if (!model.world->at(domain, page * PAGE, true))
            return false;
    return true;
}

static uint64_t digest(uint64_t sum, const void *data, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        sum = (sum ^ ((const uint8_t *)data)[i]) * 0x100000001b3ull;
    return sum;
}

/* ---- rings ---- */

static uint32_t need_of(uint32_t payload)
{
    return (uint32_t)sizeof(struct keel_argo_message_header) + (payload + SLOT - 1) / SLOT * SLOT;
}

static struct ring *ring_find(uint32_t domain, uint32_t port, uint32_t partner)
{
    for (uint32_t i = 0; i < model.rings; i++)
        if (model.ring[i]->domain == domain && model.ring[i]->port == port &&
            model.ring[i]->partner == partner)
            return model.ring[i];
    return NULL;
}

/* The one that takes the sender's messages. */
static struct ring *ring_for(uint32_t domain, uint32_t port, uint32_t sender)
{
    struct ring *ring = ring_find(domain, port, sender);

    return ring ? ring : ring_find(domain, port, KEEL_DOMAIN_ANY);
}

/* A byte of the ring, its header included, in its owner's memory: pinned, so it is there. */
static uint8_t *ring_byte(const struct ring *ring, uint32_t byte)
{
    uint8_t *at = model.world->at(ring->domain, ring->gfn[byte / PAGE] * PAGE + byte % PAGE, true);

    must(at);
    return at;
}

static uint32_t ring_word(const struct ring *ring, uint32_t byte)
{
    uint32_t value;

    memcpy(&value, ring_byte(ring, byte), sizeof value);
    return value;
}

#define RX_PTR  0u
#define TX_PTR  4u
#define SIGNALS 8u

/* What any rx_ptr means: rounded up, and 0 if it is outside (A8). */
static uint32_t rx_meant(uint32_t raw, uint32_t len)
{
    uint32_t rx = (uint32_t)(((uint64_t)raw + SLOT - 1) / SLOT * SLOT);

    return rx >= len ? 0 : rx;
}

static uint32_t ring_unread(const struct ring *ring)
{
    return (ring->tx + ring->len - rx_meant(ring_word(ring, RX_PTR), ring->len)) % ring->len;
}

/* [position, position + n) of ring[] is what it should be. */
static void ring_compare(const struct ring *ring, uint32_t position, uint32_t n)
{
    for (uint32_t piece; n > 0; n -= piece, position = (position + piece) % ring->len) {
        piece = ring->len - position;
        if (piece > PAGE - (position + HEADER) % PAGE)
            piece = PAGE - (position + HEADER) % PAGE;
        if (piece > n)
            piece = n;
        must(memcmp(ring_byte(ring, position + HEADER), ring->content + position, piece) == 0);
    }
}

static void content_put(struct ring *ring, uint32_t position, const void *from, uint32_t n)
{
    uint32_t cut;

    position %= ring->len;
    cut = n < ring->len - position ? n : ring->len - position;
    memcpy(ring->content + position, from, cut);
    memcpy(ring->content, (const uint8_t *)from + cut, n - cut);
}

static void message_check(const struct ring *ring, const struct message *message)
{
    if (message->strange)
        return;
    ring_compare(ring, message->at, sizeof(struct keel_argo_message_header));
    if (!message->loose)
        ring_compare(ring, (message->at + SLOT) % ring->len, message->bytes);
}

static struct message *queue_at(const struct ring *ring, uint32_t n)
{
    return &ring->queue[(ring->first + n) % ring->size];
}

static void ring_check(const struct ring *ring, bool all)
{
    if (!ring->tame || model.domain[ring->domain].life != MODEL_RUNS)
        return;
    must(ring_word(ring, TX_PTR) == ring->tx);
    must(ring_word(ring, RX_PTR) == ring->raw);
    for (uint32_t n = 0; all && n < ring->count; n++)
        message_check(ring, queue_at(ring, n));
}

static bool ring_has(const struct ring *ring, uint64_t gfn)
{
    for (uint32_t i = 0; i < ring->pages; i++)
        if (ring->gfn[i] == gfn)
            return true;
    return false;
}

static void ring_drop(struct ring *ring)
{
    for (uint32_t d = 0; d < IDS; d++)
        if (model.pending[d].ring == ring)
            model.pending[d].ring = NULL;
    for (uint32_t i = 0; i < model.rings; i++)
        if (model.ring[i] == ring)
            model.ring[i--] = model.ring[--model.rings];
    free(ring->queue);
    free(ring->content);
    free(ring);
}

/* All of a ring's pages as they are before a step: what it may not write to is the same after it. */
static struct {
    uint32_t domain, pages; /* 0: nothing is compared */
    uint64_t gfn[MODEL_PAGES];
    uint8_t before[MODEL_PAGES * PAGE], after[MODEL_PAGES * PAGE];
} picture;

static void picture_take(uint32_t domain, const uint64_t *gfn, uint32_t pages)
{
    picture.domain = domain;
    picture.pages = pages;
    memcpy(picture.gfn, gfn, pages * sizeof *gfn);
    for (uint32_t i = 0; i < pages; i++)
        must(fetch(domain, gfn[i] * PAGE, picture.before + i * PAGE, PAGE));
}

static void picture_may_change(uint32_t from, uint32_t to)
{
    memcpy(picture.before + from, picture.after + from, to - from);
}

/* `space` bytes behind `tx` of ring[] may be different, and tx_ptr. */
static void picture_compare(uint32_t len, uint32_t tx, uint32_t space)
{
    for (uint32_t i = 0; i < picture.pages; i++)
        must(fetch(picture.domain, picture.gfn[i] * PAGE, picture.after + i * PAGE, PAGE));
    if (len) {
        uint32_t end = tx + space < len ? tx + space : len;

        picture_may_change(TX_PTR, TX_PTR + 4);
        picture_may_change(HEADER + tx, HEADER + end);
        picture_may_change(HEADER, HEADER + tx + space - end);
    }
    must(memcmp(picture.before, picture.after, picture.pages * PAGE) == 0);
    picture.pages = 0;
}

/* ---- shares ---- */

/* What the sender has unread in the ring. */
static uint32_t share_least(const struct ring *ring, uint32_t sender)
{
    uint32_t sum = 0;

    for (uint32_t n = 0; n < ring->count; n++)
        if (queue_at(ring, n)->counted && queue_at(ring, n)->sender == sender)
            sum += queue_at(ring, n)->need;
    return sum;
}

/*
 * What is counted at most: a message stops counting when all that was unread at some look after it has been
 * read, and all that was unread at the next look after that. mark[] is where such looks were: each when all
 * before the last one had been read.
 */
static uint32_t share_most(const struct ring *ring, uint32_t sender, uint32_t unread)
{
    if (unread == 0)
        return 0;
    return ring->since[ring->put - unread >= ring->mark[0] ? 1 : 2][sender];
}

/* A message was sent to the ring: that is a look. */
static void share_put(struct ring *ring, uint32_t sender, uint32_t unread, uint32_t need)
{
    if (unread == 0) {
        memset(ring->since, 0, sizeof ring->since);
        ring->mark[0] = ring->mark[1] = ring->mark[2] = ring->put;
    } else if (ring->put - unread >= ring->mark[0]) {
        memcpy(ring->since[2], ring->since[1], sizeof ring->since[1]);
        memcpy(ring->since[1], ring->since[0], sizeof ring->since[0]);
        memset(ring->since[0], 0, sizeof ring->since[0]);
        ring->mark[2] = ring->mark[1];
        ring->mark[1] = ring->mark[0];
        ring->mark[0] = ring->put;
    }
    for (uint32_t i = 0; i < 3; i++)
        ring->since[i][sender] += need;
}

/* Whether a message of `need` bytes must be taken now; or may be. */
static bool must_fit(const struct ring *ring, uint32_t sender, uint32_t need, uint32_t unread)
{
    if (need > ring->len - SLOT - unread)
        return false;
    if (ring->quota == 0 || unread == 0)
        return true;
    return ring->tame && share_most(ring, sender, unread) + need <= ring->quota;
}

static bool may_fit(const struct ring *ring, uint32_t sender, uint32_t need, uint32_t unread)
{
    if (need > ring->len - SLOT - unread)
        return false;
    if (ring->quota == 0 || unread == 0 || !ring->tame)
        return true;
    return share_least(ring, sender) + need <= ring->quota;
}

/* ---- waiters ---- */

static void wait_begin(struct ring *ring, uint32_t domain, uint32_t need)
{
    struct wait *wait = &ring->wait[domain];

    if (!wait->must)
        wait->since = model.step;
    wait->need = wait->may && wait->need > need ? wait->need : need;
    wait->may = wait->must = true;
    model_seen.waits++;
}

/* Of others than the domain: who is surely in the ring's list, who may be. */
static uint32_t waiters(const struct ring *ring, uint32_t domain, bool sure)
{
    uint32_t n = 0;

    for (uint32_t d = 0; d < IDS; d++)
        n += d != domain && (sure ? ring->wait[d].must : ring->wait[d].may);
    return n;
}

static bool in_list(const struct ring *ring, uint32_t domain)
{
    return ring->wait[domain].must;
}

/* Who waits for the ring, surely or perhaps. */
static uint64_t waiting(const struct ring *ring, bool sure)
{
    uint64_t set = 0;

    for (uint32_t d = 0; d < IDS; d++)
        if (sure ? ring->wait[d].must : ring->wait[d].may)
            set |= BIT(d);
    return set;
}

static uint64_t living(void)
{
    uint64_t set = 0;

    for (uint32_t d = 0; d < IDS; d++)
        if (model.domain[d].life == MODEL_RUNS)
            set |= BIT(d);
    return set;
}

/* A ring of the domain came or went: who asked is told, and so is `more`. */
static void rings_changed(struct domain *domain, uint64_t told, uint64_t sure, uint64_t may)
{
    must(((domain->asked | sure) & living() & ~told) == 0);
    must((told & ~(domain->may_ask | may)) == 0);
    domain->asked = domain->may_ask = 0;
}

/* ---- register, unregister ---- */

static void predict(int64_t result)
{
    must(now.results < 4);
    now.result[now.results++] = result;
}

static bool receives(uint32_t domain, uint32_t port)
{
    const struct domain *d = &model.domain[domain];

    for (uint32_t i = 0; i < d->ports; i++)
        if (d->port[i].port == port)
            return d->port[i].receives;
    return false;
}

static bool may_send(uint32_t from, uint32_t to, uint32_t port)
{
    const struct domain *d = &model.domain[to];

    for (uint32_t i = 0; i < d->ports; i++)
        if (d->port[i].port == port)
            return d->port[i].senders >> from & 1;
    return false;
}

static void predict_register(void)
{
    uint32_t d = now.domain, rings = 0;
    struct keel_argo_register_ring *args = &now.args;
    const struct ring *old;
    bool kernel;

    if ((now.x[4] & ~(uint64_t)KEEL_ARGO_FAIL_EXIST) || now.x[3] > 4096)
        return predict(-KEEL_EINVAL);
    if (!fetch(d, now.x[1], args, sizeof *args))
        return predict(-KEEL_EFAULT);
    if (args->pad || args->len < KEEL_ARGO_RING_MIN || args->len > KEEL_ARGO_RING_MAX ||
        args->len % SLOT || now.x[3] != KEEL_ARGO_PAGES(args->len))
        return predict(-KEEL_EINVAL);
    kernel = args->aport == KEEL_PORT_KERNEL && args->partner_id == KEEL_DOMAIN_KERNEL;
    if (!kernel && args->partner_id >= IDS && args->partner_id != KEEL_DOMAIN_ANY)
        return predict(-KEEL_ESRCH);
    if (!kernel && !receives(d, args->aport))
        return predict(-KEEL_EACCES);
    old = ring_find(d, args->aport, args->partner_id);
    if (old && (now.x[4] || old->len != args->len))
        return predict(-KEEL_EEXIST);
    for (uint32_t i = 0; i < model.rings; i++)
        rings += model.ring[i]->domain == d;
    if (!old && rings >= KEEL_ARGO_RINGS_MAX)
        return predict(-KEEL_ENOSPC);
    if (model.world->pool(d) < 1)
        return predict(-KEEL_ENOMEM);
    must(now.x[3] <= MODEL_PAGES);
    if (!fetch(d, now.x[2], now.gfn, now.x[3] * sizeof now.gfn[0]))
        return predict(-KEEL_EFAULT);
    for (uint32_t i = 0; i < now.x[3]; i++)
        if (now.gfn[i] > UINT64_MAX / PAGE || !model.world->at(d, now.gfn[i] * PAGE, true))
            return predict(-KEEL_EINVAL);
    predict(0);
}

static bool same_place(const struct ring *old, const struct ring *ring)
{
    return old->tame && old->pages == ring->pages &&
           memcmp(old->gfn, ring->gfn, ring->pages * sizeof ring->gfn[0]) == 0;
}

/* What lies in the ring's memory when it is registered: what it had before, or something strange. */
static void ring_takes_over(struct ring *ring, struct ring *old)
{
    uint32_t tx = ring_word(ring, TX_PTR), unread;

    ring->raw = ring_word(ring, RX_PTR);
    ring->rx = rx_meant(ring->raw, ring->len);
    if (old && same_place(old, ring)) { /* resumed */
        must(tx == old->tx && ring->raw == old->raw);
        ring->tx = tx;
        for (ring->count = 0; ring->count < old->count; ring->count++) {
            ring->queue[ring->count] = *queue_at(old, ring->count);
            ring->queue[ring->count].counted = false;
        }
        memcpy(ring->content, old->content, ring->len);
        return;
    }
    /* Its tx_ptr was overwritten if it made no sense: predicted of what was there before. */
    ring->tx = tx;
    unread = (tx + ring->len - ring->rx) % ring->len;
    if (unread > 0)
        ring->queue[ring->count++] =
            (struct message){.at = ring->rx, .need = unread, .strange = true};
}

/* tx_ptr as it must be after the registration. Looked at before it. */
static uint32_t tx_begins;

static void predict_tx(void)
{
    uint32_t rx, tx;

    if (now.results != 1 || now.result[0] != 0)
        return;
    memcpy(&rx, model.world->at(now.domain, now.gfn[0] * PAGE, false), sizeof rx);
    memcpy(&tx, model.world->at(now.domain, now.gfn[0] * PAGE + TX_PTR, false), sizeof tx);
    tx_begins = tx < now.args.len && tx % SLOT == 0 ? tx : rx_meant(rx, now.args.len);
    for (uint32_t i = 1; i < now.x[3]; i++)
        if (now.gfn[i] == now.gfn[0])
            return; /* its tx_ptr is also in ring[] */
    picture_take(now.domain, now.gfn, (uint32_t)now.x[3]);
}

static void registered(uint64_t told)
{
    struct ring *old = ring_find(now.domain, now.args.aport, now.args.partner_id);
    struct ring *ring = calloc(1, sizeof *ring);

    must(ring && model.rings < RINGS);
    ring->domain = now.domain;
    ring->port = now.args.aport;
    ring->partner = now.args.partner_id;
    ring->len = now.args.len;
    ring->max = KEEL_ARGO_MESSAGE_MAX(ring->len);
    if (ring->partner == KEEL_DOMAIN_ANY) {
        ring->quota = (ring->len / 2 + SLOT - 1) / SLOT * SLOT;
        ring->max = ring->quota - SLOT < SHARED_MAX ? ring->quota - SLOT : SHARED_MAX;
    }
    ring->pages = (uint32_t)now.x[3];
    memcpy(ring->gfn, now.gfn, ring->pages * sizeof now.gfn[0]);
    ring->size = ring->len / SLOT + 1;
    ring->queue = calloc(ring->size, sizeof *ring->queue);
    ring->content = calloc(1, ring->len);
    must(ring->queue && ring->content);
    /* The kernel's ring is the kernel's: nothing is known of what comes. */
    ring->tame = ring->partner != KEEL_DOMAIN_KERNEL;
    for (uint32_t i = 0; i < ring->pages; i++)
        for (uint32_t n = 0; n < i; n++)
            ring->tame &= ring->gfn[n] != ring->gfn[i];
    for (uint32_t i = 0; i < model.rings; i++)
        for (uint32_t n = 0; n < ring->pages; n++)
            if (model.ring[i] != old && model.ring[i]->domain == now.domain &&
                ring_has(model.ring[i], ring->gfn[n]))
                ring->tame = model.ring[i]->tame = false;
    must(ring_word(ring, TX_PTR) == tx_begins || !ring->tame);
    picture_compare(ring->len, 0, 0);
    ring_takes_over(ring, old);
    ring->tx = tx_begins;
    ring->put = ring->len + ring->tx; /* so that what was consumed is not below 0 */
    ring->mark[0] = ring->mark[1] = ring->mark[2] = ring->put;
    rings_changed(&model.domain[now.domain], told, old ? waiting(old, true) : 0,
                  old ? waiting(old, false) : 0);
    if (old)
        ring_drop(old);
    model.ring[model.rings++] = ring;
}

static void predict_unregister(void)
{
    struct keel_argo_unregister_ring args;

    if (now.x[2] || now.x[3] || now.x[4])
        return predict(-KEEL_EINVAL);
    if (!fetch(now.domain, now.x[1], &args, sizeof args))
        return predict(-KEEL_EFAULT);
    if (args.pad)
        return predict(-KEEL_EINVAL);
    now.ring = ring_find(now.domain, args.aport, args.partner_id);
    predict(now.ring ? 0 : -KEEL_ENOENT);
    if (now.ring)
        picture_take(now.domain, now.ring->gfn, now.ring->pages);
}

static void unregistered(uint64_t told)
{
    picture_compare(0, 0, 0);
    rings_changed(&model.domain[now.domain], told, waiting(now.ring, true),
                  waiting(now.ring, false));
    ring_drop(now.ring);
}

/* ---- sendv ---- */

/* The first error of the addresses, or 0. */
static int64_t send_allowed(const struct keel_argo_send_addr *addr)
{
    if (addr->src.pad || addr->dst.pad)
        return -KEEL_EINVAL;
    if (addr->src.domain_id != KEEL_DOMAIN_ANY && addr->src.domain_id != now.domain)
        return -KEEL_EPERM;
    if (addr->src.aport && !receives(now.domain, addr->src.aport))
        return -KEEL_EACCES;
    if (addr->dst.domain_id >= IDS)
        return -KEEL_ESRCH;
    if (!may_send(now.domain, addr->dst.domain_id, addr->dst.aport))
        return -KEEL_EACCES;
    if (model.domain[addr->dst.domain_id].life == MODEL_ABSENT)
        return -KEEL_ESRCH;
    if (model.domain[addr->dst.domain_id].life != MODEL_RUNS)
        return -KEEL_ECONNREFUSED;
    now.ring = ring_for(addr->dst.domain_id, addr->dst.aport, now.domain);
    return now.ring ? 0 : -KEEL_ECONNREFUSED;
}

static int64_t send_length(const struct keel_argo_iov *iov, uint32_t niov)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < niov; i++)
        if (iov[i].pad || iov[i].iov_len > MESSAGE_MAX)
            return -KEEL_EINVAL;
    for (uint32_t i = 0; i < niov; i++)
        total += iov[i].iov_len;
    return total > now.ring->max ? -KEEL_EMSGSIZE : (int64_t)total;
}

static bool gather(const struct keel_argo_iov *iov, uint32_t niov)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < niov; done += iov[i++].iov_len)
        if (iov[i].iov_len && !fetch(now.domain, iov[i].iov_hnd, bytes + done, iov[i].iov_len))
            return false;
    return true;
}

/* Another's message, of at most 64 KiB, that had to start again: for a while it may be let finish, or be given
 * up, while its sender is on a CPU. One that does not run is in nobody's way. */
static bool another_is_protected(void)
{
    for (uint32_t d = 0; d < IDS; d++)
        if (d != now.domain && now.ring->slice[d] && model.world->on_cpu(d) &&
            model.world->now() - now.ring->slice[d] < SLICE_NS)
            return true;
    return false;
}

static void predict_send(void)
{
    struct keel_argo_iov iov[KEEL_ARGO_IOVS_MAX];
    struct keel_argo_send_addr addr;
    uint32_t niov = (uint32_t)now.x[3];
    const struct ring *ring;
    int64_t status;

    if (!fetch(now.domain, now.x[1], &addr, sizeof addr))
        return predict(-KEEL_EFAULT);
    if (niov > KEEL_ARGO_IOVS_MAX)
        return predict(-KEEL_EINVAL);
    if (!fetch(now.domain, now.x[2], iov, niov * sizeof iov[0]))
        return predict(-KEEL_EFAULT);
    status = send_allowed(&addr);
    ring = now.ring;
    if (ring && ring->tame)
        picture_take(ring->domain, ring->gfn, ring->pages);
    if (status == 0)
        status = send_length(iov, niov);
    if (status < 0)
        return predict(status);
    now.total = (uint32_t)status;
    now.need = need_of(now.total);
    now.unread = ring_unread(ring);
    now.source = (struct keel_argo_addr){addr.src.aport, (uint16_t)now.domain, 0};
    now.signals = ring_word(ring, SIGNALS) != KEEL_ARGO_SIGNALS_WHEN_EMPTY || now.unread == 0;
    if (!must_fit(ring, now.domain, now.need, now.unread)) {
        if (in_list(ring, now.domain) || waiters(ring, now.domain, false) < KEEL_ARGO_WAITERS_MAX) {
            predict(-KEEL_EAGAIN);
        } else {
            predict(-KEEL_EBUSY);
            if (waiters(ring, now.domain, true) < KEEL_ARGO_WAITERS_MAX)
                predict(-KEEL_EAGAIN);
        }
    }
    if (may_fit(ring, now.domain, now.need, now.unread)) {
        predict(gather(iov, niov) ? (int64_t)now.total : -KEEL_EFAULT);
        now.bytes = bytes;
        now.message = digest(digest(now.x[4], &addr, sizeof addr), iov, niov * sizeof iov[0]);
        now.digest = digest(now.x[4], bytes, now.total);
        now.refused = another_is_protected();
        now.again = niov > 1 || now.total > CHUNK || now.refused;
    }
}

/* Nothing but what is free, if that. */
static void send_wrote(bool any)
{
    const struct ring *ring = now.ring;

    if (any)
        picture_compare(ring->len, ring->tx, ring->len - SLOT - now.unread);
    else
        picture_compare(0, 0, 0);
}

/* The sender did not come to its end. Nobody sees anything of it, and its space is nobody's. */
static void send_goes_on(void)
{
    struct pending *pending = &model.pending[now.domain];

    must(now.again && now.ring);
    pending->steps = now.refused || pending->lost ? 0 : pending->steps + 1;
    must(pending->steps <= 8 + 2 * now.x[3] + now.total / (PAGE / 2));
    if (pending->ring != now.ring || pending->message != now.message) {
        pending->restarts += pending->message != 0; /* in place of another, or elsewhere */
        pending->message = now.message;
        pending->digest = now.digest;
    }
    pending->restarts += pending->lost;
    if (pending->restarts > 0)
        now.ring->slice[now.domain] = model.world->now();
    pending->lost = false;
    pending->ring = now.ring;
    for (uint32_t d = 0; d < IDS; d++)
        if (d != now.domain && model.pending[d].ring == now.ring)
            model.pending[d].lost = true;
}

static void message_sent(uint64_t told)
{
    struct pending *pending = &model.pending[now.domain];
    struct ring *ring = now.ring;
    const struct keel_argo_message_header header = {
        .len = now.total + (uint32_t)sizeof header,
        .source = now.source,
        .message_type = (uint32_t)now.x[4],
    };
    struct message *message;

    must(told == 0 || told == BIT(ring->domain));
    must(!ring->tame || (told != 0) == now.signals);
    for (uint32_t d = 0; d < IDS; d++)
        if (d != now.domain && model.pending[d].ring == ring)
            model.pending[d].lost = true;
    if (ring->tame) {
        message = queue_at(ring, ring->count++);
        *message = (struct message){.at = ring->tx,
                                    .need = now.need,
                                    .bytes = now.total,
                                    .sender = (uint16_t)now.domain,
                                    .counted = true};
        message->loose = pending->active && pending->ring == ring &&
                         pending->message == now.message && pending->digest != now.digest;
        content_put(ring, ring->tx, &header, sizeof header);
        content_put(ring, ring->tx + SLOT, now.bytes, now.total);
    }
    share_put(ring, now.domain, now.unread, now.need);
    ring->tx = (ring->tx + now.need) % ring->len;
    ring->put += now.need;
    ring->moved = model.step;
    if (ring->tame) {
        ring_check(ring, false);
        message_check(ring, queue_at(ring, ring->count - 1));
    }
    model_seen.sent++;
}

/* ---- notify ---- */

static void predict_entry(const struct keel_argo_ring_data_ent *entry, struct answer *answer)
{
    uint32_t to = entry->ring.domain_id, unread;
    struct ring *ring;

    *answer = (struct answer){0};
    if (to >= IDS)
        return;
    answer->life = (uint16_t)model.domain[to].incarnation;
    if (model.domain[to].life != MODEL_RUNS)
        return;
    ring = ring_for(to, entry->ring.aport, now.domain);
    if (!ring)
        return;
    unread = ring_unread(ring);
    answer->max = ring->max;
    answer->flags = KEEL_ARGO_EXISTS;
    if (ring->quota)
        answer->flags |= KEEL_ARGO_SHARED;
    if (unread == 0)
        answer->flags |= KEEL_ARGO_EMPTY;
    if (entry->space_required > ring->max) {
        answer->flags |= KEEL_ARGO_NOTIFY_EMSGSIZE;
        return;
    }
    answer->need = need_of(entry->space_required);
    if (must_fit(ring, now.domain, answer->need, unread)) {
        answer->flags |= KEEL_ARGO_SUFFICIENT;
        return;
    }
    answer->ring = ring;
    if (may_fit(ring, now.domain, answer->need, unread))
        answer->either |= KEEL_ARGO_SUFFICIENT;
    if (!in_list(ring, now.domain) && waiters(ring, now.domain, false) >= KEEL_ARGO_WAITERS_MAX) {
        if (waiters(ring, now.domain, true) < KEEL_ARGO_WAITERS_MAX || answer->either)
            answer->either |= KEEL_ARGO_NOTIFY_EBUSY;
        else
            answer->flags |= KEEL_ARGO_NOTIFY_EBUSY;
    }
}

static void predict_notify(void)
{
    struct keel_argo_ring_data data = {0};
    bool fault = false, denied = false;

    if (now.x[2] || now.x[3] || now.x[4])
        return predict(-KEEL_EINVAL);
    if (now.x[1] && !fetch(now.domain, now.x[1], &data, sizeof data))
        return predict(-KEEL_EFAULT);
    if (data.nent > KEEL_ARGO_NOTIFY_MAX)
        return predict(-KEEL_EACCES);
    now.again = now.sure = true;
    now.nent = data.nent;
    for (uint32_t i = 0; i < data.nent; i++) {
        uint64_t at = now.x[1] + sizeof data + i * sizeof(struct keel_argo_ring_data_ent);
        struct keel_argo_ring_data_ent entry;

        /* Entries are read some at a time: a later one that can't be read may come first. */
        if (!fetch(now.domain, at, &entry, sizeof entry)) {
            fault = true;
            break;
        }
        now.entry[i] = entry;
        now.list = digest(now.list, &entry.ring, sizeof entry.ring);
        now.list = digest(now.list, &entry.space_required, sizeof entry.space_required);
        if (denied)
            continue;
        if (entry.ring.domain_id < IDS &&
            !may_send(now.domain, entry.ring.domain_id, entry.ring.aport)) {
            denied = true;
            continue;
        }
        predict_entry(&entry, &now.answer[i]);
        now.answers = i + 1;
        fault |=
            !writable(now.domain, at, sizeof entry); /* those behind it may be looked at, too */
    }
    if (fault)
        predict(-KEEL_EFAULT);
    if (denied)
        predict(-KEEL_EACCES);
    if (!fault && !denied)
        predict(0);
}

/* Waiters of the caller's rings for whom there is space now: told, once. */
static void notify_woke(uint64_t told, bool over, bool loose)
{
    const struct pending *pending = &model.pending[now.domain];
    uint64_t first = pending->active ? pending->first : model.step, may = 0;

    for (uint32_t i = 0; i < model.rings; i++) {
        struct ring *ring = model.ring[i];

        if (ring->domain != now.domain || ring->partner == KEEL_DOMAIN_KERNEL)
            continue;
        for (uint32_t d = 0, unread = ring_unread(ring); d < IDS; d++) {
            struct wait *wait = &ring->wait[d];

            if (!wait->may || !(may_fit(ring, d, wait->need, unread) || !ring->tame))
                continue;
            may |= BIT(d);
            if (told >> d & 1) {
                bool surely = must_fit(ring, d, wait->need, unread) && over && ring->tame;

                wait->must = false;
                wait->may = !surely; /* this ring may not be the one that it was told for */
                model_seen.woken++;
            } else if (over && !loose && ring->tame && wait->must && wait->since < first &&
                       ring->moved < first && model.domain[d].life == MODEL_RUNS) {
                must(!must_fit(ring, d, wait->need, unread));
            }
        }
    }
    must((told & ~may) == 0);
}

/* The caller has asked about these rings, and waits for space where there is none. */
static void notify_asked(const struct answer *answer, const struct keel_argo_ring_data_ent *entry,
                         bool sure)
{
    struct domain *to = &model.domain[entry->ring.domain_id];

    to->may_ask |= BIT(now.domain);
    if (sure && to->life == MODEL_STOPPED)
        to->asked_late |= BIT(now.domain);
    else if (sure)
        to->asked |= BIT(now.domain);
    if (!answer->ring || (sure && (entry->flags & KEEL_ARGO_SUFFICIENT)))
        return;
    if (sure && !(entry->flags & KEEL_ARGO_NOTIFY_EBUSY)) {
        wait_begin(answer->ring, now.domain, answer->need);
    } else if (!sure) {
        struct wait *wait = &answer->ring->wait[now.domain];

        wait->need = wait->may && wait->need > answer->need ? wait->need : answer->need;
        wait->may = true;
    }
}

static struct keel_argo_ring_data_ent entry_now(uint32_t i)
{
    struct keel_argo_ring_data_ent entry;

    must(fetch(now.domain, now.x[1] + sizeof(struct keel_argo_ring_data) + i * sizeof entry, &entry,
               sizeof entry));
    return entry;
}

static bool entry_is(const struct keel_argo_ring_data_ent *entry, const struct answer *answer)
{
    return ((entry->flags ^ answer->flags) & ~answer->either) == 0 && entry->life == answer->life &&
           entry->max_message_size == answer->max;
}

static void notified(int64_t result, bool loose)
{
    struct pending *pending = &model.pending[now.domain];
    /* Two reasons to end: which came first is open, and how many entries were filled in. */
    bool sure = now.results == 1 && result != -KEEL_EFAULT && result != MODEL_AGAIN && !loose;

    for (uint32_t i = 0; i < now.answers; i++) {
        struct keel_argo_ring_data_ent entry = entry_now(i);

        must(memcmp(&entry.ring, &now.entry[i].ring, sizeof entry.ring) == 0);
        must(entry.space_required == now.entry[i].space_required);
        must(!sure || i < pending->filled || entry_is(&entry, &now.answer[i]));
        if (entry.ring.domain_id < IDS)
            notify_asked(&now.answer[i], &entry, sure && i >= pending->filled);
    }
    for (uint32_t i = now.answers; sure && i < now.nent; i++) { /* behind one that was denied */
        struct keel_argo_ring_data_ent entry = entry_now(i);

        must(memcmp(&entry, &now.entry[i], sizeof entry) == 0);
    }
    while (result == MODEL_AGAIN && pending->filled < now.answers) {
        struct keel_argo_ring_data_ent entry = entry_now(pending->filled);

        if (!entry_is(&entry, &now.answer[pending->filled]))
            break;
        pending->filled++;
    }
    if (now.nent)
        model_wrote(now.domain, now.x[1] + sizeof(struct keel_argo_ring_data),
                    now.nent * sizeof(struct keel_argo_ring_data_ent));
}

/* ---- what is called ---- */

void model_begin(const struct model_world *world)
{
    model_end();
    memset(&model, 0, sizeof model);
    memset(&model_seen, 0, sizeof model_seen);
    model.world = world;
}

void model_end(void)
{
    while (model.rings)
        ring_drop(model.ring[0]);
}

void model_port(uint32_t domain, uint32_t port, bool receives_there, uint64_t senders)
{
    struct domain *d = &model.domain[domain];

    must(d->ports < PORTS);
    d->port[d->ports].port = port;
    d->port[d->ports].receives = receives_there;
    d->port[d->ports++].senders = senders;
}

/* Its rings are gone: who waited for them, or asked, and lives, was told. */
static void rings_end(uint32_t id)
{
    struct domain *domain = &model.domain[id];
    bool had = false;

    for (uint32_t i = model.rings; i-- > 0;)
        if (model.ring[i]->domain == id) {
            must((waiting(model.ring[i], true) & living() & ~domain->told) == 0);
            ring_drop(model.ring[i]);
            had = true;
        }
    if (had) {
        must((domain->asked & living() & ~domain->told) == 0);
        domain->asked = 0;
    }
    domain->asked |= domain->asked_late;
    domain->asked_late = 0;
}

void model_life(uint32_t id, enum model_life life, uint32_t incarnation)
{
    struct domain *domain = &model.domain[id];

    if (domain->life == life && domain->incarnation == incarnation)
        return;
    if (domain->life == MODEL_RUNS) {
        model.pending[id] = (struct pending){0};
        for (uint32_t i = 0; i < model.rings; i++)
            model.ring[i]->wait[id].must = false;
        for (uint32_t d = 0; d < IDS; d++) {
            model.domain[d].asked &= ~BIT(id);
            model.domain[d].asked_late &= ~BIT(id);
        }
        domain->told = 0;
    }
    if (life == MODEL_ABSENT || incarnation != domain->incarnation)
        rings_end(id);
    domain->life = life;
    domain->incarnation = incarnation;
}

void model_told(uint64_t told)
{
    uint64_t may = 0;

    for (uint32_t d = 0; d < IDS; d++) {
        if (model.domain[d].life != MODEL_STOPPED)
            continue;
        may |= model.domain[d].may_ask;
        for (uint32_t i = 0; i < model.rings; i++)
            if (model.ring[i]->domain == d)
                may |= waiting(model.ring[i], false);
        model.domain[d].told |= told;
        model.domain[d].asked_late &= ~told;
    }
    must((told & ~may) == 0);
}

void model_before(uint32_t domain, const uint64_t x[5])
{
    memset(&now, 0, offsetof(typeof(now), answer));
    picture.pages = 0;
    now.domain = domain;
    memcpy(now.x, x, sizeof now.x);
    now.list = 1;
    model.step++;
    now.at_once = (x[3] | x[4]) >> 32 || x[0] - 1 >= KEEL_ARGO_NOTIFY;
    if ((x[3] | x[4]) >> 32)
        predict(-KEEL_EINVAL);
    else if (x[0] == KEEL_ARGO_REGISTER_RING)
        predict_register();
    else if (x[0] == KEEL_ARGO_UNREGISTER_RING)
        predict_unregister();
    else if (x[0] == KEEL_ARGO_SENDV)
        predict_send();
    else if (x[0] == KEEL_ARGO_NOTIFY)
        predict_notify();
    else
        predict(-KEEL_EOPNOTSUPP);
    if (x[0] == KEEL_ARGO_REGISTER_RING)
        predict_tx();
}

static void predicted(int64_t result)
{
    for (uint32_t i = 0; i < now.results; i++)
        if (now.result[i] == result)
            return;
    fprintf(stderr, "model: domain %u, operation %u: %ld is not", now.domain, (uint32_t)now.x[0],
            (long)result);
    for (uint32_t i = 0; i < now.results; i++)
        fprintf(stderr, " %ld", (long)now.result[i]);
    fprintf(stderr, "\n");
    must(!"the result is as predicted");
}

static bool continues(const struct pending *pending)
{
    return pending->active && pending->x[0] == now.x[0] && pending->x[1] == now.x[1];
}

/* A step that was not the last one. An operation with the same argument as one that was given up goes on
 * where that one was. */
static void goes_on(uint64_t told)
{
    struct pending *pending = &model.pending[now.domain];

    must(now.again);
    model_seen.steps++;
    if (!continues(pending))
        *pending = (struct pending){.first = model.step, .list = now.list};
    else if (memcmp(pending->x, now.x, sizeof now.x) != 0)
        *pending = (struct pending){.first = model.step, .list = now.list, .restarts = 1};
    pending->loose |= pending->list != now.list;
    pending->active = true;
    memcpy(pending->x, now.x, sizeof now.x);
    if (now.x[0] == KEEL_ARGO_SENDV) {
        must(told == 0);
        send_wrote(true);
        must(!now.ring->tame || ring_word(now.ring, TX_PTR) == now.ring->tx);
        send_goes_on();
        return;
    }
    must(now.x[0] == KEEL_ARGO_NOTIFY);
    must(++pending->steps <= 2 * RINGS + now.nent);
    notify_woke(told, false, true);
    notified(MODEL_AGAIN, true);
}

void model_after(int64_t result, uint64_t told)
{
    struct pending *pending = &model.pending[now.domain];
    bool loose = continues(pending) && (pending->loose || pending->list != now.list);

    if (result == MODEL_AGAIN) {
        goes_on(told);
        return;
    }
    predicted(result);
    if (now.at_once) {
        must(told == 0);
        model_seen.refused++;
        return;
    }
    if (now.x[0] == KEEL_ARGO_SENDV && now.ring)
        send_wrote(result >= 0 || result == -KEEL_EFAULT);
    if (!continues(pending))
        *pending = (struct pending){0};
    if (now.x[0] == KEEL_ARGO_NOTIFY && now.sure) {
        notify_woke(told, true, loose);
        notified(result, loose);
    } else if (result < 0) {
        must(told == 0);
        model_seen.refused++;
        if (result == -KEEL_EAGAIN)
            wait_begin(now.ring, now.domain, now.need);
    } else if (now.x[0] == KEEL_ARGO_REGISTER_RING) {
        registered(told);
    } else if (now.x[0] == KEEL_ARGO_UNREGISTER_RING) {
        unregistered(told);
    } else if (now.x[0] == KEEL_ARGO_SENDV) {
        message_sent(told);
    }
    *pending = (struct pending){0};
}

void model_wrote(uint32_t domain, uint64_t address, uint64_t n)
{
    for (uint32_t i = 0; i < model.rings; i++)
        for (uint64_t page = address / PAGE; page <= (address + n - 1) / PAGE; page++)
            if (model.ring[i]->domain == domain && ring_has(model.ring[i], page))
                model.ring[i]->tame = false;
}

static bool ring_receive(struct ring *ring)
{
    struct message *message = queue_at(ring, 0);

    if (!ring->tame || model.domain[ring->domain].life != MODEL_RUNS)
        return false;
    ring_check(ring, false);
    if (ring->count == 0)
        return false;
    must(message->at == ring->rx);
    message_check(ring, message);
    ring->rx = ring->raw = (ring->rx + message->need) % ring->len;
    memcpy(ring_byte(ring, RX_PTR), &ring->rx, sizeof ring->rx);
    ring->first = (ring->first + 1) % ring->size;
    ring->count--;
    ring->moved = model.step;
    model_seen.received++;
    return true;
}

bool model_receive(uint32_t domain, uint32_t port, uint32_t partner)
{
    struct ring *ring = ring_find(domain, port, partner);

    return ring && ring_receive(ring);
}

uint32_t model_space(uint32_t sender, uint32_t domain, uint32_t port)
{
    const struct ring *ring = ring_for(domain, port, sender);
    uint32_t space, unread, share;

    if (!ring || !ring->tame || model.domain[domain].life != MODEL_RUNS)
        return 0;
    unread = ring_unread(ring);
    space = ring->len - SLOT - unread;
    if (ring->quota && unread) {
        share = share_least(ring, sender);
        if (space > ring->quota - share)
            space = ring->quota - share;
    }
    space = space > SLOT ? space - SLOT : 0;
    return space < ring->max ? space : ring->max;
}

bool model_signals(uint32_t domain, uint32_t port, uint32_t partner, uint32_t value)
{
    const struct ring *ring = ring_find(domain, port, partner);

    if (!ring || !ring->tame || model.domain[domain].life != MODEL_RUNS)
        return false;
    memcpy(ring_byte(ring, SIGNALS), &value, sizeof value);
    return true;
}

uint32_t model_receive_all(uint32_t domain)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < model.rings; i++)
        if (model.ring[i]->domain == domain)
            n += ring_receive(model.ring[i]);
    return n;
}

void model_check(void)
{
    for (uint32_t i = 0; i < model.rings; i++)
        ring_check(model.ring[i], true);
}
