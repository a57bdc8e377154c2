/* SPDX-License-Identifier: Apache-2.0 */
/* Reading logs: see log.h. */
#include "log.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    const char *name;
    unsigned line;
    unsigned begun; /* recordings so far */
    bool inside;
    bool wrong;
};

static bool complain(struct reading *reading, const char *what)
{
    fprintf(stderr, "%s:%u: %s\n", reading->name, reading->line, what);
    reading->wrong = true;
    return false;
}

/* What is behind the mark; NULL: it is another line. Before it there is nothing, or "[who says it] ". */
static const char *content(char *line)
{
    char *mark = strstr(line, RECORDING_MARK);

    line[strcspn(line, "\r\n")] = '\0';
    if (!mark || (mark != line && (*line != '[' || mark[-1] != ' ' || mark[-2] != ']')))
        return NULL;
    return mark + strlen(RECORDING_MARK);
}

static bool records_add(struct log_recording *recording, const struct keel_trace *record,
                        uint32_t n)
{
    if (recording->n + n > recording->room) {
        size_t room = 2 * recording->room + 1024;
        struct keel_trace *grown = realloc(recording->record, room * sizeof *record);

        if (!grown)
            return false;
        recording->record = grown;
        recording->room = room;
    }
    memcpy(&recording->record[recording->n], record, n * sizeof *record);
    recording->n += n;
    return true;
}

static bool inside(struct reading *reading, struct log_recording *recording, const char *text)
{
    struct keel_trace record[RECORDING_RECORDS];
    uint64_t count;
    uint32_t crc, n, domain;
    char name[32];

    if (recording_name_read(text, &domain, name)) {
        strcpy(recording->name[domain], name);
        return true;
    }
    if (recording_end_read(text, &count, &crc)) {
        reading->inside = false;
        if (count != recording->n)
            return complain(reading, "records are missing");
        if (crc != recording_crc(RECORDING_CRC_BEGIN, recording->record,
                                 recording->n * sizeof *recording->record))
            return complain(reading, "the checksum does not fit the records");
        return true;
    }
    n = recording_records_read(text, record);
    if (!n)
        return complain(reading, "damaged: no records, name or end");
    for (uint32_t i = 0; i < n; i++)
        if (recording_cpu(&record[i]) >= recording->head.cpus)
            return complain(reading, "damaged: a CPU that there is not");
    return records_add(recording, record, n) || complain(reading, "no memory");
}

bool log_read(FILE *file, const char *name, unsigned number, struct log_recording *recording)
{
    struct reading reading = {.name = name};
    char *line = NULL;
    size_t bytes = 0;
    bool found = false;

    memset(recording, 0, sizeof *recording);
    while (!reading.wrong && getline(&line, &bytes, file) >= 0) {
        const char *text = content(line);
        struct recording_head head;

        reading.line++;
        if (!text)
            continue;
        if (recording_head_read(text, &head)) {
            if (++reading.begun > number && number)
                break;
            free(recording->record);
            memset(recording, 0, sizeof *recording);
            recording->head = head;
            reading.inside = true;
            found = !number || reading.begun == number;
        } else if (reading.inside && found) {
            (void)inside(&reading, recording, text);
        }
    }
    free(line);
    if (!reading.wrong && !found)
        fprintf(stderr, "%s: has no such recording: it has %u\n", name, reading.begun);
    else if (!reading.wrong && reading.inside)
        (void)complain(&reading, "the recording has no end");
    return found && !reading.wrong;
}
