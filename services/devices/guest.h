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

/* What the guest has done to its devices in this life: what a restart must not lose. */
struct guest_state {
    uint32_t incarnation; /* 0: no exit seen yet */
    struct vgic gic;
    struct pl011 uart;
    struct pl031 rtc;
    bool uart_line, rtc_line; /* as the kernel knows them */
};

/* A write to the UART whose byte the serial line has no room for. */
struct guest_held {
    keel_peer peer; /* 0: none */
    uint64_t seq;
    uint8_t byte;
};

struct guest {
    struct guest_config config;
    struct guest_state state;
    struct guest_held held[KEEL_VCPUS_MAX];
    struct line line;
    struct loop_timer alarm;
    uint64_t refused; /* accesses that were answered with an abort */
};

void guest_init(struct guest *guest, const struct guest_config *config,
                const struct keel_connection *console);

/* Answers an exit. context: the guest. */
struct loop_reply guest_exit(void *context, const struct keel_exit *exit);

/* A message of the console; false while the UART's FIFO is full. context: the guest. */
bool guest_input(void *context, const struct argo_message *message);

/* A ring that was full may have space. context: the guest. */
void guest_space(void *context);

#endif
