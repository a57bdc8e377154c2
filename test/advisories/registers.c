/* SPDX-License-Identifier: Apache-2.0 */
/* A service that reads one register, which its argument names, and says what was in it. */
#include <runtime/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REGISTERS(X)                  \
    X("counter", cntvct_el0)          \
    X("cycles", pmccntr_el0)          \
    X("monitor", pmcr_el0)            \
    X("event", pmevcntr0_el0)         \
    X("monitor-user", pmuserenr_el0)  \
    X("activity", S3_3_C13_C4_0)      \
    X("activity-user", S3_3_C13_C2_3) \
    X("debug", mdccsr_el0)            \
    X("physical-timer", cntp_ctl_el0) \
    X("virtual-timer", cntv_ctl_el0)  \
    X("features", id_aa64pfr0_el1)    \
    X("software-context", S3_3_C13_C0_7)

int main(int argc, char **argv)
{
    uint64_t value = 0;
    const char *name = argc > 1 ? argv[1] : "";

#define READ(text, reg)          \
    if (strcmp(name, text) == 0) \
        __asm__ volatile("mrs %0, " #reg : "=r"(value));
    REGISTERS(READ)
#undef READ
    printf("%s: read %lx\n", name, value);
    loop_run(); /* last words may be lost where the CPUs are shared */
}
