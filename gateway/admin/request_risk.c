/*
 * request_risk.c - see request.h: what accounts and firms may, as operators change it and see it.
 *
 * Enters: arguments, not to be trusted, and what a look has found. Leaves: CMD_LIMIT, CMD_CHECKS,
 * CMD_PROFILE, CMD_LISTED, or a sentence on what is wrong. What an operator sets is his until he
 * gives it back (`files`): then the next start takes what the files say.
 */
#include <string.h>

#include "engine/msg/profile.h"
#include "gateway/admin/request.h"

static const char *const field_names[] = {"qty",           "notional", "collar_bps", "orders",
                                          "symbol_orders", "repeat",   "forbid",     "exposure",
                                          "daily",         "position", "last_bps",   "open"};
static const char *const bar_names[] = {CHECK_BAR_NAMES};
_Static_assert((1 << ARRAY_LEN(field_names)) - 1 == FIELDS_ALL, "in the order of enum risk_field");
_Static_assert((1 << ARRAY_LEN(bar_names)) - 1 == BAR_ALL, "in the order of enum check_bars");

/* Words with commas between them as bits; `none` is none, and so is the argument not being there.
 */
static bool words(const struct request *r, const char *arg, const char *const *names, u32 used,
                  u32 *out)
{
    const char *p = json_string_value(json_object_get(r->args, arg));

    *out = 0;
    if (!p)
        return json_object_get(r->args, arg) == NULL;
    if (strcmp(p, "none") == 0)
        return true;
    for (;; p++) {
        size_t n = strcspn(p, ",");
        u32 i = 0;
        while (i < used && (strlen(names[i]) != n || memcmp(names[i], p, n) != 0))
            i++;
        if (i == used)
            return false;
        *out |= 1u << i;
        p += n;
        if (*p == 0)
            return true;
    }
}

static u8 source_of(const struct request *r)
{
    return request_flag(r, "files") ? CHECKS_OF_FILES : CHECKS_OF_OPERATOR;
}

/* A value that is said is one's own; what is not stays as it is. */
static bool value(const struct request *r, const char *name, u64 max, u16 fields, u64 *out,
                  u16 *inherits)
{
    if (!json_object_get(r->args, name))
        return true;
    *inherits &= (u16)~fields;
    return request_number(r, name, max, out);
}

/* What the arguments say to `v`, which has what was so far. NULL, or what is wrong. */
static const char *values_take(const struct request *r, struct risk_values *v)
{
    static const struct risk_values nothing;
    struct {
        const char *name;
        u64 max;
        u16 field;
        u64 was;
    } rows[] = {
        {"qty", QTY_MAX, FIELD_QTY, v->qty_max},
        {"notional", LIMIT_MONEY_MAX, FIELD_NOTIONAL, v->notional_max},
        {"collar_bps", 10000, FIELD_COLLAR, v->collar_bps},
        {"orders", CHECKS_RATE_MAX, FIELD_ORDERS, v->orders_per_s},
        {"symbol_orders", CHECKS_RATE_MAX, FIELD_SYMBOL, v->symbol_per_s},
        {"repeat", CHECKS_REPEAT_MAX, FIELD_REPEAT, v->repeat_max},
        {"repeat_ms", CHECKS_REPEAT_MAX, FIELD_REPEAT, v->repeat_ms},
        {"exposure", LIMIT_MONEY_MAX, FIELD_EXPOSURE, v->exposure_max},
        {"daily", LIMIT_MONEY_MAX, FIELD_DAILY, v->daily_max},
        {"position", LIMIT_SHARES_MAX, FIELD_POSITION, v->position_max},
        {"last_bps", 10000, FIELD_LAST, v->last_bps},
        {"open", ORDERS_MAX, FIELD_OPEN, v->open_max},
    };
    u32 bars, inherit;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++)
        if (!value(r, rows[i].name, rows[i].max, rows[i].field, &rows[i].was, &v->inherits))
            return "whole numbers are wanted, money in price units (1/10,000); 0: not checked";
    if (!words(r, "forbid", bar_names, ARRAY_LEN(bar_names), &bars) ||
        !words(r, "inherit", field_names, ARRAY_LEN(field_names), &inherit))
        return "forbid and inherit: words with commas between them, or none";
    if (json_object_get(r->args, "forbid")) {
        v->bars = (u16)bars;
        v->inherits &= (u16)~FIELD_BARS;
    }
    v->qty_max = (u32)rows[0].was;
    v->notional_max = rows[1].was;
    v->collar_bps = (u16)rows[2].was;
    v->orders_per_s = (u32)rows[3].was;
    v->symbol_per_s = (u32)rows[4].was;
    v->repeat_max = (u16)rows[5].was;
    v->repeat_ms = (u32)rows[6].was;
    v->exposure_max = rows[7].was;
    v->daily_max = rows[8].was;
    v->position_max = rows[9].was;
    v->last_bps = (u16)rows[10].was;
    v->open_max = (u32)rows[11].was;
    v->inherits |= (u16)inherit;
    struct risk_values said = *v;
    profile_inherit(&said, &nothing); /* what is left to others is zero here */
    said.inherits = v->inherits;
    *v = said;
    return (v->repeat_max == 0) != (v->repeat_ms == 0) ? "repeat and repeat_ms: both, or neither"
                                                       : NULL;
}

