/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets: see bucket.h. A deferrable server: Strosnider, Lehoczky, Sha, IEEE ToC 44(1), 1995. */
#include "cpu/bucket.h"

#include "cpu/timer.h"

/* Who slept begins a period of its own if what is left is as much as it would use until the next at its rate: else it would
 * take that from others, or lose it (CBS: Abeni, Buttazzo, RTSS 1998). */
static void refill(struct bucket *bucket, uint64_t now) REQUIRES(bucket->lock)
{
    uint64_t until = bucket->next > now ? bucket->next - now : 0;

    if (bucket->slept &&
        (__uint128_t)bucket->left * bucket->period >= (__uint128_t)until * bucket->budget)
        bucket->next = now;
    bucket->slept = false;
    if (!bucket->period || now < bucket->next)
        return;
    bucket->left = bucket->budget;
    bucket->next += ((now - bucket->next) / bucket->period + 1) * bucket->period;
    bucket->deadline = bucket->next - bucket->period + bucket->relative;
}

void bucket_set(struct bucket *bucket, const struct keel_plan_bucket *numbers, uint64_t now)
{
    uint64_t budget = time_from_ns(numbers->budget), period = time_from_ns(numbers->period);
    uint64_t relative = numbers->deadline ? time_from_ns(numbers->deadline) : period;
    uint64_t last = numbers->start ? now - (now - time_from_ns(numbers->start)) % period : now;

    lock_take(&bucket->lock);
    if (bucket->period == 0 || (numbers->start && bucket->next != last + period)) {
        bucket->left = budget;
        bucket->next = last + period;
        bucket->deadline = last + relative;
        bucket->slept = numbers->flags & KEEL_BUCKET_CBS;
    }
    bucket->flags = numbers->flags;
    bucket->budget = budget;
    bucket->period = period;
    bucket->relative = relative;
    bucket->left = min(bucket->left, budget);
    bucket->next = min(bucket->next, now + period);
    lock_release(&bucket->lock);
}

uint64_t bucket_left(struct bucket *bucket, uint64_t now, uint64_t *next, uint64_t *deadline)
{
    uint64_t left;

    lock_take(&bucket->lock);
    refill(bucket, now);
    left = bucket->flags & KEEL_BUCKET_WINDOW && now >= bucket->deadline ? 0 : bucket->left;
    *next = bucket->period ? bucket->next : UINT64_MAX;
    *deadline = bucket->deadline;
    lock_release(&bucket->lock);
    return left;
}

uint64_t bucket_draw(struct bucket *bucket, uint64_t most, uint64_t now)
{
    lock_take(&bucket->lock);
    if (unlikely(bucket->flags & KEEL_BUCKET_WINDOW))
        most = min(most, now < bucket->deadline ? bucket->deadline - now : 0);
    most = min(most, bucket->left);
    bucket->left -= most;
    lock_release(&bucket->lock);
    return most;
}

void bucket_settle(struct bucket *bucket, uint64_t drawn, uint64_t used, bool slept)
{
    uint64_t left;

    lock_take(&bucket->lock);
    bucket->slept |= slept && bucket->flags & KEEL_BUCKET_CBS;
    left = bucket->left + drawn > used ? bucket->left + drawn - used : 0;
    bucket->left = left < bucket->budget ? left : bucket->budget;
    lock_release(&bucket->lock);
}
