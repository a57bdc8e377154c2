/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the builder's block in the auxiliary vector; see start.h. */
#include <runtime/start.h>

#include <sys/auxv.h>

const struct keel_start *keel_start(void)
{
    static const struct keel_start *start;
    if (start == NULL) {
        const struct keel_start *found = (const struct keel_start *)getauxval(KEEL_AT_START);
        if (found != NULL && found->version == KEEL_START_VERSION && found->size >= sizeof(*found))
            start = found;
    }
    return start;
}
