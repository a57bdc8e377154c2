/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 decoding, against a kernel that is just an array: what is written through a step can be
 * read back through a step, for every register and every size, and nothing outside is touched.
 */
#include "gicv3.h"
#include "vgic.h"

#include <check.h>
#include <keel/types.h>
#include <stdlib.h>
#include <string.h>

#define VCPUS 3
#define SPIS  40 /* not a multiple of 32, to see the end of a word */
#define ABORT UINT64_MAX

static struct vgic gic;
static struct keel_irq_state private[VCPUS][32];
static struct keel_irq_state shared[SPIS];
static uint64_t control;
static unsigned configures;

static void setup(void)
{
    vgic_reset(&gic, VCPUS, SPIS);
    memset(private, 0, sizeof(private));
    memset(shared, 0, sizeof(shared));
    control = 0;
    configures = 0;
}

/* As ck_assert, which writes to a pipe each time: too slow for millions. */
#define must(condition)               \
    do {                              \
        if (!(condition)) {           \
            ck_abort_msg(#condition); \
        }                             \
    } while (0)

static struct keel_irq_state *state_of(uint32_t vcpu, uint32_t intid)
{
    must(vcpu < VCPUS);
    must(intid < 32 + SPIS);
    return intid < 32 ? &private[vcpu][intid] : &shared[intid - 32];
}

/* The checks that the kernel's irq_configure makes. */
static void configure(const struct keel_irq_configure *entry)
{
    must(entry->mask != 0);
    for (uint32_t i = 0; i < 32; i++) {
        if (!(entry->mask >> i & 1)) {
            continue;
        }
        struct keel_irq_state *state = state_of(entry->vcpu, entry->bank * 32 + i);
        switch (entry->field) {
        case KEEL_IRQ_ENABLED:
            state->enabled = entry->value;
            break;
        case KEEL_IRQ_PENDING:
            state->pending = entry->value;
            break;
        case KEEL_IRQ_ACTIVE:
            state->active = entry->value;
            break;
        case KEEL_IRQ_PRIORITY:
            state->priority = entry->value;
            break;
        case KEEL_IRQ_GROUP:
            state->group = entry->value;
            break;
        case KEEL_IRQ_TRIGGER:
            state->trigger = entry->value;
            break;
        case KEEL_IRQ_TARGET:
            must(entry->bank > 0);
            must(entry->value < VCPUS);
            state->target = entry->value;
            break;
        default:
            ck_abort_msg("field %u", entry->field);
        }
        must(entry->field > KEEL_IRQ_ACTIVE || entry->value <= 1);
    }
}

/* Takes a step as the devices service does. */
static uint64_t take(const struct vgic_step *step)
{
    struct keel_irq_state states[KEEL_IRQ_READS_MAX];

    switch (step->action) {
    case VGIC_DONE:
        return step->value;
    case VGIC_CONFIGURE:
        must(step->n >= 1 && step->n <= VGIC_LIST_MAX);
        for (unsigned i = 0; i < step->n; i++) {
            configure(&step->list[i]);
        }
        configures++;
        return 0;
    case VGIC_CONTROL:
        must(step->value <= 3);
        control = step->value;
        return 0;
    case VGIC_READ:
        must(step->n >= 1 && step->n <= KEEL_IRQ_READS_MAX);
        for (unsigned i = 0; i < step->n; i++) {
            states[i] = *state_of(step->vcpu, step->intid + i);
        }
        return vgic_value(step, states);
    default:
        return ABORT;
    }
}

static uint64_t dist_read(uint32_t offset, unsigned size)
{
    struct vgic_step step;
    vgic_distributor_read(&gic, offset, size, &step);
    return take(&step);
}

static uint64_t dist_write(uint32_t offset, unsigned size, uint64_t value)
{
    struct vgic_step step;
    vgic_distributor_write(&gic, offset, size, value, &step);
    return take(&step);
}

static uint64_t redist_read(uint32_t vcpu, uint32_t offset, unsigned size)
{
    struct vgic_step step;
    vgic_redistributor_read(&gic, vcpu * 0x20000ul + offset, size, &step);
    return take(&step);
}

static uint64_t redist_write(uint32_t vcpu, uint32_t offset, unsigned size, uint64_t value)
{
    struct vgic_step step;
    vgic_redistributor_write(&gic, vcpu * 0x20000ul + offset, size, value, &step);
    return take(&step);
}

START_TEST(distributor_describes_itself)
{
    ck_assert_uint_eq(dist_read(GICD_CTLR, 4), GICD_CTLR_ARE | GICD_CTLR_DS);
    uint64_t typer = dist_read(GICD_TYPER, 4);
    ck_assert_uint_eq(typer & 0x1F, 2);       /* 32 * (2 + 1) INTIDs hold 32 + 40 */
    ck_assert_uint_eq(typer >> 5 & 7, 0);     /* CPUNumber: affinity routing only */
    ck_assert_uint_eq(typer >> 16 & 3, 0);    /* no message SPIs, no LPIs */
    ck_assert_uint_eq(typer >> 19 & 0x1F, 9); /* 10 bits of INTID */
    ck_assert_uint_eq(typer >> 10 & 1, 0);    /* one security state */
    ck_assert_uint_eq(dist_read(GICD_IIDR, 4) & 0xFFF, 0x43B);
    ck_assert_uint_eq(dist_read(0xFFE8, 4) & 0xF0, 0x30); /* PIDR2: GICv3 */
    ck_assert_uint_eq(dist_read(0xFFFC, 4), 0xB1);
    vgic_reset(&gic, 1, 0);
    ck_assert_uint_eq(dist_read(GICD_TYPER, 4) & 0x1F, 0);
    vgic_reset(&gic, 99, 9999);
    ck_assert_uint_eq(gic.vcpus, KEEL_VCPUS_MAX);
    ck_assert_uint_eq(dist_read(GICD_TYPER, 4) & 0x1F, (32 + KEEL_SPIS_MAX) / 32 - 1);
}
END_TEST

START_TEST(control_gates_groups_only)
{
    dist_write(GICD_CTLR, 4, UINT32_MAX);
    ck_assert_uint_eq(control, KEEL_IRQ_GROUP0_ENABLED | KEEL_IRQ_GROUP1_ENABLED);
    ck_assert_uint_eq(dist_read(GICD_CTLR, 4), 0x53);
    dist_write(GICD_CTLR, 4, GICD_CTLR_ENABLE_GROUP1);
    ck_assert_uint_eq(control, KEEL_IRQ_GROUP1_ENABLED);
    dist_write(GICD_CTLR, 4, 0);
    ck_assert_uint_eq(control, 0);
    ck_assert_uint_eq(dist_read(GICD_CTLR, 4), 0x50);
}
END_TEST

START_TEST(set_and_clear_registers)
{
    static const struct {
        uint32_t set, clear;
    } banks[] = {{GICD_ISENABLER, GICD_ICENABLER},
                 {GICD_ISPENDR, GICD_ICPENDR},
                 {GICD_ISACTIVER, GICD_ICACTIVER}};
    for (unsigned i = 0; i < 3; i++) {
        dist_write(banks[i].set + 4, 4, 0x80000081);
        ck_assert_uint_eq(dist_read(banks[i].set + 4, 4), 0x80000081);
        ck_assert_uint_eq(dist_read(banks[i].clear + 4, 4), 0x80000081);
        dist_write(banks[i].clear + 4, 4, 0x80);
        ck_assert_uint_eq(dist_read(banks[i].set + 4, 4), 0x80000001);
        /* The last word has 8 interrupts, and the one behind it none. */
        dist_write(banks[i].set + 8, 4, UINT32_MAX);
        ck_assert_uint_eq(dist_read(banks[i].set + 8, 4), 0xFF);
        dist_write(banks[i].set + 12, 4, UINT32_MAX);
        ck_assert_uint_eq(dist_read(banks[i].set + 12, 4), 0);
        /* Private ones are not here: affinity routing is always on. */
        dist_write(banks[i].set, 4, UINT32_MAX);
        ck_assert_uint_eq(dist_read(banks[i].set, 4), 0);
        for (uint32_t vcpu = 0; vcpu < VCPUS; vcpu++) {
            redist_write(vcpu, 0x10000 + banks[i].set, 4, 1u << (vcpu + 1));
        }
        for (uint32_t vcpu = 0; vcpu < VCPUS; vcpu++) {
            ck_assert_uint_eq(redist_read(vcpu, 0x10000 + banks[i].set, 4), 1u << (vcpu + 1));
            redist_write(vcpu, 0x10000 + banks[i].set + 4, 4, UINT32_MAX);
            ck_assert_uint_eq(redist_read(vcpu, 0x10000 + banks[i].set + 4, 4), 0);
        }
    }
    configures = 0;
    dist_write(GICD_ISENABLER + 4, 4, 0);
    ck_assert_uint_eq(configures, 0); /* writing no ones costs no call */
}
END_TEST

START_TEST(groups_and_triggers)
{
    dist_write(GICD_IGROUPR + 4, 4, 0xF0F0F0F0);
    ck_assert_uint_eq(dist_read(GICD_IGROUPR + 4, 4), 0xF0F0F0F0);
    dist_write(GICD_IGROUPR + 4, 4, 0x0F0F0F0F);
    ck_assert_uint_eq(dist_read(GICD_IGROUPR + 4, 4), 0x0F0F0F0F);
    redist_write(1, 0x10080, 4, UINT32_MAX);
    ck_assert_uint_eq(redist_read(1, 0x10080, 4), UINT32_MAX);
    ck_assert_uint_eq(redist_read(0, 0x10080, 4), 0);

    dist_write(GICD_ICFGR + 8, 4, 0xFFFFFFFF); /* INTIDs 32 to 47 */
    ck_assert_uint_eq(dist_read(GICD_ICFGR + 8, 4), 0xAAAAAAAA);
    ck_assert_uint_eq(shared[0].trigger, 1);
    dist_write(GICD_ICFGR + 8, 4, 0x55555557);
    ck_assert_uint_eq(dist_read(GICD_ICFGR + 8, 4), 0x00000002);
    dist_write(GICD_ICFGR + 16, 4, 0xFFFFFFFF); /* 64 to 79, of which 72 is the first absent */
    ck_assert_uint_eq(dist_read(GICD_ICFGR + 16, 4), 0xAAAA);
    redist_write(2, 0x10C04, 4, 0x2); /* PPI 16 */
    ck_assert_uint_eq(redist_read(2, 0x10C04, 4), 0x2);
    private[2][3].trigger = 1;
    redist_write(2, 0x10C00, 4, 0); /* SGIs are fixed */
    ck_assert_uint_eq(private[2][3].trigger, 1);
}
END_TEST

START_TEST(priorities)
{
    dist_write(GICD_IPRIORITYR + 32, 4, 0xA0A0FF07);
    ck_assert_uint_eq(dist_read(GICD_IPRIORITYR + 32, 4), 0xA0A0F800);
    dist_write(GICD_IPRIORITYR + 34, 1, 0x10);
    ck_assert_uint_eq(dist_read(GICD_IPRIORITYR + 34, 1), 0x10);
    ck_assert_uint_eq(dist_read(GICD_IPRIORITYR + 32, 4), 0xA010F800);
    ck_assert_uint_eq(dist_read(GICD_IPRIORITYR + 71, 1), 0);
    dist_write(GICD_IPRIORITYR + 72, 4, UINT32_MAX); /* absent */
    ck_assert_uint_eq(dist_read(GICD_IPRIORITYR + 72, 4), 0);
    redist_write(1, 0x10400 + 27, 1, 0x80);
    ck_assert_uint_eq(redist_read(1, 0x10400 + 24, 4), 0x80000000);
    ck_assert_uint_eq(redist_read(1, 0x10400 + 32, 4), 0);
}
END_TEST

START_TEST(routing)
{
    dist_write(GICD_IROUTER + 33 * 8, 8, 2);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 33 * 8, 8), 2);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 33 * 8, 4), 2);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 33 * 8 + 4, 4), 0);
    dist_write(GICD_IROUTER + 33 * 8 + 4, 4, 1);
    dist_write(GICD_IROUTER + 33 * 8, 4, 1);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 33 * 8, 8), 1);
    /* Nobody has these affinities; 1-of-N is not there, its bit is ignored. */
    static const uint64_t absent[] = {3, 0x100, 0x10000, 0x100000000, UINT64_MAX};
    for (unsigned i = 0; i < 5; i++) {
        dist_write(GICD_IROUTER + 33 * 8, 8, absent[i]);
        ck_assert_uint_eq(dist_read(GICD_IROUTER + 33 * 8, 8), 1);
    }
    dist_write(GICD_IROUTER + 33 * 8, 8, 0x80000000);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 33 * 8, 8), 0);
    dist_write(GICD_IROUTER + 31 * 8, 8, 1);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 31 * 8, 8), 0);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 72 * 8, 8), 0);
}
END_TEST

