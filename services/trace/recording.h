/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording as text, for a console's log: lines that begin with RECORDING_MARK.
 *
 *     trace: recording 1 frequency 62500000 cpus 2 from 5000000 until 6250000
 *     trace: domain 3 linux1
 *     trace: = BASE64         up to RECORDING_RECORDS records
 *     trace: end 1234 records, crc 89abcdef
 *
 * Times are of the counter. The records are those of keel/trace.h, in the order of their times, with the CPU in the upper byte of `kind`. Of
 * two kinds more: RECORDING_LOST, records that are missing from there on, `who` | `owner` << 16 of them, 0: until there; and at the beginning,
 * RECORDING_STATE, in what state (`detail`: enum statistics_state; 0x100: woken) a vCPU was, since when. The checksum is CRC-32 (IEEE 802.3) of all records' bytes.
 * Makes no calls; the service writes by it, the host reads.
 */
#ifndef TRACE_RECORDING_H
#define TRACE_RECORDING_H

#include <keel/trace.h>
#include <stdbool.h>

#define RECORDING_MARK       "trace: "
#define RECORDING_VERSION    1u
#define RECORDING_RECORDS    9u /* of a line: no padding */
#define RECORDING_LINE_BYTES 224u
#define RECORDING_LOST       0xffu
#define RECORDING_STATE      0xfeu
#define RECORDING_WOKEN      0x100u
#define RECORDING_CRC_BEGIN  0u

struct recording_head {
    uint64_t frequency, from, until;
    uint32_t cpus;
};

static inline uint32_t recording_cpu(const struct keel_trace *record)
{
    return record->kind >> 8;
}

static inline uint32_t recording_kind(const struct keel_trace *record)
{
    return record->kind & 0xff;
}

uint32_t recording_crc(uint32_t crc, const void *bytes, size_t n);

/* Lines, without their ends. */
void recording_head_write(char line[RECORDING_LINE_BYTES], const struct recording_head *head);
void recording_name_write(char line[RECORDING_LINE_BYTES], uint32_t domain, const char *name);
void recording_records_write(char line[RECORDING_LINE_BYTES], const struct keel_trace *record,
                             uint32_t n);
void recording_end_write(char line[RECORDING_LINE_BYTES], uint64_t n, uint32_t crc);

/* What a line behind the mark is; 0: none of these. */
bool recording_head_read(const char *line, struct recording_head *head);
bool recording_name_read(const char *line, uint32_t *domain, char name[32]);
uint32_t recording_records_read(const char *line, struct keel_trace record[RECORDING_RECORDS]);
bool recording_end_read(const char *line, uint64_t *n, uint32_t *crc);

#endif
