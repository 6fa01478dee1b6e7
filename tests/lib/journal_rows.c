/*
 * journal_rows.c - see journal_rows.h. Written apart from persist/copy_rows.c and redis_batch.c on
 * purpose: what both say is likely to be right.
 */
#include "tests/lib/journal_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The date of a made journal's beginning: of what happens before its first day. */
#define FIRST_DAY 20261122u

static void add_common(FILE *out, const union msg *m, u32 idx)
{
    time_t sec = (time_t)(m->ev.time_ns / NS_PER_SEC);
    struct tm tm;

    gmtime_r(&sec, &tm);
    fprintf(out, "3|%llu|%u|%04d-%02d-%02d %02d:%02d:%02d.%06u|%u|", (unsigned long long)m->ev.seq,
            idx, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
            (u32)(m->ev.time_ns % NS_PER_SEC / 1000), (u32)(m->ev.time_ns % 1000));
}

static void add_who(FILE *out, const union msg *m, u16 instrument, const char *firm)
{
    fprintf(out, "%llu|%u|USER%u|", (unsigned long long)m->ev.session_seq, m->ev.account,
            m->ev.account);
    if (firm)
        fprintf(out, "%.4s|SYM%u|", firm, instrument);
    else
        fprintf(out, "F%03u|SYM%u|", m->ev.account, instrument);
}

static void add_day(FILE *out, u32 day)
{
    fprintf(out, "%04u-%02u-%02u|", day / 10000, day / 100 % 100, day % 100);
}

static void add_execution(FILE *out, u32 day, const union msg *m, u32 idx)
{
    const struct msg_executed *e = &m->executed;

    add_day(out, day);
    add_common(out, m, idx);
    add_who(out, m, e->instrument, NULL);
    fprintf(out, "%llu|%u|%u|%c|%u|%u.%04u|%c|%c|%llu\n", (unsigned long long)e->order_ref,
            e->user_ref, e->user_ref_idx, m->ev.flags & MSG_SELL ? 'S' : 'B', e->qty,
            e->price / 10000, e->price % 10000, e->liquidity, m->ev.flags & MSG_TAKER ? 't' : 'f',
            (unsigned long long)e->match);
}

static void add_entered(FILE *out, const union msg *m)
{
    const struct msg_order *o = &m->order;
    bool tags = o->terms.tags != 0;

    add_who(out, m, o->instrument, tags ? "HOUS" : NULL);
    fprintf(out, "%c|%llu|%u|%u|", m->ev.type == EV_REPLACED ? 'U' : 'A',
            (unsigned long long)o->order_ref, o->user_ref, o->user_ref_idx);
    if (m->ev.type == EV_REPLACED)
        fprintf(out, "%u", o->orig_user_ref);
    fprintf(out, "|%c|%u|%u|%u.%04u|%c|%c|%c|%c|f||%.*s|%s\n", o->side, o->qty, o->qty,
            o->price / 10000, o->price % 10000, o->tif, o->display, o->capacity, o->cross_type,
            (int)export_names_trim(o->terms.clordid, 14), o->terms.clordid,
            tags ? "{\"min_qty\": 100}" : "");
}

static void add_cancelled(FILE *out, const union msg *m)
{
    const struct msg_cancelled *c = &m->cancelled;

    add_who(out, m, c->instrument, NULL);
    fprintf(out, "C|%llu|%u|%u||%c|%u|%u||||||%s|%c||\n", (unsigned long long)c->order_ref,
            c->user_ref, c->user_ref_idx, m->ev.flags & MSG_SELL ? 'S' : 'B', c->qty, c->leaves, "",
            c->reason);
}

