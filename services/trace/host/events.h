/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace file in the trace-event format ("Trace Event Format", Google, 2016), which Perfetto and Chrome show. A process has the CPUs as its
 * threads, each domain is one whose threads are its vCPUs. Times: ns since the beginning.
 */
#ifndef TRACE_EVENTS_H
#define TRACE_EVENTS_H

#include <stdint.h>
#include <stdio.h>

enum events_kind {
    EVENTS_SPAN,
    EVENTS_INSTANT,
    EVENTS_FLOW_BEGIN,
    EVENTS_FLOW_END,
};

struct events_track {
    uint32_t process, thread;
};

struct events_event {
    enum events_kind kind;
    struct events_track track;
    uint64_t begin, ns; /* ns: SPAN */
    uint32_t flow;
    char name[48];
    const char *category; /* stays */
};

void events_add(const struct events_event *event);

/* Names of tracks, sorted by number. */
void events_process(uint32_t process, const char *name);
void events_thread(struct events_track track, const char *name);

/* All of it, in the order of time. */
void events_write(FILE *to);

#endif
