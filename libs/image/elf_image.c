/* SPDX-License-Identifier: Apache-2.0 */
/* ELF programs (see elf_image.h). System V ABI chapters 4 and 5; ELF for the Arm 64-bit
 * Architecture. */
#include "elf_image.h"

#include <gelf.h>
#include <keel/boot.h>
#include <string.h>

bool elf_image_is(const uint8_t *data, size_t bytes)
{
    return bytes >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0;
}

static uint32_t perm_of(uint32_t flags)
{
    return (flags & PF_R ? KEEL_PERM_READ : 0u) | (flags & PF_W ? KEEL_PERM_WRITE : 0u) |
           (flags & PF_X ? KEEL_PERM_EXEC : 0u);
}

static uint64_t page_of(uint64_t address)
{
    return address & ~(uint64_t)(KEEL_PAGE_SIZE - 1);
}

/* What must hold for one segment by itself. */
static const char *segment_check(const GElf_Phdr *header, uint64_t address, size_t bytes,
                                 enum elf_use use, uint64_t lo, uint64_t hi)
{
    uint32_t perm = perm_of(header->p_flags);

    if (header->p_filesz > header->p_memsz)
        return "a segment has more bytes in the file than in memory";
    if (header->p_offset > bytes || header->p_filesz > bytes - header->p_offset)
        return "a segment lies outside the file";
    if (address < lo || address >= hi || header->p_memsz > hi - address)
        return "a segment lies outside the memory that it may have";
    if (use == ELF_SERVICE && (perm & KEEL_PERM_WRITE) && (perm & KEEL_PERM_EXEC))
        return "a segment is writable and executable";
    if (use == ELF_SERVICE && !(perm & KEEL_PERM_READ))
        return "a segment is not readable";
    return NULL;
}

static const char *segment_add(struct elf_image *image, const GElf_Phdr *header, uint64_t address,
                               const uint8_t *data, enum elf_use use)
{
    const struct elf_segment *last =
        image->nsegments ? &image->segment[image->nsegments - 1] : NULL;
    uint64_t last_end = last ? last->address + last->bytes : 0;

    if (last && address < last_end)
        return "segments overlap or do not ascend";
    if (last && use == ELF_SERVICE && page_of(address) <= page_of(last_end - 1))
        return "two segments share a page";
    if (image->nsegments == ELF_SEGMENTS_MAX)
        return "it has more than 16 segments";
    image->segment[image->nsegments++] = (struct elf_segment){
        .address = address,
        .bytes = header->p_memsz,
        .data = data + header->p_offset,
        .data_bytes = header->p_filesz,
        .perm = perm_of(header->p_flags),
    };
    return NULL;
}

static const char *segments_read(Elf *elf, const uint8_t *data, size_t bytes, enum elf_use use,
                                 uint64_t lo, uint64_t hi, const GElf_Ehdr *file,
                                 struct elf_image *image)
{
    bool entry_found = false;

    for (int i = 0; i < image->phnum; i++) {
        GElf_Phdr header;
        const char *wrong;

        if (!gelf_getphdr(elf, i, &header))
            return "a program header cannot be read";
        if (header.p_type == PT_INTERP || header.p_type == PT_DYNAMIC)
            return "it is dynamically linked, expected a static program";
        if (header.p_type != PT_LOAD || header.p_memsz == 0)
            continue;

        uint64_t address = use == ELF_GUEST ? header.p_paddr : header.p_vaddr;
        wrong = segment_check(&header, address, bytes, use, lo, hi);
        if (!wrong)
            wrong = segment_add(image, &header, address, data, use);
        if (wrong)
            return wrong;
        if (file->e_phoff >= header.p_offset &&
            file->e_phoff - header.p_offset + (uint64_t)image->phnum * image->phent <=
                header.p_filesz)
            image->phdr = address + (file->e_phoff - header.p_offset);
        /* Virtual addresses of a guest's segments may meet: the first one counts. */
        if (!entry_found && file->e_entry >= header.p_vaddr &&
            file->e_entry - header.p_vaddr < header.p_memsz && (header.p_flags & PF_X)) {
            entry_found = true;
            image->entry = file->e_entry - header.p_vaddr + address;
        }
    }
    if (image->nsegments == 0)
        return "it has nothing to load";
    return entry_found ? NULL : "its entry is not in an executable segment";
}

static const char *image_read(Elf *elf, const uint8_t *data, size_t bytes, enum elf_use use,
                              uint64_t lo, uint64_t hi, struct elf_image *image)
{
    GElf_Ehdr file;
    size_t phnum;

    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &file))
        return "its ELF header is damaged";
    if (gelf_getclass(elf) != ELFCLASS64 || file.e_ident[EI_DATA] != ELFDATA2LSB ||
        file.e_machine != EM_AARCH64)
        return "it is not for AArch64, expected a little-endian 64-bit program";
    if (file.e_type != ET_EXEC)
        return "it is no executable with fixed addresses (link with -static -no-pie)";
    if (elf_getphdrnum(elf, &phnum) != 0 || phnum == 0 || phnum > 64 ||
        file.e_phentsize != sizeof(Elf64_Phdr) || file.e_phoff > bytes ||
        phnum * sizeof(Elf64_Phdr) > bytes - file.e_phoff)
        return "its program headers are damaged";
    image->phnum = (uint16_t)phnum;
    image->phent = file.e_phentsize;
    image->entry = file.e_entry;
    return segments_read(elf, data, bytes, use, lo, hi, &file, image);
}

const char *elf_image_read(const uint8_t *data, size_t bytes, enum elf_use use, uint64_t lo,
                           uint64_t hi, struct elf_image *image)
{
    union {
        const uint8_t *in;
        char *out;
    } writable = {.in = data}; /* libelf only reads what was opened by elf_memory() */
    const char *wrong = "its ELF header is damaged";

    memset(image, 0, sizeof *image);
    if (elf_version(EV_CURRENT) == EV_NONE || bytes < sizeof(Elf64_Ehdr))
        return wrong;
    Elf *elf = elf_memory(writable.out, bytes);
    if (elf) {
        wrong = image_read(elf, data, bytes, use, lo, hi, image);
        elf_end(elf);
    }
    return wrong;
}

size_t elf_image_bytes(const uint8_t *data, size_t bytes)
{
    struct elf_image image;
    Elf64_Ehdr header;
    uint64_t end;

    if (!elf_image_is(data, bytes) ||
        elf_image_read(data, bytes, ELF_SERVICE, 0, UINT64_MAX, &image) != NULL)
        return bytes;
    memcpy(&header, data, sizeof header); /* which is in the machine's own order */
    end = header.e_phoff + (uint64_t)image.phnum * image.phent;
    for (uint32_t i = 0; i < image.nsegments; i++) {
        const uint64_t its = (uint64_t)(image.segment[i].data - data) + image.segment[i].data_bytes;

        if (its > end)
            end = its;
    }
    return (size_t)end;
}
