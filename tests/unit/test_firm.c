/*
 * test_firm.c - Modify, Mass Cancel, Disable and Enable by rules 8, 10 and 11 of CONFORMANCE.md
 * section 6. Each transaction is also applied to a shadow, whose state must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/rules.h"
#include "tests/lib/venue_rig.h"

/* ---- rule 8: modify ---- */

static u32 modify(u32 account, u32 ref, char side, u32 qty)
{
    union msg m = venue_cmd(CMD_MODIFY, account);
    m.modify.user_ref = ref;
    m.modify.side = (u8)side;
    m.modify.qty = qty;
    return venue_send(&v, &m);
}

static void test_modify_keeps_priority(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    venue_enter(&v, BOB, 1, 'S', 100, 10000, '0');
    assert_int_equal(modify(ANN, 1, 'T', 60), 1);
    const struct msg_modified *m = &venue_event(&v, 0)->modified;
    assert_int_equal(m->head.type, EV_MODIFIED);
    assert_int_equal(m->side, 'T');
    assert_int_equal(m->qty, 40);
    assert_int_equal(m->leaves, 60);
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 160);
    venue_enter(&v, BOB, 2, 'B', 70, 10000, '0');
    assert_string_equal(venue_letters(&v), "AEEEE");
    assert_int_equal(venue_event(&v, 2)->executed.head.account, ANN);
    assert_int_equal(venue_event(&v, 2)->executed.qty, 60);
}

static void test_modify_counts_what_is_executed(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    venue_enter(&v, BOB, 1, 'B', 30, 10000, '3');
    assert_int_equal(modify(ANN, 1, 'S', 101), 0); /* more than it is */
    assert_int_equal(modify(ANN, 1, 'S', 100), 1); /* as it is */
    assert_int_equal(venue_event(&v, 0)->modified.leaves, 70);
    assert_int_equal(modify(ANN, 1, 'S', 50), 1);
    assert_int_equal(venue_event(&v, 0)->modified.leaves, 20);
    assert_int_equal(modify(ANN, 1, 'S', 30), 1); /* nothing is left to be open */
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_CANCELLED);
    assert_int_equal(venue_event(&v, 0)->cancelled.reason, 'U');
    assert_int_equal(engine_open_orders(v.e), 0);
    assert_int_equal(modify(ANN, 1, 'S', 10), 0);
}

static void test_modify_changes_few_sides(void **state)
{
    static const char *const legal[] = {"BB", "SS", "TT", "EE", "SE", "ST", "ET"};
    u32 ref = 1;
    (void)state;

    for (const char *from = "BSTE"; *from; from++) {
        for (const char *to = "BSTEX"; *to; to++, ref++) {
            bool ok = false;
            for (u32 i = 0; i < ARRAY_LEN(legal); i++)
                ok |= legal[i][0] == *from && legal[i][1] == *to;
            venue_enter(&v, ANN, ref, *from, 10, *from == 'B' ? 9000 : 11000, '0');
            assert_int_equal(modify(ANN, ref, *to, 10), ok);
            venue_cancel(&v, ANN, ref, 0);
        }
    }
}

static void test_modify_keeps_what_was_located(void **state)
{
    union msg m = venue_cmd(CMD_MODIFY, ANN);
    (void)state;

    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    m.modify.user_ref = 1;
    m.modify.side = 'T';
    m.modify.qty = 100;
    m.modify.located = 'Y';
    memcpy(m.modify.locate_broker, "BRKR", 4);
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->modified.located, 'Y');
    u32 id = refs_find(&v.e->refs, owner_of(ANN, 0), 1);
    assert_int_equal(v.e->orders.terms[id].tags, TAG_BIT(25) | TAG_BIT(26));
    assert_int_equal(v.e->orders.terms[id].yes, YES_SHARES_LOCATED);
    assert_memory_equal(v.e->orders.terms[id].locate_broker, "BRKR", 4);
}

/* ---- rule 10: mass cancel ---- */

static union msg mass_cmd(u32 account, u32 ref)
{
    union msg m = venue_cmd(CMD_MASS_CANCEL, account);
    m.mass.user_ref = ref;
    memset(m.mass.firm, ' ', sizeof m.mass.firm);
    memset(m.mass.symbol, ' ', sizeof m.mass.symbol);
    return m;
}

/* Six orders of ANN: sides, symbols, groups, firms, channels; one of BOB. */
static void six_orders(void)
{
    for (u32 ref = 1; ref <= 6; ref++) {
        char side = "BBSTEB"[ref - 1];
        union msg m = venue_enter_cmd(ANN, ref, side, 10, side == 'B' ? 9000 : 11000, '0');
        m.enter.instrument = ref == 2 ? BBB : AAA;
        if (ref == 3) {
            m.enter.terms.tags = TAG_BIT(24);
            m.enter.terms.group_id = 7;
        }
        if (ref == 4) {
            m.enter.terms.tags = TAG_BIT(2);
            memcpy(m.enter.terms.firm, "FRMX", 4);
        }
        if (ref == 6) {
            m.enter.user_ref_idx = 9;
            m.enter.terms.tags = TAG_BIT(28);
        }
        assert_int_equal(venue_send(&v, &m), 1);
    }
    venue_enter(&v, BOB, 1, 'B', 10, 9000, '0');
}

