/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo's operations: see argo.h for the contract. ring.c knows the layout of a ring; here are
 * names, rights, waiters, quotas, and long work in steps.
 *
 * Every operation holds its caller's space lock throughout (own rings are changed, and buffers
 * read, under it), then the argo_domain lock of the receiver to find a ring, which is handed over
 * to the ring's lock. Whoever takes a ring out of service takes its lock after that, so nobody
 * holds or waits for the lock of a ring that is out of service. Locks that others may hold for long
 * are only tried: the operation is executed again instead. Signals are sent when all locks are
 * released.
 */
#include "argo/argo.h"

#include "arch/interrupt.h"
#include "argo/ring.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"
#include "memory/guest.h"
#include <keel/machine.h>
#include <keel/start.h>

#define CHUNK        4096u     /* bytes copied in one step */
#define WILDCARD_MAX 0x10000u  /* payload of a message in a wildcard ring */
#define PROTECT_MAX  0x10000u  /* payload that gets a slice in which nobody takes the ring away */
#define PROTECT_NS   64000u    /* that slice: more than twice the copy */
#define MESSAGE_MAX  0xFFFFE0u /* payload of any message: Xen's limit */
#define PINS         16u       /* pages pinned in one step */
#define UNPINS       64u       /* pages unpinned in one step */
#define ENTRIES      8u        /* entries of notify in one step */
#define SCAN         32u       /* own rings after which no further chain is scanned in one step */
#define LOOKS        4u        /* rings whose waiters are looked at in one step */
#define WAKES        8u /* and how many are woken, if not exceeded by the last ring looked at */
#define LOCK_TRIES   64u
#define INLINE_PAGES 304u
#define PAGES_MAX    KEEL_ARGO_PAGES(KEEL_ARGO_RING_MAX)

/* A message to be sent, complete in the kernel. */
struct send {
    struct keel_argo_send_addr addr;
    uint32_t niov;
    uint32_t message_type;
    struct keel_argo_iov iov[KEEL_ARGO_IOVS_MAX]; /* niov are valid */
};

/* A message of more than one chunk that is being written at tx. It lasts until its sender comes
 * back with the very same message, or another sender takes its place. */
struct append {
    struct vcpu *vcpu; /* NULL: none */
    uint32_t incarnation;
    uint32_t done;  /* bytes of payload */
    uint64_t until; /* nobody takes its place before this time, while its sender runs */
    struct send send;
};

struct waiter {
    uint16_t domain;
    uint32_t need; /* bytes of the ring, header included */
};

/* What a sender has in a wildcard ring, an upper bound. */
struct share {
    uint32_t generation;
    uint32_t now, before; /* bytes put in this generation and in the one before */
};

/* One page of the pool of the ring's owner. Found and changed through argo_domain only; while out
 * of service (in `changing`), under the owner's space lock alone. */
struct argo_ring {
    struct argo_ring *next;
    uint32_t aport;
    uint16_t partner;
    uint8_t closing; /* out of service for good: enum keel_argo_op that closed it */
    uint8_t waiters; /* atomic: changed under lock, read without */
    uint32_t pinned; /* pages */
    struct lock lock;
    int64_t result; /* of the operation that closed it */
    uint64_t seen;  /* atomic: ring_consumed when waiters were last looked at */
    struct ring ring GUARDED_BY(lock);
    struct append append GUARDED_BY(lock);
    struct waiter waiter[KEEL_ARGO_WAITERS_MAX] GUARDED_BY(lock); /* in order of their coming */
    uint64_t mark GUARDED_BY(lock); /* ring.put when the generation began */
    uint32_t generation GUARDED_BY(lock);
    struct share share[KEEL_DOMAINS_MAX] GUARDED_BY(lock);
    uint8_t *page[INLINE_PAGES]; /* the list, if it fits */
};
_Static_assert(sizeof(struct argo_ring) <= KEEL_PAGE_SIZE, "a ring's object is a page");
_Static_assert(KEEL_DOMAINS_MAX <= 64, "a set of domains is a word");

/* Who executes an operation, and what it found out. */
struct caller {
    struct vcpu *vcpu;
    struct domain *domain;
    struct space *space;
    struct argo_step *step;
    uint64_t page;    /* last page of its memory that was translated, */
    uint8_t *address; /* and where it is */
    uint64_t wake;    /* domains to be signalled */
};

/* ---- The caller's memory ---- */

/* Where an address of the caller leads, up to the end of its page; NULL if nowhere. A service's is
 * an IPA, a machine's is virtual. Valid until the space's lock is released, though a machine may
 * change its own tables meanwhile: then it is its own old page. */
