/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold between the domains of a configuration (see check.h). */
#include "check.h"

#include "groups.h"
#include "reservations.h"
#include <keel/edge.h>
#include <keel/machine.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
    struct config *config;
    struct config_report *report;
    bool memory_known; /* every domain says how much it wants */
};

#define ERROR(check, domain, property, ...) \
    config_error_in((check)->config, (check)->report, domain, property, __VA_ARGS__)

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

bool config_has_argo(const struct config *config, uint16_t domain)
{
    if (config->domain[domain].nprovides || config->domain[domain].nuses)
        return true;
    for (uint16_t other = 1; other < config->ndomains; other++)
        for (uint32_t i = 0; i < config->domain[other].nuses; i++)
            if (config->domain[other].uses[i].peer == domain)
                return true;
    return false;
}

bool config_has_property(const struct config *config, uint16_t id, const char *name)
{
    int node = config->domain[id].node;

    return node > 0 && fdt_getprop(config->dtb, node, name, NULL);
}

/* What must be there; what is there and wrong was told when it was read. */
static void check_required(struct check *check, uint16_t id)
{
    const struct config_domain *domain = &check->config->domain[id];
    bool guest = domain->kind == CONFIG_GUEST;
    const char *image = guest ? "kernel" : "image";
    uint64_t memory = domain->memory;
    bool right = memory >= (guest ? 1 : 64 * 1024) && memory <= 1ull << (guest ? 38 : 29);

    if (!domain->image && !config_has_property(check->config, id, image))
        ERROR(check, id, image, "missing, expected the name of a bundle entry");
    check->memory_known &= right;
    if (memory == 0 && !config_has_property(check->config, id, "memory"))
        ERROR(check, id, "memory", "missing, expected a size like 512M");
    else if (memory != 0 && !right)
        ERROR(check, id, "memory", "too %s, expected %s", memory < 64 * 1024 ? "small" : "large",
              memory < 64 * 1024 ? "at least 64K"
              : guest            ? "at most 256G"
                                 : "at most 512M");
}

static void check_console(struct check *check, uint16_t id)
{
    struct config *config = check->config;

    if (config->domain[id].role != CONFIG_ROLE_CONSOLE)
        return;
    if (config->console != CONFIG_NONE)
        ERROR(check, id, "role", "\"%s\" has the same role, expected one service with it",
              config->domain[config->console].name);
    else
        config->console = id;
}

/* Whether the client waits for answers of the service: to its requests, or, a guest, to its
 * accesses and calls. The builder answers without a wait on anybody. */
static bool waits_for(const struct config *config, uint16_t client, uint16_t service)
{
    const struct config_domain *domain = &config->domain[client];
    const struct config_domain *server = &config->domain[service];

    if (client == service || service == KEEL_DOMAIN_BUILDER)
        return false;
    for (uint32_t i = 0; i < domain->nuses; i++)
        if (domain->uses[i].peer == service && !domain->uses[i].one_way)
            return true;
    for (uint32_t i = 0; i < server->nrights; i++)
        if (server->rights[i].target == client &&
            (server->rights[i].rights & (KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS)))
            return true;
    return domain->kind == CONFIG_GUEST && domain->pair == service;
}

