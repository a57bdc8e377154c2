/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile peer of a Linux guest with linux/argo. It does what lines on its console tell it, a letter and a number, and says what came of
 * it; see test/system/argo_linux_hostile.py.
 *
 *     v ID   the victim; rings for it at both ports
 *     l N    from now on connections are answered so: enum answer
 *     w N    says the first N bytes that the victim has put into the ring at the first port
 *     s N    asks for N connections at once, and says how many are accepted
 *     d N    N small datagrams, one each millisecond
 *     g N    N seconds of garbage, in messages and in its own rings
 */
#include "../conformance/mmu.h"
#include "lib/argo.h"
#include "lib/guest.h"

const char guest_name[] = "foe";

/* What linux/argo/README.md says of messages. */
#define DGRAM  0x6447724du
#define STREAM 0x3574526du
#define SYN    0x001u
#define ACK    0x002u
#define RST    0x004u

#define PORT       5000u
#define PORTS      2u
#define RING_PAGES 8u
#define RING_LEN   (RING_PAGES * 4096u - 64u)
#define BUFFER     0x10000u
#define AHEAD      32u /* connections asked for and not answered */
#define KNOWN      16u /* numbers of connections that were heard of */

enum answer {
    SILENCE = 1,
    REFUSAL = 2,
    ANOTHER = 3,     /* accepts, but another connection */
    EARLY = 4,       /* data before it has accepted */
    END = 5,         /* accepts, sends a line, ends; without a reason, as others than Keel's do */
    ABORT = 6,       /* the same, but aborts */
    NO_RING = 7,     /* accepts, and its rings go */
    DEAF = 8,        /* accepts, and takes nothing from its rings */
    DEATH = 9,       /* accepts, sends a line, and reboots */
    SMALL_RING = 10, /* accepts at rings that are the smallest there are */
    CUT_OFF = 11,    /* as END, but with a reason that is too short */
};

struct message {
    uint32_t type, port, bytes;
    uint32_t flags, conid; /* of a stream */
};

static struct {
    _Alignas(4096) uint8_t memory[RING_PAGES * 4096];
} ring[PORTS];
static uint32_t ring_len[PORTS]; /* 0: there is none */
static _Alignas(4096) uint8_t buffer[BUFFER];
static uint16_t victim;
static enum answer answer;
static bool deaf;
static uint32_t known[KNOWN];
static uint64_t random = 0x2545F491;

static uint32_t below(uint64_t n)
{
    random ^= random >> 12;
    random ^= random << 25;
    random ^= random >> 27;
    return (uint32_t)((random * 0x2545F4914F6CDD1Dull >> 33) % n);
}

static void on_timer(uint32_t intid)
{
    (void)intid;
    sysreg_write(cntv_ctl_el0, 0);
}

static void rest(void)
{
    irq_disable();
    sysreg_write(cntv_cval_el0, counter() + ms(1));
    sysreg_write(cntv_ctl_el0, 1);
    __asm__ volatile("wfi" ::: "memory");
    irq_enable();
    barrier();
}

/* ---- Rings ---- */

static struct keel_argo_ring *shared(uint32_t i)
{
    return (struct keel_argo_ring *)(void *)ring[i].memory;
}

static void ring_end(uint32_t i)
{
    const struct keel_argo_unregister_ring args = {PORT + i, victim, 0};

    if (ring_len[i] != 0)
        (void)argo(KEEL_ARGO_UNREGISTER_RING, &args, NULL, 0, 0);
    ring_len[i] = 0;
}

static void ring_begin(uint32_t i, uint32_t len)
{
    const struct keel_argo_register_ring args = {PORT + i, victim, 0, len};
    uint64_t frame[RING_PAGES];
    int64_t status;

    ring_end(i);
    for (uint32_t k = 0; k < RING_PAGES; k++)
        frame[k] = ((uintptr_t)ring[i].memory >> 12) + k;
    shared(i)->rx_ptr = shared(i)->tx_ptr = shared(i)->signals = 0;
    status = argo(KEEL_ARGO_REGISTER_RING, &args, frame, KEEL_ARGO_PAGES(len), 0);
    expect(status == 0, "ring at %u: %lx", PORT + i, (uint64_t)status);
    ring_len[i] = len;
}

static uint32_t ring_word(uint32_t i, uint32_t at)
{
    return *(uint32_t *)(void *)&shared(i)->ring[at % ring_len[i]];
}

