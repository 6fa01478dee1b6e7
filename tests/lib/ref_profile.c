/*
 * ref_profile.c - what the reference's accounts leave to profiles and ports, and what they may not
 * trade: looked up name by name each time. For tests only.
 */
#include "tests/lib/ref_state.h"

/* ---- what a port says ---- */

bool ref_drops(const struct ref_account *a, u32 *ms)
{
    bool port = a->terms.by_port & 2;

    *ms = port ? a->port.drop_ms : a->terms.drop_ms;
    return port ? a->port.drop : a->terms.drop;
}

u8 ref_stp(const struct ref_account *a, u8 *level)
{
    bool port = a->terms.by_port & 1;

    *level = port ? a->port.stp_level : a->terms.stp_level;
    return port ? a->port.stp : a->terms.stp;
}

/* ---- what profiles say ---- */

u32 ref_profile_number(const struct ref *r, const char *name)
{
    for (u32 i = 1; i <= r->profiles_used; i++)
        if (memcmp(r->profiles[i].name, name, 8) == 0)
            return i;
    return 0;
}

static u64 value(const struct risk_values *v, u32 bit)
{
    return bit == 0x80    ? v->exposure_max
           : bit == 0x100 ? v->daily_max
           : bit == 0x200 ? v->position_max
           : bit == 0x400 ? v->last_bps
                          : v->open_max;
}

/* One limit of the account, whoever says it. */
static u64 limit_of(const struct ref *r, const struct ref_account *a, u32 bit)
{
    const char *name = a->checks.profile[0] ? a->checks.profile : a->port.profile;

    if (!(a->party.own.inherits & bit))
        return value(&a->party.own, bit);
    while (name[0]) {
        const struct msg_profile *p = &r->profiles[ref_profile_number(r, name)];
        if (!(p->values.inherits & bit))
            return value(&p->values, bit);
        name = p->base;
    }
    return 0;
}

void ref_party_limits(struct ref *r, struct ref_party *p, u64 exposure, u64 daily, u64 position,
                      u32 bps)
{
    bool money = !p->money && (exposure || daily);
    bool shares = !p->shares && position;

    p->exposure_max = exposure;
    p->daily_max = daily;
    p->position_max = position;
    p->collar_bps = bps;
    if (money)
        p->money_match = r->match;
    if (shares)
        p->shares_match = r->match;
    p->money |= money;
    p->shares |= shares;
    p->begun = money || shares;
    r->risk_on |= p->money || p->shares || bps;
}

void ref_limits_follow(struct ref *r)
{
    for (u32 i = 1; i <= r->accounts_used; i++) {
        struct ref_account *a = &r->accounts[i];
        ref_party_limits(r, &a->party, limit_of(r, a, 0x80), limit_of(r, a, 0x100),
                         limit_of(r, a, 0x200), (u32)limit_of(r, a, 0x400));
        a->open_max = (u32)limit_of(r, a, 0x800);
    }
    ref_count_begin(r, 0);
}

/* ---- what gateways check ---- */

/* Values within bounds, and zero where they are left to somebody. */
static bool sound(const struct risk_values *v)
{
    u32 i = v->inherits;

    if (v->qty_max > 999999 || v->notional_max > 1000000000000000 || v->collar_bps > 10000 ||
        v->orders_per_s > 1000000 || v->symbol_per_s > 1000000 || v->repeat_ms > 60000 ||
        v->repeat_max > 60000 || !v->repeat_ms != !v->repeat_max || v->bars > 255 ||
        v->exposure_max > 1000000000000000 || v->daily_max > 1000000000000000 ||
        v->position_max > 1000000000000 || v->last_bps > 10000 || v->open_max > 16777216 ||
        i > 0xFFF)
        return false;
    return !(i & 1 && v->qty_max) && !(i & 2 && v->notional_max) && !(i & 4 && v->collar_bps) &&
           !(i & 8 && v->orders_per_s) && !(i & 16 && v->symbol_per_s) &&
           !(i & 32 && v->repeat_max) && !(i & 64 && v->bars) && !(i & 128 && v->exposure_max) &&
           !(i & 256 && v->daily_max) && !(i & 512 && v->position_max) &&
           !(i & 1024 && v->last_bps) && !(i & 2048 && v->open_max);
}

