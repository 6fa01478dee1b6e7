/*
 * copy_order.c - rows of what happens to orders: tables orders, executions, rejects, broken_trades.
 *
 * Cold thread; see copy_impl.h. The order of the columns is that of copy_rows.c's table list.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "persist/copy_impl.h"

void row_executed(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_executed *e = &m->executed;
    struct copy_row r = row_begin(w, COPY_EXECUTIONS, m, idx);

    row_who(&r, w, m, NULL, e->instrument);
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
void row_order(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_order *o = &m->order;
    bool own_firm = o->terms.tags & TAG_BIT(2), replaced = m->ev.type == EV_REPLACED;
    struct copy_row r = row_begin(w, COPY_ORDERS, m, idx);

    row_who(&r, w, m, own_firm ? o->terms.firm : NULL, o->instrument);
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

/* What an event of an order says beside A and U; what is NONE or 0 is NULL. */
struct order_fact {
    u64 order_ref;
    u32 user_ref;
    u16 instrument;
    u8 user_ref_idx;
    u8 event;
    u8 side;
    u8 display;
    u8 reason;
    u32 qty;
    u32 leaves;
    u32 price;
    const char *json; /* options */
};

#define NONE UINT32_MAX

static void number_or_null(struct copy_row *r, u32 x)
{
    if (x == NONE)
        copy_null(r);
    else
        copy_i32(r, x);
}

static void row_fact(struct rows *w, const union msg *m, u32 idx, const struct order_fact *f)
{
    struct copy_row r = row_begin(w, COPY_ORDERS, m, idx);

    row_who(&r, w, m, NULL, f->instrument);
    copy_char(&r, f->event);
    copy_i64(&r, f->order_ref);
    copy_i64(&r, f->user_ref);
    copy_i16(&r, f->user_ref_idx);
    copy_null(&r); /* orig_user_ref */
    copy_char(&r, f->side);
    number_or_null(&r, f->qty);
    number_or_null(&r, f->leaves);
    if (f->price == NONE)
        copy_null(&r);
    else
        copy_price(&r, f->price);
    copy_null(&r); /* tif */
    copy_char(&r, f->display);
    copy_null(&r); /* capacity */
    copy_null(&r); /* cross_type */
    copy_null(&r); /* iso */
    copy_char(&r, f->reason);
    copy_null(&r); /* clordid */
    if (f->json)
        copy_json(&r, f->json);
    else
        copy_null(&r);
    copy_row_end(&r);
}

static u8 side_of_flags(const union msg *m)
{
    return m->ev.flags & MSG_SELL ? 'S' : 'B';
}

void row_cancelled(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_cancelled *c = &m->cancelled;
    const struct order_fact f = {
        .event = 'C',
        .order_ref = c->order_ref,
        .user_ref = c->user_ref,
        .user_ref_idx = c->user_ref_idx,
        .instrument = c->instrument,
        .side = side_of_flags(m),
        .qty = c->qty,
        .leaves = c->leaves,
        .price = NONE,
        .reason = c->reason,
    };

    row_fact(w, m, idx, &f);
}

/* A letter of ours in JSON; strategies and the like are never quotes. */
static char letter(u8 c)
{
    return c > ' ' && c <= '~' && c != '"' && c != '\\' ? (char)c : '?';
}

void row_aiq_cancelled(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_aiq_cancelled *c = &m->aiq;
    char json[96];
    const struct order_fact f = {
        .event = 'D',
        .order_ref = c->order_ref,
        .user_ref = c->user_ref,
        .user_ref_idx = c->user_ref_idx,
        .instrument = c->instrument,
        .side = side_of_flags(m),
        .qty = c->qty,
        .leaves = c->leaves,
        .price = c->price,
        .reason = 'Q',
        .json = json,
    };

    snprintf(json, sizeof json, "{\"prevented\":%u,\"strategy\":\"%c\",\"taker\":%s}", c->prevented,
             letter(c->strategy), m->ev.flags & MSG_TAKER ? "true" : "false");
    row_fact(w, m, idx, &f);
}

void row_modified(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_modified *d = &m->modified;
    struct order_terms located = {.tags = (d->located ? TAG_BIT(25) : 0) |
                                          (d->locate_broker[0] ? TAG_BIT(26) : 0),
                                  .yes = d->located == 'Y' ? YES_SHARES_LOCATED : 0};
    struct copy_row r = row_begin(w, COPY_ORDERS, m, idx);

    memcpy(located.locate_broker, d->locate_broker, sizeof located.locate_broker);
    row_who(&r, w, m, NULL, d->instrument);
    copy_char(&r, 'M');
    copy_i64(&r, d->order_ref);
    copy_i64(&r, d->user_ref);
    copy_i16(&r, d->user_ref_idx);
    copy_null(&r); /* orig_user_ref */
    copy_char(&r, d->side);
    copy_i32(&r, d->qty);
    copy_i32(&r, d->leaves);
    for (u32 i = 0; i < 8; i++)
        copy_null(&r); /* price to clordid */
    copy_options(&r, &located);
    copy_row_end(&r);
}

void row_restated(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_restated *s = &m->restated;
    char json[64];
    const struct order_fact f = {
        .event = 'R',
        .order_ref = s->order_ref,
        .user_ref = s->user_ref,
        .user_ref_idx = s->user_ref_idx,
        .instrument = s->instrument,
        .side = side_of_flags(m),
        .qty = s->qty,
        .leaves = NONE,
        .price = s->price,
        .reason = s->reason,
        .json = json,
    };

    snprintf(json, sizeof json, "{\"secondary\":%" PRIu64 "}", s->secondary);
    row_fact(w, m, idx, &f);
}

void row_late(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_late *l = &m->late;
    const struct order_fact f = {
        .event = m->ev.type == EV_CANCEL_PENDING ? 'P' : 'I',
        .order_ref = l->order_ref,
        .user_ref = l->user_ref,
        .user_ref_idx = l->user_ref_idx,
        .instrument = l->instrument,
        .qty = NONE,
        .leaves = NONE,
        .price = NONE,
    };

    row_fact(w, m, idx, &f);
}

void row_priority(struct rows *w, const union msg *m, u32 idx)
{
    const struct msg_priority *t = &m->priority;
    char json[64];
    const struct order_fact f = {
        .event = 'T',
        .order_ref = t->order_ref,
        .user_ref = t->user_ref,
        .user_ref_idx = t->user_ref_idx,
        .instrument = t->instrument,
        .display = t->display,
        .qty = NONE,
        .leaves = NONE,
        .price = t->price,
        .json = json,
    };

    snprintf(json, sizeof json, "{\"old_order_ref\":%" PRIu64 "}", t->old_order_ref);
    row_fact(w, m, idx, &f);
}

void row_broken(struct rows *w, const union msg *m, u32 idx)
{
    const struct export_account *a = export_names_account(w->tx->names, m->ev.account);
    const struct msg_broken *b = &m->broken;
    struct copy_row r = row_begin(w, COPY_BROKEN_TRADES, m, idx);

    copy_i64(&r, m->ev.session_seq);
    copy_i32(&r, m->ev.account);
    copy_text(&r, a->user, sizeof a->user);
    copy_text(&r, a->firm, sizeof a->firm);
    copy_i64(&r, b->match);
    copy_i64(&r, b->user_ref);
    copy_i16(&r, b->user_ref_idx);
    copy_char(&r, b->reason);
    copy_text(&r, b->clordid, sizeof b->clordid);
    copy_row_end(&r);
}

/* What was asked for stands in the transaction's command. */
void row_rejected(struct rows *w, const union msg *m, u32 idx)
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
