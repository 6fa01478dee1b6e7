/*
 * steer.c - see steer.h. Threads: main's at the start and the end, admin's in between.
 *
 * Looks a trade up by its match number: once through the day's journal for its two halves, once
 * more for the orders that they belong to (their ClOrdID and firm), SEARCH_TX transactions a call,
 * so that other requests are not kept. Failure modes: a day whose journal is partly gone
 * (recycled): the trade is not found.
 */
#include "gateway/steer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "gateway/admin/control.h"
#include "gateway/steer_snapshot.h"
#include "persist/cursor.h"

#define SEARCH_TX 20000u

struct steer {
    struct topology *topology;
    struct operate operate;
    struct control *control;
    struct cursor *cursor; /* of the search; NULL: none yet */
    u32 halves;            /* found so far */
    u64 fill_seq;          /* the transaction that they are in */
    bool terms;            /* the second pass is under way */
};

static void search_begin(struct steer *s)
{
    u64 day_seq = s->topology->recovered.day_seq;
    u64 from = max_u64(day_seq ? day_seq : s->topology->recovered.last_seq, 1);

    if (!s->cursor) {
        struct cursor_conf conf = topology_cursor(s->topology);
        s->cursor = cursor_new(&conf, from);
    } else {
        cursor_seek(s->cursor, from);
    }
}

/* One half of the trade. */
static void half_note(struct steer *s, struct msg_break *b, const struct msg_executed *x)
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

/* The order of one of the halves. */
static void terms_note(struct msg_break *b, const struct msg_order *o)
{
    for (u32 i = 0; i < ARRAY_LEN(b->side); i++) {
        struct broken_side *side = &b->side[i];
        if (side->account != o->head.account || side->user_ref != o->user_ref ||
            side->user_ref_idx != o->user_ref_idx)
            continue;
        memcpy(side->clordid, o->terms.clordid, sizeof side->clordid);
        memcpy(b->firm[i], o->terms.tags & TAG_BIT(2) ? o->terms.firm : "    ", 4);
    }
}

static void transaction_note(struct steer *s, struct msg_break *b, const struct cursor_tx *tx)
{
    for (u32 at = 0; at < tx->used; at += msg_slots(&tx->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        if (!s->terms && m->ev.type == EV_EXECUTED)
            half_note(s, b, &m->executed);
        else if (s->terms && (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED))
            terms_note(b, &m->order);
    }
}

static enum operate_found trade_find(void *ctx, struct msg_break *b, bool again)
{
    struct steer *s = ctx;
    struct cursor_tx tx;

    if (again) {
        s->halves = 0;
        s->terms = false;
        search_begin(s);
    }
    for (u32 i = 0; i < SEARCH_TX; i++) {
        if (cursor_next(s->cursor, &tx) != CURSOR_TX)
            return FOUND_NONE;
        transaction_note(s, b, &tx);
        if (!s->terms && s->halves == 2) {
            s->terms = true;
            search_begin(s);
        } else if (s->terms && tx.seq == s->fill_seq) {
            return FOUND_TRADE;
        }
    }
    return FOUND_NOT_YET;
}

/* The same way out as by the service manager's signal; main waits for it. */
static void drain(void *ctx)
{
    (void)ctx;
    kill(getpid(), SIGTERM);
}

int steer_open(const struct conf *conf, struct topology *t, struct steer **out)
{
    struct steer *s;

    *out = NULL;
    if (!conf->control.socket[0])
        return 0;
    s = calloc(1, sizeof *s);
    ASSERT(s != NULL);
    s->topology = t;
    struct operate_conf oc = {
        .cmds = &t->rings.admin_cmd,
        .answers = &t->rings.admin_answers,
        .durable_seq = &persist_durable(t->persist)->seq,
        .trade_find = trade_find,
        .drain = drain,
        .ctx = s,
        .snapshots = steer_snapshots(t),
    };
    struct control_conf cc = {
        .path = conf->control.socket,
        .group = conf->control.group,
        .roles.words = {[ROLE_VIEWER] = conf->control.viewers,
                        [ROLE_OPERATOR] = conf->control.operators,
                        [ROLE_ADMIN] = conf->control.admins},
    };
    if (roles_check(&cc.roles, stderr) != 0) {
        free(s);
        return 1;
    }
    operate_init(&s->operate, &oc, clock_now_ns() / NS_PER_MS * 1000);
    s->control = control_new(&cc, &s->operate);
    if (!s->control) {
        free(s);
        return 1;
    }
    control_register_metrics(s->control);
    admin_steer(&t->admin, s->control);
    *out = s;
    return 0;
}

void steer_close(struct steer *s)
{
    if (!s)
        return;
    control_free(s->control);
    if (s->cursor)
        cursor_free(s->cursor);
    free(s);
}
