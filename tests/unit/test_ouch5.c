/* test_ouch5.c - OUCH 5.0: golden vectors both ways, every field's set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/ouch5.h"
#include "tests/lib/seed.h"
#include "tests/lib/vectors.h"

/* ---- golden vectors (tests/data/ouch5_vectors.tsv) ---- */

static u32 vector(u8 *out, const char *dir, const char *type)
{
    return vector_read("5.0", dir, type, out);
}

static union msg decoded(const char *type)
{
    u8 bytes[256];
    union msg m;

    assert_int_equal(ouch5_decode(bytes, vector(bytes, "in", type), &m), OUCH5_COMMAND);
    return m;
}

static void test_in_enter(void **state)
{
    (void)state;
    union msg m = decoded("O");
    assert_int_equal(m.cmd.type, CMD_ENTER);
    assert_int_equal(m.cmd.slots, 2);
    assert_int_equal(m.cmd.flags, 0);
    assert_int_equal(m.enter.user_ref, 1);
    assert_int_equal(m.enter.side, 'B');
    assert_int_equal(m.enter.qty, 100);
    assert_memory_equal(m.enter.symbol, "AAPL    ", 8);
    assert_int_equal(m.enter.price, 1503400);
    assert_int_equal(m.enter.tif, '0');
    assert_int_equal(m.enter.display, 'Y');
    assert_int_equal(m.enter.capacity, 'A');
    assert_int_equal(m.enter.cross_type, 'N');
    assert_memory_equal(m.enter.terms.clordid, "CLORD1        ", 14);
    assert_int_equal(m.enter.terms.tags, 0);
    assert_int_equal(m.enter.reject, 0);
}

static void test_in_enter_with_tags(void **state)
{
    (void)state;
    union msg m = decoded("O+tags");
    assert_int_equal(m.enter.reject, 0);
    assert_int_equal(m.enter.terms.tags,
                     TAG_BIT(2) | TAG_BIT(3) | TAG_BIT(5) | TAG_BIT(15) | TAG_BIT(28));
    assert_memory_equal(m.enter.terms.firm, "FIRM", 4);
    assert_int_equal(m.enter.terms.min_qty, 100);
    assert_int_equal(m.enter.terms.max_floor, 100);
    assert_int_equal(m.enter.terms.expire_s, 3600);
    assert_int_equal(m.enter.user_ref_idx, 5);
}

static void test_in_others(void **state)
{
    union msg m = decoded("U");
    (void)state;

    assert_int_equal(m.cmd.type, CMD_REPLACE);
    assert_int_equal(m.replace.orig_user_ref, 1);
    assert_int_equal(m.replace.user_ref, 2);
    assert_int_equal(m.replace.qty, 500);
    assert_int_equal(m.replace.price, 1503500);
    assert_int_equal(m.replace.tif, '0');
    assert_int_equal(m.replace.display, 'Y');
    assert_memory_equal(m.replace.terms.clordid, "R1            ", 14);
    assert_int_equal(m.replace.reject, 0);

    m = decoded("X");
    assert_int_equal(m.cmd.type, CMD_CANCEL);
    assert_int_equal(m.cancel.user_ref, 1);
    assert_int_equal(m.cancel.qty, 0);
    assert_int_equal(m.cancel.user_ref_idx, 0);
    m = decoded("X+idx");
    assert_int_equal(m.cancel.qty, 25);
    assert_int_equal(m.cancel.user_ref_idx, 7);

    m = decoded("Q");
    assert_int_equal(m.cmd.type, CMD_QUERY);
}

