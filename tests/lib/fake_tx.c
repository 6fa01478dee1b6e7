/* fake_tx.c - see fake_tx.h. */
#include "tests/lib/fake_tx.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/hash.h"
#include "engine/base/metrics.h"
#include "engine/msg/msg.h"
#include "persist/cursor.h"

#define SHARD   7u /* as the tests say it */
#define ACCOUNT 3u

static void put(struct tx *t, const void *msg, u32 slots)
{
    ASSERT_LE(t->used + slots, TX_SLOTS_MAX);
    memcpy(&t->slots[t->used], msg, slots * SLOT_BYTES);
    t->used += slots;
}

void fake_tx(u64 seq, struct tx *out)
{
    union msg m = {.cmd = {.type = CMD_TICK, .slots = 1, .seq = seq, .time_ns = seq * 1000}};
    u64 random = hash_u64(seq);
    u32 events = 1 + (u32)(random % 4);

    if (random % 31 == 0)
        events += (u32)(random >> 32) % 120; /* some run over blocks */
    out->used = 0;
    put(out, &m, 1);
    for (u32 i = 0; i < events; i++) {
        bool wide = ((random >> i % 60) & 1) != 0;
        memset(&m, 0, sizeof m);
        m.ev = (struct event_head){
            .type = wide ? EV_ACCEPTED : EV_EXECUTED,
            .slots = wide ? 2 : 1,
            .flags = i + 1 == events ? MSG_TX_END : 0,
            .account = ACCOUNT,
            .seq = seq,
            .session_seq = seq * 1000 + i,
        };
        m.order.order_ref = random + i;
        put(out, &m, m.ev.slots);
    }
}

bool fake_tx_is(u64 seq, const struct slot *slots, u32 used)
{
    struct tx want;

    fake_tx(seq, &want);
    return want.used == used && memcmp(want.slots, slots, used * SLOT_BYTES) == 0;
}

const char *fake_tx_apply(void *ctx, const struct slot *slots, u32 used)
{
    u64 *n = ctx;

    return fake_tx_is(++*n, slots, used) ? NULL : "another transaction than the test has written";
}

void fake_process_init(struct fake_process *p, u32 segment_blocks)
{
    memset(p, 0, sizeof *p);
    persist_conf_defaults(&p->conf);
    p->make = fake_tx;
    p->conf.shard = SHARD;
    p->conf.segment_bytes = (u64)segment_blocks * BLOCK_BYTES;
    mem_init(&p->mem, 0);
    ring_init(&p->tx, &p->mem, "tx", TX_RING_SLOTS);
}

enum replay_status fake_process_start(struct fake_process *p, struct disk *d, struct why *why)
{
    struct replay_conf conf = {
        .disk = d, .shard = SHARD, .apply = fake_tx_apply, .ctx = &p->replayed, .quiet = true};

    if (p->make != fake_tx)
        conf.apply = NULL;
    enum replay_status s = replay_run(&conf, &p->at, why);

    if (s == REPLAY_OK) {
        metrics_reset();
        p->persist = persist_new(&p->conf, d, &p->tx, &p->at, p->at.max_epoch + 1, &p->mem, why);
        p->sent = p->at.last_seq;
    }
    return s;
}

void fake_process_send(struct fake_process *p, u32 n)
{
    struct tx t;

    for (u32 i = 0; i < n; i++) {
        p->make(++p->sent, &t);
        bool pushed = ring_push(&p->tx, t.slots, t.used);
        ASSERT(pushed);
    }
}

void fake_process_run(struct fake_process *p)
{
    u64 step_ns = 20 * NS_PER_MS; /* from turn to turn, so that nothing put off stays undone */
    u64 now_ns = step_ns;

    while (persist_do_work(p->persist, now_ns) + persist_segments_do_work(p->persist, 0) > 0)
        now_ns += step_ns;
}

void fake_process_end(struct fake_process *p)
{
    metrics_reset();
    mem_free_all(&p->mem);
}

u64 fake_day_seq(struct disk *d, u64 seq)
{
    struct cursor_conf conf = {.disk = d, .shard = SHARD};
    struct cursor *c = cursor_new(&conf, 1);
    struct cursor_tx tx;
    u64 day_seq = 0;

    while (cursor_seq(c) <= seq) {
        enum cursor_status status = cursor_next(c, &tx);
        ASSERT_EQ(status, CURSOR_TX);
        for (u32 at = 0; at < tx.used; at += msg_slots(&tx.slots[at]))
            if (((const union msg *)(const void *)&tx.slots[at])->ev.type == EV_DAY_OPENED)
                day_seq = tx.seq;
    }
    cursor_free(c);
    return day_seq;
}
