/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's state machine of virtual interrupts against a model of the list registers (below it)
 * and a plain model of what the GIC architecture promises a guest (above it). The races L1 to L8 of
 * kernel-rules.md 4 are named where they are tried; their interleavings are test/proof/vgic.pml.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/domain.h" /* after check.h: defines noreturn */
#include "cpu/vcpu.h"

/* For what is done a million times: Check's own assertions write to a file each time. */
#define expect(condition, ...)         \
    do {                               \
        if (!(condition))              \
            ck_abort_msg(__VA_ARGS__); \
    } while (0)

#define VCPUS 3u
#define SPIS  64u
#define DEPTH 32u
#define IDLE  0xffu
#define TIMER 27u

/* ---- the kernel around it ---- */

static struct domain domain;
static struct vcpu vcpu[VCPUS];

/* The virtual CPU interface of each vCPU, as hardware has it; vCPU n is always on CPU n. */
static struct cpu_interface {
    struct vgic_lr lr[VGIC_LRS_MAX];
    uint32_t watch, eois;
    uint8_t mask; /* PMR */
    bool kicked;
    bool loaded;         /* the vCPU's machine is; its timer is the CPU's then */
    bool timer;          /* that is high */
    bool timer_physical; /* its physical interrupt is active */
    uint32_t depth;      /* acknowledged and not ended */
    uint32_t acked[DEPTH];
    uint8_t running[DEPTH + 1];
} hardware[VCPUS];
static uint32_t here; /* the CPU that executes the kernel */
static uint32_t lrs;
static bool physical_active[1020];
static uint32_t deactivations;

noreturn void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, condition);
    abort();
}

void vcpu_kick(struct vcpu *target)
{
    if (target->state == VCPU_WAITING)
        target->state = VCPU_READY;
    else if (target->state == VCPU_RUNNING)
        hardware[target->index].kicked = true;
}

static void physical_end(uint32_t i, uint32_t intid)
{
    if (intid == TIMER)
        hardware[i].timer_physical = false;
    else
        physical_active[intid] = false;
}

void gic_deactivate(uint32_t intid)
{
    physical_end(here, intid);
    deactivations++;
}

uint32_t gic_lrs(void)
{
    return lrs;
}

struct vgic_lr gic_lr_take(uint32_t n)
{
    struct vgic_lr lr = hardware[here].lr[n];

    expect(n < lrs, "list register %u", n);
    hardware[here].lr[n] = (struct vgic_lr){.intid = 0};
    return lr;
}

void gic_lr_put(uint32_t n, struct vgic_lr lr)
{
    struct vgic_lr old = hardware[here].lr[n];

    expect(n < lrs, "list register %u", n);
    expect(!(old.flags & (LR_STATE | LR_EOI)), "overwritten");
    expect(lr.flags & LR_STATE, "loaded for nothing");
    /* IHI 0069H, 12.4.8: not allowed */
    expect(!((lr.flags & LR_HW) && ((lr.flags & LR_EOI) || ((lr.flags & LR_STATE) == LR_STATE))),
           "hw with eoi or both states");
    expect(!((lr.flags & LR_HW) && lr.intid == TIMER && !hardware[here].timer_physical),
           "hw without hardware");
    for (uint32_t i = 0; i < VCPUS; i++)
        for (uint32_t slot = 0; slot < lrs; slot++) {
            struct vgic_lr *other = &hardware[i].lr[slot];

            expect(!((i == here || lr.intid >= VGIC_PRIVATE) && other->intid == lr.intid &&
                     (other->flags & LR_STATE)),
                   "%u is in two list registers", lr.intid);
        }
    hardware[here].lr[n] = lr;
}

void gic_lr_pend(uint32_t n)
{
    struct vgic_lr *lr = &hardware[here].lr[n];

    expect(n < lrs && !(lr->flags & LR_HW), "list register %u", n);
    lr->flags |= LR_PENDING;
}

void gic_watch(uint32_t watch)
{
    hardware[here].watch = watch;
    hardware[here].eois = 0;
}

uint32_t gic_eois(void)
{
    return hardware[here].eois;
}

uint32_t gic_vmcr(void)
{
    return (uint32_t)hardware[here].mask << 24 | 3;
}

/* ---- what hardware does for a guest ---- */

static bool maintenance(uint32_t i)
{
    struct cpu_interface *cpu = &hardware[i];
    bool none_pending = true;

    for (uint32_t n = 0; n < lrs; n++) {
        struct vgic_lr lr = cpu->lr[n];

        if ((lr.flags & (LR_STATE | LR_EOI)) == LR_EOI)
            return true;
        if ((lr.flags & LR_STATE) == LR_PENDING)
            none_pending = false;
    }
    return (none_pending && cpu->watch & GIC_WATCH_NONE_PENDING) ||
           (cpu->eois && cpu->watch & GIC_WATCH_EOI);
}

/* The list register that ICC_IAR would acknowledge. */
static struct vgic_lr *highest(uint32_t i)
{
    struct vgic_lr *best = NULL;

