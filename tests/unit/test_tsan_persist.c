/*
 * test_tsan_persist.c - the agents of persist on threads of their own, on a real directory: a
 * producer, the hot agent, the segment agent, and two cursors, one with a tap that is much too
 * small. For TSan above all; it also shows that every transaction comes out once and in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/agent.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "persist/cursor.h"
#include "persist/journal_format.h"
#include "persist/uring.h"
#include "tests/lib/fake_tx.h"

#define SMALL_TAP_SLOTS (4u * 64)

struct consumer {
    struct cursor *cursor;
    _Atomic u64 seq; /* last one that came */
    _Atomic bool wrong;
};

static int consume(void *self, u64 now_ns)
{
    struct consumer *c = self;
    struct cursor_tx tx;
    int n = 0;

    (void)now_ns;
    for (; n < 100; n++) {
        enum cursor_status s = cursor_next(c->cursor, &tx);
        if (s == CURSOR_WAIT)
            break;
        if (s != CURSOR_TX || !fake_tx_is(c->seq + 1, tx.slots, tx.used)) {
            c->wrong = true;
            break;
        }
        c->seq++;
    }
    return n;
}

static void thread_start(struct agent_thread *t, struct agent *a, const char *name,
                         int (*do_work)(void *, u64), void *self)
{
    agent_init(a, name, do_work, self, 0);
    agent_thread_init(t, name, -1, IDLE_BACKOFF);
    agent_thread_add(t, a);
    assert_int_equal(agent_thread_start(t), 0);
}

static void threads_test(void **state)
{
    const char *tmp = getenv("WB_TMP");
    const char *count = getenv("WB_COUNT");
    u64 txs = count ? strtoull(count, NULL, 0) : 3000;
    char dir[256];
    char command[300];
    struct why why;
    struct fake_process p;
    struct ring taps[2];
    struct consumer consumers[2] = {0};
    struct agent agents[4];
    struct agent_thread threads[4];
    struct tx tx;

    (void)state;
    log_level_set(LOG_WARN);
    snprintf(dir, sizeof dir, "%s/wb-threads-XXXXXX", tmp ? tmp : "/var/tmp");
    assert_non_null(mkdtemp(dir));
    struct disk *d = uring_new(dir, &why);
    assert_non_null(d);
    fake_process_init(&p, 16);
    assert_int_equal(fake_process_start(&p, d, &why), REPLAY_OK);
    for (u32 i = 0; i < 2; i++) {
        ring_init(&taps[i], &p.mem, "tap", i ? SMALL_TAP_SLOTS : TAP_RING_SLOTS);
        persist_tap_add(p.persist, &taps[i]);
        struct cursor_conf conf = {
            .disk = d,
            .shard = p.conf.shard,
            .stored = persist_stored(p.persist),
            .tap = &taps[i],
            .live = {persist_live_segment(p.persist), persist_live_block(p.persist)},
        };
        consumers[i].cursor = cursor_new(&conf, 1);
        thread_start(&threads[i], &agents[i], "cursor", consume, &consumers[i]);
    }
    thread_start(&threads[2], &agents[2], "persist", persist_do_work, p.persist);
    thread_start(&threads[3], &agents[3], "segments", persist_segments_do_work, p.persist);

    for (u64 seq = 1; seq <= txs; seq++) {
        fake_tx(seq, &tx);
        while (!ring_push(&p.tx, tx.slots, tx.used))
            clock_sleep_ns(50 * NS_PER_US);
        if (seq % 100 == 0)
            clock_sleep_ns(200 * NS_PER_US);
    }
    for (u32 i = 0; i < 2; i++) {
        while (consumers[i].seq < txs && !consumers[i].wrong)
            clock_sleep_ns(NS_PER_MS);
        if (consumers[i].wrong)
            fail_msg("cursor %u behind %u: %s", i, (u32)consumers[i].seq,
                     cursor_why(consumers[i].cursor));
    }
    assert_int_equal(durable_get(persist_durable(p.persist)), txs);
    for (u32 i = 0; i < 4; i++)
        agent_thread_stop(&threads[i]);
    for (u32 i = 0; i < 2; i++)
        cursor_free(consumers[i].cursor);
    persist_free(p.persist);
    d->ops->free(d);
    fake_process_end(&p);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_test),
    };
    clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
