/*
 * test_reader.c - old messages for gateways: a model keeps every stream, the reader must give the
 * same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "engine/msg/msg.h"
#include "persist/reader.h"
#include "persist/reader_index.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define ACCOUNTS 6u
#define STREAM   16384u /* messages the model keeps of a stream and day */
#define DAY      20261122u

/* The model: every message of the open day by account and session_seq, and as drop copies have
 * them: by firm (accounts 1 to 3, and the others) and all. */
enum { FIRM_A = ACCOUNTS + 1, FIRM_B, ALL, STREAMS };
static struct {
    union msg messages[STREAM];
    u64 used;
} streams[STREAMS];
static u32 day;
static bool open_day; /* the next transaction opens one */

static void put(struct tx *t, union msg *m, bool last)
{
    m->ev.flags = last ? MSG_TX_END : 0;
    memcpy(&t->slots[t->used], m, m->ev.slots * SLOT_BYTES);
    t->used += m->ev.slots;
}

static void keep(u32 stream, const union msg *m)
{
    assert_true(streams[stream].used < STREAM);
    streams[stream].messages[streams[stream].used++] = *m;
}

static u32 firm_of(u32 account)
{
    return account <= 3 ? FIRM_A : FIRM_B;
}

/* Transactions whose events follow the model; account 1 is rare, 2 busy. */
static void make(u64 seq, struct tx *out)
{
    union msg m = {.cmd = {.type = CMD_TICK, .slots = 1, .seq = seq}};
    u32 events = 1 + (u32)(hash_u64(seq) % 5);

    out->used = 0;
    if (open_day) {
        open_day = false;
        day = day ? day + 1 : DAY;
        memset(streams, 0, sizeof streams);
        m = (union msg){.day = {.cmd = {.type = CMD_DAY_OPEN, .slots = 1, .seq = seq}, .day = day}};
        put(out, &m, false);
        m.ev = (struct event_head){.type = EV_DAY_OPENED, .slots = 1, .seq = seq};
        put(out, &m, true);
        return;
    }
    put(out, &m, false);
    for (u32 i = 0; i < events; i++) {
        u64 random = hash_2u64(seq, i, 3);
        u32 account = random % 400 == 0 ? 1 : random % 3 ? 2 : 3 + (u32)(random >> 32) % 4;
        memset(&m, 0, sizeof m);
        m.ev = (struct event_head){.type = random & 1 ? EV_ACCEPTED : EV_EXECUTED,
                                   .slots = random & 1 ? 2 : 1,
                                   .account = account,
                                   .seq = seq};
        if (random % 7 != 0)
            m.ev.session_seq = streams[account].used + 1; /* others are not for the client */
        m.order.order_ref = random;
        if (m.ev.session_seq == 1) { /* every stream begins so */
            m = (union msg){.system = {.head = m.ev, .code = 'S'}};
            m.ev.type = EV_SYSTEM;
            m.ev.slots = 1;
            memcpy(m.system.firm, firm_of(account) == FIRM_A ? "AAAA" : "BBBB", 4);
        }
        put(out, &m, i + 1 == events);
        if (m.ev.session_seq) {
            keep(account, &m);
            keep(firm_of(account), &m);
            keep(ALL, &m);
        }
    }
}

struct fixture {
    struct fake_disk *fd;
    struct fake_process p;
    struct ring tap, requests, answers;
    struct reader *r;
    struct why why;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fd = fake_disk_new();
    log_level_set(LOG_ERROR);
    memset(streams, 0, sizeof streams);
    day = 0;
    open_day = true;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->r)
        reader_free(f->r);
    fake_process_end(&f->p);
    fake_disk_free(f->fd);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    if (f->r)
        reader_free(f->r);
    fake_disk_cut(f->fd, 0);
    fake_process_end(&f->p);
    fake_process_init(&f->p, 64);
    f->p.make = make;
    if (fake_process_start(&f->p, &f->fd->disk, &f->why) != REPLAY_OK)
        fail_msg("%s", f->why.text);
    ring_init(&f->tap, &f->p.mem, "tap", 32 * 64);
    ring_init(&f->requests, &f->p.mem, "requests", 16);
    ring_init(&f->answers, &f->p.mem, "answers", REPLAY_RING_SLOTS);
    persist_tap_add(f->p.persist, &f->tap);
    struct cursor_conf conf = {
        .disk = &f->fd->disk,
        .shard = 7,
        .stored = persist_stored(f->p.persist),
        .tap = &f->tap,
        .live = {persist_live_segment(f->p.persist), persist_live_block(f->p.persist)},
    };
    f->r = reader_new(&conf, f->p.at.day_seq, f->p.at.last_seq);
    reader_attach(f->r, 2, &f->requests, &f->answers);
}

