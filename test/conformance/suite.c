/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests; what they share. */
#include "suite.h"

#define FAILURES_SHOWN 8u /* of a test */
#define ANSWER_MS      60000u
#define QUIET_MS       15u
#define CONTROL_LEN    (PAGE - 64u)

static uint32_t failures; /* of the test that runs */
static const char *about;
static uint64_t about_value;

void suite_about(const char *what, uint64_t value)
{
    about = what;
    about_value = value;
}

static const char *sign(int64_t value)
{
    return value < 0 ? "-" : "";
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

void suite_eq(const char *file, uint32_t line, const char *text, int64_t actual, int64_t expected)
{
    const char *name = file;

    if (actual == expected || failures++ >= FAILURES_SHOWN)
        return;
    for (const char *c = file; *c; c++)
        if (*c == '/')
            name = c + 1;
    platform_say("%s:%u: %s is %s%lu, not %s%lu (%s %lu)", name, line, text, sign(actual),
                 magnitude(actual), sign(expected), magnitude(expected), about, about_value);
}

void bytes_set(void *to, uint8_t value, uint32_t bytes)
{
    volatile uint8_t *byte = to;

    for (uint32_t i = 0; i < bytes; i++)
        byte[i] = value;
}

bool bytes_are(const volatile void *of, uint8_t value, uint32_t bytes)
{
    const volatile uint8_t *byte = of;

    for (uint32_t i = 0; i < bytes; i++)
        if (byte[i] != value)
            return false;
    return true;
}

void bytes_copy(void *to, const void *from, uint32_t bytes)
{
    volatile uint8_t *byte = to;
    const uint8_t *source = from;

    for (uint32_t i = 0; i < bytes; i++)
        byte[i] = source[i];
}

/* ---- operations ---- */

int64_t argo(uint64_t op, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4)
{
    return platform_argo(op, arg1, arg2, arg3, arg4);
}

/* Rings of the suite's that are to be gone before the next test. */
static struct {
    uint32_t port;
    uint32_t partner;
} mine[256];
static uint32_t mine_used;

static void remember(uint32_t port, uint32_t partner)
{
    uint32_t i = 0;

    while (i < mine_used && (mine[i].port != port || mine[i].partner != partner))
        i++;
    if (i == mine_used && mine_used < sizeof(mine) / sizeof(mine[0])) {
        mine[i].port = port;
        mine[i].partner = partner;
        mine_used++;
    }
}

struct keel_argo_ring *ring_at(uint32_t page)
{
    return (struct keel_argo_ring *)(void *)platform_page(page);
}

int64_t ring_register(uint32_t port, uint32_t partner, uint32_t len, uint32_t page, uint64_t flags)
{
    const struct keel_argo_register_ring args = {port, (uint16_t)partner, 0, len};
    uint32_t pages = KEEL_ARGO_PAGES(len);
    int64_t status;

    for (uint32_t i = 0; i < pages; i++)
        ((uint64_t *)at(addr(PAGE_GFNS, 0)))[i] = platform_frame(page + i);
    bytes_copy(at(addr(PAGE_ARGS, 0)), &args, sizeof(args));
    status = argo(KEEL_ARGO_REGISTER_RING, addr(PAGE_ARGS, 0), addr(PAGE_GFNS, 0), pages, flags);
    if (status == 0 && port != PORT_CONTROL)
        remember(port, partner);
    return status;
}

int64_t ring_new(uint32_t port, uint32_t partner, uint32_t len, uint32_t page)
{
    bytes_set(ring_at(page), 0, sizeof(struct keel_argo_ring));
    return ring_register(port, partner, len, page, 0);
}

int64_t ring_unregister(uint32_t port, uint32_t partner)
{
    const struct keel_argo_unregister_ring args = {port, (uint16_t)partner, 0};

    bytes_copy(at(addr(PAGE_ARGS, 0)), &args, sizeof(args));
    return argo(KEEL_ARGO_UNREGISTER_RING, addr(PAGE_ARGS, 0), 0, 0, 0);
}

int64_t ring_take(uint32_t page, uint32_t len, struct keel_argo_message_header *header,
                  uint32_t seed)
{
    struct keel_argo_ring *ring = ring_at(page);
    uint32_t tx = __atomic_load_n(&ring->tx_ptr, __ATOMIC_ACQUIRE);
    uint32_t rx = ring->rx_ptr, start, bytes, ready;
    int64_t wrong;

    if (rx == tx)
        return -1;
    bytes_copy(header, &ring->ring[rx], sizeof(*header));
    ready = (tx > rx ? tx - rx : len - rx + tx) - (uint32_t)sizeof(*header);
    bytes = header->len - (uint32_t)sizeof(*header);
    if (header->len < sizeof(*header) || bytes > ready)
        return INT64_MAX;
    start = (rx + (uint32_t)sizeof(*header)) % len;
    wrong = content_wrong(ring->ring, len, start, seed, bytes);
    __atomic_store_n(&ring->rx_ptr, (start + ((bytes + 15) & ~15u)) % len, __ATOMIC_RELEASE);
    return wrong;
}

void iov_set(uint32_t i, uint64_t address, uint32_t bytes, uint32_t pad)
{
    const struct keel_argo_iov iov = {address, bytes, pad};

    bytes_copy(at(addr(PAGE_IOVS, i * (uint32_t)sizeof(iov))), &iov, sizeof(iov));
}

int64_t sendv(uint32_t from_port, uint16_t from, uint16_t to, uint32_t port, uint64_t niov,
              uint64_t type)
{
    const struct keel_argo_send_addr args = {{from_port, from, 0}, {port, to, 0}};

    bytes_copy(at(addr(PAGE_ARGS, 0)), &args, sizeof(args));
    return argo(KEEL_ARGO_SENDV, addr(PAGE_ARGS, 0), addr(PAGE_IOVS, 0), niov, type);
}

int64_t message_send(uint16_t to, uint64_t type, uint32_t seed, uint32_t bytes)
{
    content_fill(at(addr(PAGE_DATA, 0)), seed, bytes);
    iov_set(0, addr(PAGE_DATA, 0), bytes, 0);
    return sendv(PORT_A, ANY, to, PORT_A, 1, type);
}

int64_t query(uint16_t to, uint32_t port, uint32_t bytes, uint16_t *flags, uint32_t *max)
{
    struct {
        struct keel_argo_ring_data data;
        struct keel_argo_ring_data_ent ent;
    } args = {{1, 0}, {{port, to, 0}, 0xffff, 0, bytes, 0xffffffff}};
    int64_t status;

    bytes_copy(at(addr(PAGE_QUERY, 0)), &args, sizeof(args));
    status = argo(KEEL_ARGO_NOTIFY, addr(PAGE_QUERY, 0), 0, 0, 0);
    bytes_copy(&args, at(addr(PAGE_QUERY, 0)), sizeof(args));
    *flags = args.ent.flags;
    *max = args.ent.max_message_size;
    return status;
}

/* ---- partners ---- */

static struct answer answer_wait(uint32_t serial)
{
    struct keel_argo_ring *ring = ring_at(PAGE_CONTROL);
    struct answer answer = {0};

    for (uint32_t waited = 0; waited < ANSWER_MS; waited += 100) {
        while (ring->rx_ptr != __atomic_load_n(&ring->tx_ptr, __ATOMIC_ACQUIRE)) {
            uint8_t *bytes = (uint8_t *)&answer;
            uint32_t rx = ring->rx_ptr;

            for (uint32_t i = 0; i < sizeof(answer); i++)
                bytes[i] = ring->ring[(rx + 16 + i) % CONTROL_LEN];
            rx = (rx + 16 + ((uint32_t)sizeof(answer) + 15) / 16 * 16) % CONTROL_LEN;
            __atomic_store_n(&ring->rx_ptr, rx, __ATOMIC_RELEASE);
            if (answer.serial == serial) {
                /* An answer that did not fit would wait for this. */
                (void)argo(KEEL_ARGO_NOTIFY, 0, 0, 0, 0);
                return answer;
            }
        }
        (void)platform_signalled(100);
    }
    IS(!"the partner answers");
    return (struct answer){.result = -KEEL_EIO};
}

struct answer command(uint16_t to, struct command command)
{
    static uint32_t serial = 1000;
    const uint16_t first = to > ID_CROWD ? ID_CROWD : to;
    const struct keel_argo_send_addr args = {{PORT_CONTROL, ANY, 0}, {PORT_CONTROL, first, 0}};
    const struct keel_argo_iov iov = {addr(PAGE_COMMAND, 0), sizeof(command), 0};
    int64_t status;

    if (command.serial != 0)
        command.serial = ++serial;
    command.hops = (uint16_t)(to - first);
    bytes_copy(at(addr(PAGE_COMMAND, 0)), &command, sizeof(command));
    bytes_copy(at(addr(PAGE_COMMAND, 128)), &args, sizeof(args));
    bytes_copy(at(addr(PAGE_COMMAND, 256)), &iov, sizeof(iov));
    for (uint32_t waited = 0; waited < ANSWER_MS; waited += 10) {
        status = argo(KEEL_ARGO_SENDV, addr(PAGE_COMMAND, 128), addr(PAGE_COMMAND, 256), 1, 0);
        if (status != -KEEL_EAGAIN && status != -KEEL_ECONNREFUSED && status != -KEEL_ESRCH)
            break;
        (void)platform_signalled(10); /* it is full, or has not begun */
    }
    EQ(status, sizeof(command));
    if (command.serial == 0 || status < 0)
        return (struct answer){.result = status};
    return answer_wait(command.serial);
}

void suite_reset(void)
{
    while (mine_used > 0) {
        mine_used--;
        (void)ring_unregister(mine[mine_used].port, mine[mine_used].partner);
    }
    EQ(COMMAND(ID_PARTNER, .what = COMMAND_RESET).result, 0);
    EQ(COMMAND(ID_OTHER, .what = COMMAND_RESET).result, 0);
}

void quiet(void)
{
    for (uint32_t i = 0; i < 100 && platform_signalled(QUIET_MS); i++)
        continue;
}

int64_t theirs(uint16_t to, uint16_t partner, uint32_t len)
{
    return COMMAND(to, .what = COMMAND_REGISTER, .port = PORT_A, .partner = partner, .len = len)
        .result;
}

struct answer takes(uint16_t to, uint16_t partner, uint32_t count, uint32_t len, uint32_t seed,
                    uint32_t type)
{
    return COMMAND(to, .what = COMMAND_TAKE, .port = PORT_A, .partner = partner, .count = count,
                   .len = len, .seed = seed, .type = type, .expected = ID_SUITE);
}

/* ---- all of them ---- */

/* Registration is last: where rings are lost by it (A10.2), others do not want for them. */
static const struct test *const lists[] = {
    send_tests,  receive_tests,  notify_tests,   wake_tests,
    order_tests, platform_tests, register_tests,
};

static bool test_run(const struct test *test)
{
    failures = 0;
    suite_about("at the start", 0);
    suite_reset();
    quiet();
    test->run();
    suite_about("at the end", 0);
    suite_reset();
    platform_say("%s %s", failures ? "not ok" : "ok", test->name);
    return failures == 0;
}

bool suite_run(void)
{
    const struct keel_argo_ring_data_ent entry = {{PORT_A, ID_PARTNER, 0}, 0, 0, 1, 0};
    uint32_t passed = 0, failed = 0;

    about = "";
    bytes_set(platform_page(PAGE_READ), 0, PAGE);
    bytes_copy(platform_page(PAGE_READ), &entry, sizeof(entry));
    platform_seal();
    EQ(ring_new(PORT_CONTROL, ANY, CONTROL_LEN, PAGE_CONTROL), 0);
    /* For run.py, which stops that one when it sees this. What is said before the console has begun
     * comes with what is said next. */
    for (uint32_t i = 0; i < 100 && message_send(ID_GONE, 0, 0, 0) != -KEEL_ESRCH; i++) {
        platform_say("waits");
        (void)platform_signalled(1000);
    }
    for (uint32_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (const struct test *test = lists[i]; test->name; test++) {
            if (test_run(test))
                passed++;
            else
                failed++;
        }
    platform_say("done: %u passed, %u failed", passed, failed);
    return failed == 0;
}
