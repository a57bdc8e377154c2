/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo's operations: see argo.h for the contract. ring.c knows the layout of a ring; here are
 * names, rights, waiters, quotas, and long work in steps.
 *
 * Every operation holds its caller's space lock throughout (own rings are changed, and buffers
 * read, under it), then the receiver's lock of its port to find a ring, which is handed over
 * to the ring's lock. Whoever takes a ring out of service takes its lock after that, so nobody
 * holds or waits for the lock of a ring that is out of service. Locks that others may hold for long
 * are only tried: the operation is executed again instead. Signals are sent when all locks are
 * released.
 */
#include "argo/argo.h"

#include "arch/interrupt.h"
#include "argo/ring.h"
#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"
#include "memory/guest.h"
#include <keel/event.h>
#include <keel/interrupt.h>

#define CHUNK        13312u    /* bytes copied in one step, */
#define PIECES       5u        /* from and to so many places */
#define WILDCARD_MAX 0x10000u  /* payload of a message in a wildcard ring */
#define PROTECT_MAX  0x10000u  /* payload that gets a slice in which nobody takes the ring away */
#define PROTECT_NS   64000u    /* that slice: more than twice the copy */
#define MESSAGE_MAX  0xFFFFE0u /* payload of any message: Xen's limit */
#define TOTAL_BAD    (1ul << 32)
#define PINS         16u /* pages pinned in one step */
#define UNPINS       64u /* pages unpinned in one step */
#define ENTRIES      8u  /* entries of notify in one step */
#define SCAN         32u /* own rings after which no further chain is scanned in one step */
#define LOOKS        4u  /* rings whose waiters are looked at in one step */
#define WAKES        8u  /* and how many are woken, if not exceeded by the last ring looked at */
#define LOCK_TRIES   64u
#define INLINE_PAGES 272u
#define PAGES_MAX    KEEL_ARGO_PAGES(KEEL_ARGO_RING_MAX)

/* A message to be sent, complete in the kernel. */
struct send {
    struct keel_argo_addr source;
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
    uint64_t generation;
    uint32_t now, before; /* bytes put in this generation and in the one before */
};

/* One page of the pool of the ring's owner. Found and changed through its owner only; while out
 * of service (in `changing`), under the owner's space lock alone. */
struct argo_ring {
    struct argo_ring *next;
    uint32_t aport;
    uint16_t partner;
    uint8_t closing; /* out of service for good: enum keel_argo_op that closed it */
    uint8_t waiters; /* atomic: changed under lock, read without */
    uint32_t pinned; /* pages */
    uint32_t max;    /* payload of a message */
    uint32_t quota;  /* bytes of the ring that one sender may have; 0: all */
    struct lock lock;
    int64_t result; /* of the operation that closed it */
    uint64_t seen;  /* atomic: ring_consumed when waiters were last looked at */
    struct ring ring GUARDED_BY(lock);
    struct append append GUARDED_BY(lock);
    struct waiter waiter[KEEL_ARGO_WAITERS_MAX] GUARDED_BY(lock); /* in order of their coming */
    uint64_t mark GUARDED_BY(lock); /* ring.put when the generation began */
    uint64_t generation GUARDED_BY(lock);
    struct share share[KEEL_DOMAINS_MAX] GUARDED_BY(lock);
    uint8_t *page[INLINE_PAGES]; /* the list, if it fits */
};
_Static_assert(sizeof(struct argo_ring) <= KEEL_PAGE_SIZE, "a ring's object is a page");
_Static_assert(KEEL_DOMAINS_MAX <= 64, "a set of domains is a word");

/* Of the domain whose vCPU executes an operation; `step` is that one's. */
#define OWN_LOCK domain->space.lock

/* ---- The caller's memory ---- */

#define RECENT(last) \
    (&domain->space.recent[(last) / KEEL_PAGE_SIZE % ARRAY_LENGTH(domain->space.recent)])

/* Look up a page of the caller's, which `recent` then is. A machine's addresses are virtual, a service's are IPAs. */
static in_line bool machine_walk(struct domain *domain, uint64_t address, enum space_access access,
                                 struct space_recent *recent) REQUIRES(OWN_LOCK)
{
    struct paddr pa;
    uint8_t *page;

    if (!guest_translate(address, access == SPACE_WRITE, &pa) ||
        !space_reach(&domain->space, pa, &page))
        return false;
    *recent = (struct space_recent){address | (KEEL_PAGE_SIZE - 1), page};
    return true;
}

static not_inline bool service_walk(struct domain *domain, uint64_t address,
                                    enum space_access access, struct space_recent *recent)
    REQUIRES(OWN_LOCK)
{
    int64_t bytes = space_translate(&domain->space, IPA(address & ~(KEEL_PAGE_SIZE - 1)), access, 0,
                                    (void **)&recent->page);

    recent->last = bytes < 0 ? 0 : address | (KEEL_PAGE_SIZE - 1);
    return recent->last;
}

/* Where an address of the caller leads, up to the end of its page. Valid until the space's lock is
 * released, though a machine may change its own tables meanwhile: then it is its own old page. `here`
 * is a machine's: where it read last in this step, {0} at first; a service has NULL. False: nowhere. */
