/* SPDX-License-Identifier: Apache-2.0 */
/* An example of a service: greets on its console, and sends back what it is asked to. */
#include <errno.h>
#include <keel/example.h>
#include <runtime/port.h>
#include <runtime/start.h>
#include <stdio.h>
#include <string.h>

#define PORT       7u
#define RING_BYTES 4000u

/* Called for each request, when its size is known to be right; the payload is a copy of ours. */
static bool on_echo(void *context, const struct message *message)
{
    static unsigned echoed;
    (void)context;
    message_answer(message, 0, message->payload, message->bytes);
    printf("message %u: %u bytes from domain %u\n", ++echoed, message->bytes,
           message->source.domain_id);
    return true;
}

static const struct message_type types[] = {
    {.type = KEEL_EXAMPLE_ECHO, .most = KEEL_EXAMPLE_BYTES_MAX, .handler = on_echo},
};
static struct port port = {.types = types, .ntypes = 1};

int main(int argc, char **argv)
{
    printf("%s: hello from domain %u\n", keel_start()->name, keel_start()->domain);
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);

    int status = port_open(&port, PORT, KEEL_DOMAIN_ANY, RING_BYTES);
    if (status < 0) {
        printf("no port %u: %s\n", PORT, strerror(-status));
        return 1;
    }
    port_pace(&port, PORT_PACE); /* anybody may send: see port.h */
    loop_run();
}
