/* test_ouch5_tags.c - OUCH 5.0 appendages: every tag's place, size and set, in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/bytes.h"
#include "gateway/session/ouch5.h"
#include "gateway/session/ouch5_tags.h"
#include "tests/lib/hex.h"

struct tag_case {
    u8 tag;
    u8 size;
    bool enter, replace, accepted, replaced;
    const char *good; /* value as hex */
    const char *bad;  /* value that its set does not have; NULL: all are good */
    u16 wrong;
};

/* CONFORMANCE.md sections 3 to 5, written down a second time. */
static const struct tag_case tags[] = {
    {2, 4, true, false, true, true, "46495232", "46495200", 0x0f},
    {3, 4, true, true, true, true, "00000064", NULL, 0},
    {4, 1, true, false, true, false, "52", "41", 0x0f},
    {5, 4, true, true, true, true, "00000064", NULL, 0},
    {6, 1, true, true, true, true, "6d", "70", 0x05},
    {7, 4, true, true, true, false, "ffffff9c", NULL, 0},
    {9, 8, true, true, true, false, "000000000016f0a8", "0000000100000000", 0x1d},
    {10, 1, true, true, true, false, "52", "51", 0x05},
    {11, 4, true, true, true, false, "ffffff9c", NULL, 0},
    {12, 1, true, true, true, true, "50", "59", 0x0f},
    {13, 4, true, true, true, false, "00000064", NULL, 0},
    {15, 4, true, true, true, true, "0001517f", "00015180", 0x0f},
    {16, 1, true, true, true, true, "59", "50", 0x0f},
    {17, 1, true, true, true, true, "49", "58", 0x0f},
    {24, 2, true, false, true, false, "0102", NULL, 0},
    {25, 1, true, true, true, false, "59", "20", 0x0f},
    {26, 4, true, true, false, false, "4c4f4331", "6c6f6331", 0x0f},
    {27, 1, false, true, false, false, "54", "58", 0x09},
    {28, 1, true, true, true, true, "07", NULL, 0},
    {29, 1, true, true, true, true, "4f", "44", 0x40},
    {30, 2, true, true, true, true, "4142", "4162", 0x0f},
};

static u16 read_list(const u8 *list, u32 n, enum tags_on on, struct tags_in *in,
                     struct order_terms *terms)
{
    memset(terms, 0, sizeof *terms);
    *in = (struct tags_in){.terms = on == TAGS_SMALL ? NULL : terms};
    return ouch5_tags_read(list, n, on, in);
}

/* One element. */
static u32 element(u8 *list, u8 tag, const char *value)
{
    u32 n = hex_read(list + 2, 16, value);

    list[0] = (u8)(n + 1);
    list[1] = tag;
    return n + 2;
}

static void check_tag(const struct tag_case *t, enum tags_on on, bool allowed)
{
    struct order_terms terms;
    struct tags_in in;
    u8 list[64];
    u32 n = element(list, t->tag, t->good);

    assert_int_equal(n, t->size + 2u);
    assert_int_equal(read_list(list, n, on, &in, &terms), allowed ? 0 : OUCH5_OTHER);
    if (!allowed)
        return;
    if (on != TAGS_SMALL)
        assert_int_equal(terms.tags, TAG_BIT(t->tag));
    memcpy(list + n, list, n); /* twice */
    assert_int_equal(read_list(list, 2 * n, on, &in, &terms), OUCH5_OTHER);
    if (on != TAGS_SMALL)
        assert_int_equal(terms.tags & ~TAG_BIT(28), 0);
    list[0]++; /* a byte too long, which belongs to the second one */
    assert_int_equal(read_list(list, n + 1, on, &in, &terms), OUCH5_OTHER);
    list[0] -= 2; /* a byte too short */
    assert_int_equal(read_list(list, n - 1, on, &in, &terms), OUCH5_OTHER);
    list[0]++;
    assert_int_equal(read_list(list, n - 1, on, &in, &terms), OUCH5_OTHER); /* cut */
    assert_int_equal(read_list(list, n + 1, on, &in, &terms), OUCH5_OTHER); /* a byte behind */
    if (t->bad == NULL)
        return;
    n = element(list, t->tag, t->bad);
    assert_int_equal(read_list(list, n, on, &in, &terms), t->wrong);
    assert_int_equal(terms.tags, 0);
}

static void test_each_tag(void **state)
{
    u8 list[16] = {2, 0, 'X'};
    struct order_terms terms;
    struct tags_in in;
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(tags); i++) {
        check_tag(&tags[i], TAGS_ENTER, tags[i].enter);
        check_tag(&tags[i], TAGS_REPLACE, tags[i].replace);
        check_tag(&tags[i], TAGS_SMALL, tags[i].tag == 28);
    }
    for (u32 tag = 0; tag < 256; tag++) { /* unknown ones, and those that only go out */
        bool known = false;
        for (u32 i = 0; i < ARRAY_LEN(tags); i++)
            known = known || tags[i].tag == tag;
        list[1] = (u8)tag;
        if (!known)
            assert_int_equal(read_list(list, 3, TAGS_ENTER, &in, &terms), OUCH5_OTHER);
    }
    list[0] = 0; /* an element of length 0 ends everything */
    assert_int_equal(read_list(list, 3, TAGS_ENTER, &in, &terms), OUCH5_OTHER);
}