static in_line bool caller_reach(struct domain *domain, struct space_recent *here, uint64_t address,
                                 enum space_access access, uint8_t **to, uint64_t *bytes)
    REQUIRES(OWN_LOCK)
{
    uint64_t last = address | (KEEL_PAGE_SIZE - 1);
    struct space_recent *recent = here ?: RECENT(last);
    uint8_t *page = recent->page;

    if (unlikely(recent->last != last || access != SPACE_READ)) {
        if (!(here ? machine_walk(domain, address, access, recent)
                   : service_walk(domain, address, access, recent)))
            return false;
        page = recent->page;
    }
    *to = page + address % KEEL_PAGE_SIZE;
    *bytes = last - address + 1;
    return true;
}

/* How much lies side by side in the caller's memory, to be read, from an address on: looked for up to `most` bytes; and
 * where. Or -KEEL_EFAULT. */
static not_inline int64_t machine_run(struct domain *domain, uint64_t address, uint64_t most,
                                      uint8_t **to) REQUIRES(OWN_LOCK)
{
    struct space_recent here = {0};
    uint64_t bytes, rest;
    uint8_t *next;

    if (!caller_reach(domain, &here, address, SPACE_READ, to, &bytes))
        return -KEEL_EFAULT;
    while (bytes < most && caller_reach(domain, &here, address + bytes, SPACE_READ, &next, &rest) &&
           next == *to + bytes)
        bytes += KEEL_PAGE_SIZE;
    return (int64_t)bytes;
}

static inline int64_t caller_run(struct domain *domain, uint64_t address, uint64_t most,
                                 uint8_t **to) REQUIRES(OWN_LOCK)
{
    uint64_t bytes;

    if (domain->kind == KEEL_DOMAIN_MACHINE)
        return machine_run(domain, address, most, to);
    if (most > KEEL_PAGE_SIZE)
        return space_translate(&domain->space, IPA(address), SPACE_READ, most, (void **)to);
    return caller_reach(domain, NULL, address, SPACE_READ, to, &bytes) ? (int64_t)bytes
                                                                       : -KEEL_EFAULT;
}

/* Copies between the caller's memory and a buffer of the kernel. False: all or a part can't be had.
 */
static not_inline bool caller_copy(struct domain *domain, uint64_t address, void *buffer,
                                   uint64_t bytes, enum space_access access) REQUIRES(OWN_LOCK)
{
    bool machine = domain->kind == KEEL_DOMAIN_MACHINE;

    for (uint64_t done = 0, piece; done < bytes; done += piece) {
        uint8_t *own = (uint8_t *)buffer + done, *there;
        struct space_recent here = {0};

        if (!caller_reach(domain, machine ? &here : NULL, address + done, access, &there, &piece))
            return false;
        piece = min(piece, bytes - done);
        memcpy(access == SPACE_READ ? own : there, access == SPACE_READ ? there : own, piece);
    }
    return true;
}

/* Reads two words, each once: what is checked is what is used. */
static in_line bool caller_read(struct domain *domain, struct space_recent *here, uint64_t from,
                                uint64_t words[2]) REQUIRES(OWN_LOCK)
{
    uint64_t split[2], rest;
    uint8_t *there = (uint8_t *)split;

    if (unlikely(from % KEEL_PAGE_SIZE > KEEL_PAGE_SIZE - sizeof(split))
            ? !caller_copy(domain, from, split, sizeof(split), SPACE_READ)
            : !caller_reach(domain, here, from, SPACE_READ, &there, &rest))
        return false;
    __builtin_memcpy(words, there, sizeof(split));
    __asm__ volatile(""
                     : "+r"(words[0]), "+r"(words[1])); /* nor can the compiler go back for them */
    return true;
}

/* ---- Finding rings ---- */

static inline struct lock *lock_of(struct argo_domain *argo, uint32_t aport)
{
    return &argo->lock[aport % ARGO_LOCKS];
}

/* Rings of ports that have different locks are in different chains. */
static inline uint32_t hash(uint32_t aport, uint32_t partner)
{
    return aport % ARGO_LOCKS + partner % (ARGO_HASH / ARGO_LOCKS) * ARGO_LOCKS;
}

/* Own rings can be looked for under the space's lock as well as under that of the port. */
static struct argo_ring **bucket(struct argo_domain *argo, uint32_t aport, uint32_t partner)
{
    return &argo->ring[hash(aport, partner)];
}

static struct argo_ring *find_in(struct argo_ring *ring, uint32_t aport, uint32_t partner)
{
    while (ring && (ring->aport != aport || ring->partner != partner))
        ring = ring->next;
    return ring;
}

static struct argo_ring *find(struct argo_domain *argo, uint32_t aport, uint32_t partner)
{
    return find_in(*bucket(argo, aport, partner), aport, partner);
}

static void take_out(struct argo_ring **link, const struct argo_ring *ring)
{
    while (*link != ring)
        link = &(*link)->next;
    *link = ring->next;
}

static not_inline bool lock_try_on(struct lock *lock) TRY_ACQUIRES(true, lock) NO_LOCK_ANALYSIS
{
    for (uint32_t left = LOCK_TRIES; left != 0; left--) {
        cpu_relax();
        if (lock_try(lock))
            return true;
    }
    return false;
}