    for (uint32_t n = 0; n < lrs; n++) {
        struct vgic_lr *lr = &hardware[i].lr[n];

        if ((lr->flags & LR_STATE) == LR_PENDING &&
            (!best || lr->priority < best->priority ||
             (lr->priority == best->priority && lr->intid < best->intid)))
            best = lr;
    }
    if (best && best->priority < hardware[i].mask &&
        best->priority < hardware[i].running[hardware[i].depth])
        return best;
    return NULL;
}

static uint32_t spilled_ends;

static void deactivate_in_lr(uint32_t i, uint32_t intid)
{
    for (uint32_t n = 0; n < lrs; n++) {
        struct vgic_lr *lr = &hardware[i].lr[n];

        if (lr->intid == intid && (lr->flags & LR_ACTIVE)) {
            lr->flags &= (uint8_t)~LR_ACTIVE;
            if (lr->flags & LR_HW)
                physical_end(i, intid);
            return;
        }
    }
    hardware[i].eois++;
    spilled_ends++;
}

/* ---- the kernel's exits and entries ---- */

static uint32_t maintenances;

static void enter(uint32_t i)
{
    here = i;
    vcpu[i].state = VCPU_RUNNING;
    hardware[i].loaded = true;
    if (vcpu[i].arch.vgic.private.line >> TIMER & 1 && !hardware[i].timer) {
        vgic_fold(&vcpu[i]);
        vgic_raise_private(&vcpu[i], TIMER, false);
        vgic_let_go(&vcpu[i], TIMER);
    }
    vgic_fill(&vcpu[i]);
    expect(!maintenance(i), "a maintenance interrupt that never ends");
}

static void leave(uint32_t i, uint8_t state)
{
    here = i;
    vgic_fold(&vcpu[i]);
    for (uint32_t n = 0; n < lrs; n++)
        expect(!(hardware[i].lr[n].flags & (LR_STATE | LR_EOI)), "left behind in list register %u",
               n);
    expect(!maintenance(i) && !hardware[i].watch, "maintenance while it does not run");
    vcpu[i].state = state;
}

/* Another vCPU is loaded where this one was. */
static void unload(uint32_t i)
{
    here = i;
    vgic_let_go(&vcpu[i], TIMER);
    hardware[i].loaded = false;
    expect(!hardware[i].timer_physical, "the next one's timer can't interrupt"); /* L6 */
}

/* The physical interrupt of a timer, or, while it is not loaded, a timer of the kernel's. */
static void timer_take(uint32_t i)
{
    if (!hardware[i].timer || hardware[i].timer_physical)
        return;
    here = i;
    if (hardware[i].loaded) {
        hardware[i].timer_physical = true;
        vgic_hold(&vcpu[i], TIMER);
    } else if (!(vcpu[i].arch.vgic.private.line >> TIMER & 1)) {
        vgic_raise_private(&vcpu[i], TIMER, true);
    }
}

/* Takes what is due on the CPU where vCPU i runs. */
static void settle(uint32_t i)
{
    timer_take(i);
    if (vcpu[i].state == VCPU_READY)
        enter(i);
    if (vcpu[i].state != VCPU_RUNNING)
        return;
    if (maintenance(i)) {
        here = i;
        vgic_fold(&vcpu[i]);
        maintenances++;
    }
    hardware[i].kicked = false;
    enter(i);
}

static void settle_all(void)
{
    bool again = true;

    for (uint32_t round = 0; again; round++) {
        expect(round < VCPUS + 1, "kicks never end");
        again = false;
        for (uint32_t i = 0; i < VCPUS; i++)
            settle(i);
        for (uint32_t i = 0; i < VCPUS; i++)
            again = again || hardware[i].kicked || vcpu[i].state == VCPU_READY ||
                    (hardware[i].loaded && hardware[i].timer && !hardware[i].timer_physical);
    }
}

static void machine_init(uint32_t registers)
{
    lrs = registers;
    memset(vcpu, 0, sizeof(vcpu));
    memset(hardware, 0, sizeof(hardware));
    memset(physical_active, 0, sizeof(physical_active));
    domain.vcpus = VCPUS;
    for (uint32_t i = 0; i < VCPUS; i++) {
        vcpu[i].index = (uint8_t)i;
        vcpu[i].domain = &domain;
        domain.vcpu[i] = &vcpu[i];
        hardware[i].mask = 0xff;
        hardware[i].running[0] = IDLE;
    }
    vgic_domain_init(&domain, SPIS);
    for (uint32_t i = 0; i < VCPUS; i++) {
        vgic_vcpu_init(&vcpu[i]);
        enter(i);
    }
}

static struct keel_irq_configure entry(uint32_t i, uint32_t intid, uint32_t field, uint32_t value)
{
    return (struct keel_irq_configure){.mask = 1u << intid % 32,
                                       .bank = (uint8_t)(intid / 32),
                                       .vcpu = (uint8_t)i,
                                       .field = (uint8_t)field,
                                       .value = (uint8_t)value};
}

static int64_t configure(uint32_t i, uint32_t intid, uint32_t field, uint32_t value)
{
    struct keel_irq_configure one = entry(i, intid, field, value);

    ck_assert(vgic_configure_valid(&domain, one));
    return vgic_configure(&domain, one);
}

static struct keel_irq_state read_one(uint32_t i, uint32_t intid)
{
    struct keel_irq_state state;

    if (vgic_read(&domain, i, intid, 1, &state) != 0) {
        settle_all();
        ck_assert_int_eq(vgic_read(&domain, i, intid, 1, &state), 0);
    }
    return state;
}

