/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the PL011, with the names of Arm DDI 0183, section 3.2. Numbers only. */
#ifndef DEVICES_PL011_REGS_H
#define DEVICES_PL011_REGS_H

#define UARTDR    0x000u
#define UARTRSR   0x004u /* written: UARTECR */
#define UARTFR    0x018u
#define UARTILPR  0x020u
#define UARTIBRD  0x024u
#define UARTFBRD  0x028u
#define UARTLCR_H 0x02Cu
#define UARTCR    0x030u
#define UARTIFLS  0x034u
#define UARTIMSC  0x038u
#define UARTRIS   0x03Cu
#define UARTMIS   0x040u
#define UARTICR   0x044u
#define UARTDMACR 0x048u
#define UARTID    0xFE0u /* UARTPeriphID0..3, UARTPCellID0..3 */

#define UARTFR_RXFE (1u << 4)
#define UARTFR_RXFF (1u << 6)
#define UARTFR_TXFE (1u << 7)

#define UARTLCR_H_FEN (1u << 4)
#define UARTCR_LBE    (1u << 7)
#define UARTRSR_OE    (1u << 3)

#define UARTCR_RESET   0x300u /* TXE, RXE */
#define UARTIFLS_RESET 0x012u

#endif
