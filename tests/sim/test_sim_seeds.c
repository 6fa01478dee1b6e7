/*
 * test_sim_seeds.c - the simulator over many seeds, each with one end of a process: 500 worlds with
 * test_sim_torture's, 10,000 with WB_FULL=1 (make sim). WB_BRIEF sets how many here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/sim_world.h"

#ifdef __SANITIZE_ADDRESS__
#define BRIEF_SEEDS 20u /* several times slower */
#else
#define BRIEF_SEEDS 485u
#endif
#define FULL_BRIEF_SEEDS 9880u

static u64 env(const char *name, u64 otherwise)
{
    const char *text = getenv(name);

    return text && text[0] ? strtoull(text, NULL, 10) : otherwise;
}

/* Many more seeds with one end of a process each: other sizes, other speeds, other days. */
static void many_worlds_hold(void **state)
{
    bool full = env("WB_FULL", 0) != 0;
    u64 seeds = env("WB_BRIEF", full ? FULL_BRIEF_SEEDS : BRIEF_SEEDS);
    struct sim_options o = {.cuts = 1};
    struct sim_counts counts = {0};

    (void)state;
    if (getenv("WB_SEED"))
        return; /* test_sim_torture replays it */
    for (o.seed = 1001; o.seed <= 1000 + seeds; o.seed++) {
        int rc = sim_world_run_apart(&o, false, &counts);
        if (rc != 0)
            fail_msg("seed %llu ends with %d: replay with WB_SEED=%llu WB_CUTS=1 WB_TRACE=1",
                     (unsigned long long)o.seed, rc, (unsigned long long)o.seed);
    }
    printf("simulated %llu seeds with one end of a process each\n", (unsigned long long)seeds);
    sim_counts_print(&counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_worlds_hold),
    };

    setvbuf(stdout, NULL, _IOLBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
