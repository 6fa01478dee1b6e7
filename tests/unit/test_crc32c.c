/* test_crc32c.c - the vectors of RFC 3720 appendix B.4, and the fast way against the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/crc32c.h"
#include "engine/base/hash.h"

/* The CRC on the wire is in network order there; here it is the integer. */
static void assert_crc(const u8 *data, size_t bytes, u32 want)
{
    assert_int_equal(crc32c(0, data, bytes), want);
    assert_int_equal(crc32c_table(0, data, bytes), want);
}

static void test_rfc3720_vectors(void **state)
{
    static const u8 read_pdu[48] = {
        0x01, 0xC0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0,    0,
    };
    u8 b[32];

    (void)state;
    memset(b, 0, sizeof b);
    assert_crc(b, sizeof b, 0x8A9136AA);
    memset(b, 0xFF, sizeof b);
    assert_crc(b, sizeof b, 0x62A8AB43);
    for (u32 i = 0; i < 32; i++)
        b[i] = (u8)i;
    assert_crc(b, sizeof b, 0x46DD794E);
    for (u32 i = 0; i < 32; i++)
        b[i] = (u8)(31 - i);
    assert_crc(b, sizeof b, 0x113FDB5C);
    assert_crc(read_pdu, sizeof read_pdu, 0xD9963A56);
    assert_crc((const u8 *)"123456789", 9, 0xE3069283); /* the check value of the CRC catalogue */
    assert_crc(b, 0, 0);
}

/* Every length and offset, whole and in two pieces. */
static void test_fast_against_table(void **state)
{
    u8 b[300];

    (void)state;
    for (u32 i = 0; i < sizeof b; i++)
        b[i] = (u8)hash_u64(i);
    for (u32 at = 0; at < 9; at++) {
        for (u32 n = 0; n <= sizeof b - at; n++) {
            u32 want = crc32c_table(0, b + at, n);
            u32 half = n / 3;
            assert_int_equal(crc32c(0, b + at, n), want);
            assert_int_equal(crc32c(crc32c(0, b + at, half), b + at + half, n - half), want);
        }
    }
}

/* A CRC of 32 bits sees every single flipped bit. */
static void test_single_bits(void **state)
{
    u8 b[64] = {0};
    u32 clean = crc32c(0, b, sizeof b);

    (void)state;
    for (u32 bit = 0; bit < 8 * sizeof b; bit++) {
        b[bit / 8] ^= (u8)(1 << bit % 8);
        assert_int_not_equal(crc32c(0, b, sizeof b), clean);
        b[bit / 8] ^= (u8)(1 << bit % 8);
    }
}

/* What is long goes another way: a block, and lengths around one and two rounds of it. */
static void test_long_against_table(void **state)
{
    static u8 b[9000];

    (void)state;
    for (u32 i = 0; i < sizeof b; i++)
        b[i] = (u8)hash_u64(i);
    for (u32 n = 4000; n <= sizeof b - 8; n += n % 4080 < 24 || n % 4080 > 4056 ? 1 : 37) {
        u32 at = n % 8;
        assert_int_equal(crc32c(n, b + at, n), crc32c_table(n, b + at, n));
    }
}

/* Each bit of a block counts, whichever lane it is in. */
static void test_every_bit_of_a_block(void **state)
{
    static u8 b[4088];
    u32 whole = crc32c(0, b, sizeof b);

    (void)state;
    for (u32 bit = 0; bit < 8 * sizeof b; bit++) {
        b[bit / 8] ^= (u8)(1u << bit % 8);
        assert_int_not_equal(crc32c(0, b, sizeof b), whole);
        b[bit / 8] ^= (u8)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3720_vectors),    cmocka_unit_test(test_fast_against_table),
        cmocka_unit_test(test_long_against_table), cmocka_unit_test(test_every_bit_of_a_block),
        cmocka_unit_test(test_single_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
