/* test_ouch42.c - OUCH 4.2: golden vectors both ways, every field's set, every letter out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/bytes.h"
#include "gateway/session/ouch42.h"
#include "tests/lib/seed.h"
#include "tests/lib/vectors.h"

#define TOKEN_1  "TOKEN000000001"
#define TOKEN_2  "TOKEN000000002"
#define MIDNIGHT 1700000000000000000ull
#define STAMP    0x00001f1aced9f07bull /* of the vectors */

static struct ouch42_names names;

static u32 vector(u8 *out, const char *dir, const char *type)
{
    return vector_read("4.2", dir, type, out);
}

static union msg decoded(const char *type)
{
    u8 bytes[256];
    union msg m;

    memset(&names, 0, sizeof names);
    assert_int_equal(ouch42_decode(bytes, vector(bytes, "in", type), &m, &names), OUCH5_COMMAND);
    return m;
}

static void in_enter(void **state)
{
    union msg m = decoded("O");
    (void)state;

    assert_memory_equal(names.token, TOKEN_1, 14);
    assert_int_equal(m.cmd.type, CMD_ENTER);
    assert_int_equal(m.cmd.slots, 2);
    assert_int_equal(m.cmd.flags, 0);
    assert_int_equal(m.enter.user_ref, 0);
    assert_int_equal(m.enter.side, 'B');
    assert_int_equal(m.enter.qty, 100);
    assert_memory_equal(m.enter.symbol, "AAPL    ", 8);
    assert_int_equal(m.enter.price, 1503400);
    assert_int_equal(m.enter.tif, '5');
    assert_int_equal(m.enter.display, 'Y');
    assert_int_equal(m.enter.capacity, 'P');
    assert_int_equal(m.enter.cross_type, 'N');
    assert_memory_equal(m.enter.terms.clordid, TOKEN_1, 14);
    assert_int_equal(m.enter.terms.tags, TAG_BIT(2) | TAG_BIT(4));
    assert_memory_equal(m.enter.terms.firm, "FIRM", 4);
    assert_int_equal(m.enter.terms.customer_type, 'N');
    assert_int_equal(m.enter.reject, 0);
}

static void in_others(void **state)
{
    union msg m = decoded("U");
    (void)state;

    assert_memory_equal(names.existing, TOKEN_1, 14);
    assert_memory_equal(names.token, TOKEN_2, 14);
    assert_int_equal(m.cmd.type, CMD_REPLACE);
    assert_int_equal(m.replace.qty, 200);
    assert_int_equal(m.replace.price, 1503400);
    assert_int_equal(m.replace.tif, '5');
    assert_int_equal(m.replace.display, 'Y');
    assert_memory_equal(m.replace.terms.clordid, TOKEN_2, 14);
    assert_int_equal(m.replace.terms.tags, TAG_BIT(3) | TAG_BIT(6) | TAG_BIT(12) | TAG_BIT(17));
    assert_int_equal(m.replace.terms.yes, 0);
    assert_int_equal(m.replace.terms.price_type, 'L');
    assert_int_equal(m.replace.terms.handle_inst, ' '); /* not what the original has */
    assert_int_equal(m.replace.reject, 0);

    m = decoded("X");
    assert_memory_equal(names.existing, TOKEN_1, 14);
    assert_int_equal(m.cmd.type, CMD_CANCEL);
    assert_int_equal(m.cancel.qty, 0);

    m = decoded("M");
    assert_memory_equal(names.existing, TOKEN_1, 14);
    assert_int_equal(m.cmd.type, CMD_MODIFY);
    assert_int_equal(m.modify.side, 'T');
    assert_int_equal(m.modify.qty, 50);
}

/* The vector's Enter with `n` bytes at `at` changed. */
static union msg enter_with(u32 at, const void *bytes, u32 n)
{
    u8 p[64];
    union msg m;
    u32 len = vector(p, "in", "O");

    memcpy(p + at, bytes, n);
    assert_int_equal(ouch42_decode(p, len, &m, &names), OUCH5_COMMAND);
    return m;
}

static u16 reject_with(u32 at, u8 c)
{
    return enter_with(at, &c, 1).enter.reject;
}

static void every_letter_of_enter(void **state)
{
    static const struct {
        u32 at;
        const char *good;
        u16 reject;
    } rows[] = {
        {15, "BSTE", 0x0009},   {40, "YANPLIMWOTQ", 0x0003}, {41, "APRO", 0x000F},
        {42, "YN", 0x000F},     {47, "NOCHSREA", 0x0014},    {48, "RN ", 0x000F},
        {36, "AZ09 F", 0x000F},
    };
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        for (u32 c = 0; c < 256; c++) {
            bool good = c != 0 && strchr(rows[i].good, (int)c) != NULL;
            if (rows[i].at == 36)
                good = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
            assert_int_equal(reject_with(rows[i].at, (u8)c), good ? 0 : rows[i].reject);
        }
    }
}

