/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's ELF reader: what it lists of a good program, each field wrong, damage at random. */
#include "elf64.h"
#include "loader_test.h"

#include <elf.h>
#include <keel/boot.h>

#define LIMIT 0x3f00000000ull

static struct {
    Elf64_Ehdr header;
    Elf64_Phdr segment[4];
    uint8_t data[0x3000];
} program;
static struct elf_program result;

/* Text at 0x400000 (one page and a bit), data at 0x403ff8 over a page's end, with bss; a note. */
static void usual(void)
{
    const uint64_t data = offsetof(__typeof__(program), data);

    memset(&program, 0, sizeof(program));
    memcpy(program.header.e_ident, ELFMAG, SELFMAG);
    program.header.e_ident[EI_CLASS] = ELFCLASS64;
    program.header.e_ident[EI_DATA] = ELFDATA2LSB;
    program.header.e_ident[EI_VERSION] = EV_CURRENT;
    program.header.e_type = ET_EXEC;
    program.header.e_machine = EM_AARCH64;
    program.header.e_version = EV_CURRENT;
    program.header.e_entry = 0x400104;
    program.header.e_phoff = offsetof(__typeof__(program), segment);
    program.header.e_ehsize = sizeof(Elf64_Ehdr);
    program.header.e_phentsize = sizeof(Elf64_Phdr);
    program.header.e_phnum = 4;
    program.segment[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                                      .p_flags = PF_R | PF_X,
                                      .p_offset = data,
                                      .p_vaddr = 0x400000 + data,
                                      .p_filesz = 0x1100,
                                      .p_memsz = 0x1100,
                                      .p_align = 0x1000};
    program.segment[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = 4, .p_filesz = 4};
    program.segment[2] = (Elf64_Phdr){.p_type = PT_LOAD,
                                      .p_flags = PF_R | PF_W,
                                      .p_offset = data + 0x1100,
                                      .p_vaddr = 0x403ff8,
                                      .p_filesz = 0x10,
                                      .p_memsz = 0x2000,
                                      .p_align = 8};
    program.segment[2].p_offset &= ~(uint64_t)7;
    program.segment[3] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
    program.header.e_entry = 0x400000 + data + 0x20;
}

static const char *read_bytes(size_t bytes)
{
    uint8_t *copy = exact_copy(&program, bytes);
    const char *error = elf_read(copy, bytes, LIMIT, &result);

    if (!error) {
        uint64_t end = KEEL_PAGE_SIZE;

        ck_assert_uint_le(result.nsegments, ELF_SEGMENTS_MAX);
        for (uint32_t i = 0; i < result.nsegments; i++) {
            const struct elf_segment *s = &result.segment[i];

            ck_assert(s->va >= end && s->va % KEEL_PAGE_SIZE == 0 && s->pages > 0);
            end = s->va + s->pages * KEEL_PAGE_SIZE;
            ck_assert(end > s->va && end <= LIMIT && s->skip < KEEL_PAGE_SIZE);
            ck_assert(s->data >= copy && (size_t)(s->data - copy) <= bytes);
            ck_assert(s->data_bytes <= bytes - (size_t)(s->data - copy));
            ck_assert(s->skip + s->data_bytes <= s->pages * KEEL_PAGE_SIZE);
            ck_assert((s->perm & (KEEL_PERM_WRITE | KEEL_PERM_EXEC)) !=
                      (KEEL_PERM_WRITE | KEEL_PERM_EXEC));
        }
    }
    free(copy);
    return error;
}

static const char *read_all(void)
{
    return read_bytes(sizeof(program));
}

START_TEST(lists_the_segments)
{
    usual();
    ck_good(read_all());
    ck_assert_uint_eq(result.nsegments, 2);
    ck_assert_uint_eq(result.entry, program.header.e_entry);
    ck_assert_uint_eq(result.segment[0].va, 0x400000);
    ck_assert_uint_eq(result.segment[0].pages, 2);
    ck_assert_uint_eq(result.segment[0].skip, offsetof(__typeof__(program), data));
    ck_assert_uint_eq(result.segment[0].perm, KEEL_PERM_READ | KEEL_PERM_EXEC);
    ck_assert_uint_eq(result.segment[1].va, 0x403000);
    ck_assert_uint_eq(result.segment[1].pages, 3);
    ck_assert_uint_eq(result.segment[1].skip, 0xff8);
    ck_assert_uint_eq(result.segment[1].data_bytes, 0x10);
    ck_assert_uint_eq(result.segment[1].perm, KEEL_PERM_READ | KEEL_PERM_WRITE);
}
END_TEST

/* Each line: change one field, expect that message. */
#define WRONG(change, text)       \
    do {                          \
        usual();                  \
        program.change;           \
        ck_bad(read_all(), text); \
    } while (0)

