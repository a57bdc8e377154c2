/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a cpio archive (newc) in memory. Reads nothing outside it, keeps no state, copies nothing.
 */
#ifndef LOADER_CPIO_H
#define LOADER_CPIO_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

struct cpio_file {
    const uint8_t *data;
    size_t bytes;
};

/*
 * Finds the regular file `name` (a leading "./" in the archive is ignored) and checks every entry
 * up to the trailer, found or not. Format: cpio(5), "New ASCII Format". A second entry of that
 * name, a hard link or anything but a regular file is an error.
 */
loader_error cpio_find(const uint8_t *archive, size_t bytes, const char *name,
                       struct cpio_file *file) __must_check;

#endif
