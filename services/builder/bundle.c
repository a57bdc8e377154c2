/* SPDX-License-Identifier: Apache-2.0 */
/* The modules of the boot log (see bundle.h). */
#include "bundle.h"

#include <string.h>

static struct bundle_module modules[BUNDLE_MODULES_MAX];
static uint32_t count;

const char *bundle_open(const uint8_t *archive, size_t bytes)
{
    const char *wrong = cpio_check(archive, bytes);
    size_t at = 0;

    count = 0;
    while (!wrong) {
        struct cpio_file file;

        wrong = cpio_next(archive, bytes, &at, &file);
        if (wrong || !file.name)
            break;
        if (count == BUNDLE_MODULES_MAX)
            return "it has more than 128 files";
        modules[count].file = file;
        sha256(file.data, file.bytes, modules[count++].digest);
    }
    return wrong;
}

uint32_t bundle_modules(void)
{
    return count;
}

const struct bundle_module *bundle_module(uint32_t index)
{
    return &modules[index];
}

const struct bundle_module *bundle_find(const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(modules[i].file.name, name) == 0)
            return &modules[i];
    return NULL;
}

bool bundle_intact(const struct bundle_module *module)
{
    uint8_t digest[SHA256_BYTES];

    sha256(module->file.data, module->file.bytes, digest);
    return memcmp(digest, module->digest, sizeof digest) == 0;
}
