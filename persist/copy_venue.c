/*
 * copy_venue.c - rows of the venue's course: sessions, reference data, starts and days, what
 * operators and clients stop, and each instrument's day.
 *
 * Cold thread; see copy_impl.h. The order of the columns is that of copy_rows.c's table list.
 */
#include <string.h>

#include "persist/copy_impl.h"

/* EV_BOUND, EV_UNBOUND, EV_LOGIN_REJECTED. */
void row_session(struct rows *w, const union msg *m, u32 idx)
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

void row_instrument(struct rows *w, const union msg *m, u32 idx)
{
    struct copy_row r = row_begin(w, COPY_INSTRUMENTS, m, idx);

    copy_i32(&r, m->instrument.instrument);
    copy_text(&r, m->instrument.symbol, sizeof m->instrument.symbol);
    copy_price(&r, m->instrument.tick);
    copy_i32(&r, m->instrument.lot);
    copy_bool(&r, m->instrument.halted);
    copy_row_end(&r);
}

void row_account(struct rows *w, const union msg *m, u32 idx)
{
    struct copy_row r = row_begin(w, COPY_ACCOUNTS, m, idx);

    copy_i32(&r, m->ev.account);
    copy_text(&r, m->account.user, sizeof m->account.user);
    copy_text(&r, m->account.firm, sizeof m->account.firm);
    copy_bool(&r, m->account.disabled);
    copy_row_end(&r);
}

/* EV_STARTED, EV_DAY_OPENED, EV_DAY_ENDED. */
void row_venue(struct rows *w, const union msg *m, u32 idx)
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

/* ---- controls ---- */

struct control {
    const char *event;
    u32 account; /* 0: none */
    const char *firm;
    const char *symbol; /* NULL: none */
    u8 side;
    bool has_group;
    u16 group;
    bool of_client;
    u32 user_ref;
    u8 user_ref_idx;
};

static void row_control(struct rows *w, const union msg *m, u32 idx, const struct control *c)
{
    const struct export_account *a = export_names_account(w->tx->names, c->account);
    struct copy_row r = row_begin(w, COPY_CONTROLS, m, idx);

    if (c->of_client)
        copy_i64(&r, m->ev.session_seq);
    else
        copy_null(&r);
    if (c->account)
        copy_i32(&r, c->account);
    else
        copy_null(&r);
    copy_text(&r, a->user, sizeof a->user);
    copy_text(&r, c->event, (u32)strlen(c->event));
    copy_text(&r, c->firm, 4);
    copy_text(&r, c->symbol ? c->symbol : "", c->symbol ? 8 : 0);
    copy_char(&r, c->side);
    if (c->has_group)
        copy_i32(&r, c->group);
    else
        copy_null(&r);
    if (c->of_client) {
        copy_i64(&r, c->user_ref);
        copy_i16(&r, c->user_ref_idx);
    } else {
        copy_null(&r);
        copy_null(&r);
    }
    copy_row_end(&r);
}

void row_mass(struct rows *w, const union msg *m, u32 idx)
{
    const struct control c = {
        .event = "mass cancel",
        .account = m->ev.account,
        .firm = m->mass.firm,
        .symbol = m->mass.symbol,
        .side = m->mass.side,
        .has_group = m->mass.has_group,
        .group = m->mass.group_id,
        .of_client = true,
        .user_ref = m->mass.user_ref,
        .user_ref_idx = m->mass.user_ref_idx,
    };

    row_control(w, m, idx, &c);
}

void row_firm(struct rows *w, const union msg *m, u32 idx)
{
    const struct control c = {
        .event = m->ev.type == EV_DISABLED ? "disable" : "enable",
        .account = m->ev.account,
        .firm = m->firm.firm,
        .of_client = true,
        .user_ref = m->firm.user_ref,
        .user_ref_idx = m->firm.user_ref_idx,
    };

    row_control(w, m, idx, &c);
}

