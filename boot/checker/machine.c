/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's checks on the machine that builds (see machine.h). */
#include "machine.h"

#include "../loader/elf64.h"
#include "../loader/platform.h"

#include <libfdt.h>
#include <string.h>

/* The affinity of the first CPU: the machine will start with one, and which it is does not matter.
 */
static uint64_t first_cpu(const void *dtb)
{
    int cpus = fdt_path_offset(dtb, "/cpus");
    int node, length;

    fdt_for_each_subnode(node, dtb, cpus < 0 ? 0 : cpus)
    {
        const char *type = fdt_getprop(dtb, node, "device_type", NULL);
        const fdt32_t *reg = fdt_getprop(dtb, node, "reg", &length);

        if (cpus >= 0 && type && strcmp(type, "cpu") == 0 && reg && length == 4)
            return fdt32_ld(reg);
        if (cpus >= 0 && type && strcmp(type, "cpu") == 0 && reg && length == 8)
            return (uint64_t)fdt32_ld(reg) << 32 | fdt32_ld(reg + 1);
    }
    return 0;
}

/* In the loader's order. */
static loader_error check(const void *dtb, size_t bytes, struct keel_boot *boot)
{
    static struct memory_map map;
    static struct platform platform;
    size_t size = 0;
    uint32_t left;

    memset(&map, 0, sizeof map);
    if (bytes < sizeof(struct fdt_header))
        return "its device tree is truncated";
    TRY(platform_size(dtb, &size));
    if (size > bytes)
        return "its device tree is truncated";
    TRY(platform_check(dtb, size));
    TRY(platform_find(dtb, &platform));
    TRY(platform_psci(&platform, boot));
    TRY(platform_console(&platform, boot));
    TRY(platform_cpus(&platform, first_cpu(dtb), boot, &left));
    TRY(platform_gic(&platform, boot));
    TRY(platform_timer(&platform, boot));
    TRY(platform_memory(&platform, &map));
    TRY(platform_reservations(&platform, &map));
    return platform_reserved_memory(&platform, &map);
}

bool machine_check(const void *dtb, size_t bytes, uint32_t *cpus, struct config_report *report)
{
    static struct keel_boot boot;

    memset(&boot, 0, sizeof boot);
    loader_error error = check(dtb, bytes, &boot);
    *cpus = boot.ncpus;
    if (error)
        config_error(report, "platform", NULL, "%s, expected a machine that the loader can boot",
                     error);
    return !error;
}

const char *machine_builder(const uint8_t *data, size_t bytes)
{
    struct elf_program program;

    return elf_read(data, bytes, KEEL_BUILDER_LIMIT, &program);
}