static void test_in_modify(void **state)
{
    static const char both[] = "4d000000015400000032000e02195905"
                               "1a42524b52021c09";
    u8 bytes[256];
    union msg m = decoded("M");
    (void)state;

    assert_int_equal(m.cmd.type, CMD_MODIFY);
    assert_int_equal(m.modify.user_ref, 1);
    assert_int_equal(m.modify.side, 'T');
    assert_int_equal(m.modify.qty, 50);
    assert_int_equal(m.modify.located, 0);
    u32 n = hex_read(bytes, sizeof bytes, both);
    bytes[11] = (u8)(n - 12);
    assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_COMMAND);
    assert_int_equal(m.modify.located, 'Y');
    assert_memory_equal(m.modify.locate_broker, "BRKR", 4);
    assert_int_equal(m.modify.user_ref_idx, 9);
    bytes[5] = 'Q';
    assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_MALFORMED);
}

static void test_in_firm_wide(void **state)
{
    u8 bytes[256];
    union msg m = decoded("C");
    (void)state;

    assert_int_equal(m.cmd.type, CMD_MASS_CANCEL);
    assert_int_equal(m.mass.user_ref, 3);
    assert_memory_equal(m.mass.firm, "FIRM", 4);
    assert_memory_equal(m.mass.symbol, "        ", 8);
    assert_int_equal(m.mass.side, 'S');
    assert_int_equal(m.mass.has_group, 1);
    assert_int_equal(m.mass.group_id, 7);
    u32 n = vector(bytes, "in", "C");
    bytes[9] = 0x80; /* no symbol must not mean all */
    assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_MALFORMED);
    bytes[9] = ' ';
    bytes[5] = 'f';
    assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_MALFORMED);

    m = decoded("D");
    assert_int_equal(m.cmd.type, CMD_DISABLE);
    assert_int_equal(m.firm.user_ref, 4);
    assert_memory_equal(m.firm.firm, "FIRM", 4);
    m = decoded("E");
    assert_int_equal(m.cmd.type, CMD_ENABLE);
    assert_int_equal(m.firm.user_ref, 5);
}

#define MIDNIGHT 1700000000000000000ull
#define STAMP    0x00001f1aced9f07bull /* of the vectors */

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

static void expect_out(const union msg *m, const char *type)
{
    u8 want[256];
    u8 got[OUCH5_OUT_MAX];
    u32 n = vector(want, "out", type);

    memset(got, 0xEE, sizeof got);
    assert_int_equal(ouch5_encode(m, "AAPL    ", MIDNIGHT, got), n);
    assert_memory_equal(got, want, n);
}

static struct msg_order order_of_vector(u8 type)
{
    struct msg_order o = {.head = head(type, 0),
                          .order_ref = 0x4d,
                          .user_ref = 1,
                          .qty = 100,
                          .price = 1503400,
                          .side = 'B',
                          .tif = '0',
                          .display = 'Y',
                          .capacity = 'A',
                          .cross_type = 'N'};

    memcpy(o.terms.clordid, "CLORD1        ", 14);
    return o;
}

static void test_out_orders(void **state)
{
    union msg m = {.order = order_of_vector(EV_ACCEPTED)};
    (void)state;

    expect_out(&m, "A");
    m.order.user_ref_idx = 5;
    m.order.terms.tags = TAG_BIT(2) | TAG_BIT(12) | TAG_BIT(28);
    memcpy(m.order.terms.firm, "FIRM", 4);
    m.order.terms.yes = YES_POST_ONLY;
    expect_out(&m, "A+tags");

    m.order = order_of_vector(EV_REPLACED);
    m.order.orig_user_ref = 1;
    m.order.user_ref = 2;
    m.order.qty = 400;
    m.order.price = 1503500;
    m.order.order_ref = 0x4e;
    memcpy(m.order.terms.clordid, "R1            ", 14);
    expect_out(&m, "U");
}

