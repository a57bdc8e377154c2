/* SPDX-License-Identifier: Apache-2.0 */
/* An example of a service: greets on its console, and sends back every message that it gets. */
#include <errno.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <string.h>

#define PORT_ECHO      7u
#define ECHO_BYTES_MAX 256u

static unsigned echoed;

/* Called for each message in our ring; what it points to may change any time, so copy first. */
static bool on_message(void *context, const struct argo_message *message)
{
    char text[ECHO_BYTES_MAX];
    (void)context;
    if (!argo_message_read(message, 0, text, message->bytes < sizeof(text) ? message->bytes : 0))
        return true;
    int status = argo_send(PORT_ECHO, message->source, message->type, text, message->bytes);
    if (status == -EAGAIN)
        return false; /* no room there: keep the message, loop_space will tell when to try again */
    if (status < 0)
        printf("domain %u does not take its echo: %s\n", message->source.domain_id,
               strerror(-status));
    else
        printf("message %u: %u bytes from domain %u\n", ++echoed, message->bytes,
               message->source.domain_id);
    return true;
}

static void on_space(void *context)
{
    (void)context;
    loop_port_resume(PORT_ECHO);
}

int main(int argc, char **argv)
{
    printf("%s: hello from domain %u\n", keel_start()->name, keel_start()->domain);
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);

    loop_space(on_space, NULL);
    int status = loop_port(PORT_ECHO, KEEL_DOMAIN_ANY, 4000, on_message, NULL);
    if (status < 0) {
        printf("no port %u: %s\n", PORT_ECHO, strerror(-status));
        return 1;
    }
    loop_run();
}