static void display_is_several_terms(void **state)
{
    static const struct {
        u8 letter, display;
        u32 tags;
        u8 price_type, handle;
    } rows[] = {
        {'Y', 'Y', 0, 0, 0},
        {'A', 'A', 0, 0, 0},
        {'N', 'N', 0, 0, 0},
        {'P', 'Y', TAG_BIT(12), 0, 0},
        {'L', 'A', TAG_BIT(12), 0, 0},
        {'M', 'N', TAG_BIT(6), 'M', 0},
        {'W', 'N', TAG_BIT(6) | TAG_BIT(12), 'M', 0},
        {'I', 'Y', TAG_BIT(17), 0, 'I'},
        {'O', 'Y', TAG_BIT(17), 0, 'O'},
        {'T', 'Y', TAG_BIT(17), 0, 'T'},
        {'Q', 'Y', TAG_BIT(17), 0, 'Q'},
    };
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        union msg m = enter_with(40, &rows[i].letter, 1);
        assert_int_equal(m.enter.display, rows[i].display);
        assert_int_equal(m.enter.terms.tags, rows[i].tags | TAG_BIT(2) | TAG_BIT(4));
        assert_int_equal(m.enter.terms.yes, rows[i].tags & TAG_BIT(12) ? YES_POST_ONLY : 0);
        assert_int_equal(m.enter.terms.price_type, rows[i].price_type);
        assert_int_equal(m.enter.terms.handle_inst, rows[i].handle);
    }
}

static union msg enter_number(u32 at, u32 value)
{
    u8 b[4];

    put_be32(b, value);
    return enter_with(at, b, 4);
}

static void numbers_of_enter(void **state)
{
    (void)state;
    assert_int_equal(enter_number(32, 0).enter.tif, '3');
    assert_int_equal(enter_number(32, 99998).enter.tif, '0');
    union msg m = enter_number(32, 86399);
    assert_int_equal(m.enter.tif, '6');
    assert_int_equal(m.enter.terms.expire_s, 86399);
    assert_true(m.enter.terms.tags & TAG_BIT(15));
    assert_int_equal(enter_number(32, 86400).enter.reject, 0x000F);
    assert_int_equal(enter_number(32, 99997).enter.reject, 0x000F);
    assert_int_equal(enter_number(16, 0).enter.reject, 0x0013);
    assert_int_equal(enter_number(16, 999999).enter.reject, 0);
    assert_int_equal(enter_number(16, 1000000).enter.reject, 0x0013);
    assert_int_equal(enter_number(28, 1999999900).enter.price, 1999999900);
    assert_int_equal(enter_number(28, 1999999901).enter.reject, 0x001D);
    assert_int_equal(enter_number(28, 2000000000).enter.price, PRICE_MARKET);
    assert_int_equal(enter_number(28, PRICE_MARKET).enter.reject, 0);
    m = enter_number(43, 300);
    assert_int_equal(m.enter.terms.min_qty, 300);
    assert_true(m.enter.terms.tags & TAG_BIT(3));
    assert_int_equal(enter_with(36, "    ", 4).enter.terms.tags, TAG_BIT(4));
    assert_memory_equal(enter_with(22, "\n", 1).enter.symbol, "        ", 8);
}

/* 48 bytes are a whole Enter too; nothing else is. */
static void lengths(void **state)
{
    static const char types[] = "OUXM";
    static const u32 whole[] = {49, 47, 19, 20};
    u8 p[64];
    union msg m;
    (void)state;

    for (u32 i = 0; i < 4; i++) {
        char type[2] = {types[i], '\0'};
        vector(p, "in", type);
        for (u32 n = 1; n <= sizeof p; n++) {
            bool good = n == whole[i] || (types[i] == 'O' && n == 48);
            u8 *copy = malloc(n); /* ASan sees any step beyond */
            memcpy(copy, p, n);
            assert_int_equal(ouch42_decode(copy, n, &m, &names),
                             good ? OUCH5_COMMAND : OUCH5_MALFORMED);
            free(copy);
            if (n == 48 && good)
                assert_int_equal(m.enter.terms.tags, TAG_BIT(2));
        }
    }
    for (u32 c = 0; c < 256; c++) {
        u8 other = (u8)c;
        if (c == 0 || strchr(types, (int)c) == NULL)
            assert_int_equal(ouch42_decode(&other, 1, &m, &names), OUCH5_UNKNOWN);
    }
}

