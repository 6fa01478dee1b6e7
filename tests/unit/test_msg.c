/* test_msg.c - names, counts, checks and prints of every message type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/hash.h"
#include "engine/msg/msg.h"

static const u8 types[] = {
    CMD_START,          CMD_DAY_OPEN,      CMD_DAY_END,      CMD_INSTRUMENT,    CMD_ACCOUNT,
    CMD_LOGIN,          CMD_DISCONNECT,    CMD_ENTER,        CMD_REPLACE,       CMD_CANCEL,
    CMD_QUERY,          CMD_CONTINUE,      CMD_TICK,         EV_STARTED,        EV_DAY_OPENED,
    EV_DAY_ENDED,       EV_INSTRUMENT,     EV_ACCOUNT,       EV_WORK,           EV_BOUND,
    EV_UNBOUND,         EV_LOGIN_REJECTED, EV_SYSTEM,        EV_ACCEPTED,       EV_REPLACED,
    EV_CANCELLED,       EV_EXECUTED,       EV_REJECTED,      EV_QUERIED,        CMD_MODIFY,
    CMD_MASS_CANCEL,    CMD_DISABLE,       CMD_ENABLE,       EV_MODIFIED,       EV_MASS_CANCELLED,
    EV_DISABLED,        EV_ENABLED,        EV_AIQ_CANCELLED, EV_RESTATED,       CMD_PHASE,
    EV_COURSE,          EV_PHASE,          EV_CROSS,         EV_CANCEL_PENDING, EV_PRIORITY,
    EV_CANCEL_REJECTED, EV_BANDS,          CMD_BREAK,        EV_BROKEN,         CMD_KILL,
    CMD_RESTORE,        EV_KILLED,         EV_RESTORED,      CMD_LIMIT,         EV_LIMIT,
    CMD_CHECKS,         EV_CHECKS,         EV_UNTRADED,      CMD_OPERATOR,      CMD_BAR,
    CMD_UNBAR,          CMD_EXPEL,         CMD_NOTE,         CMD_LOOK,          EV_OPERATOR,
    EV_OPERATED,        EV_BARRED,         EV_UNBARRED,      EV_SEEN,           CMD_PROFILE,
    EV_PROFILE,         CMD_LISTED,        EV_LISTED,
};

static union msg blank(u8 type)
{
    union msg m;
    memset(&m, 0, sizeof m);
    m.cmd.type = type;
    m.cmd.slots = (u8)msg_type_slots(type);
    return m;
}

static char *printed(const union msg *m)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    msg_print(f, m);
    fclose(f);
    return text;
}

static void test_every_type_is_known(void **state)
{
    u32 known = 0;

    (void)state;
    for (u32 t = 0; t < 256; t++) {
        known += msg_type_slots((u8)t) != 0;
        assert_int_equal(msg_type_slots((u8)t) == 0, strcmp(msg_type_name((u8)t), "?") == 0);
    }
    assert_int_equal(known, ARRAY_LEN(types));
    for (u32 i = 0; i < ARRAY_LEN(types); i++) {
        const char *name = msg_type_name(types[i]);
        assert_memory_equal(name, msg_is_command(types[i]) ? "CMD_" : "EV_", 3);
        union msg m = blank(types[i]);
        assert_null(msg_check(m.slots, MSG_SLOTS_MAX));
        assert_null(msg_check(m.slots, msg_slots(&m)));
        assert_non_null(msg_check(m.slots, msg_slots(&m) - 1u));
    }
    assert_string_equal(msg_type_name(CMD_ENTER), "CMD_ENTER");
    assert_int_equal(msg_type_slots(CMD_ENTER), 2);
    assert_int_equal(msg_type_slots(EV_EXECUTED), 1);
}

static void test_count_and_type_are_checked(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(types); i++) {
        union msg m = blank(types[i]);
        u8 right = m.cmd.slots;
        for (u32 n = 0; n < 256; n++) {
            m.cmd.slots = (u8)n;
            assert_int_equal(msg_check(m.slots, MSG_SLOTS_MAX) == NULL, n == right);
        }
    }
    for (u32 t = 0; t < 256; t++) {
        union msg m = blank((u8)t);
        assert_int_equal(msg_check(m.slots, MSG_SLOTS_MAX) == NULL, m.cmd.slots != 0);
    }
}

static void test_flags_are_checked(void **state)
{
    static const struct {
        u8 type;
        u16 legal;
    } rows[] = {
        {CMD_ENTER, MSG_ISO},
        {CMD_CANCEL, 0},
        {EV_ACCEPTED, MSG_TX_END | MSG_ISO | MSG_DEAD},
        {EV_EXECUTED, MSG_TX_END | MSG_SELL | MSG_TAKER | MSG_FIRST},
        {EV_PHASE, MSG_TX_END},
        {EV_CANCELLED, MSG_TX_END | MSG_SELL},
        {EV_MODIFIED, MSG_TX_END | MSG_SELL},
        {CMD_MODIFY, 0},
        {EV_WORK, MSG_TX_END},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        for (u32 flags = 0; flags < 65536; flags++) {
            union msg m = blank(rows[i].type);
            m.cmd.flags = (u16)flags;
            assert_int_equal(msg_check(m.slots, 4) == NULL, (flags & ~rows[i].legal) == 0);
        }
    }
}

/* Bytes that are padding, by hand from the offsets in msg.h: first and last of each type. */
static void test_padding_is_checked(void **state)
{
    static const struct {
        u8 type;
        u8 from;
        u8 to;
    } rows[] = {
        {CMD_DAY_OPEN, 44, 63},      {CMD_INSTRUMENT, 55, 59},    {CMD_ACCOUNT, 54, 127},
        {CMD_LOGIN, 76, 127},        {CMD_DISCONNECT, 47, 63},    {CMD_ENTER, 54, 55},
        {CMD_CANCEL, 41, 63},        {CMD_QUERY, 37, 63},         {CMD_TICK, 32, 63},
        {CMD_TICK, 22, 23},          {CMD_ENTER, 22, 23},         {EV_WORK, 50, 63},
        {EV_LOGIN_REJECTED, 43, 63}, {EV_SYSTEM, 38, 63},         {EV_CANCELLED, 56, 63},
        {EV_REJECTED, 55, 63},       {CMD_MODIFY, 43, 59},        {CMD_MASS_CANCEL, 53, 63},
        {CMD_DISABLE, 41, 63},       {EV_MODIFIED, 61, 63},       {EV_MASS_CANCELLED, 53, 63},
        {EV_ENABLED, 41, 63},        {CMD_PHASE, 39, 55},         {EV_PHASE, 60, 63},
        {EV_CROSS, 56, 63},          {EV_CANCEL_PENDING, 47, 63}, {EV_PRIORITY, 60, 63},
        {EV_BANDS, 46, 63},          {CMD_BREAK, 114, 127},       {EV_BROKEN, 60, 63},
        {CMD_LIMIT, 80, 127},        {CMD_CHECKS, 86, 127},       {EV_UNTRADED, 66, 127},
        {CMD_OPERATOR, 46, 47},      {CMD_BAR, 36, 63},           {CMD_NOTE, 34, 35},
        {CMD_LOOK, 53, 63},          {EV_OPERATED, 59, 63},       {EV_BARRED, 36, 63},
        {EV_SEEN, 46, 47},           {EV_BOUND, 82, 127},         {CMD_PROFILE, 117, 127},
        {EV_PROFILE, 117, 127},      {CMD_LISTED, 60, 63},        {EV_LISTED, 60, 63},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        for (u32 at = rows[i].from; at <= rows[i].to; at++) {
            union msg m = blank(rows[i].type);
            ((u8 *)&m)[at] = 0x10;
            if (!msg_check(m.slots, 4))
                fail_msg("%s: byte %u is padding", msg_type_name(rows[i].type), at);
        }
    }
}