static void send(struct fixture *f, u32 n)
{
    for (u32 i = 0; i < n; i += 100) {
        fake_process_send(&f->p, min_u32(n - i, 100));
        fake_process_run(&f->p);
    }
}

/* What is asked for `stream`: a copy of a firm by one of its accounts. */
static struct reader_request request_of(u32 stream)
{
    struct reader_request q = {.account = stream, .gateway = 2};

    if (stream >= FIRM_A && stream <= ALL) {
        q.account = stream == FIRM_B ? 4 : 2;
        q.scope = stream == ALL ? READER_ALL : READER_FIRM;
    }
    return q;
}

static u32 stream_of(const struct reader_answer *a)
{
    if (a->scope == READER_ACCOUNT)
        return a->account;
    return a->scope == READER_ALL ? ALL : firm_of(a->account);
}

static void ask(struct fixture *f, u32 stream, u32 of_day, u64 from, u32 count)
{
    struct reader_request q = request_of(stream);

    q.conn = stream * 1000 + from;
    q.from_seq = from;
    q.day = of_day;
    q.count = count;

    assert_true(ring_push(&f->requests, &q, 1));
}

/* The next answer's head; its messages are compared with the model and taken. */
static struct reader_answer next_answer(struct fixture *f)
{
    struct reader_answer a;

    assert_true(ring_avail(&f->answers, 1) > 0);
    memcpy(&a, ring_at(&f->answers, 0), sizeof a);
    assert_true(ring_avail(&f->answers, 1 + a.slots) >= 1 + a.slots);
    ring_take(&f->answers, 1);
    u32 stream = stream_of(&a);
    assert_int_equal(a.conn, stream * 1000 + a.from_seq);
    assert_int_equal(a.gateway, 2);
    u32 slots = 0;
    for (u32 i = 0; i < a.count; i++) {
        union msg copy;
        const union msg *m = msg_peek(&f->answers, &copy);
        const union msg *want = &streams[stream].messages[a.from_seq - 1 + i];
        assert_true(a.scope != READER_ACCOUNT || m->ev.session_seq == a.from_seq + i);
        assert_memory_equal(m, want, want->ev.slots * SLOT_BYTES);
        slots += m->ev.slots;
        ring_take(&f->answers, m->ev.slots);
    }
    assert_int_equal(slots, a.slots);
    return a;
}

static void turns(struct fixture *f)
{
    for (u32 i = 0; i < 1000 && reader_do_work(f->r, 0) > 0; i++)
        ;
}

/* Every stream from its beginning to its end in pieces, as a gateway would. */
static void expect_streams(struct fixture *f)
{
    for (u32 stream = 1; stream < STREAMS; stream++) {
        u64 from = 1;
        while (from <= streams[stream].used) {
            ask(f, stream, day, from, READER_COUNT_MAX);
            turns(f);
            struct reader_answer a = next_answer(f);
            assert_int_equal(a.status, READER_OK);
            u64 rest = streams[stream].used - from + 1;
            assert_int_equal(a.count, min_u64(rest, READER_COUNT_MAX));
            from += a.count;
        }
        ask(f, stream, day, from, 10);
        turns(f);
        struct reader_answer a = next_answer(f);
        assert_int_equal(a.status, READER_NONE);
        assert_true(stream <= ACCOUNTS || a.next_seq == from);
    }
}