void row_kill(struct rows *w, const union msg *m, u32 idx)
{
    const struct control c = {
        .event = m->ev.type == EV_KILLED ? "kill" : "restore",
        .account = m->kill.account,
        .firm = m->kill.firm,
    };

    row_control(w, m, idx, &c);
}

/* ---- the market ---- */

/* A row of market; what an event does not say is 0, and NULL in the table. */
struct market_fact {
    const char *event;
    u16 instrument;
    u8 phase;
    u8 next;
    u8 cross;
    u8 reason;
    bool has_terms; /* wide and late are said */
    u8 wide;
    u8 late;
    u64 until_ns;
    u32 price;
    u32 reference;
    u32 lower;
    u32 upper;
    bool has_cross; /* paired and imbalance are said */
    u64 paired;
    u64 imbalance;
    u8 imbalance_side;
};

static void price_or_null(struct copy_row *r, u32 price)
{
    if (price == 0)
        copy_null(r);
    else
        copy_price(r, price);
}

static void bool_or_null(struct copy_row *r, bool said, u8 x)
{
    if (said)
        copy_bool(r, x);
    else
        copy_null(r);
}

static void shares_or_null(struct copy_row *r, bool said, u64 x)
{
    if (said)
        copy_i64(r, x);
    else
        copy_null(r);
}

static void row_market(struct rows *w, const union msg *m, u32 idx, const struct market_fact *f)
{
    struct copy_row r = row_begin(w, COPY_MARKET, m, idx);

    copy_text(&r, f->event, (u32)strlen(f->event));
    copy_text(&r, export_names_symbol(w->tx->names, f->instrument), 8);
    copy_char(&r, f->phase);
    copy_char(&r, f->next);
    copy_char(&r, f->cross);
    copy_char(&r, f->reason);
    bool_or_null(&r, f->has_terms, f->wide);
    bool_or_null(&r, f->has_terms, f->late);
    copy_timestamp(&r, f->until_ns);
    price_or_null(&r, f->price);
    price_or_null(&r, f->reference);
    price_or_null(&r, f->lower);
    price_or_null(&r, f->upper);
    shares_or_null(&r, f->has_cross, f->paired);
    shares_or_null(&r, f->has_cross, f->imbalance);
    copy_char(&r, f->imbalance_side);
    copy_row_end(&r);
}

void row_course(struct rows *w, const union msg *m, u32 idx)
{
    const struct market_fact f = {
        .event = "course",
        .instrument = m->course.instrument,
        .phase = m->course.phase,
        .reason = m->course.reason,
        .has_terms = true,
        .wide = m->course.wide,
        .late = m->course.late,
        .until_ns = m->course.due_ns,
    };

    row_market(w, m, idx, &f);
}

void row_phase(struct rows *w, const union msg *m, u32 idx)
{
    const struct market_fact f = {
        .event = "phase",
        .instrument = m->phase.instrument,
        .phase = m->phase.phase,
        .next = m->phase.next,
        .cross = m->phase.cross,
        .reason = m->phase.reason,
        .has_terms = true,
        .wide = m->phase.wide,
        .late = m->phase.late,
        .until_ns = m->phase.until_ns,
        .reference = m->phase.reference,
        .lower = m->phase.lower,
        .upper = m->phase.upper,
    };

    row_market(w, m, idx, &f);
}

void row_cross(struct rows *w, const union msg *m, u32 idx)
{
    const struct market_fact f = {
        .event = "cross",
        .instrument = m->cross.instrument,
        .cross = m->cross.cross,
        .price = m->cross.price,
        .has_cross = true,
        .paired = m->cross.paired,
        .imbalance = m->cross.imbalance,
        .imbalance_side = m->cross.side,
    };

    row_market(w, m, idx, &f);
}

void row_bands(struct rows *w, const union msg *m, u32 idx)
{
    const struct market_fact f = {
        .event = "bands",
        .instrument = m->bands.instrument,
        .reference = m->bands.reference,
        .lower = m->bands.lower,
        .upper = m->bands.upper,
    };

    row_market(w, m, idx, &f);
}
