/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the platform's flattened device tree. Everything but platform_check() wants a tree that
 * platform_check() accepted. Source: Devicetree Specification 0.4 and Linux's bindings.
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

/* Fills console_kind and console_pa (NONE, 0 if stdout-path names no UART known here). */
loader_error platform_console(const void *fdt, struct keel_boot *boot) must_check;
/* Fills psci_conduit. */
loader_error platform_psci(const void *fdt, struct keel_boot *boot) must_check;
/*
 * Fills ncpus and cpu_mpidr with the CPUs that PSCI can start, the boot CPU first. *left: how many
 * others there are.
 */
loader_error platform_cpus(const void *fdt, uint64_t boot_mpidr, struct keel_boot *boot,
                           uint32_t *left) must_check;
/* Fills gic_* and irq_maintenance. */
loader_error platform_gic(const void *fdt, struct keel_boot *boot) must_check;
/* Fills irq_timer_*. After platform_gic(). */
loader_error platform_timer(const void *fdt, struct keel_boot *boot) must_check;

/* Adds the banks of RAM. */
loader_error platform_memory(const void *fdt, struct memory_map *map) must_check;
/* Claims the tree's memory reservation block; boot loaders list initrd and tree there too. */
loader_error platform_reservations(const void *fdt, struct memory_map *map) must_check;
/* Claims the children of /reserved-memory that have an address. */
loader_error platform_reserved_memory(const void *fdt, struct memory_map *map) must_check;
/* Where the boot loader put the initrd: [*start, *end), not empty. */
loader_error platform_initrd(const void *fdt, uint64_t *start, uint64_t *end) must_check;

#endif