/* An appendage field without its tag, a tag nobody knows. */
static void test_terms_are_checked(void **state)
{
    (void)state;
    union msg m = blank(CMD_ENTER);
    m.enter.terms.min_qty = 100;
    assert_string_equal(msg_check(m.slots, 4), "an absent appendage field is not zero");
    m.enter.terms.tags = TAG_BIT(3);
    assert_null(msg_check(m.slots, 4));
    for (u32 tag = 0; tag < 32; tag++) {
        static const u32 known = 0x7F03BEFCu; /* CONFORMANCE.md section 5 */
        m = blank(EV_ACCEPTED);
        m.order.terms.tags = TAG_BIT(tag);
        bool legal = (known & TAG_BIT(tag)) != 0;
        if ((msg_check(m.slots, 4) == NULL) != legal)
            fail_msg("tag %u", tag);
    }
    m = blank(CMD_REPLACE);
    m.replace.terms.tags = TAG_BIT(16);
    m.replace.terms.yes = YES_TRADE_NOW;
    assert_null(msg_check(m.slots, 4));
}

/* Whatever bytes come, the check reads no further than it may and decides. */
static void test_property_random_bytes(void **state)
{
    const char *text = getenv("WB_SEED");
    u64 seed = text ? strtoull(text, NULL, 0) : 1;
    u32 good = 0;

    (void)state;
    for (u32 i = 0; i < 100000; i++) {
        u32 n = 1 + i % MSG_SLOTS_MAX;
        struct slot *s = aligned_alloc(64, n * sizeof *s); /* ASan sees a read past it */
        for (u32 w = 0; w < 8 * n; w++)
            ((u64 *)s)[w] = w % 8 == 2 || hash_2u64(seed, i, 99) % 4 ? 0 : hash_2u64(seed, i, w);
        ((u8 *)s)[0] = types[hash_2u64(seed, i, 100) % ARRAY_LEN(types)];
        ((u8 *)s)[1] = 1 + hash_2u64(seed, i, 101) % 2;
        good += msg_check(s, n) == NULL;
        free(s);
    }
    assert_true(good > 1000 && good < 99000);
}

