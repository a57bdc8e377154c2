/* SPDX-License-Identifier: Apache-2.0 */
/* The table of edges that a configuration means, and what services are told of it. */
#include "config_trees.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE(name, body) name " { compatible = \"keel,service\"; image = \"i\"; " body " };\n"
#define GUEST(name, body) \
    name " { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"64M\"; " body " };\n"

static struct config config;
static struct authority authority;
static struct told told;
static char text[1 << 16];

static bool derive(const char *body)
{
    static void *tree;
    size_t bytes;

    free(tree);
    tree = system_compile(body, &bytes);

    told_begin(&told);
    ck_assert_msg(config_read(&config, tree, bytes, test_platform(), &told.report), "%s",
                  told.text);
    return authority_derive(&authority, &config, &told.report);
}

static void add_line(void *context, const char *line)
{
    (void)context;
    strcat(text, line);
    strcat(text, "\n");
}

/* The derived table as text, without the builder's part. */
static const char *table(const char *body)
{
    const struct authority_source source = {.read = authority_derived, .context = &authority};
    const struct authority_sink sink = {.line = add_line};

    ck_assert_msg(derive(body), "%s", told.text);
    text[0] = '\0';
    authority_print(&config, &source, &sink);
    char *line = text;
    while (strncmp(line, "builder ", 8) == 0)
        line = strchr(line, '\n') + 1;
    return line;
}

START_TEST(test_nothing_is_routed_unless_stated)
{
    ck_assert_str_eq(table(SERVICE("a", "") SERVICE("b", "")), "a 0 -> a: self memory=all\n"
                                                               "b 0 -> b: self memory=all\n");
}
END_TEST

START_TEST(test_guest_and_its_emulation)
{
    ck_assert_str_eq(table(GUEST("g", "cpus = <2>;")),
                     "g.devices 0 -> g.devices: self memory=all\n"
                     "g.devices 1 -> g: serve,calls,interrupt,vcpu,stop,watch "
                     "memory=0x8000000-0x800ffff irq=0-63\n"
                     "g.devices 2 -> g: serve memory=0x80a0000-0x80dffff\n"
                     "g.devices 3 -> g: serve memory=0x9000000-0x9000fff\n"
                     "g.devices 4 -> g: serve memory=0x9010000-0x9010fff\n");
}
END_TEST

START_TEST(test_console)
{
    ck_assert_str_eq(table(SERVICE("console", "devices = \"serial0\";") SERVICE("a", "")
                               SERVICE("quiet", "console = \"none\";") GUEST("g", "")),
                     "console 0 -> console: self memory=all\n"
                     "console 1 -> console: device memory=0x9000000-0x9000fff irq=33-33\n"
                     "console 2 -> console: receive port=console\n"
                     "console 3 -> console: receive port=control\n"
                     "console 4 -> builder: send port=supervisor\n"
                     "console 5 -> a: send port=stdio\n"
                     "console 6 -> g.devices: send port=stdio\n"
                     "console 7 -> g.devices: send port=guest\n"
                     "a 0 -> a: self memory=all\n"
                     "a 1 -> a: receive port=stdio\n"
                     "a 2 -> console: send port=console\n"
                     "quiet 0 -> quiet: self memory=all\n"
                     "g.devices 0 -> g.devices: self memory=all\n"
                     "g.devices 1 -> g: serve,calls,interrupt,vcpu,stop,watch "
                     "memory=0x8000000-0x800ffff irq=0-63\n"
                     "g.devices 2 -> g: serve memory=0x80a0000-0x80bffff\n"
                     "g.devices 3 -> g: serve memory=0x9000000-0x9000fff\n"
                     "g.devices 4 -> g: serve memory=0x9010000-0x9010fff\n"
                     "g.devices 5 -> g.devices: receive port=stdio\n"
                     "g.devices 6 -> console: send port=console\n"
                     "g.devices 7 -> g.devices: receive port=guest\n");
}
END_TEST

