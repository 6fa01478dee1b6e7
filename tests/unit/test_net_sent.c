/*
 * test_net_sent.c - the sender's scoreboard against a naive one that keeps each byte by itself.
 *
 * With room enough both say the same of each byte. Without (four runs, no chunk) it may know less:
 * what it calls SACKED is, what is in flight stays covered, and repeating what is LOST ends.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/base/assert.h"
#include "engine/base/mem.h"
#include "gateway/net/tcp_sent.h"
#include "tests/lib/seed.h"

#define FLIGHT_MAX 150u /* bytes, so runs too: they fit a chunk */

/* The byte at sequence number `una + i`. */
struct ref_byte {
    u32 us;
    u32 flags;
};

struct board {
    struct mem mem;
    struct chunk_pool pool;
    struct sent sent;
    u32 una, end, us;
    struct ref_byte bytes[FLIGHT_MAX];
    struct rng rng;
    bool exact;
    bool blurred; /* runs may be shorter than they look from here */
};

static u32 below(struct board *b, u32 n)
{
    return (u32)rng_below(&b->rng, n);
}

static void board_init(struct board *b, u64 seed, bool exact)
{
    *b = (struct board){.rng = {.seed = seed}, .exact = exact};
    mem_init(&b->mem, 0);
    chunk_pool_init(&b->pool, &b->mem, 1);
    b->pool.free = exact;
    b->una = 0u - 200 + below(b, 400); /* near the wrap */
    b->us = 0u - below(b, 2000);
    b->end = b->una;
}

/* ---- what the naive one says of an ACK ---- */

static bool alike(const struct ref_byte *x, const struct ref_byte *y)
{
    return x->us == y->us && x->flags == y->flags;
}

static void ref_deliver(const struct board *b, u32 from, u32 to, struct sent_news *news)
{
    for (u32 i = from; i < to; i++) {
        const struct ref_byte *r = &b->bytes[i];
        bool again = (r->flags & SENT_AGAIN) != 0;
        struct sent_run *newest = again ? &news->newest_again : &news->newest_once;
        bool *has = again ? &news->has_again : &news->has_once;
        if ((r->flags & SENT_SACKED) != 0)
            continue;
        news->bytes++;
        news->again += again;
        if (!again && (!news->has_once || (news->low_once == b->una + i && alike(r - 1, r))))
            news->low_once = b->una + i + 1;
        news->high = b->una + i + 1;
        if (!*has || (i32)(r->us - newest->us) >= 0)
            *newest = (struct sent_run){.end = b->una + i + 1, .us = r->us};
        *has = true;
    }
}

static void same_news(const struct board *b, const struct sent_news *a, const struct sent_news *ref)
{
    assert_int_equal(a->bytes, ref->bytes);
    assert_int_equal(a->again, ref->again);
    assert_int_equal(a->has_once, ref->has_once);
    assert_int_equal(a->has_again, ref->has_again);
    if (a->bytes > 0)
        assert_int_equal(a->high, ref->high);
    if (a->has_once) {
        assert_int_equal(a->newest_once.us, ref->newest_once.us);
        assert_int_equal(a->newest_once.end, ref->newest_once.end);
        assert_true(b->blurred || (i32)(a->low_once - ref->low_once) <= 0);
    }
    if (a->has_again) {
        assert_int_equal(a->newest_again.us, ref->newest_again.us);
        assert_int_equal(a->newest_again.end, ref->newest_again.end);
    }
}

/* ---- steps: the same to both ---- */

static void step_send(struct board *b)
{
    u32 flight = b->end - b->una;
    u32 n = 1 + below(b, 12);

    if (flight + n > FLIGHT_MAX)
        return;
    for (u32 i = 0; i < n; i++)
        b->bytes[flight + i] = (struct ref_byte){.us = b->us};
    b->end += n;
    sent_new(&b->sent, &b->pool, b->una, b->end, b->us);
}

static void step_sack(struct board *b)
{
    u32 flight = b->end - b->una;
    struct sent_news news = {0}, ref = {0};
    u32 from = below(b, flight + 4); /* some of it nonsense */
    u32 n = below(b, 20);

    sent_sack(&b->sent, &b->pool, b->una, b->una + from, b->una + from + n, &news);
    if (from == 0 || from + n > flight)
        n = 0;
    ref_deliver(b, from, from + n, &ref);
    for (u32 i = from; i < from + n; i++)
        b->bytes[i].flags = (b->bytes[i].flags | SENT_SACKED) & ~(u32)SENT_LOST;
    if (b->exact)
        same_news(b, &news, &ref);
}

