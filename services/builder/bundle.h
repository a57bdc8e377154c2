/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle: the files that the loader left, and the log of what they were at boot. */
#ifndef BUILDER_BUNDLE_H
#define BUILDER_BUNDLE_H

#include <cpio/cpio.h>
#include <image/check.h>
#include <sha256/sha256.h>
#include <stdbool.h>

#define BUNDLE_MODULES_MAX IMAGE_FILES_MAX

/* One line of the boot log. */
struct bundle_module {
    struct cpio_file file;
    uint8_t digest[SHA256_BYTES];
    size_t blocks;      /* so many have all that is made of it; 0: the last would not be whole */
    struct sha256 made; /* of these */
};

/* Checks the archive and hashes every file in it. NULL, or what is wrong. */
const char *bundle_open(const uint8_t *archive, size_t bytes) __attribute__((warn_unused_result));

uint32_t bundle_modules(void);
const struct bundle_module *bundle_module(uint32_t index);

/* By name; NULL: not in the bundle. */
const struct bundle_module *bundle_find(const char *name);

/* Whether the module still is what the log says, as far as anything is made of it: a program's symbols do not count. */
bool bundle_intact(const struct bundle_module *module);

#endif