const char *request_limits(const struct request *r, const struct msg_seen *s, union msg *m)
{
    u64 collar = 0, open = 0;
    u32 inherit;
    (void)s;

    request_begin(m, CMD_LIMIT);
    m->limit.source = source_of(r);
    if (json_object_get(r->args, "firm")) {
        m->limit.scope = LIMIT_FIRM;
        if (!request_name(r, "firm", m->limit.firm, 4) || json_object_get(r->args, "user"))
            return "limits: a firm has 1 to 4 letters and digits; name a firm or a user";
        if (json_object_get(r->args, "open"))
            return "limits: open is of a user";
    } else {
        m->limit.scope = LIMIT_ACCOUNT;
        if (!request_name(r, "user", m->limit.user, 6))
            return "limits: name a user or a firm";
    }
    if (!request_number(r, "exposure", LIMIT_MONEY_MAX, &m->limit.exposure_max) ||
        !request_number(r, "daily", LIMIT_MONEY_MAX, &m->limit.daily_max) ||
        !request_number(r, "position", LIMIT_SHARES_MAX, &m->limit.position_max) ||
        !request_number(r, "collar_bps", 10000, &collar) ||
        !request_number(r, "open", ORDERS_MAX, &open))
        return "limits: exposure and daily are whole numbers of price units (1/10,000), position "
               "of shares, open of orders, collar_bps 0 to 10000; 0: no limit";
    if (!words(r, "inherit", field_names, ARRAY_LEN(field_names), &inherit) ||
        (inherit & ~FIELDS_OF_LIMITS))
        return "limits: inherit has exposure, daily, position, last_bps and open, with commas "
               "between";
    m->limit.collar_bps = (u16)collar;
    m->limit.open_max = (u32)open;
    m->limit.inherits = (u16)inherit;
    return NULL;
}

/* A profile's name, or `none` word: zero. False: it is no name. */
static bool profile_name(const struct request *r, const char *arg, const char *none, char out[8])
{
    const char *text = json_string_value(json_object_get(r->args, arg));

    if (!json_object_get(r->args, arg))
        return true;
    memset(out, 0, PROFILE_NAME_BYTES);
    return (text && strcmp(text, none) == 0) || request_name(r, arg, out, PROFILE_NAME_BYTES);
}

const char *request_checks(const struct request *r, const struct msg_seen *s, union msg *m)
{
    struct msg_checks *c = &m->checks;

    request_begin(m, CMD_CHECKS);
    memcpy((u8 *)m + sizeof m->cmd, s->account.checks, sizeof s->account.checks);
    struct risk_values v = checks_values(c);
    const char *wrong = values_take(r, &v);
    if (wrong)
        return wrong;
    if (!profile_name(r, "profile", "port", c->profile))
        return "checks: a profile has 1 to 8 letters, digits and -; port: that of the port";
    if (v.inherits & ~FIELDS_OF_CHECKS)
        return "checks: inherit has qty, notional, collar_bps, orders, symbol_orders, repeat and "
               "forbid, with commas between";
    memcpy(c->user, r->name, sizeof c->user);
    checks_say(c, &v);
    c->account = 0;
    c->profile_id = 0;
    c->source = source_of(r);
    return NULL;
}