static uint8_t *caller_reach(struct caller *caller, uint64_t address, enum space_access access,
                             uint64_t *bytes) REQUIRES(caller->space->lock)
{
    uint64_t offset = address % KEEL_PAGE_SIZE;

    *bytes = KEEL_PAGE_SIZE - offset;
    if (caller->page != address - offset || access != SPACE_READ) {
        void *to = NULL;
        struct paddr pa;
        uint64_t rest;

        if (caller->vcpu->user
                ? space_translate(caller->space, IPA(address - offset), access, &to, &rest) < 0
                : !guest_translate(address - offset, access == SPACE_WRITE, &pa) ||
                      !(to = space_reach(caller->space, pa)))
            return NULL;
        caller->page = address - offset;
        caller->address = to;
    }
    return caller->address + offset;
}

/* Copies between the caller's memory and a buffer of the kernel. False: all or a part can't be had.
 */
static bool caller_copy(struct caller *caller, uint64_t address, void *buffer, uint64_t bytes,
                        enum space_access access) REQUIRES(caller->space->lock)
{
    for (uint64_t done = 0, piece; done < bytes; done += piece) {
        uint8_t *there = caller_reach(caller, address + done, access, &piece);
        uint8_t *here = (uint8_t *)buffer + done;

        if (!there)
            return false;
        if (piece > bytes - done)
            piece = bytes - done;
        memcpy(access == SPACE_READ ? here : there, access == SPACE_READ ? there : here, piece);
    }
    return true;
}

static bool argo_caller_read(struct caller *caller, uint64_t from, void *to, uint64_t bytes)
    REQUIRES(caller->space->lock)
{
    return caller_copy(caller, from, to, bytes, SPACE_READ);
}

/* ---- Finding rings ---- */

/* Own rings can be looked for under the space's lock as well as under the argo_domain's. */
static struct argo_ring **bucket(struct argo_domain *argo, uint32_t aport,
                                 uint32_t partner) NO_LOCK_ANALYSIS
{
    return &argo->ring[(aport + partner) % ARGO_HASH];
}

static struct argo_ring *find(struct argo_domain *argo, uint32_t aport, uint32_t partner)
{
    struct argo_ring *ring = *bucket(argo, aport, partner);

    while (ring && (ring->aport != aport || ring->partner != partner))
        ring = ring->next;
    return ring;
}

static bool lock_try_hard(struct lock *lock) TRY_ACQUIRES(true, lock) NO_LOCK_ANALYSIS
{
    for (uint32_t i = 0; i < LOCK_TRIES; i++)
        if (lock_try(lock))
            return true;
    return false;
}

/* The ring of a domain that takes messages of the caller, locked. False: see *status. */
static bool enter(const struct caller *caller, struct domain *to, uint32_t aport,
                  struct argo_ring **ring, int64_t *status) TRY_ACQUIRES(true, (*ring)->lock)
{
    bool entered;

    *status = ARGO_AGAIN;
    if (!lock_try_hard(&to->argo.lock))
        return false;
    *ring = find(&to->argo, aport, caller->domain->id);
    if (!*ring)
        *ring = find(&to->argo, aport, KEEL_DOMAIN_ANY);
    if (!*ring || !domain_runs(to))
        *status = -KEEL_ECONNREFUSED;
    entered = *status == ARGO_AGAIN && lock_try(&(*ring)->lock);
    lock_release(&to->argo.lock);
    return entered;
}

/* ---- Space, quotas, waiters ---- */

static uint32_t message_max(const struct argo_ring *ring) REQUIRES(ring->lock)
{
    uint32_t half = (ring->ring.len / 2 + KEEL_ARGO_SLOT - 1) & ~(KEEL_ARGO_SLOT - 1);

    if (ring->partner != KEEL_DOMAIN_ANY)
        return KEEL_ARGO_MESSAGE_MAX(ring->ring.len);
    return half - KEEL_ARGO_SLOT < WILDCARD_MAX ? half - KEEL_ARGO_SLOT : WILDCARD_MAX;
}

/*
 * The sender's share of a wildcard ring, brought up to date. A generation ends when everything put
 * before it began has been consumed: what is unread was then put in it. Two end if nothing is
 * unread.
 */
static struct share *share_of(struct argo_ring *ring, uint32_t sender, uint32_t unread)
    REQUIRES(ring->lock)
{
    struct share *share = &ring->share[sender];

    if ((int64_t)(ring->ring.put - unread - ring->mark) >= 0) {
        ring->generation += unread == 0 ? 2 : 1;
        ring->mark = ring->ring.put;
    }
    if (share->generation != ring->generation) {
        share->before = ring->generation - share->generation == 1 ? share->now : 0;
        share->now = 0;
        share->generation = ring->generation;
    }
    return share;
}