/* The numbers of the orders that went. */
static void assert_gone(const union msg *request, const char *refs)
{
    union msg m = *request;
    u32 n = venue_send(&v, &m);

    assert_int_equal(n, 1 + strlen(refs));
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_MASS_CANCELLED);
    for (u32 i = 1; i < n; i++) {
        const struct msg_cancelled *c = &venue_event(&v, i)->cancelled;
        assert_int_equal(c->head.type, EV_CANCELLED);
        assert_int_equal(c->user_ref, (u32)(refs[i - 1] - '0'));
        assert_int_equal(c->reason, 'U');
        assert_int_equal(c->leaves, 0);
    }
}

static void test_mass_cancel_by_each_filter(void **state)
{
    union msg m = mass_cmd(ANN, 10);
    (void)state;

    six_orders();
    memcpy(m.mass.symbol, "BBB     ", 8);
    assert_gone(&m, "2");
    m = mass_cmd(ANN, 11);
    memcpy(m.mass.firm, "FRMX", 4);
    assert_gone(&m, "4");
    m = mass_cmd(ANN, 12);
    m.mass.has_group = 1;
    m.mass.group_id = 7;
    assert_gone(&m, "3");
    m = mass_cmd(ANN, 13);
    m.mass.side = 'E';
    m.mass.has_group = 1; /* of no group */
    assert_gone(&m, "5");
    m = mass_cmd(ANN, 14);
    memcpy(m.mass.symbol, "NONE    ", 8);
    assert_gone(&m, "");
    m = mass_cmd(ANN, 15);
    assert_gone(&m, "16"); /* all channels, and nobody else's */
    assert_int_equal(engine_open_orders(v.e), 1);
    assert_int_equal(venue_send(&v, &m), 0); /* a resend */
}

static void test_mass_cancel_in_chunks(void **state)
{
    union msg m = mass_cmd(ANN, 10);
    (void)state;

    six_orders();
    v.e->chunk_cancels = v.shadow->chunk_cancels = 2;
    m.mass.side = 'B';
    assert_int_equal(venue_send(&v, &m), 4);
    assert_string_equal(venue_letters(&v), "XCCw");
    assert_int_equal(venue_event(&v, 3)->work.kind, WORK_MASS);
    assert_true(engine_busy(v.e));
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "w"); /* two were looked at */
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "Cw");
    assert_int_equal(venue_event(&v, 1)->work.kind, WORK_NONE);
    assert_false(engine_busy(v.e));
    engine_check(v.e);
}

/* ---- rule 11: disable and enable ---- */

static u32 firm(u8 type, u32 account, u32 ref, const char *name)
{
    union msg m = venue_cmd(type, account);
    m.firm.user_ref = ref;
    memcpy(m.firm.firm, name, 4);
    return venue_send(&v, &m);
}

static void test_disabled_firms_enter_nothing(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 10, 9000, '0');
    assert_int_equal(firm(CMD_DISABLE, ANN, 2, "    "), 1);
    assert_string_equal(venue_letters(&v), "G");
    assert_int_equal(firm(CMD_DISABLE, ANN, 2, "    "), 0); /* a resend */
    venue_enter(&v, ANN, 3, 'B', 10, 9000, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_FIRM);
    venue_replace(&v, ANN, 1, 4, 10, 9100);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_REPLACE);
    assert_int_equal(engine_open_orders(v.e), 1); /* the original stays */

    union msg m = venue_enter_cmd(ANN, 5, 'B', 10, 9000, '0');
    m.enter.terms.tags = TAG_BIT(2);
    memcpy(m.enter.terms.firm, "FRMX", 4);
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A"); /* another firm */
    venue_enter(&v, BOB, 1, 'B', 10, 9000, '0');
    assert_string_equal(venue_letters(&v), "A"); /* another account */

    assert_int_equal(firm(CMD_ENABLE, ANN, 6, "    "), 1);
    assert_string_equal(venue_letters(&v), "K");
    assert_int_equal(firm(CMD_DISABLE, ANN, 2, "    "), 0); /* a late resend blocks nobody */
    venue_enter(&v, ANN, 7, 'B', 10, 9000, '0');
    assert_string_equal(venue_letters(&v), "A");
}

static void test_disabled_firms_have_their_bound(void **state)
{
    char name[5] = "FRM0";
    u32 ref = 1;
    (void)state;

    for (u32 i = 0; i < BLOCKED_FIRMS_MAX; i++, name[3]++)
        assert_int_equal(firm(CMD_DISABLE, ANN, ref++, name), 1);
    firm(CMD_DISABLE, ANN, ref++, "FRM0"); /* again */
    assert_string_equal(venue_letters(&v), "G");
    firm(CMD_DISABLE, ANN, ref++, name);
    assert_string_equal(venue_letters(&v), "J");
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_PROCESSING);
    firm(CMD_ENABLE, ANN, ref++, "FRM3");
    firm(CMD_DISABLE, ANN, ref++, name);
    assert_string_equal(venue_letters(&v), "G");
    venue_day_end(&v);
    assert_int_equal(v.e->accounts.at[ANN].blocked_used, 0); /* the block ends with the day */
    engine_check(v.e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_modify_keeps_priority, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_modify_counts_what_is_executed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_modify_changes_few_sides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_modify_keeps_what_was_located, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mass_cancel_by_each_filter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mass_cancel_in_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disabled_firms_enter_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disabled_firms_have_their_bound, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