/* A token that could not be answered to is no token. */
static void tokens_that_are_none(void **state)
{
    static const char types[] = "OUUXM";
    static const u32 at[] = {1, 1, 15, 1, 1};
    u8 p[64];
    union msg m;
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(at); i++) {
        char type[2] = {types[i], '\0'};
        u32 n = vector(p, "in", type);
        memset(p + at[i], ' ', 14);
        assert_int_equal(ouch42_decode(p, n, &m, &names), OUCH5_MALFORMED);
        memcpy(p + at[i], "a ~", 3);
        assert_int_equal(ouch42_decode(p, n, &m, &names), OUCH5_COMMAND);
        p[at[i] + 13] = 0x7F;
        assert_int_equal(ouch42_decode(p, n, &m, &names), OUCH5_MALFORMED);
    }
    u32 n = vector(p, "in", "M");
    p[15] = 'X'; /* what it asks cannot be rejected */
    assert_int_equal(ouch42_decode(p, n, &m, &names), OUCH5_MALFORMED);
}

/* ---- out ---- */

static struct event_head head(u8 type, u16 flags)
{
    return (struct event_head){.type = type,
                               .slots = (u8)msg_type_slots(type),
                               .flags = flags,
                               .account = 1,
                               .seq = 9,
                               .session_seq = 3,
                               .time_ns = MIDNIGHT + STAMP};
}

static u32 encode(const union msg *m, u8 *out)
{
    struct ouch42_context c = {"AAPL    ", TOKEN_1, MIDNIGHT};

    memset(out, 0xEE, OUCH42_OUT_MAX);
    return ouch42_encode(m, &c, out);
}

static void expect_out(const union msg *m, const char *type)
{
    u8 want[256];
    u8 got[OUCH42_OUT_MAX];
    u32 n = vector(want, "out", type);

    assert_int_equal(encode(m, got), n);
    assert_memory_equal(got, want, n);
}

static union msg order_of_vector(u8 type)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.order = (struct msg_order){.head = head(type, 0),
                                 .order_ref = 0x4d,
                                 .user_ref = 1,
                                 .qty = 100,
                                 .price = 1503400,
                                 .side = 'B',
                                 .tif = '5',
                                 .display = 'Y',
                                 .capacity = 'P',
                                 .cross_type = 'N'};
    memcpy(m.order.terms.clordid, TOKEN_1, 14);
    memcpy(m.order.terms.firm, "FIRM", 4);
    m.order.terms.tags = TAG_BIT(2);
    return m;
}

static void out_orders(void **state)
{
    union msg m = order_of_vector(EV_ACCEPTED);
    (void)state;

    expect_out(&m, "A");
    m = order_of_vector(EV_REPLACED);
    m.order.orig_user_ref = 1;
    m.order.user_ref = 2;
    m.order.qty = 200;
    m.order.order_ref = 0x4e;
    memcpy(m.order.terms.clordid, TOKEN_2, 14);
    expect_out(&m, "U");
}

static void out_others(void **state)
{
    union msg m;
    (void)state;

    memset(&m, 0, sizeof m);
    m.system = (struct msg_system){.head = head(EV_SYSTEM, 0), .code = 'S'};
    expect_out(&m, "S");
    m.cancelled = (struct msg_cancelled){
        .head = head(EV_CANCELLED, 0), .user_ref = 1, .qty = 60, .reason = 'U'};
    expect_out(&m, "C");
    m.aiq = (struct msg_aiq_cancelled){.head = head(EV_AIQ_CANCELLED, MSG_TAKER),
                                       .user_ref = 1,
                                       .qty = 60,
                                       .prevented = 60,
                                       .price = 1503400};
    expect_out(&m, "D");
    u8 bytes[OUCH42_OUT_MAX];
    m.aiq.head.flags = MSG_HIDDEN;
    assert_int_equal(encode(&m, bytes), 37);
    assert_int_equal(bytes[36], 'J');
    m.aiq.head.flags = 0;
    encode(&m, bytes);
    assert_int_equal(bytes[36], 'A');
    m.executed = (struct msg_executed){.head = head(EV_EXECUTED, 0),
                                       .user_ref = 1,
                                       .qty = 40,
                                       .price = 1503400,
                                       .liquidity = 'A',
                                       .match = 0xf1206};
    expect_out(&m, "E");
    memset(&m, 0, sizeof m);
    m.broken = (struct msg_broken){
        .head = head(EV_BROKEN, 0), .user_ref = 1, .match = 0xf1206, .reason = 'E'};
    memcpy(m.broken.clordid, TOKEN_1, 14);
    expect_out(&m, "B");
    m.rejected = (struct msg_rejected){.head = head(EV_REJECTED, 0), .user_ref = 1, .reason = 0x1D};
    memcpy(m.rejected.clordid, TOKEN_1, 14);
    expect_out(&m, "J");
    memset(&m, 0, sizeof m);
    m.restated = (struct msg_restated){
        .head = head(EV_RESTATED, 0), .user_ref = 1, .price = 1503400, .secondary = 0x4f};
    expect_out(&m, "T");
    memset(&m, 0, sizeof m);
    m.priority = (struct msg_priority){.head = head(EV_PRIORITY, 0),
                                       .user_ref = 1,
                                       .price = 1503400,
                                       .display = 'Y',
                                       .order_ref = 0x4f};
    expect_out(&m, "T");
    memset(&m, 0, sizeof m);
    m.late = (struct msg_late){.head = head(EV_CANCEL_PENDING, 0), .user_ref = 1};
    expect_out(&m, "P");
    m.late.head.type = EV_CANCEL_REJECTED;
    expect_out(&m, "I");
    memset(&m, 0, sizeof m);
    m.modified = (struct msg_modified){
        .head = head(EV_MODIFIED, 0), .user_ref = 1, .side = 'T', .leaves = 50};
    expect_out(&m, "M");
}

