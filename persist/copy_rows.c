/*
 * copy_rows.c - see copy_rows.h. Which event goes into which table, and the order of the columns.
 *
 * Invariants: a batch has room for a whole transaction or takes nothing of it; each row has exactly
 * the columns of its table (asserted at its end), in the order of config/sql (tested against a real
 * server). Events that no table wants (EV_WORK, EV_SYSTEM, EV_QUERIED,
 * EV_RESTATED, phases, late cancels) make no row; their transactions move the mark all the same.
 */
#include "persist/copy_rows.h"

#include <string.h>
#include <time.h>

#include "persist/export_names.h"

#define MIB (1024u * 1024u)

struct table {
    const char *columns;
    u16 fields;
    u32 room;
};

#define WHEN "shard, seq, idx, time, ns, "

static const struct table tables[COPY_TABLES] = {
    [COPY_EXECUTIONS] = {"executions (day, " WHEN "session_seq, account, user_name, firm, symbol, "
                         "order_ref, user_ref, user_ref_idx, side, qty, price, liquidity, taker, "
                         "match)",
                         20, 4 * MIB},
    [COPY_ORDERS] = {"orders (day, " WHEN "session_seq, account, user_name, firm, symbol, event, "
                     "order_ref, user_ref, user_ref_idx, orig_user_ref, side, qty, leaves, price, "
                     "tif, display, capacity, cross_type, iso, reason, clordid, options)",
                     28, 4 * MIB},
    [COPY_REJECTS] = {"rejects (day, " WHEN "session_seq, account, user_name, firm, symbol, "
                      "request, user_ref, user_ref_idx, side, qty, price, reason, clordid)",
                      19, MIB},
    [COPY_SESSIONS] = {"sessions (day, " WHEN "account, user_name, event, reason, gateway, conn, "
                       "bind_id, peer, peer_port, from_seq, next_seq)",
                       17, MIB},
    [COPY_INSTRUMENTS] = {"instruments (" WHEN "instrument, symbol, tick, lot, halted)", 10, MIB},
    [COPY_ACCOUNTS] = {"accounts (" WHEN "account, user_name, firm, disabled)", 9, MIB},
    [COPY_VENUE] = {"venue (" WHEN "event, epoch, day)", 8, MIB},
};
_Static_assert(MIB > (TX_SLOTS_MAX + 2) * COPY_ROW_BYTES_MAX,
               "an empty buffer has room for any one");

const char *copy_table_columns(enum copy_table table)
{
    return tables[table].columns;
}

/* ---- rows ---- */

/* Where the rows of one transaction come from and go to. */
struct rows {
    struct copy_batch *batch;
    const struct sink_tx *tx;
    const union msg *command;
    u32 day; /* partition */
};

/* Remembers that the batch needs the partitions of `day`. */
static void note_day(struct copy_batch *b, u32 day)
{
    for (u32 i = 0; i < b->days_used; i++)
        if (b->days[i] == day)
            return;
    ASSERT_LT(b->days_used, COPY_DAYS_MAX);
    b->days[b->days_used++] = day;
}

/* Begins a row with its day (partitioned tables) and the columns of WHEN. */
static struct copy_row row_begin(struct rows *w, enum copy_table table, const union msg *m, u32 idx)
{
    struct copy_row r = copy_row_begin(&w->batch->tables[table], tables[table].fields);

    if (table <= COPY_SESSIONS) {
        note_day(w->batch, w->day);
        copy_date(&r, w->day);
    }
    copy_i32(&r, w->batch->shard);
    copy_i64(&r, w->tx->seq);
    copy_i16(&r, idx);
    copy_time(&r, m->ev.time_ns);
    w->batch->rows++;
    return r;
}