static void add_prevented(FILE *out, const union msg *m)
{
    const struct msg_aiq_cancelled *c = &m->aiq;

    add_who(out, m, c->instrument, NULL);
    fprintf(out,
            "D|%llu|%u|%u||%c|%u|%u|%u.%04u||||||Q||{\"taker\": %s, \"strategy\": \"%c\", "
            "\"prevented\": %u}\n",
            (unsigned long long)c->order_ref, c->user_ref, c->user_ref_idx,
            m->ev.flags & MSG_SELL ? 'S' : 'B', c->qty, c->leaves, c->price / 10000,
            c->price % 10000, m->ev.flags & MSG_TAKER ? "true" : "false", c->strategy,
            c->prevented);
}

static void add_modified(FILE *out, const union msg *m)
{
    const struct msg_modified *d = &m->modified;

    add_who(out, m, d->instrument, NULL);
    fprintf(out, "M|%llu|%u|%u||%c|%u|%u|||||||||%s\n", (unsigned long long)d->order_ref,
            d->user_ref, d->user_ref_idx, d->side, d->qty, d->leaves,
            d->located == 'Y' ? "{\"shares_located\": true}" : "");
}

/* EV_RESTATED, EV_CANCEL_PENDING, EV_CANCEL_REJECTED, EV_PRIORITY. */
static void add_quiet(FILE *out, const union msg *m)
{
    if (m->ev.type == EV_RESTATED) {
        const struct msg_restated *r = &m->restated;
        add_who(out, m, r->instrument, NULL);
        fprintf(out, "R|%llu|%u|%u||%c|%u||%u.%04u||||||R||{\"secondary\": %llu}\n",
                (unsigned long long)r->order_ref, r->user_ref, r->user_ref_idx,
                m->ev.flags & MSG_SELL ? 'S' : 'B', r->qty, r->price / 10000, r->price % 10000,
                (unsigned long long)r->secondary);
    } else if (m->ev.type == EV_PRIORITY) {
        const struct msg_priority *t = &m->priority;
        add_who(out, m, t->instrument, NULL);
        fprintf(out, "T|%llu|%u|%u|||||%u.%04u||%c||||||{\"old_order_ref\": %llu}\n",
                (unsigned long long)t->order_ref, t->user_ref, t->user_ref_idx, t->price / 10000,
                t->price % 10000, t->display, (unsigned long long)t->old_order_ref);
    } else {
        const struct msg_late *l = &m->late;
        add_who(out, m, l->instrument, NULL);
        fprintf(out, "%c|%llu|%u|%u|||||||||||||\n", m->ev.type == EV_CANCEL_PENDING ? 'P' : 'I',
                (unsigned long long)l->order_ref, l->user_ref, l->user_ref_idx);
    }
}

static void add_order(FILE *out, u32 day, const union msg *m, u32 idx)
{
    add_day(out, day);
    add_common(out, m, idx);
    if (m->ev.type == EV_CANCELLED)
        add_cancelled(out, m);
    else if (m->ev.type == EV_AIQ_CANCELLED)
        add_prevented(out, m);
    else if (m->ev.type == EV_MODIFIED)
        add_modified(out, m);
    else if (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED)
        add_entered(out, m);
    else
        add_quiet(out, m);
}

static void add_broken(FILE *out, u32 day, const union msg *m, u32 idx)
{
    add_day(out, day);
    add_common(out, m, idx);
    fprintf(out, "%llu|%u|USER%u|F%03u|%llu|%u|0|S|BROKEN\n", (unsigned long long)m->ev.session_seq,
            m->ev.account, m->ev.account, m->ev.account, (unsigned long long)m->broken.match,
            m->broken.user_ref);
}

