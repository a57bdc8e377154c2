/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a GICv3 distributor and redistributor, with the names of the Arm GIC Architecture
 * Specification (IHI 0069), chapter 12.9 and 12.11. Numbers only.
 */
#ifndef LIBS_VGIC_GICV3_H
#define LIBS_VGIC_GICV3_H

/* Distributor. */
#define GICD_CTLR           0x0000u
#define GICD_TYPER          0x0004u
#define GICD_IIDR           0x0008u
#define GICD_IGROUPR        0x0080u
#define GICD_ISENABLER      0x0100u
#define GICD_ICENABLER      0x0180u
#define GICD_ISPENDR        0x0200u
#define GICD_ICPENDR        0x0280u
#define GICD_ISACTIVER      0x0300u
#define GICD_ICACTIVER      0x0380u
#define GICD_IPRIORITYR     0x0400u
#define GICD_IPRIORITYR_END 0x0800u
#define GICD_ICFGR          0x0C00u
#define GICD_ICFGR_END      0x0D00u
#define GICD_IROUTER        0x6000u
#define GICD_IROUTER_END    0x8000u
#define GIC_ID              0xFFD0u /* PIDR4..7, PIDR0..3, CIDR0..3: the same in all frames */

#define GICD_CTLR_ENABLE_GROUP0 (1u << 0)
#define GICD_CTLR_ENABLE_GROUP1 (1u << 1)
#define GICD_CTLR_ARE           (1u << 4)
#define GICD_CTLR_DS            (1u << 6)
#define GICD_TYPER_ID_BITS(n)   (((n)-1u) << 19)
#define GICD_TYPER_NO_1_OF_N    (1u << 25)
#define GICD_TYPER_SPIS_MAX     1020u /* INTIDs from here on are special */

/* Redistributor, frame RD_base. */
#define GICR_CTLR  0x0000u
#define GICR_IIDR  0x0004u
#define GICR_TYPER 0x0008u
#define GICR_WAKER 0x0014u

#define GICR_TYPER_LAST            (1u << 4)
#define GICR_TYPER_PROCESSOR(n)    ((uint64_t)(n) << 8)
#define GICR_TYPER_AFFINITY(a)     ((uint64_t)(a) << 32)
#define GICR_WAKER_PROCESSOR_SLEEP (1u << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1u << 2)

/* Redistributor, frame SGI_base, whose one-word banks lie as in the distributor. */
#define GICR_SGI_BASE 0x10000u
#define GICR_SIZE     0x20000u

#endif
