/* SPDX-License-Identifier: Apache-2.0 */
/* See mmu.h. Arm ARM D8: VMSAv8-64, 4 KiB granule, 48 bits of address, TTBR0 alone. */
#include "mmu.h"

#include "lib/guest.h"

#define TABLES_MAX 40u
#define LEVELS     4u

#define VALID      1ull
#define TABLE      3ull
#define PAGE_ENTRY 3ull
#define BLOCK      1ull
#define AF         (1ull << 10)
#define SH_INNER   (3ull << 8)
#define RO         (1ull << 7) /* AP[2] */
#define UXN        (1ull << 54)
#define ADDRESS    0x0000fffffffff000ull

#define MAIR \
    (0xffull | 0x00ull << 8 | 0x44ull << 16 | 0xbbull << 24 | 0xf4ull << 32 | 0x77ull << 40)
/* T0SZ 16; inner and outer write-back, inner shareable; EPD1; 40 bits of physical address. */
#define TCR         (16ull | 1ull << 8 | 1ull << 10 | 3ull << 12 | 1ull << 23 | 2ull << 32)
#define TCR_TBI0    (1ull << 37)
#define SCTLR_M_C_I (1ull | 1ull << 2 | 1ull << 12)

#define SECTION 0x200000ull

static _Alignas(4096) uint64_t table[TABLES_MAX][512];
static uint32_t tables;

static uint64_t *table_new(void)
{
    expect(tables < TABLES_MAX, "too many tables");
    return table[tables++];
}

/* The entry of va at a level; tables above it are made. */
static uint64_t *entry_of(uint64_t va, uint32_t level)
{
    uint64_t *entries = table[0];

    for (uint32_t at = 0;; at++) {
        uint64_t *entry = &entries[va >> (12 + 9 * (LEVELS - 1 - at)) & 511];

        if (at == level)
            return entry;
        if (!(*entry & VALID))
            *entry = (uintptr_t)table_new() | TABLE;
        entries = (uint64_t *)(uintptr_t)(*entry & ADDRESS);
    }
}

/* Break-before-make where something was mapped. */
static void entry_set(uint64_t *entry, uint64_t va, uint64_t value)
{
    if (*entry & VALID) {
        *(volatile uint64_t *)entry = 0;
        __asm__ volatile("dsb ishst\n tlbi vaae1is, %0\n dsb ish\n isb" ::"r"(va >> 12) : "memory");
    }
    *(volatile uint64_t *)entry = value;
    __asm__ volatile("dsb ishst\n isb" ::: "memory");
}

static uint64_t bits_of(uint32_t attributes)
{
    return AF | SH_INNER | UXN | (uint64_t)(attributes & 7) << 2 |
           (attributes & MMU_READ_ONLY ? RO : 0);
}

void mmu_map(uint64_t va, uint64_t ipa, uint32_t attributes)
{
    entry_set(entry_of(va, 3), va, (ipa & ADDRESS) | bits_of(attributes) | PAGE_ENTRY);
}

void mmu_map_block(uint64_t va, uint64_t ipa, uint32_t attributes)
{
    entry_set(entry_of(va, 2), va, (ipa & ADDRESS) | bits_of(attributes) | BLOCK);
}

void mmu_unmap(uint64_t va)
{
    entry_set(entry_of(va, 3), va, 0);
}

void mmu_init(void)
{
    (void)table_new();
    /* The image, its tables and stacks: below 32 MiB of RAM. */
    for (uint64_t ipa = PLATFORM_RAM; ipa < PLATFORM_RAM + 16 * SECTION; ipa += SECTION)
        mmu_map_block(ipa, ipa, MMU_NORMAL);
    for (uint64_t ipa = PLATFORM_GICD & ~(SECTION - 1); ipa <= PLATFORM_UART; ipa += SECTION)
        mmu_map_block(ipa, ipa, MMU_DEVICE);
}

void mmu_on(void)
{
    sysreg_write(mair_el1, MAIR);
    sysreg_write(tcr_el1, TCR);
    sysreg_write(ttbr0_el1, (uintptr_t)table[0]);
    __asm__ volatile("dsb sy\n tlbi vmalle1\n dsb sy\n isb" ::: "memory");
    sysreg_write(sctlr_el1, sysreg_read(sctlr_el1) | SCTLR_M_C_I);
}

void mmu_off(void)
{
    sysreg_write(sctlr_el1, sysreg_read(sctlr_el1) & ~SCTLR_M_C_I);
    __asm__ volatile("dsb sy\n isb" ::: "memory");
}

void mmu_tags(bool ignored)
{
    sysreg_write(tcr_el1, ignored ? TCR | TCR_TBI0 : TCR);
    __asm__ volatile("tlbi vmalle1\n dsb sy\n isb" ::: "memory");
}
