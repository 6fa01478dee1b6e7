/*
 * test_sim_handover.c - one account that is moved between gateways again and again while it trades
 * against five others: old connections end late, their commands come late, several logins are under
 * way at once, gateways stand still for a while. Every message that its client sees is compared
 * with what it saw before and with the journal; at the end it has seen all of them.
 *
 * WB_MOVES sets how often (WB_FULL=1: 10,000 times), WB_SEED with what luck, WB_TRACE=1 prints the
 * events. See README.md here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/sim_world.h"

#ifdef __SANITIZE_ADDRESS__
#define SHORT_MOVES 300u /* several times slower */
#else
#define SHORT_MOVES 2000u
#endif
#define FULL_MOVES   10000u
#define JUDGED_MOVES 2000u /* the rarest race comes about once in 500 */

static u64 env(const char *name, u64 otherwise)
{
    const char *text = getenv(name);

    return text && text[0] ? strtoull(text, NULL, 10) : otherwise;
}

static void happened(const char *what, u64 count)
{
    if (count == 0)
        fail_msg("%s: never", what);
}

/* Each of the races that the hand-over is made for must have been met. */
static void check_races(const struct sim_counts *c)
{
    happened("commands of a binding that was over", c->stale);
    happened("disconnects of a binding that was over", c->late_ends);
    happened("messages kept aside", c->moved_aside);
    happened("stores joined", c->moved_joined);
    happened("stores with messages missing between", c->moved_replaced);
    happened("accounts that went on before their store came", c->moved_through);
    happened("accounts back before their store left", c->moved_back);
    happened("logins over a live one", c->takeovers);
    happened("messages seen again", c->seen_again);
}

static void an_account_moves(void **state)
{
    struct sim_options o = {.seed = env("WB_SEED", 1),
                            .moves =
                                (u32)env("WB_MOVES", env("WB_FULL", 0) ? FULL_MOVES : SHORT_MOVES),
                            .gateways = 3,
                            .trace = env("WB_TRACE", 0) != 0};
    struct sim_counts counts = {0};

    (void)state;
    int rc = sim_world_run_apart(&o, false, &counts);
    if (rc != 0)
        fail_msg("ends with %d: replay with WB_SEED=%llu WB_MOVES=%u WB_TRACE=1", rc,
                 (unsigned long long)o.seed, o.moves);
    sim_counts_print(&counts);
    assert_true(counts.moves >= o.moves);
    if (o.moves >= JUDGED_MOVES)
        check_races(&counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_moves),
    };

    setvbuf(stdout, NULL, _IOLBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
