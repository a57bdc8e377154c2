/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a configuration: defaults, every property, and one clear message for each mistake. */
#include "config_trees.h"
#include "suite.h"

#include <check.h>
#include <keel/edge.h>
#include <keel/machine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE(name, body) name " { compatible = \"keel,service\"; image = \"i\"; " body " };\n"
#define GUEST(name, body) \
    name " { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"64M\"; " body " };\n"

#define SCHEDULER(name, body) SERVICE(name, "role = \"scheduler\"; " body)
#define NULLED(name, body)                                                                          \
    name                                                                                            \
        " { compatible = \"keel,service\"; image = \"scheduler-null\"; role = \"scheduler\"; " body \
        " };\n"

static struct config config;
static struct told told;
static void *tree;

static bool read_tree(void *new_tree, size_t bytes)
{
    free(tree);
    tree = new_tree;
    told_begin(&told);
    return config_read(&config, tree, bytes, test_platform(), &told.report);
}

static bool read_body(const char *body)
{
    size_t bytes;
    void *new_tree = system_compile(body, &bytes);

    return read_tree(new_tree, bytes);
}

/* The domain `name` of an accepted system. */
static const struct config_domain *accepted(const char *body, const char *name)
{
    ck_assert_msg(read_body(body), "refused: %s", told.text);
    ck_assert_str_eq(told.text, "");
    uint16_t id = config_find(&config, name);
    ck_assert_uint_ne(id, CONFIG_NONE);
    return &config.domain[id];
}

/* The system is refused with exactly this. */
static void refused(const char *body, const char *message)
{
    ck_assert_msg(!read_body(body), "accepted, expected: %s", message);
    ck_assert_str_eq(told.text, message);
}

START_TEST(test_ids_are_in_the_order_of_nodes)
{
    ck_assert(read_body(SERVICE("a", "") GUEST("g", "") SERVICE("b", "")));
    ck_assert_uint_eq(config.ndomains, 5);
    ck_assert_str_eq(config.domain[0].name, "builder");
    ck_assert_str_eq(config.domain[1].name, "a");
    ck_assert_str_eq(config.domain[2].name, "g");
    ck_assert_str_eq(config.domain[3].name, "g.devices");
    ck_assert_uint_eq(config.domain[3].pair, 2);
    ck_assert_uint_eq(config.domain[2].pair, 3);
    ck_assert_str_eq(config.domain[4].name, "b");
}
END_TEST

START_TEST(test_service_defaults)
{
    const struct config_domain *d = accepted(SERVICE("a", ""), "a");

    ck_assert_int_eq(d->kind, CONFIG_SERVICE);
    ck_assert_int_eq(d->role, CONFIG_ROLE_NONE);
    ck_assert_uint_eq(d->memory, 1 << 20);
    ck_assert_uint_eq(d->cpus, 3);
    ck_assert_uint_eq(d->vcpus, 1);
    ck_assert_uint_eq(d->kernel_pages, 32);
    ck_assert_uint_eq(d->restart.limit, 10);
    ck_assert_int_eq(d->restart.then, CONFIG_THEN_STOP);
    ck_assert(d->console && !d->fp && !d->later);
    ck_assert_uint_eq(d->nargs + d->nuses + d->nrights + d->nprovides + d->ndevices, 0);
    ck_assert_uint_eq(accepted(SERVICE("a", "provides = <1 2 3>;") GUEST("g", "uses = \"a:1\";"
                                                                              "provides = <4>;"),
                               "g")
                          ->kernel_pages,
                      32 + 4);
    ck_assert_uint_eq(config.domain[1].kernel_pages, 32 + 6);
}
END_TEST

START_TEST(test_guest_defaults)
{
    const struct config_domain *d = accepted(GUEST("g", ""), "g");
    const struct config_domain *e = &config.domain[d->pair];

    ck_assert_int_eq(d->kind, CONFIG_GUEST);
    ck_assert_str_eq(d->image, "k");
    ck_assert_ptr_null(d->ramdisk);
    ck_assert_uint_eq(d->vcpus, 1);
    ck_assert_uint_eq(d->spis, 32);
    ck_assert_int_eq(e->kind, CONFIG_EMULATION);
    ck_assert_str_eq(e->image, "devices");
    ck_assert_uint_eq(e->nargs, 3);
    ck_assert_mem_eq(e->args, "guest=g\0vcpus=1\0spis=32", 24);
}
END_TEST