START_TEST(refuses_bad_headers)
{
    WRONG(header.e_ident[0] = 0, "magic");
    WRONG(header.e_ident[EI_CLASS] = ELFCLASS32, "64-bit");
    WRONG(header.e_ident[EI_DATA] = ELFDATA2MSB, "little-endian");
    WRONG(header.e_ident[EI_VERSION] = 2, "version");
    WRONG(header.e_ident[EI_OSABI] = ELFOSABI_FREEBSD, "ABI");
    WRONG(header.e_type = ET_DYN, "static");
    WRONG(header.e_machine = EM_X86_64, "AArch64");
    WRONG(header.e_version = 0, "version");
    WRONG(header.e_flags = 1, "AArch64");
    WRONG(header.e_ehsize = 52, "size");
    WRONG(header.e_phentsize = 32, "size");
    WRONG(header.e_phoff = sizeof(program), "outside");
    WRONG(header.e_phoff = UINT64_MAX - 7, "outside");
    WRONG(header.e_phoff = 68, "outside");
    WRONG(header.e_phnum = 0xffff, "outside");
    WRONG(header.e_phnum = 0, "entry");
    WRONG(header.e_entry = 0, "entry");
    WRONG(header.e_entry += 2, "entry");
    WRONG(header.e_entry = 0x403ff8, "entry");
    WRONG(header.e_entry = 0x401ffc, "entry");
    usual();
    ck_bad(read_bytes(63), "too short");
}
END_TEST

START_TEST(refuses_bad_segments)
{
    WRONG(segment[0].p_offset = UINT64_MAX - 0xfff, "outside the file");
    WRONG(segment[0].p_filesz = UINT64_MAX, "outside the file");
    WRONG(segment[0].p_memsz = 0x10ff, "larger than the segment");
    WRONG(segment[0].p_memsz = 0, "larger than the segment");
    WRONG(segment[0].p_align = 3, "power of two");
    WRONG(segment[0].p_vaddr += 8, "alignment");
    WRONG(segment[2].p_vaddr = 0, "address space");
    WRONG(segment[2].p_vaddr = LIMIT, "address space");
    WRONG(segment[2].p_vaddr = UINT64_MAX - 7, "address space");
    WRONG(segment[2].p_memsz = UINT64_MAX - 0x1000, "address space");
    WRONG(segment[2].p_memsz = LIMIT - 0x403ff8 + 1, "address space");
    WRONG(segment[0].p_flags = PF_R | PF_W | PF_X, "writable and executable");
    WRONG(segment[0].p_flags = PF_X, "readable");
    WRONG(segment[0].p_flags |= 8, "unknown flags");
    WRONG(segment[1].p_type = PT_INTERP, "static");
    WRONG(segment[1].p_type = PT_DYNAMIC, "static");
    WRONG(segment[3].p_flags |= PF_X, "stack");
}
END_TEST

START_TEST(refuses_overlaps)
{
    WRONG(segment[2].p_vaddr = 0x401ff8, "share a page");
    WRONG(segment[2].p_vaddr = 0x400008, "overlap");
    WRONG(segment[2].p_vaddr = 0x3f0ff8, "ascending");
    usual();
    program.segment[2].p_vaddr = 0x402000;
    ck_good(read_all());
}
END_TEST

START_TEST(refuses_too_many_segments)
{
    static const Elf64_Phdr page = {.p_type = PT_LOAD, .p_flags = PF_R, .p_memsz = 1, .p_align = 1};

    for (uint16_t count = ELF_SEGMENTS_MAX - 1; count <= ELF_SEGMENTS_MAX; count++) {
        usual();
        program.header.e_phoff = offsetof(__typeof__(program), data) + 0x2000;
        program.header.e_phnum = (uint16_t)(count + 1);
        memcpy(program.data + 0x2000, &program.segment[0], sizeof(page));
        for (uint16_t i = 1; i <= count; i++) {
            Elf64_Phdr next = page;

            next.p_vaddr = 0x500000 + i * 0x1000ull;
            memcpy(program.data + 0x2000 + i * sizeof(next), &next, sizeof(next));
        }
        if (count < ELF_SEGMENTS_MAX)
            ck_good(read_all());
        else
            ck_bad(read_all(), "more than 8");
    }
}
END_TEST

START_TEST(survives_damage_and_cuts)
{
    uint64_t state = 2;

    for (size_t bytes = 0; bytes < sizeof(program); bytes += bytes < 512 ? 1 : 97) {
        usual();
        (void)!read_bytes(bytes);
    }
    for (int i = 0; i < 30000; i++) {
        usual();
        damage((uint8_t *)&program, offsetof(__typeof__(program), data), &state);
        (void)!read_all();
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("loader_elf64");

    tcase_add_test(tests, lists_the_segments);
    tcase_add_test(tests, refuses_bad_headers);
    tcase_add_test(tests, refuses_bad_segments);
    tcase_add_test(tests, refuses_overlaps);
    tcase_add_test(tests, refuses_too_many_segments);
    tcase_add_test(tests, survives_damage_and_cuts);
    return run_tests(tests, "loader_elf64");
}
