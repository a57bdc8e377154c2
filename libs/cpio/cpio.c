/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a cpio archive (see cpio.h). Sizes come from the archive: each is compared with what is
 * left before it is added to anything. */
#include "cpio.h"

#include <stdbool.h>
#include <string.h>

#define HEADER_BYTES   110u /* a magic of 6 characters, 13 fields of 8 hexadecimal digits */
#define NAME_MAX_BYTES (CPIO_HEADER_MAX - HEADER_BYTES)
#define MODE_TYPE      0170000u
#define MODE_REGULAR   0100000u

enum field {
    FIELD_MODE = 1,
    FIELD_NLINK = 4,
    FIELD_FILESIZE = 6,
    FIELD_NAMESIZE = 11,
    FIELDS = 13
};

static bool hex_read(const uint8_t *digits, uint32_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t c = digits[i];
        uint32_t digit;

        if (c >= '0' && c <= '9')
            digit = c - (uint32_t)'0';
        else if (c >= 'a' && c <= 'f')
            digit = c - (uint32_t)'a' + 10;
        else if (c >= 'A' && c <= 'F')
            digit = c - (uint32_t)'A' + 10;
        else
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

/* The archive's parts begin at multiples of 4 from its start. */
static size_t pad(size_t offset)
{
    return (offset + 3) & ~(size_t)3;
}

/* One entry, of whatever type. */
struct entry {
    const char *name;
    size_t data, bytes;
    uint32_t mode, links;
};

static const char *entry_read(const uint8_t *archive, size_t bytes, size_t at, struct entry *entry)
{
    uint32_t field[FIELDS];

    if (at > bytes || bytes - at < HEADER_BYTES)
        return "it ends before its TRAILER!!! entry";
    if (memcmp(archive + at, "070701", 6) != 0)
        return "an entry does not begin with 070701 (cpio -H newc)";
    for (unsigned i = 0; i < FIELDS; i++)
        if (!hex_read(archive + at + 6 + i * 8, &field[i]))
            return "an entry's header has a character that is no hexadecimal digit";
    at += HEADER_BYTES;

    uint32_t length = field[FIELD_NAMESIZE];
    if (length == 0 || length > NAME_MAX_BYTES)
        return "an entry's name is empty or longer than 4096 bytes";
    if (length > bytes - at)
        return "an entry's name lies outside the archive";
    entry->name = (const char *)archive + at;
    if (memchr(entry->name, 0, length) != entry->name + length - 1)
        return "an entry's name does not end with its only zero byte";

    entry->data = pad(at + length);
    entry->bytes = field[FIELD_FILESIZE];
    if (entry->data > bytes || entry->bytes > bytes - entry->data)
        return "an entry's data lies outside the archive";
    entry->mode = field[FIELD_MODE];
    entry->links = field[FIELD_NLINK];
    return NULL;
}

static bool is_last(const struct entry *entry)
{
    return strcmp(entry->name, "TRAILER!!!") == 0;
}

const char *cpio_step(const uint8_t *archive, size_t bytes, size_t *at)
{
    struct entry entry;
    const char *wrong = entry_read(archive, bytes, *at, &entry);

    if (!wrong && !is_last(&entry))
        *at = pad(entry.data + entry.bytes);
    return wrong;
}

const char *cpio_next(const uint8_t *archive, size_t bytes, size_t *at, struct cpio_file *file)
{
    for (;;) {
        struct entry entry;
        const char *wrong = entry_read(archive, bytes, *at, &entry);

        file->name = NULL;
        if (wrong || is_last(&entry))
            return wrong;
        *at = pad(entry.data + entry.bytes);
        if ((entry.mode & MODE_TYPE) != MODE_REGULAR)
            continue;
        if (entry.links > 1)
            return "an entry is a hard link";
        file->name = strncmp(entry.name, "./", 2) == 0 ? entry.name + 2 : entry.name;
        file->data = archive + entry.data;
        file->bytes = entry.bytes;
        return NULL;
    }
}

void cpio_find(const uint8_t *archive, size_t bytes, const char *name, struct cpio_file *file)
{
    size_t at = 0;

    do {
        if (cpio_next(archive, bytes, &at, file))
            file->name = NULL;
    } while (file->name && strcmp(file->name, name) != 0);
}

const char *cpio_check(const uint8_t *archive, size_t bytes)
{
    size_t at = 0;

    for (;;) {
        struct cpio_file file, first;
        const char *wrong = cpio_next(archive, bytes, &at, &file);

        if (wrong || !file.name)
            return wrong;
        cpio_find(archive, bytes, file.name, &first);
        if (first.data != file.data || strcmp(first.name, file.name) != 0 ||
            first.name != file.name)
            return "two entries have the same name";
    }
}
