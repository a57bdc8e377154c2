/* SPDX-License-Identifier: Apache-2.0 */
/* Relations between domains: the second half of config_read(). */
#ifndef LIBS_CONFIG_CHECK_H
#define LIBS_CONFIG_CHECK_H

#include "config.h"

/* Resolves ports, fills in what depends on other domains, and tells every contradiction. */
void config_check(struct config *config, struct config_report *report);

/* Whether the domain's node says so itself. */
bool config_has_property(const struct config *config, uint16_t domain, const char *name);

#endif
