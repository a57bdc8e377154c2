/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle's archive: libs/cpio, as the loader and the builder use it. */
#include "fuzz.h"

#include <cpio/cpio.h>

#define HEADER 110u

/* Puts a number into a field of some entry's header; else lets libFuzzer do what it does. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t most, unsigned seed)
{
    uint8_t *entry = NULL;
    char digits[9];

    if (random_below(&seed, 2) && bytes >= HEADER) {
        size_t from = random_below(&seed, (uint32_t)bytes);

        entry = memmem(data + from, bytes - from, "070701", 6);
    }
    if (!entry || (size_t)(data + bytes - entry) < HEADER)
        return LLVMFuzzerMutate(data, bytes, most);
    snprintf(digits, sizeof digits, "%08X", (unsigned)random_number(&seed));
    memcpy(entry + 6 + 8 * random_below(&seed, 13), digits, 8);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint8_t *archive = exact_copy(data, bytes);
    const char *wrong = cpio_check(archive, bytes);
    struct cpio_file file, same;
    size_t at = 0, step = 0, before;

    /* The loader's way, before anything is checked. */
    do {
        before = step;
    } while (step <= bytes && !cpio_step(archive, bytes, &step) && step != before);
    if (wrong)
        must_be_message(wrong);
    while (!wrong) {
        must(!cpio_next(archive, bytes, &at, &file));
        if (!file.name)
            break;
        must(at <= bytes + 3);
        must(file.data >= archive && file.data <= archive + bytes);
        must(file.bytes <= (size_t)(archive + bytes - file.data));
        must((const uint8_t *)file.name + strlen(file.name) < file.data);
        cpio_find(archive, bytes, file.name, &same);
        must(same.name == file.name && same.data == file.data && same.bytes == file.bytes);
    }
    free(archive);
    return 0;
}
