/* SPDX-License-Identifier: Apache-2.0 */
/* Device trees for tests of the configuration, compiled by dtc from text. */
#ifndef TEST_CONFIG_TREES_H
#define TEST_CONFIG_TREES_H

#include <config/authority.h>

/* A small platform after QEMU's virt: 2 CPUs, 1 GiB. */
extern const char platform_source[];

/* Compiles text with dtc; ends the test if that fails. The result is the caller's. */
void *tree_compile(const char *source, size_t *bytes);

/* A system with `body` as the nodes below its root. */
void *system_compile(const char *body, size_t *bytes);

/* What was told: lines, joined by newlines. */
struct told {
    char text[8192];
    struct config_report report;
};
void told_begin(struct told *told);

/* The platform above, read once. */
const struct config_platform *test_platform(void);

#endif