/* The ring of a domain that takes messages of the caller, locked. False: see *status. */
static in_line bool enter(const struct domain *from, struct domain *to, uint32_t aport,
                          struct argo_ring **ring, int64_t *status)
    TRY_ACQUIRES(true, (*ring)->lock)
{
    struct lock *lock = lock_of(&to->argo, aport);

    *status = ARGO_AGAIN;
    if (unlikely(!lock_try(lock)) && !lock_try_on(lock))
        return false;
    *ring = find(&to->argo, aport, from->id);
    if (!*ring)
        *ring = find(&to->argo, aport, KEEL_DOMAIN_ANY);
    if (*ring && domain_runs(to)) {
        if (likely(lock_try(&(*ring)->lock))) {
            lock_release(lock);
            return true;
        }
    } else {
        *status = domain_exists(to) ? -KEEL_ECONNREFUSED : -KEEL_ESRCH;
    }
    lock_release(lock);
    return false;
}

/* ---- Space, quotas, waiters ---- */

/*
 * The sender's share of a wildcard ring, brought up to date, and `more` bytes are put. A generation
 * ends when everything put before it began has been consumed: what is unread was then put in it.
 * Two end if nothing is unread.
 */
static inline struct share *share_of(struct argo_ring *ring, uint32_t sender, uint32_t unread,
                                     uint32_t more) REQUIRES(ring->lock)
{
    struct share *share = &ring->share[sender];

    if (unread == 0) {
        ring->generation += 2;
        ring->mark = ring->ring.put;
        *share = (struct share){ring->generation, more, 0};
        return share;
    }
    if ((int64_t)(ring->ring.put - unread - ring->mark) >= 0) {
        ring->generation++;
        ring->mark = ring->ring.put;
    }
    if (share->generation != ring->generation)
        *share = (struct share){ring->generation, 0,
                                ring->generation - share->generation == 1 ? share->now : 0};
    share->now += more;
    return share;
}

/* Whether a message of `need` bytes in the ring, not above its max, may be written now. */
static inline bool fits(struct argo_ring *ring, uint32_t sender, uint32_t need, uint32_t unread)
    REQUIRES(ring->lock)
{
    const struct share *share;

    if (need > ring_space(&ring->ring, unread))
        return false;
    if (ring->quota == 0 || unread == 0)
        return true;
    share = share_of(ring, sender, unread, 0);
    return share->now + share->before + need <= ring->quota;
}

/* The caller waits until `need` bytes may be there. One entry per domain, the most that it needs.
 */
