/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as a whole on the host's machine (kernel/arch/host), with a system in it: its builder,
 * services and guests, each with rights that the others lack. And what must be true of the kernel
 * whatever they do.
 *
 *   0 builder    1 console: a device, a port, kernel's console    2 devices: serves 4 and 5
 *   3 scheduler  4 guest, 2 vCPUs, a device of its own            5 guest, 1 vCPU
 *   6 is being built
 *
 * Each service has WORLD_RW pages read-write at WORLD_RW_IPA and one read-execute at WORLD_RX_IPA;
 * each guest a block at WORLD_GUEST_IPA.
 */
#ifndef TEST_FUZZ_KERNEL_WORLD_H
#define TEST_FUZZ_KERNEL_WORLD_H

#include "cpu/cpu.h"
#include "cpu/domain.h"
#include "cpu/machine.h"
#include "cpu/vcpu.h"
#include "fuzz.h"

#define WORLD_DOMAINS   7u
#define WORLD_SERVICES  3u /* 1 to 3, besides the builder */
#define WORLD_RW        16u
#define WORLD_RW_IPA    0x10000ull
#define WORLD_RX_IPA    0x40000ull
#define WORLD_GUEST_IPA 0x40000000ull
#define WORLD_UART      0x09000000ull /* served in guests, a device of 1 */
#define WORLD_GICD      0x08000000ull
#define WORLD_DEVICE    0x0a000000ull /* of guest 4 */
#define WORLD_PORT      0x100u        /* of every service; they may send to each other */
#define WORLD_PORT_2    0x200u        /* of 2; 1 may send there */
#define WORLD_FREE_PA   0x40c00000ull /* free memory from here to the end */

enum world_state {
    WORLD_RUNNING, /* sealed; everybody runs */
    WORLD_EMPTY,   /* the builder, and nothing else yet */
    WORLD_STATES
};

/* The machine as it is in that state; the first time, it is made. */
void world_begin(enum world_state state);

/* What happens, for who looks at one input: printed if KEEL_FUZZ_TRACE is set. */
void world_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What must hold at any time between two entries into the kernel. */
void world_check(void);
/* The same for the little that can be looked at often. */
void world_check_fast(void);

/* Once every CPU has taken its interrupts, none is idle while somebody wants it. */
void world_check_progress(void);

/* Everybody ends, by force: nothing is left behind. The world is over. */
void world_end(void);

/* Events that are made from the input, at most so many, with all of the above in between; the world
 * is over then. */
void world_run(struct input *input, void (*event)(struct input *input), uint32_t most);

/* A number that is the same as long as a call has changed nothing: not of registers, events, time.
 */
uint64_t world_picture(void);

/* The domain's own memory, as it sees it: false where it has none, or may not write. */
bool world_store(const struct domain *domain, uint64_t ipa, const void *from, size_t bytes);
bool world_load(const struct domain *domain, uint64_t ipa, void *to, size_t bytes);
/* Where an IPA of it leads, up to the end of the page; or NULL. */
uint8_t *world_reach(const struct domain *domain, uint64_t ipa, bool write);

#endif