START_TEST(test_uses_and_sends)
{
    table(SERVICE("a", "uses = \"s\"; sends = \"log:8\";") SERVICE("s", "provides = <7>;")
              SERVICE("log", "provides = <8 9>;") SERVICE("b", "uses = \"log:9\", \"builder\";"));
    ck_assert_ptr_nonnull(strstr(text, "builder 5 -> b: send port=control\n"));
    ck_assert_ptr_nonnull(strstr(text, "a 1 -> a: receive port=7\na 2 -> s: send port=7\n"));
    ck_assert_ptr_nonnull(strstr(text, "s 1 -> s: receive port=7\ns 2 -> a: send port=7\n"));
    ck_assert_ptr_nonnull(strstr(text, "b 2 -> log: send port=9\n"));
    ck_assert_ptr_nonnull(strstr(text, "log 3 -> b: send port=9\n"));
    /* One way: no answers. */
    ck_assert_ptr_nonnull(strstr(text, "a 4 -> log: send port=8\n"));
    ck_assert_ptr_null(strstr(text, "-> a: send port=8"));
}
END_TEST

START_TEST(test_pass_through)
{
    const char *lines = table(GUEST("g", "devices = \"/pl031@9010000\", \"/two@b010000\";"));

    ck_assert_ptr_nonnull(strstr(lines,
                                 "g 0 -> g: device memory=0x9010000-0x9010fff irq=34-34\n"
                                 "g 1 -> g: device memory=0xb010000-0xb010fff irq=72-73\n"
                                 "g 2 -> g: device memory=0xb020000-0xb021fff irq=82-82 edge\n"));
    /* The clock is not emulated then. */
    ck_assert_ptr_null(strstr(lines, "serve memory=0x9010000"));
}
END_TEST

START_TEST(test_scheduler_and_rights)
{
    const char *lines = table(SERVICE("scheduler", "")
                                  SERVICE("m", "rights { g { allow = \"read\", \"stop\"; memory = "
                                               "<0 0x40000000 0 0x100000>; }; };") GUEST("g", ""));

    ck_assert_ptr_nonnull(
        strstr(lines, "scheduler 0 -> scheduler: schedule,self memory=all cpus=0x3\n"));
    ck_assert_ptr_nonnull(strstr(lines, "m 1 -> g: read,stop memory=0x40000000-0x400fffff\n"));
}
END_TEST

static const struct keel_connection *find(const struct keel_connection *list, uint32_t n,
                                          const char *name, uint32_t port)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0 && list[i].port == port)
            return &list[i];
    return NULL;
}

/* What a scheduler may plan, whose names it knows, and where the builder runs. */
START_TEST(test_groups)
{
    static struct keel_connection list[AUTHORITY_CONNECTIONS_MAX];
    const char *lines = table(SERVICE("scheduler", "schedules = <0>;")
                                  SERVICE("other", "role = \"scheduler\"; schedules = <1>;")
                                      GUEST("g", "cpu-affinity = <0>;")
                                          GUEST("h", "cpu-affinity = <1>;") SERVICE("a", ""));

    ck_assert_ptr_nonnull(
        strstr(lines, "scheduler 0 -> scheduler: schedule,self memory=all cpus=0x1\n"));
    ck_assert_ptr_nonnull(strstr(lines, "other 0 -> other: schedule,self memory=all cpus=0x2\n"));
    ck_assert_uint_eq(authority.edge[0][0].edge.cpus, 1);
    uint32_t n = authority_connections(&authority, &config, 2, list);
    ck_assert_ptr_nonnull(find(list, n, "h", 0));
    ck_assert_ptr_nonnull(find(list, n, "h.devices", 0));
    ck_assert_ptr_nonnull(find(list, n, "a", 0));
    ck_assert_ptr_null(find(list, n, "g", 0));
    ck_assert_ptr_null(find(list, n, "g.devices", 0));
    ck_assert_ptr_null(find(list, n, "scheduler", 0));
    ck_assert(derive(SERVICE("scheduler", "")));
    ck_assert_uint_eq(authority.edge[0][0].edge.cpus, 0);
}
END_TEST

START_TEST(test_builder_keeps_only_supervision)
{
    ck_assert(derive(SERVICE("a", "") GUEST("g", "")));
    ck_assert_uint_eq(authority.edge[0][0].edge.rights,
                      KEEL_RIGHT_SELF | KEEL_RIGHT_AUDIT | KEEL_RIGHT_SYSTEM | KEEL_RIGHT_RECEIVE);
    for (uint32_t id = 1; id < config.ndomains; id++) {
        ck_assert_uint_eq(authority.edge[0][id].edge.target, id);
        ck_assert_uint_eq(authority.edge[0][id].edge.rights,
                          KEEL_RIGHT_BUILD | KEEL_RIGHT_STOP | KEEL_RIGHT_WATCH |
                              (config.domain[id].kind == CONFIG_GUEST ? 0 : KEEL_RIGHT_READ));
        if (config.domain[id].kind != CONFIG_GUEST) { /* of services, the vault and nothing else */
            ck_assert_uint_eq(authority.edge[0][id].edge.memory_lo, KEEL_VAULT_VA);
            ck_assert_uint_eq(authority.edge[0][id].edge.memory_hi,
                              KEEL_VAULT_VA + KEEL_VAULT_BYTES_MAX - 1);
        }
    }
    ck_assert_uint_eq(authority.nedges[0], config.ndomains);
}
END_TEST