START_TEST(test_every_property)
{
    const struct config_domain *d = accepted(
        SERVICE("a", "args = \"x=1\", \"y\"; memory = \"1M\"; cpu-affinity = <1>; provides = <7 8>;"
                     "uses = \"b\"; sends = \"b:9\"; devices = \"serial0\"; console = \"none\"; fp;"
                     "start = \"later\"; deadline-ms = <50>; reserve = <100 10000 500>;"
                     "starving-ms = <0>; limits-fall;"
                     "restart { limit = <3>; backoff-ms = <20>; then = \"halt\"; };"
                     "quota { kernel-memory = \"64K\"; starving = <3>; };")
            SERVICE("b", "provides = <9>;"),
        "a");

    ck_assert_uint_eq(d->nargs, 2);
    ck_assert_mem_eq(d->args, "x=1\0y", 6);
    ck_assert_uint_eq(d->memory, 1 << 20);
    ck_assert_uint_eq(d->cpus, 2);
    ck_assert_uint_eq(d->nprovides, 2);
    ck_assert_uint_eq(d->provides[1], 8);
    ck_assert_uint_eq(d->nuses, 2);
    ck_assert_uint_eq(d->uses[0].port, 9);
    ck_assert(!d->uses[0].one_way && d->uses[1].one_way);
    ck_assert_uint_eq(d->devices[0].region[0].address, 0x9000000);
    ck_assert_uint_eq(d->devices[0].irq[0].intid, 33);
    ck_assert(!d->console && d->fp && d->later);
    ck_assert_uint_eq(d->deadline_ms, 50);
    ck_assert_uint_eq(d->reserve_budget_us, 100);
    ck_assert_uint_eq(d->reserve_delay_us, 500);
    ck_assert_uint_eq(d->starving_ms, 0);
    ck_assert(d->limits_fall);
    ck_assert_uint_eq(d->starving_max, 3);
    ck_assert_uint_eq(d->restart.limit, 3);
    ck_assert_uint_eq(d->restart.backoff_ms, 20);
    ck_assert_int_eq(d->restart.then, CONFIG_THEN_HALT);
    ck_assert_uint_eq(d->kernel_pages, 16);
}
END_TEST

START_TEST(test_every_property_of_a_guest)
{
    const struct config_domain *d =
        accepted("g { compatible = \"keel,guest\"; kernel = \"linux\"; ramdisk = \"r\";"
                 "bootargs = \"console=ttyAMA0\"; memory = \"25%\"; cpus = <4>;"
                 "emulation { image = \"mine\"; args = \"a\"; memory = \"1M\"; }; };",
                 "g");

    ck_assert_str_eq(d->bootargs, "console=ttyAMA0");
    ck_assert_str_eq(d->ramdisk, "r");
    ck_assert_uint_eq(d->memory, 256 << 20);
    ck_assert_uint_eq(d->vcpus, 4);
    ck_assert_str_eq(config.domain[d->pair].image, "mine");
    ck_assert_uint_eq(config.domain[d->pair].memory, 1 << 20);
    ck_assert_mem_eq(config.domain[d->pair].args, "guest=g\0vcpus=4\0spis=32\0a", 26);
}
END_TEST

START_TEST(test_roles)
{
    accepted(SERVICE("console", "") SERVICE("scheduler", ""), "console");
    ck_assert_uint_eq(config.console, 1);
    ck_assert_uint_eq(config.scheduler, 2);
    ck_assert_uint_eq(config.domain[2].reserve_period_us, 10000);
    accepted(SERVICE("console", "role = \"none\";") SERVICE("tty", "role = \"console\";"), "tty");
    ck_assert_uint_eq(config.console, 2);
    ck_assert_uint_eq(config.scheduler, CONFIG_NONE);
    /* Of several schedulers one starts at boot; each has the reserve, of which one is in use. */
    accepted(SERVICE("x", "role = \"scheduler\"; start = \"later\"; reserve = <150 1000>;")
                 SERVICE("y", "role = \"scheduler\";")
                     SERVICE("z", "role = \"scheduler\"; start = \"later\";")
                         SERVICE("a", "reserve = <50 1000>;"),
             "y");
    ck_assert_uint_eq(config.scheduler, 2);
    for (uint32_t id = 1; id <= 3; id++) {
        ck_assert_int_eq(config.domain[id].role, CONFIG_ROLE_SCHEDULER);
        ck_assert_uint_eq(config.domain[id].reserve_period_us, id == 1 ? 1000 : 10000);
        ck_assert_uint_eq(config.domain[id].reserve_delay_us, id == 1 ? 0 : 20000);
    }
}
END_TEST

/* CPUs 0 and 1, each with a scheduler. */
START_TEST(test_groups)
{
    accepted(SCHEDULER("x", "schedules = <0>;") SCHEDULER("y", "schedules = <1>;")
                 SCHEDULER("z", "schedules = <1>; start = \"later\"; cpu-affinity = <0 1>;")
                     GUEST("g", "cpu-affinity = <1>;") SERVICE("a", ""),
             "g");
    ck_assert_uint_eq(config.scheduler, 1);
    ck_assert_uint_eq(config.domain[1].schedules, 1);
    ck_assert_uint_eq(config.domain[1].cpus, 1);
    ck_assert_uint_eq(config.domain[2].schedules, 2);
    ck_assert_uint_eq(config.domain[2].cpus, 2);
    ck_assert_uint_eq(config.domain[3].schedules, 2);
    ck_assert_uint_eq(config.domain[3].cpus, 3);
    /* A guest's devices service and the builder stay in a group, too; other services run everywhere. */
    ck_assert_uint_eq(config.domain[config_find(&config, "g.devices")].cpus, 2);
    ck_assert_uint_eq(config.domain[0].cpus, 1);
    ck_assert_uint_eq(config.domain[config_find(&config, "a")].cpus, 3);
    /* CPUs that nobody plans are a group; there may be no more than those that start later. */
    accepted(SCHEDULER("x", "schedules = <1>; start = \"later\";") GUEST("g", "cpu-affinity = <0>;")
                 GUEST("h", "cpu-affinity = <1>; emulation { cpu-affinity = <0 1>; };"),
             "g");
    ck_assert_uint_eq(config.scheduler, 1);
    ck_assert_uint_eq(config.domain[0].cpus, 1);
    ck_assert_uint_eq(config.domain[config_find(&config, "g.devices")].cpus, 1);
    ck_assert_uint_eq(config.domain[config_find(&config, "h.devices")].cpus, 3);
    /* Without groups nothing is narrower than the machine. */
    accepted(SCHEDULER("x", "") GUEST("g", "cpu-affinity = <1>;"), "g");
    ck_assert_uint_eq(config.domain[0].cpus, 3);
    ck_assert_uint_eq(config.domain[1].schedules, 3);
    ck_assert_uint_eq(config.domain[config_find(&config, "g.devices")].cpus, 3);
    /* Reserves of schedulers of two groups come together where both run; of one group one is in use. */
    accepted(SCHEDULER("x", "schedules = <0>; reserve = <100 1000>;")
                 SCHEDULER("y", "schedules = <1>; reserve = <150 1000>; start = \"later\";")
                     SCHEDULER("z", "schedules = <1>; reserve = <100 1000>; cpu-affinity = <0 1>;"),
             "x");
}
END_TEST

