/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts of memory (see size.h). */
#include "size.h"

#include <keel/types.h>
#include <string.h>

static const char bad_number[] = "a number is expected";
static const char too_large[] = "the number is too large";

static const char *number(const char **text, uint64_t *value)
{
    const char *p = *text;
    uint64_t v = 0;

    if (*p < '0' || *p > '9')
        return bad_number;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (v > (UINT64_MAX - 9) / 10)
            return too_large;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    *text = p;
    *value = v;
    return NULL;
}

static const char *amount(const char **text, uint64_t total, uint64_t *bytes)
{
    static const char units[] = "BKMGT";
    uint64_t value;
    const char *wrong = number(text, &value);

    if (wrong)
        return wrong;
    if (**text == '%') {
        if (value > 100)
            return "a percentage above 100";
        *text += 1;
        *bytes =
            (total / 100 * value + total % 100 * value / 100) & ~(uint64_t)(KEEL_PAGE_SIZE - 1);
        return NULL;
    }

    const char *unit = **text ? strchr(units, **text & ~0x20) : NULL;
    if (!unit)
        return "a unit (B, K, M, G, T or %) is missing";
    unsigned shift = (unsigned)(unit - units) * 10;
    if (value > UINT64_MAX >> shift)
        return too_large;
    *text += 1;
    *bytes = value << shift;
    return NULL;
}

static const char *size(const char **text, uint64_t total, uint64_t *bytes)
{
    const char *wrong = amount(text, total, bytes);

    if (!wrong && **text == '+') {
        uint64_t more;

        if ((*text)[-1] == '%')
            return "a percentage comes last";
        *text += 1;
        wrong = amount(text, total, &more);
        if (!wrong && (*text)[-1] != '%')
            return "a percentage is expected after +";
        if (!wrong && more > UINT64_MAX - *bytes)
            return too_large;
        if (!wrong)
            *bytes += more;
    }
    return wrong;
}

const char *config_size(const char *text, uint64_t total, uint64_t *bytes)
{
    uint64_t least = 0, most = UINT64_MAX, value = 0;
    bool found = false;

    for (;;) {
        uint64_t *to = &value;
        if (strncmp(text, "min:", 4) == 0)
            to = &least;
        else if (strncmp(text, "max:", 4) == 0)
            to = &most;
        else if (found)
            return "more than one size";
        else
            found = true;
        if (to != &value)
            text += 4;

        const char *wrong = size(&text, total, to);
        if (wrong)
            return wrong;
        if (*text == '\0')
            break;
        if (*text != ',')
            return "unexpected text behind the size";
        text++;
    }
    if (!found)
        return "a size besides min: and max: is expected";
    if (least > most)
        return "min is above max";
    *bytes = value < least ? least : value > most ? most : value;
    return NULL;
}
