/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argo's reference model: what each operation must answer, whom it must tell, and what must lie in the rings
 * after it. It is written from the specification (keel/argo.h, the table of errors in argo/argo.h, what
 * kernel/argo/README.md adds), and knows nothing of the kernel: a queue of messages, sums, and sets.
 *
 * It runs beside what is tested: `before` looks at the caller's memory and predicts, `after` compares. Where
 * the specification leaves a choice, what is predicted is the set. Whatever differs ends in must().
 *
 * A ring is tame until its owner writes into it, other than as a receiver does, or lets two rings lie in one
 * page. What is promised of its content, its tx_ptr, its shares and its waiters is promised of tame rings;
 * results and space follow from rx_ptr as it is, also in rings that are not.
 *
 * Domains have one virtual CPU each, and rings at most MODEL_PAGES pages, so that a registration is one step.
 */
#ifndef TEST_FUZZ_ARGO_MODEL_H
#define TEST_FUZZ_ARGO_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_PAGES 16u
#define MODEL_AGAIN INT64_MIN /* the operation is not over: it is executed again */

enum model_life { MODEL_ABSENT, MODEL_BUILT, MODEL_RUNS, MODEL_STOPPED };

/* What the model asks of the world around it. */
struct model_world {
    /* Where an address of the domain leads, up to the end of its page; NULL: it can't read (write) there. */
    uint8_t *(*at)(uint32_t domain, uint64_t address, bool write);
    uint32_t (*pool)(uint32_t domain); /* free pages of its pool */
    bool (*on_cpu)(uint32_t domain);   /* its vCPU is on a CPU at this moment */
    uint64_t (*now)(void);             /* ns */
};

/* Nobody lives, nothing is registered. */
void model_begin(const struct model_world *world);
void model_end(void);
/* A port of the domain: whether it receives there, and who (a set) may send there. */
void model_port(uint32_t domain, uint32_t port, bool receives, uint64_t senders);

/* What a domain's life is now; to be said before an operation that could find out, and after what ends it.
 * A domain's rings are gone when it is absent. */
void model_life(uint32_t domain, enum model_life life, uint32_t incarnation);

/* Around each step of an operation with x0 to x4. `told`: the domains that were signalled in it. */
void model_before(uint32_t domain, const uint64_t x[5]);
void model_after(int64_t result, uint64_t told);
/* Signals of anything that is no operation: only who has asked or waited where somebody ends. */
void model_told(uint64_t told);

/* The domain has written to its own memory. */
void model_wrote(uint32_t domain, uint64_t address, uint64_t bytes);

/* The owner receives the next message of a tame ring: compares all of it with what was sent, and moves rx_ptr
 * on. False: there is none, or no such ring. */
bool model_receive(uint32_t domain, uint32_t port, uint32_t partner);
/* The same of each of its rings. How many. */
uint32_t model_receive_all(uint32_t domain);

/* The longest message that the ring for the sender would take now, or 0. */
uint32_t model_space(uint32_t sender, uint32_t domain, uint32_t port);

/* The owner of a tame ring says which messages it wants to be signalled for. False: no such ring. */
bool model_signals(uint32_t domain, uint32_t port, uint32_t partner, uint32_t value);

/* Every tame ring is what it should be: pointers, and every byte that is unread. */
void model_check(void);

/* What has been seen since the model began: whether a test gets anywhere. */
struct model_seen {
    uint64_t sent, received, waits, woken, steps, refused;
};
extern struct model_seen model_seen;

#endif
