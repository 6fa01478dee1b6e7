/*
 * engine_check.c - every invariant at once, and a hash of the whole state. For tests, the simulator
 * and recovery; slow.
 *
 * The hash is a sum over the state's parts, so it depends on what there is and not on where it
 * lies: ids of the pools, the order of free lists and caches do not enter. An order's place in its
 * queue follows from its order_ref or its priority, so it needs no part of its own.
 */
#include "engine/band.h"
#include "engine/base/hash.h"
#include "engine/peg.h"
#include "engine/rules.h"

/* A part of the state: its bytes, under a number that says what kind of part it is. */
static u64 hash_bytes(u64 kind, const void *bytes, u32 len)
{
    const u8 *at = bytes;
    u64 h = hash_u64(kind + 0x9E3779B97F4A7C15ull);

    ASSERT_EQ(len % sizeof(u64), 0);
    for (u32 i = 0; i < len; i += sizeof(u64)) {
        u64 word;
        memcpy(&word, at + i, sizeof word);
        h = hash_2u64(h, i, word);
    }
    return h;
}

enum part {
    PART_ORDER = 1,
    PART_TERMS,
    PART_CHANNEL,
    PART_ACCOUNT,
    PART_INSTRUMENT,
    PART_ENGINE,
    PART_BLOCKED,
    PART_MASS,
    PART_DROP,
    PART_KILL,
    PART_CHECKS,
    PART_MARKET,
    PART_COURSE,
    PART_PORT,
};

/* The price at which an order rests in the book, or its queue; 0: nowhere. */
static u32 place_of(const struct engine *e, u32 id)
{
    u32 level = e->orders.hot[id].level;

    if (level >= LEVEL_DARK)
        return level;
    return level ? book_level_price(&e->books, level) : 0;
}

static u64 hash_order(const struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];
    const struct order_info *i = &e->orders.info[id];
    u64 words[] = {
        (u64)o->owner << 32 | o->user_ref,
        o->order_ref,
        (u64)o->open << 32 | i->executed,
        (u64)i->price << 32 | (u64)o->instrument << 16 | (u64)i->pending << 8 | i->iso,
        (u64)i->side << 32 | (u64)i->tif << 24 | (u64)i->display << 16 | (u64)i->capacity << 8 |
            i->cross_type,
        (u64)place_of(e, id) << 1 | (id == e->taker),
        i->special & SPECIAL_TIMED ? e->expiry.due[id].ns : 0,
        o->rare ? e->orders.reserve[id].priority : 0,
        o->rare ? (u64)e->orders.reserve[id].left << 32 | e->orders.reserve[id].again : 0,
    };
    return hash_bytes(PART_ORDER, words, sizeof words) + hash_bytes(PART_TERMS + o->order_ref * 16,
                                                                    &e->orders.terms[id],
                                                                    sizeof(struct order_terms));
}

static u64 hash_channel(const struct engine *e, const struct channel *c, u32 owner)
{
    u64 words[] = {owner, (u64)c->last << 32 | c->open};
    u64 h = c->last ? hash_bytes(PART_CHANNEL, words, sizeof words) : 0;

    for (u32 id = refs_first(&e->refs, c); id;
         id = refs_after(&e->refs, owner, e->orders.hot[id].user_ref))
        h += hash_order(e, id);
    return h;
}

static u64 hash_account(const struct engine *e, u32 id)
{
    const struct account *a = &e->accounts.at[id];
    u64 words[] = {
        id,
        a->next_session_seq,
        a->bind_id ? a->conn : 0,
        (u64)a->bind_id << 32 | (u64)a->gateway << 8 | a->stream,
        a->blocked_used | (u64)a->told << 16 | (u64)a->killed << 32 | (u64)a->barred << 40,
        a->open_max,
    };
    u64 h = hash_bytes(PART_ACCOUNT, words, sizeof words) +
            hash_bytes(PART_ACCOUNT + id * 16ull, &a->terms, sizeof a->terms);

    h +=
        hash_bytes(PART_CHECKS + id * 16ull, (const u8 *)&e->checks[id] + sizeof(struct event_head),
                   sizeof e->checks[id] - sizeof(struct event_head));
    h += hash_bytes(PART_BLOCKED + id * 16ull, a->blocked, sizeof a->blocked);
    h += hash_2u64(PART_PORT, id, a->port_profile) +
         hash_bytes(PART_PORT + id * 16ull, &a->port, sizeof a->port);
    for (u32 idx = 0; idx < CHANNELS_MAX; idx++) {
        const struct channel *c = account_channel(&e->accounts, id, (u8)idx);
        if (c)
            h += hash_channel(e, c, owner_of(id, (u8)idx));
    }
    return h;
}

