/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are nearly alike (see similar.h). */
#include "similar.h"

#include <stdio.h>
#include <string.h>

#define LENGTH_MAX 40u

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/*
 * How many characters must be put in, taken out, replaced, or exchanged with their neighbours to
 * make one of the other: the optimal string alignment distance, by rows of its table.
 */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[3][LENGTH_MAX + 1] = {{0}};
    size_t a_length = strlen(a), b_length = strlen(b);
    unsigned *before = row[0], *last = row[1], *now = row[2];

    if (a_length > LENGTH_MAX || b_length > LENGTH_MAX)
        return LENGTH_MAX;
    for (unsigned j = 0; j <= b_length; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a_length; i++) {
        now[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            unsigned replaced = last[j - 1] + (a[i - 1] != b[j - 1]);

            now[j] = least(replaced, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }

        unsigned *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_length];
}

void similar_begin(struct similar *similar, const char *written)
{
    *similar = (struct similar){.written = written, .distance = LENGTH_MAX};
}

/* A third of the name may be wrong, but never all of it. */
void similar_offer(struct similar *similar, const char *name)
{
    unsigned apart = distance(similar->written, name);

    if (apart < similar->distance && apart <= (strlen(name) + 1) / 3 &&
        strlen(similar->written) > 1) {
        similar->best = name;
        similar->distance = apart;
    }
}

const char *similar_text(const struct similar *similar, char text[SIMILAR_TEXT])
{
    text[0] = '\0';
    if (similar->best)
        snprintf(text, SIMILAR_TEXT, " (perhaps \"%s\"?)", similar->best);
    return text;
}
