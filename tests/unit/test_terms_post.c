/* test_terms_post.c - what gateways are told to do otherwise while they run: given, taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/gateway.h"
#include "gateway/session/session.h"
#include "gateway/terms.h"

static struct mem mem;
static struct ring cmds;

/* Numbers at once, accounts a piece a turn; only then it is taken. */
static void test_given_and_taken(void **state)
{
    static struct terms_account accounts[TERMS_ACCOUNTS_PER_TURN + 3];
    struct session_conf sc = {.accounts_max = 128, .instruments_max = 1, .connections_max = 1};
    struct session_rings rings = {.cmd = &cmds};
    static struct sessions S;
    static struct lobby l;
    struct store_memory stores;
    struct rates_memory rates;
    struct terms_post post = {.at = 0};
    struct gateway_conf gc;
    struct gateway_terms t, t2;
    (void)state;

    mem_init(&mem, 0);
    ring_init(&cmds, &mem, "cmds", 256);
    store_memory_init(&stores, &mem, 128, 2, 1, UNDURABLE_SLOTS_MIN);
    rings.stores = &stores;
    rates_memory_init(&rates, &mem, 128, RATES_EACH_MIN, 5);
    rings.rates = &rates;
    sessions_init(&S, &sc, &rings, &mem);
    gateway_conf_defaults(&gc);
    gc.heartbeat_ns = 77;
    gc.login_timeout_ns = 71;
    gc.silence_timeout_ns = 72;
    gc.slow_timeout_ns = 73;
    gc.guests_per_source = 74;
    gc.rate_reject_per_s = 75;
    gc.rate_stop_per_s = 76;
    gc.login_terms = LOGIN_AHEAD_NEXT;
    gc.balancers_used = 1;
    gc.balancers[0].ipv4 = 5;
    terms_of(&t, &gc);
    terms_follow(&post, &S, &l); /* nothing was given */
    assert_int_equal(S.conf.heartbeat_ns, 0);
    for (u32 i = 0; i < ARRAY_LEN(accounts); i++) {
        snprintf(accounts[i].user, 6, "U%04u", i);
        accounts[i].user[5] = ' ';
        accounts[i].ports = (struct account_ports){1, {4242}};
        accounts[i].networks.used = 1;
    }
    t.accounts = accounts;
    t.accounts_used = ARRAY_LEN(accounts);
    terms_give(&post, &t);
    terms_follow(&post, &S, &l);
    assert_int_equal(S.conf.heartbeat_ns, 77);
    assert_int_equal(S.conf.login_timeout_ns, 71);
    assert_int_equal(l.timeout_ns, 71);
    assert_int_equal(S.conf.silence_timeout_ns, 72);
    assert_int_equal(S.conf.slow_timeout_ns, 73);
    assert_int_equal(S.conf.guests_per_source, 74);
    assert_int_equal(S.conf.rate_reject_per_s, 75);
    assert_int_equal(S.conf.rate_stop_per_s, 76);
    assert_int_equal(S.conf.login_terms, LOGIN_AHEAD_NEXT);
    assert_int_equal(l.balancers[0].ipv4, 5);
    assert_int_equal(S.directory.accounts_used, TERMS_ACCOUNTS_PER_TURN);
    assert_false(terms_taken(&post, &t));
    terms_follow(&post, &S, &l);
    assert_int_equal(S.directory.accounts_used, ARRAY_LEN(accounts));
    assert_int_equal(S.directory.accounts[66].ports.at[0], 4242);
    assert_int_equal(S.directory.accounts[66].networks.used, 1);
    assert_true(terms_taken(&post, &t));
    terms_of(&t2, &gc);
    terms_give(&post, &t2);
    terms_follow(&post, &S, &l);
    assert_true(terms_taken(&post, &t2) && !terms_taken(&post, &t));
    assert_int_equal(S.directory.accounts[66].ports.used, 1); /* nobody has said else */
    mem_free_all(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_given_and_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
