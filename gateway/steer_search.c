/*
 * steer_search.c - see steer_search.h.
 *
 * A trade is looked for once through the day's journal for its two halves, once more for the orders
 * that they belong to (their ClOrdID and firm), SEARCH_TX transactions a call, so that other
 * requests are not kept. An order that names no firm has its account's of when it came, which may
 * be another one by now: that firm's limits have counted it. A day that opens on the way is where
 * the next search begins.
 *
 * Failure modes: segments of days that are over have gone since the search before: it goes on at
 * the oldest there is, for those of the open day stay. A journal that cannot be read is no answer:
 * that is said, and nothing of what it holds.
 */
#include "gateway/steer_search.h"

#include <string.h>

#include "engine/base/log.h"

#define SEARCH_TX 20000u

void search_init(struct search *s, const struct cursor_conf *conf, u64 from)
{
    ASSERT_GE(from, 1);
    *s = (struct search){.conf = *conf, .from = from};
}

void search_free(struct search *s)
{
    if (s->cursor)
        cursor_free(s->cursor);
    s->cursor = NULL;
}

static void begin(struct search *s)
{
    if (!s->cursor)
        s->cursor = cursor_new(&s->conf, s->from);
    else
        cursor_seek(s->cursor, s->from);
}

static bool opens_day(const struct cursor_tx *tx)
{
    const union msg *m = (const union msg *)(const void *)tx->slots;

    return m->cmd.type == CMD_DAY_OPEN;
}

/* FOUND_NOT_YET: there is one more transaction. */
static enum operate_found next(struct search *s, struct cursor_tx *tx)
{
    enum cursor_status got = cursor_next(s->cursor, tx);
    u64 oldest = got == CURSOR_GONE ? cursor_oldest(s->cursor) : 0;

    if (oldest > s->from) {
        s->from = oldest;
        begin(s);
        got = cursor_next(s->cursor, tx);
    }
    if (got == CURSOR_WAIT)
        return FOUND_NONE;
    if (got != CURSOR_TX) {
        log_error("the day's journal cannot be searched: %s", cursor_why(s->cursor));
        return FOUND_UNREADABLE;
    }
    if (opens_day(tx))
        s->from = tx->seq;
    return FOUND_NOT_YET;
}

/* One half of the trade. */
static void half_note(struct search *s, struct msg_break *b, const struct msg_executed *x)
{
    if (x->match != b->match || s->halves == 2)
        return;
    b->side[s->halves++] = (struct broken_side){
        .account = x->head.account,
        .user_ref = x->user_ref,
        .user_ref_idx = x->user_ref_idx,
        .sold = (x->head.flags & MSG_SELL) != 0,
    };
    b->qty = x->qty;
    b->price = x->price;
    b->instrument = x->instrument;
    s->fill_seq = x->head.seq;
}

/* What orders of the account that name no firm have from now on. */
static void firm_note(struct search *s, const struct msg_break *b, u32 account, const char firm[4])
{
    for (u32 i = 0; i < ARRAY_LEN(b->side); i++)
        if (b->side[i].account == account)
            memcpy(s->firms[i], firm, sizeof s->firms[i]);
}

/* The order of one of the halves. */
static void terms_note(const struct search *s, struct msg_break *b, const struct msg_order *o)
{
    bool named = (o->terms.tags & TAG_BIT(2)) && memcmp(o->terms.firm, "    ", 4) != 0;

    for (u32 i = 0; i < ARRAY_LEN(b->side); i++) {
        struct broken_side *side = &b->side[i];
        if (side->account != o->head.account || side->user_ref != o->user_ref ||
            side->user_ref_idx != o->user_ref_idx)
            continue;
        memcpy(side->clordid, o->terms.clordid, sizeof side->clordid);
        memcpy(b->firm[i], named ? o->terms.firm : s->firms[i], sizeof b->firm[i]);
    }
}

/* What the second time through is for. */
static void order_note(struct search *s, struct msg_break *b, const union msg *m)
{
    if (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED)
        terms_note(s, b, &m->order);
    else if (m->ev.type == EV_SYSTEM && m->system.code == 'S')
        firm_note(s, b, m->ev.account, m->system.firm);
    else if (m->ev.type == EV_ACCOUNT)
        firm_note(s, b, m->ev.account, m->account.firm);
}

static void transaction_note(struct search *s, struct msg_break *b, const struct cursor_tx *tx)
{
    for (u32 at = 0; at < tx->used; at += msg_slots(&tx->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        if (!s->terms && m->ev.type == EV_EXECUTED)
            half_note(s, b, &m->executed);
        else if (s->terms)
            order_note(s, b, m);
    }
}

enum operate_found search_trade(void *search, struct msg_break *b, bool again)
{
    struct search *s = search;
    enum operate_found found = FOUND_NOT_YET;
    struct cursor_tx tx;

    if (again) {
        s->halves = 0;
        s->terms = false;
        memset(s->firms, ' ', sizeof s->firms);
        begin(s);
    }
    for (u32 i = 0; i < SEARCH_TX && (found = next(s, &tx)) == FOUND_NOT_YET; i++) {
        transaction_note(s, b, &tx);
        if (!s->terms && s->halves == 2) {
            s->terms = true;
            begin(s);
        } else if (s->terms && tx.seq == s->fill_seq) {
            return FOUND_IT;
        }
    }
    return found;
}

/* True when the transaction has what came of the request. */
static bool end_of(const struct cursor_tx *tx, u64 request, struct msg_operated *out)
{
    for (u32 at = 0; at < tx->used; at += msg_slots(&tx->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        if (m->ev.type != EV_OPERATED || m->operated.request != request)
            continue;
        *out = m->operated;
        return true;
    }
    return false;
}

enum operate_found search_request(void *search, u64 request, struct msg_operated *out, bool again)
{
    struct search *s = search;
    enum operate_found found = FOUND_NOT_YET;
    struct cursor_tx tx;

    if (again)
        begin(s);
    for (u32 i = 0; i < SEARCH_TX && (found = next(s, &tx)) == FOUND_NOT_YET; i++)
        if (end_of(&tx, request, out))
            return FOUND_IT;
    return found;
}