static void ref_checks(struct ref *r, const struct msg_checks *c)
{
    u32 id = r->accounts_used;
    struct msg_checks now;
    struct risk_values v = {c->notional_max,
                            0,
                            0,
                            0,
                            c->qty_max,
                            c->orders_per_s,
                            c->symbol_per_s,
                            c->repeat_ms,
                            c->repeat_max,
                            c->collar_bps,
                            0,
                            c->bars,
                            c->inherits,
                            0,
                            0};

    while (id && memcmp(r->accounts[id].terms.user, c->user, 6) != 0)
        id--;
    if (!id || !sound(&v) || c->inherits > 0x7F || c->source > 1 ||
        (c->profile[0] && !ref_profile_number(r, c->profile)))
        return;
    now = *c;
    now.account = id;
    now.profile_id = (u16)ref_profile_number(r, c->profile);
    now.ev = r->accounts[id].checks.ev;
    if (memcmp(&now, &r->accounts[id].checks, sizeof now) == 0)
        return;
    r->accounts[id].checks = now;
    union msg *m = ref_add(r, EV_CHECKS, 2, 0);
    now.ev = m->ev;
    m->checks = now;
    ref_limits_follow(r);
}

static void ref_profile(struct ref *r, const struct msg_profile *c)
{
    u32 id = ref_profile_number(r, c->name);
    struct msg_profile now = *c;
    const char *base = c->base;

    if (!sound(&c->values) || c->name[0] <= ' ' || c->source > 1 ||
        (base[0] && !ref_profile_number(r, base)) || (!id && r->profiles_used == PROFILES_MAX))
        return;
    for (; base[0]; base = r->profiles[ref_profile_number(r, base)].base)
        if (memcmp(base, c->name, 8) == 0)
            return;
    now.id = (u16)(id ? id : r->profiles_used + 1);
    now.base_id = (u16)ref_profile_number(r, c->base);
    now.ev = r->profiles[now.id].ev;
    if (id && memcmp(&now, &r->profiles[id], sizeof now) == 0)
        return;
    r->profiles_used += !id;
    r->profiles[now.id] = now;
    union msg *m = ref_add(r, EV_PROFILE, 2, 0);
    now.ev = m->ev;
    m->profile = now;
    ref_limits_follow(r);
}

/* ---- lists ---- */

u16 ref_listed_reason(const struct ref *r, const struct msg_order *o)
{
    const char *firm = ref_firm_meant(r, o->head.account, o->terms.firm);
    bool none = false, unsold = false;

    for (u32 i = 0; i < r->listed_used; i++) {
        const struct ref_listed *l = &r->listed[i];
        bool his = l->scope == 3 || (l->scope == 1 && l->account == o->head.account) ||
                   (l->scope == 2 && memcmp(l->firm, firm, 4) == 0);
        if (!his || !l->listed || l->instrument != o->instrument)
            continue;
        none |= l->kind == 1;
        unsold |= l->kind == 2 && o->side == 'T';
    }
    return none ? 0x0022 : unsold ? 0x0023 : 0;
}

/* The place of the entry that it names, or one behind all; `account`, `instrument`: whose. */
static u32 listed_at(const struct ref *r, const struct msg_listed *c, u32 *account, u32 *instrument)
{
    const struct ref_listed *l = r->listed;
    u32 at = 0;

    *account = c->scope == 1 ? r->accounts_used : 0;
    *instrument = r->instruments_used;
    while (*account && memcmp(r->accounts[*account].terms.user, c->user, 6) != 0)
        *account -= 1;
    while (*instrument && memcmp(r->instruments[*instrument].symbol, c->symbol, 8) != 0)
        *instrument -= 1;
    while (at < r->listed_used && (l[at].kind != c->kind || l[at].scope != c->scope ||
                                   l[at].account != *account || l[at].instrument != *instrument ||
                                   (c->scope == 2 && memcmp(l[at].firm, c->firm, 4) != 0)))
        at++;
    return at;
}