/* Takes the next message. */
static bool take(uint32_t i, struct message *message)
{
    const uint32_t rx = shared(i)->rx_ptr;

    if (ring_len[i] == 0 || rx == __atomic_load_n(&shared(i)->tx_ptr, __ATOMIC_ACQUIRE))
        return false;
    *message = (struct message){.bytes = ring_word(i, rx) - 16, .port = ring_word(i, rx + 4), .type = ring_word(i, rx + 12)};
    if (message->type == STREAM && message->bytes >= 8) {
        message->flags = ring_word(i, rx + 16);
        message->conid = ring_word(i, rx + 20);
    }
    __atomic_store_n(&shared(i)->rx_ptr, (rx + 16 + (message->bytes + 15) / 16 * 16) % ring_len[i], __ATOMIC_RELEASE);
    (void)argo(KEEL_ARGO_NOTIFY, NULL, NULL, 0, 0);
    return true;
}

/* ---- Messages ---- */

static int64_t send(uint32_t port, uint32_t type, const void *data, uint32_t bytes)
{
    const struct keel_argo_send_addr addr = {{port, KEEL_DOMAIN_ANY, 0}, {port, victim, 0}};
    const struct keel_argo_iov iov = {(uintptr_t)data, bytes, 0};

    return argo(KEEL_ARGO_SENDV, &addr, &iov, 1, type);
}

/* As soon as there is space. */
static void send_surely(uint32_t port, uint32_t type, const void *data, uint32_t bytes)
{
    while (send(port, type, data, bytes) == -KEEL_EAGAIN)
        rest();
}

static void stream(uint32_t port, uint32_t flags, uint32_t conid, const char *text)
{
    struct {
        uint32_t flags, conid;
        char text[32];
    } data = {.flags = flags, .conid = conid};
    uint32_t n = 0;

    for (; text[n] != '\0'; n++)
        data.text[n] = text[n];
    send_surely(port, STREAM, &data, 8 + n);
}

static _Noreturn void reboot(void)
{
    (void)hvc(PSCI_SYSTEM_RESET, 0, 0, 0);
    for (;;)
        expect(false, "SYSTEM_RESET came back");
}

static void asked(uint32_t port, uint32_t conid)
{
    known[conid % KNOWN] = conid;
    if (answer == REFUSAL)
        stream(port, RST, conid, "");
    if (answer == EARLY)
        stream(port, 0, conid, "too early\n");
    if (answer == ANOTHER)
        stream(port, ACK, conid + 1, "");
    if (answer >= END)
        stream(port, ACK, conid, "");
    if (answer == END || answer == ABORT || answer == DEATH || answer == CUT_OFF)
        stream(port, 0, conid, "a line\n");
    if (answer == END)
        stream(port, RST, conid, "");
    if (answer == CUT_OFF)
        stream(port, RST, conid, "\1\1\1");
    if (answer == ABORT)
        send_surely(port, STREAM, (uint32_t[]){RST, conid, 1}, 12);
    for (uint32_t i = 0; answer == NO_RING && i < PORTS; i++)
        ring_end(i);
    deaf = answer == DEAF;
    if (answer == DEATH)
        reboot();
}

static void listen(void)
{
    struct message message;

    for (uint32_t i = 0; i < PORTS && !deaf; i++)
        while (take(i, &message)) {
            if (message.flags & SYN)
                asked(PORT + i, message.conid);
            if (deaf)
                return;
        }
}

/* ---- What it is told to do ---- */

static void answer_so(uint32_t n)
{
    answer = n;
    deaf = false;
    for (uint32_t i = 0; i < PORTS; i++)
        ring_begin(i, answer == SMALL_RING ? KEEL_ARGO_RING_MIN : RING_LEN);
}

static void bytes_tell(uint32_t n)
{
    print("%s: bytes ", guest_name);
    for (uint32_t i = 0; i < n; i++)
        print("%x%x", shared(0)->ring[i] >> 4u, shared(0)->ring[i] & 15u);
    print("\n");
}

/* All are answered, if it takes the answers in time. */
static void ask(uint32_t n)
{
    const uint64_t end = counter() + ms(10000);
    uint32_t sent = 0, accepted = 0, refused = 0;
    struct message message;

    while (accepted + refused < n && counter() < end) {
        if (sent < n && sent - accepted - refused < AHEAD &&
            send(PORT + 1, STREAM, (uint32_t[]){SYN, 0x10000 + sent}, 8) == 8)
            sent++;
        while (take(1, &message)) {
            accepted += message.flags == ACK;
            refused += message.flags == RST;
        }
    }
    say("of %u connections %u were accepted, %u refused", n, accepted, refused);
}

