/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the platform's flattened device tree. Source: Devicetree Specification 0.4 and Linux's
 * bindings.
 */
#ifndef LOADER_PLATFORM_H
#define LOADER_PLATFORM_H

#include "error.h"
#include "memory_map.h"

#include <keel/boot.h>
#include <stddef.h>

#define PLATFORM_DTB_MAX (2ul << 20) /* Linux's arm64 boot protocol */

/* *bytes: the size that its header claims, checked against PLATFORM_DTB_MAX; reads 8 bytes. */
loader_error platform_size(const void *fdt, size_t *bytes) must_check;
/* Checks the whole structure, so that nothing below reads outside. */
loader_error platform_check(const void *fdt, size_t bytes) must_check;

/* The bytes of a checked tree up to the last that means anything: boot loaders leave room behind
 * it. */
size_t platform_used(const void *fdt);

/* The nodes whose compatible property has one of these, in the order of preference. */
enum platform_compatible {
    PLATFORM_PSCI_1_0,
    PLATFORM_PSCI_0_2,
    PLATFORM_GIC_V3,
    PLATFORM_GIC_400,
    PLATFORM_GIC_A15,
    PLATFORM_TIMER,
    PLATFORM_COMPATIBLES
};

/* A checked tree, and what is asked of it again and again: every walk through a tree is long. Nodes
 * are their offsets, < 0 if there is none. */
struct platform {
    const void *fdt;
    int cpus, chosen, reserved_memory; /* children of the root, by name */
    struct platform_node {
        int node, parent;
    } compatible[PLATFORM_COMPATIBLES]; /* the first usable one of each */
    uint32_t memories;
    int memory[MEMORY_MAP_EXTENTS_MAX]; /* children of the root that are RAM */
};

/* Finds the nodes of a tree that platform_check() accepted. All that follows wants this. */
loader_error platform_find(const void *fdt, struct platform *platform) must_check;

/* Fills console_kind and console_pa (NONE, 0 if stdout-path names no UART known here). */
loader_error platform_console(const struct platform *platform, struct keel_boot *boot) must_check;
/* Fills psci_conduit. */
loader_error platform_psci(const struct platform *platform, struct keel_boot *boot) must_check;
/*
 * Fills ncpus and cpu_mpidr with the CPUs that PSCI can start, the boot CPU first. *left: how many
 * others there are.
 */
loader_error platform_cpus(const struct platform *platform, uint64_t boot_mpidr,
                           struct keel_boot *boot, uint32_t *left) must_check;
/* Fills gic_* and irq_maintenance. */
loader_error platform_gic(const struct platform *platform, struct keel_boot *boot) must_check;
/* Fills irq_timer_*. After platform_gic(). */
loader_error platform_timer(const struct platform *platform, struct keel_boot *boot) must_check;

/* Adds the banks of RAM. */
loader_error platform_memory(const struct platform *platform, struct memory_map *map) must_check;
/* Whether the devices that were found are what keel/boot.h promises. After all of the above. */
loader_error platform_devices(const struct keel_boot *boot,
                              const struct memory_map *map) must_check;
/* Claims the tree's memory reservation block; boot loaders list initrd and tree there too. */
loader_error platform_reservations(const struct platform *platform,
                                   struct memory_map *map) must_check;
/* Claims the children of /reserved-memory that have an address. */
loader_error platform_reserved_memory(const struct platform *platform,
                                      struct memory_map *map) must_check;
/* Where the boot loader put the initrd: [*start, *end), not empty. */
loader_error platform_initrd(const struct platform *platform, uint64_t *start,
                             uint64_t *end) must_check;

#endif
