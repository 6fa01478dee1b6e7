/*
 * journal_rows.c - see journal_rows.h. Written apart from persist/copy_rows.c and redis_batch.c on
 * purpose: what both say is likely to be right.
 */
#include "tests/lib/journal_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static void add_order(FILE *out, u32 day, const union msg *m, u32 idx)
{
    const struct msg_order *o = &m->order;
    bool tags = o->terms.tags != 0;

    add_day(out, day);
    add_common(out, m, idx);
    if (m->ev.type == EV_CANCELLED) {
        const struct msg_cancelled *c = &m->cancelled;
        add_who(out, m, c->instrument, NULL);
        fprintf(out, "C|%llu|%u|%u||%c|%u|%u||||||%s|%c||\n", (unsigned long long)c->order_ref,
                c->user_ref, c->user_ref_idx, m->ev.flags & MSG_SELL ? 'S' : 'B', c->qty, c->leaves,
                "", c->reason);
        return;
    }
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
            u8 type = m->ev.type;
            if (type == EV_DAY_OPENED)
                day = m->day.day;
            if (table == 'E' && type == EV_EXECUTED)
                add_execution(out, day, m, idx);
            if (table == 'O' &&
                (type == EV_ACCEPTED || type == EV_REPLACED || type == EV_CANCELLED))
                add_order(out, day, m, idx);
            if (table == 'R' && type == EV_REJECTED)
                add_reject(out, day, (const union msg *)(const void *)slots, m, idx);
        }
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
