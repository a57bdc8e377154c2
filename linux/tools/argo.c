/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argo-cat and argo-echo: what two Linux guests can do with Argo from their shells. One program
 * with two names, for Linux with the module keel-argo; static, and without headers of the kernel.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NODE        "/sys/firmware/devicetree/base/argo"
#define BUFFER      32768
#define CONNECTIONS 16 /* of argo-echo */

/* Linux's struct sockaddr_vm. */
struct address {
    uint16_t family;
    uint16_t reserved;
    uint32_t port;
    uint32_t cid; /* a domain's id */
    uint8_t zero[4];
};
#define CID_ANY UINT32_MAX
_Static_assert(sizeof(struct address) == sizeof(struct sockaddr), "Linux's size");

static const char *program;

/* Writes texts, up to a NULL. Without stdio, which would be most of the program. */
static void say(int fd, ...)
{
    const char *text;
    va_list list;

    va_start(list, fd);
    while ((text = va_arg(list, const char *)))
        if (write(fd, text, strlen(text)) < 0)
            break;
    va_end(list);
}

static _Noreturn void fail(const char *what, const char *why)
{
    say(STDERR_FILENO, program, ": ", what, ": ", why, "\n", NULL);
    exit(1);
}

/* ---- Names ---- */

/* A property of a peer's node; its length. */
static size_t property(int nodes, const char *node, const char *name, uint8_t *to, size_t bytes)
{
    int folder = openat(nodes, node, O_RDONLY);
    int file = openat(folder, name, O_RDONLY);
    ssize_t n = read(file, to, bytes);

    close(file);
    close(folder);
    return n > 0 ? (size_t)n : 0;
}

static uint32_t cell(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* At most 10 digits. */
static const char *decimal(uint32_t value, char text[11])
{
    char *at = text + 10;

    *at = '\0';
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    return at;
}

static void print_ports(int nodes, const char *node, const char *name, const char *title)
{
    uint8_t ports[256];
    size_t bytes = property(nodes, node, name, ports, sizeof ports);
    char text[11];

    for (size_t i = 0; i + 4 <= bytes; i += 4)
        say(STDOUT_FILENO, i ? "" : title, " ", decimal(cell(ports + i), text), NULL);
}

/* Gives the id of a peer; or prints all. */
static bool find_peer(const char *name, uint32_t *id)
{
    DIR *folder = opendir(NODE);
    const struct dirent *entry;
    bool found = false;

    if (!folder)
        return false;
    while (!found && (entry = readdir(folder))) {
        uint8_t label[64] = "", reg[4] = {0};
        const char *node = entry->d_name;
        char text[11];

        if (strncmp(node, "peer@", 5) != 0)
            continue;
        (void)property(dirfd(folder), node, "label", label, sizeof label - 1);
        (void)property(dirfd(folder), node, "reg", reg, sizeof reg);
        if (name) {
            found = strcmp(name, (const char *)label) == 0;
            *id = cell(reg);
            continue;
        }
        say(STDOUT_FILENO, (const char *)label, ", domain ", decimal(cell(reg), text), ":", NULL);
        print_ports(dirfd(folder), node, "send-ports", " sends to its ports");
        print_ports(dirfd(folder), node, "receive-ports", " receives at own ports");
        say(STDOUT_FILENO, "\n", NULL);
    }
    closedir(folder);
    return found;
}

static uint32_t number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || value >= UINT32_MAX)
        fail(text, "not a number");
    return (uint32_t)value;
}

/* "NAME:PORT" or "ID:PORT" */
static struct address peer_address(const char *text)
{
    struct address address = {.family = AF_VSOCK};
    const char *colon = strchr(text, ':');
    char name[64];

    if (!colon || (size_t)(colon - text) >= sizeof name)
        fail(text, "not PEER:PORT");
    memcpy(name, text, (size_t)(colon - text));
    name[colon - text] = '\0';
    address.port = number(colon + 1);
    if (!find_peer(name, &address.cid)) {
        if (*name < '0' || *name > '9')
            fail(name, "no such peer (argo-cat -p shows them)");
        address.cid = number(name);
    }
    return address;
}

/* ---- Sockets ---- */

static int open_socket(int type)
{
    int fd = socket(AF_VSOCK, type, 0);

    if (fd < 0)
        fail("no Argo here", strerror(errno));
    return fd;
}

