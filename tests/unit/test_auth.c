/* test_auth.c - passwords, the remembered digest, limits per address, queues, secrets wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "engine/base/mem.h"
#include "gateway/session/auth.h"

struct rig {
    struct mem mem;
    struct ring requests, answers;
    struct auth *auth;
    u64 now_ns;
    u64 conn;
};

static char hash[AUTH_HASH_BYTES]; /* of SECRET1; made once: it takes its time */

static void rig_open(struct rig *r, u32 failures_max)
{
    struct auth_conf conf = {
        .users_max = 2, .failures_max = failures_max, .failures_window_ns = 60 * NS_PER_SEC};

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

static void test_right_wrong_unknown(void **state)
{
    struct rig r;
    (void)state;

    rig_open(&r, 0);
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_BAD); /* nobody is known */
    assert_true(auth_user_set(r.auth, "ALICE ", hash));
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(ask(&r, "ALICE ", "SECRET2   ", 1), AUTH_BAD); /* also when remembered */
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(ask(&r, "BOB   ", "SECRET1   ", 1), AUTH_BAD);
    rig_close(&r);
}

/* Time that this thread has computed: what else the machine does is not measured. */
static u64 cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static void test_second_time_is_cheap_and_unknown_is_not(void **state)
{
    struct rig r;
    u64 t[4];
    (void)state;

    rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    t[0] = cpu_ns();
    ask(&r, "ALICE ", "SECRET1   ", 1);
    t[1] = cpu_ns();
    ask(&r, "ALICE ", "SECRET1   ", 1);
    t[2] = cpu_ns();
    ask(&r, "NOBODY", "SECRET1   ", 1);
    t[3] = cpu_ns();
    assert_true((t[1] - t[0]) / 4 > t[2] - t[1]);
    assert_true((t[3] - t[2]) * 4 > t[1] - t[0]);
    rig_close(&r);
}

static void test_new_hash_forgets_the_digest(void **state)
{
    static char other[AUTH_HASH_BYTES];
    struct rig r;
    (void)state;

    assert_true(auth_hash("changed", other));
    rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_true(auth_user_set(r.auth, "ALICE ", other));
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_BAD);
    assert_int_equal(ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_OK);
    rig_close(&r);
}

/* While a user changes from one password to the other both are right, and nothing else is. */
static void test_two_passwords(void **state)
{
    static char other[AUTH_HASH_BYTES];
    struct rig r;
    (void)state;

    assert_true(auth_hash("changed", other));
    rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    assert_int_equal(ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_BAD);
    assert_false(auth_user_next(r.auth, "ALICE ", "changed"));
    assert_true(auth_user_next(r.auth, "ALICE ", other));
    for (u32 i = 0; i < 2; i++) { /* the slow way, then as remembered */
        assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
        assert_int_equal(ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_OK);
        assert_int_equal(ask(&r, "ALICE ", "SECRET2   ", 1), AUTH_BAD);
    }
    assert_true(auth_user_set(r.auth, "ALICE ", other)); /* the old one goes */
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_BAD);
    assert_int_equal(ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_OK);
    rig_close(&r);
}

static void test_too_many_failures(void **state)
{
    struct rig r;
    (void)state;

    rig_open(&r, 3);
    auth_user_set(r.auth, "ALICE ", hash);
    for (u32 i = 0; i < 3; i++)
        assert_int_equal(ask(&r, "ALICE ", "WRONG     ", 7), AUTH_BAD);
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 7), AUTH_LIMITED); /* even the right one */
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 8), AUTH_OK);      /* from elsewhere */
    r.now_ns += 60 * NS_PER_SEC;
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 7), AUTH_OK);
    assert_int_equal(ask(&r, "ALICE ", "WRONG     ", 7), AUTH_BAD); /* counted anew */
    assert_int_equal(ask(&r, "ALICE ", "SECRET1   ", 7), AUTH_OK);
    rig_close(&r);
}

static void test_requests_are_wiped_and_answers_wait(void **state)
{
    struct rig r;
    struct auth_request q = {.conn = 1, .peer_ipv4 = 1};
    static const u8 zero[SLOT_BYTES];
    (void)state;

    rig_open(&r, 0);
    memcpy(q.password, "SECRET1   ", 10);
    for (u32 i = 0; i < 8; i++)
        ring_push(&r.answers, &q, 1); /* full */
    ring_push(&r.requests, &q, 1);
    assert_int_equal(auth_do_work(r.auth, 1), 0); /* nowhere to answer: it stays */
    ring_avail(&r.answers, 8);
    ring_take(&r.answers, 8);
    assert_int_equal(auth_do_work(r.auth, 1), 1);
    assert_memory_equal(&r.requests.slots[0], zero, sizeof zero);
    rig_close(&r);
}

static void test_what_is_no_hash(void **state)
{
    struct rig r;
    char text[AUTH_HASH_BYTES];
    (void)state;

    rig_open(&r, 0);
    assert_false(auth_user_set(r.auth, "ALICE ", ""));
    assert_false(auth_user_set(r.auth, "ALICE ", "SECRET1"));
    assert_false(auth_user_set(r.auth, "ALICE ", "$argon2id$v=19$m=1,t=1,p=1$x$y"));
    assert_true(auth_user_set(r.auth, "ALICE ", hash));
    assert_true(auth_user_set(r.auth, "BOB   ", hash));
    assert_false(auth_user_set(r.auth, "CAROL ", hash)); /* no room */
    assert_false(auth_hash("", text));
    assert_false(auth_hash("elevenchars", text));
    assert_false(auth_hash("a b", text));
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
        cmocka_unit_test(test_right_wrong_unknown),
        cmocka_unit_test(test_second_time_is_cheap_and_unknown_is_not),
        cmocka_unit_test(test_new_hash_forgets_the_digest),
        cmocka_unit_test(test_two_passwords),
        cmocka_unit_test(test_too_many_failures),
        cmocka_unit_test(test_requests_are_wiped_and_answers_wait),
        cmocka_unit_test(test_what_is_no_hash),
    };
    return cmocka_run_group_tests(tests, make_hash, NULL);
}
