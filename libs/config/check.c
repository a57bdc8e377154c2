/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold between the domains of a configuration (see check.h). */
#include "check.h"

#include <keel/edge.h>
#include <keel/machine.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
    struct config *config;
    struct config_report *report;
};

#define ERROR(check, domain, property, ...) tell(check, domain, property, __VA_ARGS__)

static void tell(const struct check *check, uint16_t domain, const char *property,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void tell(const struct check *check, uint16_t domain, const char *property,
                 const char *format, ...)
{
    char path[128], message[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    config_path(check->config, domain, path, sizeof path);
    config_error(check->report, path, property, "%s", message);
}

static bool overlap(uint64_t a_lo, uint64_t a_bytes, uint64_t b_lo, uint64_t b_bytes)
{
    return a_lo < b_lo + b_bytes && b_lo < a_lo + a_bytes;
}

bool config_has_device_at(const struct config_domain *domain, uint64_t address, uint64_t bytes)
{
    for (uint32_t i = 0; i < domain->ndevices; i++)
        for (uint32_t r = 0; r < domain->devices[i].nregions; r++)
            if (overlap(domain->devices[i].region[r].address, domain->devices[i].region[r].bytes,
                        address, bytes))
                return true;
    return false;
}

static void check_required(const struct check *check, uint16_t id)
{
    const struct config_domain *domain = &check->config->domain[id];
    bool guest = domain->kind == CONFIG_GUEST;

    if (!domain->image)
        ERROR(check, id, guest ? "kernel" : "image",
              "missing, expected the name of a bundle entry");
    if (domain->memory == 0 && fdt_getprop(check->config->dtb, domain->node, "memory", NULL))
        return; /* it was there, and wrong */
    if (domain->memory == 0)
        ERROR(check, id, "memory", "missing, expected a size like 512M");
    else if (!guest && domain->memory < 64 * 1024)
        ERROR(check, id, "memory", "too small, expected at least 64K");
    else if (domain->memory > 1ull << (guest ? 38 : 29))
        ERROR(check, id, "memory", "too large, expected at most %s", guest ? "256G" : "512M");
}

static void check_roles(struct check *check, uint16_t id)
{
    struct config *config = check->config;
    enum config_role role = config->domain[id].role;
    uint16_t *holder = role == CONFIG_ROLE_CONSOLE     ? &config->console
                       : role == CONFIG_ROLE_SCHEDULER ? &config->scheduler
                                                       : NULL;

    if (!holder)
        return;
    if (*holder != CONFIG_NONE)
        ERROR(check, id, "role", "\"%s\" has the same role, expected one service with it",
              config->domain[*holder].name);
    else
        *holder = id;
}

/* kernel-rules.md 2, D4: a service runs where its clients do. */
static void check_affinity(const struct check *check, uint16_t id)
{
    const struct config_domain *domain = &check->config->domain[id];

    if (domain->kind == CONFIG_EMULATION &&
        (check->config->domain[domain->pair].cpus & ~domain->cpus))
        ERROR(check, id, "cpu-affinity", "lacks a CPU of its guest, expected all of them");
}

static void check_provides(const struct check *check, uint16_t id)
{
    const struct config_domain *domain = &check->config->domain[id];

    for (uint32_t i = 0; i < domain->nprovides; i++)
        for (uint32_t j = 0; j < i; j++)
            if (domain->provides[i] == domain->provides[j])
                ERROR(check, id, "provides", "port %u is there twice, expected different ports",
                      domain->provides[i]);
}

static bool provides(const struct config_domain *domain, uint32_t port)
{
    for (uint32_t i = 0; i < domain->nprovides; i++)
        if (domain->provides[i] == port)
            return true;
    return false;
}

/* Gives a use without a port the only one of its peer. */
static void check_uses(const struct check *check, uint16_t id)
{
    struct config_domain *domain = &check->config->domain[id];

    for (uint32_t i = 0; i < domain->nuses; i++) {
        struct config_use *use = &domain->uses[i];
        const struct config_domain *peer = &check->config->domain[use->peer];
        const char *property = use->one_way ? "sends" : "uses";

        if (use->peer == id)
            ERROR(check, id, property, "names the domain itself, expected another one");
        else if (use->peer == KEEL_DOMAIN_BUILDER && (use->port || use->one_way))
            ERROR(check, id, property, "\"builder\" has no ports, expected uses = \"builder\"");
        else if (use->peer == KEEL_DOMAIN_BUILDER)
            use->port = KEEL_PORT_SUPERVISOR;
        else if (use->port == 0 && peer->nprovides == 1)
            use->port = peer->provides[0];
        else if (use->port == 0)
            ERROR(check, id, property, "\"%s\" provides %u ports, expected \"%s:PORT\"", peer->name,
                  peer->nprovides, peer->name);
        else if (!provides(peer, use->port))
            ERROR(check, id, property,
                  "\"%s\" does not provide port %u, expected one of its `provides`", peer->name,
                  use->port);
    }
}

/* Services that wait for one another's answers in a circle would never get one. Follows `uses` from
 * `id`; each domain is visited once. */
static bool reaches(const struct config *config, uint16_t id, uint16_t target, uint64_t *seen)
{
    const struct config_domain *domain = &config->domain[id];

    *seen |= 1ull << id;
    for (uint32_t i = 0; i < domain->nuses; i++) {
        uint16_t peer = domain->uses[i].peer;

        if (domain->uses[i].one_way || peer == KEEL_DOMAIN_BUILDER)
            continue;
        if (peer == target)
            return true;
        if (!(*seen >> peer & 1) && reaches(config, peer, target, seen))
            return true;
    }
    return false;
}

static void check_cycles(const struct check *check, uint16_t id)
{
    uint64_t seen = 0;

    if (check->config->domain[id].kind != CONFIG_GUEST && reaches(check->config, id, id, &seen))
        ERROR(check, id, "uses",
              "waits for itself through others, expected no circle (`sends` expects no answer)");
}

static void check_device_pair(const struct check *check, uint16_t a, uint16_t b)
{
    const struct config_domain *first = &check->config->domain[a];
    const struct config_domain *second = &check->config->domain[b];

    for (uint32_t i = 0; i < second->ndevices; i++) {
        const struct config_device *device = &second->devices[i];
        uint32_t others = a == b ? i : first->ndevices;

        for (uint32_t j = 0; j < others; j++) {
            const struct config_device *other = &first->devices[j];
            bool shared = false;

            for (uint32_t r = 0; r < device->nregions; r++)
                for (uint32_t s = 0; s < other->nregions; s++)
                    shared |= overlap(device->region[r].address, device->region[r].bytes,
                                      other->region[s].address, other->region[s].bytes);
            for (uint32_t r = 0; r < device->nirqs; r++)
                for (uint32_t s = 0; s < other->nirqs; s++)
                    shared |= device->irq[r].intid == other->irq[s].intid;
            if (shared && other->node == device->node && a != b)
                ERROR(check, b, "devices", "\"%s\" belongs to \"%s\" too, expected one owner",
                      device->name, first->name);
            else if (shared && other->node == device->node)
                ERROR(check, b, "devices", "\"%s\" is there twice, expected once", device->name);
            else if (shared && a != b)
                ERROR(check, b, "devices",
                      "\"%s\" shares a page or an interrupt with \"%s\" of \"%s\", expected one "
                      "owner of both",
                      device->name, other->name, first->name);
        }
    }
}

static void check_devices(const struct check *check, uint16_t id)
{
    const struct config_domain *domain = &check->config->domain[id];
    uint32_t irqs = 0;

    for (uint16_t other = 1; other <= id; other++)
        check_device_pair(check, other, id);
    for (uint32_t i = 0; i < domain->ndevices; i++)
        irqs += domain->devices[i].nirqs;
    if (irqs > KEEL_IRQS_MAX)
        ERROR(check, id, "devices", "%u interrupts together, expected at most %d", irqs,
              KEEL_IRQS_MAX);
}

/* A device that is passed through appears to the guest where it is, with its interrupt. It may take
 * the place of the emulated serial line or clock, but of nothing else. */
static void check_guest_devices(const struct check *check, uint16_t id)
{
    const struct config_domain *domain = &check->config->domain[id];
    bool uart = config_has_device_at(domain, KEEL_MACHINE_UART, KEEL_MACHINE_UART_SIZE);
    bool rtc = config_has_device_at(domain, KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE);

    if (config_has_device_at(domain, KEEL_MACHINE_GICD, KEEL_MACHINE_GICD_SIZE) ||
        config_has_device_at(domain, KEEL_MACHINE_GICR, KEEL_VCPUS_MAX * KEEL_MACHINE_GICR_STRIDE))
        ERROR(check, id, "devices",
              "lies where the guest's interrupt controller is emulated, "
              "expected a device elsewhere");
    if (config_has_device_at(domain, KEEL_MACHINE_RAM, domain->memory))
        ERROR(check, id, "devices",
              "lies where the guest's memory is, expected a device elsewhere");
    for (uint32_t i = 0; i < domain->ndevices; i++)
        for (uint32_t n = 0; n < domain->devices[i].nirqs; n++) {
            uint32_t intid = domain->devices[i].irq[n].intid;

            if (intid >= 32 + KEEL_SPIS_MAX)
                ERROR(check, id, "devices", "\"%s\" has interrupt %u, expected at most %d",
                      domain->devices[i].name, intid, 32 + KEEL_SPIS_MAX - 1);
            else if ((intid == KEEL_MACHINE_UART_IRQ && !uart) ||
                     (intid == KEEL_MACHINE_RTC_IRQ && !rtc))
                ERROR(check, id, "devices",
                      "\"%s\" has interrupt %u, which is that of an emulated device, expected "
                      "another",
                      domain->devices[i].name, intid);
        }
}

static void raise_spis(struct config_domain *guest, uint32_t intid)
{
    uint32_t spis = (intid - 32) / 32 * 32 + 32;

    if (intid >= 32 && spis > guest->spis && spis <= KEEL_SPIS_MAX)
        guest->spis = spis;
}

/* How many SPIs a guest has: enough for its devices and for what services may raise. */
static void count_spis(struct config *config, uint16_t id)
{
    struct config_domain *guest = &config->domain[id];

    raise_spis(guest, KEEL_MACHINE_RTC_IRQ);
    for (uint32_t i = 0; i < guest->ndevices; i++)
        for (uint32_t n = 0; n < guest->devices[i].nirqs; n++)
            raise_spis(guest, guest->devices[i].irq[n].intid);
    for (uint16_t other = 1; other < config->ndomains; other++)
        for (uint32_t i = 0; i < config->domain[other].nrights; i++)
            if (config->domain[other].rights[i].target == id)
                raise_spis(guest, config->domain[other].rights[i].irq_hi);
}

static void add_arg(char *args, uint32_t *bytes, uint32_t *n, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add_arg(char *args, uint32_t *bytes, uint32_t *n, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    *bytes += (uint32_t)vsnprintf(args + *bytes, CONFIG_ARGS_MAX - *bytes, format, arguments) + 1;
    va_end(arguments);
    *n += 1;
}

/* What the devices service of a guest is told, before its configured arguments: those take at most
 * half of the room. */
static void emulation_args(struct config *config, struct config_domain *emulation)
{
    const struct config_domain *guest = &config->domain[emulation->pair];
    char args[CONFIG_ARGS_MAX];
    uint32_t bytes = 0, n = 0;

    add_arg(args, &bytes, &n, "guest=%s", guest->name);
    add_arg(args, &bytes, &n, "vcpus=%u", guest->vcpus);
    add_arg(args, &bytes, &n, "spis=%u", guest->spis);
    if (config_has_device_at(guest, KEEL_MACHINE_UART, KEEL_MACHINE_UART_SIZE))
        add_arg(args, &bytes, &n, "uart=off");
    if (config_has_device_at(guest, KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE))
        add_arg(args, &bytes, &n, "rtc=off");
    memcpy(args + bytes, emulation->args, emulation->args_bytes);
    emulation->args_bytes += bytes;
    emulation->nargs += n;
    memcpy(emulation->args, args, emulation->args_bytes);
}

#define RESERVE_PERCENT_MAX 20 /* of each CPU: the rest is the policy's */

/* The scheduler's own time is a default; all reserves together are bounded on each CPU. */
static void check_reserve(struct check *check)
{
    struct config *config = check->config;

    for (uint16_t id = 1; id < config->ndomains; id++)
        if (id == config->scheduler && config->domain[id].reserve_period_us == 0) {
            config->domain[id].reserve_budget_us = 500;
            config->domain[id].reserve_period_us = 10000;
        }
    for (uint32_t cpu = 0; cpu < config->platform.cpus; cpu++) {
        uint64_t parts = 0; /* of 10,000 */

        for (uint16_t id = 1; id < config->ndomains; id++) {
            const struct config_domain *domain = &config->domain[id];

            if (domain->reserve_period_us == 0 || !(domain->cpus >> cpu & 1))
                continue;
            parts += domain->reserve_budget_us * 10000ull / domain->reserve_period_us;
            if (parts > RESERVE_PERCENT_MAX * 100) {
                ERROR(check, id, "reserve",
                      "brings the reserves on CPU %u above %d%%, expected "
                      "less in all",
                      cpu, RESERVE_PERCENT_MAX);
                return;
            }
        }
    }
}

static void check_memory(const struct check *check)
{
    uint64_t left = check->config->platform.ram;

    for (uint16_t id = 1; id < check->config->ndomains; id++) {
        const struct config_domain *domain = &check->config->domain[id];
        uint64_t asked = domain->memory + domain->kernel_pages * KEEL_PAGE_SIZE;

        if (asked > left) {
            ERROR(check, id, "memory",
                  "%lluK asked for with %lluK left of the platform's %lluM, "
                  "expected less in all",
                  (unsigned long long)(asked >> 10), (unsigned long long)(left >> 10),
                  (unsigned long long)(check->config->platform.ram >> 20));
            return;
        }
        left -= asked;
    }
}

void config_check(struct config *config, struct config_report *report)
{
    struct check check = {.config = config, .report = report};

    for (uint16_t id = 1; id < config->ndomains; id++) {
        check_required(&check, id);
        check_roles(&check, id);
        check_affinity(&check, id);
        check_provides(&check, id);
        check_uses(&check, id);
        check_devices(&check, id);
    }
    for (uint16_t id = 1; id < config->ndomains; id++) {
        struct config_domain *domain = &config->domain[id];

        check_cycles(&check, id);
        if (domain->kind != CONFIG_GUEST)
            continue;
        check_guest_devices(&check, id);
        count_spis(config, id);
        emulation_args(config, &config->domain[domain->pair]);
        domain->kernel_pages += (uint32_t)(domain->memory >> 30);
        config->domain[domain->pair].later = domain->later;
    }
    check_reserve(&check);
    if (report->errors == 0)
        check_memory(&check);
}
