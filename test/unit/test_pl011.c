/* SPDX-License-Identifier: Apache-2.0 */
/* The PL011 model: what Linux's amba-pl011 and a polling guest rely on. */
#include "pl011.h"
#include "pl011_regs.h"

#include <check.h>
#include <stdlib.h>

static struct pl011 uart;

static void setup(void)
{
    pl011_reset(&uart);
}

START_TEST(identifies_as_arm_pl011)
{
    uint32_t id = 0, cell = 0;
    for (uint32_t i = 0; i < 4; i++) {
        id |= pl011_read(&uart, UARTID + 4 * i) << (8 * i);
        cell |= pl011_read(&uart, UARTID + 16 + 4 * i) << (8 * i);
    }
    ck_assert_uint_eq(id & 0xFFFFF, 0x41011);
    ck_assert_uint_eq(id >> 20, 1); /* below 3: FIFOs of 16 */
    ck_assert_uint_eq(cell, 0xB105F00D);
}
END_TEST

START_TEST(is_idle_after_reset)
{
    ck_assert_uint_eq(pl011_read(&uart, UARTFR), UARTFR_TXFE | UARTFR_RXFE);
    ck_assert_uint_eq(pl011_read(&uart, UARTCR), 0x300);
    ck_assert_uint_eq(pl011_read(&uart, UARTIFLS), 0x12);
    ck_assert(!pl011_line(&uart));
    ck_assert_uint_eq(pl011_read(&uart, UARTDR), 0);
}
END_TEST

START_TEST(sends_each_byte)
{
    ck_assert_int_eq(pl011_write(&uart, UARTDR, 'K'), 'K');
    ck_assert_int_eq(pl011_write(&uart, UARTDR, 0xFFFFFFFF), 0xFF);
    ck_assert_int_eq(pl011_write(&uart, UARTIBRD, 'K'), -1);
    ck_assert_uint_eq(pl011_read(&uart, UARTRIS), PL011_INT_TX);
    ck_assert(!pl011_line(&uart));
    pl011_write(&uart, UARTIMSC, PL011_INT_TX);
    ck_assert(pl011_line(&uart));
    pl011_write(&uart, UARTICR, PL011_INT_TX);
    ck_assert(!pl011_line(&uart));
    pl011_write(&uart, UARTDR, 'e');
    ck_assert(pl011_line(&uart));
}
END_TEST

START_TEST(receives_in_order_and_interrupts)
{
    pl011_write(&uart, UARTLCR_H, UARTLCR_H_FEN);
    pl011_write(&uart, UARTIMSC, PL011_INT_RX | PL011_INT_RT);
    ck_assert_uint_eq(pl011_room(&uart), 16);
    /* Twice around the ring, so that the head wraps. */
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 11; i++) {
            pl011_input(&uart, (uint8_t)(round * 16 + i));
        }
        ck_assert(pl011_line(&uart));
        ck_assert_uint_eq(pl011_read(&uart, UARTMIS), PL011_INT_RX | PL011_INT_RT);
        for (unsigned i = 0; i < 11; i++) {
            ck_assert(pl011_line(&uart));
            ck_assert_uint_eq(pl011_read(&uart, UARTDR), round * 16 + i);
        }
        ck_assert(!pl011_line(&uart));
        ck_assert(pl011_read(&uart, UARTFR) & UARTFR_RXFE);
    }
}
END_TEST

START_TEST(pushes_back_when_full)
{
    ck_assert_uint_eq(pl011_room(&uart), 1); /* FIFOs off */
    pl011_write(&uart, UARTLCR_H, UARTLCR_H_FEN);
    for (unsigned i = 0; i < 16; i++) {
        ck_assert_uint_eq(pl011_room(&uart), 16 - i);
        pl011_input(&uart, 'x');
    }
    ck_assert_uint_eq(pl011_room(&uart), 0);
    ck_assert(pl011_read(&uart, UARTFR) & UARTFR_RXFF);
    pl011_input(&uart, 'y'); /* an overrun is told, and loses the new byte */
    ck_assert_uint_eq(pl011_read(&uart, UARTRSR), UARTRSR_OE);
    ck_assert(pl011_read(&uart, UARTRIS) & PL011_INT_OE);
    pl011_write(&uart, UARTRSR, 0);
    ck_assert_uint_eq(pl011_read(&uart, UARTRSR), 0);
    for (unsigned i = 0; i < 16; i++) {
        ck_assert_uint_eq(pl011_read(&uart, UARTDR), 'x');
    }
    ck_assert_uint_eq(pl011_read(&uart, UARTDR), 0);
}
END_TEST

START_TEST(clearing_is_not_reading)
{
    pl011_write(&uart, UARTLCR_H, UARTLCR_H_FEN);
    pl011_write(&uart, UARTIMSC, PL011_INT_RX);
    pl011_input(&uart, 'a');
    pl011_write(&uart, UARTICR, 0x7FF);
    ck_assert(!pl011_line(&uart));
    ck_assert(!(pl011_read(&uart, UARTFR) & UARTFR_RXFE));
    pl011_input(&uart, 'b');
    ck_assert(pl011_line(&uart));
}
END_TEST

START_TEST(switching_fifos_flushes)
{
    pl011_write(&uart, UARTLCR_H, UARTLCR_H_FEN);
    for (unsigned i = 0; i < 9; i++) {
        pl011_input(&uart, 'x');
    }
    pl011_write(&uart, UARTLCR_H, UARTLCR_H_FEN | 0x60);
    ck_assert_uint_eq(pl011_room(&uart), 7);
    pl011_write(&uart, UARTLCR_H, 0x60);
    ck_assert_uint_eq(pl011_room(&uart), 1);
    ck_assert(pl011_read(&uart, UARTFR) & UARTFR_RXFE);
}
END_TEST

START_TEST(loops_back)
{
    pl011_write(&uart, UARTCR, UARTCR_RESET | UARTCR_LBE | 1);
    ck_assert_int_eq(pl011_write(&uart, UARTDR, 'q'), -1);
    ck_assert_uint_eq(pl011_read(&uart, UARTDR), 'q');
}
END_TEST

/* Whatever is written where: registers keep their width, the FIFO its bounds. */
START_TEST(survives_any_access)
{
    srand(1);
    for (unsigned i = 0; i < 50000; i++) {
        uint32_t offset = (uint32_t)rand() & (i & 1 ? 0xFFF : 0x7C);
        uint32_t value = (uint32_t)rand() << 16 ^ (uint32_t)rand();
        if (value & 1) {
            int byte = pl011_write(&uart, offset, value);
            ck_assert(byte >= -1 && byte < 256);
        } else {
            ck_assert_uint_le(pl011_read(&uart, offset), 0xFFFF);
        }
        if (value & 2) {
            pl011_input(&uart, (uint8_t)value);
        }
        ck_assert(uart.rx_count <= PL011_FIFO && uart.rx_head < PL011_FIFO);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pl011");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, identifies_as_arm_pl011);
    tcase_add_test(tests, is_idle_after_reset);
    tcase_add_test(tests, sends_each_byte);
    tcase_add_test(tests, receives_in_order_and_interrupts);
    tcase_add_test(tests, pushes_back_when_full);
    tcase_add_test(tests, clearing_is_not_reading);
    tcase_add_test(tests, switching_fifos_flushes);
    tcase_add_test(tests, loops_back);
    tcase_add_test(tests, survives_any_access);

    Suite *suite = suite_create("pl011");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