/* The same SACKs once more say nothing new, however little of them could be kept. */
static void step_repeat(struct board *b)
{
    u32 from[4], n[4];
    struct sent_news first = {0}, again = {0};

    for (u32 i = 0; i < 4; i++) {
        from[i] = 1 + below(b, b->end - b->una + 1);
        n[i] = 1 + below(b, 20);
    }
    for (u32 round = 0; round < 3; round++)
        for (u32 i = 0; i < 4; i++)
            sent_sack(&b->sent, &b->pool, b->una, b->una + from[i], b->una + from[i] + n[i],
                      round < 2 ? &first : &again);
    assert_int_equal(again.bytes, 0);
    for (u32 i = 0; i < 4; i++)
        for (u32 k = from[i]; k < from[i] + n[i] && from[i] + n[i] <= b->end - b->una; k++)
            b->bytes[k].flags = (b->bytes[k].flags | SENT_SACKED) & ~(u32)SENT_LOST;
}

static void step_ack(struct board *b)
{
    u32 flight = b->end - b->una;
    struct sent_news news = {0}, ref = {0};
    u32 n = below(b, 8) == 0 ? flight : below(b, flight + 1);

    if (n == 0)
        return;
    sent_ack(&b->sent, &b->pool, b->una, b->una + n, &news);
    ref_deliver(b, 0, n, &ref);
    memmove(b->bytes, b->bytes + n, (flight - n) * sizeof b->bytes[0]);
    b->una += n;
    if (b->exact)
        same_news(b, &news, &ref);
}

static void step_lose(struct board *b)
{
    const struct sent_run *runs = sent_runs(&b->sent, &b->pool);
    u32 i = b->sent.used == 0 ? 0 : below(b, b->sent.used);

    if (b->sent.used == 0 || (runs[i].flags & (SENT_SACKED | SENT_LOST)) != 0)
        return;
    u32 from = i == 0 ? 0 : runs[i - 1].end - b->una;
    for (u32 k = from; k < runs[i].end - b->una; k++)
        b->bytes[k].flags |= SENT_LOST;
    sent_lose_run(&b->sent, &b->pool, b->una, i);
}

static void step_lose_first(struct board *b)
{
    u32 n = 1 + below(b, 20);
    u32 until = b->sent.used == 0 ? 0 : sent_runs(&b->sent, &b->pool)[0].end - b->una;

    for (u32 i = 0; i < n && i < until; i++)
        if ((b->bytes[i].flags & SENT_SACKED) == 0)
            b->bytes[i].flags |= SENT_LOST;
    sent_lose_first(&b->sent, &b->pool, b->una, n);
}

static void step_again(struct board *b)
{
    u32 start, end;

    if (b->end - b->una > 3 && below(b, 8) == 0) { /* a probe: whatever lies at the end */
        start = b->end - 3;
        end = b->end;
    } else if (!sent_first_lost(&b->sent, &b->pool, b->una, &start, &end)) {
        return;
    } else if (b->exact) { /* the first, and as long as it gets */
        for (u32 i = 0; i < end - b->una; i++)
            assert_int_equal((b->bytes[i].flags & SENT_LOST) != 0, i >= start - b->una);
        assert_true(end == b->end || (b->bytes[end - b->una].flags & SENT_LOST) == 0);
    }
    u32 n = min_u32(end - start, 1 + below(b, 12));
    sent_resent(&b->sent, &b->pool, b->una, start, start + n, b->us);
    for (u32 i = start - b->una; i < start + n - b->una; i++)
        b->bytes[i] =
            (struct ref_byte){.us = b->us, .flags = (b->bytes[i].flags & SENT_SACKED) | SENT_AGAIN};
}

static void step_seldom(struct board *b)
{
    u32 forget = below(b, 2) == 0 ? SENT_LOST : SENT_SACKED;

    for (u32 i = 0; i < b->end - b->una; i++)
        b->bytes[i].flags &= ~forget;
    if (forget == SENT_LOST) {
        sent_lose_none(&b->sent, &b->pool);
        return;
    }
    sent_unsack(&b->sent, &b->pool);
    b->blurred = true;
    const struct sent_run *runs = sent_runs(&b->sent, &b->pool);
    for (u32 i = 0, at = 0; i < b->sent.used; i++) /* what was SACKED has lost its times */
        for (; at < runs[i].end - b->una; at++) {
            b->bytes[at].us = runs[i].us;
            b->bytes[at].flags |= runs[i].flags & SENT_AGAIN;
        }
}

