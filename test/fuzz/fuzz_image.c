/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's kernel: arm64 Image, ELF or raw, laid out with a ramdisk in the guest's memory. The
 * first four bytes of an input say how large memory and ramdisk are; the kernel is the rest.
 */
#include "elf_mutator.h"

#include <image/guest.h>
#include <keel/boot.h>
#include <keel/machine.h>

#define RAMDISK_MAX 0x10000u

/* The Image header's fields are at 8, 16 and 24 of the kernel. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t most, unsigned seed)
{
    uint64_t number = random_number(&seed);

    if (bytes < 4 + 64 || random_below(&seed, 3) == 0)
        return LLVMFuzzerMutate(data, bytes, most);
    if (memcmp(data + 4, ELFMAG, SELFMAG) == 0) {
        uint8_t *kernel = malloc(most);

        must(kernel);
        memcpy(kernel, data + 4, bytes - 4);
        size_t changed = elf_mutate(kernel, bytes - 4, most - 4, seed);
        memcpy(data + 4, kernel, changed);
        free(kernel);
        return 4 + changed;
    }
    memcpy(data + 4 + 8 * (1 + random_below(&seed, 3)), &number, sizeof number);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const uint8_t ramdisk_data[RAMDISK_MAX], tree[GUEST_TREE_MAX];
    struct input input = {data, bytes};
    uint64_t memory = (1 + input_take(&input, 2) % 64) * KEEL_BLOCK_SIZE;
    size_t ramdisk_bytes = (size_t)input_take(&input, 2);
    uint8_t *copy = exact_copy(input.at, input.left);
    const struct guest_file kernel = {copy, input.left};
    const struct guest_file ramdisk = {ramdisk_bytes ? ramdisk_data : NULL, ramdisk_bytes};
    const uint64_t ram_end = KEEL_MACHINE_RAM + memory;
    const char *property = NULL;
    struct guest_image image;
    const char *wrong = guest_layout(&image, memory, &kernel, &ramdisk, &property);

    if (wrong) {
        must_be_message(wrong);
        must(property);
        free(copy);
        return 0;
    }
    must(image.dtb >= KEEL_MACHINE_RAM && image.dtb <= ram_end - GUEST_TREE_MAX);
    must(image.dtb % 8 == 0);
    guest_add_tree(&image, tree, sizeof tree);
    must(image.npieces <= GUEST_PIECES_MAX);
    must(image.entry >= KEEL_MACHINE_RAM && image.entry < ram_end);
    for (uint32_t i = 0; i < image.npieces; i++) {
        const struct guest_piece *piece = &image.piece[i];

        must(piece->ipa >= KEEL_MACHINE_RAM && piece->ipa <= ram_end);
        must(piece->bytes <= ram_end - piece->ipa);
        for (uint32_t j = 0; j < i; j++)
            must(piece->ipa + piece->bytes <= image.piece[j].ipa ||
                 image.piece[j].ipa + image.piece[j].bytes <= piece->ipa);
    }
    free(copy);
    return 0;
}
