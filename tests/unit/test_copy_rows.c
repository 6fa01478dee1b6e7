/*
 * test_copy_rows.c - the bytes of binary COPY: values by hand, sizes, and when a batch is full.
 *
 * That the rows fit the tables of config/sql is shown against a real server (test_postgres.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "persist/copy_field.h"
#include "persist/copy_impl.h"
#include "persist/copy_rows.h"
#include "persist/export_names.h"
#include "tests/lib/made_journal.h"

static u8 bytes[4096];
static struct copy_buffer buffer;

/* A row with one field (or two) behind two bytes of count. */
static struct copy_row row(u16 fields)
{
    buffer = (struct copy_buffer){.bytes = bytes, .room = sizeof bytes};
    return copy_row_begin(&buffer, fields);
}

static void assert_bytes(const struct copy_row *r, const char *hex)
{
    char got[1024];

    copy_row_end(r);
    for (u32 i = 2; i < buffer.used; i++)
        snprintf(got + (i - 2) * 2, 3, "%02x", bytes[i]);
    got[(buffer.used - 2) * 2] = '\0';
    assert_string_equal(got, hex);
}

#define CHECK(fields, call, hex)         \
    do {                                 \
        struct copy_row r = row(fields); \
        call;                            \
        assert_bytes(&r, hex);           \
    } while (0)

static void test_numbers(void **state)
{
    (void)state;
    CHECK(1, copy_null(&r), "ffffffff");
    CHECK(1, copy_i16(&r, 258), "000000020102");
    CHECK(1, copy_i32(&r, 0x01020304), "0000000401020304");
    CHECK(1, copy_i64(&r, 0x0102030405060708), "000000080102030405060708");
    CHECK(1, copy_bool(&r, true), "0000000101");
}

/* numeric: digits, weight, sign, scale, then digits of base 10,000. */
static void test_prices(void **state)
{
    (void)state;
    CHECK(1, copy_price(&r, 1500000),
          "0000000c0002000000000004"
          "0096"
          "0000"); /* 150.0000 */
    CHECK(1, copy_price(&r, 1),
          "0000000c0002000000000004"
          "0000"
          "0001"); /* 0.0001 */
    CHECK(1, copy_price(&r, 1999999900),
          "0000000e0003000100000004"
          "0013270f26ac"); /* 199999.99 */
    CHECK(1, copy_price(&r, 0x7FFFFFFF),
          "0000000e0003000100000004"
          "0015128c0e3f"); /* market */
    CHECK(1, copy_price(&r, 0),
          "0000000c0002000000000004"
          "0000"
          "0000");
}

static void test_texts(void **state)
{
    (void)state;
    CHECK(1, copy_text(&r, "AB  ", 4), "000000024142");
    CHECK(1, copy_text(&r, "A\0\0\0", 4), "0000000141");
    CHECK(1, copy_text(&r, "    ", 4), "ffffffff");
    CHECK(1, copy_text(&r, "a\x80 b", 4), "00000004613f2062");
    CHECK(1, copy_char(&r, 'B'), "0000000142");
    CHECK(1, copy_char(&r, 0), "ffffffff");
    CHECK(1, copy_char(&r, 0xFF), "000000013f");
    CHECK(1, copy_inet(&r, 0x0100007F), "00000008022000047f000001");
    CHECK(1, copy_inet(&r, 0), "ffffffff");
}

/* Days since 2000-01-01, against the C library over 130 years. */
static void test_dates(void **state)
{
    (void)state;
    CHECK(1, copy_date(&r, 0), "ffffffff");
    CHECK(1, copy_date(&r, 20000101), "0000000400000000");
    CHECK(1, copy_date(&r, 20261123), "000000040000265f");
    for (time_t day = 0; day < 365 * 130; day++) {
        time_t sec = 946684800 + day * 86400;
        char hex[32];
        struct tm tm;
        gmtime_r(&sec, &tm);
        snprintf(hex, sizeof hex, "00000004%08x", (u32)day);
        CHECK(
            1,
            copy_date(&r, (u32)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday)),
            hex);
    }
    CHECK(2, copy_time(&r, 946684800000000000ull + 1234567),
          "0000000800000000000004d2"
          "000000020237");
}