static void ref_listed(struct ref *r, const struct msg_listed *c)
{
    u32 account, instrument, at = listed_at(r, c, &account, &instrument);
    char firm[4] = {0};

    if (!instrument || c->kind < 1 || c->kind > 2 || c->listed > 1 || c->source > 1 ||
        c->scope < 1 || c->scope > 3 || (c->scope == 1 && !account) ||
        (c->scope == 2 && (c->firm[0] == 0 || c->firm[0] == ' ')))
        return;
    if (c->scope == 2)
        memcpy(firm, c->firm, 4);
    struct ref_listed *l = r->listed;
    if (at < r->listed_used ? l[at].listed == c->listed && l[at].source == c->source
                            : !c->listed && !c->source)
        return;
    r->listed_used += at == r->listed_used;
    l[at] = (struct ref_listed){c->kind, c->scope, account, instrument, c->listed, c->source, {0}};
    memcpy(l[at].firm, firm, 4);
    struct msg_listed *m = &ref_add(r, EV_LISTED, 1, 0)->listed;
    memcpy(m->symbol, c->symbol, 8);
    if (c->scope == 1)
        memcpy(m->user, c->user, 6);
    memcpy(m->firm, firm, 4);
    m->instrument = (u16)instrument;
    m->account = account;
    m->kind = c->kind;
    m->scope = c->scope;
    m->listed = c->listed;
    m->source = c->source;
}

/* Source 2 in any of the four: as 0, where what is there now is not of source 1. */
static bool source_of_reload(const struct ref *r, union msg *c)
{
    u32 n = r->accounts_used;
    u8 type = c->cmd.type;
    u32 said = type == CMD_LIMIT     ? c->limit.source
               : type == CMD_CHECKS  ? c->checks.source
               : type == CMD_PROFILE ? c->profile.source
                                     : c->listed.source;
    const char *user = type == CMD_LIMIT ? c->limit.user : c->checks.user;

    if (said != 2)
        return true;
    if (type == CMD_LISTED) {
        u32 whose[2], at = listed_at(r, &c->listed, &whose[0], &whose[1]);
        c->listed.source = 0;
        return at == r->listed_used || r->listed[at].source != 1;
    }
    if (type == CMD_PROFILE) {
        c->profile.source = 0;
        return r->profiles[ref_profile_number(r, c->profile.name)].source != 1;
    }
    while (n && memcmp(r->accounts[n].terms.user, user, 6) != 0)
        n--;
    if (type == CMD_CHECKS) {
        c->checks.source = 0;
        return !n || r->accounts[n].checks.source != 1;
    }
    c->limit.source = 0;
    if (c->limit.scope == 1)
        return !n || r->accounts[n].party.source != 1;
    for (n = r->firms_used; n && memcmp(r->firm_names[n], c->limit.firm, 4) != 0;)
        n--;
    return !n || r->firms[n].source != 1;
}

void ref_risk_command(struct ref *r, const union msg *cmd)
{
    union msg of_reload = *cmd;
    const union msg *c = &of_reload;

    if (!source_of_reload(r, &of_reload))
        return;
    if (c->cmd.type == CMD_LIMIT)
        ref_limit(r, &c->limit);
    else if (c->cmd.type == CMD_CHECKS)
        ref_checks(r, &c->checks);
    else if (c->cmd.type == CMD_PROFILE)
        ref_profile(r, &c->profile);
    else
        ref_listed(r, &c->listed);
}