static not_inline int64_t wait_for(struct domain *domain, struct argo_step *step, struct domain *to,
                                   struct argo_ring *ring, uint32_t need, uint32_t unread)
    REQUIRES(ring->lock)
{
    uint8_t waiters = ring->waiters;
    uint32_t i = 0;

    while (i < waiters && ring->waiter[i].domain != domain->id)
        i++;
    if (i == KEEL_ARGO_WAITERS_MAX)
        return -KEEL_EBUSY;
    if (i == waiters) {
        ring->waiter[i] = (struct waiter){.domain = domain->id, .need = need};
        WRITE_ONCE(ring->waiters, (uint8_t)(waiters + 1));
        __atomic_fetch_or(&to->argo.waiting, 1ul << hash(ring->aport, ring->partner),
                          __ATOMIC_RELEASE); /* behind `waiters`: who clears it sees that */
    } else if (ring->waiter[i].need < need) {
        ring->waiter[i].need = need;
    }
    /* Against `notify`, which looks at rx_ptr first and at waiters then, without the lock: if it
     * missed this waiter, its rx_ptr is seen here. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (ring_unread(&ring->ring) != unread)
        step->wake |= 1ul << domain->id;
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
    WRITE_ONCE(ring->waiters, kept);
    if (woken < max)
        WRITE_ONCE(ring->seen, ring->ring.put - unread);
    return woken;
}

/* Tells a domain, which runs or did a moment ago, to look at its rings. */
static inline void argo_signal(struct domain *domain)
{
    if (domain->kind == KEEL_DOMAIN_USER)
        vcpu_signal(domain->vcpu[0], 1ul << KEEL_EVENT_ARGO);
    else
        arch_irq_pulse(domain, KEEL_MACHINE_ARGO_IRQ);
}

/* That may be all there are: between two, interrupts come in. No lock is held. */
static void argo_signal_all(uint64_t *wake)
{
    for (; *wake != 0; *wake &= *wake - 1) {
        cpu_window();
        if (domain_runs(&domains[__builtin_ctzl(*wake)]))
            argo_signal(&domains[__builtin_ctzl(*wake)]);
    }
}

/* ---- register, unregister ---- */

/*
 * A ring begins outside of service: it is found in `changing` by each step of its registration. It
 * ends there as well: each step of the operation that closed it finds it again, and the last one
 * returns the result that was kept in it.
 */

/* Nobody else sees the ring, nor may its fields: its lock is not needed. */
static int64_t close_step(struct space *space, struct argo_domain *argo, struct argo_ring *ring,
                          enum keel_argo_op op) REQUIRES(space->lock) NO_LOCK_ANALYSIS
{
    /* Another operation closed it, and was given up: this one starts over. */
    int64_t result = ring->closing == op ? ring->result : ARGO_AGAIN;

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
    take_out(&argo->changing, ring);
    argo->rings--;
    pool_give(space, ring);
    return result;
}

/* Takes a ring out of service. Who waits for it, or asked about it, is woken, and finds out. */
static void retire(struct argo_domain *argo, struct argo_ring *ring, enum keel_argo_op op,
                   uint64_t *wake)
{
    lock_take(lock_of(argo, ring->aport));
    take_out(bucket(argo, ring->aport, ring->partner), ring);
    if (argo->kernel == ring)
        WRITE_ONCE(argo->kernel, NULL);
    lock_release(lock_of(argo, ring->aport));

    lock_take(&ring->lock); /* whoever found it before has left when this is ours */
    (void)wake_waiters(ring, wake, true, 0);
    lock_release(&ring->lock);
    *wake |= __atomic_exchange_n(&argo->askers, 0, __ATOMIC_SEQ_CST);
    ring->closing = (uint8_t)op;
    ring->result = 0;
    ring->next = argo->changing;
    argo->changing = ring;
}

/* The ring of pages that are all pinned goes into service, in place of one that is there already.
 */
static int64_t register_finish(struct domain *domain, struct argo_step *step,
                               struct argo_ring *ring) REQUIRES(OWN_LOCK) NO_LOCK_ANALYSIS
{
    struct argo_domain *argo = &domain->argo;
    struct argo_ring *old, **link;

    take_out(&argo->changing, ring);
    old = find(argo, ring->aport, ring->partner);
    if (old)
        retire(argo, old, KEEL_ARGO_REGISTER_RING, &step->wake);

    ring_begin(&ring->ring);
    ring->mark = ring->ring.put;
    ring->seen = UINT64_MAX;
    lock_take(lock_of(argo, ring->aport));
    link = bucket(argo, ring->aport, ring->partner);
    ring->next = *link;
    *link = ring;
    if (ring->partner == KEEL_DOMAIN_KERNEL)
        WRITE_ONCE(argo->kernel, ring);
    lock_release(lock_of(argo, ring->aport));
    step->wake |= __atomic_exchange_n(&argo->askers, 0, __ATOMIC_SEQ_CST);
    return old ? close_step(&domain->space, argo, old, KEEL_ARGO_REGISTER_RING) : 0;
}

/* Every check of a registration but that of its pages; then the object without pages. */
static int64_t register_begin(struct domain *domain, const struct keel_argo_register_ring *args,
                              uint64_t flags, struct argo_ring **result)
    REQUIRES(OWN_LOCK) NO_LOCK_ANALYSIS
{
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
    if (domain->space.pool.free < 1 + lists)
        return -KEEL_ENOMEM;

    ring = pool_take(&domain->space);
    CHECK(ring);
    ring->aport = args->aport;
    ring->partner = args->partner_id;
    ring->ring.len = args->len;
    ring->max = KEEL_ARGO_MESSAGE_MAX(args->len);
    if (args->partner_id == KEEL_DOMAIN_ANY) {
        ring->quota = (args->len / 2 + KEEL_ARGO_SLOT - 1) & ~(KEEL_ARGO_SLOT - 1);
        ring->max = (uint32_t)min(ring->quota - KEEL_ARGO_SLOT, WILDCARD_MAX);
    }
    ring->ring.list[0] = ring->page;
    ring->ring.flat = true;
    for (uint32_t i = 0; i < lists; i++) {
        ring->ring.list[i] = pool_take(&domain->space);
        CHECK(ring->ring.list[i]);
    }
    ring->next = argo->changing;
    argo->changing = ring;
    argo->rings++;
    *result = ring;
    return 0;
}

/* Pins the next pages of a ring. */
static int64_t register_pin(struct domain *domain, struct argo_ring *ring, uint64_t gfns,
                            uint32_t pages) REQUIRES(OWN_LOCK) NO_LOCK_ANALYSIS
{
    uint32_t n = (uint32_t)min(pages - ring->pinned, PINS);
    uint64_t gfn[PINS];

    if (!caller_copy(domain, gfns + ring->pinned * sizeof(gfn[0]), gfn, n * sizeof(gfn[0]),
                     SPACE_READ))
        return -KEEL_EFAULT;
    for (uint32_t i = 0; i < n; i++) {
        void *address;

        if (gfn[i] > UINT64_MAX >> KEEL_PAGE_SHIFT ||
            space_pin(&domain->space, IPA(gfn[i] << KEEL_PAGE_SHIFT), &address) < 0)
            return -KEEL_EINVAL;
        ring->ring.list[ring->pinned / RING_LIST][ring->pinned % RING_LIST] = address;
        ring->ring.flat &= address == ring->ring.list[0][0] + ring->pinned * KEEL_PAGE_SIZE;
        ring->pinned++;
    }
    return 0;
}

static not_inline int64_t register_ring(struct domain *domain, struct argo_step *step,
                                        uint64_t arg1, uint64_t gfns, uint32_t npages,
                                        uint32_t flags) REQUIRES(OWN_LOCK) NO_LOCK_ANALYSIS
{
    struct keel_argo_register_ring args;
    struct argo_ring *ring;
    int64_t status = 0;

    if ((flags & ~KEEL_ARGO_FAIL_EXIST) || npages > PAGES_MAX)
        return -KEEL_EINVAL;
    if (!caller_copy(domain, arg1, &args, sizeof(args), SPACE_READ))
        return -KEEL_EFAULT;
    if (args.pad || args.len < KEEL_ARGO_RING_MIN || args.len > KEEL_ARGO_RING_MAX ||
        args.len % KEEL_ARGO_SLOT || npages != KEEL_ARGO_PAGES(args.len))
        return -KEEL_EINVAL;
    ring = find_in(domain->argo.changing, args.aport, args.partner_id);
    if (ring && !step->op && ring->closing != KEEL_ARGO_UNREGISTER_RING)
        ring->closing = KEEL_ARGO_SENDV; /* by nobody: a call that was given up */
    if (ring && ring->closing)
        return close_step(&domain->space, &domain->argo, ring, KEEL_ARGO_REGISTER_RING);
    if (!ring)
        status = register_begin(domain, &args, flags, &ring);
    if (status < 0)
        return status;
    status = ring->ring.len == args.len ? register_pin(domain, ring, gfns, npages) : ARGO_AGAIN;
    if (status == 0)
        return ring->pinned < npages ? ARGO_AGAIN : register_finish(domain, step, ring);
    ring->closing = KEEL_ARGO_REGISTER_RING;
    ring->result = status;
    return close_step(&domain->space, &domain->argo, ring, KEEL_ARGO_REGISTER_RING);
}

static not_inline int64_t unregister_ring(struct domain *domain, struct argo_step *step,
                                          uint64_t arg1) REQUIRES(OWN_LOCK)
{
    struct argo_domain *argo = &domain->argo;
    struct keel_argo_unregister_ring args;
    struct argo_ring *ring;

    if (!caller_copy(domain, arg1, &args, sizeof(args), SPACE_READ))
        return -KEEL_EFAULT;
    if (args.pad)
        return -KEEL_EINVAL;
    ring = find_in(domain->argo.changing, args.aport, args.partner_id);
    if (!ring) {
        ring = find(argo, args.aport, args.partner_id);
        if (!ring)
            return -KEEL_ENOENT;
        retire(argo, ring, KEEL_ARGO_UNREGISTER_RING, &step->wake);
    } else if (!ring->closing) {
        ring->closing = KEEL_ARGO_UNREGISTER_RING; /* a registration that was given up */
        ring->result = ARGO_AGAIN;
    }
    return close_step(&domain->space, argo, ring, KEEL_ARGO_UNREGISTER_RING);
}

/* ---- sendv ---- */

static bool may_send(const struct domain *from, const struct domain *to, uint32_t aport)
{
    const struct authority_port *port = authority_port(&to->authority, aport);

    return port && (port->senders >> from->id & 1);
}

/* Copies some of the payload, from byte `done` on, to the ring. How much; 0: a buffer can't be read. */
static uint32_t copy_payload(struct domain *domain, const struct ring *ring,
                             const struct send *send, uint32_t done, uint32_t total)
    REQUIRES(OWN_LOCK)
{
    uint32_t first = done, end = (uint32_t)min(total, done + CHUNK), piece;
    const struct keel_argo_iov *iov = send->iov;
    uint64_t from = done;
    uint8_t *to, *data;

    for (uint32_t pieces = 0; done < end && pieces < PIECES; pieces++) {
        for (; from >= iov->iov_len; iov++)
            from -= iov->iov_len;
        uint64_t most = min(iov->iov_len - from, end - done);
        int64_t run = caller_run(domain, iov->iov_hnd + from, most, &data);

        if (run < 0)
            return 0;
        to = ring_piece(ring, ring->tx + KEEL_ARGO_SLOT + done, (uint32_t)min((uint64_t)run, most),
                        &piece);
        memcpy(to, data, piece);
        from += piece;
        done += piece;
    }
    return done - first;
}

/*
 * The restartable exclusive append: the caller becomes the one who writes at tx. What another has
 * written there, and not published, is lost to it (it starts again), unless it had to start again
 * before: then it gets a slice in which it runs undisturbed.
 */
static int64_t append_begin(struct vcpu *vcpu, struct argo_ring *ring, const struct send *send,
                            uint32_t total) REQUIRES(ring->lock)
{
    struct append *append = &ring->append;

    if (append->vcpu == vcpu && append->incarnation == vcpu->domain->incarnation &&
        memcmp(&append->send, send, offsetof(struct send, iov[send->niov])) == 0)
        return 0;
    if (append->vcpu && append->vcpu != vcpu && time_now() < append->until &&
        READ_ONCE(append->vcpu->state) == VCPU_RUNNING)
        return ARGO_AGAIN;
    append->vcpu = vcpu;
    append->incarnation = vcpu->domain->incarnation;
    append->done = 0;
    append->until =
        vcpu->argo.next != 0 && total <= PROTECT_MAX ? time_now() + time_from_ns(PROTECT_NS) : 0;
    return 0;
}

/* Between two chunks others get the locks, and interrupts come in. 0: the ring is locked again; else it is
 * gone, or another takes its messages now, or the place in it, or this CPU has something better to do. */
static not_inline int64_t append_again(struct vcpu *vcpu, struct domain *domain, struct domain *to,
                                       uint32_t aport, struct argo_ring *ring)
    REQUIRES(OWN_LOCK) NO_LOCK_ANALYSIS
{
    int64_t status = ARGO_AGAIN;
    struct argo_ring *now;
    bool wanted;

    lock_release(&ring->lock);
    lock_release(&OWN_LOCK);
    wanted = cpu_wanted();
    lock_take_outer(&OWN_LOCK);
    if (wanted || !enter(domain, to, aport, &now, &status))
        return status;
    if (likely(now == ring && now->append.vcpu == vcpu))
        return 0;
    lock_release(&now->lock);
    return ARGO_AGAIN;
}

/* Writes all of a message at the ring's tx: 0. Else the ring's lock is released. */
static not_inline int64_t append(struct vcpu *vcpu, struct domain *domain, struct domain *to,
                                 uint32_t aport, struct argo_ring *ring, const struct send *send,
                                 uint32_t total) REQUIRES(OWN_LOCK) RELEASES(ring->lock)
    TRY_ACQUIRES(false, ring->lock) NO_LOCK_ANALYSIS
{
    int64_t status = append_begin(vcpu, ring, send, total);

    while (status == 0 && ring->append.done < total) {
        uint32_t bytes = copy_payload(domain, &ring->ring, send, ring->append.done, total);

        ring->append.done += bytes;
        if (bytes == 0) {
            status = -KEEL_EFAULT;
        } else if (ring->append.done < total) {
            if (ring->append.done == bytes)
                ring->append.send = *send;
            vcpu->argo.next = 1;
            status = append_again(vcpu, domain, to, aport, ring);
            if (status < 0)
                return status;
        }
    }
    if (status != ARGO_AGAIN)
        ring->append.vcpu = NULL;
    if (status < 0)
        lock_release(&ring->lock);
    else
        vcpu->argo = (struct argo_step){0};
    return status;
}

/* Bytes of all buffers, MESSAGE_MAX at most, which no ring takes; or more: one of them is wrong. */
static uint64_t send_total(const struct keel_argo_iov *iov, uint32_t niov)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < niov; i++)
        total += iov[i].pad || iov[i].iov_len > MESSAGE_MAX ? TOTAL_BAD : iov[i].iov_len;
    return total > MESSAGE_MAX && total < TOTAL_BAD ? MESSAGE_MAX : total;
}

