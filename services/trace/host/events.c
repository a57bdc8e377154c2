/* SPDX-License-Identifier: Apache-2.0 */
/* Trace events: see events.h. */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1024u

static struct {
    struct events_event *event;
    size_t n, room;
    struct {
        struct events_track track;
        char name[48];
        const char *kind;
    } name[NAMES_MAX];
    size_t names;
} events;

void events_add(const struct events_event *event)
{
    if (events.n == events.room) {
        events.room = events.room ? 2 * events.room : 1024;
        events.event = realloc(events.event, events.room * sizeof *event);
        if (!events.event) {
            fprintf(stderr, "no memory for %zu events\n", events.room);
            exit(EXIT_FAILURE);
        }
    }
    events.event[events.n++] = *event;
}

static void name_add(struct events_track track, const char *kind, const char *name)
{
    if (events.names == NAMES_MAX)
        return;
    events.name[events.names].track = track;
    events.name[events.names].kind = kind;
    snprintf(events.name[events.names++].name, sizeof events.name[0].name, "%s", name);
}

void events_process(uint32_t process, const char *name)
{
    name_add((struct events_track){process, 0}, "process", name);
}

void events_thread(struct events_track track, const char *name)
{
    name_add(track, "thread", name);
}

/* By time; a span before what happens in it, and one that took no time before the next. */
static int order(const void *one, const void *other)
{
    const struct events_event *a = one, *b = other;

    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->ns < b->ns ? -1 : a->ns > b->ns;
}

/* Microseconds. */
static void time_write(FILE *to, const char *key, uint64_t ns)
{
    fprintf(to, ",\"%s\":%lu.%03lu", key, ns / 1000, ns % 1000);
}

/* Names of domains are letters, digits and signs without a meaning in JSON; a damaged log's may be anything. */
static void text_write(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++)
        if (*text >= ' ' && *text < 0x7f && *text != '"' && *text != '\\')
            fputc(*text, to);
        else
            fprintf(to, "\\u%04x", (unsigned char)*text);
    fputc('"', to);
}

static void event_write(FILE *to, const struct events_event *event)
{
    static const char phases[] = {'X', 'i', 's', 'f'};

    fprintf(to, ",\n{\"ph\":\"%c\",\"name\":", phases[event->kind]);
    text_write(to, event->name);
    fprintf(to, ",\"cat\":\"%s\",\"pid\":%u,\"tid\":%u", event->category, event->track.process,
            event->track.thread);
    time_write(to, "ts", event->begin);
    if (event->kind == EVENTS_SPAN)
        time_write(to, "dur", event->ns);
    else if (event->kind == EVENTS_INSTANT)
        fprintf(to, ",\"s\":\"t\"");
    else
        fprintf(to, ",\"id\":%u%s", event->flow,
                event->kind == EVENTS_FLOW_END ? ",\"bp\":\"e\"" : "");
    fprintf(to, "}");
}

void events_write(FILE *to)
{
    qsort(events.event, events.n, sizeof events.event[0], order);
    fprintf(to, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    for (size_t i = 0; i < events.names; i++) {
        fprintf(to,
                "%s\n{\"ph\":\"M\",\"name\":\"%s_name\",\"pid\":%u,\"tid\":%u,\"args\":{\"name\":",
                i ? "," : "", events.name[i].kind, events.name[i].track.process,
                events.name[i].track.thread);
        text_write(to, events.name[i].name);
        fprintf(
            to,
            "}},\n{\"ph\":\"M\",\"name\":\"%s_sort_index\",\"pid\":%u,\"tid\":%u,\"args\":{\"sort_index\":%zu}}",
            events.name[i].kind, events.name[i].track.process, events.name[i].track.thread, i);
    }
    for (size_t i = 0; i < events.n; i++)
        event_write(to, &events.event[i]);
    fprintf(to, "\n]}\n");
}