static u64 hash_market(const struct market *m, u32 instrument)
{
    u64 words[] = {
        instrument,
        (u64)m->phase << 16 | (u64)m->wide << 8 | m->late,
        (u64)m->last_price << 32 | m->queued,
        (u64)m->reference << 32 | m->lower,
        m->upper,
        m->look_ns,
        m->move_ns,
        m->limit_ns,
        m->until_ns,
    };
    return hash_bytes(PART_MARKET, words, sizeof words);
}

/* What still counts of it: a bucket of another time is as good as an empty one. */
static u64 hash_window(const struct engine *e, u32 instrument)
{
    return hash_2u64(PART_MARKET, instrument, window_mean(e, instrument, e->time_ns));
}

/* What there is only in the midst of a change of phase. */
static u64 hash_course(const struct engine *e)
{
    const struct course *c = &e->course;
    const struct crossing *x = &e->cross;
    u64 words[] = {
        (u64)c->phase << 32 | (u64)c->wide << 24 | (u64)c->late << 16 | (u64)c->closing << 8 |
            c->reason,
        (u64)c->instrument << 32 | c->at,
        (u64)x->instrument << 32 | (u64)x->cross << 24 | (u64)x->next << 16 | x->liquidity,
        x->price,
        e->scan.paired,
        (u64)e->scan.buy_price << 32 | e->scan.sell_price,
        e->scan.buy.left,
        e->scan.sell.left,
        (u64)e->scan.begun << 1 | e->scan.over,
        (u64)e->work.owner << 32 | e->work.cursor,
    };
    return hash_bytes(PART_COURSE, words, sizeof words);
}

u64 engine_state_hash(const struct engine *e)
{
    u64 words[] = {
        e->seq,
        e->time_ns,
        e->next_order_ref,
        e->next_match,
        e->epoch,
        e->journal_id,
        e->midnight_ns,
        (u64)e->day << 32 | e->day_last,
        (u64)e->shard << 32 | e->next_bind_id,
        (u64)e->work.kind << 32 | e->work.cursor,
        (u64)e->accounts.names.used << 32 | e->instruments.names.used,
        e->course_due_ns,
    };
    u64 h = hash_bytes(PART_ENGINE, words, sizeof words);

    if (e->work.kind == WORK_MASS) {
        h += hash_bytes(PART_MASS, &e->mass, sizeof e->mass);
        h += hash_2u64(PART_MASS, e->work.owner, e->work.cursor);
    }
    h += hash_market(&e->venue, 0);
    h += hash_2u64(PART_COURSE, e->day_match, e->broken_used);
    for (u32 i = 0; i < e->broken_used; i++)
        h += hash_2u64(PART_COURSE, 1, e->broken[i]);
    if (e->work.kind >= WORK_COURSE)
        h += hash_course(e);
    h += risk_hash(e);
    h += listed_hash(e);
    h += hash_bytes(PART_KILL, &e->kills, sizeof e->kills);
    h += hash_2u64(PART_KILL, e->request.id, (u64)e->request.open << 32 | e->request.uid);
    if (e->work.kind == WORK_KILL)
        h += hash_bytes(PART_KILL, &e->kill, sizeof e->kill);
    if (e->work.kind == WORK_DROP || e->work.kind == WORK_KILL)
        h += hash_2u64(PART_DROP, e->work.owner, e->work.cursor);
    for (u32 id = 1; id <= e->accounts.names.used; id++)
        h += hash_account(e, id) +
             hash_2u64(PART_DROP, id, e->drops.of[id].at ? e->drops.of[id].ns : 0);
    for (u32 id = 1; id <= e->instruments.names.used; id++) {
        h += hash_bytes(PART_INSTRUMENT + id * 16ull, &e->instruments.terms[id],
                        sizeof(struct msg_instrument));
        h += hash_2u64(PART_INSTRUMENT, id, e->books.at[id].step);
        h += hash_market(&e->markets[id], id);
        h += hash_window(e, id);
    }
    return h;
}

