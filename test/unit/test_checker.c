/* SPDX-License-Identifier: Apache-2.0 */
/* The host checker's own parts: places in a source, and who can reach whom. */
#include "config_trees.h"
#include "suite.h"

#include <checker/reach.h>
#include <checker/source.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Places. */

static const char places[] =
    "/dts-v1/;\n"
    "\n"
    "/memreserve/\t0x0000000080000000 0x0000000000001000;\n"
    "/ { /* part.dtsi:1:3-5:3, a: b.dts:3:3-40:3, a: b.dts:50:3-52:3 */\n"
    "\tcompatible = \"keel,system\"; /* part.dtsi:2:5-2:32 */\n"
    "\tx = \"/* part.dtsi:9:9-9:9 */ { };\"; /* a: b.dts:4:5-4:9 */\n"
    "\n"
    "\tl: m: a { /* a: b.dts:5:7-9:7, a: b.dts:10:7-12:7, a: b.dts:51:3-51:9, sub/c.dtsi:1:2-3:4 */\n"
    "\t\tfp; /* a: b.dts:6:9-6:11 */\n"
    "\n"
    "\t\trestart { /* a: b.dts:7:9-8:9, a: b.dts:11:9-11:20 */\n"
    "\t\t\tlimit = <0x03>; /* a: b.dts:7:20-7:30 */\n"
    "\t\t}; /* a: b.dts:7:9-8:9, a: b.dts:11:9-11:20 */\n"
    "\t}; /* a: b.dts:5:7-9:7, a: b.dts:10:7-12:7, a: b.dts:51:3-51:9, sub/c.dtsi:1:2-3:4 */\n"
    "\n"
    "\tb { /* a: b.dts:20:5-22:5 */\n"
    "\t}; /* a: b.dts:20:5-22:5 */\n"
    "\n"
    "\tb { /* a: b.dts:23:5-25:5 */\n"
    "\t\tfp; /* a: b.dts:24:5-24:8 */\n"
    "\t}; /* a: b.dts:23:5-25:5 */\n"
    "}; /* part.dtsi:1:3-5:3, a: b.dts:3:3-40:3, a: b.dts:50:3-52:3 */\n";

static struct source source;

static const char *place(const char *node, const char *property)
{
    static char text[64];
    const struct source_span *span = source_find(&source, node, property);

    ck_assert_ptr_nonnull(span);
    snprintf(text, sizeof text, "%.*s:%u", (int)span->length, span->file, span->first_line);
    return text;
}

START_TEST(test_places)
{
    ck_assert(source_read(&source, places, sizeof places - 1));
    ck_assert_str_eq(place("/", NULL), "part.dtsi:1");
    ck_assert_str_eq(place("/", "compatible"), "part.dtsi:2");
    /* A value may look like a place, a file's name may have colons and blanks. */
    ck_assert_str_eq(place("/", "x"), "a: b.dts:4");
    ck_assert_str_eq(place("/a", NULL), "a: b.dts:5");
    ck_assert_str_eq(place("/a", "fp"), "a: b.dts:6");
    ck_assert_str_eq(place("/a/restart", "limit"), "a: b.dts:7");
    /* What is not there is missing in its node, or in the nearest that is there. */
    ck_assert_str_eq(place("/a", "image"), "a: b.dts:5");
    ck_assert_str_eq(place("/a/quota", "kernel-memory"), "a: b.dts:5");
    ck_assert_str_eq(place("/a/rights/b", "allow"), "a: b.dts:5");
    ck_assert_str_eq(place("/c/emulation", NULL), "part.dtsi:1");
    /* Of two with one name the second is the one too many. */
    ck_assert_str_eq(place("/b", NULL), "a: b.dts:23");
    ck_assert_str_eq(place("/b", "fp"), "a: b.dts:24");
    source_free(&source);
}
END_TEST

static void add_twice(void *context, const char *node, const struct source_span *first,
                      const struct source_span *second)
{
    char *text = context;

    sprintf(text + strlen(text), "%s %u %u\n", node, first->first_line, second->first_line);
}

/* Within one pair of braces it is a mistake; elsewhere, or in another file, a continuation. */
START_TEST(test_twice)
{
    char text[200] = "";

    ck_assert(source_read(&source, places, sizeof places - 1));
    source_twice(&source, add_twice, text);
    ck_assert_str_eq(text, "/a 5 10\n");
    source_free(&source);
}
END_TEST

/* Not what dtc writes: refused, and nothing read outside of it. */
START_TEST(test_other_text)
{
    static const char *const bad[] = {
        "",
        "};\n",
        "a { /* x:1:1-1:1 */\n};\n};\n",
        "/ {\n",
        "x = <1>;\n",
        "/ {\n};\n/ {\n};\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bool good = source_read(&source, bad[i], strlen(bad[i]));
        ck_assert_msg(!good, "accepted: %s", bad[i]);
        source_free(&source);
    }
    /* Without places there are none. */
    ck_assert(source_read(&source, "/ {\n\ta;\n};\n", 11));
    ck_assert_ptr_null(source_find(&source, "/", "a"));
    source_free(&source);
}
END_TEST

/* Cut off before its last brace, or with any character changed. */
START_TEST(test_damaged_text)
{
    const size_t bytes = sizeof places - 1;
    const size_t last = (size_t)(strrchr(places, '}') - places);

    for (size_t n = 0; n < bytes; n++) {
        char *part = malloc(bytes);

        ck_assert(n > last || !source_read(&source, places, n));
        source_free(&source);
        memcpy(part, places, bytes);
        part[n] = (char)((uint8_t)part[n] ^ (uint8_t)(1 + n % 255));
        if (source_read(&source, part, bytes))
            (void)source_find(&source, "/a/restart", "limit");
        source_free(&source);
        free(part);
    }
}
END_TEST

