/*
 * The client's SoupBinTCP part against scripted bytes, cut at every place and at random ones:
 * logins byte for byte, exact counting of sequenced packets, heartbeats, silence, broken servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/client/wb_bytes.h"
#include "gateway/client/wb_soup.h"
#include "gateway/client/wb_text.h"

#define LOGIN_3_00                                             \
    "002f4c75736572312073656372657420202020202020202020202020" \
    "202020202020202020202020202020202020202031"
#define LOGIN_4_1                                              \
    "00344c75736572312073656372657420202020202020202020202020" \
    "202020202020202020202020202020202020202031"               \
    "3135303030"
#define ACCEPTED "001f41534553533030303030312020202020202020202020202020202020202031"

#define T0 (1000 * NS_PER_SEC)

struct peer {
    struct wb_soup soup;
    u8 in[2048];
    u8 out[2048];
};

static void start(struct peer *p, const char *session, u64 seq)
{
    struct wb_login login = {
        .version = WB_SOUP_3_00, .user = "user1", .password = "secret", .seq = seq};
    snprintf(login.session, sizeof(login.session), "%s", session);
    wb_soup_start(&p->soup, &login, p->in, sizeof(p->in), p->out, sizeof(p->out), T0);
}

/* Everything that waits to be sent, as hex; it counts as sent at `now_ns`. */
static const char *sent(struct peer *p, u64 now_ns)
{
    static char hex[4097];
    u32 n;
    const u8 *bytes = wb_soup_output(&p->soup, &n);
    wb_hex(hex, bytes, n);
    wb_soup_sent(&p->soup, n, now_ns);
    return hex;
}

static void feed(struct peer *p, const u8 *bytes, u32 n, u64 now_ns)
{
    u32 room;
    u8 *space = wb_soup_space(&p->soup, &room);
    assert_true(room >= n);
    memcpy(space, bytes, n);
    wb_soup_filled(&p->soup, n, now_ns);
}

static void feed_hex(struct peer *p, const char *hex, u64 now_ns)
{
    u8 bytes[1024];
    i32 n = wb_unhex(bytes, sizeof(bytes), hex);
    assert_true(n >= 0);
    feed(p, bytes, (u32)n, now_ns);
}

static struct wb_soup_event next(struct peer *p)
{
    struct wb_soup_event ev;
    wb_soup_next(&p->soup, &ev);
    return ev;
}

static void live(struct peer *p)
{
    memset(p, 0, sizeof(*p));
    start(p, "", 1);
    sent(p, T0);
    feed_hex(p, ACCEPTED, T0);
    assert_int_equal(next(p).kind, WB_SOUP_ACCEPTED);
}

static void test_login(void **state)
{
    (void)state;
    struct peer p = {0};
    start(&p, "", 1);
    assert_string_equal(sent(&p, T0), LOGIN_3_00);

    struct wb_login login = {.version = WB_SOUP_4_1,
                             .user = "user1",
                             .password = "secret",
                             .seq = 1,
                             .timeout_ms = 15000};
    wb_soup_start(&p.soup, &login, p.in, sizeof(p.in), p.out, sizeof(p.out), T0);
    assert_string_equal(sent(&p, T0), LOGIN_4_1);

    start(&p, "2026112201", 18446744073709551615ull);
    assert_non_null(strstr(sent(&p, T0), "32303236313132323031"
                                         "3138343436373434303733373039353531363135"));
}

static void test_accepted_and_resumed(void **state)
{
    (void)state;
    struct peer p = {0};
    start(&p, "", 1);
    feed_hex(&p, ACCEPTED, T0);
    struct wb_soup_event ev = next(&p);
    assert_int_equal(ev.kind, WB_SOUP_ACCEPTED);
    assert_int_equal(ev.seq, 1);
    assert_string_equal(p.soup.session, "SESS000001");

    feed_hex(&p,
             "00025361"
             "00015a",
             T0);
    assert_int_equal(next(&p).seq, 1);
    assert_int_equal(next(&p).kind, WB_SOUP_END);

    /* A resume that has not been answered keeps what the last conversation knew. */
    start(&p, p.soup.session, p.soup.next_seq);
    assert_string_equal(p.soup.session, "SESS000001");
    assert_int_equal(p.soup.next_seq, 2);
    assert_false(wb_soup_send(&p.soup, (const u8 *)"Q", 1)); /* not before the answer */
}