static void test_out_others(void **state)
{
    union msg m;
    (void)state;

    memset(&m, 0, sizeof m);
    m.system = (struct msg_system){.head = head(EV_SYSTEM, 0), .code = 'S'};
    expect_out(&m, "S");
    m.cancelled = (struct msg_cancelled){
        .head = head(EV_CANCELLED, MSG_SELL), .user_ref = 1, .qty = 60, .reason = 'U'};
    expect_out(&m, "C");
    m.aiq.head = head(EV_AIQ_CANCELLED, MSG_TAKER);
    m.aiq.prevented = 60, m.aiq.price = 1503400;
    m.aiq.user_ref_idx = 0;
    m.aiq.strategy = 'O';
    expect_out(&m, "D");
    m.executed = (struct msg_executed){.head = head(EV_EXECUTED, MSG_TAKER),
                                       .match = 0xf1206,
                                       .user_ref = 1,
                                       .qty = 40,
                                       .price = 1503400,
                                       .liquidity = 'A'};
    expect_out(&m, "E");
    m.rejected = (struct msg_rejected){.head = head(EV_REJECTED, 0), .user_ref = 2, .reason = 0x1d};
    memcpy(m.rejected.clordid, "CLORD2        ", 14);
    expect_out(&m, "J");
    m.query = (struct msg_query){.ev = head(EV_QUERIED, 0), .next_user_ref = 6};
    expect_out(&m, "Q");
}

static void test_out_modified_and_firm_wide(void **state)
{
    u8 out[OUCH5_OUT_MAX];
    union msg m;
    (void)state;

    memset(&m, 0, sizeof m);
    m.modified = (struct msg_modified){
        .head = head(EV_MODIFIED, MSG_SELL), .user_ref = 1, .qty = 9, .leaves = 50, .side = 'T'};
    expect_out(&m, "M");
    m.modified.located = 'N';
    memcpy(m.modified.locate_broker, "BRKR", 4);
    m.modified.user_ref_idx = 9;
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 18 + 2 + 3 + 6 + 3);
    assert_memory_equal(out + 18,
                        "\0\14\2\x19N\5\x1a"
                        "BRKR\2\x1c\x09",
                        14);

    memset(&m, 0, sizeof m);
    m.mass = (struct msg_mass){.ev = head(EV_MASS_CANCELLED, 0), .user_ref = 3};
    memcpy(m.mass.firm, "FIRM", 4);
    memset(m.mass.symbol, ' ', 8);
    expect_out(&m, "X");
    m.mass.has_group = 1;
    m.mass.group_id = 7;
    m.mass.side = 'S';
    m.mass.user_ref_idx = 9;
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 27 + 10);
    assert_memory_equal(out + 25, "\0\12\3\x18\0\7\2\x1bS\2\x1c\x09", 12);

    memset(&m, 0, sizeof m);
    m.firm = (struct msg_firm){.ev = head(EV_DISABLED, 0), .user_ref = 4};
    memcpy(m.firm.firm, "FIRM", 4);
    expect_out(&m, "G");
    m.firm.ev.type = EV_ENABLED;
    m.firm.user_ref = 5;
    expect_out(&m, "K");
    m.firm.user_ref_idx = 9;
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 17 + 5);
}

/* Where the appendage is optional it appears only with a channel, and echoes it. */
static void test_out_channel(void **state)
{
    u8 out[OUCH5_OUT_MAX];
    union msg m;
    (void)state;

    memset(&m, 0, sizeof m);
    m.cancelled = (struct msg_cancelled){.head = head(EV_CANCELLED, 0), .user_ref_idx = 255};
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 18 + 5);
    assert_memory_equal(out + 18, "\0\3\2\x1c\xff", 5);
    m.cancelled.head = head(EV_AIQ_CANCELLED, MSG_HIDDEN); /* at the same place there */
    assert_true(ouch5_encode(&m, NULL, MIDNIGHT, out) == 32 && out[30] == 'J');
    m.executed = (struct msg_executed){.head = head(EV_EXECUTED, 0), .user_ref_idx = 9};
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 34 + 5);
    assert_memory_equal(out + 34, "\0\3\2\x1c\x09", 5);
    m.rejected = (struct msg_rejected){.head = head(EV_REJECTED, 0), .user_ref_idx = 9};
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 29 + 5);
    m.query = (struct msg_query){.ev = head(EV_QUERIED, 0), .user_ref_idx = 9};
    assert_int_equal(ouch5_encode(&m, NULL, MIDNIGHT, out), 13 + 5);
    m.order = order_of_vector(EV_ACCEPTED);
    m.order.head.flags = MSG_ISO | MSG_DEAD;
    ouch5_encode(&m, "AAPL    ", MIDNIGHT, out);
    assert_int_equal(out[45], 'Y');
    assert_int_equal(out[47], 'D');
    m.order.head.time_ns = MIDNIGHT - 1; /* never a negative time */
    ouch5_encode(&m, "AAPL    ", MIDNIGHT, out);
    assert_memory_equal(out + 1, "\0\0\0\0\0\0\0\0", 8);
}