/* session_seq, account, user_name, firm, symbol. `firm`: the order's own, or NULL. */
static void fields_who(struct copy_row *r, struct rows *w, const union msg *m, const char *firm,
                       u16 instrument)
{
    const struct export_account *a = export_names_account(w->tx->names, m->ev.account);

    copy_i64(r, m->ev.session_seq);
    copy_i32(r, m->ev.account);
    copy_text(r, a->user, sizeof a->user);
    copy_text(r, firm ? firm : a->firm, sizeof a->firm);
    copy_text(r, export_names_symbol(w->tx->names, instrument), 8);
}

static void row_executed(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_executed *e = &m->executed;
    struct copy_row r = row_begin(w, COPY_EXECUTIONS, m, idx);

    fields_who(&r, w, m, NULL, e->instrument);
    copy_i64(&r, e->order_ref);
    copy_i64(&r, e->user_ref);
    copy_i16(&r, e->user_ref_idx);
    copy_char(&r, m->ev.flags & MSG_SELL ? 'S' : 'B');
    copy_i32(&r, e->qty);
    copy_price(&r, e->price);
    copy_char(&r, e->liquidity);
    copy_bool(&r, m->ev.flags & MSG_TAKER);
    copy_i64(&r, e->match);
    copy_row_end(&r);
}

/* EV_ACCEPTED and EV_REPLACED. */
static void row_order(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_order *o = &m->order;
    bool own_firm = o->terms.tags & TAG_BIT(2), replaced = m->ev.type == EV_REPLACED;
    struct copy_row r = row_begin(w, COPY_ORDERS, m, idx);

    fields_who(&r, w, m, own_firm ? o->terms.firm : NULL, o->instrument);
    copy_char(&r, replaced ? 'U' : 'A');
    copy_i64(&r, o->order_ref);
    copy_i64(&r, o->user_ref);
    copy_i16(&r, o->user_ref_idx);
    if (replaced)
        copy_i64(&r, o->orig_user_ref);
    else
        copy_null(&r);
    copy_char(&r, o->side);
    copy_i32(&r, o->qty);
    copy_i32(&r, m->ev.flags & MSG_DEAD ? 0 : o->qty);
    copy_price(&r, o->price);
    copy_char(&r, o->tif);
    copy_char(&r, o->display);
    copy_char(&r, o->capacity);
    copy_char(&r, o->cross_type);
    copy_bool(&r, m->ev.flags & MSG_ISO);
    copy_null(&r); /* reason */
    copy_text(&r, o->terms.clordid, sizeof o->terms.clordid);
    copy_options(&r, &o->terms);
    copy_row_end(&r);
}

static void row_cancelled(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_cancelled *c = &m->cancelled;
    struct copy_row r = row_begin(w, COPY_ORDERS, m, idx);

    fields_who(&r, w, m, NULL, c->instrument);
    copy_char(&r, 'C');
    copy_i64(&r, c->order_ref);
    copy_i64(&r, c->user_ref);
    copy_i16(&r, c->user_ref_idx);
    copy_null(&r); /* orig_user_ref */
    copy_char(&r, m->ev.flags & MSG_SELL ? 'S' : 'B');
    copy_i32(&r, c->qty);
    copy_i32(&r, c->leaves);
    for (u32 i = 0; i < 6; i++)
        copy_null(&r); /* price to iso */
    copy_char(&r, c->reason);
    copy_null(&r); /* clordid */
    copy_null(&r); /* options */
    copy_row_end(&r);
}

/* A prevented trade takes shares off as a cancel for reason Q does. */
static void row_aiq_cancelled(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_aiq_cancelled *c = &m->aiq;
    union msg as_cancel = {.cancelled = {.head = c->head,
                                         .order_ref = c->order_ref,
                                         .user_ref = c->user_ref,
                                         .qty = c->qty,
                                         .leaves = c->leaves,
                                         .instrument = c->instrument,
                                         .reason = 'Q',
                                         .user_ref_idx = c->user_ref_idx}};

    row_cancelled(w, &as_cancel, idx);
}

