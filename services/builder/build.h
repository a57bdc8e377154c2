/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building domains: edges, memory, contents, registers. What a domain is made of is taken once and
 * used again in each of its lives. Everything that goes wrong is told in one line.
 */
#ifndef BUILDER_BUILD_H
#define BUILDER_BUILD_H

#include <config/authority.h>

struct system {
    const struct keel_boot *boot;
    struct config config;
    struct authority authority;
    uint32_t incarnation[KEEL_DOMAINS_MAX]; /* of the current life, or the last */
};

/* The one system. */
extern struct system builder_system;

/* Whether the bundle's files make the domains; if the authority was not derived: whether they are
 * there. False: all that is wrong was told. */
bool build_check(bool derived, struct config_report *report) __attribute__((warn_unused_result));

/* Takes every domain's memory, at boot and for later ones. */
bool build_reserve(void) __attribute__((warn_unused_result));

/* Fills the kernel's table with the derived one. Before the seal. */
bool build_edges(void) __attribute__((warn_unused_result));

/* Begins a life: the domain exists, and has no memory. */
bool build_create(uint16_t id) __attribute__((warn_unused_result));

/* Gives it all that it has, and seals it. Its devices service exists, if it has one. */
bool build_fill(uint16_t id) __attribute__((warn_unused_result));

bool build_run(uint16_t id) __attribute__((warn_unused_result));

/* Keeps what the vault of the life of `from` that has ended holds, for the life of `to` that build_fill makes
 * next: of the same domain, or of another that takes its place. Before build_destroy. One vault is kept at a time. */
void build_keep_vault(uint16_t from, uint16_t to);

/* Ends what is left of a life. It does not run. */
bool build_destroy(uint16_t id) __attribute__((warn_unused_result));

#endif
