/* test_soup.c - SoupBinTCP frames: golden vectors, every split, every illegal length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/soup.h"
#include "tests/lib/hex.h"
#include "tests/lib/seed.h"

/* The bytes of a golden vector (tests/data/soup_vectors.tsv); returns their number. */
static u32 vector(u8 *out, u32 max, const char *name)
{
    FILE *f = fopen("tests/data/soup_vectors.tsv", "r");
    size_t n = strlen(name);
    char line[512];
    u32 bytes = 0;

    assert_non_null(f);
    while (bytes == 0 && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, name, n) == 0 && line[n] == '\t')
            bytes = hex_read(out, max, line + n + 1);
    }
    fclose(f);
    assert_true(bytes > 0);
    return bytes;
}

static struct soup_login login_of(const char *name)
{
    u8 bytes[64];
    u32 n = vector(bytes, sizeof bytes, name);
    struct soup_in in = {0};
    struct soup_frame f;
    struct soup_login login;
    u32 used;

    assert_int_equal(soup_next(&in, bytes, n, &used, &f), SOUP_FRAME);
    assert_int_equal(used, n);
    assert_int_equal(f.type, SOUP_LOGIN);
    assert_ptr_equal(f.payload, bytes + 3); /* not copied */
    soup_login_read(f.payload, f.len, &login);
    return login;
}

static void test_login_vectors(void **state)
{
    (void)state;
    struct soup_login a = login_of("login_30");
    assert_memory_equal(a.user, "USER1 ", 6);
    assert_memory_equal(a.password, "SECRET    ", 10);
    assert_true(a.user_ok && a.session_ok);
    assert_int_equal(a.day, 0);
    assert_int_equal(a.seq, 1);
    assert_int_equal(a.silence_ms, 0);

    struct soup_login b = login_of("login_41");
    assert_memory_equal(b.user, "USER1 ", 6);
    assert_int_equal(b.seq, 1);
    assert_int_equal(b.silence_ms, 15000);
}

/* Reads a login made of these fields, each of its full width. */
static struct soup_login fields(const char *user, const char *password, const char *session,
                                const char *seq, const char *timeout)
{
    u8 payload[52];
    struct soup_login login;

    memcpy(payload, user, 6);
    memcpy(payload + 6, password, 10);
    memcpy(payload + 16, session, 10);
    memcpy(payload + 26, seq, 20);
    if (timeout != NULL)
        memcpy(payload + 46, timeout, 5);
    soup_login_read(payload, timeout != NULL ? 51 : 46, &login);
    return login;
}

#define BLANK10 "          "
#define BLANK20 BLANK10 BLANK10

static void test_either_justification(void **state)
{
    (void)state;
    struct soup_login l =
        fields(" Bob  ", "    Pa55\0\0", "2026112207", "42" BLANK10 "        ", "30000");
    assert_memory_equal(l.user, "BOB   ", 6);
    assert_memory_equal(l.password, "PA55      ", 10);
    assert_true(l.user_ok && l.session_ok);
    assert_int_equal(l.day, 20261122);
    assert_int_equal(l.shard, 7);
    assert_int_equal(l.seq, 42);
    assert_int_equal(l.silence_ms, 30000);
    l = fields("BOB\0\0\0", "PA55      ", BLANK10,
               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
               "42",
               NULL);
    assert_memory_equal(l.user, "BOB   ", 6);
    assert_int_equal(l.seq, 42);
}

static void test_login_oddities(void **state)
{
    (void)state;
    assert_int_equal(fields("A     ", "B         ", BLANK10, BLANK20, NULL).seq, 1);
    assert_int_equal(fields("A     ", "B         ", BLANK10, "                   0", NULL).seq, 0);
    assert_true(fields("A     ", "B         ", BLANK10, "99999999999999999999", NULL).seq ==
                UINT64_MAX); /* saturates: more than any stream has */
    assert_true(fields("A     ", "B         ", BLANK10, "18446744073709551615", NULL).seq ==
                UINT64_MAX);
    assert_false(fields("A     ", "B         ", BLANK10, "                  1x", NULL).session_ok);
    assert_false(fields("A     ", "B         ", BLANK10, "                 1 1", NULL).session_ok);
    assert_false(fields("A     ", "B         ", "SESS000001", BLANK20, NULL).session_ok);
    assert_false(fields("A     ", "B         ", "20261122  ", BLANK20, NULL).session_ok);
    assert_false(fields("A     ", "B         ", "0000000000", BLANK20, NULL).session_ok);
    assert_false(fields("      ", "B         ", BLANK10, BLANK20, NULL).user_ok);
    assert_false(fields("A     ", "          ", BLANK10, BLANK20, NULL).user_ok);
    assert_false(fields("A B   ", "B         ", BLANK10, BLANK20, NULL).user_ok);
    assert_false(fields("A'    ", "B         ", BLANK10, BLANK20, NULL).user_ok);
    assert_int_equal(fields("A     ", "B         ", BLANK10, BLANK20, "abcde").silence_ms, 0);
    assert_int_equal(fields("A     ", "B         ", BLANK10, BLANK20, "     ").silence_ms, 0);
}

/* What a frame of `length` and `type` is at once, from its first three bytes. */
static enum soup_status head_of(u32 length, u8 type)
{
    u8 head[3] = {(u8)(length >> 8), (u8)length, type};
    struct soup_in in = {0};
    struct soup_frame f;
    u32 used;

    return soup_next(&in, head, 3, &used, &f);
}