/* Whether a message of `need` bytes in the ring may be written now. */
static bool fits(struct argo_ring *ring, uint32_t sender, uint32_t need, uint32_t unread)
    REQUIRES(ring->lock)
{
    if (need > ring_space(&ring->ring, unread))
        return false;
    if (ring->partner != KEEL_DOMAIN_ANY)
        return true;

    const struct share *share = share_of(ring, sender, unread);

    return share->now + share->before + need <= (ring->ring.len / 2 + KEEL_ARGO_SLOT - 1);
}

/* The caller waits until `need` bytes may be there. One entry per domain, the most that it needs.
 */
static int64_t wait_for(struct caller *caller, struct argo_ring *ring, uint32_t need,
                        uint32_t unread) REQUIRES(ring->lock)
{
    uint8_t waiters = ring->waiters;
    uint32_t i = 0;

    while (i < waiters && ring->waiter[i].domain != caller->domain->id)
        i++;
    if (i == KEEL_ARGO_WAITERS_MAX)
        return -KEEL_EBUSY;
    if (i == waiters) {
        ring->waiter[i] = (struct waiter){.domain = caller->domain->id, .need = need};
        __atomic_store_n(&ring->waiters, (uint8_t)(waiters + 1), __ATOMIC_RELAXED);
    } else if (ring->waiter[i].need < need) {
        ring->waiter[i].need = need;
    }
    /* Against `notify`, which looks at rx_ptr first and at waiters then, without the lock: if it
     * missed this waiter, its rx_ptr is seen here. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (ring_unread(&ring->ring) != unread)
        caller->wake |= 1ul << caller->domain->id;
    return -KEEL_EAGAIN;
}

/* Forgets waiters whose messages fit now (or all) and adds them to the set; at most `max` if they
 * must fit. Whoever fits is woken: to hold some back until others have sent would lose those if the
 * others never do. Returns how many. */
static uint32_t wake_waiters(struct argo_ring *ring, uint64_t *wake, bool all, uint32_t max)
    REQUIRES(ring->lock)
{
    uint32_t unread = ring_unread(&ring->ring);
    uint32_t woken = 0;
    uint8_t kept = 0;

    for (uint32_t i = 0; i < ring->waiters; i++) {
        struct waiter waiter = ring->waiter[i];

        if (all || (woken < max && fits(ring, waiter.domain, waiter.need, unread))) {
            *wake |= 1ul << waiter.domain;
            woken++;
        } else {
            ring->waiter[kept++] = waiter;
        }
    }
    __atomic_store_n(&ring->waiters, kept, __ATOMIC_RELAXED);
    if (woken < max)
        __atomic_store_n(&ring->seen, ring->ring.put - unread, __ATOMIC_RELAXED);
    return woken;
}

/* Tells a domain to look at its rings. */
static void argo_signal(struct domain *domain)
{
    if (!domain_runs(domain))
        return;
    if (domain->kind == KEEL_DOMAIN_USER)
        vcpu_signal(domain->vcpu[0], 1ul << KEEL_EVENT_ARGO);
    else
        arch_irq_pulse(domain, KEEL_MACHINE_ARGO_IRQ);
}

static void argo_signal_all(uint64_t wake)
{
    for (; wake != 0; wake &= wake - 1)
        argo_signal(&domains[__builtin_ctzl(wake)]);
}

/* ---- register, unregister ---- */

/*
 * A ring begins outside of service: it is found in `changing` by each step of its registration. It
 * ends there as well: each step of the operation that closed it finds it again, and the last one
 * returns the result that was kept in it.
 */
static struct argo_ring *find_changing(const struct caller *caller, uint32_t aport,
                                       uint32_t partner)
{
    struct argo_ring *ring = caller->domain->argo.changing;

    while (ring && (ring->aport != aport || ring->partner != partner))
        ring = ring->next;
    return ring;
}

/* Nobody else sees the ring, nor may its fields: its lock is not needed. */
static int64_t close_step(struct space *space, struct argo_domain *argo, struct argo_ring *ring,
                          enum keel_argo_op op) REQUIRES(space->lock) NO_LOCK_ANALYSIS
{
    /* Another operation closed it, and was given up: this one starts over. */
    int64_t result = ring->closing == op ? ring->result : ARGO_AGAIN;
    struct argo_ring **link = &argo->changing;

    for (uint32_t i = 0; i < UNPINS && ring->pinned != 0; i++) {
        ring->pinned--;
        space_unpin(ring->ring.list[ring->pinned / RING_LIST][ring->pinned % RING_LIST]);
    }
    if (ring->pinned != 0)
        return ARGO_AGAIN;
    for (uint32_t i = 0; i < RING_LISTS; i++)
        if (ring->ring.list[i] && ring->ring.list[i] != ring->page) {
            pool_give(space, ring->ring.list[i]);
            ring->ring.list[i] = NULL;
            return ARGO_AGAIN;
        }
    while (*link != ring)
        link = &(*link)->next;
    *link = ring->next;
    argo->rings--;
    pool_give(space, ring);
    return result;
}

/* Takes a ring out of service. Who waits for it is woken, and finds out. */
static void retire(struct argo_domain *argo, struct argo_ring *ring, enum keel_argo_op op,
                   uint64_t *wake)
{
    struct argo_ring **link;

    lock_take(&argo->lock);
    link = bucket(argo, ring->aport, ring->partner);
    while (*link != ring)
        link = &(*link)->next;
    *link = ring->next;
    if (argo->kernel == ring)
        argo->kernel = NULL;
    lock_release(&argo->lock);

    lock_take(&ring->lock); /* whoever found it before has left when this is ours */
    (void)wake_waiters(ring, wake, true, 0);
    lock_release(&ring->lock);
    ring->closing = (uint8_t)op;
    ring->result = 0;
    ring->next = argo->changing;
    argo->changing = ring;
}

/* The ring of pages that are all pinned goes into service, in place of one that is there already.
 */
static int64_t register_finish(struct caller *caller, struct argo_ring *ring)
    REQUIRES(caller->space->lock) NO_LOCK_ANALYSIS
{
    struct argo_domain *argo = &caller->domain->argo;
    struct argo_ring **link = &argo->changing;
    struct argo_ring *old;

    while (*link != ring)
        link = &(*link)->next;
    *link = ring->next;

    old = find(argo, ring->aport, ring->partner);
    if (old)
        retire(argo, old, KEEL_ARGO_REGISTER_RING, &caller->wake);

    ring_begin(&ring->ring);
    ring->mark = ring->ring.put;
    ring->seen = UINT64_MAX;
    lock_take(&argo->lock);
    link = bucket(argo, ring->aport, ring->partner);
    ring->next = *link;
    *link = ring;
    if (ring->partner == KEEL_DOMAIN_KERNEL)
        argo->kernel = ring;
    lock_release(&argo->lock);
    return old ? close_step(caller->space, argo, old, KEEL_ARGO_REGISTER_RING) : 0;
}

/* Every check of a registration but that of its pages; then the object without pages. */
static int64_t register_begin(struct caller *caller, const struct keel_argo_register_ring *args,
                              uint64_t flags, struct argo_ring **result)
    REQUIRES(caller->space->lock) NO_LOCK_ANALYSIS
{
    struct domain *domain = caller->domain;
    struct argo_domain *argo = &domain->argo;
    uint32_t pages = KEEL_ARGO_PAGES(args->len);
    uint32_t lists = pages > INLINE_PAGES ? (pages + RING_LIST - 1) / RING_LIST : 0;
    const struct argo_ring *old;
    struct argo_ring *ring;

    if (args->aport != KEEL_PORT_KERNEL || args->partner_id != KEEL_DOMAIN_KERNEL) {
        const struct authority_port *port = authority_port(&domain->authority, args->aport);

        if (args->partner_id >= KEEL_DOMAINS_MAX && args->partner_id != KEEL_DOMAIN_ANY)
            return -KEEL_ESRCH;
        if (!port || !port->receives)
            return -KEEL_EACCES;
    }
    old = find(argo, args->aport, args->partner_id);
    if (old && ((flags & KEEL_ARGO_FAIL_EXIST) || old->ring.len != args->len))
        return -KEEL_EEXIST;
    if (!old && argo->rings >= KEEL_ARGO_RINGS_MAX)
        return -KEEL_ENOSPC;
    if (caller->space->pool.free < 1 + lists)
        return -KEEL_ENOMEM;

    ring = pool_take(caller->space);
    CHECK(ring);
    ring->aport = args->aport;
    ring->partner = args->partner_id;
    ring->ring.len = args->len;
    ring->ring.list[0] = ring->page;
    for (uint32_t i = 0; i < lists; i++) {
        ring->ring.list[i] = pool_take(caller->space);
        CHECK(ring->ring.list[i]);
    }
    ring->next = argo->changing;
    argo->changing = ring;
    argo->rings++;
    *result = ring;
    return 0;
}

/* Pins the next pages of a ring. */
static int64_t register_pin(struct caller *caller, struct argo_ring *ring, uint64_t gfns,
                            uint32_t pages) REQUIRES(caller->space->lock) NO_LOCK_ANALYSIS
{
    uint32_t n = pages - ring->pinned < PINS ? pages - ring->pinned : PINS;
    uint64_t gfn[PINS];

    if (!argo_caller_read(caller, gfns + ring->pinned * sizeof(gfn[0]), gfn, n * sizeof(gfn[0])))
        return -KEEL_EFAULT;
    for (uint32_t i = 0; i < n; i++) {
        void *address;

        if (gfn[i] > UINT64_MAX >> KEEL_PAGE_SHIFT ||
            space_pin(caller->space, IPA(gfn[i] << KEEL_PAGE_SHIFT), &address) < 0)
            return -KEEL_EINVAL;
        ring->ring.list[ring->pinned / RING_LIST][ring->pinned % RING_LIST] = address;
        ring->pinned++;
    }
    return 0;
}

static int64_t register_ring(struct caller *caller, uint64_t arg1, uint64_t gfns, uint32_t npages,
                             uint32_t flags) REQUIRES(caller->space->lock) NO_LOCK_ANALYSIS
{
    struct keel_argo_register_ring args;
    struct argo_ring *ring;
    int64_t status = 0;

    if ((flags & ~KEEL_ARGO_FAIL_EXIST) || npages > PAGES_MAX)
        return -KEEL_EINVAL;
    if (!argo_caller_read(caller, arg1, &args, sizeof(args)))
        return -KEEL_EFAULT;
    if (args.pad || args.len < KEEL_ARGO_RING_MIN || args.len > KEEL_ARGO_RING_MAX ||
        args.len % KEEL_ARGO_SLOT || npages != KEEL_ARGO_PAGES(args.len))
        return -KEEL_EINVAL;
    ring = find_changing(caller, args.aport, args.partner_id);
    if (ring && ring->closing)
        return close_step(caller->space, &caller->domain->argo, ring, KEEL_ARGO_REGISTER_RING);
    if (!ring)
        status = register_begin(caller, &args, flags, &ring);
    if (status < 0)
        return status;
    status = ring->ring.len == args.len ? register_pin(caller, ring, gfns, npages) : ARGO_AGAIN;
    if (status == 0)
        return ring->pinned < npages ? ARGO_AGAIN : register_finish(caller, ring);
    ring->closing = KEEL_ARGO_REGISTER_RING;
    ring->result = status;
    return close_step(caller->space, &caller->domain->argo, ring, KEEL_ARGO_REGISTER_RING);
}

static int64_t unregister_ring(struct caller *caller, uint64_t arg1) REQUIRES(caller->space->lock)
{
    struct argo_domain *argo = &caller->domain->argo;
    struct keel_argo_unregister_ring args;
    struct argo_ring *ring;

    if (!argo_caller_read(caller, arg1, &args, sizeof(args)))
        return -KEEL_EFAULT;
    if (args.pad)
        return -KEEL_EINVAL;
    ring = find_changing(caller, args.aport, args.partner_id);
    if (!ring) {
        ring = find(argo, args.aport, args.partner_id);
        if (!ring)
            return -KEEL_ENOENT;
        retire(argo, ring, KEEL_ARGO_UNREGISTER_RING, &caller->wake);
    } else if (!ring->closing) {
        ring->closing = KEEL_ARGO_UNREGISTER_RING; /* a registration that was given up */
        ring->result = ARGO_AGAIN;
    }
    return close_step(caller->space, argo, ring, KEEL_ARGO_UNREGISTER_RING);
}

/* ---- sendv ---- */

static bool may_send(const struct domain *from, const struct domain *to, uint32_t aport)
{
    const struct authority_port *port = authority_port(&to->authority, aport);

    return port && (port->senders >> from->id & 1);
}

static bool may_send_from(const struct domain *domain, uint32_t aport)
{
    const struct authority_port *port;

    if (aport == 0)
        return true;
    port = authority_port(&domain->authority, aport);
    return port && port->receives;
}

static bool append_is(const struct append *append, const struct caller *caller,
                      const struct send *send)
{
    return append->vcpu == caller->vcpu && append->incarnation == caller->domain->incarnation &&
           memcmp(&append->send, send, offsetof(struct send, iov[send->niov])) == 0;
}

/*
 * The restartable exclusive append: the caller becomes the one who writes at tx. What another has
 * written there, and not published, is lost to it (it starts again), unless it had to start again
 * before: then it gets a slice in which it runs undisturbed. Returns the bytes that are in place.
 */
static int64_t append_take(struct caller *caller, struct argo_ring *ring, const struct send *send,
                           uint32_t total) REQUIRES(ring->lock)
{
    struct append *append = &ring->append;

    if (append->vcpu && append_is(append, caller, send))
        return append->done;
    if (append->vcpu && time_now() < append->until &&
        __atomic_load_n(&append->vcpu->state, __ATOMIC_RELAXED) == VCPU_RUNNING)
        return ARGO_AGAIN;
    append->vcpu = NULL;
    if (total > CHUNK) {
        append->vcpu = caller->vcpu;
        append->incarnation = caller->domain->incarnation;
        append->done = 0;
        append->until = caller->step->next != 0 && total <= PROTECT_MAX
                            ? time_now() + time_from_ns(PROTECT_NS)
                            : 0;
        append->send = *send;
    }
    return 0;
}

/* Copies bytes [from, from + bytes) of the payload to the ring. False: a buffer can't be read. */
static bool copy_payload(struct caller *caller, const struct ring *ring, const struct send *send,
                         uint32_t from, uint32_t bytes) REQUIRES(caller->space->lock)
{
    uint32_t to = from + KEEL_ARGO_SLOT;

    for (const struct keel_argo_iov *iov = send->iov; bytes != 0; iov++) {
        while (from < iov->iov_len && bytes != 0) {
            uint64_t piece;
            const uint8_t *address = caller_reach(caller, iov->iov_hnd + from, SPACE_READ, &piece);

            if (!address)
                return false;
            if (piece > iov->iov_len - from)
                piece = iov->iov_len - from;
            if (piece > bytes)
                piece = bytes;
            ring_write(ring, to, address, (uint32_t)piece);
            to += (uint32_t)piece;
            from += (uint32_t)piece;
            bytes -= (uint32_t)piece;
        }
        from -= iov->iov_len;
    }
    return true;
}

/* A step of sending: `total` bytes of payload, all checked but against the ring. */
static int64_t send_step(struct caller *caller, struct argo_ring *ring, const struct send *send,
                         uint32_t total) REQUIRES(ring->lock, caller->space->lock)
{
    uint32_t sender = caller->domain->id;
    uint32_t need = ring_need(total);
    uint32_t unread = ring_unread(&ring->ring);
    uint32_t bytes;
    int64_t done;

    if (total > message_max(ring))
        return -KEEL_EMSGSIZE;
    if (!fits(ring, sender, need, unread))
        return wait_for(caller, ring, need, unread);
    done = append_take(caller, ring, send, total);
    if (done < 0)
        return done;
    bytes = total - (uint32_t)done;
    if (bytes > CHUNK)
        bytes = CHUNK;
    if (!copy_payload(caller, &ring->ring, send, (uint32_t)done, bytes)) {
        ring->append.vcpu = NULL;
        return -KEEL_EFAULT;
    }
    if ((uint32_t)done + bytes < total) {
        ring->append.done = (uint32_t)done + bytes;
        caller->step->next = 1;
        return ARGO_AGAIN;
    }
    ring->append.vcpu = NULL;
    if (ring->partner == KEEL_DOMAIN_ANY)
        ring->share[sender].now += need;
    ring_publish(&ring->ring, ring_at(&ring->ring, ring->ring.tx), &send->addr.src,
                 send->message_type, total);
    return total;
}

/* Bytes of all buffers, or the error. */
static int64_t send_total(const struct send *send)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < send->niov; i++) {
        if (send->iov[i].pad || send->iov[i].iov_len > MESSAGE_MAX)
            return -KEEL_EINVAL;
        total += send->iov[i].iov_len;
    }
    return total > MESSAGE_MAX ? -KEEL_EMSGSIZE : (int64_t)total;
}

