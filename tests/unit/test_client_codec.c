/*
 * The client's OUCH codec against the golden vectors in tests/data/ouch5_vectors.tsv, both
 * directions, against every kind of damage, and the texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/client/wb_bytes.h"
#include "gateway/client/wb_ouch.h"
#include "gateway/client/wb_text.h"

#define VECTORS     "tests/data/ouch5_vectors.tsv"
#define VECTOR_TIME 0x1F1ACED9F07Bull

struct vector {
    u8 bytes[128];
    u32 n;
};

/* The vector of that direction and type; fails the test when there is none. */
static struct vector vector(const char *dir, const char *type)
{
    char line[1024], dialect[8], d[8], t[16], hex[600];
    struct vector v = {.n = 0};
    u32 bytes = 0;
    FILE *f = fopen(VECTORS, "r");
    assert_non_null(f);
    while (v.n == 0 && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%7s %7s %15s %u %599s", dialect, d, t, &bytes, hex) != 5)
            continue;
        if (strcmp(d, dir) == 0 && strcmp(t, type) == 0)
            v.n = (u32)wb_unhex(v.bytes, sizeof(v.bytes), hex);
    }
    fclose(f);
    assert_int_not_equal(v.n, 0);
    assert_int_equal(v.n, bytes);
    return v;
}

static struct wb_msg decoded(const struct vector *v)
{
    struct wb_msg m;
    assert_null(wb_decode(&m, v->bytes, v->n));
    assert_true(m.known);
    assert_int_equal(m.time_ns, VECTOR_TIME);
    assert_ptr_equal(m.raw, v->bytes);
    assert_int_equal(m.raw_bytes, v->n);
    return m;
}

static void assert_encoded(const char *dir, const char *type, const u8 *bytes, u32 n)
{
    struct vector want = vector(dir, type);
    assert_int_equal(n, want.n);
    assert_memory_equal(bytes, want.bytes, n);
}

static void test_requests(void **state)
{
    (void)state;
    u8 out[WB_REQUEST_MAX];
    struct wb_enter e;
    wb_enter_init(&e, 1, 'B', 100, "AAPL", 1503400);
    memcpy(e.clordid, "CLORD1", sizeof("CLORD1"));
    assert_encoded("in", "O", out, wb_encode_enter(out, &e));

    struct wb_tags tags = {0};
    wb_tag_set(&tags, 28, 5); /* set in any order, sent in ascending order */
    wb_tag_set_text(&tags, 2, "FIRM");
    wb_tag_set(&tags, 3, 100);
    wb_tag_set(&tags, 5, 100);
    wb_tag_set(&tags, 15, 3600);
    wb_enter_init(&e, 2, 'S', 500, "AAPL", 1503400);
    memcpy(e.clordid, "CLORD1", sizeof("CLORD1"));
    e.tags = &tags;
    assert_encoded("in", "O+tags", out, wb_encode_enter(out, &e));

    struct wb_replace r;
    wb_replace_init(&r, 1, 2, 500, 1503500);
    memcpy(r.clordid, "R1", sizeof("R1"));
    assert_encoded("in", "U", out, wb_encode_replace(out, &r));

    assert_encoded("in", "X", out, wb_encode_cancel(out, 1, 0, NULL));
    struct wb_tags idx = {0};
    wb_tag_set(&idx, 28, 7);
    assert_encoded("in", "X+idx", out, wb_encode_cancel(out, 1, 25, &idx));
    assert_encoded("in", "Q", out, wb_encode_query(out, NULL));
    assert_int_equal(wb_encode_query(out, &idx), 6);
}

/* Every tag at once still fits the buffer that callers are told to give. */
static void test_request_max(void **state)
{
    (void)state;
    u8 out[WB_REQUEST_MAX];
    struct wb_tags tags = {0};
    struct wb_enter e;
    for (u32 tag = 0; tag <= WB_TAG_MAX; tag++)
        if (wb_tag_bytes(tag) > 0)
            wb_tag_set(&tags, tag, UINT64_MAX);
    wb_enter_init(&e, 1, 'B', 100, "A", 1);
    e.tags = &tags;
    u32 n = wb_encode_enter(out, &e);
    assert_in_range(n, 100, WB_REQUEST_MAX);
    assert_int_equal(wb_get16(out + 45), n - 47);
    assert_int_equal(wb_tag_bytes(8), 0);
    assert_int_equal(wb_tag_bytes(WB_TAG_MAX + 1), 0);
}

