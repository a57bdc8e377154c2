/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: what it reads, what it takes to be due, what it measures, and that what happens on its CPUs
 * is what the kernel's dispatcher does.
 */
#include "suite.h"

#include <fluid.h>
#include <machine.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xen.h>

#define MS 1000000ull

static struct workload workload;
static struct metrics metrics;

static bool reads(const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    bool good;

    ck_assert_ptr_nonnull(file);
    good = workload_read(file, "workload", &workload);
    fclose(file);
    return good;
}

static void runs(const char *text, const struct policy *policy)
{
    ck_assert(reads(text));
    ck_assert(machine_run(&workload, policy, &metrics));
    ck_assert_uint_eq(metrics.refused, 0);
}

/* Of all that was measured. */
static double share(uint32_t vcpu)
{
    return metrics.vcpu[vcpu].received / (double)metrics.measured;
}

static double due(uint32_t vcpu)
{
    return metrics.vcpu[vcpu].due / (double)metrics.measured;
}

START_TEST(reads_all_there_is)
{
    ck_assert(reads(
        "cpus 8 # eight\n\ntime 2s\nwarm-up 10ms\ndelay 20us\ndies 1s\nslice 3ms\n"
        "seed 7\npolicy equal\n"
        "guest one busy vcpus 2 cpus 0-2,7\n"
        "service two periodic 1ms 100us from 5ms until 1s\n"
        "guest three think 2ms 30us\n"
        "set weight.one=512\nset cap.three=50\nset cpus.one=0x3\nset soft.two=2\nset ratelimit-us=0\n"));
    ck_assert_uint_eq(workload.cpus, 8);
    ck_assert_uint_eq(workload.time, 2000 * MS);
    ck_assert_uint_eq(workload.warm_up, 10 * MS);
    ck_assert_uint_eq(workload.delay, MS / 50);
    ck_assert_uint_eq(workload.dies, 1000 * MS);
    ck_assert_uint_eq(workload.slice, 3 * MS);
    ck_assert_uint_eq(workload.seed, 7);
    ck_assert_str_eq(workload.policy, "equal");
    ck_assert_uint_eq(workload.guests, 3);
    ck_assert_uint_eq(workload.guest[0].vcpus, 2);
    ck_assert_uint_eq(workload.guest[0].cpus, 0x87);
    ck_assert_uint_eq(workload.guest[0].weight, 512);
    ck_assert_uint_eq(workload.guest[0].affine, 3);
    ck_assert(workload.guest[1].service && !workload.guest[0].service);
    ck_assert_uint_eq(workload.guest[1].kind, WORKLOAD_PERIODIC);
    ck_assert_uint_eq(workload.guest[1].period, MS);
    ck_assert_uint_eq(workload.guest[1].run, MS / 10);
    ck_assert_uint_eq(workload.guest[1].from, 5 * MS);
    ck_assert_uint_eq(workload.guest[1].until, 1000 * MS);
    ck_assert_uint_eq(workload.guest[2].kind, WORKLOAD_THINK);
    ck_assert_uint_eq(workload.guest[2].weight, WORKLOAD_WEIGHT);
    ck_assert_uint_eq(workload.guest[2].cap, 50);
    ck_assert_uint_eq(workload.guest[1].soft, 2);
    ck_assert_uint_eq(workload.parameters, 5);
}
END_TEST

START_TEST(refuses_what_is_wrong)
{
    static const char *const bad[] = {
        "", /* no guests */
        "cpus 0\nguest a\n",
        "cpus 65\nguest a\n",
        "cpus\nguest a\n",
        "time 5\nguest a\n",
        "time -5s\nguest a\n",
        "time 99999999999999999999s\nguest a\n",
        "warm-up 1s\ntime 1s\nguest a\n",
        "guest a\nguest a\n",
        "guest\n",
        "guest a what\n",
        "guest a vcpus 17\n",
        "guest a vcpus 0\n",
        "guest a periodic 1ms\n",
        "guest a periodic 0ms 1ms\n",
        "guest a cpus 1-0\n",
        "guest a cpus 64\n",
        "guest a cpus 1\n", /* there is only CPU 0 */
        "guest a cpus 0,\n",
        "guest abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\n",
        "set weight.a=1\nguest a\n",
        "guest a\nset\n",
        "nonsense\nguest a\n",
        "seed x\nguest a\n",
    };

    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!reads(bad[i]), "%s", bad[i]);
    ck_assert(reads("guest a\nset speed=3\n"));
    ck_assert(!machine_run(&workload, &policy_equal, &metrics));
}
END_TEST

