/* SPDX-License-Identifier: Apache-2.0 */
/* The loader stage's reader of ELF programs: the builder, before anything else runs. */
#include "elf_mutator.h"

#include <elf64.h>
#include <keel/boot.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t most, unsigned seed)
{
    return elf_mutate(data, bytes, most, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint8_t *image = exact_copy(data, bytes);
    uint64_t end = KEEL_PAGE_SIZE;
    struct elf_program program;
    bool entry = false;
    loader_error wrong = elf_read(image, bytes, KEEL_BUILDER_LIMIT, &program);

    if (wrong) {
        must_be_message(wrong);
        free(image);
        return 0;
    }
    must(program.nsegments >= 1 && program.nsegments <= ELF_SEGMENTS_MAX);
    for (uint32_t i = 0; i < program.nsegments; i++) {
        const struct elf_segment *segment = &program.segment[i];
        uint64_t size = segment->pages << KEEL_PAGE_SHIFT;

        must(segment->va % KEEL_PAGE_SIZE == 0 && segment->va >= end && segment->pages);
        must(segment->pages <= KEEL_BUILDER_LIMIT >> KEEL_PAGE_SHIFT);
        end = segment->va + size;
        must(end <= KEEL_BUILDER_LIMIT);
        must(segment->skip < KEEL_PAGE_SIZE && segment->data_bytes <= size - segment->skip);
        must(segment->data >= image && segment->data <= image + bytes);
        must(segment->data_bytes <= (size_t)(image + bytes - segment->data));
        must((segment->perm & KEEL_PERM_READ) && !(segment->perm & KEEL_PERM_DEVICE));
        must(!(segment->perm & KEEL_PERM_WRITE) || !(segment->perm & KEEL_PERM_EXEC));
        entry |= (segment->perm & KEEL_PERM_EXEC) && program.entry >= segment->va + segment->skip &&
                 program.entry < segment->va + segment->skip + segment->data_bytes;
    }
    must(entry);
    free(image);
    return 0;
}
