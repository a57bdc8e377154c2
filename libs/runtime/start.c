/* SPDX-License-Identifier: Apache-2.0 */
/* What the start block says, by name; see start.h. */
#include <runtime/start.h>

#include <string.h>

const struct keel_connection *keel_connection_at(uint32_t index)
{
    const struct keel_start *start = keel_start();
    if (start == NULL || index >= start->nconnections)
        return NULL;
    return (const struct keel_connection *)start->connections + index;
}

const struct keel_device *keel_device_at(uint32_t index)
{
    const struct keel_start *start = keel_start();
    if (start == NULL || index >= start->ndevices)
        return NULL;
    return (const struct keel_device *)start->devices + index;
}

const struct keel_connection *keel_connection_find(const char *name)
{
    const struct keel_connection *connection;
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++)
        if (strncmp(connection->name, name, KEEL_NAME_MAX) == 0)
            return connection;
    return NULL;
}

const struct keel_connection *keel_connection_with(const char *name, uint32_t port, uint32_t rights)
{
    const struct keel_connection *connection;
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++)
        if ((name == NULL || strncmp(connection->name, name, KEEL_NAME_MAX) == 0) &&
            (port == 0 || connection->port == port) && (connection->rights & rights) == rights)
            return connection;
    return NULL;
}

const struct keel_connection *keel_connection_of(uint16_t domain, uint32_t port)
{
    const struct keel_connection *connection;
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++)
        if (connection->domain == domain && connection->port == port)
            return connection;
    return NULL;
}

const char *keel_domain_name(uint16_t domain)
{
    const struct keel_start *start = keel_start();
    const struct keel_connection *connection;
    const char *name = NULL;

    if (start != NULL && domain == start->domain)
        return start->name;
    if (domain == KEEL_DOMAIN_BUILDER)
        return "builder";
    /* The last ones are mere names; those before may be of what the domain is to this one. */
    for (uint32_t i = 0; (connection = keel_connection_at(i)) != NULL; i++)
        if (connection->domain == domain)
            name = connection->name;
    return name;
}

const struct keel_device *keel_device_find(const char *name)
{
    const struct keel_device *device;
    for (uint32_t i = 0; (device = keel_device_at(i)) != NULL; i++)
        if (strncmp(device->name, name, KEEL_NAME_MAX) == 0)
            return device;
    return NULL;
}

keel_peer keel_self(void)
{
    const struct keel_start *start = keel_start();
    return start == NULL ? 0 : KEEL_PEER(start->self_edge, start->incarnation);
}
