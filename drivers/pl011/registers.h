/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the PL011 UART: offsets and bits as named in Arm DDI 0183G, section 3.3. */
#ifndef PL011_REGISTERS_H
#define PL011_REGISTERS_H

#define UARTDR    0x000u /* data; read: with the error bits of that character */
#define UARTRSR   0x004u /* receive status; written, as UARTECR: clears it */
#define UARTFR    0x018u /* flags */
#define UARTILPR  0x020u /* IrDA low-power counter */
#define UARTIBRD  0x024u /* integer baud rate */
#define UARTFBRD  0x028u /* fractional baud rate */
#define UARTLCR_H 0x02cu /* line control */
#define UARTCR    0x030u /* control */
#define UARTIFLS  0x034u /* interrupt FIFO levels */
#define UARTIMSC  0x038u /* interrupt mask: 1 enables */
#define UARTRIS   0x03cu /* raw interrupts */
#define UARTMIS   0x040u /* masked interrupts */
#define UARTICR   0x044u /* interrupt clear */
#define UARTDMACR 0x048u /* DMA control */

#define UARTDR_FE (1u << 8)  /* framing error */
#define UARTDR_PE (1u << 9)  /* parity error */
#define UARTDR_BE (1u << 10) /* break */
#define UARTDR_OE (1u << 11) /* overrun: characters were lost before this one */

#define UARTFR_BUSY (1u << 3)
#define UARTFR_RXFE (1u << 4) /* nothing received */
#define UARTFR_TXFF (1u << 5) /* no room to transmit */
#define UARTFR_TXFE (1u << 7) /* everything transmitted, but for the shift register */

#define UARTLCR_H_FEN  (1u << 4) /* FIFOs */
#define UARTLCR_H_WLEN (3u << 5) /* 8 bits */

#define UARTCR_UARTEN (1u << 0)
#define UARTCR_TXE    (1u << 8)
#define UARTCR_RXE    (1u << 9)

/* The same bits in IMSC, RIS, MIS and ICR. */
#define UARTINT_RX  (1u << 4)
#define UARTINT_TX  (1u << 5)
#define UARTINT_RT  (1u << 6) /* received, and nothing more for 32 bit times */
#define UARTINT_OE  (1u << 10)
#define UARTINT_ALL 0x7ffu

#endif
