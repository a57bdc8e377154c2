/* SPDX-License-Identifier: Apache-2.0 */
/* GICv3 register decoding (see vgic.h). May not call anything. */
#include "vgic.h"
#include "gicv3.h"

#define PRIVATE 32u /* INTIDs below are SGIs and PPIs */

/* Implemented priority bits: 32 levels, as the virtual CPU interfaces of all cores have. */
#define PRIORITY_MASK 0xF8u

/* Implementer Arm, product 'K': no driver knows a quirk of it. */
#define IIDR 0x4B00043Bu

/* GICv3 by Arm: PIDR4..7, PIDR0..3, CIDR0..3. Only PIDR2 (architecture revision) means something.
 */
static const uint8_t gic_ids[12] = {0x44, 0x00, 0x00, 0x00, 0x92, 0xB4,
                                    0x3B, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

void vgic_reset(struct vgic *gic, uint32_t vcpus, uint32_t spis)
{
    gic->vcpus = vcpus < 1 ? 1 : vcpus > KEEL_VCPUS_MAX ? KEEL_VCPUS_MAX : vcpus;
    gic->spis = spis > KEEL_SPIS_MAX ? KEEL_SPIS_MAX : spis;
    gic->control = 0;
    gic->asleep = (1u << gic->vcpus) - 1;
}

static void done(struct vgic_step *step, uint64_t value)
{
    step->action = VGIC_DONE;
    step->value = value;
}

static void done_id(struct vgic_step *step, uint32_t offset)
{
    done(step, gic_ids[(offset - GIC_ID) / 4]);
}

/* First INTID that the guest does not have. */
static uint32_t intid_end(const struct vgic *gic)
{
    return PRIVATE + gic->spis;
}

/*
 * A bank of registers with one or more bits per interrupt. `vcpu` and `first`, `end` say whose
 * interrupts the frame shows: first..end-1 of the INTIDs that the bank's layout covers.
 */
struct frame {
    uint32_t first, end;
    uint8_t vcpu;
};

static struct frame distributor_frame(const struct vgic *gic)
{
    return (struct frame){.first = PRIVATE, .end = intid_end(gic), .vcpu = 0};
}

static struct frame redistributor_frame(uint32_t vcpu)
{
    return (struct frame){.first = 0, .end = PRIVATE, .vcpu = (uint8_t)vcpu};
}

/* The bits of a word with one bit for each of 32 interrupts from intid that the frame has. */
static uint32_t frame_bits(const struct frame *frame, uint32_t intid)
{
    if (intid < frame->first || intid >= frame->end) {
        return 0;
    }
    uint32_t n = frame->end - intid;
    return n >= 32 ? UINT32_MAX : (1u << n) - 1;
}

/* What the one-bit bank at an offset below IPRIORITYR is: KEEL_IRQ_FIELDS: nothing; `value`: 1 for a
 * register whose ones set, 0 for one whose ones clear. */
struct bit_bank {
    uint8_t field, value;
};

static struct bit_bank bit_bank(uint32_t offset)
{
    switch (offset & ~0x7Fu) {
    case GICD_IGROUPR:
        return (struct bit_bank){KEEL_IRQ_GROUP, 1};
    case GICD_ISENABLER:
    case GICD_ICENABLER:
        return (struct bit_bank){KEEL_IRQ_ENABLED, offset < GICD_ICENABLER};
    case GICD_ISPENDR:
    case GICD_ICPENDR:
        return (struct bit_bank){KEEL_IRQ_PENDING, offset < GICD_ICPENDR};
    case GICD_ISACTIVER:
    case GICD_ICACTIVER:
        return (struct bit_bank){KEEL_IRQ_ACTIVE, offset < GICD_ICACTIVER};
    default:
        return (struct bit_bank){KEEL_IRQ_FIELDS, 0};
    }
}

static void read_states(const struct frame *frame, uint32_t intid, uint32_t n, uint8_t field,
                        struct vgic_step *step)
{
    if (intid < frame->first || intid >= frame->end) {
        done(step, 0);
        return;
    }
    step->action = VGIC_READ;
    step->n = (uint8_t)(n < frame->end - intid ? n : frame->end - intid);
    step->vcpu = frame->vcpu;
    step->field = field;
    step->intid = (uint16_t)intid;
}

/* Adds an entry to a CONFIGURE step, for the interrupts of mask from intid: they are in one bank. */
static void configure(const struct frame *frame, struct vgic_step *step, uint32_t intid,
                      uint32_t mask, uint8_t field, uint8_t value)
{
    if (mask == 0) {
        return;
    }
    step->list[step->n++] = (struct keel_irq_configure){
        .mask = mask << intid % 32,
        .bank = (uint8_t)(intid / 32),
        .vcpu = frame->vcpu,
        .field = field,
        .value = value,
    };
    step->action = VGIC_CONFIGURE;
}

/* Registers of 32 interrupts, a bit each. */
static void bits_write(const struct frame *frame, uint32_t offset, uint32_t value,
                       struct vgic_step *step)
{
    struct bit_bank bank = bit_bank(offset);
    uint32_t intid = (offset & 0x7Fu) * 8;
    uint32_t bits = frame_bits(frame, intid);

    if (bank.field == KEEL_IRQ_FIELDS) {
        return;
    }
    configure(frame, step, intid, bits & value, bank.field, bank.value);
    if (bank.field == KEEL_IRQ_GROUP) {
        configure(frame, step, intid, bits & ~value, bank.field, 0);
    }
}

/* IPRIORITYR: a byte for each interrupt; equal neighbours share an entry. */
static void priority_write(const struct frame *frame, uint32_t intid, uint32_t n, uint32_t value,
                           struct vgic_step *step)
{
    if (intid < frame->first || intid >= frame->end) {
        return;
    }
    if (n > frame->end - intid) {
        n = frame->end - intid;
    }
    value &= PRIORITY_MASK * 0x01010101u;
    if (n == 4 && value == (value & 0xFFu) * 0x01010101u) { /* as most do */
        configure(frame, step, intid, 0xFu, KEEL_IRQ_PRIORITY, (uint8_t)value);
        return;
    }
    for (uint32_t i = 0; i < n;) {
        uint8_t priority = (uint8_t)(value >> (8 * i)) & PRIORITY_MASK;
        uint32_t same = 1;
        while (i + same < n && ((uint8_t)(value >> (8 * (i + same))) & PRIORITY_MASK) == priority) {
            same++;
        }
        configure(frame, step, intid + i, (1u << same) - 1, KEEL_IRQ_PRIORITY, priority);
        i += same;
    }
}

/* ICFGR: two bits for each of 16 interrupts, of which the upper one says edge. SGIs are fixed. */
static void trigger_write(const struct frame *frame, uint32_t intid, uint32_t value,
                          struct vgic_step *step)
{
    uint32_t edge = 0;

    if (intid < 16) {
        return;
    }
    for (uint32_t i = 0; i < 16; i++) {
        edge |= (value >> (2 * i + 1) & 1) << i;
    }
    uint32_t bits = frame_bits(frame, intid) & 0xFFFFu;
    configure(frame, step, intid, bits & edge, KEEL_IRQ_TRIGGER, 1);
    configure(frame, step, intid, bits & ~edge, KEEL_IRQ_TRIGGER, 0);
}

/* Whether an access inside the banks has a size that they allow: words; bytes for priorities. */
static int bank_size_allowed(uint32_t offset, unsigned size)
{
    return size == 4 || (size == 1 && offset >= GICD_IPRIORITYR && offset < GICD_IPRIORITYR_END);
}

/* The banks, which lie alike in the distributor and in a redistributor's SGI frame. */
static void bank_read(const struct frame *frame, uint32_t offset, unsigned size,
                      struct vgic_step *step)
{
    if (!bank_size_allowed(offset, size)) {
        step->action = VGIC_ABORT;
    } else if (offset < GICD_IPRIORITYR) {
        uint8_t field = bit_bank(offset).field;
        if (field == KEEL_IRQ_FIELDS) {
            done(step, 0);
        } else {
            read_states(frame, (offset & 0x7Fu) * 8, 32, field, step);
        }
    } else if (offset < GICD_IPRIORITYR_END) {
        read_states(frame, offset - GICD_IPRIORITYR, size, KEEL_IRQ_PRIORITY, step);
    } else if (offset >= GICD_ICFGR && offset < GICD_ICFGR_END) {
        read_states(frame, (offset - GICD_ICFGR) * 4, 16, KEEL_IRQ_TRIGGER, step);
    } else {
        done(step, 0);
    }
}

static void bank_write(const struct frame *frame, uint32_t offset, unsigned size, uint32_t value,
                       struct vgic_step *step)
{
    step->n = 0;
    done(step, 0);
    if (!bank_size_allowed(offset, size)) {
        step->action = VGIC_ABORT;
    } else if (offset < GICD_IPRIORITYR) {
        bits_write(frame, offset, value, step);
    } else if (offset < GICD_IPRIORITYR_END) {
        priority_write(frame, offset - GICD_IPRIORITYR, size, value, step);
    } else if (offset >= GICD_ICFGR && offset < GICD_ICFGR_END) {
        trigger_write(frame, (offset - GICD_ICFGR) * 4, value, step);
    }
}

/* IROUTER: 8 bytes an interrupt, accessible as a whole or by halves; the upper one is zero. */
static void router_read(const struct frame *frame, uint32_t offset, unsigned size,
                        struct vgic_step *step)
{
    if (size < 4) {
        step->action = VGIC_ABORT;
    } else if (offset & 4) {
        done(step, 0);
    } else {
        read_states(frame, (offset - GICD_IROUTER) / 8, 1, KEEL_IRQ_TARGET, step);
    }
}

/* An affinity that no vCPU has is ignored: the interrupt stays where it was. */
static void router_write(const struct vgic *gic, const struct frame *frame, uint32_t offset,
                         unsigned size, uint64_t value, struct vgic_step *step)
{
    uint32_t intid = (offset - GICD_IROUTER) / 8;
    const uint64_t affinity = 0xFF00FFFFFFu; /* Aff3, Aff2 to Aff0; IRM is zero without 1-of-N */

    step->n = 0;
    done(step, 0);
    if (size < 4) {
        step->action = VGIC_ABORT;
    } else if (!(offset & 4) && intid >= frame->first && intid < frame->end &&
               (value & affinity) < gic->vcpus) {
        configure(frame, step, intid, 1, KEEL_IRQ_TARGET, (uint8_t)value);
    }
}

static int aligned(uint64_t offset, unsigned size)
{
    return (offset & (size - 1)) == 0;
}

static uint32_t distributor_typer(const struct vgic *gic)
{
    uint32_t lines = (intid_end(gic) + 31) / 32 - 1;
    return lines | GICD_TYPER_ID_BITS(10u) | GICD_TYPER_NO_1_OF_N;
}

void vgic_distributor_read(const struct vgic *gic, uint64_t offset, unsigned size,
                           struct vgic_step *step)
{
    uint32_t at = (uint32_t)offset & 0xFFFFu;

    if (!aligned(offset, size)) {
        step->action = VGIC_ABORT;
        return;
    }
    if (at >= GICD_IROUTER && at < GICD_IROUTER_END) {
        struct frame frame = distributor_frame(gic);
        router_read(&frame, at, size, step);
        return;
    }
    if (at >= GICD_IGROUPR && at < GICD_ICFGR_END) {
        struct frame frame = distributor_frame(gic);
        bank_read(&frame, at, size, step);
        return;
    }
    if (size != 4) {
        step->action = VGIC_ABORT;
        return;
    }
    switch (at) {
    case GICD_CTLR:
        done(step, gic->control | GICD_CTLR_ARE | GICD_CTLR_DS);
        break;
    case GICD_TYPER:
        done(step, distributor_typer(gic));
        break;
    case GICD_IIDR:
        done(step, IIDR);
        break;
    default:
        if (at >= GIC_ID) {
            done_id(step, at);
        } else {
            done(step, 0);
        }
        break;
    }
}

void vgic_distributor_write(struct vgic *gic, uint64_t offset, unsigned size, uint64_t value,
                            struct vgic_step *step)
{
    uint32_t at = (uint32_t)offset & 0xFFFFu;

    if (!aligned(offset, size)) {
        step->action = VGIC_ABORT;
    } else if (at >= GICD_IGROUPR && at < GICD_ICFGR_END) {
        struct frame frame = distributor_frame(gic);
        bank_write(&frame, at, size, (uint32_t)value, step);
    } else if (at >= GICD_IROUTER && at < GICD_IROUTER_END) {
        struct frame frame = distributor_frame(gic);
        router_write(gic, &frame, at, size, value, step);
    } else if (size != 4) {
        step->action = VGIC_ABORT;
    } else if (at == GICD_CTLR) {
        gic->control = (uint32_t)value & (GICD_CTLR_ENABLE_GROUP0 | GICD_CTLR_ENABLE_GROUP1);
        step->action = VGIC_CONTROL;
        step->value = gic->control; /* the two bits are those of enum keel_irq_controller */
    } else {
        done(step, 0);
    }
}

static void rd_read(const struct vgic *gic, uint32_t vcpu, uint32_t at, unsigned size,
                    struct vgic_step *step)
{
    uint64_t typer = GICR_TYPER_AFFINITY(vcpu) | GICR_TYPER_PROCESSOR(vcpu) |
                     (vcpu + 1 == gic->vcpus ? GICR_TYPER_LAST : 0);

    if (at == GICR_TYPER && size == 8) {
        done(step, typer);
    } else if (size != 4) {
        step->action = VGIC_ABORT;
    } else if (at == GICR_TYPER) {
        done(step, (uint32_t)typer);
    } else if (at == GICR_TYPER + 4) {
        done(step, typer >> 32);
    } else if (at == GICR_IIDR) {
        done(step, IIDR);
    } else if (at == GICR_WAKER) {
        done(step,
             gic->asleep >> vcpu & 1 ? GICR_WAKER_PROCESSOR_SLEEP | GICR_WAKER_CHILDREN_ASLEEP : 0);
    } else if (at >= GIC_ID) {
        done_id(step, at);
    } else {
        done(step, 0);
    }
}

static void rd_write(struct vgic *gic, uint32_t vcpu, uint32_t at, unsigned size, uint64_t value,
                     struct vgic_step *step)
{
    if (size != 4 && !(size == 8 && at == GICR_TYPER)) {
        step->action = VGIC_ABORT;
        return;
    }
    if (at == GICR_WAKER) {
        uint32_t bit = 1u << vcpu;
        gic->asleep &= ~bit;
        gic->asleep |= (value & GICR_WAKER_PROCESSOR_SLEEP) ? bit : 0;
    }
    done(step, 0);
}

void vgic_redistributor_read(const struct vgic *gic, uint64_t offset, unsigned size,
                             struct vgic_step *step)
{
    uint64_t vcpu = offset / GICR_SIZE;
    uint32_t at = (uint32_t)offset & 0xFFFFu;

    if (vcpu >= gic->vcpus || !aligned(offset, size)) {
        step->action = VGIC_ABORT;
    } else if (!(offset & GICR_SGI_BASE)) {
        rd_read(gic, (uint32_t)vcpu, at, size, step);
    } else if (at >= GICD_IGROUPR && at < GICD_ICFGR_END) {
        struct frame frame = redistributor_frame((uint32_t)vcpu);
        bank_read(&frame, at, size, step);
    } else if (size != 4) {
        step->action = VGIC_ABORT;
    } else {
        done(step, 0);
    }
}

void vgic_redistributor_write(struct vgic *gic, uint64_t offset, unsigned size, uint64_t value,
                              struct vgic_step *step)
{
    uint64_t vcpu = offset / GICR_SIZE;
    uint32_t at = (uint32_t)offset & 0xFFFFu;

    if (vcpu >= gic->vcpus || !aligned(offset, size)) {
        step->action = VGIC_ABORT;
    } else if (!(offset & GICR_SGI_BASE)) {
        rd_write(gic, (uint32_t)vcpu, at, size, value, step);
    } else if (at >= GICD_IGROUPR && at < GICD_ICFGR_END) {
        struct frame frame = redistributor_frame((uint32_t)vcpu);
        bank_write(&frame, at, size, (uint32_t)value, step);
    } else if (size != 4) {
        step->action = VGIC_ABORT;
    } else {
        done(step, 0);
    }
}

uint64_t vgic_value(const struct vgic_step *step, const struct keel_irq_state *states)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < step->n; i++) {
        const struct keel_irq_state *state = &states[i];
        switch (step->field) {
        case KEEL_IRQ_ENABLED:
            value |= (uint64_t)(state->enabled != 0) << i;
            break;
        case KEEL_IRQ_PENDING:
            value |= (uint64_t)(state->pending != 0) << i;
            break;
        case KEEL_IRQ_ACTIVE:
            value |= (uint64_t)(state->active != 0) << i;
            break;
        case KEEL_IRQ_GROUP:
            value |= (uint64_t)(state->group != 0) << i;
            break;
        case KEEL_IRQ_TRIGGER:
            value |= (uint64_t)(state->trigger != 0) << (2 * i + 1);
            break;
        case KEEL_IRQ_PRIORITY:
            value |= (uint64_t)state->priority << (8 * i);
            break;
        default:
            value = state->target;
            break;
        }
    }
    return value;
}
