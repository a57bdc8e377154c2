/* SPDX-License-Identifier: Apache-2.0 */
/* See kernel_guest.h. Entries of machines follow kernel/arch/aarch64/cpu/trap.c. */
#include "kernel_guest.h"

#include "argo/argo.h"
#include "cpu/dispatch.h"
#include "cpu/exit.h"
#include "interrupt/host.h"
#include "memory/host.h"

#define TLB_MAX 64u

uint64_t some_ipa(struct input *input, const struct domain *domain)
{
    static const uint64_t bases[] = {
        WORLD_RW_IPA,          WORLD_RX_IPA, WORLD_GUEST_IPA, WORLD_DEVICE, 0x80000, 0x200000, 0,
        SPACE_LIMIT - 0x400000};
    uint32_t which = input_below(input, 16);
    uint64_t offset;

    if (which == 15)
        return input_take(input, 8);
    if (which >= 8)
        which = domain->kind == KEEL_DOMAIN_MACHINE ? 2 : 0;
    offset = input_take(input, 1) * KEEL_PAGE_SIZE;
    return bases[which] + offset + (input_below(input, 4) ? 0 : input_take(input, 2));
}

void memory_is_touched(struct input *input, const struct cpu *cpu)
{
    uint64_t ipa = some_ipa(input, cpu->current->domain);

    if (host_tlb_used < TLB_MAX && ipa < SPACE_LIMIT)
        (void)host_access(cpu->arch.ttbr, IPA(ipa));
}

void world_happens(struct input *input)
{
    static const uint64_t ticks[] = {1, 1000, 100000, 5000000, 10000000, 1000000000};
    uint32_t what = input_below(input, 16);

    if (what < 8)
        host_now += ticks[what % (sizeof ticks / sizeof ticks[0])];
    else
        host_device(32 + what);
}

void service_faults(struct vcpu *vcpu)
{
    const uint64_t detail[4] = {1, 2, 3, 4};

    (void)domain_stop(vcpu->domain, KEEL_STOP_FAULT, detail);
}

static void access_device(struct input *input, struct cpu *cpu, struct vcpu *vcpu)
{
    static const uint64_t bases[] = {WORLD_UART, WORLD_GICD, WORLD_DEVICE, 0x01000000};
    struct keel_exit *message = &vcpu->exit.message;
    bool write = input_below(input, 2);
    uint64_t ipa = bases[input_below(input, 4)] + input_take(input, 2);
    const struct route *route = authority_route(vcpu->domain, ipa);

    if (!route) {
        if (!space_has(&vcpu->domain->space, IPA(ipa), write))
            vcpu->takes = VCPU_TAKES_ABORT;
        return;
    }
    message->kind = write ? KEEL_EXIT_WRITE : KEEL_EXIT_READ;
    message->size = 4;
    message->args[0] = ipa;
    vcpu->exit.reg = (uint8_t)input_below(input, 32);
    exit_raise(cpu, vcpu, route);
}

static void call_service(struct cpu *cpu, struct vcpu *vcpu)
{
    const struct route *route = &vcpu->domain->authority.calls;

    if (!route->lo) {
        vcpu->takes = VCPU_TAKES_UNDEFINED;
        return;
    }
    vcpu->exit.message.kind = KEEL_EXIT_HVC;
    vcpu->exit.message.size = 8;
    vcpu->exit.reg = 0;
    exit_raise(cpu, vcpu, route);
}

static void wait_for_interrupt(struct cpu *cpu, struct vcpu *vcpu)
{
    uint8_t waiting = VCPU_WAITING;

    vcpu_leave(cpu, vcpu, VCPU_WAITING);
    if (vgic_pending(vcpu) &&
        __atomic_compare_exchange_n(&vcpu->state, &waiting, VCPU_RUNNING, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED))
        cpu->current = vcpu;
}

/* Argo, as a hypercall: the structures lie at the beginning of the guest's memory. */
static void guest_argo(struct input *input, struct vcpu *vcpu)
{
    const uint64_t args = WORLD_GUEST_IPA, list = WORLD_GUEST_IPA + 0x1000;
    uint32_t port = input_below(input, 4) ? WORLD_PORT : WORLD_PORT_2;
    uint16_t other = (uint16_t)input_below(input, 7);
    uint64_t x[5] = {1 + input_below(input, 5), args, list, 1, 0};

    if (vcpu->arch.again) {
        memcpy(x, vcpu->registers.x, sizeof x);
    } else if (x[0] == KEEL_ARGO_REGISTER_RING) {
        const struct keel_argo_register_ring ring = {port, other ? other : KEEL_DOMAIN_ANY, 0,
                                                     4096 - 64 - 16 * input_below(input, 8)};
        uint64_t gfn = some_ipa(input, vcpu->domain) >> KEEL_PAGE_SHIFT;

        (void)world_store(vcpu->domain, args, &ring, sizeof ring);
        (void)world_store(vcpu->domain, list, &gfn, sizeof gfn);
    } else if (x[0] == KEEL_ARGO_SENDV) {
        const struct keel_argo_send_addr address = {{0, KEEL_DOMAIN_ANY, 0}, {port, other, 0}};
        const struct keel_argo_iov iov = {some_ipa(input, vcpu->domain),
                                          (uint32_t)input_take(input, 2) % 9000, 0};

        (void)world_store(vcpu->domain, args, &address, sizeof address);
        (void)world_store(vcpu->domain, list, &iov, sizeof iov);
    } else {
        const struct keel_argo_unregister_ring ring = {port, other ? other : KEEL_DOMAIN_ANY, 0};

        x[2] = x[3] = 0;
        (void)world_store(vcpu->domain, args, &ring, sizeof ring);
    }
    vcpu->arch.again = false;
    memcpy(vcpu->registers.x, x, sizeof x);
    int64_t result = argo_check(x[0], x[3], x[4]);
    if (result == 0)
        result = argo_call_machine(vcpu);
    if (result == ARGO_AGAIN)
        arch_call_again(vcpu);
    else
        vcpu->registers.x[0] = (uint64_t)result;
}

void guest_does(struct input *input, struct cpu *cpu, struct vcpu *vcpu)
{
    uint32_t what = input_below(input, 16);

    world_tell("cpu %u, guest %u, vCPU %u: %u\n", cpu->index, vcpu->domain->id, vcpu->index, what);
    switch (what) {
    case 0:
    case 1:
    case 2:
        access_device(input, cpu, vcpu);
        break;
    case 3:
        call_service(cpu, vcpu);
        break;
    case 4:
        wait_for_interrupt(cpu, vcpu);
        break;
    case 5:
    case 6:
        (void)host_acknowledge();
        break;
    case 7:
    case 8:
        (void)host_end();
        break;
    case 9:
        vgic_sgi(vcpu,
                 input_take(input, 2) | input_take(input, 1) << 24 | input_take(input, 1) << 40,
                 input_below(input, 2));
        break;
    case 10:
        vgic_deactivate(vcpu, (uint32_t)input_take(input, input_below(input, 4) ? 1 : 3));
        break;
    case 11:
        host_timer(vcpu, input_below(input, 4), host_now + input_take(input, 2) * 100);
        break;
    case 12:
        vcpu->arch.mask = (uint8_t)input_take(input, 1);
        break;
    case 13:
        dispatch_yield(cpu);
        break;
    case 14:
        guest_argo(input, vcpu);
        break;
    default:
        memory_is_touched(input, cpu);
        break;
    }
}
