/*
 * test_gateway.c - what a gateway promises beyond one client's view: the same commands whatever the
 * splits, quotas, slow clients, small rooms, many at once, and a random life against the rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/gateway.h"
#include "gateway/session/bytes.h"
#include "gateway/session/soup.h"
#include "tests/lib/fake_transport.h"
#include "tests/lib/session_client.h"

static struct rig rig;
static struct rig_client clients[WIRE_CLIENTS_MAX];

static struct fake_transport *begin(const struct rig_conf *conf)
{
    struct rig_conf usual = rig_conf_usual();
    struct fake_transport *f = fake_new(1);

    memset(clients, 0, sizeof clients);
    rig_open(&rig, &f->wire, conf != NULL ? conf : &usual);
    return f;
}

/* ---- the same bytes in any pieces are the same commands ---- */

static u32 put_frame(u8 *out, const void *payload, u32 n)
{
    soup_head(out, SOUP_UNSEQUENCED, n);
    memcpy(out + 3, payload, n);
    return 3 + n;
}

/* A session's worth of messages, good, wrong and unknown. */
static u32 make_stream(struct rng *rng, u8 *out, u32 max)
{
    u32 n = 0;
    u32 ref = 1;

    while (n + 64 < max) {
        u8 m[60];
        u64 kind = rng_below(rng, 10);
        memset(m, 0, sizeof m);
        if (kind < 6) {
            memcpy(m, "O....B....AAPL    ........0YANNCLORD         ..", 47);
            put_be32(m + 1, ref++);
            put_be32(m + 6, (u32)rng_below(rng, 2000));
            put_be64(m + 18, 100 * rng_below(rng, 30000));
            m[5] = rng_below(rng, 2) != 0 ? 'B' : 'S';
            u64 at = 10 + rng_below(rng, 40) / 5;
            m[at] ^= rng_below(rng, 20) == 0;
            put_be16(m + 45, 0);
            n += put_frame(out + n, m, 47);
        } else if (kind == 6) {
            memcpy(m, "X", 1);
            put_be32(m + 1, 1 + (u32)rng_below(rng, ref));
            n += put_frame(out + n, m, 9);
        } else if (kind == 7) {
            memcpy(m, "U............ ........0YNRR            ..", 40);
            put_be32(m + 1, 1 + (u32)rng_below(rng, ref));
            put_be32(m + 5, ref++);
            put_be32(m + 9, (u32)rng_below(rng, 2000));
            put_be64(m + 13, 100 * rng_below(rng, 30000));
            put_be16(m + 38, 0);
            n += put_frame(out + n, m, 40);
        } else if (kind == 8) {
            n += soup_head(out + n, SOUP_CLIENT_HEARTBEAT, 0);
        } else {
            m[0] = (u8) "QM~"[rng_below(rng, 3)];
            n += put_frame(out + n, m, 1);
        }
    }
    return n;
}

/* Sends a stream in pieces of at most `piece`; gives the commands that came of it. */
static u32 commands_of(const u8 *stream, u32 n, u32 piece, u64 seed, struct slot *out, u32 max)
{
    struct fake_transport *f = begin(NULL);
    u32 used = 0;

    f->piece = piece;
    f->rng.seed = seed;
    client_open(&clients[0], &rig);
    client_login(&clients[0], "ALICE", 1);
    rig.hold_engine = true; /* so that the commands can be looked at */
    client_bytes(&clients[0], stream, n);
    rig_turns(&rig, 100);
    for (u64 avail = ring_avail(&rig.cmd, UINT64_MAX); used < avail; used++) {
        assert_true(used < max);
        out[used] = *ring_at(&rig.cmd, used);
    }
    rig_close(&rig);
    return used;
}

static void test_any_split_gives_the_same_commands(void **state)
{
    static u8 stream[30000];
    static struct slot want[4000];
    static struct slot got[4000];
    struct rng rng = {.seed = test_seed()};
    (void)state;

    for (u64 round = 0; round < test_count("WB_ROUNDS", 6); round++) {
        u32 n = make_stream(&rng, stream, sizeof stream);
        u32 slots = commands_of(stream, n, 0, 1, want, ARRAY_LEN(want));
        assert_true(slots > 500);
        for (u32 piece = 1; piece < 5000; piece = piece * 3 + 1) {
            assert_int_equal(commands_of(stream, n, piece, round, got, ARRAY_LEN(got)), slots);
            assert_memory_equal(got, want, slots * sizeof(struct slot));
        }
    }
}

