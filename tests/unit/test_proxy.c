/*
 * test_proxy.c - proxy protocol v2 headers: right ones at any split, wrong ones of each kind, the
 * headers that balancers were seen to send.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/net/proxy.h"
#include "tests/lib/proxy_bytes.h"
#include "tests/lib/seed.h"

static struct proxy_bytes bytes;
static struct proxy_in in;

/* The whole header in one piece, with something behind it that does not belong to it. */
static enum proxy_status judge(void)
{
    u8 all[sizeof bytes.at + 5];
    u32 used;

    memset(&in, 0, sizeof in);
    memcpy(all, bytes.at, bytes.used);
    memcpy(all + bytes.used, "login", 5);
    enum proxy_status status = proxy_next(&in, all, bytes.used + 5, &used);
    if (status == PROXY_CLIENT || status == PROXY_LOCAL || status == PROXY_DIRECT)
        assert_int_equal(used, bytes.used);
    else
        assert_in_range(used, 1, bytes.used + (status == PROXY_MORE ? 5 : 0));
    return status;
}

/* The same verdict in pieces of every size. */
static enum proxy_status judge_split(void)
{
    enum proxy_status want = judge();

    for (u32 piece = 1; piece <= bytes.used; piece += 1 + piece / 8) {
        enum proxy_status got = PROXY_MORE;
        u32 at = 0;
        memset(&in, 0, sizeof in);
        while (got == PROXY_MORE && at < bytes.used) {
            u32 used;
            u32 n = min_u32(piece, bytes.used - at);
            got = proxy_next(&in, bytes.at + at, n, &used);
            assert_true(used == n || got == PROXY_BAD);
            at += used;
        }
        assert_int_equal(got, want);
    }
    return want;
}

static void a_client(void **state)
{
    (void)state;
    proxy_begin(&bytes, 0x21, 0x11);
    proxy_tcp4(&bytes, inet_addr("203.0.113.7"), 51000, inet_addr("10.0.0.9"), 9000);
    proxy_end(&bytes, false);
    assert_int_equal(bytes.used, 28);
    assert_int_equal(judge_split(), PROXY_CLIENT);
    assert_int_equal(in.ipv4, inet_addr("203.0.113.7"));
    assert_int_equal(in.port, 51000);
    assert_string_equal(in.endpoint, "");
}

/* A header as an NLB with an endpoint service sends it, checksum and all. */
static void an_endpoint(void **state)
{
    (void)state;
    proxy_begin(&bytes, 0x21, 0x11);
    proxy_tcp4(&bytes, inet_addr("203.0.113.7"), 51000, inet_addr("10.0.0.9"), 9000);
    proxy_tlv(&bytes, 0xEA, "\x01vpce-08d2bf15fac5001c9", 23);
    proxy_tlv(&bytes, 0x04, "", 0);
    proxy_tlv(&bytes, 0xEA, "\x07other", 6);
    proxy_end(&bytes, true);
    assert_int_equal(judge_split(), PROXY_CLIENT);
    assert_string_equal(in.endpoint, "vpce-08d2bf15fac5001c9");
    for (u32 i = 16; i < bytes.used; i++) {
        bool value = i < 28 || (i >= 31 && i < 54) || i >= bytes.used - 4;
        if (!value)
            continue; /* heads of TLVs: what then is no checksum any more is not asked for */
        bytes.at[i] ^= 0x10;
        assert_int_equal(judge(), PROXY_BAD);
        bytes.at[i] ^= 0x10;
    }
}

static void an_endpoint_of_an_enemy(void **state)
{
    char name[201] = "\x01";
    (void)state;

    memset(name + 1, 'x', 200);
    name[5] = '\n';
    name[6] = (char)0xFF;
    proxy_begin(&bytes, 0x21, 0x11);
    proxy_tcp4(&bytes, 1, 2, 3, 4);
    proxy_tlv(&bytes, 0xEA, name, sizeof name);
    proxy_end(&bytes, false);
    assert_int_equal(judge_split(), PROXY_CLIENT);
    assert_int_equal(strlen(in.endpoint), PROXY_ENDPOINT_MAX);
    assert_int_equal(in.endpoint[4], '?');
    assert_int_equal(in.endpoint[5], '?');
}

/* What an NLB's health check looks like: LOCAL, a family that is not filled, TLVs only. */
static void a_health_check(void **state)
{
    u8 noop[74] = {0};
    (void)state;

    proxy_begin(&bytes, 0x20, 0x11);
    proxy_tlv(&bytes, 0x03, "\1\2\3\4", 4);
    proxy_tlv(&bytes, 0x04, noop, sizeof noop);
    proxy_end(&bytes, false);
    assert_int_equal(bytes.used, 100);
    assert_int_equal(judge_split(), PROXY_LOCAL);
    proxy_begin(&bytes, 0x20, 0x00); /* HAProxy's */
    proxy_end(&bytes, false);
    assert_int_equal(judge_split(), PROXY_LOCAL);
    proxy_begin(&bytes, 0x20, 0x77);
    proxy_tlv(&bytes, 0xFF, "whatever", 8);
    bytes.at[17] = 0xFF; /* a TLV that does not fit: nobody looks */
    proxy_end(&bytes, false);
    assert_int_equal(judge_split(), PROXY_LOCAL);
}

