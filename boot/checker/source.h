/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where nodes and properties stand in a system's source, read from what `dtc -T -T -O dts` writes:
 * the compiled tree as text, each line with the place that it comes from, included files as well.
 */
#ifndef CHECKER_SOURCE_H
#define CHECKER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

/* A part of a file, from its first character to behind its last one. */
struct source_span {
    const char *file; /* `length` characters */
    size_t length;
    unsigned first_line, first_column, last_line, last_column;
};

struct source_entry {
    char *path;     /* of the node */
    char *property; /* NULL: the node itself */
    size_t parent;  /* number of the node's parent, or of the property's node; the root's: 0 */
    size_t nspans;  /* several: nodes that were given in parts */
    struct source_span *span;
};

struct source {
    char *text;
    size_t entries;
    struct source_entry *entry; /* [0]: the root */
};

/* Reads the text, which is copied. False: it is not what dtc writes. */
bool source_read(struct source *source, const char *text, size_t bytes)
    __attribute__((warn_unused_result));
void source_free(struct source *source);

/* The place of a property; of the node if it has no such property; of the nearest node above if
 * there is no such node. Of several of a name: the last. NULL: the text has no places. */
const struct source_span *source_find(const struct source *source, const char *node,
                                      const char *property);

/* Nodes that were given twice in one pair of braces: dtc makes one of them, which nobody meant. */
void source_twice(const struct source *source,
                  void (*tell)(void *context, const char *node, const struct source_span *first,
                               const struct source_span *second),
                  void *context);

#endif