START_TEST(redistributor_describes_itself)
{
    for (uint32_t vcpu = 0; vcpu < VCPUS; vcpu++) {
        uint64_t typer = redist_read(vcpu, GICR_TYPER, 8);
        ck_assert_uint_eq(typer >> 32, vcpu);
        ck_assert_uint_eq(typer >> 8 & 0xFFFF, vcpu);
        ck_assert_uint_eq(typer >> 4 & 1, vcpu == VCPUS - 1);
        ck_assert_uint_eq(typer & 0xF, 0); /* no LPIs */
        ck_assert_uint_eq(redist_read(vcpu, GICR_TYPER, 4), (uint32_t)typer);
        ck_assert_uint_eq(redist_read(vcpu, GICR_TYPER + 4, 4), typer >> 32);
        ck_assert_uint_eq(redist_read(vcpu, 0xFFE8, 4) & 0xF0, 0x30);
        ck_assert_uint_eq(redist_read(vcpu, GICR_CTLR, 4), 0);
        ck_assert_uint_eq(redist_read(vcpu, GICR_WAKER, 4), 6);
    }
    redist_write(1, GICR_WAKER, 4, 0);
    ck_assert_uint_eq(redist_read(0, GICR_WAKER, 4), 6);
    ck_assert_uint_eq(redist_read(1, GICR_WAKER, 4), 0);
    redist_write(1, GICR_WAKER, 4, 2);
    ck_assert_uint_eq(redist_read(1, GICR_WAKER, 4), 6);
    ck_assert_uint_eq(redist_read(VCPUS, GICR_TYPER, 8), ABORT);
}
END_TEST

