/* test_ouch5_late.c - OUCH 5.0: what is said of orders later on, against golden vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/ouch5.h"
#include "tests/lib/vectors.h"

#define MIDNIGHT 1700000000000000000ull
#define STAMP    0x00001f1aced9f07bull /* of the vectors */

static struct event_head head(u8 type)
{
    return (struct event_head){.type = type,
                               .slots = (u8)msg_type_slots(type),
                               .account = 1,
                               .seq = 9,
                               .session_seq = 3,
                               .time_ns = MIDNIGHT + STAMP};
}

static void expect_out(const union msg *m, const char *type)
{
    u8 want[256];
    u8 got[OUCH5_OUT_MAX];
    u32 n = vector_read("5.0", "out", type, want);

    assert_int_equal(ouch5_encode(m, "AAPL    ", MIDNIGHT, got), n);
    assert_memory_equal(got, want, n);
}

static void test_out_late_and_priority(void **state)
{
    union msg m;
    u8 out[OUCH5_OUT_MAX];
    (void)state;

    m.late = (struct msg_late){.head = head(EV_CANCEL_PENDING), .user_ref = 1};
    expect_out(&m, "P");
    m.late.head.type = EV_CANCEL_REJECTED;
    expect_out(&m, "I");
    m.late.user_ref_idx = 9;
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 13 + 5);
    m.priority = (struct msg_priority){.head = head(EV_PRIORITY),
                                       .order_ref = 0x4f,
                                       .user_ref = 1,
                                       .price = 1503400,
                                       .display = 'Y'};
    expect_out(&m, "T");
    m.priority.user_ref_idx = 9;
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 30 + 5);
}

static void test_out_broken(void **state)
{
    union msg m = {
        .broken = {.head = head(EV_BROKEN), .match = 0xf1206, .user_ref = 1, .reason = 'E'}};
    u8 out[OUCH5_OUT_MAX];
    (void)state;

    memcpy(m.broken.clordid, "CLORD1        ", 14);
    expect_out(&m, "B");
    m.broken.user_ref_idx = 9;
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 36 + 5);
}

static void test_restated(void **state)
{
    union msg m = {.restated = {.head = head(EV_RESTATED),
                                .secondary = 0x50,
                                .user_ref = 1,
                                .qty = 100,
                                .reason = 'R'}};
    u8 out[OUCH5_OUT_MAX];
    (void)state;

    expect_out(&m, "R");
    m.restated.price = 1503400;
    m.restated.user_ref_idx = 9;
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 32 + 10 + 3);
    assert_memory_equal(out + 14, "\0\x1d", 2);
    assert_memory_equal(out + 32, "\x09\x17\0\0\0\0\0\x16\xf0\xa8\x02\x1c\x09", 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_late_and_priority),
        cmocka_unit_test(test_out_broken),
        cmocka_unit_test(test_restated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
