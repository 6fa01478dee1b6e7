/*
 * test_handover.c - rings between gateway agents: order, bounds, and agents on threads of their own
 * whose buffers travel and come back. No DPDK: a buffer is plain memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "engine/base/hash.h"
#include "gateway/handover.h"

#define AGENTS  3u
#define BUFFERS 600u   /* of one agent: more than a ring has */
#define SENDS   10000u /* to each neighbour, at least */

static struct mem mem;
static struct handover ends[AGENTS];

static void join(void)
{
    mem_init(&mem, 0);
    memset(ends, 0, sizeof ends);
    for (u32 i = 0; i < AGENTS; i++) {
        ends[i].self = i;
        ends[i].joined = AGENTS;
        for (u32 k = 0; k < i; k++)
            handover_join(&ends[k], &ends[i], &mem);
    }
}

static void frames_keep_their_order(void **state)
{
    u8 bytes[8];
    struct packet p = {.data = bytes, .l4_cksum = PACKET_CKSUM_GOOD};

    (void)state;
    join();
    for (p.len = 1; p.len <= 8; p.len++)
        assert_true(handover_frame(&ends[0], 2, p.len % 3, &p));
    assert_null(handover_next(&ends[2], 0)); /* not before it is published */
    handover_publish(&ends[0]);
    assert_null(handover_next(&ends[1], 0));
    assert_null(handover_next(&ends[2], 1));
    assert_null(handover_next(&ends[2], 2)); /* itself */
    for (u32 i = 1; i <= 8; i++) {
        const struct handed *h = handover_next(&ends[2], 0);
        assert_non_null(h);
        assert_int_equal(h->kind, HANDED_FRAME);
        assert_int_equal(h->link, i % 3);
        assert_int_equal(h->packet.len, i);
        assert_ptr_equal(h->packet.data, bytes);
        assert_int_equal(h->packet.l4_cksum, PACKET_CKSUM_GOOD);
        handover_done(&ends[2], 0);
    }
    assert_null(handover_next(&ends[2], 0));
    assert_int_equal(metric_get(&ends[0].frames_out), 8);
    assert_int_equal(metric_get(&ends[2].frames_in), 8);
    mem_free_all(&mem);
}

static void a_full_ring_drops(void **state)
{
    struct packet p = {.len = 60};

    (void)state;
    join();
    for (u32 i = 0; i < HANDOVER_RING_SLOTS; i++)
        assert_true(handover_frame(&ends[1], 0, 0, &p));
    assert_false(handover_frame(&ends[1], 0, 0, &p));
    assert_true(handover_frame(&ends[1], 2, 0, &p)); /* the others have rings of their own */
    assert_int_equal(metric_get(&ends[1].dropped), 1);
    handover_publish(&ends[1]);
    assert_non_null(handover_next(&ends[0], 1));
    handover_done(&ends[0], 1);
    assert_true(handover_frame(&ends[1], 0, 0, &p));
    assert_false(handover_frame(&ends[1], 0, 0, &p));
    assert_int_equal(metric_get(&ends[1].frames_out), HANDOVER_RING_SLOTS + 2);
    mem_free_all(&mem);
}

static void neighbours_leave_room_for_frames(void **state)
{
    static const u8 mac[6] = {2, 0, 0, 0, 0, 5};
    struct packet p = {.len = 60};

    (void)state;
    join();
    for (u32 i = 0; i < HANDOVER_RING_SLOTS; i++)
        handover_neighbour(&ends[0], 1, 4, i, mac);
    assert_int_equal(metric_get(&ends[0].neighbours_out), HANDOVER_RING_SLOTS / 2);
    assert_int_equal(metric_get(&ends[0].dropped), HANDOVER_RING_SLOTS / 2);
    assert_true(handover_frame(&ends[0], 1, 0, &p));
    handover_publish(&ends[0]);
    const struct handed *h = handover_next(&ends[1], 0);
    assert_int_equal(h->kind, HANDED_NEIGHBOUR);
    assert_int_equal(h->link, 4);
    assert_int_equal(h->ipv4, 0);
    assert_memory_equal(h->mac, mac, 6);
    assert_int_equal(metric_get(&ends[1].frames_in), 0);
    handover_done(&ends[1], 0);
    mem_free_all(&mem);
}

/* ---- agents on threads ---- */

struct buffer {
    struct ring *home; /* of its owner, from whoever has it: one ring for each such pair */
    u64 number;
    u64 words[6];
};