/* Group 1, enabled, given priority; delivery on. */
static void use(uint32_t i, uint32_t intid, bool edge, uint8_t priority)
{
    ck_assert_int_eq(vgic_control(&domain, KEEL_IRQ_GROUP1_ENABLED), 0);
    ck_assert_int_eq(configure(i, intid, KEEL_IRQ_GROUP, 1), 0);
    ck_assert_int_eq(configure(i, intid, KEEL_IRQ_TRIGGER, edge), 0);
    ck_assert_int_eq(configure(i, intid, KEEL_IRQ_PRIORITY, priority), 0);
    if (intid >= VGIC_PRIVATE)
        ck_assert_int_eq(configure(i, intid, KEEL_IRQ_TARGET, i), 0);
    ck_assert_int_eq(configure(i, intid, KEEL_IRQ_ENABLED, 1), 0);
    settle_all();
}

#define NONE 1023u

static uint32_t acknowledge(uint32_t i)
{
    struct cpu_interface *cpu = &hardware[i];
    struct vgic_lr *lr = highest(i);

    if (!lr)
        return NONE;
    lr->flags &= (uint8_t)~LR_PENDING;
    lr->flags |= LR_ACTIVE;
    cpu->acked[cpu->depth++] = lr->intid;
    cpu->running[cpu->depth] = lr->priority;
    return lr->intid;
}

static uint32_t end(uint32_t i)
{
    struct cpu_interface *cpu = &hardware[i];
    uint32_t intid = cpu->acked[--cpu->depth];

    deactivate_in_lr(i, intid);
    return intid;
}

/* ---- single cases ---- */

START_TEST(edge_is_delivered_once)
{
    machine_init(4);
    use(0, 32, true, 0x80);
    vgic_raise(&domain, 32, true);
    ck_assert(hardware[0].kicked);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
    end(0);
    ck_assert(!maintenance(0));
    vgic_raise(&domain, 32, true); /* no change: no edge */
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
    vgic_raise(&domain, 32, false);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
}
END_TEST

START_TEST(edge_while_handled_comes_again)
{
    machine_init(4);
    use(0, 32, true, 0x80);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
    vgic_raise(&domain, 32, false);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
    end(0);
    ck_assert(!maintenance(0)); /* it waited in the same list register */
    ck_assert_uint_eq(acknowledge(0), 32);
}
END_TEST

START_TEST(pulse_is_an_edge_without_a_line)
{
    machine_init(4);
    use(0, 32, true, 0x80);
    use(0, 33, false, 0x80);
    vgic_pulse(&domain, 32);
    vgic_pulse(&domain, 32); /* before it was taken: the same one */
    ck_assert(hardware[0].kicked);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
    ck_assert_uint_eq(read_one(0, 32).line, 0);
    vgic_pulse(&domain, 32); /* while it is handled */
    settle_all();
    end(0);
    ck_assert_uint_eq(acknowledge(0), 32);
    end(0);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_ENABLED, 0), -KEEL_EAGAIN);
    settle_all();
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_ENABLED, 0), 0);
    vgic_pulse(&domain, 32); /* kept until it is enabled */
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_ENABLED, 1), 0);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
    end(0);
    vgic_pulse(&domain, 33); /* a level is none */
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
    leave(0, VCPU_WAITING);
    vgic_pulse(&domain, 32);
    ck_assert_uint_eq(vcpu[0].state, VCPU_READY);
    ck_assert(vgic_pending(&vcpu[0]));
    vgic_pulse(&domain, VGIC_PRIVATE + SPIS); /* it has no such SPI */
    ck_assert(!vgic_has(&domain, 0, VGIC_PRIVATE + SPIS, 1));
}
END_TEST

START_TEST(level_is_looked_at_again_at_its_end) /* L1 */
{
    machine_init(4);
    use(0, 26, false, 0x80);
    vgic_raise_private(&vcpu[0], 26, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 26);
    end(0);
    ck_assert(maintenance(0));
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 26);
    end(0);
    vgic_raise_private(&vcpu[0], 26, false);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
}
END_TEST

START_TEST(lowered_level_is_taken_back) /* L2 */
{
    machine_init(4);
    use(0, 33, false, 0x80);
    vgic_raise(&domain, 33, true);
    settle_all();
    ck_assert_ptr_nonnull(highest(0));
    vgic_raise(&domain, 33, false);
    ck_assert(hardware[0].kicked);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
}
END_TEST

START_TEST(sleep_sees_what_came_before) /* L3 */
{
    machine_init(4);
    use(0, 32, true, 0x80);
    leave(0, VCPU_WAITING);
    ck_assert(!vgic_pending(&vcpu[0]));
    vgic_raise(&domain, 32, true);
    ck_assert_uint_eq(vcpu[0].state, VCPU_READY);
    ck_assert(vgic_pending(&vcpu[0]));
    hardware[0].mask = 0x80; /* PMR masks it: WFI sleeps */
    ck_assert(!vgic_pending(&vcpu[0]));
    hardware[0].mask = 0x88;
    enter(0);
    ck_assert_uint_eq(acknowledge(0), 32);
}
END_TEST

