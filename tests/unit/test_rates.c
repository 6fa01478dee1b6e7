/*
 * test_rates.c - rates and repeats at their boundaries, against a naive reference with an account
 * that attacks and one that is its victim, and from gateway to gateway.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/bytes.h"
#include "gateway/session/rates.h"
#include "gateway/session/session.h"
#include "tests/lib/seed.h"

#define T0   (1000 * NS_PER_SEC)
#define EACH 16u

static struct mem mem;
static struct rates_memory rm;
static struct rates *rates; /* of account 1 */

static int setup(void **state)
{
    (void)state;
    mem_init(&mem, 0);
    rates_memory_init(&rm, &mem, 2, EACH, 7);
    rates = rates_first(&rm, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

static bool symbol(u16 instrument, u32 per_s, u64 now_ns)
{
    return rates_symbol(rates, instrument, per_s, now_ns) == RATES_PASS;
}

/* A burst of a second's worth, then one for each share of a second, and never more over time. */
static void test_rate(void **state)
{
    u32 passed = 0;
    (void)state;

    for (u32 i = 0; i < 50; i++)
        passed += symbol(1, 10, T0);
    assert_int_equal(passed, 10);
    assert_int_equal(rates_symbol(rates, 1, 10, T0), RATES_TOO_MANY);
    assert_true(symbol(2, 10, T0)); /* another one */
    assert_true(symbol(1, 10, T0 + 100 * NS_PER_MS));
    assert_false(symbol(1, 10, T0 + 100 * NS_PER_MS));
    for (u64 ms = 100; ms < 10100; ms++)
        passed += symbol(1, 10, T0 + ms * NS_PER_MS);
    assert_in_range(passed, 109, 111);
    passed = 0;
    for (u32 i = 0; i < 50; i++) /* a pause saves up one second, no more */
        passed += symbol(1, 10, T0 + 1000 * NS_PER_SEC);
    assert_int_equal(passed, 10);
}

static bool alike(u64 like, u64 now_ns)
{
    return rates_alike(rates, 1, like, 3, 50 * NS_PER_MS, now_ns) == RATES_PASS;
}

static void test_repeat(void **state)
{
    (void)state;
    for (u32 i = 0; i < 5; i++)
        assert_int_equal(alike(1, T0 + i), i < 3);
    assert_true(alike(2, T0));
    assert_false(alike(1, T0 + 50 * NS_PER_MS - 1));
    for (u32 i = 0; i < 5; i++) /* a new window */
        assert_int_equal(alike(1, T0 + 50 * NS_PER_MS), i < 3);
    assert_int_equal(rates_alike(rates, 2, 1, 1, 1, T0), RATES_PASS); /* another instrument */
    assert_int_equal(rates_symbol(rates, 1, 1, T0), RATES_PASS);      /* another kind */
}

/* Room is there again at the moment when something is over, not before. */
static void test_room(void **state)
{
    (void)state;
    for (u64 like = 1; like <= EACH; like++)
        assert_true(alike(like, T0 + like));
    assert_int_equal(rates_symbol(rates, 1, 1, T0 + 50 * NS_PER_MS), RATES_FULL);
    assert_false(alike(99, T0 + 50 * NS_PER_MS));
    assert_true(alike(99, T0 + 50 * NS_PER_MS + 1));
    assert_false(alike(100, T0 + 50 * NS_PER_MS + 1));
    assert_true(symbol(1, 1, T0 + 50 * NS_PER_MS + 2));
    rates_check(rates);
}

/* ---- against a naive reference ---- */

#define KEYS 64u

/* All that two accounts were seen doing, for ever; nothing is ever given up for room. */
struct naive {
    u64 over_ns[2][KEYS]; /* by kind and what */
    u64 until_ns[KEYS];
    u32 count[KEYS];
};

static u32 naive_live(const struct naive *n, u64 now_ns)
{
    u32 live = 0;

    for (u32 i = 0; i < 2 * KEYS; i++)
        live += n->over_ns[i / KEYS][i % KEYS] > now_ns;
    return live;
}

/* Room for one more is what the others leave. */
static bool naive_full(const struct naive *n, u32 kind, u32 what, u64 now_ns)
{
    return n->over_ns[kind][what] <= now_ns && naive_live(n, now_ns) == EACH;
}

static enum rates_answer naive_symbol(struct naive *n, u32 what, u32 per_s, u64 now_ns)
{
    if (naive_full(n, 0, what, now_ns))
        return RATES_FULL;
    if (n->until_ns[what] >= now_ns + NS_PER_SEC)
        return RATES_TOO_MANY;
    n->until_ns[what] = max_u64(n->until_ns[what], now_ns) + NS_PER_SEC / per_s;
    n->over_ns[0][what] = now_ns + 2 * NS_PER_SEC;
    return RATES_PASS;
}

static enum rates_answer naive_alike(struct naive *n, u32 what, u32 max, u64 window_ns, u64 now_ns)
{
    if (naive_full(n, 1, what, now_ns))
        return RATES_FULL;
    if (n->over_ns[1][what] <= now_ns) {
        n->over_ns[1][what] = now_ns + window_ns;
        n->count[what] = 0;
    }
    if (n->count[what] >= max)
        return RATES_TOO_MANY;
    n->count[what]++;
    return RATES_PASS;
}

/* One order of an account: any of `keys` things, by either kind of check. */
static enum rates_answer order(struct rng *rng, struct naive *n, u32 account, u32 keys, u64 now_ns)
{
    u32 what = (u32)rng_below(rng, keys);
    u32 max = account == 1 ? 1 + (u32)rng_below(rng, 4) : 3; /* the attacker's checks change */
    enum rates_answer want, got;

    if (rng_below(rng, 2)) {
        want = naive_symbol(n, what, max, now_ns);
        got = rates_symbol(rates_first(&rm, account), (u16)what, max, now_ns);
    } else {
        u64 window_ns = account == 1 ? rng_below(rng, NS_PER_SEC) + 1 : 800 * NS_PER_MS;
        want = naive_alike(n, what, max, window_ns, now_ns);
        got = rates_alike(rates_first(&rm, account), (u16)(what % 3), what, max, window_ns, now_ns);
    }
    assert_int_equal(got, want);
    return got;
}

/*
 * The attacker does four times as many things as he is watched for, twenty for one of the
 * victim's: both are judged as if each were alone and memory had no end, but for what the attacker
 * is told not to do.
 */
static void test_attacker_and_victim(void **state)
{
    static struct naive naive[2];
    struct rng rng = {.seed = test_seed()};
    u64 now_ns = T0;
    u32 seen[3][3] = {0};
    (void)state;

    memset(naive, 0, sizeof naive);
    for (u32 i = 0; i < 200000; i++) {
        u32 account = rng_below(&rng, 20) == 0 ? 2 : 1;
        seen[account][order(&rng, &naive[account - 1], account, account == 1 ? KEYS : 2, now_ns)]++;
        now_ns += rng_below(&rng, 16) == 0 ? rng_below(&rng, 100 * NS_PER_MS) : 0;
        if (i % 1024 == 0) {
            rates_check(rates_first(&rm, 1));
            rates_check(rates_first(&rm, 2));
        }
    }
    for (u32 answer = RATES_PASS; answer <= RATES_FULL; answer++)
        assert_true(seen[1][answer] > 1000);
    assert_true(seen[2][RATES_PASS] > 300 && seen[2][RATES_TOO_MANY] > 300);
    assert_int_equal(seen[2][RATES_FULL], 0);
}

/* ---- from gateway to gateway ---- */

static void test_let_go_and_taken(void **state)
{
    (void)state;
    while (symbol(1, 10, T0))
        ;
    assert_null(rates_take(&rm, 1, 9)); /* gateway 0 has them */
    rates_let_go(rates, 5);
    assert_null(rates_take(&rm, 1, 4)); /* who is behind takes nothing */
    assert_ptr_equal(rates_take(&rm, 1, 5), rates);
    assert_null(rates_take(&rm, 1, 5)); /* nor does a second one */
    assert_false(symbol(1, 10, T0));
    rates_let_go(rates, 7);
    assert_ptr_equal(rates_take(&rm, 1, 9), rates);
}

/* Two gateways of one process, without anything behind them. */
#define GATEWAYS 2u
static struct {
    struct store_memory stores;
    struct rates_memory rates;
    struct ring cmd, auth;
    struct sessions S[GATEWAYS];
    u32 ref;
} two;

static void event(struct sessions *S, union msg *m, u8 type, u8 slots)
{
    m->ev.type = type;
    m->ev.slots = slots;
    m->ev.account = 1;
    m->ev.seq = 0; /* all is durable */
    assert_true(sessions_event(S, m));
}

static void two_make(void)
{
    struct session_conf conf = {.connections_max = 4,
                                .accounts_max = 1,
                                .instruments_max = 1,
                                .rate_reject_per_s = 10,
                                .rate_stop_per_s = 20,
                                .login_timeout_ns = NS_PER_SEC,
                                .silence_timeout_ns = NS_PER_SEC,
                                .heartbeat_ns = NS_PER_SEC,
                                .slow_timeout_ns = NS_PER_SEC};
    struct session_rings rings = {
        .cmd = &two.cmd, .auth_requests = &two.auth, .stores = &two.stores, .rates = &two.rates};
    union msg m;

    memset(&two, 0, sizeof two);
    ring_init(&two.cmd, &mem, "cmd", 1024);
    ring_init(&two.auth, &mem, "auth", 64);
    store_memory_init(&two.stores, &mem, 1, STORE_CHUNKS_MIN, GATEWAYS, UNDURABLE_SLOTS_MIN);
    rates_memory_init(&two.rates, &mem, 1, EACH, 7);
    for (u16 g = 0; g < GATEWAYS; g++) {
        conf.gateway = g;
        sessions_init(&two.S[g], &conf, &rings, &mem);
        sessions_turn(&two.S[g], T0, SPACE_OK);
        memset(&m, 0, sizeof m);
        memcpy(m.account.user, "ALICE ", 6);
        event(&two.S[g], &m, EV_ACCOUNT, sizeof m.account / SLOT_BYTES);
        memset(&m, 0, sizeof m);
        m.instrument.instrument = 1;
        memcpy(m.instrument.symbol, "AAPL    ", 8);
        event(&two.S[g], &m, EV_INSTRUMENT, sizeof m.instrument / SLOT_BYTES);
    }
}

/* The engine's word on a login at gateway `to`, told to gateway `g`. */
static void bound(u32 g, u64 conn, u32 bind_id, u16 from, u16 to)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.bound.conn = conn;
    m.bound.from_seq = m.bound.next_seq = 1;
    m.bound.bind_id = bind_id;
    m.bound.from = from;
    m.bound.gateway = to;
    event(&two.S[g], &m, EV_BOUND, sizeof m.bound / SLOT_BYTES);
}

/* The last command that a gateway has put into the ring; false: there is none. */
static bool last_command(union msg *m)
{
    u64 n = ring_avail(&two.cmd, 1);

    if (n == 0)
        return false;
    for (u64 i = 0; i < n; i += m->cmd.slots) {
        memcpy(m, ring_at(&two.cmd, i), SLOT_BYTES);
        for (u32 k = 1; k < m->cmd.slots; k++)
            memcpy((u8 *)m + (size_t)k * SLOT_BYTES, ring_at(&two.cmd, i + k), SLOT_BYTES);
    }
    ring_take(&two.cmd, n);
    return true;
}

/* ALICE connects to gateway `g` and has the right password. */
static struct session *come(u32 g, u64 conn)
{
    struct auth_answer answer = {.conn = conn, .result = AUTH_OK};
    struct transport_peer peer = {.ipv4 = 1};
    u8 login[49];

    memset(login, ' ', sizeof login);
    put_be16(login, sizeof login - 2);
    memcpy(login + 2, "LALICE SECRET", 13);
    login[48] = '1';
    assert_true(session_open(&two.S[g], conn, &peer));
    struct session *s = session_find(&two.S[g], conn);
    assert_int_equal(session_data(&two.S[g], s, login, sizeof login), sizeof login);
    assert_true(sessions_auth_answer(&two.S[g], &answer));
    return s;
}

/* Login Accepted goes out. */
static void accepted(u32 g, struct session *s)
{
    u8 bytes[4096];
    struct session_out out = {.bytes = bytes, .room = sizeof bytes};

    session_send(&two.S[g], s, &out);
    assert_int_equal(s->state, SESSION_LIVE);
}

/* One more order; returns how many bytes of it were taken, and why it is to be rejected. */
static u32 send_order(u32 g, struct session *s, u16 *reject)
{
    u8 frame[50];
    union msg m;

    memcpy(frame, "..UO....B....AAPL    pppppppp0YANNCLORD         ..", sizeof frame);
    put_be16(frame, 48);
    put_be32(frame + 4, ++two.ref);
    put_be32(frame + 9, 100);
    put_be64(frame + 21, 1000000);
    put_be16(frame + 48, 0);
    last_command(&m); /* a login's */
    u32 taken = session_data(&two.S[g], s, frame, sizeof frame);
    *reject = last_command(&m) ? m.enter.reject : 0;
    return taken;
}

static void test_nobody_begins_anew_elsewhere(void **state)
{
    struct session *s;
    u16 reject;
    (void)state;

    two_make();
    s = come(0, 11);
    bound(0, 11, 1, 0, 0);
    accepted(0, s);
    for (u32 i = 0; i < 10; i++) {
        assert_int_equal(send_order(0, s, &reject), 50);
        assert_int_equal(reject, 0);
    }
    send_order(0, s, &reject);
    assert_int_equal(reject, OUCH5_PORT_RATE);

    struct session *s1 = come(1, 12); /* gateway 0 has not heard of it yet */
    bound(1, 12, 2, 0, 1);
    accepted(1, s1);
    assert_int_equal(send_order(1, s1, &reject), 0); /* waits */
    assert_int_equal(metric_get(&two.S[1].metrics.rate_waits), 1);
    bound(0, 12, 2, 0, 1);
    assert_int_equal(send_order(1, s1, &reject), 50);
    assert_int_equal(reject, OUCH5_PORT_RATE); /* as it was at gateway 0 */

    s = come(0, 13); /* and back, at once */
    bound(1, 13, 3, 1, 0);
    bound(0, 13, 3, 1, 0);
    accepted(0, s);
    assert_int_equal(send_order(0, s, &reject), 50);
    assert_int_equal(reject, OUCH5_PORT_RATE);
    sessions_check(&two.S[0]);
    sessions_check(&two.S[1]);
    metrics_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attacker_and_victim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_let_go_and_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_begins_anew_elsewhere, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
