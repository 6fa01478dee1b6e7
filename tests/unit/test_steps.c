/*
 * test_steps.c - what one command may cost: O(log n) under any input, counted, not timed.
 * wb-test: variants=release
 *
 * The engine is compiled a second time for this program (Makefile), with a call of
 * __sanitizer_cov_trace_pc in each basic block: all loops are counted, whatever they are for. Each
 * scenario is what somebody who means harm would send: it fills the books with n orders, then
 * sends commands and looks at the worst. With 64 times as many orders the worst may grow by a few
 * blocks for each doubling, and by no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/peg.h"
#include "tests/lib/engine_load.h"

#define SMALL     512u
#define DOUBLINGS 6u
#define LARGE     (SMALL << DOUBLINGS)
#define PROBES    64u /* measured commands of a scenario */
#define MIDDLE    10000000u

/* An event may take this many blocks more for each doubling: a step or two down each tree that it
 * touches. Six kinds of pegs and minimums are twelve trees. */
#define BLOCKS_PER_DOUBLING 120u

/* ... and so many in all, with LARGE orders open. */
#define BLOCKS_MAX 2000u

/* ... besides what it looks at one by one, which is a walk down a tree each. */
#define LOOK_PER_DOUBLING 20u
#define LOOK_MAX          160u

/* A piece of long work is CHUNK_CANCELS_MAX units of at most this: a price of a cross is found and
 * summed up by two walks down its side's tree. */
#define UNIT_MAX 1200u

static struct load l;
static u64 blocks;
static u64 worst_step, worst_piece;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    blocks++;
}

static u64 since(u64 *last)
{
    u64 n = blocks - *last;

    *last = blocks;
    return n;
}

/* Events of the last transaction, at least one: a command without any has been looked at, too. */
static u64 events(bool made)
{
    u64 n = 0;

    for (u32 at = msg_slots(l.tx.slots); made && at < l.tx.used; n++)
        at += msg_slots(&l.tx.slots[at]);
    return max_u64(n, 1);
}

/* Sends a command and counts it, an event, and its pieces, each as a whole. */
static void probe(union msg *m)
{
    u64 last = blocks;

    bool made = load_step(&l, m);
    worst_step = max_u64(worst_step, since(&last) / events(made));
    while (engine_busy(l.e)) {
        engine_continue(l.e, ++l.now_ns, &l.tx);
        worst_piece = max_u64(worst_piece, since(&last));
    }
}

static void rest(u32 account, char side, u32 qty, u32 price)
{
    union msg m = load_enter(&l, account, 1, side, qty, price);

    load_send(&l, &m);
}

static void probe_enter(u32 account, char side, u32 qty, u32 price, char tif)
{
    union msg m = load_enter(&l, account, 1, side, qty, price);

    m.enter.tif = (u8)tif;
    probe(&m);
}

static void probe_cancel(u32 account, u32 ref)
{
    union msg m = load_cancel(account, ref);

    probe(&m);
}

/* Any number of 0..n-1, always the same for the same `i`. */
static u32 anywhere(u32 i, u32 n)
{
    return (u32)(hash_u64(i) % n);
}

/* ---- the scenarios: `fill` makes n orders, `probes` sends what is counted ---- */

/* Prices as far apart as they can be, in a bad order for a tree that does not balance itself. */
static u32 far_price(u32 i, u32 n)
{
    return 1 + i * (1999999000u / 2 / n);
}

static void far_fill(u32 n)
{
    for (u32 i = 0; i < n; i++)
        rest(1, 'B', 100, far_price(i, n));
}

static void far_probes(u32 n)
{
    for (u32 i = 0; i < PROBES; i++) {
        probe_enter(2, 'B', 100, far_price(anywhere(i, n), n) + 1 + i, '0');
        probe_cancel(1, 1 + anywhere(i + PROBES, n));
        probe_enter(2, 'S', 100, 1, '3');
    }
}

/* Keys that part in one bit after the other: the longest paths of the ladder. */
static void bits_fill(u32 n)
{
    for (u32 i = 0; i < n; i++)
        rest(1, 'B', 100, ((1u << (4 + i % 26)) + i / 26 * 16) % 1000000000u + 1);
}

