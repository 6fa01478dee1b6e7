/*
 * test_fill_codec.c - what consumers get: golden bytes, there and back, and hostile bytes.
 *
 * tests/data/fill_v1.tsv is the promise to consumers: those bytes must decode for ever. The encoder
 * must make them as long as the version is 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "persist/fill_codec.h"

static const struct fill small = {
    .version = 1,
    .seq = 7,
    .idx = 2,
    .day = 20261123,
    .time_ns = 1795357800000000001ull,
    .match = 1,
    .symbol = "AAPL",
    .qty = 100,
    .price = 1500000,
    .side = 'B',
    .taker = true,
    .account = 1,
    .user = "ALPHA1",
    .firm = "ALFA",
    .order_ref = 3,
    .user_ref = 1,
    .session_seq = 3,
    .liquidity = 'R',
};

static const struct fill large = {
    .version = 1,
    .seq = UINT64_MAX,
    .idx = 254,
    .shard = 99,
    .day = 20991231,
    .time_ns = UINT64_MAX - 1,
    .match = UINT64_MAX - 2,
    .symbol = "ABCDEFGH",
    .qty = 999999,
    .price = 1999999900,
    .side = 'S',
    .account = UINT32_MAX,
    .user = "ABCDEF",
    .firm = "ABCD",
    .order_ref = UINT64_MAX - 3,
    .user_ref = UINT32_MAX - 1,
    .user_ref_idx = 255,
    .session_seq = UINT64_MAX - 4,
    .liquidity = '7',
};

static const struct fill blank = {.version = 1, .symbol = ""};

static void assert_fill(const struct fill *a, const struct fill *b)
{
    assert_int_equal(a->version, b->version);
    assert_true(a->seq == b->seq && a->idx == b->idx && a->shard == b->shard && a->day == b->day);
    assert_true(a->time_ns == b->time_ns && a->match == b->match);
    assert_string_equal(a->symbol, b->symbol);
    assert_true(a->qty == b->qty && a->price == b->price && a->side == b->side);
    assert_int_equal(a->taker, b->taker);
    assert_int_equal(a->account, b->account);
    assert_string_equal(a->user, b->user);
    assert_string_equal(a->firm, b->firm);
    assert_true(a->order_ref == b->order_ref && a->user_ref == b->user_ref);
    assert_int_equal(a->user_ref_idx, b->user_ref_idx);
    assert_true(a->session_seq == b->session_seq);
    assert_int_equal(a->liquidity, b->liquidity);
}

/* What a trade keeps of a fill. */
static struct fill as_trade(const struct fill *f)
{
    struct fill t = *f;
    t.account = t.user_ref = t.user_ref_idx = 0;
    t.order_ref = t.session_seq = 0;
    t.liquidity = '\0';
    memset(t.user, 0, sizeof t.user);
    memset(t.firm, 0, sizeof t.firm);
    return t;
}

static u32 from_hex(const char *hex, u8 *out)
{
    u32 n = 0;
    for (; hex[0] != '\0' && hex[0] != '\n'; hex += 2) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        out[n++] = (u8)byte;
    }
    return n;
}

static void test_golden(void **state)
{
    static const struct {
        const char *name;
        const struct fill *fill;
        bool trade;
    } cases[] = {
        {"fill-small", &small, false}, {"fill-large", &large, false}, {"fill-blank", &blank, false},
        {"trade-small", &small, true}, {"trade-large", &large, true},
    };
    char line[1024], name[64], hex[1024];
    u32 seen = 0;

    (void)state;
    FILE *file = fopen("tests/data/fill_v1.tsv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        u8 golden[512], own[FILL_BYTES_MAX];
        struct fill out;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%63s %1023s", name, hex), 2);
        u32 n = from_hex(hex, golden);
        for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
            if (strcmp(name, cases[i].name) != 0)
                continue;
            u32 used = cases[i].trade ? fill_encode_trade(cases[i].fill, own)
                                      : fill_encode(cases[i].fill, own);
            assert_int_equal(used, n);
            assert_memory_equal(own, golden, n);
            assert_null(fill_decode(golden, n, &out));
            struct fill wanted = cases[i].trade ? as_trade(cases[i].fill) : *cases[i].fill;
            assert_fill(&out, &wanted);
            seen++;
        }
    }
    fclose(file);
    assert_int_equal(seen, ARRAY_LEN(cases));
}