/* Reach. */

static struct config config;
static struct authority authority;
static struct reach reach;
static char lines[1 << 16];

static void add_line(void *context, const char *line)
{
    (void)context;
    strcat(lines, line);
    strcat(lines, "\n");
}

static void find(const char *body)
{
    const struct authority_sink sink = {.line = add_line};
    struct told told;
    size_t bytes;
    void *tree = system_compile(body, &bytes);

    told_begin(&told);
    ck_assert_msg(config_read(&config, tree, bytes, test_platform(), &told.report) &&
                      authority_derive(&authority, &config, &told.report),
                  "%s", told.text);
    reach_find(&reach, &authority, config.ndomains);
    lines[0] = '\0';
    reach_print(&reach, &config, &sink);
    free(tree);
}

/* All that is said about one domain. */
static const char *from(const char *name)
{
    static char text[1 << 14];
    size_t length = strlen(name);

    text[0] = '\0';
    for (const char *line = lines; *line; line = strchr(line, '\n') + 1)
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            strncat(text, line, (size_t)(strchr(line, '\n') + 1 - line));
    return text;
}

#define SERVICE(name, body) name " { compatible = \"keel,service\"; image = \"i\"; " body " };\n"
#define GUEST(name, body) \
    name " { compatible = \"keel,guest\"; kernel = \"k\"; memory = \"64M\"; " body " };\n"

START_TEST(test_reach_by_edges)
{
    find(SERVICE("a", "sends = \"b\";") SERVICE("b", "provides = <7>;") GUEST("g", ""));
    ck_assert_str_eq(from("a"), "a -> a: receive,self\n"
                                "a -> b: send\n");
    ck_assert_str_eq(from("b"), "b -> b: receive,self\n");
    ck_assert_str_eq(from("g"), "g -> g.devices: exits\n");
    ck_assert_str_eq(from("g.devices"), "g.devices -> g: serve,calls,interrupt,vcpu,stop,watch\n"
                                        "g.devices -> g.devices: self\n");
}
END_TEST

/* Whoever controls another has its edges, and those of whom that one controls. */
START_TEST(test_reach_by_acting)
{
    find(SERVICE("a", "rights { b { allow = \"registers\"; }; };")
             SERVICE("b", "rights { c { allow = \"write\"; }; };")
                 SERVICE("c", "devices = \"serial0\"; uses = \"d\";")
                     SERVICE("d", "provides = <7>;") SERVICE("e", "rights { a { allow = \"read\", "
                                                                  "\"watch\", \"stop\"; }; };"));
    ck_assert_str_eq(from("a"), "a -> a: self\n"
                                "a -> b: registers\n"
                                "a as b -> b: self\n"
                                "a as b -> c: write\n"
                                "a as c -> c: receive,device,self\n"
                                "a as c -> d: send\n");
    /* To look at somebody, or to end it, is not to act as it. */
    ck_assert_str_eq(from("e"), "e -> a: read,stop,watch\n"
                                "e -> e: self\n");
    ck_assert_str_eq(from("d"), "d -> c: send\n"
                                "d -> d: receive,self\n");
    /* The builder, and only the builder, may act as anybody. */
    ck_assert_ptr_nonnull(strstr(lines, "builder as c -> d: send\n"));
    ck_assert_ptr_nonnull(strstr(lines, "builder as c -> c: receive,device,self\n"));
}
END_TEST

/* A circle of control ends. */
START_TEST(test_reach_in_a_circle)
{
    find(SERVICE("a", "rights { b { allow = \"write\"; }; };")
             SERVICE("b", "rights { a { allow = \"write\"; }; };"));
    ck_assert_str_eq(from("a"), "a -> a: self\n"
                                "a -> b: write\n"
                                "a as b -> b: self\n");
}
END_TEST

/* Others pass on what they get as messages or accesses, by the shortest way. */
START_TEST(test_reach_through)
{
    uint16_t via[KEEL_DOMAINS_MAX];
    uint32_t n;

    find(SERVICE("a", "sends = \"b\";") SERVICE("b", "provides = <7>; sends = \"c\";")
             SERVICE("c", "provides = <7>; rights { d { allow = \"watch\"; }; };")
                 SERVICE("d", "sends = \"e\";") SERVICE("e", "provides = <7>;")
                     GUEST("g", "emulation { sends = \"c\"; };"));
    ck_assert_str_eq(from("a"), "a -> a: receive,self\n"
                                "a -> b: send\n"
                                "a ~> c: through b\n"
                                "a ~> d: through b, c\n");
    ck_assert_str_eq(from("g"), "g -> g.devices: exits\n"
                                "g ~> c: through g.devices\n"
                                "g ~> d: through g.devices, c\n");
    /* c looks at d, but d takes nothing from it: nobody comes to e that way. */
    ck_assert(!reach_through(&reach, 1, 5, via, &n));
    ck_assert(reach_through(&reach, 1, 4, via, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(via[0], 2);
    ck_assert_uint_eq(via[1], 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checker");
    TCase *tcase = tcase_create("checker");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_places);
    tcase_add_test(tcase, test_twice);
    tcase_add_test(tcase, test_other_text);
    tcase_add_test(tcase, test_damaged_text);
    tcase_add_test(tcase, test_reach_by_edges);
    tcase_add_test(tcase, test_reach_by_acting);
    tcase_add_test(tcase, test_reach_in_a_circle);
    tcase_add_test(tcase, test_reach_through);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
