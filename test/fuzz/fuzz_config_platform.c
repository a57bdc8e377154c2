/* SPDX-License-Identifier: Apache-2.0 */
/* The platform's device tree, as libs/config reads it for the builder and the checker. */
#include "fuzz.h"
#include "tree_mutator.h"

#include <config/platform.h>
#include <keel/types.h>
#include <libfdt.h>

#define DEVICES 4u

static const char *const words[] = {
    "compatible",
    "linux,dummy-virt",
    "xlnx,zynqmp",
    "device_type",
    "memory",
    "cpu",
    "cpus",
    "reg",
    "ranges",
    "#address-cells",
    "#size-cells",
    "status",
    "okay",
    "ok",
    "disabled",
    "interrupts",
    "interrupts-extended",
    "interrupt-parent",
    "phandle",
    "arm,gic-v3",
    "arm,gic-400",
    "arm,armv8-timer",
    "arm,pl011",
    "aliases",
    "serial0",
    "/pl011@9000000",
    "bus",
    "chosen",
    "reserved-memory",
    "psci",
    "arm,psci",
};

const struct tree_words tree_words = {words, sizeof words / sizeof words[0]};

static void tell(void *context, const char *node, const char *property, const char *message)
{
    unsigned *told = context;
    char line[512];

    config_error_line(line, sizeof line, node, property, message);
    must_be_message(line);
    ++*told;
}

static void check_device(const struct config_platform *platform, const char *path)
{
    struct config_device device;
    const char *wrong = config_platform_device(platform, path, &device);

    must(memchr(device.name, 0, sizeof device.name));
    if (wrong) {
        must_be_message(wrong);
        return;
    }
    must(device.nregions >= 1 && device.nregions <= CONFIG_REGIONS_MAX);
    must(device.nirqs <= CONFIG_DEVICE_IRQS_MAX);
    for (uint32_t i = 0; i < device.nregions; i++) {
        must(device.region[i].address % KEEL_PAGE_SIZE == 0 && device.region[i].bytes);
        must(device.region[i].bytes % KEEL_PAGE_SIZE == 0);
        must(device.region[i].address + device.region[i].bytes <= 1ull << 50);
    }
    for (uint32_t i = 0; i < device.nirqs; i++)
        must(device.irq[i].intid >= 32 && device.irq[i].intid < 1020);
}

/* Looking up each would be slow: the input says which. */
static void check_some_devices(const struct config_platform *platform, const uint8_t *data,
                               size_t bytes)
{
    unsigned seed = 1;
    int node, nodes = 0;

    for (size_t i = 0; i < bytes; i++)
        seed = (seed ^ data[i]) * 16777619;
    for (node = 0; node >= 0; node = fdt_next_node(platform->dtb, node, NULL))
        nodes++;
    for (uint32_t n = 0; n < DEVICES; n++) {
        char path[256];
        uint32_t skip = random_below(&seed, (uint32_t)nodes);

        for (node = 0; skip > 0; skip--)
            node = fdt_next_node(platform->dtb, node, NULL);
        if (fdt_get_path(platform->dtb, node, path, sizeof path) == 0)
            check_device(platform, path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct config_platform platform;
    unsigned told = 0;
    struct config_report report = {.tell = tell, .context = &told};
    uint8_t *tree = exact_copy(data, bytes);
    bool known;

    if (config_platform_read(&platform, tree, bytes, &report)) {
        must(told == 0);
        must(platform.cpus >= 1 && platform.cpus <= KEEL_CPUS_MAX && platform.ram > 0);
        (void)config_platform_is(&platform, "qemu-virt", &known);
        must(known);
        check_some_devices(&platform, data, bytes);
        check_device(&platform, "serial0");
        check_device(&platform, "");
        check_device(&platform, "//");
    } else {
        must(told > 0);
    }
    free(tree);
    return 0;
}
