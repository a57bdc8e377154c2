/* SPDX-License-Identifier: Apache-2.0 */
/* The machine, as its device tree describes it: what a configuration can refer to. */
#ifndef LIBS_CONFIG_PLATFORM_H
#define LIBS_CONFIG_PLATFORM_H

#include "report.h"

#include <keel/start.h>
#include <stdbool.h>

#define CONFIG_TAKEN_MAX 32

struct config_region {
    uint64_t address, bytes; /* physical, widened to whole pages */
};

struct config_platform {
    const void *dtb; /* stays where it is */
    uint32_t cpus;
    uint64_t ram;            /* bytes, all of it */
    uint64_t ram_lo, ram_hi; /* addresses: the first, and the one behind the last */
    uint64_t reserved;       /* bytes of it, by the tree's reservation block and /reserved-memory */
    int chosen;              /* node, < 0: none */
    uint32_t gic;            /* phandle of the interrupt controller, 0: none */
    uint64_t bundle;         /* bytes of the bundle; 0 until somebody says */
    uint32_t ntaken;         /* more than CONFIG_TAKEN_MAX: not all of them are there */
    struct config_region taken[CONFIG_TAKEN_MAX]; /* registers of the kernel's devices */
};

/* The part of the memory that no domain gets: the bundle, what the platform reserves, the kernel's
 * table of frames, and for kernel and builder a round number that they stay below. */
#define CONFIG_KEPT_BYTES (16ull << 20)
#define CONFIG_FRAME_PART 512 /* of the memory: 8 bytes a page */
uint64_t config_platform_kept(const struct config_platform *platform);

#define CONFIG_REGIONS_MAX     4
#define CONFIG_DEVICE_IRQS_MAX 8

struct config_irq {
    uint32_t intid;
    bool edge; /* edge-triggered; else level */
};

/* One device of the platform. */
struct config_device {
    char name[KEEL_NAME_MAX]; /* last part of the path or alias that the configuration gives */
    int node;                 /* in the platform's device tree */
    uint32_t nregions, nirqs;
    struct config_region region[CONFIG_REGIONS_MAX];
    struct config_irq irq[CONFIG_DEVICE_IRQS_MAX];
};

/* Whether the bytes, which start at a multiple of 8, are a device tree that libfdt can walk through
 * safely. NULL, or what is wrong. */
const char *config_tree_check(const void *dtb, size_t bytes) __attribute__((warn_unused_result));

/* Reads what the library needs of the platform. False: something is missing, told as node
 * "platform". */
bool config_platform_read(struct config_platform *platform, const void *dtb, size_t bytes,
                          struct config_report *report) __attribute__((warn_unused_result));

/* Whether the machine is the one that a configuration calls `name`. *known: such a name exists. */
bool config_platform_is(const struct config_platform *platform, const char *name, bool *known);

/* The string by which its device tree names the machine, or "". */
const char *config_platform_compatible(const struct config_platform *platform);

/* Looks up a device by path or alias. NULL, or what is wrong with it. */
const char *config_platform_device(const struct config_platform *platform, const char *path,
                                   struct config_device *device)
    __attribute__((warn_unused_result));

#endif