/* Each vCPU of a guest has a CPU, whatever the order in which they are found. */
START_TEST(test_null)
{
    accepted(NULLED("n", "") GUEST("g", "cpus = <2>;"), "g");
    accepted(NULLED("n", "") GUEST("g", "") GUEST("h", "cpu-affinity = <0>;"), "g");
    accepted(NULLED("n", "schedules = <1>;") SCHEDULER("x", "schedules = <0>;")
                 GUEST("g", "cpus = <4>; cpu-affinity = <0>;") GUEST("h", "cpu-affinity = <1>;"),
             "g");
}
END_TEST

START_TEST(test_rights)
{
    const struct config_domain *d =
        accepted(SERVICE("m", "rights { g { allow = \"read\", \"stop\";"
                              "memory = <0 0x40000000 0 0x1000>, <0 0x43fff000 1 0>; };"
                              "h { allow = \"read\"; };"
                              "self { allow = \"audit\", \"schedule\"; cpus = <1>; }; };")
                     GUEST("g", "") GUEST("h", ""),
                 "m");

    ck_assert_uint_eq(d->nrights, 4);
    ck_assert_uint_eq(d->rights[0].rights, KEEL_RIGHT_READ | KEEL_RIGHT_STOP);
    ck_assert_uint_eq(d->rights[0].memory_lo, 0x40000000);
    ck_assert_uint_eq(d->rights[0].memory_hi, 0x40000fff);
    /* The second window has no right that needs none. */
    ck_assert_uint_eq(d->rights[1].rights, KEEL_RIGHT_READ);
    ck_assert_uint_eq(d->rights[1].memory_lo, 0x43fff000);
    ck_assert_uint_eq(d->rights[2].memory_hi, UINT64_MAX);
    ck_assert_uint_eq(d->rights[3].target, 1);
    ck_assert_uint_eq(d->rights[3].cpus, 2);
}
END_TEST

START_TEST(test_spis_follow_from_devices_and_rights)
{
    ck_assert_uint_eq(accepted(GUEST("g", "devices = \"/two@b010000\";"), "g")->spis, 64);
    /* Argo's interrupt is free where nobody talks to the guest. */
    accepted(GUEST("g", "") SERVICE("s", "rights { g { allow = \"interrupt\";"
                                         "interrupts = <35 35>; }; };"),
             "g");
    ck_assert_uint_eq(accepted(GUEST("g", "") SERVICE("s", "rights { g { allow = \"interrupt\";"
                                                           "interrupts = <100 130>; }; };"),
                               "g")
                          ->spis,
                      128);
}
END_TEST

START_TEST(test_a_device_may_replace_the_emulated_clock)
{
    const struct config_domain *d = accepted(GUEST("g", "devices = \"/pl031@9010000\";"), "g");

    ck_assert(config_has_device_at(d, KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE));
    ck_assert_mem_eq(config.domain[d->pair].args, "guest=g\0vcpus=1\0spis=32\0rtc=off", 32);
}
END_TEST

