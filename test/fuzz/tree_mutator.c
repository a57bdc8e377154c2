/* SPDX-License-Identifier: Apache-2.0 */
/* See tree_mutator.h. */
#include "tree_mutator.h"

#include "fuzz.h"

#include <libfdt.h>

#define VALUE_MAX 2048

struct mutation {
    void *fdt;
    unsigned seed;
};

static uint32_t below(struct mutation *m, uint32_t limit)
{
    return random_below(&m->seed, limit);
}

static const char *some_word(struct mutation *m)
{
    return tree_words.word[below(m, tree_words.words)];
}

static int some_node(struct mutation *m)
{
    int node, n = 0;

    for (node = 0; node >= 0; node = fdt_next_node(m->fdt, node, NULL))
        n++;
    n = (int)below(m, (uint32_t)n);
    for (node = 0; n > 0; n--)
        node = fdt_next_node(m->fdt, node, NULL);
    return node;
}

/* A property of the node, or < 0. */
static int some_property(struct mutation *m, int node)
{
    int property, n = 0;

    fdt_for_each_property_offset(property, m->fdt, node) n++;
    if (n == 0)
        return -1;
    n = (int)below(m, (uint32_t)n);
    property = fdt_first_property_offset(m->fdt, node);
    for (; n > 0; n--)
        property = fdt_next_property_offset(m->fdt, property);
    return property;
}

static void put_cell(uint8_t *to, uint32_t value)
{
    fdt32_t raw = cpu_to_fdt32(value);

    memcpy(to, &raw, sizeof raw);
}

/* A new value: numbers, words, nothing, or one from elsewhere in the tree. */
static int make_value(struct mutation *m, uint8_t *value)
{
    int bytes = 0;

    switch (below(m, 5)) {
    case 0:
        for (uint32_t n = below(m, 9); n > 0; n--, bytes += 4)
            put_cell(value + bytes, (uint32_t)random_number(&m->seed));
        return bytes;
    case 1:
    case 2:
        for (uint32_t n = 1 + below(m, 2) * below(m, 4); n > 0; n--) {
            const char *word = some_word(m);

            bytes += snprintf((char *)value + bytes, 128, "%.120s", word) + 1;
        }
        return bytes;
    case 3: {
        const char *name;
        int length, property = some_property(m, some_node(m));
        const void *old =
            property < 0 ? NULL : fdt_getprop_by_offset(m->fdt, property, &name, &length);

        if (!old || length > VALUE_MAX)
            return 0;
        memcpy(value, old, (size_t)length);
        return length;
    }
    default:
        return 0;
    }
}

/* Changes a value that is there, in one cell, one byte, or its length. */
static int change_value(struct mutation *m, uint8_t *value, int bytes)
{
    if (below(m, 4) == 0)
        return (int)LLVMFuzzerMutate(value, (size_t)bytes, VALUE_MAX);
    if (below(m, 6) == 0)
        return (int)below(m, (uint32_t)bytes + 1);
    if (below(m, 6) == 0 && 2 * bytes <= VALUE_MAX) {
        memcpy(value + bytes, value, (size_t)bytes);
        return 2 * bytes;
    }
    if (bytes >= 4)
        put_cell(value + 4 * below(m, (uint32_t)bytes / 4), (uint32_t)random_number(&m->seed));
    return bytes;
}

static void mutate_property(struct mutation *m, int node)
{
    uint8_t value[VALUE_MAX];
    int property = some_property(m, node);
    const char *name;
    int bytes;
    const void *old = property < 0 ? NULL : fdt_getprop_by_offset(m->fdt, property, &name, &bytes);

    if (!old || bytes > VALUE_MAX)
        return;
    char *copy = strdup(name);
    memcpy(value, old, (size_t)bytes);
    bytes = below(m, 2) ? change_value(m, value, bytes) : make_value(m, value);
    (void)fdt_setprop(m->fdt, node, copy, value, bytes);
    free(copy);
}

