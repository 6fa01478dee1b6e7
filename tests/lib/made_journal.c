/* made_journal.c - see made_journal.h. A builder of transactions; the venue's course. */
#include "tests/lib/made_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

u64 made_below(struct made_journal *j, u64 n)
{
    j->random = hash_u64(j->random + 0x9E3779B97F4A7C15ull);
    return j->random % n;
}

void *made_grown(void *array, u64 bytes)
{
    void *p = realloc(array, bytes);
    ASSERT(p != NULL);
    return p;
}

/* ---- building ---- */

u64 made_tx_begin(struct made_journal *j)
{
    if (j->txs + 2 > j->txs_room) {
        j->txs_room = (j->txs + 2) * 2;
        j->begins = made_grown(j->begins, j->txs_room * sizeof j->begins[0]);
    }
    if (j->slots_used + TX_SLOTS_MAX > j->slots_room) {
        j->slots_room = (j->slots_used + TX_SLOTS_MAX) * 2;
        j->slots = made_grown(j->slots, j->slots_room * sizeof j->slots[0]);
    }
    j->begins[j->txs] = j->slots_used;
    j->time_ns += 1 + made_below(j, 2 * NS_PER_MS);
    return ++j->txs;
}

/* The next message of the transaction being built; its head is filled in. */
union msg *made_put(struct made_journal *j, u8 type, u32 slots, u32 account)
{
    union msg *m = (union msg *)(void *)&j->slots[j->slots_used];

    memset(m, 0, slots * sizeof(struct slot));
    m->ev.type = type;
    m->ev.slots = (u8)slots;
    m->ev.account = account;
    m->ev.seq = j->txs;
    m->ev.time_ns = j->time_ns;
    if (type >= EV_SYSTEM)
        m->ev.session_seq = ++j->session_seqs[account];
    else if (msg_is_command(type))
        m->cmd.bind_id = account;
    j->slots_used += slots;
    return m;
}

void made_tx_end(struct made_journal *j)
{
    u64 at = j->begins[j->txs - 1], last = at;

    ASSERT_LE(j->slots_used - at, TX_SLOTS_MAX);
    for (; at < j->slots_used; at += msg_slots(&j->slots[at]))
        last = at;
    ((union msg *)(void *)&j->slots[last])->ev.flags |= MSG_TX_END;
    j->begins[j->txs] = j->slots_used;
    j->durable = j->txs;
}

static void put_both_day(struct made_journal *j, u8 command, u8 event, u32 day)
{
    made_tx_begin(j);
    made_put(j, command, 1, 0)->day.day = day;
    made_put(j, event, 1, 0)->day.day = day;
    made_tx_end(j);
}

/* ---- the venue's course ---- */

void made_symbol(char symbol[8], u16 id)
{
    char text[16];

    snprintf(text, sizeof text, "SYM%-6u", id);
    memcpy(symbol, text, 8);
}

static void put_instrument(struct made_journal *j, u16 id)
{
    made_tx_begin(j);
    made_symbol(made_put(j, CMD_INSTRUMENT, 1, 0)->instrument.symbol, id);
    union msg *m = made_put(j, EV_INSTRUMENT, 1, 0);
    made_symbol(m->instrument.symbol, id);
    m->instrument.instrument = id;
    m->instrument.tick = 100;
    m->instrument.lot = 100;
    made_tx_end(j);
}

void made_journal_account(struct made_journal *j, u32 id, u32 firm_number)
{
    char user[24], firm[24];

    snprintf(user, sizeof user, "USER%u      ", id);
    snprintf(firm, sizeof firm, "F%03u", firm_number);
    made_tx_begin(j);
    memcpy(made_put(j, CMD_ACCOUNT, 2, 0)->account.user, user, 6);
    union msg *m = made_put(j, EV_ACCOUNT, 2, id);
    memcpy(m->account.user, user, 6);
    memcpy(m->account.firm, firm, 4);
    made_tx_end(j);
}

static void put_login(struct made_journal *j, u32 account)
{
    made_tx_begin(j);
    union msg *m = made_put(j, CMD_LOGIN, 2, account);
    m->login.conn = 1000 + account;
    m->login.peer_ipv4 = 0x0100007F;
    m->login.peer_port = (u16)(40000 + account);
    m->login.requested_seq = 1;
    m = made_put(j, EV_BOUND, 2, account);
    m->bound.conn = 1000 + account;
    m->bound.from_seq = 1;
    m->bound.next_seq = 1;
    m->bound.bind_id = account;
    made_put(j, EV_SYSTEM, 1, account)->system.code = 'S';
    j->sessions++;
    made_tx_end(j);
}

static void open_day(struct made_journal *j, u32 day)
{
    j->day = day;
    memset(j->session_seqs, 0, sizeof j->session_seqs);
    memset(j->user_refs, 0, sizeof j->user_refs);
    put_both_day(j, CMD_DAY_OPEN, EV_DAY_OPENED, day);
}