START_TEST(disable_waits_and_keeps_pending) /* L4 */
{
    machine_init(4);
    use(0, 32, true, 0x80);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_ENABLED, 0), -KEEL_EAGAIN);
    ck_assert(hardware[0].kicked);
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_ENABLED, 0), -KEEL_EAGAIN);
    settle_all();
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_ENABLED, 0), 0);
    ck_assert_uint_eq(acknowledge(0), NONE);
    ck_assert_uint_eq(read_one(0, 32).pending, 1);
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_ENABLED, 1), 0);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
}
END_TEST

START_TEST(clear_is_done_once) /* L4: an edge after the clear stays, however often it is asked */
{
    machine_init(4);
    use(0, 32, true, 0x80);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_PENDING, 0), -KEEL_EAGAIN);
    vgic_raise(&domain, 32, false);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_PENDING, 0), 0);
    ck_assert_uint_eq(acknowledge(0), 32);
    /* and it completes although the interrupt is in a list register again */
    end(0);
    vgic_raise(&domain, 32, false);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_PENDING, 0), -KEEL_EAGAIN);
    settle_all();
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_PENDING, 0), 0);
    ck_assert_uint_eq(acknowledge(0), NONE);
}
END_TEST

START_TEST(retarget_moves_what_is_pending) /* L4 */
{
    machine_init(4);
    use(0, 32, true, 0x80);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_TARGET, 1), -KEEL_EAGAIN);
    settle(1); /* too early: it is still in the other's list register */
    ck_assert_uint_eq(acknowledge(1), NONE);
    settle(0);
    ck_assert(hardware[1].kicked);
    settle(1);
    ck_assert_uint_eq(acknowledge(0), NONE);
    ck_assert_uint_eq(acknowledge(1), 32);
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_TARGET, 1), 0);
    ck_assert_uint_eq(read_one(0, 32).target, 1);
}
END_TEST

START_TEST(retarget_while_handled)
{
    machine_init(4);
    use(0, 32, true, 0x80);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
    ck_assert_int_eq(configure(0, 32, KEEL_IRQ_TARGET, 1), -KEEL_EAGAIN);
    settle_all();
    vgic_raise(&domain, 32, false);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(1), NONE);
    end(0);
    ck_assert(maintenance(0));
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
    ck_assert_uint_eq(acknowledge(1), 32);
}
END_TEST

START_TEST(read_is_fresh_and_ends) /* L5 */
{
    struct keel_irq_state state;

    machine_init(4);
    use(0, 32, true, 0x80);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
    ck_assert_int_eq(vgic_read(&domain, 0, 32, 1, &state), -KEEL_EAGAIN);
    ck_assert(hardware[0].kicked);
    settle_all();
    /* It is in a list register again, for as long as the handler runs. */
    ck_assert_int_eq(vgic_read(&domain, 0, 32, 1, &state), 0);
    ck_assert_uint_eq(state.active, 1);
    ck_assert_uint_eq(state.pending, 0);
    end(0);
    ck_assert_int_eq(vgic_read(&domain, 0, 32, 1, &state), -KEEL_EAGAIN);
    settle_all();
    ck_assert_int_eq(vgic_read(&domain, 0, 32, 1, &state), 0);
    ck_assert_uint_eq(state.active, 0);
}
END_TEST

START_TEST(group_switch_waits)
{
    machine_init(4);
    use(0, 32, true, 0x80);
    vgic_raise(&domain, 32, true);
    settle_all();
    ck_assert_int_eq(vgic_control(&domain, 0), -KEEL_EAGAIN);
    ck_assert_int_eq(vgic_control(&domain, 0), -KEEL_EAGAIN);
    settle_all();
    ck_assert_int_eq(vgic_control(&domain, 0), 0);
    ck_assert_uint_eq(acknowledge(0), NONE);
    ck_assert_int_eq(vgic_control(&domain, KEEL_IRQ_GROUP1_ENABLED), 0);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 32);
}
END_TEST

START_TEST(more_than_list_registers) /* NPIE: ends, and leaves none behind */
{
    uint32_t order[12];

    machine_init(4);
    for (uint32_t n = 0; n < 12; n++)
        use(0, 40 + n, true, (uint8_t)(0xf0 - 8 * (n % 6)));
    for (uint32_t n = 0; n < 12; n++)
        vgic_raise(&domain, 40 + n, true);
    settle_all();
    for (uint32_t n = 0; n < 12; n++) {
        order[n] = acknowledge(0);
        ck_assert_uint_ne(order[n], NONE);
        settle_all();
        end(0);
        settle_all();
    }
    for (uint32_t n = 0; n < 12; n++)
        ck_assert_uint_eq(order[n], 40 + 5 - n / 2 + n % 2 * 6);
    ck_assert_uint_eq(acknowledge(0), NONE);
}
END_TEST

START_TEST(more_active_than_list_registers) /* spilled, and ended by count */
{
    machine_init(2);
    for (uint32_t n = 0; n < 6; n++)
        use(0, 40 + n, true, (uint8_t)(0xf0 - 8 * n));
    for (uint32_t n = 0; n < 6; n++) {
        vgic_raise(&domain, 40 + n, true);
        settle_all();
        ck_assert_uint_eq(acknowledge(0), 40 + n);
    }
    settle_all();
    for (uint32_t n = 0; n < 6; n++) {
        ck_assert_uint_eq(end(0), 45 - n);
        settle_all();
        ck_assert_uint_eq(read_one(0, 45 - n).active, 0);
        if (n < 5)
            ck_assert_uint_eq(read_one(0, 44 - n).active, 1);
    }
}
END_TEST

