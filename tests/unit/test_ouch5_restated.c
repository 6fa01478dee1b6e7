/* test_ouch5_restated.c - Order Restated as bytes, against the golden vector and by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/session/ouch5.h"

static const u8 vector[] = "\x52\x00\x00\x1f\x1a\xce\xd9\xf0\x7b\x00\x00\x00\x01\x52\x00\x10\x05"
                           "\x16\x00\x00\x00\x64\x09\x01\x00\x00\x00\x00\x00\x00\x00\x50";

static void test_restated(void **state)
{
    union msg m = {
        .restated = {.head = {.type = EV_RESTATED, .slots = 1, .time_ns = 0x1f1aced9f07b},
                     .secondary = 0x50,
                     .user_ref = 1,
                     .qty = 100,
                     .reason = 'R'}};
    u8 out[OUCH5_OUT_MAX];
    (void)state;

    assert_int_equal(ouch5_encode(&m, NULL, 0, out), sizeof vector - 1);
    assert_memory_equal(out, vector, sizeof vector - 1);
    m.restated.price = 1503400;
    m.restated.user_ref_idx = 9;
    assert_int_equal(ouch5_encode(&m, NULL, 0, out), 32 + 10 + 3);
    assert_memory_equal(out + 14, "\0\x1d", 2);
    assert_memory_equal(out + 32, "\x09\x17\0\0\0\0\0\x16\xf0\xa8\x02\x1c\x09", 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_restated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
