/* engine_stream_risk.c - random limits, checks, profiles, lists. For tests: any thread, no I/O. */
#include "tests/lib/engine_stream_parts.h"

/* Of a profile that is, or may come to be. */
static void profile_name(struct stream *s, char name[8])
{
    memcpy(name, "PROF    ", 8);
    name[4] = (char)('A' + stream_below(s, 6));
}

/* A limit on round numbers, so that orders run into it; sometimes none, or a wrong one. */
void stream_make_limit(struct stream *s, union msg *m)
{
    static const char *const firms[] = {"FIRM", "FRMA", "FRMB", "FRMC", "    "};
    struct msg_limit *c = &m->limit;

    stream_head(s, m, CMD_LIMIT, 0);
    c->scope = (u8)(one_in(s, 30) ? stream_below(s, 5) : 1 + stream_below(s, 2));
    if (c->scope == LIMIT_FIRM) {
        memcpy(c->firm, firms[stream_below(s, ARRAY_LEN(firms))], 4);
    } else {
        memcpy(c->user, "USER  ", 6);
        c->user[4] = (char)('A' + stream_below(s, STREAM_ACCOUNTS + 1));
    }
    c->exposure_max = one_in(s, 3) ? 100000ull * stream_below(s, 30000) : 0;
    c->daily_max = one_in(s, 4) ? 100000ull * stream_below(s, 100000) : 0;
    c->position_max = one_in(s, 3) ? stream_below(s, 20000) : 0;
    c->collar_bps = (u16)(one_in(s, 4) ? stream_below(s, 300) : 0);
    c->open_max = c->scope == LIMIT_FIRM ? one_in(s, 60) : one_in(s, 2) ? stream_below(s, 20) : 0;
    if (one_in(s, 60))
        c->open_max = ORDERS_MAX + stream_below(s, 2);
    if (one_in(s, 60))
        c->daily_max = LIMIT_MONEY_MAX + stream_below(s, 2);
    c->source = (u8)stream_below(s, one_in(s, 60) ? 4 : 2);
    if (c->scope == LIMIT_FIRM ? !one_in(s, 40) : !s->named && one_in(s, 2))
        return;
    c->inherits = (u16)(one_in(s, 40) ? 1 : 0x80u * stream_below(s, 32));
    if (s->named)
        c->inherits = FIELDS_OF_LIMITS;
    c->exposure_max = c->inherits & FIELD_EXPOSURE && !one_in(s, 40) ? 0 : c->exposure_max;
    c->daily_max = c->inherits & FIELD_DAILY ? 0 : c->daily_max;
    c->position_max = c->inherits & FIELD_POSITION ? 0 : c->position_max;
    c->collar_bps = c->inherits & FIELD_LAST ? 0 : c->collar_bps;
    c->open_max = c->inherits & FIELD_OPEN && !one_in(s, 40) ? 0 : c->open_max;
}

/* Checks of an account, of few kinds, so that many are as they were; sometimes impossible ones. */
void stream_make_checks(struct stream *s, union msg *m)
{
    struct msg_checks *c = &m->checks;

    stream_head(s, m, CMD_CHECKS, 0);
    memcpy(c->user, "USER  ", 6);
    c->user[4] = (char)('A' + stream_below(s, STREAM_ACCOUNTS + 1));
    c->qty_max = one_in(s, 2) ? 100 : 0;
    c->notional_max = one_in(s, 20) ? LIMIT_MONEY_MAX + stream_below(s, 2) : 0;
    c->orders_per_s = one_in(s, 20) ? CHECKS_RATE_MAX + stream_below(s, 2) : 0;
    c->symbol_per_s = one_in(s, 20) ? CHECKS_RATE_MAX + stream_below(s, 2) : 0;
    c->repeat_max = (u16)stream_below(s, one_in(s, 5) ? 2 : 1);
    c->repeat_ms = one_in(s, 20) ? CHECKS_REPEAT_MAX + stream_below(s, 2) : c->repeat_max;
    c->collar_bps = (u16)(one_in(s, 20) ? 10000 + stream_below(s, 2) : 0);
    c->bars = (u16)(one_in(s, 20) ? 1 << stream_below(s, 16) : 0);
    c->source = (u8)stream_below(s, one_in(s, 20) ? 4 : 2);
    if (s->limits && one_in(s, 2))
        profile_name(s, c->profile);
    if (one_in(s, 2))
        c->inherits = (u16)(one_in(s, 2) ? FIELD_QTY : FIELD_COLLAR << stream_below(s, 6));
    if (c->inherits == FIELD_QTY)
        c->qty_max = 0;
}

