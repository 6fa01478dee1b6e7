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
#include "tests/lib/auth_rig.h"

static char hash[AUTH_HASH_BYTES]; /* of ZECRET1; made once: it takes its time */

/* While it runs: a new user, one whose second password goes, one who may not log in any more. */
static void test_news(void **state)
{
    struct auth_change changes[] = {{.user = {'B', 'O', 'B', ' ', ' ', ' '}},
                                    {.user = {'A', 'L', 'I', 'C', 'E', ' '}},
                                    {.user = {'N', 'O', 'N', 'E', ' ', ' '}}};
    struct auth_news news[2] = {{1, NS_PER_SEC, changes, 3}, {0, NS_PER_SEC, changes, 2}};
    struct auth_rig r;
    (void)state;

    auth_rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "ZECRET1   ", 1), AUTH_OK);
    memcpy(changes[0].hashes[0], hash, sizeof hash);
    memcpy(changes[1].hashes[0], hash, sizeof hash); /* as it was: it stays remembered */
    auth_give(r.auth, &news[0]);
    assert_false(auth_has_taken(r.auth, &news[0]));
    auth_do_work(r.auth, r.now_ns);
    assert_true(auth_has_taken(r.auth, &news[0]));
    auth_register_metrics(r.auth);
    u64 hashed = metrics_sum("wirebook_auth_hashed_total");
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "ZECRET1   ", 1), AUTH_OK);
    assert_int_equal(metrics_sum("wirebook_auth_hashed_total"), hashed);
    assert_int_equal(auth_rig_ask(&r, "BOB   ", "ZECRET1   ", 1), AUTH_OK);
    assert_int_equal(auth_rig_ask(&r, "NONE  ", "ZECRET1   ", 2), AUTH_BAD);
    assert_int_equal(auth_rig_ask(&r, "BOB   ", "ZECRET1   ", 2), AUTH_LIMITED);
    r.now_ns += NS_PER_SEC; /* the window is another one, too */
    assert_int_equal(auth_rig_ask(&r, "BOB   ", "ZECRET1   ", 2), AUTH_OK);
    assert_int_equal(auth_rig_ask(&r, "NONE  ", "ZECRET1   ", 2), AUTH_BAD);
    memset(changes[1].hashes, 0, sizeof changes[1].hashes);
    auth_give(r.auth, &news[1]);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "ZECRET1   ", 2), AUTH_BAD);
    assert_int_equal(auth_rig_ask(&r, "BOB   ", "ZECRET1   ", 2), AUTH_OK);
    metrics_reset();
    auth_rig_close(&r);
}

static int make_hash(void **state)
{
    (void)state;
    return auth_hash("zecret1", hash) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_news),
    };
    return cmocka_run_group_tests(tests, make_hash, NULL);
}