/* Each body, and all that is said about it. */
static const struct {
    const char *body, *message;
} mistakes[] = {
    /* names and kinds */
    {"a { image = \"i\"; };",
     "/a: compatible: missing, expected \"keel,service\" or \"keel,guest\""},
    {"a { compatible = \"keel,gest\"; };",
     "/a: compatible: unknown, expected \"keel,service\" or \"keel,guest\""},
    {SERVICE("builder", ""),
     "/builder: cannot be a name, expected 1 to 23 letters, digits, - or _, "
     "and not builder or self"},
    {SERVICE("a@1", ""),
     "/a@1: cannot be a name, expected 1 to 23 letters, digits, - or _, and not "
     "builder or self"},
    {SERVICE("a23456789012345678901234", ""),
     "/a23456789012345678901234: cannot be a name, expected 1 to 23 letters, digits, - or _, and "
     "not builder or self"},
    /* properties and nodes that there are not */
    {SERVICE("a", "imagee = \"x\";"),
     "/a: imagee: unknown property (perhaps \"image\"?), expected one of compatible, image, args, memory, cpu-affinity, "
     "role, schedules, provides, uses, sends, devices, console, fp, start, reserve, deadline-ms, starving-ms, limits-fall"},
    {SERVICE("a", "kernel = \"x\";"),
     "/a: kernel: unknown property, expected one of compatible, image, args, memory, cpu-affinity, "
     "role, schedules, provides, uses, sends, devices, console, fp, start, reserve, deadline-ms, starving-ms, limits-fall"},
    {GUEST("g", "image = \"x\";"),
     "/g: image: unknown property, expected one of compatible, kernel, ramdisk, bootargs, memory, "
     "cpus, cpu-affinity, provides, uses, sends, devices, console, start, starving-ms, limits-fall"},
    {SERVICE("a", "emulation { };"),
     "/a/emulation: unknown node, expected restart, quota or rights"},
    {GUEST("g", "rights { };"), "/g/rights: unknown node, expected restart, quota or emulation"},
    {SERVICE("a", "restart { max = <1>; };"),
     "/a/restart: max: unknown property, expected one of limit, backoff-ms, then"},
    {SERVICE("a", "quotas { };"),
     "/a/quotas: unknown node (perhaps \"quota\"?), expected restart, quota or rights"},
    {SERVICE("a", "restart { more { }; };"), "/a/restart/more: unknown node, expected none"},
    {"color = \"blue\";", "/: color: unknown property, expected one of compatible, platform"},
    /* twice */
    {SERVICE("a", "") SERVICE("a", "fp = <1>;"), "/a: is there twice, expected different names"},
    {SERVICE("a", "fp; fp;"), "/a: fp: is there twice, expected once"},
    {SERVICE("a", "restart { }; restart { limit = \"x\"; };"),
     "/a/restart: is there twice, expected different names"},
    {SERVICE("a", "rights { b { allow = \"stop\"; }; b { allow = \"watch\"; }; };")
         SERVICE("b", ""),
     "/a/rights/b: is there twice, expected different names"},
    /* types */
    {SERVICE("a", "memory = <4>;"), "/a: memory: not text, expected a string in quotation marks"},
    {SERVICE("a", "memory;"), "/a: memory: not text, expected a string in quotation marks"},
    {SERVICE("a", "args = \"\";"), "/a: args: not text, expected a string in quotation marks"},
    {SERVICE("a", "memory = \"1M\", \"2M\";"), "/a: memory: several strings, expected one"},
    {SERVICE("a", "deadline-ms = \"soon\";"),
     "/a: deadline-ms: not numbers, expected cells in angle brackets, like <1>"},
    {SERVICE("a", "deadline-ms = <1 2>;"), "/a: deadline-ms: several numbers, expected one"},
    {SERVICE("a", "deadline-ms = <60001>;"),
     "/a: deadline-ms: 60001 is out of range, expected 0 to 60000"},
    {SERVICE("a", "fp = <1>;"), "/a: fp: has a value, expected none"},
    {SERVICE("a", "start = \"never\";"),
     "/a: start: \"never\" is unknown, expected one of \"boot\", \"later\""},
    {SERVICE("a", "starving-ms = <99>;"),
     "/a: starving-ms: 99 is out of range, expected 0 or 100 to 10000"},
    {GUEST("g", "starving-ms = <10001>;"),
     "/g: starving-ms: 10001 is out of range, expected 0 or 100 to 10000"},
    {SERVICE("a", "limits-fall = <1>;"), "/a: limits-fall: has a value, expected none"},
    {SERVICE("a", "reserve = <1>;"),
     "/a: reserve: not <budget period> or <budget period delay>, expected microseconds: a budget "
     "from 10, a period from 100 to 1000000, a delay up to 1000000"},
    {SERVICE("a", "reserve = <100 10000 1000001>;"),
     "/a: reserve: not <budget period> or <budget period delay>, expected microseconds: a budget "
     "from 10, a period from 100 to 1000000, a delay up to 1000000"},
    /* memory */
    {SERVICE("a", "memory = \"64\";"),
     "/a: memory: \"64\": a unit (B, K, M, G, T or %) is missing, expected a size like 64M, 10% or "
     "1G+10%"},
    {SERVICE("a", "memory = \"5000B\";"),
     "/a: memory: \"5000B\" is not a multiple of 4K, expected one above 0"},
    {SERVICE("a", "memory = \"32K\";"), "/a: memory: too small, expected at least 64K"},
    {SERVICE("a", "memory = \"1G\";"), "/a: memory: too large, expected at most 512M"},
    {"g { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"3M\"; };",
     "/g: memory: \"3M\" is not a multiple of 2M, expected one above 0"},
    {"g { compatible = \"keel,guest\"; kernel = \"k\"; };",
     "/g: memory: missing, expected a size like 512M"},
    {"g { compatible = \"keel,guest\"; memory = \"2M\"; };",
     "/g: kernel: missing, expected the name of a bundle entry"},
    {"a { compatible = \"keel,service\"; };",
     "/a: image: missing, expected the name of a bundle entry"},
    {"g { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"1G\"; };",
     "/g: memory: 1048708K asked for with 1030144K left of the platform's 1024M, expected less in "
     "all"},
    {"g { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"600M\"; };"
     "h { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"600M\"; };",
     "/h: memory: 614528K asked for with 414464K left of the platform's 1024M, expected less in all"},
    {SERVICE("a", "quota { kernel-memory = \"4K\"; };"),
     "/a/quota: kernel-memory: out of range, expected 32K to 2M"},
    /* CPUs */
    {GUEST("g", "cpus = <17>;"), "/g: cpus: 17 is out of range, expected 1 to 16"},
    {GUEST("g", "cpu-affinity = <0 2>;"), "/g: cpu-affinity: there is no CPU 2, expected 0 to 1"},
    {GUEST("g", "emulation { cpu-affinity = <0>; };"),
     "/g/emulation: cpu-affinity: lacks CPU 1 of \"g\", which waits for it, expected all CPUs of "
     "its clients"},
    {SERVICE("a", "uses = \"b\";") SERVICE("b", "provides = <1>; cpu-affinity = <1>;"),
     "/b: cpu-affinity: lacks CPU 0 of \"a\", which waits for it, expected all CPUs of its clients"},
    {GUEST("g", "cpu-affinity = <1>;")
         SERVICE("a", "cpu-affinity = <0>; rights { g { allow = \"serve\"; memory = <0 0xa000000 "
                      "0 0x1000>; }; };"),
     "/a: cpu-affinity: lacks CPU 1 of \"g\", which waits for it, expected all CPUs of its clients"},
    {SERVICE("a", "reserve = <150 1000>;") SERVICE("b", "reserve = <100 1000>;"),
     "/b: reserve: brings the reserves on CPU 0 above 20%, expected less in all"},
    /* relations */
    {SERVICE("a", "uses = \"b\";"),
     "/a: uses: there is no \"b\", expected the name of a service or guest"},
    {SERVICE("a", "uses = \"logger\";") SERVICE("loger", "provides = <1>;"),
     "/a: uses: there is no \"logger\" (perhaps \"loger\"?), expected the name of a service or guest"},
    {SERVICE("a", "uses = \"b\";") SERVICE("b", ""),
     "/a: uses: \"b\" provides 0 ports, expected \"b:PORT\""},
    {SERVICE("a", "uses = \"b\";") SERVICE("b", "provides = <1 2>;"),
     "/a: uses: \"b\" provides 2 ports, expected \"b:PORT\""},
    {SERVICE("a", "uses = \"b:3\";") SERVICE("b", "provides = <1 2>;"),
     "/a: uses: \"b\" does not provide port 3, expected one of its `provides`"},
    {SERVICE("a", "uses = \"b:x\";") SERVICE("b", "provides = <1>;"),
     "/a: uses: \"b:x\": bad port, expected NAME:PORT with PORT 1 to 65535"},
    {SERVICE("a", "uses = \"a\"; provides = <1>;"),
     "/a: uses: names the domain itself, expected another one"},
    {SERVICE("a", "uses = \"b\"; provides = <1>;") SERVICE("b", "uses = \"a\"; provides = <1>;"),
     "/a: uses: waits for itself (a -> b -> a), expected no circle (`sends` expects no answer)"},
    {SERVICE("z", "uses = \"a\";") SERVICE("a", "uses = \"b\"; provides = <1>;") SERVICE(
         "b", "uses = \"c\"; provides = <1>;") SERVICE("c", "uses = \"a\"; provides = <1>;"),
     "/a: uses: waits for itself (a -> b -> c -> a), expected no circle (`sends` expects no answer)"},
    {GUEST("g", "provides = <1>; emulation { uses = \"g\"; };"),
     "/g: waits for itself (g -> g.devices -> g), expected no circle (`sends` expects no answer)"},
    {SERVICE("a", "provides = <0>;"), "/a: provides: port 0 is out of range, expected 1 to 65535"},
    {SERVICE("a", "provides = <5 5>;"),
     "/a: provides: port 5 is there twice, expected different ports"},
    {SERVICE("a", "role = \"console\";") SERVICE("b", "role = \"console\";"),
     "/b: role: \"a\" has the same role, expected one service with it"},
    {SERVICE("a", "role = \"scheduler\";") SERVICE("b", "role = \"scheduler\";"),
     "/b: role: \"a\" has the same role, expected one service with it that starts at boot"},
    {SERVICE("a", "role = \"console\";") SERVICE("b", "role = \"console\"; start = \"later\";"),
     "/b: role: \"a\" has the same role, expected one service with it"},
    {SERVICE("a", "role = \"scheduler\"; reserve = <150 1000>; start = \"later\";")
         SERVICE("b", "reserve = <100 1000>;"),
     "/b: reserve: brings the reserves on CPU 0 above 20%, expected less in all"},
    /* groups of CPUs */
    {SCHEDULER("a", "schedules = <0 1>;") SCHEDULER("b", "schedules = <1>;"),
     "/b: schedules: CPU 1 is planned by \"a\", expected the same CPUs as there, <0 1>, or others"},
    {SCHEDULER("a", "schedules = <0>;") SCHEDULER("b", "start = \"later\";"),
     "/b: schedules: CPU 0 is planned by \"a\", expected the same CPUs as there, <0>, or others"},
    {SCHEDULER("a", "schedules = <0>;") SCHEDULER("b", "schedules = <0>;"),
     "/b: role: \"a\" has the same role for the same CPUs, expected one service with it that starts at boot"},
    {SCHEDULER("a", "schedules = <2>;"), "/a: schedules: there is no CPU 2, expected 0 to 1"},
    {SERVICE("a", "schedules = <1>;"),
     "/a: schedules: is for who has the role \"scheduler\", expected that or none"},
    {SCHEDULER("a", "schedules = <0>;") SCHEDULER("b", "schedules = <1>;") GUEST("g", ""),
     "/g: cpu-affinity: CPU 0 is planned by \"a\", and CPU 1 by \"b\", expected CPUs of one of them"},
    {SCHEDULER("a", "schedules = <1>;") GUEST("g", "cpu-affinity = <0 1>;"),
     "/g: cpu-affinity: CPU 0 is planned by no scheduler, and CPU 1 by \"a\", expected CPUs of one of them"},
    {SCHEDULER("a", "schedules = <0>; rights { self { allow = \"schedule\"; cpus = <1>; }; };"),
     "/a/rights/self: allow: \"a\" plans by its role, expected `schedule` for CPUs without a scheduler"},
    {SCHEDULER("a", "schedules = <0>;") SERVICE("b", "rights { self { allow = \"schedule\"; }; };"),
     "/b/rights/self: allow: \"a\" plans by its role, expected `schedule` for CPUs without a scheduler"},
    {NULLED("n", "") GUEST("g", "cpu-affinity = <1>;") GUEST("h", "cpus = <2>;"),
     "/h: cpus: no CPU is left for virtual CPU 1: \"n\" (scheduler-null) gives each its own, "
     "expected fewer, or more CPUs"},
    {NULLED("n", "schedules = <1>;") GUEST("g", "cpu-affinity = <1>; cpus = <2>;")
         GUEST("h", "cpus = <9>; cpu-affinity = <0>;"),
     "/g: cpus: no CPU is left for virtual CPU 1: \"n\" (scheduler-null) gives each its own, "
     "expected fewer, or more CPUs"},
    {SCHEDULER("a", "schedules = <0>; reserve = <150 1000>;")
         SCHEDULER("b", "schedules = <1>; reserve = <100 1000>; cpu-affinity = <0 1>;"),
     "/b: reserve: brings the reserves on CPU 0 above 20%, expected less in all"},
    /* rights */
    {SERVICE("a", "rights { g { allow = \"read\"; }; };"),
     "/a/rights/g: there is no \"g\", expected the name of a service or guest, or self"},
    {SERVICE("a", "rights { b { }; };") SERVICE("b", ""),
     "/a/rights/b: allow: missing, expected rights"},
    {SERVICE("a", "rights { b { allow = \"build\"; }; };") SERVICE("b", ""),
     "/a/rights/b: allow: \"build\" is unknown, expected read, write, serve, calls, interrupt, "
     "vcpu, stop, watch or registers"},
    {SERVICE("a", "rights { b { allow = \"wacth\"; }; };") SERVICE("b", ""),
     "/a/rights/b: allow: \"wacth\" is unknown (perhaps \"watch\"?), expected read, write, serve, "
     "calls, interrupt, vcpu, stop, watch or registers"},
    {SERVICE("a", "rights { self { allow = \"read\"; }; };"),
     "/a/rights/self: allow: \"read\" is unknown, expected schedule, audit or system"},
    {SERVICE("a", "rights { g { allow = \"serve\"; }; };") GUEST("g", ""),
     "/a/rights/g: memory: missing, expected the window of addresses to serve"},
    {SERVICE("a", "rights { g { allow = \"interrupt\"; }; };") GUEST("g", ""),
     "/a/rights/g: interrupts: missing, expected the range <first last>"},
    {SERVICE("a", "rights { b { allow = \"interrupt\"; interrupts = <40 41>; }; };")
         SERVICE("b", ""),
     "/a/rights/b: allow: \"b\" is a service, expected serve, calls and interrupt with guests only"},
    {SERVICE("a", "rights { builder { allow = \"write\"; }; a { allow = \"stop\"; }; };"),
     "/a/rights/builder: nobody has such rights over the builder, or over itself by its name, "
     "expected another service or guest, or self\n"
     "/a/rights/a: nobody has such rights over the builder, or over itself by its name, "
     "expected another service or guest, or self"},
    {SERVICE("a", "rights { g { allow = \"read\"; memory = <0 0x10000000 0 0x1000>; }; };")
         GUEST("g", ""),
     "/a/rights/g: memory: window 0x10000000-0x10000fff has no memory of \"g\" in it, expected one "
     "from 0x40000000 on"},
    {SERVICE("a", "rights { g { allow = \"serve\"; memory = <0 0x3ffff000 0 0x2000>; }; };")
         GUEST("g", ""),
     "/a/rights/g: memory: window 0x3ffff000-0x40000fff overlaps the memory of \"g\", which "
     "answers by itself, expected addresses with neither memory nor devices"},
    {SERVICE("a", "rights { g { allow = \"serve\"; memory = <0 0xb010000 0 0x1000>; }; };")
         GUEST("g", "devices = \"/two@b010000\";"),
     "/a/rights/g: memory: window 0xb010000-0xb010fff overlaps a device of \"g\", which answers by "
     "itself, expected addresses with neither memory nor devices"},
    {SERVICE("a", "rights { g { allow = \"interrupt\"; interrupts = <32 40>; }; };") GUEST("g", ""),
     "/a/rights/g: interrupts: interrupt 33 of \"g\" is that of an emulated device, expected others"},
    {SERVICE("a", "provides = <7>; rights { g { allow = \"interrupt\"; interrupts = <35 35>; }; };")
         GUEST("g", "sends = \"a\";"),
     "/a/rights/g: interrupts: interrupt 35 of \"g\" is Argo's, by which its messages come, "
     "expected others"},
    {SERVICE("a", "sends = \"g\"; rights { g { allow = \"interrupt\"; interrupts = <35 35>; }; };")
         GUEST("g", "provides = <7>;"),
     "/a/rights/g: interrupts: interrupt 35 of \"g\" is Argo's, by which its messages come, "
     "expected others"},
    {SERVICE("a", "rights { g { allow = \"interrupt\"; interrupts = <70 80>; }; };")
         GUEST("g", "devices = \"/two@b010000\";"),
     "/a/rights/g: interrupts: interrupt 72 of \"g\" is that of its \"two@b010000\", expected "
     "others\n"
     "/a/rights/g: interrupts: interrupt 73 of \"g\" is that of its \"two@b010000\", expected "
     "others"},
    {SERVICE("a", "rights { g { allow = \"interrupt\"; interrupts = <70 80>; }; };") SERVICE(
         "b", "rights { g { allow = \"interrupt\"; interrupts = <80 90>; }; };") GUEST("g", ""),
     "/b/rights/g: interrupts: interrupt 80 of \"g\" is raised by \"a\" too, expected one service "
     "for each"},
    {SERVICE("a", "rights { b { allow = \"read\"; memory = <0 0x1000>; }; };") SERVICE("b", ""),
     "/a/rights/b: memory: 2 cells, expected four a window: <address-high address-low size-high "
     "size-low>"},
    {SERVICE("a", "rights { b { allow = \"read\"; memory = <0 0x800 0 0x1000>; }; };")
         SERVICE("b", ""),
     "/a/rights/b: memory: window 0x800, 0x1000: expected whole pages of 4K"},
    {SERVICE("a", "rights { b { allow = \"read\"; memory = <0xffffffff 0xfffff000 0 0x2000>; }; };")
         SERVICE("b", ""),
     "/a/rights/b: memory: window 0xfffffffffffff000, 0x2000: expected whole pages of 4K"},
    {SERVICE("a", "rights { g { allow = \"interrupt\"; interrupts = <5 256>; }; };") GUEST("g", ""),
     "/a/rights/g: interrupts: not a range, expected <first last> with last at most 255"},
    /* devices */
    {SERVICE("a", "devices = \"/nothing\";"),
     "/a: devices: \"/nothing\" is not in the platform's device tree, expected path or alias of a "
     "device with registers and interrupts"},
    {SERVICE("a", "devices = \"/intc@8000000\";"),
     "/a: devices: \"/intc@8000000\" belongs to the kernel, expected path or alias of a device with "
     "registers and interrupts"},
    {SERVICE("a", "devices = \"serial0\";") SERVICE("b", "devices = \"/pl011@9000000\";"),
     "/b: devices: \"pl011@9000000\" belongs to \"a\" too, expected one owner"},
    {SERVICE("a", "devices = \"serial0\", \"/pl011@9000000\";"),
     "/a: devices: \"pl011@9000000\" is there twice, expected once"},
    {SERVICE("a", "devices = \"/virtio_mmio@a000000\";")
         SERVICE("b", "devices = \"/virtio_mmio@a000200\";"),
     "/b: devices: \"virtio_mmio@a000200\" shares a page or an interrupt with "
     "\"virtio_mmio@a000000\" of \"a\", expected one owner of both"},
    {GUEST(
         "g",
         "devices = \"/low@50000000\";") "h { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"512M\"; "
                                         "devices = \"/low@50000000\"; };",
     "/h: devices: \"low@50000000\" belongs to \"g\" too, expected one owner\n"
     "/h: devices: lies where the guest's memory is, expected a device elsewhere"},
    {GUEST("g", "devices = \"/far@8000000000\";"),
     "/g: devices: lies beyond the 512G of addresses that a guest has, expected a device below"},
    {SERVICE("a", "devices = \"/ram@90000000\";"),
     "/a: devices: \"/ram@90000000\" lies between the first and the last address of the platform's "
     "memory, expected path or alias of a device with registers and interrupts"},
    {SERVICE("a", "devices = \"/beside@8000800\";"),
     "/a: devices: \"/beside@8000800\" shares a page with a device that belongs to the kernel, "
     "expected path or alias of a device with registers and interrupts"},
    /* files */
    {"a { compatible = \"keel,service\"; image = \"bin/a\"; };",
     "/a: image: \"bin/a\" is a path, expected the name of a file in the bundle"},
    /* everything is said, in the order of the nodes */
    {SERVICE("a", "colour = <1>; memory = <1>;") GUEST("g", "cpus = <0>;"),
     "/a: colour: unknown property, expected one of compatible, image, args, memory, cpu-affinity, "
     "role, schedules, provides, uses, sends, devices, console, fp, start, reserve, deadline-ms, starving-ms, limits-fall\n"
     "/a: memory: not text, expected a string in quotation marks\n"
     "/g: cpus: 0 is out of range, expected 1 to 16"},
};

