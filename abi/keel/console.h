/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console messages. Output: anybody -> console, KEEL_PORT_CONSOLE, from KEEL_PORT_STDIO (a service's
 * own) or KEEL_PORT_GUEST (its guest's serial line). Input: the reverse. Payload: the bytes.
 * Output never waits: what does not fit is dropped and counted, and the count is told.
 */
#ifndef KEEL_CONSOLE_H
#define KEEL_CONSOLE_H

#include <keel/types.h>

enum keel_console_message {
    KEEL_CONSOLE_OUTPUT = 0x100,
    KEEL_CONSOLE_INPUT = 0x101,
    KEEL_CONSOLE_DROPPED = 0x102, /* payload: u64, bytes of output dropped since the last one */
};

#define KEEL_CONSOLE_BYTES_MAX 512u /* of one message */

#endif