static void not_said_whose(void **state)
{
    (void)state;
    proxy_begin(&bytes, 0x21, 0x00);
    proxy_tlv(&bytes, 1, "abc", 3);
    proxy_end(&bytes, false);
    assert_int_equal(judge_split(), PROXY_DIRECT);
}

static void ipv6(void **state)
{
    u8 rest[36] = {0};
    (void)state;

    memset(rest + 10, 0xFF, 2);
    memcpy(rest + 12, "\xC6\x33\x64\x05", 4); /* ::ffff:198.51.100.5 */
    memcpy(rest + 32, "\x12\x34", 2);
    proxy_begin(&bytes, 0x21, 0x21);
    memcpy(bytes.at + 16, rest, 36);
    bytes.used += 36;
    proxy_end(&bytes, true);
    assert_int_equal(judge_split(), PROXY_CLIENT);
    assert_int_equal(in.ipv4, inet_addr("198.51.100.5"));
    assert_int_equal(in.port, 0x1234);
    bytes.at[16] = 0x20; /* a real one */
    proxy_begin(&bytes, 0x21, 0x21);
    rest[0] = 0x20;
    memcpy(bytes.at + 16, rest, 36);
    bytes.used += 36;
    proxy_end(&bytes, true);
    assert_int_equal(judge_split(), PROXY_BAD);
}

/* A good header with the byte at `at` changed to `to`. */
static enum proxy_status with(u32 at, u8 to)
{
    proxy_begin(&bytes, 0x21, 0x11);
    proxy_tcp4(&bytes, 1, 2, 3, 4);
    proxy_tlv(&bytes, 0x05, "unique", 6);
    proxy_end(&bytes, false);
    bytes.at[at] = to;
    return judge_split();
}

static void wrong_ones(void **state)
{
    (void)state;
    for (u32 i = 0; i < 12; i++)
        assert_int_equal(with(i, 'L'), PROXY_BAD);
    assert_int_equal(with(12, 0x11), PROXY_BAD); /* version 1 */
    assert_int_equal(with(12, 0x22), PROXY_BAD); /* no such command */
    assert_int_equal(with(13, 0x12), PROXY_BAD); /* datagrams */
    assert_int_equal(with(13, 0x31), PROXY_BAD); /* Unix sockets */
    assert_int_equal(with(14, 0x20), PROXY_BAD); /* 8 KiB and more */
    assert_int_equal(with(15, 11), PROXY_BAD);   /* shorter than its addresses */
    assert_int_equal(with(15, 13), PROXY_BAD);   /* one byte of a TLV */
    assert_int_equal(with(15, 20), PROXY_BAD);   /* a TLV that goes beyond the end */
    assert_int_equal(with(30, 7), PROXY_BAD);    /* ... by its own length */
    assert_int_equal(with(29, 1), PROXY_BAD);
    assert_int_equal(with(30, 5), PROXY_BAD); /* one byte is left behind it */
    assert_int_equal(with(28, 0x05), PROXY_CLIENT);
}

static void two_checksums(void **state)
{
    (void)state;
    proxy_begin(&bytes, 0x21, 0x11);
    proxy_tcp4(&bytes, 1, 2, 3, 4);
    proxy_tlv(&bytes, 0x03, "\0\0\0\0", 4);
    proxy_end(&bytes, true);
    assert_int_equal(judge_split(), PROXY_BAD);
    proxy_begin(&bytes, 0x21, 0x11); /* one of a wrong size is none */
    proxy_tcp4(&bytes, 1, 2, 3, 4);
    proxy_tlv(&bytes, 0x03, "\0\0\0", 3);
    proxy_end(&bytes, false);
    assert_int_equal(judge_split(), PROXY_CLIENT);
}

/* Any TLVs that fit are a client's; the reader keeps nothing and loses nothing. */
static void any_tlvs(void **state)
{
    struct rng rng = {.seed = test_seed()};
    u8 value[600];
    (void)state;

    for (u64 round = 0; round < test_count("WB_ROUNDS", 300); round++) {
        proxy_begin(&bytes, 0x21, 0x11);
        proxy_tcp4(&bytes, (u32)round, 7, 3, 4);
        for (u64 i = rng_below(&rng, 6); i > 0; i--) {
            u16 n = (u16)rng_below(&rng, sizeof value);
            for (u32 b = 0; b < n; b++)
                value[b] = (u8)rng_below(&rng, 256);
            u8 type = (u8)rng_below(&rng, 256);
            proxy_tlv(&bytes, type == 3 ? 4 : type, value, n);
        }
        proxy_end(&bytes, rng_below(&rng, 2) != 0);
        assert_int_equal(judge_split(), PROXY_CLIENT);
        assert_int_equal(in.ipv4, (u32)round);
        bytes.used -= 1 + (u32)rng_below(&rng, bytes.used - 1);
        memset(&in, 0, sizeof in);
        u32 used;
        assert_int_equal(proxy_next(&in, bytes.at, bytes.used, &used), PROXY_MORE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client),
        cmocka_unit_test(an_endpoint),
        cmocka_unit_test(an_endpoint_of_an_enemy),
        cmocka_unit_test(a_health_check),
        cmocka_unit_test(not_said_whose),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(wrong_ones),
        cmocka_unit_test(two_checksums),
        cmocka_unit_test(any_tlvs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
