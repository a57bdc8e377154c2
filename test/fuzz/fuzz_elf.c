/* SPDX-License-Identifier: Apache-2.0 */
/* ELF programs and kernels as the builder reads them, with libelf. */
#include "elf_mutator.h"

#include <image/elf_image.h>
#include <keel/boot.h>
#include <keel/machine.h>

#define SERVICE_LIMIT (1ull << 38)
#define GUEST_MEMORY  (64ull << 20)

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t most, unsigned seed)
{
    return elf_mutate(data, bytes, most, seed);
}

static void check(const uint8_t *data, size_t bytes, enum elf_use use, uint64_t lo, uint64_t hi)
{
    struct elf_image image;
    uint64_t end = lo;
    bool entry = false;
    const char *wrong = elf_image_read(data, bytes, use, lo, hi, &image);

    if (wrong) {
        must_be_message(wrong);
        return;
    }
    must(image.nsegments >= 1 && image.nsegments <= ELF_SEGMENTS_MAX);
    for (uint32_t i = 0; i < image.nsegments; i++) {
        const struct elf_segment *segment = &image.segment[i];

        must(segment->address >= end && segment->bytes && segment->bytes <= hi - segment->address);
        must(segment->data_bytes <= segment->bytes);
        must(segment->data >= data && segment->data <= data + bytes);
        must(segment->data_bytes <= (size_t)(data + bytes - segment->data));
        end = segment->address + segment->bytes;
        entry |= image.entry >= segment->address && image.entry < end &&
                 (segment->perm & KEEL_PERM_EXEC);
        if (use == ELF_GUEST)
            continue;
        end = (end + KEEL_PAGE_SIZE - 1) & ~(KEEL_PAGE_SIZE - 1);
        must((segment->perm & KEEL_PERM_READ) &&
             (~segment->perm & (KEEL_PERM_WRITE | KEEL_PERM_EXEC)));
    }
    must(entry);
    must(image.phdr == 0 || (image.phdr >= lo && image.phdr < end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = exact_copy(data, bytes);

    check(copy, bytes, ELF_SERVICE, KEEL_PAGE_SIZE, SERVICE_LIMIT);
    check(copy, bytes, ELF_GUEST, KEEL_MACHINE_RAM, KEEL_MACHINE_RAM + GUEST_MEMORY);
    must(bytes == 0 || memcmp(copy, data, bytes) == 0); /* only read */
    free(copy);
    return 0;
}
