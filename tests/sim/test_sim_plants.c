/*
 * test_sim_plants.c - faults that we know, planted one at a time: the simulator must catch each.
 *
 * persist's files are linked a second time here, built with -DWB_PLANTS (persist/plant.h, and the
 * rule in the Makefile). A fault is caught when an oracle or an assertion of the product ends the
 * run; seeds are tried one after the other. Without a fault the same seeds pass, so what is caught
 * is the fault. WB_SEEDS sets how many seeds are tried at most. The simulator runs under ASan in
 * test_sim_seeds; faults on purpose add nothing there. wb-test: variants=release
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WB_PLANTS
#include "persist/plant.h"
#include "tests/sim/sim_world.h"

#define SEEDS 40u
#define CUTS  20u

static enum plant wanted;

static void plant_it(void)
{
    plant = wanted;
}

static u32 seeds(void)
{
    const char *text = getenv("WB_SEEDS");

    return text ? (u32)strtoul(text, NULL, 10) : SEEDS;
}

/* One run with what `wanted` says. Returns its exit code. */
static int run(u64 seed, bool quiet)
{
    struct sim_options o = {.seed = seed, .cuts = CUTS, .plant = plant_it};
    struct sim_counts counts = {0};

    return sim_world_run_apart(&o, quiet, &counts);
}

static void caught(enum plant which, const char *name)
{
    wanted = which;
    for (u32 seed = 1; seed <= seeds(); seed++) {
        int rc = run(seed, true);
        if (rc == 0)
            continue;
        printf("%s: caught by seed %u, %s\n", name, seed,
               rc == SIM_EXIT_BROKEN ? "an oracle" : "an assertion");
        wanted = PLANT_NONE;
        assert_int_equal(run(seed, false), 0);
        return;
    }
    fail_msg("%u seeds did not notice: %s", seeds(), name);
}

#define PLANT(name, which)             \
    static void name(void **state)     \
    {                                  \
        (void)state;                   \
        caught(PLANT_##which, #which); \
    }

PLANT(ack_before_sync, ACK_BEFORE_SYNC)
PLANT(release_above_mark, RELEASE_ABOVE_MARK)
PLANT(retry_failed_write, RETRY_FAILED_WRITE)
PLANT(forget_dir_sync, FORGET_DIR_SYNC)
PLANT(rewrite_block, REWRITE_BLOCK)
PLANT(keep_epoch, KEEP_EPOCH)
PLANT(old_epoch, OLD_EPOCH)
PLANT(skip_crc, SKIP_CRC)
PLANT(keep_partial, KEEP_PARTIAL)
PLANT(forget_sync, FORGET_SYNC)
PLANT(recycle_early, RECYCLE_EARLY)
PLANT(ignore_witness, IGNORE_WITNESS)
PLANT(mark_ahead, MARK_AHEAD)
PLANT(ignore_mark, IGNORE_MARK)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ack_before_sync),    cmocka_unit_test(release_above_mark),
        cmocka_unit_test(retry_failed_write), cmocka_unit_test(forget_dir_sync),
        cmocka_unit_test(rewrite_block),      cmocka_unit_test(keep_epoch),
        cmocka_unit_test(old_epoch),          cmocka_unit_test(skip_crc),
        cmocka_unit_test(keep_partial),       cmocka_unit_test(forget_sync),
        cmocka_unit_test(recycle_early),      cmocka_unit_test(ignore_witness),
        cmocka_unit_test(mark_ahead),         cmocka_unit_test(ignore_mark),
    };

    setvbuf(stdout, NULL, _IOLBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
