/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions, and calls to what is below. */
#include "try.h"

struct frame {
    uint64_t x[31], elr, spsr, esr, far;
};
_Static_assert(sizeof(struct frame) == 280, "start.S");

void frame_sync(struct frame *frame);
void frame_irq(struct frame *frame);
void frame_other(struct frame *frame);

struct caught caught;
struct tried tried;

void catch_begin(void)
{
    caught.count = 0;
    caught.armed = true;
    barrier();
}

uint32_t catch_end(void)
{
    barrier();
    caught.armed = false;
    return caught.count;
}

__attribute__((weak)) void guest_caught(uint64_t spsr)
{
    (void)spsr;
}

void frame_sync(struct frame *frame)
{
    uint32_t class = (uint32_t)(frame->esr >> 26);

    guest_caught(frame->spsr);
    if (!caught.armed) {
        expect(false, "exception: ESR %lx at %lx, FAR %lx", frame->esr, frame->elr, frame->far);
    }
    caught.count++;
    caught.esr = frame->esr;
    caught.far = frame->far;
    caught.elr = frame->elr;
    caught.spsr = frame->spsr;
    caught.daif = sysreg_read(daif);
    frame->elr = class == 0x21 ? frame->x[30] : frame->elr + 4;
}

void frame_other(struct frame *frame)
{
    expect(false, "unexpected vector: ESR %lx at %lx", frame->esr, frame->elr);
}

void (*irq_handler[256])(uint32_t intid);

void frame_irq(struct frame *frame)
{
    (void)frame;
    for (;;) {
        uint32_t intid = (uint32_t)sysreg_read(S3_0_C12_C12_0); /* ICC_IAR1_EL1 */
        if (intid >= 1020) {
            return;
        }
        expect(intid < 256 && irq_handler[intid], "interrupt %u was not asked for", intid);
        irq_handler[intid](intid);
        sysreg_write(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
    }
}

int64_t hvc(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
    register uint64_t r0 __asm__("x0") = x0;
    register uint64_t r1 __asm__("x1") = x1;
    register uint64_t r2 __asm__("x2") = x2;
    register uint64_t r3 __asm__("x3") = x3;

    __asm__ volatile("hvc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)::"memory");
    return (int64_t)r0;
}

_Noreturn void guest_off(void)
{
    (void)hvc(PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;) {
    }
}

__attribute__((weak)) void guest_secondary(uint64_t context)
{
    (void)context;
}
