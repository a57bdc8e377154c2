/* SPDX-License-Identifier: Apache-2.0 */
/* Changes fields of an ELF file's headers, which bytes at random seldom hit. */
#ifndef TEST_FUZZ_ELF_MUTATOR_H
#define TEST_FUZZ_ELF_MUTATOR_H

#include "fuzz.h"

#include <elf.h>

/* A field of a program header becomes a number, or that of another, or a page more or less. */
static inline void elf_mutate_segment(uint8_t *data, const Elf64_Ehdr *file, unsigned *seed)
{
    uint32_t from = random_below(seed, file->e_phnum), to = random_below(seed, file->e_phnum);
    uint32_t field = random_below(seed, 8);
    Elf64_Phdr *segment = (Elf64_Phdr *)(void *)(data + file->e_phoff);
    uint64_t *wide = &segment[to].p_offset + (field - 2);

    switch (field) {
    case 0:
        segment[to].p_type = random_below(seed, 2) ? PT_LOAD : (uint32_t)random_number(seed);
        break;
    case 1:
        segment[to].p_flags = random_below(seed, 8);
        break;
    default:
        if (random_below(seed, 3) == 0)
            *wide = random_number(seed);
        else if (random_below(seed, 2))
            *wide += random_below(seed, 2) ? 0x1000 : -0x1000ul;
        else
            *wide = *(&segment[from].p_offset + (field - 2));
        break;
    }
    if (random_below(seed, 8) == 0)
        segment[to] = segment[from];
}

static inline size_t elf_mutate(uint8_t *data, size_t bytes, size_t most, unsigned seed)
{
    Elf64_Ehdr file;

    if (bytes < sizeof file || random_below(&seed, 3) == 0)
        return LLVMFuzzerMutate(data, bytes, most);
    memcpy(&file, data, sizeof file);
    switch (random_below(&seed, 6)) {
    case 0:
        file.e_entry = random_number(&seed);
        break;
    case 1:
        file.e_phoff = random_number(&seed);
        break;
    case 2:
        file.e_phnum = (uint16_t)random_number(&seed);
        break;
    default:
        if (file.e_phnum && file.e_phnum <= 64 && file.e_phoff % 8 == 0 && file.e_phoff <= bytes &&
            file.e_phnum * sizeof(Elf64_Phdr) <= bytes - file.e_phoff)
            elf_mutate_segment(data, &file, &seed);
        return bytes;
    }
    memcpy(data, &file, sizeof file);
    return bytes;
}

#endif