/* A few slots cost less without a call. */
static inline void copy_slots(uint8_t *to, const uint8_t *from, uint64_t bytes)
{
    if (unlikely(bytes & ~0xf0ul))
        memcpy(to, from, bytes);
    else
        for (const uint8_t *end = from + bytes; from != end; from += 16, to += 16)
            __builtin_memcpy(to, from, 16);
}

/* Every check of a message's addresses. What is allowed once is for ever: such edges are never
 * taken back. */
static not_inline int64_t send_allow(struct domain *from, uint64_t src, uint64_t dst)
    REQUIRES(from->space.lock)
{
    const uint64_t words[2] = {src, dst};
    const struct authority_port *port;
    struct keel_argo_send_addr addr;

    memcpy(&addr, words, sizeof(addr));
    if (addr.src.pad || addr.dst.pad)
        return -KEEL_EINVAL;
    if (addr.src.domain_id != KEEL_DOMAIN_ANY && addr.src.domain_id != from->id)
        return -KEEL_EPERM;
    port = authority_port(&from->authority, addr.src.aport);
    if (addr.src.aport != 0 && !(port && port->receives))
        return -KEEL_EACCES;
    if (addr.dst.domain_id >= KEEL_DOMAINS_MAX)
        return -KEEL_ESRCH;
    if (!may_send(from, &domains[addr.dst.domain_id], addr.dst.aport))
        return -KEEL_EACCES;
    memcpy(from->argo.allowed, words, sizeof(words));
    from->argo.to = &domains[addr.dst.domain_id];
    return 0;
}