static int64_t sendv(struct caller *caller, uint64_t arg1, uint64_t arg2, uint32_t niov,
                     uint32_t message_type) REQUIRES(caller->space->lock)
{
    struct argo_ring *ring;
    struct domain *to;
    struct send send;
    int64_t result;

    if (niov > KEEL_ARGO_IOVS_MAX)
        return -KEEL_EINVAL;
    send.niov = niov;
    send.message_type = message_type;
    if (!argo_caller_read(caller, arg1, &send.addr, sizeof(send.addr)) ||
        !argo_caller_read(caller, arg2, send.iov, niov * sizeof(send.iov[0])))
        return -KEEL_EFAULT;
    if (send.addr.src.pad || send.addr.dst.pad)
        return -KEEL_EINVAL;
    if (send.addr.src.domain_id == KEEL_DOMAIN_ANY)
        send.addr.src.domain_id = caller->domain->id;
    if (send.addr.src.domain_id != caller->domain->id)
        return -KEEL_EPERM;
    if (!may_send_from(caller->domain, send.addr.src.aport))
        return -KEEL_EACCES;
    if (send.addr.dst.domain_id >= KEEL_DOMAINS_MAX)
        return -KEEL_ESRCH;
    to = &domains[send.addr.dst.domain_id];
    if (!may_send(caller->domain, to, send.addr.dst.aport))
        return -KEEL_EACCES;
    if (!domain_exists(to))
        return -KEEL_ESRCH;

    if (!enter(caller, to, send.addr.dst.aport, &ring, &result))
        return result;
    result = send_total(&send);
    if (result >= 0)
        result = send_step(caller, ring, &send, (uint32_t)result);
    lock_release(&ring->lock);
    if (result >= 0)
        caller->wake |= 1ul << to->id;
    return result;
}