/* ---- a full disk ---- */

/* Low: new orders and replaces are rejected, cancels taken. Hard: reading stops, none is lost. */
static void test_space_marks(void **state)
{
    struct rig_client *c = &clients[0];
    (void)state;

    begin(NULL);
    client_open(c, &rig);
    client_login(c, "ALICE", 1);
    client_expect_message(c, 'S');
    client_enter(c, 1, 'B', 100, "AAPL", 1500000);
    client_expect_message(c, 'A');
    atomic_store(&rig.space, SPACE_LOW);
    client_enter(c, 2, 'B', 100, "AAPL", 1500000);
    struct rig_frame j = client_expect_message(c, 'J');
    assert_int_equal(get_be16(j.payload + 13), 0x000A);
    client_cancel(c, 1, 0);
    client_expect_message(c, 'C');
    atomic_store(&rig.space, SPACE_HARD);
    client_enter(c, 3, 'B', 100, "AAPL", 1500000);
    rig_turns(&rig, 5);
    client_expect_nothing(c);
    assert_true(metrics_sum("wirebook_gateway_space_stops_total") > 0);
    atomic_store(&rig.space, SPACE_OK);
    client_expect_message(c, 'A');
    assert_int_equal(metrics_sum("wirebook_gateway_space_rejects_total"), 1);
    rig_close(&rig);
}

/* ---- fairness ---- */

/* One who floods gets his quota a turn; the other's order is in the ring in the same turn. */
static void test_quota(void **state)
{
    struct fake_transport *f = begin(NULL);
    static u8 flood[4000 * 4]; /* account queries: the shortest message there is */
    (void)state;

    client_open(&clients[0], &rig);
    client_open(&clients[1], &rig);
    client_login(&clients[0], "ALICE", 1);
    client_login(&clients[1], "BOB", 1);
    rig_turns(&rig, 5);
    for (u32 i = 0; i < 4000; i++)
        memcpy(flood + 4 * i, "\0\2UQ", 4);
    assert_int_equal(f->wire.write(&f->wire, clients[0].wire, flood, sizeof flood), sizeof flood);
    client_enter(&clients[1], 1, 'B', 100, "AAPL", 1500000);
    u64 before = metrics_sum("wirebook_gateway_commands_total");
    rig_turn(&rig);
    assert_int_equal(metrics_sum("wirebook_gateway_commands_total") - before,
                     GATEWAY_CMDS_PER_SESSION + 1);
    assert_true(metrics_sum("wirebook_gateway_quota_stops_total") > 0);
    client_expect_message(&clients[1], 'S');
    client_expect_message(&clients[1], 'A');
    for (u32 i = 0; i < 4000; i++) {
        if (i == 0)
            client_expect_message(&clients[0], 'S');
        client_expect_message(&clients[0], 'Q');
    }
    client_expect_nothing(&clients[0]);
    rig_close(&rig);
}

static void test_slow_client_is_cut_alone(void **state)
{
    struct fake_transport *f = begin(NULL);
    (void)state;

    client_open(&clients[0], &rig);
    client_open(&clients[1], &rig);
    client_login(&clients[0], "ALICE", 1);
    client_login(&clients[1], "BOB", 1);
    rig_turns(&rig, 3);
    f->conns[0].stuck = true;
    client_enter(&clients[0], 1, 'B', 100, "AAPL", 1500000);
    for (u32 i = 0; i < 13; i++) {
        rig_pass(&rig, NS_PER_SEC);
        client_frame(&clients[1], SOUP_CLIENT_HEARTBEAT);
        if (i < 9) {
            assert_int_equal(client_end(&clients[1]), WIRE_OPEN);
            client_frame(&clients[0], SOUP_CLIENT_HEARTBEAT); /* it talks, but does not listen */
            assert_int_equal(gateway_sessions(rig.gateway), 2);
        }
    }
    assert_true(f->conns[0].server_reset);
    assert_int_equal(client_end(&clients[1]), WIRE_OPEN);
    assert_int_equal(gateway_sessions(rig.gateway), 1);
    rig_close(&rig);
}