START_TEST(physical_interrupt_follows_the_virtual_one)
{
    machine_init(4);
    vgic_back(&domain, 50);
    use(0, 50, false, 0x80);
    physical_active[50] = true;
    vgic_raise(&domain, 50, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 50);
    ck_assert(physical_active[50]);
    settle_all();
    end(0);
    ck_assert(!maintenance(0));
    ck_assert(!physical_active[50]);
    settle_all();
    /* cleared while it waits: it may come again */
    physical_active[50] = true;
    vgic_raise(&domain, 50, true);
    settle_all();
    ck_assert_int_eq(configure(0, 50, KEEL_IRQ_PENDING, 0), -KEEL_EAGAIN);
    settle_all();
    ck_assert(!physical_active[50]);
    /* active while its vCPU does not run, then cleared by a service */
    physical_active[50] = true;
    vgic_raise(&domain, 50, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 50);
    leave(0, VCPU_BLOCKED);
    ck_assert(physical_active[50]);
    ck_assert_int_eq(configure(0, 50, KEEL_IRQ_ACTIVE, 0), 0);
    ck_assert(!physical_active[50]);
}
END_TEST

START_TEST(the_timer_is_held_until_its_end) /* L6 */
{
    machine_init(4);
    use(0, TIMER, false, 0x80);
    hardware[0].timer = true;
    settle_all();
    ck_assert(hardware[0].timer_physical);
    ck_assert_uint_eq(acknowledge(0), TIMER);
    hardware[0].timer = false;
    end(0);
    ck_assert(!maintenance(0)); /* no exit */
    ck_assert(!hardware[0].timer_physical);
    /* high at its end: comes again */
    hardware[0].timer = true;
    settle_all();
    ck_assert_uint_eq(acknowledge(0), TIMER);
    end(0);
    ck_assert(!hardware[0].timer_physical);
    settle_all();
    ck_assert(hardware[0].timer_physical);
    ck_assert_uint_eq(acknowledge(0), TIMER);
    end(0);
    /* low before it was taken: is seen at the next entry */
    settle_all();
    ck_assert(hardware[0].timer_physical);
    hardware[0].timer = false;
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
    ck_assert(!hardware[0].timer_physical);
}
END_TEST

START_TEST(the_timer_goes_with_its_vcpu) /* L6 */
{
    machine_init(4);
    use(0, TIMER, false, 0x80);
    hardware[0].timer = true;
    settle_all();
    ck_assert_uint_eq(acknowledge(0), TIMER);
    leave(0, VCPU_READY);
    unload(0);
    settle_all(); /* active, but no physical one is at first; then it comes */
    ck_assert(hardware[0].timer_physical);
    ck_assert_uint_eq(acknowledge(0), NONE);
    hardware[0].timer = false;
    end(0);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), NONE);
    ck_assert(!hardware[0].timer_physical);
    /* fires while it sleeps, and is not loaded: wakes it */
    leave(0, VCPU_WAITING);
    unload(0);
    hardware[0].timer = true;
    timer_take(0);
    ck_assert_uint_eq(vcpu[0].state, VCPU_READY);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), TIMER);
}
END_TEST

START_TEST(sgi_targets)
{
    machine_init(4);
    for (uint32_t i = 0; i < VCPUS; i++) {
        use(i, 5, true, 0x80);
        use(i, 6, true, 0x80);
    }
    here = 1;
    vgic_sgi(&vcpu[1], 5u << 24 | 0xffff, true);
    settle_all();
    for (uint32_t i = 0; i < VCPUS; i++) {
        ck_assert_uint_eq(acknowledge(i), 5);
        end(i);
    }
    vgic_sgi(&vcpu[1], 6u << 24 | 1ull << 40, true);
    settle_all();
    ck_assert_uint_eq(acknowledge(0), 6);
    ck_assert_uint_eq(acknowledge(1), NONE);
    ck_assert_uint_eq(acknowledge(2), 6);
    end(0);
    end(2);
    for (uint32_t shift = 16; shift < 56; shift++)
        if (0x00fff0ff00ff0000ull >> shift & 1) /* Aff1, Aff2, Aff3 or RS: nobody is there */
            vgic_sgi(&vcpu[1], 6u << 24 | 0xffff | 1ull << shift, true);
    vgic_sgi(&vcpu[1], 6u << 24 | 0xffff, false); /* group 0: these are group 1 */
    settle_all();
    for (uint32_t i = 0; i < VCPUS; i++)
        ck_assert_uint_eq(acknowledge(i), NONE);
}
END_TEST

