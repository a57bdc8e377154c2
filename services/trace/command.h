/* SPDX-License-Identifier: Apache-2.0 */
/* What people say to the trace service on its console, a line at a time, and what it answers. No calls; tested on the host. */
#ifndef TRACE_COMMAND_H
#define TRACE_COMMAND_H

#include "statistics.h"

#define COMMAND_LINE_BYTES 256

/* Whose console it is. */
struct command_world {
    struct statistics *statistics;
    uint64_t now;                                /* to which the statistics go */
    const char *(*domain_name)(uint16_t domain); /* NULL: not known */
    uint16_t (*domain_find)(const char *name);   /* STATISTICS_NONE: there is none */
    const char *(*record)(uint64_t ms);          /* begins; NULL, or why not */
    void (*say)(const char *line);
};

void command_line(const struct command_world *world, char *line);

#endif
