/* test_port_rss.c - the Toeplitz hash against its published vectors, and what is hashed at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/port_rss.h"
#include "tests/lib/seed.h"

/* Microsoft's verification suite for RSS: its key, and TCP over IPv4 with the expected hashes. */
static const u8 published_key[RSS_KEY_BYTES] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
    u8 flow[12]; /* source, destination, source port, destination port */
    u32 hash;
} published[] = {
    {{66, 9, 149, 187, 161, 142, 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255},
     0x51ccc178},
    {{199, 92, 111, 2, 65, 69, 140, 83, 14230 >> 8, 14230 & 255, 4739 >> 8, 4739 & 255},
     0xc626b0ea},
    {{24, 19, 198, 95, 12, 22, 207, 184, 12898 >> 8, 12898 & 255, 38024 >> 8, 38024 & 255},
     0x5c2b394a},
    {{38, 27, 205, 30, 209, 142, 163, 6, 48228 >> 8, 48228 & 255, 2217 >> 8, 2217 & 255},
     0xafc7327f},
    {{153, 39, 163, 191, 202, 188, 127, 2, 44251 >> 8, 44251 & 255, 1303 >> 8, 1303 & 255},
     0x10e828a2},
};

static void hashes_as_published(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(published); i++)
        assert_int_equal(rss_hash(published_key, published[i].flow, 12), published[i].hash);
}

/* A segment of `flow` in a frame of 54 bytes. */
static void frame_make(u8 frame[54], const u8 flow[12])
{
    memset(frame, 0, 54);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[20] = 0x40; /* do not fragment */
    frame[23] = 6;
    memcpy(frame + 26, flow, 12);
}

static void both_directions_have_one_hash(void **state)
{
    struct rng rng = {.seed = test_seed()};

    (void)state;
    for (u32 i = 0; i < 1000; i++) {
        u8 flow[12], back[12], frame[54];
        u32 there, here;
        for (u32 b = 0; b < sizeof flow; b++)
            flow[b] = (u8)rng_next(&rng);
        memcpy(back, flow + 4, 4);
        memcpy(back + 4, flow, 4);
        memcpy(back + 8, flow + 10, 2);
        memcpy(back + 10, flow + 8, 2);
        frame_make(frame, flow);
        assert_true(rss_frame_hash(frame, sizeof frame, &there));
        frame_make(frame, back);
        assert_true(rss_frame_hash(frame, sizeof frame, &here));
        assert_int_equal(there, here);
    }
}

/* The short way that our key allows gives what a network card computes over all twelve bytes. */
static void frames_hash_as_cards_do(void **state)
{
    struct rng rng = {.seed = test_seed()};

    (void)state;
    for (u32 i = 0; i < 1000; i++) {
        u8 flow[12], frame[54];
        u32 hash;
        for (u32 b = 0; b < sizeof flow; b++)
            flow[b] = (u8)rng_next(&rng);
        frame_make(frame, flow);
        assert_true(rss_frame_hash(frame, sizeof frame, &hash));
        assert_int_equal(hash, rss_hash(rss_key, flow, sizeof flow));
        assert_true(rss_flow_hash(frame, sizeof frame, &hash));
        assert_int_equal(hash, rss_hash(rss_key, flow, sizeof flow));
    }
}

/* Clients of one network with ports as Linux gives them fill all queues alike. */
static void flows_spread(void **state)
{
    struct rng rng = {.seed = test_seed()};
    u32 queues[8] = {0};

    (void)state;
    for (u32 i = 0; i < 16000; i++) {
        u8 flow[12] = {10, 213, 1, 2, 10, 213, 0, 1, 0, 0, 9000 >> 8, 9000 & 255}, frame[54];
        u32 port = 32768 + rng_below(&rng, 28232);
        u32 hash;
        flow[8] = (u8)(port >> 8);
        flow[9] = (u8)port;
        flow[3] = (u8)rng_below(&rng, 4);
        frame_make(frame, flow);
        assert_true(rss_frame_hash(frame, sizeof frame, &hash));
        queues[hash % 128 % ARRAY_LEN(queues)]++;
    }
    for (u32 q = 0; q < ARRAY_LEN(queues); q++)
        assert_in_range(queues[q], 1700, 2300);
}

/* "Destination unreachable" about a segment that we sent belongs to that segment's flow. */
static void errors_belong_to_the_quoted_flow(void **state)
{
    u8 in[54], quoted[54], error[14 + 20 + 8 + 24] = {0};
    u8 back[12];
    u32 want, got;

    (void)state;
    frame_make(in, published[1].flow);
    memcpy(back, published[1].flow + 4, 4);
    memcpy(back + 4, published[1].flow, 4);
    memcpy(back + 8, published[1].flow + 10, 2);
    memcpy(back + 10, published[1].flow + 8, 2);
    frame_make(quoted, back);
    frame_make(error, published[3].flow); /* from some router */
    error[23] = 1;
    error[34] = 3;
    memcpy(error + 42, quoted + 14, 24);
    assert_true(rss_frame_hash(in, sizeof in, &want));
    assert_true(rss_flow_hash(error, sizeof error, &got));
    assert_int_equal(want, got);
    assert_false(rss_frame_hash(error, sizeof error, &got)); /* a card does not look so far */
    assert_false(rss_flow_hash(error, sizeof error - 1, &got));
    error[34] = 8; /* a ping */
    assert_false(rss_flow_hash(error, sizeof error, &got));
    error[34] = 3;
    error[42 + 9] = 17; /* about a datagram */
    assert_false(rss_flow_hash(error, sizeof error, &got));
}

static void other_frames_have_none(void **state)
{
    u8 good[54], frame[54];
    u32 hash;

    (void)state;
    frame_make(good, published[0].flow);
    assert_true(rss_frame_hash(good, 38, &hash));
    assert_false(rss_frame_hash(good, 37, &hash));
    static const struct {
        u8 at, value;
    } changes[] = {
        {13, 0x06}, /* ARP */
        {14, 0x46}, /* options */
        {14, 0x65}, /* version 6 */
        {20, 0x20}, /* more fragments */
        {21, 0x01}, /* a later fragment */
        {23, 17},   /* UDP */
    };
    for (u32 i = 0; i < ARRAY_LEN(changes); i++) {
        memcpy(frame, good, sizeof frame);
        frame[changes[i].at] = changes[i].value;
        assert_false(rss_frame_hash(frame, sizeof frame, &hash));
        assert_false(rss_flow_hash(frame, sizeof frame, &hash));
    }
    for (u32 n = 0; n < 38; n++) {
        u8 *bytes = malloc(n + 1); /* what lies behind is not read: the sanitizer sees it */
        memcpy(bytes + 1, good, n);
        assert_false(rss_flow_hash(bytes + 1, n, &hash));
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_published),
        cmocka_unit_test(both_directions_have_one_hash),
        cmocka_unit_test(frames_hash_as_cards_do),
        cmocka_unit_test(flows_spread),
        cmocka_unit_test(errors_belong_to_the_quoted_flow),
        cmocka_unit_test(other_frames_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