/* One of few names, so that profiles are based on each other, sometimes in a circle. */
void stream_make_profile(struct stream *s, union msg *m)
{
    struct msg_profile *c = &m->profile;
    struct risk_values *v = &c->values;

    stream_head(s, m, CMD_PROFILE, 0);
    profile_name(s, c->name);
    if (one_in(s, 2))
        profile_name(s, c->base);
    v->exposure_max = one_in(s, 3) ? 100000ull * stream_below(s, 30000) : 0;
    v->daily_max = one_in(s, 4) ? 100000ull * stream_below(s, 100000) : 0;
    v->position_max = one_in(s, 3) ? stream_below(s, 20000) : 0;
    v->last_bps = (u16)(one_in(s, 4) ? stream_below(s, 300) : 0);
    v->open_max = one_in(s, 2) ? stream_below(s, 20) : 0;
    v->inherits = (u16)(one_in(s, 3) ? FIELDS_ALL : stream_below(s, FIELDS_ALL + 1));
    v->exposure_max = v->inherits & FIELD_EXPOSURE && !one_in(s, 40) ? 0 : v->exposure_max;
    v->daily_max = v->inherits & FIELD_DAILY ? 0 : v->daily_max;
    v->position_max = v->inherits & FIELD_POSITION ? 0 : v->position_max;
    v->last_bps = v->inherits & FIELD_LAST ? 0 : v->last_bps;
    v->open_max = v->inherits & FIELD_OPEN && !one_in(s, 40) ? 0 : v->open_max;
    if (one_in(s, 30))
        v->inherits |= (u16)(FIELDS_ALL + 1);
    if (one_in(s, 30))
        c->name[0] = 0;
    c->source = (u8)stream_below(s, one_in(s, 20) ? 4 : 2);
}

/* A symbol comes onto a list, or off it again; mostly off, so that there are orders. */
void stream_make_listed(struct stream *s, union msg *m)
{
    static const char *const firms[] = {"FIRM", "FRMA", "FRMB", "FRMC", "    "};
    struct msg_listed *c = &m->listed;

    stream_head(s, m, CMD_LISTED, 0);
    memcpy(c->symbol, "SYM     ", 8);
    c->symbol[3] = (char)('A' + stream_below(s, STREAM_INSTRUMENTS + one_in(s, 10)));
    c->kind = (u8)(one_in(s, 30) ? stream_below(s, 5) : 1 + stream_below(s, 2));
    c->scope = (u8)(one_in(s, 30) ? stream_below(s, 6) : 1 + stream_below(s, 3));
    if (c->scope == LIST_FIRM)
        memcpy(c->firm, firms[stream_below(s, ARRAY_LEN(firms))], 4);
    if (c->scope == LIST_ACCOUNT)
        memcpy(c->user, "USER  ", 6);
    if (c->scope == LIST_ACCOUNT)
        c->user[4] = (char)('A' + stream_below(s, STREAM_ACCOUNTS + 1));
    c->listed = (u8)(one_in(s, 8) ? 1 + one_in(s, 30) : 0);
    c->source = (u8)stream_below(s, one_in(s, 30) ? 4 : 2);
}

void stream_port(struct stream *s, struct port_terms *p)
{
    if (one_in(s, 2))
        return;
    p->stp = (u8)stream_below(s, one_in(s, 30) ? 6 : 5);
    p->stp_level = (u8)stream_below(s, one_in(s, 30) ? 3 : 2);
    p->drop = (u8)stream_below(s, one_in(s, 30) ? 3 : 2);
    p->drop_ms = one_in(s, 2) ? stream_below(s, 3000) : 0;
    if (s->limits && one_in(s, 2))
        profile_name(s, p->profile);
}

void stream_leave(struct stream *s, struct msg_account *a)
{
    if (one_in(s, 2))
        return;
    a->by_port = (u8)stream_below(s, one_in(s, 30) ? 5 : 4);
    if (one_in(s, 30))
        return;
    if (a->by_port & BY_PORT_STP)
        a->stp = a->stp_level = 0;
    if (a->by_port & BY_PORT_DROP)
        a->drop_ms = a->drop = 0;
}