/* session_seq, account, user_name, event, firm, symbol, side, group_id, user_ref, user_ref_idx. */
static void add_control(FILE *out, u32 day, const union msg *m, u32 idx)
{
    unsigned long long number = m->ev.session_seq;

    add_day(out, day);
    add_common(out, m, idx);
    if (m->ev.type == EV_MASS_CANCELLED)
        fprintf(out, "%llu|%u|USER%u|mass cancel||SYM2|S|7|%u|0\n", number, m->ev.account,
                m->ev.account, m->mass.user_ref);
    else if (m->ev.type == EV_DISABLED || m->ev.type == EV_ENABLED)
        fprintf(out, "%llu|%u|USER%u|%s|HOUS||||%u|0\n", number, m->ev.account, m->ev.account,
                m->ev.type == EV_DISABLED ? "disable" : "enable", m->firm.user_ref);
    else
        fprintf(out, "|%s|%s|%s|||||\n", m->kill.scope == KILL_ACCOUNT ? "3|USER3" : "|",
                m->ev.type == EV_KILLED ? "kill" : "restore",
                m->kill.scope == KILL_FIRM ? "F002" : "");
}

/* As to_char prints it, in UTC. */
static void add_until(FILE *out, u64 ns)
{
    time_t sec = (time_t)(ns / NS_PER_SEC);
    struct tm tm;

    gmtime_r(&sec, &tm);
    fprintf(out, "%02d:%02d:%02d.%06u", tm.tm_hour, tm.tm_min, tm.tm_sec,
            (u32)(ns % NS_PER_SEC / 1000));
}

/*
 * event, symbol, phase, next, cross_type, reason, wide, late, until, price, reference, lower,
 * upper, paired, imbalance, imbalance_side.
 */
static void add_market(FILE *out, u32 day, const union msg *m, u32 idx)
{
    add_day(out, day);
    add_common(out, m, idx);
    if (m->ev.type == EV_COURSE) {
        fprintf(out, "course|SYM%u|T|||S|t|f|", m->course.instrument);
        add_until(out, m->course.due_ns);
        fprintf(out, "|||||||\n");
    } else if (m->ev.type == EV_PHASE) {
        fprintf(out, "phase|SYM%u|V|T|H|L|f|t|", m->phase.instrument);
        add_until(out, m->phase.until_ns);
        fprintf(out, "||100.0000|95.0000|105.0000|||\n");
    } else if (m->ev.type == EV_CROSS) {
        fprintf(out, "cross|SYM%u|||H|||||%s||||300|100|B\n", m->cross.instrument,
                m->cross.price ? "100.0000" : "");
    } else {
        fprintf(out, "bands|SYM%u|||||||||100.0100|95.0100|105.0100|||\n", m->bands.instrument);
    }
}

static void add_raw(FILE *out, u32 day, const struct slot *slots, u32 used)
{
    const union msg *m = (const union msg *)(const void *)slots;
    const u8 *bytes = (const u8 *)slots;

    add_day(out, day);
    fprintf(out, "3|%llu|%llu|", (unsigned long long)m->cmd.seq,
            (unsigned long long)m->cmd.time_ns);
    for (u32 i = 0; i < used * sizeof slots[0]; i++)
        fprintf(out, "%02x", bytes[i]);
    fputc('\n', out);
}

static void add_reject(FILE *out, u32 day, const union msg *command, const union msg *m, u32 idx)
{
    add_day(out, day);
    add_common(out, m, idx);
    add_who(out, m, m->rejected.instrument, NULL);
    fprintf(out, "O|%u|%u|%c|%u|%u.%04u|%u|%.*s\n", m->rejected.user_ref, m->rejected.user_ref_idx,
            command->enter.side, command->enter.qty, command->enter.price / 10000,
            command->enter.price % 10000, m->rejected.reason,
            (int)export_names_trim(m->rejected.clordid, 14), m->rejected.clordid);
}

