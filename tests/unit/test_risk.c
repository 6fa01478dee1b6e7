/* test_risk.c - each check at its boundary, and their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/msg/msg.h"
#include "gateway/session/risk.h"

static struct risk_order order(u32 qty, u32 price)
{
    struct risk_order o = {.qty = qty,
                           .price = price,
                           .instrument = 1,
                           .symbol_known = true,
                           .reference_price = 1000000};

    return o;
}

static void test_no_limits(void **state)
{
    struct risk_limits none = {0};
    struct risk_order o = order(QTY_MAX, PRICE_LIMIT_MAX);
    (void)state;

    assert_int_equal(risk_check(&none, &o), RISK_OK);
    o.instrument = 0;
    assert_int_equal(risk_check(&none, &o), RISK_UNKNOWN_SYMBOL);
    o.symbol_known = false; /* a replace: the engine knows the symbol */
    assert_int_equal(risk_check(&none, &o), RISK_OK);
}

static void test_quantity_and_notional(void **state)
{
    struct risk_limits l = {.qty_max = 1000, .notional_max = 500ull * 1000000};
    struct risk_order o = order(1000, 500000);
    (void)state;

    assert_int_equal(risk_check(&l, &o), RISK_OK); /* both exactly at the limit */
    o.qty = 1001;
    assert_int_equal(risk_check(&l, &o), RISK_QUANTITY);
    o = order(1000, 500001);
    assert_int_equal(risk_check(&l, &o), RISK_NOTIONAL);
    o = order(501, PRICE_MARKET); /* worth its reference price */
    assert_int_equal(risk_check(&l, &o), RISK_NOTIONAL);
    o.price = PRICE_MARKET_OLD;
    assert_int_equal(risk_check(&l, &o), RISK_NOTIONAL);
    o.qty = 500;
    assert_int_equal(risk_check(&l, &o), RISK_OK);
    l.notional_max = UINT64_MAX;
    l.qty_max = 0;
    o = order(UINT32_MAX, UINT32_MAX);
    assert_int_equal(risk_check(&l, &o), RISK_OK); /* no overflow */
}

static void test_collar(void **state)
{
    struct risk_limits l = {.collar_bps = 500}; /* 5 % of 100.0000 */
    struct risk_order o = order(1, 1050000);
    (void)state;

    assert_int_equal(risk_check(&l, &o), RISK_OK);
    o.price = 1050001;
    assert_int_equal(risk_check(&l, &o), RISK_COLLAR);
    o.price = 950000;
    assert_int_equal(risk_check(&l, &o), RISK_OK);
    o.price = 949999;
    assert_int_equal(risk_check(&l, &o), RISK_COLLAR);
    o.reference_price = 0;
    assert_int_equal(risk_check(&l, &o), RISK_OK);
    o = order(1, PRICE_MARKET);
    assert_int_equal(risk_check(&l, &o), RISK_OK);
    l.collar_bps = UINT32_MAX;
    o = order(1, PRICE_LIMIT_MAX);
    o.reference_price = UINT32_MAX;
    assert_int_equal(risk_check(&l, &o), RISK_OK); /* no overflow */
    o = order(1, 2000000);
    o.symbol_known = false;
    l.collar_bps = 1;
    assert_int_equal(risk_check(&l, &o), RISK_OK); /* a replace: no reference here */
}

static void test_order_of_checks(void **state)
{
    struct risk_limits l = {.qty_max = 1, .notional_max = 1, .collar_bps = 1};
    struct risk_order o = order(2, 2000000);
    (void)state;

    o.instrument = 0;
    assert_int_equal(risk_check(&l, &o), RISK_UNKNOWN_SYMBOL);
    o.instrument = 1;
    assert_int_equal(risk_check(&l, &o), RISK_QUANTITY);
    l.qty_max = 0;
    assert_int_equal(risk_check(&l, &o), RISK_NOTIONAL);
    l.notional_max = 0;
    assert_int_equal(risk_check(&l, &o), RISK_COLLAR);
}

/* Each bar stops what it names and nothing else, on Enter and, where it can be, on Replace. */
static void test_bars(void **state)
{
    static const enum risk_reason reasons[] = {RISK_MARKET,    RISK_SHORT,   RISK_EXEMPT,
                                               RISK_ISO,       RISK_PEGGING, RISK_DISPLAY,
                                               RISK_MAX_FLOOR, RISK_CROSS};
    (void)state;

    for (u32 what = 0; what <= ARRAY_LEN(reasons); what++) { /* the last one is a plain order */
        struct msg_enter e = {.price = 100, .side = 'B', .display = 'Y', .cross_type = 'N'};
        struct msg_replace r = {.price = 100, .display = 'Y'};
        e.terms.price_type = 'L';
        e.price = r.price = what == 0 ? PRICE_MARKET : 100;
        e.side = what == 1 ? 'T' : what == 2 ? 'E' : 'B';
        r.side = what == 1 ? 'T' : what == 2 ? 'E' : 0;
        e.head.flags = r.head.flags = what == 3 ? MSG_ISO : 0;
        if (what == 4)
            e.terms.price_type = r.terms.price_type = 'M';
        e.display = r.display = what == 5 ? 'N' : 'Y';
        e.terms.max_floor = r.terms.max_floor = what == 6 ? 100 : 0;
        e.cross_type = what == 7 ? 'O' : 'N';
        for (u32 bit = 0; bit < ARRAY_LEN(reasons); bit++) {
            bool hit = bit == what;
            assert_int_equal(risk_bars_enter((u16)(1 << bit), &e), hit ? reasons[bit] : RISK_OK);
            assert_int_equal(risk_bars_replace((u16)(1 << bit), &r),
                             hit && what != 7 ? reasons[bit] : RISK_OK);
        }
        assert_int_equal(risk_bars_enter(BAR_ALL, &e),
                         what < ARRAY_LEN(reasons) ? reasons[what] : RISK_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limits), cmocka_unit_test(test_quantity_and_notional),
        cmocka_unit_test(test_collar),    cmocka_unit_test(test_order_of_checks),
        cmocka_unit_test(test_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
