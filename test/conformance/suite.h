/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the suite share. */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H

#include "suite_platform.h"
#include "system.h"

/* Pages of the suite's memory (see suite_platform.h). */
enum {
    PAGE_ARGS = 0, /* structures; the next page is a neighbour to cross into */
    PAGE_IOVS = 2,
    PAGE_GFNS = 4,     /* frame numbers of the longest ring, and its neighbour */
    PAGE_CONTROL = 14, /* ring of answers */
    PAGE_QUERY = 16,   /* arrays of notify, three pages */
    PAGE_SMALL = 20,   /* buffers, four pages */
    PAGE_COMMAND = 24,
    PAGE_BEFORE = PAGE_HOLE - 1, /* its end borders on nothing */
    PAGE_RING = 64,              /* rings, up to the longest */
    PAGE_DATA = 64 + 4096 + 16,  /* messages, likewise */
};
_Static_assert(PAGE_DATA + 4096 + 16 < PAGES, "there are as many");

#define ANY KEEL_DOMAIN_ANY

static inline uint64_t addr(uint32_t page, uint32_t offset)
{
    return (uintptr_t)platform_page(page) + offset;
}
#define NOWHERE addr(PAGE_HOLE, 0)

static inline void *at(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

/* A check that does not hold is told, and its test has failed; it goes on. */
#define EQ(actual, expected) \
    suite_eq(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(expected))
#define IS(condition) suite_eq(__FILE__, __LINE__, #condition, (condition) != 0, 1)
void suite_eq(const char *file, uint32_t line, const char *text, int64_t actual, int64_t expected);
/* What the checks from here on are about; printed when one does not hold. */
void suite_about(const char *what, uint64_t value);

void bytes_set(void *to, uint8_t value, uint32_t bytes);
bool bytes_are(const volatile void *of, uint8_t value, uint32_t bytes);
void bytes_copy(void *to, const void *from, uint32_t bytes);

/* ---- operations ---- */

int64_t argo(uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4);

/* A ring whose pages are those from `page`. ring_new empties its header first. */
int64_t ring_register(uint32_t port, uint32_t partner, uint32_t len, uint32_t page, uint64_t flags);
int64_t ring_new(uint32_t port, uint32_t partner, uint32_t len, uint32_t page);
int64_t ring_unregister(uint32_t port, uint32_t partner);

struct keel_argo_ring *ring_at(uint32_t page);

/* The next message of a ring of the suite's: how much of it is not what it should be; -1: there is
 * none. */
int64_t ring_take(uint32_t page, uint32_t len, struct keel_argo_message_header *header,
                  uint32_t seed);

/* n buffers at PAGE_IOVS. */
void iov_set(uint32_t i, uint64_t address, uint32_t bytes, uint32_t pad);

/* sendv of the n buffers that are set, from source port and domain to destination. */
int64_t sendv(uint32_t from_port, uint16_t from, uint16_t to, uint32_t port, uint64_t niov,
              uint64_t type);

/* A message of contents `seed` to PORT_A, from PORT_A. */
int64_t message_send(uint16_t to, uint64_t type, uint32_t seed, uint32_t bytes);

/* One entry; the answer is in *flags and *max. */
int64_t query(uint16_t to, uint32_t port, uint32_t bytes, uint16_t *flags, uint32_t *max);

/* ---- partners ---- */

/* The command is sent, and the answer waited for (if serial is not 0 when it returns). */
struct answer command(uint16_t to, struct command command);
#define COMMAND(to, ...) command(to, (struct command){.serial = 1, __VA_ARGS__})
#define ORDER(to, ...)   ((void)command(to, (struct command){__VA_ARGS__}))

/* Partner and other have no rings but for commands, and nor has the suite. */
void suite_reset(void);
/* Until no more signals come of what was done before. */
void quiet(void);

/* Shorthands: partner `to` has a ring at PORT_A for `partner`; takes all that is in it. */
int64_t theirs(uint16_t to, uint16_t partner, uint32_t len);
struct answer takes(uint16_t to, uint16_t partner, uint32_t count, uint32_t len, uint32_t seed,
                    uint32_t type);

/* ---- tests ---- */

extern const struct test register_tests[], send_tests[], receive_tests[], notify_tests[],
    wake_tests[], order_tests[];

#endif