/* A service runs where its clients do: a client that waits lends it its own time, on its CPU. */
static void check_affinity(const struct check *check, uint16_t id)
{
    const struct config *config = check->config;

    for (uint16_t client = 1; client < config->ndomains; client++) {
        uint64_t missing = config->domain[client].cpus & ~config->domain[id].cpus;

        if (missing && waits_for(config, client, id))
            ERROR(check, id, "cpu-affinity",
                  "lacks CPU %u of \"%s\", which waits for it, expected all CPUs of its clients",
                  (unsigned)__builtin_ctzll(missing), config->domain[client].name);
    }
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

/* Those who wait for one another's answers in a circle would never get one. A circle is told once,
 * at the first of its domains: so only those behind it are looked at, breadth first. */
static bool circle(const struct config *config, uint16_t id, uint16_t next[KEEL_DOMAINS_MAX])
{
    uint16_t queue[KEEL_DOMAINS_MAX], first = 0, last = 0;
    uint64_t seen = 0;

    /* Backwards, so that `next` leads along the circle. */
    queue[last++] = id;
    while (first < last) {
        uint16_t service = queue[first++];

        for (uint16_t client = id; client < config->ndomains; client++) {
            if (!waits_for(config, client, service) || (seen >> client & 1))
                continue;
            seen |= 1ull << client;
            next[client] = service;
            if (client == id)
                return true;
            queue[last++] = client;
        }
    }
    return false;
}

static void check_cycles(const struct check *check, uint16_t id)
{
    const struct config *config = check->config;
    uint16_t next[KEEL_DOMAINS_MAX];
    char path[160];
    size_t used;

    if (!circle(config, id, next))
        return;
    used = (size_t)snprintf(path, sizeof path, "%s", config->domain[id].name);
    for (uint16_t at = next[id]; used < sizeof path; at = next[at]) {
        used +=
            (size_t)snprintf(path + used, sizeof path - used, " -> %s", config->domain[at].name);
        if (at == id)
            break;
    }
    ERROR(check, id, config->domain[id].nuses ? "uses" : NULL,
          "waits for itself (%s), expected no circle (`sends` expects no answer)", path);
}

/* Rights. */

static void tell_right(const struct check *check, uint16_t id, const struct config_right *right,
                       const char *property, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void tell_right(const struct check *check, uint16_t id, const struct config_right *right,
                       const char *property, const char *format, ...)
{
    char path[128];
    va_list arguments;

    config_right_path(check->config, id, right->target, path, sizeof path);
    va_start(arguments, format);
    config_error_v(check->report, path, property, format, arguments);
    va_end(arguments);
}

/* Windows that lead to nothing, or that nobody will ever be asked about. */
static void check_window(const struct check *check, uint16_t id, const struct config_right *right)
{
    const struct config_domain *guest = &check->config->domain[right->target];
    const uint32_t copy = KEEL_RIGHT_READ | KEEL_RIGHT_WRITE;
    uint64_t lo = right->memory_lo, bytes = right->memory_hi - lo + 1;
    unsigned long long from = lo, to = right->memory_hi;

    if (lo > right->memory_hi || (lo == 0 && right->memory_hi == UINT64_MAX))
        return;
    bool ram = overlap(lo, bytes, KEEL_MACHINE_RAM, guest->memory);
    if ((right->rights & copy) && !(right->rights & KEEL_RIGHT_SERVE) && !ram)
        tell_right(check, id, right, "memory",
                   "window 0x%llx-0x%llx has no memory of \"%s\" in it, expected one from 0x%lx on",
                   from, to, guest->name, KEEL_MACHINE_RAM);
    if (!(right->rights & copy) && (ram || config_has_device_at(guest, lo, bytes)))
        tell_right(check, id, right, "memory",
                   "window 0x%llx-0x%llx overlaps %s of \"%s\", which answers by itself, expected "
                   "addresses with neither memory nor devices",
                   from, to, ram ? "the memory" : "a device", guest->name);
}

static bool right_has_irq(const struct config_right *right, uint32_t intid)
{
    return (right->rights & KEEL_RIGHT_INTERRUPT) && right->irq_lo <= intid &&
           intid <= right->irq_hi;
}

/* An interrupt of a guest has one source: a device of its own, an emulated one, or one service. */
static void check_sources(const struct check *check, uint16_t id, const struct config_right *right)
{
    const struct config *config = check->config;
    const struct config_domain *guest = &config->domain[right->target];
    bool uart = !config_has_device_at(guest, KEEL_MACHINE_UART, KEEL_MACHINE_UART_SIZE);
    bool rtc = !config_has_device_at(guest, KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE);

    if (config_has_argo(config, right->target) && right_has_irq(right, KEEL_MACHINE_ARGO_IRQ))
        tell_right(check, id, right, "interrupts",
                   "interrupt %d of \"%s\" is Argo's, by which its messages come, expected others",
                   KEEL_MACHINE_ARGO_IRQ, guest->name);
    if ((uart && right_has_irq(right, KEEL_MACHINE_UART_IRQ)) ||
        (rtc && right_has_irq(right, KEEL_MACHINE_RTC_IRQ)))
        tell_right(check, id, right, "interrupts",
                   "interrupt %d of \"%s\" is that of an emulated device, expected others",
                   uart && right_has_irq(right, KEEL_MACHINE_UART_IRQ) ? KEEL_MACHINE_UART_IRQ
                                                                       : KEEL_MACHINE_RTC_IRQ,
                   guest->name);
    for (uint32_t i = 0; i < guest->ndevices; i++)
        for (uint32_t n = 0; n < guest->devices[i].nirqs; n++)
            if (right_has_irq(right, guest->devices[i].irq[n].intid))
                tell_right(check, id, right, "interrupts",
                           "interrupt %u of \"%s\" is that of its \"%s\", expected others",
                           guest->devices[i].irq[n].intid, guest->name, guest->devices[i].name);
    for (uint16_t other = 1; other < id; other++)
        for (uint32_t i = 0; i < config->domain[other].nrights; i++) {
            const struct config_right *theirs = &config->domain[other].rights[i];
            uint32_t first = theirs->irq_lo > right->irq_lo ? theirs->irq_lo : right->irq_lo;

            if (theirs->target == right->target && right_has_irq(theirs, first) &&
                right_has_irq(right, first))
                tell_right(check, id, right, "interrupts",
                           "interrupt %u of \"%s\" is raised by \"%s\" too, expected one service "
                           "for each",
                           first, guest->name, config->domain[other].name);
        }
}

static void check_rights(const struct check *check, uint16_t id)
{
    const uint32_t machine = KEEL_RIGHT_SERVE | KEEL_RIGHT_CALLS | KEEL_RIGHT_INTERRUPT;
    const struct config_domain *domain = &check->config->domain[id];

    for (uint32_t i = 0; i < domain->nrights; i++) {
        const struct config_right *right = &domain->rights[i];
        const struct config_domain *target = &check->config->domain[right->target];

        if (target->kind == CONFIG_GUEST) {
            check_window(check, id, right);
            check_sources(check, id, right);
        } else if ((right->rights & machine) && (i == 0 || right[-1].target != right->target)) {
            tell_right(check, id, right, "allow",
                       "\"%s\" is a service, expected serve, calls and interrupt with guests only",
                       target->name);
        }
    }
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

#define GUEST_ADDRESSES (1ull << 39)

/* A device that is passed through appears to the guest where it is, with its interrupt. It may take
 * the place of the emulated serial line or clock, but of nothing else. */
static void check_guest_devices(const struct check *check, uint16_t id)
{
    const struct config_domain *domain = &check->config->domain[id];
    bool uart = config_has_device_at(domain, KEEL_MACHINE_UART, KEEL_MACHINE_UART_SIZE);
    bool rtc = config_has_device_at(domain, KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE);
    bool argo = config_has_argo(check->config, id);

    if (config_has_device_at(domain, KEEL_MACHINE_GICD, KEEL_MACHINE_GICD_SIZE) ||
        config_has_device_at(domain, KEEL_MACHINE_GICR, KEEL_VCPUS_MAX * KEEL_MACHINE_GICR_STRIDE))
        ERROR(check, id, "devices",
              "lies where the guest's interrupt controller is emulated, "
              "expected a device elsewhere");
    if (config_has_device_at(domain, KEEL_MACHINE_RAM, domain->memory))
        ERROR(check, id, "devices",
              "lies where the guest's memory is, expected a device elsewhere");
    if (config_has_device_at(domain, GUEST_ADDRESSES, UINT64_MAX / 2))
        ERROR(check, id, "devices",
              "lies beyond the 512G of addresses that a guest has, expected a device below");
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
            else if (intid == KEEL_MACHINE_ARGO_IRQ && argo)
                ERROR(check, id, "devices",
                      "\"%s\" has interrupt %u, which is Argo's, expected another, or a guest "
                      "without messages",
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

    raise_spis(guest, KEEL_MACHINE_ARGO_IRQ); /* the last of the machine's own */
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

/* Of 10,000. */
static uint64_t reserve_of(const struct config_domain *domain)
{
    return domain->reserve_budget_us * 10000ull / domain->reserve_period_us;
}

/* What schedulers of the same group before this one have at most: one of them runs at a time. */
static uint64_t reserve_before(const struct config *config, uint16_t id, uint32_t cpu)
{
    const struct config_domain *domain = &config->domain[id];
    uint64_t most = 0;

    for (uint16_t other = 1; other < id && domain->role == CONFIG_ROLE_SCHEDULER; other++) {
        const struct config_domain *before = &config->domain[other];

        if (before->role == CONFIG_ROLE_SCHEDULER && before->schedules == domain->schedules &&
            (before->cpus >> cpu & 1) && reserve_of(before) > most)
            most = reserve_of(before);
    }
    return most;
}

/* The scheduler's own time is a default; all reserves together are bounded on each CPU. */
static void check_reserve(struct check *check)
{
    struct config *config = check->config;

    for (uint16_t id = 1; id < config->ndomains; id++)
        if (config->domain[id].role == CONFIG_ROLE_SCHEDULER &&
            config->domain[id].reserve_period_us == 0) {
            config->domain[id].reserve_budget_us = 500;
            config->domain[id].reserve_period_us = 10000;
            config->domain[id].reserve_delay_us = 20000;
        }
    for (uint32_t cpu = 0; cpu < config->platform.cpus; cpu++) {
        uint64_t parts = 0; /* of 10,000 */

        for (uint16_t id = 1; id < config->ndomains; id++) {
            const struct config_domain *domain = &config->domain[id];

            if (domain->reserve_period_us == 0 || !(domain->cpus >> cpu & 1))
                continue;
            uint64_t its = reserve_of(domain), before = reserve_before(config, id, cpu);

            parts += its > before ? its - before : 0;
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
    const struct config_platform *platform = &check->config->platform;
    uint64_t kept = config_platform_kept(platform);
    uint64_t left = platform->ram - kept;

    if (kept >= platform->ram) {
        config_error(
            check->report, "platform", NULL,
            "%lluM of memory, of which bundle (%lluM), kernel and reservations take %lluM, "
            "expected more memory, or a smaller bundle",
            (unsigned long long)(platform->ram >> 20), (unsigned long long)(platform->bundle >> 20),
            (unsigned long long)(kept >> 20));
        return;
    }
    for (uint16_t id = 1; id < check->config->ndomains; id++) {
        const struct config_domain *domain = &check->config->domain[id];
        uint64_t asked = domain->memory + domain->kernel_pages * KEEL_PAGE_SIZE;

        if (asked > left) {
            ERROR(check, id, "memory",
                  "%lluK asked for with %lluK left of the platform's %lluM, "
                  "expected less in all",
                  (unsigned long long)(asked >> 10), (unsigned long long)(left >> 10),
                  (unsigned long long)(platform->ram >> 20));
            return;
        }
        left -= asked;
    }
}

#define VCPUS_MAX                                                                  \
    256 /* the kernel's: of all domains, with one for each service and the builder \
         */

static void check_vcpus(const struct check *check)
{
    uint32_t vcpus = 1;

    for (uint16_t id = 1; id < check->config->ndomains; id++) {
        vcpus += check->config->domain[id].vcpus;
        if (vcpus > VCPUS_MAX) {
            ERROR(check, id, check->config->domain[id].kind == CONFIG_GUEST ? "cpus" : NULL,
                  "brings the virtual CPUs above %d, with one for each service, expected fewer in "
                  "all",
                  VCPUS_MAX);
            return;
        }
    }
}

/* Pages for the tables of its memory and for its rings, where nobody says how many. Others send to
 * ports that it provides, and answer at those that it uses. */
static void default_kernel_pages(const struct check *check, uint16_t id)
{
    struct config_domain *domain = &check->config->domain[id];
    unsigned table = domain->kind == CONFIG_GUEST ? 30 : 21; /* log2 of what one page describes */

    if (domain->kernel_pages == 0)
        domain->kernel_pages = CONFIG_KERNEL_PAGES + (uint32_t)(domain->memory >> table) +
                               CONFIG_PORT_PAGES * (domain->nprovides + domain->nuses);
}

void config_check(struct config *config, struct config_report *report)
{
    struct check check = {.config = config, .report = report, .memory_known = true};

    config_check_groups(config, report);
    for (uint16_t id = 1; id < config->ndomains; id++) {
        check_required(&check, id);
        check_console(&check, id);
        check_affinity(&check, id);
        check_provides(&check, id);
        check_uses(&check, id);
        check_devices(&check, id);
        check_rights(&check, id);
        default_kernel_pages(&check, id);
    }
    for (uint16_t id = 1; id < config->ndomains; id++) {
        struct config_domain *domain = &config->domain[id];

        check_cycles(&check, id);
        if (domain->kind != CONFIG_GUEST)
            continue;
        check_guest_devices(&check, id);
        count_spis(config, id);
        emulation_args(config, &config->domain[domain->pair]);
        config->domain[domain->pair].later = domain->later;
    }
    check_reserve(&check);
    config_check_reservations(config, report);
    check_vcpus(&check);
    if (check.memory_known)
        check_memory(&check);
}