START_TEST(arguments_are_checked)
{
    struct keel_irq_configure good = {.mask = UINT32_MAX, .bank = 1, .field = KEEL_IRQ_ENABLED};
    struct keel_irq_configure bad;

    machine_init(4);
    ck_assert(vgic_configure_valid(&domain, good));
#define BAD(member, what) \
    bad = good;           \
    bad.member = (what);  \
    ck_assert(!vgic_configure_valid(&domain, bad))
    BAD(mask, 0);
    BAD(bank, 1 + SPIS / 32);
    BAD(bank, UINT8_MAX);
    BAD(vcpu, VCPUS);
    BAD(field, KEEL_IRQ_FIELDS);
    BAD(value, 2);
    domain.arch.vgic.spis = SPIS - 24;
    good.bank = SPIS / 32;
    good.mask = 0x80;
    ck_assert(vgic_configure_valid(&domain, good));
    BAD(mask, 0x100);
    domain.arch.vgic.spis = SPIS;
    good.field = KEEL_IRQ_TARGET;
    BAD(value, VCPUS);
    ck_assert(vgic_has(&domain, 0, 32 + SPIS - 1, 1));
    ck_assert(!vgic_has(&domain, 0, 32 + SPIS, 1));
    ck_assert(!vgic_has(&domain, 0, UINT32_MAX, 2));
    vgic_raise(&domain, 32 + SPIS, true);
    vgic_raise(&domain, 31, true);
    vgic_raise(&domain, UINT32_MAX, true);
    vgic_back(&domain, 1019);
    vgic_deactivate(&vcpu[0], 0xffffff);
}
END_TEST

START_TEST(a_read_spans_banks)
{
    const struct keel_irq_configure list[] = {
        {.mask = 0xf0000000, .bank = 1, .field = KEEL_IRQ_PRIORITY, .value = 0x48},
        {.mask = 0x0000000f, .bank = 2, .field = KEEL_IRQ_PRIORITY, .value = 0x48},
        {.mask = 0x90000000, .bank = 1, .field = KEEL_IRQ_ENABLED, .value = 1},
        {.mask = 0x00000009, .bank = 2, .field = KEEL_IRQ_ENABLED, .value = 1},
    };
    struct keel_irq_state states[32];

    machine_init(4);
    for (uint32_t i = 0; i < ARRAY_LENGTH(list); i++)
        ck_assert_int_eq(vgic_configure(&domain, list[i]), 0);
    ck_assert_int_eq(vgic_read(&domain, 0, 48, 32, states), 0);
    for (uint32_t n = 0; n < 32; n++) {
        bool in = n >= 12 && n < 20;

        ck_assert_uint_eq(states[n].priority, in ? 0x48 : 0);
        ck_assert_uint_eq(states[n].enabled, in && (0x99 >> (n - 12) & 1));
    }
}
END_TEST

/* ---- the differential test ---- */

/* An interrupt as the architecture has it: IHI 0069H, 4.1.2. */
struct reference {
    bool enabled, group1, edge, line, latch, active, backed;
    uint8_t priority, target;
};
static struct reference private[VCPUS][VGIC_PRIVATE], shared[SPIS];
static uint32_t enables;
static uint64_t random_state;

static uint32_t pick_random(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16) % below;
}

static struct reference *reference(uint32_t i, uint32_t intid)
{
    return intid < VGIC_PRIVATE ? &private[i][intid] : &shared[intid - VGIC_PRIVATE];
}

/* Those that the test uses, in order. */
static const uint8_t some[] = {0, 1, 2, 27, 30, 32, 33, 34, 35, 36, 37, 50, 51, 63, 64, 65, 95};

static bool is_pending(const struct reference *irq)
{
    return irq->latch || (irq->line && !irq->edge);
}

static uint32_t reference_highest(uint32_t i, uint8_t running)
{
    uint32_t best = NONE;
    uint8_t limit = hardware[i].mask < running ? hardware[i].mask : running;

    for (uint32_t n = 0; n < ARRAY_LENGTH(some); n++) {
        uint32_t intid = some[n];
        const struct reference *irq = reference(i, intid);

        if (irq->enabled && (enables >> irq->group1 & 1) && is_pending(irq) && !irq->active &&
            (intid < VGIC_PRIVATE || irq->target == i) && irq->priority < limit) {
            best = intid;
            limit = irq->priority;
        }
    }
    return best;
}

static void compare(uint32_t step)
{
    for (uint32_t i = 0; i < VCPUS; i++) {
        here = i;
        if (vcpu[i].state == VCPU_RUNNING) {
            struct vgic_lr *lr = highest(i);
            uint32_t is = lr ? lr->intid : NONE;
            uint32_t should = reference_highest(i, hardware[i].running[hardware[i].depth]);

            expect(is == should, "step %u: vCPU %u would take %u, not %u", step, i, is, should);
        } else {
            expect(vgic_pending(&vcpu[i]) == (reference_highest(i, IDLE) != NONE),
                   "step %u: vCPU %u would sleep, or would not", step, i);
        }
    }
    for (uint32_t i = 0; i < VCPUS; i++)
        expect(private[i][TIMER].active || private[i][TIMER].line || !hardware[i].timer_physical,
               "step %u: the timer of vCPU %u stays active", step, i);
    for (uint32_t n = 0; n < SPIS; n++)
        if (shared[n].backed)
            expect(shared[n].active || shared[n].latch || !physical_active[n + VGIC_PRIVATE],
                   "step %u: physical %u stays active", step, n + VGIC_PRIVATE);
}