static void due_is(const char *text, const double *expected, uint32_t n)
{
    ck_assert(reads(text));
    fluid_begin(&workload);
    fluid_advance(workload.time);
    for (uint32_t i = 0; i < n; i++) {
        double rate = fluid_due(i) / (double)workload.time;

        ck_assert_msg(fabs(rate - expected[i]) < 1e-3, "vCPU %u: %f, expected %f", i, rate,
                      expected[i]);
    }
}

START_TEST(due_by_weight)
{
    due_is("guest a\nguest b\nguest c\nset weight.b=512\n", (double[]){.25, .5, .25}, 3);
    /* Nobody is on two CPUs at once. */
    due_is("cpus 2\nguest a\nguest b\nguest c\nset weight.a=2560\n", (double[]){1, .5, .5}, 3);
    due_is("cpus 3\nguest a\nguest b\n", (double[]){1, 1}, 2);
}
END_TEST

START_TEST(due_within_caps)
{
    due_is("cpus 2\nguest a vcpus 2\nguest b vcpus 2\nset cap.a=50\n",
           (double[]){.25, .25, .75, .75}, 4);
    due_is("guest a\nguest b\nset cap.a=80\n", (double[]){.5, .5}, 2);
    due_is("guest a\nset cap.a=25\n", (double[]){.25}, 1);
}
END_TEST

START_TEST(due_within_affinity)
{
    due_is("cpus 2\nguest a cpus 0\nguest b cpus 0\nguest c\n", (double[]){.5, .5, 1}, 3);
    due_is("cpus 2\nguest a cpus 0\nguest b\nguest c\n", (double[]){2. / 3, 2. / 3, 2. / 3}, 3);
    due_is("cpus 3\nguest a cpus 0\nguest b cpus 1\nguest c vcpus 2 cpus 0-1\nguest d\n",
           (double[]){.5, .5, .5, .5, 1}, 5);
}
END_TEST

/* What sleepers want is theirs, if it is less than their share; the rest is for others. */
START_TEST(due_with_sleepers)
{
    due_is("time 10s\nguest a periodic 10ms 1ms\nguest b\nguest c\n", (double[]){.1, .45, .45}, 3);
    due_is("time 10s\nguest a periodic 10ms 8ms\nguest b\n", (double[]){.5, .5}, 2);
    due_is("time 10s\nguest a from 5s\nguest b until 8s\n", (double[]){.15 + .2, .5 + .15}, 2);
}
END_TEST

START_TEST(percentiles)
{
    struct metrics_vcpu vcpu = {.wakes = 0};

    for (uint64_t i = 1; i <= 10000; i++)
        metrics_latency(&vcpu, i * 1000);
    ck_assert_uint_eq(vcpu.wakes, 10000);
    ck_assert_double_eq_tol((double)metrics_percentile(&vcpu, 0.5), 5e6, 5e6 / 32);
    ck_assert_double_eq_tol((double)metrics_percentile(&vcpu, 0.999), 9.99e6, 9.99e6 / 32);
    ck_assert_uint_ge(metrics_percentile(&vcpu, 0.999), 9990000); /* never less than it is */
    ck_assert_uint_eq(metrics_percentile(&vcpu, 1), 10000000);
}
END_TEST

START_TEST(equals_share)
{
    runs("time 4s\nwarm-up 1s\nguest a\nguest b\nguest c\n", &policy_equal);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(share(i), 1. / 3, 0.01); /* a commit begins anew with a */
        ck_assert_double_eq_tol(due(i), 1. / 3, 1e-6);
        ck_assert_double_le(metrics.vcpu[i].window[0].worst, 6.7e6); /* slices of 5 ms */
        ck_assert_uint_ge(metrics.vcpu[i].gap, 10 * MS);
        ck_assert_uint_le(metrics.vcpu[i].gap, 15 * MS);
    }
    ck_assert_double_eq_tol((double)metrics.measured, 3e9, 1e6);
    ck_assert_uint_eq(metrics.idle_total, 0);
}
END_TEST