START_TEST(test_mistake)
{
    refused(mistakes[_i].body, mistakes[_i].message);
}
END_TEST

static void refused_tree(const char *source, const char *message)
{
    size_t bytes;
    void *new_tree = tree_compile(source, &bytes);

    ck_assert(!read_tree(new_tree, bytes));
    ck_assert_str_eq(told.text, message);
}

START_TEST(test_root)
{
    refused_tree("/dts-v1/; / { platform = \"qemu-virt\"; };",
                 "/: compatible: missing, expected \"keel,system\"");
    refused_tree("/dts-v1/; / { compatible = \"linux\"; platform = \"qemu-virt\"; };",
                 "/: compatible: no Keel system, expected \"keel,system\"");
    refused_tree("/dts-v1/; / { compatible = \"keel,system\"; };",
                 "/: platform: missing, expected a name like qemu-virt");
    refused_tree("/dts-v1/; / { compatible = \"keel,system\"; platform = \"pc\"; };",
                 "/: platform: \"pc\" is unknown, expected qemu-virt, qemu-sbsa or zcu102");
    refused_tree("/dts-v1/; / { compatible = \"keel,system\"; platform = \"zcu102\"; };",
                 "/: platform: \"zcu102\" is not this machine, expected the platform that this "
                 "system was written for");
}
END_TEST