/* A violation leaves nothing of the list but the channel, wherever that stands. */
static void test_channel_survives(void **state)
{
    struct order_terms terms;
    struct tags_in in;
    u8 list[64];
    u32 n = element(list, 2, "46495200");
    (void)state;

    n += element(list + n, 28, "2a");
    assert_int_equal(read_list(list, n, TAGS_ENTER, &in, &terms), OUCH5_OTHER);
    assert_int_equal(in.user_ref_idx, 42);
    assert_int_equal(terms.tags, TAG_BIT(28));
    assert_memory_equal(terms.firm, "\0\0\0\0", 4);
}

/* What comes in goes out again, as far as the outbound message shows it, in the order of tags. */
static void test_echo(void **state)
{
    static const enum tags_on outs[] = {TAGS_ACCEPTED, TAGS_REPLACED};
    struct order_terms terms;
    struct tags_in in;
    u8 list[256];
    (void)state;

    for (u32 o = 0; o < 2; o++) {
        u8 want[256];
        u8 got[256];
        u32 n = 0;
        u32 wanted = 2;
        for (u32 i = 0; i < ARRAY_LEN(tags); i++) {
            bool shown = o == 0 ? tags[i].accepted : tags[i].replaced;
            if (!tags[i].enter)
                continue;
            n += element(list + n, tags[i].tag, tags[i].good);
            if (shown)
                wanted += element(want + wanted, tags[i].tag, tags[i].good);
        }
        want[0] = 0;
        want[1] = (u8)(wanted - 2);
        assert_int_equal(read_list(list, n, TAGS_ENTER, &in, &terms), 0);
        assert_int_equal(ouch5_tags_write(got, outs[o], &terms, in.user_ref_idx), wanted);
        assert_memory_equal(got, want, wanted);
        assert_true(66 + wanted <= OUCH5_OUT_MAX); /* all tags at once still fit */
    }
}

/* Golden vectors: an Enter with tags, a Cancel with a channel, a Mass Cancel. */
static const char enter[] =
    "4f0000000253000001f44141504c20202020000000000016f0a83059414e4e"
    "434c4f5244312020202020202020001b05024649524d050300000064050500000064050f00000e10021c05";
static const char cancel[] = "5800000001000000190003021c07";
static const char mass[] = "43000000034649524d20202020202020200007021b5303180007";

/* The appendage's own length and the packet's must agree; a list that may be absent may not be half
 * there. */
static void test_appendage_length(void **state)
{
    static const int off[] = {-27, -1, 1, 0xFFFF - 27};
    u8 bytes[256];
    union msg m;
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(off); i++) {
        u32 n = hex_read(bytes, sizeof bytes, enter);
        put_be16(bytes + 45, (u16)(27 + off[i]));
        assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_COMMAND);
        assert_int_equal(m.enter.reject, OUCH5_OTHER);
        assert_int_equal(m.enter.terms.tags & ~TAG_BIT(28), 0);
    }
    u32 n = hex_read(bytes, sizeof bytes, cancel);
    for (u32 length = 0; length < 6; length++) {
        put_be16(bytes + 9, (u16)length);
        assert_int_equal(ouch5_decode(bytes, n, &m), length == 3 ? OUCH5_COMMAND : OUCH5_MALFORMED);
    }
    memcpy(bytes, "Q\0", 3);
    assert_int_equal(ouch5_decode(bytes, 1, &m), OUCH5_COMMAND);
    assert_int_equal(ouch5_decode(bytes, 2, &m), OUCH5_MALFORMED);
    assert_int_equal(ouch5_decode(bytes, 3, &m), OUCH5_COMMAND);
}

/* A firm has capitals, digits and blanks, from the first of each to the last. */
static void test_letters_of_a_firm(void **state)
{
    static const char good[] = "AZ09 ", bad[] = "@[/:!a";
    u8 bytes[256];
    union msg m;
    u32 n = hex_read(bytes, sizeof bytes, mass);
    (void)state;

    for (u32 i = 0; i < sizeof good - 1; i++) {
        bytes[5 + i % 4] = (u8)good[i];
        assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_COMMAND);
    }
    for (u32 i = 0; i < sizeof bad - 1; i++) {
        n = hex_read(bytes, sizeof bytes, mass);
        bytes[5 + i % 4] = (u8)bad[i];
        assert_int_equal(ouch5_decode(bytes, n, &m), OUCH5_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_tag),
        cmocka_unit_test(test_channel_survives),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_appendage_length),
        cmocka_unit_test(test_letters_of_a_firm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
