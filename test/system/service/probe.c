/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that tries what a service stands on, one thing per instance: the argument says which.
 * What has to be seen is in run.py.
 */
#include <argo/argo.h>
#include <errno.h>
#include <fcntl.h>
#include <keel/calls.h>
#include <runtime/clock.h>
#include <runtime/loop.h>
#include <runtime/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define PORT_ECHO 7u

static void check(const char *what, bool holds)
{
    printf("%s: %s\n", what, holds ? "yes" : "NO");
}

static bool zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void memory(void)
{
    static void *block[256];
    size_t bytes[256];
    bool good = true;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        size_t i = (size_t)rand() % 256;
        if (block[i] != NULL) {
            uint8_t *at = block[i];
            good = good && at[0] == (uint8_t)i && at[bytes[i] - 1] == (uint8_t)i;
            free(block[i]);
            block[i] = NULL;
        } else {
            bytes[i] = 1 + (size_t)rand() % (rand() % 16 ? 512 : 20000);
            block[i] = calloc(1, bytes[i]);
            good = good && block[i] != NULL && zero(block[i], bytes[i]);
            if (block[i] != NULL)
                memset(block[i], (int)i, bytes[i]);
        }
    }
    check("malloc keeps what it holds", good);
    check("too much is refused", malloc(1ul << 32) == NULL && errno == ENOMEM);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check("a page is mapped", page != MAP_FAILED);
    check("nothing becomes executable",
          mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EACCES);
    check("read-only is accepted", mprotect(page, 4096, PROT_READ) == 0);
    check("and undone", munmap(page, 4096) == 0);
}

static void clocks(void)
{
    struct timespec before, after;
    char byte;
    clock_gettime(CLOCK_MONOTONIC, &before);
    usleep(20000);
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t ns = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    check("it sleeps for its time", ns >= 20000000 && ns < 2000000000);
    check("there is no entropy", getrandom(&byte, 1, 0) < 0 && errno == ENOSYS);
    check("there are no files", open("/etc/passwd", O_RDONLY) < 0 && errno == ENOSYS);
}

static unsigned echoes;

static bool on_echo(void *context, const struct argo_message *message)
{
    uint64_t number;
    (void)context;
    if (!argo_message_take(message, &number) || message->type != 0x1234 || number != echoes)
        printf("a wrong echo\n");
    if (++echoes == 100)
        printf("100 echoes\n");
    return true;
}

static struct loop_timer send_timer;

static void send_next(void *context)
{
    static uint64_t number;
    const struct keel_connection *example = keel_connection_find("example");
    while (number < 100 && argo_send_to(example, PORT_ECHO, 0x1234, &number, sizeof(number)) >= 0)
        number++;
    if (number < 100)
        loop_timer_set(&send_timer, clock_after_ms(5), send_next, context);
}

static void messages(void)
{
    const struct keel_connection *example = keel_connection_find("example");
    struct keel_argo_addr elsewhere = {.aport = PORT_ECHO + 1, .domain_id = example->domain};
    check("another port is denied", argo_send(PORT_ECHO, elsewhere, 1, "", 0) == -EACCES);
    elsewhere.aport = PORT_ECHO;
    check("so is another source", argo_send(PORT_ECHO + 1, elsewhere, 1, "", 0) == -EACCES);
    if (loop_port(PORT_ECHO, example->domain, 4000, on_echo, NULL) < 0)
        printf("no port\n");
    send_next(NULL);
    loop_run();
}

static void flood(void)
{
    char line[101];
    memset(line, '.', 99);
    line[99] = '\n';
    line[100] = '\0';
    for (int i = 0; i < 5000; i++)
        fputs(line, stdout);
    loop_run();
}

static void input(void)
{
    char line[64];
    printf("type: ");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL)
        printf("read: %s", line);
}

static __attribute__((noinline)) int deep(int n)
{
    volatile char local[1024];
    local[0] = (char)n;
    return n == 0 ? 0 : deep(n - 1) + local[0];
}

static __attribute__((noinline)) void smash(size_t n)
{
    char local[16];
    char *volatile where = local;
    memset(where, 'x', n);
}

static void execute_data(void)
{
    static uint32_t code[] = {0xd65f03c0}; /* ret */
    ((void (*)(void))(uintptr_t)code)();
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    if (strcmp(what, "memory") == 0)
        memory();
    else if (strcmp(what, "clocks") == 0)
        clocks();
    else if (strcmp(what, "messages") == 0)
        messages();
    else if (strcmp(what, "flood") == 0)
        flood();
    else if (strcmp(what, "input") == 0)
        input();
    else if (strcmp(what, "overflow") == 0)
        return deep(1 << 20);
    else if (strcmp(what, "smash") == 0)
        smash(64);
    else if (strcmp(what, "write-code") == 0)
        *(volatile uint32_t *)(uintptr_t)main = 0;
    else if (strcmp(what, "execute-data") == 0)
        execute_data();
    else if (strcmp(what, "null") == 0)
        printf("%u\n", *(volatile uint8_t *)(uintptr_t)atoi("0"));
    else if (strcmp(what, "abort") == 0)
        abort();
    else if (strcmp(what, "exit") == 0)
        return 7;
    printf("done\n");
    loop_run();
}
