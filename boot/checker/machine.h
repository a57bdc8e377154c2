/* SPDX-License-Identifier: Apache-2.0 */
/* What the loader will say of a platform and of the builder, by the loader's own functions. */
#ifndef CHECKER_MACHINE_H
#define CHECKER_MACHINE_H

#include <config/report.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether the loader finds what it needs in the platform's device tree, which starts at a multiple
 * of
 * 8. *cpus: how many the kernel will have. False: told, as node "platform". */
bool machine_check(const void *dtb, size_t bytes, uint32_t *cpus, struct config_report *report)
    __attribute__((warn_unused_result));

/* Whether the loader can load this builder. NULL, or what is wrong. */
const char *machine_builder(const uint8_t *data, size_t bytes) __attribute__((warn_unused_result));

#endif
