/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the UARTs that can be a console, as far as output needs them; 32 bits each. */
#ifndef LOADER_UART_H
#define LOADER_UART_H

/* PL011: Arm DDI 0183 */
#define UARTDR    0x000
#define UARTFR    0x018
#define UARTCR    0x030
#define FR_TXFF   (1u << 5)
#define CR_UARTEN (1u << 0)
#define CR_TXE    (1u << 8)
#define CR_RXE    (1u << 9)

/* Cadence UART: Xilinx UG1087, UART module */
#define CADENCE_CONTROL            0x00
#define CADENCE_CHANNEL_STS        0x2c
#define CADENCE_TX_RX_FIFO         0x30
#define CADENCE_CONTROL_RXEN       (1u << 2)
#define CADENCE_CONTROL_TXEN       (1u << 4)
#define CADENCE_CHANNEL_STS_TXFULL (1u << 4)

#endif