START_TEST(test_too_many_domains)
{
    static char body[1 << 16];
    size_t used = 0;

    for (int i = 0; i < 32; i++)
        used += (size_t)snprintf(body + used, sizeof body - used,
                                 "g%d { compatible = \"keel,guest\"; kernel = \"k\"; "
                                 "memory = \"2M\"; };\n",
                                 i);
    refused(body, "/g31: too many domains, expected at most 64, those that are derived included");
}
END_TEST

START_TEST(test_too_many_vcpus)
{
    static char body[1 << 16];
    size_t used = 0;

    for (int i = 0; i < 16; i++)
        used += (size_t)snprintf(body + used, sizeof body - used,
                                 "g%d { compatible = \"keel,guest\"; kernel = \"k\"; "
                                 "memory = \"2M\"; cpus = <16>; };\n",
                                 i);
    /* 1, 15 times 17, and this one's. */
    refused(body, "/g15: cpus: brings the virtual CPUs above 256, with one for each service, "
                  "expected fewer in all");
}
END_TEST

START_TEST(test_too_large)
{
    static char body[1 << 16], bootargs[1000];
    size_t used = 0;

    memset(bootargs, 'x', sizeof bootargs - 1);
    for (int i = 0; i < 31; i++)
        used += (size_t)snprintf(body + used, sizeof body - used,
                                 "g%d { compatible = \"keel,guest\"; kernel = \"k\"; "
                                 "memory = \"2M\"; bootargs = \"%s\"; };\n",
                                 i, bootargs);
    ck_assert(read_body(body));

    size_t bytes;
    void *small = system_compile(body, &bytes);
    uint8_t *large = calloc(1, CONFIG_TREE_MAX + 1);
    memcpy(large, small, bytes);
    free(small);
    ck_assert(read_tree(large, CONFIG_TREE_MAX));
    large = calloc(1, CONFIG_TREE_MAX + 1);
    memcpy(large, tree, bytes);
    ck_assert(!read_tree(large, CONFIG_TREE_MAX + 1));
    ck_assert_str_eq(told.text, "/: 131073 bytes are too many, expected at most 128K");
}
END_TEST

