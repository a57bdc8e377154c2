/* SPDX-License-Identifier: Apache-2.0 */
/* What the builder gave this service: see keel/start.h. All of it is read-only. */
#ifndef RUNTIME_START_H
#define RUNTIME_START_H

#include <keel/start.h>

/* The block itself, or NULL if there is none. */
const struct keel_start *keel_start(void);

/* By name; NULL if the configuration gives no such connection or device. */
const struct keel_connection *keel_connection_find(const char *name);
const struct keel_device *keel_device_find(const char *name);

/* By number, 0, 1, ...; NULL behind the last one. */
const struct keel_connection *keel_connection_at(uint32_t index);
const struct keel_device *keel_device_at(uint32_t index);

/* The connection whose peer is `domain` and whose port is `port`; NULL if there is none. */
const struct keel_connection *keel_connection_of(uint16_t domain, uint32_t port);

/* How calls name this service itself, and the peer of a connection as it was at the start. */
keel_peer keel_self(void);
static inline keel_peer keel_connection_peer(const struct keel_connection *connection)
{
    return KEEL_PEER(connection->edge, connection->incarnation);
}

#endif
