/* sim_oracle.c - see sim_oracle.h. */
#include "tests/sim/sim_oracle.h"

#include <string.h>

#include "gateway/client/wb_bytes.h"
#include "persist/export_names.h"
#include "tests/sim/sim.h"

/* ---- one OUCH message against one event of the journal ---- */

struct expected {
    const union msg *m;
    const u8 *b; /* as the client saw it */
    u32 n;
};

static const char *is_order(const struct expected *e, bool replaced)
{
    const struct msg_order *o = &e->m->order;
    const u8 *b = e->b + (replaced ? 13 : 9); /* UserRefNum; the rest follows alike */

    if (e->n < (replaced ? 68u : 64u) || wb_get32(b) != o->user_ref)
        return "UserRefNum";
    if (replaced && wb_get32(e->b + 9) != o->orig_user_ref)
        return "OrigUserRefNum";
    if (b[4] != o->side || wb_get32(b + 5) != o->qty || wb_get64(b + 17) != o->price)
        return "side, quantity or price";
    if (wb_get64(b + 27) != o->order_ref || b[25] != o->tif || b[26] != o->display)
        return "reference, time in force or display";
    if (b[38] != ((o->head.flags & MSG_DEAD) ? 'D' : 'L'))
        return "state";
    return memcmp(b + 39, o->terms.clordid, 14) == 0 ? NULL : "ClOrdID";
}

static const char *is_cancelled(const struct expected *e)
{
    const struct msg_cancelled *c = &e->m->cancelled;

    if (e->n < 18 || wb_get32(e->b + 9) != c->user_ref)
        return "UserRefNum";
    return wb_get32(e->b + 13) == c->qty && e->b[17] == c->reason ? NULL : "quantity or reason";
}

static const char *is_aiq_cancelled(const struct expected *e)
{
    const struct msg_aiq_cancelled *c = &e->m->aiq;

    if (e->n < 32 || wb_get32(e->b + 9) != c->user_ref)
        return "UserRefNum";
    if (wb_get32(e->b + 13) != c->qty || e->b[17] != 'Q' || wb_get32(e->b + 18) != c->prevented)
        return "quantities or reason";
    return wb_get64(e->b + 22) == c->price && e->b[31] == c->strategy ? NULL : "price or strategy";
}

static const char *is_executed(const struct expected *e)
{
    const struct msg_executed *x = &e->m->executed;

    if (e->n < 36 || wb_get32(e->b + 9) != x->user_ref)
        return "UserRefNum";
    if (wb_get32(e->b + 13) != x->qty || wb_get64(e->b + 17) != x->price)
        return "quantity or price";
    return e->b[25] == x->liquidity && wb_get64(e->b + 26) == x->match ? NULL : "match";
}

static const char *is_rejected(const struct expected *e)
{
    const struct msg_rejected *r = &e->m->rejected;

    if (e->n < 29 || wb_get32(e->b + 9) != r->user_ref || wb_get16(e->b + 13) != r->reason)
        return "UserRefNum or reason";
    return memcmp(e->b + 15, r->clordid, 14) == 0 ? NULL : "ClOrdID";
}

static char ouch_type(u8 type)
{
    switch (type) {
    case EV_SYSTEM:
        return 'S';
    case EV_ACCEPTED:
        return 'A';
    case EV_REPLACED:
        return 'U';
    case EV_CANCELLED:
        return 'C';
    case EV_EXECUTED:
        return 'E';
    case EV_REJECTED:
        return 'J';
    case EV_AIQ_CANCELLED:
        return 'D';
    case EV_RESTATED:
        return 'R';
    case EV_MODIFIED:
        return 'M';
    case EV_BROKEN:
        return 'B';
    case EV_CANCEL_PENDING:
        return 'P';
    case EV_CANCEL_REJECTED:
        return 'I';
    case EV_PRIORITY:
        return 'T';
    case EV_QUERIED:
        return 'Q';
    default:
        return '?';
    }
}

static const char *is_modified(const struct expected *e)
{
    const struct msg_modified *m = &e->m->modified;

    if (e->n < 18 || wb_get32(e->b + 9) != m->user_ref)
        return "number";
    return e->b[13] == m->side && wb_get32(e->b + 14) == m->leaves ? NULL : "side or quantity";
}