void made_journal_start(struct made_journal *j, u64 epoch, u32 day)
{
    made_tx_begin(j);
    made_put(j, CMD_START, 1, 0)->start.epoch = epoch;
    made_put(j, EV_STARTED, 1, 0)->start.epoch = epoch;
    made_tx_end(j);
    for (u16 i = 1; i <= MADE_INSTRUMENTS; i++)
        put_instrument(j, i);
    for (u32 i = 1; i <= MADE_ACCOUNTS; i++)
        made_journal_account(j, i, i);
    open_day(j, day);
    for (u32 i = 1; i <= MADE_ACCOUNTS; i++)
        put_login(j, i);
}

void made_cancelled(struct made_journal *j, struct made_order *o, u32 qty, u8 reason)
{
    union msg *m = made_put(j, EV_CANCELLED, 1, o->account);

    o->leaves -= qty;
    m->cancelled.order_ref = o->order_ref;
    m->cancelled.user_ref = o->user_ref;
    m->cancelled.qty = qty;
    m->cancelled.leaves = o->leaves;
    m->cancelled.instrument = o->instrument;
    m->cancelled.reason = reason;
    m->ev.flags |= o->side == 'B' ? 0 : MSG_SELL;
    j->order_events++;
}

void made_journal_next_day(struct made_journal *j, u32 day)
{
    while (j->open_used > 0) {
        made_tx_begin(j);
        made_put(j, CMD_CONTINUE, 1, 0);
        for (u32 i = 0; i < 100 && j->open_used > 0; i++) {
            struct made_order *o = &j->open[--j->open_used];
            made_cancelled(j, o, o->leaves, 'T');
        }
        made_tx_end(j);
    }
    made_tx_begin(j);
    made_put(j, CMD_DAY_END, 1, 0)->day.day = j->day;
    for (u32 i = 1; i <= MADE_ACCOUNTS; i++)
        made_put(j, EV_SYSTEM, 1, i)->system.code = 'E';
    made_put(j, EV_DAY_ENDED, 1, 0)->day.day = j->day;
    made_tx_end(j);
    open_day(j, day);
}

/* ---- reading ---- */

void made_journal_init(struct made_journal *j, u64 seed)
{
    memset(j, 0, sizeof *j);
    j->random = seed;
    j->time_ns = 1795357800ull * NS_PER_SEC; /* 2026-11-22 14:30 UTC */
}

void made_journal_free(struct made_journal *j)
{
    free(j->slots);
    free(j->begins);
    free(j->open);
    memset(j, 0, sizeof *j);
}

const struct slot *made_journal_tx(const struct made_journal *j, u64 seq, u32 *used)
{
    ASSERT(seq >= 1 && seq <= j->txs);
    *used = (u32)(j->begins[seq] - j->begins[seq - 1]);
    return &j->slots[j->begins[seq - 1]];
}

static void source_seek(void *ctx, u64 from_seq)
{
    ((struct made_source *)ctx)->next = from_seq;
}

static enum cursor_status source_next(void *ctx, struct cursor_tx *out)
{
    struct made_source *s = ctx;

    if (s->next > s->journal->durable)
        return CURSOR_WAIT;
    if (s->next == s->journal->broken_at)
        return CURSOR_ERROR;
    if (s->next < s->journal->oldest)
        return CURSOR_GONE;
    memset(out, 0, sizeof *out);
    out->seq = s->next++;
    const struct slot *slots = made_journal_tx(s->journal, out->seq, &out->used);
    memcpy(s->copy, slots, out->used * sizeof slots[0]);
    out->slots = s->copy;
    return CURSOR_TX;
}

static u64 source_oldest(void *ctx)
{
    return ((struct made_source *)ctx)->journal->oldest;
}

static const char *source_why(void *ctx)
{
    (void)ctx;
    return "made to break";
}

static u64 source_durable(void *ctx)
{
    return ((struct made_source *)ctx)->journal->durable;
}

struct export_source made_journal_source(struct made_source *s, const struct made_journal *j)
{
    s->journal = j;
    s->next = 1;
    return (struct export_source){.ctx = s,
                                  .seek = source_seek,
                                  .next = source_next,
                                  .oldest = source_oldest,
                                  .why = source_why,
                                  .durable_seq = source_durable};
}

void made_journal_names(const struct made_journal *j, struct export_names *n, struct mem *m,
                        u64 seq)
{
    export_names_init(n, m, 64, 64);
    for (u64 s = 1; s <= seq; s++) {
        u32 used;
        const struct slot *slots = made_journal_tx(j, s, &used);
        for (u32 i = 0; i < used; i += msg_slots(&slots[i]))
            export_names_note(n, (const union msg *)(const void *)&slots[i]);
    }
}