static void test_print_executed(void **state)
{
    (void)state;
    union msg m = blank(EV_EXECUTED);
    m.ev.seq = 7;
    m.ev.time_ns = 1000;
    m.ev.account = 2;
    m.ev.session_seq = 3;
    m.ev.flags = MSG_TX_END | MSG_TAKER;
    m.executed.order_ref = 11;
    m.executed.match = 5;
    m.executed.user_ref = 1;
    m.executed.qty = 100;
    m.executed.price = 1502500;
    m.executed.instrument = 4;
    m.executed.liquidity = 'R';
    char *line = printed(&m);
    assert_string_equal(line, "seq=7 time_ns=1000 type=EV_EXECUTED account=2 session_seq=3 "
                              "flags=end,taker order_ref=11 match=5 user_ref=1 user_ref_idx=0 "
                              "instrument=4 qty=100 price=150.2500 liquidity=R\n");
    free(line);
}

static void test_print_enter(void **state)
{
    (void)state;
    union msg m = blank(CMD_ENTER);
    m.cmd.account = 1;
    m.cmd.bind_id = 9;
    m.enter.side = 'B';
    m.enter.qty = 300;
    m.enter.price = PRICE_MARKET;
    memcpy(m.enter.symbol, "A\n\"     ", 8);
    memcpy(m.enter.terms.clordid, "order 1       ", 14);
    m.enter.terms.tags = TAG_BIT(7);
    m.enter.terms.peg_offset = -100;
    char *line = printed(&m);
    assert_non_null(strstr(line, "gateway=0 bind_id=9 "));
    assert_non_null(strstr(line, " side=B qty=300 symbol=\"A\\x0a\\x22\" "));
    assert_non_null(strstr(line, " price=market tif=- "));
    assert_non_null(strstr(line, " clordid=\"order 1\" tags=0x80 peg_offset=-100\n"));
    assert_null(strstr(line, "min_qty"));
    free(line);
}

/* Every type prints as exactly one line, whatever is in it. */
static void test_print_is_one_line(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(types); i++) {
        union msg m;
        memset(&m, 0x0A, sizeof m);
        m.cmd.type = types[i];
        char *line = printed(&m);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_non_null(strstr(line, msg_type_name(types[i])));
        free(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_is_known),
        cmocka_unit_test(test_count_and_type_are_checked),
        cmocka_unit_test(test_flags_are_checked),
        cmocka_unit_test(test_padding_is_checked),
        cmocka_unit_test(test_terms_are_checked),
        cmocka_unit_test(test_property_random_bytes),
        cmocka_unit_test(test_print_executed),
        cmocka_unit_test(test_print_enter),
        cmocka_unit_test(test_print_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