static void compare_states(uint32_t step)
{
    struct keel_irq_state states[32];

    for (uint32_t i = 0; i < VCPUS; i++)
        for (uint32_t from = i ? 0 : VGIC_PRIVATE; from < (i ? VGIC_PRIVATE : VGIC_PRIVATE + SPIS);
             from += 32) {
            if (vgic_read(&domain, i, from, 32, states)) {
                settle_all();
                expect(!vgic_read(&domain, i, from, 32, states), "a second kick for one read");
            }
            for (uint32_t n = 0; n < 32; n++) {
                const struct reference *irq = reference(i, from + n);

                expect(states[n].enabled == irq->enabled && states[n].pending == is_pending(irq) &&
                           states[n].active == irq->active && states[n].priority == irq->priority &&
                           states[n].group == irq->group1 && states[n].trigger == irq->edge &&
                           states[n].line == irq->line &&
                           states[n].target == (from ? irq->target : i),
                       "step %u: interrupt %u of vCPU %u", step, from + n, i);
            }
        }
}

static uint32_t random_intid(void)
{
    return some[pick_random(ARRAY_LENGTH(some))];
}

static bool handled(uint32_t intid)
{
    for (uint32_t i = 0; i < VCPUS; i++)
        for (uint32_t n = 0; n < hardware[i].depth; n++)
            if (hardware[i].acked[n] == intid)
                return true;
    return false;
}

static void random_configure(uint32_t step)
{
    uint32_t i = pick_random(VCPUS);
    uint32_t intid = random_intid();
    struct reference *irq = reference(i, intid);
    uint32_t field = pick_random(KEEL_IRQ_FIELDS);
    uint32_t value = pick_random(2);
    int64_t result;

    switch (field) {
    case KEEL_IRQ_ENABLED:
        value = pick_random(4) != 0;
        irq->enabled = value;
        break;
    case KEEL_IRQ_PENDING:
        irq->latch = value;
        break;
    case KEEL_IRQ_ACTIVE:
        /* What a handler will end, and what it never began, is not told apart where EOIs are only
         * counted: a guest that does this to itself gets what it asked for. */
        if (handled(intid) || value)
            return;
        irq->active = value;
        break;
    case KEEL_IRQ_PRIORITY:
        if (irq->active)
            return;
        value = pick_random(6) * 0x28;
        irq->priority = (uint8_t)value;
        break;
    case KEEL_IRQ_GROUP:
        irq->group1 = value;
        break;
    case KEEL_IRQ_TRIGGER:
        if (intid >= VGIC_PRIVATE)
            irq->edge = value;
        break;
    default:
        value = pick_random(VCPUS);
        if (intid >= VGIC_PRIVATE)
            irq->target = (uint8_t)value;
        break;
    }
    result = configure(i, intid, field, value);
    settle_all();
    compare(step);
    if (result == -KEEL_EAGAIN)
        result = configure(i, intid, field, value); /* must not do it again */
    expect(!result, "step %u: a second kick for one change", step);
}

static void random_line(void)
{
    uint32_t i = pick_random(VCPUS);
    uint32_t intid = random_intid();
    struct reference *irq = reference(i, intid);
    bool level = pick_random(2);

    if (intid < 16)
        return;
    if (intid == TIMER) { /* only its guest makes it fall */
        if (level || vcpu[i].state == VCPU_RUNNING)
            hardware[i].timer = irq->line = level;
        return;
    }
    if (irq->backed) {
        if (physical_active[intid])
            return;
        physical_active[intid] = true;
        irq->latch = true;
        vgic_raise(&domain, intid, true);
        return;
    }
    if (intid >= VGIC_PRIVATE && pick_random(4) == 0) {
        irq->latch = irq->latch || irq->edge;
        vgic_pulse(&domain, intid);
        return;
    }
    if (irq->edge && level && !irq->line)
        irq->latch = true;
    irq->line = level;
    if (intid < VGIC_PRIVATE)
        vgic_raise_private(&vcpu[i], intid, level);
    else
        vgic_raise(&domain, intid, level);
}

static void random_sgi(uint32_t i)
{
    uint32_t list = pick_random(1 << VCPUS);
    uint32_t intid = pick_random(3);
    bool group1 = pick_random(8);

    if (vcpu[i].state != VCPU_RUNNING)
        return;
    here = i;
    vgic_sgi(&vcpu[i], (uint64_t)intid << 24 | list, group1);
    for (uint32_t n = 0; n < VCPUS; n++)
        if (list >> n & 1 && private[n][intid].group1 == group1)
    private[n][intid].latch = true;
}

/* The timer's handler moves the timer and ends, and the guest sleeps, all without an exit. */
static void timer_handler(uint32_t i)
{
    struct cpu_interface *cpu = &hardware[i];
    struct reference *irq = reference(i, TIMER);

    if (cpu->depth == 0 || cpu->acked[cpu->depth - 1] != TIMER || !cpu->timer_physical)
        return;
    end(i);
    if (cpu->timer_physical) { /* it was in no list register: its end is an exit */
        irq->active = false;
        return;
    }
    cpu->timer = irq->line = irq->active = false;
    leave(i, VCPU_WAITING);
    expect(vgic_pending(&vcpu[i]) == (reference_highest(i, IDLE) != NONE),
           "vCPU %u would sleep, or would not", i);
    if (vgic_pending(&vcpu[i]))
        enter(i);
}

