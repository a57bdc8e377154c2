/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles are streams (keel/stream.h). Output: anybody -> console, KEEL_PORT_CONSOLE, from
 * KEEL_PORT_STDIO (a service's own) or KEEL_PORT_GUEST (its guest's serial line). Input: the reverse.
 * Output never waits for long: what does not fit is dropped and left out of the stream.
 */
#ifndef KEEL_CONSOLE_H
#define KEEL_CONSOLE_H

#include <keel/stream.h>

#define KEEL_CONSOLE_BYTES_MAX 512u /* of one message, all of its payload */

#endif
