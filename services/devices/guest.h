/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One guest's virtual devices: finds the model that an exit is for, and does for the model what it
 * may not do itself: kernel calls, the serial line, timers. Everything in an exit but its peer,
 * vCPU and sequence number is the guest's choice and believed in nothing.
 */
#ifndef DEVICES_GUEST_H
#define DEVICES_GUEST_H

#include "line.h"
#include "pl011.h"
#include "pl031.h"
#include <keel/console.h>
#include <keel/types.h>
#include <runtime/loop.h>
#include <vgic/vgic.h>

/* A device's place in the guest's machine. irq 0: the guest does not have the device. */
struct guest_place {
    uint64_t address;
    uint32_t irq; /* INTID of an SPI */
};

/* What the configuration says; stays for all lives of the guest. */
struct guest_config {
    uint32_t vcpus, spis;
    struct guest_place uart, rtc;
    uint32_t epoch;                                /* Unix time at counter value 0 */
    uint16_t interrupt_edge, vcpu_edge, stop_edge; /* own edges with these rights */
};

/* An exit, and the answer to it. Only the last one can have been handled without the guest knowing:
 * each is answered before another is looked at. */
struct guest_answer {
    keel_peer peer; /* 0: none */
    uint64_t seq;
    struct loop_reply reply;
};

/* What the guest has done to its devices in this life, and what has passed on its serial line since
 * ever: what a restart must not lose. */
struct guest_state {
    uint32_t incarnation; /* 0: no exit seen yet */
    struct vgic gic;
    struct pl011 uart;
    struct pl031 rtc;
    uint64_t output;                  /* end of the line's stream */
    struct keel_stream_place input;   /* of the console's: what comes next */
    struct guest_answer last;         /* of the exits that changed something here */
};

/*
 * The part of the service that is in its vault. A change is made in the copy of the state that is not
 * the current one, and becomes true with one store; what the change means for others (an interrupt
 * line, an answer) follows, and is done again by the next life. The interrupt controller's state is
 * single words that are written with what the guest writes: they change in place.
 */
struct guest_vault {
    uint64_t magic;
    uint64_t current; /* 0, 1 */
    struct guest_state state[2];
    struct line_store line;
};

/* A write to the UART whose byte the serial line has no room for. */
struct guest_held {
    keel_peer peer; /* 0: none */
    uint64_t seq;
    uint32_t offset, value;
};

struct guest {
    struct guest_config config;
    struct guest_vault *vault;
    struct guest_state *state; /* the current one */
    struct guest_held held[KEEL_VCPUS_MAX];
    struct line line;
    struct port port; /* of input, which waits in its ring until the UART's FIFO has room */
    struct stream_reader input;
    struct loop_timer alarm;
    bool uart_line, rtc_line; /* as the kernel knows them */
    uint64_t refused; /* accesses that were answered with an abort */
};

/* Takes over what the vault has, from a former life if `old`. False: that made no sense, and the
 * guest's devices begin anew. console: NULL: the guest's line leads nowhere; else `port` is to be opened. */
bool guest_init(struct guest *guest, const struct guest_config *config,
                const struct keel_connection *console, struct guest_vault *vault, bool old);

/* Answers an exit. context: the guest. */
struct loop_reply guest_exit(void *context, const struct keel_exit *exit);

#endif