static void add_property(struct mutation *m, int node)
{
    uint8_t value[VALUE_MAX];
    int bytes = make_value(m, value);

    (void)fdt_setprop(m->fdt, node, some_word(m), value, bytes);
}

/* Gives a property the name of another, often of the same node: then it is there twice. */
static void rename_property(struct mutation *m, int node)
{
    int from = some_property(m, below(m, 2) ? node : some_node(m)), to = some_property(m, node);

    if (from < 0 || to < 0)
        return;
    const struct fdt_property *name = fdt_get_property_by_offset(m->fdt, from, NULL);
    fdt32_t nameoff = name->nameoff;
    memcpy((char *)m->fdt + fdt_off_dt_struct(m->fdt) + to + offsetof(struct fdt_property, nameoff),
           &nameoff, sizeof nameoff);
}

/* Copies a node's properties and the nodes below it. */
static void copy_node(struct mutation *m, const void *source, int from, int to, int depth)
{
    int property, child;

    fdt_for_each_property_offset(property, source, from)
    {
        const char *name;
        int bytes;
        const void *value = fdt_getprop_by_offset(source, property, &name, &bytes);

        if (value)
            (void)fdt_setprop(m->fdt, to, name, value, bytes);
    }
    fdt_for_each_subnode(child, source, from)
    {
        int copy = depth < 8 ? fdt_add_subnode(m->fdt, to, fdt_get_name(source, child, NULL)) : -1;

        if (copy >= 0)
            copy_node(m, source, child, copy, depth + 1);
    }
}

static void duplicate_node(struct mutation *m)
{
    int from = some_node(m), parent = below(m, 2) ? 0 : some_node(m);
    size_t bytes = fdt_totalsize(m->fdt);
    void *source = exact_copy(m->fdt, bytes);
    char name[64];

    snprintf(name, sizeof name, "%.48s%u", below(m, 2) ? some_word(m) : "copy", below(m, 20));
    int to = fdt_add_subnode(m->fdt, parent, name);
    if (to >= 0)
        copy_node(m, source, from, to, 0);
    free(source);
}

static void mutate(struct mutation *m)
{
    int node = some_node(m);

    switch (below(m, 12)) {
    case 0:
        (void)fdt_add_subnode(m->fdt, node, some_word(m));
        break;
    case 1:
        if (node != 0)
            (void)fdt_del_node(m->fdt, node);
        break;
    case 2: {
        int property = some_property(m, node);
        const char *name = NULL;

        if (property >= 0 && fdt_getprop_by_offset(m->fdt, property, &name, NULL))
            (void)fdt_delprop(m->fdt, node, name);
        break;
    }
    case 3:
        if (node != 0)
            (void)fdt_set_name(m->fdt, node, some_word(m));
        break;
    case 4:
        duplicate_node(m);
        break;
    case 5:
        rename_property(m, node);
        break;
    case 6:
        (void)fdt_add_mem_rsv(m->fdt, random_number(&m->seed) & ~0xfffull, random_number(&m->seed));
        break;
    case 7:
    case 8:
        add_property(m, node);
        break;
    default:
        mutate_property(m, node);
        break;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t most, unsigned seed)
{
    static _Alignas(8) uint8_t tree[1 << 17];
    struct mutation m = {.fdt = tree, .seed = seed};
    uint8_t *copy = exact_copy(data, bytes);
    bool is_tree = bytes >= sizeof(struct fdt_header) && fdt_off_mem_rsvmap(copy) % 8 == 0 &&
                   fdt_off_dt_struct(copy) % 4 == 0 && fdt_check_full(copy, bytes) == 0 &&
                   fdt_open_into(copy, tree, (int)sizeof tree) == 0;

    free(copy);
    if (!is_tree || below(&m, 8) == 0)
        return LLVMFuzzerMutate(data, bytes, most);
    for (uint32_t n = 1 + below(&m, 3); n > 0; n--)
        mutate(&m);
    if (fdt_pack(tree) != 0 || fdt_totalsize(tree) > most)
        return bytes;
    memcpy(data, tree, fdt_totalsize(tree));
    return fdt_totalsize(tree);
}
