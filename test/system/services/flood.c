/* SPDX-License-Identifier: Apache-2.0 */
/* Sends messages that mean nothing to everybody that it may send to, without a pause: also to who has no space. */
#include <argo/argo.h>
#include <runtime/start.h>

#define NOTHING 0x7777u /* a type */

int main(void)
{
    const struct keel_connection *to;
    uint64_t refused = 0;

    for (;;)
        for (uint32_t i = 0; (to = keel_connection_at(i)) != NULL; i++)
            if ((to->rights & KEEL_RIGHT_SEND) != 0 && argo_send_to(to, 0, NOTHING, NULL, 0) < 0)
                refused++; /* as long as it is full */
}
