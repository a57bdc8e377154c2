/* SPDX-License-Identifier: Apache-2.0 */
/* See config_trees.h. */
#include "config_trees.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char platform_source[] =
    "/dts-v1/;\n"
    "/ {\n"
    "    compatible = \"linux,dummy-virt\"; interrupt-parent = <&gic>;\n"
    "    #address-cells = <2>; #size-cells = <2>;\n"
    "    aliases { serial0 = &uart; };\n"
    "    memory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x40000000>; };\n"
    "    cpus { #address-cells = <1>; #size-cells = <0>;\n"
    "        cpu@0 { device_type = \"cpu\"; reg = <0>; };\n"
    "        cpu@1 { device_type = \"cpu\"; reg = <1>; };\n"
    "        cpu@2 { device_type = \"cpu\"; reg = <2>; status = \"disabled\"; }; };\n"
    "    clk: apb-pclk { compatible = \"fixed-clock\"; #clock-cells = <0>; };\n"
    "    gic: intc@8000000 { compatible = \"arm,gic-v3\"; interrupt-controller;\n"
    "        #interrupt-cells = <3>; reg = <0 0x8000000 0 0x10000>; };\n"
    "    uart: pl011@9000000 { compatible = \"arm,pl011\", \"arm,primecell\";\n"
    "        reg = <0 0x9000000 0 0x1000>; interrupts = <0 1 4>;\n"
    "        clocks = <&clk>, <&clk>; clock-names = \"uartclk\", \"apb_pclk\"; };\n"
    "    pl031@9010000 { compatible = \"arm,pl031\", \"arm,primecell\";\n"
    "        reg = <0 0x9010000 0 0x1000>; interrupts = <0 2 4>;\n"
    "        clocks = <&clk>; clock-names = \"apb_pclk\"; };\n"
    "    gpio: pl061@9030000 { compatible = \"arm,pl061\", \"arm,primecell\"; gpio-controller;\n"
    "        #gpio-cells = <2>; reg = <0 0x9030000 0 0x1000>; interrupts = <0 7 4>; };\n"
    "    fw-cfg@9020000 { reg = <0 0x9020000 0 0x18>; };\n"
    "    virtio_mmio@a000000 { reg = <0 0xa000000 0 0x200>; interrupts = <0 16 1>; };\n"
    "    virtio_mmio@a000200 { reg = <0 0xa000200 0 0x200>; interrupts = <0 17 1>; };\n"
    "    off@b000000 { reg = <0 0xb000000 0 0x1000>; status = \"disabled\"; };\n"
    "    two@b010000 { reg = <0 0xb010000 0 0x1000 0 0xb020000 0 0x2000>;\n"
    "        interrupts = <0 40 4 0 41 4 0 50 1>; };\n"
    "    low@50000000 { reg = <0 0x50000000 0 0x1000>; };\n"
    "    ram@90000000 { reg = <0 0x90000000 0 0x1000>; };\n"
    "    far@8000000000 { reg = <0x80 0 0 0x1000>; };\n"
    "    beside@8000800 { reg = <0 0x8000800 0 0x10>; };\n"
    "    ppi@b030000 { reg = <0 0xb030000 0 0x1000>; interrupts = <1 7 4>; };\n"
    "    behind@b040000 { reg = <0 0xb040000 0 0x1000>; interrupt-parent = <&gpio>;\n"
    "        interrupts = <1 2>; };\n"
    "    bus@c000000 { compatible = \"simple-bus\"; #address-cells = <1>; #size-cells = <1>;\n"
    "        ranges = <0 0 0xc000000 0x10000>;\n"
    "        inner@1000 { reg = <0x1000 0x1000>; };\n"
    "        beyond@20000 { reg = <0x20000 0x1000>; }; };\n"
    "    closed { #address-cells = <1>; #size-cells = <1>; dev@0 { reg = <0 0x1000>; }; };\n"
    "    empty {};\n"
    "};\n";

void *tree_compile(const char *source, size_t *bytes)
{
    char name[] = "/tmp/keel-test-XXXXXX", command[128];
    int file = mkstemp(name);
    size_t length = strlen(source);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, source, length), (ssize_t)length);
    close(file);
    snprintf(command, sizeof command, "dtc -q -q -f -I dts -O dtb %s", name);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    /* Exactly as large as the tree, so that a read behind its end is seen. */
    char *buffer = malloc(1 << 20);
    *bytes = fread(buffer, 1, 1 << 20, pipe);
    ck_assert_int_eq(pclose(pipe), 0);
    unlink(name);
    ck_assert_uint_gt(*bytes, 0);
    return realloc(buffer, *bytes);
}

void *system_compile(const char *body, size_t *bytes)
{
    static char source[1 << 16];

    snprintf(source, sizeof source,
             "/dts-v1/;\n/ { compatible = \"keel,system\"; platform = \"qemu-virt\";\n%s\n};\n",
             body);
    return tree_compile(source, bytes);
}

static void tell(void *context, const char *node, const char *property, const char *message)
{
    struct told *told = context;
    size_t used = strlen(told->text);

    if (used && used + 1 < sizeof told->text)
        strcpy(told->text + used++, "\n");
    config_error_line(told->text + used, sizeof told->text - used, node, property, message);
}

void told_begin(struct told *told)
{
    told->text[0] = '\0';
    told->report = (struct config_report){.tell = tell, .context = told};
}

const struct config_platform *test_platform(void)
{
    static struct config_platform platform;

    if (!platform.dtb) {
        struct told told;
        size_t bytes;
        const void *dtb = tree_compile(platform_source, &bytes);

        told_begin(&told);
        ck_assert_msg(config_platform_read(&platform, dtb, bytes, &told.report), "%s", told.text);
    }
    return &platform;
}
