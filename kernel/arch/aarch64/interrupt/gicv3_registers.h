/* SPDX-License-Identifier: Apache-2.0 */
/* GICv3 registers, by the names of the GIC architecture specification (Arm IHI 0069H). */
#ifndef KERNEL_INTERRUPT_GICV3_REGISTERS_H
#define KERNEL_INTERRUPT_GICV3_REGISTERS_H

/* Distributor, 12.9. Registers of n bits per interrupt are arrays from INTID 0. */
#define GICD_CTLR                 0x0000u
#define GICD_CTLR_ENABLE_GRP1     (1u << 1) /* Non-secure view: EnableGrp1A */
#define GICD_CTLR_ARE             (1u << 4) /* Non-secure view: ARE_NS */
#define GICD_CTLR_RWP             (1u << 31)
#define GICD_TYPER                0x0004u
#define GICD_TYPER_LINES(typer)   (((typer)&0x1fu) + 1) /* times 32 interrupts */
#define GICD_IGROUPR              0x0080u
#define GICD_ISENABLER            0x0100u
#define GICD_ICENABLER            0x0180u
#define GICD_ICPENDR              0x0280u
#define GICD_ICACTIVER            0x0380u
#define GICD_IPRIORITYR           0x0400u
#define GICD_ICFGR                0x0c00u /* 2 bits; the upper one: edge */
#define GICD_IROUTER              0x6000u /* 64 bits */
#define GICD_PIDR2                0xffe8u
#define GIC_PIDR2_REVISION(pidr2) ((pidr2) >> 4 & 0xfu)

/* Redistributor, 12.11: frames of 64 KiB, RD_base and SGI_base; GICv4 has two more. */
#define GICR_FRAME                 0x10000u
#define GICR_CTLR                  0x0000u
#define GICR_CTLR_RWP              (1u << 3)
#define GICR_TYPER                 0x0008u
#define GICR_TYPER_VLPIS           (1ull << 1)
#define GICR_TYPER_LAST            (1ull << 4)
#define GICR_TYPER_AFFINITY(typer) ((uint32_t)((typer) >> 32))
#define GICR_WAKER                 0x0014u
#define GICR_WAKER_PROCESSOR_SLEEP (1u << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1u << 2)
/* SGI_base has the registers of SGIs and PPIs at the distributor's offsets. */

/* Physical CPU interface, 12.2. The assembler knows its registers' names, and those of the next. */
#define ICC_CTLR_EOIMODE (1ul << 1)
#define ICC_SRE_SRE      (1ul << 0)
#define ICC_SRE_DFB      (1ul << 1)
#define ICC_SRE_DIB      (1ul << 2)
#define ICC_SRE_ENABLE   (1ul << 3)
#define ICC_SGI1R_AFFINITY(mpidr)                                                                \
    (((mpidr) >> 32 & 0xff) << 48 | ((mpidr) >> 16 & 0xff) << 32 | ((mpidr) >> 8 & 0xff) << 16 | \
     ((mpidr) >> 4 & 0xf) << 44 | 1ull << ((mpidr)&0xf))
#define ICC_SGI1R_INTID(intid) ((uint64_t)(intid) << 24)

/* Virtual interface control, 12.4 */
#define ICH_HCR_EN                (1u << 0)
#define ICH_HCR_TDIR              (1u << 14)
#define ICH_HCR_EOICOUNT(hcr)     ((uint32_t)((hcr) >> 27) & 0x1f)
#define ICH_VTR_LISTREGS(vtr)     (((uint32_t)(vtr)&0x1f) + 1)
#define ICH_VTR_PREBITS(vtr)      (((uint32_t)((vtr) >> 26) & 7) + 1)
#define ICH_LR_PRIORITY(priority) ((uint64_t)(priority) << 48)
#define ICH_LR_PINTID(intid)      ((uint64_t)(intid) << 32)
#define ICH_LR_EOI                (1ull << 41)
#define ICH_LR_PENDING            (1ull << 62)

#endif
