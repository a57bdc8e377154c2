/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that tries what a service stands on, one thing per instance: the argument says which.
 * What has to be seen is in run.py.
 */
#include <argo/argo.h>
#include <errno.h>
#include <fcntl.h>
#include <keel/calls.h>
#include <keel/example.h>
#include <runtime/clock.h>
#include <runtime/request.h>
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

#define ECHOES    100u
#define AT_A_TIME 4u

static struct client example;
static struct echo {
    struct request request;
    uint64_t number, answer;
} echo[AT_A_TIME];
static request_handler on_echo;

static void echo_send(struct echo *next)
{
    static uint64_t number;
    if (number == ECHOES)
        return;
    next->number = number++;
    next->request = (struct request){.done = on_echo,
                                     .context = next,
                                     .answer = &next->answer,
                                     .answer_bytes = sizeof(next->answer)};
    int status = request_send_bytes(&next->request, &example, KEEL_EXAMPLE_ECHO, &next->number,
                                    sizeof(next->number), clock_after_ms(10000));
    if (status < 0)
        printf("not sent: %s\n", strerror(-status));
}

static void on_echo(void *context, int status, uint32_t bytes)
{
    static unsigned echoes;
    struct echo *this = context;
    (void)bytes;
    if (status < 0 || this->answer != this->number)
        printf("a wrong echo: %s\n", strerror(-status));
    if (++echoes == ECHOES)
        printf("%u echoes\n", echoes);
    echo_send(this);
}

static void messages(void)
{
    const struct keel_connection *to = keel_connection_with("example", PORT_ECHO, KEEL_RIGHT_SEND);
    struct keel_argo_addr elsewhere = {.aport = PORT_ECHO + 1, .domain_id = to->domain};
    static uint8_t much[KEEL_EXAMPLE_BYTES_MAX];
    static struct request first = {.answer = much, .answer_most = sizeof(much)};
    check("another port is denied", argo_send(PORT_ECHO, elsewhere, 1, "", 0) == -EACCES);
    elsewhere.aport = PORT_ECHO;
    check("so is another source", argo_send(PORT_ECHO + 1, elsewhere, 1, "", 0) == -EACCES);
    if (client_open(&example, to, 4000) < 0)
        printf("no port\n");
    check("an answer is waited for", request_wait_bytes(&first, &example, KEEL_EXAMPLE_ECHO, "wait",
                                                        5, clock_after_ms(10000)) == 0 &&
                                         first.got == 5 && strcmp((char *)much, "wait") == 0);
    check("what it does not know, it says",
          request_wait_bytes(&first, &example, KEEL_REQUEST | 99, "", 0, clock_after_ms(10000)) ==
              -ENOSYS);
    first.data = much;
    first.data_bytes = sizeof(much);
    check("and what is too long", request_wait_bytes(&first, &example, KEEL_EXAMPLE_ECHO, "x", 1,
                                                     clock_after_ms(10000)) == -EMSGSIZE);
    for (unsigned i = 0; i < AT_A_TIME; i++)
        echo_send(&echo[i]);
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
    volatile char *volatile where = local; /* neither known nor left out */
    while (n-- > 0)
        *where++ = 'x';
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
