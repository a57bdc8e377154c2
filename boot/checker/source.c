/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading dtc's annotated text (see source.h). A line is one of
 *
 *     LABEL: NODE {        PROPERTY;        PROPERTY = VALUE;        };
 *
 * with a comment behind it: FILE:LINE:COLUMN-LINE:COLUMN, several with commas between them. Values
 * may contain anything, but no newline.
 */
#include "source.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

struct parser {
    struct source *source;
    size_t room;
    size_t open[DEPTH_MAX]; /* the nodes that the line is in, outermost first */
    size_t depth;
};

static char *copy(const char *text, size_t length)
{
    char *result = malloc(length + 1);

    if (result) {
        memcpy(result, text, length);
        result[length] = '\0';
    }
    return result;
}

/* Places. */

static bool number(const char **at, char end, unsigned *value)
{
    char *behind;
    unsigned long n = strtoul(*at, &behind, 10);

    if (**at < '0' || **at > '9' || *behind != end || n > 0x7fffffff)
        return false;
    *value = (unsigned)n;
    *at = behind + 1;
    return true;
}

/* One place at the start of the text; its length, or 0. A file's name may contain colons. */
static size_t span_read(const char *text, struct source_span *span)
{
    for (const char *colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
        const char *at = colon + 1;
        char *behind;

        if (!number(&at, ':', &span->first_line) || !number(&at, '-', &span->first_column) ||
            !number(&at, ':', &span->last_line))
            continue;
        span->last_column = (unsigned)strtoul(at, &behind, 10);
        if (behind == at)
            continue;
        span->file = text;
        span->length = (size_t)(colon - text);
        return (size_t)(behind - text);
    }
    return 0;
}

/* The places in the comment at the end of a line. */
static bool spans_read(const char *line, struct source_entry *entry)
{
    const char *comment = NULL;
    struct source_span span;

    for (const char *at = line; (at = strstr(at, "/* ")); at += 3)
        comment = at + 3;
    while (comment) {
        size_t length = span_read(comment, &span);
        if (length == 0)
            break;

        struct source_span *more = realloc(entry->span, (entry->nspans + 1) * sizeof *more);
        if (!more)
            return false;
        entry->span = more;
        entry->span[entry->nspans++] = span;
        comment += length;
        comment = strncmp(comment, ", ", 2) == 0 ? comment + 2 : NULL;
    }
    return true;
}

/* Lines. */

static struct source_entry *entry_add(struct parser *parser)
{
    struct source *source = parser->source;

    if (source->entries == parser->room) {
        parser->room = parser->room ? 2 * parser->room : 64;
        struct source_entry *more = realloc(source->entry, parser->room * sizeof *more);
        if (!more)
            return NULL;
        source->entry = more;
    }
    source->entry[source->entries] = (struct source_entry){.path = NULL};
    return &source->entry[source->entries++];
}

static char *node_path(const char *parent, const char *name, size_t length)
{
    size_t outer = parent && strcmp(parent, "/") != 0 ? strlen(parent) : 0;
    char *path = malloc(outer + 1 + length + 1);

    if (!path)
        return NULL;
    if (outer)
        memcpy(path, parent, outer);
    path[outer] = '/';
    memcpy(path + outer + 1, name, length);
    path[outer + 1 + length] = '\0';
    return path;
}

static bool line_read(struct parser *parser, const char *line)
{
    line += strspn(line, "\t ");
    if (strncmp(line, "};", 2) == 0)
        return parser->depth-- > 0;
    if (line[0] == '\0' || strncmp(line, "/dts-v1/", 8) == 0 ||
        strncmp(line, "/memreserve/", 12) == 0)
        return true;
    while (strchr(line, ' ') && strchr(line, ' ')[-1] == ':')
        line = strchr(line, ' ') + 1; /* a label */

    size_t length = strcspn(line, " ;");
    bool node = line[length] == ' ' && line[length + 1] == '{';
    bool root = parser->depth == 0;
    struct source_entry *entry = entry_add(parser);

    if (!entry || length == 0 || root != (parser->source->entries == 1) || (root && !node))
        return false;
    entry->parent = root ? 0 : parser->open[parser->depth - 1];
    const char *outer = root ? NULL : parser->source->entry[entry->parent].path;
    if (node) {
        if (parser->depth == DEPTH_MAX)
            return false;
        parser->open[parser->depth++] = parser->source->entries - 1;
        entry->path = root ? copy("/", 1) : node_path(outer, line, length);
    } else {
        entry->path = copy(outer, strlen(outer));
        entry->property = copy(line, length);
    }
    return entry->path && (node || entry->property) && spans_read(line, entry);
}

bool source_read(struct source *source, const char *text, size_t bytes)
{
    struct parser parser = {.source = source};
    char *rest;

    *source = (struct source){.text = copy(text, bytes)};
    if (!source->text || strlen(source->text) != bytes)
        return false;
    for (char *line = source->text; line && *line; line = rest) {
        rest = strchr(line, '\n');
        if (rest)
            *rest++ = '\0';
        if (!line_read(&parser, line))
            return false;
    }
    return source->entries > 0 && parser.depth == 0;
}

void source_free(struct source *source)
{
    for (size_t i = 0; i < source->entries; i++) {
        free(source->entry[i].path);
        free(source->entry[i].property);
        free(source->entry[i].span);
    }
    free(source->entry);
    free(source->text);
    *source = (struct source){.text = NULL};
}

/* Questions. */

static const struct source_span *entry_find(const struct source *source, const char *path,
                                            size_t length, const char *property)
{
    for (size_t i = source->entries; i-- > 0;) {
        const struct source_entry *entry = &source->entry[i];

        if (strncmp(entry->path, path, length) == 0 && entry->path[length] == '\0' &&
            (property ? entry->property && strcmp(entry->property, property) == 0
                      : !entry->property) &&
            entry->nspans)
            return &entry->span[0];
    }
    return NULL;
}

const struct source_span *source_find(const struct source *source, const char *node,
                                      const char *property)
{
    size_t length = strlen(node);
    const struct source_span *span = property ? entry_find(source, node, length, property) : NULL;

    while (!span && length > 1) {
        span = entry_find(source, node, length, NULL);
        while (length > 1 && node[--length] != '/')
            ;
    }
    return span ? span : entry_find(source, "/", 1, NULL);
}

static bool is_before(unsigned line, unsigned column, unsigned other_line, unsigned other_column)
{
    return line < other_line || (line == other_line && column <= other_column);
}

static bool is_inside(const struct source_span *inner, const struct source_span *outer)
{
    return inner->length == outer->length &&
           strncmp(inner->file, outer->file, inner->length) == 0 &&
           is_before(outer->first_line, outer->first_column, inner->first_line,
                     inner->first_column) &&
           is_before(inner->last_line, inner->last_column, outer->last_line, outer->last_column);
}

void source_twice(const struct source *source,
                  void (*tell)(void *context, const char *node, const struct source_span *first,
                               const struct source_span *second),
                  void *context)
{
    for (size_t i = 1; i < source->entries; i++) {
        const struct source_entry *entry = &source->entry[i];
        const struct source_entry *parent = &source->entry[entry->parent];

        for (size_t o = 0; o < parent->nspans && !entry->property; o++) {
            const struct source_span *first = NULL;

            for (size_t s = 0; s < entry->nspans; s++) {
                if (!is_inside(&entry->span[s], &parent->span[o]))
                    continue;
                if (first)
                    tell(context, entry->path, first, &entry->span[s]);
                else
                    first = &entry->span[s];
            }
        }
    }
}