/* All of that is the kernel's: slots of better rank, buckets, the end of the lease. */
START_TEST(weights_until_the_lease_ends)
{
    const char *const text = "time 6s\nwarm-up 2s\nguest a\nguest b\nset weight.a=3\n"
                             "set weight.b=1\n";

    runs(text, &policy_equal);
    ck_assert_double_eq_tol(share(0), .75, 0.005);
    ck_assert_double_eq_tol(share(1), .25, 0.005);
    workload.dies = 0;
    ck_assert(machine_run(&workload, &policy_equal, &metrics));
    ck_assert_uint_eq(metrics.looks, 1);
    ck_assert_double_eq_tol(share(0), .5, 0.005);
}
END_TEST

START_TEST(sleepers_wake)
{
    runs("time 2s\nservice s periodic 1ms 100us\nguest a\nguest b\nset weight.a=1\n",
         &policy_equal);
    ck_assert_double_eq_tol(share(0), .1, 0.001);
    ck_assert_uint_ge(metrics.vcpu[0].wakes, 1998);
    ck_assert_uint_eq(metrics.vcpu[0].latency_worst, 0); /* services go first */
    ck_assert_uint_eq(metrics.vcpu[0].gap, 0);
    ck_assert_uint_ge(metrics.vcpu[1].gap, MS);
    ck_assert_double_eq_tol(share(1) + share(2), .9, 0.001);
}
END_TEST

/* On each CPU of many, and where they may run. */
START_TEST(many_cpus)
{
    runs("cpus 64\nguest a vcpus 16\nguest b vcpus 16\nguest c vcpus 16 cpus 60-62\n"
         "guest d vcpus 4 cpus 63\n",
         &policy_equal);
    double together = 0;
    for (uint32_t i = 32; i < 48; i++)
        together += share(i);
    ck_assert_double_le(together, 3.0001);
    for (uint32_t i = 48; i < 52; i++)
        ck_assert_double_le(share(i), 0.5);
    ck_assert_uint_le(metrics.idle_worst, MS / 20);
}
END_TEST

START_TEST(repeats)
{
    static struct metrics first;
    const char *const text = "cpus 3\ntime 2s\nseed 5\nguest a vcpus 4 think 1ms 700us\n"
                             "guest b vcpus 2\nguest c periodic 3ms 1ms\n";

    runs(text, &policy_equal);
    first = metrics;
    runs(text, &policy_equal);
    ck_assert_uint_eq(metrics.events, first.events);
    for (uint32_t i = 0; i < metrics.vcpus; i++)
        ck_assert(metrics.vcpu[i].received == first.vcpu[i].received);
    workload.seed = 6;
    ck_assert(machine_run(&workload, &policy_equal, &metrics));
    ck_assert_uint_ne(metrics.events, first.events);
}
END_TEST

/* What the sample policy's README says of its example. */
START_TEST(sample_prefers_who_uses_little)
{
    static const char *const example =
        "time 5s\nwarm-up 1s\ndelay 200us\nseed 1\nguest busy vcpus 4 busy\n"
        "guest control periodic 1ms 50us\nguest web think 5ms 300us\n";
    static char changed[1024];

    runs(example, &policy_sample);
    ck_assert_uint_eq(metrics_percentile(&metrics.vcpu[4], 0.5), 0);
    ck_assert_uint_le(metrics_percentile(&metrics.vcpu[4], 0.999), MS + MS / 16);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_double_eq_tol(share(i), 0.225, 0.003);
    ck_assert_double_eq_tol(share(4), 0.05, 0.001);

    runs(example, &policy_equal);
    ck_assert_uint_ge(metrics_percentile(&metrics.vcpu[4], 0.999), 5 * MS);

    /* Nobody uses less than nothing: all are equal, and who wakes up waits for a turn to end. */
    snprintf(changed, sizeof changed, "%sset light=0\n", example);
    runs(changed, &policy_sample);
    ck_assert_uint_ge(metrics_percentile(&metrics.vcpu[4], 0.5), MS / 2);
}
END_TEST

/* Models of Xen's schedulers, against what arithmetic makes of their documented rules. */

static void runs_xen(const char *text, const struct policy *policy)
{
    ck_assert(reads(text));
    ck_assert(xen_is(policy));
    ck_assert(xen_run(&workload, policy, &metrics));
}

