/* SPDX-License-Identifier: Apache-2.0 */
/* A service that writes to the console without looking whether it may. Argument: the console's
 * id. */
#include <keel/console.h>
#include <keel/start.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <stdlib.h>

#define AGAIN_MS 20u

static unsigned refused;
static struct keel_argo_addr console = {.aport = KEEL_PORT_CONSOLE};

static void on_time(void *context)
{
    static struct {
        struct keel_stream_place place;
        char text[20];
    } part = {.place.stream = 1, .text = "sent without asking\n"};
    static struct loop_timer timer;

    refused += argo_send(KEEL_PORT_STDIO, console, KEEL_STREAM_BYTES, &part, sizeof part) < 0;
    part.place.stream++;
    loop_timer_set(&timer, clock_after_ms(AGAIN_MS), on_time, context);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 1;
    console.domain_id = (uint16_t)atoi(argv[1]);
    on_time(NULL);
    loop_run();
}
