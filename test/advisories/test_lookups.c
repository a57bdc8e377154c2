/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups while tables change: one thread moves a page between two domains, back and forth, and
 * makes and frees tables on the way; another looks it up, in every way there is in turn. Built with
 * the sanitizer that reports what no lock orders; and nobody may see what was another's at the
 * time. */
#include "memory_fixture.h"
#include "suite.h"

#include <pthread.h>

#define A      1u
#define B      2u
#define POOL   FIRST_FREE
#define MEMORY (FIRST_FREE + BLOCK_PAGES)
#define THERE  PAGE_IPA(700)
#define STAYS  PAGE_IPA(1 << 18) /* in tables of its own: those of THERE come and go */
#define ROUNDS 50u

static struct space space[2];
static bool stop;      /* atomic */
static uint64_t wrong; /* atomic */
static uint64_t turns; /* of the reader; atomic */
static _Thread_local uint64_t seen;

static void setup(void)
{
    static const uint64_t mark[2] = {A, B};

    ram_init();
    scrub(POOL, 32);
    scrub(MEMORY, 16);
    memset(space, 0, sizeof(space));
    for (uint32_t i = 0; i < 2; i++) {
        space_init(&space[i], (uint16_t)(A + i), false);
        ck_assert_int_eq(space_pool_add(&space[i], PA(POOL + 16 * i), 16), 0);
        ck_assert_int_eq(space_map(&space[i], PA(MEMORY + i), STAYS, 0, 1, R | W), 1);
        ck_assert_int_eq(space_write(&space[i], STAYS, &mark[i], sizeof(mark[i])), 0);
    }
    ck_assert_int_eq(space_map(&space[0], PA(MEMORY + 2), THERE, 0, 1, R | W), 1);
    stop = false;
    wrong = turns = 0;
}

static void must(bool condition)
{
    if (!condition)
        __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

/* Whose the page is changes all the time. */
static void done_or_not(int64_t status)
{
    must(status >= 0 || status == -KEEL_EFAULT);
}

/* The ways to look something up. A thread keeps to one: nothing else that it does orders it. */
enum way { HAS, PAGES_OF, READ, WRITE, COPY, TRANSLATE, WAYS };

static void look_up(enum way way, struct space *mine, struct space *others)
{
    uint64_t word = 0;
    uint8_t *reached;
    void *address;

    switch (way) {
    case HAS:
        seen += space_has(mine, THERE, true);
        break;
    case PAGES_OF:
        must(space_pages(mine) >= 1 + 16);
        break;
    case READ:
        must(space_read(mine, STAYS, &word, sizeof(word)) == 0 && word == mine->owner);
        done_or_not(space_read(mine, THERE, &word, sizeof(word)));
        break;
    case WRITE:
        done_or_not(space_write(mine, THERE, &word, sizeof(word)));
        break;
    case COPY:
        must(space_copy(mine, IPA(STAYS.v + 64), others, STAYS, sizeof(word)) == sizeof(word));
        done_or_not(space_copy(others, IPA(THERE.v + 128), mine, THERE, sizeof(word)));
        break;
    default:
        lock_take_outer(&mine->lock);
        if (space_translate(mine, THERE, SPACE_WRITE, 0, &address) > 0) {
            must(frame_of(virt_to_phys(address))->owner == mine->owner);
            must(space_reach(mine, virt_to_phys(address), &reached) && reached == address);
            must(!space_reach(others, virt_to_phys(address), &reached));
        }
        if (space_pin(mine, THERE, &address) == 0) {
            must(frame_of(virt_to_phys(address))->owner == mine->owner);
            space_unpin(address);
        }
        lock_release(&mine->lock);
        break;
    }
}

static void *reader(void *argument)
{
    enum way way = *(const enum way *)argument;
    uint64_t turn = 0;

    for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); turn++) {
        look_up(way, &space[turn & 1], &space[~turn & 1]);
        __atomic_store_n(&turns, turn, __ATOMIC_RELAXED);
    }
    return NULL;
}

START_TEST(nobody_looks_without_the_lock)
{
    enum way way = (enum way)_i;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, reader, &way), 0);
    for (uint32_t i = 0; i < ROUNDS || __atomic_load_n(&turns, __ATOMIC_RELAXED) < ROUNDS; i++) {
        struct space *from = &space[i & 1], *to = &space[~i & 1];

        ck_assert_int_eq(space_donate(from, THERE, to, THERE, 0, 1, R | W), 1);
        ck_assert_int_eq(space_protect(to, THERE, 0, 1, R), 1);
        ck_assert_int_eq(space_protect(to, THERE, 0, 1, R | W), 1);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lookups");
    TCase *tcase = tcase_create("lookups");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 100);
    tcase_add_loop_test(tcase, nobody_looks_without_the_lock, 0, WAYS);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