struct agent_under_test {
    u32 self;
    struct buffer buffers[BUFFERS];
    struct buffer *free[BUFFERS];
    u32 free_used;
    struct ring back[AGENTS]; /* buffers that the others give back */
    u64 sent[AGENTS], got[AGENTS];
};

static struct agent_under_test agents[AGENTS];
static _Atomic u32 ended;

static void fill(struct buffer *b, u64 number)
{
    b->number = number;
    for (u32 i = 0; i < ARRAY_LEN(b->words); i++)
        b->words[i] = hash_2u64(number, i, 0);
}

static void send_one(struct agent_under_test *a, u32 to)
{
    struct packet p = {0};

    if (a->free_used == 0)
        return;
    struct buffer *b = a->free[--a->free_used];
    b->home = &agents[a->self].back[to];
    fill(b, a->sent[to]);
    p.handle = b;
    if (handover_frame(&ends[a->self], to, 0, &p))
        a->sent[to]++;
    else
        a->free[a->free_used++] = b; /* full: it stays ours */
}

static void take_from(struct agent_under_test *a, u32 from)
{
    const struct handed *h;
    struct slot s;

    while ((h = handover_next(&ends[a->self], from)) != NULL) {
        struct buffer *b = h->packet.handle;
        ASSERT_EQ(b->number, a->got[from]);
        a->got[from]++;
        for (u32 i = 0; i < ARRAY_LEN(b->words); i++)
            ASSERT_EQ(b->words[i], hash_2u64(b->number, i, 0));
        memset(b->words, 0xee, sizeof b->words);
        memcpy(&s, &b, sizeof b);
        if (!ring_push(b->home, &s, 1))
            ASSERT(false); /* it has more slots than there are buffers */
        handover_done(&ends[a->self], from);
    }
}

static void take_back(struct agent_under_test *a)
{
    for (u32 i = 0; i < AGENTS; i++) {
        while (ring_avail(&a->back[i], 1) > 0) {
            memcpy(&a->free[a->free_used++], ring_at(&a->back[i], 0), sizeof a->free[0]);
            ring_take(&a->back[i], 1);
        }
    }
}

static bool has_sent_all(const struct agent_under_test *a)
{
    for (u32 to = 0; to < AGENTS; to++)
        if (to != a->self && a->sent[to] < SENDS)
            return false;
    return true;
}

static void *run(void *arg)
{
    struct agent_under_test *a = arg;
    u32 others_ended = 0;
    bool sending = true;

    for (u32 round = 0; sending || others_ended < AGENTS; round++) {
        for (u32 to = 0; to < AGENTS; to++)
            if (to != a->self && sending)
                for (u32 n = 0; n < 1 + round % 7; n++)
                    send_one(a, to);
        handover_publish(&ends[a->self]);
        others_ended = ended; /* before the last look: what they published is seen then */
        for (u32 from = 0; from < AGENTS; from++)
            take_from(a, from);
        take_back(a);
        if (sending && has_sent_all(a)) {
            sending = false;
            ended++;
        }
        if (!sending || round % 64 == 0 || a->free_used == 0)
            sched_yield();
    }
    return NULL;
}

static void buffers_travel_between_threads(void **state)
{
    pthread_t threads[AGENTS];

    (void)state;
    join();
    ended = 0;
    for (u32 i = 0; i < AGENTS; i++) {
        struct agent_under_test *a = &agents[i];
        memset(a, 0, sizeof *a);
        a->self = i;
        for (u32 k = 0; k < AGENTS; k++)
            ring_init(&a->back[k], &mem, "back", 1024);
        while (a->free_used < BUFFERS) {
            a->free[a->free_used] = &a->buffers[a->free_used];
            a->free_used++;
        }
    }
    for (u32 i = 0; i < AGENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &agents[i]), 0);
    for (u32 i = 0; i < AGENTS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (u32 i = 0; i < AGENTS; i++) {
        take_back(&agents[i]);
        assert_int_equal(agents[i].free_used, BUFFERS); /* none is lost, none is there twice */
        for (u32 k = 0; k < AGENTS; k++)
            assert_int_equal(agents[i].sent[k], agents[k].got[i]);
        assert_true(has_sent_all(&agents[i]));
    }
    mem_free_all(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_keep_their_order),
        cmocka_unit_test(a_full_ring_drops),
        cmocka_unit_test(neighbours_leave_room_for_frames),
        cmocka_unit_test(buffers_travel_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