/* A connection that takes little at a time gets everything, from the store and from the reader. */
static void test_small_room(void **state)
{
    struct fake_transport *f = begin(NULL);
    (void)state;

    client_open(&clients[0], &rig);
    client_login(&clients[0], "ALICE", 1);
    for (u32 ref = 1; ref <= 2000; ref++) {
        client_enter(&clients[0], ref, 'B', 100, "AAPL", 100);
        if (ref % 100 == 0)
            client_expect_stream(&clients[0], ALICE, ref);
    }
    client_expect_stream(&clients[0], ALICE, 2001);
    f->room_max = 600;
    client_open(&clients[1], &rig);
    client_login(&clients[1], "ALICE", 1);
    client_expect_stream(&clients[1], ALICE, 2001);
    client_expect_nothing(&clients[1]);
    rig_close(&rig);
}

static void test_no_reader(void **state)
{
    struct rig_conf conf = rig_conf_usual();
    (void)state;

    conf.no_reader = true;
    conf.store_chunks = 2;
    begin(&conf);
    client_open(&clients[0], &rig);
    client_login(&clients[0], "ALICE", 1);
    for (u32 ref = 1; ref <= 200; ref++) {
        client_enter(&clients[0], ref, 'B', 100, "AAPL", 100);
        client_expect_stream(&clients[0], ALICE, ref);
    }
    client_expect_stream(&clients[0], ALICE, 201);
    client_open(&clients[1], &rig);
    client_login(&clients[1], "ALICE", 1); /* accepted, and ended: it cannot be served */
    assert_int_equal(client_end(&clients[1]), WIRE_EOF);
    client_open(&clients[2], &rig);
    client_login(&clients[2], "ALICE", 190);
    client_expect_stream(&clients[2], ALICE, 201);
    rig_close(&rig);
}

/* More connections than there are sessions: refused, and served again when some have gone. */
static void test_full_house(void **state)
{
    struct fake_transport *f = begin(NULL);
    (void)state;

    f->accepting = true;
    for (u32 i = 0; i < 60; i++)
        client_open(&clients[i], &rig);
    rig_expect_sessions(&rig, 60);
    for (u32 i = 0; i < 60; i++)
        f->wire.hang_up(&f->wire, clients[i].wire, i % 2 != 0 ? TRANSPORT_RESET : TRANSPORT_FINISH);
    rig_expect_sessions(&rig, 0);
    rig_close(&rig);
}

/* The command ring is so full that not even disconnects fit: they are not forgotten. */
static void test_disconnects_wait_for_the_ring(void **state)
{
    struct rig_conf conf = rig_conf_usual();
    struct fake_transport *f;
    static u8 flood[1000 * 4];
    (void)state;

    conf.cmd_slots = 32;
    f = begin(&conf);
    client_open(&clients[0], &rig);
    client_open(&clients[1], &rig);
    client_login(&clients[0], "ALICE", 1);
    client_login(&clients[1], "BOB", 1);
    rig_turns(&rig, 3);
    rig.hold_engine = true;
    for (u32 i = 0; i < 1000; i++)
        memcpy(flood + 4 * i, "\0\2UQ", 4);
    f->wire.write(&f->wire, clients[0].wire, flood, sizeof flood);
    rig_turns(&rig, 3);
    while (ring_room(&rig.cmd, 1) > 0) { /* to the last slot */
        union msg m = {.bare = {.cmd = {.type = CMD_DISCONNECT, .slots = 1, .account = 1}}};
        ring_push(&rig.cmd, &m, 1);
    }
    f->wire.hang_up(&f->wire, clients[1].wire, TRANSPORT_RESET);
    rig_expect_sessions(&rig, 2);
    client_open(&clients[2], &rig); /* a login waits too */
    client_ask_login(&clients[2], "BOB", "secret", "", "1");
    rig_turns(&rig, 5);
    rig.hold_engine = false;
    client_expect(&clients[2], SOUP_ACCEPTED);
    rig_expect_sessions(&rig, 2);
    rig_close(&rig);
}

