/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system's configuration: read from a compiled device tree into one fixed-size structure, every
 * value checked, every default filled in. Pure C: no I/O, no allocation. The builder and the host
 * checker use the same functions. The language: services/builder/CONFIGURATION.md.
 *
 * Strings point into the device tree, which stays where it is.
 */
#ifndef LIBS_CONFIG_CONFIG_H
#define LIBS_CONFIG_CONFIG_H

#include "platform.h"

#include <keel/start.h>

#define CONFIG_NONE            UINT16_MAX /* no domain */
#define CONFIG_TREE_MAX        0x20000    /* bytes of the compiled system */
#define CONFIG_DOMAIN_NAME_MAX 23         /* as written; a derived name may be longer */
#define CONFIG_IMAGE_NAME_MAX  127
#define CONFIG_ARGS_MAX        1024
#define CONFIG_BOOTARGS_MAX    1023
#define CONFIG_PROVIDES_MAX    8
#define CONFIG_USES_MAX        32
#define CONFIG_RIGHTS_MAX      16
#define CONFIG_DEVICES_MAX     8
#define CONFIG_KERNEL_PAGES    32 /* least default quota, without what follows from memory and ports */
#define CONFIG_PORT_PAGES      2 /* for the rings at a port */

enum config_kind {
    CONFIG_BUILDER, /* domain 0 */
    CONFIG_SERVICE,
    CONFIG_GUEST,
    CONFIG_EMULATION, /* the devices service that is derived for each guest */
};

enum config_role { CONFIG_ROLE_NONE, CONFIG_ROLE_CONSOLE, CONFIG_ROLE_SCHEDULER };

/* What happens when the restart limit is reached. */
enum config_then { CONFIG_THEN_STOP, CONFIG_THEN_HALT, CONFIG_THEN_RESET };

struct config_restart {
    uint32_t limit;      /* restarts after a death; a guest's reboot is none */
    uint32_t backoff_ms; /* before the first; doubles each time, up to 1,000 times */
    enum config_then then;
};

struct config_use {
    uint16_t peer;
    bool one_way;  /* `sends`: no answers */
    uint32_t port; /* of the peer */
};

/* One edge that `rights` asks for. */
struct config_right {
    uint16_t target;
    uint32_t rights;
    uint64_t memory_lo, memory_hi;
    uint32_t irq_lo, irq_hi;
    uint64_t cpus;
};

struct config_domain {
    char name[KEEL_NAME_MAX];
    int node;      /* in the configuration; 0: derived without a node of its own */
    uint16_t pair; /* guest: its emulation; emulation: its guest; else CONFIG_NONE */
    enum config_kind kind;
    enum config_role role;
    bool fp, later;
    bool console; /* has a console */

    const char *image;              /* bundle entry; a guest's kernel */
    const char *ramdisk, *bootargs; /* guest, or NULL */
    uint32_t nargs, args_bytes;
    char args[CONFIG_ARGS_MAX]; /* one behind the other, each with its NUL */

    uint64_t memory;    /* bytes, whole pages; guest: whole blocks */
    uint64_t cpus;      /* bit n: may run on physical CPU n */
    uint64_t schedules; /* with the role `scheduler`: the CPUs that it plans */
    uint32_t vcpus, spis;
    uint32_t kernel_pages; /* quota: pages for its tables and rings */
    uint32_t deadline_ms;  /* 0: never */
    uint32_t starving_ms;  /* not run for so long, a vCPU that could has a turn; 0: never */
    bool limits_fall; /* hard limits end with a plan's lease, and do not keep it from that turn */
    uint32_t reserve_budget_us, reserve_period_us; /* per CPU; period 0: no reserve */
    uint32_t reserve_delay_us; /* from its waking up; until then the plan decides */
    uint32_t starving_max; /* looks before which its plans starved somebody, in a life; 0: any */
    uint32_t refusals_max; /* calls refused for want of a right in one life; 0: no limit */
    struct config_restart restart;

    uint32_t nprovides, nuses, nrights, ndevices;
    uint32_t provides[CONFIG_PROVIDES_MAX];
    struct config_use uses[CONFIG_USES_MAX];
    struct config_right rights[CONFIG_RIGHTS_MAX];
    struct config_device devices[CONFIG_DEVICES_MAX];
};

struct config {
    const void *dtb;
    struct config_platform platform;
    const char *platform_name;
    uint16_t console;   /* the domain with that role, or CONFIG_NONE */
    uint16_t scheduler; /* likewise; of several, the first one that starts at boot */
    uint32_t ndomains;  /* ids 0..ndomains-1; 0 is the builder */
    struct config_domain domain[KEEL_DOMAINS_MAX];
};

/* Reads and checks a system for a platform. False if anything was wrong: then every mistake has
 * been told, and `config` is not to be used. */
bool config_read(struct config *config, const void *dtb, size_t bytes,
                 const struct config_platform *platform, struct config_report *report)
    __attribute__((warn_unused_result));

/* Path of a domain's node for messages, also for derived ones. */
void config_path(const struct config *config, uint16_t domain, char *path, size_t size);

/* A mistake in a domain's node. */
void config_error_in(const struct config *config, struct config_report *report, uint16_t domain,
                     const char *property, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Path of the node that says what a domain may do to another, or to itself. */
void config_right_path(const struct config *config, uint16_t domain, uint16_t target, char *path,
                       size_t size);

/* The number of that name, or CONFIG_NONE. */
uint16_t config_find(const struct config *config, const char *name);

/* Bits: the CPUs of the platform. */
uint64_t config_all_cpus(const struct config *config);

/* Whether the domain is at one end of a connection: it then has, if a guest, Argo's interrupt. */
bool config_has_argo(const struct config *config, uint16_t domain);

/* Whether the guest's own device at [address, address + bytes) takes the place of an emulated one.
 */
bool config_has_device_at(const struct config_domain *domain, uint64_t address, uint64_t bytes);

#endif
