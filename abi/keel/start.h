/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the builder puts into a new service: an initial stack as the ELF ABI has it (argc, argv,
 * envp, auxv) with one auxv entry of type KEEL_AT_START, the address of this block. The block is
 * read-only for the service and followed by its connections and devices.
 */
#ifndef KEEL_START_H
#define KEEL_START_H

#include <keel/types.h>

#define KEEL_AT_START 0x4b45454cul
#define KEEL_START_VERSION 2u
#define KEEL_NAME_MAX 32 /* with the NUL */

/*
 * The vault: what a service wants to find again in its next life. A service that has one links it
 * here, as a segment of its own without contents in its file. When a life has ended, the builder
 * hands the bytes to the next; they are as the service left them at whatever instruction it died.
 */
#define KEEL_VAULT_VA 0x1080000000ull
#define KEEL_VAULT_BYTES_MAX 0x80000ull

/* Well-known Argo ports. Configured ports of services are below 0x10000. */
enum keel_port {
    KEEL_PORT_CONSOLE = 0x10000,    /* of the console: output of everybody, wildcard ring */
    KEEL_PORT_STDIO = 0x10001,      /* of a domain: source of its stdio; input comes here */
    KEEL_PORT_GUEST = 0x10002,      /* of a devices service: its guest's serial line */
    KEEL_PORT_SUPERVISOR = 0x10003, /* of the builder: requests of supervisor.h, wildcard ring */
    KEEL_PORT_CONTROL = 0x10004,    /* of whoever asks the builder: its answers */
};

/* One edge or one inlet, by the name that the configuration gives it. */
struct keel_connection {
    char name[KEEL_NAME_MAX]; /* of the peer, or of a served console */
    uint16_t domain;          /* peer's id */
    uint16_t edge;            /* own edge to it, 0xffff: none (it only sends to us) */
    uint32_t rights;          /* of that edge */
    uint32_t port;            /* SEND: the peer's port; else the port that it sends from */
    uint32_t incarnation;     /* of the peer when this block was made; 0: did not exist */
};
KEEL_ABI_SIZE(struct keel_connection, 48);

struct keel_device {
    char name[KEEL_NAME_MAX];
    uint64_t address; /* registers are mapped here */
    uint64_t bytes;
    uint32_t irq_bit; /* of the event word; 0xffffffff: none */
    uint32_t irqs;    /* how many, consecutive */
};
KEEL_ABI_SIZE(struct keel_device, 56);

struct keel_start {
    uint32_t version;
    uint32_t size; /* of the block, arrays included */
    uint16_t domain;
    uint16_t self_edge;
    uint32_t incarnation;
    char name[KEEL_NAME_MAX];
    uint64_t heap, heap_bytes;   /* mapped read-write, zeroed */
    uint64_t stack, stack_bytes; /* mapped read-write; below it nothing is mapped */
    uint32_t nconnections, ndevices;
    uint64_t connections, devices; /* addresses */
    uint32_t vault_lives; /* that the vault's contents have passed through; 0: it is empty */
    uint32_t reserved;
};
KEEL_ABI_SIZE(struct keel_start, 112);

#endif
