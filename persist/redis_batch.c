/*
 * redis_batch.c - see redis_batch.h.
 *
 * Invariants: a batch has room for a whole transaction or takes nothing of it. The two sides of a
 * fill are neighbours in their transaction and share the match number: the first one is its trade.
 */
#include "persist/redis_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "persist/export_names.h"
#include "persist/fill_codec.h"

#define ENTRIES_BYTES (1024u * 1024u)
#define TRADES_BYTES  (512u * 1024u)
#define LASTS_MAX     1024u
#define LAST_BYTES    384u                   /* of one last trade in a command, its key included */
#define ENTRY_BYTES   (FILL_BYTES_MAX + 64u) /* id, payload and their heads */
#define TRADE_BYTES   (FILL_BYTES_MAX + REDIS_KEY_BYTES + 32u)
#define HEAD_BYTES    1024u
_Static_assert(ENTRIES_BYTES > TX_SLOTS_MAX * ENTRY_BYTES, "an empty batch takes any transaction");
_Static_assert(TRADES_BYTES > TX_SLOTS_MAX * TRADE_BYTES, "an empty batch takes any transaction");
_Static_assert(LASTS_MAX >= TX_SLOTS_MAX, "an empty batch takes any transaction");

void redis_batch_init(struct redis_batch *b, struct mem *m, const char *prefix, u32 shard)
{
    ASSERT_LT(strlen(prefix), REDIS_PREFIX_BYTES);
    memset(b, 0, sizeof *b);
    b->prefix = prefix;
    b->shard = shard;
    b->entries.bytes = mem_alloc(m, ENTRIES_BYTES, CACHE_LINE);
    b->entries.room = ENTRIES_BYTES;
    b->trades.bytes = mem_alloc(m, TRADES_BYTES, CACHE_LINE);
    b->trades.room = TRADES_BYTES;
    b->lasts = mem_alloc(m, LASTS_MAX * sizeof b->lasts[0], CACHE_LINE);
    b->last_of = mem_alloc(m, (INSTRUMENTS_MAX + 1) * sizeof b->last_of[0], CACHE_LINE);
}

void redis_batch_clear(struct redis_batch *b)
{
    for (u32 i = 0; i < b->lasts_used; i++)
        b->last_of[b->lasts[i].instrument] = 0;
    b->lasts_used = 0;
    b->entries.used = b->entries.args = b->entries_used = 0;
    b->trades.used = b->trades.args = b->trades_used = 0;
}

/* Padded text as a C string. */
static void plain(char *out, const char *text, u32 bytes)
{
    u32 n = export_names_trim(text, bytes);

    memcpy(out, text, n);
    out[n] = '\0';
}

static struct fill fill_of(const struct redis_batch *b, const struct sink_tx *tx,
                           const struct msg_executed *e, u32 idx)
{
    const struct export_account *a = export_names_account(tx->names, e->head.account);
    struct fill f = {
        .seq = tx->seq,
        .idx = idx,
        .shard = b->shard,
        .day = tx->day,
        .time_ns = e->head.time_ns,
        .match = e->match,
        .qty = e->qty,
        .price = e->price,
        .side = e->head.flags & MSG_SELL ? 'S' : 'B',
        .taker = e->head.flags & MSG_TAKER,
        .account = e->head.account,
        .order_ref = e->order_ref,
        .user_ref = e->user_ref,
        .user_ref_idx = e->user_ref_idx,
        .session_seq = e->head.session_seq,
        .liquidity = (char)e->liquidity,
    };

    plain(f.symbol, export_names_symbol(tx->names, e->instrument), 8);
    plain(f.user, a->user, sizeof a->user);
    plain(f.firm, a->firm, sizeof a->firm);
    return f;
}

static void add_entry(struct redis_batch *b, const struct fill *f)
{
    char id[32];
    u8 payload[FILL_BYTES_MAX];

    resp_arg(&b->entries, id, (u32)snprintf(id, sizeof id, "%" PRIu64 "-%u", f->seq, f->idx));
    resp_arg(&b->entries, payload, fill_encode(f, payload));
    b->entries_used++;
}