static void test_accepted(void **state)
{
    (void)state;
    struct vector v = vector("out", "A");
    struct wb_msg m = decoded(&v);
    assert_int_equal(m.type, 'A');
    assert_int_equal(m.user_ref, 1);
    assert_int_equal(m.side, 'B');
    assert_int_equal(m.qty, 100);
    assert_string_equal(m.symbol, "AAPL");
    assert_int_equal(m.price, 1503400);
    assert_int_equal(m.tif, '0');
    assert_int_equal(m.display, 'Y');
    assert_int_equal(m.order_ref, 0x4D);
    assert_int_equal(m.capacity, 'A');
    assert_int_equal(m.iso, 'N');
    assert_int_equal(m.cross, 'N');
    assert_int_equal(m.state, 'L');
    assert_string_equal(m.clordid, "CLORD1");
    assert_int_equal(m.tags.present, 0);

    v = vector("out", "A+tags");
    m = decoded(&v);
    assert_int_equal(m.tags.present, 1u << 2 | 1u << 12 | 1u << 28);
    assert_int_equal(m.tags.value[2], 0x4649524D);
    assert_int_equal(m.tags.value[12], 'P');
    assert_int_equal(m.tags.value[28], 5);
    assert_int_equal(m.unknown_tags, 0);
}

static void test_other_answers(void **state)
{
    (void)state;
    struct vector v = vector("out", "S");
    assert_int_equal(decoded(&v).event, 'S');

    v = vector("out", "U");
    struct wb_msg m = decoded(&v);
    assert_int_equal(m.orig_ref, 1);
    assert_int_equal(m.user_ref, 2);
    assert_int_equal(m.qty, 400);
    assert_int_equal(m.price, 1503500);
    assert_int_equal(m.order_ref, 0x4E);
    assert_string_equal(m.clordid, "R1");

    v = vector("out", "C");
    m = decoded(&v);
    assert_int_equal(m.user_ref, 1);
    assert_int_equal(m.qty, 60);
    assert_int_equal(m.reason, 'U');

    v = vector("out", "E");
    m = decoded(&v);
    assert_int_equal(m.user_ref, 1);
    assert_int_equal(m.qty, 40);
    assert_int_equal(m.price, 1503400);
    assert_int_equal(m.liquidity, 'A');
    assert_int_equal(m.match, 987654);

    v = vector("out", "J");
    m = decoded(&v);
    assert_int_equal(m.user_ref, 2);
    assert_int_equal(m.reject, 0x1D);
    assert_string_equal(m.clordid, "CLORD2");

    v = vector("out", "Q");
    assert_int_equal(decoded(&v).user_ref, 6);
}

static void test_firm_wide(void **state)
{
    u8 out[WB_REQUEST_MAX];
    struct wb_tags tags = {0};
    (void)state;

    struct vector v = vector("in", "M");
    assert_int_equal(wb_encode_modify(out, 1, 'T', 50, NULL), v.n);
    assert_memory_equal(out, v.bytes, v.n);
    v = vector("in", "C");
    wb_tag_set(&tags, 27, 'S');
    wb_tag_set(&tags, 24, 7);
    assert_int_equal(wb_encode_mass_cancel(out, 3, "FIRM", "", &tags), v.n);
    assert_memory_equal(out, v.bytes, 19);
    v = vector("in", "D");
    assert_int_equal(wb_encode_order_entry(out, false, 4, "FIRM", NULL), v.n);
    assert_memory_equal(out, v.bytes, v.n);
    v = vector("in", "E");
    assert_int_equal(wb_encode_order_entry(out, true, 5, "FIRM", NULL), v.n);
    assert_memory_equal(out, v.bytes, v.n);

    v = vector("out", "M");
    struct wb_msg m = decoded(&v);
    assert_int_equal(m.user_ref, 1);
    assert_int_equal(m.side, 'T');
    assert_int_equal(m.qty, 50);
    v = vector("out", "X");
    m = decoded(&v);
    assert_int_equal(m.user_ref, 3);
    assert_string_equal(m.firm, "FIRM");
    assert_string_equal(m.symbol, "");
    v = vector("out", "G");
    m = decoded(&v);
    assert_int_equal(m.user_ref, 4);
    assert_string_equal(m.firm, "FIRM");
    v = vector("out", "K");
    assert_int_equal(decoded(&v).user_ref, 5);
}

