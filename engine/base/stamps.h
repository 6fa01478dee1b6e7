/*
 * stamps.h - where an order's time goes: tick counts beside the messages, never in them.
 *
 *   RX burst ─▶ parsed ─▶ ring out ─▶ matched ─▶ journalled ─▶ released ─▶ TX burst
 *   ╰ gateway ─────────╯  ╰ engine ──────────╯   ╰ persist ╯   ╰ gateway ───────────╯
 *
 * Two side arrays: `in`, an entry for each slot of a gateway's command ring, and `tx`, an entry for
 * each of the last STAMPS_TX transactions. Each thread reads the clock (clock_ticks) once or twice
 * a batch and leaves its counts there; the gateway that sends the answer to the order's own account
 * adds the differences up in histograms behind the TX burst, so no order waits for it. Nothing
 * depends on a stamp; without stamps (a NULL pointer) each place costs one test.
 *
 * What an entry of `in` holds is made visible by the command ring's publish and given back by its
 * take, as the slot beside it. Entries of `tx` are relaxed atomics: a reader that comes so late
 * that the entry is another transaction's sees that by the number, or at worst counts a wrong time
 * once.
 */
#ifndef WIREBOOK_BASE_STAMPS_H
#define WIREBOOK_BASE_STAMPS_H

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "engine/base/metrics.h"

struct mem;

/* From one stamp to the next, then sums. */
enum stage {
    STAGE_PARSE,   /* RX burst to parsed: TCP, frames, decoding, risk */
    STAGE_RING,    /* ... to ring out: waits for the engine */
    STAGE_MATCH,   /* ... to matched */
    STAGE_JOURNAL, /* ... to journalled: durable; without durability, seen by persist */
    STAGE_RELEASE, /* ... to released: seen by the gateway */
    STAGE_SEND,    /* ... to TX burst: encoding, TCP, the device's queue */
    STAGE_TOTAL,   /* RX burst to TX burst: gateway to gateway, in the words of RTS 25 */
    STAGE_OWN,     /* the same without STAGE_JOURNAL */
    STAGES
};

/* The name of a stage: "parse", ... */
const char *stage_name(enum stage s);

#define STAMPS_TX 8192u /* a power of two: transactions that may be between engine and gateway */

/* Beside a slot of a command ring. */
struct stamp_in {
    u64 index; /* of the slot, free-running: tells which round of the ring it is of */
    u64 rx;
    u64 parsed;
};

/* Beside a transaction. */
struct stamp_tx {
    _Atomic u64 seq; /* 0: none that was stamped */
    _Atomic u64 account;
    _Atomic u64 rx, parsed, taken, matched, journalled;
    u64 unused;
};
_Static_assert(sizeof(struct stamp_tx) == CACHE_LINE, "one line each");

/* What a gateway has sent in this turn. */
struct stamp_sent {
    u64 rx, parsed, taken, matched, journalled, released;
};

/* A gateway's part. Owner: its thread, but for what others read of the metrics. */
struct stamps_gateway {
    const struct stamp_tx *tx;
    struct stamp_in *in; /* CMD_RING_SLOTS, by the slot's index */
    u64 rx;              /* of the burst that is being read */
    u64 released;        /* when this turn's durable mark was read */
    u64 last_seq;        /* the transaction that was noted last */
    u64 skip;            /* so many orders are still not counted: warm-up */
    char users[8];       /* only those of users whose name begins so; "": of all */
    u32 sent_used;
    struct stamp_sent sent[GATEWAY_SENDS_PER_TURN];
    struct metric_histogram stages[STAGES]; /* ns */
    struct metric missed;                   /* answered too late to be counted */
    struct metric waited;                   /* ... or when their own client took them again */
};

struct stamps {
    u32 gateways_used;
    struct stamp_tx *tx; /* STAMPS_TX */
    struct stamps_gateway *gateways[GATEWAYS_MAX];
};

/*
 * Stamps for `gateways` gateways, with memory from `m`, of users whose name begins with `users`
 * (NULL or "": of all; at most 6 characters); the first `skip` orders of each gateway are not
 * counted. Registers the histograms. Takes up to 10 ms to learn the counter's rate.
 */
struct stamps *stamps_new(struct mem *m, u32 gateways, u64 skip, const char *users);

/* Are orders of a user counted, by his name of 6 characters? */
static inline bool stamps_wants(const struct stamps_gateway *g, const char user[6])
{
    return strncmp(user, g->users, strlen(g->users)) == 0;
}