START_TEST(test_connections)
{
    static struct keel_connection list[AUTHORITY_CONNECTIONS_MAX];
    const struct keel_connection *found;

    ck_assert(derive(SERVICE("tty", "role = \"console\";") SERVICE("scheduler", "") SERVICE(
        "a", "sends = \"s\";") SERVICE("s", "provides = <7>;") GUEST("g", "")));
    /* Whatever the console is called, it is found as "console". */
    uint32_t n = authority_connections(&authority, &config, config_find(&config, "a"), list);
    found = find(list, n, "console", KEEL_PORT_CONSOLE);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->domain, 1);
    ck_assert_uint_eq(found->rights, KEEL_RIGHT_SEND);
    ck_assert_ptr_nonnull(find(list, n, "s", 7));
    ck_assert_uint_eq(n, 2);
    /* Who only sends is an inlet. */
    n = authority_connections(&authority, &config, config_find(&config, "s"), list);
    found = find(list, n, "a", 7);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->edge, 0xffff);
    /* A guest's line has the guest's name. */
    n = authority_connections(&authority, &config, 1, list);
    found = find(list, n, "g", KEEL_PORT_GUEST);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->domain, config_find(&config, "g.devices"));
    found = find(list, n, "builder", KEEL_PORT_STDIO);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->edge, 0xffff);
    ck_assert_ptr_nonnull(find(list, n, "builder", KEEL_PORT_SUPERVISOR));
    /* The scheduler knows everybody's name, and nothing else of them. */
    n = authority_connections(&authority, &config, 2, list);
    found = find(list, n, "g", 0);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->rights, 0);
    /* Emulation: each window's edge leads to the guest. */
    n = authority_connections(&authority, &config, config_find(&config, "g.devices"), list);
    ck_assert_uint_ge(n, 5);
    ck_assert_str_eq(list[0].name, "g");
    ck_assert(list[0].rights & KEEL_RIGHT_INTERRUPT);
    /* Who may audit knows everybody's name, too; who may do something else does not. */
    ck_assert(derive(SERVICE("t", "rights { self { allow = \"audit\"; }; };")
                         SERVICE("u", "rights { self { allow = \"system\"; }; };") GUEST("g", "")));
    n = authority_connections(&authority, &config, config_find(&config, "t"), list);
    found = find(list, n, "g", 0);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->edge, 0xffff);
    ck_assert_ptr_nonnull(find(list, n, "u", 0));
    n = authority_connections(&authority, &config, config_find(&config, "u"), list);
    ck_assert_uint_eq(n, 0);
}
END_TEST

/* Every SEND has a RECEIVE for it, also for the port it comes from: the kernel checks both. */
START_TEST(test_sends_have_receivers)
{
    ck_assert(derive(SERVICE("console", "") SERVICE("a", "uses = \"s\", \"builder\";")
                         SERVICE("s", "provides = <7>;") GUEST("g", "uses = \"s\";")));
    for (uint16_t id = 0; id < config.ndomains; id++)
        for (uint32_t i = 0; i < authority.nedges[id]; i++) {
            const struct authority_edge *edge = &authority.edge[id][i];
            bool there = false, here = false;

            if (!(edge->edge.rights & KEEL_RIGHT_SEND))
                continue;
            for (uint32_t j = 0; j < KEEL_EDGES_MAX; j++) {
                const struct keel_edge *to = &authority.edge[edge->edge.target][j].edge;
                const struct keel_edge *from = &authority.edge[id][j].edge;

                there |= (to->rights & KEEL_RIGHT_RECEIVE) && to->port == edge->edge.port;
                here |= (from->rights & KEEL_RIGHT_RECEIVE) && from->port == edge->source;
            }
            ck_assert_msg(there, "%s sends to a port that is not received at",
                          config.domain[id].name);
            ck_assert_msg(here, "%s sends from a port of others (%x)", config.domain[id].name,
                          edge->source);
        }
}
END_TEST