static void all_at_one_fill(u32 n)
{
    for (u32 i = 0; i < n; i++)
        rest(1, 'B', 100, MIDDLE);
}

static void all_at_one_probes(u32 n)
{
    for (u32 i = 0; i < PROBES; i++) {
        probe_cancel(1, n / 2 + i); /* from the middle of the queue */
        probe_enter(2, 'B', 100, MIDDLE, '0');
        probe_enter(2, 'S', 1, MIDDLE, '3');
        union msg m = load_cancel(1, n / 4 + i);
        m.cancel.qty = 50;
        probe(&m);
    }
}

/* Each number on a page of its own, and on another channel than the one before. */
static void holes_fill(u32 n)
{
    for (u32 i = 0; i < n; i++) {
        union msg m = load_enter(&l, 1, 1, 'B', 100, MIDDLE - i % 100);
        m.enter.user_ref = 1 + i / 256 * 8192;
        m.enter.user_ref_idx = (u8)i;
        load_send(&l, &m);
    }
}

static void holes_probes(u32 n)
{
    for (u32 i = 0; i < PROBES; i++) {
        u32 at = anywhere(i, n);
        union msg m = load_cancel(1, 1 + at / 256 * 8192);
        m.cancel.user_ref_idx = (u8)at;
        probe(&m);
        m.cancel.user_ref += 7; /* there is none */
        probe(&m);
    }
}

/* Orders that are not met by what comes: it must not look at each of them. */
static void minimums_fill(u32 n)
{
    for (u32 i = 0; i < n; i++) {
        union msg m = load_enter(&l, 1, 1, 'B', 1000, MIDDLE + i % 1000);
        m.enter.display = 'N';
        m.enter.terms.tags = TAG_BIT(3);
        m.enter.terms.min_qty = 1000;
        load_send(&l, &m);
    }
    rest(1, 'B', 100, MIDDLE - 1);
}

static void minimums_probes(u32 n)
{
    (void)n;
    for (u32 i = 0; i < PROBES; i++) {
        probe_enter(2, 'S', 1, MIDDLE - 1, '3'); /* passes all of them by */
        probe_enter(2, 'S', 1000, MIDDLE - 1, '3');
        union msg m = load_enter(&l, 2, 1, 'S', 900, MIDDLE - 1);
        m.enter.tif = '3';
        m.enter.terms.tags = TAG_BIT(3);
        m.enter.terms.min_qty = 900;
        probe(&m);
    }
}

/* Pegs of all offsets; each command moves the touch under all of them. */
static void pegs_fill(u32 n)
{
    rest(1, 'B', 100, MIDDLE);
    rest(1, 'S', 100, MIDDLE + 1000);
    for (u32 i = 2; i < n; i++) {
        union msg m = load_enter(&l, 1, 1, i % 2 ? 'B' : 'S', 100, PRICE_MARKET);
        m.enter.terms.tags = TAG_BIT(6) | TAG_BIT(7);
        m.enter.terms.price_type = i % 5 ? 'R' : 'M';
        m.enter.terms.peg_offset = i % 5 == 0 ? 0 : (i32)(i % 7001) * (i % 2 ? -1 : 1);
        if (i % 3 == 0) /* with a limit */
            m.enter.price = MIDDLE + 500 - 2 * (i % 1000) * (i % 2);
        load_send(&l, &m);
    }
}

static void pegs_probes(u32 n)
{
    for (u32 i = 0; i < PROBES; i++) {
        probe_enter(2, 'B', 100, MIDDLE + 1 + i, '0');
        probe_enter(2, 'S', 100, MIDDLE + 990 - i, '0');
        probe_cancel(1, 2 + anywhere(i, n - 2));
        probe_cancel(2, l.ref[2] - 1);
        probe_enter(2, 'S', 1, MIDDLE, '3');
    }
}