static void test_trade_names_nobody(void **state)
{
    u8 bytes[FILL_BYTES_MAX];

    (void)state;
    u32 n = fill_encode_trade(&small, bytes);
    assert_null(memmem(bytes, n, "ALPHA1", 6));
    assert_null(memmem(bytes, n, "ALFA", 4));
}

static void test_there_and_back(void **state)
{
    u64 random = 1;

    (void)state;
    for (u32 i = 0; i < 20000; i++) {
        struct fill f = large, out;
        u8 bytes[FILL_BYTES_MAX];
        random = hash_u64(random + 1);
        f.seq = random >> (random % 64);
        f.qty = (u32)(random >> 20) >> (random % 32);
        f.price = (u32)(random >> 30) >> (random % 31);
        f.time_ns = hash_u64(random) >> (random % 50);
        f.taker = random & 1;
        f.symbol[random % 9] = '\0';
        memset(f.symbol + random % 9, 0, sizeof f.symbol - random % 9);
        u32 n = fill_encode(&f, bytes);
        assert_null(fill_decode(bytes, n, &out));
        assert_fill(&out, &f);
    }
}

static const char *decode_hex(const char *hex)
{
    u8 bytes[512];
    struct fill out;
    return fill_decode(bytes, from_hex(hex, bytes), &out);
}

/* The required keys by hand: {v:1 s:1 n:1 t:1 y:"A" q:1 p:1}. */
#define REQUIRED "a17601a17301a16e01a17401a179a141a17101a17001"

static void test_readers_ignore_what_they_do_not_know(void **state)
{
    (void)state;
    assert_null(decode_hex("87" REQUIRED));
    assert_null(decode_hex("88" REQUIRED "a17aa3616263")); /* z: "abc" */
    assert_null(decode_hex("88" REQUIRED "a3616263"
                           "820102c0c3")); /* abc: a map */
    assert_null(decode_hex("88" REQUIRED "a0"
                           "93010203")); /* an empty key, an array */
}

/* One object of each kind and width that msgpack has, as the value of an unknown key. */
static void test_every_kind_is_walked_over(void **state)
{
    static const char *const values[] = {
        "c0",
        "c2",
        "7f",
        "e0",
        "cc80",
        "cd8000",
        "ce80000000",
        "cf8000000000000000",
        "d080",
        "d18000",
        "d280000000",
        "d38000000000000000",
        "ca3f800000",
        "cb3ff0000000000000",
        "c401ff",
        "c50001ff",
        "c600000001ff",
        "d90141",
        "da000141",
        "db0000000141",
        "dc000101",
        "dd0000000101",
        "de00010102",
        "df000000010102",
        "d4ff00",
        "d5ff0000",
        "d6ff00000000",
        "d7ff0000000000000000",
        "d8ff00000000000000000000000000000000",
        "c70102ff",
        "c8000102ff",
        "c90000000102ff",
        "9281010293c0c3c2",
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(values); i++) {
        char hex[256];
        snprintf(hex, sizeof hex, "88" REQUIRED "a17a%s", values[i]);
        const char *wrong = decode_hex(hex);
        if (wrong)
            fail_msg("%s: %s", values[i], wrong);
        hex[strlen(hex) - 2] = '\0'; /* the same, cut by a byte */
        assert_non_null(decode_hex(hex));
    }
}

static void test_refuses(void **state)
{
    (void)state;
    assert_string_equal(decode_hex("01"), "not a map");
    assert_string_equal(decode_hex("80"), "a required key is missing");
    assert_string_equal(decode_hex("87" REQUIRED "00"), "more bytes than one map");
    assert_string_equal(decode_hex("88" REQUIRED "01a141"), "a key that is not a text");
    assert_string_equal(decode_hex("88" REQUIRED "a17601"), "a key that comes twice");
    const char *wrong = "a value of the wrong kind or out of range";
    assert_string_equal(decode_hex("88" REQUIRED "a161cf0000000100000000"), wrong); /* a: 2^32 */
    assert_string_equal(decode_hex("88" REQUIRED "a161ff"), wrong);                 /* a: -1 */
    assert_string_equal(decode_hex("88" REQUIRED "a16100"
                                   "c0"),
                        "more bytes than one map");
    assert_string_equal(decode_hex("88" REQUIRED "a167"
                                   "01"),
                        wrong);                                                 /* g: 1 */
    assert_string_equal(decode_hex("88" REQUIRED "a162a24253"), wrong);         /* b: "BS" */
    assert_string_equal(decode_hex("88" REQUIRED "a166a54142434445"), wrong);   /* f: 5 letters */
    assert_string_equal(decode_hex("88" REQUIRED "a166a24100"), wrong);         /* f: "A\0" */
    assert_string_equal(decode_hex("ddffffffff"), "not msgpack, or cut short"); /* 4 billion */
    assert_string_equal(decode_hex("dfffffffff"), "not msgpack, or cut short");
    assert_string_equal(decode_hex("c6ffffffff"), "not msgpack, or cut short");
    assert_string_equal(decode_hex("c1"), "not msgpack, or cut short");
}

