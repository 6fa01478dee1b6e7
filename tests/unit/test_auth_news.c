/* test_auth_news.c - what auth is told while it runs: new users, other passwords, users that go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/metrics.h"
#include "gateway/session/auth.h"

struct rig {
    struct mem mem;
    struct ring requests, answers;
    struct auth *auth;
    u64 now_ns;
    u64 conn;
};

#define WAITING_MAX 4u

static char hash[AUTH_HASH_BYTES]; /* of SECRET1; made once: it takes its time */

static void rig_open(struct rig *r, u32 failures_max)
{
    struct auth_conf conf = {
        .users_max = 2,
        .failures_max = failures_max,
        .failures_window_ns = 60 * NS_PER_SEC,
        .waiting_max = WAITING_MAX,
    };

    memset(r, 0, sizeof *r);
    mem_init(&r->mem, 0);
    ring_init(&r->requests, &r->mem, "requests", 8);
    ring_init(&r->answers, &r->mem, "answers", 8);
    r->auth = auth_new(&conf);
    assert_non_null(r->auth);
    auth_attach(r->auth, &r->requests, &r->answers);
    r->now_ns = NS_PER_SEC;
}

static void rig_close(struct rig *r)
{
    auth_free(r->auth);
    mem_free_all(&r->mem);
}

static enum auth_result ask(struct rig *r, const char *user, const char *password, u32 ipv4)
{
    struct auth_request q = {.conn = ++r->conn, .peer_ipv4 = ipv4};
    struct auth_answer a;

    memcpy(q.user, user, 6);
    memcpy(q.password, password, 10);
    assert_true(ring_push(&r->requests, &q, 1));
    assert_int_equal(auth_do_work(r->auth, r->now_ns), 1);
    assert_int_equal(auth_do_work(r->auth, r->now_ns), 0);
    assert_int_equal(ring_avail(&r->answers, 1), 1);
    memcpy(&a, ring_at(&r->answers, 0), sizeof a);
    ring_take(&r->answers, 1);
    assert_int_equal(a.conn, r->conn);
    return (enum auth_result)a.result;
}

/* While it runs: a new user, one whose second password goes, one who may not log in any more. */
static void test_news(void **state)
{
    struct auth_change changes[] = {{.user = {'B', 'O', 'B', ' ', ' ', ' '}},
                                    {.user = {'A', 'L', 'I', 'C', 'E', ' '}},
                                    {.user = {'N', 'O', 'N', 'E', ' ', ' '}}};
    struct auth_news news[2] = {{1, NS_PER_SEC, changes, 3}, {0, NS_PER_SEC, changes, 2}};
    struct rig r;
    (void)state;

    rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    memcpy(changes[0].hashes[0], hash, sizeof hash);
    memcpy(changes[1].hashes[0], hash, sizeof hash); /* as it was: it stays remembered */
    auth_give(r.auth, &news[0]);
    assert_false(auth_has_taken(r.auth, &news[0]));
    auth_do_work(r.auth, r.now_ns);
    assert_true(auth_has_taken(r.auth, &news[0]));
    auth_register_metrics(r.auth);
    u64 hashed = metrics_sum("wirebook_auth_hashed_total");
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(metrics_sum("wirebook_auth_hashed_total"), hashed);
    assert_int_equal(ask(&r, "BOB   ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(ask(&r, "NONE  ", "SECRET1   ", 2), AUTH_BAD);
    assert_int_equal(ask(&r, "BOB   ", "SECRET1   ", 2), AUTH_LIMITED);
    memset(changes[1].hashes, 0, sizeof changes[1].hashes);
    auth_give(r.auth, &news[1]);
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 2), AUTH_BAD);
    assert_int_equal(ask(&r, "BOB   ", "SECRET1   ", 2), AUTH_OK);
    metrics_reset();
    rig_close(&r);
}

static int make_hash(void **state)
{
    (void)state;
    return auth_hash("secret1", hash) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_news),
    };
    return cmocka_run_group_tests(tests, make_hash, NULL);
}