static const struct keel_argo_addr kernel_address = {KEEL_PORT_KERNEL, KEEL_DOMAIN_KERNEL, 0};

/* The rest of argo_kernel_send, of which only the common case is in line. */
static __attribute__((noinline)) int64_t kernel_send_rest(struct domain *to, uint32_t message_type,
                                                          const void *payload, uint32_t len)
    RELEASES(to->argo.lock) NO_LOCK_ANALYSIS
{
    struct argo_ring *kernel = to->argo.kernel;
    int64_t status = kernel ? -KEEL_EAGAIN : -KEEL_ENOENT;

    if (kernel && ring_need(len) <= ring_space(&kernel->ring, ring_unread(&kernel->ring))) {
        ring_write(&kernel->ring, KEEL_ARGO_SLOT, payload, len);
        ring_publish(&kernel->ring, ring_at(&kernel->ring, kernel->ring.tx), &kernel_address,
                     message_type, len);
        status = 0;
    }
    lock_release(&to->argo.lock);
    return status;
}

/* On the path of every exit. Senders can't find the kernel's ring, which has no waiters either, so
 * the domain's lock guards it alone. */
inline int64_t argo_kernel_send(struct domain *to, uint32_t message_type, const void *payload,
                                uint32_t len) NO_LOCK_ANALYSIS
{
    const uint32_t need = sizeof(struct keel_exit) + KEEL_ARGO_SLOT;
    struct argo_ring *kernel;
    struct ring *ring;
    uint32_t tx;
    uint8_t *at;

    lock_take(&to->argo.lock);
    kernel = to->argo.kernel;
    if (unlikely(!kernel || len != sizeof(struct keel_exit)))
        return kernel_send_rest(to, message_type, payload, len);
    ring = &kernel->ring;
    tx = ring->tx;
    at = ring_at(ring, tx);
    if (unlikely(need > ring_space(ring, ring_unread_from(ring, tx)) || need > ring->len - tx ||
                 (uintptr_t)at % KEEL_PAGE_SIZE > KEEL_PAGE_SIZE - need))
        return kernel_send_rest(to, message_type, payload, len);
    __builtin_memcpy(at + KEEL_ARGO_SLOT, payload, sizeof(struct keel_exit));
    ring_publish(ring, at, &kernel_address, message_type, sizeof(struct keel_exit));
    lock_release(&to->argo.lock);
    return 0;
}