/* What was asked for stands in the transaction's command. */
static void row_rejected(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_rejected *j = &m->rejected;
    const struct msg_enter *enter = w->command->cmd.type == CMD_ENTER ? &w->command->enter : NULL;
    const struct msg_replace *replace =
        w->command->cmd.type == CMD_REPLACE ? &w->command->replace : NULL;
    const struct export_account *a = export_names_account(w->tx->names, m->ev.account);
    struct copy_row r = row_begin(w, COPY_REJECTS, m, idx);

    copy_i64(&r, m->ev.session_seq);
    copy_i32(&r, m->ev.account);
    copy_text(&r, a->user, sizeof a->user);
    copy_text(&r, a->firm, sizeof a->firm);
    copy_text(&r, enter ? enter->symbol : export_names_symbol(w->tx->names, j->instrument), 8);
    copy_char(&r, enter ? 'O' : replace ? 'U' : 0);
    copy_i64(&r, j->user_ref);
    copy_i16(&r, j->user_ref_idx);
    copy_char(&r, enter ? enter->side : replace ? replace->side : 0);
    if (enter || replace) {
        copy_i64(&r, enter ? enter->qty : replace->qty);
        copy_price(&r, enter ? enter->price : replace->price);
    } else {
        copy_null(&r);
        copy_null(&r);
    }
    copy_i32(&r, j->reason);
    copy_text(&r, j->clordid, sizeof j->clordid);
    copy_row_end(&r);
}

/* EV_BOUND, EV_UNBOUND, EV_LOGIN_REJECTED. */
static void row_session(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_login *login = w->command->cmd.type == CMD_LOGIN ? &w->command->login : NULL;
    const struct export_account *a = export_names_account(w->tx->names, m->ev.account);
    bool bound = m->ev.type == EV_BOUND, unbound = m->ev.type == EV_UNBOUND;
    struct copy_row r = row_begin(w, COPY_SESSIONS, m, idx);

    copy_i32(&r, m->ev.account);
    copy_text(&r, a->user, sizeof a->user);
    copy_char(&r, bound ? 'B' : unbound ? 'U' : 'J');
    copy_char(&r, bound ? 0 : unbound ? m->unbind.reason : m->login_rejected.reason);
    copy_i16(&r, bound     ? m->bound.gateway
                 : unbound ? m->unbind.gateway
                           : m->login_rejected.gateway);
    copy_i64(&r, bound ? m->bound.conn : unbound ? m->unbind.conn : m->login_rejected.conn);
    if (bound || unbound)
        copy_i64(&r, bound ? m->bound.bind_id : m->unbind.bind_id);
    else
        copy_null(&r);
    copy_inet(&r, login && !unbound ? login->peer_ipv4 : 0);
    if (login && !unbound)
        copy_i32(&r, login->peer_port);
    else
        copy_null(&r);
    if (bound) {
        copy_i64(&r, m->bound.from_seq);
        copy_i64(&r, m->bound.next_seq);
    } else {
        copy_null(&r);
        copy_null(&r);
    }
    copy_row_end(&r);
}

static void row_instrument(struct rows *w, const union msg *m, u32 idx)
{
    struct copy_row r = row_begin(w, COPY_INSTRUMENTS, m, idx);

    copy_i32(&r, m->instrument.instrument);
    copy_text(&r, m->instrument.symbol, sizeof m->instrument.symbol);
    copy_price(&r, m->instrument.tick);
    copy_i32(&r, m->instrument.lot);
    copy_bool(&r, m->instrument.halted);
    copy_row_end(&r);
}

static void row_account(struct rows *w, const union msg *m, u32 idx)
{
    struct copy_row r = row_begin(w, COPY_ACCOUNTS, m, idx);

    copy_i32(&r, m->ev.account);
    copy_text(&r, m->account.user, sizeof m->account.user);
    copy_text(&r, m->account.firm, sizeof m->account.firm);
    copy_bool(&r, m->account.disabled);
    copy_row_end(&r);
}