START_TEST(xen_burns_credit_by_weight)
{
    runs_xen("time 11s\nwarm-up 1s\nguest a\nguest b\nset weight.b=512\n", &xen_credit2);
    ck_assert_double_eq_tol(share(0), 1. / 3, 0.001);
    /* Turns of 1 ms, of equals by turns. */
    runs_xen("time 11s\nwarm-up 1s\nguest a vcpus 4\n", &xen_credit2);
    ck_assert_double_eq_tol(share(0), 0.25, 0.001);
    ck_assert_uint_le(metrics.vcpu[0].gap, 4 * MS);
    ck_assert_uint_ge(metrics.vcpu[0].gap, 3 * MS);
    /* A turn of 1 ms burns 64 ms of credit, and costs two resets of 10 ms: the rest is below the floor. */
    runs_xen("time 11s\nwarm-up 1s\nguest a\nguest b\nset weight.a=64\nset weight.b=4096\n",
             &xen_credit2);
    ck_assert_double_eq_tol(share(0), 1. / 21, 0.001);
    ck_assert_uint_eq(metrics.vcpu[0].gap, 20 * MS);
}
END_TEST

START_TEST(xen_limits_preemption)
{
    runs_xen("time 2s\nguest a vcpus 2\nguest s periodic 7ms 50us\n", &xen_credit2);
    ck_assert_uint_gt(metrics.vcpu[2].latency_worst, 0);
    ck_assert_uint_le(metrics.vcpu[2].latency_worst, MS);
    runs_xen("time 2s\nset ratelimit-us=0\nguest a vcpus 2\nguest s periodic 7ms 50us\n",
             &xen_credit2);
    ck_assert_uint_eq(metrics.vcpu[2].latency_worst, 0);
    /* Who slept long has 10.5 ms of credit, where busy ones have 10 at most just after a reset: it is 10.5 ms ahead of one at most. */
    runs_xen("time 11s\nguest a\nguest s periodic 1s 300ms phase 500ms\n", &xen_credit2);
    ck_assert_double_ge(metrics.vcpu[1].window[0].most_ahead, 2e6);
    ck_assert_double_le(metrics.vcpu[1].window[0].most_ahead, 6.5e6);
}
END_TEST

START_TEST(xen_caps_by_a_pool)
{
    runs_xen("time 11s\nwarm-up 1s\nguest a\nset cap.a=1\n", &xen_credit2);
    ck_assert_double_eq_tol(share(0), 0.01, 0.0001);
    ck_assert_uint_eq(metrics.vcpu[0].gap, 99 * MS / 10); /* 0.1 ms each 10 ms */
    runs_xen("cpus 4\ntime 11s\nwarm-up 1s\nguest a vcpus 4\nset cap.a=150\n", &xen_credit2);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_double_eq_tol(share(i), 0.375, 0.001);
    ck_assert_uint_eq(metrics.vcpu[0].gap, 625 * MS / 100);
}
END_TEST

START_TEST(xen_queues_and_affinity)
{
    /* 17 on 16 CPUs, and 16 on 16. */
    runs_xen("cpus 32\ntime 3s\nwarm-up 1s\nguest a vcpus 16\nguest b vcpus 16\nguest c\n",
             &xen_credit2);
    double together = 0;

    for (uint32_t i = 0; i < 33; i += 2)
        together += share(i);
    ck_assert_double_eq_tol(together, 16, 0.01);
    ck_assert_double_eq_tol(share(1), 1, 0.001);
    ck_assert_uint_eq(metrics.idle_total, 0);
    runs_xen("cpus 2\ntime 3s\nwarm-up 1s\nguest a vcpus 2\nguest b\nset cpus.a=1\n", &xen_credit2);
    ck_assert_double_eq_tol(share(0) + share(1), 1, 0.001);
    ck_assert_double_eq_tol(share(2), 1, 0.001);
    runs_xen("cpus 2\ntime 3s\nguest a periodic 10ms 1ms\nguest b periodic 10ms 1ms\nset soft.a=2\n"
             "set soft.b=1\n",
             &xen_credit2);
    ck_assert_uint_eq(metrics.vcpu[0].elsewhere + metrics.vcpu[1].elsewhere, 0);
}
END_TEST