/* ---- notify ---- */

/* Wakes who waits for space in own rings, chain after chain, some in each step. The chains are
 * stable under the space's lock; a ring without waiters, or whose reader has not moved since the
 * last look, costs no lock. */
static int64_t notify_waiters(struct caller *caller) REQUIRES(caller->space->lock) NO_LOCK_ANALYSIS
{
    uint32_t rings = 0, looks = 0, wakes = 0;

    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* see wait_for */
    for (uint32_t *i = &caller->step->next; *i < ARGO_HASH; ++*i) {
        if (rings >= SCAN)
            return ARGO_AGAIN;
        for (struct argo_ring *ring = caller->domain->argo.ring[*i]; ring; ring = ring->next) {
            rings++;
            if (__atomic_load_n(&ring->waiters, __ATOMIC_RELAXED) == 0 ||
                __atomic_load_n(&ring->seen, __ATOMIC_RELAXED) == ring_consumed(&ring->ring))
                continue;
            if (looks++ == LOOKS || !lock_try(&ring->lock))
                return ARGO_AGAIN;
            wakes += wake_waiters(ring, &caller->wake, false, WAKES);
            lock_release(&ring->lock);
            if (wakes >= WAKES)
                return ARGO_AGAIN;
        }
    }
    return 0;
}

