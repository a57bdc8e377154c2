/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: see settings.h. */
#include "settings.h"

#include <string.h>

#define SETTINGS_MAGIC 0x73676e6974746573ull /* of this layout */

/* What there is, or NULL. Another life wrote it. */
static const struct settings_table *current(const struct settings *settings)
{
    const struct settings_table *table;
    uint64_t which = settings->valid - SETTINGS_MAGIC;

    if (which > 1)
        return NULL;
    table = &settings->table[which];
    if (table->n > SETTINGS_MAX)
        return NULL;
    for (uint32_t i = 0; i < table->n; i++)
        if (!memchr(table->setting[i].parameter, '\0', sizeof table->setting[i].parameter))
            return NULL;
    return table;
}

/* Whether a setting says nothing any more: of a domain, it is for all vCPUs. */
static bool replaced(struct policy_whom old, struct policy_whom by)
{
    return old.domain == by.domain && (by.vcpu == POLICY_ALL || old.vcpu == by.vcpu);
}

bool settings_note(struct settings *settings, const char *parameter, struct policy_whom whom,
                   uint64_t value)
{
    const struct settings_table *old = current(settings);
    uint64_t which = old == &settings->table[0];
    struct settings_table *table = &settings->table[which];

    table->n = 0;
    for (uint32_t i = 0; old && i < old->n; i++)
        if (strcmp(old->setting[i].parameter, parameter) != 0 ||
            !replaced(old->setting[i].whom, whom))
            table->setting[table->n++] = old->setting[i];
    if (table->n == SETTINGS_MAX || strlen(parameter) >= sizeof table->setting[0].parameter)
        return false;
    memset(&table->setting[table->n], 0, sizeof table->setting[0]);
    strcpy(table->setting[table->n].parameter, parameter);
    table->setting[table->n].whom = whom;
    table->setting[table->n++].value = value;
    __atomic_store_n(&settings->valid, SETTINGS_MAGIC + which, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* a death on this CPU finds all of it, or nothing */
    return true;
}

void settings_apply(struct settings *settings, const struct policy *policy,
                    void (*wrong)(const char *why))
{
    const struct settings_table *table = current(settings);

    for (uint32_t i = 0; table && i < table->n; i++) {
        const char *why = policy_set(policy, table->setting[i].parameter, table->setting[i].whom,
                                     table->setting[i].value);

        if (why)
            wrong(why);
    }
}