/* EV_STARTED, EV_DAY_OPENED, EV_DAY_ENDED. */
static void row_venue(struct rows *w, const union msg *m, u32 idx)
{
    bool started = m->ev.type == EV_STARTED;
    const char *event = started                       ? "started"
                        : m->ev.type == EV_DAY_OPENED ? "day opened"
                                                      : "day ended";
    struct copy_row r = row_begin(w, COPY_VENUE, m, idx);

    copy_text(&r, event, (u32)strlen(event));
    if (started)
        copy_i64(&r, m->start.epoch);
    else
        copy_null(&r);
    copy_date(&r, started ? 0 : m->day.day);
    copy_row_end(&r);
}

static void row_of(struct rows *w, const union msg *m, u32 idx)
{
    switch (m->ev.type) {
    case EV_EXECUTED:
        row_executed(w, m, idx);
        break;
    case EV_ACCEPTED:
    case EV_REPLACED:
        row_order(w, m, idx);
        break;
    case EV_CANCELLED:
        row_cancelled(w, m, idx);
        break;
    case EV_AIQ_CANCELLED:
        row_aiq_cancelled(w, m, idx);
        break;
    case EV_REJECTED:
        row_rejected(w, m, idx);
        break;
    case EV_BOUND:
    case EV_UNBOUND:
    case EV_LOGIN_REJECTED:
        row_session(w, m, idx);
        break;
    case EV_INSTRUMENT:
        row_instrument(w, m, idx);
        break;
    case EV_ACCOUNT:
        row_account(w, m, idx);
        break;
    case EV_STARTED:
    case EV_DAY_OPENED:
    case EV_DAY_ENDED:
        row_venue(w, m, idx);
        break;
    }
}

/* ---- the batch ---- */

void copy_batch_init(struct copy_batch *b, struct mem *m, u32 shard)
{
    memset(b, 0, sizeof *b);
    b->shard = shard;
    for (u32 t = 0; t < COPY_TABLES; t++) {
        b->tables[t].room = tables[t].room;
        b->tables[t].bytes = mem_alloc(m, tables[t].room, CACHE_LINE);
    }
    copy_batch_clear(b);
}

void copy_batch_clear(struct copy_batch *b)
{
    /* Signature, flags, length of the header's extension (PostgreSQL documentation, "COPY"). */
    static const u8 head[19] = "PGCOPY\n\377\r\n";

    for (u32 t = 0; t < COPY_TABLES; t++) {
        b->tables[t].used = 0;
        b->tables[t].rows = 0;
        copy_bytes(&b->tables[t], head, sizeof head);
    }
    b->days_used = 0;
    b->rows = 0;
}

/* The partition of a transaction before the first day of all: its date in UTC. */
static u32 utc_day(u64 time_ns)
{
    time_t sec = (time_t)(time_ns / NS_PER_SEC);
    struct tm tm;

    gmtime_r(&sec, &tm);
    return (u32)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
}

bool copy_batch_add(struct copy_batch *b, const struct sink_tx *tx)
{
    struct rows w = {
        .batch = b,
        .tx = tx,
        .command = (const union msg *)(const void *)tx->slots,
        .day = tx->day ? tx->day : utc_day(tx->time_ns),
    };

    ASSERT_LE(tx->used, TX_SLOTS_MAX);
    for (u32 t = 0; t < COPY_TABLES; t++)
        if (b->tables[t].room - b->tables[t].used < (tx->used + 1) * COPY_ROW_BYTES_MAX)
            return false;
    if (b->days_used == COPY_DAYS_MAX)
        return false;
    for (u32 i = 0, idx = 0; i < tx->used; i += msg_slots(&tx->slots[i]), idx++)
        row_of(&w, (const union msg *)(const void *)&tx->slots[i], idx);
    return true;
}

void copy_batch_end(struct copy_batch *b, enum copy_table table)
{
    copy_u16(&b->tables[table], UINT16_MAX);
}
