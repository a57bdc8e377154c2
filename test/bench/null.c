/* SPDX-License-Identifier: Apache-2.0 */
/* A service that does nothing but call: what a null hypercall costs is row 0 of count.c. */
#include <keel/calls.h>
#include <runtime/loop.h>

#define ROUNDS 64

int main(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        __asm__ volatile("hint #96");
        (void)keel_null();
        __asm__ volatile("hint #97");
    }
    loop_run();
}