static void streams_test(void **state)
{
    struct fixture *f = *state;

    start(f);
    send(f, 3000);
    expect_streams(f);
    send(f, 1000); /* more while it runs */
    expect_streams(f);
    assert_true(streams[1].used > 3);
    start(f); /* a restart: the index is made anew from the journal */
    expect_streams(f);
    assert_null(reader_why(f->r));
}

static void pieces_test(void **state)
{
    struct fixture *f = *state;

    start(f);
    send(f, 2000);
    for (u64 i = 0; i < 300; i++) {
        u32 stream = 1 + (u32)(hash_2u64(i, 0, 0) % (STREAMS - 1));
        if (streams[stream].used == 0)
            continue;
        u64 from = 1 + hash_2u64(i, 1, 0) % streams[stream].used;
        u32 count = 1 + (u32)(hash_2u64(i, 2, 0) % 20);
        ask(f, stream, day, from, count);
        turns(f);
        struct reader_answer a = next_answer(f);
        assert_int_equal(a.count, min_u64(count, streams[stream].used - from + 1));
    }
}

static void days_test(void **state)
{
    struct fixture *f = *state;

    start(f);
    ask(f, 2, DAY, 1, 5);
    turns(f);
    assert_int_equal(next_answer(f).status, READER_WRONG_DAY); /* no day was ever open */
    send(f, 500);
    expect_streams(f);
    open_day = true;
    send(f, 700); /* in the block of the last day's end, too */
    assert_int_equal(day, DAY + 1);
    expect_streams(f);
    ask(f, 2, DAY, 1, 5);
    turns(f);
    struct reader_answer a = next_answer(f);
    assert_int_equal(a.status, READER_WRONG_DAY);
    assert_int_equal(a.count, 0);
    start(f);
    expect_streams(f);
}

static void strange_requests_test(void **state)
{
    struct fixture *f = *state;

    start(f);
    send(f, 500);
    ask(f, 0, day, 1, 5);
    ask(f, UINT32_MAX, day, 1, 5);
    ask(f, 2, day, 0, 5);
    ask(f, 2, day, UINT64_MAX, UINT32_MAX);
    ask(f, 2, day, 1, 0);
    turns(f);
    for (u32 i = 0; i < 5; i++)
        assert_int_equal(next_answer(f).status, READER_NONE);
    ask(f, 2, day, 1, UINT32_MAX);
    turns(f);
    assert_int_equal(next_answer(f).count, READER_COUNT_MAX);
}

/* Answers that find no room wait and are not lost; nothing is published in halves. */
static void full_ring_test(void **state)
{
    struct fixture *f = *state;
    u32 n = 0;

    start(f);
    send(f, 3000);
    for (u32 i = 0; i < 16; i++)
        ask(f, 2, day, 1 + i * 100, READER_COUNT_MAX);
    turns(f);
    assert_true(ring_avail(&f->requests, 16) > 0); /* the ring is full before all are answered */
    while (ring_avail(&f->answers, 1) > 0) {
        struct reader_answer a = next_answer(f);
        assert_int_equal(a.from_seq, 1 + n++ * 100);
        assert_int_equal(a.count, READER_COUNT_MAX);
        turns(f);
    }
    assert_int_equal(n, 16);
}

/* A message that is durable when the gateway asks is found although the index has not seen it
 * yet. */
static void not_indexed_yet_test(void **state)
{
    struct fixture *f = *state;

    start(f);
    send(f, 10);
    turns(f);
    send(f, 6000); /* more than one turn of indexing */
    u64 last = streams[3].used;
    ask(f, 3, day, last, 1);
    reader_do_work(f->r, 0);
    assert_int_equal(ring_avail(&f->answers, 1), 0);
    turns(f);
    assert_int_equal(next_answer(f).count, 1);
}