/* Most messages are one piece, here and there: what only others need is filled in for them. */
static in_line int64_t sendv(bool machine, struct vcpu *vcpu, struct domain *domain,
                             struct domain **told) REQUIRES(OWN_LOCK)
{
    const uint64_t *x = vcpu->registers.x;
    uint32_t niov = (uint32_t)x[3];
    struct space_recent read = {0}, *here = machine ? &read : NULL;
    uint64_t addr[2], only[2], total, piece; /* struct keel_argo_send_addr; keel_argo_iov */
    struct keel_argo_addr source;
    struct argo_ring *ring;
    struct domain *to;
    struct send send;
    uint8_t *at, *data;
    uint32_t need, unread;
    int64_t result;

    if (!caller_read(domain, here, x[1], addr))
        return -KEEL_EFAULT;
    if (likely(niov == 1)) {
        if (!caller_read(domain, here, x[2], only))
            return -KEEL_EFAULT;
    } else {
        if (niov > KEEL_ARGO_IOVS_MAX)
            return -KEEL_EINVAL;
        if (!caller_copy(domain, x[2], send.iov, niov * sizeof(only), SPACE_READ))
            return -KEEL_EFAULT;
        only[1] = send_total(send.iov, niov);
    }
    to = domain->argo.to;
    if (unlikely(!((addr[0] == domain->argo.allowed[0]) & (addr[1] == domain->argo.allowed[1]) &
                   (to != NULL)))) {
        result = send_allow(domain, addr[0], addr[1]);
        if (result < 0)
            return result;
        to = domain->argo.to;
    }
    if (!enter(domain, to, (uint32_t)addr[1], &ring, &result))
        return result;

