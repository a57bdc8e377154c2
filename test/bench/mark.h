/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks that the plugin count.c sees: instructions that do nothing (a move to the zero register).
 * What runs from MARK_BEGIN(row) to MARK_END(row), or to the next MARK_BEGIN(row), is once of that
 * row, whichever programs the two are in. rows.py says what each row is.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

enum bench_row {
    /* from reset, once: ended by count.c itself where a service and where a guest begins */
    ROW_BUILDER,
    ROW_GUEST,
    ROW_SHELL,
    /* again and again; the first WARM_UPS times do not count */
    ROW_NULL_SERVICE,
    ROW_NULL_GUEST,
    ROW_PSCI_VERSION,
    ROW_ID_REGISTER,
    ROW_PL011_READ,
    ROW_GICD_READ,
    ROW_GICD_PRIORITY,
    ROW_SGI_SELF,
    ROW_WFI_TIMER,
    ROW_SGI_WFI,
    ROW_YIELD,
    ROW_YIELD_FP,
    ROW_ARGO_SEND,
    ROW_ARGO_ONE_WAY,
    ROW_ARGO_ROUND,
    /* a round of isolation.c, a message of pairs.c */
    ROW_VICTIM,
    /* messages.h */
    ROW_SEND_0,
    ROW_ONE_WAY_0,
    ROW_ROUND_0,
    ROW_SEND_64,
    ROW_ONE_WAY_64,
    ROW_ROUND_64,
    ROW_SEND_1K,
    ROW_ONE_WAY_1K,
    ROW_ROUND_1K,
    ROW_SEND_4K,
    ROW_ONE_WAY_4K,
    ROW_ROUND_4K,
    ROW_SEND_64K,
    ROW_ONE_WAY_64K,
    ROW_ROUND_64K,
    ROW_SEND_1M,
    ROW_ONE_WAY_1M,
    ROW_ROUND_1M,
    /* turns.h */
    ROW_SWITCH,
    ROW_WAKE_GUEST,
    ROW_WAKE_SERVICE,
    ROWS
};
#define ROW_ONCE_LAST ROW_SHELL
/* From there on only what the kernel executes counts, from the last MARK_BEGIN on. */
#define ROW_KERNEL_FIRST ROW_SWITCH
#define WARM_UPS         20
#define ROUNDS           (WARM_UPS + 1000)

#define MARK_FIRST      0x4B00
#define MARK(number)    __asm__ volatile("movz xzr, %0" : : "i"(MARK_FIRST + (number)) : "memory")
#define MARK_BEGIN(row) MARK(2 * (row))
#define MARK_END(row)   MARK(2 * (row) + 1)

#endif