/* ---- invariants ---- */

static void check_order(const struct engine *e, u32 id, u32 owner)
{
    const struct order *o = &e->orders.hot[id];
    const struct order_info *i = &e->orders.info[id];

    ASSERT_EQ(o->owner, owner);
    ASSERT_EQ(refs_find(&e->refs, owner, o->user_ref), id);
    ASSERT_LT(o->order_ref, e->next_order_ref);
    ASSERT(o->open >= 1 && order_left(&e->orders, id) + i->executed <= QTY_MAX);
    ASSERT_EQ(o->rare, i->special != 0);
    ASSERT(!o->rare || !e->orders.reserve[id].left || (i->special & SPECIAL_RESERVE && o->level));
    ASSERT_EQ(o->level == 0, id == e->taker);
    ASSERT_EQ(o->sell, side_is_sell(i->side));
    ASSERT_EQ(o->hidden, i->display == 'N');
    ASSERT_EQ((i->special & SPECIAL_TIMED) != 0, i->tif == TIF_GTT);
    ASSERT_EQ((i->special & SPECIAL_TIMED) != 0, e->expiry.due[id].at != 0);
    if (!o->level)
        return;
    ASSERT_EQ((o->level & LEVEL_QUEUED) != 0, (i->special & SPECIAL_CROSS) != 0);
    if (o->level & LEVEL_QUEUED) {
        ASSERT_EQ(o->level & ~LEVEL_QUEUED, queue_of(i, &e->orders.terms[id]));
        return;
    }
    ASSERT_NE(i->tif, TIF_IOC);
    ASSERT_EQ(o->level == LEVEL_DARK, (i->special & SPECIAL_DARK) != 0);
    if (o->level == LEVEL_DARK)
        return;
    ASSERT_EQ(book_level_price(&e->books, o->level), i->price);
    ASSERT_EQ(book_level_instrument(&e->books, o->level), o->instrument);
    ASSERT_EQ(book_level_side(&e->books, o->level), side_of(o));
}

static u32 check_channel(const struct engine *e, const struct channel *c, u32 owner)
{
    refs_check(&e->refs, c, owner);
    for (u32 id = refs_first(&e->refs, c); id;
         id = refs_after(&e->refs, owner, e->orders.hot[id].user_ref))
        check_order(e, id, owner);
    return c->open;
}

static u32 check_account(const struct engine *e, u32 id)
{
    const struct account *a = &e->accounts.at[id];
    u32 open = 0;

    ASSERT_GE(a->next_session_seq, 1);
    ASSERT(!a->bind_id || (a->stream && a->bind_id < e->next_bind_id && e->day));
    ASSERT(a->stream || (a->next_session_seq == 1 && !a->told));
    for (u32 idx = 0; idx < CHANNELS_MAX; idx++) {
        const struct channel *c = account_channel(&e->accounts, id, (u8)idx);
        ASSERT(!c || a->stream || (c->last == 0 && c->open == 0));
        open += c ? check_channel(e, c, owner_of(id, (u8)idx)) : 0;
    }
    ASSERT_EQ(open, a->open);
    return open;
}

static u64 check_lines(const struct engine *e)
{
    u64 lines = 0;

    for (u32 id = 1; id <= e->instruments.names.used; id++) {
        for (u32 side = BUY; side < BOOK_SIDES; side++) {
            u32 line = e->books.at[id].best_level[side] / LINE_LEVELS;
            for (; line; line = e->books.lines[line].worse)
                lines++;
        }
    }
    return lines;
}

/* Nobody is beyond a band. (A coarser tick may have left orders between it and its last tick.) */
static bool bands_keep(const struct engine *e, u32 id)
{
    const struct market *m = &e->markets[id];
    const struct book *k = &e->books.at[id];
    u32 high = band_limit(e, id, false);
    u32 low = band_limit(e, id, true);

    for (u32 side = BUY; high && side <= SELL_HIDDEN; side++) {
        u32 best = k->best_price[side];
        if (best && (side & SELL ? best < min_u32(low, m->lower) : best > max_u32(high, m->upper)))
            return false;
    }
    return true;
}