    addr[0] = (uint32_t)addr[0] | (uint64_t)domain->id << 32; /* in place of ANY */
    __builtin_memcpy(&source, addr, sizeof(source));
    total = only[1]; /* with a pad, too long */
    need = ring_need((uint32_t)total);
    unread = ring_unread(&ring->ring);
    at = ring_at(&ring->ring, ring->ring.tx);
    if (unlikely(total > ring->max)) {
        result = total > MESSAGE_MAX ? -KEEL_EINVAL : -KEEL_EMSGSIZE;
    } else if (unlikely(!fits(ring, domain->id, need, unread))) {
        result = wait_for(domain, &vcpu->argo, to, ring, need, unread);
    } else if (likely(niov == 1 && !ring->append.vcpu && ring_is_whole(&ring->ring, at, need) &&
                      caller_reach(domain, here, only[0], SPACE_READ, &data, &piece) &&
                      total <= piece)) {
        copy_slots(at + KEEL_ARGO_SLOT, data, total);
        result = 0;
    } else {
        if (niov == 1)
            send.iov[0] =
                (struct keel_argo_iov){only[0], (uint32_t)only[1], (uint32_t)(only[1] >> 32)};
        send.source = source;
        send.niov = niov;
        send.message_type = (uint32_t)x[4];
        result = append(vcpu, domain, to, (uint32_t)addr[1], ring, &send, (uint32_t)total);
        if (result)
            return result;
    }
    if (likely(result == 0)) {
        if (ring->quota != 0)
            (void)share_of(ring, domain->id, unread, need);
        ring_publish(&ring->ring, at, &source, (uint32_t)x[4], (uint32_t)total);
        if (likely(unread == 0) || ring_wants_signal(&ring->ring, need))
            *told = to;
        result = (uint32_t)total;
    }
    lock_release(&ring->lock);
    return result;
}

static const struct keel_argo_addr kernel_address = {KEEL_PORT_KERNEL, KEEL_DOMAIN_KERNEL, 0};

static not_inline int64_t kernel_put(struct domain *to, uint32_t message_type, const void *payload,
                                     uint32_t len) NO_LOCK_ANALYSIS
{
    struct ring *ring = &to->argo.kernel->ring;

    ring_write(ring, KEEL_ARGO_SLOT, payload, len);
    ring_publish(ring, ring_at(ring, ring->tx), &kernel_address, message_type, len);
    lock_release(lock_of(&to->argo, KEEL_PORT_KERNEL));
    return 0;
}

/* On the path of every exit. Senders can't find the kernel's ring, which has no waiters either, so
 * its port's lock guards it alone. */
inline int64_t argo_kernel_send(struct domain *to, uint32_t message_type, const void *payload,
                                uint32_t len) NO_LOCK_ANALYSIS
{
    int64_t status = -KEEL_ENOENT;
    struct ring *ring;
    uint8_t *at;

    lock_take(lock_of(&to->argo, KEEL_PORT_KERNEL));
    if (likely(to->argo.kernel)) {
        ring = &to->argo.kernel->ring;
        at = ring_at(ring, ring->tx);
        status = -KEEL_EAGAIN;
        if (likely(ring_need(len) <= ring_space(ring, ring_unread(ring)))) {
            if (unlikely(len != sizeof(struct keel_exit) ||
                         !ring_is_whole(ring, at, sizeof(struct keel_exit) + KEEL_ARGO_SLOT)))
                return kernel_put(to, message_type, payload, len);
            __builtin_memcpy(at + KEEL_ARGO_SLOT, payload, sizeof(struct keel_exit));
            ring_publish(ring, at, &kernel_address, message_type, sizeof(struct keel_exit));
            status = 0;
        }
    }
    lock_release(lock_of(&to->argo, KEEL_PORT_KERNEL));
    return status;
}

/* ---- notify ---- */

/* Wakes who waits for space in own rings, chain after chain where somebody does, some in each step. The
 * chains are stable under the space's lock; a ring without waiters, or whose reader has not moved since the
 * last look, costs no lock. */
static int64_t notify_waiters(struct domain *domain, struct argo_step *step)
    REQUIRES(OWN_LOCK) NO_LOCK_ANALYSIS
{
    uint32_t rings = 0, looks = 0, wakes = 0;

    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* see wait_for */
    for (uint32_t *i = &step->next; *i < ARGO_HASH; ++*i) {
        uint64_t left = READ_ONCE(domain->argo.waiting) >> *i << *i;

        *i = left ? (uint32_t)__builtin_ctzl(left) : ARGO_HASH;
        if (!left)
            break;
        if (rings >= SCAN)
            return ARGO_AGAIN;
        left = 1ul << *i;
        __atomic_fetch_and(&domain->argo.waiting, ~left, __ATOMIC_SEQ_CST);
        for (struct argo_ring *ring = domain->argo.ring[*i]; ring; ring = ring->next) {
            rings++;
            if (READ_ONCE(ring->waiters) == 0)
                continue;
            __atomic_fetch_or(&domain->argo.waiting, left, __ATOMIC_RELAXED);
            if (READ_ONCE(ring->seen) == ring_consumed(&ring->ring))
                continue;
            if (looks++ == LOOKS || (!lock_try(&ring->lock) && !lock_try_on(&ring->lock)))
                return ARGO_AGAIN;
            wakes += wake_waiters(ring, &step->wake, false, WAKES);
            lock_release(&ring->lock);
            if (wakes >= WAKES)
                return ARGO_AGAIN;
        }
    }
    return 0;
}