/* ---- fields ---- */

/* The good Enter of the vectors with one byte changed. */
static u16 enter_with(u32 offset, u8 value)
{
    u8 bytes[256];
    union msg m;
    u32 n = vector(bytes, "in", "O");

    bytes[offset] = value;
    assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_COMMAND);
    return m.enter.reject;
}

struct set {
    u32 offset;
    const char *letters;
    u16 reason;
};

static void test_enter_letters(void **state)
{
    static const struct set sets[] = {
        {5, "BSTE", OUCH5_INVALID_SIDE},
        {27, "YNA", OUCH5_INVALID_DISPLAY},
        {26, "035E", OUCH5_OTHER} /* 6 needs tag 15 */,
        {28, "APRO", OUCH5_OTHER},
        {29, "YN", OUCH5_OTHER},
        {30, "NOCHSREA", OUCH5_INVALID_CROSS},
    };
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(sets); i++) {
        for (u32 c = 0; c < 256; c++) {
            bool ok = c != 0 && strchr(sets[i].letters, (int)c) != NULL;
            assert_int_equal(enter_with(sets[i].offset, (u8)c), ok ? 0 : sets[i].reason);
        }
    }
}

static void test_enter_numbers_and_text(void **state)
{
    u8 bytes[256];
    union msg m;
    u32 n = vector(bytes, "in", "O");
    (void)state;

    assert_int_equal(enter_with(6, 0xff), OUCH5_INVALID_QTY);
    assert_int_equal(enter_with(9, 0), OUCH5_INVALID_QTY);
    assert_int_equal(enter_with(18, 1), OUCH5_INVALID_PRICE); /* above 32 bits */
    assert_int_equal(enter_with(22, 0x80), OUCH5_INVALID_PRICE);
    memcpy(bytes + 18, "\0\0\0\0\x7f\xff\xff\xff", 8);
    ouch5_decode(bytes, n, &m);
    assert_int_equal(m.enter.price, PRICE_MARKET);
    memcpy(bytes + 18, "\0\0\0\0\x77\x35\x94\x00", 8); /* 2,000,000,000: market too */
    ouch5_decode(bytes, n, &m);
    assert_int_equal(m.enter.price, PRICE_MARKET);
    assert_int_equal(m.enter.reject, 0);
    memcpy(bytes + 18, "\0\0\0\0\x77\x35\x93\x9c", 8); /* the highest limit price */
    ouch5_decode(bytes, n, &m);
    assert_int_equal(m.enter.price, PRICE_LIMIT_MAX);
    assert_int_equal(m.enter.reject, 0);
    memcpy(bytes + 18, "\0\0\0\0\x77\x35\x93\x9d", 8);
    ouch5_decode(bytes, n, &m);
    assert_int_equal(m.enter.reject, OUCH5_INVALID_PRICE);
    assert_int_equal(enter_with(31, 0), OUCH5_OTHER); /* ClOrdID */
    assert_int_equal(enter_with(44, 0x7f), OUCH5_OTHER);
    assert_int_equal(enter_with(44, '~'), 0);
    bytes[31] = 1;
    bytes[10] = 0x80;
    ouch5_decode(bytes, n, &m); /* nothing unprintable goes on */
    assert_memory_equal(m.enter.terms.clordid, "              ", 14);
    assert_memory_equal(m.enter.symbol, "        ", 8);
}

