/* SPDX-License-Identifier: Apache-2.0 */
/* The builder's format: a static AArch64 ELF64 executable. Reads its image bytewise: no alignment.
 */
#include "elf64.h"

#include <keel/boot.h>
#include <string.h>

enum {
    EI_CLASS = 4,
    EI_DATA = 5,
    EI_VERSION = 6,
    EI_OSABI = 7,
    ELFCLASS64 = 2,
    ELFDATA2LSB = 1,
    EV_CURRENT = 1,
    ELFOSABI_GNU = 3,
    ET_EXEC = 2,
    EM_AARCH64 = 183,
    PT_LOAD = 1,
    PT_DYNAMIC = 2,
    PT_INTERP = 3,
    PT_GNU_STACK = 0x6474e551,
    PF_X = 1,
    PF_W = 2,
    PF_R = 4,
};

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
KEEL_ABI_SIZE(struct elf_header, 64);

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
KEEL_ABI_SIZE(struct elf_program_header, 56);

static loader_error header_check(const struct elf_header *header, size_t bytes)
{
    if (memcmp(header->ident, "\177ELF", 4) != 0)
        return "no ELF magic";
    if (header->ident[EI_CLASS] != ELFCLASS64 || header->ident[EI_DATA] != ELFDATA2LSB ||
        header->machine != EM_AARCH64 || header->flags != 0)
        return "not a little-endian 64-bit AArch64 ELF";
    if (header->ident[EI_VERSION] != EV_CURRENT || header->version != EV_CURRENT ||
        (header->ident[EI_OSABI] != 0 && header->ident[EI_OSABI] != ELFOSABI_GNU))
        return "unknown ELF version or ABI";
    if (header->type != ET_EXEC)
        return "not a static ELF executable";
    if (header->ehsize != sizeof(struct elf_header) ||
        header->phentsize != sizeof(struct elf_program_header))
        return "the ELF header has a wrong size field";
    if (header->phoff > bytes || header->phoff % 8 != 0 ||
        header->phnum > (bytes - header->phoff) / sizeof(struct elf_program_header))
        return "the ELF program headers lie outside the file";
    return NULL;
}

static loader_error segment_read(const uint8_t *image, size_t bytes, uint64_t limit,
                                 const struct elf_program_header *header,
                                 struct elf_segment *segment)
{
    const uint64_t offset_in_page = KEEL_PAGE_SIZE - 1;

    if (header->offset > bytes || header->filesz > bytes - header->offset)
        return "an ELF segment's data lies outside the file";
    if (header->filesz > header->memsz)
        return "an ELF segment's data is larger than the segment";
    if (header->align & (header->align - 1))
        return "an ELF segment's alignment is no power of two";
    if (header->align > 1 && (header->vaddr - header->offset) % header->align != 0)
        return "an ELF segment's address and offset differ in alignment";
    if (header->vaddr < KEEL_PAGE_SIZE || header->vaddr >= limit ||
        header->memsz > limit - header->vaddr)
        return "an ELF segment lies outside the program's address space";
    if (header->flags & ~(uint32_t)(PF_R | PF_W | PF_X) || !(header->flags & PF_R))
        return "an ELF segment is not readable or has unknown flags";
    if ((header->flags & PF_W) && (header->flags & PF_X))
        return "an ELF segment is both writable and executable";

    segment->va = header->vaddr & ~offset_in_page;
    segment->skip = header->vaddr & offset_in_page;
    segment->pages = (segment->skip + header->memsz + offset_in_page) >> KEEL_PAGE_SHIFT;
    segment->data = image + header->offset;
    segment->data_bytes = header->filesz;
    segment->perm = KEEL_PERM_READ;
    if (header->flags & PF_W)
        segment->perm |= KEEL_PERM_WRITE;
    if (header->flags & PF_X)
        segment->perm |= KEEL_PERM_EXEC;
    return NULL;
}

static loader_error segment_add(const uint8_t *image, size_t bytes, uint64_t limit,
                                const struct elf_program_header *header,
                                struct elf_program *program)
{
    struct elf_segment *segment = &program->segment[program->nsegments];

    if (header->memsz == 0)
        return header->filesz == 0 ? NULL : "an ELF segment's data is larger than the segment";
    if (program->nsegments == ELF_SEGMENTS_MAX)
        return "more than 8 ELF segments";
    TRY(segment_read(image, bytes, limit, header, segment));
    if (program->nsegments > 0 &&
        segment->va < segment[-1].va + (segment[-1].pages << KEEL_PAGE_SHIFT))
        return "ELF segments overlap, share a page or are not ascending";
    program->nsegments++;
    return NULL;
}

static loader_error entry_check(const struct elf_program *program)
{
    for (uint32_t i = 0; i < program->nsegments; i++) {
        const struct elf_segment *segment = &program->segment[i];
        uint64_t first = segment->va + segment->skip;

        if ((segment->perm & KEEL_PERM_EXEC) && program->entry % 4 == 0 &&
            program->entry >= first && program->entry - first < segment->data_bytes)
            return NULL;
    }
    return "the ELF entry is not an instruction of an executable segment";
}

loader_error elf_read(const uint8_t *image, size_t bytes, uint64_t limit,
                      struct elf_program *program)
{
    struct elf_header header;

    if (bytes < sizeof(header))
        return "too short for an ELF header";
    memcpy(&header, image, sizeof(header));
    TRY(header_check(&header, bytes));

    program->nsegments = 0;
    program->entry = header.entry;
    for (uint32_t i = 0; i < header.phnum; i++) {
        struct elf_program_header ph;

        memcpy(&ph, image + header.phoff + i * sizeof(ph), sizeof(ph));
        if (ph.type == PT_DYNAMIC || ph.type == PT_INTERP)
            return "not a static ELF executable";
        if (ph.type == PT_GNU_STACK && (ph.flags & PF_X))
            return "the ELF asks for an executable stack";
        if (ph.type == PT_LOAD)
            TRY(segment_add(image, bytes, limit, &ph, program));
    }
    return entry_check(program);
}