static void assert_options(const struct order_terms *t, const char *json)
{
    struct copy_row r = row(1);

    copy_options(&r, t);
    copy_row_end(&r);
    if (!json) {
        assert_int_equal(buffer.used, 2 + 4);
        return;
    }
    assert_int_equal(bytes[6], 1); /* jsonb's version */
    assert_int_equal(buffer.used - 7, strlen(json));
    assert_memory_equal(bytes + 7, json, strlen(json));
}

static void test_options(void **state)
{
    struct order_terms t = {.tags = TAG_BIT(2) | TAG_BIT(28), .firm = "HOUS"};

    (void)state;
    assert_options(&t, NULL); /* both have columns of their own */
    t.tags = TAG_BIT(3) | TAG_BIT(7) | TAG_BIT(12) | TAG_BIT(16) | TAG_BIT(24) | TAG_BIT(26);
    t.min_qty = 100;
    t.peg_offset = -200;
    t.yes = YES_TRADE_NOW;
    t.group_id = 7;
    memcpy(t.locate_broker, "AB\" ", 4);
    assert_options(&t,
                   "{\"min_qty\":100,\"peg_offset\":-200,\"group_id\":7,\"locate_broker\":\"AB?\","
                   "\"post_only\":false,\"trade_now\":true}");

    /* Everything at once, as long as it gets. */
    memset(&t, 0x80, sizeof t);
    t.tags = UINT32_MAX;
    struct copy_row r = row(1);
    copy_options(&r, &t);
    copy_row_end(&r);
    assert_true(buffer.used < 600);
}

/* Walks over a table's buffer: each row has the same count of fields and ends where it should. */
static void assert_well_formed(const struct copy_buffer *b)
{
    u32 at = 19, rows = 0, fields = 0;

    assert_memory_equal(b->bytes, "PGCOPY\n\377\r\n", 11);
    while (at < b->used) {
        u32 count = (u32)(b->bytes[at] << 8 | b->bytes[at + 1]);
        assert_true(fields == 0 || count == fields);
        fields = count;
        at += 2;
        for (u32 i = 0; i < count; i++) {
            u32 length = (u32)b->bytes[at] << 24 | (u32)b->bytes[at + 1] << 16 |
                         (u32)b->bytes[at + 2] << 8 | b->bytes[at + 3];
            at += 4 + (length == UINT32_MAX ? 0 : length);
        }
        rows++;
    }
    assert_int_equal(at, b->used);
    assert_int_equal(rows, b->rows);
}

static void test_batch_of_a_journal(void **state)
{
    struct made_journal j;
    struct export_names names;
    struct copy_batch b;
    struct mem m;

    (void)state;
    mem_init(&m, 0);
    made_journal_init(&j, 1);
    made_journal_start(&j, 1, 20261123);
    made_journal_trade(&j, 1000);
    made_journal_names(&j, &names, &m, j.txs);
    copy_batch_init(&b, &m, 3);
    for (u64 seq = 1; seq <= j.txs; seq++) {
        struct sink_tx tx = {.seq = seq, .day = 20261123, .names = &names};
        tx.slots = made_journal_tx(&j, seq, &tx.used);
        tx.time_ns = ((const union msg *)(const void *)tx.slots)->cmd.time_ns;
        assert_true(copy_batch_add(&b, &tx));
    }
    assert_int_equal(b.tables[COPY_EXECUTIONS].rows, j.executions);
    assert_int_equal(b.tables[COPY_ORDERS].rows, j.order_events);
    assert_int_equal(b.tables[COPY_REJECTS].rows, j.rejects);
    assert_int_equal(b.tables[COPY_SESSIONS].rows, j.sessions);
    assert_int_equal(b.tables[COPY_INSTRUMENTS].rows, MADE_INSTRUMENTS);
    assert_int_equal(b.tables[COPY_ACCOUNTS].rows, MADE_ACCOUNTS);
    assert_int_equal(b.tables[COPY_VENUE].rows, 2);
    assert_int_equal(b.tables[COPY_EVENT_LOG].rows, j.txs);
    assert_int_equal(b.tables[COPY_BROKEN_TRADES].rows, j.broken);
    assert_int_equal(b.tables[COPY_CONTROLS].rows, j.controls);
    assert_int_equal(b.tables[COPY_MARKET].rows, j.market);
    assert_true(j.broken > 0 && j.controls > 0 && j.market > 0);
    u32 sum = 0;
    for (u32 t = 0; t < COPY_TABLES; t++) {
        assert_well_formed(&b.tables[t]);
        sum += b.tables[t].rows;
    }
    assert_int_equal(b.rows, sum);
    assert_int_equal(b.days_used, 1);
    assert_int_equal(b.days[0], 20261123);

    u32 used = b.tables[COPY_ORDERS].used;
    copy_batch_end(&b, COPY_ORDERS);
    assert_int_equal(b.tables[COPY_ORDERS].used, used + 2);
    assert_memory_equal(b.tables[COPY_ORDERS].bytes + used, "\xff\xff", 2);
    copy_batch_clear(&b);
    assert_int_equal(b.rows + b.days_used + b.tables[COPY_ORDERS].rows, 0);
    made_journal_free(&j);
    mem_free_all(&m);
}