static void test_lengths(void **state)
{
    static const char *const types[] = {"O", "U", "X", "Q"};
    u8 bytes[256] = {0};
    union msg m;
    (void)state;

    for (u32 i = 0; i < 4; i++) {
        u32 whole = vector(bytes, "in", types[i]);
        bool answered = i < 2; /* Enter and Replace are rejected from their base on */
        for (u32 n = 1; n < whole + 20; n++) {
            if (n > whole)
                bytes[n - 1] = 0;
            enum ouch5_status s = ouch5_decode(bytes, n, &m);
            if (n == whole || (!answered && n == whole + 2)) { /* a list of length 0 */
                assert_int_equal(s, OUCH5_COMMAND);
                assert_int_equal(i == 0 ? m.enter.reject : i == 1 ? m.replace.reject : 0, 0);
            } else if (answered && n >= whole - 2) {
                assert_int_equal(s, OUCH5_COMMAND);
                assert_int_equal(i == 0 ? m.enter.reject : m.replace.reject, OUCH5_OTHER);
            } else {
                assert_int_equal(s, OUCH5_MALFORMED);
            }
        }
    }
    for (u32 type = 0; type < 256; type++) {
        bytes[0] = (u8)type;
        enum ouch5_status s = ouch5_decode(bytes, 1, &m);
        bool known = type != 0 && strchr("OUXQMCDE", (int)type) != NULL;
        assert_true((s == OUCH5_UNKNOWN) == !known);
    }
}

static void test_replace_leaves_numbers_to_the_engine(void **state)
{
    u8 bytes[256];
    union msg m;
    u32 n = vector(bytes, "in", "U");
    (void)state;

    memset(bytes + 9, 0xff, 12); /* quantity and price: CONFORMANCE.md section 6, rule 6b */
    assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_COMMAND);
    assert_int_equal(m.replace.reject, 0);
    assert_true(m.replace.qty > QTY_MAX);
    assert_true(m.replace.price > PRICE_MARKET);
    bytes[21] = 'E'; /* not on a replace */
    ouch5_decode(bytes, n, &m);
    assert_int_equal(m.replace.reject, OUCH5_OTHER);
}

static void test_good_till_time_needs_its_time(void **state)
{
    u8 bytes[256];
    union msg m;
    u32 n = vector(bytes, "in", "O+tags"); /* has tag 15 */
    (void)state;

    bytes[26] = '6';
    ouch5_decode(bytes, n, &m);
    assert_int_equal(m.enter.reject, 0);
    assert_int_equal(enter_with(26, '6'), OUCH5_OTHER);
}

/* Any bytes at all: no crash, and whatever becomes a command is fit for the journal. */
static void test_random_bytes(void **state)
{
    struct rng rng = {.seed = test_seed()};
    u8 bytes[256];
    union msg m;
    (void)state;

    for (u64 i = 0; i < test_count("WB_ROUNDS", 100000); i++) {
        u32 n = 1 + (u32)rng_below(&rng, 120);
        for (u32 j = 0; j < n; j++)
            bytes[j] = (u8)rng_next(&rng);
        bytes[0] = (u8) "OUXQMCDE"[i % 8];
        if (ouch5_decode(bytes, n, &m) == OUCH5_COMMAND) {
            m.cmd.seq = 1;
            assert_null(msg_check(m.slots, MSG_SLOTS_MAX));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_enter),
        cmocka_unit_test(test_in_enter_with_tags),
        cmocka_unit_test(test_in_others),
        cmocka_unit_test(test_in_modify),
        cmocka_unit_test(test_in_firm_wide),
        cmocka_unit_test(test_out_orders),
        cmocka_unit_test(test_out_modified_and_firm_wide),
        cmocka_unit_test(test_out_others),
        cmocka_unit_test(test_out_channel),
        cmocka_unit_test(test_enter_letters),
        cmocka_unit_test(test_enter_numbers_and_text),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_replace_leaves_numbers_to_the_engine),
        cmocka_unit_test(test_good_till_time_needs_its_time),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