static int bind_socket(int type, const char *port)
{
    const struct address address = {.family = AF_VSOCK, .cid = CID_ANY, .port = number(port)};
    int fd = open_socket(type);

    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        fail(port, strerror(errno));
    if (type == SOCK_STREAM && listen(fd, CONNECTIONS) < 0)
        fail(port, strerror(errno));
    return fd;
}

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Whether to try again: the peer is not there yet, and there is time. */
static bool later(time_t until)
{
    static const struct timespec pause = {.tv_nsec = 100000000};

    if ((errno != ECONNREFUSED && errno != ETIMEDOUT) || time(NULL) >= until)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

static int connect_to(const char *text, int type, time_t until)
{
    const struct address address = peer_address(text);

    for (;;) {
        int fd = open_socket(type);

        if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        if (!later(until))
            fail(text, strerror(errno));
        close(fd);
    }
}

/* ---- argo-cat ---- */

struct cat {
    const char *name; /* of the other side */
    int fd;
    bool datagrams;
    bool sends, receives;
    uint32_t count; /* datagrams to be received; 0: any number */
    time_t until;
    uint8_t buffer[BUFFER]; /* from standard input */
    size_t used, sent;
    bool ended;
};

static void cat_write(const uint8_t *from, size_t bytes)
{
    while (bytes) {
        ssize_t n = write(STDOUT_FILENO, from, bytes);

        if (n < 0)
            fail("standard output", strerror(errno));
        from += n;
        bytes -= (size_t)n;
    }
}

/* Takes what is there; false: that was all. */
static bool cat_receive(struct cat *cat)
{
    static uint8_t buffer[65536];
    ssize_t n = recv(cat->fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return true;
    if (n < 0)
        fail(cat->name, strerror(errno));
    if (n == 0 && !cat->datagrams) {
        if (!cat->receives && !(cat->ended && cat->sent == cat->used))
            fail(cat->name, "ended before all was sent");
        return false;
    }
    if (cat->receives)
        cat_write(buffer, (size_t)n);
    return !cat->datagrams || cat->count == 0 || --cat->count != 0;
}

static void cat_send(struct cat *cat)
{
    ssize_t n = send(cat->fd, cat->buffer + cat->sent, cat->used - cat->sent,
                     MSG_NOSIGNAL | (cat->datagrams ? 0 : MSG_DONTWAIT));

    if (n < 0 && errno != EAGAIN && !(cat->datagrams && later(cat->until)))
        fail(cat->name, strerror(errno));
    if (n > 0)
        cat->sent += (size_t)n;
}

static void cat_read(struct cat *cat)
{
    ssize_t n = read(STDIN_FILENO, cat->buffer, sizeof cat->buffer);

    if (n < 0)
        fail("standard input", strerror(errno));
    cat->used = (size_t)n;
    cat->sent = 0;
    cat->ended = n == 0;
}

static void cat_run(struct cat *cat)
{
    for (;;) {
        bool pending = cat->sent < cat->used;
        struct pollfd poll_fds[2] = {
            {.fd = cat->fd, .events = POLLIN},
            {.fd = cat->sends && !pending && !cat->ended ? STDIN_FILENO : -1, .events = POLLIN},
        };

        if (pending)
            poll_fds[0].events |= POLLOUT;
        if (cat->ended && !pending && !(cat->datagrams && cat->count))
            return;
        if (poll(poll_fds, 2, -1) < 0)
            fail("poll", strerror(errno));
        if ((poll_fds[0].revents & (POLLIN | POLLERR | POLLHUP)) && !cat_receive(cat))
            return;
        if (poll_fds[0].revents & POLLOUT)
            cat_send(cat);
        if (poll_fds[1].revents)
            cat_read(cat);
    }
}

static _Noreturn void cat_usage(int status)
{
    say(status ? STDERR_FILENO : STDOUT_FILENO,
        "Usage: argo-cat [OPTION]... PEER:PORT\n"
        "       argo-cat -l [OPTION]... PORT\n"
        "       argo-cat -p\n\n"
        "Connects standard input and output with a peer, until one side ends. PEER is its name in\n"
        "Keel's configuration, or its id.\n\n"
        "  -l   wait for a peer, and serve one\n"
        "  -s   only send: until standard input ends\n"
        "  -r   only receive: until the peer ends\n"
        "  -u   datagrams: each read of standard input is one\n"
        "  -n N end when N datagrams were received\n"
        "  -w N wait for so many seconds while the peer is not there\n"
        "  -p   print the peers, and what may be sent where\n",
        NULL);
    exit(status);
}

static int cat_main(int argc, char **argv)
{
    static struct cat cat;
    bool listens = false;
    int option;

    cat.sends = cat.receives = true;
    while ((option = getopt(argc, argv, "lsrun:w:ph")) != -1)
        switch (option) {
        case 'l':
            listens = true;
            break;
        case 's':
            cat.receives = false;
            break;
        case 'r':
            cat.sends = false;
            break;
        case 'u':
            cat.datagrams = true;
            break;
        case 'n':
            cat.count = number(optarg);
            break;
        case 'w':
            cat.until = time(NULL) + number(optarg);
            break;
        case 'p':
            (void)find_peer(NULL, NULL);
            return 0;
        case 'h':
            cat_usage(0);
        default:
            cat_usage(2);
        }
    if (optind + 1 != argc || !(cat.sends || cat.receives))
        cat_usage(2);
    cat.name = argv[optind];
    if (listens) {
        cat.fd = bind_socket(cat.datagrams ? SOCK_DGRAM : SOCK_STREAM, cat.name);
        if (cat.datagrams && cat.sends)
            fail(cat.name, "with -l datagrams can only be received: add -r");
        if (!cat.datagrams)
            cat.fd = accept(cat.fd, NULL, NULL);
        if (cat.fd < 0)
            fail(cat.name, strerror(errno));
    } else {
        cat.fd = connect_to(cat.name, cat.datagrams ? SOCK_DGRAM : SOCK_STREAM, cat.until);
    }
    cat_run(&cat);
    return 0;
}

/* ---- argo-echo ---- */

struct echo {
    int fd; /* -1: none */
    size_t used, sent;
    uint8_t buffer[BUFFER];
};

static void echo_close(struct echo *echo)
{
    close(echo->fd);
    echo->fd = -1;
}

/* A step of a connection: reads when all is sent, never waits. */
static void echo_step(struct echo *echo)
{
    ssize_t n;

    if (echo->sent == echo->used) {
        n = recv(echo->fd, echo->buffer, sizeof echo->buffer, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            echo_close(echo);
        if (n <= 0)
            return;
        echo->used = (size_t)n;
        echo->sent = 0;
    }
    n = send(echo->fd, echo->buffer + echo->sent, echo->used - echo->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        echo_close(echo);
    else if (n > 0)
        echo->sent += (size_t)n;
}

/* A datagram that its sender has no room for is dropped. */
static void echo_datagram(int fd)
{
    static uint8_t buffer[65536];
    struct address from;
    socklen_t bytes = sizeof from;
    ssize_t n = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &bytes);

    if (n >= 0)
        (void)sendto(fd, buffer, (size_t)n, MSG_DONTWAIT, (const struct sockaddr *)&from, bytes);
}

static int echo_main(int argc, char **argv)
{
    static struct echo echo[CONNECTIONS];
    struct pollfd poll_fds[2 + CONNECTIONS];
    int listener, datagrams;

    if (argc != 2 || argv[1][0] == '-') {
        say(STDERR_FILENO,
            "Usage: argo-echo PORT\n\nSends back what comes at a port, by stream or datagram.\n",
            NULL);
        return 2;
    }
    listener = bind_socket(SOCK_STREAM, argv[1]);
    datagrams = bind_socket(SOCK_DGRAM, argv[1]);
    set_nonblocking(listener);
    for (int i = 0; i < CONNECTIONS; i++)
        echo[i].fd = -1;
    for (;;) {
        struct echo *unused = NULL;

        for (int i = 0; i < CONNECTIONS; i++) {
            poll_fds[2 + i] = (struct pollfd){
                .fd = echo[i].fd,
                .events = echo[i].sent < echo[i].used ? POLLOUT : POLLIN,
            };
            if (echo[i].fd < 0)
                unused = &echo[i];
        }
        poll_fds[0] = (struct pollfd){.fd = unused ? listener : -1, .events = POLLIN};
        poll_fds[1] = (struct pollfd){.fd = datagrams, .events = POLLIN};
        if (poll(poll_fds, 2 + CONNECTIONS, -1) < 0)
            fail("poll", strerror(errno));
        for (int i = 0; i < CONNECTIONS; i++)
            if (echo[i].fd >= 0 && poll_fds[2 + i].revents)
                echo_step(&echo[i]);
        if (poll_fds[1].revents)
            echo_datagram(datagrams);
        if (unused && poll_fds[0].revents) {
            unused->used = unused->sent = 0;
            unused->fd = accept(listener, NULL, NULL);
        }
    }
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');

    program = slash ? slash + 1 : argv[0];
    return strcmp(program, "argo-echo") == 0 ? echo_main(argc, argv) : cat_main(argc, argv);
}