static void damage_test(void **state)
{
    struct fixture *f = *state;

    start(f);
    send(f, 2000);
    start(f);
    fake_disk_file(f->fd, "0000000000000001.journal")->data[10000] ^= 1;
    ask(f, 2, day, 1, 5);
    turns(f);
    assert_int_equal(next_answer(f).status, READER_NONE);
    assert_non_null(strstr(reader_why(f->r), "checksum"));
}

/* A drop copy is not kept waiting, and keeps nobody waiting: it is told that more may come, and
 * once everything has been read, what its next number is. */
static void copy_waits_for_nothing_test(void **state)
{
    struct fixture *f = *state;

    start(f);
    ask(f, ALL, DAY, 1, 0);
    turns(f);
    assert_int_equal(next_answer(f).status, READER_WRONG_DAY);
    send(f, 10);
    turns(f);
    send(f, 6000); /* more than one turn of indexing */
    ask(f, ALL, day, 1, 0);
    reader_do_work(f->r, 0);
    assert_int_equal(ring_avail(&f->answers, 1), 0); /* it has not looked since */
    ask(f, ALL, day, 1, 0);
    reader_do_work(f->r, 0);
    struct reader_answer a = next_answer(f);
    assert_int_equal(a.count, 0);
    while (a.status == READER_NOT_YET) {
        ask(f, ALL, day, 1, 0);
        turns(f);
        a = next_answer(f);
    }
    assert_int_equal(a.status, READER_NONE);
    assert_int_equal(a.next_seq, streams[ALL].used + 1);
}

static void index_test(void **state)
{
    struct reader_index x = {0};
    const struct reader_stream *s;
    const struct reader_place *p;

    (void)state;
    assert_null(reader_index_stream(&x, 5, READER_ALL));
    assert_true(reader_index_begin(&x, 5, "FIRM"));
    assert_true(reader_index_add(&x, 5, 1, 3));
    assert_true(reader_index_add(&x, 5, 2, 4));
    assert_true(reader_index_add(&x, 5, 3, READER_GROUP_BLOCKS));
    assert_false(reader_index_add(&x, 5, 5, 20)); /* a gap */
    s = reader_index_stream(&x, 5, READER_ACCOUNT);
    assert_int_equal(s->next, 4);
    assert_null(reader_index_stream(&x, 6, READER_ACCOUNT));
    assert_null(reader_index_stream(&x, 1u << 30, READER_ACCOUNT));
    assert_null(reader_stream_find(s, 0));
    assert_int_equal(reader_stream_find(s, 2)->block, 3);
    p = reader_stream_find(s, 99);
    assert_int_equal(p->number, 3);
    assert_ptr_equal(p + 1, s->places + s->used);
    assert_true(reader_index_add(&x, 60000, 1, 21)); /* of no firm */
    assert_null(reader_index_stream(&x, 60000, READER_FIRM));
    assert_true(reader_index_begin(&x, 7, "FIRM") && reader_index_begin(&x, 8, "ELSE"));
    assert_true(reader_index_add(&x, 7, 1, 22) && reader_index_add(&x, 8, 1, 50));
    assert_int_equal(reader_index_stream(&x, 5, READER_ACCOUNT)->next, 4);
    assert_int_equal(reader_index_stream(&x, 5, READER_FIRM)->next, 5);
    assert_int_equal(reader_index_stream(&x, 8, READER_FIRM)->next, 2);
    assert_int_equal(reader_index_stream(&x, 8, READER_ALL)->next, 7);
    assert_true(reader_index_has(&x, 5, READER_FIRM, 7) && reader_index_has(&x, 5, READER_ALL, 8));
    assert_false(reader_index_has(&x, 5, READER_FIRM, 8));
    assert_false(reader_index_has(&x, 5, READER_ACCOUNT, 7));
    reader_index_clear(&x);
    assert_null(reader_index_stream(&x, 5, READER_ACCOUNT));
    reader_index_free(&x);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(streams_test),
        T(pieces_test),
        T(days_test),
        T(strange_requests_test),
        T(full_ring_test),
        T(not_indexed_yet_test),
        T(damage_test),
        T(copy_waits_for_nothing_test),
        cmocka_unit_test(index_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