/* The trade as seen by everybody. Its side is the aggressor's, and of a cross the first one's. */
static void add_trade(struct redis_batch *b, const struct fill *f)
{
    char channel[REDIS_KEY_BYTES];
    u8 payload[FILL_BYTES_MAX];

    resp_arg(&b->trades, channel,
             (u32)snprintf(channel, sizeof channel, "%s:trades:%s", b->prefix, f->symbol));
    resp_arg(&b->trades, payload, fill_encode_trade(f, payload));
    b->trades_used++;
}

static void note_last(struct redis_batch *b, const struct fill *f, u16 instrument)
{
    if (b->last_of[instrument] == 0) {
        ASSERT_LT(b->lasts_used, LASTS_MAX);
        b->last_of[instrument] = (u16)++b->lasts_used;
    }
    struct redis_last *l = &b->lasts[b->last_of[instrument] - 1];
    *l = (struct redis_last){
        .instrument = instrument,
        .price = f->price,
        .qty = f->qty,
        .day = f->day,
        .match = f->match,
        .seq = f->seq,
        .time_ns = f->time_ns,
    };
    memcpy(l->symbol, f->symbol, sizeof l->symbol);
}

bool redis_batch_add(struct redis_batch *b, const struct sink_tx *tx, u64 now_ns)
{
    bool fresh = now_ns < tx->time_ns + REDIS_TRADE_FRESH_NS;
    u64 match = UINT64_MAX;

    ASSERT_LE(tx->used, TX_SLOTS_MAX);
    if (b->entries.room - b->entries.used < tx->used * ENTRY_BYTES ||
        b->trades.room - b->trades.used < tx->used * TRADE_BYTES ||
        LASTS_MAX - b->lasts_used < tx->used)
        return false;
    for (u32 i = 0, idx = 0; i < tx->used; i += msg_slots(&tx->slots[i]), idx++) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[i];
        if (m->ev.type != EV_EXECUTED)
            continue;
        struct fill f = fill_of(b, tx, &m->executed, idx);
        add_entry(b, &f);
        if (f.match == match)
            continue;
        match = f.match;
        note_last(b, &f, m->executed.instrument);
        if (fresh)
            add_trade(b, &f);
    }
    return true;
}

u32 redis_batch_command_max(void)
{
    return HEAD_BYTES + ENTRIES_BYTES + TRADES_BYTES + LASTS_MAX * LAST_BYTES;
}

static void put_key(struct resp *out, const char *prefix, const char *name, const char *symbol)
{
    char key[REDIS_KEY_BYTES];

    resp_arg(out, key, (u32)snprintf(key, sizeof key, "%s:%s%s", prefix, name, symbol));
}

void redis_batch_command(const struct redis_batch *b, const struct redis_claim *c,
                         const struct sink_mark *to, struct resp *out)
{
    u32 keys = 2 + b->lasts_used;

    resp_head(out, 3 + keys + 9 + b->entries.args + b->trades.args + 6 * b->lasts_used);
    resp_text(out, "EVALSHA");
    resp_text(out, c->sha);
    resp_u64(out, keys);
    put_key(out, b->prefix, "mark", "");
    put_key(out, b->prefix, "fills", "");
    for (u32 i = 0; i < b->lasts_used; i++)
        put_key(out, b->prefix, "last:", b->lasts[i].symbol);
    resp_u64(out, c->epoch);
    resp_u64(out, c->claim);
    resp_u64(out, to->seq);
    resp_u64(out, to->day);
    resp_u64(out, c->stream_max_len);
    resp_u64(out, b->entries_used);
    resp_u64(out, b->trades_used);
    resp_u64(out, b->lasts_used);
    resp_u64(out, to->time_ns);
    resp_append(out, &b->entries);
    resp_append(out, &b->trades);
    for (u32 i = 0; i < b->lasts_used; i++) {
        const struct redis_last *l = &b->lasts[i];
        char price[24];
        snprintf(price, sizeof price, "%u.%04u", l->price / 10000, l->price % 10000);
        resp_text(out, price);
        resp_u64(out, l->qty);
        resp_u64(out, l->match);
        resp_u64(out, l->seq);
        resp_u64(out, l->day);
        resp_u64(out, l->time_ns);
    }
    ASSERT_EQ(out->args, 3 + keys + 9 + b->entries.args + b->trades.args + 6 * b->lasts_used);
}