/* ---- gateway, before it publishes: slots first..end-1 of its command ring are commands ---- */
static inline void stamps_parsed(struct stamps_gateway *g, u64 first, u64 end)
{
    u64 now = clock_ticks();

    for (u64 i = first; i < end; i++)
        g->in[i & (CMD_RING_SLOTS - 1)] = (struct stamp_in){.index = i, .rx = g->rx, .parsed = now};
}

/*
 * ---- engine: transaction `seq` came of the command at slot `index` of gateway `from`'s ring,
 * which was taken out at `taken`. `from` beyond the gateways: no order. Returns the count now.
 */
static inline u64 stamps_matched(struct stamps *s, u32 from, u64 index, u64 taken, u64 seq,
                                 u32 account)
{
    struct stamp_tx *t = &s->tx[seq & (STAMPS_TX - 1)];
    u64 now = clock_ticks();
    const struct stamp_in *in =
        from < s->gateways_used ? &s->gateways[from]->in[index & (CMD_RING_SLOTS - 1)] : NULL;

    if (in == NULL || in->index != index || in->rx == 0) {
        atomic_store_explicit(&t->seq, 0, memory_order_relaxed);
        return now;
    }
    atomic_store_explicit(&t->account, account, memory_order_relaxed);
    atomic_store_explicit(&t->rx, in->rx, memory_order_relaxed);
    atomic_store_explicit(&t->parsed, in->parsed, memory_order_relaxed);
    atomic_store_explicit(&t->taken, taken, memory_order_relaxed);
    atomic_store_explicit(&t->matched, now, memory_order_relaxed);
    atomic_store_explicit(&t->seq, seq, memory_order_relaxed);
    return now;
}

/* ---- persist, before it moves the mark: transaction `seq` is covered from `now` on ---- */
static inline void stamps_journalled(struct stamps *s, u64 seq, u64 now)
{
    atomic_store_explicit(&s->tx[seq & (STAMPS_TX - 1)].journalled, now, memory_order_relaxed);
}

/* Is entry `t` that of transaction `seq`, an order of `account`? */
static inline bool stamps_answers(const struct stamp_tx *t, u64 seq, u32 account)
{
    return atomic_load_explicit(&t->seq, memory_order_relaxed) == seq &&
           atomic_load_explicit(&t->account, memory_order_relaxed) == account;
}

/* ---- gateway: the same, and not to be counted because it waited for its own client ---- */
static inline void stamps_waited(struct stamps_gateway *g, u64 seq, u32 account)
{
    if (seq == g->last_seq || !stamps_answers(&g->tx[seq & (STAMPS_TX - 1)], seq, account))
        return;
    g->last_seq = seq;
    if (g->skip > 0)
        g->skip--;
    else
        metric_add(&g->waited, 1);
}

/* ---- gateway: an event of `account` in transaction `seq` goes into this turn's bytes ---- */
static inline void stamps_note(struct stamps_gateway *g, u64 seq, u32 account)
{
    const struct stamp_tx *t = &g->tx[seq & (STAMPS_TX - 1)];

    if (seq == g->last_seq || g->sent_used == GATEWAY_SENDS_PER_TURN ||
        !stamps_answers(t, seq, account))
        return;
    g->last_seq = seq;
    g->sent[g->sent_used++] = (struct stamp_sent){
        .rx = atomic_load_explicit(&t->rx, memory_order_relaxed),
        .parsed = atomic_load_explicit(&t->parsed, memory_order_relaxed),
        .taken = atomic_load_explicit(&t->taken, memory_order_relaxed),
        .matched = atomic_load_explicit(&t->matched, memory_order_relaxed),
        .journalled = atomic_load_explicit(&t->journalled, memory_order_relaxed),
        .released = g->released,
    };
}

/* ---- gateway, behind the TX burst: what was noted in this turn is counted ---- */
void stamps_sent(struct stamps_gateway *g);

/*
 * The table of all gateways together, then `name value unit` lines: stage.parse_p50_ns ... and
 * gateway.own_p50_ns. What a clock is worth stands above it. Cold; while no gateway runs, or a
 * little blurred.
 */
void stamps_report(const struct stamps *s, FILE *out);

/* The same into a file, or a line of log that says why not. NULL or "": nothing happens. Cold. */
void stamps_write(const struct stamps *s, const char *path);

#endif