static void test_every_head(void **state)
{
    (void)state;
    for (u32 type = 0; type < 256; type++) {
        for (u32 length = 0; length < 1024; length++) {
            bool fits = length >= 1 && length + 2 <= SOUP_FRAME_IN_MAX;
            bool ok = fits && ((type == 'L' && (length == 47 || length == 52)) ||
                               (type == 'U' && length >= 2) || (type == 'R' && length == 1) ||
                               (type == 'O' && length == 1) || type == '+');
            enum soup_status want = !ok ? SOUP_BAD : length == 1 ? SOUP_FRAME : SOUP_MORE;
            assert_int_equal(head_of(length, (u8)type), want);
        }
        assert_int_equal(head_of(65535, (u8)type), SOUP_BAD);
    }
    /* a length that cannot be is refused before the type has come */
    struct soup_in in = {0};
    struct soup_frame f;
    u32 used;
    assert_int_equal(soup_next(&in, (const u8 *)"\xff\xff", 2, &used, &f), SOUP_BAD);
    memset(&in, 0, sizeof in);
    assert_int_equal(soup_next(&in, (const u8 *)"\xff", 1, &used, &f), SOUP_MORE);
    assert_int_equal(soup_next(&in, (const u8 *)"\xff", 1, &used, &f), SOUP_BAD);
}

/* A stream of random legal frames; returns its length. */
static u32 make_stream(struct rng *rng, u8 *out, u32 max, u32 *frames)
{
    static const u8 types[] = {'U', 'U', 'U', 'R', 'O', '+', 'L'};
    u32 n = 0;

    for (*frames = 0; n + SOUP_FRAME_IN_MAX <= max; (*frames)++) {
        u8 type = types[rng_below(rng, sizeof types)];
        u32 len = 0;
        if (type == 'U')
            len = 1 + (u32)rng_below(rng, 200);
        else if (type == '+')
            len = (u32)rng_below(rng, SOUP_FRAME_IN_MAX - 2);
        else if (type == 'L')
            len = rng_below(rng, 2) != 0 ? 46 : 51;
        soup_head(out + n, type, len);
        for (u32 i = 0; i < len; i++)
            out[n + 3 + i] = (u8)rng_next(rng);
        n += 3 + len;
    }
    return n;
}

/* However the bytes are cut, the frames are the same. */
static void test_any_split_gives_the_same_frames(void **state)
{
    static u8 stream[16384];
    struct rng rng = {.seed = test_seed()};
    u64 rounds = test_count("WB_ROUNDS", 300);
    (void)state;

    for (u64 round = 0; round < rounds; round++) {
        struct soup_in in = {0};
        struct soup_frame f;
        u32 frames;
        u32 n = make_stream(&rng, stream, sizeof stream, &frames);
        u32 largest = 1 + (u32)rng_below(&rng, round % 3 == 0 ? 3 : 600);
        u32 at = 0; /* of the next frame that must come */
        u32 given = 0;
        while (given < n) {
            u32 piece = min_u32(1 + (u32)rng_below(&rng, largest), n - given);
            u8 copy[600]; /* so that a stale pointer into it is seen by ASan */
            memcpy(copy, stream + given, piece);
            for (u32 off = 0; off < piece;) {
                u32 used;
                enum soup_status s = soup_next(&in, copy + off, piece - off, &used, &f);
                assert_true(used > 0 && used <= piece - off);
                off += used;
                if (s == SOUP_MORE) {
                    assert_int_equal(off, piece);
                    break;
                }
                assert_int_equal(s, SOUP_FRAME);
                u32 total = 2u + (u32)(stream[at] << 8) + stream[at + 1];
                assert_int_equal(f.type, stream[at + 2]);
                assert_int_equal(f.len, total - 3);
                assert_memory_equal(f.payload, stream + at + 3, f.len);
                at += total;
            }
            given += piece;
        }
        assert_int_equal(at, n);
        assert_int_equal(in.used, 0);
    }
}

static void assert_is(const u8 *bytes, u32 n, const char *name)
{
    u8 want[64];

    assert_int_equal(vector(want, sizeof want, name), n);
    assert_memory_equal(bytes, want, n);
}

static void test_out_vectors(void **state)
{
    u8 out[64];
    char id[10];
    (void)state;

    assert_is(out, soup_accepted(out, "SESS000001", 1), "accepted");
    assert_is(out, soup_rejected(out, 'A'), "rejected");
    assert_is(out, soup_head(out, SOUP_SERVER_HEARTBEAT, 0), "server_heartbeat");
    assert_is(out, soup_head(out, SOUP_END, 0), "end_of_session");
    soup_session_id(id, 20261122, 3);
    assert_memory_equal(id, "2026112203", 10);
    assert_int_equal(soup_accepted(out, id, UINT64_MAX), SOUP_ACCEPTED_BYTES);
    assert_memory_equal(out + 13, "18446744073709551615", 20);
}

static void test_in_vectors(void **state)
{
    static const char *const names[] = {"client_heartbeat", "logout"};
    (void)state;

    for (u32 i = 0; i < 2; i++) {
        struct soup_in in = {0};
        struct soup_frame f;
        u8 bytes[8];
        u32 used;
        u32 n = vector(bytes, sizeof bytes, names[i]);
        assert_int_equal(soup_next(&in, bytes, n, &used, &f), SOUP_FRAME);
        assert_int_equal(f.type, i == 0 ? SOUP_CLIENT_HEARTBEAT : SOUP_LOGOUT);
        assert_int_equal(used, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login_vectors),
        cmocka_unit_test(test_either_justification),
        cmocka_unit_test(test_login_oddities),
        cmocka_unit_test(test_every_head),
        cmocka_unit_test(test_any_split_gives_the_same_frames),
        cmocka_unit_test(test_out_vectors),
        cmocka_unit_test(test_in_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
