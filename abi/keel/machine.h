/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine that a guest sees: what the builder describes and the devices service serves. */
#ifndef KEEL_MACHINE_H
#define KEEL_MACHINE_H

#include <keel/interrupt.h>

#define KEEL_MACHINE_GICD 0x08000000ul
#define KEEL_MACHINE_GICD_SIZE 0x10000ul
#define KEEL_MACHINE_GICR 0x080A0000ul /* 0x20000 per vCPU */
#define KEEL_MACHINE_GICR_STRIDE 0x20000ul
#define KEEL_MACHINE_UART 0x09000000ul /* PL011 */
#define KEEL_MACHINE_UART_SIZE 0x1000ul
#define KEEL_MACHINE_UART_IRQ 33 /* INTID: SPI 1 */
#define KEEL_MACHINE_RTC 0x09010000ul /* PL031 */
#define KEEL_MACHINE_RTC_SIZE 0x1000ul
#define KEEL_MACHINE_RTC_IRQ 34
#define KEEL_MACHINE_RAM 0x40000000ul
#define KEEL_MACHINE_TIMER_IRQ 27 /* virtual timer: PPI 11 */

/* vCPU n has the affinity 0.0.0.n: MPIDR_EL1 is 0x80000000 + n. */

/* HVC or SMC by which a guest says that it panicked; x1: why. It ends with KEEL_STOP_PANIC. The
 * identifier is in SMCCC's range of hypervisor services; with bit 30 set, x1 has 64 bits. */
#define KEEL_MACHINE_PANIC 0x86000010u

#endif