/* Fills in one entry. If there is no space, the caller waits for it. */
static int64_t notify_entry(struct domain *domain, struct argo_step *step,
                            struct keel_argo_ring_data_ent *entry)
{
    uint32_t sender = domain->id;
    uint32_t unread, need;
    struct argo_ring *ring;
    struct domain *to;
    int64_t status;

    entry->flags = entry->life = 0;
    entry->max_message_size = 0;
    if (entry->ring.domain_id >= KEEL_DOMAINS_MAX)
        return 0;
    to = &domains[entry->ring.domain_id];
    if (!may_send(domain, to, entry->ring.aport))
        return -KEEL_EACCES;
    __atomic_fetch_or(&to->argo.askers, 1ul << sender, __ATOMIC_SEQ_CST); /* before it looks */
    entry->life = (uint16_t)to->incarnation;
    if (!enter(domain, to, entry->ring.aport, &ring, &status))
        return status == ARGO_AGAIN ? ARGO_AGAIN : 0;

    unread = ring_unread(&ring->ring);
    need = entry->space_required <= ring->max ? ring_need(entry->space_required) : 0;
    entry->max_message_size = ring->max;
    entry->flags = KEEL_ARGO_EXISTS;
    if (ring->quota != 0)
        entry->flags |= KEEL_ARGO_SHARED;
    if (unread == 0)
        entry->flags |= KEEL_ARGO_EMPTY;
    if (need == 0)
        entry->flags |= KEEL_ARGO_NOTIFY_EMSGSIZE;
    else if (fits(ring, sender, need, unread))
        entry->flags |= KEEL_ARGO_SUFFICIENT;
    else if (wait_for(domain, step, to, ring, need, unread) == -KEEL_EBUSY)
        entry->flags |= KEEL_ARGO_NOTIFY_EBUSY;
    lock_release(&ring->lock);
    return 0;
}

static not_inline int64_t notify(struct domain *domain, struct argo_step *step, uint64_t arg1)
    REQUIRES(OWN_LOCK)
{
    struct keel_argo_ring_data_ent entry[ENTRIES];
    struct keel_argo_ring_data data = {0};
    uint32_t first, n, done;
    int64_t status;
    uint64_t at;

    if (arg1 && !caller_copy(domain, arg1, &data, sizeof(data), SPACE_READ))
        return -KEEL_EFAULT;
    if (data.nent > KEEL_ARGO_NOTIFY_MAX)
        return -KEEL_EACCES;
    status = notify_waiters(domain, step);
    if (status < 0)
        return status;
    first = step->next - ARGO_HASH;
    if (first >= data.nent)
        return 0;
    n = (uint32_t)min(data.nent - first, ENTRIES);
    at = arg1 + sizeof(data) + first * sizeof(entry[0]);
    if (!caller_copy(domain, at, entry, n * sizeof(entry[0]), SPACE_READ))
        return -KEEL_EFAULT;
    for (done = 0; done < n; done++) {
        status = notify_entry(domain, step, &entry[done]);
        if (status < 0)
            break;
    }
    if (!caller_copy(domain, at, entry, done * sizeof(entry[0]), SPACE_WRITE))
        return -KEEL_EFAULT;
    step->next += done;
    if (status < 0)
        return status;
    return first + done < data.nent ? ARGO_AGAIN : 0;
}

/* ---- Entry points ---- */

static in_line int64_t operation(bool machine, struct vcpu *vcpu)
{
    const uint64_t *x = vcpu->registers.x;
    struct domain *domain = vcpu->domain;
    struct argo_step *step = &vcpu->argo;
    struct domain *told = NULL;
    int64_t result;

    if (unlikely(vcpu->argo.op) && (step->op != x[0] || step->arg1 != x[1]))
        *step = (struct argo_step){0};
    if (unlikely(!lock_try(&OWN_LOCK)) && !lock_try_on(&OWN_LOCK))
        return ARGO_AGAIN;
    if (likely(x[0] == KEEL_ARGO_SENDV))
        result = sendv(machine, vcpu, domain, &told);
    else if (x[0] == KEEL_ARGO_REGISTER_RING)
        result = register_ring(domain, step, x[1], x[2], (uint32_t)x[3], (uint32_t)x[4]);
    else if (x[2] || x[3] || x[4])
        result = -KEEL_EINVAL;
    else
        result = x[0] == KEEL_ARGO_NOTIFY ? notify(domain, step, x[1])
                                          : unregister_ring(domain, step, x[1]);
    lock_release(&domain->space.lock);
    if (likely(told)) {
        argo_signal(told);
        if (likely(!vcpu->argo.op)) /* then all of it is zero */
            return result;
    }
    argo_signal_all(&step->wake);
    *step = unlikely(result == ARGO_AGAIN) ? (struct argo_step){x[1], (uint32_t)x[0], step->next, 0}
                                           : (struct argo_step){0};
    return result;
}

inline int64_t argo_call_machine(struct vcpu *vcpu)
{
    return operation(true, vcpu);
}

int64_t argo_call_service(struct vcpu *vcpu)
{
    return operation(false, vcpu);
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
    lock_release(&domain->space.lock);
    argo_signal_all(&wake);
    return argo->rings == 0 ? 0 : -KEEL_EAGAIN;
}