static void datagrams(uint32_t n)
{
    uint32_t taken = 0;

    for (uint32_t i = 0; i < n; i++) {
        taken += send(PORT + 1, DGRAM, buffer, 16) == 16;
        rest();
    }
    say("of %u datagrams %u were taken", n, taken);
}

static uint32_t any_length(void)
{
    static const uint32_t most[] = {9, 9, 13, 40, 40, 300, 5000, BUFFER};

    return below(most[below(8)]);
}

/* What it owns and the hypervisor reads or writes. */
static void spoil(void)
{
    const uint32_t i = below(PORTS);

    if (below(40) == 0)
        ring_begin(i, below(2) ? KEEL_ARGO_RING_MIN : RING_LEN);
    else if (below(40) == 0)
        ring_end(i);
    shared(i)->rx_ptr = below(2) ? below(2 * RING_LEN) : shared(i)->tx_ptr;
    if (below(4) == 0)
        shared(i)->tx_ptr = below(2 * RING_LEN);
    shared(i)->signals = below(3);
    shared(i)->ring[below(RING_LEN)] = (uint8_t)below(256);
    (void)argo(KEEL_ARGO_NOTIFY, NULL, NULL, 0, 0);
}

/* Numbers of connections that there are, as far as they can be found. */
static void hear(void)
{
    const uint32_t i = below(PORTS);

    for (uint32_t n = 0; n < 8 && ring_len[i] != 0; n++) {
        const uint32_t at = below(ring_len[i]) & ~15u;

        if (ring_word(i, at + 12) == STREAM)
            known[below(KNOWN)] = ring_word(i, at + 20);
    }
}

static void garbage(uint32_t seconds)
{
    static const uint32_t flags[] = {0, 0, SYN, SYN, ACK, RST, SYN | ACK, ACK | RST, 0x100, 0x200, 0x300, ~0u};
    const uint64_t end = counter() + ms(1000 * seconds);
    uint32_t *word = (uint32_t *)(void *)buffer;
    uint32_t taken = 0;

    for (uint32_t n = 0; counter() < end; n++) {
        const uint32_t type = below(20) == 0 ? below(~0u) : below(8) == 0 ? DGRAM : STREAM;

        word[0] = below(10) == 0 ? below(~0u) : flags[below(sizeof flags / sizeof flags[0])];
        word[1] = below(3) ? known[below(KNOWN)] : below(32);
        word[2] = below(4);
        if (send(PORT + below(PORTS), type, buffer, any_length()) >= 0)
            taken++;
        hear();
        spoil();
    }
    answer_so(answer);
    say("%u messages of garbage", taken);
}

static void obey(char letter, uint32_t n)
{
    if (letter == 'v') {
        victim = (uint16_t)n;
        answer_so(SILENCE);
        say("attacks domain %u", n);
    } else if (letter == 'l') {
        answer_so(n);
        say("answers %u", n);
    } else if (letter == 'w') {
        bytes_tell(n);
    } else if (letter == 's') {
        ask(n);
    } else if (letter == 'd') {
        datagrams(n);
    } else if (letter == 'g') {
        garbage(n);
    }
}

void guest_main(void)
{
    char letter = '\0';
    uint32_t n = 0;

    gic_init();
    gic_cpu_init(0);
    irq_handler[KEEL_MACHINE_TIMER_IRQ] = on_timer;
    gic_enable_private(0, KEEL_MACHINE_TIMER_IRQ, true);
    mmu_init();
    mmu_on();
    irq_enable();
    random += counter();
    for (uint32_t i = 0; i < BUFFER; i++)
        buffer[i] = (uint8_t)below(256);
    say("ready");
    for (;;) {
        while (!(mmio_read(UART_FR) & (1u << 4))) { /* RXFE */
            const char c = (char)mmio_read(UART);

            if (c == '\r')
                obey(letter, n);
            else if (c >= '0' && c <= '9')
                n = n * 10 + (uint32_t)(c - '0');
            else
                letter = c, n = 0;
        }
        if (victim != 0 && answer != 0)
            listen();
        rest();
    }
}