/* Every prefix of a good tree, and the tree with every byte changed: refused or accepted, never
 * read outside (the sanitizers look). */
START_TEST(test_damaged_trees)
{
    size_t bytes;
    uint8_t *good = system_compile(SERVICE("a", "args = \"x\";") GUEST("g", "cpus = <2>;"), &bytes);

    for (size_t n = 0; n < bytes; n += 3) {
        uint8_t *part = malloc(n ? n : 1);
        memcpy(part, good, n);
        told_begin(&told);
        ck_assert(!config_read(&config, part, n, test_platform(), &told.report));
        ck_assert_uint_eq(told.report.errors, 1);
        free(part);
    }
    for (size_t n = 0; n < bytes; n++) {
        uint8_t saved = good[n];
        good[n] ^= (uint8_t)(1 + n % 255);
        told_begin(&told);
        bool ok = config_read(&config, good, bytes, test_platform(), &told.report);
        ck_assert(ok == (told.report.errors == 0));
        for (const char *c = told.text; *c; c++)
            ck_assert(*c == '\n' || (*c >= ' ' && *c <= '~'));
        good[n] = saved;
    }
    free(good);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("read");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_ids_are_in_the_order_of_nodes);
    tcase_add_test(tcase, test_service_defaults);
    tcase_add_test(tcase, test_guest_defaults);
    tcase_add_test(tcase, test_every_property);
    tcase_add_test(tcase, test_every_property_of_a_guest);
    tcase_add_test(tcase, test_roles);
    tcase_add_test(tcase, test_groups);
    tcase_add_test(tcase, test_null);
    tcase_add_test(tcase, test_rights);
    tcase_add_test(tcase, test_spis_follow_from_devices_and_rights);
    tcase_add_test(tcase, test_a_device_may_replace_the_emulated_clock);
    tcase_add_loop_test(tcase, test_mistake, 0, (int)(sizeof mistakes / sizeof mistakes[0]));
    tcase_add_test(tcase, test_root);
    tcase_add_test(tcase, test_too_many_domains);
    tcase_add_test(tcase, test_too_many_vcpus);
    tcase_add_test(tcase, test_too_large);
    tcase_add_test(tcase, test_damaged_trees);
    suite_add_tcase(suite, tcase);

    return suite_run(suite);
}