/* Fills in one entry. If there is no space, the caller waits for it. */
static int64_t notify_entry(struct caller *caller, struct keel_argo_ring_data_ent *entry)
{
    uint32_t sender = caller->domain->id;
    uint32_t unread, need, max;
    struct argo_ring *ring;
    struct domain *to;
    int64_t status;

    entry->flags = 0;
    entry->max_message_size = 0;
    if (entry->ring.domain_id >= KEEL_DOMAINS_MAX)
        return 0;
    to = &domains[entry->ring.domain_id];
    if (!may_send(caller->domain, to, entry->ring.aport))
        return -KEEL_EACCES;
    if (!enter(caller, to, entry->ring.aport, &ring, &status))
        return status == ARGO_AGAIN ? ARGO_AGAIN : 0;

    unread = ring_unread(&ring->ring);
    max = message_max(ring);
    need = entry->space_required <= max ? ring_need(entry->space_required) : 0;
    entry->max_message_size = max;
    entry->flags = KEEL_ARGO_EXISTS;
    if (ring->partner == KEEL_DOMAIN_ANY)
        entry->flags |= KEEL_ARGO_SHARED;
    if (unread == 0)
        entry->flags |= KEEL_ARGO_EMPTY;
    if (need == 0)
        entry->flags |= KEEL_ARGO_NOTIFY_EMSGSIZE;
    else if (fits(ring, sender, need, unread))
        entry->flags |= KEEL_ARGO_SUFFICIENT;
    else if (wait_for(caller, ring, need, unread) == -KEEL_EBUSY)
        entry->flags |= KEEL_ARGO_NOTIFY_EBUSY;
    lock_release(&ring->lock);
    return 0;
}

