/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations: see reservation.h. */
#include <reservation/reservation.h>

#include <stdio.h>

#define ONE 1000000000ull /* a CPU */

/* CPUs that all who may run on one of them may run on. */
struct cluster {
    uint64_t cpus;
    uint32_t kept;
    uint64_t sum, most; /* parts of those */
};

struct clusters {
    uint32_t n;
    struct cluster cluster[KEEL_CPUS_MAX];
};

/* Not the compiler's: a service has no vector registers. */
static uint32_t count(uint64_t cpus)
{
    uint32_t n = 0;

    for (; cpus; cpus &= cpus - 1)
        n++;
    return n;
}

static uint64_t part_of(const struct reservation *reservation)
{
    return reservation->budget * ONE / reservation->period;
}

static uint64_t bound(uint64_t cpus, uint64_t most)
{
    uint64_t m = count(cpus), lost = (m - 1) * most;

    return m * ONE > lost ? (m * ONE - lost) * 9 / 10 : 0;
}

/* How much room would be left; negative: there is not enough. */
static int64_t room_for(const struct cluster *cluster, const struct reservation *reservation)
{
    uint64_t part = part_of(reservation), most = part > cluster->most ? part : cluster->most;

    if (!(cluster->cpus & reservation->cpus) || cluster->kept == KEEL_SLOTS_MAX)
        return -1;
    return (int64_t)bound(cluster->cpus, most) - (int64_t)(cluster->sum + part);
}

/* The parts that the sets of CPUs of all of them cut each other into. */
static void clusters_cut(struct clusters *clusters, const struct reservation *reservation,
                         uint32_t n)
{
    uint64_t left = 0;

    for (uint32_t i = 0; i < n; i++)
        left |= reservation[i].cpus;
    for (clusters->n = 0; left; left &= ~clusters->cluster[clusters->n++].cpus) {
        uint64_t cpus = left;

        for (uint32_t i = 0; i < n; i++)
            cpus &=
                reservation[i].cpus & (left & -left) ? reservation[i].cpus : ~reservation[i].cpus;
        clusters->cluster[clusters->n] = (struct cluster){.cpus = cpus};
    }
}

static struct cluster *cluster_find(struct clusters *clusters,
                                    const struct reservation *reservation)
{
    struct cluster *best = NULL;
    int64_t most = -1;

    for (uint32_t i = 0; i < clusters->n; i++) {
        struct cluster *cluster = &clusters->cluster[i];
        int64_t room = room_for(cluster, reservation);

        if (room >= 0 && reservation->cluster == cluster->cpus)
            return cluster;
        if (room > most) {
            most = room;
            best = cluster;
        }
    }
    return best;
}

static bool goes_before(const struct reservation *a, const struct reservation *b)
{
    uint32_t few_a = count(a->cpus), few_b = count(b->cpus);

    return few_a != few_b ? few_a < few_b : part_of(a) > part_of(b);
}

/* Those with the least choice first, and of them the largest. */
static void order(const struct reservation *reservation, uint32_t n, uint16_t *sorted)
{
    for (uint16_t i = 0; i < n; i++) {
        uint32_t at = i;

        for (; at > 0 && goes_before(&reservation[i], &reservation[sorted[at - 1]]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = i;
    }
}

static struct reservation_lack lack_of(const struct reservation *reservation, uint32_t n,
                                       const struct reservation *one)
{
    uint64_t sum = 0, most = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t part = part_of(&reservation[i]);

        if (!(reservation[i].cpus & one->cpus))
            continue;
        sum += part;
        most = part > most ? part : most;
    }
    return (struct reservation_lack){.sum = (sum + ONE / 100 - 1) / (ONE / 100),
                                     .most = bound(one->cpus, most) / (ONE / 100),
                                     .cpus = count(one->cpus)};
}

bool reservations_fit(struct reservation *reservation, uint32_t n, struct reservation_lack *lack)
{
    struct clusters clusters;
    uint16_t sorted[RESERVATIONS_MAX];
    uint64_t kept[RESERVATIONS_MAX];

    clusters_cut(&clusters, reservation, n);
    order(reservation, n, sorted);
    for (uint32_t i = 0; i < n; i++) {
        const struct reservation *one = &reservation[sorted[i]];
        struct cluster *cluster = cluster_find(&clusters, one);
        uint64_t part = part_of(one);

        if (!cluster) {
            *lack = lack_of(reservation, n, one);
            return false;
        }
        cluster->kept++;
        cluster->sum += part;
        cluster->most = part > cluster->most ? part : cluster->most;
        kept[sorted[i]] = cluster->cpus;
    }
    for (uint32_t i = 0; i < n; i++)
        reservation[i].cluster = kept[i];
    return true;
}

void reservation_lack_text(const struct reservation *reservation,
                           const struct reservation_lack *lack, char *text, size_t bytes)
{
    snprintf(
        text, bytes,
        "%llu us of %llu us would make %llu %% of a CPU reserved, where %u CPU%s can guarantee "
        "%llu %%",
        (unsigned long long)reservation->budget, (unsigned long long)reservation->period,
        (unsigned long long)lack->sum, lack->cpus, lack->cpus == 1 ? "" : "s",
        (unsigned long long)lack->most);
}
