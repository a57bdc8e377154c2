/* SPDX-License-Identifier: Apache-2.0 */
/* GICv3 driver of the test guests: group 1, everything at priority 0xa0. */
#include "guest.h"

#define CTLR       0x0000
#define IGROUPR    0x0080
#define ISENABLER  0x0100
#define ICENABLER  0x0180
#define IPRIORITYR 0x0400
#define ICFGR      0x0C00
#define IROUTER    0x6000
#define WAKER      0x0014

#define CTLR_RWP     (1u << 31)
#define CTLR_ARE     (1u << 4)
#define CTLR_GROUP1  (1u << 1)
#define WAKER_SLEEP  (1u << 1)
#define WAKER_ASLEEP (1u << 2)
#define PRIORITY_ALL 0xA0A0A0A0u

void gic_wait(void)
{
    while (mmio_read(GIC_DIST + CTLR) & CTLR_RWP) {
    }
}

static void redist_wait(uint32_t cpu)
{
    while (mmio_read(GIC_REDIST(cpu)) & (1u << 3)) {
    }
}

void gic_init(void)
{
    uint32_t words = (mmio_read(GIC_DIST + 4) & 0x1F) + 1;

    mmio_write(GIC_DIST + CTLR, 0);
    gic_wait();
    for (uint32_t word = 1; word < words; word++) {
        mmio_write(GIC_DIST + ICENABLER + 4 * word, UINT32_MAX);
        mmio_write(GIC_DIST + IGROUPR + 4 * word, UINT32_MAX);
    }
    for (uint32_t intid = 32; intid < 32 * words; intid += 4) {
        mmio_write(GIC_DIST + IPRIORITYR + intid, PRIORITY_ALL);
    }
    gic_wait();
    mmio_write(GIC_DIST + CTLR, CTLR_ARE);
    gic_wait();
    mmio_write(GIC_DIST + CTLR, CTLR_ARE | CTLR_GROUP1);
    gic_wait();
}

void gic_cpu_init(uint32_t cpu)
{
    uint64_t waker = GIC_REDIST(cpu) + WAKER;

    mmio_write(waker, mmio_read(waker) & ~WAKER_SLEEP);
    while (mmio_read(waker) & WAKER_ASLEEP) {
    }
    mmio_write(GIC_SGI_FRAME(cpu) + ICENABLER, 0xFFFF0000u);
    mmio_write(GIC_SGI_FRAME(cpu) + IGROUPR, UINT32_MAX);
    for (uint32_t intid = 0; intid < 32; intid += 4) {
        mmio_write(GIC_SGI_FRAME(cpu) + IPRIORITYR + intid, PRIORITY_ALL);
    }
    mmio_write(GIC_SGI_FRAME(cpu) + ISENABLER, 0xFFFFu);
    redist_wait(cpu);
    sysreg_write(S3_0_C12_C12_5, sysreg_read(S3_0_C12_C12_5) | 1); /* ICC_SRE_EL1.SRE */
    sysreg_write(S3_0_C4_C6_0, 0xF0);                              /* ICC_PMR_EL1 */
    sysreg_write(S3_0_C12_C12_3, 0);                               /* ICC_BPR1_EL1 */
    sysreg_write(S3_0_C12_C12_4, 0);                               /* ICC_CTLR_EL1 */
    sysreg_write(S3_0_C12_C12_7, 1);                               /* ICC_IGRPEN1_EL1 */
}

void gic_enable_private(uint32_t cpu, uint32_t intid, bool on)
{
    mmio_write(GIC_SGI_FRAME(cpu) + (on ? ISENABLER : ICENABLER), 1u << intid);
    redist_wait(cpu);
}

void gic_enable(uint32_t intid, bool on)
{
    mmio_write(GIC_DIST + (on ? ISENABLER : ICENABLER) + intid / 32 * 4, 1u << intid % 32);
    gic_wait();
}

void gic_edge(uint32_t intid)
{
    uint64_t word = GIC_DIST + ICFGR + intid / 16 * 4;

    mmio_write(word, mmio_read(word) | 2u << intid % 16 * 2);
    gic_wait();
}

void gic_sgi(uint32_t cpu, uint32_t intid)
{
    barrier();
    sysreg_write(S3_0_C12_C11_5, (uint64_t)intid << 24 | 1ul << cpu); /* ICC_SGI1R_EL1 */
}

uint64_t ms(uint64_t n)
{
    return sysreg_read(cntfrq_el0) * n / 1000;
}