START_TEST(sizes_and_alignment)
{
    static const unsigned bad[] = {1, 2, 8};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(dist_read(GICD_CTLR, bad[i]), ABORT);
        ck_assert_uint_eq(dist_write(GICD_CTLR, bad[i], 0), ABORT);
        ck_assert_uint_eq(dist_read(GICD_ISENABLER + 8, bad[i]), ABORT);
        ck_assert_uint_eq(dist_write(GICD_ISENABLER + 8, bad[i], 0), ABORT);
        ck_assert_uint_eq(redist_read(0, GICR_WAKER, i == 2 ? 2 : bad[i]), ABORT);
    }
    ck_assert_uint_eq(dist_read(GICD_IPRIORITYR + 32, 2), ABORT);
    ck_assert_uint_eq(dist_read(GICD_IPRIORITYR + 32, 8), ABORT);
    ck_assert_uint_eq(dist_read(GICD_ICFGR + 8, 1), ABORT);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 256, 1), ABORT);
    ck_assert_uint_eq(dist_write(GICD_IROUTER + 256, 2, 0), ABORT);
    ck_assert_uint_eq(dist_read(GICD_IROUTER + 257, 8), ABORT);
    ck_assert_uint_eq(dist_read(GICD_TYPER + 2, 4), ABORT);
    ck_assert_uint_eq(dist_read(0x5000, 4), 0); /* nothing there */
    ck_assert_uint_eq(dist_write(0x5000, 4, 1), 0);
}
END_TEST

