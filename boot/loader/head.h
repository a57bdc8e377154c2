/* SPDX-License-Identifier: Apache-2.0 */
/* What head.S and loader.c call of each other, and the symbols of loader.lds. */
#ifndef LOADER_HEAD_H
#define LOADER_HEAD_H

#include <stdint.h>

/* The first and the byte behind the last of the loader itself; the kernel lies there. */
extern uint8_t loader_start[], loader_end[];

void cache_flush(uint64_t pa, uint64_t bytes);
_Noreturn void cpu_enter(uint64_t entry, uint64_t argument);
uint64_t cpu_mpidr(void);
void psci_smc(uint64_t function);
void psci_hvc(uint64_t function);

_Noreturn void loader_main(uint64_t dtb_pa, uint64_t level);
_Noreturn void loader_exception(uint64_t esr, uint64_t elr, uint64_t far);

#endif
