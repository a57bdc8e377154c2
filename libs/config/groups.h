/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU groups: the CPUs that one scheduler plans, and, as one more, those that none does, which the kernel shares out
 * equally. A guest runs in one of them.
 */
#ifndef LIBS_CONFIG_GROUPS_H
#define LIBS_CONFIG_GROUPS_H

#include "config.h"

/* The CPUs of that one's group. */
uint64_t config_group(const struct config *config, uint32_t cpu);

/* Who has the role `scheduler`, and of which CPUs: tells every contradiction, and fills in what follows from groups: where
 * schedulers, devices services and the builder run. */
void config_check_groups(struct config *config, struct config_report *report);

#endif