/* Every offset, every size, hostile values: the array kernel above checks each step. */
START_TEST(survives_any_access)
{
    static const uint64_t values[] = {0, UINT64_MAX, 0x5555555555555555, 0xAAAAAAAAAAAAAAAA, 2};
    for (unsigned v = 0; v < 5; v++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            for (uint32_t offset = 0; offset < 0x10000; offset++) {
                dist_write(offset, size, values[v]);
                uint64_t value = dist_read(offset, size);
                must(value == ABORT || size == 8 || value >> (8 * size) == 0);
            }
            for (uint32_t offset = 0; offset < (VCPUS + 1) * 0x20000; offset++) {
                redist_write(0, offset, size, values[v]);
                uint64_t value = redist_read(0, offset, size);
                must(value == ABORT || size == 8 || value >> (8 * size) == 0);
                must(offset < VCPUS * 0x20000 || value == ABORT);
            }
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("vgic_decode");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, distributor_describes_itself);
    tcase_add_test(tests, control_gates_groups_only);
    tcase_add_test(tests, set_and_clear_registers);
    tcase_add_test(tests, groups_and_triggers);
    tcase_add_test(tests, priorities);
    tcase_add_test(tests, routing);
    tcase_add_test(tests, redistributor_describes_itself);
    tcase_add_test(tests, sizes_and_alignment);
    tcase_add_test(tests, survives_any_access);

    Suite *suite = suite_create("vgic_decode");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
