/* SPDX-License-Identifier: Apache-2.0 */
/* The modules of the boot log (see bundle.h). */
#include "bundle.h"

#include <image/elf_image.h>
#include <string.h>

static struct bundle_module modules[BUNDLE_MODULES_MAX];
static uint32_t count;

static void hash(struct bundle_module *module)
{
    const uint8_t *data = module->file.data;
    const size_t bytes = module->file.bytes, blocks = bytes / SHA256_BLOCK;
    struct sha256 sum;

    module->blocks = (elf_image_bytes(data, bytes) + SHA256_BLOCK - 1) / SHA256_BLOCK;
    if (module->blocks > blocks) /* its last block is not whole */
        module->blocks = 0;
    sha256_begin(&sum);
    sha256_add(&sum, data, module->blocks);
    module->made = sum;
    sha256_add(&sum, data + module->blocks * SHA256_BLOCK, blocks - module->blocks);
    sha256_end(&sum, data + blocks * SHA256_BLOCK, bytes, module->digest);
}

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
        hash(&modules[count++]);
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
    struct sha256 sum;

    if (module->blocks > 0) {
        sha256_begin(&sum);
        sha256_add(&sum, module->file.data, module->blocks);
        return memcmp(&sum, &module->made, sizeof sum) == 0;
    }
    sha256(module->file.data, module->file.bytes, digest);
    return memcmp(digest, module->digest, sizeof digest) == 0;
}
