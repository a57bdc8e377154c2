/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the builder gave this service: see keel/start.h. All of it is read-only, and is what the
 * configuration says: whoever is not found here can't be reached, nor reach this service.
 */
#ifndef RUNTIME_START_H
#define RUNTIME_START_H

#include <keel/edge.h>
#include <keel/start.h>

/* The block itself, or NULL if there is none. */
const struct keel_start *keel_start(void);

/* By name; NULL if the configuration gives no such connection or device. */
const struct keel_connection *keel_connection_find(const char *name);
const struct keel_device *keel_device_find(const char *name);

/* The first connection to `name` (NULL: to anybody) with that port (0: with any) and all of these
 * rights (0: with any); NULL if there is none. */
const struct keel_connection *keel_connection_with(const char *name, uint32_t port,
                                                   uint32_t rights);

/* By number, 0, 1, ...; NULL behind the last one. */
const struct keel_connection *keel_connection_at(uint32_t index);
const struct keel_device *keel_device_at(uint32_t index);

/* The connection whose peer is `domain` and whose port is `port`; NULL if there is none. */
const struct keel_connection *keel_connection_of(uint16_t domain, uint32_t port);

/* What the configuration calls the domain; NULL if this service has not been told: schedulers and who may audit are told all. */
const char *keel_domain_name(uint16_t domain);

/* How calls name this service itself, and the peer of a connection in its current life (peer.h). */
keel_peer keel_self(void);
keel_peer keel_connection_peer(const struct keel_connection *connection);

#endif
