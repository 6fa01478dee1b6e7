/*
 * A session of the benchmark over a carrier that is two buffers: a request that is made before it
 * is due leaves when it is, once, whatever happens to the connection in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "gateway/client/bench_session.h"
#include "gateway/client/wb_bytes.h"
#include "gateway/client/wb_carrier.h"

#define T0   (1000 * NS_PER_SEC)
#define RATE 1000u
#define GAP  (NS_PER_SEC / RATE)

static struct {
    u8 in[1024]; /* what the venue has said */
    u32 in_used;
    bool closed;
    u8 out[8192]; /* what the session has sent over all connections */
    u32 out_used;
} wire;

static int wire_open(const char *host, u16 port, const char **why)
{
    (void)host, (void)port, (void)why;
    wire.closed = false;
    return 0;
}

static int wire_ready(int conn)
{
    (void)conn;
    return 1;
}

static ssize_t wire_send(int conn, const void *bytes, u32 n)
{
    (void)conn;
    assert_true(wire.out_used + n <= sizeof(wire.out));
    memcpy(wire.out + wire.out_used, bytes, n);
    wire.out_used += n;
    return n;
}

static ssize_t wire_recv(int conn, void *to, u32 max)
{
    u32 n = wire.in_used;

    (void)conn;
    assert_true(n <= max);
    memcpy(to, wire.in, n);
    wire.in_used = 0;
    errno = EAGAIN;
    return n > 0 ? (ssize_t)n : wire.closed ? 0 : -1;
}

static void wire_close(int conn)
{
    (void)conn;
}

static void wire_wait(int conn, bool write, int other_fd, u64 timeout_ns)
{
    (void)conn, (void)write, (void)other_fd, (void)timeout_ns;
}

static const struct wb_carrier carrier = {
    .open = wire_open,
    .ready = wire_ready,
    .send = wire_send,
    .recv = wire_recv,
    .close = wire_close,
    .wait = wire_wait,
};

/* ---- the venue's part ---- */

static void say(char type, const void *bytes, u32 n)
{
    u8 *p = wire.in + wire.in_used;

    p = wb_put(p, n + 1, 2);
    *p++ = (u8)type;
    memcpy(p, bytes, n);
    wire.in_used += 3 + n;
}

static void say_accepted(const char *seq)
{
    char text[31];

    snprintf(text, sizeof(text), "%-10s%20s", "DAY1", seq);
    say('A', text, 30);
}

static void say_next_ref(u32 ref)
{
    u8 bytes[13] = {'Q'};

    wb_put(bytes + 9, ref, 4);
    say('S', bytes, sizeof(bytes));
}

static void say_rejected(u32 ref)
{
    u8 bytes[31] = {'J'};

    wb_put(bytes + 9, ref, 4);
    wb_put(bytes + 13, 0x17, 2);
    memset(bytes + 15, ' ', 14);
    say('S', bytes, sizeof(bytes));
}

/* Enter Order messages for `ref` among what was sent. */
static u32 entered(u32 ref)
{
    u32 n = 0;

    for (u32 at = 0; at + 2 < wire.out_used;) {
        u32 bytes = (u32)wb_get16(wire.out + at);
        const u8 *p = wire.out + at + 2;
        n += p[0] == 'U' && p[1] == 'O' && wb_get32(p + 2) == ref;
        at += 2 + bytes;
    }
    return n;
}

/* ---- a session that is ready ---- */

struct rig {
    struct bench_shared shared;
    struct bench_symbols symbols;
    struct bench_session s;
};

static struct rig *rig_new(void)
{
    static const u32 adds_only[BENCH_KINDS] = {[BENCH_ADD] = 100};
    struct rig *r = calloc(1, sizeof(*r));
    struct wb_login login = {.version = WB_SOUP_3_00, .user = "A", .password = "B"};

    memset(&wire, 0, sizeof(wire));
    wb_carrier_use(&carrier);
    r->shared.sessions = 1;
    r->shared.first_due_ns = UINT64_MAX;
    r->shared.reconnect = true;
    r->shared.reconnect_ns = NS_PER_SEC;
    for (u32 k = 0; k < BENCH_KINDS; k++)
        histogram_init(&r->shared.latency[k]);
    assert_null(bench_symbols_parse(&r->symbols, "AAPL:150"));
    bench_flow_init(&r->s.flow, &r->symbols, adds_only, 100, 1);
    bench_session_init(&r->s, &r->shared, 0, &login);
    bench_session_connect(&r->s, T0);
    say_accepted("1");
    bench_session_poll(&r->s, T0);
    say_next_ref(7); /* the most recent message of before: an answer that somebody else had */
    say_next_ref(1);
    bench_session_poll(&r->s, T0);
    assert_int_equal(r->s.state, BENCH_READY);
    bench_schedule_init(&r->shared.schedule, BENCH_CONSTANT, 1, T0 + GAP, RATE, 0, 1000);
    bench_session_begin(&r->s, 1);
    return r;
}

