/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader stage hands to the kernel: one fixed, checked structure. The kernel checks every
 * field against the limits here before it uses any of it. The builder gets the same page,
 * read-only.
 *
 * The loader also builds the kernel's own (stage 1) page tables: RAM that is not RESERVED and the
 * device regions listed here at VA = PA (RAM: read-write, never executable, the kernel's text and
 * read-only data read-only; devices: nGnRE), the kernel image at KEEL_KERNEL_VA with the
 * permissions of its segments, and each CPU's area at KEEL_CPU_VA(n). Page 0 is never mapped. Every
 * CPU enters the kernel through the image's first page (identity-mapped, read-execute), with the
 * MMU off, x0 = physical address of its `struct keel_cpu_entry`. The loader starts only the boot
 * CPU; the kernel starts the others by PSCI CPU_ON with entry point kernel_pa and context
 * cpu_entry_pa + n * sizeof(struct keel_cpu_entry).
 */
#ifndef KEEL_BOOT_H
#define KEEL_BOOT_H

#include <keel/types.h>

#define KEEL_BOOT_MAGIC   0x746f6f424c45454bull /* "KEELBoot" */
#define KEEL_BOOT_VERSION 1u

#define KEEL_KERNEL_VA 0x0000800000000000ull
#define KEEL_CPU_AREA  0x20000ull /* per CPU: 16 KiB unmapped, then 112 KiB mapped read-write */
#define KEEL_CPU_GUARD 0x4000ull
#define KEEL_CPU_VA(n) (0x0000800040000000ull + (uint64_t)(n)*KEEL_CPU_AREA)

/*
 * The builder's address space (39 bits). Its ELF segments lie between KEEL_PAGE_SIZE and
 * KEEL_BUILDER_LIMIT; above that it finds its stack and, read-only, what the loader left for it.
 * It is entered with x0 = KEEL_BUILDER_BOOT_VA, x1 = the number of CPUs that run (the first ones of
 * cpu_mpidr), sp = builder_stack.
 */
#define KEEL_BUILDER_LIMIT       0x3f00000000ull
#define KEEL_BUILDER_STACK_BYTES 0x10000ull
#define KEEL_BUILDER_STACK_VA    0x3fffff0000ull /* lowest address; the page below is not mapped */
#define KEEL_BUILDER_BOOT_VA     0x4000000000ull /* struct keel_boot */
#define KEEL_BUILDER_DTB_VA      0x4100000000ull /* dtb_bytes; zeros to the end of the page */
#define KEEL_BUILDER_BUNDLE_VA   0x4200000000ull /* bundle_bytes; zeros to the end of the page */

enum keel_extent_kind {
    KEEL_EXTENT_FREE = 0,    /* content unknown: scrubbed before it reaches a domain */
    KEEL_EXTENT_KERNEL = 1,  /* kernel image, CPU areas, page tables, frame table */
    KEEL_EXTENT_BUILDER = 2, /* a segment of the builder; see va, perm */
    KEEL_EXTENT_BUNDLE = 3,  /* the initrd: cpio archive; owned by the builder, read-only */
    KEEL_EXTENT_DTB = 4,     /* the platform's device tree; owned by the builder, read-only */
    KEEL_EXTENT_BOOT = 5,    /* this structure; owned by the builder, read-only */
    KEEL_EXTENT_RESERVED = 6 /* the firmware's: nobody's */
};

enum keel_perm {
    KEEL_PERM_READ = 1,
    KEEL_PERM_WRITE = 2,
    KEEL_PERM_EXEC = 4,
    KEEL_PERM_DEVICE = 8, /* a device's registers: read-write, never executable */
};

/* Sorted by pa, without overlap; together exactly the RAM of the machine. */
struct keel_extent {
    uint64_t pa;
    uint64_t pages;
    uint64_t va;   /* BUILDER: where the builder sees it; BUNDLE, DTB, BOOT: likewise */
    uint32_t kind; /* enum keel_extent_kind */
    uint32_t perm; /* BUILDER: enum keel_perm */
};
KEEL_ABI_SIZE(struct keel_extent, 32);
#define KEEL_EXTENTS_MAX 64

struct keel_device_region {
    uint64_t pa;
    uint64_t size;
};
#define KEEL_DEVICE_REGIONS_MAX 16

enum keel_console_kind { KEEL_CONSOLE_NONE = 0, KEEL_CONSOLE_PL011 = 1, KEEL_CONSOLE_CADENCE = 2 };
enum keel_gic_kind { KEEL_GIC_V2 = 2, KEEL_GIC_V3 = 3 };
enum keel_psci_conduit { KEEL_PSCI_NONE = 0, KEEL_PSCI_SMC = 1, KEEL_PSCI_HVC = 2 };

struct keel_boot {
    uint64_t magic;
    uint32_t version;
    uint32_t size;     /* of this structure */
    uint32_t checksum; /* 32-bit sum of all its words, this one as 0, is this */

    uint32_t ncpus;
    uint64_t cpu_mpidr[KEEL_CPUS_MAX]; /* affinity fields; [0] is the boot CPU */

    uint32_t nextents;
    uint32_t ndevice_regions;
    struct keel_extent extent[KEEL_EXTENTS_MAX];
    struct keel_device_region device_region[KEEL_DEVICE_REGIONS_MAX]; /* mapped for the kernel */

    uint64_t kernel_pa;     /* of the image, in one piece; its first page is the CPUs' entry */
    uint64_t page_table_pa; /* root of the kernel's stage 1 */
    uint64_t frame_table_pa;
    uint64_t frame_table_pages; /* of the table: 8 bytes for every page from ram_lo to ram_hi */
    uint64_t cpu_entry_pa;      /* of ncpus times struct keel_cpu_entry */
    uint64_t ram_lo, ram_hi;    /* lowest address of RAM, first address above it */

    uint32_t gic_kind; /* enum keel_gic_kind */
    uint32_t console_kind;
    uint64_t gicd_pa, gicd_size;
    uint64_t gicr_pa, gicr_size; /* v3: redistributors, contiguous; v2: CPU interface */
    uint64_t gich_pa, gicv_pa;   /* v2 only */
    uint64_t console_pa;
    uint32_t psci_conduit;      /* HVC: the kernel, at EL2, cannot use it, and does without PSCI */
    uint32_t irq_timer_hyp;     /* INTID of the EL2 physical timer */
    uint32_t irq_timer_virtual; /* INTID of the virtual timer */
    uint32_t irq_maintenance;   /* INTID of the GIC's maintenance interrupt */

    uint64_t builder_entry, builder_stack; /* in the builder's space; stack: its top */
    uint64_t bundle_bytes, dtb_bytes;
    uint64_t hwcap; /* what user space can use of the boot CPU, as AT_HWCAP of Linux has it */
};
KEEL_ABI_OFFSET(struct keel_boot, cpu_mpidr, 24);
KEEL_ABI_OFFSET(struct keel_boot, extent, 544);
_Static_assert(sizeof(struct keel_boot) <= KEEL_PAGE_SIZE, "struct keel_boot fits in a page");

/* What a CPU's first instructions need, one per CPU; read with the MMU off. */
struct keel_cpu_entry {
    uint64_t page_table_pa;
    uint64_t stack;    /* VA, top */
    uint64_t cpu;      /* VA of the bottom of the CPU's mapped area */
    uint64_t argument; /* boot CPU: VA of struct keel_boot; others: 0 */
    uint64_t index;    /* of the CPU */
};
KEEL_ABI_SIZE(struct keel_cpu_entry, 40);

#endif
