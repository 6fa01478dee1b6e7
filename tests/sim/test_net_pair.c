/*
 * test_net_pair.c - byte streams between two of our endpoints are exact, whatever the network does.
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

static void with_faults(void **state)
{
    struct net_pair_stats stats = {0};
    u64 first = env("WB_SEED", 1);
    u64 seeds = getenv("WB_SEED") != NULL ? 1 : env("WB_SEEDS", getenv("WB_FULL") ? 10000 : 300);

    (void)state;
    for (u64 seed = first; seed < first + seeds; seed++) {
        struct net_pair_conf conf = {
            .seed = seed, .bytes = (u32)env("WB_BYTES", 65536), .trace = env("WB_TRACE", 0) != 0};
        net_pair_run(&conf, &stats);
    }
    net_pair_print("with faults", seeds, &stats);
    if (seeds >= 100) { /* the network did all that it can do */
        assert_true(stats.lost > 0 && stats.duplicated > 0 && stats.reordered > 0);
        assert_true(stats.corrupted > 0 && stats.blacked_out > 0 && stats.refused > 0);
        assert_true(stats.rto > 0 && stats.fast > 0 && stats.probe > 0 && stats.persist > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults),
        cmocka_unit_test(with_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