/* The mark moves one transaction at a time: so do the messages, the login's answer among them. */
static void test_released_one_by_one(void **state)
{
    struct fake_transport *f = begin(NULL);
    (void)state;

    client_open(&clients[0], &rig);
    client_login(&clients[0], "ALICE", 1);
    client_expect_message(&clients[0], 'S');
    rig.hold_durable = true;
    for (u32 ref = 1; ref <= 20; ref++)
        client_enter(&clients[0], ref, 'B', 100, "AAPL", 100);
    client_open(&clients[1], &rig);
    client_ask_login(&clients[1], "BOB", "secret", "", "1"); /* the last transaction */
    rig_pass(&rig, 1200 * NS_PER_MS); /* a heartbeat looks at the session meanwhile */
    client_expect(&clients[0], SOUP_SERVER_HEARTBEAT);
    client_expect_nothing(&clients[0]);
    rig.slow_durable = true;
    rig.hold_durable = false;
    for (u32 n = 1; n <= 20; n++) {
        u64 sent = metrics_sum("wirebook_gateway_messages_out_total");
        rig_turns(&rig, 1);
        assert_in_range(metrics_sum("wirebook_gateway_messages_out_total") - sent, 0, 1);
        assert_int_equal(f->conns[1].out.used, 0);
    }
    client_expect_stream(&clients[0], ALICE, 21);
    client_expect(&clients[1], SOUP_ACCEPTED);
    rig.slow_durable = false;
    rig_close(&rig);
}

/* What a store took beyond its quota while the disk stood still is given back when it goes on. */
static void test_stores_shrink_again(void **state)
{
    begin(NULL);
    (void)state;

    client_open(&clients[0], &rig);
    client_login(&clients[0], "ALICE", 1);
    client_expect_message(&clients[0], 'S');
    u64 free_before = metrics_sum("wirebook_gateway_store_chunks_free");
    rig.hold_durable = true;
    for (u32 ref = 1; ref <= 1000; ref++)
        client_enter(&clients[0], ref, 'B', 100, "AAPL", 100);
    rig_turns(&rig, 30);
    rig.hold_durable = false;
    client_expect_stream(&clients[0], ALICE, 1001);
    assert_in_range(metrics_sum("wirebook_gateway_store_chunks_free"), free_before - 8,
                    free_before);
    assert_true(metrics_sum("wirebook_gateway_store_chunks_free_min") < free_before - 20);
    rig_close(&rig);
}

/* ---- a random life ---- */

#define LIVES 3u

struct life {
    struct rig_client c;
    bool open, logged_in, gone;
    u32 account;
};

static const char *const users[] = {"", "ALICE", "BOB", "CAROL"};

/*
 * Clients come, log in anywhere in their stream, order, talk nonsense, vanish, take each other
 * over; the durable mark, the reader and the engine stop and go. Every sequenced byte that anybody
 * sees must be the one at its place in its account's stream, and in the end everybody sees all of
 * it.
 */