/* A new one leaves everything to its base, or says nothing where it has none. */
const char *request_profile(const struct request *r, const struct msg_seen *s, union msg *m)
{
    struct msg_profile *c = &m->profile;

    request_begin(m, CMD_PROFILE);
    if (s->id)
        memcpy(&c->values, s->profile, sizeof s->profile);
    else
        c->values.inherits = FIELDS_ALL;
    const char *wrong = values_take(r, &c->values);
    if (wrong)
        return wrong;
    if (!profile_name(r, "base", "none", c->base))
        return "profile: base is another profile, or none";
    memcpy(c->name, r->name, sizeof c->name);
    c->id = 0;
    c->base_id = 0;
    c->source = source_of(r);
    return NULL;
}

static const char *listed(const struct request *r, union msg *m, bool on)
{
    struct msg_listed *c = &m->listed;
    u32 named = 0;

    request_begin(m, CMD_LISTED);
    c->kind = request_flag(r, "short") ? LIST_SHORT : LIST_RESTRICTED;
    c->listed = on;
    c->source = source_of(r);
    if (!request_name(r, "symbol", c->symbol, sizeof c->symbol))
        return "a symbol has 1 to 8 letters and digits";
    if (request_flag(r, "venue") && ++named)
        c->scope = LIST_VENUE;
    if (request_name(r, "user", c->user, sizeof c->user) && ++named)
        c->scope = LIST_ACCOUNT;
    if (request_name(r, "firm", c->firm, sizeof c->firm) && ++named)
        c->scope = LIST_FIRM;
    return named == 1 ? NULL : "name a user, a firm, or the venue";
}

const char *request_restrict(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)s;
    return listed(r, m, true);
}

const char *request_unrestrict(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)s;
    return listed(r, m, false);
}

/* ---- as JSON ---- */

/* Names of the bits that are set. */
static json_t *named(u32 bits, const char *const *names)
{
    json_t *list = json_array();

    for (u32 i = 0; bits >> i; i++)
        if (bits >> i & 1)
            json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *show_values(const struct risk_values *v)
{
    return json_pack("{sI sI sI sI sI sI sI so so}", "qty", (json_int_t)v->qty_max, "notional",
                     (json_int_t)v->notional_max, "collar_bps", (json_int_t)v->collar_bps, "orders",
                     (json_int_t)v->orders_per_s, "symbol_orders", (json_int_t)v->symbol_per_s,
                     "repeat", (json_int_t)v->repeat_max, "repeat_ms", (json_int_t)v->repeat_ms,
                     "forbid", named(v->bars, bar_names), "inherit",
                     named(v->inherits, field_names));
}

json_t *request_show_checks(const struct seen_account *a)
{
    union msg m;

    memset(&m, 0, sizeof m);
    memcpy((u8 *)&m + sizeof m.ev, a->checks, sizeof a->checks);
    struct risk_values v = checks_values(&m.checks);
    json_t *json = show_values(&v);
    json_object_set_new(json, "profile", request_text(m.checks.profile, PROFILE_NAME_BYTES));
    json_object_set_new(json, "by_operator", json_boolean(m.checks.source == CHECKS_OF_OPERATOR));
    return json;
}

json_t *request_show_profile(const struct msg_seen *s)
{
    struct msg_profile p;

    memset(&p, 0, sizeof p);
    memcpy(&p.values, s->profile, sizeof s->profile);
    json_t *json = show_values(&p.values);
    json_object_set_new(json, "profile", request_text(p.name, sizeof p.name));
    json_object_set_new(json, "base", request_text(p.base, sizeof p.base));
    json_object_set_new(json, "exposure", json_integer((json_int_t)p.values.exposure_max));
    json_object_set_new(json, "daily", json_integer((json_int_t)p.values.daily_max));
    json_object_set_new(json, "position", json_integer((json_int_t)p.values.position_max));
    json_object_set_new(json, "last_bps", json_integer(p.values.last_bps));
    json_object_set_new(json, "open", json_integer(p.values.open_max));
    json_object_set_new(json, "by_operator", json_boolean(p.source == CHECKS_OF_OPERATOR));
    return json;
}

json_t *request_show_listed(const struct msg_seen *s)
{
    struct msg_listed l;

    memset(&l, 0, sizeof l);
    memcpy((u8 *)&l + sizeof l.ev, s->listed, sizeof s->listed);
    if (l.kind == 0)
        return NULL;
    return json_pack("{so ss so so sb sb}", "symbol", request_text(l.symbol, sizeof l.symbol),
                     "list", l.kind == LIST_SHORT ? "short" : "restricted", "user",
                     request_text(l.user, sizeof l.user), "firm",
                     request_text(l.firm, sizeof l.firm), "listed", l.listed, "by_operator",
                     l.source == CHECKS_OF_OPERATOR);
}
