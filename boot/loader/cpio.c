/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle's format: cpio, newc. */
#include "cpio.h"

#include <stdbool.h>
#include <string.h>

#define HEADER_BYTES   110u /* a magic of 6 characters, 13 fields of 8 hexadecimal digits */
#define NAME_MAX_BYTES 4096u
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
    for (unsigned int i = 0; i < 8; i++) {
        uint8_t c = digits[i];
        uint8_t digit;

        if (c >= '0' && c <= '9')
            digit = (uint8_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint8_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint8_t)(c - 'A' + 10);
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

loader_error cpio_find(const uint8_t *archive, size_t bytes, const char *name,
                       struct cpio_file *file)
{
    size_t at = 0;

    file->data = NULL;
    for (;;) {
        uint32_t field[FIELDS];
        const char *entry_name;
        size_t data, end;

        if (at > bytes || bytes - at < HEADER_BYTES)
            return "it ends before its TRAILER!!! entry";
        if (memcmp(archive + at, "070701", 6) != 0)
            return "an entry does not begin with 070701 (cpio -H newc)";
        for (unsigned int i = 0; i < FIELDS; i++) {
            if (!hex_read(archive + at + 6 + i * 8, &field[i]))
                return "an entry's header has a character that is no hexadecimal digit";
        }
        at += HEADER_BYTES;
        if (field[FIELD_NAMESIZE] == 0 || field[FIELD_NAMESIZE] > NAME_MAX_BYTES)
            return "an entry's name is empty or longer than 4096 bytes";
        if (field[FIELD_NAMESIZE] > bytes - at)
            return "an entry's name lies outside the archive";
        entry_name = (const char *)archive + at;
        if (memchr(entry_name, 0, field[FIELD_NAMESIZE]) != entry_name + field[FIELD_NAMESIZE] - 1)
            return "an entry's name does not end with its only zero byte";
        data = pad(at + field[FIELD_NAMESIZE]);
        if (data > bytes || field[FIELD_FILESIZE] > bytes - data)
            return "an entry's data lies outside the archive";
        end = data + field[FIELD_FILESIZE];

        if (strcmp(entry_name, "TRAILER!!!") == 0)
            return file->data ? NULL : "there is no such entry";
        if (strncmp(entry_name, "./", 2) == 0)
            entry_name += 2;
        if (strcmp(entry_name, name) == 0) {
            if (file->data)
                return "there are two entries of that name";
            if ((field[FIELD_MODE] & MODE_TYPE) != MODE_REGULAR || field[FIELD_NLINK] != 1)
                return "the entry is not a regular file with a single link";
            file->data = archive + data;
            file->bytes = field[FIELD_FILESIZE];
        }
        at = pad(end);
    }
}