static void step_life(struct life *l, struct rng *rng, u32 *refs)
{
    struct rig_frame f;
    u8 want[256];

    if (!l->open) {
        if (rig.wire->transport == NULL)
            return;
        client_open(&l->c, &rig);
        l->open = true;
        l->logged_in = false;
        l->account = 1 + (u32)rng_below(rng, 3);
        u64 have = rig_stream(&rig, l->account);
        char seq[24];
        snprintf(seq, sizeof seq, "%llu", (unsigned long long)rng_below(rng, have + 2));
        client_ask_login(&l->c, users[l->account], "secret", "", seq);
    }
    for (u32 i = rng_below(rng, 8) != 0 ? 3 : 0; i > 0; i--) {
        f = client_next(&l->c);
        if (f.type == SOUP_ACCEPTED) {
            char text[24];
            snprintf(text, sizeof text, "%.20s", (const char *)f.payload + 10);
            l->c.next_seq = strtoull(text, NULL, 10);
            l->logged_in = true;
        } else if (f.type == SOUP_SEQUENCED) {
            assert_int_equal(f.len, rig_expected(&rig, l->account, l->c.next_seq - 1, want));
            assert_memory_equal(f.payload, want, f.len);
        }
    }
    if (rig.wire->end(rig.wire, l->c.wire) != WIRE_OPEN) {
        l->open = false;
    } else if (l->logged_in && rng_below(rng, 3) != 0) {
        for (u64 n = rng_below(rng, 40); n > 0; n--) {
            char side = rng_below(rng, 2) != 0 ? 'B' : 'S';
            u64 price = 1500000 + 100 * rng_below(rng, 5);
            client_enter(&l->c, ++refs[l->account], side, 100, "AAPL", price);
        }
    } else if (rng_below(rng, 12) == 0) {
        static const char *const ends[] = {"\0\1O", "\xff\xff\xff", "\0\0\0"};
        client_bytes(&l->c, ends[rng_below(rng, 3)], 3);
        l->open = false;
    } else if (rng_below(rng, 12) == 0) {
        rig.wire->hang_up(rig.wire, l->c.wire,
                          rng_below(rng, 2) != 0 ? TRANSPORT_RESET : TRANSPORT_FINISH);
        l->open = false;
    }
}

static void random_life(u64 seed, u64 steps)
{
    static struct life lives[LIVES];
    struct rig_conf conf = {.store_chunks = 2,
                            .cmd_slots = 256,
                            .ring_slots = 1024,
                            .orders_max = 5000,
                            .slow_timeout_ns = 3600 * NS_PER_SEC};
    struct rng rng = {.seed = seed};
    struct fake_transport *f = begin(&conf);
    u32 refs[4] = {0};

    memset(lives, 0, sizeof lives);
    f->piece = 1 + (u32)rng_below(&rng, 200);
    for (u64 step = 0; step < steps; step++) {
        rig.hold_durable = rng_below(&rng, 4) == 0;
        rig.slow_durable = rng_below(&rng, 2) == 0;
        rig.hold_reader = rng_below(&rng, 4) == 0;
        rig.hold_auth = rng_below(&rng, 8) == 0;
        rig.hold_engine = rng_below(&rng, 8) == 0;
        if (rng_below(&rng, 3) == 0)
            f->room_max = 256 + (u32)rng_below(&rng, 4000);
        if (f->conns_used + LIVES < WIRE_CLIENTS_MAX)
            step_life(&lives[rng_below(&rng, LIVES)], &rng, refs);
        rig_turns(&rig, 2);
        if (step % 16 == 0)
            gateway_check(rig.gateway);
    }
    rig.hold_durable = rig.hold_reader = rig.hold_auth = rig.hold_engine = false;
    rig.slow_durable = false;
    f->room_max = FAKE_PIPE_BYTES;
    for (u32 account = 1; account <= 3; account++) {
        if (rig_stream(&rig, account) == 0)
            continue;
        client_open(&clients[account], &rig);
        client_login(&clients[account], users[account], 1);
        client_expect_stream(&clients[account], account, rig_stream(&rig, account));
        client_expect_nothing(&clients[account]);
    }
    rig_close(&rig);
}

static void test_random_lives(void **state)
{
    u64 seed = test_seed();
    u64 lives = test_count("WB_ROUNDS", 60);
    (void)state;

    for (u64 i = 0; i < lives; i++) {
        if (getenv("WB_TRACE") != NULL)
            printf("life %llu\n", (unsigned long long)(seed + i));
        random_life(seed + i, 150);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_split_gives_the_same_commands),
        cmocka_unit_test(test_space_marks),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_slow_client_is_cut_alone),
        cmocka_unit_test(test_small_room),
        cmocka_unit_test(test_no_reader),
        cmocka_unit_test(test_full_house),
        cmocka_unit_test(test_disconnects_wait_for_the_ring),
        cmocka_unit_test(test_released_one_by_one),
        cmocka_unit_test(test_stores_shrink_again),
        cmocka_unit_test(test_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
