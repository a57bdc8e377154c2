/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world around the kernel's Argo, for its tests: domains whose memory is scattered host pages,
 * stand-ins for kernel/memory and the dispatcher, and short words for calls. Every address that a
 * domain can use is in its window of PAGES pages from IPA `BASE`.
 */
#ifndef ARGO_WORLD_H
#define ARGO_WORLD_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "argo/argo.h"
#include "argo/ring.h"
#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "cpu/vcpu.h"
#include <keel/start.h>

/* ck_assert costs a system call, and there are millions. */
#define EXPECT(condition)                   \
    do {                                    \
        if (unlikely(!(condition)))         \
            ck_abort_msg("%s", #condition); \
    } while (0)
#define EXPECT_EQ(a, b)                                             \
    do {                                                            \
        int64_t a_ = (int64_t)(a), b_ = (int64_t)(b);               \
        if (unlikely(a_ != b_))                                     \
            ck_abort_msg("%s is %ld, not %s: %ld", #a, a_, #b, b_); \
    } while (0)

#define PAGE      4096u
#define PAGES     4200u /* per domain: enough for the longest ring */
#define POOL      200u  /* pages of each domain's pool */
#define BASE      0x40000000ull
#define ADDR(n)   (BASE + (uint64_t)(n)*PAGE)
#define NOWHERE   0x1000ull
#define ARGS      ADDR(0) /* arguments of calls */
#define IOVS      ADDR(1)
#define GFNS      ADDR(2) /* to ADDR(10) */
#define DATA      12u     /* first page of buffers */
#define PORT      0x100u  /* everybody receives there, and may send there */
#define PORT2     0x200u
#define PORT_MUTE 0x300u /* everybody may send there, nobody receives */
#define PORT_DEAF 0x400u /* everybody receives there, nobody may send */

struct world {
    uint8_t *page[KEEL_DOMAINS_MAX][PAGES];
    uint8_t access[KEEL_DOMAINS_MAX][PAGES]; /* 0: not mapped, 1: read, 2: read and write */
    uint64_t now;
    uint64_t steps;      /* of the last call */
    uint64_t translated; /* pages, in the last step */
    uint64_t pinned;     /* in the last step */
    uint64_t signals[KEEL_DOMAINS_MAX];
    uint64_t pins;
    bool threads; /* several CPUs: locks may be held by others */
    bool alone;   /* the CPU has nothing better to do between the chunks of a message */
    void (*between)(void); /* what happens at the next such moment, once */
};
extern struct world world;

extern uint64_t world_machines;   /* bit n: domain n of the next world is a machine */
extern bool world_flat;           /* and what lies side by side for a domain does so for the kernel */
void world_begin(uint32_t count); /* domains 0 to count - 1 live, with 64 pages each */
void world_end(void);
void world_map(uint32_t domain, uint32_t first, uint32_t pages, uint8_t access);
uint8_t *world_at(uint32_t domain, uint64_t address);
void world_put(uint32_t domain, uint64_t address, const void *bytes, uint64_t n);
void world_get(uint32_t domain, uint64_t address, void *bytes, uint64_t n);

struct vcpu *world_vcpu(uint32_t domain);
/* One step, and all of them. */
int64_t world_step(uint32_t domain, uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
                   uint64_t arg4);
int64_t world_call(uint32_t domain, uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
                   uint64_t arg4);

/* A ring whose pages are those from `first`. */
int64_t ring_register(uint32_t domain, uint32_t port, uint32_t partner, uint32_t len,
                      uint32_t first, uint64_t flags);
int64_t ring_unregister(uint32_t domain, uint32_t port, uint32_t partner);

/* A message from one buffer at `data`. */
void message_args(uint32_t from, uint32_t to, uint32_t port, uint64_t data, uint32_t bytes);
int64_t message_step(uint32_t from, uint32_t type, uint32_t niov);
int64_t message_send(uint32_t from, uint32_t to, uint32_t port, uint32_t type, uint64_t data,
                     uint32_t bytes);
int64_t notify_all(uint32_t domain);
bool took_signal(uint32_t domain); /* the ARGO event, which is cleared */

/* The receiver: next message of the ring in its pages from `first`; false: empty. */
bool message_take(uint32_t domain, uint32_t first, uint32_t len,
                  struct keel_argo_message_header *header, uint8_t *payload);

/* Everything that Argo holds of a domain: to compare before and after. */
struct holdings {
    uint64_t pins, pool, rings;
};
struct holdings holdings(uint32_t domain);
bool same_holdings(struct holdings a, struct holdings b);

#endif