static void rig_free(struct rig *r)
{
    bench_session_free(&r->s);
    free(r);
    wb_carrier_use(NULL);
}

static void send_at(struct rig *r, u64 now_ns)
{
    bench_session_send(&r->s, now_ns);
    bench_session_flush(&r->s, now_ns);
}

static void test_prepared(void **state)
{
    struct rig *r = rig_new();
    u64 due = T0 + GAP;
    (void)state;

    bench_session_prepare(&r->s);
    bench_session_prepare(&r->s);
    assert_int_equal(r->s.ledger.counts.enters, 1);
    assert_int_equal(r->shared.made, 1);
    assert_int_equal(r->shared.waiting, 1);
    assert_true(bench_session_due(&r->s) == due);
    send_at(r, due - 1);
    assert_int_equal(entered(1), 0);
    send_at(r, due);
    assert_int_equal(entered(1), 1);
    assert_int_equal(r->shared.made, 0);
    assert_int_equal(r->shared.sent, 1);
    assert_int_equal(r->shared.measured, 1);
    assert_true(r->shared.first_due_ns == due && r->shared.late_max_ns == 0);

    say_rejected(1); /* measured from when it was due, not from when it was made */
    bench_session_poll(&r->s, due + 5000);
    assert_int_equal(r->shared.waiting, 0);
    u64 took_ns = histogram_percentile(&r->shared.latency[BENCH_ADD], 50);
    assert_in_range(took_ns, 4900, 5100);

    send_at(r, due + GAP); /* the next one nobody has prepared */
    assert_int_equal(entered(2), 1);
    assert_int_equal(r->shared.sent, 2);
    assert_true(bench_session_due(&r->s) == due + 2 * GAP);
    assert_int_equal(r->s.wrong, 0);
    rig_free(r);
}

/* Who has been away sends what he owes one by one, each measured from when it was due. */
static void test_catch_up(void **state)
{
    struct rig *r = rig_new();
    u64 now = T0 + 10 * GAP + GAP / 2; /* ten are due */
    u64 gap = GAP / 4;
    (void)state;

    r->shared.gap_ns = gap;
    for (u32 i = 1; i <= 10; i++, now += gap) {
        send_at(r, now);
        send_at(r, now + gap - 1);
        assert_int_equal(r->shared.sent, i);
        assert_int_equal(entered(i), 1);
        if (i < 10)
            assert_true(bench_session_due(&r->s) == now + gap);
    }
    assert_true(r->shared.last_due_ns == T0 + 10 * GAP);
    assert_true(r->shared.late_max_ns == 10 * GAP + GAP / 2 - GAP);
    assert_true(bench_session_due(&r->s) == max_u64(T0 + 11 * GAP, now));
    rig_free(r);
}

/* What was ready when the connection was lost is sent again with what was sent: once. */
static void test_prepared_and_lost(void **state)
{
    struct rig *r = rig_new();
    u64 due = T0 + GAP;
    (void)state;

    bench_session_prepare(&r->s);
    wire.closed = true;
    bench_session_poll(&r->s, due - 10);
    assert_int_equal(r->s.state, BENCH_AGAIN);
    assert_int_equal(r->shared.made, 0);
    assert_int_equal(r->shared.sent, 1);
    assert_int_equal(r->shared.late_max_ns, 0);
    assert_int_equal(entered(1), 0);

    u64 again = r->s.retry_ns;
    bench_session_poll(&r->s, again);
    say_accepted("3");
    bench_session_poll(&r->s, again);
    bench_session_flush(&r->s, again);
    assert_int_equal(r->s.state, BENCH_READY);
    assert_int_equal(entered(1), 1);
    assert_true(bench_session_due(&r->s) == due + GAP);
    send_at(r, again);
    assert_int_equal(entered(1), 1);
    assert_int_equal(entered(2), 1);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_prepared_and_lost),
        cmocka_unit_test(test_catch_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