/* NULL when the bytes say what the event says, else what differs. */
static const char *differs(const struct expected *e, u64 midnight_ns)
{
    if (e->n < 9 || e->b[0] != ouch_type(e->m->ev.type))
        return "type";
    if (wb_get64(e->b + 1) != e->m->ev.time_ns - midnight_ns)
        return "timestamp";
    switch (e->b[0]) {
    case 'S':
        return e->n == 10 && e->b[9] == e->m->system.code ? NULL : "event code";
    case 'A':
        return is_order(e, false);
    case 'U':
        return is_order(e, true);
    case 'C':
        return is_cancelled(e);
    case 'E':
        return is_executed(e);
    case 'J':
        return is_rejected(e);
    case 'D':
        return is_aiq_cancelled(e);
    case 'R':
        return e->n >= 42 && wb_get32(e->b + 9) == e->m->restated.user_ref &&
                       wb_get32(e->b + 18) == e->m->restated.qty &&
                       wb_get64(e->b + 24) == e->m->restated.secondary
                   ? NULL
                   : "number, quantity or reference";
    case 'M':
        return is_modified(e);
    case 'P':
    case 'I':
        return e->n >= 13 && wb_get32(e->b + 9) == e->m->late.user_ref ? NULL : "number";
    case 'B':
        return e->n >= 36 && wb_get64(e->b + 13) == e->m->broken.match ? NULL : "match";
    case 'T':
        return e->n >= 30 && wb_get32(e->b + 9) == e->m->priority.user_ref ? NULL : "number";
    case 'Q':
        return e->n >= 13 && wb_get32(e->b + 9) == e->m->query.next_user_ref ? NULL : "number";
    default:
        return "type";
    }
}

/* ---- accounts ---- */

/* The account's id in the journal; 0: not there. */
static u32 account_id(const struct sim_journal *j, const struct sim_account *a)
{
    char user[6];

    memset(user, ' ', sizeof user);
    memcpy(user, a->user, strlen(a->user));
    return engine_account_find(j->shadow, user);
}

static void check_stream(const struct sim_journal *j, const struct sim_account *a, u32 id,
                         const struct sim_stream *s)
{
    const struct sim_truth *t = sim_journal_truth(j, id, s->day);

    SIM_CHECK(t != NULL || s->seen == 0,
              "LOST: %s saw %llu messages of day %u, the journal has none", a->user,
              (unsigned long long)s->seen, s->day);
    for (u64 seq = 1; seq <= s->seen; seq++) {
        const struct sim_message *m = &s->messages[seq];
        if (m->n == 0)
            continue;
        struct expected e = {.m = sim_truth_event(j, t, seq), .b = m->bytes, .n = m->n};
        SIM_CHECK(e.m, "LOST: %s day %u: message %llu (%c) was seen, the journal ends at %llu",
                  a->user, s->day, (unsigned long long)seq, m->bytes[0],
                  (unsigned long long)t->used);
        const char *what = differs(&e, t->midnight_ns);
        SIM_CHECK(!what, "%s day %u: message %llu (%c) is not the journal's: %s", a->user, s->day,
                  (unsigned long long)seq, m->bytes[0], what);
    }
}

void sim_oracle_account(const struct sim_journal *j, const struct sim_account *a)
{
    u32 id = account_id(j, a);

    SIM_CHECK(id != 0 || a->days_used == 0, "LOST: the journal does not know account %s", a->user);
    for (u64 i = 0; i < a->days_used; i++)
        check_stream(j, a, id, &a->days[i]);
}

static void check_live(const struct sim_account *a, const struct sim_stream *s)
{
    u32 live = 0;

    for (u64 ref = 0; ref < s->orders_room; ref++)
        live += s->orders[ref].state == SIM_ORDER_LIVE;
    SIM_CHECK(live == s->live, "%s: %u live orders, counted %u", a->user, live, s->live);
}

void sim_oracle_account_complete(const struct sim_journal *j, const struct sim_account *a)
{
    const struct sim_stream *s = a->days_used ? &a->days[a->days_used - 1] : NULL;
    const struct sim_truth *t = s ? sim_journal_truth(j, account_id(j, a), s->day) : NULL;

    SIM_CHECK(t, "%s never logged in", a->user);
    SIM_CHECK(s->day == j->day && t->used == s->seen && s->modelled == s->seen,
              "%s day %u: saw %llu messages, the journal has %llu", a->user, s->day,
              (unsigned long long)s->seen, (unsigned long long)t->used);
    check_live(a, s);
}