static int64_t notify(struct caller *caller, uint64_t arg1) REQUIRES(caller->space->lock)
{
    struct keel_argo_ring_data_ent entry[ENTRIES];
    struct keel_argo_ring_data data = {0};
    uint32_t first, n, done;
    int64_t status;
    uint64_t at;

    if (arg1 && !argo_caller_read(caller, arg1, &data, sizeof(data)))
        return -KEEL_EFAULT;
    if (data.nent > KEEL_ARGO_NOTIFY_MAX)
        return -KEEL_EACCES;
    status = notify_waiters(caller);
    if (status < 0)
        return status;
    first = caller->step->next - ARGO_HASH;
    if (first >= data.nent)
        return 0;
    n = data.nent - first < ENTRIES ? data.nent - first : ENTRIES;
    at = arg1 + sizeof(data) + first * sizeof(entry[0]);
    if (!argo_caller_read(caller, at, entry, n * sizeof(entry[0])))
        return -KEEL_EFAULT;
    for (done = 0; done < n; done++) {
        status = notify_entry(caller, &entry[done]);
        if (status < 0)
            break;
    }
    if (!caller_copy(caller, at, entry, done * sizeof(entry[0]), SPACE_WRITE))
        return -KEEL_EFAULT;
    caller->step->next += done;
    if (status < 0)
        return status;
    return first + done < data.nent ? ARGO_AGAIN : 0;
}

/* ---- Entry points ---- */

static int64_t act(struct caller *caller, uint64_t op, uint64_t arg1, uint64_t arg2, uint32_t arg3,
                   uint32_t arg4) REQUIRES(caller->space->lock)
{
    switch (op) {
    case KEEL_ARGO_REGISTER_RING:
        return register_ring(caller, arg1, arg2, arg3, arg4);
    case KEEL_ARGO_UNREGISTER_RING:
        return arg2 || arg3 || arg4 ? -KEEL_EINVAL : unregister_ring(caller, arg1);
    case KEEL_ARGO_SENDV:
        return sendv(caller, arg1, arg2, arg3, arg4);
    case KEEL_ARGO_NOTIFY:
    default:
        return arg2 || arg3 || arg4 ? -KEEL_EINVAL : notify(caller, arg1);
    }
}

int64_t argo_call(struct vcpu *vcpu, uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
                  uint64_t arg4)
{
    struct caller caller = {
        .vcpu = vcpu,
        .domain = vcpu->domain,
        .space = &vcpu->domain->space,
        .step = &vcpu->domain->argo.step[vcpu->index],
        .page = UINT64_MAX,
    };
    int64_t result = argo_check(op, arg3, arg4);

    if (result < 0)
        return result;
    if (caller.step->op != op || caller.step->arg1 != arg1)
        *caller.step = (struct argo_step){.arg1 = arg1, .op = (uint32_t)op};
    if (!lock_try_hard(&caller.space->lock))
        return ARGO_AGAIN;
    result = act(&caller, op, arg1, arg2, (uint32_t)arg3, (uint32_t)arg4);
    lock_release(&caller.space->lock);
    if (result != ARGO_AGAIN)
        caller.step->op = 0;
    argo_signal_all(caller.wake);
    return result;
}

int64_t argo_teardown(struct domain *domain) NO_LOCK_ANALYSIS
{
    struct argo_domain *argo = &domain->argo;
    uint64_t wake = 0;

    lock_take_outer(&domain->space.lock);
    for (uint32_t i = 0; i < ARGO_HASH && !argo->changing; i++)
        if (argo->ring[i])
            retire(argo, argo->ring[i], KEEL_ARGO_UNREGISTER_RING, &wake);
    if (argo->changing)
        (void)close_step(&domain->space, argo, argo->changing, KEEL_ARGO_UNREGISTER_RING);
    memset(argo->step, 0, sizeof(argo->step));
    lock_release(&domain->space.lock);
    argo_signal_all(wake);
    return argo->rings == 0 ? 0 : -KEEL_EAGAIN;
}

bool argo_has_kernel_ring(struct domain *domain)
{
    lock_take(&domain->argo.lock);
    bool has = domain->argo.kernel;

    lock_release(&domain->argo.lock);
    return has;
}