static void test_rejected(void **state)
{
    (void)state;
    struct peer p = {0};
    start(&p, "", 1);
    feed_hex(&p, "00024a41", T0);
    struct wb_soup_event ev = next(&p);
    assert_int_equal(ev.kind, WB_SOUP_REJECTED);
    assert_int_equal(ev.reason, 'A');
    assert_int_equal(p.soup.state, WB_SOUP_OVER);
}

/* Only Sequenced Data counts; what else a 4.x server says does not. */
static void test_counting(void **state)
{
    (void)state;
    struct peer p;
    live(&p);
    feed_hex(&p,
             "00025361"
             "00025562"
             "00032b6869"
             "000148"
             "00025363",
             T0);
    struct wb_soup_event ev = next(&p);
    assert_int_equal(ev.kind, WB_SOUP_SEQUENCED);
    assert_int_equal(ev.seq, 1);
    assert_int_equal(ev.bytes[0], 'a');
    ev = next(&p);
    assert_int_equal(ev.kind, WB_SOUP_UNSEQUENCED);
    assert_int_equal(ev.bytes[0], 'b');
    ev = next(&p);
    assert_int_equal(ev.kind, WB_SOUP_DEBUG);
    assert_memory_equal(ev.bytes, "hi", 2);
    ev = next(&p); /* the heartbeat is swallowed */
    assert_int_equal(ev.kind, WB_SOUP_SEQUENCED);
    assert_int_equal(ev.seq, 2);
    assert_int_equal(ev.bytes[0], 'c');
    assert_int_equal(next(&p).kind, WB_SOUP_NOTHING);
    assert_int_equal(p.soup.next_seq, 3);
    assert_int_equal(p.soup.heartbeats_in, 1);
}

static void test_requests(void **state)
{
    (void)state;
    struct peer p;
    live(&p);
    assert_true(wb_soup_send(&p.soup, (const u8 *)"Q", 1));
    assert_string_equal(sent(&p, T0), "00025551");

    /* Whole packets or nothing; room comes back as the transport takes bytes, in pieces too. */
    u8 payload[100] = {0};
    u32 queued = 0;
    u32 n;
    while (wb_soup_send(&p.soup, payload, sizeof(payload)))
        queued++;
    assert_int_equal(queued, sizeof(p.out) / 103);
    assert_int_equal(wb_soup_room(&p.soup), sizeof(p.out) % 103 - 3);
    wb_soup_sent(&p.soup, 7, T0);
    assert_false(wb_soup_send(&p.soup, payload, sizeof(payload)));
    wb_soup_sent(&p.soup, 96, T0);
    assert_true(wb_soup_send(&p.soup, payload, sizeof(payload)));
    const u8 *bytes = wb_soup_output(&p.soup, &n);
    assert_int_equal(n, queued * 103);
    for (u32 i = 0; i < n; i += 103)
        assert_memory_equal(bytes + i, "\x00\x65U", 3);

    live(&p);
    wb_soup_logout(&p.soup);
    assert_string_equal(sent(&p, T0), "00014f");
    assert_false(wb_soup_send(&p.soup, payload, 1));
    feed_hex(&p, "00025361", T0); /* sent before the server read the logout */
    assert_int_equal(next(&p).kind, WB_SOUP_SEQUENCED);
}

static void test_heartbeats(void **state)
{
    (void)state;
    struct peer p;
    live(&p);
    wb_soup_tick(&p.soup, T0 + WB_HEARTBEAT_NS - 1);
    assert_string_equal(sent(&p, T0), "");
    wb_soup_tick(&p.soup, T0 + WB_HEARTBEAT_NS);
    wb_soup_tick(&p.soup, T0 + WB_HEARTBEAT_NS); /* one is enough */
    assert_string_equal(sent(&p, T0 + WB_HEARTBEAT_NS), "000152");
    wb_soup_tick(&p.soup, T0 + WB_HEARTBEAT_NS + 1);
    assert_string_equal(sent(&p, T0), "");

    memset(&p, 0, sizeof(p));
    start(&p, "", 1); /* none before the login is answered */
    sent(&p, T0);
    wb_soup_tick(&p.soup, T0 + 2 * WB_HEARTBEAT_NS);
    assert_string_equal(sent(&p, T0), "");
}

