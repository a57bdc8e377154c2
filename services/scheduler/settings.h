/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was set while the scheduler runs, for its next life: plain data, to be kept in a vault. Each change is
 * one store, behind everything that it is about; what a life finds is checked before it is used.
 */
#ifndef SCHEDULER_SETTINGS_H
#define SCHEDULER_SETTINGS_H

#include "policy.h"

#define SETTINGS_MAX 256u

struct settings_table {
    uint32_t n;
    struct {
        char parameter[24];
        struct policy_whom whom;
        uint64_t value;
    } setting[SETTINGS_MAX]; /* in the order in which they were made */
};

struct settings {
    uint64_t valid; /* SETTINGS_MAGIC + which table; anything else: there are none */
    struct settings_table table[2];
};

/* Takes the place of what was set before of the same. False: there is no room to note it. */
bool settings_note(struct settings *settings, const char *parameter, struct policy_whom whom,
                   uint64_t value);

/* Sets them again, in order. `wrong` hears of each that the policy does not take (another policy may not have
 * it); it stays noted. */
void settings_apply(struct settings *settings, const struct policy *policy,
                    void (*wrong)(const char *why));

#endif