/*
 * The largest transaction over and over: it goes in whole or not at all, and fits an empty batch.
 */
static void test_full_batch(void **state)
{
    struct export_names names;
    struct copy_batch b;
    struct mem m;
    struct slot tx_slots[TX_SLOTS_MAX];

    (void)state;
    mem_init(&m, 0);
    export_names_init(&names, &m, 4, 4);
    copy_batch_init(&b, &m, 0);
    memset(tx_slots, 0, sizeof tx_slots);
    for (u32 i = 0; i < TX_SLOTS_MAX; i++) {
        union msg *e = (union msg *)(void *)&tx_slots[i];
        e->ev.type = i == 0 ? CMD_CONTINUE : EV_EXECUTED;
        e->ev.slots = 1;
    }
    struct sink_tx tx = {.seq = 1,
                         .time_ns = 1795357800000000000ull,
                         .used = TX_SLOTS_MAX,
                         .slots = tx_slots,
                         .names = &names};
    for (u32 round = 0; round < 2; round++) {
        u32 added = 0;
        while (copy_batch_add(&b, &tx))
            added++;
        assert_true(added >= 1);
        assert_int_equal(b.rows, added * TX_SLOTS_MAX);
        assert_int_equal(b.days[0], 20261122); /* no day was ever open: its date in UTC */
        assert_well_formed(&b.tables[COPY_EXECUTIONS]);
        copy_batch_clear(&b);
    }
    for (u32 i = 0; i < COPY_DAYS_MAX; i++) {
        tx.day = 20261101 + i;
        tx.used = 2;
        assert_true(copy_batch_add(&b, &tx));
    }
    tx.day++;
    assert_false(copy_batch_add(&b, &tx));
    mem_free_all(&m);
}

/* A new type must have its row, or be said to have none: in copy_rows.c. */
static void test_every_event_is_known(void **state)
{
    (void)state;
    for (u32 type = 0; type < 256; type++) {
        bool event = msg_type_slots((u8)type) > 0 && !msg_is_command((u8)type);
        if (copy_rows_know((u8)type) != event)
            fail_msg("%s (0x%02x)", msg_type_name((u8)type), type);
    }
}

/* A strategy's letter that would end the JSON becomes a question mark. */
static void test_letter_in_json(void **state)
{
    struct export_names names;
    struct copy_batch b;
    struct mem m;
    struct sink_tx tx = {.seq = 1, .time_ns = 1795357800000000000ull, .names = &names};
    struct rows w = {.batch = &b, .tx = &tx, .day = 20261123};
    union msg event = {.aiq = {.head = {.type = EV_AIQ_CANCELLED, .time_ns = tx.time_ns},
                               .prevented = 100,
                               .strategy = '"'}};
    const char *json = "{\"prevented\":100,\"strategy\":\"?\",\"taker\":false}";

    (void)state;
    mem_init(&m, 0);
    export_names_init(&names, &m, 4, 4);
    copy_batch_init(&b, &m, 0);
    row_aiq_cancelled(&w, &event, 1);
    const struct copy_buffer *rows = &b.tables[COPY_ORDERS];
    assert_memory_equal(rows->bytes + rows->used - strlen(json), json, strlen(json));
    mem_free_all(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letter_in_json), cmocka_unit_test(test_every_event_is_known),
        cmocka_unit_test(test_numbers),        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_texts),          cmocka_unit_test(test_dates),
        cmocka_unit_test(test_options),        cmocka_unit_test(test_batch_of_a_journal),
        cmocka_unit_test(test_full_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