/* What goes in comes out again: every display letter and time in force. */
static void terms_and_back(void **state)
{
    static const char displays[] = "YANPLIMWOTQ";
    static const u32 times[] = {0, 1, 86399, 99998, 99999};
    u8 out[OUCH42_OUT_MAX];
    (void)state;

    for (u32 i = 0; i < sizeof displays - 1; i++) {
        union msg in = enter_with(40, &displays[i], 1);
        union msg m = order_of_vector(EV_ACCEPTED);
        m.order.display = in.enter.display;
        m.order.terms = in.enter.terms;
        encode(&m, out);
        assert_int_equal(out[48], displays[i]);
    }
    for (u32 i = 0; i < ARRAY_LEN(times); i++) {
        union msg in = enter_number(32, times[i]);
        union msg m = order_of_vector(EV_ACCEPTED);
        m.order.tif = in.enter.tif;
        m.order.terms = in.enter.terms;
        encode(&m, out);
        assert_int_equal(get_be32(out + 40), times[i]);
    }
}

/* No letter leaves that Debian's dissector does not know (tshark -G values). */
static void known_letters_only(void **state)
{
    u8 out[OUCH42_OUT_MAX];
    union msg m;
    (void)state;

    for (u32 c = 0; c < 256; c++) {
        memset(&m, 0, sizeof m);
        m.cancelled = (struct msg_cancelled){
            .head = head(EV_CANCELLED, 0), .user_ref = 1, .qty = 1, .reason = (u8)c};
        encode(&m, out);
        assert_non_null(memchr("CDEHIKQSTUXZ", out[27], 12));
        memset(&m, 0, sizeof m);
        m.executed = (struct msg_executed){
            .head = head(EV_EXECUTED, 0), .user_ref = 1, .qty = 1, .liquidity = (u8)c};
        encode(&m, out);
        assert_non_null(strchr("045678ACHIJKLMNORWabcdefghjkmrtxy", out[31]));
    }
    for (u32 reason = 0; reason < 0x10000; reason++) {
        memset(&m, 0, sizeof m);
        m.rejected = (struct msg_rejected){
            .head = head(EV_REJECTED, 0), .user_ref = 1, .reason = (u16)reason};
        encode(&m, out);
        assert_non_null(strchr("THZSDCLMRXNOWabcdefghijklmn", out[23]));
    }
}

static void letters_of_rejects(void **state)
{
    static const struct {
        u16 reason;
        u8 letter;
    } rows[] = {{0x0007, 'H'}, {0x0017, 'S'}, {0x0003, 'D'}, {0x0002, 'C'}, {0x000C, 'L'},
                {0x0014, 'R'}, {0x001D, 'X'}, {0x000D, 'N'}, {0x000A, 'O'}, {0x0040, 'O'},
                {0x0022, 'c'}, {0x0031, 'm'}, {0x0030, 'n'}, {0x0026, 'X'}, {0x002B, 'i'}};
    u8 out[OUCH42_OUT_MAX];
    union msg m;
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        memset(&m, 0, sizeof m);
        m.rejected = (struct msg_rejected){
            .head = head(EV_REJECTED, 0), .user_ref = 1, .reason = rows[i].reason};
        encode(&m, out);
        assert_int_equal(out[23], rows[i].letter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_enter),
        cmocka_unit_test(in_others),
        cmocka_unit_test(every_letter_of_enter),
        cmocka_unit_test(display_is_several_terms),
        cmocka_unit_test(numbers_of_enter),
        cmocka_unit_test(lengths),
        cmocka_unit_test(tokens_that_are_none),
        cmocka_unit_test(out_orders),
        cmocka_unit_test(out_others),
        cmocka_unit_test(terms_and_back),
        cmocka_unit_test(known_letters_only),
        cmocka_unit_test(letters_of_rejects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