/* ---- the comparison ---- */

static void compare(const struct board *b)
{
    const struct sent_run *runs = sent_runs((struct sent *)&b->sent, &b->pool);
    u32 at = 0;

    sent_check(&b->sent, &b->pool, b->una, b->end);
    for (u32 i = 0; i < b->sent.used; i++)
        for (; at < runs[i].end - b->una; at++) {
            const struct ref_byte *r = &b->bytes[at];
            if (!b->exact) {
                assert_true((runs[i].flags & SENT_SACKED) == 0 || (r->flags & SENT_SACKED) != 0);
                continue;
            }
            assert_int_equal(runs[i].flags & (SENT_SACKED | SENT_LOST),
                             r->flags & (SENT_SACKED | SENT_LOST));
            if ((r->flags & SENT_SACKED) == 0) {
                assert_int_equal(runs[i].flags & SENT_AGAIN, r->flags & SENT_AGAIN);
                assert_int_equal(runs[i].us, r->us);
            }
        }
    assert_int_equal(at, b->end - b->una);
}

static void run(u64 seed, bool exact)
{
    struct board *b = malloc(sizeof *b);

    board_init(b, seed, exact);
    for (u32 i = 0; i < 400; i++) {
        static void (*const steps[])(struct board *) = {
            step_send,  step_send, step_send,       step_sack,  step_sack, step_ack,
            step_again, step_lose, step_lose_first, step_again, step_again};
        u32 pick = below(b, 300);
        b->us += below(b, 3);
        if (pick == 0)
            step_seldom(b);
        else if (pick < 6)
            step_repeat(b);
        else
            steps[pick % ARRAY_LEN(steps)](b);
        compare(b);
        assert_int_equal(b->pool.free, exact && b->sent.chunk == 0);
    }
    u32 start, end, rounds = 0;
    while (sent_first_lost(&b->sent, &b->pool, b->una, &start, &end)) {
        sent_resent(&b->sent, &b->pool, b->una, start, min_u32(end - start, 3) + start, ++b->us);
        assert_true(++rounds <= FLIGHT_MAX);
    }
    sent_clear(&b->sent, &b->pool);
    assert_int_equal(b->pool.free, exact);
    mem_free_all(&b->mem);
    free(b);
}

static void as_the_naive_one(void **state)
{
    u64 seed = test_seed();

    (void)state;
    for (u64 i = 0; i < test_count("WB_ROUNDS", 400); i++)
        run(seed + i, true);
}

static void short_of_room(void **state)
{
    u64 seed = test_seed();

    (void)state;
    for (u64 i = 0; i < test_count("WB_ROUNDS", 400); i++)
        run(seed + i, false);
}

/* A chunk full of runs, and more: what cannot be told apart any more is joined. */
static void a_full_chunk(void **state)
{
    struct board *b = malloc(sizeof *b);
    struct sent_news news = {0};

    (void)state;
    board_init(b, 1, true);
    for (u32 i = 0; i < 3 * SENT_RUNS; i++) {
        b->end += 10;
        sent_new(&b->sent, &b->pool, b->una, b->end, i);
        sent_check(&b->sent, &b->pool, b->una, b->end);
    }
    assert_int_equal(b->sent.used, SENT_RUNS);
    for (u32 i = 1; i < 3 * SENT_RUNS; i += 2) { /* every second one arrived */
        sent_sack(&b->sent, &b->pool, b->una, b->una + 10 * i, b->una + 10 * i + 10, &news);
        sent_check(&b->sent, &b->pool, b->una, b->end);
    }
    assert_true(b->sent.sacked > 0 && b->sent.sacked <= news.bytes);
    sent_ack(&b->sent, &b->pool, b->una, b->end, &news);
    assert_int_equal(b->sent.used, 0);
    assert_int_equal(b->sent.sacked, 0);
    assert_int_equal(b->pool.free, 1);
    mem_free_all(&b->mem);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_naive_one),
        cmocka_unit_test(short_of_room),
        cmocka_unit_test(a_full_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