/* The letter of the table that has the event's row; 0: none of them. */
static char table_of(u8 type)
{
    switch (type) {
    case EV_EXECUTED:
        return 'E';
    case EV_ACCEPTED:
    case EV_REPLACED:
    case EV_CANCELLED:
    case EV_AIQ_CANCELLED:
    case EV_MODIFIED:
    case EV_RESTATED:
    case EV_CANCEL_PENDING:
    case EV_CANCEL_REJECTED:
    case EV_PRIORITY:
        return 'O';
    case EV_REJECTED:
        return 'R';
    case EV_BROKEN:
        return 'B';
    case EV_MASS_CANCELLED:
    case EV_DISABLED:
    case EV_ENABLED:
    case EV_KILLED:
    case EV_RESTORED:
        return 'K';
    case EV_COURSE:
    case EV_PHASE:
    case EV_CROSS:
    case EV_BANDS:
        return 'M';
    }
    return 0;
}

static void add_row(FILE *out, char table, u32 day, const union msg *command, const union msg *m,
                    u32 idx)
{
    if (table == 'E')
        add_execution(out, day, m, idx);
    else if (table == 'O')
        add_order(out, day, m, idx);
    else if (table == 'R')
        add_reject(out, day, command, m, idx);
    else if (table == 'B')
        add_broken(out, day, m, idx);
    else if (table == 'K')
        add_control(out, day, m, idx);
    else
        add_market(out, day, m, idx);
}

char *journal_rows(const struct made_journal *j, char table)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    u32 day = 0;

    for (u64 seq = 1; seq <= j->txs; seq++) {
        u32 used, idx = 0;
        const struct slot *slots = made_journal_tx(j, seq, &used);
        for (u32 i = 0; i < used; i += msg_slots(&slots[i]), idx++) {
            const union msg *m = (const union msg *)(const void *)&slots[i];
            if (m->ev.type == EV_DAY_OPENED)
                day = m->day.day;
            if (table != 'L' && table_of(m->ev.type) == table)
                add_row(out, table, day, (const union msg *)(const void *)slots, m, idx);
        }
        if (table == 'L')
            add_raw(out, day ? day : FIRST_DAY, slots, used);
    }
    fclose(out);
    if (size > 0)
        text[size - 1] = '\0'; /* the last newline */
    return text;
}

static void set_fill(struct fill *f, u32 shard, u32 day, const union msg *m, u32 idx)
{
    f->version = 1;
    f->seq = m->ev.seq;
    f->idx = idx;
    f->shard = shard;
    f->day = day;
    f->time_ns = m->ev.time_ns;
    f->match = m->executed.match;
    f->qty = m->executed.qty;
    f->price = m->executed.price;
    f->side = m->ev.flags & MSG_SELL ? 'S' : 'B';
    f->taker = (m->ev.flags & MSG_TAKER) != 0;
    f->account = m->ev.account;
    f->order_ref = m->executed.order_ref;
    f->user_ref = m->executed.user_ref;
    f->user_ref_idx = m->executed.user_ref_idx;
    f->session_seq = m->ev.session_seq;
    f->liquidity = (char)m->executed.liquidity;
    snprintf(f->symbol, sizeof f->symbol, "SYM%u", m->executed.instrument % 10);
    snprintf(f->user, sizeof f->user, "USER%u", m->ev.account % 10);
    snprintf(f->firm, sizeof f->firm, "F%03u", m->ev.account % 10);
}

struct fill *journal_fills(const struct made_journal *j, u32 shard)
{
    struct fill *fills = calloc(j->executions + 1, sizeof fills[0]);
    u64 at = 0;
    u32 day = 0;

    ASSERT(fills != NULL);
    for (u64 seq = 1; seq <= j->txs; seq++) {
        u32 used, idx = 0;
        const struct slot *slots = made_journal_tx(j, seq, &used);
        for (u32 i = 0; i < used; i += msg_slots(&slots[i]), idx++) {
            const union msg *m = (const union msg *)(const void *)&slots[i];
            if (m->ev.type == EV_DAY_OPENED)
                day = m->day.day;
            if (m->ev.type == EV_EXECUTED)
                set_fill(&fills[at++], shard, day, m, idx);
        }
    }
    ASSERT_EQ(at, j->executions);
    return fills;
}
