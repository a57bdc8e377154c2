/* SPDX-License-Identifier: Apache-2.0 */
/* The authority table as text (see authority.h): equal tables give equal bytes. */
#include "authority.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    uint32_t right;
    const char *name;
} right_names[] = {
    {KEEL_RIGHT_SEND, "send"},           {KEEL_RIGHT_RECEIVE, "receive"},
    {KEEL_RIGHT_READ, "read"},           {KEEL_RIGHT_WRITE, "write"},
    {KEEL_RIGHT_SERVE, "serve"},         {KEEL_RIGHT_CALLS, "calls"},
    {KEEL_RIGHT_INTERRUPT, "interrupt"}, {KEEL_RIGHT_VCPU, "vcpu"},
    {KEEL_RIGHT_REGISTERS, "registers"}, {KEEL_RIGHT_BUILD, "build"},
    {KEEL_RIGHT_STOP, "stop"},           {KEEL_RIGHT_WATCH, "watch"},
    {KEEL_RIGHT_DEVICE, "device"},       {KEEL_RIGHT_SCHEDULE, "schedule"},
    {KEEL_RIGHT_SELF, "self"},           {KEEL_RIGHT_AUDIT, "audit"},
    {KEEL_RIGHT_SYSTEM, "system"},
};

static const struct {
    uint32_t port;
    const char *name;
} port_names[] = {
    {KEEL_PORT_CONSOLE, "console"}, {KEEL_PORT_STDIO, "stdio"},
    {KEEL_PORT_GUEST, "guest"},     {KEEL_PORT_SUPERVISOR, "supervisor"},
    {KEEL_PORT_CONTROL, "control"},
};

struct line {
    char text[400];
    size_t used;
};

static void append(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct line *line, const char *format, ...)
{
    size_t left = sizeof line->text - line->used;
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(line->text + line->used, left, format, arguments);
    va_end(arguments);
    line->used += n < 0 ? 0 : (size_t)n < left ? (size_t)n : left - 1;
}

static void append_rights(struct line *line, uint32_t rights)
{
    const char *comma = "";

    for (size_t i = 0; i < sizeof right_names / sizeof right_names[0]; i++)
        if (rights & right_names[i].right) {
            append(line, "%s%s", comma, right_names[i].name);
            comma = ",";
        }
    if (rights & ~KEEL_RIGHTS_ALL)
        append(line, "%s0x%x", comma, rights & ~KEEL_RIGHTS_ALL);
}

static void append_port(struct line *line, uint32_t port)
{
    for (size_t i = 0; i < sizeof port_names / sizeof port_names[0]; i++)
        if (port_names[i].port == port) {
            append(line, " port=%s", port_names[i].name);
            return;
        }
    append(line, " port=%u", port);
}

/* Every field that says something, whatever the rights are. */
static void append_windows(struct line *line, const struct keel_edge *edge)
{
    if (edge->memory_lo == 0 && edge->memory_hi == UINT64_MAX)
        append(line, " memory=all");
    else if (edge->memory_lo <= edge->memory_hi)
        append(line, " memory=0x%llx-0x%llx", (unsigned long long)edge->memory_lo,
               (unsigned long long)edge->memory_hi);
    if (edge->irq_lo <= edge->irq_hi)
        append(line, " irq=%u-%u", edge->irq_lo, edge->irq_hi);
    if (edge->flags & KEEL_EDGE_IRQ_EDGE)
        append(line, " edge");
    if (edge->port || (edge->rights & (KEEL_RIGHT_SEND | KEEL_RIGHT_RECEIVE)))
        append_port(line, edge->port);
    if (edge->cpus)
        append(line, " cpus=0x%llx", (unsigned long long)edge->cpus);
}

static void append_name(struct line *line, const struct config *config, uint16_t domain)
{
    if (domain < config->ndomains)
        append(line, "%s", config->domain[domain].name);
    else
        append(line, "domain-%u", domain);
}

void authority_print(const struct config *config, const struct authority_source *source,
                     const struct authority_sink *sink)
{
    for (uint16_t domain = 0; domain < KEEL_DOMAINS_MAX; domain++)
        for (uint16_t index = 0; index < KEEL_EDGES_MAX; index++) {
            struct line line = {.used = 0};
            struct keel_edge edge;

            if (!source->read(source->context, domain, index, &edge) || edge.rights == 0)
                continue;
            append_name(&line, config, domain);
            append(&line, " %u -> ", index);
            append_name(&line, config, edge.target);
            append(&line, ": ");
            append_rights(&line, edge.rights);
            append_windows(&line, &edge);
            sink->line(sink->context, line.text);
        }
}

void authority_rights(uint32_t rights, char text[AUTHORITY_RIGHTS_TEXT])
{
    struct line line = {.used = 0};

    append_rights(&line, rights);
    snprintf(text, AUTHORITY_RIGHTS_TEXT, "%.*s", AUTHORITY_RIGHTS_TEXT - 1, line.text);
}

bool authority_derived(void *context, uint16_t domain, uint16_t index, struct keel_edge *edge)
{
    const struct authority *authority = context;

    if (index >= authority->nedges[domain])
        return false;
    *edge = authority->edge[domain][index].edge;
    return true;
}
