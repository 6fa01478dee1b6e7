/*
 * copy_rows.c - see copy_rows.h. Which event goes into which table, and the order of the columns.
 *
 * Each transaction is a row of event_log, whatever is in it; most of its events are one more in a
 * table of their kind, made by copy_order.c and copy_venue.c. Invariants: a batch has room for a
 * whole transaction or takes nothing of it; each row has exactly the columns of its table (asserted
 * at its end), in the order of config/sql (tested against a real server); every event type of
 * engine/msg stands in `makers` (asserted, and tested over all types).
 */
#include "persist/copy_rows.h"

#include <string.h>
#include <time.h>

#include "persist/copy_impl.h"

#define MIB   (1024u * 1024u)
#define SMALL (MIB / 2)

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
                       17, SMALL},
    [COPY_EVENT_LOG] = {"event_log (day, shard, seq, time, ns, messages)", 6, 8 * MIB},
    [COPY_BROKEN_TRADES] = {"broken_trades (day, " WHEN "session_seq, account, user_name, firm, "
                            "match, user_ref, user_ref_idx, reason, clordid)",
                            15, SMALL},
    [COPY_CONTROLS] = {"controls (day, " WHEN "session_seq, account, user_name, event, firm, "
                       "symbol, side, group_id, user_ref, user_ref_idx)",
                       16, SMALL},
    [COPY_MARKET] = {"market (day, " WHEN "event, symbol, phase, next, cross_type, reason, wide, "
                     "late, until, price, reference, lower, upper, paired, imbalance, "
                     "imbalance_side)",
                     22, SMALL},
    [COPY_INSTRUMENTS] = {"instruments (" WHEN "instrument, symbol, tick, lot, halted)", 10, SMALL},
    [COPY_ACCOUNTS] = {"accounts (" WHEN "account, user_name, firm, disabled)", 9, SMALL},
    [COPY_VENUE] = {"venue (" WHEN "event, epoch, day)", 8, SMALL},
};
_Static_assert(SMALL > (TX_SLOTS_MAX + 2) * COPY_ROW_BYTES_MAX,
               "an empty buffer has room for any one");

const char *copy_table_columns(enum copy_table table)
{
    return tables[table].columns;
}

/* ---- rows ---- */

/* Remembers that the batch needs the partitions of `day`. */
static void note_day(struct copy_batch *b, u32 day)
{
    for (u32 i = 0; i < b->days_used; i++)
        if (b->days[i] == day)
            return;
    ASSERT_LT(b->days_used, COPY_DAYS_MAX);
    b->days[b->days_used++] = day;
}

struct copy_row row_begin(struct rows *w, enum copy_table table, const union msg *m, u32 idx)
{
    struct copy_row r = copy_row_begin(&w->batch->tables[table], tables[table].fields);

    if (table <= COPY_MARKET) {
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

void row_who(struct copy_row *r, struct rows *w, const union msg *m, const char *firm,
             u16 instrument)
{
    const struct export_account *a = export_names_account(w->tx->names, m->ev.account);

    copy_i64(r, m->ev.session_seq);
    copy_i32(r, m->ev.account);
    copy_text(r, a->user, sizeof a->user);
    copy_text(r, firm ? firm : a->firm, sizeof a->firm);
    copy_text(r, export_names_symbol(w->tx->names, instrument), 8);
}

/* The transaction as it stands in the journal. */
static void row_raw(struct rows *w)
{
    struct copy_row r =
        copy_row_begin(&w->batch->tables[COPY_EVENT_LOG], tables[COPY_EVENT_LOG].fields);

    note_day(w->batch, w->day);
    copy_date(&r, w->day);
    copy_i32(&r, w->batch->shard);
    copy_i64(&r, w->tx->seq);
    copy_time(&r, w->tx->time_ns);
    copy_bytea(&r, w->tx->slots, w->tx->used * (u32)sizeof(struct slot));
    copy_row_end(&r);
    w->batch->rows++;
}

/* What stands in the raw log alone: where long work is, answers to questions, a stream's ends, and
 * requests of operators (event_log). */
static void row_none(struct rows *w, const union msg *m, u32 idx)
{
    (void)w;
    (void)m;
    (void)idx;
}

static void (*const makers[256])(struct rows *w, const union msg *m, u32 idx) = {
    [EV_WORK] = row_none,
    [EV_SYSTEM] = row_none,
    [EV_QUERIED] = row_none,
    [EV_LIMIT] = row_none,
    [EV_CHECKS] = row_none,
    [EV_PROFILE] = row_none,
    [EV_LISTED] = row_none,
    [EV_UNTRADED] = row_none,
    [EV_OPERATOR] = row_none,
    [EV_OPERATED] = row_none,
    [EV_BARRED] = row_none,
    [EV_UNBARRED] = row_none,
    [EV_SEEN] = row_none, /* never journalled */
    [EV_ACCEPTED] = row_order,
    [EV_REPLACED] = row_order,
    [EV_CANCELLED] = row_cancelled,
    [EV_AIQ_CANCELLED] = row_aiq_cancelled,
    [EV_MODIFIED] = row_modified,
    [EV_RESTATED] = row_restated,
    [EV_CANCEL_PENDING] = row_late,
    [EV_CANCEL_REJECTED] = row_late,
    [EV_PRIORITY] = row_priority,
    [EV_EXECUTED] = row_executed,
    [EV_BROKEN] = row_broken,
    [EV_REJECTED] = row_rejected,
    [EV_BOUND] = row_session,
    [EV_UNBOUND] = row_session,
    [EV_LOGIN_REJECTED] = row_session,
    [EV_INSTRUMENT] = row_instrument,
    [EV_ACCOUNT] = row_account,
    [EV_STARTED] = row_venue,
    [EV_DAY_OPENED] = row_venue,
    [EV_DAY_ENDED] = row_venue,
    [EV_MASS_CANCELLED] = row_mass,
    [EV_DISABLED] = row_firm,
    [EV_ENABLED] = row_firm,
    [EV_KILLED] = row_kill,
    [EV_RESTORED] = row_kill,
    [EV_COURSE] = row_course,
    [EV_PHASE] = row_phase,
    [EV_CROSS] = row_cross,
    [EV_BANDS] = row_bands,
};

bool copy_rows_know(u8 type)
{
    return makers[type] != NULL;
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
    row_raw(&w);
    for (u32 i = msg_slots(tx->slots), idx = 1; i < tx->used;
         i += msg_slots(&tx->slots[i]), idx++) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[i];
        ASSERT(makers[m->ev.type] != NULL);
        makers[m->ev.type](&w, m, idx);
    }
    return true;
}

void copy_batch_end(struct copy_batch *b, enum copy_table table)
{
    copy_u16(&b->tables[table], UINT16_MAX);
}
