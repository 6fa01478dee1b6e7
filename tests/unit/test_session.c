/*
 * test_session.c - the session suite over the fake transport, in pieces and crumbs; and who
 * is slow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/session/session.h"
#include "tests/lib/fake_transport.h"
#include "tests/lib/session_client.h"
#include "tests/lib/session_suite.h"

static struct wire *whole(void)
{
    return &fake_new(1)->wire;
}

static struct wire *crumbs(void)
{
    struct fake_transport *f = fake_new(2);

    f->piece = 5;
    return &f->wire;
}

/* Nobody is slow because we had no turn: what he acknowledged meanwhile may wait to be read. */
static void test_nobody_is_slow_while_we_are_away(void **state)
{
    struct fake_transport *f = fake_new(1);
    struct rig_conf conf = rig_conf_usual();
    static struct rig rig;
    static struct rig_client client;
    (void)state;

    rig_open(&rig, &f->wire, &conf);
    client_open(&client, &rig);
    client_login(&client, "ALICE", 1);
    rig_turns(&rig, 3);
    f->conns[0].stuck = true;
    client_enter(&client, 1, 'B', 100, "AAPL", 1500000);
    rig_pass(&rig, NS_PER_SEC);
    rig.now_ns += 30 * NS_PER_SEC;
    rig_turn(&rig);
    rig_turn(&rig);
    assert_int_equal(client_end(&client), WIRE_OPEN);
    f->conns[0].stuck = false;
    client_expect_stream(&client, ALICE, 2);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nobody_is_slow_while_we_are_away)};
    int failed = session_suite_run("sessions over the fake transport", whole);

    failed += session_suite_run("the same in pieces of at most five bytes", crumbs);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