static void test_silence(void **state)
{
    (void)state;
    struct peer p;
    live(&p);
    feed_hex(&p, "000148", T0 + 10 * NS_PER_SEC);
    assert_int_equal(next(&p).kind, WB_SOUP_NOTHING);
    wb_soup_tick(&p.soup, T0 + 25 * NS_PER_SEC - 1);
    assert_int_equal(next(&p).kind, WB_SOUP_NOTHING);
    wb_soup_tick(&p.soup, T0 + 25 * NS_PER_SEC);
    struct wb_soup_event ev = next(&p);
    assert_int_equal(ev.kind, WB_SOUP_BROKEN);
    assert_non_null(strstr(ev.why, "silent"));
    assert_int_equal(next(&p).kind, WB_SOUP_NOTHING); /* told once */
}

static void test_broken_servers(void **state)
{
    (void)state;
    static const char *before_login[] = {
        "00025361", /* data */
        "00025561",
        "0000",   /* no length at all */
        "000178", /* unknown type */
        "ffff53", /* longer than the buffer */
        "000141", /* accepted, cut */
        "001f41534553533030303030312020202020202020202020202020202020202020", /* no number */
        "001f41534553533030303030312020202020202020202020202020202020202078", /* number x */
        "001f41534553533030303030312020202020202020202020202020202020202030", /* number 0 */
        "00014a",                                                             /* rejected, cut */
    };
    struct peer p;
    for (u32 i = 0; i < ARRAY_LEN(before_login); i++) {
        memset(&p, 0, sizeof(p));
        start(&p, "", 1);
        feed_hex(&p, before_login[i], T0);
        struct wb_soup_event ev = next(&p);
        assert_int_equal(ev.kind, WB_SOUP_BROKEN);
        assert_non_null(ev.why);
        assert_int_equal(p.soup.state, WB_SOUP_OVER);
    }
    live(&p);
    feed_hex(&p, ACCEPTED, T0); /* a second time */
    assert_int_equal(next(&p).kind, WB_SOUP_BROKEN);
}

/* The conversation of test_splits: packets of several lengths, then the end. */
static u32 make_stream(u8 *bytes)
{
    u8 *p = bytes;
    p += wb_unhex(p, 64, ACCEPTED);
    for (u32 i = 1; i <= 40; i++) {
        u32 n = i * 7 % 90;
        p = wb_put(p, 1 + n, 2);
        p = wb_put(p, i % 5 == 0 ? 'H' : 'S', 1);
        if (i % 5 == 0)
            wb_put(p - 3, 1, 2), n = 0;
        memset(p, (int)i, n);
        p += n;
    }
    p += wb_unhex(p, 3, "00015a");
    return (u32)(p - bytes);
}

/* Reads what there is; a running checksum over (seq, length, first byte) stands for the stream. */
static u64 digest(struct peer *p, u64 hash)
{
    struct wb_soup_event ev;
    while (wb_soup_next(&p->soup, &ev) != WB_SOUP_NOTHING) {
        assert_int_not_equal(ev.kind, WB_SOUP_BROKEN);
        hash = (hash + ev.kind) * 1000003 + ev.seq;
        hash = hash * 1000003 + ev.n;
        for (u32 i = 0; ev.kind == WB_SOUP_SEQUENCED && i < ev.n; i++)
            hash = hash * 31 + ev.bytes[i];
    }
    return hash;
}

static void test_splits(void **state)
{
    (void)state;
    const char *seed_text = getenv("WB_SEED");
    unsigned seed = seed_text != NULL ? (unsigned)strtoul(seed_text, NULL, 0) : 1;
    u8 bytes[8192];
    u32 n = make_stream(bytes);
    struct peer p = {0};
    u64 want = 0;
    srandom(seed);
    for (u32 round = 0; round < 2000; round++) {
        u32 piece_max = round == 0 ? 1 : 1 + (u32)random() % 1500; /* first byte by byte */
        u64 hash = 0;
        start(&p, "", 1);
        for (u32 at = 0; at < n;) {
            u32 piece = min_u32(1 + (u32)random() % piece_max, n - at);
            feed(&p, bytes + at, piece, T0);
            hash = digest(&p, hash);
            at += piece;
        }
        assert_int_equal(p.soup.next_seq, 33);
        assert_int_equal(p.soup.heartbeats_in, 8);
        assert_int_equal(p.soup.state, WB_SOUP_OVER);
        want = round == 0 ? hash : want;
        if (hash != want)
            fail_msg("seed %u round %u: another stream by other splits", seed, round);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),    cmocka_unit_test(test_accepted_and_resumed),
        cmocka_unit_test(test_rejected), cmocka_unit_test(test_counting),
        cmocka_unit_test(test_requests), cmocka_unit_test(test_heartbeats),
        cmocka_unit_test(test_silence),  cmocka_unit_test(test_broken_servers),
        cmocka_unit_test(test_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
