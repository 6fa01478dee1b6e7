/* auth_rig.c - see auth_rig.h. */
#include "tests/lib/auth_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

void auth_rig_open(struct auth_rig *r, u32 failures_max)
{
    struct auth_conf conf = {
        .users_max = 2,
        .failures_max = failures_max,
        .failures_window_ns = 60 * NS_PER_SEC,
        .waiting_max = AUTH_RIG_WAITING_MAX,
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

void auth_rig_close(struct auth_rig *r)
{
    auth_free(r->auth);
    mem_free_all(&r->mem);
}

enum auth_result auth_rig_ask(struct auth_rig *r, const char *user, const char *password, u32 ipv4)
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