/* ---- sinks ---- */

/* Takes over what transaction `tx` says of names. */
static void names_follow(struct export_names *names, const struct sim_journal *j,
                         const struct sim_tx *tx)
{
    for (u32 at = 0; at < tx->used; at += msg_slots(&j->slots[tx->at + at]))
        export_names_note(names, (const union msg *)(const void *)&j->slots[tx->at + at]);
}

/* The row has the firm that its account had then. */
static void check_firm(const struct export_names *names, const struct fake_row *r, u32 account)
{
    const char *firm = export_names_account(names, account)->firm;

    SIM_CHECK(memcmp(r->firm, firm, sizeof r->firm) == 0,
              "database: a row of transaction %llu has firm %.4s, not %.4s",
              (unsigned long long)r->seq, r->firm, firm);
}

void sim_oracle_database(const struct sim_journal *j, const struct fake_far *far,
                         struct export_names *names)
{
    u64 row = 0;

    for (u64 i = 0; i < j->used; i++) {
        const struct sim_tx *tx = &j->txs[i];
        u32 idx = 0;
        if (names)
            names_follow(names, j, tx);
        for (u32 at = 0; at < tx->used; idx++) {
            const struct slot *slot = &j->slots[tx->at + at];
            at += msg_slots(slot);
            if (msg_is_command(((const u8 *)slot)[0]))
                continue;
            SIM_CHECK(row < far->used, "database: no row for event %u of transaction %llu", idx,
                      (unsigned long long)i + 1);
            const struct fake_row *r = &far->rows[row++];
            SIM_CHECK(r->seq == i + 1 && r->idx == idx && r->day == tx->day,
                      "database: row %llu is (%llu, %u, %u), not (%llu, %u, %u)",
                      (unsigned long long)row, (unsigned long long)r->seq, r->idx, r->day,
                      (unsigned long long)i + 1, idx, tx->day);
            SIM_CHECK(memcmp(&r->first, slot, sizeof *slot) == 0,
                      "database: row %llu of transaction %llu has other bytes",
                      (unsigned long long)row, (unsigned long long)i + 1);
            if (names)
                check_firm(names, r, ((const struct event_head *)(const void *)slot)->account);
        }
    }
    SIM_CHECK(row == far->used, "database: %llu rows too many",
              (unsigned long long)(far->used - row));
    SIM_CHECK(far->mark.seq == j->used, "database: the mark is %llu, the journal ends at %llu",
              (unsigned long long)far->mark.seq, (unsigned long long)j->used);
}

void sim_oracle_redis(const struct sim_journal *j, const struct sim_redis *far,
                      const struct export_names *names)
{
    u64 entry = 0;

    for (u64 i = 0; i < j->used; i++) {
        const struct sim_tx *tx = &j->txs[i];
        struct sink_tx as_sink = {.seq = i + 1,
                                  .day = tx->day,
                                  .used = tx->used,
                                  .slots = &j->slots[tx->at],
                                  .names = names};
        struct sim_entry want = sim_redis_entry(&as_sink);
        if (want.executions == 0)
            continue;
        SIM_CHECK(entry < far->used, "redis: no entry for transaction %llu",
                  (unsigned long long)i + 1);
        const struct sim_entry *got = &far->entries[entry++];
        SIM_CHECK(got->seq == want.seq && got->day == want.day &&
                      got->executions == want.executions && got->sum == want.sum,
                  "redis: entry %llu is (%llu, day %u, %u fills), not (%llu, day %u, %u fills)",
                  (unsigned long long)entry, (unsigned long long)got->seq, got->day,
                  got->executions, (unsigned long long)want.seq, want.day, want.executions);
    }
    SIM_CHECK(entry == far->used, "redis: %llu entries too many",
              (unsigned long long)(far->used - entry));
    SIM_CHECK(far->mark.seq == j->used, "redis: the mark is %llu, the journal ends at %llu",
              (unsigned long long)far->mark.seq, (unsigned long long)j->used);
}