static void test_rare_answers(void **state)
{
    char text[WB_LINE_BYTES];
    (void)state;
    struct vector v = vector("out", "D");
    struct wb_msg m = decoded(&v);
    assert_int_equal(m.qty, 60);
    assert_int_equal(m.reason, 'Q');
    assert_int_equal(m.prevented, 60);
    assert_int_equal(m.price, 1503400);
    assert_int_equal(m.liquidity, 'R');
    assert_int_equal(m.strategy, 'O');
    wb_describe(text, &m);
    assert_non_null(strstr(text, "60 @ 150.3400 prevented  strategy O"));
    v = vector("out", "B");
    m = decoded(&v);
    assert_int_equal(m.match, 0xF1206);
    assert_int_equal(m.reason, 'E');
    assert_string_equal(m.clordid, "CLORD1");
    wb_json(text, &m, 7);
    assert_non_null(strstr(text, "\"type\":\"broken\""));
    assert_non_null(strstr(text, "\"match\":987654,\"reason\":\"E\""));
    v = vector("out", "T");
    m = decoded(&v);
    assert_int_equal(m.price, 1503400);
    assert_int_equal(m.display, 'Y');
    assert_int_equal(m.order_ref, 0x4F);
    v = vector("out", "R");
    m = decoded(&v);
    assert_int_equal(m.reason, 'R');
    assert_int_equal(m.tags.value[22], 100);
    assert_int_equal(m.tags.value[1], 80);
    v = vector("out", "P");
    assert_int_equal(decoded(&v).user_ref, 1);
    v = vector("out", "I");
    m = decoded(&v);
    assert_int_equal(m.user_ref, 1);
    wb_describe(text, &m);
    assert_string_equal(text, "ref 1      too late for the cross");
}

/* No cut or lengthened message of a known type passes for a whole one. */
static void test_lengths(void **state)
{
    (void)state;
    const char *types[] = {"S", "A", "A+tags", "U", "C", "E", "J", "Q", "M",
                           "X", "G", "K",      "D", "B", "P", "I", "T", "R"};
    struct wb_msg m;
    for (u32 i = 0; i < ARRAY_LEN(types); i++) {
        struct vector v = vector("out", types[i]);
        for (u32 n = 0; n < v.n; n++)
            assert_non_null(wb_decode(&m, v.bytes, n));
        assert_non_null(wb_decode(&m, v.bytes, v.n + 1));
        assert_false(m.known);
        assert_int_equal(m.type, types[i][0]);
    }
}

static void test_damage(void **state)
{
    (void)state;
    struct wb_msg m;
    struct vector v = vector("out", "A");
    v.bytes[13] = 'X'; /* side */
    assert_non_null(wb_decode(&m, v.bytes, v.n));
    v = vector("out", "A");
    v.bytes[13] = 0;
    assert_non_null(wb_decode(&m, v.bytes, v.n));
    v = vector("out", "U");
    v.bytes[51] = 'Q'; /* order state */
    assert_non_null(wb_decode(&m, v.bytes, v.n));

    v = vector("out", "A+tags"); /* 64: length 5 of tag 2; 70: length 2 of tag 12 */
    v.bytes[64] = 4;
    assert_non_null(wb_decode(&m, v.bytes, v.n));
    v = vector("out", "A+tags");
    v.bytes[64] = 0;
    assert_non_null(wb_decode(&m, v.bytes, v.n));
    v = vector("out", "A+tags");
    v.bytes[73] = 200;
    assert_non_null(wb_decode(&m, v.bytes, v.n));
    v = vector("out", "A+tags");
    v.bytes[71] = 28; /* tag 28 twice */
    assert_non_null(wb_decode(&m, v.bytes, v.n));
    v = vector("out", "A+tags");
    v.bytes[73] = 3; /* an unknown tag that would end one byte behind the message */
    v.bytes[74] = 99;
    assert_non_null(wb_decode(&m, v.bytes, v.n));
}

