/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's memory (see guest.h). Linux: Documentation/arch/arm64/booting.rst. */
#include "guest.h"

#include <keel/machine.h>
#include <string.h>

#define TREE_ROOM GUEST_TREE_MAX

/* The header of an arm64 Image. */
struct image_header {
    uint32_t code[2];
    uint64_t text_offset; /* from a 2 MiB boundary */
    uint64_t image_size;  /* in memory */
    uint64_t flags;       /* bit 0: big-endian */
    uint64_t reserved[3];
    uint32_t magic;
    uint32_t pe;
};
_Static_assert(sizeof(struct image_header) == 64, "size of an Image header");

#define IMAGE_MAGIC      0x644d5241u /* "ARM\x64" */
#define IMAGE_BIG_ENDIAN 1u

#define RAW_OFFSET 0x80000ull /* where a raw kernel begins: as with QEMU and U-Boot */

static const char *add(struct guest_image *image, uint64_t ipa, const uint8_t *data, uint64_t bytes)
{
    if (image->npieces == GUEST_PIECES_MAX)
        return "it has too many pieces";
    image->piece[image->npieces++] = (struct guest_piece){.ipa = ipa, .data = data, .bytes = bytes};
    return NULL;
}

/* *end: what the kernel needs from KEEL_MACHINE_RAM on. */
static const char *add_elf(struct guest_image *image, uint64_t memory,
                           const struct guest_file *kernel, uint64_t *end)
{
    struct elf_image elf;
    const char *wrong = elf_image_read(kernel->data, kernel->bytes, ELF_GUEST, KEEL_MACHINE_RAM,
                                       KEEL_MACHINE_RAM + memory, &elf);

    for (uint32_t i = 0; i < elf.nsegments && !wrong; i++) {
        wrong = add(image, elf.segment[i].address, elf.segment[i].data, elf.segment[i].data_bytes);
        *end = elf.segment[i].address + elf.segment[i].bytes - KEEL_MACHINE_RAM;
    }
    image->entry = elf.entry;
    return wrong;
}

static const char *add_image(struct guest_image *image, uint64_t memory,
                             const struct guest_file *kernel, uint64_t *end)
{
    struct image_header header;
    uint64_t size;

    memcpy(&header, kernel->data, sizeof header);
    size = header.image_size > kernel->bytes ? header.image_size : kernel->bytes;
    if (header.flags & IMAGE_BIG_ENDIAN)
        return "it is a big-endian kernel, expected a little-endian one";
    if (header.text_offset >= KEEL_BLOCK_SIZE || size > memory ||
        header.text_offset > memory - size)
        return "its header asks for more memory than the guest has";
    *end = header.text_offset + size;
    image->entry = KEEL_MACHINE_RAM + header.text_offset;
    return add(image, image->entry, kernel->data, kernel->bytes);
}

static bool is_image(const struct guest_file *kernel)
{
    struct image_header header;

    if (kernel->bytes < sizeof header)
        return false;
    memcpy(&header, kernel->data, sizeof header);
    return header.magic == IMAGE_MAGIC;
}

static const char *add_kernel(struct guest_image *image, uint64_t memory,
                              const struct guest_file *kernel, uint64_t *end)
{
    if (kernel->bytes == 0)
        return "it is empty";
    if (elf_image_is(kernel->data, kernel->bytes))
        return add_elf(image, memory, kernel, end);
    if (is_image(kernel))
        return add_image(image, memory, kernel, end);
    if (kernel->bytes >= 2 && kernel->data[0] == 0x1f && kernel->data[1] == 0x8b)
        return "it is compressed, expected an Image, an ELF file or raw code";
    if (kernel->bytes >= 8 && memcmp(kernel->data + 4, "zimg", 4) == 0)
        return "it is a compressed EFI image, expected an Image, an ELF file or raw code";
    if (kernel->bytes > memory || memory - kernel->bytes < RAW_OFFSET)
        return "it is larger than the guest's memory";
    image->entry = KEEL_MACHINE_RAM + RAW_OFFSET;
    *end = RAW_OFFSET + kernel->bytes;
    return add(image, image->entry, kernel->data, kernel->bytes);
}

const char *guest_layout(struct guest_image *image, uint64_t memory,
                         const struct guest_file *kernel, const struct guest_file *ramdisk,
                         const char **property)
{
    uint64_t end = 0, top;
    const char *wrong;

    memset(image, 0, sizeof *image);
    *property = "kernel";
    wrong = add_kernel(image, memory, kernel, &end);
    if (wrong)
        return wrong;
    *property = "memory";
    if (memory < TREE_ROOM || end > memory - TREE_ROOM)
        return "too little for the kernel and 64K behind it, expected more";

    top = memory - TREE_ROOM;
    image->dtb = KEEL_MACHINE_RAM + top;
    if (!ramdisk->data)
        return NULL;
    if (ramdisk->bytes > top - end)
        return "too little for kernel and ramdisk and 64K behind them, expected more";
    top = (top - ramdisk->bytes) & ~(uint64_t)(KEEL_PAGE_SIZE - 1);
    if (top < end)
        return "too little for kernel and ramdisk and 64K behind them, expected more";
    image->ramdisk = KEEL_MACHINE_RAM + top;
    image->ramdisk_bytes = ramdisk->bytes;
    *property = "ramdisk";
    return add(image, image->ramdisk, ramdisk->data, ramdisk->bytes);
}

void guest_add_tree(struct guest_image *image, const uint8_t *tree, size_t bytes)
{
    /* guest_layout leaves one piece free: it adds at most a ramdisk to ELF_SEGMENTS_MAX. */
    image->piece[image->npieces++] =
        (struct guest_piece){.ipa = image->dtb, .data = tree, .bytes = bytes};
}