static void refused(const char *body, const char *message)
{
    ck_assert(!derive(body));
    ck_assert_str_eq(told.text, message);
}

START_TEST(test_limits)
{
    static char body[1 << 16];
    size_t used = 0;

    refused(SERVICE("a", "rights { g { allow = \"serve\"; memory = <0 0x9000000 0 0x1000>; }; };")
                GUEST("g", ""),
            "/a/rights/g: memory: 0x9000000 of \"g\" is served by \"g.devices\" too, expected one "
            "service for each address");
    refused(GUEST("g", "") SERVICE("a", "rights { g { allow = \"serve\"; "
                                        "memory = <0 0x9000000 0 0x1000>; }; };"),
            "/a/rights/g: memory: 0x9000000 of \"g\" is served by \"g.devices\" too, expected one "
            "service for each address");
    refused(SERVICE("a", "rights { g { allow = \"calls\"; }; };") GUEST("g", ""),
            "/a/rights/g: allow: calls of \"g\" are answered by \"g.devices\" too, expected one "
            "service");
    used += (size_t)snprintf(body, sizeof body,
                             "console { compatible = \"keel,service\"; "
                             "image = \"i\"; "
                             "devices = \"serial0\"; };");
    for (int i = 0; i < 30; i++)
        used += (size_t)snprintf(body + used, sizeof body - used,
                                 "g%d { compatible = \"keel,guest\"; kernel = \"k\"; "
                                 "memory = \"2M\"; };\n",
                                 i);
    ck_assert(!derive(body));
    ck_assert_ptr_nonnull(
        strstr(told.text, "/console: needs more than 64 edges, expected fewer relations"));
}
END_TEST

/* More ranges of devices than the kernel has room for. */
START_TEST(test_too_many_devices)
{
    static char source[1 << 16], body[1 << 16];
    struct config_platform platform;
    size_t used, bytes;

    used = (size_t)snprintf(
        source, sizeof source,
        "/dts-v1/; / { compatible = \"linux,dummy-virt\"; #address-cells = <1>;"
        "#size-cells = <1>; cpus { cpu { device_type = \"cpu\"; }; };"
        "memory@80000000 { device_type = \"memory\"; reg = <0x80000000 0x40000000>; };");
    for (int i = 0; i < 17 * 8; i++)
        used += (size_t)snprintf(source + used, sizeof source - used,
                                 "d%d { reg = <0x%x 0x1000>; };\n", i, 0x10000000 + i * 0x1000);
    snprintf(source + used, sizeof source - used, "};");
    void *tree = tree_compile(source, &bytes);
    told_begin(&told);
    ck_assert(config_platform_read(&platform, tree, bytes, &told.report));

    used = 0;
    for (int i = 0; i < 17; i++) {
        used +=
            (size_t)snprintf(body + used, sizeof body - used,
                             "s%d { compatible = \"keel,service\"; image = \"i\"; devices = ", i);
        for (int n = 0; n < 8; n++)
            used += (size_t)snprintf(body + used, sizeof body - used, "\"/d%d\"%s", i * 8 + n,
                                     n < 7 ? ", " : "; };\n");
    }
    void *system = system_compile(body, &bytes);
    ck_assert_msg(config_read(&config, system, bytes, &platform, &told.report), "%s", told.text);
    ck_assert(!authority_derive(&authority, &config, &told.report));
    ck_assert_str_eq(told.text,
                     "/s16: devices: brings the ranges of registers and interrupts above "
                     "128, expected fewer in all");
    free(system);
    free(tree);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_authority");
    TCase *tcase = tcase_create("authority");

    tcase_add_test(tcase, test_nothing_is_routed_unless_stated);
    tcase_add_test(tcase, test_guest_and_its_emulation);
    tcase_add_test(tcase, test_console);
    tcase_add_test(tcase, test_uses_and_sends);
    tcase_add_test(tcase, test_pass_through);
    tcase_add_test(tcase, test_scheduler_and_rights);
    tcase_add_test(tcase, test_groups);
    tcase_add_test(tcase, test_builder_keeps_only_supervision);
    tcase_add_test(tcase, test_connections);
    tcase_add_test(tcase, test_sends_have_receivers);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_too_many_devices);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