/* Pegs that want more than anybody brings: so many are looked at, however many there are. */
static void picky_fill(u32 n)
{
    rest(1, 'B', 100, MIDDLE);
    rest(1, 'S', 100, MIDDLE + 1000);
    for (u32 i = 2; i < n; i++) {
        union msg m = load_enter(&l, 1, 1, i % 2 ? 'B' : 'S', 1000, PRICE_MARKET);
        m.enter.terms.tags = TAG_BIT(3) | TAG_BIT(6) | TAG_BIT(7);
        m.enter.terms.min_qty = 1000;
        m.enter.terms.price_type = (u8) "RMP"[i % 3];
        if (i % 3 != 1)
            m.enter.terms.peg_offset = (i32)(i % 499) * (i % 2 ? -1 : 1);
        load_send(&l, &m);
    }
}

static void picky_probes(u32 n)
{
    for (u32 i = 0; i < PROBES; i++) {
        probe_enter(2, 'B', 100, MIDDLE + 1 + i, '0');
        probe_enter(2, 'S', 1, MIDDLE - 450, '3');
        probe_enter(2, 'B', 1, MIDDLE + 1450, '3');
        probe_cancel(1, 2 + anywhere(i, n - 2));
        probe_enter(2, 'S', 1000, MIDDLE - 400, '3');
    }
}

/* A queue for the opening cross: one price, or all different. */
static void cross_fill(u32 n)
{
    union msg p = load_phase(0, 'P');

    load_send(&l, &p);
    for (u32 i = 0; i < n; i++) {
        union msg m = load_enter(&l, 1, 1, 'B', 100, MIDDLE - (i % 2 ? i : 0));
        m.enter.cross_type = 'O';
        load_send(&l, &m);
    }
}

static void cross_probes(u32 n)
{
    for (u32 i = 0; i < PROBES; i++) {
        union msg m = load_enter(&l, 2, 1, 'B', 100, MIDDLE - anywhere(i, n));
        m.enter.cross_type = 'O';
        probe(&m);
        probe_cancel(1, 1 + anywhere(i, n));
    }
}

/* All of it trades, a piece at a time. */
static void opening_probes(u32 n)
{
    for (u32 i = 0; i < n; i++) {
        union msg m = load_enter(&l, 2, 1, 'S', 100, MIDDLE - i);
        m.enter.cross_type = 'O';
        probe(&m);
    }
    union msg p = load_phase(0, 'T');
    probe(&p);
}

/* Orders that end by time, the next ones to end in the middle of them all. */
static void expiry_fill(u32 n)
{
    for (u32 i = 0; i < n; i++) {
        union msg m = load_enter(&l, 1, 1, 'B', 100, MIDDLE - i % 50);
        m.enter.tif = '6';
        m.enter.terms.tags = TAG_BIT(15);
        m.enter.terms.expire_s = 1 + (n - i) % 80000;
        load_send(&l, &m);
    }
}

static void expiry_probes(u32 n)
{
    union msg tick = {.bare = {.cmd = {.type = CMD_TICK, .slots = 1}}};

    for (u32 i = 0; i < PROBES; i++)
        probe_cancel(1, 1 + anywhere(i, n));
    l.now_ns += 300 * NS_PER_SEC;
    while (engine_due(l.e, l.now_ns))
        probe(&tick);
}

/* A sweep through everything, a mass cancel that finds nothing, a kill that takes all. */
static void sweep_probes(u32 n)
{
    union msg m = {.mass = {.cmd = {.type = CMD_MASS_CANCEL, .slots = 1, .account = 1}}};

    m.mass.user_ref = ++l.ref[1];
    memcpy(m.mass.firm, "NONE", 4);
    memcpy(m.mass.symbol, "        ", 8);
    probe(&m);
    probe_enter(2, 'S', 50 * n, 1, '3');
    m.mass.user_ref = ++l.ref[1];
    memcpy(m.mass.firm, "    ", 4);
    probe(&m);
}

/* Reserve orders that show one share after the other under a sweep. */
static void reserve_fill(u32 n)
{
    for (u32 i = 0; i < n; i++) {
        union msg m = load_enter(&l, 1, 1, 'B', 900000, MIDDLE - i % 3);
        m.enter.terms.tags = TAG_BIT(5);
        m.enter.terms.max_floor = 100;
        load_send(&l, &m);
    }
}

static void reserve_probes(u32 n)
{
    (void)n;
    for (u32 i = 0; i < 8; i++)
        probe_enter(2, 'S', 100000, 1, '3');
    probe_cancel(1, 3);
}

