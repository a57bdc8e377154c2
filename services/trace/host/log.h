/* SPDX-License-Identifier: Apache-2.0 */
/* A recording in a console's log (../recording.h), among whatever else was said there. */
#ifndef TRACE_LOG_H
#define TRACE_LOG_H

#include <recording.h>
#include <stdio.h>

struct log_recording {
    struct recording_head head;
    char name[KEEL_DOMAINS_MAX][32]; /* empty: not known */
    struct keel_trace *record;       /* as they are in the log: with the CPU in `kind` */
    size_t n, room;
};

/* The number-th recording, from 1; 0: the last one. False, and why not on stderr with `name` and the line. */
bool log_read(FILE *file, const char *name, unsigned number, struct log_recording *recording);

#endif