/* Displayed orders of a side that keep shares back. */
static u32 kept_orders(const struct engine *e, u16 instrument, u32 side)
{
    u32 orders = 0;

    for (u32 level = e->books.at[instrument].best_level[side]; level;
         level = book_level_worse(&e->books, level)) {
        for (u32 id = e->books.levels[level].head; id; id = e->orders.hot[id].next)
            orders += e->orders.hot[id].rare && e->orders.reserve[id].left;
    }
    return orders;
}

/* Its queues, and the book if something trades. Returns the orders that wait for a cross. */
static u32 check_market(const struct engine *e, u32 id)
{
    const struct market *m = &e->markets[id];
    const struct book *k = &e->books.at[id];
    u32 queued = 0;

    for (u32 q = 0; q < QUEUES; q++)
        queued += queue_check(&e->queues, m->queue[q]);
    ASSERT_EQ(queued, m->queued);
    for (u32 side = BUY; side <= SELL; side++)
        ASSERT_EQ(queue_check(&e->queues, m->kept[side]), kept_orders(e, (u16)id, side));
    ASSERT_EQ((k->special & BOOK_PHASED) != 0, m->phase != PHASE_TRADING);
    ASSERT_EQ((k->special & BOOK_STILL) != 0, !phase_trades(m->phase));
    ASSERT_EQ((k->special & BOOK_HALTED) != 0, e->instruments.terms[id].halted != 0);
    ASSERT_EQ(m->touched, 0);
    ASSERT(e->work.kind >= WORK_COURSE || bands_keep(e, id));
    ASSERT((k->special & BOOK_STILL) || !book_crossed(&e->books, (u16)id));
    return queued;
}

/* One instrument: its levels, its trees, and that nothing in them could trade now. */
static u32 check_book(const struct engine *e, u16 instrument)
{
    u32 dark = dark_check(&e->dark, instrument);
    u32 hidden = 0;

    for (u32 side = BUY_HIDDEN; side <= SELL_HIDDEN; side++) {
        for (u32 level = e->books.at[instrument].best_level[side]; level;
             level = book_level_worse(&e->books, level)) {
            for (u32 id = e->books.levels[level].head; id; id = e->orders.hot[id].next)
                hidden++;
        }
    }
    ASSERT_EQ(e->books.at[instrument].dark, dark + hidden);
    if (e->work.kind == WORK_NONE && instrument_settles(e, instrument))
        ASSERT_EQ(settle_pair(e, instrument).taker, 0);
    return dark + book_check(&e->books, instrument);
}

/* Order 0 is none: who finds nobody reads that nothing is open, and never writes there. */
static void check_nobody(const struct orders *o)
{
    static const struct order none;
    static const struct order_info none_info;

    ASSERT_EQ(memcmp(&o->hot[0], &none, sizeof none), 0);
    ASSERT_EQ(memcmp(&o->info[0], &none_info, sizeof none_info), 0);
    ASSERT_EQ(o->reserve[0].left, 0);
}

void engine_check(const struct engine *e)
{
    u32 open = 0;
    u32 resting = 0;

    check_nobody(&e->orders);
    risk_recount(e);
    expiry_check(&e->expiry);
    alarms_check(&e->alarms);
    alarms_check(&e->drops);
    for (u32 id = 1; id <= e->accounts.names.used; id++)
        open += check_account(e, id);
    for (u32 id = 1; id <= e->instruments.names.used; id++)
        resting += check_book(e, (u16)id) + check_market(e, id);
    ASSERT_EQ(open, e->orders.pool.used);
    ASSERT_EQ(resting, open - (e->taker != 0));
    ASSERT_EQ(check_lines(e), e->books.line_pool.used);
    ASSERT_EQ(e->taker != 0, e->work.kind == WORK_MATCH);
    ASSERT_EQ(e->exhausted, 0);
    ASSERT(!e->request.id || e->work.kind != WORK_NONE);
    ASSERT(e->work.kind != WORK_DAY_END || e->day);
    ASSERT(e->work.kind >= WORK_COURSE || !e->cross.instrument);
    ASSERT(e->work.kind != WORK_MASS || e->mass.ev.account == owner_account(e->work.owner));
}
