/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generating a guest's device tree (see tree.h) with libfdt's sequential writer. Errors are sticky:
 * the writer is asked once, at the end. Bindings: Linux, Documentation/devicetree/bindings; of Argo,
 * abi/argo-binding.md.
 */
#include "tree.h"

#include <keel/machine.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum phandle { PHANDLE_GIC = 1, PHANDLE_CLOCK = 2 };

#define CELLS_MAX   64
#define STRINGS_MAX 128

/* Interrupt specifiers of the Arm GIC binding. */
#define GIC_SPI   0u
#define GIC_PPI   1u
#define GIC_EDGE  1u
#define GIC_LEVEL 4u

struct tree {
    void *fdt;
    int error; /* the first one */
};

static void check(struct tree *tree, int status)
{
    if (status < 0 && tree->error == 0)
        tree->error = status;
}

static void begin(struct tree *tree, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void begin(struct tree *tree, const char *format, ...)
{
    char name[80];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    check(tree, fdt_begin_node(tree->fdt, name));
}

static void end(struct tree *tree)
{
    check(tree, fdt_end_node(tree->fdt));
}

static void flag(struct tree *tree, const char *name)
{
    check(tree, fdt_property(tree->fdt, name, "", 0));
}

static void string(struct tree *tree, const char *name, const char *value)
{
    check(tree, fdt_property(tree->fdt, name, value, (int)strlen(value) + 1));
}

/* A list of two strings: the specific one first. */
static void strings(struct tree *tree, const char *name, const char *first, const char *second)
{
    char list[STRINGS_MAX];
    int n = snprintf(list, sizeof list, "%s%c%s", first, '\0', second);

    check(tree, fdt_property(tree->fdt, name, list, n + 1));
}

static void cells(struct tree *tree, const char *name, unsigned n, const uint32_t *value)
{
    fdt32_t cell[CELLS_MAX];

    if (n > CELLS_MAX) {
        check(tree, -FDT_ERR_NOSPACE);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        cell[i] = cpu_to_fdt32(value[i]);
    check(tree, fdt_property(tree->fdt, name, cell, (int)(n * sizeof cell[0])));
}

#define CELLS(tree, name, ...)                                              \
    cells(tree, name, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
          (const uint32_t[]){__VA_ARGS__})

static uint32_t high(uint64_t value)
{
    return (uint32_t)(value >> 32);
}

static uint32_t low(uint64_t value)
{
    return (uint32_t)value;
}

static void write_chosen(struct tree *tree, const struct config_domain *guest,
                         const struct guest_image *image, const uint8_t *seed, bool uart)
{
    begin(tree, "chosen");
    if (guest->bootargs)
        string(tree, "bootargs", guest->bootargs);
    if (uart) {
        char path[40];

        snprintf(path, sizeof path, "/pl011@%lx", KEEL_MACHINE_UART);
        string(tree, "stdout-path", path);
    }
    if (image->ramdisk) {
        uint64_t ramdisk_end = image->ramdisk + image->ramdisk_bytes;

        CELLS(tree, "linux,initrd-start", high(image->ramdisk), low(image->ramdisk));
        CELLS(tree, "linux,initrd-end", high(ramdisk_end), low(ramdisk_end));
    }
    if (seed) {
        check(tree, fdt_property(tree->fdt, "kaslr-seed", seed, 8));
        check(tree, fdt_property(tree->fdt, "rng-seed", seed + 8, TREE_SEED_BYTES - 8));
    }
    end(tree);
}

static void write_memory(struct tree *tree, const struct config_domain *guest)
{
    begin(tree, "memory@%lx", KEEL_MACHINE_RAM);
    string(tree, "device_type", "memory");
    CELLS(tree, "reg", high(KEEL_MACHINE_RAM), low(KEEL_MACHINE_RAM), high(guest->memory),
          low(guest->memory));
    end(tree);
}

static void write_cpus(struct tree *tree, const struct config_domain *guest)
{
    begin(tree, "cpus");
    CELLS(tree, "#address-cells", 1);
    CELLS(tree, "#size-cells", 0);
    for (uint32_t n = 0; n < guest->vcpus; n++) {
        begin(tree, "cpu@%x", n);
        string(tree, "device_type", "cpu");
        string(tree, "compatible", "arm,armv8");
        string(tree, "enable-method", "psci");
        CELLS(tree, "reg", n);
        end(tree);
    }
    end(tree);
    begin(tree, "psci");
    strings(tree, "compatible", "arm,psci-1.0", "arm,psci-0.2");
    string(tree, "method", "hvc");
    end(tree);
}

static void write_gic(struct tree *tree, const struct config_domain *guest)
{
    uint64_t gicr = guest->vcpus * KEEL_MACHINE_GICR_STRIDE;

    begin(tree, "interrupt-controller@%lx", KEEL_MACHINE_GICD);
    string(tree, "compatible", "arm,gic-v3");
    flag(tree, "interrupt-controller");
    CELLS(tree, "#interrupt-cells", 3);
    CELLS(tree, "#address-cells", 2);
    CELLS(tree, "#size-cells", 2);
    flag(tree, "ranges");
    CELLS(tree, "reg", high(KEEL_MACHINE_GICD), low(KEEL_MACHINE_GICD),
          high(KEEL_MACHINE_GICD_SIZE), low(KEEL_MACHINE_GICD_SIZE), high(KEEL_MACHINE_GICR),
          low(KEEL_MACHINE_GICR), high(gicr), low(gicr));
    CELLS(tree, "phandle", PHANDLE_GIC);
    end(tree);
}

static void write_timer(struct tree *tree)
{
    /* Secure, non-secure, virtual, hypervisor: the guest's kernel takes the virtual one. */
    begin(tree, "timer");
    strings(tree, "compatible", "arm,armv8-timer", "arm,armv7-timer");
    CELLS(tree, "interrupts", GIC_PPI, 13, GIC_LEVEL, GIC_PPI, 14, GIC_LEVEL, GIC_PPI,
          KEEL_MACHINE_TIMER_IRQ - 16, GIC_LEVEL, GIC_PPI, 10, GIC_LEVEL);
    flag(tree, "always-on");
    end(tree);
}

static void write_clock(struct tree *tree)
{
    begin(tree, "apb-pclk");
    string(tree, "compatible", "fixed-clock");
    CELLS(tree, "#clock-cells", 0);
    CELLS(tree, "clock-frequency", 24000000);
    string(tree, "clock-output-names", "clk24mhz");
    CELLS(tree, "phandle", PHANDLE_CLOCK);
    end(tree);
}

/* The emulated PrimeCell devices. */
static void write_uart(struct tree *tree)
{
    begin(tree, "pl011@%lx", KEEL_MACHINE_UART);
    strings(tree, "compatible", "arm,pl011", "arm,primecell");
    CELLS(tree, "reg", high(KEEL_MACHINE_UART), low(KEEL_MACHINE_UART),
          high(KEEL_MACHINE_UART_SIZE), low(KEEL_MACHINE_UART_SIZE));
    CELLS(tree, "interrupts", GIC_SPI, KEEL_MACHINE_UART_IRQ - 32, GIC_LEVEL);
    CELLS(tree, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
    strings(tree, "clock-names", "uartclk", "apb_pclk");
    end(tree);
}

static void write_rtc(struct tree *tree)
{
    begin(tree, "pl031@%lx", KEEL_MACHINE_RTC);
    strings(tree, "compatible", "arm,pl031", "arm,primecell");
    CELLS(tree, "reg", high(KEEL_MACHINE_RTC), low(KEEL_MACHINE_RTC), high(KEEL_MACHINE_RTC_SIZE),
          low(KEEL_MACHINE_RTC_SIZE));
    CELLS(tree, "interrupts", GIC_SPI, KEEL_MACHINE_RTC_IRQ - 32, GIC_LEVEL);
    CELLS(tree, "clocks", PHANDLE_CLOCK);
    string(tree, "clock-names", "apb_pclk");
    end(tree);
}

/* Properties of a platform's node that mean something only there, or that are written anew. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {
        "phandle",
        "linux,phandle",
        "reg",
        "interrupts",
        "interrupts-extended",
        "interrupt-parent",
        "clocks",
        "status",
        "iommus",
        "iommu-map",
        "dmas",
        "dma-names",
        "resets",
        "reset-names",
        "power-domains",
        "dma-coherent",
        "memory-region",
        "msi-parent",
        "secure-status",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "assigned-", 9) == 0 || strncmp(name, "pinctrl-", 8) == 0 ||
           strstr(name, "-supply") != NULL;
}

static void write_device_resources(struct tree *tree, const struct config_device *device)
{
    uint32_t cell[CELLS_MAX];
    unsigned n = 0;

    for (uint32_t i = 0; i < device->nregions; i++) {
        cell[n++] = high(device->region[i].address);
        cell[n++] = low(device->region[i].address);
        cell[n++] = high(device->region[i].bytes);
        cell[n++] = low(device->region[i].bytes);
    }
    cells(tree, "reg", n, cell);
    n = 0;
    for (uint32_t i = 0; i < device->nirqs; i++) {
        cell[n++] = GIC_SPI;
        cell[n++] = device->irq[i].intid - 32;
        cell[n++] = device->irq[i].edge ? GIC_EDGE : GIC_LEVEL;
    }
    if (n)
        cells(tree, "interrupts", n, cell);
}

/* A device of the platform that is passed through: its own node without what leads out of it. Its
 * clocks are assumed to run. */
static void write_device(struct tree *tree, const struct config *config,
                         const struct config_device *device)
{
    const void *platform = config->platform.dtb;
    int property, names = fdt_stringlist_count(platform, device->node, "clock-names");
    const char *last = fdt_get_name(platform, device->node, NULL);
    size_t base = strcspn(last, "@");

    begin(tree, "%.*s@%llx", (int)(base < 40 ? base : 40), last,
          (unsigned long long)device->region[0].address);
    fdt_for_each_property_offset(property, platform, device->node)
    {
        const char *name;
        int length;
        const void *value = fdt_getprop_by_offset(platform, property, &name, &length);

        if (value && !is_left_out(name))
            check(tree, fdt_property(tree->fdt, name, value, length));
    }
    write_device_resources(tree, device);
    if (fdt_getprop(platform, device->node, "clocks", NULL)) {
        uint32_t clock[CELLS_MAX];
        unsigned n = names > 0 && names < CELLS_MAX ? (unsigned)names : 1;

        for (unsigned i = 0; i < n; i++)
            clock[i] = PHANDLE_CLOCK;
        cells(tree, "clocks", n, clock);
    }
    end(tree);
}

/* Ports of the edges that a domain has to another with that right, as a property if there are any. */
static void write_ports(struct tree *tree, const char *name, const struct authority *authority,
                        uint16_t from, uint16_t to, uint32_t right)
{
    uint32_t port[KEEL_EDGES_MAX];
    unsigned n = 0;

    for (uint32_t i = 0; i < authority->nedges[from]; i++) {
        const struct keel_edge *edge = &authority->edge[from][i].edge;

        if (edge->target == to && (edge->rights & right))
            port[n++] = edge->port;
    }
    if (n)
        cells(tree, name, n, port);
}

static bool has_edge(const struct authority *authority, uint16_t from, uint16_t to, uint32_t right)
{
    for (uint32_t i = 0; i < authority->nedges[from]; i++)
        if (authority->edge[from][i].edge.target == to &&
            (authority->edge[from][i].edge.rights & right))
            return true;
    return false;
}

/* Whom the guest can send messages to, or get them from. */
static void write_argo(struct tree *tree, const struct config *config,
                       const struct authority *authority, uint16_t id)
{
    begin(tree, "argo");
    string(tree, "compatible", "keel,argo");
    CELLS(tree, "interrupts", GIC_SPI, KEEL_MACHINE_ARGO_IRQ - 32, GIC_EDGE);
    CELLS(tree, "domain-id", id);
    write_ports(tree, "receive-ports", authority, id, id, KEEL_RIGHT_RECEIVE);
    CELLS(tree, "#address-cells", 1);
    CELLS(tree, "#size-cells", 0);
    for (uint16_t peer = 0; peer < config->ndomains; peer++) {
        if (peer == id || !(has_edge(authority, id, peer, KEEL_RIGHT_SEND) ||
                            has_edge(authority, peer, id, KEEL_RIGHT_SEND)))
            continue;
        begin(tree, "peer@%x", peer);
        CELLS(tree, "reg", peer);
        string(tree, "label", config->domain[peer].name);
        write_ports(tree, "send-ports", authority, id, peer, KEEL_RIGHT_SEND);
        write_ports(tree, "receive-ports", authority, peer, id, KEEL_RIGHT_SEND);
        end(tree);
    }
    end(tree);
}

static void write_root(struct tree *tree, const struct config *config,
                       const struct authority *authority, uint16_t id,
                       const struct guest_image *image, const uint8_t *seed)
{
    const struct config_domain *guest = &config->domain[id];
    bool uart = !config_has_device_at(guest, KEEL_MACHINE_UART, KEEL_MACHINE_UART_SIZE);
    bool rtc = !config_has_device_at(guest, KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_SIZE);

    begin(tree, "%s", "");
    string(tree, "model", "Keel virtual machine");
    string(tree, "compatible", "keel,machine");
    CELLS(tree, "#address-cells", 2);
    CELLS(tree, "#size-cells", 2);
    CELLS(tree, "interrupt-parent", PHANDLE_GIC);
    write_chosen(tree, guest, image, seed, uart);
    write_memory(tree, guest);
    write_cpus(tree, guest);
    write_gic(tree, guest);
    write_timer(tree);
    write_clock(tree);
    if (uart)
        write_uart(tree);
    if (rtc)
        write_rtc(tree);
    if (config_has_argo(config, id))
        write_argo(tree, config, authority, id);
    for (uint32_t i = 0; i < guest->ndevices; i++)
        write_device(tree, config, &guest->devices[i]);
    end(tree);
}

size_t tree_write(void *to, size_t bytes, const struct config *config,
                  const struct authority *authority, uint16_t id, const struct guest_image *image,
                  const uint8_t seed[TREE_SEED_BYTES])
{
    struct tree tree = {.fdt = to};

    /* Names that are there several times, for a few bytes, and not looked for each time. */
    check(&tree, fdt_create_with_flags(to, (int)bytes, FDT_CREATE_FLAG_NO_NAME_DEDUP));
    check(&tree, fdt_finish_reservemap(to));
    write_root(&tree, config, authority, id, image, seed);
    check(&tree, fdt_finish(to));
    return tree.error ? 0 : fdt_totalsize(to);
}