static void test_unknown(void **state)
{
    (void)state;
    struct wb_msg m;
    struct vector v = vector("out", "A+tags");
    v.bytes[71] = 99; /* a tag of tomorrow */
    assert_null(wb_decode(&m, v.bytes, v.n));
    assert_true(m.known);
    assert_int_equal(m.unknown_tags, 1);
    assert_int_equal(m.tags.present, 1u << 2 | 1u << 28);

    u8 strange[] = {'z', 1, 2};
    assert_null(wb_decode(&m, strange, sizeof(strange)));
    assert_false(m.known);
    assert_int_equal(m.type, 'z');
    assert_int_equal(m.raw_bytes, 3);
}

/* Random bytes behind each type: never a crash, never a read beyond (the sanitizers watch). */
static void test_noise(void **state)
{
    (void)state;
    const char *seed_text = getenv("WB_SEED");
    unsigned seed = seed_text != NULL ? (unsigned)strtoul(seed_text, NULL, 0) : 1;
    srandom(seed);
    char line[WB_LINE_BYTES];
    for (u32 round = 0; round < 50000; round++) {
        u32 n = (u32)random() % 120;
        u8 *bytes = malloc(n + 1);
        for (u32 i = 0; i < n; i++)
            bytes[i] = (u8)random();
        if (n > 0)
            bytes[0] = (u8) "SAUCEJQx"[random() % 8];
        struct wb_msg m;
        if (wb_decode(&m, bytes, n) == NULL) {
            wb_describe(line, &m);
            wb_json(line, &m, round);
            assert_int_equal(line[strlen(line) - 1], '}');
        }
        free(bytes);
    }
}

static void test_prices(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        u64 price;
    } good[] = {
        {"150.25", 1502500}, {"0.0001", 1},        {"199999.99", WB_PRICE_MAX},
        {"7", 70000},        {".5", 5000},         {"market", WB_PRICE_MARKET},
        {"1.", 10000},       {"010.1000", 101000},
    };
    static const char *bad[] = {"", ".", "1.00001", "1.2.3", "-1", "1e3", "abc", "1 "};
    u64 price;
    char out[WB_PRICE_TEXT];
    for (u32 i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(wb_parse_price(good[i].text, &price));
        assert_int_equal(price, good[i].price);
    }
    for (u32 i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(wb_parse_price(bad[i], &price));
    assert_string_equal(wb_price_text(out, 1502500), "150.2500");
    assert_string_equal(wb_price_text(out, 1), "0.0001");
    assert_string_equal(wb_price_text(out, UINT64_MAX), "1844674407370955.1615");
}

static void test_words(void **state)
{
    (void)state;
    char line[WB_LINE_BYTES];
    struct vector v = vector("out", "J");
    struct wb_msg m = decoded(&v);
    wb_describe(line, &m);
    assert_non_null(strstr(line, "invalid price"));
    wb_json(line, &m, 7);
    assert_non_null(strstr(line, "\"seq\":7,\"type\":\"rejected\""));
    assert_non_null(strstr(line, "\"reason\":29,\"text\":\"invalid price\""));

    v = vector("out", "A");
    m = decoded(&v);
    m.clordid[0] = '"'; /* text of the wire cannot break out of the object */
    wb_json(line, &m, 1);
    assert_non_null(strstr(line, "\"clordid\":\"\\\"LORD1\""));
    assert_string_equal(wb_reject_text(0x17), "invalid symbol");
    assert_string_equal(wb_reject_text(0x117), "unknown reason");
    assert_int_equal(wb_type_of("executed"), 'E');
    assert_int_equal(wb_type_of("exec"), 0);
}

static void test_hex(void **state)
{
    (void)state;
    u8 bytes[4];
    char text[9];
    assert_int_equal(wb_unhex(bytes, 4, "00fFa5"), 3);
    assert_memory_equal(bytes, "\x00\xff\xa5", 3);
    wb_hex(text, bytes, 3);
    assert_string_equal(text, "00ffa5");
    assert_int_equal(wb_unhex(bytes, 4, "abc"), -1);
    assert_int_equal(wb_unhex(bytes, 4, "zz"), -1);
    assert_int_equal(wb_unhex(bytes, 1, "0011"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),     cmocka_unit_test(test_request_max),
        cmocka_unit_test(test_accepted),     cmocka_unit_test(test_other_answers),
        cmocka_unit_test(test_lengths),      cmocka_unit_test(test_firm_wide),
        cmocka_unit_test(test_rare_answers), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_unknown),      cmocka_unit_test(test_noise),
        cmocka_unit_test(test_prices),       cmocka_unit_test(test_words),
        cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
