/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings as text: see recording.h. */
#include "recording.h"

#include <stdio.h>
#include <string.h>

#define CRC_POLYNOMIAL 0xedb88320u

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

uint32_t recording_crc(uint32_t crc, const void *bytes, size_t n)
{
    const uint8_t *byte = bytes;

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= byte[i];
        for (uint32_t bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
    }
    return ~crc;
}

void recording_head_write(char line[RECORDING_LINE_BYTES], const struct recording_head *head)
{
    snprintf(line, RECORDING_LINE_BYTES,
             RECORDING_MARK "recording %u frequency %llu cpus %u from %llu until %llu",
             RECORDING_VERSION, (unsigned long long)head->frequency, head->cpus,
             (unsigned long long)head->from, (unsigned long long)head->until);
}

void recording_name_write(char line[RECORDING_LINE_BYTES], uint32_t domain, const char *name)
{
    snprintf(line, RECORDING_LINE_BYTES, RECORDING_MARK "domain %u %.31s", domain, name);
}

void recording_records_write(char line[RECORDING_LINE_BYTES], const struct keel_trace *record,
                             uint32_t n)
{
    uint8_t bytes[RECORDING_RECORDS * sizeof *record + 2] = {0};
    size_t used = n * sizeof *record;
    char *to = stpcpy(line, RECORDING_MARK "= ");

    memcpy(bytes, record, used);
    for (size_t i = 0; i < used; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];

        for (uint32_t j = 0; j < 4; j++)
            *to++ = i + j > used ? '=' : digits[three >> (18 - 6 * j) & 63];
    }
    *to = '\0';
}

void recording_end_write(char line[RECORDING_LINE_BYTES], uint64_t n, uint32_t crc)
{
    snprintf(line, RECORDING_LINE_BYTES, RECORDING_MARK "end %llu records, crc %08x",
             (unsigned long long)n, crc);
}

bool recording_head_read(const char *line, struct recording_head *head)
{
    unsigned long long frequency, from, until;
    unsigned version;

    if (sscanf(line, "recording %u frequency %llu cpus %u from %llu until %llu", &version,
               &frequency, &head->cpus, &from, &until) != 5 ||
        version != RECORDING_VERSION || !frequency || head->cpus < 1 ||
        head->cpus > KEEL_CPUS_MAX || until < from)
        return false;
    head->frequency = frequency;
    head->from = from;
    head->until = until;
    return true;
}

bool recording_name_read(const char *line, uint32_t *domain, char name[32])
{
    return sscanf(line, "domain %u %31s", domain, name) == 2 && *domain < KEEL_DOMAINS_MAX;
}

uint32_t recording_records_read(const char *line, struct keel_trace record[RECORDING_RECORDS])
{
    uint8_t bytes[RECORDING_RECORDS * sizeof *record + 3];
    uint32_t used = 0, four = 0, n = 0;

    if (strncmp(line, "= ", 2) != 0)
        return 0;
    for (line += 2; *line && *line != '='; line++) {
        const char *digit = strchr(digits, *line);

        if (!digit || used + 3 > sizeof bytes)
            return 0;
        four = four << 6 | (uint32_t)(digit - digits);
        if (++n % 4 == 0) {
            bytes[used++] = (uint8_t)(four >> 16);
            bytes[used++] = (uint8_t)(four >> 8);
            bytes[used++] = (uint8_t)four;
        }
    }
    if (n % 4 == 2)
        bytes[used++] = (uint8_t)(four >> 4);
    else if (n % 4 == 3) {
        bytes[used++] = (uint8_t)(four >> 10);
        bytes[used++] = (uint8_t)(four >> 2);
    }
    if (used == 0 || used % sizeof *record != 0 || used > RECORDING_RECORDS * sizeof *record)
        return 0;
    memcpy(record, bytes, used);
    return used / (uint32_t)sizeof *record;
}

bool recording_end_read(const char *line, uint64_t *n, uint32_t *crc)
{
    unsigned long long count;

    if (sscanf(line, "end %llu records, crc %x", &count, crc) != 2)
        return false;
    *n = count;
    return true;
}