static void random_guest(uint32_t i, bool split)
{
    struct cpu_interface *cpu = &hardware[i];
    uint32_t intid;

    if (vcpu[i].state != VCPU_RUNNING)
        return;
    if (pick_random(2)) {
        if (cpu->depth == DEPTH)
            return;
        intid = acknowledge(i);
        if (intid != NONE) {
            reference(i, intid)->latch = false;
            reference(i, intid)->active = true;
        }
    } else if (cpu->depth) {
        if (split) { /* EOImode 1: the drop does nothing here; any order, SPIs from any vCPU */
            intid = cpu->acked[--cpu->depth];
            here = intid < VGIC_PRIVATE ? i : pick_random(VCPUS);
            if (vcpu[here].state != VCPU_RUNNING)
                here = i;
            vgic_deactivate(&vcpu[here], intid);
        } else {
            timer_handler(i);
            if (vcpu[i].state != VCPU_RUNNING || !cpu->depth)
                return;
            intid = end(i);
        }
        reference(i, intid)->active = false;
    }
}

static void random_run(uint32_t i, bool awake)
{
    switch (vcpu[i].state) {
    case VCPU_RUNNING:
        if (awake)
            return;
        if (pick_random(2)) {
            leave(i, VCPU_BLOCKED);
        } else {
            leave(i, VCPU_WAITING);
            if (vgic_pending(&vcpu[i]))
                enter(i);
        }
        if (vcpu[i].state != VCPU_RUNNING && pick_random(2))
            unload(i);
        break;
    case VCPU_WAITING:
        here = i;
        expect(!vgic_pending(&vcpu[i]), "vCPU %u sleeps on", i);
        break;
    default:
        enter(i);
        break;
    }
}

static void differential(uint32_t registers, uint32_t steps, bool split)
{
    machine_init(registers);
    memset(private, 0, sizeof(private));
    memset(shared, 0, sizeof(shared));
    enables = 0;
    for (uint32_t i = 0; i < VCPUS; i++)
        for (uint32_t intid = 0; intid < 16; intid++)
    private[i][intid].edge = true;
    for (uint32_t intid = 50; intid < 52; intid++) {
        vgic_back(&domain, intid);
        shared[intid - VGIC_PRIVATE].backed = true;
    }
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t i = pick_random(VCPUS);
        uint32_t what = pick_random(100);

        if (what < 20) {
            random_configure(step);
        } else if (what < 45) {
            random_line();
        } else if (what < 55) {
            random_sgi(i);
        } else if (what < 90) {
            random_guest(i, split);
        } else if (what < 98) {
            random_run(i, pick_random(2));
        } else if (what < 99) {
            if (vcpu[i].state != VCPU_RUNNING)
                continue;
            hardware[i].mask = (uint8_t)(pick_random(3) ? 0xff : pick_random(0x100));
        } else {
            int64_t result;

            enables = pick_random(4) ? 3 : pick_random(4);
            result = vgic_control(&domain, enables);
            settle_all();
            expect(!result || !vgic_control(&domain, enables), "a second kick for control");
        }
        settle_all();
        compare(step);
        if (pick_random(50) == 0)
            compare_states(step);
    }
}

static const uint32_t register_counts[] = {1, 2, 3, 4};

START_TEST(like_the_architecture)
{
    random_state = 0x9e3779b97f4a7c15u + (uint32_t)_i;
    differential(register_counts[_i / 2], 100000, _i % 2);
    ck_assert_uint_gt(deactivations, 0);
    if (_i % 2 == 0)
        ck_assert_uint_gt(maintenances, 0);
    if (_i == 0)
        ck_assert_uint_gt(spilled_ends, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vgic");
    TCase *cases = tcase_create("cases");
    TCase *random = tcase_create("differential");
    SRunner *runner;
    int failed;

    tcase_add_test(cases, edge_is_delivered_once);
    tcase_add_test(cases, edge_while_handled_comes_again);
    tcase_add_test(cases, pulse_is_an_edge_without_a_line);
    tcase_add_test(cases, level_is_looked_at_again_at_its_end);
    tcase_add_test(cases, lowered_level_is_taken_back);
    tcase_add_test(cases, sleep_sees_what_came_before);
    tcase_add_test(cases, disable_waits_and_keeps_pending);
    tcase_add_test(cases, clear_is_done_once);
    tcase_add_test(cases, retarget_moves_what_is_pending);
    tcase_add_test(cases, retarget_while_handled);
    tcase_add_test(cases, read_is_fresh_and_ends);
    tcase_add_test(cases, group_switch_waits);
    tcase_add_test(cases, more_than_list_registers);
    tcase_add_test(cases, more_active_than_list_registers);
    tcase_add_test(cases, physical_interrupt_follows_the_virtual_one);
    tcase_add_test(cases, the_timer_is_held_until_its_end);
    tcase_add_test(cases, the_timer_goes_with_its_vcpu);
    tcase_add_test(cases, sgi_targets);
    tcase_add_test(cases, arguments_are_checked);
    tcase_add_test(cases, a_read_spans_banks);
    tcase_add_loop_test(random, like_the_architecture, 0, 2 * ARRAY_LENGTH(register_counts));
    tcase_set_timeout(random, 120);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, random);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