START_TEST(xen_reserves_without_a_test)
{
    /* 4 of 10 ms is the default; what is left over is in proportion. */
    runs_xen("time 11s\nwarm-up 1s\nguest a\nguest b\nset extratime.a=0\n", &xen_rtds);
    ck_assert_double_eq_tol(share(0), 0.4, 0.001);
    ck_assert_double_eq_tol(share(1), 0.6, 0.001);
    runs_xen("time 11s\nwarm-up 1s\nguest a\nguest b\nset budget-us.b=2000\n"
             "set period-us.b=20000\n",
             &xen_rtds);
    ck_assert_double_eq_tol(share(0), 0.8, 0.001);
    /* Earliest deadline first. b runs from 6 to 10, 16 to 20, before a at 20, and from 27 to 30, 36 to 42. */
    runs_xen("time 1s\nguest a periodic 10ms 6ms phase 0ms\nguest b periodic 25ms 9ms phase 0ms\n"
             "set budget-us.a=6000\nset budget-us.b=9000\nset period-us.b=25000\n",
             &xen_rtds);
    ck_assert_uint_eq(metrics.vcpu[0].misses + metrics.vcpu[1].misses, 0);
    ck_assert_uint_eq(metrics.vcpu[0].response_worst, 8 * MS);
    ck_assert_uint_eq(metrics.vcpu[1].response_worst, 21 * MS);
    ck_assert_uint_eq(metrics.vcpu[1].response, metrics.vcpu[1].jobs / 2 * (21 + 17) * MS);
    /* Where they may run: a is on CPU 0 only, and keeps nobody from CPU 1. */
    runs_xen(
        "cpus 2\ntime 1s\nguest a vcpus 2 periodic 10ms 2ms phase 0ms\nguest b periodic 11ms 9ms phase 0ms\n"
        "set cpus.a=1\nset budget-us.b=9000\nset period-us.b=11000\n",
        &xen_rtds);
    ck_assert_uint_eq(metrics.vcpu[0].misses + metrics.vcpu[1].misses + metrics.vcpu[2].misses, 0);
    ck_assert_uint_eq(metrics.vcpu[2].moves, 1);
    /* All of 120 % is taken. */
    runs_xen("time 1s\nguest a vcpus 3 periodic 10ms 4ms phase 0ms\nset extratime.a=0\n",
             &xen_rtds);
    ck_assert_uint_gt(metrics.vcpu[1].misses + metrics.vcpu[2].misses, 0);
}
END_TEST

START_TEST(xen_refuses_what_is_not_its)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    ck_assert(reads("guest a\nset slice-us=500\n"));
    ck_assert(!xen_run(&workload, &xen_credit2, &metrics));
    ck_assert(reads("guest a\nset ratelimit-us=99\n"));
    ck_assert(!xen_run(&workload, &xen_credit2, &metrics));
    ck_assert(reads("guest a\nset period-us.a=9\n"));
    ck_assert(!xen_run(&workload, &xen_rtds, &metrics));
    ck_assert(!xen_is(&policy_credit2));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("simulator");
    TCase *tcase = tcase_create("simulator");

    tcase_add_test(tcase, reads_all_there_is);
    tcase_add_test(tcase, refuses_what_is_wrong);
    tcase_add_test(tcase, due_by_weight);
    tcase_add_test(tcase, due_within_caps);
    tcase_add_test(tcase, due_within_affinity);
    tcase_add_test(tcase, due_with_sleepers);
    tcase_add_test(tcase, percentiles);
    tcase_add_test(tcase, equals_share);
    tcase_add_test(tcase, weights_until_the_lease_ends);
    tcase_add_test(tcase, sleepers_wake);
    tcase_add_test(tcase, many_cpus);
    tcase_add_test(tcase, repeats);
    tcase_add_test(tcase, sample_prefers_who_uses_little);
    tcase_add_test(tcase, xen_burns_credit_by_weight);
    tcase_add_test(tcase, xen_limits_preemption);
    tcase_add_test(tcase, xen_caps_by_a_pool);
    tcase_add_test(tcase, xen_queues_and_affinity);
    tcase_add_test(tcase, xen_reserves_without_a_test);
    tcase_add_test(tcase, xen_refuses_what_is_not_its);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