/* Every cut and every flipped byte is answered, never believed blindly, never a crash. */
static void test_damage(void **state)
{
    u8 bytes[FILL_BYTES_MAX], bad[FILL_BYTES_MAX];
    struct fill out;
    u32 n = fill_encode(&large, bytes);

    (void)state;
    for (u32 cut = 0; cut < n; cut++)
        assert_non_null(fill_decode(bytes, cut, &out));
    for (u32 at = 0; at < n; at++) {
        for (u32 flip = 1; flip < 256; flip++) {
            memcpy(bad, bytes, n);
            bad[at] ^= (u8)flip;
            if (!fill_decode(bad, n, &out)) {
                assert_true(strlen(out.symbol) < sizeof out.symbol);
                assert_true(strlen(out.user) < sizeof out.user);
                assert_true(strlen(out.firm) < sizeof out.firm);
            }
        }
    }
}

/* tests/data/top_v1.tsv: bytes that must decode for ever, and that the encoder makes. */
static void test_golden_tops(void **state)
{
    static const struct top_news tops[] = {
        {.version = 1,
         .seq = 7,
         .shard = 1,
         .time_ns = 1795357800000000001ull,
         .symbol = "AAPL",
         .bid_price = 1500000,
         .bid_qty = 300,
         .ask_price = 1500100,
         .ask_qty = 100,
         .phase = 'T'},
        {.version = 1,
         .seq = UINT64_MAX,
         .shard = 99,
         .time_ns = UINT64_MAX - 1,
         .symbol = "ABCDEFGH",
         .bid_price = 1999999900,
         .bid_qty = UINT64_MAX - 2,
         .ask_price = 1999999900,
         .ask_qty = UINT64_MAX - 3,
         .phase = 'H'},
        {.version = 1, .symbol = ""},
        {.version = 1,
         .seq = UINT64_MAX,
         .shard = 99,
         .time_ns = UINT64_MAX - 1,
         .symbol = "ABCDEFGH",
         .bid_price = 1999999900,
         .bid_qty = UINT64_MAX - 2,
         .ask_price = 1999999900,
         .ask_qty = UINT64_MAX - 3,
         .phase = 'P',
         .cross = 'O',
         .cross_price = 1999999900,
         .paired = UINT64_MAX - 4,
         .imbalance = UINT64_MAX - 5,
         .cross_side = 'B',
         .indicated_ns = UINT64_MAX - 6},
    };
    static const char *const names[] = {"top-small", "top-large", "top-blank", "top-cross"};
    char line[512], name[64], hex[512];
    u32 seen = 0;

    (void)state;
    FILE *file = fopen("tests/data/top_v1.tsv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        u8 golden[256], own[TOP_BYTES_MAX];
        struct top_news out;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%63s %511s", name, hex), 2);
        assert_string_equal(name, names[seen]);
        u32 n = from_hex(hex, golden);
        assert_int_equal(top_encode(&tops[seen], own), n);
        assert_memory_equal(own, golden, n);
        assert_null(top_decode(golden, n, &out));
        assert_memory_equal(&out, &tops[seen], sizeof out);
        assert_non_null(top_decode(golden, n - 1, &out));
        seen++;
    }
    fclose(file);
    assert_int_equal(seen, ARRAY_LEN(tops));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_golden_tops),
        cmocka_unit_test(test_trade_names_nobody),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_readers_ignore_what_they_do_not_know),
        cmocka_unit_test(test_every_kind_is_walked_over),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
