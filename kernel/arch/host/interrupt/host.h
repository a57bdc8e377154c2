/* SPDX-License-Identifier: Apache-2.0 */
/* What tests see of the host's interrupt controller: list registers that obey the architecture's
 * rules, physical interrupts, and what a guest does at its virtual CPU interface. */
#ifndef KERNEL_INTERRUPT_HOST_H
#define KERNEL_INTERRUPT_HOST_H

#include "interrupt/vgic.h"

#define HOST_LRS      4u
#define HOST_INTIDS   96u
#define HOST_NO_INTID 1023u
#define HOST_TIMER    27u

/* The list registers of a CPU have nothing in them, and ask for nothing. */
bool host_gic_is_empty(uint32_t cpu);
/* The maintenance interrupt of this CPU is asserted. */
bool host_maintenance(void);
/* A device's line: an edge, or a level that is high. It is taken when the boot CPU takes
 * interrupts. */
void host_device(uint32_t intid);
void host_devices_take(void);
/* The line of this CPU's virtual timer is high: whether its interrupt is taken, which is active then. */
bool host_timer_take(void);

/* The machine that runs on this CPU: acknowledges the best interrupt (its INTID, or HOST_NO_INTID),
 * ends the one that it acknowledged last. */
uint32_t host_acknowledge(void);
uint32_t host_end(void);

void host_gic_reset(void);

#endif
