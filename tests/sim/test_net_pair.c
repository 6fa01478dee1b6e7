/*
 * test_net_pair.c - byte streams between two of our endpoints, and between one of them and a naive
 * peer, are exact, whatever the network does.
 *
 * WB_SEEDS: how many seeds (default 300; make sim: 10,000). WB_SEED: one seed alone; with
 * WB_TRACE=1 each frame is printed. WB_BYTES: each way on each connection.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sim/net_pair.h"

static u64 env(const char *name, u64 otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void without_faults(void **state)
{
    struct net_pair_stats stats = {0};

    (void)state;
    for (u64 seed = 1; seed <= 20; seed++) {
        struct net_pair_conf conf = {.seed = seed, .bytes = 65536, .perfect = true};
        net_pair_run(&conf, &stats);
    }
    net_pair_print("without faults", 20, &stats);
}

static u64 run_seeds(const char *title, bool naive, u64 seeds, struct net_pair_stats *stats)
{
    u64 first = env("WB_SEED", env("WB_FIRST", 1));

    if (getenv("WB_SEED") != NULL)
        seeds = 1;
    for (u64 seed = first; seed < first + seeds; seed++) {
        struct net_pair_conf conf = {.seed = seed,
                                     .bytes = (u32)env("WB_BYTES", 65536),
                                     .naive = naive,
                                     .trace = env("WB_TRACE", 0) != 0};
        net_pair_run(&conf, stats);
    }
    net_pair_print(title, seeds, stats);
    return seeds;
}

static u64 seeds_wanted(void)
{
    return env("WB_SEEDS", getenv("WB_FULL") != NULL ? 100000 : 300);
}

/* The network did all that it can do. */
static void expect_all(const struct net_pair_stats *s)
{
    assert_true(s->lost > 0 && s->duplicated > 0 && s->reordered > 0);
    assert_true(s->corrupted > 0 && s->blacked_out > 0 && s->refused > 0 && s->too_big > 0);
    assert_true(s->wraps > 0 && s->jumps > 0 && s->shrunk > 0);
    assert_true(s->rto > 0 && s->fast > 0 && s->probe > 0 && s->persist > 0);
}

static void with_faults(void **state)
{
    struct net_pair_stats stats = {0};

    (void)state;
    if (run_seeds("with faults", false, seeds_wanted(), &stats) < 100)
        return;
    expect_all(&stats);
    assert_true(stats.undone > 0 && stats.resets > 0);
}

static void against_a_naive_peer(void **state)
{
    struct net_pair_stats stats = {0};

    (void)state;
    if (run_seeds("naive peer", true, (seeds_wanted() + 4) / 5, &stats) >= 60)
        expect_all(&stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults),
        cmocka_unit_test(with_faults),
        cmocka_unit_test(against_a_naive_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