/* Not orders but accounts: what is said of one of them costs no look at the others. */
static void accounts_fill(u32 n)
{
    rest(1, 'B', 100, MIDDLE);
    for (u32 i = 0; i < n; i++) {
        union msg m = {.cmd = {.type = CMD_ACCOUNT, .slots = (u8)msg_type_slots(CMD_ACCOUNT)}};
        char user[16];
        snprintf(user, sizeof user, "U%05u", i);
        memcpy(m.account.user, user, sizeof m.account.user);
        memcpy(m.account.firm, "FIRM", sizeof m.account.firm);
        load_send(&l, &m);
    }
}

static void accounts_probes(u32 n)
{
    (void)n;
    for (u32 i = 0; i < 16; i++) {
        union msg m = {.cmd = {.type = CMD_LIMIT, .slots = (u8)msg_type_slots(CMD_LIMIT)}};
        m.limit.scope = LIMIT_ACCOUNT;
        m.limit.collar_bps = (u16)(1 + i);
        memcpy(m.limit.user, i % 2 ? "BOB   " : "U00007", sizeof m.limit.user);
        probe(&m);
    }
}

static const struct scenario {
    const char *name;
    void (*fill)(u32 n);
    void (*probes)(u32 n);
    bool grows; /* its commands are long work: only pieces are bounded */
    u32 looks;  /* at pegs with a minimum: so many in each of three trees */
} scenarios[] = {
    {"prices far apart", far_fill, far_probes, false, 0},
    {"prices that part bit by bit", bits_fill, far_probes, false, 0},
    {"all at one price", all_at_one_fill, all_at_one_probes, false, 0},
    {"numbers with holes, 256 channels", holes_fill, holes_probes, false, 0},
    {"minimum quantities that are not met", minimums_fill, minimums_probes, false, 0},
    {"pegs under a moving touch", pegs_fill, pegs_probes, false, 0},
    {"pegs with a minimum", picky_fill, picky_probes, false, 3 * PICKY_LOOKS_MAX},
    {"a queue for a cross", cross_fill, cross_probes, false, 0},
    {"orders that end by time", expiry_fill, expiry_probes, false, 0},
    {"limits of one account among many", accounts_fill, accounts_probes, false, 0},
    {"an opening cross", cross_fill, opening_probes, true, 0},
    {"a sweep and mass cancels", far_fill, sweep_probes, true, 0},
    {"reserves under a sweep", reserve_fill, reserve_probes, true, 0},
};

struct cost {
    u64 step, piece;
};

static struct cost run(const struct scenario *s, u32 n)
{
    load_init(&l, 1, LARGE * 2 + 1000);
    s->fill(n);
    worst_step = worst_piece = 0;
    s->probes(n);
    if (n == SMALL)
        engine_check(l.e);
    load_free(&l);
    return (struct cost){worst_step, worst_piece};
}

static void test_a_command_is_logarithmic(void **state)
{
    (void)state;
    printf("%-38s %8s %8s %8s\n", "worst command, basic blocks an event", "512", "32768",
           "a piece");
    for (u32 i = 0; i < ARRAY_LEN(scenarios); i++) {
        struct cost small = run(&scenarios[i], SMALL);
        struct cost large = run(&scenarios[i], LARGE);
        printf("%-38s %8llu %8llu %8llu\n", scenarios[i].name, (unsigned long long)small.step,
               (unsigned long long)large.step, (unsigned long long)large.piece);
        if (small.step == 0)
            fail_msg("this engine does not count: make build/release/tests/unit/test_steps");
        assert_true(large.piece <= CHUNK_CANCELS_MAX * UNIT_MAX);
        assert_true(!scenarios[i].grows || large.piece > 0);
        if (scenarios[i].grows)
            continue;
        u32 looks = scenarios[i].looks;
        u64 doubling = BLOCKS_PER_DOUBLING + looks * LOOK_PER_DOUBLING;
        assert_true(large.step <= small.step + DOUBLINGS * doubling);
        assert_true(large.step <= BLOCKS_MAX + looks * LOOK_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_command_is_logarithmic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
