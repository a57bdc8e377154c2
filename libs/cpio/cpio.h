/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a cpio archive (newc) in memory: nothing outside it, no state, no copies. Format: cpio(5),
 * "New ASCII Format".
 */
#ifndef LIBS_CPIO_CPIO_H
#define LIBS_CPIO_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct cpio_file {
    const char *name; /* without a leading "./" */
    const uint8_t *data;
    size_t bytes;
};

/*
 * The next regular file from *at, which is 0 at first. NULL: found, or file->name is NULL behind
 * the last one; else what is wrong with the archive. Hard links are an error; folders, symbolic
 * links and devices are passed over.
 */
const char *cpio_next(const uint8_t *archive, size_t bytes, size_t *at, struct cpio_file *file)
    __attribute__((warn_unused_result));

#define CPIO_HEADER_MAX (110u + 4096u) /* bytes that an entry has before its data */

/*
 * The same of an entry of any type: where the next one is; *at stays behind the last one. Reads no
 * more than CPIO_HEADER_MAX bytes, from *at: for who has to make them readable first.
 */
const char *cpio_step(const uint8_t *archive, size_t bytes, size_t *at)
    __attribute__((warn_unused_result));

/* Checks the whole archive: every entry, and that no name is there twice. NULL or what is wrong. */
const char *cpio_check(const uint8_t *archive, size_t bytes) __attribute__((warn_unused_result));

/* The file of that name in an archive that was checked; file->name is NULL if there is none. */
void cpio_find(const uint8_t *archive, size_t bytes, const char *name, struct cpio_file *file);

#endif
