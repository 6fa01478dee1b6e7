/*
 * test_sim_torture.c - the simulator as a test: many seeds, each with many power cuts.
 *
 * WB_SEEDS and WB_CUTS set how many (WB_FULL=1: 1,000 cuts and more in all); WB_SEED replays one
 * seed, WB_TRACE=1 prints its events, one a line. See README.md here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/sim_world.h"

#ifdef __SANITIZE_ADDRESS__
#define SHORT_SEEDS 6u /* several times slower */
#else
#define SHORT_SEEDS 15u
#endif
#define SHORT_CUTS 12u
#define FULL_SEEDS 120u
#define FULL_CUTS  15u

static u64 env(const char *name, u64 otherwise)
{
    const char *text = getenv(name);

    return text && text[0] ? strtoull(text, NULL, 10) : otherwise;
}

static void count_at_least(const char *what, u64 count, u64 least)
{
    if (count < least)
        fail_msg("%s: %llu, at least %llu were to be seen", what, (unsigned long long)count,
                 (unsigned long long)least);
}

/* A run that met no fault proves nothing: each kind must have happened. */
static void check_counts(const struct sim_counts *c, u64 lives)
{
    count_at_least("power cuts", c->power_cuts, lives / 2);
    count_at_least("kills", c->kills, lives / 50);
    count_at_least("writes lost", c->writes_lost, lives / 10);
    count_at_least("writes torn", c->writes_torn, lives / 10);
    count_at_least("executions", c->executions, lives);
    count_at_least("executions in crosses", c->crossed, lives);
    count_at_least("executions at the midpoint", c->midpoints, lives);
    count_at_least("next parts of reserve orders", c->refreshed, lives);
    count_at_least("late cancels", c->late_cancels, lives / 50);
    count_at_least("torn tails", c->torn_tails, lives / 20);
    count_at_least("recoveries from a snapshot", c->snapshots_used, lives / 4);
    count_at_least("recoveries of a recycled journal", c->recycled_starts, lives / 40);
    if (lives >= 1000) /* one end in some hundred meets one: a short run may meet none */
        count_at_least("half-made snapshots", c->snapshots_cut,
                       lives / 100); /* a third of the mean */
    count_at_least("damaged journals refused", c->damage_named, lives / 20);
    count_at_least("rotten snapshots", c->snapshots_rotten, lives / 40); /* a quarter of the mean */
    count_at_least("messages seen again", c->seen_again, lives);
    count_at_least("days ended", c->day_rolls, lives / 50);
    count_at_least("requests sent again", c->resends, lives / 2);
    count_at_least("takeovers", c->takeovers, lives / 20);
    count_at_least("moves between gateways", c->moves, lives);
    count_at_least("stores passed on", c->moved_joined, lives / 2);
    count_at_least("messages kept aside", c->moved_aside, lives / 10);
}

static void everything_holds(void **state)
{
    bool full = env("WB_FULL", 0) != 0;
    u64 seeds = env("WB_SEEDS", full ? FULL_SEEDS : SHORT_SEEDS);
    struct sim_options o = {.cuts = (u32)env("WB_CUTS", full ? FULL_CUTS : SHORT_CUTS),
                            .no_faults = env("WB_NO_FAULTS", 0) != 0,
                            .trace = env("WB_TRACE", 0) != 0};
    struct sim_counts counts = {0};
    u64 first = 1;

    (void)state;
    if (getenv("WB_SEED"))
        first = seeds = env("WB_SEED", 1);
    for (o.seed = first; o.seed <= seeds; o.seed++) {
        int rc = sim_world_run_apart(&o, false, &counts);
        if (rc != 0)
            fail_msg("seed %llu ends with %d: replay with WB_SEED=%llu WB_CUTS=%u WB_TRACE=1",
                     (unsigned long long)o.seed, rc, (unsigned long long)o.seed, o.cuts);
    }
    printf("simulated %llu seeds with %u ends of a process each\n",
           (unsigned long long)(seeds - first + 1), o.cuts);
    sim_counts_print(&counts);
    if (seeds - first + 1 >= SHORT_SEEDS)
        check_counts(&counts, (seeds - first + 1) * o.cuts);
}

/* The same seed must do the same again: else a failure could not be replayed. */
static void a_seed_replays_exactly(void **state)
{
    struct sim_options o = {.seed = env("WB_SEED", 7), .cuts = 5};
    struct sim_counts once = {0}, again = {0};

    (void)state;
    assert_int_equal(sim_world_run_apart(&o, false, &once), 0);
    assert_int_equal(sim_world_run_apart(&o, false, &again), 0);
    assert_memory_equal(&once, &again, sizeof once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_holds),
        cmocka_unit_test(a_seed_replays_exactly),
    };

    setvbuf(stdout, NULL, _IOLBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
